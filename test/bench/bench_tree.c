/* SPDX-License-Identifier: MIT */
/*
 * What single calls of a tree cost that a server makes for NFS, when everything is in memory:
 *
 *	bench_tree IMAGE [STATE OVERLAY]
 *
 * All nodes of the image are visited once; then each call is made for nodes by chance, without waiting,
 * as an event loop makes it. With an overlay it is changed a little before (its state is left behind).
 * Prints a Markdown table of nanoseconds of CPU time, so that others on the machine matter less; never
 * gates.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/wait.h"
#include "bench.h"
#include "stack/stack.h"

#define NODES_MAX 200000u
#define CALLS 400000u
#define READ_BYTES 4096u

struct name {
	uint64_t dir;
	uint64_t id;
	char text[64];
	size_t len;
};

static struct tree *tree;
static struct name *names; /* of all nodes */
static size_t names_count;
static uint64_t *files; /* those with at least READ_BYTES */
static uint64_t *sizes;
static size_t files_count;
static uint64_t largest_dir = TREE_ROOT;
static unsigned int largest_count;
static uint64_t random_state;
static uint64_t waited;

static void fail(const char *what, int err)
{
	errno = -err;
	die(what);
}

/* Visiting ------------------------------------------------------------------------------------- */

struct visit {
	uint64_t dir;
	unsigned int count;
};

static int take(void *ctx, const struct tree_entry *entry)
{
	struct visit *visit = ctx;
	struct name *name;

	if (entry->name[0] == '.' || entry->name_len >= sizeof(name->text) ||
	    names_count == NODES_MAX)
		return 0;
	name = &names[names_count++];
	name->dir = visit->dir;
	name->id = entry->id;
	name->len = entry->name_len;
	memcpy(name->text, entry->name, entry->name_len);
	visit->count++;
	return 0;
}

static void visit_dir(uint64_t dir)
{
	struct visit visit = {.dir = dir};
	int err = tree_readdir(tree, dir, 0, take, &visit);

	if (err)
		fail("readdir", err);
	if (visit.count > largest_count) {
		largest_count = visit.count;
		largest_dir = dir;
	}
}

static void visit_all(void)
{
	static char buf[READ_BYTES];

	visit_dir(TREE_ROOT);
	for (size_t i = 0; i < names_count; i++) {
		struct tree_attr attr;
		int err = tree_getattr(tree, names[i].id, &attr);

		if (err)
			fail("getattr", err);
		if (S_ISDIR(attr.mode))
			visit_dir(names[i].id);
		if (!S_ISREG(attr.mode) || attr.size < READ_BYTES)
			continue;
		files[files_count] = names[i].id;
		sizes[files_count++] = attr.size;
		for (uint64_t at = 0; at < attr.size; at += READ_BYTES) {
			if (tree_read(tree, names[i].id, buf, sizeof(buf), at) < 0)
				die("read");
		}
	}
	if (files_count == 0) {
		errno = EINVAL;
		die("no file is large enough");
	}
}

/* So many nodes are asked about by most loads: what a few clients have open. */
#define FEW 5000u

static const struct name *few[FEW]; /* outside the largest directory */
static size_t few_count;

static void choose_few(void)
{
	for (size_t i = 0; i < names_count && few_count < FEW; i++) {
		if (names[i].dir != largest_dir)
			few[few_count++] = &names[i];
	}
}

static const struct name *pick(void)
{
	return few[next_random(&random_state) % few_count];
}

/* Files that were written to. */
static const struct name *changed[FEW];
static size_t changed_count;

/* Calls ---------------------------------------------------------------------------------------- */

static int call_getattr(void)
{
	struct tree_attr attr;

	return tree_getattr(tree, pick()->id, &attr);
}

static int call_getattr_any(void)
{
	struct tree_attr attr;

	return tree_getattr(tree, names[next_random(&random_state) % names_count].id, &attr);
}

static int call_lookup(void)
{
	const struct name *name = pick();
	uint64_t id;

	return tree_lookup(tree, name->dir, name->text, name->len, &id);
}

