/* SPDX-License-Identifier: MIT */
/*
 * Asks a tree everything without waiting, while its image has not everything in memory, and compares
 * what is answered with the answers of a tree that always waits.
 *
 *     nowait_walk [--overlay] ext4|fat IMAGE [ext4|fat IMAGE PATH]
 *
 * The second volume is composed at PATH. With --overlay a changed overlay is put above, and what is
 * below it would wait now and then; else its image would, and it is opened anew for each question, so
 * that nothing is remembered. Where bytes of a file are said to lie in the image they are compared, too.
 * Prints how many answers there were and how many times one would have had to wait; exits 1 where an
 * answer is wrong.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "ext4/ext4.h"
#include "fat/fat.h"
#include "overlay/overlay.h"
#include "store/store.h"
#include "support/flaky_image.h"
#include "support/flaky_tree.h"
#include "tree/tree.h"

#define BUFFER_BYTES (1u << 17)
#define ATTEMPTS 3

static const unsigned int chances[] = {2, 6, 30, 0};

/* One volume of two: the plain one, and the other of which not everything is in memory. */
struct volume {
	const char *kind;
	struct image *img;
	struct image *flaky;
};

struct twin {
	struct volume volumes[2];
	unsigned int volumes_count;
	const char *path; /* of the second one */
	struct tree *plain;
	struct tree *flaky;
	struct flaky_tree *below; /* of an overlay */
	bool overlay;
};

static uint64_t answers, waits, mapped;
static unsigned int logged;
static bool has_own_times; /* two overlays were not changed at the same second */
static bool failed;

static void die(const char *what, int err)
{
	fprintf(stderr, "nowait_walk: %s: %s\n", what, strerror(-err));
	exit(2);
}

static void count_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
	logged++;
}

/* One question ------------------------------------------------------------------------------- */

enum ask {
	ASK_GETATTR,
	ASK_LOOKUP,
	ASK_LOOKUP_ABSENT,
	ASK_PARENT,
	ASK_READDIR,
	ASK_READ,
	ASK_MAP,
	ASK_SEEK_DATA,
	ASK_SEEK_HOLE,
	ASK_READLINK,
	ASK_GETXATTR,
	ASK_LISTXATTR,
	ASK_STATFS,
	ASK_VOLUME,
	ASK_FOLD,
	ASK_SPELLING,
	ASK_ACCESS,
	ASK_WALK,
	ASKS,
};

struct question {
	enum ask ask;
	uint64_t id;
	const char *name; /* of an entry, or a path */
	uint64_t offset;
	size_t len;
};

struct answer {
	int64_t result;
	uint64_t sum; /* of what was written */
};

static uint64_t sum_of(const void *data, size_t len)
{
	static const uint8_t key[HASH_SHORT_KEY_BYTES];

	return hash_short(key, data, len);
}

/* Overlays list their own entries in another order each: only their names, types and ids count. */
static int add_entry(void *ctx, const struct tree_entry *entry)
{
	uint64_t *sum = ctx;

	*sum += sum_of(entry->name, entry->name_len) ^ (entry->id << 8 | entry->type);
	return 0;
}

