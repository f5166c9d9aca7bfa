/* SPDX-License-Identifier: MIT */
/*
 * Several trees as one: volumes shown in directories of the first tree. A mount covers the node of a
 * directory, not a path: where that node is reached, the volume's root stands instead. A directory
 * that is missing is made up: a node of this tree's own, with an entry added to its parent.
 */
#include "tree/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"

#define PARTS_MAX 64u
#define MADE_UP_MAX 256u /* directories */

/* Ids stay below this: FUSE and NFS give them to programs as signed 64 bits. */
#define IDS_END ((uint64_t)1 << 62)

struct part {
	struct tree *tree; /* owned */
	uint64_t base; /* its root's id; ids of the first part are its own */
	uint64_t covered; /* the directory that its root stands for; 0 for the first part */
};

/* A directory that no volume has, and so the only entry that leads to it. */
struct made_up {
	uint64_t id;
	uint64_t parent;
	char *name; /* owned */
};

struct compose {
	struct tree base;
	unsigned int parts_count;
	struct part parts[PARTS_MAX];
	unsigned int made_up_count;
	struct made_up made_up[MADE_UP_MAX];
};

static struct compose *of(struct tree *tree)
{
	return container_of(tree, struct compose, base);
}

static const struct made_up *made_up_of(const struct compose *compose, uint64_t id)
{
	for (unsigned int i = 0; i < compose->made_up_count; i++) {
		if (compose->made_up[i].id == id)
			return &compose->made_up[i];
	}
	return NULL;
}

/* The part that @id belongs to and the id that it has there; NULL: none. */
static const struct part *part_of(const struct compose *compose, uint64_t id, uint64_t *out_id)
{
	for (unsigned int i = compose->parts_count; i-- > 0;) {
		const struct part *part = &compose->parts[i];

		if (id < part->base)
			continue;
		if (id - part->base >= part->tree->span)
			return NULL;
		*out_id = id - part->base;
		if (i == 0)
			return part;
		if (*out_id == TREE_ROOT)
			return NULL; /* that place is not used: the root is the range's first */
		if (*out_id == 0)
			*out_id = TREE_ROOT;
		return part;
	}
	return NULL;
}

/*
 * Whether two names are one in @dir, which a part may have with names compared without case: 1, 0, or
 * -EAGAIN.
 */
static int same_name(const struct compose *compose, uint64_t dir, const char *a, size_t a_len,
		     const char *b, size_t b_len)
{
	char a_folded[TREE_FOLD_MAX], b_folded[TREE_FOLD_MAX];
	uint64_t part_dir;
	const struct part *part;
	ssize_t n, m;

	if (a_len == b_len && memcmp(a, b, a_len) == 0)
		return 1;
	part = part_of(compose, dir, &part_dir);
	if (!part)
		return 0;
	n = tree_fold(part->tree, part_dir, a, a_len, a_folded, sizeof(a_folded));
	if (n <= 0)
		return n == -EAGAIN ? -EAGAIN : 0;
	m = tree_fold(part->tree, part_dir, b, b_len, b_folded, sizeof(b_folded));
	if (m == -EAGAIN)
		return -EAGAIN;
	return m == n && memcmp(a_folded, b_folded, (size_t)n) == 0;
}

/* *@out, on success: the made-up directory of this name, or NULL. -EAGAIN. */
static int made_up_in(const struct compose *compose, uint64_t dir, const char *name, size_t len,
		      const struct made_up **out)
{
	*out = NULL;
	for (unsigned int i = 0; i < compose->made_up_count; i++) {
		const struct made_up *entry = &compose->made_up[i];
		int same;

		if (entry->parent != dir)
			continue;
		same = same_name(compose, dir, entry->name, strlen(entry->name), name, len);
		if (same < 0)
			return same;
		if (same) {
			*out = entry;
			return 0;
		}
	}
	return 0;
}

/* From an id of a part to ours. */
static uint64_t id_from(const struct compose *compose, const struct part *part, uint64_t id)
{
	if (part == &compose->parts[0])
		return id;
	return id == TREE_ROOT ? part->base : part->base + id;
}

/* What stands at the directory @id: the root of the volume mounted there, else itself. */
static uint64_t uncover(const struct compose *compose, uint64_t id)
{
	for (unsigned int i = 1; i < compose->parts_count; i++) {
		if (compose->parts[i].covered == id)
			return compose->parts[i].base;
	}
	return id;
}

