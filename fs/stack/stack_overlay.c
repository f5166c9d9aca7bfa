/* SPDX-License-Identifier: MIT */
/*
 * The overlay that is asked for, above what it is made on. Its lock is kept as long as the stack.
 */
#include "stack/stack_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "overlay/overlay.h"

static int check_options(const struct stack_options *options)
{
	if (!options->ext4.noload)
		return 0;
	log_error("overlay %s: not together with noload, which shows another tree",
		  options->overlay);
	return -EOPNOTSUPP;
}

/* Layers ------------------------------------------------------------------------------------- */

int stack_cannot_open(const struct state_overlay *overlay, int err)
{
	const char *advice = err == -EUCLEAN || err == -EBADMSG
				     ? ": \"bramble overlay check\" says what is damaged"
				     : "";

	log_error("overlay %s: cannot be opened: %s%s", overlay->name, strerror(-err), advice);
	return err;
}

int stack_put_stored(const char *folder, struct tree *lower, struct tree **out)
{
	const struct store_options options = {.read_only = true};
	struct store *store;
	int err = store_embedded_open(folder, &options, &store);

	if (err)
		return err;
	err = overlay_open(store, lower, out);
	if (err)
		store_close(store);
	return err;
}

/* Puts the overlay above stack->tree. One without a store is as what lies below. */
static int put_for_reading(struct stack *stack, const struct state_overlay *overlay)
{
	int err = overlay->info.empty ? 0
				      : stack_put_stored(overlay->path, stack->tree, &stack->tree);

	return err ? stack_cannot_open(overlay, err) : 0;
}

static int open_store(struct stack *stack, struct state_overlay *overlay, struct store **out)
{
	const struct store_options options = {
		.writer = stack->options.writer,
		.no_flush = stack->options.ephemeral,
	};
	struct store *store;
	int err;

	if (overlay->info.empty) {
		err = store_embedded_remove(overlay->path);
		if (!err)
			err = store_embedded_create(overlay->path);
		if (err)
			return err;
	}
	err = store_embedded_open(overlay->path, &options, &store);
	if (err)
		return err;
	/* what was reset or restored may not give out a number a second time */
	err = overlay->info.empty ? overlay_format(store, stack->tree, overlay->info.next_id)
				  : overlay_skip_ids(store, overlay->info.next_id);
	if (err) {
		store_close(store);
		return err;
	}
	*out = store;
	return 0;
}

/* Nobody can say later what was opened now: the verifier of this time is one of its own. */
static int make_session(struct stack *stack)
{
	uint8_t id[STATE_ID_BYTES];
	int err = state_id_make(id);

	if (!err)
		memcpy(&stack->session, id, sizeof(stack->session));
	return err;
}

/*
 * The info as of now: opened, on this image. @unclean: whoever changed the store last did not close it.
 * That says nothing new of one that was closed after it was found like this.
 */
static int note_opened(struct stack *stack, struct state_overlay *overlay, bool unclean)
{
	struct state_info *info = &overlay->info;
	bool was_empty = info->empty;
	const struct stack *below = stack->share->image;
	char *image = strdup(stack->real_path);
	int err;

	if (!image)
		return -ENOMEM;
	free(info->image);
	info->image = image;
	info->seen = below->seen;
	/* the only record of it, should the store be lost */
	info->next_id = max_u64(info->next_id, overlay_next_id(stack->tree));
	info->losses += unclean && info->in_use;
	info->empty = false;
	info->in_use = true;
	clock_gettime(CLOCK_REALTIME, &info->used);
	err = state_overlay_save(overlay);
	/* what an info calls empty counts for nothing; else it can be used as far as room goes */
	if (was_empty || (err != -ENOSPC && err != -EDQUOT))
		return err;
	log_warn("overlay %s: opened all the same: make room on its disk", overlay->name);
	return make_session(stack);
}

static int put_for_writing(struct stack *stack, struct state_overlay *overlay)
{
	struct store *store;
	bool unclean;
	int err = open_store(stack, overlay, &store);

	if (err)
		return stack_cannot_open(overlay, err);
	unclean = store_was_unclean(store);
	err = overlay_open(store, stack->tree, &stack->tree);
	if (err) {
		store_close(store);
		return stack_cannot_open(overlay, err);
	}
	/* durably, before anybody can write to it */
	err = note_opened(stack, overlay, unclean);
	return err ? stack_cannot_open(overlay, err) : 0;
}

/* Opening ------------------------------------------------------------------------------------ */

