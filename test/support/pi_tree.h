/* SPDX-License-Identifier: MIT */
/* Small trees that are laid out as images of several releases, with an overlay above. For unit tests. */
#ifndef BRAMBLE_TEST_PI_TREE_H
#define BRAMBLE_TEST_PI_TREE_H

#include "support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "overlay/overlay.h"
#include "store/store.h"
#include "tree/tree_memory.h"

/* A path, and what is there: a link if its text starts with "-> ", a directory if it is NULL. */
struct pi_tree_file {
	const char *path;
	const char *text;
	mode_t mode; /* 0: 0644, of directories 0755 */
};

static inline uint64_t pi_tree_directory(struct tree *tree, const char *path)
{
	const struct tree_memory_node node = {.mode = S_IFDIR | 0755};
	uint64_t at = TREE_ROOT, next;

	while (*(path += strspn(path, "/"))) {
		size_t len = strcspn(path, "/");
		char name[256];

		assert_true(len < sizeof(name));
		memcpy(name, path, len);
		name[len] = '\0';
		if (tree_lookup(tree, at, name, len, &next))
			assert_int_equal(tree_memory_add(tree, at, name, &node, &next), 0);
		at = next;
		path += len;
	}
	return at;
}

static inline void pi_tree_add(struct tree *tree, const struct pi_tree_file *file)
{
	const char *slash = strrchr(file->path, '/');
	char parent[512];
	struct tree_memory_node node = {.mode = S_IFREG | 0644, .uid = 0, .gid = 0};
	uint64_t dir, id;

	if (!file->text) {
		pi_tree_directory(tree, file->path);
		return;
	}
	assert_true((size_t)(slash - file->path) < sizeof(parent));
	memcpy(parent, file->path, (size_t)(slash - file->path));
	parent[slash - file->path] = '\0';
	dir = pi_tree_directory(tree, parent);
	if (strncmp(file->text, "-> ", 3) == 0) {
		node.mode = S_IFLNK | 0777;
		node.target = file->text + 3;
	} else if (file->mode) {
		node.mode = S_IFREG | file->mode;
	}
	assert_int_equal(tree_memory_add(tree, dir, slash + 1, &node, &id), 0);
	if (S_ISREG(node.mode))
		assert_int_equal(tree_memory_put(tree, id, 0, file->text, strlen(file->text)), 0);
}

static inline struct tree *pi_tree_over(struct tree *lower)
{
	struct store *store;
	struct tree *tree;

	assert_int_equal(store_memory_create(&store), 0);
	assert_int_equal(overlay_format(store, lower, 0), 0);
	assert_int_equal(overlay_open(store, lower, &tree), 0);
	return tree;
}

/* An overlay over @files; @boot (may be NULL) is where a volume that ignores case is shown. */
static inline struct tree *pi_tree_make(const struct pi_tree_file *files, size_t count,
					const char *boot)
{
	struct tree *root, *lower, *volume;

	assert_int_equal(tree_memory_create(&root), 0);
	for (size_t i = 0; i < count; i++)
		pi_tree_add(root, &files[i]);
	if (!boot)
		return pi_tree_over(root);
	pi_tree_directory(root, boot);
	assert_int_equal(tree_memory_create(&volume), 0);
	assert_int_equal(tree_memory_ignore_case(volume, TREE_ROOT), 0);
	assert_int_equal(tree_compose_create(root, &lower), 0);
	assert_int_equal(tree_compose_mount(lower, boot, volume), 0);
	return pi_tree_over(lower);
}

/* A whole check of what a test left. */
static inline void pi_tree_close(struct tree *tree)
{
	unsigned int problems = 1;

	assert_int_equal(overlay_check(tree, &problems), 0);
	assert_int_equal(problems, 0);
	assert_int_equal(overlay_close(tree), 0);
}

/* The attributes of what @path leads to, or of the link itself; mode 0: nothing is there. */
static inline struct tree_attr pi_tree_stat(struct tree *tree, const char *path, bool follow)
{
	struct tree_attr attr = {.mode = 0};
	uint64_t id;

	if (tree_walk(tree, path, follow, &id) == 0)
		assert_int_equal(tree_getattr(tree, id, &attr), 0);
	return attr;
}

static inline bool pi_tree_has(struct tree *tree, const char *path)
{
	return pi_tree_stat(tree, path, false).mode != 0;
}

/* The text of a file, in a buffer that the next call uses again; NULL: there is none. */
static inline const char *pi_tree_text(struct tree *tree, const char *path)
{
	static char text[8192];
	uint64_t id;
	ssize_t len;

	if (tree_walk(tree, path, true, &id))
		return NULL;
	len = tree_read(tree, id, text, sizeof(text) - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	return text;
}

/* Where a link leads to; NULL: it is none. */
static inline const char *pi_tree_link(struct tree *tree, const char *path)
{
	static char text[TREE_LINK_MAX + 1];
	uint64_t id;
	ssize_t len;

	if (tree_walk(tree, path, false, &id))
		return NULL;
	len = tree_readlink(tree, id, text, TREE_LINK_MAX);
	if (len < 0)
		return NULL;
	text[len] = '\0';
	return text;
}

static inline void pi_tree_expect_text(struct tree *tree, const char *path, const char *want)
{
	const char *text = pi_tree_text(tree, path);

	assert_non_null(text);
	assert_string_equal(text, want);
}

/* The file has the text somewhere. */
static inline void pi_tree_expect_says(struct tree *tree, const char *path, const char *want)
{
	const char *text = pi_tree_text(tree, path);

	assert_non_null(text);
	if (!strstr(text, want))
		assert_string_equal(text, want);
}

static inline void pi_tree_expect_masked(struct tree *tree, const char *unit)
{
	char path[256];
	const char *target;

	snprintf(path, sizeof(path), "/etc/systemd/system/%s", unit);
	target = pi_tree_link(tree, path);
	assert_non_null(target);
	assert_string_equal(target, "/dev/null");
}

#endif
