/* SPDX-License-Identifier: MIT */
/* Overlays: opened with a lock, made, frozen for others to be made on them, and let go. */
#include "state/state_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int describe(struct state *state, const char *name, struct state_overlay **out)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = calloc(1, sizeof(*overlay));

	if (!overlay)
		return -ENOMEM;
	overlay->state = state;
	overlay->lock = -1;
	overlay->folder = -1;
	snprintf(overlay->name, sizeof(overlay->name), "%s", name);
	overlay->path = state_join(state->overlays, name);
	if (!overlay->path)
		return -ENOMEM;
	*out = TAKE(overlay);
	return 0;
}

/* The same by another name, where there is none of this one. */
static int describe_called(struct state *state, const char *name, struct state_overlay **out)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	char real[STATE_NAME_MAX + 1];
	int err = describe(state, name, &overlay);

	if (!err && !exists(overlay->path)) {
		state_overlay_close(TAKE(overlay));
		state_alias_resolve(state, name, real);
		err = describe(state, real, &overlay);
	}
	if (!err)
		*out = TAKE(overlay);
	return err;
}

/* Reads the info again. -ENOENT is not logged. */
static int load(struct state_overlay *overlay)
{
	struct state_info info;
	int err = state_info_load(overlay->path, &info);

	if (err == -ENOENT && exists(overlay->path)) {
		log_error("%s/info: is missing", overlay->path);
		return -EUCLEAN;
	}
	if (err)
		return err;
	state_info_finish(&overlay->info);
	overlay->info = info;
	return 0;
}

/* Dependents --------------------------------------------------------------------------------- */

struct search {
	struct state *state;
	const char *name;
	const uint8_t
		*uuid; /* NULL: not known, as it is damaged, and goes before others that are */
	state_name_fn take;
	void *ctx;
};

static int look_at(void *ctx, const char *name)
{
	struct search *search = ctx;
	CLEANUP(freep) char *path = state_join(search->state->overlays, name);
	struct state_info info;
	bool found;
	int err;

	if (strcmp(name, search->name) == 0)
		return 0;
	if (!path)
		return -ENOMEM;
	err = state_info_load(path, &info);
	if (err == -ENOENT || (err == -EUCLEAN && !search->uuid))
		return 0;
	if (err) {
		log_error("overlay %s: whether overlay %s is made on it is unknown%s%s%s",
			  search->name, name, err == -EUCLEAN ? ": delete " : "",
			  err == -EUCLEAN ? name : "", err == -EUCLEAN ? " first" : "");
		return err;
	}
	found = strcmp(info.base, search->name) == 0 &&
		(!search->uuid || memcmp(info.base_uuid, search->uuid, STATE_ID_BYTES) == 0);
	state_info_finish(&info);
	return found ? search->take(search->ctx, name) : 0;
}

int state_overlay_dependents(struct state_overlay *overlay, state_name_fn take, void *ctx)
{
	struct search search = {
		.state = overlay->state,
		.name = overlay->name,
		.uuid = overlay->info.uuid,
		.take = take,
		.ctx = ctx,
	};

	return state_each(overlay->state, look_at, &search);
}

static int refuse(void *ctx, const char *dependent)
{
	const struct search *search = ctx;

	log_error("overlay %s: frozen: overlay %s is made on it", search->name, dependent);
	return -EROFS;
}

int state_check_free(struct state *state, const char *name, const uint8_t *uuid)
{
	struct search search = {.state = state, .name = name, .uuid = uuid, .take = refuse};

	search.ctx = &search;
	return state_each(state, look_at, &search);
}

/* Opening ------------------------------------------------------------------------------------ */

static int thaw(struct state_overlay *overlay)
{
	int err = state_check_free(overlay->state, overlay->name, overlay->info.uuid);

	if (err)
		return err;
	overlay->info.frozen = false;
	memset(overlay->info.seal, 0, sizeof(overlay->info.seal));
	return state_overlay_save(overlay);
}

static int lock_and_load(struct state_overlay *overlay, enum state_access access)
{
	int err;

	/* better to hear why than by whom it is read */
	if (access == STATE_WRITE && overlay->info.frozen) {
		err = state_check_free(overlay->state, overlay->name, overlay->info.uuid);
		if (err)
			return err;
	}
	err = state_lock(overlay->name, overlay->path, access == STATE_READ, &overlay->lock,
			 &overlay->folder);
	if (err)
		return err;
	overlay->access = access;
	err = load(overlay);
	if (err || access != STATE_WRITE)
		return err;
	err = state_restore_finish(overlay);
	if (err)
		return err;
	return overlay->info.frozen ? thaw(overlay) : 0;
}

