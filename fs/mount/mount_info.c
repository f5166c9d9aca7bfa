/* SPDX-License-Identifier: MIT */
/* /proc/PID/mountinfo, as proc(5) describes it; threads may be of different namespaces. */
#include "mount/mount_info.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static void fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

int mount_info_resolve(const char *dir, char *out)
{
	char parent[PATH_MAX], real[PATH_MAX];
	size_t len = strlen(dir), name_len = 0;
	int n;

	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	while (len > 1 && dir[len - 1] == '/')
		len--;
	while (name_len < len && dir[len - name_len - 1] != '/')
		name_len++;
	/* "." and ".." and "/" have no name of their own; asking what is there must do. */
	if (name_len == 0 || strncmp(dir + len - name_len, "..", name_len) == 0)
		return realpath(dir, out) ? 0 : -errno;
	if (realpath(dir, out))
		return 0;
	if (errno != ENOTCONN && errno != ECONNABORTED && errno != EACCES && errno != EIO)
		return -errno;
	memcpy(parent, dir, len - name_len);
	parent[len - name_len] = '\0';
	if (!realpath(parent[0] ? parent : ".", real))
		return -errno;
	n = snprintf(out, PATH_MAX, "%s/%.*s", strcmp(real, "/") == 0 ? "" : real, (int)name_len,
		     dir + len - name_len);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Space, tab, newline and backslash are written as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + text[3] - '0');
			text += 4;
			continue;
		}
		*to++ = *text++;
	}
	*to = '\0';
}

static unsigned int number_option(const char *options, const char *name)
{
	const char *found = strstr(options, name);

	return found ? (unsigned int)strtoul(found + strlen(name), NULL, 10) : 0;
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD...] - TYPE SOURCE OPTIONS */
static bool parse_line(char *line, const char *path, struct mount_info *out)
{
	/* not strtok_r(), which passes over an empty source */
	char *device = NULL, *point = NULL, *type, *source, *options;
	char *word = strsep(&line, " ");

	for (int i = 0; word && strcmp(word, "-") != 0; i++) {
		if (i == 2)
			device = word;
		if (i == 4)
			point = word;
		word = strsep(&line, " ");
	}
	type = strsep(&line, " ");
	source = strsep(&line, " ");
	options = strsep(&line, "\n");
	if (!word || !device || !point || !type || !source || !options)
		return false;
	unescape(point);
	if (strcmp(point, path) != 0)
		return false;
	unescape(source);
	snprintf(out->device, sizeof(out->device), "%s", device);
	snprintf(out->type, sizeof(out->type), "%s", type);
	snprintf(out->source, sizeof(out->source), "%s", source);
	out->writable = strncmp(options, "rw", strlen("rw")) == 0;
	out->user = number_option(options, "user_id=");
	out->group = number_option(options, "group_id=");
	return true;
}

int mount_info_find(const char *path, struct mount_info *out)
{
	CLEANUP(fclosep) FILE *file = fopen("/proc/thread-self/mountinfo", "re");
	CLEANUP(freep) char *line = NULL;
	struct mount_info found;
	size_t size = 0;
	bool any = false;

	if (!file)
		return -errno;
	while (getline(&line, &size, file) >= 0) {
		if (parse_line(line, path, &found)) {
			*out = found; /* later mounts hide earlier ones */
			any = true;
		}
	}
	return any ? 0 : -ENOENT;
}
