/* SPDX-License-Identifier: MIT */
/* Several trees as one: ids, what covers what, directories that are made up, ".." and listings. */
#include "support/unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "tree/tree_memory.h"

static const struct tree_memory_node a_dir = {.mode = S_IFDIR | 0755};
static const struct tree_memory_node a_file = {.mode = S_IFREG | 0644, .size = 7};

struct fixture {
	struct tree *tree;
	uint64_t boot, etc, fstab, hidden; /* in the root */
	uint64_t config; /* in the volume, its own id */
	uint64_t root_span;
	uint64_t volume_span;
};

static uint64_t add(struct tree *tree, uint64_t dir, const char *name,
		    const struct tree_memory_node *node)
{
	uint64_t id = 0;

	assert_int_equal(tree_memory_add(tree, dir, name, node, &id), 0);
	return id;
}

/* /boot/hidden, /etc/fstab, and "link" to boot */
static int set_up(void **state)
{
	static const struct tree_memory_node link = {.mode = S_IFLNK | 0777, .target = "boot"};
	static struct fixture f;
	struct tree *root;

	assert_int_equal(tree_memory_create(&root), 0);
	f.boot = add(root, TREE_ROOT, "boot", &a_dir);
	f.hidden = add(root, f.boot, "hidden", &a_file);
	f.etc = add(root, TREE_ROOT, "etc", &a_dir);
	f.fstab = add(root, f.etc, "fstab", &a_file);
	add(root, TREE_ROOT, "link", &link);
	f.root_span = root->span;
	assert_int_equal(tree_compose_create(root, &f.tree), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	tree_close(f->tree);
	return 0;
}

/* A volume of config.txt and the directory overlays with one file in it. */
static struct tree *volume(struct fixture *f)
{
	struct tree *tree;
	uint64_t overlays;

	assert_int_equal(tree_memory_create(&tree), 0);
	f->config = add(tree, TREE_ROOT, "config.txt", &a_file);
	overlays = add(tree, TREE_ROOT, "overlays", &a_dir);
	add(tree, overlays, "uart.dtbo", &a_file);
	f->volume_span = tree->span;
	return tree;
}

static void mount_at(struct fixture *f, const char *path)
{
	assert_int_equal(tree_compose_mount(f->tree, path, volume(f)), 0);
}

static uint64_t walk(struct fixture *f, const char *path)
{
	uint64_t id = 0;

	assert_int_equal(tree_walk(f->tree, path, true, &id), 0);
	return id;
}

static void assert_absent(struct fixture *f, const char *path)
{
	uint64_t id;

	assert_int_equal(tree_walk(f->tree, path, true, &id), -ENOENT);
}

struct listed {
	char names[400];
	uint64_t ids[20];
	uint64_t cookies[20];
	size_t count;
	size_t stop_after;
};

static int take(void *ctx, const struct tree_entry *entry)
{
	struct listed *listed = ctx;

	if (listed->count == listed->stop_after)
		return 1;
	assert_true(listed->count < ARRAY_SIZE(listed->ids));
	strncat(listed->names, entry->name, entry->name_len);
	strcat(listed->names, " ");
	listed->ids[listed->count] = entry->id;
	listed->cookies[listed->count++] = entry->next;
	return 0;
}

static struct listed list(struct fixture *f, uint64_t dir, uint64_t cookie, size_t stop_after)
{
	struct listed listed = {.stop_after = stop_after};

	assert_int_equal(tree_readdir(f->tree, dir, cookie, take, &listed), 0);
	return listed;
}

static void assert_resumes_everywhere(struct fixture *f, uint64_t dir)
{
	struct listed all = list(f, dir, 0, SIZE_MAX);

	for (size_t i = 0; i < all.count; i++) {
		struct listed part = list(f, dir, 0, i + 1);
		struct listed rest = list(f, dir, all.cookies[i], SIZE_MAX);
		char joined[800];

		strcpy(joined, part.names);
		strcat(joined, rest.names);
		assert_string_equal(joined, all.names);
	}
}

static void root_alone_keeps_its_ids(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(walk(f, "/"), TREE_ROOT);
	assert_int_equal(walk(f, "/boot"), f->boot);
	assert_int_equal(walk(f, "/etc/fstab"), f->fstab);
	assert_int_equal(f->tree->span, f->root_span);
}

static void ids_of_a_volume_lie_behind_those_of_the_root(void **state)
{
	struct fixture *f = *state;
	struct tree_attr attr;

	mount_at(f, "/boot");
	assert_int_equal(walk(f, "/boot"), f->root_span);
	assert_int_equal(walk(f, "/boot/config.txt"), f->root_span + f->config);
	assert_int_equal(f->tree->span, f->root_span + f->volume_span);
	assert_int_equal(tree_getattr(f->tree, f->root_span + f->config, &attr), 0);
	assert_int_equal(attr.id, f->root_span + f->config);
	assert_int_equal(attr.size, 7);
	assert_int_equal(walk(f, "/etc/fstab"), f->fstab);
}

static void ids_of_no_part_are_stale(void **state)
{
	struct fixture *f = *state;
	struct tree_statfs statfs;
	struct tree_attr attr;
	uint64_t id;

	mount_at(f, "/boot");
	assert_int_equal(tree_getattr(f->tree, f->tree->span, &attr), -ESTALE);
	assert_int_equal(tree_getattr(f->tree, UINT64_MAX, &attr), -ESTALE);
	assert_int_equal(tree_lookup(f->tree, UINT64_MAX, "a", 1, &id), -ESTALE);
	assert_int_equal(tree_parent(f->tree, f->tree->span, &id), -ESTALE);
	assert_int_equal(tree_statfs(f->tree, f->tree->span, &statfs), -ESTALE);
}

static void covered_directory_is_not_seen(void **state)
{
	struct fixture *f = *state;
	struct listed listed;

	mount_at(f, "/boot");
	assert_absent(f, "/boot/hidden");
	listed = list(f, walk(f, "/boot"), 0, SIZE_MAX);
	assert_string_equal(listed.names, ". .. config.txt overlays ");
	listed = list(f, TREE_ROOT, 0, SIZE_MAX);
	assert_string_equal(listed.names, ". .. boot etc link ");
	assert_int_equal(listed.ids[2], f->root_span);
	/* its own id still leads to it, as an open directory does */
	listed = list(f, f->boot, 0, SIZE_MAX);
	assert_string_equal(listed.names, ". .. hidden ");
}

static void symbolic_link_leads_to_what_is_mounted(void **state)
{
	struct fixture *f = *state;

	mount_at(f, "/boot");
	assert_int_equal(walk(f, "/link/config.txt"), walk(f, "/boot/config.txt"));
}

static void mount_point_may_be_named_by_a_link(void **state)
{
	struct fixture *f = *state;

	mount_at(f, "/link");
	assert_int_equal(walk(f, "/boot/config.txt"), f->root_span + f->config);
}

static void dot_dot_of_a_volume_is_above_the_mount_point(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	mount_at(f, "/boot");
	assert_int_equal(tree_parent(f->tree, walk(f, "/boot"), &id), 0);
	assert_int_equal(id, TREE_ROOT);
	assert_int_equal(tree_parent(f->tree, walk(f, "/boot/overlays"), &id), 0);
	assert_int_equal(id, walk(f, "/boot"));
	assert_int_equal(walk(f, "/boot/overlays/../.."), TREE_ROOT);
	assert_int_equal(walk(f, "/boot/../etc/fstab"), f->fstab);
}

static void missing_directories_are_made_up(void **state)
{
	struct fixture *f = *state;
	struct tree_attr attr;
	struct listed listed;
	uint64_t made, id;

	mount_at(f, "/etc/made/up");
	made = walk(f, "/etc/made");
	assert_true(made >= f->root_span && made < f->tree->span);
	assert_int_equal(tree_getattr(f->tree, made, &attr), 0);
	assert_int_equal(attr.id, made);
	assert_int_equal(attr.mode, S_IFDIR | 0755);
	walk(f, "/etc/made/up/config.txt");
	assert_absent(f, "/etc/made/down");
	assert_int_equal(tree_parent(f->tree, made, &id), 0);
	assert_int_equal(id, f->etc);
	assert_int_equal(tree_parent(f->tree, walk(f, "/etc/made/up"), &id), 0);
	assert_int_equal(id, made);
	listed = list(f, f->etc, 0, SIZE_MAX);
	assert_string_equal(listed.names, ". .. fstab made ");
	assert_int_equal(listed.ids[3], made);
	listed = list(f, made, 0, SIZE_MAX);
	assert_string_equal(listed.names, ". .. up ");
	assert_int_equal(listed.ids[1], f->etc);
	assert_int_equal(listed.ids[2], walk(f, "/etc/made/up"));
}

static void made_up_directory_is_a_directory_in_all(void **state)
{
	struct fixture *f = *state;
	struct tree_statfs statfs;
	uint64_t made, at;
	char buf[8];

	mount_at(f, "/made/up");
	made = walk(f, "/made");
	assert_int_equal(tree_read(f->tree, made, buf, sizeof(buf), 0), -EISDIR);
	assert_int_equal(tree_seek(f->tree, made, 0, SEEK_DATA, &at), -EINVAL);
	assert_int_equal(tree_readlink(f->tree, made, buf, sizeof(buf)), -EINVAL);
	assert_int_equal(tree_getxattr(f->tree, made, "user.a", buf, sizeof(buf)), -ENODATA);
	assert_int_equal(tree_listxattr(f->tree, made, buf, sizeof(buf)), 0);
	assert_int_equal(tree_statfs(f->tree, made, &statfs), 0);
}

static void listing_goes_on_behind_every_entry(void **state)
{
	struct fixture *f = *state;

	mount_at(f, "/boot");
	mount_at(f, "/first");
	mount_at(f, "/etc/third");
	mount_at(f, "/second");
	assert_string_equal(list(f, TREE_ROOT, 0, SIZE_MAX).names,
			    ". .. boot etc link first second ");
	assert_resumes_everywhere(f, TREE_ROOT);
	assert_resumes_everywhere(f, f->etc);
	assert_resumes_everywhere(f, walk(f, "/boot"));
	assert_resumes_everywhere(f, walk(f, "/first"));
}

static void volume_can_be_mounted_in_a_volume(void **state)
{
	struct fixture *f = *state;
	uint64_t inner, id;

	mount_at(f, "/boot");
	mount_at(f, "/boot/overlays");
	inner = f->root_span + f->volume_span;
	assert_int_equal(walk(f, "/boot/overlays"), inner);
	assert_int_equal(walk(f, "/boot/overlays/config.txt"), inner + f->config);
	assert_absent(f, "/boot/overlays/uart.dtbo");
	assert_int_equal(tree_parent(f->tree, inner, &id), 0);
	assert_int_equal(id, walk(f, "/boot"));
	assert_int_equal(walk(f, "/boot/overlays/../config.txt"), f->root_span + f->config);
}

static void directory_of_a_volume_can_be_made_up(void **state)
{
	struct fixture *f = *state;

	mount_at(f, "/boot");
	mount_at(f, "/boot/firmware");
	walk(f, "/boot/firmware/overlays/uart.dtbo");
	assert_string_equal(list(f, walk(f, "/boot"), 0, SIZE_MAX).names,
			    ". .. config.txt overlays firmware ");
	assert_int_equal(walk(f, "/boot/firmware/.."), walk(f, "/boot"));
	assert_resumes_everywhere(f, walk(f, "/boot"));
}

static void second_mount_at_one_place_is_busy(void **state)
{
	struct fixture *f = *state;
	struct tree *other = volume(f);

	mount_at(f, "/boot");
	assert_int_equal(tree_compose_mount(f->tree, "/boot", other), -EBUSY);
	assert_int_equal(tree_compose_mount(f->tree, "/link", other), -EBUSY);
	assert_int_equal(tree_compose_mount(f->tree, "/", other), -EBUSY);
	assert_int_equal(tree_compose_mount(f->tree, "", other), -EBUSY);
	tree_close(other);
}

static void file_is_no_mount_point(void **state)
{
	struct fixture *f = *state;
	struct tree *other = volume(f);

	assert_int_equal(tree_compose_mount(f->tree, "/etc/fstab", other), -ENOTDIR);
	assert_int_equal(tree_compose_mount(f->tree, "/etc/fstab/below", other), -ENOTDIR);
	tree_close(other);
}

static void damage_on_the_way_is_no_missing_directory(void **state)
{
	struct fixture *f = *state;
	struct tree *root, *compose, *other = volume(f);
	uint64_t bad;

	assert_int_equal(tree_memory_create(&root), 0);
	bad = add(root, TREE_ROOT, "bad", &a_dir);
	assert_int_equal(tree_memory_damage(root, bad, -EUCLEAN), 0);
	assert_int_equal(tree_compose_create(root, &compose), 0);
	assert_int_equal(tree_compose_mount(compose, "/bad/below", other), -EUCLEAN);
	tree_close(compose);
	tree_close(other);
}

static uint64_t volume_of(struct fixture *f, uint64_t id)
{
	uint64_t root = 0;

	assert_int_equal(tree_volume(f->tree, id, &root), 0);
	return root;
}

static void every_node_belongs_to_a_volume(void **state)
{
	struct fixture *f = *state;
	uint64_t boot, deep, root;

	mount_at(f, "/boot");
	mount_at(f, "/boot/overlays/made/up");
	boot = walk(f, "/boot");
	deep = walk(f, "/boot/overlays/made/up");
	assert_int_equal(volume_of(f, TREE_ROOT), TREE_ROOT);
	assert_int_equal(volume_of(f, f->fstab), TREE_ROOT);
	assert_int_equal(volume_of(f, boot), boot);
	assert_int_equal(volume_of(f, walk(f, "/boot/overlays/uart.dtbo")), boot);
	assert_int_equal(volume_of(f, walk(f, "/boot/overlays/made")), TREE_ROOT);
	assert_int_equal(volume_of(f, walk(f, "/boot/overlays/made/up/config.txt")), deep);
	assert_int_equal(tree_volume(f->tree, f->tree->span, &root), -ESTALE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(root_alone_keeps_its_ids),
		TEST(ids_of_a_volume_lie_behind_those_of_the_root),
		TEST(ids_of_no_part_are_stale),
		TEST(covered_directory_is_not_seen),
		TEST(symbolic_link_leads_to_what_is_mounted),
		TEST(mount_point_may_be_named_by_a_link),
		TEST(dot_dot_of_a_volume_is_above_the_mount_point),
		TEST(missing_directories_are_made_up),
		TEST(made_up_directory_is_a_directory_in_all),
		TEST(listing_goes_on_behind_every_entry),
		TEST(volume_can_be_mounted_in_a_volume),
		TEST(directory_of_a_volume_can_be_made_up),
		TEST(every_node_belongs_to_a_volume),
		TEST(second_mount_at_one_place_is_busy),
		TEST(file_is_no_mount_point),
		TEST(damage_on_the_way_is_no_missing_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
