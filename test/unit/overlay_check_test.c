/* SPDX-License-Identifier: MIT */
/* Checking an overlay: each kind of damage is found and named, and what is sound is not. */
#include "support/overlay_fixture.h"

#include <dirent.h>

#include "base/log.h"
#include "overlay/overlay_fs.h"

struct lines {
	unsigned int count;
	char text[16384];
	size_t used;
};

static void take_line(void *ctx, enum log_level level, const char *line)
{
	struct lines *lines = ctx;
	int n = snprintf(lines->text + lines->used, sizeof(lines->text) - lines->used, "%s\n",
			 line);

	(void)level;
	lines->count++;
	if (n > 0 && (size_t)n < sizeof(lines->text) - lines->used)
		lines->used += (size_t)n;
}

static unsigned int check(struct fixture *f, struct lines *lines)
{
	unsigned int problems = 0;

	*lines = (struct lines){0};
	log_set_sink(take_line, lines);
	assert_int_equal(overlay_check(f->tree, &problems), 0);
	log_set_sink(NULL, NULL);
	return problems;
}

/* There is one problem, and this is told of it. */
static void expect(struct fixture *f, const char *text)
{
	struct lines lines;
	unsigned int problems = check(f, &lines);

	if (problems != 1 || !strstr(lines.text, text))
		fail_msg("%u problems, not one with '%s':\n%s", problems, text, lines.text);
}

/* This is one of several. */
static void expect_among(struct fixture *f, const char *text)
{
	struct lines lines;
	unsigned int problems = check(f, &lines);

	if (problems == 0 || !strstr(lines.text, text))
		fail_msg("%u problems, none with '%s':\n%s", problems, text, lines.text);
}

static int close_damaged(void **state)
{
	struct fixture *f = *state;

	return overlay_close(f->tree);
}

/* Writing records ------------------------------------------------------------------------------- */

static void put(struct fixture *f, const struct store_key *key, const void *value, size_t len)
{
	struct overlay_txn txn = OVERLAY_TXN_INIT;

	assert_int_equal(overlay_txn_begin(overlay_of(f->tree), &txn), 0);
	if (value)
		assert_int_equal(store_put(txn.store, key, value, len), 0);
	else
		assert_int_equal(store_delete(txn.store, key), 0);
	assert_int_equal(overlay_txn_commit(&txn, false), 0);
}

static struct record_node get_node(struct fixture *f, uint64_t id)
{
	struct record_node node;

	assert_int_equal(overlay_node_get(overlay_of(f->tree), NULL, id, &node), 0);
	return node;
}

static void put_node(struct fixture *f, uint64_t id, const struct record_node *node)
{
	uint8_t value[RECORD_NODE_BYTES];
	struct store_key key;

	overlay_touch(overlay_of(f->tree), id);
	record_key_node(&key, id);
	put(f, &key, value, record_node_encode(node, value));
}

static void drop_node(struct fixture *f, uint64_t id)
{
	struct store_key key;

	record_key_node(&key, id);
	put(f, &key, NULL, 0);
}

/* In a directory that distinguishes case. */
static uint64_t hash_of(struct fixture *f, const char *name)
{
	return hash_short(overlay_of(f->tree)->hash_key, name, strlen(name));
}

static void put_name(struct fixture *f, uint64_t dir, const char *name, uint8_t flags, uint64_t id,
		     uint8_t type)
{
	const struct record_name item = {
		.flags = flags,
		.type = type,
		.id = id,
		.name = name,
		.len = strlen(name),
	};
	uint8_t value[RECORD_NAMES_MAX_BYTES];
	struct store_key key;

	overlay_touch(overlay_of(f->tree), dir);
	record_key_names(&key, dir, hash_of(f, name));
	put(f, &key, value, record_names_append(value, 0, &item));
}

static void drop_name(struct fixture *f, uint64_t dir, const char *name)
{
	struct store_key key;

	record_key_names(&key, dir, hash_of(f, name));
	put(f, &key, NULL, 0);
}

