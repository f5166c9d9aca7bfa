/* SPDX-License-Identifier: MIT */
/* Notes: there exactly if the change is that they were made with. */
#include "support/unit.h"

#include <string.h>

#include "store/store_memory.h"
#include "support/overlay_fixture.h"

struct seen {
	unsigned int count;
	struct tree_note notes[8];
};

static int take(void *ctx, const struct tree_note *note)
{
	struct seen *seen = ctx;

	if (seen->count < 8)
		seen->notes[seen->count] = *note;
	seen->count++;
	return 0;
}

static struct seen all_notes(struct tree *tree)
{
	struct seen seen = {0};

	assert_int_equal(tree_notes(tree, take, &seen), 0);
	return seen;
}

static struct tree_note make(uint16_t slot, uint8_t byte)
{
	struct tree_note note = {.slot = slot, .id = 4711};

	memset(note.bytes, byte, sizeof(note.bytes));
	return note;
}

static void a_note_says_which_node_was_made(void **state)
{
	struct fixture *f = *state;
	struct tree_note note = make(7, 0xab);
	struct seen seen;
	uint64_t id;

	tree_note_begin(&note);
	id = fixture_create(f->tree, f->etc, "new", S_IFREG | 0644);
	tree_note_end();
	assert_int_equal(note.id, id);
	seen = all_notes(f->tree);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.notes[0].slot, 7);
	assert_int_equal(seen.notes[0].id, id);
	assert_memory_equal(seen.notes[0].bytes, note.bytes, sizeof(note.bytes));
}

static void every_kind_of_change_has_one(void **state)
{
	struct fixture *f = *state;
	const struct tree_setattr set = {.valid = TREE_SET_MODE, .mode = 0600};
	struct tree_note notes[6];
	struct seen seen;

	for (uint16_t i = 0; i < 6; i++)
		notes[i] = make(i, (uint8_t)i);
	tree_note_begin(&notes[0]);
	assert_int_equal(tree_setattr(f->tree, f->fstab, &set, NULL), 0);
	tree_note_begin(&notes[1]);
	assert_int_equal(tree_link(f->tree, f->fstab, f->etc, "again", 5, NULL), 0);
	tree_note_begin(&notes[2]);
	assert_int_equal(fixture_rename(f->tree, f->etc, "again", f->usr, "moved", 0), 0);
	tree_note_begin(&notes[3]);
	assert_int_equal(fixture_unlink(f->tree, f->usr, "moved"), 0);
	tree_note_begin(&notes[4]);
	assert_int_equal(fixture_rmdir(f->tree, TREE_ROOT, "empty"), 0);
	tree_note_begin(&notes[5]);
	/* two names of one file: nothing happens, but that the call was answered */
	assert_int_equal(fixture_rename(f->tree, f->etc, "hosts", TREE_ROOT, "hosts", 0), 0);
	tree_note_end();
	seen = all_notes(f->tree);
	assert_int_equal(seen.count, 6);
	for (uint16_t i = 0; i < 6; i++) {
		assert_int_equal(seen.notes[i].slot, i);
		assert_int_equal(seen.notes[i].bytes[0], i);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(seen.notes[i].id, f->fstab);
	assert_int_equal(seen.notes[4].id, f->empty);
	assert_int_equal(seen.notes[5].id, f->hosts);
}

static void a_note_replaces_the_one_of_its_slot(void **state)
{
	struct fixture *f = *state;
	struct tree_note note = make(TREE_NOTES - 1, 1);
	struct seen seen;

	for (uint8_t i = 1; i < 4; i++) {
		char name[] = {'f', (char)('0' + i), '\0'};

		note = make(TREE_NOTES - 1, i);
		tree_note_begin(&note);
		fixture_create(f->tree, f->etc, name, S_IFREG | 0644);
		tree_note_end();
	}
	fixture_create(f->tree, f->etc, "without", S_IFREG | 0644);
	seen = all_notes(f->tree);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.notes[0].bytes[0], 3);
}

static void what_fails_leaves_no_note(void **state)
{
	struct fixture *f = *state;
	struct tree_note note = make(3, 1);

	tree_note_begin(&note);
	assert_int_equal(fixture_unlink(f->tree, f->etc, "missing"), -ENOENT);
	assert_int_equal(fixture_rmdir(f->tree, TREE_ROOT, "usr"), -ENOTEMPTY);
	assert_int_equal(fixture_rename(f->tree, f->etc, "fstab", f->usr, "bin", 0), -EISDIR);
	note.slot = TREE_NOTES;
	assert_int_equal(fixture_unlink(f->tree, f->etc, "fstab"), -EINVAL);
	tree_note_end();
	assert_int_equal(all_notes(f->tree).count, 0);
	assert_true(fixture_lookup(f->tree, f->etc, "fstab") > 0);
}

static void notes_are_no_nodes(void **state)
{
	struct fixture *f = *state;
	struct overlay_summary before, after;
	struct tree_note note = make(0, 1);
	const struct tree_setattr set = {.valid = TREE_SET_MODE, .mode = 0600};

	assert_int_equal(tree_setattr(f->tree, f->fstab, &set, NULL), 0);
	assert_int_equal(overlay_summarize(f->tree, &before), 0);
	tree_note_begin(&note);
	assert_int_equal(tree_setattr(f->tree, f->fstab, &set, NULL), 0);
	tree_note_end();
	assert_int_equal(overlay_summarize(f->tree, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
}

/* A power cut at any moment: the note is there exactly if the file is. */
static void a_power_cut_leaves_both_or_neither(void **state)
{
	struct fixture f;
	struct tree *lower = fixture_lower(&f);
	struct store *store, *after;
	struct tree *tree, *again;
	struct tree_note note = make(9, 9);

	(void)state;
	assert_int_equal(store_memory_create(&store), 0);
	assert_int_equal(overlay_format(store, lower, 0), 0);
	assert_int_equal(overlay_open(store, lower, &tree), 0);
	for (int synced = 0; synced < 2; synced++) {
		tree_note_begin(&note);
		fixture_create(tree, f.etc, synced ? "second" : "first", S_IFREG | 0644);
		tree_note_end();
		if (synced)
			assert_int_equal(tree_sync(tree), 0);
		assert_int_equal(store_memory_cut_power(store, NULL, 1, &after), 0);
		assert_int_equal(overlay_open(after, fixture_lower(&f), &again), 0);
		assert_int_equal(fixture_lookup(again, f.etc, "first") > 0, synced);
		assert_int_equal(fixture_lookup(again, f.etc, "second") > 0, synced);
		assert_int_equal(all_notes(again).count, (unsigned int)synced);
		assert_int_equal(overlay_close(again), 0);
	}
	assert_int_equal(overlay_close(tree), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_note_says_which_node_was_made),
		TEST(every_kind_of_change_has_one),
		TEST(a_note_replaces_the_one_of_its_slot),
		TEST(what_fails_leaves_no_note),
		TEST(notes_are_no_nodes),
		cmocka_unit_test(a_power_cut_leaves_both_or_neither),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
