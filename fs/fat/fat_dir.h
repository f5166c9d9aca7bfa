/* SPDX-License-Identifier: MIT */
/* Private to the fat room: directories, read entry by entry. */
#ifndef BRAMBLE_FAT_DIR_H
#define BRAMBLE_FAT_DIR_H

#include "fat/fat_chain.h"
#include "fat/fat_disk.h"

#define FAT_DIR_BUFFER 8192u
#define FAT_DIR_SLOTS_MAX 65536u

/* What the short entry of a file or directory says; of the root, what follows from its place. */
struct fat_node {
	uint64_t id;
	bool dir;
	bool root;
	uint8_t attr;
	uint8_t create_10ms;
	uint16_t create_time;
	uint16_t create_date;
	uint16_t access_date;
	uint16_t time;
	uint16_t date;
	uint32_t start; /* first cluster; 0: none, or the fixed root */
	uint32_t size;
};

struct fat_entry {
	struct fat_node node;
	uint32_t next_slot;
	uint8_t short_name[11];
	uint8_t case_flags;
	uint16_t long_units; /* 0: no long name */
	uint16_t long_name[FAT_LONG_UNITS_MAX];
};

/* A directory being read; large, but fit for the stack. */
struct fat_dir {
	struct fat_volume *v;
	bool fixed; /* the root of FAT12 and FAT16 */
	uint32_t slots; /* that are there; 32 bytes each */
	int damage; /* what follows behind the last slot: 0 or an error */
	uint32_t slot; /* next one to be read */
	uint32_t buffer_slot;
	uint32_t buffer_slots;
	uint64_t buffer_position;
	struct fat_cursor cursor;
	uint8_t buffer[FAT_DIR_BUFFER];
};

/* Opens the directory @node for reading from @slot on. -ENOTDIR; -EUCLEAN (logged). */
int fat_dir_open(struct fat_volume *v, const struct fat_node *node, uint32_t slot,
		 struct fat_dir *dir);

/* The next file or directory: 1, or 0 at the end, or a negative errno. */
int fat_dir_next(struct fat_dir *dir, struct fat_entry *out);

/* Adds how many directories are in it, as far as it can be read; -EAGAIN alone is an error. */
int fat_dir_count_dirs(struct fat_dir *dir, uint32_t *count);

/* The volume label in the root directory: 1, or 0 where there is none, or a negative errno. */
int fat_dir_label(struct fat_dir *root, uint8_t out[11]);

/* The name to show, as UTF-8, at most TREE_NAME_MAX bytes and NUL; its length. */
size_t fat_entry_name(struct fat_volume *v, const struct fat_entry *entry,
		      char out[TREE_NAME_MAX + 1]);

/* Whether the entry answers to @name, by its long or its short name. */
bool fat_entry_matches(struct fat_volume *v, const struct fat_entry *entry, const char *name,
		       size_t len);

/* Reads and checks the entry of @id. -ESTALE: there is none. */
int fat_node_read(struct fat_volume *v, uint64_t id, struct fat_node *out);

/* The first cluster of the directory above @node by its ".." entry; 0: the root. */
int fat_node_parent_start(struct fat_volume *v, uint32_t start, uint32_t *out);

#endif
