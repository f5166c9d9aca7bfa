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
	bool same = a->count == b->count && strcmp(a->hostname, b->hostname) == 0;

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

/* Remembering -------------------------------------------------------------------------------- */

/* The first line of the notes of an overlay: a clone has the notes of another one. */
static size_t make_head(const struct state_info *info, char out[STATE_UUID_BYTES + 16])
{
	char uuid[STATE_UUID_BYTES];

	state_format_uuid(info->uuid, uuid);
	return (size_t)snprintf(out, STATE_UUID_BYTES + 16, "overlay %s\n", uuid);
}

static bool read_notes(const struct state_info *info, struct provision_report *out)
{
	char head[STATE_UUID_BYTES + 16];
	size_t len = make_head(info, head);

	return info->notes && strncmp(info->notes, head, len) == 0 &&
	       provision_report_parse(info->notes + len, strlen(info->notes) - len, out) == 0;
}

bool fleet_steps_find(const struct state_info *info, const struct fleet_record *record,
		      struct provision_report *out)
{
	if (read_notes(info, out))
		return true;
	if (record->has_overlay &&
	    memcmp(record->overlay, info->uuid, sizeof(record->overlay)) == 0)
		*out = record->steps;
	else
		*out = (struct provision_report){.count = 0};
	return false;
}

/* -ENOMEM, and errors of the disk, which are logged. */
static int write_notes(struct stack *stack, const struct provision_report *report)
{
	CLEANUP(freep) char *steps = NULL;
	CLEANUP(freep) char *notes = NULL;
	char head[STATE_UUID_BYTES + 16];
	int err = provision_report_format(report, &steps);

	if (err)
		return err;
	make_head(stack_overlay_info(stack), head);
	if (asprintf(&notes, "%s%s", head, steps) < 0) {
		notes = NULL;
		return -ENOMEM;
	}
	return stack_set_notes(stack, notes);
}

/* Running ------------------------------------------------------------------------------------ */

/* What a run needs. */
struct job {
	struct provision_pi who;
	struct provision_options options;
	struct provision_report before;
	bool noted; /* @before is in the overlay's notes */
	char off[OFF_MAX];
};

/* @job borrows all of them. */
static void prepare(const char *name, const struct config_rules *rules, struct stack *stack,
		    const struct fleet_record *record, struct job *job)
{
	*job = (struct job){.options = {.owns = owns, .ctx = stack}};
	join_names(rules->skip_steps, rules->skip_steps_count, job->off);
	job->options.off = job->off;
	job->noted = fleet_steps_find(stack_overlay_info(stack), record, &job->before);
	if (job->before.count)
		job->options.before = &job->before;
	job->who.name = *name ? name : NULL;
	make_serial(record->id, &job->who.serial);
	if (record->has_mac)
		job->who.mac = &record->mac;
	else if (record->has_loader)
		job->who.mac = &record->loader;
}

bool fleet_is_provisioned(const char *name, const struct config_rules *rules, struct stack *stack,
			  const struct fleet_record *record)
{
	struct job job;

	prepare(name, rules, stack, record, &job);
	return job.noted && provision_is_done(&job.who, &job.options);
}

static void tell(const char *id, const struct job *job, const struct provision_report *report)
{
	if (!job->options.before)
		log_report(id, report);
	else if (*job->before.hostname && strcmp(job->before.hostname, report->hostname) != 0)
		log_info("pi %s: is called %s now: its host name is that, unless it was changed on "
			 "the Pi",
			 id, report->hostname);
}

int fleet_provision(const char *name, const struct config_rules *rules, struct stack *stack,
		    struct fleet_record *record)
{
	struct provision_report report = {.count = 0};
	struct job job;
	int err;

	prepare(name, rules, stack, record, &job);
	err = provision_run(stack_tree(stack), &job.who, &job.options, &report);
	job.noted = job.noted && !err && is_same_report(&report, &job.before);
	if (!err && !job.noted)
		err = tree_sync(stack_tree(stack));
	if (err) {
		log_error("pi %s: its overlay cannot be made ready: %s", record->id,
			  strerror(-err));
		return err;
	}
	tell(record->id, &job, &report);
	record->has_overlay = true;
	memcpy(record->overlay, stack_overlay_info(stack)->uuid, sizeof(record->overlay));
	record->steps = (struct provision_report){.count = 0};
	/* where there is no room for it, it is remembered with the Pi */
	if (!job.noted && write_notes(stack, &report))
		record->steps = report;
	return 0;
}
