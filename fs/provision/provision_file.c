/* SPDX-License-Identifier: MIT */
/*
 * Files of a tree, read and replaced as a careful administrator does it: a new file is written beside
 * the old one and takes its name, so that at any moment one of the two is whole.
 */
#include "provision/provision_private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"

#define LINKS_MAX 8
#define TEMPORARY_MAX 255u /* bytes of the longest name on the volumes that there are */
#define DIRECTORY_MODE 0755u
#define FILE_MODE 0644u

/* A name in a directory, and what it is. */
struct place {
	uint64_t dir;
	char name[NAME_MAX + 1];
	size_t len;
	bool exists;
	struct tree_attr attr; /* if it exists */
};

static int make_directory(struct provision_job *job, uint64_t dir, const char *name, size_t len)
{
	const struct tree_new node = {.mode = S_IFDIR | DIRECTORY_MODE};
	int err = tree_create(job->tree, dir, name, len, &node, NULL);

	if (!err)
		job->changed = true;
	return err == -EEXIST ? 0 : err;
}

/* The directory @path, which is a buffer; with @make those that are missing are made. */
static int find_directory(struct provision_job *job, char *path, bool make, uint64_t *out_id)
{
	int err = tree_walk(job->tree, *path ? path : "/", true, out_id);
	uint64_t dir;
	char *slash;

	if (err != -ENOENT || !make)
		return err;
	slash = strrchr(path, '/');
	if (!slash || slash[1] == '\0')
		return err;
	*slash = '\0';
	err = find_directory(job, path, make, &dir);
	*slash = '/';
	if (err)
		return err;
	err = make_directory(job, dir, slash + 1, strlen(slash + 1));
	return err ? err : tree_walk(job->tree, path, true, out_id);
}

/* @path without following a link at its end. */
static int find_name(struct provision_job *job, const char *path, bool make, struct place *out)
{
	char copy[PATH_MAX];
	struct place place = {.exists = false};
	uint64_t id;
	char *slash;
	int err;

	if (path[0] != '/' || strlen(path) >= sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, path, strlen(path) + 1);
	slash = strrchr(copy, '/');
	place.len = strlen(slash + 1);
	if (place.len == 0 || place.len >= sizeof(place.name))
		return -EINVAL;
	memcpy(place.name, slash + 1, place.len + 1);
	*slash = '\0';
	err = find_directory(job, copy, make, &place.dir);
	if (err)
		return err;
	err = tree_lookup(job->tree, place.dir, place.name, place.len, &id);
	if (err && err != -ENOENT)
		return err;
	if (!err) {
		err = tree_getattr(job->tree, id, &place.attr);
		if (err)
			return err;
		place.exists = true;
	}
	*out = place;
	return 0;
}

