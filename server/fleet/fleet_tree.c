/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing trees: a Pi's own overlay.
 *
 * A tree is in fleet_pi->tree from the moment that somebody opens it; others wait until it is ready. It
 * is closed when its users are gone: by whoever wants the overlay for something
 * else, at the end, or after it was idle for a while.
 */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/wait.h"

/* How long a tree stays open that nobody uses. */
#define IDLE_MS 60000u

/* How often those who use a tree that is to be closed are told so. */
#define FORGET_AGAIN_MS 200u

/* How long how many calls of a Pi wait for an overlay that is lent. The others come again later. */
#define LENT_WAIT_MS 1000u
#define LENT_WAITING_MAX 2u

void fleet_tree_free(struct fleet_tree *tree)
{
	if (!tree)
		return;
	free(tree->file);
	free(tree);
}

static void wait_until(struct fleet *fleet, uint64_t ms)
{
	struct timespec until = {.tv_sec = (time_t)(ms / 1000),
				 .tv_nsec = (long)(ms % 1000) * 1000000};

	pthread_cond_timedwait(&fleet->changed, &fleet->lock, &until);
}

void fleet_tree_find_boot(struct fleet_tree *tree)
{
	size_t count;
	const struct stack_volume *volumes = stack_volumes(tree->stack, &count);

	snprintf(tree->boot, sizeof(tree->boot), "/");
	for (size_t i = 0; i < count; i++) {
		if (volumes[i].boots && volumes[i].mount_point[0])
			snprintf(tree->boot, sizeof(tree->boot), "%s", volumes[i].mount_point);
	}
}

static int start_export(struct fleet_tree *tree)
{
	const struct state_info *info = stack_overlay_info(tree->stack);
	struct nfs_export *export = &tree->export;

	export->tree = stack_tree(tree->stack);
	memcpy(export->uuid, info->uuid, sizeof(export->uuid));
	memcpy(&export->fsid, info->uuid, sizeof(export->fsid));
	export->epoch = info->epoch;
	export->verifier = stack_verifier(tree->stack);
	return nfs_export_start(export);
}

/* What opening a Pi's own tree needs, copied while the lock was held. */
struct opening {
	struct fleet_config *config; /* borrowed, for @image and @rules */
	const struct config_image *image; /* NULL: it is none of the configuration any more */
	const struct config_rules *rules;
	char base[STATE_NAME_MAX + 1];
	char name[STATE_NAME_MAX + 1];
	enum config_keep keep;
	bool make;
	bool renew; /* with @make: it starts anew */
	struct fleet_record record; /* changed by what is done */
};

/* What there is of an overlay before it is opened. */
struct found {
	bool exists;
	bool empty; /* nothing was written to it since it was made or reset */
	bool reset; /* likewise, and it was reset: what it is made on counts for nothing */
};

static struct found find_overlay(struct fleet *fleet, const char *id)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	int err = state_overlay_open(fleet->state, id, STATE_LOOK, &overlay);

	return (struct found){
		.exists = err != -ENOENT,
		.empty = err == -ENOENT || (err == 0 && overlay->info.empty),
		.reset = err == 0 && overlay->info.empty && overlay->info.epoch > 0,
	};
}

/*
 * What was done to an overlay that is empty now is to be done again; durably, because it is empty no more
 * as soon as it was opened.
 */
static int forget_steps(struct fleet *fleet, struct fleet_pi *pi, struct opening *opening)
{
	if (opening->record.steps.count == 0)
		return 0;
	opening->record.steps.count = 0;
	pthread_mutex_lock(&fleet->lock);
	pi->record.steps.count = 0;
	pi->dirty = true;
	fleet_unlock(fleet);
	return fleet_save_records(fleet);
}

static struct stack_options options_of(struct fleet *fleet, const struct opening *opening)
{
	struct stack_options options = STACK_OPTIONS_DEFAULT;

