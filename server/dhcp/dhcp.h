/* SPDX-License-Identifier: MIT */
/*
 * DHCP for network booting (RFC 2131, 2132; PXE 2.1): a proxy beside the router that adds what a boot
 * ROM needs to know, or a whole server. The front door of the dhcp room. Who is a Pi is the business
 * of whoever starts it.
 *
 * All replies leave by the interface that the request came in by, from the server's address there,
 * which is also siaddr, option 54 and option 66: boot ROMs differ in which of them they believe.
 */
#ifndef BRAMBLE_DHCP_DHCP_H
#define BRAMBLE_DHCP_DHCP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

#define DHCP_MAC_BYTES 6u
#define DHCP_BOOTFILE_MAX 128u
#define DHCP_HOSTNAME_MAX 64u

/* What a client says of itself. */
struct dhcp_client {
	uint8_t mac[DHCP_MAC_BYTES];
	bool pxe; /* option 60 begins with "PXEClient" */
	uint16_t arch; /* option 93, 0xffff: not given */
	const uint8_t *guid; /* option 97, borrowed during the call */
	size_t guid_len; /* bytes, 0: not given */
	unsigned int interface; /* index of the one that it came in by */
};

/* How a client is to be treated. */
struct dhcp_policy {
	bool boots; /* it is told how to boot from here; else the proxy is silent */
	char bootfile[DHCP_BOOTFILE_MAX]; /* for an ordinary PXE machine that is listed; or empty */
	uint32_t delay_ms; /* between its request and our reply */
	bool kick; /* the Pi 3's ROM: needs a broadcast now and then to go on receiving */
	struct in_addr address; /* reserved for it in full mode; 0.0.0.0: none */
	char hostname[DHCP_HOSTNAME_MAX]; /* in full mode; or empty */
	char label[64]; /* for logs: the Pi's serial or name */
};

enum dhcp_mode {
	DHCP_OFF,
	DHCP_PROXY,
	DHCP_FULL,
};

/* Full mode. Addresses in network order; 0.0.0.0: not given. */
struct dhcp_pool {
	struct in_addr first, last;
	struct in_addr netmask; /* 0.0.0.0: that of the interface */
	struct in_addr routers[4];
	struct in_addr dns[4];
	struct in_addr ntp[4];
	char domain[256];
	uint32_t lease_s; /* seconds */
	const char *
		leases; /* the file that keeps them, borrowed; NULL: they are forgotten at the end */
};

struct dhcp_options {
	enum dhcp_mode mode;
	const char *interface; /* borrowed; NULL: all */
	struct in_addr address; /* the server's; 0.0.0.0: that of the interface of each request */
	uint16_t port; /* 67, or 0 for that */
	uint16_t proxy_port; /* 4011; 0: none. In proxy mode alone */
	uint16_t client_port; /* 68, or 0 for that */
	int fd, proxy_fd; /* bound sockets to take over; 0 or less: none */
	struct dhcp_pool pool;
};

struct dhcp_site {
	/* On the loop, must not wait. Also the place to note that the client was seen. */
	void (*policy)(void *ctx, const struct dhcp_client *client, struct dhcp_policy *out);
	/* Something was sent to the client: "offer", "ack", "nak"; @address is 0.0.0.0 in proxy mode. */
	void (*answered)(void *ctx, const struct dhcp_client *client, const char *what,
			 struct in_addr address);
	/*
	 * Full mode, on the loop, must not wait: whether @address is reserved for another machine than
	 * @mac. NULL: no address of the pool is reserved.
	 */
	bool (*reserved)(void *ctx, struct in_addr address, const uint8_t mac[DHCP_MAC_BYTES]);
	void *ctx;
};

struct dhcp_server;

/*
 * @site is copied, its ctx borrowed. Errors of bind(2), not logged; -EINVAL for a pool that is none. Leases
 * that cannot be read are logged, and as if there were none.
 */
int dhcp_server_create(struct loop *loop, const struct dhcp_options *options,
		       const struct dhcp_site *site, struct dhcp_server **out);

/* The client has begun to load files, or need not be kicked any more. */
void dhcp_server_calm(struct dhcp_server *server, const uint8_t mac[DHCP_MAC_BYTES]);

/* Full mode: the client that has the lease of @address. False: nobody. */
bool dhcp_server_lease(const struct dhcp_server *server, struct in_addr address,
		       uint8_t out_mac[DHCP_MAC_BYTES]);

/*
 * Leases are saved, which waits for the disk. If a worker is saving them, the loop has to run a little
 * longer to free what it has. Accepts NULL.
 */
void dhcp_server_destroy(struct dhcp_server *server);

#endif