static void ask_tree(struct tree *tree, const struct question *q, struct answer *out)
{
	static char buf[BUFFER_BYTES];
	const struct tree_caller caller = {.uid = 4711, .gid = 4711};
	const size_t name_len = q->name ? strlen(q->name) : 0;
	struct tree_extent extent = {0};
	struct tree_statfs st;
	struct tree_attr attr;
	uint64_t id = 0;

	out->sum = 0;
	switch (q->ask) {
	case ASK_GETATTR:
		memset(&attr, 0, sizeof(attr));
		out->result = tree_getattr(tree, q->id, &attr);
		out->sum = sum_of(&attr.size, sizeof(attr.size)) ^ attr.mode ^ attr.nlink << 16 ^
			   attr.blocks ^ attr.uid;
		if (!has_own_times)
			out->sum ^= (uint64_t)attr.mtime.tv_sec;
		break;
	case ASK_LOOKUP:
	case ASK_LOOKUP_ABSENT:
		out->result = tree_lookup(tree, q->id, q->name, name_len, &id);
		out->sum = id;
		break;
	case ASK_PARENT:
		out->result = tree_parent(tree, q->id, &id);
		out->sum = id;
		break;
	case ASK_READDIR:
		out->result = tree_readdir(tree, q->id, 0, add_entry, &out->sum);
		break;
	case ASK_READ:
		out->result = tree_read(tree, q->id, buf, q->len, q->offset);
		break;
	case ASK_MAP:
		out->result = tree_map(tree, q->id, q->offset, q->len, &extent);
		out->sum = extent.offset ^ (uint64_t)extent.len << 48;
		break;
	case ASK_SEEK_DATA:
	case ASK_SEEK_HOLE:
		out->result = tree_seek(tree, q->id, q->offset,
					q->ask == ASK_SEEK_DATA ? SEEK_DATA : SEEK_HOLE, &id);
		out->sum = id;
		break;
	case ASK_READLINK:
		out->result = tree_readlink(tree, q->id, buf, TREE_LINK_MAX);
		break;
	case ASK_GETXATTR:
		out->result = tree_getxattr(tree, q->id, q->name, buf, sizeof(buf));
		break;
	case ASK_LISTXATTR:
		out->result = tree_listxattr(tree, q->id, buf, sizeof(buf));
		break;
	case ASK_STATFS:
		out->result = tree_statfs(tree, q->id, &st);
		if (out->result == 0)
			out->sum = st.blocks ^ st.files << 32 ^ st.files_free;
		break;
	case ASK_VOLUME:
		out->result = tree_volume(tree, q->id, &id);
		out->sum = id;
		break;
	case ASK_FOLD:
		out->result = tree_fold(tree, q->id, q->name, name_len, buf, sizeof(buf));
		break;
	case ASK_SPELLING:
		out->result = tree_spelling(tree, q->id, q->name, name_len, buf);
		break;
	case ASK_ACCESS:
		out->result = tree_access(tree, q->id, &caller, TREE_MAY_READ);
		break;
	case ASK_WALK:
		out->result = tree_walk(tree, q->name, true, &id);
		out->sum = id;
		break;
	default:
		break;
	}
	switch (q->ask) {
	case ASK_READ:
	case ASK_READLINK:
	case ASK_GETXATTR:
	case ASK_LISTXATTR:
	case ASK_FOLD:
	case ASK_SPELLING:
		if (out->result > 0)
			out->sum = sum_of(buf, (size_t)out->result);
		break;
	default:
		break;
	}
	if (out->result < 0)
		out->sum = 0;
}

static void compare(const struct question *q, const struct answer *got, const struct answer *want,
		    const char *how)
{
	answers++;
	if (got->result == want->result && got->sum == want->sum)
		return;
	fprintf(stderr, "question %d of node %" PRIu64 " (%s): %" PRId64 " %s, not %" PRId64 "\n",
		(int)q->ask, q->id, q->name ? q->name : "", got->result, how, want->result);
	failed = true;
}

static void set_chance(struct twin *twin, unsigned int one_of)
{
	for (unsigned int i = 0; i < twin->volumes_count; i++)
		flaky_of(twin->volumes[i].flaky)->one_of = one_of;
	if (twin->below)
		twin->below->one_of = one_of;
}

static void open_flaky(struct twin *twin);

