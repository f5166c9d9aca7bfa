/* SPDX-License-Identifier: MIT */
/* Facts as people read them. */
#include "format.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/json.h"

struct type {
	uint32_t format;
	char letter;
	const char *name;
	const char *word;
};

static const struct type types[] = {
	{S_IFREG, '-', "regular file", "file"},
	{S_IFDIR, 'd', "directory", "directory"},
	{S_IFLNK, 'l', "symbolic link", "symlink"},
	{S_IFCHR, 'c', "character special file", "chardev"},
	{S_IFBLK, 'b', "block special file", "blockdev"},
	{S_IFIFO, 'p', "fifo", "fifo"},
	{S_IFSOCK, 's', "socket", "socket"},
};

static const struct type unknown = {0, '?', "weird file", "unknown"};

static const struct type *find_type(uint32_t mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].format == (mode & S_IFMT))
			return &types[i];
	}
	return &unknown;
}

const char *format_type(uint32_t mode)
{
	return find_type(mode)->name;
}

const char *format_type_word(uint32_t mode)
{
	return find_type(mode)->word;
}

/* 's' or 't' instead of 'x', a capital where x itself is not set */
static void put_special(char *place, bool special, char letter)
{
	if (special)
		*place = *place == 'x' ? letter : (char)(letter - 'a' + 'A');
}

void format_mode(uint32_t mode, char out[FORMAT_MODE_BYTES])
{
	static const char letters[] = "rwxrwxrwx";

	out[0] = find_type(mode)->letter;
	for (int i = 0; i < 9; i++)
		out[1 + i] = mode & (0400u >> i) ? letters[i] : '-';
	put_special(&out[3], mode & S_ISUID, 's');
	put_special(&out[6], mode & S_ISGID, 's');
	put_special(&out[9], mode & S_ISVTX, 't');
	out[10] = '\0';
}

/* A year that struct tm cannot hold is shown as seconds. */
static bool break_down(const struct timespec *time, bool utc, struct tm *tm, char *out)
{
	if (utc ? gmtime_r(&time->tv_sec, tm) : localtime_r(&time->tv_sec, tm))
		return true;
	snprintf(out, FORMAT_TIME_BYTES, "%lld", (long long)time->tv_sec);
	return false;
}

void format_time_short(const struct timespec *time, char out[FORMAT_TIME_BYTES])
{
	struct tm tm;

	if (break_down(time, false, &tm, out))
		strftime(out, FORMAT_TIME_BYTES, "%Y-%m-%d %H:%M", &tm);
}

static void with_nanoseconds(const struct timespec *time, bool utc, const char *day_and_time,
			     const char *zone, char *out)
{
	struct tm tm;
	size_t len;

	if (!break_down(time, utc, &tm, out))
		return;
	len = strftime(out, FORMAT_TIME_BYTES, day_and_time, &tm);
	len += (size_t)snprintf(out + len, FORMAT_TIME_BYTES - len, ".%09ld", time->tv_nsec);
	strftime(out + len, FORMAT_TIME_BYTES - len, zone, &tm);
}

void format_time_full(const struct timespec *time, char out[FORMAT_TIME_BYTES])
{
	with_nanoseconds(time, false, "%Y-%m-%d %H:%M:%S", " %z", out);
}

void format_time_utc(const struct timespec *time, char out[FORMAT_TIME_BYTES])
{
	with_nanoseconds(time, true, "%Y-%m-%dT%H:%M:%S", "Z", out);
}

void format_size(uint64_t bytes, char out[FORMAT_SIZE_BYTES])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(out, FORMAT_SIZE_BYTES, "%" PRIu64 " bytes", bytes);
		return;
	}
	while (value >= 1024 && i + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		i++;
	}
	snprintf(out, FORMAT_SIZE_BYTES, "%.1f %s", value, units[i]);
}

/* The bytes of one character that a terminal shows; 0: what is there might command it instead. */
static size_t printable_length(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = json_utf8_length(text, len);

	if (n == 1 && (p[0] < 0x20 || p[0] == 0x7f))
		return 0;
	/* U+0080 to U+009f, among them an 8-bit form of ESC [ */
	if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
		return 0;
	return n;
}

bool format_is_printable(const char *text, size_t len)
{
	while (len) {
		size_t n = printable_length(text, len);

		if (n == 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}

void format_print_name(FILE *out, const char *name)
{
	size_t len = strlen(name);

	if (!isatty(fileno(out))) {
		fputs(name, out);
		return;
	}
	while (len) {
		size_t n = printable_length(name, len);

		if (n)
			fwrite(name, 1, n, out);
		else
			fputc('?', out);
		n = n ? n : 1;
		name += n;
		len -= n;
	}
}
