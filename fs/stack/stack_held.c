/* SPDX-License-Identifier: MIT */
/* What is asked of an overlay, and done to it, while it is open. */
#include "stack/stack_private.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "overlay/overlay.h"

uint64_t stack_verifier(const struct stack *stack)
{
	static const uint8_t key[HASH_SHORT_KEY_BYTES] = "write verifier";
	const struct state_info *info = stack_overlay_info(stack);
	struct {
		uint8_t uuid[STATE_ID_BYTES];
		uint64_t epoch;
		uint64_t losses;
		uint64_t session;
	} of = {.session = stack->session};

	if (info) {
		memcpy(of.uuid, info->uuid, sizeof(of.uuid));
		of.epoch = info->epoch;
		of.losses = info->losses;
	}
	return hash_short(key, &of, sizeof(of));
}

struct state_overlay *stack_overlay(struct stack *stack)
{
	return stack->overlay;
}

int stack_set_notes(struct stack *stack, const char *notes)
{
	return state_overlay_set_notes(stack->overlay, notes);
}

typedef int (*copy_fn)(struct state_overlay *overlay, const char *name);

/* With the files of the store as they are when all is in them, and nobody writes to them. */
static int copy(struct stack *stack, const char *name, copy_fn copy_to)
{
	struct state_overlay *overlay = stack->overlay;
	int err;

	if (!overlay)
		return -EINVAL;
	if (!stack->layered || overlay->access != STATE_WRITE)
		return copy_to(overlay, name);
	overlay_pause(stack->tree);
	err = overlay_settle(stack->tree);
	if (err)
		log_error("overlay %s: cannot be copied: %s", overlay->name, strerror(-err));
	/* the copy has to know which numbers are taken */
	overlay->info.next_id = max_u64(overlay->info.next_id, overlay_next_id(stack->tree));
	if (!err)
		err = copy_to(overlay, name);
	overlay_resume(stack->tree);
	return err;
}

int stack_snapshot(struct stack *stack, const char *snapshot)
{
	return copy(stack, snapshot, state_snapshot_take);
}

int stack_clone(struct stack *stack, const char *name)
{
	return copy(stack, name, state_overlay_clone);
}