static void get_chunk(struct fixture *f, uint64_t id, struct record_chunk *out)
{
	uint8_t value[RECORD_CHUNK_MAX_BYTES];
	struct store_key key;
	size_t len;

	record_key_chunk(&key, id, 0);
	assert_int_equal(store_get(overlay_of(f->tree)->store, &key, value, sizeof(value), &len),
			 0);
	assert_int_equal(record_chunk_decode(id, value, len, out), 0);
}

static void put_chunk(struct fixture *f, uint64_t id, const struct record_chunk *chunk)
{
	uint8_t value[RECORD_CHUNK_MAX_BYTES];
	struct store_key key;

	record_key_chunk(&key, id, 0);
	put(f, &key, value, record_chunk_encode(chunk, value));
}

static uint64_t create_data(struct fixture *f, const char *name, size_t blocks)
{
	static char data[16 * STORE_BLOCK];
	uint64_t id = fixture_create(f->tree, f->etc, name, S_IFREG | 0644);

	assert_int_equal(tree_write(f->tree, id, data, blocks * STORE_BLOCK, 0, 0), 0);
	return id;
}

/* What is sound --------------------------------------------------------------------------------- */

static void untouched_overlay_is_sound(void **state)
{
	struct lines lines;

	assert_int_equal(check(*state, &lines), 0);
	assert_int_equal(lines.count, 0);
}

/* All kinds of changes; the check is in the tear-down, too. */
static void changed_overlay_is_sound(void **state)
{
	struct fixture *f = *state;
	const struct tree_setattr mode = {.valid = TREE_SET_MODE, .mode = 0711};
	const struct tree_setattr cut = {.valid = TREE_SET_SIZE, .size = 3};
	struct tree *tree = f->tree;
	struct lines lines;
	uint64_t dir, file;

	file = create_data(f, "data", 10);
	assert_int_equal(tree_fallocate(tree, file, TREE_FALLOC_KEEP_SIZE, 1 << 20, 1 << 16), 0);
	assert_int_equal(tree_write(tree, f->fstab, "x", 1, 100000, 0), 0);
	assert_int_equal(tree_setattr(tree, f->tool, &cut, NULL), 0);
	assert_int_equal(tree_setattr(tree, f->etc, &mode, NULL), 0);
	assert_int_equal(tree_setxattr(tree, f->tool, "user.x", "1", 1, 0), 0);
	assert_int_equal(fixture_unlink(tree, TREE_ROOT, "hosts"), 0);
	assert_int_equal(tree_link(tree, f->hosts, f->usr, "hosts2", 6, NULL), 0);
	assert_int_equal(fixture_rename(tree, TREE_ROOT, "usr", f->etc, "usr", 0), 0);
	assert_int_equal(fixture_rename(tree, f->etc, "usr", TREE_ROOT, "usr", 0), 0);
	assert_int_equal(fixture_rmdir(tree, TREE_ROOT, "empty"), 0);
	dir = fixture_create(tree, TREE_ROOT, "empty", S_IFDIR | 0755);
	fixture_create(tree, dir, "fifo", S_IFIFO | 0600);
	fixture_create(tree, dir, "sub", S_IFDIR | 0600);
	fixture_create(tree, dir, "link", S_IFLNK | 0777);
	assert_int_equal(fixture_rename(tree, f->usr, "bin", dir, "sub", 0), 0);
	assert_int_equal(fixture_rename(tree, dir, "sub", f->etc, "fstab", TREE_RENAME_EXCHANGE),
			 0);
	assert_int_equal(fixture_rename(tree, f->boot, "config.txt", f->boot, "CONFIG.txt", 0), 0);
	assert_int_equal(fixture_unlink(tree, f->boot, "longna~1"), 0);
	fixture_create(tree, f->boot, "longna~1", S_IFREG | 0644);
	dir = fixture_create(tree, f->overlays, "New", S_IFDIR | 0755);
	fixture_create(tree, dir, "file", S_IFREG | 0644);
	assert_int_equal(fixture_rmdir(tree, f->etc, "fstab"), -ENOTEMPTY);
	assert_int_equal(fixture_unlink(tree, f->bin, "tool"), 0);
	assert_int_equal(fixture_rmdir(tree, f->etc, "fstab"), 0);
	check(f, &lines);
	assert_string_equal(lines.text, "");
}

