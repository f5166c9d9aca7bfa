/* SPDX-License-Identifier: MIT */
/*
 * The kernel command line: what it says about the root, and what it has to say when the root comes over
 * the network. Words are separated as the kernel's next_arg() does it: blanks inside double quotes
 * belong to the word.
 */
#include "pi/pi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

#define WHITE " \t\r\n"

int pi_cmdline_root(const char *text, struct pi_device *out)
{
	static const char key[] = "root=";
	int err = -ENOENT;

	while (*(text += strspn(text, WHITE))) {
		size_t len = strcspn(text, WHITE);
		size_t value_len = len - (sizeof(key) - 1);
		char value[PI_VALUE_MAX];

		if (len > sizeof(key) - 1 && strncmp(text, key, sizeof(key) - 1) == 0 &&
		    value_len < sizeof(value)) {
			memcpy(value, text + sizeof(key) - 1, value_len);
			value[value_len] = '\0';
			pi_device_parse(value, out);
			err = 0; /* the kernel takes the last one */
		}
		text += len;
	}
	return err;
}

struct word {
	const char *text;
	size_t len;
};

/* As the kernel's isspace(), for bytes of ASCII. */
static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word before @end; moves *@text behind it. False: there is none. */
static bool next_word(const char **text, const char *end, struct word *out)
{
	const char *p = *text;
	bool quoted = false;

	while (p < end && is_blank(*p))
		p++;
	out->text = p;
	while (p < end && (quoted || !is_blank(*p))) {
		if (*p == '"')
			quoted = !quoted;
		p++;
	}
	out->len = (size_t)(p - out->text);
	*text = p;
	return out->len > 0;
}

/* "name=value" may stand in quotes as a whole. */
static struct word unquoted(struct word word)
{
	if (word.len > 0 && word.text[0] == '"') {
		word.text++;
		word.len--;
		if (word.len > 0 && word.text[word.len - 1] == '"')
			word.len--;
	}
	return word;
}

static bool word_is(struct word word, const char *text)
{
	return word.len == strlen(text) && memcmp(word.text, text, word.len) == 0;
}

static bool word_starts(struct word word, const char *text)
{
	return word.len >= strlen(text) && memcmp(word.text, text, strlen(text)) == 0;
}

/*
 * Programs that images start in place of init once, to fit a disk and to reboot: by their last name,
 * since their directory depends on the release.
 */
static bool is_first_boot_init(struct word word)
{
	static const char *const names[] = {
		"firstboot",	   "firstboot.sh",	    "init_resize.sh",
		"init_resize2.sh", "init_resize_rootfs.sh", "init_setup.sh",
	};

	for (size_t i = 0; i < word.len; i++) {
		if (word.text[i] == '/') {
			word.text += i + 1;
			word.len -= i + 1;
			i = (size_t)-1;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (word_is(word, names[i]))
			return true;
	}
	return false;
}

/* Whether a word of the user has no place where the root comes over the network. */
static bool is_dropped(struct word word, bool keep_ip)
{
	static const char *const starts[] = {
		"root=", "rootfstype=", "rootflags=", "nfsroot=", "boot=", "fsck.",
	};
	static const char *const words[] = {"ro", "rw", "resize"};

	word = unquoted(word);
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		if (word_starts(word, starts[i]))
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (word_is(word, words[i]))
			return true;
	}
	if (word_starts(word, "ip="))
		return !keep_ip;
	if (word_starts(word, "init=")) {
		word.text += 5;
		word.len -= 5;
		return is_first_boot_init(word);
	}
	return false;
}

/* A line that grows; longer ones than PI_CMDLINE_MAX are noticed at the end. */
struct line {
	char text[PI_CMDLINE_BYTES];
	size_t len; /* may exceed what is there */
};

static void append(struct line *line, const char *text, size_t len)
{
	if (line->len > 0 && line->len < PI_CMDLINE_MAX)
		line->text[line->len] = ' ';
	line->len += line->len > 0;
	if (line->len <= PI_CMDLINE_MAX && len <= PI_CMDLINE_MAX - line->len)
		memcpy(line->text + line->len, text, len);
	line->len += len;
}

/* A quote that nothing closes would take in all that comes behind it. */
static void append_word(struct line *line, struct word word)
{
	bool quoted = false;

	for (size_t i = 0; i < word.len; i++)
		quoted ^= word.text[i] == '"';
	append(line, word.text, word.len);
	if (quoted && line->len < PI_CMDLINE_MAX)
		line->text[line->len] = '"';
	line->len += quoted;
}

/* The path goes between commas and blanks, and the kernel formats it with the client's address. */
static bool is_valid(const struct pi_netboot *boot)
{
	if (!boot->export_path || boot->export_path[0] != '/' ||
	    strlen(boot->export_path) >= PI_VALUE_MAX)
		return false;
	for (const char *p = boot->export_path; *p; p++) {
		if (*p <= ' ' || *p > '~' || strchr(",\"'%", *p))
			return false;
	}
	return boot->server.s_addr != INADDR_ANY && boot->nfs_port && boot->rsize && boot->wsize;
}

/* What klibc's nfsmount of any age and the kernel's own parser understand alike. */
static void append_root(struct line *line, const struct pi_netboot *boot, bool has_ip)
{
	const uint32_t ip = ntohl(boot->server.s_addr);
	char mount_port[32] = "";
	char text[PI_VALUE_MAX + 256];
	int len;

	if (boot->no_initramfs && boot->mount_port)
		snprintf(mount_port, sizeof(mount_port), ",mountport=%u", boot->mount_port);
	len = snprintf(text, sizeof(text),
		       "root=/dev/nfs nfsroot=%u.%u.%u.%u:%s,v3,tcp,port=%u%s,nolock,rsize=%u,"
		       "wsize=%u rw%s",
		       ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255, boot->export_path,
		       boot->nfs_port, mount_port, boot->rsize, boot->wsize,
		       has_ip ? "" : " ip=dhcp");
	append(line, text, (size_t)len);
}

/* The end of the first line. An editor of another system may have put a byte order mark in front. */
static const char *first_line(const char **text, size_t len)
{
	static const char mark[] = "\xef\xbb\xbf";
	const char *end = *text;

	if (len >= 3 && memcmp(*text, mark, 3) == 0) {
		*text += 3;
		end += 3;
		len -= 3;
	}
	while (len > 0 && *end != '\n' && *end != '\0') {
		end++;
		len--;
	}
	return end;
}

int pi_cmdline_rewrite(const char *text, size_t len, const struct pi_netboot *boot, char *out,
		       size_t size, size_t *out_len)
{
	const char *end = first_line(&text, len);
	struct line line = {.len = 0};
	bool has_ip = false, has_root = false;
	struct word word;

	if (!is_valid(boot))
		return -EINVAL;
	while (next_word(&text, end, &word)) {
		if (is_dropped(word, boot->keep_ip))
			continue;
		if (word_is(word, "--") && !has_root) {
			append_root(&line, boot, has_ip);
			has_root = true;
		}
		has_ip = has_ip || word_starts(unquoted(word), "ip=");
		append_word(&line, word);
	}
	if (!has_root)
		append_root(&line, boot, has_ip);
	if (line.len > PI_CMDLINE_MAX || size < line.len + 2)
		return -E2BIG;
	memcpy(out, line.text, line.len);
	memcpy(out + line.len, "\n", 2);
	*out_len = line.len + 1;
	return 0;
}
