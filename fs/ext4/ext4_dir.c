/* SPDX-License-Identifier: MIT */
/*
 * Directories: finding a name and listing all. Listing goes through the blocks in their order, also
 * where there is an index, since the leaves hold every name; the cookie of an entry is the place
 * where the next one begins.
 */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/utf.h"
#include "ext4/ext4_dirblock.h"
#include "ext4/ext4_fastcommit.h"
#include "ext4/ext4_htree.h"
#include "ext4/ext4_nokey.h"

/* Cookies from here on are of names that fast commits added; no directory has as many bytes. */
#define FAST_COOKIE (TREE_COOKIES_END / 2)

#define INLINE_PARENT_BYTES 4u /* an inline directory begins with its parent's number */

DEFINE_CLEANUP(reader_finishp, struct ext4_dir_reader *, ext4_dir_reader_finish)

/* A name that is looked for; in caseless directories with its folded form. */
struct wanted {
	const char *name;
	size_t len;
	char *folded; /* owned; NULL: compare bytes */
	char *spelling; /* borrowed: gets the name as the entry has it; NULL: not asked for */
	size_t spelling_len;
};

/* One listing under way. */
struct listing {
	struct ext4 *fs;
	const struct ext4_inode *dir;
	uint64_t cookie; /* entries that begin before it were given already */
	tree_entry_fn take;
	void *ctx;
	bool stopped;
};

static bool is_dot(const struct ext4_dirent *entry)
{
	return (entry->name_len == 1 && entry->name[0] == '.') ||
	       (entry->name_len == 2 && entry->name[0] == '.' && entry->name[1] == '.');
}

/* The hash of a name in an encrypted directory: that of its bytes, or kept behind it. */
static int hash_of(const struct ext4 *fs, const struct ext4_inode *dir,
		   const struct ext4_dirent *entry, struct ext4_hash *out)
{
	size_t at = (entry->name_len + 3) & ~(size_t)3;

	if (!(dir->flags & EXT4_FL_CASEFOLD))
		return ext4_htree_hash(fs, dir, fs->default_hash, entry->name, entry->name_len,
				       out);
	if (!range_fits(at, 8, entry->rec_len - EXT4_DIRENT_HEAD))
		return -EUCLEAN;
	out->major = le32_at(entry->name + at);
	out->minor = le32_at(entry->name + at + 4);
	return 0;
}

static size_t nokey_name(const struct ext4 *fs, const struct ext4_inode *dir,
			 const struct ext4_dirent *entry, char out[EXT4_NOKEY_NAME_MAX])
{
	struct ext4_hash hash = {0};

	/* the kernel knows the hashes only where it lists by them */
	if (ext4_dir_lists_by_hash(fs, dir) && hash_of(fs, dir, entry, &hash))
		hash = (struct ext4_hash){0};
	return ext4_nokey_name((const uint8_t *)entry->name, entry->name_len, hash.major,
			       hash.minor, out);
}

static bool matches_nokey(const struct ext4 *fs, const struct ext4_inode *dir,
			  const struct wanted *wanted, const struct ext4_dirent *entry)
{
	char name[EXT4_NOKEY_NAME_MAX];
	size_t len = nokey_name(fs, dir, entry, name);

	return len == wanted->len && memcmp(name, wanted->name, len) == 0;
}

static bool matches(const struct ext4 *fs, const struct ext4_inode *dir,
		    const struct wanted *wanted, const struct ext4_dirent *entry)
{
	char *folded;
	bool same;

	if (dir->flags & EXT4_FL_ENCRYPT)
		return matches_nokey(fs, dir, wanted, entry);
	if (entry->name_len == wanted->len && memcmp(entry->name, wanted->name, wanted->len) == 0)
		return true;
	if (!wanted->folded || utf8_casefold(entry->name, entry->name_len, &folded))
		return false;
	same = strcmp(folded, wanted->folded) == 0;
	free(folded);
	return same;
}

