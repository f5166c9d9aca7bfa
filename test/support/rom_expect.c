// SPDX-License-Identifier: MIT
/* The files of a boot partition, as other programs took them out of the image, in memory. */
#include "rom_client.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#define DESCRIPTORS 16

static struct rom_expected *files;
static size_t count, room, root_len;

static int take(const char *path, const struct stat *st, int type, struct FTW *where)
{
	struct rom_expected *file;
	int fd;

	(void)where;
	if (type != FTW_F)
		return 0;
	if (count == room) {
		room = room ? room * 2 : 64;
		files = realloc(files, room * sizeof(*files));
		if (!files)
			return -1;
	}
	file = &files[count++];
	file->path = strdup(path + root_len + 1);
	file->len = (size_t)st->st_size;
	file->data = NULL;
	if (!file->len)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	file->data = mmap(NULL, file->len, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return file->data == MAP_FAILED ? -1 : 0;
}

void rom_expect_load(const char *dir)
{
	root_len = strlen(dir);
	if (nftw(dir, take, DESCRIPTORS, FTW_PHYS)) {
		perror(dir);
		exit(2);
	}
}

const struct rom_expected *rom_expect_find(const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}
