/* SPDX-License-Identifier: MIT */
/*
 * config.txt as far as it chooses files. Sections hold for some boards only; here all of them count,
 * since a name that none would load does no harm. Only what unconditionally takes a setting back does.
 */
#include "pi/pi.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"

#define PATH_BYTES 512u

void pi_config_start(struct pi_config *config)
{
	memset(config, 0, sizeof(*config));
}

/* Part of a line. */
struct span {
	const char *text;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct span trimmed(struct span span)
{
	while (span.len > 0 && is_blank(span.text[0])) {
		span.text++;
		span.len--;
	}
	while (span.len > 0 && is_blank(span.text[span.len - 1]))
		span.len--;
	return span;
}

static bool span_is(struct span span, const char *text)
{
	return span.len == strlen(text) && memcmp(span.text, text, span.len) == 0;
}

/* The bytes up to the first of @stop; moves *@rest behind it. */
static struct span take_until(struct span *rest, const char *stop)
{
	struct span taken = {.text = rest->text};

	while (taken.len < rest->len && !strchr(stop, rest->text[taken.len]))
		taken.len++;
	rest->text += taken.len;
	rest->len -= taken.len;
	if (rest->len > 0) {
		rest->text++;
		rest->len--;
	}
	return taken;
}

static void add_name(struct pi_config_names *names, struct span name)
{
	name = trimmed(name);
	if (name.len == 0 || name.len >= PI_CONFIG_NAME_MAX || memchr(name.text, 0, name.len))
		return;
	for (unsigned int i = 0; i < names->count; i++) {
		if (span_is(name, names->names[i]))
			return;
	}
	if (names->count == PI_CONFIG_NAMES)
		return;
	memcpy(names->names[names->count], name.text, name.len);
	names->names[names->count][name.len] = '\0';
	names->count++;
}

/* Several files, loaded one behind the other. */
static void add_list(struct pi_config_names *names, struct span list)
{
	while (list.len > 0)
		add_name(names, take_until(&list, ","));
}

static bool is_true(struct span value)
{
	char text[16] = "";

	value = trimmed(value);
	if (value.len < sizeof(text))
		memcpy(text, value.text, value.len);
	return strtol(text, NULL, 0) != 0;
}

/* One that is on anywhere may be on; only a line for all boards switches it off for sure. */
static void set_switch(bool *out, struct span value, bool for_all)
{
	if (is_true(value))
		*out = true;
	else if (for_all)
		*out = false;
}

static void read_setting(struct pi_config *config, struct span name, struct span value,
			 bool for_all)
{
	if (span_is(name, "os_prefix"))
		add_name(&config->prefixes, value);
	else if (span_is(name, "cmdline"))
		add_name(&config->cmdlines, value);
	else if (span_is(name, "kernel"))
		add_name(&config->kernels, value);
	else if (span_is(name, "ramfsfile"))
		add_list(&config->initramfs, value);
	else if (span_is(name, "initramfs"))
		add_list(&config->initramfs, take_until(&value, " \t"));
	else if (span_is(name, "auto_initramfs"))
		set_switch(&config->auto_initramfs, value, for_all);
	else if (span_is(name, "boot_ramdisk"))
		set_switch(&config->boot_ramdisk, value, for_all);
}

/* "include FILE" and "initramfs FILE ADDRESS" have no equals sign. */
static bool read_directive(struct pi_config *config, struct span line)
{
	struct span rest = line;
	struct span word = take_until(&rest, " \t");

	rest = trimmed(rest);
	if (memchr(word.text, '=', word.len))
		return false;
	if (span_is(word, "include"))
		add_name(&config->includes, rest);
	else if (span_is(word, "initramfs"))
		add_list(&config->initramfs, take_until(&rest, " \t"));
	else
		return false;
	return true;
}

void pi_config_read(struct pi_config *config, const char *text, size_t len)
{
	struct span rest = {.text = text, .len = len};
	bool for_all = true; /* so do the lines before the first section */

	while (rest.len > 0) {
		struct span line = trimmed(take_until(&rest, "\n"));
		struct span name;

		if (line.len == 0 || line.text[0] == '#')
			continue;
		if (line.text[0] == '[') {
			for_all = span_is(line, "[all]");
			continue;
		}
		if (read_directive(config, line))
			continue;
		name = trimmed(take_until(&line, "="));
		read_setting(config, name, trimmed(line), for_all);
	}
}

bool pi_config_may_load_initramfs(const struct pi_config *config)
{
	return config->auto_initramfs || config->boot_ramdisk || config->initramfs.count > 0;
}

/* Without slashes in front, doubled ones and "./"; false where it is too long. */
static bool clean_path(const char *path, char out[PATH_BYTES])
{
	size_t used = 0;

	while (*(path += strspn(path, "/"))) {
		size_t len = strcspn(path, "/");

		if (!(len == 1 && path[0] == '.')) {
			if (used + len + 2 > PATH_BYTES)
				return false;
			if (used > 0)
				out[used++] = '/';
			memcpy(out + used, path, len);
			used += len;
		}
		path += len;
	}
	out[used] = '\0';
	return used > 0;
}

static bool is_prefixed(const char *clean, const char *prefix, const char *name)
{
	char text[2 * PI_CONFIG_NAME_MAX], wanted[PATH_BYTES];

	snprintf(text, sizeof(text), "%s%s", prefix, name);
	return clean_path(text, wanted) && strcasecmp(clean, wanted) == 0;
}

/* Whether @path is one of @names, with one of the prefixes or without. */
static bool is_selected(const struct pi_config *config, const struct pi_config_names *names,
			const char *path)
{
	char clean[PATH_BYTES];

	if (!clean_path(path, clean))
		return false;
	for (unsigned int i = 0; i < names->count; i++) {
		if (is_prefixed(clean, "", names->names[i]))
			return true;
		for (unsigned int k = 0; k < config->prefixes.count; k++) {
			if (is_prefixed(clean, config->prefixes.names[k], names->names[i]))
				return true;
		}
	}
	return false;
}

/* A prefix need not end in a slash: "new-" gives "new-cmdline.txt". */
static bool is_prefixed_default(const struct pi_config *config, const char *path, const char *name)
{
	char clean[PATH_BYTES];

	if (!clean_path(path, clean))
		return false;
	for (unsigned int k = 0; k < config->prefixes.count; k++) {
		if (is_prefixed(clean, config->prefixes.names[k], name))
			return true;
	}
	return false;
}

bool pi_config_is_cmdline(const struct pi_config *config, const char *path)
{
	return pi_file_kind(path) == PI_FILE_CMDLINE ||
	       (config && (is_selected(config, &config->cmdlines, path) ||
			   is_prefixed_default(config, path, "cmdline.txt")));
}

bool pi_config_is_kernel(const struct pi_config *config, const char *path)
{
	return pi_file_kind(path) == PI_FILE_KERNEL ||
	       (config && is_selected(config, &config->kernels, path));
}
