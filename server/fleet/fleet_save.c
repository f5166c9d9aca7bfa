/* SPDX-License-Identifier: MIT */
/* The records of the Pis in STATE/pis: read at the start, written when they have changed. */
#include "fleet/fleet_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "keyfile/keyfile.h"

/* Bytes of the longest record. */
#define RECORD_BYTES_MAX 16384u

static int load_one(struct fleet *fleet, const char *name)
{
	CLEANUP(freep) struct fleet_pi *pi = calloc(1, sizeof(*pi));
	CLEANUP(freep) char *text = NULL;
	size_t len;
	int err;

	if (!pi)
		return -ENOMEM;
	err = keyfile_read(fleet->pis_folder, name, RECORD_BYTES_MAX, &text, &len);
	if (err) {
		log_error("%s/pis/%s: %s", state_path(fleet->state), name, strerror(-err));
		return err;
	}
	err = fleet_record_parse(name, text, len, &pi->record);
	if (err)
		return err;
	if (strcmp(pi->record.id, name) != 0) {
		log_error("%s/pis/%s: is that of %s", state_path(fleet->state), name,
			  pi->record.id);
		return -EUCLEAN;
	}
	pi->filed = true;
	err = fleet_add(fleet, pi);
	if (!err)
		TAKE(pi);
	return err;
}

int fleet_load_records(struct fleet *fleet)
{
	int again = dup(fleet->pis_folder);
	DIR *folder = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;
	int err = 0;

	if (!folder) {
		err = -errno;
		if (again >= 0)
			close(again);
		return err;
	}
	rewinddir(folder);
	/* a damaged one is logged, and stays: the others must boot */
	while (err != -ENOMEM && (entry = readdir(folder))) {
		size_t len = strlen(entry->d_name);

		if (!state_name_is_valid(entry->d_name))
			continue;
		if (len > 4 && strcmp(entry->d_name + len - 4, ".new") == 0)
			unlinkat(fleet->pis_folder, entry->d_name, 0);
		else
			err = load_one(fleet, entry->d_name);
	}
	closedir(folder);
	fleet_forget_old_guests(fleet);
	while (fleet_forget_a_guest(fleet))
		;
	return err == -ENOMEM ? err : 0;
}

static int write_record(struct fleet *fleet, const struct fleet_record *record)
{
	CLEANUP(freep) char *text = NULL;
	int err = fleet_record_format(record, &text);

	return err ? err : keyfile_replace(fleet->pis_folder, record->id, text);
}

/* With the lock held. A record that cannot be saved is tried again and again, but told of once. */
static void note_saved(struct fleet *fleet, const struct fleet_record *record, int err)
{
	struct fleet_pi *pi = fleet_find(fleet, record->id);

	if (err && !(pi && pi->unsavable))
		fleet_say(fleet, LOG_LEVEL_ERROR, "pi %s: %s/pis/%s cannot be saved: %s",
			  record->id, state_path(fleet->state), record->id, strerror(-err));
	if (!pi)
		return;
	pi->unsavable = err != 0;
	pi->filed = pi->filed || !err;
	if (err)
		pi->dirty = true;
	else if (memcmp(pi->record.overlay, record->overlay, sizeof(record->overlay)) == 0)
		pi->unsaved = false;
}

/* @pi NULL: the one called @id, if it is there and dirty. Two that save one at once would put the older one last. */
static int save_one(struct fleet *fleet, struct fleet_pi *pi, const char *id)
{
	CLEANUP(freep) struct fleet_record *record = malloc(sizeof(*record));
	int err = 0;

	if (!record)
		return -ENOMEM;
	pthread_mutex_lock(&fleet->saving);
	pthread_mutex_lock(&fleet->lock);
	if (!pi)
		pi = fleet_find(fleet, id);
	if (!pi || !pi->dirty) {
		fleet_unlock(fleet);
		pthread_mutex_unlock(&fleet->saving);
		return 0;
	}
	*record = pi->record;
	pi->dirty = false;
	fleet_unlock(fleet);
	err = write_record(fleet, record);
	pthread_mutex_lock(&fleet->lock);
	note_saved(fleet, record, err);
	fleet_unlock(fleet);
	pthread_mutex_unlock(&fleet->saving);
	return err;
}

int fleet_save_pi(struct fleet *fleet, struct fleet_pi *pi)
{
	return save_one(fleet, pi, NULL);
}

/* The ids of all that are to be saved, to be freed; NULL: no memory. */
static char (*list_dirty(struct fleet *fleet, size_t *out_count))[FLEET_ID_MAX + 1]
{
	char(*ids)[FLEET_ID_MAX + 1];
	size_t count = 0;

	pthread_mutex_lock(&fleet->lock);
	for (size_t i = 0; i < fleet->pis_count; i++)
		count += fleet->pis[i]->dirty;
	ids = calloc(count + 1, sizeof(*ids));
	for (size_t i = 0, used = 0; ids && i < fleet->pis_count; i++) {
		if (fleet->pis[i]->dirty)
			memcpy(ids[used++], fleet->pis[i]->record.id, sizeof(*ids));
	}
	fleet_unlock(fleet);
	*out_count = count;
	return ids;
}

/* Removes the file of one that was forgotten. False: there is none. */
static bool remove_forgotten(struct fleet *fleet)
{
	char id[FLEET_ID_MAX + 1] = "";

	pthread_mutex_lock(&fleet->saving);
	pthread_mutex_lock(&fleet->lock);
	if (fleet->forgotten_count)
		memcpy(id, fleet->forgotten[--fleet->forgotten_count], sizeof(id));
	fleet_unlock(fleet);
	/* if it came again meanwhile, its file is written again */
	if (*id && unlinkat(fleet->pis_folder, id, 0) < 0 && errno != ENOENT)
		log_debug("pi %s: its record cannot be removed: %s", id, strerror(errno));
	pthread_mutex_unlock(&fleet->saving);
	return *id != '\0';
}

int fleet_save_records(struct fleet *fleet)
{
	size_t count;
	char(*ids)[FLEET_ID_MAX + 1];
	int first;

	while (remove_forgotten(fleet))
		;
	ids = list_dirty(fleet, &count);
	first = ids ? 0 : -ENOMEM;
	for (size_t i = 0; ids && i < count; i++) {
		int err = save_one(fleet, NULL, ids[i]);

		first = first ? first : err;
	}
	free(ids);
	return first;
}

int fleet_remove_record(struct fleet *fleet, const char *id)
{
	int err = 0;

	pthread_mutex_lock(&fleet->saving);
	if (unlinkat(fleet->pis_folder, id, 0) < 0 && errno != ENOENT)
		err = -errno;
	else if (fsync(fleet->pis_folder) < 0)
		err = -errno;
	pthread_mutex_unlock(&fleet->saving);
	return err;
}
