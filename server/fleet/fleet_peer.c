/* SPDX-License-Identifier: MIT */
/*
 * Who a peer is, as far as this host's interfaces and the kernel's neighbours tell. Asked at each request for
 * a file: so the interfaces are looked up every other second, and one neighbour by itself, not by the whole
 * table, which is long where a thousand Pis boot.
 */
#include "fleet/fleet_private.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REFRESH_MS 2000u

int fleet_peer_start(struct fleet *fleet)
{
	fleet->arp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return -pthread_mutex_init(&fleet->interfaces_lock, NULL);
}

void fleet_peer_end(struct fleet *fleet)
{
	if (fleet->arp >= 0)
		close(fleet->arp);
	freeifaddrs(fleet->interfaces);
}

static void refresh(struct fleet *fleet)
{
	const uint64_t now = fleet_ms();
	struct ifaddrs *all;

	if (fleet->interfaces && now - fleet->interfaces_ms < REFRESH_MS)
		return;
	if (getifaddrs(&all) < 0)
		return;
	freeifaddrs(fleet->interfaces);
	fleet->interfaces = all;
	fleet->interfaces_ms = now;
}

/* The MAC of a neighbour on the interface @name (arp(7)). */
static bool find_neighbour(int arp, const char *name, struct in_addr address, struct pi_mac *out)
{
	const struct sockaddr_in wanted = {.sin_family = AF_INET, .sin_addr = address};
	struct arpreq request = {.arp_flags = 0};

	memcpy(&request.arp_pa, &wanted, sizeof(wanted));
	snprintf(request.arp_dev, sizeof(request.arp_dev), "%.15s", name);
	if (ioctl(arp, SIOCGARP, &request) < 0)
		return false;
	/* without ATF_COM it is a question that nobody has answered */
	if (!(request.arp_flags & ATF_COM) || request.arp_ha.sa_family != ARPHRD_ETHER)
		return false;
	memcpy(out->bytes, request.arp_ha.sa_data, sizeof(out->bytes));
	return true;
}

static bool is_loopback(struct in_addr address)
{
	return ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* With the lock of the interfaces held. */
static void look(const struct fleet *fleet, struct fleet_peer *out)
{
	for (const struct ifaddrs *one = fleet->interfaces; one; one = one->ifa_next) {
		const struct sockaddr_in *own = (const void *)one->ifa_addr;
		const struct sockaddr_in *mask = (const void *)one->ifa_netmask;

		if (!own || own->sin_family != AF_INET)
			continue;
		if (own->sin_addr.s_addr == out->address.s_addr)
			out->local = true;
		if (mask &&
		    ((own->sin_addr.s_addr ^ out->address.s_addr) & mask->sin_addr.s_addr) == 0)
			out->in_network = true;
		if (!out->has_mac && !(one->ifa_flags & IFF_LOOPBACK))
			out->has_mac =
				find_neighbour(fleet->arp, one->ifa_name, out->address, &out->mac);
	}
}

void fleet_peer_find(struct fleet *fleet, const struct sockaddr_in *address, struct fleet_peer *out)
{
	*out = (struct fleet_peer){
		.address = address->sin_addr,
		.reserved_port = ntohs(address->sin_port) < IPPORT_RESERVED,
		.local = is_loopback(address->sin_addr),
	};
	pthread_mutex_lock(&fleet->interfaces_lock);
	refresh(fleet);
	look(fleet, out);
	pthread_mutex_unlock(&fleet->interfaces_lock);
	out->has_mac = out->has_mac && !out->local;
}
