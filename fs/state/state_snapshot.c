/* SPDX-License-Identifier: MIT */
/*
 * Snapshots. One is put in place in steps that a crash may come between: a copy is made beside the
 * store; the info says that it counts (from there on it does); its files replace those of the store;
 * the info says that this is done.
 */
#include "state/state_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"

#define LOCK_NAME "lock"

static char *snapshots_path(const struct state_overlay *overlay)
{
	return state_join(overlay->path, STATE_SNAPSHOTS);
}

struct each {
	const char *parent;
	state_snapshot_fn take;
	void *ctx;
};

static int describe(void *ctx, const char *name)
{
	struct each *each = ctx;
	CLEANUP(freep) char *path = state_join(each->parent, name);
	CLEANUP(freep) char *info = path ? state_join(path, "info") : NULL;
	struct state_snapshot snapshot = {.name = name, .path = path};
	struct stat st;
	int err;

	if (!info)
		return -ENOMEM;
	/* written when it was taken, and never again; without it, it is damaged, but it is there */
	if (lstat(info, &st) < 0 && (errno != ENOENT || lstat(path, &st) < 0))
		return errno == ENOENT ? 0 : state_failed(info, -errno);
	snapshot.taken = st.st_mtim;
	err = state_folder_size(path, &snapshot.size);
	return err ? err : each->take(each->ctx, &snapshot);
}

int state_snapshot_each(const struct state_overlay *overlay, state_snapshot_fn take, void *ctx)
{
	CLEANUP(freep) char *parent = snapshots_path(overlay);
	struct each each = {.parent = parent, .take = take, .ctx = ctx};

	return parent ? state_folder_each(parent, describe, &each) : -ENOMEM;
}

/* The folder of the snapshot @name, which exists, and the one that it lies in. To be freed. */
static int find(const struct state_overlay *overlay, const char *name, char **out_parent,
		char **out_path)
{
	CLEANUP(freep) char *parent = NULL;
	CLEANUP(freep) char *path = NULL;
	struct stat st;
	int err = state_name_check("snapshot", name);

	if (err)
		return err;
	parent = snapshots_path(overlay);
	path = parent ? state_join(parent, name) : NULL;
	if (!path)
		return -ENOMEM;
	if (lstat(path, &st) < 0) {
		err = -errno;
		if (err != -ENOENT)
			return state_failed(path, err);
		log_error("overlay %s: it has no snapshot %s", overlay->name, name);
		return err;
	}
	*out_parent = TAKE(parent);
	*out_path = TAKE(path);
	return 0;
}

static int exists_already(const struct state_overlay *overlay, const char *name)
{
	log_error("overlay %s: snapshot %s exists already", overlay->name, name);
	return -EEXIST;
}

int state_copy_store(const struct state_overlay *overlay, const char *to)
{
	unsigned int problems = 0;
	int err;

	if (overlay->info.empty)
		return 0;
	err = store_embedded_copy(overlay->path, to);
	if (!err)
		err = store_embedded_check(to, &problems);
	if (err || !problems)
		return err;
	log_error("overlay %s: damaged: not copied: \"bramble overlay check\" says more",
		  overlay->name);
	return -EUCLEAN;
}

static int copy_to(const struct state_overlay *overlay, const char *path)
{
	int err = state_copy_store(overlay, path);

	return err ? err : state_info_write(path, &overlay->info);
}

int state_snapshot_take(struct state_overlay *overlay, const char *name)
{
	CLEANUP(freep) char *parent = NULL;
	CLEANUP(freep) char *path = NULL;
	CLEANUP(freep) char *final = NULL;
	CLEANUP(freep) char *lock_file = NULL;
	CLEANUP(closep) int lock = -1;
	struct stat st;
	int err = state_name_check("snapshot", name);

	if (err)
		return err;
	parent = snapshots_path(overlay);
	final = parent ? state_join(parent, name) : NULL;
	lock_file = final ? state_join(final, LOCK_NAME) : NULL;
	if (!lock_file)
		return -ENOMEM;
	if (mkdir(parent, 0700) < 0) {
		if (errno != EEXIST)
			return state_failed(parent, -errno);
	} else if (fsync(overlay->folder) < 0) {
		return state_failed(overlay->path, -errno);
	}
	state_folder_sweep(parent);
	if (lstat(final, &st) == 0)
		return exists_already(overlay, name);
	err = state_folder_make(parent, &path, &lock);
	if (err)
		return err;
	err = copy_to(overlay, path);
	if (!err)
		err = state_folder_publish(parent, path, name);
	if (err) {
		state_folder_erase(path);
		return err == -EEXIST ? exists_already(overlay, name) : err;
	}
	unlink(lock_file); /* nobody locks a snapshot by itself */
	return 0;
}

int state_snapshot_delete(struct state_overlay *overlay, const char *name)
{
	CLEANUP(freep) char *parent = NULL;
	CLEANUP(freep) char *path = NULL;
	int err = find(overlay, name, &parent, &path);

	return err ? err : state_folder_remove(parent, path);
}