static int open_once(struct state *state, const char *name, enum state_access access,
		     struct state_overlay **out)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	int err = describe_called(state, name, &overlay);

	if (err)
		return err;
	err = load(overlay);
	if (!err && access != STATE_LOOK)
		err = lock_and_load(overlay, access);
	if (err) {
		if (err == -ENOENT && access != STATE_LOOK)
			log_error("overlay %s: there is none in %s", name, state->path);
		return err;
	}
	*out = TAKE(overlay);
	return 0;
}

int state_overlay_open(struct state *state, const char *name, enum state_access access,
		       struct state_overlay **out)
{
	int err = state_name_check("overlay", name);

	if (err)
		return err;
	err = open_once(state, name, access, out);
	if (err || access != STATE_READ || !(*out)->info.restoring)
		return err;
	/* a crash broke off what only a writer can finish */
	for (int i = 0; i < 2; i++) {
		state_overlay_close(TAKE(*out));
		err = open_once(state, name, i == 0 ? STATE_WRITE : STATE_READ, out);
		if (err)
			return err;
	}
	return 0;
}

int state_overlay_save(struct state_overlay *overlay)
{
	return state_info_save(overlay->folder, overlay->path, &overlay->info);
}

void state_overlay_close(struct state_overlay *overlay)
{
	if (!overlay)
		return;
	if (overlay->lock >= 0 && overlay->access == STATE_WRITE)
		state_lock_forget_ending(overlay->folder);
	if (overlay->lock >= 0)
		state_give(overlay->path);
	if (overlay->lock >= 0)
		close(overlay->lock);
	if (overlay->folder >= 0)
		close(overlay->folder);
	state_info_finish(&overlay->info);
	free(overlay->path);
	free(overlay);
}

int state_overlay_holder(const struct state_overlay *overlay, char **out)
{
	return store_folder_holder(overlay->path, out);
}

int state_overlay_size(const struct state_overlay *overlay, uint64_t *out)
{
	return state_folder_size(overlay->path, out);
}

/* Making ------------------------------------------------------------------------------------- */

static int fill_folder(const char *path, const struct state_info *from, state_fill_fn fill,
		       void *ctx)
{
	struct state_info info = *from; /* its strings are borrowed */
	int err = state_id_make(info.uuid);

	if (err)
		return err;
	clock_gettime(CLOCK_REALTIME, &info.created);
	info.used = info.created;
	info.epoch = 0;
	info.losses = 0;
	info.frozen = false;
	info.restoring = false;
	err = fill ? fill(ctx, path) : 0;
	return err ? err : state_info_write(path, &info);
}

int state_overlay_make(struct state *state, const char *name, const struct state_info *info,
		       state_fill_fn fill, void *ctx, struct state_overlay **out)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	CLEANUP(freep) char *path = NULL;
	int err = state_name_check("overlay", name);

	if (err)
		return err;
	err = describe(state, name, &overlay);
	if (err)
		return err;
	if (exists(overlay->path)) {
		log_error("overlay %s: exists already", name);
		return -EEXIST;
	}
	err = state_folder_make(state->overlays, &path, &overlay->lock);
	if (err)
		return err;
	overlay->folder = state_open_folder(path);
	err = overlay->folder < 0 ? overlay->folder : fill_folder(path, info, fill, ctx);
	if (!err)
		err = state_folder_publish(state->overlays, path, name);
	if (err) {
		if (err == -EEXIST)
			log_error("overlay %s: exists already", name);
		state_folder_erase(path);
		return err;
	}
	overlay->access = STATE_WRITE;
	err = load(overlay);
	if (err)
		return err;
	*out = TAKE(overlay);
	return 0;
}

int state_overlay_create(struct state *state, const char *name, const struct state_info *info,
			 struct state_overlay **out)
{
	struct state_info fresh = *info; /* its strings are borrowed */

	fresh.notes = NULL;
	fresh.next_id = 0;
	fresh.empty = true;
	fresh.in_use = false;
	return state_overlay_make(state, name, &fresh, NULL, NULL, out);
}

int state_overlay_freeze(struct state *state, const char *name, struct state_overlay **out)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	int err = state_overlay_open(state, name, STATE_READ, &overlay);

	if (err)
		return err;
	if (!overlay->info.frozen) {
		/* nobody may be writing to it */
		state_overlay_close(TAKE(overlay));
		err = state_overlay_open(state, name, STATE_WRITE, &overlay);
		if (err)
			return err;
		err = state_id_make(overlay->info.seal);
		if (err)
			return err;
		overlay->info.frozen = true;
		err = state_overlay_save(overlay);
		if (err)
			return err;
	}
	*out = TAKE(overlay);
	return 0;
}
