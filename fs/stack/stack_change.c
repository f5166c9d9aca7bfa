/* SPDX-License-Identifier: MIT */
/* Overlays that are made above others, or go back to an earlier state. */
#include "stack/stack_private.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

/* Where a store is lost, so many numbers are taken to be used: more than one session gives out. */
#define IDS_SKIPPED ((uint64_t)1 << 24)

/* Whether @path, if given, and @options fit what the overlay @base is made on. */
static int check_fits(const char *path, struct state_overlay *base,
		      const struct stack_options *options)
{
	CLEANUP(stack_share_putp) struct stack_share *share = NULL;
	struct stack_options chosen = *options;
	int err = stack_check_partition(base, options->partition);

	if (err || !path)
		return err;
	chosen.partition = base->info.partition;
	err = stack_share_image(path, &chosen, &base->info, &share);
	return err ? err : stack_check_image(base, share->image);
}

/* How many overlays lie below this one. */
static int count_bases(const struct state_overlay *overlay, int *out)
{
	char above[STATE_NAME_MAX + 1];
	char name[STATE_NAME_MAX + 1];
	int count = 0;

	memcpy(above, overlay->name, sizeof(above));
	memcpy(name, overlay->info.base, sizeof(name));
	for (; name[0]; count++) {
		CLEANUP(state_overlay_closep) struct state_overlay *base = NULL;
		int err;

		if (count == STACK_BASES_MAX)
			break;
		err = state_overlay_open(overlay->state, name, STATE_LOOK, &base);
		if (err) {
			log_error("overlay %s: made on overlay %s, which cannot be opened: %s",
				  above, name, strerror(-err));
			return err;
		}
		memcpy(above, name, sizeof(above));
		memcpy(name, base->info.base, sizeof(name));
	}
	*out = count;
	return 0;
}

static int check_absent(struct state *state, const char *name)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	int err = state_overlay_open(state, name, STATE_LOOK, &overlay);

	if (err)
		return err == -ENOENT ? 0 : err;
	log_error("overlay %s: exists already", name);
	return -EEXIST;
}

/* What can be known before the base is frozen, which is not to happen for nothing. */
static int check_above(const char *path, const char *base_name, const struct stack_options *options,
		       struct state *state)
{
	CLEANUP(state_overlay_closep) struct state_overlay *base = NULL;
	int count;
	int err = state_overlay_open(state, base_name, STATE_LOOK, &base);

	if (err == -ENOENT)
		log_error("overlay %s: there is none in %s", base_name, state_path(state));
	if (!err)
		err = count_bases(base, &count);
	if (err)
		return err;
	if (count + 1 > STACK_BASES_MAX) {
		log_error("overlay %s: more than %d overlays would lie below it", options->overlay,
			  STACK_BASES_MAX);
		return -ELOOP;
	}
	return check_fits(path, base, options);
}

/* What an overlay is that is made on the overlay @base, which is frozen; its strings are borrowed. */
static struct state_info made_above(const struct state_overlay *base)
{
	struct state_info info = base->info;

	memcpy(info.base, base->name, sizeof(info.base));
	memcpy(info.base_uuid, base->info.uuid, sizeof(info.base_uuid));
	memcpy(info.base_seal, base->info.seal, sizeof(info.base_seal));
	return info;
}

static int create_above(const char *path, const char *base_name,
			const struct stack_options *options, struct state *state)
{
	CLEANUP(state_overlay_closep) struct state_overlay *base = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	struct state_info info;
	int err = check_absent(state, options->overlay);

	if (!err)
		err = check_above(path, base_name, options, state);
	if (!err)
		err = state_overlay_freeze(state, base_name, &base);
	if (err)
		return err;
	info = made_above(base);
	return state_overlay_create(state, options->overlay, &info, &overlay);
}

int stack_overlay_create(const char *path, const char *base, const struct stack_options *options)
{
	CLEANUP(stack_share_putp) struct stack_share *share = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	CLEANUP(state_closep) struct state *state = NULL;
	int err = state_name_check("overlay", options->overlay);

	if (!err)
		err = state_open(options->state, true, &state);
	if (err)
		return err;
	if (base)
		return create_above(path, base, options, state);
	err = stack_share_image(path, options, NULL, &share);
	return err ? err : stack_create_on(share->image, state, options->overlay, &overlay);
}

/* Whether an overlay that is made on what @a says is so on what @b says. */
static bool is_made_alike(const struct state_info *a, const struct state_info *b)
{
	return a->partition == b->partition && strcmp(a->base, b->base) == 0 &&
	       memcmp(a->base_uuid, b->base_uuid, sizeof(a->base_uuid)) == 0 &&
	       memcmp(a->base_seal, b->base_seal, sizeof(a->base_seal)) == 0 &&
	       memcmp(a->fingerprint, b->fingerprint, sizeof(a->fingerprint)) == 0;
}

static int remake(struct state_overlay *overlay, const struct state_info *made)
{
	int err;

	if (is_made_alike(&overlay->info, made))
		return 0;
	err = state_overlay_remake(overlay, made);
	if (!err)
		log_info("overlay %s: made anew on %s%s%s", overlay->name, made->image,
			 made->base[0] ? " and overlay " : "", made->base);
	return err;
}