static void spell(struct wanted *wanted, const char *name, size_t len)
{
	if (!wanted->spelling)
		return;
	memcpy(wanted->spelling, name, len);
	wanted->spelling_len = len;
}

/*
 * Searches @size bytes of entries: 0, -ENOENT, or -EUCLEAN. As in the kernel, an entry that is not
 * sound hides no other; the directory without it is complete.
 */
static int search(const struct ext4 *fs, const struct ext4_inode *dir, const uint8_t *bytes,
		  uint32_t size, struct wanted *wanted, uint32_t *out_inode)
{
	for (uint32_t offset = 0; offset < size;) {
		struct ext4_dirent entry;
		int err = ext4_dirent_frame(fs, dir->number, bytes, size, offset, &entry);

		if (err)
			return err;
		if (entry.inode && entry.name_len <= size - offset - EXT4_DIRENT_HEAD &&
		    !is_dot(&entry) && matches(fs, dir, wanted, &entry)) {
			if (!ext4_dirent_is_sound(fs, &entry))
				return ext4_corrupt("directory %u: entry for inode %u of %u",
						    dir->number, entry.inode, fs->inodes_count);
			spell(wanted, entry.name, entry.name_len);
			*out_inode = entry.inode;
			return 0;
		}
		offset += entry.rec_len;
	}
	return -ENOENT;
}

static int lookup_by_index(struct ext4_dir_reader *reader, struct wanted *wanted,
			   uint32_t *out_inode)
{
	struct ext4_htree tree;
	uint64_t leaf;
	int err = ext4_htree_start(&tree, reader, wanted->name, wanted->len, &leaf);

	while (err == 0) {
		err = ext4_dir_read_block(reader, leaf);
		if (err)
			break;
		err = search(reader->fs, reader->dir, reader->block, reader->fs->block_size, wanted,
			     out_inode);
		if (err != -ENOENT)
			break;
		err = ext4_htree_next(&tree, &leaf);
	}
	ext4_htree_finish(&tree);
	return err;
}

static uint64_t blocks_and_holes(const struct ext4 *fs)
{
	return 2 * fs->held_blocks + 1;
}

/*
 * Moves *@logical to the next block that is there: 0, or 1 behind the end. A directory has no more
 * blocks than the image, nor more holes between them: *@budget ends one that says otherwise.
 */
static int next_block(struct ext4_dir_reader *reader, uint64_t *logical, uint64_t *budget)
{
	const struct ext4_inode *dir = reader->dir;
	uint64_t blocks = ext4_dir_blocks(reader->fs, dir);

	while (*logical < blocks) {
		int err = ext4_dir_find_run(reader, *logical);

		if (err)
			return err;
		/* not by the budget alone: each call to list a part begins with a whole one */
		if ((*budget)-- == 0 ||
		    (reader->run.kind == EXT4_RUN_MAPPED && *logical >= reader->fs->held_blocks))
			return ext4_corrupt("directory %u has more blocks than the volume",
					    dir->number);
		if (reader->run.kind == EXT4_RUN_MAPPED)
			return 0;
		if (ext4_dir_lists_by_hash(reader->fs, dir))
			return ext4_corrupt("directory %u has a hole at block %llu", dir->number,
					    (unsigned long long)*logical);
		if (!reader->met_hole)
			log_warn("ext4: directory %u has a hole at block %llu: passed over",
				 dir->number, (unsigned long long)*logical);
		reader->met_hole = true;
		if ((*budget)-- == 0)
			return ext4_corrupt("directory %u has more holes than the volume blocks",
					    dir->number);
		*logical = reader->run_start + reader->run.count;
	}
	return 1;
}

static int lookup_by_search(struct ext4_dir_reader *reader, struct wanted *wanted,
			    uint32_t *out_inode)
{
	uint64_t budget = blocks_and_holes(reader->fs);

	for (uint64_t logical = 0;; logical++) {
		int err = next_block(reader, &logical, &budget);

		if (err)
			return err > 0 ? -ENOENT : err;
		err = ext4_dir_read_block(reader, logical);
		if (err)
			return err;
		err = search(reader->fs, reader->dir, reader->block, reader->fs->block_size, wanted,
			     out_inode);
		if (err != -ENOENT)
			return err;
	}
}

