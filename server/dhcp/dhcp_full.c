/* SPDX-License-Identifier: MIT */
/*
 * A whole DHCP server (RFC 2131, 4.3) for a network that has no other one: so it also takes up clients
 * that it does not know but whose address is free, instead of being silent, and says no where an address
 * is not theirs.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/checked.h"
#include "dhcp/dhcp_answer.h"

#define LEASE_DEFAULT_S (12u * 3600u)
#define LEASE_MIN_S 120u

/*
 * How long an offered address is kept, milliseconds. The ROM of a Pi 3 never asks for it, but uses it
 * until its system has one by itself.
 */
#define OFFER_MS 60000u
#define OFFER_BOOT_MS 300000u

/* How long an address is given to nobody after somebody else was found to use it. */
#define DECLINE_MS 600000u

/* What came in and what it is answered with. */
struct full {
	const struct dhcp_message *message;
	const struct dhcp_policy *policy;
	const struct dhcp_here *here;
	const struct dhcp_pool *pool;
	struct dhcp_leases *leases;
	uint64_t now;
	bool changed;
	struct dhcp_answer *out;
};

static bool is_none(struct in_addr address)
{
	return address.s_addr == htonl(INADDR_ANY);
}

static bool is_same(struct in_addr a, struct in_addr b)
{
	return a.s_addr == b.s_addr;
}

/* Seconds. */
static uint32_t lease_time(const struct full *f)
{
	uint32_t most = f->pool->lease_s ? f->pool->lease_s : LEASE_DEFAULT_S;
	uint32_t wanted;

	if (!dhcp_message_u32(f->message, DHCP_OPT_LEASE, &wanted) || wanted >= most)
		return most;
	return (uint32_t)min_u64(max_u64(wanted, LEASE_MIN_S), most);
}

static void put_times(struct dhcp_reply *reply, uint32_t lease)
{
	bool for_ever = lease == UINT32_MAX;

	dhcp_reply_put_u32(reply, DHCP_OPT_LEASE, lease);
	dhcp_reply_put_u32(reply, DHCP_OPT_T1, for_ever ? lease : lease / 2);
	dhcp_reply_put_u32(reply, DHCP_OPT_T2, for_ever ? lease : lease / 8 * 7);
}

static void put_network(const struct full *f)
{
	struct dhcp_reply *reply = &f->out->reply;
	const struct dhcp_pool *pool = f->pool;
	struct in_addr netmask = is_none(pool->netmask) ? f->here->netmask : pool->netmask;
	struct in_addr broadcast = {.s_addr = pool->first.s_addr | ~netmask.s_addr};

	if (!is_none(netmask)) {
		dhcp_reply_put_address(reply, DHCP_OPT_NETMASK, netmask);
		dhcp_reply_put_address(reply, DHCP_OPT_BROADCAST, broadcast);
	}
	dhcp_reply_put_addresses(reply, DHCP_OPT_ROUTERS, pool->routers, ARRAY_SIZE(pool->routers));
	dhcp_reply_put_addresses(reply, DHCP_OPT_DNS, pool->dns, ARRAY_SIZE(pool->dns));
	dhcp_reply_put(reply, DHCP_OPT_HOSTNAME, f->policy->hostname,
		       strnlen(f->policy->hostname, sizeof(f->policy->hostname)));
	dhcp_reply_put_addresses(reply, DHCP_OPT_NTP, pool->ntp, ARRAY_SIZE(pool->ntp));
}

/* What to boot goes before the one option that may be long. */
static void finish(const struct full *f)
{
	struct dhcp_reply *reply = &f->out->reply;
	const struct dhcp_pool *pool = f->pool;

	dhcp_reply_set_siaddr(reply, f->here->address);
	if (f->policy->boots && dhcp_message_is_pxe(f->message))
		dhcp_answer_put_boot(reply, f->message, f->policy, f->here->address);
	dhcp_reply_put(reply, DHCP_OPT_DOMAIN, pool->domain,
		       strnlen(pool->domain, sizeof(pool->domain) - 1));
	dhcp_reply_end(reply);
}

