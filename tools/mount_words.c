/* SPDX-License-Identifier: MIT */
/* The words behind -o: one table of what each means. */
#include "mount_words.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "state/state.h"
#include "tools.h"

#define MINUTES_MAX (24 * 60) /* as Linux's FAT driver */

enum meaning {
	WORD_IGNORE,
	WORD_PASS, /* libfuse or the kernel understands it */
	WORD_PASS_ROOT, /* the same, for root alone */
	WORD_RO,
	WORD_RW,
	WORD_ALLOW_OTHER,
	WORD_ALLOW_ROOT,
	WORD_DEFAULT_PERMISSIONS,
	WORD_NONEMPTY,
	WORD_WRITEBACK,
	WORD_DEBUG,
	WORD_NOCHECK,
	WORD_NOLOAD,
	WORD_UID,
	WORD_GID,
	WORD_UMASK,
	WORD_TIME_OFFSET,
	WORD_FSNAME,
	WORD_SUBTYPE,
	WORD_PARTITION,
	WORD_OVERLAY,
	WORD_STATE,
};

/* Patterns as fnmatch(3) has them; one that ends in "=*" takes a value. */
static const struct {
	const char *pattern;
	enum meaning meaning;
} meanings[] = {
	{"ro", WORD_RO},
	{"rw", WORD_RW},
	{"allow_other", WORD_ALLOW_OTHER},
	{"allow_root", WORD_ALLOW_ROOT},
	{"default_permissions", WORD_DEFAULT_PERMISSIONS},
	{"nonempty", WORD_NONEMPTY},
	{"writeback", WORD_WRITEBACK},
	{"debug", WORD_DEBUG},
	{"nocheck", WORD_NOCHECK},
	{"noload", WORD_NOLOAD},
	{"norecovery", WORD_NOLOAD},
	{"uid=*", WORD_UID},
	{"gid=*", WORD_GID},
	{"umask=*", WORD_UMASK},
	{"time_offset=*", WORD_TIME_OFFSET},
	{"fsname=*", WORD_FSNAME},
	{"subtype=*", WORD_SUBTYPE},
	{"partition=*", WORD_PARTITION},
	{"overlay=*", WORD_OVERLAY},
	{"state=*", WORD_STATE},
	{"suid", WORD_PASS_ROOT},
	{"dev", WORD_PASS_ROOT},
	{"nosuid", WORD_PASS},
	{"nodev", WORD_PASS},
	{"exec", WORD_PASS},
	{"noexec", WORD_PASS},
	{"noatime", WORD_PASS},
	{"auto_unmount", WORD_PASS},
	{"max_read=*", WORD_PASS},
	{"*context=*", WORD_PASS},
	/*
	 * mount(8) and fstab(5) have them; they are done with, or say nothing here: reading sets no
	 * times, and how soon what was written is safe is the overlay's business
	 */
	{"defaults", WORD_IGNORE},
	{"auto", WORD_IGNORE},
	{"noauto", WORD_IGNORE},
	{"user", WORD_IGNORE},
	{"user=*", WORD_IGNORE},
	{"nouser", WORD_IGNORE},
	{"users", WORD_IGNORE},
	{"owner", WORD_IGNORE},
	{"group", WORD_IGNORE},
	{"nofail", WORD_IGNORE},
	{"_netdev", WORD_IGNORE},
	{"comment=*", WORD_IGNORE},
	{"x-*", WORD_IGNORE},
	{"X-*", WORD_IGNORE},
	{"loop", WORD_IGNORE},
	{"sync", WORD_IGNORE},
	{"async", WORD_IGNORE},
	{"dirsync", WORD_IGNORE},
	{"atime", WORD_IGNORE},
	{"relatime", WORD_IGNORE},
	{"norelatime", WORD_IGNORE},
	{"strictatime", WORD_IGNORE},
	{"nostrictatime", WORD_IGNORE},
	{"diratime", WORD_IGNORE},
	{"nodiratime", WORD_IGNORE},
	{"lazytime", WORD_IGNORE},
	{"nolazytime", WORD_IGNORE},
	{"iversion", WORD_IGNORE},
	{"noiversion", WORD_IGNORE},
	{"silent", WORD_IGNORE},
	{"loud", WORD_IGNORE},
};

static int wrong(const char *word, const char *why)
{
	log_error("-o %s: %s: see \"bramble help mount\"", word, why);
	return STATUS_USAGE;
}

static int parse_number(const char *word, const char *text, int base, long long low, long long high,
			long long *out)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, base);
	if (errno || end == text || *end)
		return wrong(word, base == 8 ? "not an octal number" : "not a number");
	if (number < low || number > high)
		return wrong(word, "out of range");
	*out = number;
	return STATUS_DONE;
}

static int set_number(struct mount_words *words, enum meaning meaning, const char *word,
		      const char *value)
{
	struct fat_options *fat = &words->stack.fat;
	long long number;
	int status;

	switch (meaning) {
	case WORD_UID:
		status = parse_number(word, value, 10, 0, UINT32_MAX - 1LL, &number);
		if (!status)
			fat->uid = (uid_t)number;
		return status;
	case WORD_GID:
		status = parse_number(word, value, 10, 0, UINT32_MAX - 1LL, &number);
		if (!status)
			fat->gid = (gid_t)number;
		return status;
	case WORD_UMASK:
		status = parse_number(word, value, 8, 0, 0777, &number);
		if (!status) {
			fat->umask = (mode_t)number;
			fat->umask_given = true;
		}
		return status;
	case WORD_TIME_OFFSET:
		status = parse_number(word, value, 10, -MINUTES_MAX, MINUTES_MAX, &number);
		if (!status)
			fat->time_offset = (int)number;
		return status;
	default:
		status = parse_number(word, value, 10, 1, INT_MAX, &number);
		if (!status)
			words->stack.partition = (int)number;
		return status;
	}
}