static int remake_above(const char *path, const char *base_name,
			const struct stack_options *options, struct state_overlay *overlay)
{
	CLEANUP(state_overlay_closep) struct state_overlay *base = NULL;
	struct state_info info;
	int err = check_above(path, base_name, options, overlay->state);

	if (!err)
		err = state_overlay_freeze(overlay->state, base_name, &base);
	if (err)
		return err;
	info = made_above(base);
	return remake(overlay, &info);
}

int stack_overlay_remake(const char *path, const char *base, const struct stack_options *options)
{
	CLEANUP(stack_share_putp) struct stack_share *share = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	CLEANUP(state_closep) struct state *state = NULL;
	struct state_info info;
	int err = state_open(options->state, true, &state);

	if (!err)
		err = state_overlay_open(state, options->overlay, STATE_WRITE, &overlay);
	if (err)
		return err;
	if (!overlay->info.empty)
		return -ENOTEMPTY;
	if (base)
		return remake_above(path, base, options, overlay);
	err = stack_share_image(path, options, &overlay->info, &share);
	if (err)
		return err;
	info = stack_made_on(share->image);
	return remake(overlay, &info);
}

/*
 * Brings the info up to date of an overlay that was not closed: by opening and closing it. Where its
 * store is damaged, numbers are skipped instead. -EBUSY (logged): it is in use.
 */
static int settle(const char *path, const struct stack_options *options, struct state *state,
		  uint64_t *out_next_id)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	struct stack *stack;
	int err = state_overlay_open(state, options->overlay, STATE_LOOK, &overlay);

	*out_next_id = 0;
	/* what is wrong is told by the one who opens it to change it */
	if (err || overlay->info.empty || !overlay->info.in_use)
		return 0;
	err = stack_overlay_open(path, options, &stack);
	if (!err)
		err = stack_close(stack);
	if (err == -EBUSY || err == -EROFS)
		return err;
	if (err) {
		*out_next_id = overlay->info.next_id + IDS_SKIPPED;
		log_warn("overlay %s: goes back all the same; new files get numbers from %llu on",
			 overlay->name, (unsigned long long)*out_next_id);
	}
	return 0;
}

struct check {
	const char *path; /* of the image, or NULL */
	const struct stack_options *options;
};

/* Whether what is in @folder can take the place of the overlay's store. */
static int check_stored(void *ctx, const char *folder)
{
	const struct check *check = ctx;
	struct stack *stack;
	unsigned int problems = 0;
	int err = store_embedded_check(folder, &problems);

	if (err || problems)
		return err ? err : -EUCLEAN;
	err = stack_open_stored(check->path, folder, check->options, &stack);
	if (!err)
		return stack_close(stack);
	if (err == -EUCLEAN || err == -EBADMSG || err == -ENOMEM || check->path)
		return err;
	/* to go back does not need the image, which may be somewhere else */
	log_warn("overlay %s: goes back all the same; what the snapshot holds was not compared "
		 "with the image",
		 check->options->overlay);
	return 0;
}

/* To the beginning, on the image @path if that is not NULL: one that cannot be had is met before anything is lost. */
static int reset(const char *path, const struct stack_options *options,
		 struct state_overlay *overlay, uint64_t next_id, int *out_data)
{
	CLEANUP(stack_share_putp) struct stack_share *share = NULL;
	struct stack_options chosen = *options;
	struct state_info made;
	int err;

	if (!path)
		return state_overlay_reset(overlay, next_id, out_data);
	if (chosen.partition < 0)
		chosen.partition = overlay->info.partition;
	err = stack_share_image(path, &chosen, &overlay->info, &share);
	/* what its base is made on stays */
	if (!err && overlay->info.base[0])
		err = stack_check_image(overlay, share->image);
	if (err)
		return err;
	err = state_overlay_reset(overlay, next_id, out_data);
	if (err || overlay->info.base[0])
		return err;
	made = stack_made_on(share->image);
	return remake(overlay, &made);
}

/* @snapshot NULL: to the beginning. */
static int go_back(const char *path, const char *snapshot, const struct stack_options *options,
		   int *out_data)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	CLEANUP(state_closep) struct state *state = NULL;
	struct stack_options writing = *options;
	struct check check = {.path = path, .options = &writing};
	uint64_t next_id;
	int err = state_open(options->state, true, &state);

	if (err)
		return err;
	writing.overlay_read_only = false;
	err = settle(path, &writing, state, &next_id);
	if (err)
		return err;
	err = state_overlay_open(state, options->overlay, STATE_WRITE, &overlay);
	if (err)
		return err;
	return snapshot ? state_snapshot_restore(overlay, snapshot, next_id, check_stored, &check)
			: reset(path, options, overlay, next_id, out_data);
}

int stack_overlay_reset(const char *path, const struct stack_options *options, int *out_data)
{
	return go_back(path, NULL, options, out_data);
}

int stack_overlay_restore(const char *path, const char *snapshot,
			  const struct stack_options *options)
{
	return go_back(path, snapshot, options, NULL);
}
