/* SPDX-License-Identifier: MIT */
/* Attributes, extended attributes and ACLs of nodes in an overlay. */
#include "support/overlay_fixture.h"

#include <sys/xattr.h>

#include "base/log.h"
#include "overlay/overlay_fs.h"
#include "store/store_memory.h"

/* user::rwx, user:1000:rwx, group::r-x, mask::rwx, other::--- */
static const uint8_t an_acl[] = {2,    0,    0,	   0,	 0x01, 0,    7,	   0,	 0xff, 0xff, 0xff,
				 0xff, 2,    0,	   7,	 0,    0xe8, 0x03, 0,	 0,    4,    0,
				 5,    0,    0xff, 0xff, 0xff, 0xff, 16,   0,	 7,    0,    0xff,
				 0xff, 0xff, 0xff, 32,	 0,    0,    0,	   0xff, 0xff, 0xff, 0xff};

/* The same as no more than 0750. */
static const uint8_t a_mode_acl[] = {2,	   0,	 0, 0, 0x01, 0,	   7,	 0,    0xff, 0xff,
				     0xff, 0xff, 4, 0, 5,    0,	   0xff, 0xff, 0xff, 0xff,
				     32,   0,	 0, 0, 0xff, 0xff, 0xff, 0xff};

static void set(struct tree *tree, uint64_t id, struct tree_setattr set)
{
	assert_int_equal(tree_setattr(tree, id, &set, NULL), 0);
}

static void lower_nodes_keep_what_was_not_changed(void **state)
{
	struct fixture *f = *state;
	struct tree_attr attr;

	set(f->tree, f->fstab, (struct tree_setattr){.valid = TREE_SET_UID, .uid = 1000});
	attr = fixture_attr(f->tree, f->fstab);
	assert_int_equal(attr.uid, 1000);
	assert_int_equal(attr.gid, 0);
	assert_int_equal(attr.size, 7);
	assert_int_equal(attr.mode, S_IFREG | 0644);
	assert_int_equal(attr.mtime.tv_sec, 1000);
	assert_true(attr.ctime.tv_sec > 1000);
}

static void times_are_set_to_the_nanosecond(void **state)
{
	struct fixture *f = *state;
	struct tree_attr attr;

	set(f->tree, f->fstab,
	    (struct tree_setattr){
		    .valid = TREE_SET_ATIME | TREE_SET_MTIME,
		    .atime = {.tv_sec = -1, .tv_nsec = 123456789},
		    .mtime = {.tv_sec = 4000000000, .tv_nsec = 999999999},
	    });
	attr = fixture_attr(f->tree, f->fstab);
	assert_int_equal(attr.atime.tv_sec, -1);
	assert_int_equal(attr.atime.tv_nsec, 123456789);
	assert_int_equal(attr.mtime.tv_sec, 4000000000);
	assert_int_equal(attr.mtime.tv_nsec, 999999999);
}

static void a_new_owner_takes_privileges_away(void **state)
{
	struct fixture *f = *state;
	uint64_t dir = fixture_create(f->tree, TREE_ROOT, "dir", S_IFDIR | 02755);

	assert_int_equal(tree_setxattr(f->tree, f->tool, "security.capability", "cap", 3, 0), 0);
	set(f->tree, f->tool, (struct tree_setattr){.valid = TREE_SET_MODE, .mode = 06755});
	set(f->tree, f->tool, (struct tree_setattr){.valid = TREE_SET_GID, .gid = 5});
	assert_int_equal(fixture_attr(f->tree, f->tool).mode, S_IFREG | 0755);
	assert_int_equal(tree_getxattr(f->tree, f->tool, "security.capability", NULL, 0), -ENODATA);
	/* setgid without execution by the group means something else */
	set(f->tree, f->tool, (struct tree_setattr){.valid = TREE_SET_MODE, .mode = 02744});
	set(f->tree, f->tool, (struct tree_setattr){.valid = TREE_SET_UID, .uid = 5});
	assert_int_equal(fixture_attr(f->tree, f->tool).mode, S_IFREG | 02744);
	set(f->tree, dir, (struct tree_setattr){.valid = TREE_SET_UID, .uid = 5});
	assert_int_equal(fixture_attr(f->tree, dir).mode, S_IFDIR | 02755);
}