	options.partition = opening->image ? opening->image->partition : -1;
	options.state = state_path(fleet->state);
	options.overlay = opening->record.id;
	options.writer = fleet->writer;
	options.pool = fleet->pool;
	options.ephemeral = opening->keep == CONFIG_KEEP_UNTIL_REBOOT;
	return options;
}

/* One that was reset is made on what is configured, whatever it was made on before. */
static int make_anew(const struct stack_options *options, const char *image, const char *base)
{
	return image ? stack_overlay_remake(image, *base ? base : NULL, options) : 0;
}

/* A Pi with keep = until-reboot has loaded its kernel again: nothing of its former life stays. */
static int renew(const struct stack_options *options, const char *image, const char *base)
{
	CLEANUP(closep) int data = -1;
	int err;

	log_info("pi %s: starts anew: keep = until-reboot", options->overlay);
	err = stack_overlay_reset(NULL, options, &data);
	return err ? err : make_anew(options, image, base);
}

/*
 * Opens the overlay on the configured image; if it was made on another one, on that one: a Pi keeps what
 * it has until somebody decides.
 */
static int open_overlay(const char *image, const struct stack_options *options, struct stack **out)
{
	struct stack_options made = *options;
	int err = stack_open(image, options, out);

	if (err != -ESTALE || !image)
		return err;
	made.partition = -1;
	err = stack_open(NULL, &made, out);
	if (err)
		log_error("pi %s: what its overlay was made on is not there any more: \"bramble "
			  "overlay reset %s\" throws its changes away and starts anew on %s",
			  options->overlay, options->overlay, image);
	else
		log_warn("pi %s: its overlay was made on another image than %s: it goes on with "
			 "that one; \"bramble overlay reset %s\" would change over",
			 options->overlay, image, options->overlay);
	return err;
}

/* Likewise of a base, which every overlay that is there already keeps. */
static void tell_of_base(const struct opening *opening, struct stack *stack)
{
	const char *base = stack_overlay_info(stack)->base;

	if (opening->make && strcmp(base, opening->base) != 0)
		log_warn("pi %s: its overlay was made on %s%s, not on %s%s: it goes on with that; "
			 "\"bramble overlay reset %s\" would change over",
			 opening->record.id, *base ? "the base " : "no base", base,
			 opening->base[0] ? "" : "none", opening->base, opening->record.id);
}

/* The overlay alone: made, renewed or as it is. */
static int open_stack(struct fleet *fleet, struct fleet_pi *pi, struct opening *opening,
		      struct stack **out)
{
	struct stack_options options = options_of(fleet, opening);
	const char *image = opening->image ? opening->image->file : NULL;
	const struct found found = find_overlay(fleet, opening->record.id);
	int err = 0;

	if (!found.exists && !(opening->make && image))
		return -ENOENT;
	/* what it is made on is decided when it is mounted */
	if (found.reset && image && !opening->make)
		return -ENOENT;
	if (found.empty || opening->renew)
		err = forget_steps(fleet, pi, opening);
	if (!err && found.exists && opening->renew)
		err = renew(&options, image, opening->base);
	else if (!err && found.reset)
		err = make_anew(&options, image, opening->base);
	else if (!err && !found.exists && opening->base[0])
		err = stack_overlay_create(image, opening->base, &options);
	if (!err)
		err = open_overlay(image, &options, out);
	/* not flushed before the host lost its power: nothing that a Pi which mounts anew could miss */
	if (err == -EUCLEAN && found.exists && opening->make && options.ephemeral) {
		err = forget_steps(fleet, pi, opening);
		if (!err)
			err = renew(&options, image, opening->base);
		if (!err)
			err = open_overlay(image, &options, out);
	}
	if (!err)
		tell_of_base(opening, *out);
	/* to a Pi that has handles these would mean that its files are gone for good */
	return err == -ENOENT || err == -ESTALE ? -EIO : err;
}

