/* SPDX-License-Identifier: MIT */
/*
 * manifest_tree [--without FIELD,...] [--map] [--offset BYTES] [--nocheck] [--limit BYTES] IMAGE:
 * prints an ext2, ext3 or ext4 volume as lines that manifest.h describes, as our own reader sees it,
 * without any mount. --limit reads no more of each file. Exits 1 where something could not be read.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ext4/ext4.h"
#include "image/image.h"
#include "support/manifest.h"
#include "tree/tree.h"

#define DEPTH_MAX 300
#define BUFFER_BYTES (1u << 17)

static struct tree *tree;
static bool with_map;
static uint64_t limit = UINT64_MAX;

static void print_content(uint64_t id)
{
	CLEANUP(freep) char *buffer = malloc(BUFFER_BYTES);
	uint64_t hash = MANIFEST_HASH_START, offset = 0;
	ssize_t n = 0;

	while (offset < limit && (n = tree_read(tree, id, buffer, BUFFER_BYTES, offset)) > 0) {
		hash = manifest_hash(hash, buffer, (size_t)n);
		offset += (uint64_t)n;
	}
	if (n < 0)
		manifest_error("hash", (int)-n);
	else
		manifest_hash_print(hash);
}

static void print_map(uint64_t id, uint64_t size)
{
	uint64_t hole, data;
	int err;

	fputs(" map=", stdout);
	err = tree_seek(tree, id, 0, SEEK_DATA, &data);
	while (!err && data < size) {
		err = tree_seek(tree, id, data, SEEK_HOLE, &hole);
		if (err || hole <= data)
			break;
		printf("%" PRIu64 "-%" PRIu64 ",", data, hole);
		err = tree_seek(tree, id, hole, SEEK_DATA, &data);
	}
	if (err && err != -ENXIO)
		manifest_error("map", -err);
}

static void print_xattrs(uint64_t id)
{
	static char list[1 << 17], value[1 << 17];
	struct manifest_names names = {0};
	ssize_t len = tree_listxattr(tree, id, list, sizeof(list));

	if (len < 0 && len != -EOPNOTSUPP)
		manifest_error("xattrs", (int)-len);
	for (char *name = list; len > 0 && name < list + len; name += strlen(name) + 1)
		manifest_names_add(&names, name, strlen(name));
	manifest_names_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		struct manifest_xattr xattr = {.name = names.names[i], .value = value};
		ssize_t size = tree_getxattr(tree, id, xattr.name, value, sizeof(value));

		xattr.error = size < 0 ? (int)-size : 0;
		xattr.size = size < 0 ? 0 : (size_t)size;
		manifest_xattr_print(&xattr);
	}
	manifest_names_finish(&names);
}

/* One line; returns the mode, or 0. */
static uint32_t print_entry(uint64_t id, const char *path, char dtype)
{
	char target[TREE_LINK_MAX];
	struct tree_attr attr;
	struct manifest_node node;
	ssize_t len;
	int err;

	manifest_escaped(path, strlen(path));
	err = tree_getattr(tree, id, &attr);
	if (err) {
		manifest_error("stat", -err);
		putchar('\n');
		return 0;
	}
	node = (struct manifest_node){
		.ino = id == TREE_ROOT ? 0 : id,
		.size = attr.size,
		.blocks = attr.blocks,
		.mode = attr.mode,
		.nlink = attr.nlink,
		.uid = attr.uid,
		.gid = attr.gid,
		.major = major(attr.rdev),
		.minor = minor(attr.rdev),
		.mtime = attr.mtime,
		.atime = attr.atime,
		.ctime = attr.ctime,
	};
	manifest_node_print(&node);
	if (manifest_shows("dtype") && id != TREE_ROOT)
		printf(" dtype=%c", dtype);
	if (S_ISLNK(attr.mode)) {
		len = tree_readlink(tree, id, target, sizeof(target));
		if (len < 0)
			manifest_error("target", (int)-len);
		else
			manifest_text("target", target, (size_t)len);
	}
	if (S_ISREG(attr.mode) && with_map)
		print_map(id, attr.size);
	if (S_ISREG(attr.mode) && manifest_shows("hash"))
		print_content(id);
	if (manifest_shows("xattr"))
		print_xattrs(id);
	putchar('\n');
	return attr.mode;
}

/* Names are kept as NAME \001 LETTER-OF-TYPE ID. */
static int take_entry(void *ctx, const struct tree_entry *entry)
{
	char text[TREE_NAME_MAX + 32];
	char letter =
		entry->type == DT_UNKNOWN ? 'u' : manifest_type((uint32_t)DTTOIF(entry->type));

	snprintf(text, sizeof(text), "%.*s\001%c%" PRIu64, (int)entry->name_len, entry->name,
		 letter, entry->id);
	if (strncmp(text, ".\001", 2) && strncmp(text, "..\001", 3))
		manifest_names_add(ctx, text, strlen(text));
	return 0;
}

static void walk(uint64_t id, const char *path, char dtype, int depth)
{
	struct manifest_names names = {0};
	int err;

	if (S_ISDIR(print_entry(id, path, dtype))) {
		err = depth < DEPTH_MAX ? tree_readdir(tree, id, 0, take_entry, &names) : -ELOOP;
		if (err) {
			manifest_escaped(path, strlen(path));
			manifest_error("list", -err);
			putchar('\n');
		}
	}
	manifest_names_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		char *name = names.names[i], *mark = strrchr(name, '\001');
		uint64_t listed = strtoull(mark + 2, NULL, 10), found = 0;
		CLEANUP(freep) char *child = NULL;

		*mark = '\0';
		child = manifest_join(path, name);
		err = tree_lookup(tree, id, name, strlen(name), &found);
		if (err || found != listed) {
			manifest_escaped(child, strlen(child));
			manifest_error("lookup", err ? -err : ESTALE);
			putchar('\n');
			continue;
		}
		walk(listed, child, mark[1], depth + 1);
	}
	manifest_names_finish(&names);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"without", required_argument, NULL, 'w'}, {"offset", required_argument, NULL, 'o'},
		{"map", no_argument, NULL, 'm'},	   {"nocheck", no_argument, NULL, 'n'},
		{"limit", required_argument, NULL, 'l'},   {NULL, 0, NULL, 0},
	};
	CLEANUP(image_closep) struct image *img = NULL;
	CLEANUP(image_closep) struct image *slice = NULL;
	struct ext4_options options = {0};
	uint64_t offset = 0;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "w:o:mnl:", long_options, NULL)) != -1) {
		if (opt == 'w')
			manifest_leave_out(optarg);
		else if (opt == 'o')
			offset = strtoull(optarg, NULL, 10);
		else if (opt == 'l')
			limit = strtoull(optarg, NULL, 10);
		else if (opt == 'm')
			with_map = true;
		else if (opt == 'n')
			options.nocheck = true;
		else
			return 2;
	}
	if (argc - optind != 1) {
		fputs("usage: manifest_tree [OPTION...] IMAGE\n", stderr);
		return 2;
	}
	err = image_open(argv[optind], &img);
	if (!err)
		err = image_slice(img, offset, img->size - offset, &slice);
	if (!err)
		err = ext4_open(slice, &options, &tree);
	if (err) {
		fprintf(stderr, "manifest_tree: %s: %s\n", argv[optind], strerror(-err));
		return 2;
	}
	walk(TREE_ROOT, "/", 'd', 0);
	tree_close(tree);
	return manifest_status();
}
