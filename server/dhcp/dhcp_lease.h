/* SPDX-License-Identifier: MIT */
/*
 * Private to the dhcp room: who has which address. No clock or file: time comes in as an argument, in
 * milliseconds of any clock that only goes forward.
 *
 * A client is its MAC: what else it may call itself (option 61) differs between a Pi's boot ROM, its
 * initramfs and its system, and a Pi whose address changed would lose its root file system.
 */
#ifndef BRAMBLE_DHCP_LEASE_H
#define BRAMBLE_DHCP_LEASE_H

#include "dhcp/dhcp.h"

/* Addresses of the largest pool. */
#define DHCP_POOL_MAX 65536u

/* The server's own address, those of the network and of its broadcasts, and 4 each of routers, DNS and NTP. */
#define DHCP_NEVER_MAX 15u

enum dhcp_lease_state {
	DHCP_LEASE_OLD, /* free, but kept for the client that had it last */
	DHCP_LEASE_OFFERED,
	DHCP_LEASE_BOUND,
	DHCP_LEASE_DECLINED, /* somebody else was found to use it */
};

struct dhcp_lease {
	struct in_addr address;
	uint8_t mac[DHCP_MAC_BYTES]; /* not of a declined one */
	enum dhcp_lease_state state;
	uint64_t until; /* milliseconds: when it ends */
	uint32_t next_by_address; /* index + 1 in the same bucket; 0: none */
	uint32_t next_by_mac;
};

/* Whether @address is reserved for another client than @mac. */
typedef bool (*dhcp_reserved_fn)(void *ctx, struct in_addr address,
				 const uint8_t mac[DHCP_MAC_BYTES]);

struct dhcp_leases {
	struct in_addr first, last; /* of the pool */
	/* addresses that nobody gets although they lie in the pool; 0.0.0.0: none */
	struct in_addr never[DHCP_NEVER_MAX];
	dhcp_reserved_fn reserved; /* NULL: none is */
	void *ctx; /* of @reserved; borrowed */
	struct dhcp_lease *all; /* owned */
	uint32_t count, room;
	uint32_t *by_address, *by_mac; /* owned: index + 1 of the first one of each bucket */
};

/* -EINVAL: no pool, or one that is too large. -ENOMEM. */
int dhcp_leases_init(struct dhcp_leases *leases, struct in_addr first, struct in_addr last);
void dhcp_leases_finish(struct dhcp_leases *leases);

bool dhcp_leases_in_pool(const struct dhcp_leases *leases, struct in_addr address);

/* NULL: none. A client has one address at most; that of a declined one is nobody's. */
struct dhcp_lease *dhcp_leases_of(const struct dhcp_leases *leases,
				  const uint8_t mac[DHCP_MAC_BYTES]);
struct dhcp_lease *dhcp_leases_at(const struct dhcp_leases *leases, struct in_addr address);

/* Whether the client may have @address, which lies in the pool or is reserved for it. */
bool dhcp_leases_is_free(const struct dhcp_leases *leases, struct in_addr address,
			 const uint8_t mac[DHCP_MAC_BYTES], uint64_t now);

/*
 * The address for a client: the one that is @own (0.0.0.0: none is reserved for it), the one that it has
 * or had, the one that it @wants, one that nobody had, the one that nobody has for the longest time. False:
 * all are taken.
 */
bool dhcp_leases_choose(const struct dhcp_leases *leases, const uint8_t mac[DHCP_MAC_BYTES],
			struct in_addr own, struct in_addr wants, uint64_t now,
			struct in_addr *out);

/* The client gets @address, and gives up any other. -ENOMEM. */
int dhcp_leases_set(struct dhcp_leases *leases, struct in_addr address,
		    const uint8_t mac[DHCP_MAC_BYTES], enum dhcp_lease_state state, uint64_t until);

/* Nobody gets it until then. */
void dhcp_leases_decline(struct dhcp_leases *leases, struct dhcp_lease *lease, uint64_t until);

/*
 * The leases of the pool as text, one a line: "10.0.0.7 dc:a6:32:01:02:03 1764300000", the seconds of the epoch when
 * it ends. @wall: the seconds of the epoch at @now. To be freed. -ENOMEM.
 */
int dhcp_leases_format(const struct dhcp_leases *leases, uint64_t now, int64_t wall, char **out,
		       size_t *out_len);

/*
 * Takes what dhcp_leases_format has made. Lines that are no lease, or of an address that is not in the
 * pool, are left out; returns how many. No lease ends later than @longest_ms from now.
 */
size_t dhcp_leases_parse(struct dhcp_leases *leases, const char *text, size_t len, uint64_t now,
			 int64_t wall, uint64_t longest_ms);

#endif
