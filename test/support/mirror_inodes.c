/* SPDX-License-Identifier: MIT */
/* The numbers of all files of the first side, kept in a file: they are to be the same next time. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/mirror.h"

unsigned int mirror_inodes_check(const struct mirror_side *side, int file)
{
	FILE *in = fdopen(dup(file), "r");
	unsigned int differences = 0;
	size_t room = 0;
	char *line = NULL;

	if (!in)
		err(2, "the file of numbers");
	while (getdelim(&line, &room, '\0', in) > 0) {
		char *path;
		unsigned long long want = strtoull(line, &path, 10);
		struct stat st = {0};

		if (fstatat(side->root, path + 1, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_ino == want)
			continue;
		differences += mirror_differ(path + 1, "number kept, number", (int64_t)want,
					     (int64_t)st.st_ino);
	}
	free(line);
	fclose(in);
	return differences;
}

static void keep_dir(FILE *out, int fd, const char *path)
{
	size_t count;
	char **names = mirror_names(fd, &count);

	for (size_t i = 0; i < count; i++) {
		struct stat st;
		char *below;
		int sub;

		if (fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    asprintf(&below, "%s%s%s", path, *path ? "/" : "", names[i]) < 0)
			err(2, "%s/%s", path, names[i]);
		if (strlen(below) < MIRROR_PATH)
			fprintf(out, "%llu %s%c", (unsigned long long)st.st_ino, below, '\0');
		sub = S_ISDIR(st.st_mode) ? openat(fd, names[i],
						   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
					  : -1;
		if (sub >= 0) {
			keep_dir(out, sub, below);
			close(sub);
		}
		free(below);
	}
	mirror_names_free(names, count);
}

void mirror_inodes_keep(const struct mirror_side *side, int file)
{
	FILE *out = fdopen(dup(file), "w");

	if (!out || ftruncate(file, 0) < 0 || lseek(file, 0, SEEK_SET) < 0)
		err(2, "the file of numbers");
	keep_dir(out, side->root, "");
	if (fclose(out))
		err(2, "the file of numbers");
}
