/* SPDX-License-Identifier: MIT */
/*
 * Trees that Pis without one of their own see: an image, or a frozen overlay on it. Each is opened once,
 * and stays open until the file of its image is another one.
 */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/wait.h"

static struct fleet_tree *find_shared(const struct fleet *fleet, const struct config_image *image,
				      const char *base)
{
	for (size_t i = 0; i < fleet->shared_count; i++) {
		struct fleet_tree *tree = fleet->shared[i];

		if (!tree->closing && strcmp(tree->file, image->file) == 0 &&
		    tree->partition == image->partition && strcmp(tree->base, base) == 0)
			return tree;
	}
	return NULL;
}

/* Before it is opened here, because nobody can freeze it then; and Pis' overlays are to be made on it. */
static int freeze(struct fleet *fleet, const char *base)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;

	return state_overlay_freeze(fleet->state, base, &overlay);
}

/* Whether @dir, a path from the root on, has one of the names. */
static bool has_one(struct tree *tree, const char *dir, const char *const names[], size_t count)
{
	char path[FLEET_PATH_MAX];
	uint64_t id;

	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		if (tree_walk(tree, path, true, &id) == 0)
			return true;
	}
	return false;
}

/* What nobody could boot is served all the same: it may be meant for something else. */
static void tell_what_is_missing(const struct fleet_tree *tree)
{
	static const char *const firmware[] = {"config.txt", "bootcode.bin",	"start.elf",
					       "start4.elf", "kernel8.img",	"kernel.img",
					       "boot.img",   "kernel_2712.img", "boot.scr"};
	static const char *const system[] = {"etc", "usr", "sbin", "bin"};
	struct tree *root = stack_tree(tree->stack);

	if (!has_one(root, tree->boot, firmware, ARRAY_SIZE(firmware)))
		log_warn("%s: has no firmware or kernel of a Raspberry Pi: none can boot from it",
			 tree->file);
	if (!has_one(root, "", system, ARRAY_SIZE(system)))
		log_warn("%s: has no root file system of a Linux: no Pi can go on with it",
			 tree->file);
}

static int open_shared(struct fleet *fleet, const struct config_image *image, const char *base,
		       struct fleet_tree **out)
{
	struct stack_options options = STACK_OPTIONS_DEFAULT;
	struct fleet_tree *tree = calloc(1, sizeof(*tree));
	int err;

	if (!tree)
		return -ENOMEM;
	options.partition = image->partition;
	options.state = state_path(fleet->state);
	options.overlay = *base ? base : NULL;
	options.overlay_read_only = true;
	options.pool = fleet->pool;
	tree->partition = image->partition;
	snprintf(tree->base, sizeof(tree->base), "%s", base);
	tree->file = strdup(image->file);
	err = tree->file ? 0 : -ENOMEM;
	if (!err && *base)
		err = freeze(fleet, base);
	if (!err)
		err = stack_open(image->file, &options, &tree->stack);
	if (err) {
		fleet_tree_free(tree);
		return err;
	}
	fleet_tree_find_boot(tree);
	if (!*base)
		tell_what_is_missing(tree);
	tree->export.tree = stack_tree(tree->stack);
	tree->ready = true;
	*out = tree;
	return 0;
}

static int add_shared(struct fleet *fleet, struct fleet_tree *tree)
{
	struct fleet_tree **more =
		reallocarray(fleet->shared, fleet->shared_count + 1, sizeof(struct fleet_tree *));

	if (!more)
		return -ENOMEM;
	fleet->shared = more;
	fleet->shared[fleet->shared_count++] = tree;
	return 0;
}

int fleet_tree_share(struct fleet *fleet, const struct config_image *image, const char *base,
		     struct fleet_tree **out)
{
	struct fleet_tree *tree, *made = NULL;
	int err = 0;

	pthread_mutex_lock(&fleet->lock);
	tree = find_shared(fleet, image, base);
	if (!tree && !wait_allowed())
		err = -EAGAIN;
	if (!tree && !err) {
		fleet_unlock(fleet);
		err = open_shared(fleet, image, base, &made);
		pthread_mutex_lock(&fleet->lock);
		/* somebody else may have been faster */
		tree = find_shared(fleet, image, base);
		if (!tree && !err) {
			err = add_shared(fleet, made);
			if (!err)
				tree = TAKE(made);
		}
	}
	if (tree) {
		tree->users++;
		*out = tree;
		err = 0;
	}
	fleet_unlock(fleet);
	if (made) {
		stack_close(made->stack);
		fleet_tree_free(made);
	}
	return err;
}

/* Images that change --------------------------------------------------------------------------- */

static void tell(const struct fleet_tree *tree, enum stack_image_state state)
{
	switch (state) {
	case STACK_IMAGE_SAME:
		log_info("%s: is there again", tree->file);
		break;
	case STACK_IMAGE_REPLACED:
		log_warn("%s: is another file now, which new Pis boot from; those that have an "
			 "overlay need the old one, or \"bramble overlay reset\"",
			 tree->file);
		break;
	case STACK_IMAGE_WRITTEN:
		log_error("%s: was written to while it is served: what Pis read of it may be "
			  "anything: put another file in its place instead",
			  tree->file);
		break;
	case STACK_IMAGE_GONE:
		log_error("%s: is gone: no further overlay can be opened", tree->file);
		break;
	}
}

/* With the lock held: one more user of the next that is not looked at since @when; NULL: there is none. */
static struct fleet_tree *next_unseen(struct fleet *fleet, uint64_t when)
{
	for (size_t i = 0; i < fleet->shared_count; i++) {
		struct fleet_tree *tree = fleet->shared[i];

		if (tree->closing || tree->looked_ms >= when)
			continue;
		tree->looked_ms = when;
		tree->users++;
		return tree;
	}
	return NULL;
}

static void look_at(struct fleet *fleet, struct fleet_tree *tree)
{
	enum stack_image_state state = stack_image_state(tree->stack);

	pthread_mutex_lock(&fleet->lock);
	if (state != tree->image)
		tell(tree, state);
	tree->image = state;
	/* whoever asks next opens what is there now */
	tree->closing = state == STACK_IMAGE_REPLACED || state == STACK_IMAGE_WRITTEN;
	fleet_unlock(fleet);
	fleet_tree_put(fleet, tree);
}

/* Takes one out that nobody uses any more; NULL: there is none. */
static struct fleet_tree *take_unused(struct fleet *fleet)
{
	struct fleet_tree *found = NULL;

	pthread_mutex_lock(&fleet->lock);
	for (size_t i = 0; i < fleet->shared_count && !found; i++) {
		if (!fleet->shared[i]->closing || fleet->shared[i]->users)
			continue;
		found = fleet->shared[i];
		fleet->shared[i] = fleet->shared[--fleet->shared_count];
	}
	fleet_unlock(fleet);
	return found;
}

void fleet_shared_look(struct fleet *fleet)
{
	const uint64_t now = fleet_ms();
	struct fleet_tree *tree;

	for (;;) {
		pthread_mutex_lock(&fleet->lock);
		tree = next_unseen(fleet, now);
		fleet_unlock(fleet);
		if (!tree)
			break;
		look_at(fleet, tree);
	}
	while ((tree = take_unused(fleet))) {
		stack_close(tree->stack);
		fleet_tree_free(tree);
	}
}

void fleet_shared_close(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->shared_count; i++) {
		stack_close(fleet->shared[i]->stack);
		fleet_tree_free(fleet->shared[i]);
	}
	free(fleet->shared);
}
