/* SPDX-License-Identifier: MIT */
/* The Pis that are known: finding them, what holds for each, and who is forgotten. */
#include "fleet/fleet_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"

/*
 * Pis that are not ours, but were seen, and how many of them one machine may be: more are forgotten. Those first of the
 * machine that is most of them, so that nobody who invents serials pushes another one out that is about to mount.
 * A bridge may stand for a classroom.
 */
#define GUESTS_MAX 1024u

/* So long a guest is remembered that comes no more, and may be one whose files somebody had a look at. */
#define GUEST_S 86400

/* Lines of the log about who is refused: so many at once, and then one more in each interval. */
#define REFUSALS_MAX 256u
#define REFUSAL_INTERVAL_MS 1000u

/* Likewise about guests, of whom there may be a thousand that boot for the first time. */
#define GUEST_LINES_MAX 8192u
#define GUEST_LINE_INTERVAL_MS 100u

uint64_t fleet_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

int64_t fleet_wall(void)
{
	return (int64_t)time(NULL);
}

const char *fleet_name(const struct fleet_pi *pi)
{
	if (pi->listed && pi->listed->name[0])
		return pi->listed->name;
	return pi->record.name;
}

const char *fleet_label(const struct fleet_pi *pi, char out[FLEET_LABEL_MAX])
{
	const char *name = fleet_name(pi);

	if (*name)
		snprintf(out, FLEET_LABEL_MAX, "%s (%s)", pi->record.id, name);
	else
		snprintf(out, FLEET_LABEL_MAX, "%s", pi->record.id);
	return out;
}

bool fleet_is_ours(const struct fleet_pi *pi)
{
	return pi->listed || pi->record.joined;
}

/* Finding ------------------------------------------------------------------------------------ */

struct fleet_pi *fleet_find(const struct fleet *fleet, const char *id)
{
	for (size_t i = 0; i < fleet->pis_count; i++) {
		if (strcmp(fleet->pis[i]->record.id, id) == 0)
			return fleet->pis[i];
	}
	return NULL;
}

static bool has_mac(const struct fleet_pi *pi, const struct pi_mac *mac)
{
	return (pi->record.has_mac && pi_mac_is_equal(&pi->record.mac, mac)) ||
	       (pi->record.has_loader && pi_mac_is_equal(&pi->record.loader, mac)) ||
	       (pi->listed && pi->listed->has_mac &&
		memcmp(pi->listed->mac, mac->bytes, sizeof(mac->bytes)) == 0);
}

/* A machine may say any serial: ours comes before a guest. */
struct fleet_pi *fleet_find_mac(const struct fleet *fleet, const struct pi_mac *mac)
{
	struct fleet_pi *guest = NULL;

	for (size_t i = 0; i < fleet->pis_count; i++) {
		if (!has_mac(fleet->pis[i], mac))
			continue;
		if (fleet_is_ours(fleet->pis[i]))
			return fleet->pis[i];
		if (!guest)
			guest = fleet->pis[i];
	}
	return guest;
}

struct fleet_pi *fleet_find_address(const struct fleet *fleet, struct in_addr address)
{
	struct fleet_pi *found = NULL;

	for (size_t i = 0; i < fleet->pis_count; i++) {
		struct fleet_pi *pi = fleet->pis[i];
		bool loaded = pi->loaded_ms && pi->loader.s_addr == address.s_addr;

		if (!loaded && pi->address.s_addr != address.s_addr)
			continue;
		/* an address moves on to another machine: the latest one has it */
		if (!found || pi->seen_ms > found->seen_ms)
			found = pi;
	}
	return found;
}

static bool is_called(const struct fleet_pi *pi, const char *text, size_t len)
{
	const char *name = fleet_name(pi);

	return strlen(name) == len && len && memcmp(name, text, len) == 0;
}

static bool has_prefix(const struct fleet_pi *pi, const char *text, size_t len)
{
	size_t have = pi->listed ? strcspn(pi->listed->prefix, "/") : 0;

	return have == len && len && memcmp(pi->listed->prefix, text, len) == 0;
}

bool fleet_id_of(const struct fleet *fleet, const char *text, size_t len,
		 char out[FLEET_ID_MAX + 1])
{
	struct pi_serial serial;
	struct pi_mac mac;

	for (size_t i = 0; i < fleet->pis_count; i++) {
		if (!is_called(fleet->pis[i], text, len) && !has_prefix(fleet->pis[i], text, len))
			continue;
		memcpy(out, fleet->pis[i]->record.id, sizeof(fleet->pis[i]->record.id));
		return true;
	}
	if (pi_serial_parse(text, len, &serial) == 0) {
		memcpy(out, serial.text, sizeof(serial.text));
		return true;
	}
	if (pi_mac_parse(text, len, &mac) == 0) {
		const struct fleet_pi *pi = fleet_find_mac(fleet, &mac);

		if (pi)
			memcpy(out, pi->record.id, sizeof(pi->record.id));
		else
			pi_mac_format(&mac, '-', out);
		return true;
	}
	return false;
}