static int set_string(char **owned, const char **shown, const char *value)
{
	char *copy = strdup(value);

	if (!copy) {
		log_error("mount: no memory");
		return STATUS_FAILED;
	}
	free(*owned);
	*owned = copy;
	*shown = copy;
	return STATUS_DONE;
}

/* Appends @word, commas and backslashes escaped again. */
static int pass_on(struct mount_words *words, const char *word)
{
	size_t len = words->pass_len;
	char *more = realloc(words->pass, len + 2 * strlen(word) + 2);

	if (!more) {
		log_error("mount: no memory");
		return STATUS_FAILED;
	}
	if (len)
		more[len++] = ',';
	for (; *word; word++) {
		if (*word == ',' || *word == '\\')
			more[len++] = '\\';
		more[len++] = *word;
	}
	more[len] = '\0';
	words->pass = more;
	words->pass_len = len;
	words->mount.fuse_options = more;
	return STATUS_DONE;
}

static int apply(struct mount_words *words, enum meaning meaning, const char *word)
{
	const char *equals = strchr(word, '=');
	const char *value = equals ? equals + 1 : "";

	switch (meaning) {
	case WORD_IGNORE:
		return STATUS_DONE;
	case WORD_RO:
	case WORD_RW:
		words->read_only = meaning == WORD_RO;
		words->read_write = meaning == WORD_RW;
		return STATUS_DONE;
	case WORD_PASS_ROOT:
		if (geteuid() != 0)
			return wrong(word, "only root may ask for this");
		return pass_on(words, word);
	case WORD_PASS:
		return pass_on(words, word);
	case WORD_ALLOW_OTHER:
		words->mount.allow_other = true;
		return STATUS_DONE;
	case WORD_ALLOW_ROOT:
		/* What the kernel has cached it would show to everybody. */
		return wrong(word, "not possible here; use allow_other");
	case WORD_DEFAULT_PERMISSIONS:
		words->mount.default_permissions = true;
		return STATUS_DONE;
	case WORD_NONEMPTY:
		words->mount.nonempty = true;
		return STATUS_DONE;
	case WORD_WRITEBACK:
		words->mount.writeback = true;
		return STATUS_DONE;
	case WORD_DEBUG:
		words->mount.debug = true;
		return STATUS_DONE;
	case WORD_NOCHECK:
		words->stack.ext4.nocheck = true;
		return STATUS_DONE;
	case WORD_NOLOAD:
		words->stack.ext4.noload = true;
		return STATUS_DONE;
	case WORD_FSNAME:
		return set_string(&words->fsname, &words->mount.fsname, value);
	case WORD_SUBTYPE:
		return set_string(&words->subtype, &words->mount.subtype, value);
	case WORD_OVERLAY:
		return set_string(&words->overlay, &words->stack.overlay, value);
	case WORD_STATE:
		return set_string(&words->state, &words->stack.state, value);
	case WORD_UID:
	case WORD_GID:
	case WORD_UMASK:
	case WORD_TIME_OFFSET:
	case WORD_PARTITION:
		return set_number(words, meaning, word, value);
	}
	return STATUS_FAILED;
}

static int add_word(struct mount_words *words, const char *word)
{
	if (*word == '\0')
		return STATUS_DONE;
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		if (fnmatch(meanings[i].pattern, word, 0) == 0)
			return apply(words, meanings[i].meaning, word);
	}
	return words->sloppy ? STATUS_DONE : wrong(word, "unknown option");
}

int mount_words_add(struct mount_words *words, const char *text)
{
	CLEANUP(freep) char *word = malloc(strlen(text) + 1);
	size_t len = 0;
	int status;

	if (!word) {
		log_error("mount: no memory");
		return STATUS_FAILED;
	}
	for (;; text++) {
		if (*text != ',' && *text != '\0') {
			if (*text == '\\' && text[1])
				text++;
			word[len++] = *text;
			continue;
		}
		word[len] = '\0';
		status = add_word(words, word);
		if (status || *text == '\0')
			return status;
		len = 0;
	}
}

int mount_words_settle(struct mount_words *words)
{
	if (!words->stack.overlay && words->read_write && !words->helper) {
		log_error("-o rw: an image is mounted read-only; use --overlay");
		return STATUS_USAGE;
	}
	if (words->stack.state && !*words->stack.state) {
		log_error("state: no directory given: see \"bramble help mount\"");
		return STATUS_USAGE;
	}
	if (words->stack.overlay && state_name_check("overlay", words->stack.overlay) < 0)
		return STATUS_USAGE;
	words->mount.writable = words->stack.overlay && !words->read_only;
	words->stack.overlay_read_only = !words->mount.writable;
	return STATUS_DONE;
}

void mount_words_finish(struct mount_words *words)
{
	free(words->fsname);
	free(words->subtype);
	free(words->overlay);
	free(words->state);
	free(words->pass);
}