/* The path that the link at @place, found by @path, leads to. */
static int follow(struct provision_job *job, const char *path, const struct place *place,
		  char out[PATH_MAX])
{
	char target[TREE_LINK_MAX + 1];
	ssize_t len = tree_readlink(job->tree, place->attr.id, target, TREE_LINK_MAX);
	const char *slash = strrchr(path, '/');
	int n;

	if (len < 0)
		return (int)len;
	target[len] = '\0';
	if (target[0] == '/')
		n = snprintf(out, PATH_MAX, "%s", target);
	else
		n = snprintf(out, PATH_MAX, "%.*s/%s", (int)(slash - path), path, target);
	return n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/*
 * Where the contents of @path are, or would be: behind all links. A link that leads into nothing is the
 * place itself.
 */
static int find_place(struct provision_job *job, const char *path, bool make, struct place *out)
{
	char at[PATH_MAX], next[PATH_MAX];
	struct place place, behind;
	int err = find_name(job, path, make, &place);

	if (err)
		return err;
	snprintf(at, sizeof(at), "%s", path);
	for (int links = 0; place.exists && S_ISLNK(place.attr.mode); links++) {
		if (links == LINKS_MAX)
			return -ELOOP;
		err = follow(job, at, &place, next);
		if (err)
			return err;
		err = find_name(job, next, false, &behind);
		if (err == -ENOENT || (!err && !behind.exists))
			break;
		if (err)
			return err;
		place = behind;
		memcpy(at, next, sizeof(at));
	}
	*out = place;
	return 0;
}

static int stat_path(struct provision_job *job, const char *path, struct tree_attr *out)
{
	uint64_t id;
	int err = tree_walk(job->tree, path, true, &id);

	return err ? err : tree_getattr(job->tree, id, out);
}

bool provision_exists(struct provision_job *job, const char *path)
{
	struct tree_attr attr;

	return stat_path(job, path, &attr) == 0;
}

bool provision_is_directory(struct provision_job *job, const char *path)
{
	struct tree_attr attr;

	return stat_path(job, path, &attr) == 0 && S_ISDIR(attr.mode);
}

bool provision_is_volume(struct provision_job *job, const char *path)
{
	uint64_t id, root;

	return tree_walk(job->tree, path, true, &id) == 0 && id != TREE_ROOT &&
	       tree_volume(job->tree, id, &root) == 0 && root == id;
}

const char *provision_boot_directory(struct provision_job *job)
{
	if (provision_is_volume(job, "/boot/firmware"))
		return "/boot/firmware";
	return provision_is_volume(job, "/boot") ? "/boot" : NULL;
}

static int read_node(struct provision_job *job, const struct tree_attr *attr, char **out,
		     size_t *out_len)
{
	CLEANUP(freep) char *bytes = NULL;
	ssize_t len;

	if (!S_ISREG(attr->mode))
		return -EINVAL;
	if (attr->size > PROVISION_FILE_MAX)
		return -EFBIG;
	bytes = malloc((size_t)attr->size + 1);
	if (!bytes)
		return -ENOMEM;
	len = tree_read(job->tree, attr->id, bytes, (size_t)attr->size, 0);
	if (len < 0)
		return (int)len;
	bytes[len] = '\0';
	*out_len = (size_t)len;
	*out = TAKE(bytes);
	return 0;
}

int provision_read(struct provision_job *job, const char *path, char **out, size_t *out_len)
{
	struct tree_attr attr;
	int err = stat_path(job, path, &attr);

	return err ? err : read_node(job, &attr, out, out_len);
}

/* Access lists and labels of the old file; what the new one cannot have is left out. */
static int copy_xattrs(struct provision_job *job, uint64_t from, uint64_t to)
{
	CLEANUP(freep) char *names = malloc(TREE_XATTR_MAX);
	CLEANUP(freep) char *value = malloc(TREE_XATTR_MAX);
	ssize_t len;

	if (!names || !value)
		return -ENOMEM;
	len = tree_listxattr(job->tree, from, names, TREE_XATTR_MAX);
	if (len == -EOPNOTSUPP)
		return 0;
	if (len < 0)
		return (int)len;
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		ssize_t size = tree_getxattr(job->tree, from, name, value, TREE_XATTR_MAX);
		int err = size < 0 ? (int)size
				   : tree_setxattr(job->tree, to, name, value, (size_t)size, 0);

		if (err && err != -EOPNOTSUPP && err != -ENODATA)
			return err;
	}
	return 0;
}

static bool has_contents(struct provision_job *job, const struct place *place, const void *bytes,
			 size_t len, uint32_t mode)
{
	CLEANUP(freep) char *old = NULL;
	size_t old_len;

	return place->exists && (place->attr.mode & 07777) == mode && place->attr.size == len &&
	       read_node(job, &place->attr, &old, &old_len) == 0 && old_len == len &&
	       memcmp(old, bytes, len) == 0;
}

/* What a broken off run left under the temporary name goes first. */
static int make_temporary(struct provision_job *job, const struct place *place, const char *name,
			  uint32_t mode, uint64_t *out_id)
{
	const struct tree_new node = {.mode = S_IFREG | 0600};
	const struct tree_setattr set = {
		.valid = TREE_SET_MODE | TREE_SET_UID | TREE_SET_GID,
		.mode = mode,
		.uid = place->exists ? place->attr.uid : 0,
		.gid = place->exists ? place->attr.gid : 0,
	};
	struct tree_attr attr;
	int err = tree_unlink(job->tree, place->dir, name, strlen(name));

	if (err && err != -ENOENT)
		return err;
	err = tree_create(job->tree, place->dir, name, strlen(name), &node, &attr);
	if (err)
		return err;
	/* after the access list, which has a mode of its own */
	if (place->exists)
		err = copy_xattrs(job, place->attr.id, attr.id);
	if (!err)
		err = tree_setattr(job->tree, attr.id, &set, NULL);
	if (!err)
		*out_id = attr.id;
	return err;
}

