/* SPDX-License-Identifier: MIT */
/*
 * Who has which address. One entry for each address that was ever given, found by address and by MAC. An
 * entry is never removed, so there are as many as the pool has addresses at most, and reservations.
 */
#include "dhcp/dhcp_lease.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u

static uint32_t host(struct in_addr address)
{
	return ntohl(address.s_addr);
}

static bool is_none(struct in_addr address)
{
	return address.s_addr == htonl(INADDR_ANY);
}

static uint32_t mac_hash(const uint8_t mac[DHCP_MAC_BYTES])
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < DHCP_MAC_BYTES; i++)
		hash = (hash ^ mac[i]) * 16777619u;
	return hash;
}

static uint32_t *mac_bucket(const struct dhcp_leases *leases, const uint8_t mac[DHCP_MAC_BYTES])
{
	return &leases->by_mac[mac_hash(mac) % BUCKETS];
}

static uint32_t *address_bucket(const struct dhcp_leases *leases, struct in_addr address)
{
	return &leases->by_address[host(address) % BUCKETS];
}

int dhcp_leases_init(struct dhcp_leases *leases, struct in_addr first, struct in_addr last)
{
	memset(leases, 0, sizeof(*leases));
	if (is_none(first) || host(last) < host(first) || host(last) - host(first) >= DHCP_POOL_MAX)
		return -EINVAL;
	leases->first = first;
	leases->last = last;
	leases->by_address = calloc(BUCKETS, sizeof(*leases->by_address));
	leases->by_mac = calloc(BUCKETS, sizeof(*leases->by_mac));
	if (leases->by_address && leases->by_mac)
		return 0;
	dhcp_leases_finish(leases);
	return -ENOMEM;
}

void dhcp_leases_finish(struct dhcp_leases *leases)
{
	free(leases->all);
	free(leases->by_address);
	free(leases->by_mac);
	memset(leases, 0, sizeof(*leases));
}

static bool is_never(const struct dhcp_leases *leases, struct in_addr address)
{
	for (unsigned int i = 0; i < DHCP_NEVER_MAX; i++) {
		if (!is_none(leases->never[i]) && leases->never[i].s_addr == address.s_addr)
			return true;
	}
	return false;
}

bool dhcp_leases_in_pool(const struct dhcp_leases *leases, struct in_addr address)
{
	return host(address) >= host(leases->first) && host(address) <= host(leases->last) &&
	       !is_never(leases, address);
}

struct dhcp_lease *dhcp_leases_of(const struct dhcp_leases *leases,
				  const uint8_t mac[DHCP_MAC_BYTES])
{
	for (uint32_t i = *mac_bucket(leases, mac); i; i = leases->all[i - 1].next_by_mac) {
		if (memcmp(leases->all[i - 1].mac, mac, DHCP_MAC_BYTES) == 0)
			return &leases->all[i - 1];
	}
	return NULL;
}

struct dhcp_lease *dhcp_leases_at(const struct dhcp_leases *leases, struct in_addr address)
{
	for (uint32_t i = *address_bucket(leases, address); i;
	     i = leases->all[i - 1].next_by_address) {
		if (leases->all[i - 1].address.s_addr == address.s_addr)
			return &leases->all[i - 1];
	}
	return NULL;
}

static bool is_taken(const struct dhcp_lease *lease, const uint8_t mac[DHCP_MAC_BYTES],
		     uint64_t now)
{
	if (lease->state == DHCP_LEASE_OLD || lease->until <= now)
		return false;
	return lease->state == DHCP_LEASE_DECLINED || memcmp(lease->mac, mac, DHCP_MAC_BYTES) != 0;
}

/* Whether the client may never have @address, whoever has it at present. */
static bool is_barred(const struct dhcp_leases *leases, struct in_addr address,
		      const uint8_t mac[DHCP_MAC_BYTES])
{
	return is_never(leases, address) ||
	       (leases->reserved && leases->reserved(leases->ctx, address, mac));
}

bool dhcp_leases_is_free(const struct dhcp_leases *leases, struct in_addr address,
			 const uint8_t mac[DHCP_MAC_BYTES], uint64_t now)
{
	const struct dhcp_lease *lease = dhcp_leases_at(leases, address);

	if (is_barred(leases, address, mac))
		return false;
	return !lease || !is_taken(lease, mac, now);
}

static bool usable(const struct dhcp_leases *leases, struct in_addr address,
		   const uint8_t mac[DHCP_MAC_BYTES], uint64_t now)
{
	return dhcp_leases_in_pool(leases, address) &&
	       dhcp_leases_is_free(leases, address, mac, now);
}

