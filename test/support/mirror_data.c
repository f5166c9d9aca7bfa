/* SPDX-License-Identifier: MIT */
/* What is done to the contents of a file on one side, by its path or by an open file. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"
#include "support/mirror.h"

#define PAGE 4096u

static uint8_t *buffer(void)
{
	static uint8_t *data;

	if (!data)
		data = aligned_alloc(PAGE, MIRROR_DATA);
	if (!data)
		err(2, "memory");
	return data;
}

static int64_t do_write(int fd, const struct mirror_action *a)
{
	uint8_t *data = buffer();

	mirror_fill(data, a->len, a->seed);
	if (a->kind == MIRROR_APPEND)
		return write(fd, data, a->len);
	return pwrite(fd, data, a->len, (off_t)a->offset);
}

static int64_t do_read(int fd, const struct mirror_action *a, struct mirror_outcome *out)
{
	uint8_t *data = buffer();
	ssize_t n = pread(fd, data, a->len, (off_t)a->offset);

	if (n > 0)
		out->hash = mirror_hash(0, data, (size_t)n);
	return n;
}

/* A part of a regular file inside its size, mapped shared; 0 bytes where it has none. */
struct window {
	uint8_t *start; /* of the mapping */
	size_t mapped;
	uint8_t *data;
	size_t len;
};

static int map_window(int fd, const struct mirror_action *a, int protection, struct window *out)
{
	struct stat st;
	uint64_t offset;
	size_t before;

	*out = (struct window){0};
	if (fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = ENODEV;
		return -1;
	}
	if (st.st_size == 0)
		return 0;
	offset = a->offset % (uint64_t)st.st_size;
	before = offset % PAGE;
	out->len = min_u64(a->len, (uint64_t)st.st_size - offset);
	out->mapped = before + out->len;
	out->start = mmap(NULL, out->mapped, protection, MAP_SHARED, fd, (off_t)(offset - before));
	if (out->start == MAP_FAILED)
		return -1;
	out->data = out->start + before;
	return 0;
}

static int64_t do_mmap(int fd, const struct mirror_action *a, struct mirror_outcome *out)
{
	bool writes = a->kind == MIRROR_MMAP_WRITE;
	struct window window;

	if (map_window(fd, a, writes ? PROT_READ | PROT_WRITE : PROT_READ, &window) < 0)
		return -1;
	if (window.len == 0)
		return 0;
	if (writes)
		mirror_fill(window.data, window.len, a->seed);
	else
		out->hash = mirror_hash(0, window.data, window.len);
	if (writes && a->seed % 2 && msync(window.start, window.mapped, MS_SYNC) < 0)
		return -1;
	if (munmap(window.start, window.mapped) < 0)
		return -1;
	return (int64_t)window.len;
}

/* How much one call copies is the kernel's choice; what all of them copy is not. */
static int64_t do_copy(int from, const struct mirror_action *a)
{
	loff_t in = (loff_t)a->offset, out = (loff_t)a->other_offset;
	size_t left = a->len;
	ssize_t n = 1;
	int error;
	int to = mirror_open(AT_FDCWD, a->other, O_WRONLY, 0);

	if (to < 0)
		return -1;
	while (left && n > 0) {
		n = copy_file_range(from, &in, to, &out, left, 0);
		if (n > 0)
			left -= (size_t)n;
	}
	error = errno;
	if (close(to) < 0)
		return -1;
	errno = error;
	return n < 0 ? -1 : (int64_t)(a->len - left);
}

static int64_t do_truncate(const struct mirror_action *a)
{
	struct stat st;

	if (a->flags & MIRROR_TO_OTHER_SIZE && stat(a->path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == a->offset)
		return 0;
	return truncate(a->path, (off_t)a->offset);
}

static int open_flags(const struct mirror_action *a)
{
	switch (a->kind) {
	case MIRROR_APPEND:
		return O_WRONLY | O_APPEND;
	case MIRROR_MMAP_WRITE:
		return O_RDWR;
	case MIRROR_READ:
		return O_RDONLY | a->flags;
	case MIRROR_MMAP_READ:
	case MIRROR_COPY:
		return O_RDONLY;
	case MIRROR_WRITE:
		return O_WRONLY | a->flags;
	default:
		return O_WRONLY;
	}
}

static int64_t act(int fd, const struct mirror_action *a, struct mirror_outcome *out)
{
	switch (a->kind) {
	case MIRROR_TRUNCATE:
		return ftruncate(fd, (off_t)a->offset);
	case MIRROR_WRITE:
	case MIRROR_APPEND:
		return do_write(fd, a);
	case MIRROR_MMAP_WRITE:
	case MIRROR_MMAP_READ:
		return do_mmap(fd, a, out);
	case MIRROR_FALLOCATE:
		return fallocate(fd, a->flags, (off_t)a->offset, (off_t)a->len);
	case MIRROR_COPY:
		return do_copy(fd, a);
	case MIRROR_READ:
		return do_read(fd, a, out);
	default:
		errx(2, "an action of kind %d", (int)a->kind);
	}
}

void mirror_do_data(struct mirror_side *side, const struct mirror_action *a,
		    struct mirror_outcome *out)
{
	int open_fd = a->handle >= 0 ? side->handles[a->handle] : -1;
	int fd = open_fd;

	if (fd < 0 && a->kind == MIRROR_TRUNCATE) {
		out->ret = do_truncate(a);
		out->error = out->ret < 0 ? errno : 0;
		return;
	}
	if (fd < 0)
		fd = mirror_open(AT_FDCWD, a->path, open_flags(a), 0);
	out->ret = fd < 0 ? -1 : act(fd, a, out);
	out->error = out->ret < 0 ? errno : 0;
	if (fd >= 0 && fd != open_fd && close(fd) < 0) {
		out->ret = -1;
		out->error = errno;
	}
}
