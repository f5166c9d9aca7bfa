/* SPDX-License-Identifier: MIT */
/* Lines of the log that come about while the lock is held: who reads the log slowly must not stop the fleet. */
#include "fleet/fleet_private.h"

#include <stdarg.h>
#include <string.h>

#define LINE_BYTES 1024u

struct fleet_line {
	struct fleet_line *next;
	enum log_level level;
	char text[];
};

void fleet_say(struct fleet *fleet, enum log_level level, const char *format, ...)
{
	struct fleet_line **end = &fleet->lines;
	struct fleet_line *line;
	char text[LINE_BYTES];
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	line = malloc(sizeof(*line) + strlen(text) + 1);
	if (!line)
		return;
	line->next = NULL;
	line->level = level;
	strcpy(line->text, text);
	while (*end)
		end = &(*end)->next;
	*end = line;
}

void fleet_unlock(struct fleet *fleet)
{
	struct fleet_line *lines = fleet->lines;

	fleet->lines = NULL;
	pthread_mutex_unlock(&fleet->lock);
	while (lines) {
		struct fleet_line *line = lines;

		lines = line->next;
		log_line(line->level, "%s", line->text);
		free(line);
	}
}
