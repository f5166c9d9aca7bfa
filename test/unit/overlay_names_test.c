/* SPDX-License-Identifier: MIT */
/* Names in an overlay: made, removed, renamed, listed, over nodes of the lower tree and new ones. */
#include "support/overlay_fixture.h"

#include "overlay/overlay_fs.h"
#include "store/store_memory.h"

static void untouched_tree_is_the_lower_one(void **state)
{
	struct fixture *f = *state;
	struct fixture_names names;

	assert_int_equal(fixture_id(f->tree, "/etc/fstab"), f->fstab);
	assert_int_equal(fixture_attr(f->tree, f->fstab).size, 7);
	assert_string_equal(fixture_list(f->tree, TREE_ROOT, &names),
			    "etc hosts usr empty link boot");
	assert_int_equal(fixture_lookup(f->tree, f->etc, "nothing"), -ENOENT);
	assert_int_equal(fixture_lookup(f->tree, f->fstab, "x"), -ENOTDIR);
}

static void new_names_are_found_and_listed_behind_the_lower_ones(void **state)
{
	struct fixture *f = *state;
	struct fixture_names names;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFREG | 0640);
	struct tree_attr attr = fixture_attr(f->tree, id);

	assert_int_equal(fixture_lookup(f->tree, f->etc, "new"), id);
	assert_int_equal(attr.mode, S_IFREG | 0640);
	assert_int_equal(attr.nlink, 1);
	assert_int_equal(attr.size, 0);
	assert_string_equal(fixture_list(f->tree, f->etc, &names), "fstab hosts new");
}

static void an_existing_name_is_not_made_again(void **state)
{
	struct fixture *f = *state;
	const struct tree_new node = {.mode = S_IFREG | 0644};

	assert_int_equal(tree_create(f->tree, f->etc, "fstab", 5, &node, NULL), -EEXIST);
	fixture_create(f->tree, f->etc, "new", S_IFREG | 0640);
	assert_int_equal(tree_create(f->tree, f->etc, "new", 3, &node, NULL), -EEXIST);
	assert_int_equal(tree_create(f->tree, f->fstab, "new", 3, &node, NULL), -ENOTDIR);
}

static void a_removed_lower_name_stays_away_until_it_is_made_anew(void **state)
{
	struct fixture *f = *state;
	struct fixture_names names;
	struct tree_attr attr;
	uint64_t id;

	assert_int_equal(fixture_unlink(f->tree, f->etc, "fstab"), 0);
	assert_int_equal(fixture_lookup(f->tree, f->etc, "fstab"), -ENOENT);
	assert_int_equal(fixture_unlink(f->tree, f->etc, "fstab"), -ENOENT);
	assert_int_equal(tree_getattr(f->tree, f->fstab, &attr), -ESTALE);
	assert_string_equal(fixture_list(f->tree, f->etc, &names), "hosts");
	id = fixture_create(f->tree, f->etc, "fstab", S_IFREG | 0600);
	assert_int_not_equal(id, f->fstab);
	assert_string_equal(fixture_list(f->tree, f->etc, &names), "hosts fstab");
	assert_int_equal(fixture_unlink(f->tree, f->etc, "fstab"), 0);
	assert_string_equal(fixture_list(f->tree, f->etc, &names), "hosts");
	assert_int_equal(tree_getattr(f->tree, id, &attr), -ESTALE);
}

