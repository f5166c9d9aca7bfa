/* SPDX-License-Identifier: MIT */
/*
 * What lies below a stack: an image, and the frozen overlays that the uppermost one is made on. In a
 * pool each of them is opened once, whoever wants it: an image is known by its file as it is now, an
 * overlay by the seal that names what it holds.
 *
 * Who opens one enters it into the pool before, and others wait for it there. Nobody waits while he has
 * one entered: what lies below is there before.
 */
#include "stack/stack_private.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct stack_pool {
	pthread_mutex_t lock;
	pthread_cond_t opened; /* one that was waited for, or it failed */
	struct stack_share *shares; /* those that somebody uses, or opens */
};

int stack_pool_create(struct stack_pool **out)
{
	struct stack_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->opened, NULL);
	*out = pool;
	return 0;
}

void stack_pool_destroy(struct stack_pool *pool)
{
	if (!pool)
		return;
	assert(!pool->shares);
	pthread_cond_destroy(&pool->opened);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* In the pool -------------------------------------------------------------------------------- */

/* Whether @share, which may still be opened, is what @key (a function's own) asks for. */
typedef bool (*match_fn)(const struct stack_share *share, const void *key);

/* Takes one that is there, waiting for whoever opens it; else enters @fresh as one being opened. */
static struct stack_share *find_or_enter(struct stack_share *fresh, match_fn match, const void *key)
{
	struct stack_pool *pool = fresh->pool;
	struct stack_share *at;

	if (!pool)
		return fresh;
	pthread_mutex_lock(&pool->lock);
	for (at = pool->shares; at;) {
		if (!match(at, key)) {
			at = at->next;
		} else if (at->opening) {
			pthread_cond_wait(&pool->opened, &pool->lock);
			at = pool->shares;
		} else {
			break;
		}
	}
	if (at) {
		at->users++;
	} else {
		fresh->opening = true;
		fresh->next = pool->shares;
		pool->shares = fresh;
		at = fresh;
	}
	pthread_mutex_unlock(&pool->lock);
	return at;
}

/* It is open now, and for all. */
static void opened(struct stack_share *share)
{
	struct stack_pool *pool = share->pool;

	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	/* at the path there may have been another file before */
	if (!share->below)
		share->file = share->image->opened;
	share->opening = false;
	pthread_cond_broadcast(&pool->opened);
	pthread_mutex_unlock(&pool->lock);
}

static void leave_pool(struct stack_pool *pool, struct stack_share *share)
{
	struct stack_share **at = &pool->shares;

	while (*at && *at != share)
		at = &(*at)->next;
	if (*at)
		*at = share->next;
	pthread_cond_broadcast(&pool->opened);
}

/* Counts one user less. Whether that was the last; it is in no pool then. */
static bool was_last(struct stack_share *share)
{
	struct stack_pool *pool = share->pool;
	bool last;

	if (!pool)
		return --share->users == 0;
	pthread_mutex_lock(&pool->lock);
	last = --share->users == 0;
	if (last)
		leave_pool(pool, share);
	pthread_mutex_unlock(&pool->lock);
	return last;
}

void stack_share_put(struct stack_share *share)
{
	if (!share || !was_last(share))
		return;
	if (share->state) {
		tree_close(share->tree);
		state_overlay_close(share->overlay);
		state_close(share->state);
		stack_share_put(share->below);
	} else {
		stack_close(share->image);
	}
	free(share);
}

static struct stack_share *use_again(struct stack_share *share)
{
	if (share->pool)
		pthread_mutex_lock(&share->pool->lock);
	share->users++;
	if (share->pool)
		pthread_mutex_unlock(&share->pool->lock);
	return share;
}

static int create(struct stack_pool *pool, struct stack_share **out)
{
	struct stack_share *share = calloc(1, sizeof(*share));

	if (!share)
		return -ENOMEM;
	share->pool = pool;
	share->users = 1;
	*out = share;
	return 0;
}

/* Images ------------------------------------------------------------------------------------- */

/* Which image, and what is shown of it. */
struct image_key {
	struct stat file;
	const struct stack_options *options;
};

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool shows_the_same(const struct stack_options *a, const struct stack_options *b)
{
	return a->partition == b->partition && a->ext4.nocheck == b->ext4.nocheck &&
	       a->ext4.noload == b->ext4.noload && a->fat.uid == b->fat.uid &&
	       a->fat.gid == b->fat.gid && a->fat.umask == b->fat.umask &&
	       a->fat.umask_given == b->fat.umask_given && a->fat.time_offset == b->fat.time_offset;
}

static bool is_image(const struct stack_share *share, const void *key)
{
	const struct image_key *want = key;
	const struct stat *file = &share->file;

	return !share->below && file->st_dev == want->file.st_dev &&
	       file->st_ino == want->file.st_ino && file->st_size == want->file.st_size &&
	       is_same_time(&file->st_mtim, &want->file.st_mtim) &&
	       shows_the_same(&share->options, want->options);
}

int stack_share_image(const char *path, const struct stack_options *options,
		      const struct state_info *known, struct stack_share **out)
{
	CLEANUP(stack_share_putp) struct stack_share *fresh = NULL;
	struct image_key key = {.options = options};
	struct stack_share *share;
	int err = create(options->pool, &fresh);

	if (err)
		return err;
	/* that it cannot be opened is told by the one who tries */
	if (stat(path, &key.file) < 0)
		memset(&key.file, 0, sizeof(key.file));
	fresh->file = key.file;
	fresh->options = *options;
	share = find_or_enter(fresh, is_image, &key);
	if (share != fresh) {
		fresh->pool = NULL; /* it was not entered */
		*out = share;
		return 0;
	}
	err = stack_open_lower(path, options, known, &share->image);
	if (err)
		return err;
	share->tree = share->image->tree;
	opened(share);
	*out = TAKE(fresh);
	return 0;
}

/* Frozen overlays ---------------------------------------------------------------------------- */

/* One overlay above another, from the one that is asked for downwards. */
struct link {
	const struct state_overlay *overlay;
	const struct link *above; /* NULL: it is the uppermost */
};

static int check_chain(const struct link *link)
{
	const char *base = link->overlay->info.base;
	const struct link *top = link;
	unsigned int count = 0;

	for (const struct link *at = link; at; at = at->above) {
		top = at;
		count++;
	}
	for (const struct link *at = link; at; at = at->above) {
		if (strcmp(at->overlay->name, base) != 0)
			continue;
		log_error("overlay %s: made on itself, by way of overlay %s", top->overlay->name,
			  link->overlay->name);
		return -ELOOP;
	}
	if (count <= STACK_BASES_MAX)
		return 0;
	log_error("overlay %s: more than %d overlays below it", top->overlay->name,
		  STACK_BASES_MAX);
	return -ELOOP;
}

/* Which frozen overlay. */
struct base_key {
	const char *state;
	const uint8_t *uuid;
	const uint8_t *seal;
	const struct stack *image;
};

static bool is_base(const struct stack_share *share, const void *key)
{
	const struct base_key *want = key;

	return share->below && share->image == want->image &&
	       strcmp(state_path(share->state), want->state) == 0 &&
	       memcmp(share->overlay->info.uuid, want->uuid, STATE_ID_BYTES) == 0 &&
	       memcmp(share->overlay->info.seal, want->seal, STATE_ID_BYTES) == 0;
}

/* Locks the overlay that @above is made on. */
static int lock_base(const struct state_overlay *above, struct stack_share *share)
{
	int err = state_open(state_path(above->state), false, &share->state);

	if (!err)
		err = state_overlay_open(share->state, above->info.base, STATE_READ,
					 &share->overlay);
	if (err) {
		log_error("overlay %s: made on overlay %s, which cannot be opened", above->name,
			  above->info.base);
		return err;
	}
	return stack_check_base(above, share->overlay);
}

static int find_below(const struct link *link, struct stack_share *image, struct stack_share **out);

/* Its tree; without a store it is what lies below. */
static int put_base(struct stack_share *share)
{
	struct tree *lower = tree_share(share->below->tree);
	int err;

	share->tree = lower;
	if (share->overlay->info.empty)
		return 0;
	err = stack_put_stored(share->overlay->path, lower, &share->tree);
	return err ? stack_cannot_open(share->overlay, err) : 0;
}

static int open_base(const struct link *link, struct stack_share *image, struct stack_share **out)
{
	CLEANUP(stack_share_putp) struct stack_share *fresh = NULL;
	struct stack_share *share;
	struct base_key key;
	struct link base;
	int err = create(image->pool, &fresh);

	if (!err)
		err = lock_base(link->overlay, fresh);
	if (err)
		return err;
	base = (struct link){.overlay = fresh->overlay, .above = link};
	err = find_below(&base, image, &fresh->below);
	if (err)
		return err;
	fresh->image = image->image;
	key = (struct base_key){
		.state = state_path(fresh->state),
		.uuid = fresh->overlay->info.uuid,
		.seal = fresh->overlay->info.seal,
		.image = fresh->image,
	};
	share = find_or_enter(fresh, is_base, &key);
	if (share != fresh) {
		fresh->pool = NULL; /* it was not entered */
		*out = share;
		return 0;
	}
	err = put_base(share);
	if (err)
		return err;
	opened(share);
	*out = TAKE(fresh);
	return 0;
}

/* One that is open already. */
static struct stack_share *find_open(struct stack_pool *pool, const struct base_key *key)
{
	struct stack_share *share = NULL;

	if (!pool)
		return NULL;
	pthread_mutex_lock(&pool->lock);
	for (share = pool->shares; share; share = share->next) {
		if (!share->opening && is_base(share, key))
			break;
	}
	if (share)
		share->users++;
	pthread_mutex_unlock(&pool->lock);
	return share;
}

static int find_below(const struct link *link, struct stack_share *image, struct stack_share **out)
{
	const struct state_overlay *above = link->overlay;
	const struct base_key key = {
		.state = state_path(above->state),
		.uuid = above->info.base_uuid,
		.seal = above->info.base_seal,
		.image = image->image,
	};
	struct stack_share *share;
	int err;

	if (!above->info.base[0]) {
		*out = use_again(image);
		return 0;
	}
	err = check_chain(link);
	if (err)
		return err;
	share = find_open(image->pool, &key);
	if (!share)
		return open_base(link, image, out);
	err = stack_check_base(above, share->overlay);
	if (err) {
		stack_share_put(share);
		return err;
	}
	*out = share;
	return 0;
}

int stack_share_below(const struct state_overlay *above, struct stack_share *image,
		      struct stack_share **out)
{
	const struct link link = {.overlay = above};

	return find_below(&link, image, out);
}
