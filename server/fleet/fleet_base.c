/* SPDX-License-Identifier: MIT */
/* Whether an overlay can lie below those of Pis: looked at before it is noted, not when one boots. */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <string.h>

/* Why it cannot be frozen, or read. */
static void explain_busy(const struct state_overlay *overlay, char why[FLEET_WHY_MAX])
{
	CLEANUP(freep) char *holder = NULL;

	state_overlay_holder(overlay, &holder);
	snprintf(why, FLEET_WHY_MAX,
		 "is in use by %s: what a Pi boots above cannot change: end that first",
		 holder ? holder : "another program");
}

static void explain(const char *file, int err, char why[FLEET_WHY_MAX])
{
	if (err == -ESTALE)
		snprintf(why, FLEET_WHY_MAX, "was made on another image than %s", file);
	else
		snprintf(why, FLEET_WHY_MAX, "cannot be used: %s: the server's log says more",
			 strerror(-err));
}

/* Whether it is sound, and made on the image. */
static int look_through(struct fleet *fleet, const char *file, int partition, const char *base)
{
	struct stack_options options = STACK_OPTIONS_DEFAULT;
	struct stack *stack = NULL;
	int err;

	options.partition = partition;
	options.state = state_path(fleet->state);
	options.overlay = base;
	options.overlay_read_only = true;
	options.pool = fleet->pool;
	err = stack_open(file, &options, &stack);
	return err ? err : stack_close(stack);
}

int fleet_base_check(struct fleet *fleet, const char *file, int partition, const char *base,
		     char why[FLEET_WHY_MAX])
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *frozen = NULL;
	int err = state_overlay_open(fleet->state, base, STATE_LOOK, &overlay);

	if (err == -ENOENT) {
		snprintf(why, FLEET_WHY_MAX,
			 "there is no such overlay: make it by \"bramble overlay create %s --image "
			 "%s\"",
			 base, file ? file : "IMAGE");
		return err;
	}
	if (!err)
		err = look_through(fleet, file, partition, base);
	if (!err)
		err = state_overlay_freeze(fleet->state, base, &frozen);
	if (err == -EBUSY)
		explain_busy(overlay, why);
	else if (err)
		explain(file ? file : "the Pi's", err, why);
	return err;
}