/* A stack without a tree yet. */
static int start_above(const char *path, const struct stack_options *options, struct stack **out)
{
	CLEANUP(stack_closep) struct stack *stack = calloc(1, sizeof(*stack));

	if (!stack)
		return -ENOMEM;
	stack->options = *options;
	stack->path = strdup(path);
	if (!stack->path)
		return -ENOMEM;
	stack->real_path = realpath(path, NULL);
	if (!stack->real_path) {
		int err = -errno;

		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	*out = TAKE(stack);
	return 0;
}

/* What @overlay is made on. Takes @state and @overlay, with or without an error. */
static int open_below(const char *path, const struct stack_options *options, struct state *state,
		      struct state_overlay *overlay, struct stack **out)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	CLEANUP(stack_share_putp) struct stack_share *image = NULL;
	CLEANUP(state_closep) struct state *owned_state = state;
	CLEANUP(state_overlay_closep) struct state_overlay *owned = overlay;
	struct stack_options chosen = *options;
	int err = stack_check_partition(overlay, options->partition);

	if (err)
		return err;
	chosen.partition = overlay->info.partition;
	err = stack_share_image(path ? path : overlay->info.image, &chosen, &overlay->info, &image);
	if (err && !path && access(overlay->info.image, F_OK) < 0)
		log_error("overlay %s: its image is not there: say --image FILE", overlay->name);
	if (!err)
		err = stack_check_image(overlay, image->image);
	if (!err)
		err = start_above(path ? path : overlay->info.image, &chosen, &stack);
	if (err)
		return err;
	stack->state = TAKE(owned_state);
	stack->overlay = TAKE(owned);
	err = stack_share_below(stack->overlay, image, &stack->share);
	if (err)
		return err;
	stack->tree = tree_share(stack->share->tree);
	*out = TAKE(stack);
	return 0;
}

/* Takes @state and @overlay, with or without an error. */
static int open_on(const char *path, const struct stack_options *options, struct state *state,
		   struct state_overlay *overlay, struct stack **out)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	int err = open_below(path, options, state, overlay, &stack);

	if (!err)
		err = overlay->access == STATE_WRITE ? put_for_writing(stack, overlay)
						     : put_for_reading(stack, overlay);
	if (err)
		return err;
	stack->layered = !overlay->info.empty;
	*out = TAKE(stack);
	return 0;
}

int stack_open_stored(const char *path, const char *folder, const struct stack_options *options,
		      struct stack **out)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	CLEANUP(state_closep) struct state *state = NULL;
	struct state_overlay *overlay;
	int err = state_open(options->state, false, &state);

	if (!err)
		err = state_overlay_open(state, options->overlay, STATE_LOOK, &overlay);
	if (!err)
		err = open_below(path, options, TAKE(state), overlay, &stack);
	if (!err)
		err = stack_put_stored(folder, stack->tree, &stack->tree);
	if (err)
		return err;
	stack->layered = true;
	*out = TAKE(stack);
	return 0;
}

struct state_info stack_made_on(const struct stack *image)
{
	struct state_info info = {
		.image = image->real_path,
		.partition = image->options.partition,
		.seen = image->seen,
	};

	memcpy(info.fingerprint, image->fingerprint, sizeof(info.fingerprint));
	return info;
}

int stack_create_on(const struct stack *image, struct state *state, const char *name,
		    struct state_overlay **out)
{
	const struct state_info info = stack_made_on(image);
	int err = state_overlay_create(state, name, &info, out);

	if (!err)
		log_info("overlay %s: made on %s", name, info.image);
	return err;
}

/* The first use of an overlay makes it. */
static int open_new(const char *path, const struct stack_options *options, struct state *state,
		    struct stack **out)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	CLEANUP(state_closep) struct state *owned_state = state;
	struct state_overlay *overlay;
	int err = start_above(path, options, &stack);

	if (!err)
		err = stack_share_image(path, options, NULL, &stack->share);
	if (!err)
		err = stack_create_on(stack->share->image, state, options->overlay, &overlay);
	if (err)
		return err;
	stack->state = TAKE(owned_state);
	stack->overlay = overlay;
	stack->tree = tree_share(stack->share->tree);
	err = put_for_writing(stack, overlay);
	if (err)
		return err;
	stack->layered = true;
	*out = TAKE(stack);
	return 0;
}

int stack_overlay_open(const char *path, const struct stack_options *options, struct stack **out)
{
	CLEANUP(state_closep) struct state *state = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	const char *name = options->overlay;
	int err = check_options(options);

	if (!err)
		err = state_open(options->state, !options->overlay_read_only, &state);
	if (err)
		return err;
	if (!options->overlay_read_only && path) {
		err = state_overlay_open(state, name, STATE_LOOK, &overlay);
		if (err == -ENOENT)
			return open_new(path, options, TAKE(state), out);
		state_overlay_close(TAKE(overlay));
		if (err)
			return err;
	}
	err = state_overlay_open(state, name, options->overlay_read_only ? STATE_READ : STATE_WRITE,
				 &overlay);
	if (err)
		return err;
	return open_on(path, options, TAKE(state), TAKE(overlay), out);
}

int stack_overlay_close(struct stack *stack)
{
	struct state_overlay *overlay = stack->overlay;
	uint64_t next_id;
	int err;

	if (overlay->access != STATE_WRITE)
		return overlay_close(TAKE(stack->tree));
	state_overlay_ending(overlay);
	next_id = overlay_next_id(stack->tree);
	err = overlay_close(TAKE(stack->tree));
	if (err) {
		log_error("overlay %s: not everything is durable: %s", overlay->name,
			  strerror(-err));
		return err;
	}
	overlay->info.next_id = max_u64(overlay->info.next_id, next_id);
	overlay->info.in_use = false;
	clock_gettime(CLOCK_REALTIME, &overlay->info.used);
	return state_overlay_save(overlay);
}

struct tree *stack_overlay_tree(struct stack *stack)
{
	return stack->layered ? stack->tree : NULL;
}

const struct state_info *stack_overlay_info(const struct stack *stack)
{
	return stack->overlay ? &stack->overlay->info : NULL;
}
