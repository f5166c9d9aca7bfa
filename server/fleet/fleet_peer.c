/* SPDX-License-Identifier: MIT */
/*
 * Who a peer is, as far as this host's interfaces and the kernel's neighbours tell. Asked at each request for
 * a file: so the interfaces are looked up every other second, and one neighbour by itself, not by the whole
 * table, which is long where a thousand Pis boot.
 */
#include "fleet/fleet_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REFRESH_MS 2000u

/* Discard (RFC 863): whoever gets a datagram there does nothing, or says that nobody is there. */
#define DISCARD_PORT 9u

int fleet_peer_start(struct fleet *fleet)
{
	fleet->arp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fleet->arp < 0) {
		const int err = -errno;

		log_error("fleet: no socket to ask for neighbours with: %s", strerror(-err));
		return err;
	}
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

/* Whether hosts on it are told apart by their MACs. */
static bool has_neighbours(const struct ifaddrs *one)
{
	return !(one->ifa_flags & (IFF_LOOPBACK | IFF_NOARP | IFF_POINTOPOINT));
}

/* The peer is in the network of @one: of several the smallest is the way to it. @smallest: its mask. */
static void note_network(const struct ifaddrs *one, uint32_t mask, uint32_t *smallest,
			 struct fleet_peer *out)
{
	out->in_network = true;
	if (mask < *smallest)
		return;
	out->near = has_neighbours(one) || (mask == *smallest && out->near);
	*smallest = mask;
}

/* With the lock of the interfaces held. */
static void look(const struct fleet *fleet, struct fleet_peer *out)
{
	uint32_t smallest = 0;

	for (const struct ifaddrs *one = fleet->interfaces; one; one = one->ifa_next) {
		const struct sockaddr_in *own = (const void *)one->ifa_addr;
		const struct sockaddr_in *mask = (const void *)one->ifa_netmask;

		if (!own || own->sin_family != AF_INET)
			continue;
		if (own->sin_addr.s_addr == out->address.s_addr)
			out->local = true;
		if (mask &&
		    ((own->sin_addr.s_addr ^ out->address.s_addr) & mask->sin_addr.s_addr) == 0)
			note_network(one, ntohl(mask->sin_addr.s_addr), &smallest, out);
		if (!out->has_mac && !(one->ifa_flags & IFF_LOOPBACK))
			out->has_mac =
				find_neighbour(fleet->arp, one->ifa_name, out->address, &out->mac);
	}
}

/* Whatever is sent to it makes the kernel ask. That may fail: the peer comes again. */
static void ask(const struct fleet *fleet, struct in_addr address)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr = address,
		.sin_port = htons(DISCARD_PORT),
	};

	if (sendto(fleet->arp, "", 0, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) < 0)
		log_debug("fleet: a neighbour cannot be asked for its MAC: %s", strerror(errno));
}

/* Whether a port of this host is its root's, or that of whoever runs the server. */
static bool is_trusted(const struct fleet_ends *ends)
{
	uid_t user;
	int err = fleet_user_find(ends, &user);

	if (err)
		log_debug("fleet: whose port %u is cannot be told: %s", ntohs(ends->peer.sin_port),
			  strerror(-err));
	return !err && (user == 0 || user == geteuid());
}

void fleet_peer_find(struct fleet *fleet, const struct fleet_ends *ends, struct fleet_peer *out)
{
	const struct sockaddr_in *address = &ends->peer;

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
	/* of a reserved port nobody asks whose it is */
	if (out->local && !out->reserved_port)
		out->trusted = is_trusted(ends);
	if (out->near && !out->has_mac && !out->local)
		ask(fleet, out->address);
}