static void held_node_without_a_name_is_sound(void **state)
{
	struct fixture *f = *state;
	struct lines lines;

	assert_int_equal(tree_hold(f->tree, f->fstab), 0);
	assert_int_equal(tree_hold(f->tree, f->empty), 0);
	assert_int_equal(fixture_unlink(f->tree, f->etc, "fstab"), 0);
	assert_int_equal(fixture_rmdir(f->tree, TREE_ROOT, "empty"), 0);
	check(f, &lines);
	assert_string_equal(lines.text, "");
	tree_release(f->tree, f->fstab, 1);
	tree_release(f->tree, f->empty, 1);
}

/* Records by themselves ------------------------------------------------------------------------- */

static void records_that_do_not_parse_are_found(void **state)
{
	struct fixture *f = *state;
	struct store_key key;

	overlay_touch(overlay_of(f->tree), f->tool);
	record_key_node(&key, f->tool);
	put(f, &key, "short", 5);
	expect(f, "has 5 bytes");
	put(f, &key, NULL, 0);
	record_key_chunk(&key, f->fstab, 0);
	put(f, &key, "short", 5);
	expect(f, "has 5 bytes");
	put(f, &key, NULL, 0);
	record_key_names(&key, f->etc, 5);
	put(f, &key, "short", 5);
	expect(f, "cut off");
	put(f, &key, NULL, 0);
	record_prefix_kind(&key, f->etc, (enum record_kind)'Z');
	put(f, &key, "short", 5);
	expect(f, "a key of kind");
}

static void node_of_a_number_not_given_out_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFREG | 0644);
	struct record_node node = get_node(f, id);

	put_node(f, id + 100000, &node);
	put_name(f, f->etc, "far", NAME_PRESENT, id + 100000, DT_REG);
	expect(f, "but the next new one is");
}

static void wrong_kind_of_node_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFREG | 0644);
	struct record_node node = get_node(f, id), lower = get_node(f, f->fstab);

	node.flags = 0;
	put_node(f, id, &node);
	expect(f, "not created either");
	node.flags = NODE_CREATED;
	node.size = node.lower_size = 10;
	put_node(f, id, &node);
	expect(f, "of a lower file that there is not");
	node.size = node.lower_size = 0;
	node.volume = f->etc;
	put_node(f, id, &node);
	expect(f, "which is no volume");
	node.volume = TREE_ROOT;
	put_node(f, id, &node);
	lower.flags = NODE_CREATED;
	put_node(f, f->fstab, &lower);
	expect(f, "of the lower tree, but created");
	lower.flags = 0;
	lower.volume = f->boot;
	put_node(f, f->fstab, &lower);
	expect(f, "in the lower tree on 1");
	lower.volume = TREE_ROOT;
	lower.size = lower.lower_size = 8;
	put_node(f, f->fstab, &lower);
	expect(f, "8 bytes of a lower file that has 7");
	lower.size = lower.lower_size = 7;
	lower.mode = S_IFIFO | 0644;
	put_node(f, f->fstab, &lower);
	expect_among(f, "in the lower tree 0100644");
}

static void wrong_directory_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFDIR | 0755);
	struct record_node node = get_node(f, id);

	node.folds_like = f->etc;
	put_node(f, id, &node);
	expect(f, "which ignores no case");
	node.folds_like = 0;
	node.parent = 0;
	put_node(f, id, &node);
	expect_among(f, "has no parent");
	node.parent = f->usr;
	put_node(f, id, &node);
	expect(f, "but its name in");
	node.parent = f->etc;
	node.nlink = 3;
	put_node(f, id, &node);
	expect(f, "has 3 links, but 0 directories in it");
	node.nlink = 2;
	put_node(f, id, &node);
	node = get_node(f, f->bin);
	node.parent = f->etc;
	put_node(f, f->bin, &node);
	expect(f, "but its name in");
}

