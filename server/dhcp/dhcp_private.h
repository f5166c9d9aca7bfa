/* SPDX-License-Identifier: MIT */
/* Private to the dhcp room: what its server is made of. */
#ifndef BRAMBLE_DHCP_PRIVATE_H
#define BRAMBLE_DHCP_PRIVATE_H

#include "dhcp/dhcp_answer.h"

/* dhcp_interfaces.c: addresses of interfaces, looked up again when the kernel says that they changed. */

struct dhcp_interface {
	unsigned int index;
	struct dhcp_here here;
};

struct dhcp_interfaces {
	struct loop *loop; /* borrowed */
	struct loop_io changes; /* of a netlink socket */
	int fd; /* that socket; -1: there is none, and every look is a fresh one */
	bool fresh;
	struct dhcp_interface *all; /* owned */
	size_t count;
};

void dhcp_interfaces_init(struct dhcp_interfaces *interfaces, struct loop *loop);
void dhcp_interfaces_finish(struct dhcp_interfaces *interfaces);

/* False: the interface has no address with the one that is @like; 0.0.0.0: that is not wanted. */
bool dhcp_interfaces_find(struct dhcp_interfaces *interfaces, unsigned int index,
			  struct in_addr like, struct dhcp_here *out);

/* dhcp_keep.c: the file of leases, written by a worker. */

struct dhcp_keep;

/* What waits until what it says is on the disk. */
struct dhcp_waiting {
	struct dhcp_waiting *next;
	void (*saved)(struct dhcp_waiting *waiting);
};

/* @path is copied. *@out is ended by dhcp_keep_close. */
int dhcp_keep_open(struct loop *loop, const char *path, struct dhcp_keep **out);

/* The file's text, to be freed; -ENOENT. */
int dhcp_keep_load(const struct dhcp_keep *keep, char **out, size_t *out_len);

/*
 * Saves @leases soon, then calls waiting->saved, even if that failed (which is logged). @waiting may be
 * NULL. @leases is borrowed until the end.
 */
void dhcp_keep_save(struct dhcp_keep *keep, const struct dhcp_leases *leases,
		    struct dhcp_waiting *waiting);

/*
 * Saves what is not saved, and waits for it. What waits is told at once. Accepts NULL.
 */
void dhcp_keep_close(struct dhcp_keep *keep);

#endif