static int made_up_getattr(struct compose *compose, const struct made_up *entry,
			   struct tree_attr *out)
{
	struct tree_attr root;
	int err = tree_getattr(compose->parts[0].tree, TREE_ROOT, &root);

	if (err)
		return err;
	*out = (struct tree_attr){
		.id = entry->id,
		.mode = S_IFDIR | 0755,
		.nlink = 2,
		.block_size = root.block_size,
		.atime = root.atime,
		.mtime = root.mtime,
		.ctime = root.ctime,
		.btime = root.btime,
	};
	return 0;
}

static int compose_getattr(struct tree *tree, uint64_t id, struct tree_attr *out)
{
	struct compose *compose = of(tree);
	const struct made_up *entry = made_up_of(compose, id);
	const struct part *part;
	uint64_t part_id;
	int err;

	if (entry)
		return made_up_getattr(compose, entry, out);
	part = part_of(compose, id, &part_id);
	if (!part)
		return -ESTALE;
	err = tree_getattr(part->tree, part_id, out);
	if (err)
		return err;
	out->id = id;
	return 0;
}

static int compose_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len,
			  uint64_t *out_id)
{
	struct compose *compose = of(tree);
	const struct made_up *entry;
	const struct part *part;
	uint64_t part_dir, id;
	int err = made_up_in(compose, dir, name, len, &entry);

	if (err)
		return err;
	if (entry) {
		*out_id = uncover(compose, entry->id);
		return 0;
	}
	if (made_up_of(compose, dir))
		return -ENOENT;
	part = part_of(compose, dir, &part_dir);
	if (!part)
		return -ESTALE;
	err = tree_lookup(part->tree, part_dir, name, len, &id);
	if (err)
		return err;
	*out_id = uncover(compose, id_from(compose, part, id));
	return 0;
}

static int compose_parent(struct tree *tree, uint64_t dir, uint64_t *out_id)
{
	struct compose *compose = of(tree);
	const struct made_up *entry;
	const struct part *part;
	uint64_t part_dir, id;
	int err;

	/* the way up from a volume's root starts at the directory that it covers */
	for (unsigned int i = 1; i < compose->parts_count; i++) {
		if (compose->parts[i].base == dir) {
			dir = compose->parts[i].covered;
			i = 0;
		}
	}
	entry = made_up_of(compose, dir);
	if (entry) {
		*out_id = entry->parent;
		return 0;
	}
	part = part_of(compose, dir, &part_dir);
	if (!part)
		return -ESTALE;
	err = tree_parent(part->tree, part_dir, &id);
	if (err)
		return err;
	*out_id = uncover(compose, id_from(compose, part, id));
	return 0;
}

struct listing {
	const struct compose *compose;
	const struct part *part;
	uint64_t dir; /* an id of ours */
	tree_entry_fn take;
	void *ctx;
	int error;
	bool stopped;
};

/* Translates one entry of a part; "." and ".." were given by the caller of all this. */
static int take_from_part(void *ctx, const struct tree_entry *entry)
{
	struct listing *listing = ctx;
	struct tree_entry ours = *entry;
	const struct made_up *hiding;

	/* a made-up directory hides what the volume may have under its name */
	listing->error =
		made_up_in(listing->compose, listing->dir, entry->name, entry->name_len, &hiding);
	if (listing->error)
		return 1;
	if (hiding)
		return 0;
	ours.id = uncover(listing->compose, id_from(listing->compose, listing->part, entry->id));
	listing->stopped = listing->take(listing->ctx, &ours);
	return listing->stopped;
}

static int compose_readdir(struct tree *tree, uint64_t dir, uint64_t cookie, tree_entry_fn take,
			   void *ctx)
{
	struct compose *compose = of(tree);
	struct listing listing = {.compose = compose, .dir = dir, .take = take, .ctx = ctx};
	uint64_t first = cookie >= TREE_COOKIES_END ? cookie - TREE_COOKIES_END : 0;

	if (cookie < TREE_COOKIES_END && !made_up_of(compose, dir)) {
		uint64_t part_dir;
		int err;

		listing.part = part_of(compose, dir, &part_dir);
		if (!listing.part)
			return -ESTALE;
		err = listing.part->tree->ops->readdir(listing.part->tree, part_dir, cookie,
						       take_from_part, &listing);
		if (err || listing.error || listing.stopped)
			return err ? err : listing.error;
	}
	for (uint64_t i = first; i < compose->made_up_count; i++) {
		const struct made_up *entry = &compose->made_up[i];
		struct tree_entry ours = {
			.name = entry->name,
			.name_len = strlen(entry->name),
			.id = uncover(compose, entry->id),
			.next = TREE_COOKIES_END + i + 1,
			.type = DT_DIR,
		};

		if (entry->parent == dir && take(ctx, &ours))
			return 0;
	}
	return 0;
}