static int call_lookup_any(void)
{
	const struct name *name = &names[next_random(&random_state) % names_count];
	uint64_t id;

	return tree_lookup(tree, name->dir, name->text, name->len, &id);
}

static int call_lookup_absent(void)
{
	uint64_t id;
	int err = tree_lookup(tree, pick()->dir, "no such name", 12, &id);

	return err == -ENOENT || err == -ENOTDIR ? 0 : err;
}

static const struct name *pick_changed(void)
{
	return changed[next_random(&random_state) % changed_count];
}

static int call_getattr_changed(void)
{
	struct tree_attr attr;

	return tree_getattr(tree, pick_changed()->id, &attr);
}

static int call_lookup_changed(void)
{
	const struct name *name = pick_changed();
	uint64_t id;

	return tree_lookup(tree, name->dir, name->text, name->len, &id);
}

static int call_read_changed(void)
{
	static char buf[READ_BYTES];
	ssize_t n = tree_read(tree, pick_changed()->id, buf, sizeof(buf), 0);

	return n < 0 ? (int)n : 0;
}

static uint64_t pick_file(uint64_t *out_offset)
{
	const size_t i = next_random(&random_state) % files_count;

	*out_offset = next_random(&random_state) % (sizes[i] / READ_BYTES) * READ_BYTES;
	return files[i];
}

static int call_read(void)
{
	static char buf[READ_BYTES];
	uint64_t offset, id = pick_file(&offset);
	ssize_t n = tree_read(tree, id, buf, sizeof(buf), offset);

	return n < 0 ? (int)n : 0;
}

static int call_map(void)
{
	struct tree_extent extent;
	uint64_t offset, id = pick_file(&offset);
	int err = tree_map(tree, id, offset, READ_BYTES, &extent);

	return err == -EOPNOTSUPP ? 0 : err;
}

/* The read itself, which no tree can do without. */
static int pread_fd;
static off_t pread_size;

static int call_pread(void)
{
	static char buf[READ_BYTES];
	const off_t blocks = pread_size / READ_BYTES;
	off_t at = (off_t)(next_random(&random_state) % (uint64_t)blocks) * READ_BYTES;

	return pread(pread_fd, buf, sizeof(buf), at) == READ_BYTES ? 0 : -EIO;
}

static int call_access(void)
{
	const struct tree_caller caller = {.uid = 1000, .gid = 1000};
	struct tree_attr attr;
	unsigned int rights;
	int err = tree_getattr(tree, pick()->id, &attr);

	return err ? err : tree_access_rights(tree, &attr, &caller, 0x3f, &rights);
}

