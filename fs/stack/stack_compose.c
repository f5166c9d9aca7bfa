/* SPDX-License-Identifier: MIT */
/*
 * Which volume is the root, which one boots, and where the others belong. The boot volume is the FAT
 * that autoboot.txt names, else the first one with config.txt or cmdline.txt; the root is what that
 * cmdline.txt names, else the only ext volume with /etc/fstab, else the first ext volume. All other
 * volumes stand where the root's fstab says.
 */
#include "stack/stack_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/log.h"

#define NONE -1

static bool is_kind(const struct stack *stack, int i, enum stack_volume_kind kind)
{
	return i >= 0 && stack->volumes[i].kind == kind;
}

static bool has_file(struct stack *stack, size_t i, const char *path)
{
	uint64_t id;

	return stack_volume_open(stack, i) == 0 &&
	       tree_walk(stack->slots[i].tree, path, true, &id) == 0;
}

/* The volume that autoboot.txt of the first FAT that has one sends the firmware to. */
static int find_autoboot(struct stack *stack)
{
	for (size_t i = 0; i < stack->count; i++) {
		CLEANUP(freep) char *text = NULL;
		struct pi_device device = {.kind = PI_DEVICE_NUMBER};

		if (!is_kind(stack, (int)i, STACK_VOLUME_FAT) || stack_volume_open(stack, i) ||
		    stack_text_read(stack->slots[i].tree, "autoboot.txt", &text))
			continue;
		if (pi_autoboot_partition(text, &device.number) == 0) {
			int found = stack_volume_find(stack, &device);

			return is_kind(stack, found, STACK_VOLUME_FAT) &&
					       stack_volume_open(stack, (size_t)found) == 0
				       ? found
				       : NONE;
		}
		return NONE;
	}
	return NONE;
}

static int find_boot(struct stack *stack)
{
	int found = find_autoboot(stack);

	if (found != NONE)
		return found;
	for (size_t i = 0; i < stack->count; i++) {
		if (is_kind(stack, (int)i, STACK_VOLUME_FAT) &&
		    (has_file(stack, i, "config.txt") || has_file(stack, i, "cmdline.txt")))
			return (int)i;
	}
	return NONE;
}

static int find_root_by_cmdline(struct stack *stack, int boot)
{
	CLEANUP(freep) char *text = NULL;
	struct pi_device device;
	int found;

	if (boot == NONE || stack_text_read(stack->slots[boot].tree, "cmdline.txt", &text) ||
	    pi_cmdline_root(text, &device))
		return NONE;
	found = stack_volume_find(stack, &device);
	return is_kind(stack, found, STACK_VOLUME_EXT4) ? found : NONE;
}

static int find_root(struct stack *stack, int boot)
{
	int found = find_root_by_cmdline(stack, boot);
	int first = NONE, with_fstab = NONE, fstabs = 0;

	if (found != NONE)
		return found;
	for (size_t i = 0; i < stack->count; i++) {
		if (!is_kind(stack, (int)i, STACK_VOLUME_EXT4) || stack_volume_open(stack, i))
			continue;
		if (first == NONE)
			first = (int)i;
		if (has_file(stack, i, "etc/fstab")) {
			with_fstab = (int)i;
			fstabs++;
		}
	}
	return fstabs == 1 ? with_fstab : first;
}

/* One line of fstab that belongs to a volume of this image. */
struct place {
	int volume;
	char path[PI_VALUE_MAX];
};

static int depth_of(const char *path)
{
	int depth = 0;

	while (*(path += strspn(path, "/"))) {
		path += strcspn(path, "/");
		depth++;
	}
	return depth;
}

/* Outer mount points before those inside them. */
static int by_depth(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	return depth_of(left->path) - depth_of(right->path);
}

static bool is_placed(const struct place *places, size_t count, int volume)
{
	for (size_t i = 0; i < count; i++) {
		if (places[i].volume == volume)
			return true;
	}
	return false;
}

/* What fstab has mounted at "/"; of kind PI_DEVICE_OTHER if it does not say. */
static struct pi_device fstab_root(const char *text)
{
	struct pi_fstab_entry entry;

	while (pi_fstab_next(&text, &entry) == 0) {
		if (strcmp(entry.path, "/") == 0)
			return entry.device;
	}
	return (struct pi_device){.kind = PI_DEVICE_OTHER};
}

