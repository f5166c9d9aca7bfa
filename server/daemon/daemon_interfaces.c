/* SPDX-License-Identifier: MIT */
/* The interfaces and addresses that we serve on, for those who start us. */
#include "daemon/daemon_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define LIST_BYTES 1024u

static void add_to(char list[LIST_BYTES], const char *text)
{
	size_t len = strlen(list);

	snprintf(list + len, LIST_BYTES - len, "%s%s", len ? ", " : "", text);
}

int daemon_interfaces_check(const char *name)
{
	struct if_nameindex *all;
	char list[LIST_BYTES] = "";

	if (!name || if_nametoindex(name))
		return 0;
	all = if_nameindex();
	for (size_t i = 0; all && all[i].if_name; i++)
		add_to(list, all[i].if_name);
	if (all)
		if_freenameindex(all);
	log_error("interface %s: there is none; there are: %s", name, list);
	return -ENODEV;
}

static struct in_addr get_address(const struct sockaddr *from)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	if (from && from->sa_family == AF_INET)
		memcpy(&address, from, sizeof(address));
	return address.sin_addr;
}

/* "eth0 192.168.1.2": what there is instead of @address. */
static void tell_addresses(struct in_addr wanted)
{
	struct ifaddrs *all = NULL;
	char list[LIST_BYTES] = "";
	char address[INET_ADDRSTRLEN];

	if (getifaddrs(&all) < 0)
		all = NULL;
	for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next) {
		char text[IF_NAMESIZE + INET_ADDRSTRLEN + 2];
		struct in_addr own = get_address(entry->ifa_addr);

		if (!own.s_addr)
			continue;
		inet_ntop(AF_INET, &own, address, sizeof(address));
		snprintf(text, sizeof(text), "%s %s", entry->ifa_name, address);
		add_to(list, text);
	}
	freeifaddrs(all);
	inet_ntop(AF_INET, &wanted, address, sizeof(address));
	log_error("address %s: no interface of this machine has it; there are: %s", address,
		  list[0] ? list : "none");
}

int daemon_address_check(struct in_addr address)
{
	const struct sockaddr_in any_port = {.sin_family = AF_INET, .sin_addr = address};
	CLEANUP(closep) int fd = -1;

	if (!address.s_addr)
		return 0;
	/* also where the kernel lets one have an address that is to come (ip_nonlocal_bind) */
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any_port, sizeof(any_port)) == 0 ||
	    errno != EADDRNOTAVAIL)
		return 0; /* if it cannot be had, the ports tell */
	tell_addresses(address);
	return -EADDRNOTAVAIL;
}

static unsigned int count_bits(struct in_addr mask)
{
	return (unsigned int)__builtin_popcount(mask.s_addr);
}

/* Whether the Pis may be there: with a name, loopback counts too. */
static bool is_served(const struct config *config, const struct ifaddrs *entry)
{
	struct in_addr address = get_address(entry->ifa_addr);

	if (!address.s_addr || !(entry->ifa_flags & IFF_UP))
		return false;
	if (config->interface && strcmp(config->interface, entry->ifa_name) != 0)
		return false;
	if (config->address.s_addr)
		return address.s_addr == config->address.s_addr;
	return config->interface || !(entry->ifa_flags & IFF_LOOPBACK);
}

static bool has_pool(const struct config *config, const struct ifaddrs *entry)
{
	const struct in_addr own = get_address(entry->ifa_addr);
	const struct in_addr mask = get_address(entry->ifa_netmask);

	return ((own.s_addr ^ config->pool.first.s_addr) & mask.s_addr) == 0;
}

static void tell_pool(const struct config *config)
{
	char first[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &config->pool.first, first, sizeof(first));
	log_warn("serve: pool: %s is not of the network of any interface that is served: who gets "
		 "such an address reaches nobody here",
		 first);
}

void daemon_interfaces_tell(const struct config *config)
{
	struct ifaddrs *all = NULL;
	char list[LIST_BYTES] = "";
	bool pool = config->dhcp != DHCP_FULL;

	if (getifaddrs(&all) < 0) {
		log_warn("serve: cannot look for network interfaces: %s", strerror(errno));
		return;
	}
	for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next) {
		char address[INET_ADDRSTRLEN];
		char text[IF_NAMESIZE + INET_ADDRSTRLEN + 8];
		struct in_addr own = get_address(entry->ifa_addr);

		if (!is_served(config, entry))
			continue;
		pool |= has_pool(config, entry);
		inet_ntop(AF_INET, &own, address, sizeof(address));
		snprintf(text, sizeof(text), "%s %s/%u", entry->ifa_name, address,
			 count_bits(get_address(entry->ifa_netmask)));
		add_to(list, text);
	}
	freeifaddrs(all);
	if (list[0])
		log_info("serving on %s", list);
	if (list[0] && !pool)
		tell_pool(config);
	if (!list[0])
		log_warn("serve: no interface %s%s has an IPv4 address yet: nobody can be answered "
			 "until "
			 "then",
			 config->interface ? config->interface : "of this machine",
			 config->interface ? "" : " but loopback");
}