static int lookup_inline(struct ext4 *fs, const struct ext4_inode *dir, struct wanted *wanted,
			 uint32_t *out_inode)
{
	CLEANUP(freep) uint8_t *data = NULL;
	size_t len;
	int err = ext4_inline_read(fs, dir, &data, &len);

	if (err)
		return err;
	err = search(fs, dir, data + INLINE_PARENT_BYTES, EXT4_BLOCK_BYTES - INLINE_PARENT_BYTES,
		     wanted, out_inode);
	if (err != -ENOENT || len == EXT4_BLOCK_BYTES)
		return err;
	return search(fs, dir, data + EXT4_BLOCK_BYTES, (uint32_t)(len - EXT4_BLOCK_BYTES), wanted,
		      out_inode);
}

static int lookup_blocks(struct ext4 *fs, const struct ext4_inode *dir, struct wanted *wanted,
			 uint32_t *out_inode)
{
	struct ext4_dir_reader memory;
	CLEANUP(reader_finishp) struct ext4_dir_reader *reader = &memory;
	int err = ext4_dir_reader_init(reader, fs, dir);

	if (err)
		return err;
	/* a name without its key tells nothing about the hash that the index has */
	if (ext4_dir_is_indexed(fs, dir) && !(dir->flags & EXT4_FL_ENCRYPT)) {
		err = lookup_by_index(reader, wanted, out_inode);
		if (err != -EOPNOTSUPP)
			return err;
	}
	return lookup_by_search(reader, wanted, out_inode);
}

/* A name that fast commits decide about: 0 or -ENOENT; 1: they say nothing. */
static int lookup_fast(const struct ext4 *fs, const struct ext4_inode *dir, struct wanted *wanted,
		       uint32_t *out_inode)
{
	struct ext4_fc_entry entry = {0};
	uint32_t number;

	if (!ext4_fc_lookup(fs->fast, dir->number, wanted->name, wanted->len, &number))
		return 1;
	if (number == 0)
		return -ENOENT;
	while (wanted->spelling &&
	       ext4_fc_next_entry(fs->fast, dir->number, entry.cookie, &entry)) {
		const struct ext4_dirent shown = {.name = entry.name, .name_len = entry.name_len};

		if (entry.inode == number && matches(fs, dir, wanted, &shown))
			spell(wanted, entry.name, entry.name_len);
	}
	*out_inode = number;
	return 0;
}

static int lookup(struct ext4 *fs, const struct ext4_inode *dir, struct wanted *wanted,
		  uint32_t *out_inode)
{
	int err;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (wanted->len > EXT4_NAME_MAX)
		return -ENAMETOOLONG;
	if (dir->flags & EXT4_FL_CASEFOLD &&
	    utf8_casefold(wanted->name, wanted->len, &wanted->folded) == -ENOMEM)
		return -ENOMEM;
	err = lookup_fast(fs, dir, wanted, out_inode);
	if (err > 0 && dir->flags & EXT4_FL_INLINE_DATA)
		err = lookup_inline(fs, dir, wanted, out_inode);
	else if (err > 0)
		err = lookup_blocks(fs, dir, wanted, out_inode);
	free(wanted->folded);
	return err;
}

int ext4_dir_lookup(struct ext4 *fs, const struct ext4_inode *dir, const char *name, size_t len,
		    uint32_t *out_inode)
{
	struct wanted wanted = {.name = name, .len = len};

	return lookup(fs, dir, &wanted, out_inode);
}