static void a_setgid_directory_gives_its_group(void **state)
{
	struct fixture *f = *state;
	const struct tree_new file = {.mode = S_IFREG | 0644, .uid = 7, .gid = 8};
	const struct tree_new sub = {.mode = S_IFDIR | 0755, .uid = 7, .gid = 8};
	uint64_t dir = fixture_create(f->tree, TREE_ROOT, "dir", S_IFDIR | 02755);
	struct tree_attr attr;

	set(f->tree, dir, (struct tree_setattr){.valid = TREE_SET_GID, .gid = 50});
	assert_int_equal(tree_create(f->tree, dir, "file", 4, &file, &attr), 0);
	assert_int_equal(attr.uid, 7);
	assert_int_equal(attr.gid, 50);
	assert_int_equal(attr.mode, S_IFREG | 0644);
	assert_int_equal(tree_create(f->tree, dir, "sub", 3, &sub, &attr), 0);
	assert_int_equal(attr.gid, 50);
	assert_int_equal(attr.mode, S_IFDIR | 02755);
	assert_int_equal(tree_create(f->tree, TREE_ROOT, "file", 4, &file, &attr), 0);
	assert_int_equal(attr.gid, 8);
}

static void special_files_need_no_privilege(void **state)
{
	struct fixture *f = *state;
	const struct tree_new node = {.mode = S_IFBLK | 0660, .rdev = 0x1234567};
	struct tree_attr attr;
	char target[TREE_LINK_MAX];
	uint64_t id;

	assert_int_equal(tree_create(f->tree, f->etc, "disk", 4, &node, &attr), 0);
	assert_int_equal(fixture_attr(f->tree, attr.id).rdev, 0x1234567);
	fixture_create(f->tree, f->etc, "pipe", S_IFIFO | 0600);
	fixture_create(f->tree, f->etc, "socket", S_IFSOCK | 0600);
	id = fixture_create(f->tree, f->etc, "link", S_IFLNK | 0777);
	assert_int_equal(tree_readlink(f->tree, id, target, sizeof(target)), 6);
	assert_memory_equal(target, "target", 6);
	assert_int_equal(fixture_attr(f->tree, id).size, 6);
	assert_int_equal(tree_readlink(f->tree, f->fstab, target, sizeof(target)), -EINVAL);
	assert_int_equal(tree_readlink(f->tree, f->link, target, sizeof(target)), 3);
}

