/* SPDX-License-Identifier: MIT */
/*
 * An image file or block device, read with pread: a mapping would turn a file that is truncated
 * underneath into SIGBUS, where pread gives a short read.
 */
#include "image/image.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/wait.h"
#include "image/image_container.h"

struct raw {
	struct image base;
	int fd;
	bool in_memory; /* on a file system that has no disk */
};

/*
 * All of it, or nothing. Where the host's file system cannot tell what is in its page cache
 * (EOPNOTSUPP: overlayfs and FUSE among others), everything could be on a disk.
 */
static int read_without_waiting(struct raw *raw, void *buf, size_t len, uint64_t offset)
{
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	ssize_t n;

	if (raw->in_memory)
		n = pread(raw->fd, buf, len, (off_t)offset);
	else
		n = preadv2(raw->fd, &iov, 1, (off_t)offset, RWF_NOWAIT);
	return n == (ssize_t)len ? 0 : -EAGAIN;
}

static int raw_read_at(struct image *img, void *buf, size_t len, uint64_t offset)
{
	struct raw *raw = container_of(img, struct raw, base);
	uint8_t *p = buf;

	if (!wait_allowed())
		return read_without_waiting(raw, buf, len, offset);
	while (len) {
		ssize_t n = pread(raw->fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_warn("image: cannot read %zu bytes at %llu: %s", len,
				 (unsigned long long)offset,
				 n < 0 ? strerror(errno) : "the file has become shorter");
			return -EIO;
		}
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* The file itself may become shorter: that is for sendfile(2) to find. */
static int raw_locate(struct image *img, uint64_t offset, size_t *len, int *out_fd,
		      uint64_t *out_offset)
{
	struct raw *raw = container_of(img, struct raw, base);

	(void)len;
	*out_fd = raw->fd;
	*out_offset = offset;
	return 0;
}

static void raw_will_need(struct image *img, uint64_t offset, uint64_t len)
{
	struct raw *raw = container_of(img, struct raw, base);

	posix_fadvise(raw->fd, (off_t)offset, (off_t)len, POSIX_FADV_WILLNEED);
}

static void raw_close(struct image *img)
{
	struct raw *raw = container_of(img, struct raw, base);

	close(raw->fd);
	free(raw);
}

static const struct image_ops raw_ops = {
	.kind = "raw",
	.read_at = raw_read_at,
	.locate = raw_locate,
	.will_need = raw_will_need,
	.close = raw_close,
};

static int measure(int fd, uint64_t *out_size, uint32_t *out_sector_size)
{
	struct stat st;
	int sector = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISREG(st.st_mode)) {
		*out_size = (uint64_t)st.st_size;
		*out_sector_size = 0;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return -ENODEV;
	if (ioctl(fd, BLKGETSIZE64, out_size) < 0 || ioctl(fd, BLKSSZGET, &sector) < 0)
		return -errno;
	*out_sector_size = (uint32_t)sector;
	return 0;
}

/* Of the file's own file system: a device's node may well lie on one in memory. */
static bool is_in_memory(int fd)
{
	struct statfs fs;
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

int image_open(const char *path, struct image **out)
{
	CLEANUP(closep) int fd = -1;
	struct raw *raw;
	uint64_t size;
	uint32_t sector_size = 0;
	int err;

	/* Without O_NONBLOCK the open of a fifo would wait for a writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	err = measure(fd, &size, &sector_size);
	if (err)
		return err;
	raw = calloc(1, sizeof(*raw));
	if (!raw)
		return -ENOMEM;
	raw->base.ops = &raw_ops;
	raw->base.size = size;
	raw->base.sector_size = sector_size;
	raw->in_memory = is_in_memory(fd);
	raw->fd = take_fd(&fd);
	err = image_container_check(&raw->base, path);
	if (err) {
		image_close(&raw->base);
		return err;
	}
	*out = &raw->base;
	return 0;
}

int image_stat(struct image *img, struct stat *out)
{
	struct raw *raw = container_of(img, struct raw, base);

	assert(img->ops == &raw_ops);
	return fstat(raw->fd, out) < 0 ? -errno : 0;
}
