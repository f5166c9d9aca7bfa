/* SPDX-License-Identifier: MIT */
/* The table of steps, and one run of them. */
#include "provision/provision_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"

#define SEPARATORS ", \t"

static const struct provision_step steps[] = {
	{"fstab", "the image's own partitions out of /etc/fstab", 1, false, provision_fstab, NULL},
	{"first-boot", "custom.toml applied without the image's first boot program", 1, false,
	 provision_first_boot, NULL},
	{"resize", "nothing grows a partition that is not there", 1, false, provision_resize, NULL},
	{"swap", "no swap file on the network", 1, false, provision_swap, NULL},
	{"network", "the interface that the root comes over stays up", 1, false, provision_network,
	 NULL},
	{"initramfs", "an initramfs made on the Pi has all modules", 1, false, provision_initramfs,
	 NULL},
	{"cloud-init", "the seed is read from the boot directory", 1, false, provision_cloud_init,
	 NULL},
	{"docker", "a storage driver that works on NFS", 1, false, provision_docker, NULL},
	{"hostname", "a host name of its own", 1, true, provision_hostname,
	 provision_hostname_again},
	{"machine-id", "a machine id of its own", 1, true, provision_machine_id, NULL},
	{"random-seed", "a random seed of its own", 1, true, provision_random_seed, NULL},
	{"ssh-host-key", "an SSH host key of its own", 1, true, provision_ssh_host_key, NULL},
};

static_assert(ARRAY_SIZE(steps) <= PROVISION_STEPS_MAX, "room in the report");

const struct provision_step *provision_steps(size_t *out_count)
{
	*out_count = ARRAY_SIZE(steps);
	return steps;
}

static const struct provision_step *find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (strlen(steps[i].name) == len && memcmp(steps[i].name, name, len) == 0)
			return &steps[i];
	}
	return NULL;
}

const struct provision_step *provision_find(const char *name)
{
	return find(name, strlen(name));
}

int provision_check_off(const char *where, const char *off)
{
	while (off && *(off += strspn(off, SEPARATORS))) {
		size_t len = strcspn(off, SEPARATORS);

		if (!find(off, len)) {
			log_error("%s: there is no provisioning step \"%.*s\"", where,
				  (int)min_u64(len, 64), off);
			return -EINVAL;
		}
		off += len;
	}
	return 0;
}

static bool is_off(const struct provision_options *options, const struct provision_step *step)
{
	const char *off = options->off;

	while (off && *(off += strspn(off, SEPARATORS))) {
		size_t len = strcspn(off, SEPARATORS);

		if (find(off, len) == step)
			return true;
		off += len;
	}
	return false;
}

/* What an earlier run has said of the step; NULL: nothing that counts. */
static const struct provision_entry *find_before(const struct provision_report *before,
						 const struct provision_step *step)
{
	for (size_t i = 0; before && i < before->count; i++) {
		if (strcmp(before->entries[i].step, step->name) == 0)
			return &before->entries[i];
	}
	return NULL;
}

static void add(struct provision_report *report, const char *name, unsigned int version,
		enum provision_result result)
{
	struct provision_entry *entry;

	if (report->count == PROVISION_STEPS_MAX)
		return;
	entry = &report->entries[report->count++];
	snprintf(entry->step, sizeof(entry->step), "%s", name);
	entry->version = version;
	entry->result = result;
}

static enum provision_result run(struct provision_job *job)
{
	int err = job->step->run(job);

	if (err) {
		log_warn("provision: %s: step %s: %s; the Pi boots without it",
			 job->pi->serial.text, job->step->name, strerror(-err));
		return PROVISION_FAILED;
	}
	return job->changed ? PROVISION_DONE : PROVISION_NOTHING;
}

/* A step that has run before. */
static enum provision_result run_again(struct provision_job *job, enum provision_result before)
{
	int err = before == PROVISION_OFF || !job->step->again ? 0 : job->step->again(job);

	if (err)
		log_warn("provision: %s: step %s: %s; it stays as it was", job->pi->serial.text,
			 job->step->name, strerror(-err));
	return job->changed ? PROVISION_DONE : before;
}

/* Steps of a later version of the program are kept in the report. */
static void keep_unknown(const struct provision_report *before, struct provision_report *out)
{
	for (size_t i = 0; before && i < before->count; i++) {
		const struct provision_entry *entry = &before->entries[i];

		if (!provision_find(entry->step))
			add(out, entry->step, entry->version, entry->result);
	}
}

static void warn_of_layout(struct tree *tree, const struct provision_pi *pi)
{
	static const char *const known[] = {"/etc/os-release", "/usr/lib/os-release"};
	uint64_t id;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (tree_walk(tree, known[i], true, &id) == 0)
			return;
	}
	log_warn("provision: %s: there is no /etc/os-release: this may be no system that we know",
		 pi->serial.text);
}

/* Whether the host name is the one that the overlay was made ready for, or nobody's business. */
static bool is_named(const struct provision_pi *pi, const struct provision_options *options,
		     const struct provision_step *step, const struct provision_entry *before)
{
	char name[PROVISION_HOSTNAME_BYTES];

	if (!step->again || before->result == PROVISION_OFF || is_off(options, step))
		return true;
	provision_make_hostname(pi, name);
	return strcmp(name, options->before->hostname) == 0;
}

bool provision_is_done(const struct provision_pi *pi, const struct provision_options *options)
{
	bool done = options->before != NULL;

	for (size_t i = 0; done && i < ARRAY_SIZE(steps); i++) {
		const struct provision_entry *before = find_before(options->before, &steps[i]);

		done = before && before->result != PROVISION_FAILED &&
		       is_named(pi, options, &steps[i], before);
	}
	return done;
}

int provision_run(struct tree *tree, const struct provision_pi *pi,
		  const struct provision_options *options, struct provision_report *out)
{
	struct provision_report report = {.count = 0};

	if (options->before)
		memcpy(report.hostname, options->before->hostname, sizeof(report.hostname));
	if (!tree_is_writable(tree))
		return -EROFS;
	if (!options->identity_only)
		warn_of_layout(tree, pi);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct provision_job job = {
			.tree = tree,
			.pi = pi,
			.options = options,
			.step = &steps[i],
			.hostname = report.hostname,
		};
		const struct provision_entry *before = find_before(options->before, &steps[i]);

		if (before && before->result != PROVISION_FAILED)
			add(&report, before->step, before->version,
			    is_off(options, &steps[i]) ? before->result
						       : run_again(&job, before->result));
		else if (options->identity_only && !steps[i].identity)
			continue;
		else if (is_off(options, &steps[i]))
			add(&report, steps[i].name, steps[i].version, PROVISION_OFF);
		else
			add(&report, steps[i].name, steps[i].version, run(&job));
	}
	keep_unknown(options->before, &report);
	*out = report;
	return 0;
}
