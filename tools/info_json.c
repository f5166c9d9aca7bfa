/* SPDX-License-Identifier: MIT */
/* What bramble info prints with --json. */
#include "info.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

static void print_ext4(struct json *json, const struct ext4_info *info)
{
	json_u64(json, "block_size", info->block_size);
	json_u64(json, "blocks", info->blocks);
	json_u64(json, "blocks_free", info->blocks_free);
	json_u64(json, "inode_size", info->inode_size);
	json_u64(json, "inodes", info->inodes);
	json_u64(json, "inodes_free", info->inodes_free);
	json_string_or_null(json, "last_mounted", info->last_mounted);
	json_array(json, "features");
	for (const char *p = info->features; *p;) {
		size_t len = strcspn(p, " ");

		if (len)
			json_bytes(json, NULL, p, len);
		p += len + (p[len] == ' ');
	}
	json_end(json);
	json_bool(json, "dirty_journal", info->dirty_journal);
	json_bool(json, "errors", info->errors);
}

static void print_fat(struct json *json, const struct fat_info *info)
{
	json_u64(json, "bits", info->bits);
	json_u64(json, "sector_size", info->sector_size);
	json_u64(json, "cluster_size", info->cluster_size);
	json_bool(json, "dirty", info->dirty);
}

static void print_volume(struct json *json, const struct stack_volume *volume)
{
	uint64_t size, unused;

	json_object(json, "volume");
	json_string(json, "kind", volume->kind_name ? volume->kind_name : "unknown");
	json_bool(json, "readable",
		  !volume->error &&
			  (volume->kind == STACK_VOLUME_EXT4 || volume->kind == STACK_VOLUME_FAT));
	if (volume->error)
		json_string(json, "error", strerror(-volume->error));
	json_string_or_null(json, "label", volume->label);
	json_string_or_null(json, "uuid", volume->uuid);
	json_string_or_null(json, "mount_point", volume->mount_point);
	json_bool(json, "boots", volume->boots);
	if (info_volume_sizes(volume, &size, &unused)) {
		json_u64(json, "size", size);
		json_u64(json, "free", unused);
	}
	if (!volume->error && volume->kind == STACK_VOLUME_EXT4)
		print_ext4(json, &volume->ext4);
	if (!volume->error && volume->kind == STACK_VOLUME_FAT)
		print_fat(json, &volume->fat);
	json_end(json);
}

static void print_partition(struct json *json, struct stack *stack,
			    const struct partition *partition)
{
	const struct stack_volume *volume = info_volume(stack, partition);
	char type[8];

	json_object(json, NULL);
	json_u64(json, "number", partition->number);
	json_u64(json, "start", partition->start);
	json_u64(json, "size", partition->size);
	if (partition->number) {
		snprintf(type, sizeof(type), "0x%02x", partition->mbr_type);
		json_string(json, "type", partition->type_guid[0] ? partition->type_guid : type);
		json_string(json, "type_name", partition_type_name(partition));
	}
	json_string_or_null(json, "name", partition->name);
	json_string_or_null(json, "partuuid", partition->partuuid);
	json_bool(json, "bootable", partition->bootable);
	json_bool(json, "beyond_end", partition->beyond_end);
	json_u64(json, "attributes", partition->attributes);
	if (volume && !partition_is_extended(partition))
		print_volume(json, volume);
	json_end(json);
}

void info_print_json(const char *image, struct stack *stack, const struct stack_options *options,
		     const struct info_warnings *warnings)
{
	const struct partition_table *table = stack_table(stack);
	struct json json = {.out = stdout};

	json_object(&json, NULL);
	json_string(&json, "image", image);
	json_u64(&json, "size", stack_image_size(stack));
	json_object(&json, "table");
	json_string(&json, "kind", info_table_word(table->kind));
	json_string_or_null(&json, "id", table->disk_id);
	json_u64(&json, "sector_size", table->sector_size);
	json_bool(&json, "hybrid", table->hybrid);
	json_bool(&json, "backup_used", table->backup_used);
	json_end(&json);
	json_array(&json, "partitions");
	for (size_t i = 0; i < table->count; i++) {
		const struct partition *partition = &table->partitions[i];

		if (options->partition < 0 || partition->number == (unsigned)options->partition)
			print_partition(&json, stack, partition);
	}
	json_end(&json);
	json_array(&json, "warnings");
	for (size_t i = 0; i < warnings->count; i++)
		json_string(&json, NULL, warnings->lines[i]);
	json_end(&json);
	json_end(&json);
}
