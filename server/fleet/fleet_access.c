/* SPDX-License-Identifier: MIT */
/* Who may have what: by the machine's MAC, by its address, or by the rules of the configuration. */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

/* Unknown Pis that may become ours: at most so many at once, and then one more in each interval. */
#define JOINS_MAX 2048u
#define JOIN_INTERVAL_MS 1000u

/*
 * Serials that one machine may make ours, however long that takes: a machine has one, but a bridge may stand for all
 * that is behind it. Where no MAC can be seen, so many in a day from one address, which goes from hand to hand.
 */
#define JOINS_BY_MACHINE_MAX 1024u
#define JOINS_BY_ADDRESS_S 86400

/* Whether somebody has said which machine it is. */
static bool is_given(const struct fleet_pi *pi)
{
	return pi->record.mac_given || (pi->listed && pi->listed->has_mac);
}

static bool has_machine(const struct fleet_pi *pi)
{
	return pi->record.has_mac || pi->record.has_loader || is_given(pi);
}

bool fleet_is_other(const struct fleet_pi *pi, const struct pi_mac *mac)
{
	if (!has_machine(pi) || !mac)
		return false;
	if (pi->listed && pi->listed->has_mac)
		return memcmp(pi->listed->mac, mac->bytes, sizeof(mac->bytes)) != 0;
	if (pi->record.mac_given)
		return !pi_mac_is_equal(&pi->record.mac, mac);
	return !(pi->record.has_mac && pi_mac_is_equal(&pi->record.mac, mac)) &&
	       !(pi->record.has_loader && pi_mac_is_equal(&pi->record.loader, mac));
}

bool fleet_has_oui(const struct config *config, const struct pi_mac *mac)
{
	for (size_t i = 0; i < config->oui_count; i++) {
		if (memcmp(config->oui[i], mac->bytes, sizeof(config->oui[i])) == 0)
			return true;
	}
	return false;
}

/* How much speaks for a machine: first of all, whose address it has. */
static unsigned int weigh(const struct fleet *fleet, const struct pi_mac *mac, bool said)
{
	return (fleet_has_oui(fleet->config, mac) ? 2u : 0u) + (said ? 1u : 0u);
}

bool fleet_take_over(struct fleet *fleet, struct fleet_pi *pi, const struct pi_mac *mac, bool said)
{
	struct fleet_record *record = &pi->record;
	char label[FLEET_LABEL_MAX], text[PI_MAC_TEXT];
	unsigned int bound = 0;

	if (is_given(pi) || record->mounted || !has_machine(pi))
		return false;
	if (record->has_mac)
		bound = weigh(fleet, &record->mac, true);
	if (record->has_loader)
		bound = (unsigned int)max_u64(bound, weigh(fleet, &record->loader, false));
	if (weigh(fleet, mac, said) <= bound)
		return false;
	record->has_mac = said;
	record->mac = *mac;
	/* or whoever was first would be the next to be bound */
	record->has_loader = true;
	record->loader = *mac;
	pi->address.s_addr = pi->loader.s_addr = 0;
	pi->loaded_ms = 0;
	pi->refused[0] = '\0';
	pi->dirty = true;
	pi_mac_format(mac, ':', text);
	if (fleet_may_log(fleet, pi))
		fleet_say(fleet, LOG_LEVEL_INFO,
			  "pi %s: is %s, not the machine that had asked for its files",
			  fleet_label(pi, label), text);
	return true;
}

static bool is_allowed(const struct config_rules *rules, struct in_addr address)
{
	for (size_t i = 0; i < rules->allow_count; i++) {
		const struct config_network *network = &rules->allow[i];

		if ((address.s_addr & network->mask.s_addr) ==
		    (network->address.s_addr & network->mask.s_addr))
			return true;
	}
	return false;
}

static bool has_loaded(const struct fleet_pi *pi, struct in_addr address)
{
	return pi && pi->loaded_ms && pi->loader.s_addr == address.s_addr &&
	       fleet_ms() - pi->loaded_ms < FLEET_LOADED_MS;
}

