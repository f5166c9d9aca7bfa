/* SPDX-License-Identifier: MIT */
/* What is written into a Pi's new overlay before it mounts it. */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

/* Bytes of all names of steps that are switched off. */
#define OFF_MAX (CONFIG_LIST_MAX * (PROVISION_NAME_MAX + 1))

/* Whether a line of fstab is about a partition of the image. */
static bool owns(void *ctx, const struct pi_device *device)
{
	size_t count;
	const struct stack_volume *volumes = stack_volumes(ctx, &count);
	bool owned = device->kind == PI_DEVICE_NUMBER;

	if (!device->value[0])
		return owned;
	for (size_t i = 0; i < count && !owned; i++) {
		const struct stack_volume *volume = &volumes[i];

		switch (device->kind) {
		case PI_DEVICE_UUID:
			owned = strcasecmp(device->value, volume->uuid) == 0;
			break;
		case PI_DEVICE_LABEL:
			owned = strcmp(device->value, volume->label) == 0;
			break;
		case PI_DEVICE_PARTUUID:
			owned = strcasecmp(device->value, volume->partition->partuuid) == 0;
			break;
		case PI_DEVICE_PARTLABEL:
			owned = strcmp(device->value, volume->partition->name) == 0;
			break;
		case PI_DEVICE_OTHER:
		case PI_DEVICE_NUMBER:
			break;
		}
	}
	return owned;
}

static void join_names(char *const *names, size_t count, char out[OFF_MAX])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < count && len < OFF_MAX; i++)
		len += (size_t)snprintf(out + len, OFF_MAX - len, "%s%s", i ? "," : "", names[i]);
}

static void log_report(const char *id, const struct provision_report *report)
{
	char steps[OFF_MAX] = "";
	size_t len = 0;

	for (size_t i = 0; i < report->count && len < sizeof(steps); i++) {
		if (report->entries[i].result != PROVISION_DONE)
			continue;
		len += (size_t)snprintf(steps + len, sizeof(steps) - len, "%s%s", len ? ", " : "",
					report->entries[i].step);
	}
	log_info("pi %s: overlay made ready: %s", id, len ? steps : "nothing to change");
}

static bool is_same_report(const struct provision_report *a, const struct provision_report *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->entries[i].step, b->entries[i].step) == 0 &&
		       a->entries[i].version == b->entries[i].version &&
		       a->entries[i].result == b->entries[i].result;
	return same;
}

/* A machine that is known by its MAC alone gets the last digits of that. */
static void make_serial(const char *id, struct pi_serial *out)
{
	struct pi_mac mac;
	uint32_t number = 0;

	if (pi_serial_parse(id, strlen(id), out) == 0)
		return;
	if (pi_mac_parse(id, strlen(id), &mac) == 0) {
		for (size_t i = 2; i < sizeof(mac.bytes); i++)
			number = number << 8 | mac.bytes[i];
	}
	pi_serial_make(number, out);
}

int fleet_provision(const char *name, const struct config_rules *rules, struct stack *stack,
		    struct fleet_record *record)
{
	const struct state_info *info = stack_overlay_info(stack);
	bool same = record->has_overlay &&
		    memcmp(record->overlay, info->uuid, sizeof(record->overlay)) == 0;
	struct provision_options options = {.owns = owns, .ctx = stack};
	struct provision_report report = {.count = 0};
	struct provision_pi who = {.name = *name ? name : NULL};
	char off[OFF_MAX];
	int err;

	join_names(rules->skip_steps, rules->skip_steps_count, off);
	options.off = off;
	if (same)
		options.before = &record->steps;
	make_serial(record->id, &who.serial);
	if (record->has_mac)
		who.mac = &record->mac;
	else if (record->has_loader)
		who.mac = &record->loader;
	err = provision_run(stack_tree(stack), &who, &options, &report);
	if (!err && !(same && is_same_report(&report, &record->steps)))
		err = tree_sync(stack_tree(stack));
	if (err) {
		log_error("pi %s: its overlay cannot be made ready: %s", record->id,
			  strerror(-err));
		return err;
	}
	if (!same)
		log_report(record->id, &report);
	record->has_overlay = true;
	memcpy(record->overlay, info->uuid, sizeof(record->overlay));
	record->steps = report;
	return 0;
}
