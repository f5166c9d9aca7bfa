/* SPDX-License-Identifier: MIT */
/* posix_record: contents: holes, allocation, copies, maps, direct I/O, sizes. */
#include "posix_record.h"

#include <linux/falloc.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define BLOCK 4096

static uint32_t sum(int fd, off_t offset, size_t len)
{
	static unsigned char buf[1 << 16];
	uint32_t hash = 2166136261u;

	while (len) {
		ssize_t got = pread(fd, buf, len < sizeof(buf) ? len : sizeof(buf), offset);

		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got; i++)
			hash = (hash ^ buf[i]) * 16777619u;
		offset += got;
		len -= (size_t)got;
	}
	return hash;
}

static void fill(int fd, off_t offset, size_t len, char with)
{
	char buf[BLOCK];

	memset(buf, with, sizeof(buf));
	while (len) {
		size_t part = len < sizeof(buf) ? len : sizeof(buf);

		if (pwrite(fd, buf, part, offset) != (ssize_t)part)
			record_say(" no fill");
		offset += (off_t)part;
		len -= part;
	}
}

/* Size, content, and where holes are. */
static void say_content(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END), at = 0;

	record_say(" {%lld %08x", (long long)size, sum(fd, 0, 1 << 22));
	for (int i = 0; i < 20 && at < size; i++) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		record_say(" %lld-%lld", (long long)data, (long long)hole);
		at = hole;
	}
	record_say("}");
}

static const struct {
	const char *name;
	int mode;
} modes[] = {
	{"plain", 0},
	{"keep", FALLOC_FL_KEEP_SIZE},
	{"punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
	{"punch alone", FALLOC_FL_PUNCH_HOLE},
	{"zero", FALLOC_FL_ZERO_RANGE},
	{"zero keep", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE},
	{"collapse", FALLOC_FL_COLLAPSE_RANGE},
	{"collapse keep", FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE},
	{"insert", FALLOC_FL_INSERT_RANGE},
	{"unshare", FALLOC_FL_UNSHARE_RANGE},
	{"nonsense", 0x800},
};

static void allocation(void)
{
	static const struct {
		off_t offset, len;
	} places[] = {
		{0, BLOCK},	    {BLOCK, 2 * BLOCK},	    {100, 5000},
		{5 * BLOCK, BLOCK}, {7 * BLOCK, 9 * BLOCK}, {20 * BLOCK, 5 * BLOCK},
		{30 * BLOCK, 7},    {16 * BLOCK - 1, 2},    {0, 64 * BLOCK},
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		for (size_t j = 0; j < sizeof(places) / sizeof(places[0]); j++) {
			int fd;

			record_begin(&record_root, "fallocate %s %lld %lld", modes[i].name,
				     (long long)places[j].offset, (long long)places[j].len);
			fd = open("file", O_RDWR | O_CLOEXEC);
			fill(fd, 0, 3 * BLOCK, 'a');
			fill(fd, 6 * BLOCK, 2 * BLOCK, 'b');
			fill(fd, 15 * BLOCK + 5, BLOCK, 'c');
			fsync(fd);
			record_tick();
			say_call("is",
				 fallocate(fd, modes[i].mode, places[j].offset, places[j].len));
			fsync(fd);
			/* Where space is only promised, holes may be shown as data, and are by some. */
			record_say(" {%lld %08x}", (long long)lseek(fd, 0, SEEK_END),
				   sum(fd, 0, 1 << 22));
			close(fd);
			record_end();
		}
	}
}

static void holes(void)
{
	int fd;

	record_begin(&record_root, "holes");
	fd = open("file", O_RDWR | O_TRUNC | O_CLOEXEC);
	say_content(fd);
	ftruncate(fd, 100 * BLOCK);
	say_content(fd);
	fill(fd, 10 * BLOCK, 3 * BLOCK, 'a');
	fill(fd, 50 * BLOCK, BLOCK, 'b');
	fsync(fd);
	say_content(fd);
	fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 11 * BLOCK, BLOCK);
	say_content(fd);
	ftruncate(fd, 50 * BLOCK + 7);
	say_content(fd);
	ftruncate(fd, 60 * BLOCK);
	say_content(fd);
	for (off_t at = -1; at < 62 * BLOCK; at += 7 * BLOCK + 3) {
		say_call("d", lseek(fd, at, SEEK_DATA));
		say_call("h", lseek(fd, at, SEEK_HOLE));
	}
	close(fd);
	record_end();
}

static void copies(void)
{
	int from, to, same;
	off_t in, out;

	record_begin(&record_root, "copy_file_range");
	from = open("file", O_RDWR | O_CLOEXEC);
	to = open("full/in", O_RDWR | O_CLOEXEC);
	same = open("file", O_RDWR | O_CLOEXEC);
	fill(from, 0, 5 * BLOCK, 'a');
	fill(from, 9 * BLOCK, BLOCK + 77, 'b');
	for (int i = 0; i < 8; i++) {
		static const off_t ins[] = {0,		7,	    BLOCK,	4 * BLOCK,
					    10 * BLOCK, 11 * BLOCK, 20 * BLOCK, 3};
		static const off_t outs[] = {0, 13, 3 * BLOCK, 40 * BLOCK, 5, 0, 0, 1 << 20};

		in = ins[i];
		out = outs[i];
		say_call("is", copy_file_range(from, &in, to, &out, 3 * BLOCK + 11, 0));
		record_say("@%lld,%lld", (long long)in, (long long)out);
		record_say(" %08x", sum(to, 0, 1 << 22));
	}
	in = 0;
	out = BLOCK;
	say_call("overlap", copy_file_range(from, &in, same, &out, 2 * BLOCK, 0));
	in = 0;
	out = 40 * BLOCK;
	say_call("itself", copy_file_range(from, &in, same, &out, 2 * BLOCK, 0));
	in = 0;
	out = INT64_MAX - 100;
	say_call("far", copy_file_range(from, &in, to, &out, 2 * BLOCK, 0));
	in = -1;
	out = 0;
	say_call("negative", copy_file_range(from, &in, to, &out, 10, 0));
	in = 0;
	out = 0;
	say_call("all", copy_file_range(from, &in, to, &out, SIZE_MAX, 0));
	say_call("clone", ioctl(to, FICLONE, from));
	say_content(from);
	close(from);
	close(to);
	close(same);
	record_end();
}

