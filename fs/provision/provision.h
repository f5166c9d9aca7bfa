/* SPDX-License-Identifier: MIT */
/*
 * Writes into the new overlay of a Pi what must differ there from the image: fstab, units of the
 * first boot, network, and what tells one Pi from another. The front door of the provision room.
 *
 * Each step is one row of a table and can be switched off by its name. It changes only what it
 * recognises, as ordinary files that the Pi sees and may change back. A step that finds nothing to do
 * does nothing; one that fails is logged, and the Pi boots without it.
 */
#ifndef BRAMBLE_PROVISION_PROVISION_H
#define BRAMBLE_PROVISION_PROVISION_H

#include <stdbool.h>
#include <stddef.h>

#include "pi/pi.h"
#include "tree/tree.h"

#define PROVISION_NAME_MAX 32u /* bytes with NUL, of a step's name */
#define PROVISION_STEPS_MAX 32u
#define PROVISION_HOSTNAME_BYTES                                                                   \
	64u /* with NUL; HOST_NAME_MAX of Linux is 64, a label of DNS has 63 */

struct provision_job;

/* One row of the table. */
struct provision_step {
	const char *name; /* "fstab", "ssh-host-key" */
	const char *description; /* one line for people */
	unsigned int version; /* raised when the step writes something else */
	bool identity; /* about this Pi alone: also to be run over a golden base, and after a clone */
	int (*run)(struct provision_job *job); /* for this room alone */
	/* likewise: what is to be done at each later run, if it has run; NULL: nothing */
	int (*again)(struct provision_job *job);
};

/* All steps, in the order in which they run. */
const struct provision_step *provision_steps(size_t *out_count);

/* NULL: there is no such step. */
const struct provision_step *provision_find(const char *name);

/* Whose overlay it is. */
struct provision_pi {
	struct pi_serial serial; /* for the log, and for a name if it has none */
	const char *name; /* borrowed; the host name. NULL: pi-SERIAL */
	const struct pi_mac
		*mac; /* borrowed: of the interface that it boots from. NULL: not known */
};

enum provision_result {
	PROVISION_DONE, /* it has changed something */
	PROVISION_NOTHING, /* there was nothing that it knows, or all was as it should be */
	PROVISION_OFF, /* switched off */
	PROVISION_FAILED, /* runs again when the report is given to provision_run */
};

struct provision_entry {
	char step[PROVISION_NAME_MAX];
	unsigned int version; /* of the step that ran */
	enum provision_result result;
};

/* What was done to an overlay; the caller keeps it with the overlay, where the Pi does not see it. */
struct provision_report {
	size_t count;
	struct provision_entry entries[PROVISION_STEPS_MAX];
	char hostname
		[PROVISION_HOSTNAME_BYTES]; /* that the overlay was made ready for; or empty: not known */
};

struct provision_options {
	/* borrowed: names of steps that are not to run, separated by commas or blanks; or NULL */
	const char *off;
	bool identity_only; /* for a golden base, and after a clone */
	/* borrowed: what an earlier run did: those steps do not run again, unless they failed. Or NULL */
	const struct provision_report *before;
	/*
	 * Whether @device, an identifier and no device node, is a partition of the image; NULL: only
	 * fstab itself tells.
	 */
	bool (*owns)(void *ctx, const struct pi_device *device);
	void *ctx;
};

/*
 * -EINVAL (logged, after @where) where @off names a step that there is not. For the configuration, so
 * that a misspelt name is not met by a Pi that boots.
 */
int provision_check_off(const char *where, const char *off);

/*
 * Runs the steps on the tree of a new overlay. @out tells what each did, those of options->before
 * included. 0 also where steps failed; -EROFS where the tree cannot be changed. Nothing is synced:
 * tree_sync comes before the report is kept. May be broken off by a crash at any point: the same
 * steps run again. A Pi that is called otherwise now gets another host name, if the one that it has is
 * still the one that was written.
 */
int provision_run(struct tree *tree, const struct provision_pi *pi,
		  const struct provision_options *options, struct provision_report *out);

/* Whether provision_run would do nothing, by what options->before says. */
bool provision_is_done(const struct provision_pi *pi, const struct provision_options *options);

/* The host name that a Pi is to have. */
void provision_make_hostname(const struct provision_pi *pi, char out[PROVISION_HOSTNAME_BYTES]);

/* How many steps of the report failed. */
size_t provision_failures(const struct provision_report *report);

/*
 * A report as text, one line a step: "fstab 1 done", "hostname 1 done kitchen". *@out is malloc'd. Reading: unknown steps are
 * kept; -EINVAL where a line is none, -E2BIG where there are too many.
 */
int provision_report_format(const struct provision_report *report, char **out);
int provision_report_parse(const char *text, size_t len, struct provision_report *out);

/* "done", "nothing", "off", "failed". */
const char *provision_result_name(enum provision_result result);

/*
 * Gives @take the path of every program that has capabilities (security.capability), which NFSv3 does
 * not carry: on the Pi it has none. Looks at the whole tree, so it may take seconds. Not 0: stop, and
 * return this.
 */
typedef int (*provision_path_fn)(void *ctx, const char *path);
int provision_capabilities(struct tree *tree, provision_path_fn take, void *ctx);

#endif
