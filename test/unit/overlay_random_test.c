/* SPDX-License-Identifier: MIT */
/*
 * Names in an overlay, changed at random: after each few changes, and after power cuts, the check
 * finds nothing, and the diff tells of each name that only one of the trees has, exactly once.
 */
#include "support/overlay_fixture.h"

#include <stdlib.h>

#include "overlay/overlay_fs.h"
#include "store/store_memory.h"

#define EDGES_MAX 4000u
#define PATH_BYTES 1024u

/* A name, as a walk finds it. */
struct edge {
	uint64_t dir;
	uint64_t id;
	uint32_t mode;
	bool told;
	size_t name; /* where it starts in @path */
	char path[PATH_BYTES];
};

struct edges {
	size_t count;
	struct edge all[EDGES_MAX];
};

struct world {
	struct fixture f;
	struct edges lower;
	struct edges upper;
	uint64_t random;
	char last[PATH_BYTES]; /* path that was told */
};

/* Walking ----------------------------------------------------------------------------------------- */

struct walk {
	struct tree *tree;
	struct edges *edges;
	uint64_t dir;
	const char *path;
};

static int take_entry(void *ctx, const struct tree_entry *entry)
{
	struct walk *walk = ctx;
	struct edge *edge = &walk->edges->all[walk->edges->count];
	int n;

	if (entry->name[0] == '.')
		return 0;
	assert_true(walk->edges->count++ < EDGES_MAX - 1);
	n = snprintf(edge->path, sizeof(edge->path), "%s/%.*s", walk->path, (int)entry->name_len,
		     entry->name);
	assert_true(n > 0 && (size_t)n < sizeof(edge->path));
	edge->name = strlen(walk->path) + 1;
	edge->dir = walk->dir;
	edge->id = entry->id;
	edge->mode = fixture_attr(walk->tree, entry->id).mode;
	edge->told = false;
	return 0;
}

static void walk(struct tree *tree, struct edges *edges)
{
	struct walk walk = {.tree = tree, .edges = edges, .dir = TREE_ROOT, .path = ""};

	edges->count = 0;
	assert_int_equal(tree_readdir(tree, TREE_ROOT, 0, take_entry, &walk), 0);
	for (size_t i = 0; i < edges->count; i++) {
		walk.dir = edges->all[i].id;
		walk.path = edges->all[i].path;
		if (S_ISDIR(edges->all[i].mode))
			assert_int_equal(tree_readdir(tree, walk.dir, 0, take_entry, &walk), 0);
	}
}

static struct edge *find_path(struct edges *edges, const char *path)
{
	for (size_t i = 0; i < edges->count; i++) {
		if (strcmp(edges->all[i].path, path) == 0)
			return &edges->all[i];
	}
	return NULL;
}

/* Whether the other tree has the same name in the same directory for the same node. */
static bool is_in(const struct edges *edges, const struct edge *edge)
{
	for (size_t i = 0; i < edges->count; i++) {
		const struct edge *each = &edges->all[i];

		if (each->dir == edge->dir && each->id == edge->id &&
		    strcmp(each->path + each->name, edge->path + edge->name) == 0)
			return true;
	}
	return false;
}

/* Changing ---------------------------------------------------------------------------------------- */

static uint64_t below(struct world *w, uint64_t end)
{
	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	return (w->random >> 33) % end;
}

static uint64_t any_dir(struct world *w)
{
	for (unsigned int i = 0; i < 20 && w->upper.count; i++) {
		const struct edge *edge = &w->upper.all[below(w, w->upper.count)];

		/* not ever deeper */
		if (S_ISDIR(edge->mode) && strlen(edge->path) < PATH_BYTES / 4)
			return edge->id;
	}
	return TREE_ROOT;
}

static void create(struct world *w, uint64_t dir, const char *name, mode_t mode)
{
	const struct tree_new node = {.mode = mode, .target = S_ISLNK(mode) ? "etc" : NULL};

	tree_create(w->f.tree, dir, name, strlen(name), &node, NULL);
}

static void remove_name(struct world *w, const struct edge *edge)
{
	const char *name = edge->path + edge->name;

	if (S_ISDIR(edge->mode))
		fixture_rmdir(w->f.tree, edge->dir, name);
	else
		fixture_unlink(w->f.tree, edge->dir, name);
}

