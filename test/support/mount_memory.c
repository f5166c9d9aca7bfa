/* SPDX-License-Identifier: MIT */
/*
 * mount_memory [-f] [-a] [-n] [-e] [-c COUNT] [-o OPTIONS] DIR: mounts a tree in memory that has one of
 * everything, for tests of the mount alone. COUNT: names in the directory "many". -a: allow_other. -e:
 * as if it could be changed, and saving that failed with EDQUOT.
 * mount_memory -u [-l] DIR: unmounts it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mount/mount.h"
#include "tree/tree_memory.h"

struct memory {
	long count; /* of names in the directory "many" */
	int error; /* that closing it gives */
	struct tree *tree;
};

static void must(int err)
{
	if (err) {
		fprintf(stderr, "mount_memory: %s\n", strerror(-err));
		exit(1);
	}
}

static uint64_t add(struct tree *tree, uint64_t dir, const char *name,
		    const struct tree_memory_node *node)
{
	uint64_t id = 0;

	must(tree_memory_add(tree, dir, name, node, &id));
	return id;
}

static void add_large_file(struct tree *tree, uint64_t dir)
{
	static const struct tree_memory_node node = {.mode = S_IFREG | 0644};
	static unsigned int data[4 << 18];
	uint64_t id = add(tree, dir, "large", &node);

	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++)
		data[i] = (unsigned int)i * 2654435761u;
	must(tree_memory_put(tree, id, 0, data, sizeof(data)));
}

static void add_many(struct tree *tree, long count)
{
	static const struct tree_memory_node dir = {.mode = S_IFDIR | 0755};
	static const struct tree_memory_node file = {.mode = S_IFREG | 0644};
	uint64_t many = add(tree, TREE_ROOT, "many", &dir);
	char name[32];

	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "name-%07ld", i);
		add(tree, many, name, &file);
	}
}

static struct tree *build(long count)
{
	static const struct {
		const char *name;
		struct tree_memory_node node;
	} nodes[] = {
		{"dir", {.mode = S_IFDIR | S_ISVTX | 0777}},
		{"fifo", {.mode = S_IFIFO | 0600}},
		{"socket", {.mode = S_IFSOCK | 0600}},
		{"link", {.mode = S_IFLNK | 0777, .target = "dir/file"}},
		{"secret", {.mode = S_IFREG | 0600, .uid = 1000, .gid = 1001}},
		{"suid", {.mode = S_IFREG | S_ISUID | 0755}},
	};
	/* 2446-05-10 22:38:55.999999999, the last second of ext4 */
	const struct tree_memory_node file = {
		.mode = S_IFREG | 0640, .uid = 7, .gid = 8, .time = {15032385535, 999999999}};
	const struct tree_memory_node old = {.mode = S_IFREG | 0644, .time = {-2147483648, 1}};
	const struct tree_memory_node sparse = {.mode = S_IFREG | 0644, .size = 3 << 20};
	const struct tree_memory_node block = {.mode = S_IFBLK | 0660, .rdev = makedev(179, 2)};
	const struct tree_memory_node character = {.mode = S_IFCHR | 0666,
						   .rdev = makedev(4000, 300000)};
	char wide[65536];
	struct tree *tree;
	uint64_t dir = 0, id;

	must(tree_memory_create(&tree));
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		id = add(tree, TREE_ROOT, nodes[i].name, &nodes[i].node);
		dir = dir ? dir : id;
	}
	id = add(tree, dir, "file", &file);
	must(tree_memory_put(tree, id, 0, "hello\n", 6));
	must(tree_memory_link(tree, TREE_ROOT, "hard", id));
	memset(wide, 'w', sizeof(wide));
	must(tree_memory_set_xattr(tree, id, "user.note", "text", 4));
	must(tree_memory_set_xattr(tree, id, "user.empty", "", 0));
	must(tree_memory_set_xattr(tree, id, "user.wide", wide, sizeof(wide)));
	add(tree, dir, "old", &old);
	add(tree, TREE_ROOT, "block", &block);
	add(tree, TREE_ROOT, "character", &character);
	id = add(tree, TREE_ROOT, "sparse", &sparse);
	must(tree_memory_put(tree, id, 1 << 20, "data", 4));
	id = add(tree, dir, "badmsg", &file);
	must(tree_memory_damage(tree, id, -EBADMSG));
	id = add(tree, dir, "euclean", &file);
	must(tree_memory_damage(tree, id, -EUCLEAN));
	add_large_file(tree, dir);
	add_many(tree, count);
	return tree;
}

static int open_tree(void *ctx, struct tree **out)
{
	struct memory *memory = ctx;

	memory->tree = build(memory->count);
	*out = memory->tree;
	return 0;
}

static int close_tree(void *ctx)
{
	struct memory *memory = ctx;

	tree_close(memory->tree);
	return memory->error;
}

int main(int argc, char **argv)
{
	struct mount_options options = {.fsname = "memory"};
	struct memory memory = {.count = 10};
	const struct mount_source source = {
		.ctx = &memory,
		.open = open_tree,
		.close = close_tree,
	};
	bool umount = false, lazy = false;
	int option;

	while ((option = getopt(argc, argv, "faenulo:c:s:")) != -1) {
		switch (option) {
		case 'f':
			options.foreground = true;
			break;
		case 'a':
			options.allow_other = true;
			break;
		case 'e':
			options.writable = true;
			memory.error = -EDQUOT;
			break;
		case 'n':
			options.nonempty = true;
			break;
		case 'u':
			umount = true;
			break;
		case 'l':
			lazy = true;
			break;
		case 'o':
			options.fuse_options = optarg;
			break;
		case 's':
			options.fsname = optarg;
			break;
		case 'c':
			memory.count = strtol(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 1)
		return 2;
	if (umount)
		return mount_umount(argv[optind], lazy) ? 1 : 0;
	return mount_run(&source, argv[optind], &options) ? 1 : 0;
}