static void attributes_that_do_not_count_are_found(void **state)
{
	struct fixture *f = *state;
	struct record_node node = get_node(f, f->fstab);
	struct store_key key;
	struct lines lines;

	record_key_xattr(&key, f->fstab, "user.x", 6);
	put(f, &key, "value", 5);
	expect(f, "has attribute user.x, but does not exist");
	put_node(f, f->fstab, &node);
	expect(f, "shows those of the lower tree");
	node.flags = NODE_REMOVED;
	node.nlink = 0;
	put_node(f, f->fstab, &node);
	expect_among(f, "has attribute user.x, but does not exist");
	node.flags = NODE_OWN_XATTRS;
	node.nlink = 1;
	put_node(f, f->fstab, &node);
	assert_int_equal(check(f, &lines), 0);
}

static void link_without_its_target_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFLNK | 0777);
	struct store_key key;

	record_key_link(&key, id);
	put(f, &key, NULL, 0);
	expect(f, "has 6 bytes, its target 0");
	put(f, &key, "tar\0et", 6);
	expect(f, "are no target");
	put(f, &key, "target", 6);
	record_key_link(&key, f->fstab);
	put(f, &key, "target", 6);
	expect(f, "was not created as a link");
}

static void removed_node_with_records_is_found(void **state)
{
	struct fixture *f = *state;
	struct record_chunk chunk = {.blocks = {BLOCK_HOLE}};

	assert_int_equal(fixture_unlink(f->tree, f->etc, "fstab"), 0);
	put_chunk(f, f->fstab, &chunk);
	expect_among(f, "has a chunk, but is no file");
}

static void node_without_a_name_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = create_data(f, "new", 1);
	struct record_node node = get_node(f, id);

	node.nlink = 0;
	put_node(f, id, &node);
	drop_name(f, f->etc, "new");
	expect(f, "has no name, and nobody holds it");
}

/* Data ------------------------------------------------------------------------------------------ */

static void wrong_chunks_are_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = create_data(f, "one", 4), other = create_data(f, "two", 4);
	struct record_node node = get_node(f, id);
	struct record_chunk chunk, other_chunk;

	get_chunk(f, id, &chunk);
	get_chunk(f, other, &other_chunk);
	node.own_blocks = 5;
	put_node(f, id, &node);
	expect(f, "counts 5 blocks, but has 4");
	node.own_blocks = 4;
	put_node(f, id, &node);

	other_chunk.blocks[2] = chunk.blocks[1];
	put_chunk(f, other, &other_chunk);
	expect_among(f, "has another user");
	expect_among(f, "blocks of the data are taken, 7 have a user");
	other_chunk.blocks[2] = BLOCK_DATA | 777777;
	put_chunk(f, other, &other_chunk);
	expect_among(f, "blocks 777777 to 777777: not taken");
	get_chunk(f, id, &chunk);
	other_chunk.blocks[2] = other_chunk.blocks[1] + 1;
	put_chunk(f, other, &other_chunk);

	node.size = 3 * STORE_BLOCK;
	put_node(f, id, &node);
	expect(f, "block 3 is behind the end of 12288 bytes");
	node.size = 4 * STORE_BLOCK;
	put_node(f, id, &node);

	other_chunk.blocks[3] = BLOCK_LOWER;
	put_chunk(f, other, &other_chunk);
	expect_among(f, "8 blocks of the data are taken, 7 have a user");
}

static void chunk_without_a_file_is_found(void **state)
{
	struct fixture *f = *state;
	struct record_chunk chunk = {.blocks = {[3] = BLOCK_HOLE}};
	struct record_node node = get_node(f, f->etc);
	struct store_key key;

	put_chunk(f, f->etc, &chunk);
	expect_among(f, "has a chunk, but is no file");
	put_node(f, f->etc, &node);
	expect_among(f, "has a chunk, but is no file");
	record_key_chunk(&key, f->etc, 0);
	put(f, &key, NULL, 0);
}