/* The tree that has @id, and its id there; @made_up_error if it is a made-up directory. */
static int route(const struct compose *compose, uint64_t id, int made_up_error, struct tree **out,
		 uint64_t *out_id)
{
	const struct part *part = part_of(compose, id, out_id);

	if (!part)
		return made_up_of(compose, id) ? made_up_error : -ESTALE;
	*out = part->tree;
	return 0;
}

static ssize_t compose_read(struct tree *tree, uint64_t id, void *buf, size_t len, uint64_t offset)
{
	struct tree *part;
	uint64_t part_id;
	int err = route(of(tree), id, -EISDIR, &part, &part_id);

	return err ? err : tree_read(part, part_id, buf, len, offset);
}

static int compose_map(struct tree *tree, uint64_t id, uint64_t offset, size_t len,
		       struct tree_extent *out)
{
	struct tree *part;
	uint64_t part_id;
	int err = route(of(tree), id, -EOPNOTSUPP, &part, &part_id);

	return err ? err : tree_map(part, part_id, offset, len, out);
}

static int compose_seek(struct tree *tree, uint64_t id, uint64_t offset, int whence,
			uint64_t *out_offset)
{
	struct tree *part;
	uint64_t part_id;
	int err = route(of(tree), id, -EINVAL, &part, &part_id);

	return err ? err : tree_seek(part, part_id, offset, whence, out_offset);
}

static ssize_t compose_readlink(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	struct tree *part;
	uint64_t part_id;
	int err = route(of(tree), id, -EINVAL, &part, &part_id);

	return err ? err : tree_readlink(part, part_id, buf, size);
}

static ssize_t compose_getxattr(struct tree *tree, uint64_t id, const char *name, void *buf,
				size_t size)
{
	struct tree *part;
	uint64_t part_id;
	int err = route(of(tree), id, -ENODATA, &part, &part_id);

	return err ? err : tree_getxattr(part, part_id, name, buf, size);
}

static ssize_t compose_listxattr(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	struct tree *part;
	uint64_t part_id;
	int err = route(of(tree), id, -ENODATA, &part, &part_id);

	if (err)
		return err == -ENODATA ? 0 : err;
	return tree_listxattr(part, part_id, buf, size);
}

static bool compose_lacks_xattr(struct tree *tree, const char *name)
{
	struct compose *compose = of(tree);

	for (unsigned int i = 0; i < compose->parts_count; i++) {
		if (!tree_lacks_xattr(compose->parts[i].tree, name))
			return false;
	}
	return true;
}

static int compose_statfs(struct tree *tree, uint64_t id, struct tree_statfs *out)
{
	struct tree *part;
	uint64_t part_id;
	int err = route(of(tree), id, -ENOENT, &part, &part_id);

	if (err == -ENOENT)
		return tree_statfs(of(tree)->parts[0].tree, TREE_ROOT, out);
	return err ? err : tree_statfs(part, part_id, out);
}

/* What is made up belongs to the first part. */
static int compose_volume(struct tree *tree, uint64_t id, uint64_t *out_root)
{
	struct compose *compose = of(tree);
	uint64_t part_id, root;
	const struct part *part = part_of(compose, id, &part_id);
	int err;

	if (!part) {
		if (!made_up_of(compose, id))
			return -ESTALE;
		*out_root = TREE_ROOT;
		return 0;
	}
	err = tree_volume(part->tree, part_id, &root);
	if (err)
		return err;
	*out_root = id_from(compose, part, root);
	return 0;
}

static ssize_t compose_fold(struct tree *tree, uint64_t dir, const char *name, size_t len,
			    char *out, size_t size)
{
	struct tree *part;
	uint64_t part_dir;
	int err = route(of(tree), dir, -ENOENT, &part, &part_dir);

	if (err)
		return err == -ENOENT ? 0 : err;
	return tree_fold(part, part_dir, name, len, out, size);
}

