/* SPDX-License-Identifier: MIT */
/* Bounds of images and slices, containers by their magic, and a file cut while it is open. */
#include "support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wait.h"
#include "image/image.h"
#include "image/image_container.h"
#include "support/flaky_image.h"

static char last_line[512];

static void keep_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static struct image *memory(const void *data, size_t size)
{
	struct image *img;

	assert_int_equal(image_memory(data, size, &img), 0);
	return img;
}

static void reads_outside_the_image_are_refused(void **state)
{
	static const uint8_t data[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct image *img = memory(data, sizeof(data));
	uint8_t buf[16];

	(void)state;
	assert_int_equal(image_read_at(img, buf, 10, 0), 0);
	assert_int_equal(image_read_at(img, buf, 1, 9), 0);
	assert_int_equal(buf[0], 9);
	assert_int_equal(image_read_at(img, buf, 0, 10), 0);
	assert_int_equal(image_read_at(img, buf, 11, 0), -ERANGE);
	assert_int_equal(image_read_at(img, buf, 1, 10), -ERANGE);
	assert_int_equal(image_read_at(img, buf, 2, UINT64_MAX), -ERANGE);
	assert_int_equal(image_read_at(img, buf, 16, UINT64_MAX - 7), -ERANGE);
	image_close(img);
}

static void a_slice_never_shows_what_lies_beside_it(void **state)
{
	static const uint8_t data[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct image *img = memory(data, sizeof(data));
	struct image *slice, *inner;
	uint8_t buf[16];

	(void)state;
	assert_int_equal(image_slice(img, 3, 4, &slice), 0);
	assert_int_equal(slice->size, 4);
	assert_int_equal(image_read_at(slice, buf, 4, 0), 0);
	assert_memory_equal(buf, data + 3, 4);
	assert_int_equal(image_read_at(slice, buf, 1, 4), -ERANGE);
	assert_int_equal(image_read_at(slice, buf, 5, 0), -ERANGE);
	assert_int_equal(image_read_at(slice, buf, 1, UINT64_MAX - 2), -ERANGE);
	assert_int_equal(image_slice(slice, 2, 100, &inner), 0);
	assert_int_equal(inner->size, 2);
	assert_int_equal(image_read_at(inner, buf, 2, 0), 0);
	assert_memory_equal(buf, data + 5, 2);
	image_close(inner);
	image_close(slice);
	image_close(img);
}

static void a_slice_beyond_the_end_is_cut_or_empty(void **state)
{
	static const uint8_t data[10];
	static const struct {
		uint64_t start, size, expected;
	} cases[] = {
		{8, 5, 2},	     {10, 5, 0},	 {11, 5, 0},
		{UINT64_MAX, 1, 0},  {5, UINT64_MAX, 5}, {UINT64_MAX, UINT64_MAX, 0},
		{0, UINT64_MAX, 10},
	};
	struct image *img = memory(data, sizeof(data));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image *slice;
		uint8_t byte;

		assert_int_equal(image_slice(img, cases[i].start, cases[i].size, &slice), 0);
		assert_int_equal(slice->size, cases[i].expected);
		assert_int_equal(image_read_at(slice, &byte, 1, slice->size), -ERANGE);
		image_close(slice);
	}
	image_close(img);
}

static void containers_are_known_by_their_magic(void **state)
{
	static const struct {
		size_t offset;
		const char *magic;
		size_t len;
		const char *said;
	} cases[] = {
		{0,
		 "\xfd"
		 "7zXZ\0",
		 6, "xz -dk disk.img"},
		{0, "\x1f\x8b\x08", 3, "gzip -dk disk.img"},
		{0, "\x28\xb5\x2f\xfd", 4, "zstd -d disk.img"},
		{0, "PK\x03\x04", 4, "unzip disk.img"},
		{0, "QFI\xfb", 4, "qemu-img convert"},
		{0, "conectix", 8, "VHD image"},
		{0x40, "\x7f\x10\xda\xbe", 4, "VirtualBox"},
		{257, "ustar", 5, "tar xf disk.img"},
	};

	(void)state;
	log_set_sink(keep_line, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t data[1024] = {0};
		struct image *img = memory(data, sizeof(data));

		assert_int_equal(image_container_check(img, "disk.img"), 0);
		memcpy(data + cases[i].offset, cases[i].magic, cases[i].len);
		assert_int_equal(image_container_check(img, "disk.img"), -EMEDIUMTYPE);
		assert_non_null(strstr(last_line, cases[i].said));
		/* cut in the middle of the magic: nothing is known */
		img->size = cases[i].offset + cases[i].len - 1;
		assert_int_equal(image_container_check(img, "disk.img"), 0);
		image_close(img);
	}
	log_set_sink(NULL, NULL);
}

static void boot_code_may_begin_with_a_short_magic(void **state)
{
	uint8_t data[512] = "BZh";
	struct image *img = memory(data, sizeof(data));

	(void)state;
	log_set_sink(keep_line, NULL);
	assert_int_equal(image_container_check(img, "disk.img"), -EMEDIUMTYPE);
	data[510] = 0x55;
	data[511] = 0xaa;
	assert_int_equal(image_container_check(img, "disk.img"), 0);
	log_set_sink(NULL, NULL);
	image_close(img);
}

static void a_file_cut_underneath_gives_eio_and_the_rest(void **state)
{
	char path[64];
	uint8_t buf[4096];
	struct image *img;
	int fd = memfd_create("image", MFD_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 3 * 4096), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(image_open(path, &img), 0);
	assert_int_equal(img->size, 3 * 4096);
	assert_int_equal(image_read_at(img, buf, sizeof(buf), 2 * 4096), 0);
	log_set_sink(keep_line, NULL);
	assert_int_equal(ftruncate(fd, 4096 + 100), 0);
	assert_int_equal(image_read_at(img, buf, sizeof(buf), 0), 0);
	assert_int_equal(image_read_at(img, buf, sizeof(buf), 4096), -EIO);
	assert_int_equal(image_read_at(img, buf, sizeof(buf), 2 * 4096), -EIO);
	assert_non_null(strstr(last_line, "shorter"));
	log_set_sink(NULL, NULL);
	image_close(img);
	close(fd);
}

static void what_lies_in_memory_is_read_without_waiting(void **state)
{
	struct image *img;
	char path[64];
	char buf[100];
	int fd = memfd_create("image", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(image_open(path, &img), 0);
	assert_int_equal(ftruncate(fd, 1000), 0);
	log_set_sink(keep_line, NULL);
	last_line[0] = '\0';
	wait_forbid();
	assert_int_equal(image_read_at(img, buf, sizeof(buf), 900), 0);
	/* why it is not there is for somebody else to find out, and to log */
	assert_int_equal(image_read_at(img, buf, sizeof(buf), 901), -EAGAIN);
	wait_allow();
	assert_string_equal(last_line, "");
	assert_int_equal(image_read_at(img, buf, sizeof(buf), 901), -EIO);
	log_set_sink(NULL, NULL);
	image_close(img);
	close(fd);
}

static void a_cache_remembers_nothing_of_what_it_could_not_get(void **state)
{
	static uint8_t data[8192];
	struct image *img = memory(data, sizeof(data));
	struct image *flaky, *cache;
	uint8_t buf[4] = {0};

	(void)state;
	data[5000] = 7;
	flaky = flaky_open(img, 1);
	assert_non_null(flaky);
	assert_int_equal(image_cache(flaky, &cache), 0);
	wait_forbid();
	assert_int_equal(image_read_at(cache, buf, 4, 5000), -EAGAIN);
	wait_allow();
	assert_int_equal(image_read_at(cache, buf, 4, 5000), 0);
	assert_int_equal(buf[0], 7);
	wait_forbid();
	assert_int_equal(image_read_at(cache, buf, 4, 5000), 0);
	assert_int_equal(image_read_at(cache, buf, 4, 100), -EAGAIN);
	wait_allow();
	image_close(cache);
	image_close(flaky);
	image_close(img);
}

static void only_what_lies_in_a_file_has_a_place(void **state)
{
	static const uint8_t data[10];
	struct image *img = memory(data, sizeof(data)), *slice;
	uint64_t offset;
	char path[64];
	size_t len = 5;
	int place, fd = memfd_create("image", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(image_locate(img, 0, &len, &place, &offset), -EOPNOTSUPP);
	image_close(img);
	assert_int_equal(ftruncate(fd, 4096), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(image_open(path, &img), 0);
	assert_int_equal(image_slice(img, 1000, 100, &slice), 0);
	assert_int_equal(image_locate(slice, 10, &len, &place, &offset), 0);
	assert_int_equal(offset, 1010);
	assert_int_equal(len, 5);
	len = 91;
	assert_int_equal(image_locate(slice, 10, &len, &place, &offset), -ERANGE);
	image_close(slice);
	image_close(img);
	close(fd);
}

static void what_is_no_file_is_refused(void **state)
{
	struct image *img;

	(void)state;
	assert_int_equal(image_open("/", &img), -EISDIR);
	assert_int_equal(image_open("/dev/null", &img), -ENODEV);
	assert_int_equal(image_open("/does/not/exist", &img), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_outside_the_image_are_refused),
		cmocka_unit_test(a_slice_never_shows_what_lies_beside_it),
		cmocka_unit_test(a_slice_beyond_the_end_is_cut_or_empty),
		cmocka_unit_test(containers_are_known_by_their_magic),
		cmocka_unit_test(boot_code_may_begin_with_a_short_magic),
		cmocka_unit_test(a_file_cut_underneath_gives_eio_and_the_rest),
		cmocka_unit_test(what_lies_in_memory_is_read_without_waiting),
		cmocka_unit_test(a_cache_remembers_nothing_of_what_it_could_not_get),
		cmocka_unit_test(only_what_lies_in_a_file_has_a_place),
		cmocka_unit_test(what_is_no_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