static void umask_counts_where_there_is_no_default_acl(void **state)
{
	struct fixture *f = *state;
	const struct tree_new file = {.mode = S_IFREG | 0666, .umask = 027};
	const struct tree_new sub = {.mode = S_IFDIR | 0777, .umask = 027};
	struct tree_attr attr;

	assert_int_equal(tree_create(f->tree, f->etc, "a", 1, &file, &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 0640);
	assert_int_equal(
		tree_setxattr(f->tree, f->etc, TREE_ACL_DEFAULT, an_acl, sizeof(an_acl), 0), 0);
	assert_int_equal(tree_create(f->tree, f->etc, "b", 1, &file, &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 0660);
	assert_int_equal(tree_getxattr(f->tree, attr.id, TREE_ACL_ACCESS, NULL, 0), sizeof(an_acl));
	assert_int_equal(tree_getxattr(f->tree, attr.id, TREE_ACL_DEFAULT, NULL, 0), -ENODATA);
	assert_int_equal(tree_create(f->tree, f->etc, "c", 1, &sub, &attr), 0);
	assert_int_equal(attr.mode, S_IFDIR | 0770);
	assert_int_equal(tree_getxattr(f->tree, attr.id, TREE_ACL_DEFAULT, NULL, 0),
			 sizeof(an_acl));
}

static void acl_and_mode_follow_each_other(void **state)
{
	struct fixture *f = *state;
	uint8_t got[sizeof(an_acl)];

	assert_int_equal(
		tree_setxattr(f->tree, f->fstab, TREE_ACL_ACCESS, an_acl, sizeof(an_acl), 0), 0);
	assert_int_equal(fixture_attr(f->tree, f->fstab).mode, S_IFREG | 0770);
	set(f->tree, f->fstab, (struct tree_setattr){.valid = TREE_SET_MODE, .mode = 0640});
	assert_int_equal(tree_getxattr(f->tree, f->fstab, TREE_ACL_ACCESS, got, sizeof(got)),
			 sizeof(got));
	assert_int_equal(got[6], 6); /* the owner */
	assert_int_equal(got[30], 4); /* the mask */
	assert_int_equal(tree_setxattr(f->tree, f->fstab, TREE_ACL_ACCESS, a_mode_acl,
				       sizeof(a_mode_acl), 0),
			 0);
	assert_int_equal(fixture_attr(f->tree, f->fstab).mode, S_IFREG | 0750);
	assert_int_equal(tree_getxattr(f->tree, f->fstab, TREE_ACL_ACCESS, NULL, 0), -ENODATA);
	assert_int_equal(
		tree_setxattr(f->tree, f->fstab, TREE_ACL_DEFAULT, an_acl, sizeof(an_acl), 0),
		-EACCES);
	assert_int_equal(tree_setxattr(f->tree, f->fstab, TREE_ACL_ACCESS, an_acl, 7, 0), -EINVAL);
}

static void xattrs_are_set_replaced_and_removed(void **state)
{
	struct fixture *f = *state;
	struct tree *tree = f->tree;
	char got[64];

	assert_int_equal(tree_setxattr(tree, f->fstab, "user.a", "1", 1, XATTR_REPLACE), -ENODATA);
	assert_int_equal(tree_setxattr(tree, f->fstab, "user.a", "1", 1, XATTR_CREATE), 0);
	assert_int_equal(tree_setxattr(tree, f->fstab, "user.a", "2", 1, XATTR_CREATE), -EEXIST);
	assert_int_equal(tree_setxattr(tree, f->fstab, "user.a", "22", 2, XATTR_REPLACE), 0);
	assert_int_equal(tree_setxattr(tree, f->fstab, "trusted.b", "", 0, 0), 0);
	assert_int_equal(tree_getxattr(tree, f->fstab, "user.a", NULL, 0), 2);
	assert_int_equal(tree_getxattr(tree, f->fstab, "user.a", got, 1), -ERANGE);
	assert_int_equal(tree_getxattr(tree, f->fstab, "user.a", got, sizeof(got)), 2);
	assert_memory_equal(got, "22", 2);
	assert_int_equal(tree_getxattr(tree, f->fstab, "trusted.b", got, sizeof(got)), 0);
	assert_int_equal(tree_listxattr(tree, f->fstab, NULL, 0), 17);
	assert_int_equal(tree_listxattr(tree, f->fstab, got, 16), -ERANGE);
	assert_int_equal(tree_listxattr(tree, f->fstab, got, sizeof(got)), 17);
	assert_memory_equal(got, "trusted.b\0user.a", 17);
	assert_int_equal(tree_removexattr(tree, f->fstab, "user.a"), 0);
	assert_int_equal(tree_removexattr(tree, f->fstab, "user.a"), -ENODATA);
	assert_int_equal(tree_setxattr(tree, f->link, "user.a", "1", 1, 0), -EPERM);
	assert_int_equal(tree_setxattr(tree, f->fstab, "system.other", "1", 1, 0), -EOPNOTSUPP);
	assert_int_equal(tree_setxattr(tree, f->fstab, "user.", "1", 1, 0), -EINVAL);
}

static void the_longest_xattr_fits(void **state)
{
	static char value[TREE_XATTR_MAX], got[TREE_XATTR_MAX];
	struct fixture *f = *state;
	char name[256];

	memset(value, 'v', sizeof(value));
	snprintf(name, sizeof(name), "user.%0250d", 1);
	assert_int_equal(strlen(name), 255);
	assert_int_equal(tree_setxattr(f->tree, f->fstab, name, value, sizeof(value), 0), 0);
	assert_int_equal(tree_getxattr(f->tree, f->fstab, name, got, sizeof(got)), sizeof(got));
	assert_memory_equal(got, value, sizeof(got));
}

static void xattrs_of_the_lower_tree_are_taken_over(void **state)
{
	struct fixture *f = *state;
	struct tree *root, *tree;
	char got[64];
	uint64_t id;

	(void)f;
	assert_int_equal(tree_memory_create(&root), 0);
	id = fixture_add(root, TREE_ROOT, "file", S_IFREG | 0644, 0);
	assert_int_equal(tree_memory_set_xattr(root, id, "user.a", "A", 1), 0);
	assert_int_equal(tree_memory_set_xattr(root, id, "user.b", "B", 1), 0);
	tree = fixture_overlay(root);
	assert_int_equal(tree_removexattr(tree, id, "user.a"), 0);
	assert_int_equal(tree_getxattr(tree, id, "user.a", NULL, 0), -ENODATA);
	assert_int_equal(tree_getxattr(tree, id, "user.b", got, sizeof(got)), 1);
	assert_int_equal(tree_listxattr(tree, id, got, sizeof(got)), 7);
	assert_memory_equal(got, "user.b", 7);
	assert_int_equal(overlay_close(tree), 0);
}

static void a_failed_change_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct store *store = overlay_of(f->tree)->store;
	const struct tree_setattr mode = {.valid = TREE_SET_MODE, .mode = 0};
	const struct tree_new node = {.mode = S_IFREG | 0644};
	struct fixture_names names;

	store_memory_fail(store, STORE_MEMORY_RESERVE, 0, -ENOSPC);
	assert_int_equal(tree_create(f->tree, f->etc, "new", 3, &node, NULL), -ENOSPC);
	assert_int_equal(tree_setattr(f->tree, f->fstab, &mode, NULL), -ENOSPC);
	assert_int_equal(fixture_rename(f->tree, f->usr, "bin", f->etc, "bin", 0), -ENOSPC);
	store_memory_fail(store, STORE_MEMORY_RESERVE, 0, 0);
	assert_string_equal(fixture_list(f->tree, f->etc, &names), "fstab hosts");
	assert_int_equal(fixture_attr(f->tree, f->fstab).mode, S_IFREG | 0644);
	assert_int_equal(fixture_id(f->tree, "/usr/bin"), f->bin);
}

static void a_write_that_fails_leaves_no_privilege(void **state)
{
	struct fixture *f = *state;
	struct store *store = overlay_of(f->tree)->store;

	assert_int_equal(tree_write(f->tree, f->tool, "old", 3, 0, 0), 0);
	assert_int_equal(tree_setxattr(f->tree, f->tool, "security.capability", "cap", 3, 0), 0);
	set(f->tree, f->tool, (struct tree_setattr){.valid = TREE_SET_MODE, .mode = 04755});
	store_memory_fail(store, STORE_MEMORY_DATA_WRITE, 0, -EIO);
	assert_int_equal(tree_write(f->tree, f->tool, "new", 3, 0, TREE_WRITE_DROP_PRIVILEGE),
			 -EIO);
	store_memory_fail(store, STORE_MEMORY_DATA_WRITE, 0, 0);
	assert_int_equal(fixture_attr(f->tree, f->tool).mode, S_IFREG | 0755);
	assert_int_equal(tree_getxattr(f->tree, f->tool, "security.capability", NULL, 0), -ENODATA);
}

static void setgid_without_x_goes_where_it_is_asked(void **state)
{
	struct fixture *f = *state;
	const struct tree_setattr mode = {.valid = TREE_SET_MODE, .mode = 02765};
	const struct tree_setattr owner = {.valid = TREE_SET_UID, .uid = 7};
	const struct tree_setattr outside = {.valid = TREE_SET_UID | TREE_SET_DROP_SETGID,
					     .uid = 7};

	set(f->tree, f->tool, mode);
	set(f->tree, f->tool, owner);
	assert_int_equal(fixture_attr(f->tree, f->tool).mode, S_IFREG | 02765);
	assert_int_equal(tree_write(f->tree, f->tool, "x", 1, 0, TREE_WRITE_DROP_PRIVILEGE), 0);
	assert_int_equal(fixture_attr(f->tree, f->tool).mode, S_IFREG | 02765);
	assert_int_equal(tree_write(f->tree, f->tool, "x", 1, 0,
				    TREE_WRITE_DROP_PRIVILEGE | TREE_WRITE_DROP_SETGID),
			 0);
	assert_int_equal(fixture_attr(f->tree, f->tool).mode, S_IFREG | 0765);
	set(f->tree, f->tool, mode);
	set(f->tree, f->tool, outside);
	assert_int_equal(fixture_attr(f->tree, f->tool).mode, S_IFREG | 0765);
}

/* Opens an overlay with one record more than a sound one has. */
static int open_with(struct fixture *f, const struct store_key *key, const void *value, size_t len)
{
	struct tree *lower = fixture_lower(f), *tree;
	struct store_txn *txn;
	struct store *store;
	int err;

	assert_int_equal(store_memory_create(&store), 0);
	assert_int_equal(overlay_format(store, lower, 0), 0);
	assert_int_equal(store_begin(store, &txn), 0);
	assert_int_equal(store_put(txn, key, value, len), 0);
	assert_int_equal(store_commit(&txn, false), 0);
	err = overlay_open(store, lower, &tree);
	if (!err)
		return overlay_close(tree);
	tree_close(lower);
	assert_int_equal(store_close(store), 0);
	return err;
}

static void silent(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void impossible_records_are_refused_at_opening(void **state)
{
	static uint8_t value[RECORD_NAMES_MAX_BYTES + RECORD_NAME_OVERHEAD + TREE_XATTR_MAX];
	const struct record_node gone = {.mode = S_IFDIR | 0755, .volume = TREE_ROOT};
	struct record_name name = {
		.flags = NAME_PRESENT, .type = DT_REG, .id = TREE_ROOT + 1, .name = "a", .len = 1};
	struct store_key key;
	struct fixture f;
	size_t len = 0;

	(void)state;
	log_set_sink(silent, NULL);
	record_key_node(&key, TREE_ROOT);
	assert_int_equal(open_with(&f, &key, value, record_node_encode(&gone, value)), -EUCLEAN);
	record_key_names(&key, TREE_ROOT, 1);
	for (unsigned int i = 0; i <= RECORD_NAMES_MAX; i++)
		len = record_names_append(value, len, &name);
	assert_int_equal(open_with(&f, &key, value, len), -EUCLEAN);
	name.name = "..";
	name.len = 2;
	assert_int_equal(open_with(&f, &key, value, record_names_append(value, 0, &name)),
			 -EUCLEAN);
	record_key_link(&key, TREE_ROOT + 1);
	assert_int_equal(open_with(&f, &key, value, TREE_LINK_MAX + 1), -EUCLEAN);
	record_key_xattr(&key, TREE_ROOT + 1, "user.a", 6);
	assert_int_equal(open_with(&f, &key, value, TREE_XATTR_MAX + 1), -EUCLEAN);
	assert_int_equal(open_with(&f, &key, value, TREE_XATTR_MAX), 0);
	log_set_sink(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
		TEST(lower_nodes_keep_what_was_not_changed),
		TEST(times_are_set_to_the_nanosecond),
		TEST(a_new_owner_takes_privileges_away),
		TEST(a_setgid_directory_gives_its_group),
		TEST(special_files_need_no_privilege),
		TEST(umask_counts_where_there_is_no_default_acl),
		TEST(acl_and_mode_follow_each_other),
		TEST(xattrs_are_set_replaced_and_removed),
		TEST(the_longest_xattr_fits),
		TEST(xattrs_of_the_lower_tree_are_taken_over),
		TEST(a_failed_change_changes_nothing),
		TEST(a_write_that_fails_leaves_no_privilege),
		TEST(setgid_without_x_goes_where_it_is_asked),
		cmocka_unit_test(impossible_records_are_refused_at_opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
