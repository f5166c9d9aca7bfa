/* SPDX-License-Identifier: MIT */
/* The volumes of an image: opening one, finding one by a device's name, reading a text from one. */
#include "stack/stack_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/checked.h"

int stack_volume_open(struct stack *stack, size_t i)
{
	struct stack_volume *volume = &stack->volumes[i];
	struct stack_slot *slot = &stack->slots[i];

	if (slot->tree || volume->error)
		return volume->error;
	switch (volume->kind) {
	case STACK_VOLUME_EXT4:
		volume->error = ext4_open(slot->slice, &stack->options.ext4, &slot->tree);
		break;
	case STACK_VOLUME_FAT:
		volume->error = fat_open(slot->slice, &stack->options.fat, &slot->tree);
		break;
	default:
		return -EMEDIUMTYPE;
	}
	return volume->error;
}

int stack_text_read(struct tree *tree, const char *path, char **out)
{
	CLEANUP(freep) char *text = NULL;
	struct tree_attr attr;
	uint64_t id;
	ssize_t n;
	size_t size;
	int err = tree_walk(tree, path, true, &id);

	if (err)
		return err;
	err = tree_getattr(tree, id, &attr);
	if (err)
		return err;
	if (!S_ISREG(attr.mode))
		return -EINVAL;
	size = (size_t)min_u64(attr.size, STACK_TEXT_MAX);
	text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	n = tree_read(tree, id, text, size, 0);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	*out = TAKE(text);
	return 0;
}

static bool is_named(const struct stack_volume *volume, const struct pi_device *device)
{
	const struct partition *partition = volume->partition;

	switch (device->kind) {
	case PI_DEVICE_NUMBER:
		return partition->number == device->number;
	case PI_DEVICE_PARTUUID:
		return partition->partuuid[0] &&
		       strcasecmp(partition->partuuid, device->value) == 0;
	case PI_DEVICE_PARTLABEL:
		return partition->name[0] && strcmp(partition->name, device->value) == 0;
	case PI_DEVICE_UUID:
		return volume->uuid[0] && strcasecmp(volume->uuid, device->value) == 0;
	case PI_DEVICE_LABEL:
		return volume->label[0] && strcmp(volume->label, device->value) == 0;
	default:
		return false;
	}
}

int stack_volume_find(const struct stack *stack, const struct pi_device *device)
{
	for (size_t i = 0; i < stack->count; i++) {
		if (is_named(&stack->volumes[i], device))
			return (int)i;
	}
	return -1;
}