static double spent(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void measure(const char *what, int (*call)(void), unsigned int calls)
{
	double best = 1e9;

	for (int round = 0; round < 3; round++) {
		double start = spent();

		for (unsigned int i = 0; i < calls; i++) {
			int err;

			wait_forbid();
			err = call();
			wait_allow();
			if (err == -EAGAIN) {
				waited++;
				err = call();
			}
			if (err)
				fail(what, err);
		}
		start = (spent() - start) / calls * 1e9;
		if (start < best)
			best = start;
	}
	printf("| %s | %.0f |\n", what, best);
	fflush(stdout);
}

/* Listing with attributes, as READDIRPLUS does. */
struct listing {
	uint64_t count;
	int err;
};

static int take_with_attr(void *ctx, const struct tree_entry *entry)
{
	struct listing *listing = ctx;
	struct tree_attr attr;

	listing->err = tree_getattr(tree, entry->id, &attr);
	listing->count++;
	return listing->err;
}

static int take_alone(void *ctx, const struct tree_entry *entry)
{
	struct listing *listing = ctx;

	(void)entry;
	listing->count++;
	return 0;
}

static void measure_list(const char *what, uint64_t dir, tree_entry_fn entry)
{
	struct listing listing = {0};
	double best = 1e9;

	for (int round = 0; round < 20; round++) {
		double start = spent();

		listing = (struct listing){0};
		if (tree_readdir(tree, dir, 0, entry, &listing) || listing.err)
			die(what);
		start = (spent() - start) / (double)listing.count * 1e9;
		if (start < best)
			best = start;
	}
	printf("| %s, per entry of %" PRIu64 " | %.0f |\n", what, listing.count, best);
}

/* Some files of each hundred are written to, their directories get a name. */
static void change_some(void)
{
	static const char data[] = "changed";
	const struct tree_new node = {.mode = S_IFREG | 0644};
	const size_t count = names_count;

	for (size_t i = 0; i < count; i += 50) {
		struct tree_attr attr;

		if (tree_getattr(tree, names[i].id, &attr))
			continue;
		if (S_ISREG(attr.mode) && changed_count < FEW) {
			tree_write(tree, names[i].id, data, sizeof(data), 0, 0);
			tree_create(tree, names[i].dir, "made", 4, &node, NULL);
			changed[changed_count++] = &names[i];
		}
	}
	if (tree_sync(tree))
		die("sync");
}

/* A directory that the overlay alone has. */
static uint64_t create_many(void)
{
	const struct tree_new dir = {.mode = S_IFDIR | 0755}, file = {.mode = S_IFREG | 0644};
	struct tree_attr made;
	char name[32];
	int err = tree_create(tree, TREE_ROOT, "created", 7, &dir, &made);

	for (int i = 0; i < 10000 && !err; i++) {
		int len = snprintf(name, sizeof(name), "entry-%05d", i);

		err = tree_create(tree, made.id, name, (size_t)len, &file, NULL);
	}
	if (!err)
		err = tree_sync(tree);
	if (err)
		fail("create", err);
	return made.id;
}

int main(int argc, char **argv)
{
	struct stack_options options = STACK_OPTIONS_DEFAULT;
	struct stack *stack;
	struct stat st;

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: bench_tree IMAGE [STATE OVERLAY]\n");
		return 2;
	}
	if (argc == 4) {
		options.state = argv[2];
		options.overlay = argv[3];
	}
	random_state = random_seed(7);
	names = buffer(NODES_MAX * sizeof(*names));
	files = buffer(NODES_MAX * sizeof(*files));
	sizes = buffer(NODES_MAX * sizeof(*sizes));
	if (stack_open(argv[1], &options, &stack))
		return 1;
	tree = stack_tree(stack);
	visit_all();
	choose_few();
	if (argc == 4)
		change_some();
	pread_fd = open_or_die(AT_FDCWD, argv[1], O_RDONLY);
	if (fstat(pread_fd, &st))
		die(argv[1]);
	pread_size = st.st_size;
	printf("| %zu nodes, %s | ns |\n|---|---|\n", names_count,
	       argc == 4 ? "an overlay" : "the image alone");
	measure("getattr", call_getattr, CALLS);
	measure("getattr of any", call_getattr_any, CALLS);
	measure("lookup", call_lookup, CALLS);
	measure("lookup, absent", call_lookup_absent, CALLS);
	measure("lookup of any", call_lookup_any, CALLS / 100);
	measure("read 4 KiB", call_read, CALLS);
	measure("pread 4 KiB of the image", call_pread, CALLS);
	measure("map 4 KiB", call_map, CALLS);
	if (changed_count) {
		measure("getattr of a changed file", call_getattr_changed, CALLS);
		measure("lookup in a changed directory", call_lookup_changed, CALLS);
		measure("read 4 KiB that were changed", call_read_changed, CALLS);
	}
	measure("getattr and all rights", call_access, CALLS / 4);
	measure_list("readdir", largest_dir, take_alone);
	measure_list("readdir and getattr", largest_dir, take_with_attr);
	if (argc == 4) {
		uint64_t dir = create_many();

		measure_list("readdir of created files", dir, take_alone);
		measure_list("readdir and getattr of created files", dir, take_with_attr);
	}
	printf("\n%" PRIu64 " calls would have waited\n", waited);
	close(pread_fd);
	if (stack_close(stack))
		return 1;
	free(names);
	free(files);
	free(sizes);
	return 0;
}