int provision_write(struct provision_job *job, const char *path, const void *bytes, size_t len,
		    uint32_t mode)
{
	char name[TEMPORARY_MAX + 1];
	struct place place;
	uint64_t id;
	int err = find_place(job, path, true, &place);

	if (err)
		return err;
	/* a link that leads nowhere makes room for the file */
	if (place.exists && S_ISLNK(place.attr.mode))
		place.exists = false;
	else if (place.exists && !S_ISREG(place.attr.mode))
		return -EINVAL;
	if (mode == PROVISION_KEEP_MODE)
		mode = place.exists ? place.attr.mode & 07777 : FILE_MODE;
	if (has_contents(job, &place, bytes, len, mode))
		return 0;
	snprintf(name, sizeof(name), ".%.200s.bramble", place.name);
	err = make_temporary(job, &place, name, mode, &id);
	if (!err && len > 0)
		err = tree_write(job->tree, id, bytes, len, 0, 0);
	if (!err)
		err = tree_rename(job->tree, place.dir, name, strlen(name), place.dir, place.name,
				  place.len, 0);
	if (err) {
		tree_unlink(job->tree, place.dir, name, strlen(name));
		return err;
	}
	job->changed = true;
	return 0;
}

int provision_write_text(struct provision_job *job, const char *path, const char *text)
{
	return provision_write(job, path, text, strlen(text), PROVISION_KEEP_MODE);
}

int provision_symlink(struct provision_job *job, const char *path, const char *target)
{
	const struct tree_new node = {.mode = S_IFLNK | 0777, .target = target};
	char old[TREE_LINK_MAX];
	struct place place;
	int err = find_name(job, path, true, &place);

	if (err)
		return err;
	if (place.exists) {
		ssize_t len = S_ISLNK(place.attr.mode)
				      ? tree_readlink(job->tree, place.attr.id, old, sizeof(old))
				      : -1;

		return len == (ssize_t)strlen(target) && memcmp(old, target, (size_t)len) == 0
			       ? 0
			       : -EEXIST;
	}
	err = tree_create(job->tree, place.dir, place.name, place.len, &node, NULL);
	if (!err)
		job->changed = true;
	return err;
}

int provision_remove(struct provision_job *job, const char *path)
{
	struct place place;
	int err = find_name(job, path, false, &place);

	if (err == -ENOENT || (!err && !place.exists))
		return 0;
	if (!err)
		err = tree_unlink(job->tree, place.dir, place.name, place.len);
	if (!err)
		job->changed = true;
	return err;
}

/* Names are collected before anything is done with them: a listing may be followed by a removal. */
struct names {
	char *bytes; /* owned; one behind the other, each with its NUL */
	size_t used;
	size_t size;
	int err;
};

static int collect(void *ctx, const struct tree_entry *entry)
{
	struct names *names = ctx;

	if (entry->name_len > NAME_MAX || (entry->name_len == 1 && entry->name[0] == '.') ||
	    (entry->name_len == 2 && memcmp(entry->name, "..", 2) == 0))
		return 0;
	if (entry->name_len + 1 > names->size - names->used) {
		size_t size = names->size * 2 + NAME_MAX + 1;
		char *bytes = size <= PROVISION_FILE_MAX ? realloc(names->bytes, size) : NULL;

		if (!bytes)
			return names->err = -ENOMEM;
		names->bytes = bytes;
		names->size = size;
	}
	memcpy(names->bytes + names->used, entry->name, entry->name_len);
	names->bytes[names->used + entry->name_len] = '\0';
	names->used += entry->name_len + 1;
	return 0;
}

int provision_each(struct provision_job *job, const char *path, provision_entry_fn take)
{
	struct names names = {.bytes = NULL};
	uint64_t id;
	int err = tree_walk(job->tree, path, true, &id);

	if (!err)
		err = tree_readdir(job->tree, id, 0, collect, &names);
	if (!err)
		err = names.err;
	if (err == -ENOENT || err == -ENOTDIR)
		err = 0;
	for (size_t at = 0; !err && at < names.used; at += strlen(names.bytes + at) + 1) {
		char child[PATH_MAX];

		if (snprintf(child, sizeof(child), "%s/%s", path, names.bytes + at) <
		    (int)sizeof(child))
			err = take(job, child, names.bytes + at);
	}
	free(names.bytes);
	return err;
}
