/* SPDX-License-Identifier: MIT */
/* Copying out: the bytes of a file, and the progress. */
#include "copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "format.h"

#define BUFFER_BYTES (1u << 20)
#define PROGRESS_MS 200

int copy_init(struct copy *copy, struct tree *tree, const char *dest, int dest_fd)
{
	*copy = (struct copy){.tree = tree, .dest = dest, .dest_fd = dest_fd};
	copy->buffer = malloc(BUFFER_BYTES);
	copy->progress = isatty(STDERR_FILENO);
	return copy->buffer ? 0 : -ENOMEM;
}

void copy_finish(struct copy *copy)
{
	copy_clear_progress(copy);
	idmap_finish(&copy->links);
	idmap_finish(&copy->directories);
	free(copy->buffer);
	copy->buffer = NULL;
}

void copy_clear_progress(struct copy *copy)
{
	if (copy->progress && (copy->shown.tv_sec || copy->shown.tv_nsec))
		fprintf(stderr, "\r\033[K");
	copy->shown = (struct timespec){0};
}

void copy_show_progress(struct copy *copy)
{
	char size[FORMAT_SIZE_BYTES];
	struct timespec now;
	int64_t passed_ms;

	if (!copy->progress)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	passed_ms = (int64_t)(now.tv_sec - copy->shown.tv_sec) * 1000 +
		    (now.tv_nsec - copy->shown.tv_nsec) / 1000000;
	if (passed_ms < PROGRESS_MS)
		return;
	copy->shown = now;
	format_size(copy->bytes, size);
	fprintf(stderr, "\r\033[K%" PRIu64 " files, %s", copy->files, size);
}

int copy_write(int fd, const char *buf, size_t len, off_t offset)
{
	while (len) {
		ssize_t n = offset < 0 ? write(fd, buf, len) : pwrite(fd, buf, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
		offset += offset < 0 ? 0 : n;
	}
	return 0;
}

static int copy_range(struct copy *copy, uint64_t id, int fd, uint64_t from, uint64_t to, bool seek)
{
	while (from < to) {
		size_t len = (size_t)min_u64(BUFFER_BYTES, to - from);
		ssize_t n = tree_read(copy->tree, id, copy->buffer, len, from);
		int err;

		if (n < 0)
			return (int)n;
		if (n == 0)
			return 0;
		err = copy_write(fd, copy->buffer, (size_t)n, seek ? (off_t)from : -1);
		if (err)
			return err;
		from += (uint64_t)n;
		copy->bytes += (uint64_t)n;
		copy_show_progress(copy);
	}
	return 0;
}

int copy_data(struct copy *copy, const struct tree_attr *attr, int fd)
{
	uint64_t end = 0;

	if (attr->size > INT64_MAX)
		return -EFBIG;
	while (end < attr->size) {
		uint64_t start;
		int err = tree_seek(copy->tree, attr->id, end, SEEK_DATA, &start);

		if (err == -ENXIO)
			break;
		if (err)
			return err;
		err = tree_seek(copy->tree, attr->id, start, SEEK_HOLE, &end);
		if (err)
			return err;
		/* a driver that does not get on would keep us here for ever */
		if (end <= start)
			return -EUCLEAN;
		err = copy_range(copy, attr->id, fd, start, min_u64(end, attr->size), true);
		if (err)
			return err;
	}
	/* last, for the hole at the end: a copy that was broken off is shorter than its original */
	return ftruncate(fd, (off_t)attr->size) < 0 ? -errno : 0;
}

void copy_to_fd(struct copy *copy, const struct tree_attr *attr, int fd, const char *path)
{
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (S_ISREG(st.st_mode))
		err = copy_data(copy, attr, fd);
	else
		err = copy_range(copy, attr->id, fd, 0, attr->size, false);
	if (!err && S_ISREG(st.st_mode))
		err = copy_attributes(copy, attr, -1, NULL, fd);
	if (err)
		copy_failed(copy, path, err);
}
