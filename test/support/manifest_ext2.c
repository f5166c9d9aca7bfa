/* SPDX-License-Identifier: MIT */
/*
 * manifest_ext2 [--without FIELD,...] [--offset BYTES] IMAGE: prints an ext2, ext3 or ext4 volume as
 * lines that manifest.h describes, as libext2fs of e2fsprogs sees it: the judge of what the kernel
 * of this machine cannot mount. Exits 1 where something could not be read.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ext2fs/ext2fs.h>

#include "base/cleanup.h"
#include "support/manifest.h"

#define BUFFER_BYTES (1u << 17)
#define DEPTH_MAX 300

static ext2_filsys fs;

static void complain(const char *field, errcode_t err)
{
	/* Errors of the library itself are beyond errno. */
	if (err < 256)
		manifest_error(field, (int)err);
	else if (err == EXT2_ET_INODE_CSUM_INVALID || err == EXT2_ET_EXTENT_CSUM_INVALID ||
		 err == EXT2_ET_DIR_CSUM_INVALID || err == EXT2_ET_EXT_ATTR_CSUM_INVALID)
		manifest_error(field, EBADMSG);
	else
		manifest_error(field, EUCLEAN);
}

/* A time of 34 bits and nanoseconds: Linux Documentation/filesystems/ext4/inodes.rst. */
static struct timespec decode_time(uint32_t low, uint32_t extra, bool has_extra)
{
	struct timespec t = {.tv_sec = (int32_t)low};

	if (has_extra) {
		t.tv_sec += (int64_t)(extra & 3) << 32;
		t.tv_nsec = extra >> 2;
	}
	return t;
}

static void decode(ext2_ino_t number, const struct ext2_inode_large *inode,
		   struct manifest_node *node)
{
	/* i_extra_isize counts from byte 128 on; each of the times must lie inside it. */
	size_t used = EXT2_INODE_SIZE(fs->super) > 128 ? 128u + inode->i_extra_isize : 128;
	const struct ext2_inode *small = (const struct ext2_inode *)inode;

#define HAS(field) (used >= offsetof(struct ext2_inode_large, field) + 4)
	*node = (struct manifest_node){
		.ino = number == EXT2_ROOT_INO ? 0 : number,
		.size = EXT2_I_SIZE(inode),
		.blocks = ext2fs_get_stat_i_blocks(fs, (struct ext2_inode *)small),
		.mode = inode->i_mode,
		.nlink = inode->i_links_count,
		.uid = inode_uid(*inode),
		.gid = inode_gid(*inode),
		.mtime = decode_time(inode->i_mtime, inode->i_mtime_extra, HAS(i_mtime_extra)),
		.atime = decode_time(inode->i_atime, inode->i_atime_extra, HAS(i_atime_extra)),
		.ctime = decode_time(inode->i_ctime, inode->i_ctime_extra, HAS(i_ctime_extra)),
	};
#undef HAS
	if (inode->i_block[0]) {
		node->major = inode->i_block[0] >> 8 & 0xff;
		node->minor = inode->i_block[0] & 0xff;
	} else {
		node->major = inode->i_block[1] >> 8 & 0xfff;
		node->minor = (inode->i_block[1] & 0xff) | (inode->i_block[1] >> 12 & 0xfff00);
	}
}

static void print_content(ext2_ino_t number, uint64_t size)
{
	CLEANUP(freep) char *buffer = malloc(BUFFER_BYTES);
	uint64_t hash = MANIFEST_HASH_START;
	unsigned int got;
	ext2_file_t file;
	errcode_t err;

	err = ext2fs_file_open(fs, number, 0, &file);
	if (err) {
		complain("hash", err);
		return;
	}
	/* of inline data it gives more than there is, again and again */
	while (size > 0) {
		err = ext2fs_file_read(file, buffer, BUFFER_BYTES, &got);
		if (err || got == 0)
			break;
		if (got > size)
			got = (unsigned int)size;
		hash = manifest_hash(hash, buffer, got);
		size -= got;
	}
	ext2fs_file_close(file);
	if (err)
		complain("hash", err);
	else
		manifest_hash_print(hash);
}

static void print_target(ext2_ino_t number, struct ext2_inode_large *inode)
{
	char target[65536 + 1] = "";
	unsigned int got = 0;
	ext2_file_t file;
	errcode_t err;

	if (ext2fs_is_fast_symlink((struct ext2_inode *)inode)) {
		manifest_text("target", (const char *)inode->i_block, inode->i_size);
		return;
	}
	err = ext2fs_file_open(fs, number, 0, &file);
	if (!err) {
		err = ext2fs_file_read(file, target, sizeof(target) - 1, &got);
		ext2fs_file_close(file);
	}
	if (err)
		complain("target", err);
	else
		manifest_text("target", target, got);
}

struct xattrs {
	struct ext2_xattr_handle *handle;
	struct manifest_xattr list[1024];
	size_t count;
};

