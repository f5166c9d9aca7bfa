/* SPDX-License-Identifier: MIT */
/* What a running server cannot change: it is said, and stays as it is until a restart. */
#include "daemon/daemon_private.h"

#include <string.h>

#include "base/log.h"

static bool differs(const char *a, const char *b)
{
	return (a == NULL) != (b == NULL) || (a && strcmp(a, b) != 0);
}

static void tell(bool is_different, const char *what)
{
	if (is_different)
		log_warn("reload: %s: changes at the next restart only", what);
}

void daemon_reload_tell(const struct config *from, const struct config *to)
{
	/* the state's path is made absolute when it is opened; only another one counts */
	tell(to->state && differs(from->state, to->state), "state");
	tell(differs(from->interface, to->interface), "interface");
	tell(from->address.s_addr != to->address.s_addr, "address");
	tell(differs(from->user, to->user), "user");
	tell(from->workers != to->workers, "workers");
	tell(from->dhcp != to->dhcp, "dhcp");
	tell(from->tftp != to->tftp, "tftp");
	tell(from->nfs != to->nfs, "nfs");
	tell(from->dhcp_port != to->dhcp_port, "dhcp-port");
	tell(from->proxy_port != to->proxy_port, "proxy-port");
	tell(from->tftp_port != to->tftp_port, "tftp-port");
	tell(from->nfs_port != to->nfs_port, "nfs-port");
	tell(from->mount_port != to->mount_port, "mount-port");
	tell(from->portmap_port != to->portmap_port, "portmap-port");
	tell(to->dhcp == DHCP_FULL &&
		     (from->pool.first.s_addr != to->pool.first.s_addr ||
		      from->pool.last.s_addr != to->pool.last.s_addr ||
		      from->pool.netmask.s_addr != to->pool.netmask.s_addr ||
		      memcmp(from->pool.routers, to->pool.routers, sizeof(to->pool.routers)) != 0 ||
		      memcmp(from->pool.dns, to->pool.dns, sizeof(to->pool.dns)) != 0 ||
		      memcmp(from->pool.ntp, to->pool.ntp, sizeof(to->pool.ntp)) != 0 ||
		      strcmp(from->pool.domain, to->pool.domain) != 0 ||
		      from->pool.lease_s != to->pool.lease_s),
	     "what dhcp = full gives");
}