static void ask(struct twin *twin, const struct question *q)
{
	/* what asks the host's file system always waits */
	const bool always_waits = twin->overlay && q->ask == ASK_STATFS;
	struct answer want, got;

	ask_tree(twin->plain, q, &want);
	if (!twin->overlay)
		open_flaky(twin);
	for (size_t i = 0; i < ARRAY_SIZE(chances); i++) {
		set_chance(twin, chances[i]);
		for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
			const unsigned int before = logged;

			wait_forbid();
			ask_tree(twin->flaky, q, &got);
			wait_allow();
			if (got.result != -EAGAIN) {
				compare(q, &got, &want, "without waiting");
				continue;
			}
			waits++;
			if (logged != before) {
				fprintf(stderr, "question %d of node %" PRIu64 " was logged\n",
					(int)q->ask, q->id);
				failed = true;
			}
		}
	}
	ask_tree(twin->flaky, q, &got);
	compare(q, &got, &want, "with waiting");
	wait_forbid();
	ask_tree(twin->flaky, q, &got);
	wait_allow();
	if (!always_waits)
		compare(q, &got, &want, "from memory");
}

/* All of them ---------------------------------------------------------------------------------- */

struct found {
	char **names;
	uint64_t *ids;
	size_t count;
	size_t room;
};

static int find(void *ctx, const struct tree_entry *entry)
{
	struct found *found = ctx;

	if (entry->name[0] == '.' &&
	    (entry->name_len == 1 || (entry->name_len == 2 && entry->name[1] == '.')))
		return 0;
	if (found->count == found->room) {
		found->room = found->room ? found->room * 2 : 64;
		found->names = reallocarray(found->names, found->room, sizeof(*found->names));
		found->ids = reallocarray(found->ids, found->room, sizeof(*found->ids));
		if (!found->names || !found->ids)
			die("names", -ENOMEM);
	}
	found->ids[found->count] = entry->id;
	found->names[found->count++] = strndup(entry->name, entry->name_len);
	return 0;
}

static void release(struct found *found)
{
	for (size_t i = 0; i < found->count; i++)
		free(found->names[i]);
	free(found->names);
	free(found->ids);
}

/* What the tree says lies in the image lies there. */
static void check_map(struct tree *tree, uint64_t id, uint64_t size)
{
	static char read[BUFFER_BYTES], there[BUFFER_BYTES];
	struct tree_extent extent;
	uint64_t offset = 0;

	while (offset < size && offset < 64 * BUFFER_BYTES) {
		ssize_t n;
		int err = tree_map(tree, id, offset, sizeof(there), &extent);

		if (err && err != -EOPNOTSUPP) {
			fprintf(stderr, "node %" PRIu64 ": no map: %s\n", id, strerror(-err));
			failed = true;
			return;
		}
		if (err) {
			offset = (offset / 4096 + 1) * 4096;
			continue;
		}
		n = tree_read(tree, id, read, extent.len, offset);
		if (extent.len == 0 || extent.len > sizeof(there) || n != (ssize_t)extent.len ||
		    pread(extent.fd, there, extent.len, (off_t)extent.offset) != n ||
		    memcmp(read, there, extent.len) != 0) {
			fprintf(stderr,
				"node %" PRIu64 ": not where the map says, at %" PRIu64 "\n", id,
				offset);
			failed = true;
			return;
		}
		mapped += extent.len;
		offset += extent.len;
	}
}

static void ask_about(struct twin *twin, uint64_t id)
{
	static const size_t lengths[] = {1, 4096, BUFFER_BYTES};
	static const char *const names[] = {"user.a", "security.capability", TREE_ACL_ACCESS};
	struct question q = {.id = id};
	struct tree_attr attr;

	if (tree_getattr(twin->plain, id, &attr))
		memset(&attr, 0, sizeof(attr));
	if (S_ISREG(attr.mode))
		check_map(twin->plain, id, attr.size);
	for (int i = 0; i < ASKS; i++) {
		q.ask = (enum ask)i;
		if (q.ask == ASK_GETATTR || q.ask == ASK_READDIR || q.ask == ASK_READLINK ||
		    q.ask == ASK_LISTXATTR || q.ask == ASK_VOLUME || q.ask == ASK_ACCESS ||
		    (q.ask == ASK_PARENT && S_ISDIR(attr.mode)))
			ask(twin, &q);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ask(twin, &(struct question){.ask = ASK_GETXATTR, .id = id, .name = names[i]});
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		q.len = lengths[i];
		q.offset = i == 1 ? attr.size / 2 : 0;
		for (enum ask a = ASK_READ; a <= ASK_SEEK_HOLE; a++) {
			q.ask = a;
			ask(twin, &q);
		}
	}
}