static int open_own(struct fleet *fleet, struct opening *opening, struct fleet_tree *tree)
{
	int err = open_stack(fleet, tree->pi, opening, &tree->stack);

	if (err)
		return err;
	if (opening->make)
		err = fleet_provision(opening->name, opening->rules, tree->stack, &opening->record);
	if (!err)
		err = start_export(tree);
	if (err) {
		stack_close(tree->stack);
		return err;
	}
	tree->export.squash_root = opening->rules->root_squash;
	fleet_tree_find_boot(tree);
	return 0;
}

static bool is_to_renew(const struct fleet *fleet, const struct fleet_pi *pi)
{
	return (pi->record.renew || pi->ending) &&
	       fleet_keep(fleet, pi) == CONFIG_KEEP_UNTIL_REBOOT;
}

/* With the lock held: what is to be remembered of an overlay that was made or looked through. */
static void take_record(struct fleet_pi *pi, const struct opening *opening)
{
	struct fleet_record *record = &pi->record;

	if (opening->renew || !record->has_overlay ||
	    memcmp(record->overlay, opening->record.overlay, sizeof(record->overlay)) != 0)
		pi->unsaved = true;
	record->renew = false;
	pi->ending = 0;
	record->has_overlay = opening->record.has_overlay;
	memcpy(record->overlay, opening->record.overlay, sizeof(record->overlay));
	record->steps = opening->record.steps;
	pi->dirty = true;
}

/* With the lock held: it cannot be opened, for a while. */
static void note_failed(struct fleet_pi *pi, int err)
{
	pi->failed = err;
	pi->failed_ms = fleet_ms();
	snprintf(pi->refused, sizeof(pi->refused), "its overlay cannot be opened: %s",
		 strerror(-err));
}

/* With the lock held: ends the opening that has begun with tree->ready = false. */
static void settle(struct fleet *fleet, struct fleet_pi *pi, const struct opening *opening,
		   struct fleet_tree *tree, int err)
{
	if (err) {
		pi->tree = NULL;
		if (err == -ENOENT)
			pi->absent_ms = fleet_ms();
		else if (err != -EBUSY)
			note_failed(pi, err);
		fleet_tree_free(tree);
	} else {
		if (pi->failed)
			pi->refused[0] = '\0';
		pi->failed = 0;
		pi->absent_ms = 0;
		tree->ready = true;
		tree->provisioned = fleet_is_provisioned(opening->name, opening->rules, tree->stack,
							 &opening->record);
		memcpy(tree->name, opening->name, sizeof(tree->name));
		tree->users = 1;
		if (opening->make)
			take_record(pi, opening);
	}
	pthread_cond_broadcast(&fleet->changed);
}

static void prepare(struct fleet *fleet, const struct fleet_pi *pi, bool make,
		    struct opening *opening)
{
	opening->config = fleet_config_borrow(fleet);
	opening->image = fleet_image(fleet, pi);
	opening->rules = fleet_rules(fleet, pi);
	opening->keep = fleet_keep(fleet, pi);
	snprintf(opening->base, sizeof(opening->base), "%s", fleet_base(fleet, pi));
	snprintf(opening->name, sizeof(opening->name), "%s", fleet_name(pi));
	opening->make = make;
	opening->renew = make && is_to_renew(fleet, pi);
	opening->record = pi->record;
}

/* With the lock held, which is released while the overlay is opened. */
static int open_first(struct fleet *fleet, struct fleet_pi *pi, bool make, struct fleet_tree **out)
{
	CLEANUP(freep) struct opening *opening = calloc(1, sizeof(*opening));
	struct fleet_tree *tree = opening ? calloc(1, sizeof(*tree)) : NULL;
	int err;

	if (!tree)
		return -ENOMEM;
	prepare(fleet, pi, make, opening);
	tree->pi = pi;
	pi->tree = tree;
	fleet_unlock(fleet);
	err = open_own(fleet, opening, tree);
	pthread_mutex_lock(&fleet->lock);
	settle(fleet, pi, opening, tree, err);
	fleet_config_return(opening->config);
	/* held by `bramble overlay`, which was lent it */
	if (err == -EBUSY)
		return -EAGAIN;
	if (!err)
		*out = tree;
	return err;
}

