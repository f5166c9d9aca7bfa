/* SPDX-License-Identifier: MIT */
/* What the DHCP server asks: who is a Pi, and which of its model's bugs are to be met. */
#include "fleet/fleet_private.h"

#include <string.h>

#include "base/log.h"

/*
 * The Pi 3's boot ROM may lock up if it is answered within a second or so, and hears nothing more
 * without a broadcast now and then.
 */
#define PI_3_DELAY_MS 1000u

/* A ROM asks every few seconds: one line of the log for all of it. */
#define OFFER_LOG_MS 60000u

static const struct config_pi *find_listed(const struct config *config, const struct pi_mac *mac)
{
	for (size_t i = 0; i < config->pis_count; i++) {
		if (config->pis[i].has_mac &&
		    memcmp(config->pis[i].mac, mac->bytes, sizeof(mac->bytes)) == 0)
			return &config->pis[i];
	}
	return NULL;
}

/*
 * Whether a client that nobody has listed is a Pi: a PXE client with the architecture that all of them
 * give, and with option 97 as only a Pi makes it, or with an address of Raspberry Pi.
 */
static bool looks_like_a_pi(const struct config *config, const struct dhcp_client *client,
			    const struct pi_mac *mac, struct pi_machine *out)
{
	bool known = client->guid_len && pi_machine_parse(client->guid, client->guid_len, out) == 0;

	if (!client->pxe || (client->arch != 0 && client->arch != 0xffff))
		return false;
	/* four times the same word is what other firmware may send, too */
	return fleet_has_oui(config, mac) || (known && out->model != PI_3_PLUS);
}

/* Which one it is: as it is listed, by the serial that it says, or by the machine that we know. */
static bool identify(const struct fleet *fleet, const struct config_pi *listed,
		     const struct pi_machine *machine, const struct pi_mac *mac,
		     char out[FLEET_ID_MAX + 1])
{
	const struct fleet_pi *pi = fleet_find_mac(fleet, mac);

	if (listed && listed->serial[0])
		memcpy(out, listed->serial, sizeof(listed->serial));
	else if (listed)
		pi_mac_format(mac, '-', out);
	else if (machine->has_serial)
		memcpy(out, machine->serial.text, sizeof(machine->serial.text));
	else if (pi)
		memcpy(out, pi->record.id, sizeof(pi->record.id));
	else
		return false;
	return true;
}

/* The first machine that says a serial has it. @said: this one has. */
static void bind_machine(struct fleet *fleet, struct fleet_pi *pi, const struct pi_mac *mac,
			 enum pi_model model, bool said)
{
	char text[PI_MAC_TEXT], label[FLEET_LABEL_MAX];

	pi_mac_format(mac, ':', text);
	if (fleet_is_other(pi, mac) && !(said && fleet_take_over(fleet, pi, mac, true))) {
		snprintf(pi->refused, sizeof(pi->refused), "%s says its serial, too", text);
		return;
	}
	if (pi->phase < FLEET_SEEN) {
		pi->phase = FLEET_SEEN;
		if (fleet_may_log(fleet, pi))
			fleet_say(fleet, LOG_LEVEL_INFO, "pi %s: seen: %s, %s",
				  fleet_label(pi, label), pi_model_name(model), text);
	}
	pi->seen_ms = fleet_ms();
	pi->record.last_seen = fleet_wall();
	if (model != PI_MODEL_UNKNOWN && pi->record.model != model) {
		pi->record.model = model;
		pi->dirty = true;
	}
	if (!pi->record.has_mac) {
		pi->record.has_mac = true;
		pi->record.mac = *mac;
		pi->dirty = true;
	}
}

static void fill(struct fleet *fleet, const struct fleet_pi *pi, const struct config_pi *listed,
		 enum pi_model model, struct dhcp_policy *out)
{
	const struct config_rules *rules = fleet_rules(fleet, pi);
	bool rom = model == PI_3;