/* Reads the places out of fstab; at most one for each volume but the root. */
static size_t read_places(struct stack *stack, int root, struct place *places)
{
	CLEANUP(freep) char *text = NULL;
	struct pi_fstab_entry entry;
	struct pi_device on_root;
	const char *rest;
	size_t count = 0;

	if (stack_text_read(stack->slots[root].tree, "etc/fstab", &text))
		return 0;
	rest = text;
	on_root = fstab_root(text);
	while (count < stack->count && pi_fstab_next(&rest, &entry) == 0) {
		int volume = stack_volume_find(stack, &entry.device);

		if (volume == NONE || volume == root || entry.path[0] != '/' ||
		    pi_fstab_has_option(&entry, "noauto") ||
		    (entry.device.kind == PI_DEVICE_NUMBER &&
		     !pi_device_on_disk(&entry.device, &on_root)) ||
		    (!is_kind(stack, volume, STACK_VOLUME_EXT4) &&
		     !is_kind(stack, volume, STACK_VOLUME_FAT)) ||
		    is_placed(places, count, volume))
			continue;
		places[count].volume = volume;
		memcpy(places[count].path, entry.path, sizeof(entry.path));
		count++;
	}
	return count;
}

static bool is_dir(struct tree *tree, const char *path)
{
	struct tree_attr attr;
	uint64_t id;

	return tree_walk(tree, path, true, &id) == 0 && tree_getattr(tree, id, &attr) == 0 &&
	       S_ISDIR(attr.mode);
}

/* fstab does not name the boot volume: it goes where its releases have it, if that is there. */
static void guess_boot_place(struct stack *stack, int root, int boot, struct place *place)
{
	const char *path =
		is_dir(stack->slots[root].tree, "boot/firmware") ? "/boot/firmware" : "/boot";

	log_info("%s: fstab does not name the boot partition: shown at %s", stack->path, path);
	place->volume = boot;
	snprintf(place->path, sizeof(place->path), "%s", path);
}

static void mount_place(struct stack *stack, const struct place *place)
{
	struct stack_volume *volume = &stack->volumes[place->volume];
	struct stack_slot *slot = &stack->slots[place->volume];
	int err = stack_volume_open(stack, (size_t)place->volume);

	if (err == 0)
		err = tree_compose_mount(stack->tree, place->path, slot->tree);
	if (err) {
		log_warn("%s: partition %u cannot be shown at %s: %s", stack->path,
			 volume->partition->number, place->path, strerror(-err));
		return;
	}
	slot->tree = NULL;
	snprintf(volume->mount_point, sizeof(volume->mount_point), "%s", place->path);
}

static int compose_at(struct stack *stack, int root, int boot)
{
	CLEANUP(freep) struct place *places = calloc(stack->count + 1, sizeof(*places));
	size_t count;
	int err;

	if (!places)
		return -ENOMEM;
	count = read_places(stack, root, places);
	if (boot != NONE && boot != root && !is_placed(places, count, boot))
		guess_boot_place(stack, root, boot, &places[count++]);
	qsort(places, count, sizeof(*places), by_depth);
	snprintf(stack->volumes[root].mount_point, sizeof(stack->volumes[root].mount_point), "/");
	if (count == 0) {
		stack->tree = TAKE(stack->slots[root].tree);
		return 0;
	}
	err = tree_compose_create(stack->slots[root].tree, &stack->tree);
	if (err)
		return err;
	stack->slots[root].tree = NULL;
	for (size_t i = 0; i < count; i++)
		mount_place(stack, &places[i]);
	return 0;
}

static int first_readable(struct stack *stack)
{
	for (size_t i = 0; i < stack->count; i++) {
		if (is_kind(stack, (int)i, STACK_VOLUME_FAT) && stack_volume_open(stack, i) == 0)
			return (int)i;
	}
	return NONE;
}

int stack_compose(struct stack *stack)
{
	int boot = find_boot(stack);
	int root = find_root(stack, boot);
	int err;

	if (boot != NONE)
		stack->volumes[boot].boots = true;
	if (root == NONE)
		root = boot != NONE ? boot : first_readable(stack);
	if (root == NONE)
		return -ENOENT;
	err = stack_volume_open(stack, (size_t)root);
	if (err)
		return err;
	return compose_at(stack, root, boot);
}