static void hard_links_of_the_lower_tree_stay_links(void **state)
{
	struct fixture *f = *state;
	const struct tree_setattr set = {.valid = TREE_SET_MODE, .mode = 0600};
	struct tree_attr attr;

	assert_int_equal(tree_setattr(f->tree, f->hosts, &set, &attr), 0);
	assert_int_equal(attr.nlink, 2);
	assert_int_equal(fixture_id(f->tree, "/hosts"), f->hosts);
	assert_int_equal(fixture_id(f->tree, "/etc/hosts"), f->hosts);
	assert_int_equal(tree_link(f->tree, f->hosts, f->usr, "third", 5, &attr), 0);
	assert_int_equal(attr.nlink, 3);
	assert_int_equal(fixture_unlink(f->tree, f->etc, "hosts"), 0);
	assert_int_equal(fixture_unlink(f->tree, TREE_ROOT, "hosts"), 0);
	attr = fixture_attr(f->tree, f->hosts);
	assert_int_equal(attr.nlink, 1);
	assert_int_equal(attr.mode, S_IFREG | 0600);
	assert_int_equal(fixture_unlink(f->tree, f->usr, "third"), 0);
	assert_int_equal(tree_getattr(f->tree, f->hosts, &attr), -ESTALE);
}

static void directories_are_not_linked_or_unlinked(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(tree_link(f->tree, f->usr, f->etc, "usr", 3, NULL), -EPERM);
	assert_int_equal(fixture_unlink(f->tree, TREE_ROOT, "usr"), -EISDIR);
	assert_int_equal(fixture_rmdir(f->tree, f->etc, "fstab"), -ENOTDIR);
}

static void only_empty_directories_go(void **state)
{
	struct fixture *f = *state;
	const struct tree_new node = {.mode = S_IFREG | 0644};
	struct tree_attr attr;
	uint32_t nlink = fixture_attr(f->tree, TREE_ROOT).nlink;

	assert_int_equal(fixture_rmdir(f->tree, TREE_ROOT, "etc"), -ENOTEMPTY);
	assert_int_equal(fixture_rmdir(f->tree, TREE_ROOT, "empty"), 0);
	assert_int_equal(fixture_attr(f->tree, TREE_ROOT).nlink, nlink - 1);
	assert_int_equal(tree_getattr(f->tree, f->empty, &attr), -ESTALE);
	/* one of the lower tree that was emptied here */
	assert_int_equal(fixture_unlink(f->tree, f->bin, "tool"), 0);
	assert_int_equal(fixture_rmdir(f->tree, f->usr, "bin"), 0);
	assert_int_equal(fixture_lookup(f->tree, f->usr, "bin"), -ENOENT);
	assert_int_equal(tree_create(f->tree, f->bin, "x", 1, &node, NULL), -ESTALE);
}

static void a_held_node_outlives_its_name(void **state)
{
	struct fixture *f = *state;
	const struct tree_new node = {.mode = S_IFREG | 0644};
	struct fixture_names names;
	struct tree_attr attr;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFREG | 0644);

	assert_int_equal(tree_hold(f->tree, id), 0);
	assert_int_equal(tree_hold(f->tree, id), 0);
	assert_int_equal(tree_hold(f->tree, f->empty), 0);
	assert_int_equal(fixture_unlink(f->tree, f->etc, "new"), 0);
	assert_int_equal(tree_write(f->tree, id, "hello", 5, 0, 0), 0);
	attr = fixture_attr(f->tree, id);
	assert_int_equal(attr.nlink, 0);
	assert_int_equal(attr.size, 5);
	assert_int_equal(tree_link(f->tree, id, f->etc, "again", 5, NULL), -ENOENT);
	tree_release(f->tree, id, 1);
	assert_int_equal(tree_getattr(f->tree, id, &attr), 0);
	tree_release(f->tree, id, 1);
	assert_int_equal(tree_getattr(f->tree, id, &attr), -ESTALE);

	assert_int_equal(fixture_rmdir(f->tree, TREE_ROOT, "empty"), 0);
	assert_int_equal(tree_create(f->tree, f->empty, "x", 1, &node, NULL), -ENOENT);
	assert_string_equal(fixture_list(f->tree, f->empty, &names), "");
	tree_release(f->tree, f->empty, 7);
	assert_int_equal(tree_getattr(f->tree, f->empty, &attr), -ESTALE);
}

