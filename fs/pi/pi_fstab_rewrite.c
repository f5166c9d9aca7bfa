/* SPDX-License-Identifier: MIT */
/*
 * The fstab of a Pi whose disk is not there. What is taken out stays as a comment, so that a person
 * sees what it was and can put it back.
 */
#include "pi/pi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"

#define MARK "#bramble: "

/* Where the firmware's partition is mounted, by release. */
static const char *const boot_paths[] = {"/boot/firmware", "/boot"};

#define BOOT_PATHS ARRAY_SIZE(boot_paths)

struct text {
	char *bytes; /* owned; room for all that can come */
	size_t used;
};

static void append(struct text *text, const char *bytes, size_t len)
{
	memcpy(text->bytes + text->used, bytes, len);
	text->used += len;
}

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The index in boot_paths, or BOOT_PATHS. A slash at the end does not count. */
static size_t boot_path_index(const char *path)
{
	size_t len = strlen(path), i = 0;

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (i < BOOT_PATHS &&
	       !(strlen(boot_paths[i]) == len && memcmp(boot_paths[i], path, len) == 0))
		i++;
	return i;
}

/* Whether an entry is about a disk at all: not /proc, not a server, nothing that the kernel makes up. */
static bool is_on_a_disk(const struct pi_fstab_entry *entry)
{
	static const char *const ours[] = {
		"/dev/mmcblk", "/dev/sd", "/dev/nvme", "/dev/vd", "/dev/root", "/dev/disk/",
	};

	if (entry->device.kind != PI_DEVICE_OTHER)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		if (starts(entry->device.value, ours[i]))
			return true;
	}
	return false;
}

/* Partitions of one MBR have the same disk identifier in front of "-02". */
static bool is_same_disk(const struct pi_device *device, const struct pi_device *root)
{
	const char *dash = strrchr(root->value, '-');

	if (device->kind == PI_DEVICE_NUMBER)
		return pi_device_on_disk(device, root);
	return device->kind == PI_DEVICE_PARTUUID && root->kind == PI_DEVICE_PARTUUID && dash &&
	       dash - root->value == 8 && strlen(dash) == 3 && strlen(device->value) == 11 &&
	       memcmp(device->value, root->value, 9) == 0;
}

static bool is_swap(const struct pi_fstab_entry *entry)
{
	return strcmp(entry->type, "swap") == 0;
}

/* zram and the like are memory; a swap file lies on the root, which is a network's. */
static bool is_swap_on_the_root(const struct pi_fstab_entry *entry)
{
	return is_swap(entry) && entry->device.value[0] == '/' &&
	       !starts(entry->device.value, "/dev/");
}

/* A device node is called the same on every disk of its kind: it does not tell which one is meant. */
static bool is_identified(const struct pi_device *device)
{
	return device->kind != PI_DEVICE_OTHER && device->kind != PI_DEVICE_NUMBER;
}

static bool is_own(const struct pi_fstab_entry *entry, const struct pi_device *root,
		   const struct pi_fstab_image *image)
{
	if (is_swap_on_the_root(entry))
		return true;
	if (!is_on_a_disk(entry))
		return false;
	return strcmp(entry->path, "/") == 0 || boot_path_index(entry->path) < BOOT_PATHS ||
	       is_same_disk(&entry->device, root) ||
	       (image->shows && !is_swap(entry) && image->shows(image->ctx, entry->path)) ||
	       (image->owns && is_identified(&entry->device) &&
		image->owns(image->ctx, &entry->device));
}

static bool shows_volume(const struct pi_fstab_image *image, const char *path)
{
	return image->shows && image->shows(image->ctx, path);
}

static void append_bind(struct text *text, const char *path, bool read_only)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "%s %s none bind%s 0 0\n", path, path,
			   read_only ? ",ro" : "");

	append(text, line, (size_t)len);
}

/*
 * The device that fstab has at "/", or had before it was rewritten; PI_DEVICE_OTHER: it does not say.
 */
static struct pi_device root_device(const char *text)
{
	struct pi_fstab_entry entry;

	while (*text) {
		const char *line = starts(text, MARK) ? text + strlen(MARK) : text;
		const char *end = text + strcspn(text, "\n");

		text = *end ? end + 1 : end;
		if (pi_fstab_next(&line, &entry) == 0 && line <= text &&
		    strcmp(entry.path, "/") == 0)
			return entry.device;
	}
	return (struct pi_device){.kind = PI_DEVICE_OTHER};
}

/* @line is NUL-terminated, with its newline if it has one. */
static void rewrite_line(struct text *out, const char *line, const struct pi_device *root,
			 const struct pi_fstab_image *image, bool *placed)
{
	const size_t len = strlen(line);
	const char *rest = line;
	struct pi_fstab_entry entry;
	size_t boot;

	if (pi_fstab_next(&rest, &entry)) {
		append(out, line, len);
		return;
	}
	boot = boot_path_index(entry.path);
	if (!is_own(&entry, root, image)) {
		append(out, line, len);
		if (boot < BOOT_PATHS)
			placed[boot] = true;
		return;
	}
	append(out, MARK, strlen(MARK));
	append(out, line, len);
	if (len > 0 && line[len - 1] != '\n')
		append(out, "\n", 1);
	/* one that was not mounted at boot is shown nonetheless, so it may as well be a mount point */
	if (boot < BOOT_PATHS && !placed[boot] && !is_swap(&entry)) {
		append_bind(out, boot_paths[boot], pi_fstab_has_option(&entry, "ro"));
		placed[boot] = true;
	}
}

/* A boot partition that fstab does not name. */
static void add_boot(struct text *out, const struct pi_fstab_image *image, const bool *placed)
{
	for (size_t i = 0; i < BOOT_PATHS; i++) {
		if (placed[i])
			return;
	}
	for (size_t i = 0; i < BOOT_PATHS; i++) {
		if (shows_volume(image, boot_paths[i])) {
			if (out->used > 0 && out->bytes[out->used - 1] != '\n')
				append(out, "\n", 1);
			append_bind(out, boot_paths[i], false);
			return;
		}
	}
}

/* Lines, each of which may get a mark, a newline and a bind. */
static size_t room_for(const char *text, size_t len)
{
	size_t lines = 2;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return len + lines * (strlen(MARK) + 1) + (BOOT_PATHS + 1) * 128;
}

int pi_fstab_rewrite(const char *text, size_t len, const struct pi_fstab_image *image, char **out,
		     size_t *out_len)
{
	CLEANUP(freep) char *copy = malloc(len + 1);
	CLEANUP(freep) char *bytes = malloc(room_for(text, len));
	struct text result = {.bytes = bytes};
	bool placed[BOOT_PATHS] = {false};
	struct pi_device root;

	if (!copy || !bytes)
		return -ENOMEM;
	/* what lies behind a NUL would be read by nobody */
	len = strnlen(text, len);
	memcpy(copy, text, len);
	copy[len] = '\0';
	root = root_device(copy);
	for (size_t at = 0; at < len;) {
		size_t end = at + strcspn(copy + at, "\n");
		char behind;

		end += copy[end] == '\n';
		behind = copy[end];
		copy[end] = '\0';
		rewrite_line(&result, copy + at, &root, image, placed);
		copy[end] = behind;
		at = end;
	}
	add_boot(&result, image, placed);
	result.bytes[result.used] = '\0';
	bytes = NULL;
	*out = result.bytes;
	*out_len = result.used;
	return 0;
}
