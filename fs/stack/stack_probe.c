/* SPDX-License-Identifier: MIT */
/* What lies in a partition: the volumes that are read here, and the names of some that are not. */
#include "stack/stack_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"

#define MAGIC(bytes) (bytes), sizeof(bytes) - 1

static const struct {
	const char *name;
	enum stack_volume_kind kind;
	uint64_t offset;
	const char *magic;
	size_t len;
} magics[] = {
	{"swap", STACK_VOLUME_SWAP, 4096 - 10, MAGIC("SWAPSPACE2")},
	{"swap", STACK_VOLUME_SWAP, 16384 - 10, MAGIC("SWAPSPACE2")},
	{"swap", STACK_VOLUME_SWAP, 65536 - 10, MAGIC("SWAPSPACE2")},
	{"btrfs", STACK_VOLUME_OTHER, 65536 + 64, MAGIC("_BHRfS_M")},
	{"xfs", STACK_VOLUME_OTHER, 0, MAGIC("XFSB")},
	{"f2fs", STACK_VOLUME_OTHER, 1024, MAGIC("\x10\x20\xf5\xf2")},
	{"squashfs", STACK_VOLUME_OTHER, 0, MAGIC("hsqs")},
	{"erofs", STACK_VOLUME_OTHER, 1024, MAGIC("\xe2\xe1\xf5\xe0")},
	{"crypto_LUKS", STACK_VOLUME_OTHER, 0, MAGIC("LUKS\xba\xbe")},
	{"LVM2_member", STACK_VOLUME_OTHER, 512 + 24, MAGIC("LVM2 001")},
	{"linux_raid_member", STACK_VOLUME_OTHER, 4096, MAGIC("\xfc\x4e\x2b\xa9")},
	{"exfat", STACK_VOLUME_OTHER, 3, MAGIC("EXFAT   ")},
	{"ntfs", STACK_VOLUME_OTHER, 3, MAGIC("NTFS    ")},
	{"iso9660", STACK_VOLUME_OTHER, 32769, MAGIC("CD001")},
};

static bool has_magic(struct image *img, size_t i)
{
	uint8_t bytes[16];

	return magics[i].len <= sizeof(bytes) &&
	       image_read_at(img, bytes, magics[i].len, magics[i].offset) == 0 &&
	       memcmp(bytes, magics[i].magic, magics[i].len) == 0;
}

static void probe_other(struct image *img, struct stack_volume *volume)
{
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if (has_magic(img, i)) {
			volume->kind = magics[i].kind;
			volume->kind_name = magics[i].name;
			return;
		}
	}
}

static void probe_ext4(struct image *img, struct stack_volume *volume)
{
	volume->kind = STACK_VOLUME_EXT4;
	volume->kind_name = "ext4";
	volume->error = ext4_info_read(img, &volume->ext4);
	if (volume->error)
		return;
	volume->kind_name = volume->ext4.kind;
	snprintf(volume->label, sizeof(volume->label), "%s", volume->ext4.label);
	snprintf(volume->uuid, sizeof(volume->uuid), "%s", volume->ext4.uuid);
}

static void probe_fat(struct image *img, bool count_free, struct stack_volume *volume)
{
	volume->kind = STACK_VOLUME_FAT;
	volume->kind_name = "vfat";
	volume->error = fat_info_read(img, count_free, &volume->fat);
	if (volume->error)
		return;
	snprintf(volume->label, sizeof(volume->label), "%s", volume->fat.label);
	snprintf(volume->uuid, sizeof(volume->uuid), "%s", volume->fat.uuid);
}

static void probe_one(struct image *img, bool count_free, struct stack_volume *volume)
{
	int err = ext4_probe(img);

	volume->kind_name = "unknown";
	if (err == 0) {
		probe_ext4(img, volume);
		return;
	}
	if (err == -EINVAL) {
		err = fat_probe(img);
		if (err == 0) {
			probe_fat(img, count_free, volume);
			return;
		}
	}
	if (err == -EINVAL)
		probe_other(img, volume);
	else
		volume->error = err;
}

void stack_probe(struct stack *stack, bool count_free)
{
	for (size_t i = 0; i < stack->count; i++) {
		struct stack_volume *volume = &stack->volumes[i];

		volume->partition = &stack->table.partitions[i];
		volume->kind_name = "unknown";
		if (partition_is_extended(volume->partition))
			continue;
		volume->error = image_slice(stack->img, volume->partition->start,
					    volume->partition->size, &stack->slots[i].slice);
		if (volume->error == 0 && stack->slots[i].slice->size > 0)
			probe_one(stack->slots[i].slice, count_free, volume);
	}
}