static void a_file_without_a_name_gets_one_by_a_link_or_goes(void **state)
{
	struct fixture *f = *state;
	const struct tree_new node = {.mode = S_IFREG | 0644, .uid = 3};
	const struct tree_new dir = {.mode = S_IFDIR | 0755};
	const struct timespec before = fixture_attr(f->tree, f->etc).mtime;
	struct tree_attr named, unnamed, attr;

	assert_int_equal(tree_create_nameless(f->tree, f->etc, &node, &named), 0);
	assert_int_equal(tree_create_nameless(f->tree, f->etc, &node, &unnamed), 0);
	assert_int_equal(tree_create_nameless(f->tree, f->hosts, &node, &attr), -ENOTDIR);
	assert_int_equal(tree_create_nameless(f->tree, f->etc, &dir, &attr), -EINVAL);
	assert_int_equal(named.nlink, 0);
	assert_int_equal(named.uid, 3);
	assert_int_equal(fixture_attr(f->tree, f->etc).mtime.tv_nsec, before.tv_nsec);
	assert_int_equal(tree_write(f->tree, named.id, "hello", 5, 0, 0), 0);
	assert_int_equal(tree_link(f->tree, named.id, f->etc, "named", 5, &attr), 0);
	assert_int_equal(attr.nlink, 1);
	tree_release(f->tree, named.id, 1);
	tree_release(f->tree, unnamed.id, 1);
	assert_int_equal(fixture_attr(f->tree, named.id).size, 5);
	assert_int_equal(tree_getattr(f->tree, unnamed.id, &attr), -ESTALE);
	/* once it had a name, it is as any other that is removed */
	assert_int_equal(tree_hold(f->tree, named.id), 0);
	assert_int_equal(fixture_unlink(f->tree, f->etc, "named"), 0);
	assert_int_equal(tree_link(f->tree, named.id, f->etc, "again", 5, NULL), -ENOENT);
	tree_release(f->tree, named.id, 1);
	assert_int_equal(tree_getattr(f->tree, named.id, &attr), -ESTALE);
}

static void a_renamed_directory_keeps_its_id_and_entries(void **state)
{
	struct fixture *f = *state;
	uint64_t parent;

	assert_int_equal(fixture_rename(f->tree, f->usr, "bin", TREE_ROOT, "sbin", 0), 0);
	assert_int_equal(fixture_id(f->tree, "/sbin"), f->bin);
	assert_int_equal(fixture_id(f->tree, "/sbin/tool"), f->tool);
	assert_int_equal(fixture_lookup(f->tree, f->usr, "bin"), -ENOENT);
	assert_int_equal(tree_parent(f->tree, f->bin, &parent), 0);
	assert_int_equal(parent, TREE_ROOT);
	assert_int_equal(fixture_attr(f->tree, f->usr).nlink, 2);
}

static void a_directory_does_not_move_into_itself(void **state)
{
	struct fixture *f = *state;
	uint64_t deep = fixture_create(f->tree, f->bin, "deep", S_IFDIR | 0755);

	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "usr", f->bin, "usr", 0), -EINVAL);
	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "usr", deep, "usr", 0), -EINVAL);
	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "usr", deep, "x", TREE_RENAME_EXCHANGE),
			 -ENOENT);
	assert_int_equal(fixture_rename(f->tree, f->bin, "deep", TREE_ROOT, "usr", 0), -ENOTEMPTY);
	assert_int_equal(
		fixture_rename(f->tree, f->bin, "deep", TREE_ROOT, "usr", TREE_RENAME_EXCHANGE),
		-EINVAL);
}