/* What holds for one ------------------------------------------------------------------------- */

void fleet_list(struct fleet *fleet, struct fleet_pi *pi)
{
	const struct config *config = fleet->config;

	pi->listed = NULL;
	for (size_t i = 0; i < config->pis_count && !pi->listed; i++) {
		const struct config_pi *listed = &config->pis[i];
		char mac[PI_MAC_TEXT] = "";
		struct pi_mac bytes;

		if (!listed->serial[0] && listed->has_mac) {
			memcpy(bytes.bytes, listed->mac, sizeof(bytes.bytes));
			pi_mac_format(&bytes, '-', mac);
		}
		if (strcmp(listed->serial[0] ? listed->serial : mac, pi->record.id) == 0)
			pi->listed = listed;
	}
	/* for `bramble overlay`, which knows no configuration */
	if (pi->listed && strcmp(pi->listed->name, pi->record.name) != 0) {
		memcpy(pi->record.name, pi->listed->name, sizeof(pi->record.name));
		pi->dirty = true;
	}
}

const struct config_rules *fleet_rules(const struct fleet *fleet, const struct fleet_pi *pi)
{
	return pi && pi->listed ? &pi->listed->rules : &fleet->config->defaults;
}

enum config_keep fleet_keep(const struct fleet *fleet, const struct fleet_pi *pi)
{
	if (!pi->listed && pi->record.keep >= 0)
		return (enum config_keep)pi->record.keep;
	return fleet_rules(fleet, pi)->keep;
}

const struct config_image *fleet_image(const struct fleet *fleet, const struct fleet_pi *pi)
{
	const char *name = fleet_rules(fleet, pi)->image;

	if (pi && !pi->listed && pi->record.image[0])
		name = pi->record.image;
	return name ? config_find_image(fleet->config, name) : NULL;
}

const char *fleet_base(const struct fleet *fleet, const struct fleet_pi *pi)
{
	const char *name = fleet_rules(fleet, pi)->base;

	if (pi && !pi->listed && pi->record.base[0])
		name = pi->record.base;
	return name ? name : "";
}

void fleet_refuse(struct fleet *fleet, const char *id, struct in_addr address, const char *why)
{
	struct fleet_stranger *stranger = NULL;
	struct fleet_pi *pi = fleet_find(fleet, id);
	char text[INET_ADDRSTRLEN];

	/* not of one that is up, for somebody else's sake */
	if (pi && (pi->phase < FLEET_MOUNTED || pi->address.s_addr == address.s_addr))
		snprintf(pi->refused, sizeof(pi->refused), "%s", why);
	for (size_t i = 0; i < FLEET_STRANGERS && !stranger; i++) {
		if (strcmp(fleet->strangers[i].id, id) == 0)
			stranger = &fleet->strangers[i];
	}
	if (!stranger) {
		stranger = &fleet->strangers[fleet->strangers_next++ % FLEET_STRANGERS];
		*stranger = (struct fleet_stranger){.id = ""};
		snprintf(stranger->id, sizeof(stranger->id), "%s", id);
	}
	inet_ntop(AF_INET, &address, text, sizeof(text));
	/* neither one that tries again and again nor one with many names is to fill the log */
	if ((stranger->seen == 0 || fleet_wall() - stranger->seen >= 60 ||
	     strcmp(stranger->why, why) != 0) &&
	    fleet_bucket_take(&fleet->refusals, REFUSALS_MAX, REFUSAL_INTERVAL_MS))
		fleet_say(fleet, LOG_LEVEL_WARN, "pi %s: refused: %s: %s", id, text, why);
	stranger->address = address;
	stranger->seen = fleet_wall();
	snprintf(stranger->why, sizeof(stranger->why), "%s", why);
}

void fleet_forgive(struct fleet *fleet, struct fleet_pi *pi, struct in_addr address)
{
	pi->refused[0] = '\0';
	for (size_t i = 0; i < FLEET_STRANGERS; i++) {
		struct fleet_stranger *stranger = &fleet->strangers[i];

		if (strcmp(stranger->id, pi->record.id) == 0 &&
		    stranger->address.s_addr == address.s_addr)
			*stranger = (struct fleet_stranger){.id = ""};
	}
}

/* Keeping ------------------------------------------------------------------------------------ */

int fleet_add(struct fleet *fleet, struct fleet_pi *pi)
{
	struct fleet_pi **more =
		reallocarray(fleet->pis, fleet->pis_count + 1, sizeof(struct fleet_pi *));

	if (!more)
		return -ENOMEM;
	fleet->pis = more;
	fleet->pis[fleet->pis_count++] = pi;
	fleet_list(fleet, pi);
	return 0;
}

bool fleet_may_log(struct fleet *fleet, const struct fleet_pi *pi)
{
	return fleet_is_ours(pi) ||
	       fleet_bucket_take(&fleet->guests, GUEST_LINES_MAX, GUEST_LINE_INTERVAL_MS);
}