/* Names ----------------------------------------------------------------------------------------- */

static void name_that_leads_nowhere_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFREG | 0644);

	drop_node(f, id);
	expect(f, "name new leads to node");
	put_name(f, f->etc, "new", NAME_PRESENT, 15, DT_REG);
	expect_among(f, "node 15");
}

static void name_of_another_type_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFREG | 0644);

	put_name(f, f->etc, "new", NAME_PRESENT, id, DT_FIFO);
	expect(f, "name new is of type 1, its node");
}

static void wrong_count_of_names_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFREG | 0644);
	struct record_node node = get_node(f, id);

	node.nlink = 2;
	put_node(f, id, &node);
	expect(f, "0 names of the lower tree, of which 0 are hidden, and 1 others do not make 2");
	node.nlink = 1;
	put_node(f, id, &node);
	put_name(f, f->etc, "again", NAME_PRESENT, id, DT_REG);
	expect(f, "2 others do not make 1");
	drop_name(f, f->etc, "again");
	put_name(f, f->etc, "again", NAME_PRESENT, f->fstab, DT_REG);
	expect(f, "1 names of the lower tree, of which 0 are hidden, and 1 others do not make 1");
	drop_name(f, f->etc, "again");
	put_name(f, f->etc, "hosts", NAME_HIDES, 0, 0);
	expect(f, "2 names of the lower tree, of which 1 are hidden, and 0 others do not make 2");
}

static void directory_with_two_names_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFDIR | 0755);

	put_name(f, f->usr, "again", NAME_PRESENT, id, DT_DIR);
	expect_among(f, "2 others do not make 1");
	drop_name(f, f->usr, "again");
	put_name(f, f->etc, "usr", NAME_PRESENT, f->usr, DT_DIR);
	expect(f, "1 names of the lower tree, of which 0 are hidden, and 1 others do not make 1");
}

static void directories_in_a_circle_are_found(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_create(f->tree, f->etc, "a", S_IFDIR | 0755);
	uint64_t b = fixture_create(f->tree, a, "b", S_IFDIR | 0755);
	struct record_node node = get_node(f, a);

	drop_name(f, f->etc, "a");
	put_name(f, b, "a", NAME_PRESENT, a, DT_DIR);
	node.parent = b;
	put_node(f, a, &node);
	node = get_node(f, b);
	node.nlink = 3;
	put_node(f, b, &node);
	expect(f, "lies in itself");
}

static void directory_in_a_removed_one_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->empty, "a", S_IFDIR | 0755);
	struct record_node node = get_node(f, f->empty);

	assert_true(id > 0);
	put_name(f, TREE_ROOT, "empty", NAME_HIDES, 0, 0);
	node.nlink = 0;
	put_node(f, f->empty, &node);
	expect_among(f, "is removed, but has the name a");
	expect_among(f, "above it is no directory with a name");
}

static void lower_names_in_a_removed_directory_are_missed(void **state)
{
	struct fixture *f = *state;
	struct record_node node = get_node(f, f->usr);

	put_name(f, TREE_ROOT, "usr", NAME_HIDES, 0, 0);
	node.nlink = 0;
	node.flags = NODE_REMOVED;
	put_node(f, f->usr, &node);
	expect(f, "1 names of the lower tree, of which 1 are hidden, and 0 others do not make 1");
}

static void whiteout_that_hides_nothing_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "dir", S_IFDIR | 0755);

	put_name(f, f->etc, "nothing", NAME_HIDES, 0, 0);
	expect(f, "name nothing hides nothing");
	drop_name(f, f->etc, "nothing");
	put_name(f, id, "nothing", NAME_HIDES, 0, 0);
	expect(f, "name nothing hides nothing");
}

static void name_that_does_not_hide_is_found(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_unlink(f->tree, f->etc, "fstab"), 0);
	put_name(f, f->etc, "fstab", NAME_PRESENT,
		 fixture_create(f->tree, f->etc, "other", S_IFREG | 0644), DT_REG);
	drop_name(f, f->etc, "other");
	expect_among(f, "name fstab does not hide the lower one");
}

