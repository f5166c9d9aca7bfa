/* SPDX-License-Identifier: MIT */
/* Directories whose names are compared without case: their forms, spellings, and compositions. */
#include "support/unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "tree/tree_memory.h"

static const struct tree_memory_node a_dir = {.mode = S_IFDIR | 0755};
static const struct tree_memory_node a_file = {.mode = S_IFREG | 0644};

static int take_all(void *ctx, const struct tree_entry *entry)
{
	strncat(ctx, entry->name, entry->name_len);
	strcat(ctx, " ");
	return 0;
}

/* A volume like FAT: "Config.txt", which "CONFIG~1" leads to as well. */
static struct tree *caseless_volume(void)
{
	struct tree *volume;

	assert_int_equal(tree_memory_create(&volume), 0);
	assert_int_equal(tree_memory_ignore_case(volume, TREE_ROOT), 0);
	assert_int_equal(tree_memory_add(volume, TREE_ROOT, "Config.txt", &a_file, NULL), 0);
	assert_int_equal(tree_memory_alias(volume, TREE_ROOT, "CONFIG~1", "config.TXT"), 0);
	return volume;
}

static void assert_fold(struct tree *tree, uint64_t dir, const char *name, const char *want)
{
	char folded[TREE_FOLD_MAX];
	ssize_t n = tree_fold(tree, dir, name, strlen(name), folded, sizeof(folded));

	assert_int_equal(n, strlen(want));
	assert_memory_equal(folded, want, strlen(want));
}

static void assert_spelling(struct tree *tree, uint64_t dir, const char *name, const char *want)
{
	char spelling[TREE_NAME_MAX];
	ssize_t n = tree_spelling(tree, dir, name, strlen(name), spelling);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(spelling, want, strlen(want));
}

static void a_directory_in_memory_can_ignore_case(void **state)
{
	struct tree *tree = caseless_volume();
	char names[100] = "";
	uint64_t id;

	(void)state;
	assert_true(tree_ignores_case(tree, TREE_ROOT));
	assert_fold(tree, TREE_ROOT, "CONFIG.txt", "config.txt");
	assert_spelling(tree, TREE_ROOT, "CONFIG.txt", "Config.txt");
	assert_spelling(tree, TREE_ROOT, "config~1", "Config.txt");
	assert_int_equal(tree_lookup(tree, TREE_ROOT, "config~1", 8, &id), 0);
	assert_int_equal(tree_memory_add(tree, TREE_ROOT, "CONFIG.TXT", &a_file, NULL), -EEXIST);
	assert_int_equal(tree_memory_ignore_case(tree, TREE_ROOT), -ENOTEMPTY);
	assert_int_equal(tree_readdir(tree, TREE_ROOT, 0, take_all, names), 0);
	assert_string_equal(names, ". .. Config.txt ");
	tree_close(tree);
}

static void an_ordinary_directory_has_no_folded_names(void **state)
{
	char spelling[TREE_NAME_MAX];
	struct tree *tree;

	(void)state;
	assert_int_equal(tree_memory_create(&tree), 0);
	assert_int_equal(tree_memory_add(tree, TREE_ROOT, "Name", &a_file, NULL), 0);
	assert_false(tree_ignores_case(tree, TREE_ROOT));
	assert_int_equal(tree_fold(tree, TREE_ROOT, "Name", 4, spelling, sizeof(spelling)), 0);
	assert_spelling(tree, TREE_ROOT, "Name", "Name");
	assert_int_equal(tree_spelling(tree, TREE_ROOT, "name", 4, spelling), -ENOENT);
	assert_int_equal(tree_spelling(tree, TREE_ROOT, "", 0, spelling), -ENOENT);
	assert_int_equal(tree_spelling(tree, 77, "name", 4, spelling), -ESTALE);
	tree_close(tree);
}

static void a_form_that_has_no_room_is_not_cut(void **state)
{
	struct tree *tree = caseless_volume();
	char folded[4];

	(void)state;
	assert_int_equal(tree_fold(tree, TREE_ROOT, "ABCDE", 5, folded, sizeof(folded)), -ERANGE);
	assert_int_equal(tree_fold(tree, TREE_ROOT, "ABCD", 4, folded, sizeof(folded)), 4);
	tree_close(tree);
}

static void each_part_of_a_composed_tree_compares_in_its_own_way(void **state)
{
	char spelling[TREE_NAME_MAX];
	struct tree *root, *tree;
	uint64_t boot, made_up, id, deep;

	(void)state;
	assert_int_equal(tree_memory_create(&root), 0);
	assert_int_equal(tree_memory_add(root, TREE_ROOT, "etc", &a_dir, NULL), 0);
	assert_int_equal(tree_compose_create(root, &tree), 0);
	assert_int_equal(tree_compose_mount(tree, "/boot/Firmware", caseless_volume()), 0);
	assert_int_equal(tree_compose_mount(tree, "/boot/Firmware/Deep", caseless_volume()), 0);
	assert_int_equal(tree_walk(tree, "/boot", true, &made_up), 0);
	assert_int_equal(tree_walk(tree, "/boot/Firmware", true, &boot), 0);
	assert_false(tree_ignores_case(tree, TREE_ROOT));
	assert_false(tree_ignores_case(tree, made_up));
	assert_true(tree_ignores_case(tree, boot));
	assert_fold(tree, boot, "CONFIG~1", "config~1");
	assert_spelling(tree, boot, "config~1", "Config.txt");
	assert_spelling(tree, TREE_ROOT, "etc", "etc");
	assert_spelling(tree, made_up, "Firmware", "Firmware");
	assert_int_equal(tree_spelling(tree, made_up, "firmware", 8, spelling), -ENOENT);
	assert_int_equal(tree_fold(tree, 4711, "a", 1, spelling, 1), -ESTALE);

	/* a directory that is made up in a volume is found as all names there */
	assert_int_equal(tree_walk(tree, "/boot/Firmware/Deep", true, &deep), 0);
	assert_int_equal(tree_walk(tree, "/boot/Firmware/dEEP", true, &id), 0);
	assert_int_equal(id, deep);
	assert_spelling(tree, boot, "deep", "Deep");
	tree_close(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_in_memory_can_ignore_case),
		cmocka_unit_test(an_ordinary_directory_has_no_folded_names),
		cmocka_unit_test(a_form_that_has_no_room_is_not_cut),
		cmocka_unit_test(each_part_of_a_composed_tree_compares_in_its_own_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