static bool is_guest(const struct fleet_pi *pi)
{
	return !fleet_is_ours(pi) && !pi->tree && !pi->pins && !pi->lent;
}

static bool is_older(const struct fleet_pi *a, const struct fleet_pi *b)
{
	if (a->seen_ms != b->seen_ms)
		return a->seen_ms < b->seen_ms;
	return a->record.last_seen < b->record.last_seen;
}

/* Its file is removed by a worker. */
static void note_forgotten(struct fleet *fleet, const struct fleet_pi *pi)
{
	char(*more)[FLEET_ID_MAX + 1];

	if (!pi->filed)
		return;
	more = reallocarray(fleet->forgotten, fleet->forgotten_count + 1, sizeof(*more));
	if (!more)
		return;
	memcpy(more[fleet->forgotten_count++], pi->record.id, sizeof(*more));
	fleet->forgotten = more;
}

/* A number for the machine that a guest is: by its MAC, else by its address. 0: that is not known. */
static uint64_t machine_of(const struct fleet_pi *pi)
{
	const struct pi_mac *mac = pi->record.has_loader ? &pi->record.loader : &pi->record.mac;
	uint64_t machine = 1;

	if (!pi->record.has_loader && !pi->record.has_mac)
		return pi->address.s_addr;
	for (size_t i = 0; i < sizeof(mac->bytes); i++)
		machine = machine << 8 | mac->bytes[i];
	return machine;
}

/* By machine, and those of one in the order in which they were seen. */
static int compare_guests(const void *a, const void *b)
{
	const struct fleet_pi *one = *(struct fleet_pi *const *)a;
	const struct fleet_pi *other = *(struct fleet_pi *const *)b;
	const uint64_t machine = machine_of(one);

	if (machine != machine_of(other))
		return machine < machine_of(other) ? -1 : 1;
	return is_older(one, other) ? -1 : is_older(other, one);
}

/* Of the machine that is most of the @count guests the first one; of several the oldest. */
static struct fleet_pi *find_surplus(struct fleet_pi **guests, size_t count)
{
	struct fleet_pi *found = NULL;
	size_t end, most = 0;

	qsort(guests, count, sizeof(*guests), compare_guests);
	for (size_t start = 0; start < count; start = end) {
		const uint64_t machine = machine_of(guests[start]);

		for (end = start; end < count && machine_of(guests[end]) == machine;)
			end++;
		if (end - start < most || (end - start == most && !is_older(guests[start], found)))
			continue;
		most = end - start;
		found = guests[start];
	}
	return found;
}

static void forget_guest(struct fleet *fleet, struct fleet_pi *pi)
{
	size_t at = 0;

	while (fleet->pis[at] != pi)
		at++;
	note_forgotten(fleet, pi);
	free(pi);
	fleet->pis[at] = fleet->pis[--fleet->pis_count];
}

bool fleet_forget_a_guest(struct fleet *fleet)
{
	CLEANUP(freep) struct fleet_pi **guests = NULL;
	size_t count = 0;

	if (fleet->pis_count < GUESTS_MAX)
		return false;
	guests = calloc(fleet->pis_count, sizeof(*guests));
	if (!guests)
		return false;
	for (size_t i = 0; i < fleet->pis_count; i++) {
		if (is_guest(fleet->pis[i]))
			guests[count++] = fleet->pis[i];
	}
	if (count < GUESTS_MAX)
		return false;
	forget_guest(fleet, find_surplus(guests, count));
	return true;
}

/* By the clock only if it was before the start: it may be set meanwhile. */
static bool is_old(const struct fleet_pi *pi)
{
	if (pi->seen_ms)
		return fleet_ms() - pi->seen_ms >= GUEST_S * 1000u;
	return fleet_wall() - pi->record.last_seen >= GUEST_S;
}

void fleet_forget_old_guests(struct fleet *fleet)
{
	for (size_t i = fleet->pis_count; i-- > 0;) {
		struct fleet_pi *pi = fleet->pis[i];

		if (!is_guest(pi) || !is_old(pi))
			continue;
		note_forgotten(fleet, pi);
		free(pi);
		fleet->pis[i] = fleet->pis[--fleet->pis_count];
	}
}

struct fleet_pi *fleet_meet(struct fleet *fleet, const char *id)
{
	struct fleet_pi *pi = fleet_find(fleet, id);

	if (pi)
		return pi;
	fleet_forget_a_guest(fleet);
	pi = calloc(1, sizeof(*pi));
	if (!pi)
		return NULL;
	snprintf(pi->record.id, sizeof(pi->record.id), "%s", id);
	pi->record.keep = -1;
	pi->record.first_seen = fleet_wall();
	if (fleet_add(fleet, pi)) {
		free(pi);
		return NULL;
	}
	return pi;
}

void fleet_pin(struct fleet_pi *pi)
{
	pi->pins++;
}

void fleet_unpin(struct fleet *fleet, struct fleet_pi *pi)
{
	if (!pi)
		return;
	pthread_mutex_lock(&fleet->lock);
	pi->pins--;
	fleet_unlock(fleet);
}
