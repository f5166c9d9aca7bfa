/* SPDX-License-Identifier: MIT */
/* What is done to an overlay as a whole: reset, deleted, cloned. */
#include "state/state_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"

/* Removes the store. */
static int drop_store(const struct state_overlay *overlay, int *out_data)
{
	CLEANUP(freep) char *data = state_join(overlay->path, "data");
	CLEANUP(closep) int fd = -1;
	int err;

	if (!data)
		return -ENOMEM;
	fd = open(data, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	err = store_embedded_remove(overlay->path);
	if (!err)
		*out_data = take_fd(&fd);
	return err;
}

int state_overlay_reset(struct state_overlay *overlay, uint64_t next_id, int *out_data)
{
	struct state_info *info = &overlay->info;
	int err;

	info->epoch++;
	info->next_id = max_u64(info->next_id, next_id);
	info->empty = true;
	free(info->notes);
	info->notes = NULL;
	info->in_use = false;
	clock_gettime(CLOCK_REALTIME, &info->used);
	/* once this is written, the files of the store count for nothing */
	err = state_info_try_save(overlay->folder, info);
	if (err == -ENOSPC || err == -EDQUOT) {
		/* a full disk is a reason to reset: room comes first, and a crash now is no loss */
		*out_data = -1;
		err = store_embedded_remove(overlay->path);
		return err ? err : state_overlay_save(overlay);
	}
	if (err) {
		log_error("%s/info: %s", overlay->path, strerror(-err));
		return err;
	}
	return drop_store(overlay, out_data);
}

int state_overlay_remake(struct state_overlay *overlay, const struct state_info *made)
{
	struct state_info *info = &overlay->info;
	char *image = strdup(made->image);

	if (!image)
		return -ENOMEM;
	free(info->image);
	info->image = image;
	info->partition = made->partition;
	memcpy(info->fingerprint, made->fingerprint, sizeof(info->fingerprint));
	info->seen = made->seen;
	memcpy(info->base, made->base, sizeof(info->base));
	memcpy(info->base_uuid, made->base_uuid, sizeof(info->base_uuid));
	memcpy(info->base_seal, made->base_seal, sizeof(info->base_seal));
	return state_overlay_save(overlay);
}

/* Whether the overlay in @path may be deleted: a damaged info must not keep it for ever. */
static int check_deletable(struct state *state, const char *name, const char *path)
{
	struct state_info info;
	int err = state_info_load(path, &info);

	switch (err) {
	case 0:
		err = info.frozen ? state_check_free(state, name, info.uuid) : 0;
		state_info_finish(&info);
		return err;
	case -ENOENT:
	case -EUCLEAN:
		return state_check_free(state, name, NULL);
	default:
		return err;
	}
}

static int find_path(struct state *state, const char *name, char real[STATE_NAME_MAX + 1],
		     char **out)
{
	snprintf(real, STATE_NAME_MAX + 1, "%s", name);
	*out = state_join(state->overlays, name);
	if (!*out || access(*out, F_OK) == 0)
		return *out ? 0 : -ENOMEM;
	free(*out);
	state_alias_resolve(state, name, real);
	*out = state_join(state->overlays, real);
	return *out ? 0 : -ENOMEM;
}

int state_overlay_delete(struct state *state, const char *called)
{
	CLEANUP(freep) char *path = NULL;
	CLEANUP(closep) int lock = -1;
	CLEANUP(closep) int folder = -1;
	char name[STATE_NAME_MAX + 1];
	int err = state_name_check("overlay", called);

	if (!err)
		err = find_path(state, called, name, &path);
	if (err)
		return err;
	if (access(path, F_OK) < 0) {
		err = -errno;
		if (err == -ENOENT)
			log_error("overlay %s: there is none in %s", name, state->path);
		else
			log_error("%s: %s", path, strerror(-err));
		return err;
	}
	err = check_deletable(state, name, path);
	if (err)
		return err;
	err = state_lock(name, path, false, &lock, &folder);
	if (err)
		return err;
	/* another may have been made on it before it was locked */
	err = check_deletable(state, name, path);
	return err ? err : state_folder_remove(state->overlays, path);
}

static int copy_store(void *ctx, const char *path)
{
	const struct state_overlay *from = ctx;

	return state_copy_store(from, path);
}

int state_overlay_clone(struct state_overlay *overlay, const char *name)
{
	CLEANUP(state_overlay_closep) struct state_overlay *clone = NULL;

	return state_overlay_make(overlay->state, name, &overlay->info, copy_store, overlay,
				  &clone);
}