static void a_rename_replaces_what_may_be_replaced(void **state)
{
	struct fixture *f = *state;
	struct tree_attr attr;
	uint64_t id = fixture_create(f->tree, TREE_ROOT, "file", S_IFREG | 0644);
	uint64_t dir = fixture_create(f->tree, TREE_ROOT, "dir", S_IFDIR | 0755);

	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "file", TREE_ROOT, "dir", 0), -EISDIR);
	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "dir", TREE_ROOT, "file", 0), -ENOTDIR);
	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "dir", TREE_ROOT, "usr", 0),
			 -ENOTEMPTY);
	assert_int_equal(
		fixture_rename(f->tree, TREE_ROOT, "file", f->etc, "fstab", TREE_RENAME_NOREPLACE),
		-EEXIST);
	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "file", f->etc, "fstab", 0), 0);
	assert_int_equal(fixture_id(f->tree, "/etc/fstab"), id);
	assert_int_equal(tree_getattr(f->tree, f->fstab, &attr), -ESTALE);
	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "dir", TREE_ROOT, "empty", 0), 0);
	assert_int_equal(fixture_id(f->tree, "/empty"), dir);
	assert_int_equal(tree_getattr(f->tree, f->empty, &attr), -ESTALE);
	assert_int_equal(fixture_rename(f->tree, f->etc, "nothing", TREE_ROOT, "x", 0), -ENOENT);
}

static void two_names_of_one_file_do_not_replace_each_other(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "hosts", f->etc, "hosts", 0), 0);
	assert_int_equal(fixture_id(f->tree, "/hosts"), f->hosts);
	assert_int_equal(fixture_id(f->tree, "/etc/hosts"), f->hosts);
}

static void exchanged_names_lead_to_each_others_nodes(void **state)
{
	struct fixture *f = *state;
	uint64_t parent;

	assert_int_equal(
		fixture_rename(f->tree, f->usr, "bin", f->etc, "fstab", TREE_RENAME_EXCHANGE), 0);
	assert_int_equal(fixture_id(f->tree, "/etc/fstab/tool"), f->tool);
	assert_int_equal(fixture_id(f->tree, "/usr/bin"), f->fstab);
	assert_int_equal(tree_parent(f->tree, f->bin, &parent), 0);
	assert_int_equal(parent, f->etc);
	assert_int_equal(fixture_attr(f->tree, f->etc).nlink, 3);
	assert_int_equal(fixture_attr(f->tree, f->usr).nlink, 2);
}

static void volumes_stay_apart(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->overlays, "new", S_IFREG | 0644);

	assert_int_equal(tree_link(f->tree, f->fstab, f->boot, "x", 1, NULL), -EXDEV);
	assert_int_equal(tree_link(f->tree, id, f->etc, "x", 1, NULL), -EXDEV);
	assert_int_equal(fixture_rename(f->tree, f->etc, "fstab", f->boot, "fstab", 0), -EXDEV);
	assert_int_equal(fixture_rename(f->tree, f->overlays, "new", f->boot, "new", 0), 0);
}

static void a_mount_point_can_neither_go_nor_move(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_rmdir(f->tree, TREE_ROOT, "boot"), -EBUSY);
	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "boot", TREE_ROOT, "x", 0), -EBUSY);
	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "empty", TREE_ROOT, "boot", 0), -EBUSY);
}

static void names_without_case_are_one_name(void **state)
{
	struct fixture *f = *state;
	const struct tree_new node = {.mode = S_IFREG | 0644};
	struct fixture_names names;
	uint64_t id = fixture_create(f->tree, f->overlays, "Foo.DTBO", S_IFREG | 0644);
	uint64_t dir;

	assert_int_equal(fixture_lookup(f->tree, f->overlays, "fOO.dtbo"), id);
	assert_int_equal(tree_create(f->tree, f->overlays, "FOO.dtbo", 8, &node, NULL), -EEXIST);
	assert_int_equal(tree_create(f->tree, f->boot, "CONFIG.txt", 10, &node, NULL), -EEXIST);
	assert_string_equal(fixture_list(f->tree, f->overlays, &names), "Foo.DTBO");
	assert_int_equal(fixture_unlink(f->tree, f->boot, "CONFIG.TXT"), 0);
	assert_string_equal(fixture_list(f->tree, f->boot, &names), "Overlays longname.text");
	id = fixture_create(f->tree, f->boot, "config.txt", S_IFREG | 0644);
	assert_int_equal(fixture_lookup(f->tree, f->boot, "Config.TXT"), id);
	assert_string_equal(fixture_list(f->tree, f->boot, &names),
			    "Overlays longname.text config.txt");
	/* a new directory is like the one that it is in */
	dir = fixture_create(f->tree, f->boot, "Sub", S_IFDIR | 0755);
	id = fixture_create(f->tree, dir, "Bar", S_IFREG | 0644);
	assert_int_equal(fixture_lookup(f->tree, dir, "bAR"), id);
	assert_true(tree_ignores_case(f->tree, dir));
	assert_false(tree_ignores_case(f->tree, f->etc));
}