static void mapping(void)
{
	char *map, *private, buf[16];
	int fd;

	record_begin(&record_root, "maps");
	fd = open("file", O_RDWR | O_CLOEXEC);
	ftruncate(fd, 3 * BLOCK);
	map = mmap(NULL, 3 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, 3 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED || private == MAP_FAILED) {
		record_say(" %s", strerrorname_np(errno));
	} else {
		memcpy(map + 5000, "mapped", 6);
		pread(fd, buf, 6, 5000);
		record_say(" '%.6s'", buf);
		pwrite(fd, "written", 7, 8000);
		record_say(" '%.7s' '%.7s'", map + 8000, private + 8000);
		memcpy(private, "own", 3);
		record_say(" '%.3s'", map);
		ftruncate(fd, BLOCK + 910);
		ftruncate(fd, 3 * BLOCK);
		record_say(" '%.6s'", map + 5000);
		/* What is written behind the end in the last page never shows. */
		ftruncate(fd, 2 * BLOCK + 10);
		memcpy(map + 2 * BLOCK + 20, "beyond", 6);
		msync(map, 3 * BLOCK, MS_SYNC);
		ftruncate(fd, 3 * BLOCK);
		record_say(" '%.6s'", map + 2 * BLOCK + 20);
		munmap(map, 3 * BLOCK);
		munmap(private, 3 * BLOCK);
	}
	say_content(fd);
	close(fd);
	record_end();

	record_begin(&record_root, "maps of what is not open for it");
	fd = open("file", O_RDONLY | O_CLOEXEC);
	say_call("shared write",
		 mmap(NULL, BLOCK, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	say_call("private write",
		 mmap(NULL, BLOCK, PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	close(fd);
	fd = open("file", O_WRONLY | O_CLOEXEC);
	say_call("read", mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	close(fd);
	fd = open("dir", O_RDONLY | O_CLOEXEC);
	say_call("dir", mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	close(fd);
	record_end();
}

static void direct(void)
{
	char *buf = aligned_alloc(BLOCK, 4 * BLOCK);
	int fd, cached;

	record_begin(&record_root, "O_DIRECT");
	fd = open("file", O_RDWR | O_DIRECT | O_CLOEXEC);
	cached = open("file", O_RDWR | O_CLOEXEC);
	say_call("open", fd < 0 ? -1 : 0);
	memset(buf, 'd', 4 * BLOCK);
	say_call("write", pwrite(fd, buf, 2 * BLOCK, 0));
	say_call("read", pread(fd, buf, 4 * BLOCK, 0));
	say_call("at end", pread(fd, buf, BLOCK, 2 * BLOCK));
	say_call("beyond", pread(fd, buf, BLOCK, 64 * BLOCK));
	fill(cached, 0, 3 * BLOCK + 100, 'e');
	say_call("read", pread(fd, buf, 4 * BLOCK, 0));
	record_say(" %c", buf[0]);
	say_call("far", pwrite(fd, buf, BLOCK, 30 * BLOCK));
	say_content(cached);
	close(fd);
	close(cached);
	free(buf);
	record_end();
}

static void vectors(void)
{
	char a[3], b[5];
	struct iovec iov[2] = {{a, 3}, {b, 5}};
	int fd;

	record_begin(&record_root, "vectors");
	fd = open("file", O_RDWR | O_CLOEXEC);
	say_call("readv", readv(fd, iov, 2));
	record_say(" '%.3s' '%.5s'", a, b);
	say_call("writev", writev(fd, iov, 2));
	say_call("append", pwritev2(fd, iov, 2, 0, RWF_APPEND));
	say_call("dsync", pwritev2(fd, iov, 2, 1, RWF_DSYNC));
	say_call("none", writev(fd, iov, 0));
	iov[0].iov_len = SIZE_MAX;
	say_call("length", writev(fd, iov, 2));
	say_content(fd);
	close(fd);
	record_end();
}

static void sizes(void)
{
	static const off_t tried[] = {
		(1LL << 31) - 1, 1LL << 31,	      (1LL << 32) - 1, 1LL << 32,
		(1LL << 40) + 1, (1LL << 44) - BLOCK, (1LL << 44) - 1, 1LL << 44,
		(1LL << 44) + 1, 1LL << 50,	      INT64_MAX,
	};
	struct stat st;
	int fd;

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		record_begin(&record_root, "size %lld", (long long)tried[i]);
		fd = open("file", O_RDWR | O_CLOEXEC);
		say_call("truncate", ftruncate(fd, tried[i]));
		say_call("write", pwrite(fd, "x", 1, tried[i]));
		say_call("before", pwrite(fd, "yz", 2, tried[i] - 1));
		say_call("fallocate", fallocate(fd, FALLOC_FL_KEEP_SIZE, tried[i] - 10, 5));
		say_call("seek", lseek(fd, tried[i], SEEK_SET));
		fstat(fd, &st);
		record_say(" %lld", (long long)st.st_size);
		say_call("back", ftruncate(fd, 10));
		close(fd);
		record_end();
	}
}

void record_ranges(void)
{
	allocation();
	holes();
	copies();
	mapping();
	direct();
	vectors();
	sizes();
}
