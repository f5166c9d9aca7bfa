/* SPDX-License-Identifier: MIT */
/*
 * A whole volume: journal, superblock, and all that can be asked about every inode that its
 * directories lead to. Input: one byte of flags, the size in KiB (16 bits, little endian), then
 * pieces: the number of a place of 256 bytes (likewise 16 bits) and its bytes. The rest is zeros,
 * so that a file system is described by what it really holds. make-ext4-corpus writes such files.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/log.h"
#include "ext4/ext4.h"
#include "image/image.h"
#include "tree/tree.h"

#define FLAG_CHECK 1u /* wrong checksums are errors; without it changes get past them */
#define FLAG_NOLOAD 2u

#define HEAD_BYTES 3u
#define PIECE_BYTES 256u
#define VOLUME_MAX_KIB 4096u
#define NODES_MAX 128u
#define NAMES_MAX 96u /* of one directory */
#define READ_BYTES 3000u
#define SEEKS_MAX 16
#define XATTRS_BYTES 8192u

struct name {
	char text[TREE_NAME_MAX];
	size_t len;
};

struct walk {
	struct tree *tree;
	uint64_t ids[NODES_MAX]; /* met so far; those from @next on were not looked at */
	size_t count;
	size_t next;
	struct name names[NAMES_MAX]; /* of the directory that is looked at */
	size_t names_count;
	uint64_t cookie;
	uint8_t buf[TREE_XATTR_MAX];
	char list[XATTRS_BYTES];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void discard(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void meet(struct walk *walk, uint64_t id)
{
	for (size_t i = 0; i < walk->count; i++) {
		if (walk->ids[i] == id)
			return;
	}
	if (walk->count < NODES_MAX)
		walk->ids[walk->count++] = id;
}

static int take_name(void *ctx, const struct tree_entry *entry)
{
	struct walk *walk = ctx;
	struct name *name;

	if (walk->names_count == NAMES_MAX)
		return 1;
	if (entry->next <= walk->cookie || entry->name_len == 0 ||
	    entry->name_len > TREE_NAME_MAX || memchr(entry->name, '/', entry->name_len) ||
	    memchr(entry->name, '\0', entry->name_len))
		abort();
	walk->cookie = entry->next;
	name = &walk->names[walk->names_count++];
	memcpy(name->text, entry->name, entry->name_len);
	name->len = entry->name_len;
	meet(walk, entry->id);
	return 0;
}

static int stop_at_once(void *ctx, const struct tree_entry *entry)
{
	(void)ctx;
	(void)entry;
	return 1;
}

static void look_at_dir(struct walk *walk, uint64_t dir)
{
	uint64_t id;

	walk->names_count = 0;
	walk->cookie = 0;
	if (tree_parent(walk->tree, dir, &id) == 0)
		meet(walk, id);
	(void)tree_readdir(walk->tree, dir, 0, take_name, walk);
	for (size_t i = 0; i < walk->names_count; i++) {
		const struct name *name = &walk->names[i];

		if (tree_lookup(walk->tree, dir, name->text, name->len, &id) == 0)
			meet(walk, id);
	}
	(void)tree_lookup(walk->tree, dir, "absent", 6, &id);
	/* cookies that were never given */
	(void)tree_readdir(walk->tree, dir, walk->cookie / 2 + 3, stop_at_once, NULL);
	(void)tree_readdir(walk->tree, dir, UINT64_MAX, stop_at_once, NULL);
}

static void look_at_file(struct walk *walk, const struct tree_attr *attr)
{
	const uint64_t places[] = {
		0, 1025, attr->size / 2, attr->size - attr->size % 7, attr->size, UINT64_MAX};
	int whence = SEEK_DATA;
	uint64_t at = 0, found;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t rest = places[i] < attr->size ? attr->size - places[i] : 0;
		ssize_t n = tree_read(walk->tree, attr->id, walk->buf, READ_BYTES, places[i]);

		if (n >= 0 && (uint64_t)n != min_u64(rest, READ_BYTES))
			abort();
	}
	for (int i = 0; i < SEEKS_MAX; i++) {
		if (tree_seek(walk->tree, attr->id, at, whence, &found))
			break;
		if (found < at || found > attr->size)
			abort();
		at = found;
		whence = whence == SEEK_DATA ? SEEK_HOLE : SEEK_DATA;
	}
}

static void look_at_xattrs(struct walk *walk, uint64_t id)
{
	ssize_t len = tree_listxattr(walk->tree, id, walk->list, sizeof(walk->list));

	if (len >= 0 && len != tree_listxattr(walk->tree, id, NULL, 0))
		abort();
	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(walk->list + at) + 1) {
		const char *name = walk->list + at;
		ssize_t n = tree_getxattr(walk->tree, id, name, walk->buf, sizeof(walk->buf));

		if (n >= 0 && n != tree_getxattr(walk->tree, id, name, NULL, 0))
			abort();
	}
	(void)tree_getxattr(walk->tree, id, "user.absent", walk->buf, 1);
}

static void look(struct walk *walk, uint64_t id)
{
	struct tree_attr attr;
	ssize_t n;

	look_at_xattrs(walk, id);
	if (tree_getattr(walk->tree, id, &attr))
		return;
	if (attr.id != id || id >= walk->tree->span)
		abort();
	if (S_ISDIR(attr.mode))
		look_at_dir(walk, id);
	if (S_ISREG(attr.mode))
		look_at_file(walk, &attr);
	n = tree_readlink(walk->tree, id, (char *)walk->buf, TREE_LINK_MAX);
	if (n > TREE_LINK_MAX || (n >= 0 && !S_ISLNK(attr.mode)))
		abort();
}

static void look_at_volume(struct image *img, unsigned int flags, struct walk *walk)
{
	const struct ext4_options options = {
		.nocheck = !(flags & FLAG_CHECK),
		.noload = flags & FLAG_NOLOAD,
	};
	struct tree_statfs statfs;
	struct ext4_info info;

	(void)ext4_probe(img);
	(void)ext4_info_read(img, &info);
	if (ext4_open(img, &options, &walk->tree))
		return;
	(void)tree_statfs(walk->tree, TREE_ROOT, &statfs);
	(void)tree_lacks_xattr(walk->tree, "system.posix_acl_access");
	meet(walk, TREE_ROOT);
	/* ids that no directory may lead to */
	meet(walk, 11);
	meet(walk, 12);
	meet(walk, walk->tree->span - 1);
	while (walk->next < walk->count)
		look(walk, walk->ids[walk->next++]);
	tree_close(walk->tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t volume_size;
	struct walk *walk;
	struct image *img;
	uint8_t *volume;

	if (size < HEAD_BYTES)
		return 0;
	log_set_sink(discard, NULL);
	volume_size = min_u64(le16_at(data + 1), VOLUME_MAX_KIB) * 1024;
	volume = calloc(1, volume_size + 1);
	walk = malloc(sizeof(*walk));
	if (volume && walk) {
		walk->count = walk->next = 0;
		for (size_t at = HEAD_BYTES; size - at > 2; at += 2 + PIECE_BYTES) {
			size_t place = (size_t)le16_at(data + at) * PIECE_BYTES;
			size_t len = min_u64(size - at - 2, PIECE_BYTES);

			if (range_fits(place, len, volume_size))
				memcpy(volume + place, data + at + 2, len);
			if (len < PIECE_BYTES)
				break;
		}
		if (image_memory(volume, volume_size, &img) == 0) {
			look_at_volume(img, data[0], walk);
			image_close(img);
		}
	}
	free(walk);
	free(volume);
	return 0;
}