/* A directory, with what is in it. */
static void walk(struct twin *twin, uint64_t dir, unsigned int depth)
{
	struct found found = {0};
	int err = tree_readdir(twin->plain, dir, 0, find, &found);

	if (err)
		die("a directory", err);
	ask_about(twin, dir);
	ask(twin, &(struct question){.ask = ASK_LOOKUP_ABSENT, .id = dir, .name = "no such name"});
	for (size_t i = 0; i < found.count; i++) {
		struct question q = {.id = dir, .name = found.names[i]};
		struct tree_attr attr;

		/* of a large directory not every name */
		if (i > 40 && i % 37)
			continue;
		q.ask = ASK_LOOKUP;
		ask(twin, &q);
		q.ask = ASK_FOLD;
		ask(twin, &q);
		q.ask = ASK_SPELLING;
		ask(twin, &q);
		err = tree_getattr(twin->plain, found.ids[i], &attr);
		if (!err && S_ISDIR(attr.mode) && depth < 12)
			walk(twin, found.ids[i], depth + 1);
		else
			ask_about(twin, found.ids[i]);
	}
	release(&found);
}

/* The same changes for both: some of what is in each of the upper directories. */
static void change(struct tree *tree, uint64_t dir, unsigned int depth)
{
	static char data[9000];
	struct found found = {0};
	struct tree_new node = {.mode = S_IFREG | 0640};
	struct tree_setattr set = {.valid = TREE_SET_MODE | TREE_SET_UID, .mode = 0600, .uid = 7};
	struct tree_attr attr;

	memset(data, 'x', sizeof(data));
	if (tree_readdir(tree, dir, 0, find, &found))
		return;
	for (size_t i = 0; i < found.count && i < 60; i++) {
		const char *name = found.names[i];
		const size_t len = strlen(name);

		if (tree_getattr(tree, found.ids[i], &attr))
			continue;
		if (S_ISDIR(attr.mode) && depth < 3)
			change(tree, found.ids[i], depth + 1);
		if (S_ISREG(attr.mode) && i % 3 == 0)
			tree_write(tree, found.ids[i], data, sizeof(data), 3000, 0);
		if (i % 4 == 1)
			tree_setattr(tree, found.ids[i], &set, NULL);
		if (S_ISREG(attr.mode) && i % 7 == 2)
			tree_unlink(tree, dir, name, len);
		if (i % 7 == 4)
			tree_rename(tree, dir, name, len, dir, "renamed", 7, 0);
		if (i % 5 == 0)
			tree_setxattr(tree, found.ids[i], "user.a", "value", 5, 0);
	}
	if (tree_create(tree, dir, "created", 7, &node, &attr) == 0)
		tree_write(tree, attr.id, data, sizeof(data), 0, 0);
	release(&found);
}

/* Opening -------------------------------------------------------------------------------------- */

static struct tree *open_volume(const char *kind, struct image *img)
{
	const struct ext4_options ext4 = {0};
	const struct fat_options fat = {0};
	struct tree *tree;
	int err = strcmp(kind, "fat") == 0 ? fat_open(img, &fat, &tree)
					   : ext4_open(img, &ext4, &tree);

	if (err)
		die("cannot open a volume", err);
	return tree;
}

static void add_volume(struct twin *twin, const char *kind, const char *path)
{
	struct volume *volume = &twin->volumes[twin->volumes_count++];
	int err = image_open(path, &volume->img);

	if (err)
		die(path, err);
	volume->kind = kind;
	volume->flaky = flaky_open(volume->img, 0);
	if (!volume->flaky)
		die(path, -ENOMEM);
}