/* One that nobody ever had; where the search begins depends on the client alone. */
static bool choose_unused(const struct dhcp_leases *leases, const uint8_t mac[DHCP_MAC_BYTES],
			  uint64_t now, struct in_addr *out)
{
	uint32_t size = host(leases->last) - host(leases->first) + 1;
	uint32_t start = mac_hash(mac) % size;

	for (uint32_t i = 0; i < size; i++) {
		struct in_addr address = {.s_addr =
						  htonl(host(leases->first) + (start + i) % size)};

		if (!dhcp_leases_at(leases, address) && usable(leases, address, mac, now)) {
			*out = address;
			return true;
		}
	}
	return false;
}

/* The one whose end is the longest past; an offer that nobody took up so far may be the least bad. */
static bool choose_oldest(const struct dhcp_leases *leases, const uint8_t mac[DHCP_MAC_BYTES],
			  uint64_t now, struct in_addr *out)
{
	const struct dhcp_lease *best = NULL;
	bool best_is_offer = false;

	for (uint32_t i = 0; i < leases->count; i++) {
		const struct dhcp_lease *lease = &leases->all[i];
		bool offer = lease->state == DHCP_LEASE_OFFERED && lease->until > now;

		if (!dhcp_leases_in_pool(leases, lease->address) ||
		    (!offer && is_taken(lease, mac, now)))
			continue;
		if (best && (offer > best_is_offer ||
			     (offer == best_is_offer && lease->until >= best->until)))
			continue;
		/* last, since it asks the site */
		if (is_barred(leases, lease->address, mac))
			continue;
		best = lease;
		best_is_offer = offer;
	}
	if (best)
		*out = best->address;
	return best != NULL;
}

bool dhcp_leases_choose(const struct dhcp_leases *leases, const uint8_t mac[DHCP_MAC_BYTES],
			struct in_addr own, struct in_addr wants, uint64_t now, struct in_addr *out)
{
	const struct dhcp_lease *lease = dhcp_leases_of(leases, mac);

	if (!is_none(own) && dhcp_leases_is_free(leases, own, mac, now)) {
		*out = own;
		return true;
	}
	if (lease && usable(leases, lease->address, mac, now)) {
		*out = lease->address;
		return true;
	}
	if (usable(leases, wants, mac, now)) {
		*out = wants;
		return true;
	}
	return choose_unused(leases, mac, now, out) || choose_oldest(leases, mac, now, out);
}

static void unlink_mac(struct dhcp_leases *leases, struct dhcp_lease *lease)
{
	uint32_t *link = mac_bucket(leases, lease->mac);
	uint32_t index = (uint32_t)(lease - leases->all) + 1;

	while (*link && *link != index)
		link = &leases->all[*link - 1].next_by_mac;
	if (*link)
		*link = lease->next_by_mac;
	lease->next_by_mac = 0;
}

static int append(struct dhcp_leases *leases, struct in_addr address, struct dhcp_lease **out)
{
	struct dhcp_lease *lease;
	uint32_t *bucket;

	if (leases->count == leases->room) {
		uint32_t room = leases->room ? leases->room * 2 : 64;
		struct dhcp_lease *all = reallocarray(leases->all, room, sizeof(*all));

		if (!all)
			return -ENOMEM;
		leases->all = all;
		leases->room = room;
	}
	bucket = address_bucket(leases, address);
	lease = &leases->all[leases->count++];
	*lease = (struct dhcp_lease){
		.address = address, .state = DHCP_LEASE_DECLINED, .next_by_address = *bucket};
	*bucket = leases->count;
	*out = lease;
	return 0;
}

int dhcp_leases_set(struct dhcp_leases *leases, struct in_addr address,
		    const uint8_t mac[DHCP_MAC_BYTES], enum dhcp_lease_state state, uint64_t until)
{
	struct dhcp_lease *lease = dhcp_leases_at(leases, address);
	struct dhcp_lease *other;
	uint32_t *bucket;
	int err;

	if (!lease) {
		err = append(leases, address, &lease);
		if (err)
			return err;
	}
	if (lease->state != DHCP_LEASE_DECLINED)
		unlink_mac(leases, lease);
	other = dhcp_leases_of(leases, mac);
	if (other) {
		unlink_mac(leases, other);
		other->state = DHCP_LEASE_DECLINED; /* nobody's, from now on */
		other->until = 0;
	}
	memcpy(lease->mac, mac, DHCP_MAC_BYTES);
	lease->state = state;
	lease->until = until;
	bucket = mac_bucket(leases, mac);
	lease->next_by_mac = *bucket;
	*bucket = (uint32_t)(lease - leases->all) + 1;
	return 0;
}

void dhcp_leases_decline(struct dhcp_leases *leases, struct dhcp_lease *lease, uint64_t until)
{
	if (lease->state != DHCP_LEASE_DECLINED)
		unlink_mac(leases, lease);
	lease->state = DHCP_LEASE_DECLINED;
	lease->until = until;
}