/* Moves the files of the store, which may be there no more, from the folder @from to @to. */
static int move_store(int from, int to)
{
	static const char *const names[] = {"data", "log", "meta"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (renameat(from, names[i], to, names[i]) < 0 && errno != ENOENT)
			return -errno;
	}
	return fsync(to) < 0 ? -errno : 0;
}

/* What is at @path is ours to take things from only if it is a folder in that of the overlay. */
static int put_in_place(const struct state_overlay *overlay, const char *path)
{
	CLEANUP(closep)
	int from = openat(overlay->folder, STATE_RESTORED,
			  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int err;

	if (from < 0)
		return errno == ENOENT ? 0 : state_failed(path, -errno);
	err = move_store(from, overlay->folder);
	return err ? state_failed(path, err) : 0;
}

int state_restore_finish(struct state_overlay *overlay)
{
	CLEANUP(freep) char *restored = state_join(overlay->path, STATE_RESTORED);
	struct stat st;
	int err = 0;

	if (!restored)
		return -ENOMEM;
	if (overlay->info.restoring) {
		err = put_in_place(overlay, restored);
		if (err)
			return err;
		overlay->info.restoring = false;
		err = state_overlay_save(overlay);
		if (err)
			return err;
	}
	return lstat(restored, &st) == 0 ? state_folder_erase(restored) : 0;
}

/* What a restore puts in place. */
struct source {
	const char *name;
	const char *path; /* of its folder */
	const struct state_info *info;
	state_check_fn check;
	void *ctx;
};

/* A copy of the store beside that of @overlay: a sound one, since the state that it replaces may be good. */
static int copy_sound(const struct state_overlay *overlay, const struct source *source,
		      const char *to)
{
	int err = store_embedded_copy(source->path, to);

	if (err == -ENOENT)
		err = -EUCLEAN; /* it has lost a file */
	if (!err)
		err = source->check(source->ctx, to);
	if (err != -EUCLEAN && err != -EBADMSG)
		return err;
	log_error("overlay %s: snapshot %s: damaged: not restored", overlay->name, source->name);
	return -EUCLEAN;
}

static int prepare(const struct state_overlay *overlay, const struct source *source)
{
	CLEANUP(freep) char *restored = state_join(overlay->path, STATE_RESTORED);
	int err;

	if (!restored)
		return -ENOMEM;
	err = state_folder_erase(restored);
	if (err)
		return err;
	if (mkdir(restored, 0700) < 0)
		return state_failed(restored, -errno);
	err = source->info->empty ? 0 : copy_sound(overlay, source, restored);
	if (!err)
		err = state_sync_folder(restored);
	if (err)
		state_folder_erase(restored);
	return err;
}

static bool same_base(const struct state_info *a, const struct state_info *b)
{
	return a->partition == b->partition && strcmp(a->base, b->base) == 0 &&
	       memcmp(a->base_uuid, b->base_uuid, sizeof(a->base_uuid)) == 0 &&
	       memcmp(a->base_seal, b->base_seal, sizeof(a->base_seal)) == 0 &&
	       memcmp(a->fingerprint, b->fingerprint, sizeof(a->fingerprint)) == 0;
}

int state_snapshot_load(const struct state_overlay *overlay, const char *name,
			struct state_info *out)
{
	CLEANUP(freep) char *parent = NULL;
	CLEANUP(freep) char *path = NULL;
	struct state_info info;
	int err = find(overlay, name, &parent, &path);

	if (err)
		return err;
	err = state_info_load(path, &info);
	if (err == -ENOENT) {
		log_error("%s/info: is missing", path);
		return -EUCLEAN;
	}
	if (err)
		return err;
	if (!same_base(&overlay->info, &info)) {
		log_error("overlay %s: snapshot %s was made on another base", overlay->name, name);
		state_info_finish(&info);
		return -ESTALE;
	}
	*out = info;
	return 0;
}

static int restore(struct state_overlay *overlay, const struct source *source, uint64_t next_id)
{
	struct state_info *info = &overlay->info;
	char *notes;
	int err = state_notes_copy(source->info->notes, &notes);

	if (err)
		return err;
	err = prepare(overlay, source);
	if (err) {
		free(notes);
		return err;
	}
	free(info->notes);
	info->notes = notes;
	info->epoch++;
	info->next_id = max_u64(max_u64(info->next_id, source->info->next_id), next_id);
	info->empty = source->info->empty;
	info->in_use = false;
	info->restoring = true;
	clock_gettime(CLOCK_REALTIME, &info->used);
	err = state_overlay_save(overlay);
	if (err)
		return err;
	err = state_restore_finish(overlay);
	if (err || !info->empty)
		return err;
	return store_embedded_remove(overlay->path);
}

int state_snapshot_restore(struct state_overlay *overlay, const char *name, uint64_t next_id,
			   state_check_fn check, void *ctx)
{
	CLEANUP(freep) char *parent = NULL;
	CLEANUP(freep) char *path = NULL;
	struct source source = {.name = name, .check = check, .ctx = ctx};
	struct state_info snapshot;
	int err = find(overlay, name, &parent, &path);

	if (!err)
		err = state_snapshot_load(overlay, name, &snapshot);
	if (err)
		return err;
	source.path = path;
	source.info = &snapshot;
	err = restore(overlay, &source, next_id);
	state_info_finish(&snapshot);
	return err;
}
