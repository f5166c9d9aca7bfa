/* SPDX-License-Identifier: MIT */
/* Notes that whoever uses an overlay has left with it: a section of its info whose keys are theirs. */
#include "state/state_private.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "keyfile/keyfile.h"

/* Whether @value is read again as it was written: see keyfile.h. */
static bool is_plain(const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++) {
		if (value[i] < ' ' || value[i] > '~' || strchr(";#\"\\", value[i]))
			return false;
	}
	return len > 0 && value[0] != ' ' && value[len - 1] != ' ';
}

int state_notes_take(char **notes, const struct keyfile_line *line)
{
	size_t len = *notes ? strlen(*notes) : 0;
	size_t more = strlen(line->key) + strlen(line->value) + sizeof(" \n");
	char *text;

	if (line->continued || !state_name_is_valid(line->key) || !is_plain(line->value)) {
		log_warn("%s:%u: %s in section [%s]: not a note, left alone", line->file,
			 line->number, line->key, line->section);
		return 0;
	}
	text = realloc(*notes, len + more);
	if (!text)
		return -ENOMEM;
	snprintf(text + len, more, "%s %s\n", line->key, line->value);
	*notes = text;
	return 0;
}

void state_notes_write(FILE *out, const char *notes)
{
	if (notes)
		fputs("\n[notes]\n", out);
	while (notes && *notes) {
		size_t key = strcspn(notes, " \n");
		const char *value = notes + key + (notes[key] == ' ');
		size_t len = strcspn(value, "\n");

		fprintf(out, "%.*s = %.*s\n", (int)key, notes, (int)len, value);
		notes = value + len + (value[len] == '\n');
	}
}

int state_notes_copy(const char *from, char **out)
{
	*out = from ? strdup(from) : NULL;
	return from && !*out ? -ENOMEM : 0;
}

int state_overlay_set_notes(struct state_overlay *overlay, const char *notes)
{
	char *before = overlay->info.notes;
	char *copy;
	int err = state_notes_copy(notes, &copy);

	if (err)
		return err;
	overlay->info.notes = copy;
	err = state_overlay_save(overlay);
	if (err)
		overlay->info.notes = before;
	free(err ? copy : before);
	return err;
}