/*
 * Whether @peer, whose MAC cannot be seen, cannot be the machine either: that one was seen as a neighbour,
 * and @peer is in none of our networks.
 */
static bool is_elsewhere(const struct fleet_pi *pi, const struct fleet_peer *peer, const char **why)
{
	*why = "it is in none of the server's networks, in which the machine of this serial was";
	return pi && pi->record.has_loader && !peer->in_network;
}

/* This host itself: but of its users others than root and ours are whoever may be on any host. */
static bool is_trusted(const struct config_rules *rules, const struct fleet_peer *peer)
{
	return peer->local && (peer->trusted || peer->reserved_port || !rules->reserved_ports);
}

bool fleet_is_hidden(const struct fleet *fleet, const struct fleet_pi *pi,
		     const struct fleet_peer *peer)
{
	const struct config_rules *rules = fleet_rules(fleet, pi);

	return rules->access == CONFIG_ACCESS_MAC && peer->near && !peer->has_mac && !peer->local &&
	       !is_allowed(rules, peer->address);
}

/* By the rule "mac": *@why says what is missing. */
static bool is_the_machine(const struct fleet_pi *pi, const struct fleet_peer *peer,
			   const char **why)
{
	if (peer->has_mac && !(pi && has_machine(pi))) {
		*why = "no machine with this serial was seen: load its files by TFTP first, or "
		       "give its "
		       "mac";
		return false;
	}
	if (peer->has_mac) {
		*why = "another machine is bound to this serial";
		return !fleet_is_other(pi, &peer->mac);
	}
	if (is_elsewhere(pi, peer, why))
		return false;
	*why = "its MAC cannot be seen, and its address did not load this serial's files";
	return has_loaded(pi, peer->address);
}

int fleet_may_mount(struct fleet *fleet, const struct fleet_pi *pi, const struct fleet_peer *peer,
		    const char **why)
{
	const struct config_rules *rules = fleet_rules(fleet, pi);
	bool may = false;

	*why = "";
	if (is_trusted(rules, peer))
		return 0;
	if (rules->reserved_ports && !peer->reserved_port) {
		*why = peer->local ? "another user of this host needs a port below 1024: "
				     "reserved-ports = no would let it"
				   : "the call is not from a port below 1024: reserved-ports = no "
				     "would let it";
		return -EACCES;
	}
	if (is_allowed(rules, peer->address))
		return 0;
	if (fleet_is_hidden(fleet, pi, peer)) {
		*why = "its MAC is not known yet";
		return -EHOSTUNREACH;
	}
	switch (rules->access) {
	case CONFIG_ACCESS_ANY:
		return 0;
	case CONFIG_ACCESS_SUBNET:
		may = peer->in_network;
		*why = "it is in none of the server's networks";
		break;
	case CONFIG_ACCESS_MAC:
		may = is_the_machine(pi, peer, why);
		break;
	}
	return may ? 0 : -EACCES;
}

int fleet_may_go_on(struct fleet *fleet, const struct fleet_pi *pi, const struct fleet_peer *peer,
		    const char **why)
{
	const struct config_rules *rules = fleet_rules(fleet, pi);
	int err = fleet_may_mount(fleet, pi, peer, why);

	if (err == -EACCES && rules->access == CONFIG_ACCESS_MAC && !peer->has_mac &&
	    peer->address.s_addr == pi->record.mounted_by.s_addr &&
	    (peer->reserved_port || !rules->reserved_ports))
		return 0;
	return err;
}

