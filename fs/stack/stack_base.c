/* SPDX-License-Identifier: MIT */
/* What an overlay is made on: the image that is opened, and whether it is the right one. */
#include "stack/stack_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void say_partition(const struct state_info *info, char *out, size_t size)
{
	if (info->partition < 0)
		snprintf(out, size, "the composed tree");
	else
		snprintf(out, size, "partition %d", info->partition);
}

int stack_check_partition(const struct state_overlay *overlay, int given)
{
	char made[32];

	if (given < 0 || given == overlay->info.partition)
		return 0;
	say_partition(&overlay->info, made, sizeof(made));
	log_error("overlay %s: made on %s, not on partition %d", overlay->name, made, given);
	return -ESTALE;
}

/* Of a fingerprint, to tell one from another. */
#define SHOWN_BYTES 8

int stack_check_image(const struct state_overlay *overlay, const struct stack *stack)
{
	const struct state_info *info = &overlay->info;
	char then[2 * SHOWN_BYTES + 1];
	char now[2 * SHOWN_BYTES + 1];

	if (memcmp(info->fingerprint, stack->fingerprint, sizeof(info->fingerprint)) == 0)
		return 0;
	state_format_hex(info->fingerprint, SHOWN_BYTES, then);
	state_format_hex(stack->fingerprint, SHOWN_BYTES, now);
	if (strcmp(info->image, stack->real_path) == 0)
		log_error("overlay %s: made on %s as it was (fingerprint %s...); the image has "
			  "changed since (now %s...)",
			  overlay->name, info->image, then, now);
	else
		log_error("overlay %s: made on %s (fingerprint %s...), not on %s (%s...)",
			  overlay->name, info->image, then, stack->path, now);
	return -ESTALE;
}

int stack_open_lower(const char *path, const struct stack_options *options,
		     const struct state_info *known, struct stack **out)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	struct state_seen before;
	int err;

	err = stack_open_image(path, options, &stack);
	if (err)
		return err;
	stack_see(stack->img, &before);
	stack->real_path = realpath(path, NULL);
	if (!stack->real_path) {
		err = -errno;
		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	if (known && stack_is_same_file(&known->seen, &before)) {
		memcpy(stack->fingerprint, known->fingerprint, sizeof(stack->fingerprint));
	} else {
		err = stack_fingerprint(stack, stack->fingerprint);
		if (err) {
			log_error("%s: cannot be told from other images: %s", path, strerror(-err));
			return err;
		}
	}
	stack_see(stack->img, &stack->seen);
	/* what was hashed is what was seen only if nothing happened meanwhile */
	if (!stack_is_same_file(&stack->seen, &before))
		stack->seen = (struct state_seen){0};
	*out = TAKE(stack);
	return 0;
}

int stack_check_base(const struct state_overlay *above, const struct state_overlay *base)
{
	const struct state_info *info = &above->info;

	if (memcmp(info->base_uuid, base->info.uuid, sizeof(info->base_uuid)) != 0) {
		log_error("overlay %s: made on another overlay of the name %s", above->name,
			  base->name);
		return -ESTALE;
	}
	if (!base->info.frozen ||
	    memcmp(info->base_seal, base->info.seal, sizeof(info->base_seal)) != 0) {
		log_error("overlay %s: overlay %s has changed since %s was made on it", above->name,
			  base->name, above->name);
		return -ESTALE;
	}
	if (memcmp(info->fingerprint, base->info.fingerprint, sizeof(info->fingerprint)) != 0 ||
	    info->partition != base->info.partition) {
		log_error("overlay %s: overlay %s, which it is made on, is of another image",
			  above->name, base->name);
		return -ESTALE;
	}
	return 0;
}