static ssize_t compose_spelling(struct tree *tree, uint64_t dir, const char *name, size_t len,
				char *out)
{
	const struct made_up *entry;
	struct tree *part;
	uint64_t part_dir;
	int err = made_up_in(of(tree), dir, name, len, &entry);

	if (err)
		return err;
	if (entry) {
		len = strlen(entry->name);
		memcpy(out, entry->name, len);
		return (ssize_t)len;
	}
	err = route(of(tree), dir, -ENOENT, &part, &part_dir);
	return err ? err : tree_spelling(part, part_dir, name, len, out);
}

static void compose_close(struct tree *tree)
{
	struct compose *compose = of(tree);

	for (unsigned int i = 0; i < compose->parts_count; i++)
		tree_close(compose->parts[i].tree);
	for (unsigned int i = 0; i < compose->made_up_count; i++)
		free(compose->made_up[i].name);
	free(compose);
}

static const struct tree_ops compose_ops = {
	.kind = "compose",
	.getattr = compose_getattr,
	.lookup = compose_lookup,
	.parent = compose_parent,
	.readdir = compose_readdir,
	.read = compose_read,
	.map = compose_map,
	.seek = compose_seek,
	.readlink = compose_readlink,
	.getxattr = compose_getxattr,
	.listxattr = compose_listxattr,
	.lacks_xattr = compose_lacks_xattr,
	.statfs = compose_statfs,
	.volume = compose_volume,
	.fold = compose_fold,
	.spelling = compose_spelling,
	.close = compose_close,
};

int tree_compose_create(struct tree *root, struct tree **out)
{
	struct compose *compose = calloc(1, sizeof(*compose));

	if (!compose)
		return -ENOMEM;
	compose->base.ops = &compose_ops;
	compose->base.span = root->span;
	compose->base.mixes_case = root->mixes_case;
	compose->parts_count = 1;
	compose->parts[0].tree = root;
	*out = &compose->base;
	return 0;
}

static int make_up(struct compose *compose, uint64_t parent, const char *name, uint64_t *out_id)
{
	struct made_up *entry = &compose->made_up[compose->made_up_count];

	if (compose->made_up_count == MADE_UP_MAX)
		return -ENOSPC;
	entry->name = strdup(name);
	if (!entry->name)
		return -ENOMEM;
	entry->id = compose->base.span++;
	entry->parent = parent;
	compose->made_up_count++;
	*out_id = entry->id;
	return 0;
}

/* The directory that @path names; from the first component on that is missing they are made up. */
static int walk_or_make_up(struct compose *compose, const char *path, uint64_t *out_id)
{
	CLEANUP(freep) char *prefix = calloc(1, strlen(path) + 2);
	uint64_t at = TREE_ROOT;
	bool missing = false;

	if (!prefix)
		return -ENOMEM;
	for (;;) {
		char name[TREE_NAME_MAX + 1];
		size_t len;
		int err = -ENOENT;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			break;
		if (len > TREE_NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path, len);
		name[len] = '\0';
		path += len;
		strcat(prefix, "/");
		strcat(prefix, name);
		if (!missing)
			err = tree_walk(&compose->base, prefix, true, &at);
		if (err == -ENOENT && strcmp(name, "..") != 0 && strcmp(name, ".") != 0) {
			missing = true;
			err = make_up(compose, at, name, &at);
		}
		if (err)
			return err;
	}
	*out_id = at;
	return 0;
}

int tree_compose_mount(struct tree *tree, const char *path, struct tree *volume)
{
	struct compose *compose = of(tree);
	struct tree_attr attr;
	uint64_t dir;
	int err;

	if (compose->parts_count == PARTS_MAX || compose->base.span > IDS_END - MADE_UP_MAX ||
	    volume->span > IDS_END - MADE_UP_MAX - compose->base.span)
		return -ENOSPC;
	err = walk_or_make_up(compose, path, &dir);
	if (err)
		return err;
	err = compose_getattr(tree, dir, &attr);
	if (err)
		return err;
	if (!S_ISDIR(attr.mode))
		return -ENOTDIR;
	if (dir == TREE_ROOT)
		return -EBUSY;
	for (unsigned int i = 1; i < compose->parts_count; i++) {
		if (compose->parts[i].base == dir)
			return -EBUSY;
	}
	compose->base.mixes_case |= volume->mixes_case;
	compose->parts[compose->parts_count++] = (struct part){
		.tree = volume,
		.base = compose->base.span,
		.covered = dir,
	};
	compose->base.span += volume->span;
	return 0;
}
