/* SPDX-License-Identifier: MIT */
/* What the subcommands of `bramble overlay` share. */
#ifndef BRAMBLE_TOOLS_CMD_OVERLAY_H
#define BRAMBLE_TOOLS_CMD_OVERLAY_H

#include "stack/stack.h"
#include "state/state.h"
#include "tools.h"

/* What was asked for: all options, and the arguments behind the subcommand's name. */
struct overlay_request {
	struct common_options common;
	const char *image; /* --image */
	const char *base; /* --base */
	const char *remove; /* --delete */
	bool list; /* --list */
	bool stat; /* --stat */
	bool yes; /* --yes */
	bool force; /* --force */
	int argc;
	char **argv;
};

/* Each returns an exit status. */
int cmd_overlay_list(const struct overlay_request *request);
int cmd_overlay_create(const struct overlay_request *request);
int cmd_overlay_show(const struct overlay_request *request);
int cmd_overlay_diff(const struct overlay_request *request);
int cmd_overlay_reset(const struct overlay_request *request);
int cmd_overlay_snapshot(const struct overlay_request *request);
int cmd_overlay_restore(const struct overlay_request *request);
int cmd_overlay_clone(const struct overlay_request *request);
int cmd_overlay_delete(const struct overlay_request *request);
int cmd_overlay_check(const struct overlay_request *request);

/* How the stack of the overlay @name is opened: for reading, unless the caller says otherwise. */
struct stack_options cmd_overlay_options(const struct overlay_request *request, const char *name);

/* Opens the overlay @name and its state directory. Errors are logged. */
int cmd_overlay_find(const struct overlay_request *request, const char *name,
		     enum state_access access, struct state **out_state,
		     struct state_overlay **out);

/*
 * Whether the files of the Pi that has the overlay @name may be taken away: it is off, or --force was given.
 * False: logged. And likewise for the change itself, for which a server lets go of the overlay.
 */
bool cmd_overlay_may_change(const struct overlay_request *request, const char *name);
bool cmd_overlay_begin_change(const struct overlay_request *request, const char *name);

/*
 * Asks whether what cannot be undone is to be done; the question is what the arguments say. STATUS_DONE:
 * yes, or --yes was given. STATUS_USAGE (logged): there is nobody to be asked.
 */
__attribute__((format(printf, 2, 3))) int cmd_overlay_confirm(const struct overlay_request *request,
							      const char *format, ...);

#endif
