/* SPDX-License-Identifier: MIT */
/* Cookies of volumes and those of made-up entries never meet. */
#include "support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "tree/tree_memory.h"

static const struct tree_memory_node file_node = {.mode = S_IFREG | 0644};

static struct tree *volume_with(const char *name)
{
	struct tree *volume;

	assert_int_equal(tree_memory_create(&volume), 0);
	assert_int_equal(tree_memory_add(volume, TREE_ROOT, name, &file_node, NULL), 0);
	return volume;
}

struct names {
	char text[256];
	uint64_t last;
	int room; /* stop after this many */
};

static int take_name(void *ctx, const struct tree_entry *entry)
{
	struct names *names = ctx;
	size_t len = strlen(names->text);

	if (names->room-- == 0)
		return 1;
	snprintf(names->text + len, sizeof(names->text) - len, "%.*s ", (int)entry->name_len,
		 entry->name);
	names->last = entry->next;
	return 0;
}

/* A tree whose one directory has two entries, with the largest cookies that there may be. */
static int far_readdir(struct tree *tree, uint64_t dir, uint64_t cookie, tree_entry_fn take,
		       void *ctx)
{
	struct tree_entry entry = {.name = "a", .name_len = 1, .id = 2};

	(void)tree;
	(void)dir;
	for (uint64_t next = TREE_COOKIES_END - 2; next < TREE_COOKIES_END; next++) {
		entry.next = next;
		if (next > cookie && take(ctx, &entry))
			return 0;
		entry.name = "b";
	}
	return 0;
}

static int far_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len,
		      uint64_t *out_id)
{
	(void)tree;
	(void)dir;
	(void)name;
	(void)len;
	(void)out_id;
	return -ENOENT;
}

static int far_getattr(struct tree *tree, uint64_t id, struct tree_attr *out)
{
	(void)tree;
	*out = (struct tree_attr){.id = id, .mode = S_IFDIR | 0755};
	return 0;
}

static void far_close(struct tree *tree)
{
	(void)tree;
}

static void listing_goes_on_behind_the_largest_cookie(void **state)
{
	static const struct tree_ops ops = {
		.kind = "far",
		.getattr = far_getattr,
		.lookup = far_lookup,
		.readdir = far_readdir,
		.close = far_close,
	};
	struct tree far = {.ops = &ops, .span = 3};
	struct names names = {.room = 3}, rest = {.room = 9};
	struct tree *tree;

	(void)state;
	assert_int_equal(tree_compose_create(&far, &tree), 0);
	assert_int_equal(tree_compose_mount(tree, "/made-up", volume_with("file")), 0);
	assert_int_equal(tree_readdir(tree, TREE_ROOT, 0, take_name, &names), 0);
	assert_string_equal(names.text, ". .. a ");
	assert_int_equal(tree_readdir(tree, TREE_ROOT, names.last, take_name, &rest), 0);
	assert_string_equal(rest.text, "b made-up ");
	tree_close(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listing_goes_on_behind_the_largest_cookie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
