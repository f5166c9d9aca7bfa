/* SPDX-License-Identifier: MIT */
/* Other names of overlays: a Pi's overlay is called by its serial, and also by the Pi's name. */
#include "state/state_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "keyfile/keyfile.h"
#include "pi/pi.h"

/* Bytes of the longest record of a Pi that is looked into. */
#define RECORD_BYTES_MAX 16384u

static int take(void *ctx, const struct keyfile_line *line)
{
	return strcmp(line->section, "pi") == 0 && strcmp(line->key, "name") == 0 &&
	       strcmp(line->value, ctx) == 0;
}

/* Whether the record of a Pi says that it has this name. */
static bool is_called(int folder, const char *record, const char *name)
{
	char wanted[STATE_NAME_MAX + 1];
	CLEANUP(freep) char *text = NULL;
	size_t len;

	snprintf(wanted, sizeof(wanted), "%s", name);
	if (keyfile_read(folder, record, RECORD_BYTES_MAX, &text, &len) < 0)
		return false;
	return keyfile_parse(record, text, len, KEYFILE_LENIENT, take, wanted) > 0;
}

void state_alias_resolve(const struct state *state, const char *name, char out[STATE_NAME_MAX + 1])
{
	CLEANUP(freep) char *path = NULL;
	struct pi_serial serial;
	struct pi_mac mac;
	const struct dirent *entry;
	bool found = false;
	DIR *folder;

	snprintf(out, STATE_NAME_MAX + 1, "%s", name);
	/* no Pi may be called like another one; and all records are not read for each Pi without an overlay */
	if (pi_serial_parse(name, strlen(name), &serial) == 0 ||
	    pi_mac_parse(name, strlen(name), &mac) == 0)
		return;
	path = state_join(state->path, "pis");
	folder = path ? opendir(path) : NULL;
	while (folder && !found && (entry = readdir(folder))) {
		if (!state_name_is_valid(entry->d_name))
			continue;
		found = is_called(dirfd(folder), entry->d_name, name);
		if (found)
			snprintf(out, STATE_NAME_MAX + 1, "%.64s", entry->d_name);
	}
	if (folder)
		closedir(folder);
}