static int take_xattr(char *name, char *value, size_t len, void *ctx)
{
	struct xattrs *all = ctx;
	void *shown = NULL;
	size_t shown_len;

	/* the rest of an inline file, and what belongs to encryption: not shown by the kernel */
	if (strcmp(name, "system.data") == 0 || strcmp(name, "c") == 0 ||
	    all->count == sizeof(all->list) / sizeof(all->list[0]))
		return 0;
	/* An ACL lies on the disk in another form than programs see; only a single get converts. */
	if (strncmp(name, "system.posix_acl", 16) == 0 &&
	    ext2fs_xattr_get(all->handle, name, &shown, &shown_len) == 0) {
		value = shown;
		len = shown_len;
		/* It gives id 0 to entries that have none, where the kernel gives -1. */
		for (size_t at = 4; at + 8 <= len; at += 8) {
			if (value[at] != 2 && value[at] != 8)
				memset(value + at + 4, 0xff, 4);
		}
	}
	all->list[all->count++] = (struct manifest_xattr){
		.name = strdup(name),
		.value = memcpy(malloc(len ? len : 1), value, len),
		.size = len,
	};
	ext2fs_free_mem(&shown);
	return 0;
}

static int compare_xattrs(const void *a, const void *b)
{
	return strcmp(((const struct manifest_xattr *)a)->name,
		      ((const struct manifest_xattr *)b)->name);
}

static void print_xattrs(ext2_ino_t number)
{
	struct xattrs *all = calloc(1, sizeof(*all));
	errcode_t err;

	err = ext2fs_xattrs_open(fs, number, &all->handle);
	if (!err) {
		err = ext2fs_xattrs_read(all->handle);
		if (!err)
			err = ext2fs_xattrs_iterate(all->handle, take_xattr, all);
		ext2fs_xattrs_close(&all->handle);
	}
	if (err)
		complain("xattrs", err);
	qsort(all->list, all->count, sizeof(all->list[0]), compare_xattrs);
	for (size_t i = 0; i < all->count; i++) {
		manifest_xattr_print(&all->list[i]);
		free(all->list[i].name);
		free(all->list[i].value);
	}
	free(all);
}

/* One line; returns the mode, or 0. */
static uint32_t print_entry(ext2_ino_t number, const char *path)
{
	CLEANUP(freep)
	struct ext2_inode_large *inode = calloc(1, EXT2_INODE_SIZE(fs->super) + sizeof(*inode));
	struct manifest_node node;
	errcode_t err;

	manifest_escaped(path, strlen(path));
	err = ext2fs_read_inode_full(fs, number, (struct ext2_inode *)inode,
				     EXT2_INODE_SIZE(fs->super));
	if (err) {
		complain("stat", err);
		putchar('\n');
		return 0;
	}
	decode(number, inode, &node);
	manifest_node_print(&node);
	if (S_ISLNK(node.mode))
		print_target(number, inode);
	if (S_ISREG(node.mode) && manifest_shows("hash"))
		print_content(number, node.size);
	if (manifest_shows("xattr"))
		print_xattrs(number);
	putchar('\n');
	return node.mode;
}

static int take_entry(ext2_ino_t dir, int entry, struct ext2_dir_entry *dirent, int offset,
		      int blocksize, char *buf, void *ctx)
{
	struct manifest_names *names = ctx;
	char text[EXT2_NAME_LEN + 16];
	int len = ext2fs_dirent_name_len(dirent);

	(void)dir, (void)offset, (void)blocksize, (void)buf;
	if (entry != DIRENT_OTHER_FILE || (len == 2 && memcmp(dirent->name, "..", 2) == 0))
		return 0; /* in an inline directory ".." is no different from others */
	snprintf(text, sizeof(text), "%.*s\001%u", len, dirent->name, dirent->inode);
	manifest_names_add(names, text, strlen(text));
	return 0;
}

static void walk(ext2_ino_t number, const char *path, int depth)
{
	struct manifest_names names = {0};
	errcode_t err = ELOOP;

	if (S_ISDIR(print_entry(number, path))) {
		if (depth < DEPTH_MAX)
			err = ext2fs_dir_iterate2(fs, number, 0, NULL, take_entry, &names);
		if (err) {
			manifest_escaped(path, strlen(path));
			complain("list", err);
			putchar('\n');
		}
	}
	manifest_names_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		char *mark = strrchr(names.names[i], '\001');
		CLEANUP(freep) char *child = NULL;

		*mark = '\0';
		child = manifest_join(path, names.names[i]);
		walk((ext2_ino_t)strtoul(mark + 1, NULL, 10), child, depth + 1);
	}
	manifest_names_finish(&names);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"without", required_argument, NULL, 'w'},
		{"offset", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	char io_options[64] = "";
	errcode_t err;
	int opt;

	while ((opt = getopt_long(argc, argv, "w:o:", options, NULL)) != -1) {
		if (opt == 'w')
			manifest_leave_out(optarg);
		else if (opt == 'o')
			snprintf(io_options, sizeof(io_options), "offset=%s", optarg);
		else
			return 2;
	}
	if (argc - optind != 1) {
		fputs("usage: manifest_ext2 [--without FIELD,...] [--offset BYTES] IMAGE\n",
		      stderr);
		return 2;
	}
	err = ext2fs_open2(argv[optind], io_options, EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &fs);
	if (err) {
		fprintf(stderr, "manifest_ext2: %s: error %ld\n", argv[optind], (long)err);
		return 2;
	}
	walk(EXT2_ROOT_INO, "/", 0);
	ext2fs_free(fs);
	return manifest_status();
}