bool ext4_dir_ignores_case(const struct ext4 *fs, const struct ext4_inode *dir)
{
	/* names without their key are compared as they are shown, byte by byte */
	return fs->incompat & EXT4_INCOMPAT_CASEFOLD && S_ISDIR(dir->mode) &&
	       dir->flags & EXT4_FL_CASEFOLD && !(dir->flags & EXT4_FL_ENCRYPT);
}

ssize_t ext4_dir_spelling(struct ext4 *fs, const struct ext4_inode *dir, const char *name,
			  size_t len, char out[EXT4_NAME_MAX])
{
	bool may_differ = ext4_dir_ignores_case(fs, dir);
	struct wanted wanted = {.name = name, .len = len, .spelling = may_differ ? out : NULL};
	uint32_t number;
	int err = lookup(fs, dir, &wanted, &number);

	if (err)
		return err;
	if (may_differ)
		return (ssize_t)wanted.spelling_len;
	memcpy(out, name, len);
	return (ssize_t)len;
}

ssize_t ext4_dir_fold(const char *name, size_t len, char *out, size_t size)
{
	CLEANUP(freep) char *folded = NULL;
	int err = utf8_casefold(name, len, &folded);

	if (err == -ENOMEM)
		return err;
	if (!err) {
		name = folded;
		len = strlen(folded);
	}
	/* characters that are ignored may be all of a name: NUL stands for what is left of it */
	if (len == 0)
		len = 1;
	if (len > size)
		return -ERANGE;
	memcpy(out, name, len);
	return (ssize_t)len;
}

int ext4_dir_parent(struct ext4 *fs, const struct ext4_inode *dir, uint32_t *out_inode)
{
	struct ext4_dir_reader memory;
	CLEANUP(reader_finishp) struct ext4_dir_reader *reader = &memory;
	struct ext4_dirent entry;
	int err = ext4_dir_reader_init(reader, fs, dir);

	if (err)
		return err;
	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (ext4_fc_new_dir(fs->fast, dir->number, out_inode))
		return 0;
	if (dir->flags & EXT4_FL_INLINE_DATA) {
		*out_inode = le32_at(dir->block);
		return 0;
	}
	err = ext4_dir_read_block(reader, 0);
	if (err)
		return err;
	err = ext4_dirent_parse(fs, dir->number, reader->block, fs->block_size, 0, &entry);
	if (err == 0 && entry.rec_len < fs->block_size)
		err = ext4_dirent_parse(fs, dir->number, reader->block, fs->block_size,
					entry.rec_len, &entry);
	if (err)
		return err;
	if (entry.name_len != 2 || memcmp(entry.name, "..", 2) != 0 || entry.inode == 0)
		return ext4_corrupt("directory %u has no '..'", dir->number);
	*out_inode = entry.inode;
	return 0;
}

/* Gives one entry to the taker, unless its name cannot be one. */
static void give(struct listing *listing, const struct ext4_dirent *disk, uint64_t next)
{
	char hidden[EXT4_NOKEY_NAME_MAX];
	struct tree_entry entry = {
		.name = disk->name,
		.name_len = disk->name_len,
		.id = ext4_id(disk->inode),
		.next = next,
		.type = disk->type,
	};
	uint32_t number;

	/* what fast commits added is listed behind all others */
	if (ext4_fc_lookup(listing->fs->fast, listing->dir->number, disk->name, disk->name_len,
			   &number))
		return;
	if (listing->dir->flags & EXT4_FL_ENCRYPT) {
		entry.name = hidden;
		entry.name_len = nokey_name(listing->fs, listing->dir, disk, hidden);
	} else if (disk->name_len == 0 || memchr(disk->name, '/', disk->name_len) ||
		   memchr(disk->name, '\0', disk->name_len)) {
		log_warn("ext4: corrupt volume: directory %u: a name that cannot be one: left out",
			 listing->dir->number);
		return;
	}
	listing->stopped = listing->take(listing->ctx, &entry);
}

/*
 * Lists @size bytes of entries; @position is where they begin in the directory. The rest behind a
 * broken entry is left out, as the kernel does.
 */