/* With the lock held: waits a little until a Pi's overlay is not lent any more. -EAGAIN: it still is. */
static int wait_for_return(struct fleet *fleet, struct fleet_pi *pi)
{
	uint64_t until = fleet_ms() + LENT_WAIT_MS;

	if (pi->waiting >= LENT_WAITING_MAX)
		return -EAGAIN;
	pi->waiting++;
	while (pi->lent && fleet_ms() < until)
		wait_until(fleet, until);
	pi->waiting--;
	return pi->lent ? -EAGAIN : 0;
}

/* With the lock held: whether an open tree is to be mounted as it is. */
static bool is_to_mount(const struct fleet *fleet, const struct fleet_pi *pi,
			const struct fleet_tree *tree)
{
	return tree->provisioned && strcmp(tree->name, fleet_name(pi)) == 0 &&
	       !is_to_renew(fleet, pi);
}

/* With the lock held: one that was loaded while its tree was to be kept. */
static void forget_kernel(struct fleet_pi *pi)
{
	if (pi->record.renew)
		pi->dirty = true;
	pi->record.renew = false;
	pi->ending = 0;
}

/* With the lock held. *@out_again: the present tree had to be closed, or waited for: look again. */
static int open_step(struct fleet *fleet, struct fleet_pi *pi, bool make, struct fleet_tree **out,
		     bool *out_again)
{
	struct fleet_tree *tree = pi->tree;
	int err;

	*out_again = false;
	if (tree && tree->ready && !tree->closing && (!make || is_to_mount(fleet, pi, tree))) {
		if (make)
			forget_kernel(pi);
		tree->users++;
		*out = tree;
		return 0;
	}
	if (!tree && !make && pi->absent_ms && fleet_ms() - pi->absent_ms < FLEET_ABSENT_MS)
		return -ENOENT;
	if (!tree && !make && pi->failed && fleet_ms() - pi->failed_ms < FLEET_FAILED_MS)
		return pi->failed;
	if (!wait_allowed())
		return -EAGAIN;
	if (!tree && !pi->lent)
		return open_first(fleet, pi, make, out);
	if (!tree) {
		err = wait_for_return(fleet, pi);
	} else if (!tree->ready || tree->closing) {
		wait_until(fleet, fleet_ms() + 1000);
		err = 0;
	} else {
		fleet_unlock(fleet);
		err = fleet_tree_close(fleet, pi, FLEET_CLOSE_WAIT_MS);
		pthread_mutex_lock(&fleet->lock);
	}
	*out_again = !err;
	return err;
}

int fleet_tree_open(struct fleet *fleet, struct fleet_pi *pi, bool make, struct fleet_tree **out)
{
	bool again;
	int err;

	pthread_mutex_lock(&fleet->lock);
	do {
		err = open_step(fleet, pi, make, out, &again);
	} while (again);
	fleet_unlock(fleet);
	return err;
}

void fleet_tree_put(struct fleet *fleet, struct fleet_tree *tree)
{
	pthread_mutex_lock(&fleet->lock);
	if (--tree->users == 0) {
		tree->idle_ms = fleet_ms();
		if (tree->pi && !tree->closing)
			tree->pi->dropped_ms = 0;
		if (tree->closing)
			pthread_cond_broadcast(&fleet->changed);
	}
	fleet_unlock(fleet);
}

/* Closing ------------------------------------------------------------------------------------ */

/* On the loop: connections have kept the export between their calls, and TFTP has for as long as a Pi loads a file. */
static void forget(struct loop_work *work)
{
	struct fleet_tree *tree = (void *)((char *)work - offsetof(struct fleet_tree, forgetting));
	struct fleet *fleet = tree->fleet;

	fleet->hooks.forget(fleet->hooks.ctx, &tree->export);
	pthread_mutex_lock(&fleet->lock);
	tree->forgets = false;
	pthread_cond_broadcast(&fleet->changed);
	fleet_unlock(fleet);
}