static struct tree *open_all(const struct twin *twin, bool flaky)
{
	struct tree *trees[2] = {NULL, NULL}, *all;
	int err;

	for (unsigned int i = 0; i < twin->volumes_count; i++)
		trees[i] = open_volume(twin->volumes[i].kind,
				       flaky ? twin->volumes[i].flaky : twin->volumes[i].img);
	if (!trees[1])
		return trees[0];
	err = tree_compose_create(trees[0], &all);
	if (!err)
		err = tree_compose_mount(all, twin->path, trees[1]);
	if (err)
		die("cannot compose", err);
	return all;
}

static void open_flaky(struct twin *twin)
{
	tree_close(twin->flaky);
	twin->flaky = open_all(twin, true);
}

static struct tree *put_overlay(struct tree *lower)
{
	struct store *store;
	struct tree *tree = NULL;
	int err = store_memory_create(&store);

	if (!err)
		err = overlay_format(store, lower, 0);
	if (!err)
		err = overlay_open(store, lower, &tree);
	if (err)
		die("cannot put an overlay above", err);
	change(tree, TREE_ROOT, 0);
	return tree;
}

/* What the host has not in memory gives -EAGAIN, until somebody has waited for it. */
static void check_cold(const char *path, struct image *img)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[4096];
	int cold, waited, warm;

	if (fd < 0 || fdatasync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		die(path, -errno);
	close(fd);
	wait_forbid();
	cold = image_read_at(img, buf, sizeof(buf), 8192);
	wait_allow();
	waited = image_read_at(img, buf, sizeof(buf), 8192);
	wait_forbid();
	warm = image_read_at(img, buf, sizeof(buf), 8192);
	wait_allow();
	/* a file system in memory has it always, one that cannot tell never */
	if (waited || (cold && cold != -EAGAIN) || (warm && warm != cold)) {
		fprintf(stderr, "a block gives %d, then %d when waited for, then %d\n", cold,
			waited, warm);
		failed = true;
	}
	printf("without waiting a cold block gives %d, a warm one %d\n", cold, warm);
}

int main(int argc, char **argv)
{
	struct twin twin = {0};
	struct tree *below;

	if (argc > 1 && strcmp(argv[1], "--overlay") == 0) {
		twin.overlay = has_own_times = true;
		argc--;
		argv++;
	}
	if (argc != 3 && argc != 6)
		die("usage", -EINVAL);
	log_set_sink(count_line, NULL);
	add_volume(&twin, argv[1], argv[2]);
	if (argc == 6) {
		add_volume(&twin, argv[3], argv[4]);
		twin.path = argv[5];
	}
	check_cold(argv[2], twin.volumes[0].img);
	twin.plain = open_all(&twin, false);
	if (twin.overlay) {
		twin.plain = put_overlay(twin.plain);
		below = flaky_tree_open(open_all(&twin, false), 0);
		if (!below)
			die("a tree", -ENOMEM);
		twin.below = flaky_tree_of(below);
		twin.flaky = put_overlay(below);
	}
	ask(&twin, &(struct question){.ask = ASK_STATFS, .id = TREE_ROOT});
	ask(&twin, &(struct question){.ask = ASK_WALK, .name = "/etc/fstab"});
	walk(&twin, TREE_ROOT, 0);
	tree_close(twin.plain);
	tree_close(twin.flaky);
	for (unsigned int i = 0; i < twin.volumes_count; i++) {
		image_close(twin.volumes[i].flaky);
		image_close(twin.volumes[i].img);
	}
	printf("%" PRIu64 " answers, %" PRIu64 " would have waited, %" PRIu64 " bytes are mapped\n",
	       answers, waits, mapped);
	if (waits == 0)
		die("nothing would have waited", -EINVAL);
	return failed;
}