static void wrong_hash_is_found(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFREG | 0644);
	const struct record_name item = {
		.flags = NAME_PRESENT,
		.type = DT_REG,
		.id = id,
		.name = "other",
		.len = 5,
	};
	uint8_t value[RECORD_NAMES_MAX_BYTES];
	struct store_key key;
	size_t len;

	record_key_names(&key, f->etc, hash_of(f, "new"));
	put(f, &key, value, record_names_append(value, 0, &item));
	expect(f, "name other has hash");
	record_key_names(&key, f->etc, hash_of(f, "other"));
	len = record_names_append(value, 0, &item);
	put(f, &key, value, record_names_append(value, len, &item));
	drop_name(f, f->etc, "new");
	expect_among(f, "has the name other twice");
}

static void names_of_a_file_are_found(void **state)
{
	struct fixture *f = *state;

	put_name(f, f->fstab, "x", NAME_HIDES, 0, 0);
	expect(f, "has names, but is no directory");
}

static void lines_of_many_problems_are_limited(void **state)
{
	struct fixture *f = *state;
	struct lines lines;

	for (unsigned int i = 0; i < 150; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		put_name(f, f->etc, name, NAME_HIDES, 0, 0);
	}
	assert_int_equal(check(f, &lines), 150);
	assert_int_equal(lines.count, 101);
	assert_non_null(strstr(lines.text, "50 more problems"));
}

static void summary_counts_what_differs(void **state)
{
	struct fixture *f = *state;
	struct overlay_summary summary;

	create_data(f, "new", 3);
	fixture_create(f->tree, f->etc, "dir", S_IFDIR | 0755);
	assert_int_equal(tree_write(f->tree, f->tool, "x", 1, 5000, 0), 0);
	assert_int_equal(fixture_unlink(f->tree, f->etc, "fstab"), 0);
	assert_int_equal(overlay_summarize(f->tree, &summary), 0);
	assert_int_equal(summary.created, 2);
	assert_int_equal(summary.changed, 2); /* etc, tool */
	assert_int_equal(summary.removed, 1);
	assert_int_equal(summary.blocks, 4);
}

#define SOUND(function) cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)
#define DAMAGED(function) cmocka_unit_test_setup_teardown(function, fixture_set_up, close_damaged)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOUND(untouched_overlay_is_sound),
		SOUND(changed_overlay_is_sound),
		SOUND(held_node_without_a_name_is_sound),
		DAMAGED(records_that_do_not_parse_are_found),
		DAMAGED(node_of_a_number_not_given_out_is_found),
		DAMAGED(wrong_kind_of_node_is_found),
		DAMAGED(wrong_directory_is_found),
		DAMAGED(attributes_that_do_not_count_are_found),
		DAMAGED(link_without_its_target_is_found),
		DAMAGED(removed_node_with_records_is_found),
		DAMAGED(node_without_a_name_is_found),
		DAMAGED(wrong_chunks_are_found),
		DAMAGED(chunk_without_a_file_is_found),
		DAMAGED(name_that_leads_nowhere_is_found),
		DAMAGED(name_of_another_type_is_found),
		DAMAGED(wrong_count_of_names_is_found),
		DAMAGED(directory_with_two_names_is_found),
		DAMAGED(directories_in_a_circle_are_found),
		DAMAGED(directory_in_a_removed_one_is_found),
		DAMAGED(lower_names_in_a_removed_directory_are_missed),
		DAMAGED(whiteout_that_hides_nothing_is_found),
		DAMAGED(name_that_does_not_hide_is_found),
		DAMAGED(wrong_hash_is_found),
		DAMAGED(names_of_a_file_are_found),
		DAMAGED(lines_of_many_problems_are_limited),
		SOUND(summary_counts_what_differs),
	};

	return cmocka_run_group_tests_name("overlay_check", tests, NULL, NULL);
}