/* With the lock held: waits until nobody uses the tree, which is closing. */
static int wait_for_users(struct fleet *fleet, struct fleet_tree *tree, unsigned int wait_ms)
{
	uint64_t now = fleet_ms();
	uint64_t until = now + wait_ms;

	while ((tree->users || tree->forgets) && now < until) {
		/* again and again: a file may just be being opened */
		if (fleet->hooks.forget && !tree->forgets) {
			tree->fleet = fleet;
			tree->forgets = true;
			loop_post(fleet->loop, &tree->forgetting, forget);
		}
		wait_until(fleet, min_u64(until, now + FORGET_AGAIN_MS));
		now = fleet_ms();
	}
	return tree->users || tree->forgets ? -EBUSY : 0;
}

/* Not freed: whoever looks at the Pi still sees that it is closing. */
static int end_tree(struct fleet_tree *tree)
{
	if (tree->pi)
		nfs_export_finish(&tree->export);
	return stack_close(tree->stack);
}

int fleet_tree_close(struct fleet *fleet, struct fleet_pi *pi, unsigned int wait_ms)
{
	struct fleet_tree *tree;
	int err;

	pthread_mutex_lock(&fleet->lock);
	while (pi->tree && (!pi->tree->ready || pi->tree->closing))
		wait_until(fleet, fleet_ms() + 1000);
	tree = pi->tree;
	if (!tree) {
		fleet_unlock(fleet);
		return 0;
	}
	if (tree->users)
		pi->dropped_ms = fleet_ms();
	tree->closing = true;
	__atomic_store_n(&tree->export.gone, true, __ATOMIC_RELEASE);
	err = wait_for_users(fleet, tree, wait_ms);
	if (err) {
		tree->closing = false;
		__atomic_store_n(&tree->export.gone, false, __ATOMIC_RELEASE);
		pthread_cond_broadcast(&fleet->changed);
	}
	fleet_unlock(fleet);
	if (err)
		return err;
	err = end_tree(tree);
	pthread_mutex_lock(&fleet->lock);
	pi->tree = NULL;
	pthread_cond_broadcast(&fleet->changed);
	fleet_unlock(fleet);
	fleet_tree_free(tree);
	return err;
}

/* Tidying ------------------------------------------------------------------------------------ */

struct tidying {
	struct loop_work work;
	struct fleet *fleet;
};

bool fleet_tree_is_idle(const struct fleet_tree *tree)
{
	return tree && tree->ready && !tree->closing && tree->users == 0 &&
	       fleet_ms() - tree->idle_ms >= IDLE_MS;
}

static struct fleet_pi *find_idle(struct fleet *fleet)
{
	struct fleet_pi *found = NULL;

	pthread_mutex_lock(&fleet->lock);
	for (size_t i = 0; i < fleet->pis_count && !found; i++) {
		if (fleet_tree_is_idle(fleet->pis[i]->tree))
			found = fleet->pis[i];
	}
	if (found)
		fleet_pin(found);
	fleet_unlock(fleet);
	return found;
}

static void tidy(struct loop_work *work)
{
	struct fleet *fleet = ((struct tidying *)(void *)work)->fleet;
	struct fleet_pi *idle;
	int err = 0;

	fleet_save_records(fleet);
	fleet_full_tell(fleet);
	fleet_shared_look(fleet);
	while (!err && (idle = find_idle(fleet))) {
		/* -EBUSY: used again at this very moment, it stays open */
		err = fleet_tree_close(fleet, idle, 0);
		fleet_unpin(fleet, idle);
	}
}

static void tidied(struct loop_work *work)
{
	struct fleet *fleet = ((struct tidying *)(void *)work)->fleet;

	fleet->working--;
	free(work);
}

void fleet_tidy(struct fleet *fleet)
{
	struct tidying *tidying = fleet->working ? NULL : calloc(1, sizeof(*tidying));

	if (!tidying)
		return;
	tidying->fleet = fleet;
	fleet->working++;
	loop_work_submit(fleet->loop, &tidying->work, tidy, tidied);
}
