/* SPDX-License-Identifier: MIT */
/*
 * The server's address on each interface. It is asked of the kernel once, and again after it has told by
 * netlink that something changed.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "dhcp/dhcp_private.h"

static void on_change(struct loop_io *io, unsigned int ready)
{
	struct dhcp_interfaces *interfaces = container_of(io, struct dhcp_interfaces, changes);
	char ignored[4096];

	(void)ready;
	/* what changed is of no interest, nor that the kernel had too much to say (ENOBUFS) */
	while (recv(interfaces->fd, ignored, sizeof(ignored), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
	interfaces->fresh = false;
}

static int open_netlink(void)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR,
	};
	CLEANUP(closep)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -1;
	return take_fd(&fd);
}

void dhcp_interfaces_init(struct dhcp_interfaces *interfaces, struct loop *loop)
{
	memset(interfaces, 0, sizeof(*interfaces));
	interfaces->loop = loop;
	interfaces->fd = open_netlink();
	if (interfaces->fd >= 0)
		loop_io_start(loop, &interfaces->changes, interfaces->fd, LOOP_READ, on_change);
}

void dhcp_interfaces_finish(struct dhcp_interfaces *interfaces)
{
	if (interfaces->fd >= 0) {
		loop_io_stop(&interfaces->changes);
		close(interfaces->fd);
		interfaces->fd = -1;
	}
	free(interfaces->all);
	interfaces->all = NULL;
	interfaces->count = 0;
}

static struct in_addr address_of(const struct sockaddr *address)
{
	struct sockaddr_in in;

	if (!address || address->sa_family != AF_INET)
		return (struct in_addr){.s_addr = htonl(INADDR_ANY)};
	memcpy(&in, address, sizeof(in));
	return in.sin_addr;
}

/* What is known stays if it cannot be asked again. */
static void refresh(struct dhcp_interfaces *interfaces)
{
	struct dhcp_interface *all;
	struct ifaddrs *list;
	size_t count = 0;

	if (getifaddrs(&list)) {
		log_warn("dhcp: cannot list the interfaces: %s", strerror(errno));
		return;
	}
	for (const struct ifaddrs *i = list; i; i = i->ifa_next)
		count++;
	all = calloc(count ? count : 1, sizeof(*all));
	count = 0;
	for (const struct ifaddrs *i = list; all && i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		all[count++] = (struct dhcp_interface){
			.index = if_nametoindex(i->ifa_name),
			.here = {.address = address_of(i->ifa_addr),
				 .netmask = address_of(i->ifa_netmask)},
		};
	}
	freeifaddrs(list);
	if (!all)
		return;
	free(interfaces->all);
	interfaces->all = all;
	interfaces->count = count;
	interfaces->fresh = interfaces->fd >= 0;
}

static bool is_like(const struct dhcp_here *here, struct in_addr like)
{
	return like.s_addr == htonl(INADDR_ANY) ||
	       ((like.s_addr ^ here->address.s_addr) & here->netmask.s_addr) == 0;
}

bool dhcp_interfaces_find(struct dhcp_interfaces *interfaces, unsigned int index,
			  struct in_addr like, struct dhcp_here *out)
{
	if (!interfaces->fresh)
		refresh(interfaces);
	for (size_t i = 0; i < interfaces->count; i++) {
		const struct dhcp_interface *interface = &interfaces->all[i];

		if (interface->index == index && is_like(&interface->here, like)) {
			*out = interface->here;
			return true;
		}
	}
	return false;
}