/* Whatever comes out of it: what is refused changes nothing. */
static void change(struct world *w)
{
	static const char *const names[] = {"a",    "b",     "fstab",	   "hosts",	    "usr",
					    "bin",  "tool",  "Config.TXT", "longname.text", "c",
					    "boot", "empty", "LONGNA~1"};
	static const mode_t modes[] = {S_IFREG | 0644, S_IFDIR | 0755, S_IFLNK | 0777};
	const struct tree_setattr set = {.valid = TREE_SET_MODE, .mode = (uint32_t)below(w, 512)};
	const char *name = names[below(w, ARRAY_SIZE(names))];
	const struct edge *a = &w->upper.all[below(w, w->upper.count)];
	const struct edge *b = &w->upper.all[below(w, w->upper.count)];
	struct tree *tree = w->f.tree;

	switch (below(w, 10)) {
	case 0:
	case 1:
		create(w, any_dir(w), name, modes[below(w, ARRAY_SIZE(modes))]);
		break;
	case 2:
	case 3:
		remove_name(w, a);
		break;
	case 4:
	case 5:
		fixture_rename(tree, a->dir, a->path + a->name, any_dir(w), name, 0);
		break;
	case 6:
		fixture_rename(tree, a->dir, a->path + a->name, b->dir, b->path + b->name,
			       below(w, 2) ? TREE_RENAME_EXCHANGE : 0);
		break;
	case 7:
		tree_link(tree, a->id, any_dir(w), name, strlen(name), NULL);
		break;
	case 8:
		tree_write(tree, a->id, "xyz", 3, below(w, 100000), 0);
		break;
	default:
		tree_setattr(tree, a->id, &set, NULL);
	}
}

static void cut_power(struct world *w)
{
	struct overlay *ov = overlay_of(w->f.tree);
	struct store *store;

	assert_int_equal(tree_sync(w->f.tree), 0);
	assert_int_equal(store_memory_cut_power(ov->store, NULL, below(w, 1000), &store), 0);
	overlay_close(w->f.tree);
	assert_int_equal(overlay_open(store, fixture_lower(&w->f), &w->f.tree), 0);
}

/* Comparing --------------------------------------------------------------------------------------- */

/* A name that is told once, and that only @edges have. */
static void tell(struct edge *edge, const struct edges *others)
{
	assert_non_null(edge);
	assert_false(edge->told);
	assert_false(is_in(others, edge));
	edge->told = true;
}

static int take_change(void *ctx, const struct overlay_change *change)
{
	struct world *w = ctx;
	struct edge *edge = find_path(&w->upper, change->path);

	assert_true(strcmp(w->last, change->path) <= 0);
	snprintf(w->last, sizeof(w->last), "%s", change->path);
	switch (change->kind) {
	case OVERLAY_ADDED:
		tell(edge, &w->lower);
		break;
	case OVERLAY_DELETED:
		tell(find_path(&w->lower, change->path), &w->upper);
		break;
	case OVERLAY_RENAMED:
		tell(edge, &w->lower);
		tell(find_path(&w->lower, change->old_path), &w->upper);
		assert_int_equal(find_path(&w->lower, change->old_path)->id, edge->id);
		break;
	case OVERLAY_MODIFIED:
		assert_true(change->what != 0);
		if (strcmp(change->path, "/") == 0)
			break;
		assert_non_null(edge);
		assert_false(edge->told);
		edge->told = true;
		break;
	}
	return 0;
}

/*
 * All names of @edges that the @others have not were told, but for those that both have a node of one
 * type for, made anew: there may be no difference then, or the other one was told.
 */
static void expect_told(struct edges *edges, struct edges *others)
{
	for (size_t i = 0; i < edges->count; i++) {
		const struct edge *edge = &edges->all[i];
		const struct edge *other;

		if (edge->told || is_in(others, edge))
			continue;
		other = find_path(others, edge->path);
		if (!other || (other->mode ^ edge->mode) & S_IFMT)
			fail_msg("nothing was told of %s", edge->path);
	}
}

static void compare(struct world *w)
{
	unsigned int problems = 1;

	assert_int_equal(overlay_check(w->f.tree, &problems), 0);
	assert_int_equal(problems, 0);
	walk(overlay_of(w->f.tree)->lower, &w->lower);
	walk(w->f.tree, &w->upper);
	w->last[0] = '\0';
	assert_int_equal(overlay_diff(w->f.tree, take_change, w), 0);
	expect_told(&w->upper, &w->lower);
	expect_told(&w->lower, &w->upper);
}

static void any_changes_leave_a_sound_overlay_and_are_told(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	(void)state;
	assert_non_null(w);
	for (unsigned int seed = 0; seed < 5; seed++) {
		w->random = seed;
		w->f.tree = fixture_overlay(fixture_lower(&w->f));
		for (unsigned int i = 0; i < 40; i++) {
			for (unsigned int n = 0; n < 10; n++) {
				walk(w->f.tree, &w->upper);
				change(w);
			}
			if (below(w, 3) == 0)
				cut_power(w);
			compare(w);
		}
		assert_int_equal(overlay_close(w->f.tree), 0);
	}
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_changes_leave_a_sound_overlay_and_are_told),
	};

	return cmocka_run_group_tests_name("overlay_random", tests, NULL, NULL);
}
