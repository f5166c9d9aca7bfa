/* SPDX-License-Identifier: MIT */
/* An overlay in memory over a small lower tree, for unit tests. */
#ifndef BRAMBLE_TEST_OVERLAY_FIXTURE_H
#define BRAMBLE_TEST_OVERLAY_FIXTURE_H

#include "support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "overlay/overlay.h"
#include "store/store.h"
#include "tree/tree_memory.h"

/*
 * /etc/fstab (7 bytes), /etc/hosts also known as /hosts, /usr/bin/tool, /empty/, /link -> etc,
 * and a composed volume at /boot, which ignores case: Config.TXT, Overlays/, longname.text with the
 * alias LONGNA~1.
 */
struct fixture {
	struct tree *tree; /* the overlay; owned */
	uint64_t etc, fstab, hosts, usr, bin, tool, empty, link;
	uint64_t boot, config, overlays, longname;
};

static inline uint64_t fixture_add(struct tree *tree, uint64_t dir, const char *name, mode_t mode,
				   uint64_t size)
{
	const struct tree_memory_node node = {
		.mode = mode,
		.size = size,
		.target = S_ISLNK(mode) ? "etc" : NULL,
		.time = {.tv_sec = 1000},
	};
	uint64_t id = 0;

	assert_int_equal(tree_memory_add(tree, dir, name, &node, &id), 0);
	return id;
}

static inline uint64_t fixture_id(struct tree *tree, const char *path)
{
	uint64_t id = 0;

	assert_int_equal(tree_walk(tree, path, false, &id), 0);
	return id;
}

static inline struct tree *fixture_lower(struct fixture *f)
{
	struct tree *root, *boot, *lower;
	uint64_t id;

	assert_int_equal(tree_memory_create(&root), 0);
	f->etc = fixture_add(root, TREE_ROOT, "etc", S_IFDIR | 0755, 0);
	f->fstab = fixture_add(root, f->etc, "fstab", S_IFREG | 0644, 0);
	assert_int_equal(tree_memory_put(root, f->fstab, 0, "fstab!\n", 7), 0);
	f->hosts = fixture_add(root, f->etc, "hosts", S_IFREG | 0644, 0);
	assert_int_equal(tree_memory_link(root, TREE_ROOT, "hosts", f->hosts), 0);
	f->usr = fixture_add(root, TREE_ROOT, "usr", S_IFDIR | 0755, 0);
	f->bin = fixture_add(root, f->usr, "bin", S_IFDIR | 0755, 0);
	f->tool = fixture_add(root, f->bin, "tool", S_IFREG | 04755, 0);
	f->empty = fixture_add(root, TREE_ROOT, "empty", S_IFDIR | 0755, 0);
	f->link = fixture_add(root, TREE_ROOT, "link", S_IFLNK | 0777, 0);
	fixture_add(root, TREE_ROOT, "boot", S_IFDIR | 0755, 0);

	assert_int_equal(tree_memory_create(&boot), 0);
	assert_int_equal(tree_memory_ignore_case(boot, TREE_ROOT), 0);
	fixture_add(boot, TREE_ROOT, "Config.TXT", S_IFREG | 0755, 0);
	id = fixture_add(boot, TREE_ROOT, "Overlays", S_IFDIR | 0755, 0);
	assert_int_equal(tree_memory_ignore_case(boot, id), 0);
	fixture_add(boot, TREE_ROOT, "longname.text", S_IFREG | 0755, 0);
	assert_int_equal(tree_memory_alias(boot, TREE_ROOT, "LONGNA~1", "longname.text"), 0);

	assert_int_equal(tree_compose_create(root, &lower), 0);
	assert_int_equal(tree_compose_mount(lower, "/boot", boot), 0);
	f->boot = fixture_id(lower, "/boot");
	f->config = fixture_id(lower, "/boot/config.txt");
	f->overlays = fixture_id(lower, "/boot/overlays");
	f->longname = fixture_id(lower, "/boot/longname.text");
	return lower;
}

/* A new overlay over @lower, which it owns. */
static inline struct tree *fixture_overlay(struct tree *lower)
{
	struct store *store;
	struct tree *tree;

	assert_int_equal(store_memory_create(&store), 0);
	assert_int_equal(overlay_format(store, lower, 0), 0);
	assert_int_equal(overlay_open(store, lower, &tree), 0);
	return tree;
}

static inline int fixture_set_up(void **state)
{
	static struct fixture f;

	f.tree = fixture_overlay(fixture_lower(&f));
	*state = &f;
	return 0;
}

/* Every test ends with a whole check of what it left. */
static inline int fixture_tear_down(void **state)
{
	struct fixture *f = *state;
	unsigned int problems = 1;

	assert_int_equal(overlay_check(f->tree, &problems), 0);
	assert_int_equal(problems, 0);
	return overlay_close(f->tree);
}

static inline uint64_t fixture_create(struct tree *tree, uint64_t dir, const char *name,
				      mode_t mode)
{
	const struct tree_new node = {.mode = mode, .target = S_ISLNK(mode) ? "target" : NULL};
	struct tree_attr attr;

	assert_int_equal(tree_create(tree, dir, name, strlen(name), &node, &attr), 0);
	return attr.id;
}

static inline struct tree_attr fixture_attr(struct tree *tree, uint64_t id)
{
	struct tree_attr attr;

	assert_int_equal(tree_getattr(tree, id, &attr), 0);
	assert_int_equal(attr.id, id);
	return attr;
}

static inline int fixture_unlink(struct tree *tree, uint64_t dir, const char *name)
{
	return tree_unlink(tree, dir, name, strlen(name));
}

static inline int fixture_rmdir(struct tree *tree, uint64_t dir, const char *name)
{
	return tree_rmdir(tree, dir, name, strlen(name));
}

static inline int fixture_rename(struct tree *tree, uint64_t dir, const char *name,
				 uint64_t new_dir, const char *new_name, unsigned int flags)
{
	return tree_rename(tree, dir, name, strlen(name), new_dir, new_name, strlen(new_name),
			   flags);
}

static inline int fixture_lookup(struct tree *tree, uint64_t dir, const char *name)
{
	uint64_t id;
	int err = tree_lookup(tree, dir, name, strlen(name), &id);

	return err ? err : (int)id;
}

struct fixture_names {
	char text[4096];
	size_t used;
};

static inline int fixture_take_name(void *ctx, const struct tree_entry *entry)
{
	struct fixture_names *names = ctx;

	if (entry->name[0] == '.')
		return 0;
	names->used += (size_t)snprintf(names->text + names->used,
					sizeof(names->text) - names->used, "%s%.*s",
					names->used ? " " : "", (int)entry->name_len, entry->name);
	return 0;
}

/* All names of @dir but "." and "..", one blank between them, in the order of the listing. */
static inline const char *fixture_list(struct tree *tree, uint64_t dir, struct fixture_names *names)
{
	names->used = 0;
	names->text[0] = '\0';
	assert_int_equal(tree_readdir(tree, dir, 0, fixture_take_name, names), 0);
	return names->text;
}

#endif