	out->boots = true;
	out->delay_ms = rules->reply_delay_ms;
	if (out->delay_ms == UINT32_MAX)
		out->delay_ms = rom ? PI_3_DELAY_MS : 0;
	out->kick = rules->kick < 0 ? rom : rules->kick > 0;
	if (listed) {
		memcpy(out->bootfile, listed->bootfile, sizeof(out->bootfile));
		out->address = listed->address;
	}
	if (pi) {
		snprintf(out->hostname, sizeof(out->hostname), "%.63s", fleet_name(pi));
		snprintf(out->label, sizeof(out->label), "%.63s", pi->record.id);
	}
}

static void policy(void *ctx, const struct dhcp_client *client, struct dhcp_policy *out)
{
	struct fleet *fleet = ctx;
	struct pi_machine machine = {.model = PI_MODEL_UNKNOWN};
	const struct config_pi *listed;
	struct fleet_pi *pi = NULL;
	char id[FLEET_ID_MAX + 1];
	struct pi_mac mac;
	bool wanted;

	memset(out, 0, sizeof(*out));
	memcpy(mac.bytes, client->mac, sizeof(mac.bytes));
	pi_mac_format(&mac, ':', out->label);
	pthread_mutex_lock(&fleet->lock);
	listed = find_listed(fleet->config, &mac);
	wanted = looks_like_a_pi(fleet->config, client, &mac, &machine) || listed;
	if (wanted && identify(fleet, listed, &machine, &mac, id)) {
		pi = fleet_find(fleet, id);
		if (!(pi && fleet_is_ours(pi)) &&
		    fleet->config->defaults.join == CONFIG_JOIN_LISTED) {
			fleet_refuse(fleet, id, (struct in_addr){0}, "is not listed");
			wanted = false;
			pi = NULL;
		} else if (!pi) {
			pi = fleet_meet(fleet, id);
		}
	}
	if (pi)
		bind_machine(fleet, pi, &mac, machine.model, machine.has_serial);
	if (wanted)
		fill(fleet, pi, listed, machine.model, out);
	/* its system, which does not say what it is, has the address that its boot ROM had */
	pi = fleet_find_mac(fleet, &mac);
	if (!listed && pi && pi->listed)
		out->address = pi->listed->address;
	fleet_unlock(fleet);
}

static bool reserved(void *ctx, struct in_addr address, const uint8_t bytes[DHCP_MAC_BYTES])
{
	struct fleet *fleet = ctx;
	const struct config_pi *owner = NULL;
	const struct fleet_pi *pi;
	struct pi_mac mac;
	bool its_own;

	memcpy(mac.bytes, bytes, sizeof(mac.bytes));
	pthread_mutex_lock(&fleet->lock);
	for (size_t i = 0; i < fleet->config->pis_count && !owner; i++) {
		if (fleet->config->pis[i].address.s_addr == address.s_addr)
			owner = &fleet->config->pis[i];
	}
	pi = fleet_find_mac(fleet, &mac);
	its_own =
		owner && (owner == find_listed(fleet->config, &mac) || (pi && pi->listed == owner));
	fleet_unlock(fleet);
	return owner && !its_own;
}

static void answered(void *ctx, const struct dhcp_client *client, const char *what,
		     struct in_addr address)
{
	struct fleet *fleet = ctx;
	char label[FLEET_LABEL_MAX];
	struct fleet_pi *pi;
	struct pi_mac mac;

	memcpy(mac.bytes, client->mac, sizeof(mac.bytes));
	pthread_mutex_lock(&fleet->lock);
	pi = fleet_find_mac(fleet, &mac);
	if (pi) {
		uint64_t now = fleet_ms();

		if (pi->phase < FLEET_OFFERED || pi->phase >= FLEET_MOUNTED)
			pi->phase = FLEET_OFFERED;
		if (address.s_addr)
			pi->address = address;
		if (!pi->logged_ms || now - pi->logged_ms >= OFFER_LOG_MS) {
			if (fleet_may_log(fleet, pi))
				fleet_say(fleet, LOG_LEVEL_INFO, "pi %s: %s sent",
					  fleet_label(pi, label), what);
			pi->logged_ms = now;
		}
	}
	fleet_unlock(fleet);
}

struct dhcp_site fleet_dhcp_site(struct fleet *fleet)
{
	return (struct dhcp_site){
		.policy = policy, .answered = answered, .reserved = reserved, .ctx = fleet};
}