static void a_rename_may_change_the_case_alone(void **state)
{
	struct fixture *f = *state;
	struct fixture_names names;

	assert_int_equal(fixture_rename(f->tree, f->boot, "config.txt", f->boot, "config.txt", 0),
			 0);
	assert_string_equal(fixture_list(f->tree, f->boot, &names),
			    "Overlays longname.text config.txt");
	assert_int_equal(fixture_lookup(f->tree, f->boot, "CONFIG.TXT"), f->config);
	assert_int_equal(fixture_rename(f->tree, f->boot, "CONFIG.txt", f->boot, "Other", 0), 0);
	assert_int_equal(fixture_lookup(f->tree, f->boot, "config.txt"), -ENOENT);
	assert_int_equal(fixture_lookup(f->tree, f->boot, "OTHER"), f->config);
}

static void an_alias_leads_to_the_listed_name(void **state)
{
	struct fixture *f = *state;
	struct fixture_names names;

	assert_int_equal(fixture_lookup(f->tree, f->boot, "longna~1"), f->longname);
	fixture_create(f->tree, f->boot, "x", S_IFREG | 0644);
	assert_int_equal(fixture_lookup(f->tree, f->boot, "longna~1"), f->longname);
	assert_int_equal(fixture_unlink(f->tree, f->boot, "LONGNA~1"), 0);
	assert_int_equal(fixture_lookup(f->tree, f->boot, "longname.text"), -ENOENT);
	assert_int_equal(fixture_lookup(f->tree, f->boot, "LONGNA~1"), -ENOENT);
	assert_string_equal(fixture_list(f->tree, f->boot, &names), "Config.TXT Overlays x");
}

static void an_alias_stands_for_what_it_leads_to_in_a_rename(void **state)
{
	struct fixture *f = *state;
	struct fixture_names names;
	struct tree_attr attr;

	/* one node by two of its names */
	assert_int_equal(fixture_rename(f->tree, f->boot, "longname.text", f->boot, "LONGNA~1", 0),
			 0);
	assert_int_equal(fixture_rename(f->tree, f->boot, "LONGNA~1", f->boot, "LONGNA~1", 0), 0);
	assert_string_equal(fixture_list(f->tree, f->boot, &names),
			    "Config.TXT Overlays longname.text");
	/* over what the alias leads to */
	assert_int_equal(fixture_rename(f->tree, f->boot, "Config.TXT", f->boot, "LONGNA~1", 0), 0);
	assert_string_equal(fixture_list(f->tree, f->boot, &names), "Overlays longname.text");
	assert_int_equal(fixture_lookup(f->tree, f->boot, "LongName.Text"), f->config);
	assert_int_equal(tree_getattr(f->tree, f->longname, &attr), -ESTALE);
	assert_int_equal(fixture_unlink(f->tree, f->boot, "longname.text"), 0);
	assert_string_equal(fixture_list(f->tree, f->boot, &names), "Overlays");
}

static void what_is_gone_cannot_be_held(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "new", S_IFREG | 0644);
	struct tree_attr attr;

	assert_int_equal(tree_hold(f->tree, id), 0);
	assert_int_equal(fixture_unlink(f->tree, f->etc, "new"), 0);
	/* without a name, but still there */
	assert_int_equal(tree_hold(f->tree, id), 0);
	tree_release(f->tree, id, 2);
	assert_int_equal(tree_getattr(f->tree, id, &attr), -ESTALE);
	assert_int_equal(tree_hold(f->tree, id), -ESTALE);
	assert_int_equal(tree_hold(f->tree, 1u << 30), -ESTALE);
}