static void list_bytes(struct listing *listing, const uint8_t *bytes, uint32_t size,
		       uint64_t position)
{
	for (uint32_t offset = 0; offset < size && !listing->stopped;) {
		struct ext4_dirent entry;

		if (ext4_dirent_parse(listing->fs, listing->dir->number, bytes, size, offset,
				      &entry))
			return;
		if (entry.inode && !is_dot(&entry) && position + offset >= listing->cookie)
			give(listing, &entry, position + offset + entry.rec_len);
		offset += entry.rec_len;
	}
}

static int list_inline(struct listing *listing)
{
	CLEANUP(freep) uint8_t *data = NULL;
	size_t len;
	int err = ext4_inline_read(listing->fs, listing->dir, &data, &len);

	if (err)
		return err;
	list_bytes(listing, data + INLINE_PARENT_BYTES, EXT4_BLOCK_BYTES - INLINE_PARENT_BYTES,
		   INLINE_PARENT_BYTES);
	if (!listing->stopped && len > EXT4_BLOCK_BYTES)
		list_bytes(listing, data + EXT4_BLOCK_BYTES, (uint32_t)(len - EXT4_BLOCK_BYTES),
			   EXT4_BLOCK_BYTES);
	return 0;
}

static int list_blocks(struct listing *listing)
{
	struct ext4 *fs = listing->fs;
	struct ext4_dir_reader memory;
	CLEANUP(reader_finishp) struct ext4_dir_reader *reader = &memory;
	uint64_t budget = blocks_and_holes(fs);
	int err = ext4_dir_reader_init(reader, fs, listing->dir);

	if (err)
		return err;
	for (uint64_t logical = listing->cookie / fs->block_size; !listing->stopped; logical++) {
		err = next_block(reader, &logical, &budget);
		if (err)
			return err > 0 ? 0 : err;
		err = ext4_dir_read_block(reader, logical);
		/* where the kernel does not list by hash, it passes over a block it cannot trust */
		if (err == -EBADMSG && !ext4_dir_lists_by_hash(fs, listing->dir))
			continue;
		if (err)
			return err;
		list_bytes(listing, reader->block, fs->block_size, logical * fs->block_size);
	}
	return 0;
}

static void list_fast(struct listing *listing)
{
	uint32_t position = 0;
	struct ext4_fc_entry added;

	if (listing->cookie >= FAST_COOKIE)
		position = (uint32_t)min_u64(listing->cookie - FAST_COOKIE, UINT32_MAX);
	while (!listing->stopped &&
	       ext4_fc_next_entry(listing->fs->fast, listing->dir->number, position, &added)) {
		struct tree_entry entry = {
			.name = added.name,
			.name_len = added.name_len,
			.id = ext4_id(added.inode),
			.next = FAST_COOKIE + added.cookie,
			.type = added.type,
		};

		position = added.cookie;
		if (memchr(added.name, '/', added.name_len) ||
		    memchr(added.name, '\0', added.name_len))
			log_warn("ext4: corrupt volume: directory %u: a name that cannot be one: "
				 "left out",
				 listing->dir->number);
		else
			listing->stopped = listing->take(listing->ctx, &entry);
	}
}

static int list_disk(struct listing *listing)
{
	uint32_t parent;

	if (listing->cookie >= FAST_COOKIE ||
	    ext4_fc_new_dir(listing->fs->fast, listing->dir->number, &parent))
		return 0;
	if (listing->dir->flags & EXT4_FL_INLINE_DATA)
		return list_inline(listing);
	return list_blocks(listing);
}

int ext4_dir_list(struct ext4 *fs, const struct ext4_inode *dir, uint64_t cookie,
		  tree_entry_fn take, void *ctx)
{
	struct listing listing = {
		.fs = fs,
		.dir = dir,
		.cookie = cookie,
		.take = take,
		.ctx = ctx,
	};
	int err;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	err = list_disk(&listing);
	if (!err && !listing.stopped)
		list_fast(&listing);
	return err;
}
