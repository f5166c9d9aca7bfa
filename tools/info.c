/* SPDX-License-Identifier: MIT */
/* What bramble info prints for people. */
#include "info.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "format.h"

#define WARNINGS_MAX 1000u

static void collect(void *ctx, enum log_level level, const char *line)
{
	struct info_warnings *warnings = ctx;
	char **larger;

	if (level <= warnings->shown)
		fprintf(stderr, "bramble: %s\n", line);
	if (level > LOG_LEVEL_WARN || warnings->count == WARNINGS_MAX)
		return;
	larger = realloc(warnings->lines, (warnings->count + 1) * sizeof(*larger));
	if (!larger)
		return;
	warnings->lines = larger;
	larger[warnings->count] = strdup(line);
	if (larger[warnings->count])
		warnings->count++;
}

void info_collect_begin(struct info_warnings *warnings, enum log_level shown)
{
	warnings->shown = shown;
	log_set_sink(collect, warnings);
}

void info_collect_end(void)
{
	log_set_sink(NULL, NULL);
}

void info_warnings_finish(struct info_warnings *warnings)
{
	for (size_t i = 0; i < warnings->count; i++)
		free(warnings->lines[i]);
	free(warnings->lines);
	*warnings = (struct info_warnings){0};
}

const char *info_table_word(enum partition_kind kind)
{
	switch (kind) {
	case PARTITION_TABLE_NONE:
		return "none";
	case PARTITION_TABLE_MBR:
		return "mbr";
	case PARTITION_TABLE_GPT:
		return "gpt";
	}
	return "none";
}

bool info_volume_sizes(const struct stack_volume *volume, uint64_t *out_size, uint64_t *out_free)
{
	if (volume->error)
		return false;
	if (volume->kind == STACK_VOLUME_FAT) {
		*out_size = volume->fat.size;
		*out_free = volume->fat.free;
		return true;
	}
	if (volume->kind != STACK_VOLUME_EXT4)
		return false;
	*out_size = volume->ext4.blocks * volume->ext4.block_size;
	*out_free = volume->ext4.blocks_free * volume->ext4.block_size;
	return true;
}

const struct stack_volume *info_volume(struct stack *stack, const struct partition *partition)
{
	size_t count;
	const struct stack_volume *volumes = stack_volumes(stack, &count);

	for (size_t i = 0; i < count; i++) {
		if (volumes[i].partition == partition)
			return &volumes[i];
	}
	return NULL;
}

static void print_label(const char *label)
{
	printf("  %-12s ", label);
}

static void print_fact(const char *label, const char *text)
{
	print_label(label);
	format_print_name(stdout, text);
	putchar('\n');
}

static void print_sizes(const struct stack_volume *volume)
{
	char used[FORMAT_SIZE_BYTES], all[FORMAT_SIZE_BYTES];
	uint64_t size, unused;

	if (!info_volume_sizes(volume, &size, &unused))
		return;
	format_size(size > unused ? size - unused : 0, used);
	format_size(size, all);
	print_label("Used:");
	printf("%s of %s\n", used, all);
}

static void print_ext4(const struct ext4_info *info, bool details)
{
	if (info->dirty_journal)
		print_fact("Note:",
			   "not unmounted cleanly: its journal is replayed when it is read");
	if (info->errors)
		print_fact("Damaged:", "the kernel noted errors in this file system");
	if (!details)
		return;
	print_label("Blocks:");
	printf("%" PRIu32 " bytes, %" PRIu64 ", %" PRIu64 " free\n", info->block_size, info->blocks,
	       info->blocks_free);
	print_label("Inodes:");
	printf("%" PRIu32 " bytes, %" PRIu64 ", %" PRIu64 " free\n", info->inode_size, info->inodes,
	       info->inodes_free);
	if (info->last_mounted[0])
		print_fact("Last on:", info->last_mounted);
	print_fact("Features:", info->features);
}

static void print_fat(const struct fat_info *info, bool details)
{
	if (info->dirty)
		print_fact("Note:", "not unmounted cleanly");
	if (!details)
		return;
	print_label("Features:");
	printf("FAT%u, sectors of %" PRIu32 " bytes, clusters of %" PRIu32 " bytes\n", info->bits,
	       info->sector_size, info->cluster_size);
}

static void print_volume(const struct stack_volume *volume, bool details)
{
	print_fact("Holds:", volume->kind_name ? volume->kind_name : "unknown");
	if (volume->label[0])
		print_fact("Label:", volume->label);
	if (volume->uuid[0])
		print_fact("UUID:", volume->uuid);
	print_sizes(volume);
	if (volume->boots)
		print_fact("Boots:", "the firmware starts from here");
	if (volume->mount_point[0])
		print_fact("Mounted at:", volume->mount_point);
	if (volume->error)
		print_fact(volume->error == -EOPNOTSUPP ? "Not read:" : "Damaged:",
			   strerror(-volume->error));
	else if (volume->kind == STACK_VOLUME_EXT4)
		print_ext4(&volume->ext4, details);
	else if (volume->kind == STACK_VOLUME_FAT)
		print_fat(&volume->fat, details);
}

static void print_partition(struct stack *stack, const struct partition *partition, bool details)
{
	const struct stack_volume *volume = info_volume(stack, partition);
	char size[FORMAT_SIZE_BYTES];

	if (partition->number)
		printf("\nPartition %u\n", partition->number);
	else
		printf("\nThe whole image\n");
	format_size(partition->size, size);
	print_label("Place:");
	printf("%" PRIu64 " bytes from %" PRIu64 " on (%s)\n", partition->size, partition->start,
	       size);
	if (partition->beyond_end)
		print_fact("Damaged:", "reaches beyond the end of the image");
	if (partition->number) {
		print_label("Type:");
		if (partition->type_guid[0])
			printf("%s (%s)", partition_type_name(partition), partition->type_guid);
		else
			printf("%s (0x%02x)", partition_type_name(partition), partition->mbr_type);
		printf("%s\n", partition->bootable ? ", active" : "");
	}
	if (partition->name[0])
		print_fact("Name:", partition->name);
	if (partition->partuuid[0])
		print_fact("PARTUUID:", partition->partuuid);
	if (details && partition->attributes) {
		print_label("Attributes:");
		printf("0x%016" PRIx64 "\n", partition->attributes);
	}
	if (volume && !partition_is_extended(partition))
		print_volume(volume, details);
}

void info_print_text(const char *image, struct stack *stack, const struct stack_options *options,
		     bool details)
{
	static const char *const tables[] = {
		[PARTITION_TABLE_NONE] = "no partition table",
		[PARTITION_TABLE_MBR] = "MBR partition table",
		[PARTITION_TABLE_GPT] = "GPT partition table",
	};
	const struct partition_table *table = stack_table(stack);
	char size[FORMAT_SIZE_BYTES];

	format_size(stack_image_size(stack), size);
	format_print_name(stdout, image);
	printf(": %s (%" PRIu64 " bytes), %s", size, stack_image_size(stack), tables[table->kind]);
	if (table->disk_id[0])
		printf(", id %s", table->disk_id);
	if (table->kind != PARTITION_TABLE_NONE)
		printf(", sectors of %" PRIu32 " bytes", table->sector_size);
	printf("%s%s\n", table->hybrid ? ", hybrid" : "",
	       table->backup_used ? ", read from its backup because the primary one is damaged"
				  : "");
	for (size_t i = 0; i < table->count; i++) {
		const struct partition *partition = &table->partitions[i];

		if (options->partition < 0 || partition->number == (unsigned)options->partition)
			print_partition(stack, partition, details);
	}
}