struct paging {
	size_t taken;
	uint64_t next;
	size_t limit;
};

static int take_some(void *ctx, const struct tree_entry *entry)
{
	struct paging *page = ctx;

	if (page->taken == page->limit)
		return 1;
	page->taken++;
	page->next = entry->next;
	return 0;
}

static void cookies_stay_right_while_entries_go(void **state)
{
	struct fixture *f = *state;
	struct paging page = {.limit = 7};
	size_t seen = 0;
	char name[16];

	for (unsigned int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		fixture_create(f->tree, f->etc, name, S_IFREG | 0644);
	}
	do {
		page.taken = 0;
		assert_int_equal(tree_readdir(f->tree, f->etc, page.next, take_some, &page), 0);
		seen += page.taken;
		if (seen == 7)
			assert_int_equal(fixture_unlink(f->tree, f->etc, "hosts"), 0);
	} while (page.taken);
	assert_int_equal(seen, 504); /* with "." and ".." */
}

static void levels_of_overlays_share_one_listing(void **state)
{
	struct fixture *f = *state, same;
	const struct store_options read_only = {.read_only = true};
	uint64_t id, golden = fixture_create(f->tree, f->etc, "golden", S_IFREG | 0644);
	struct tree *frozen, *upper;
	struct paging page = {.limit = 1};
	struct fixture_names names;
	struct store *store;
	size_t seen = 0;

	assert_int_equal(tree_sync(f->tree), 0);
	assert_int_equal(store_memory_cut_power(overlay_of(f->tree)->store, &read_only, 0, &store),
			 0);
	assert_int_equal(overlay_open(store, fixture_lower(&same), &frozen), 0);
	assert_false(tree_is_writable(frozen));
	upper = fixture_overlay(frozen);
	id = fixture_create(upper, f->etc, "mine", S_IFREG | 0644);
	assert_true(id > golden);
	assert_string_equal(fixture_list(upper, f->etc, &names), "fstab hosts golden mine");
	do {
		page.taken = 0;
		assert_int_equal(tree_readdir(upper, f->etc, page.next, take_some, &page), 0);
		seen += page.taken;
	} while (page.taken);
	assert_int_equal(seen, 6);
	assert_int_equal(fixture_unlink(upper, f->etc, "golden"), 0);
	assert_string_equal(fixture_list(upper, f->etc, &names), "fstab hosts mine");
	assert_int_equal(overlay_close(upper), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
		TEST(untouched_tree_is_the_lower_one),
		TEST(new_names_are_found_and_listed_behind_the_lower_ones),
		TEST(an_existing_name_is_not_made_again),
		TEST(a_removed_lower_name_stays_away_until_it_is_made_anew),
		TEST(hard_links_of_the_lower_tree_stay_links),
		TEST(directories_are_not_linked_or_unlinked),
		TEST(only_empty_directories_go),
		TEST(a_held_node_outlives_its_name),
		TEST(a_file_without_a_name_gets_one_by_a_link_or_goes),
		TEST(a_renamed_directory_keeps_its_id_and_entries),
		TEST(a_directory_does_not_move_into_itself),
		TEST(a_rename_replaces_what_may_be_replaced),
		TEST(two_names_of_one_file_do_not_replace_each_other),
		TEST(exchanged_names_lead_to_each_others_nodes),
		TEST(volumes_stay_apart),
		TEST(a_mount_point_can_neither_go_nor_move),
		TEST(names_without_case_are_one_name),
		TEST(a_rename_may_change_the_case_alone),
		TEST(an_alias_leads_to_the_listed_name),
		TEST(an_alias_stands_for_what_it_leads_to_in_a_rename),
		TEST(what_is_gone_cannot_be_held),
		TEST(cookies_stay_right_while_entries_go),
		TEST(levels_of_overlays_share_one_listing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
