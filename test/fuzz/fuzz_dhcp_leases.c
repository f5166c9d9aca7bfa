/* SPDX-License-Identifier: MIT */
/* The file of leases. What was understood means the same when it is written and read again. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dhcp/dhcp_lease.h"

#define WALL 1764300000
#define LONGEST_MS 3600000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct dhcp_leases *leases, const struct dhcp_leases *again)
{
	for (uint32_t i = 0; i < leases->count; i++) {
		const struct dhcp_lease *lease = &leases->all[i];
		const struct dhcp_lease *same = dhcp_leases_at(again, lease->address);

		if (lease->state == DHCP_LEASE_DECLINED)
			continue;
		assert(dhcp_leases_in_pool(leases, lease->address));
		assert(lease->until <= LONGEST_MS);
		assert(dhcp_leases_of(leases, lease->mac) == lease);
		assert(same && same->state == lease->state);
		assert(same->until == lease->until);
		assert(memcmp(same->mac, lease->mac, sizeof(lease->mac)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct in_addr first = {.s_addr = htonl(0x0a000001u)};
	struct in_addr last = {.s_addr = htonl(0x0a0000ffu)};
	struct dhcp_leases leases;
	struct dhcp_leases again;
	char *text;
	size_t len;

	if (dhcp_leases_init(&leases, first, last))
		return 0;
	dhcp_leases_parse(&leases, (const char *)data, size, 0, WALL, LONGEST_MS);
	assert(dhcp_leases_format(&leases, 0, WALL, &text, &len) == 0);
	assert(dhcp_leases_init(&again, first, last) == 0);
	assert(dhcp_leases_parse(&again, text, len, 0, WALL, LONGEST_MS) == 0);
	compare(&leases, &again);
	free(text);
	dhcp_leases_finish(&leases);
	dhcp_leases_finish(&again);
	return 0;
}