/* Once, since a loader is bound once. A bridge has another MAC than what is behind it; but so has a thief. */
static void tell_of_two(struct fleet *fleet, const struct fleet_pi *pi)
{
	char label[FLEET_LABEL_MAX], said[PI_MAC_TEXT], loads[PI_MAC_TEXT];

	if (!pi->record.has_mac || pi_mac_is_equal(&pi->record.mac, &pi->record.loader) ||
	    !fleet_may_log(fleet, pi))
		return;
	pi_mac_format(&pi->record.mac, ':', said);
	pi_mac_format(&pi->record.loader, ':', loads);
	fleet_say(
		fleet, LOG_LEVEL_WARN,
		"pi %s: %s said its serial, but %s loads its files: both may have its tree, unless "
		"\"bramble pi set %s mac=%s\" says which one it is",
		fleet_label(pi, label), said, loads, pi->record.id, said);
}

int fleet_may_load(struct fleet *fleet, struct fleet_pi *pi, const struct fleet_peer *peer,
		   const char **why)
{
	const struct config_rules *rules = fleet_rules(fleet, pi);

	*why = "";
	if (peer->has_mac && fleet_is_other(pi, &peer->mac))
		fleet_take_over(fleet, pi, &peer->mac, false);
	if (peer->has_mac && !pi->record.has_loader &&
	    !(is_given(pi) && fleet_is_other(pi, &peer->mac))) {
		pi->record.has_loader = true;
		pi->record.loader = peer->mac;
		pi->dirty = true;
		tell_of_two(fleet, pi);
	}
	if (rules->access == CONFIG_ACCESS_ANY || is_trusted(rules, peer) ||
	    is_allowed(rules, peer->address))
		return 0;
	if (rules->access == CONFIG_ACCESS_SUBNET) {
		*why = "it is in none of the server's networks";
		return peer->in_network ? 0 : -EACCES;
	}
	if (peer->has_mac) {
		*why = "another machine is bound to this serial";
		return fleet_is_other(pi, &peer->mac) ? -EACCES : 0;
	}
	if (peer->local) {
		*why = "a machine is bound to this serial, which another user of this host is not";
		return has_machine(pi) ? -EACCES : 0;
	}
	if (fleet_is_hidden(fleet, pi, peer)) {
		*why = "its MAC is not known yet";
		return -EHOSTUNREACH;
	}
	return is_elsewhere(pi, peer, why) ? -EACCES : 0;
}

bool fleet_bucket_take(struct fleet_bucket *bucket, unsigned int max, unsigned int interval_ms)
{
	uint64_t now = fleet_ms();
	uint64_t earned = (now - bucket->ms) / interval_ms;

	bucket->used = earned >= bucket->used ? 0 : bucket->used - (unsigned int)earned;
	bucket->ms = bucket->used ? bucket->ms + earned * interval_ms : now;
	if (bucket->used >= max)
		return false;
	bucket->used++;
	return true;
}

/* Whether it was @peer that made @pi one of ours. */
static bool has_joined_by(const struct fleet_pi *pi, const struct fleet_peer *peer)
{
	if (!pi->record.joined || pi->listed)
		return false;
	if (peer->has_mac)
		return has_machine(pi) && !fleet_is_other(pi, &peer->mac);
	return pi->record.mounted_by.s_addr == peer->address.s_addr &&
	       fleet_wall() - pi->record.mounted < JOINS_BY_ADDRESS_S;
}

bool fleet_may_join(struct fleet *fleet, const struct fleet_peer *peer, const char **why)
{
	unsigned int joined = 0;

	*why = "its machine has come with too many serials: \"bramble pi add\" lets it";
	if (!is_trusted(&fleet->config->defaults, peer) &&
	    !is_allowed(&fleet->config->defaults, peer->address)) {
		for (size_t i = 0; i < fleet->pis_count; i++)
			joined += has_joined_by(fleet->pis[i], peer);
		if (joined >= JOINS_BY_MACHINE_MAX)
			return false;
	}
	*why = "too many new Pis at once";
	return fleet_bucket_take(&fleet->joins, JOINS_MAX, JOIN_INTERVAL_MS);
}

void fleet_bind_joined(struct fleet_pi *pi, const struct fleet_peer *peer)
{
	if (!peer->has_mac || has_machine(pi))
		return;
	pi->record.has_loader = true;
	pi->record.loader = peer->mac;
}