static void begin(const struct full *f, enum dhcp_type type, const char *what)
{
	*f->out = (struct dhcp_answer){
		.what = what,
		.to = is_none(f->message->giaddr) ? DHCP_TO_ALL : DHCP_TO_RELAY,
	};
	dhcp_reply_begin(&f->out->reply, f->message, type, f->here->address);
}

static bool give(const struct full *f, enum dhcp_type type, struct in_addr address, uint32_t lease)
{
	begin(f, type, type == DHCP_OFFER ? "offer" : "ack");
	f->out->address = address;
	f->out->binds = type == DHCP_ACK;
	dhcp_reply_set_yiaddr(&f->out->reply, address);
	if (type == DHCP_ACK && !is_none(f->message->ciaddr)) {
		dhcp_reply_set_ciaddr(&f->out->reply, f->message->ciaddr);
		if (f->out->to == DHCP_TO_ALL)
			f->out->to = DHCP_TO_CLIENT;
	}
	put_times(&f->out->reply, lease);
	put_network(f);
	finish(f);
	return true;
}

static bool refuse(const struct full *f)
{
	begin(f, DHCP_NAK, "nak");
	dhcp_reply_end(&f->out->reply);
	return true;
}

static bool discovered(struct full *f)
{
	bool boots = f->policy->boots && dhcp_message_is_pxe(f->message);
	const uint8_t *mac = f->message->chaddr;
	struct in_addr wants = {0};
	struct in_addr address;
	struct dhcp_lease *lease;

	dhcp_message_address(f->message, DHCP_OPT_REQUESTED, &wants);
	if (!dhcp_leases_choose(f->leases, mac, f->policy->address, wants, f->now, &address)) {
		f->out->exhausted = true;
		return false;
	}
	lease = dhcp_leases_of(f->leases, mac);
	/* what it has by now stays its own, whether it asks for it again or not */
	if (!lease || lease->state != DHCP_LEASE_BOUND || lease->until <= f->now ||
	    !is_same(lease->address, address)) {
		if (dhcp_leases_set(f->leases, address, mac, DHCP_LEASE_OFFERED,
				    f->now + (boots ? OFFER_BOOT_MS : OFFER_MS)))
			return false;
	}
	return give(f, DHCP_OFFER, address, lease_time(f));
}

/* Whether the client may go on with, or begin to use, @address. */
static bool may_have(const struct full *f, struct in_addr address)
{
	const uint8_t *mac = f->message->chaddr;

	if (!dhcp_leases_in_pool(f->leases, address) && !is_same(address, f->policy->address))
		return false;
	return dhcp_leases_is_free(f->leases, address, mac, f->now);
}

static bool bind_to(struct full *f, struct in_addr address)
{
	uint32_t lease = lease_time(f);

	if (dhcp_leases_set(f->leases, address, f->message->chaddr, DHCP_LEASE_BOUND,
			    f->now + lease * (uint64_t)1000))
		return false;
	f->changed = true;
	return give(f, DHCP_ACK, address, lease);
}

/* The client has chosen another server. */
static bool declined_offer(struct full *f)
{
	struct dhcp_lease *lease = dhcp_leases_of(f->leases, f->message->chaddr);

	if (lease && lease->state == DHCP_LEASE_OFFERED)
		lease->until = f->now;
	return false;
}

/*
 * A client that uses an address which is not ours to give: no is the answer only where it does harm, as
 * it ends all that the client does.
 */
static bool stopped(const struct full *f)
{
	const struct dhcp_message *message = f->message;
	struct in_addr mask = is_none(f->pool->netmask) ? f->here->netmask : f->pool->netmask;
	bool foreign = ((message->ciaddr.s_addr ^ f->pool->first.s_addr) & mask.s_addr) != 0;

	if (foreign || !dhcp_leases_is_free(f->leases, message->ciaddr, message->chaddr, f->now))
		return refuse(f);
	return false;
}

static bool requested(struct full *f)
{
	const struct dhcp_message *message = f->message;
	const struct dhcp_lease *lease = dhcp_leases_of(f->leases, message->chaddr);
	struct in_addr server;
	struct in_addr address;

	if (dhcp_message_address(message, DHCP_OPT_SERVER, &server) &&
	    !is_same(server, f->here->address))
		return declined_offer(f);
	/* renewing or rebinding: it uses this address, which a reservation made since must not take */
	if (!is_none(message->ciaddr))
		return may_have(f, message->ciaddr) ? bind_to(f, message->ciaddr) : stopped(f);
	if (!dhcp_message_address(message, DHCP_OPT_REQUESTED, &address))
		return false;
	/* selecting what was offered, or after a restart what it had */
	if (lease && lease->until > f->now && !is_same(lease->address, address))
		return refuse(f);
	return may_have(f, address) ? bind_to(f, address) : refuse(f);
}

/* The lease of the sender at @address; NULL: it has none there. */
static struct dhcp_lease *own_lease(const struct full *f, struct in_addr address)
{
	struct dhcp_lease *lease = dhcp_leases_of(f->leases, f->message->chaddr);

	return lease && is_same(lease->address, address) ? lease : NULL;
}

static bool is_for_us(const struct full *f)
{
	struct in_addr server;

	return dhcp_message_address(f->message, DHCP_OPT_SERVER, &server) &&
	       is_same(server, f->here->address);
}

static bool declined(struct full *f)
{
	struct in_addr address;
	struct dhcp_lease *lease;

	if (!is_for_us(f) || !dhcp_message_address(f->message, DHCP_OPT_REQUESTED, &address))
		return false;
	lease = own_lease(f, address);
	if (lease) {
		dhcp_leases_decline(f->leases, lease, f->now + DECLINE_MS);
		f->changed = true;
	}
	return false;
}

static bool released(struct full *f)
{
	struct dhcp_lease *lease = own_lease(f, f->message->ciaddr);

	if (is_for_us(f) && lease) {
		lease->state = DHCP_LEASE_OLD;
		lease->until = f->now;
		f->changed = true;
	}
	return false;
}

/* It has an address by other means, and wants to know the rest (RFC 2131, 4.3.5). */
static bool informed(const struct full *f)
{
	if (is_none(f->message->ciaddr))
		return false;
	begin(f, DHCP_ACK, "ack");
	if (f->out->to == DHCP_TO_ALL)
		f->out->to = DHCP_TO_CLIENT;
	dhcp_reply_set_ciaddr(&f->out->reply, f->message->ciaddr);
	put_network(f);
	finish(f);
	return true;
}

bool dhcp_full_answer(const struct dhcp_message *message, const struct dhcp_policy *policy,
		      const struct dhcp_here *here, const struct dhcp_pool *pool,
		      struct dhcp_leases *leases, uint64_t now, bool *out_changed,
		      struct dhcp_answer *out)
{
	struct full f = {
		.message = message,
		.policy = policy,
		.here = here,
		.pool = pool,
		.leases = leases,
		.now = now,
		.out = out,
	};
	bool answered = false;

	out->exhausted = false;
	switch (dhcp_message_type(message)) {
	case DHCP_DISCOVER:
		answered = discovered(&f);
		break;
	case DHCP_REQUEST:
		answered = requested(&f);
		break;
	case DHCP_DECLINE:
		answered = declined(&f);
		break;
	case DHCP_RELEASE:
		answered = released(&f);
		break;
	case DHCP_INFORM:
		answered = informed(&f);
		break;
	default:
		break;
	}
	*out_changed = f.changed;
	return answered;
}
