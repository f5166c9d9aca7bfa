/* SPDX-License-Identifier: MIT */
/*
 * Copying out: the walk. The directories between the start and the place of work are frames in
 * memory, not calls, and only the last few are open, so that neither the stack nor the number of
 * file descriptors limits how deep a tree may be. A directory that was closed is opened again as
 * ".." of its child, and must be the same as before.
 *
 * Everything happens relative to open directories and without following links: whatever lies in
 * the destination, or is put there meanwhile, nothing outside of it is written. A directory is copied
 * once only; where an image names it twice it is damaged, and copying on could take for ever.
 */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "listing.h"
#include "view.h"

#define OPEN_MAX_FRAMES 64u
#define LINK_PATH_MAX (16u * PATH_MAX) /* bytes */
#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A directory that is being copied. */
struct frame {
	struct tree_attr attr;
	struct listing listing;
	size_t next; /* the entry of the listing that comes next */
	int fd; /* the copy; -1 while it is closed */
	dev_t dev; /* which directory fd is */
	ino_t ino;
	size_t path_len; /* of walk.path where this directory is named */
};

struct walk {
	struct copy *copy;
	struct frame *frames;
	size_t count, capacity;
	char *path; /* relative to dest_fd */
	size_t path_capacity;
};

/* The path for messages; @name is below the directory that the path names. */
static void fail_at(struct walk *walk, const char *name, int err)
{
	CLEANUP(freep) char *text = NULL;
	const char *path = walk->path ? walk->path : "";

	if (asprintf(&text, "%s%s%s", path, *path && *name ? "/" : "", name) < 0)
		text = NULL;
	copy_failed(walk->copy, text ? text : name, err);
}

/* What is behind the destination's name in messages. */
static const char *shown_path(const struct copy *copy, const char *path)
{
	if (copy->dest_named) {
		path += strcspn(path, "/");
		path += *path == '/';
	}
	return path;
}

void copy_failed(struct copy *copy, const char *path, int err)
{
	path = shown_path(copy, path);
	copy->failed = true;
	if (err == -ENOSPC || err == -EDQUOT || err == -EROFS)
		copy->stop = true;
	copy_clear_progress(copy);
	log_error("%s%s%s: %s", copy->dest, *path ? "/" : "", path,
		  err == -ETXTBSY ? "the image itself: not overwritten" : strerror(-err));
}

static int append_path(struct walk *walk, size_t at, const char *name)
{
	size_t needed = at + strlen(name) + 2;

	if (needed > walk->path_capacity) {
		char *larger = realloc(walk->path, needed * 2);

		if (!larger)
			return -ENOMEM;
		walk->path = larger;
		walk->path_capacity = needed * 2;
	}
	/* the destination itself has no name */
	if (strcmp(name, ".") == 0)
		name = "";
	snprintf(walk->path + at, walk->path_capacity - at, "%s%s", at ? "/" : "", name);
	return 0;
}

bool copy_is_image(const struct copy *copy, const struct stat *st)
{
	if (!copy->image)
		return false;
	if (S_ISBLK(st->st_mode) && S_ISBLK(copy->image->st_mode))
		return st->st_rdev == copy->image->st_rdev;
	return st->st_dev == copy->image->st_dev && st->st_ino == copy->image->st_ino;
}

/* Takes away what is in the way, unless it is a directory or the image itself. */
static int clear_way(const struct copy *copy, int dir_fd, const char *name)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && copy_is_image(copy, &st))
		return -ETXTBSY;
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int create_file(struct copy *copy, const struct tree_attr *attr, int dir_fd,
		       const char *name)
{
	CLEANUP(closep)
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = copy_data(copy, attr, fd);
	if (err)
		return err;
	err = copy_attributes(copy, attr, -1, NULL, fd);
	if (err)
		return err;
	/* a network file system may tell of a full disk only here */
	return close(take_fd(&fd)) < 0 ? -errno : 0;
}

static int create_special(struct copy *copy, const struct tree_attr *attr, int dir_fd,
			  const char *name)
{
	char target[TREE_LINK_MAX + 1];
	int err;

	if (S_ISLNK(attr->mode)) {
		err = view_readlink(copy->tree, attr->id, target);
		if (!err && symlinkat(target, dir_fd, name) < 0)
			err = -errno;
	} else {
		err = mknodat(dir_fd, name, (attr->mode & S_IFMT) | 0600, attr->rdev) < 0 ? -errno
											  : 0;
	}
	return err ? err : copy_attributes(copy, attr, dir_fd, name, -1);
}

/* Opens the directory above @path (relative to dest_fd), step by step: no link is followed. */
static int open_above(struct copy *copy, const char *path, const char **out_name)
{
	int fd = openat(copy->dest_fd, ".", OPEN_DIRECTORY);
	const char *slash;

	while (fd >= 0 && (slash = strchr(path, '/'))) {
		char name[TREE_NAME_MAX + 1];
		int next;

		snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		next = openat(fd, name, OPEN_DIRECTORY);
		close(fd);
		fd = next;
		path = slash + 1;
	}
	*out_name = path;
	return fd;
}

/* Links to the first copy. False: that is not possible, so copy it once more. */
static bool link_to_first(struct copy *copy, const char *first, int dir_fd, const char *name)
{
	const char *first_name;
	CLEANUP(closep) int fd = open_above(copy, first, &first_name);

	return fd >= 0 && linkat(fd, first_name, dir_fd, name, 0) == 0;
}

/* Copies what is not a directory to @name in @dir_fd, which the walk's path names. */
static int copy_leaf(struct walk *walk, const struct tree_attr *attr, int dir_fd, const char *name,
		     size_t path_len)
{
	struct copy *copy = walk->copy;
	const struct idmap_entry *first = NULL;
	int err;

	if (attr->nlink > 1)
		first = idmap_find(&copy->links, attr->id);
	err = clear_way(copy, dir_fd, name);
	if (err)
		return err;
	if (first && link_to_first(copy, first->text, dir_fd, name)) {
		copy->files++;
		return 0;
	}
	err = S_ISREG(attr->mode) ? create_file(copy, attr, dir_fd, name)
				  : create_special(copy, attr, dir_fd, name);
	if (err == -EPERM && (S_ISCHR(attr->mode) || S_ISBLK(attr->mode))) {
		copy_clear_progress(copy);
		log_warn("%s/%s%s%s: a device, which only root may create: left out", copy->dest,
			 path_len ? walk->path : "", path_len ? "/" : "", name);
		return 0;
	}
	if (err)
		return err;
	copy->files++;
	/* with paths of any length a damaged image could fill the memory: then it is copied again */
	if (attr->nlink < 2 || first || path_len > LINK_PATH_MAX)
		return 0;
	err = append_path(walk, path_len, name);
	if (!err)
		err = idmap_add(&copy->links, attr->id, walk->path);
	if (walk->path)
		walk->path[path_len] = '\0';
	return err;
}

/* Files are named in messages only by @name; the caller adds where it lies. */
static int open_copy(struct frame *frame, int dir_fd, const char *name)
{
	struct stat st;

	/* writable for us until the contents are there */
	if (strcmp(name, ".") != 0 && mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	frame->fd = openat(dir_fd, name, OPEN_DIRECTORY);
	if (frame->fd < 0)
		return errno == ELOOP ? -ENOTDIR : -errno;
	if (fstat(frame->fd, &st) < 0)
		return -errno;
	frame->dev = st.st_dev;
	frame->ino = st.st_ino;
	return 0;
}

static void finish_frame(struct frame *frame)
{
	if (frame->fd >= 0)
		close(frame->fd);
	listing_finish(&frame->listing);
}

static int push_frame(struct walk *walk, const struct frame *frame)
{
	if (walk->count == walk->capacity) {
		size_t capacity = walk->capacity ? walk->capacity * 2 : 32;
		struct frame *larger = realloc(walk->frames, capacity * sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		walk->frames = larger;
		walk->capacity = capacity;
	}
	if (walk->count >= OPEN_MAX_FRAMES) {
		struct frame *oldest = &walk->frames[walk->count - OPEN_MAX_FRAMES];

		if (oldest->fd >= 0)
			close(oldest->fd);
		oldest->fd = -1;
	}
	walk->frames[walk->count++] = *frame;
	return 0;
}

/* Begins with the directory @attr, to be @name in @dir_fd. */
static int enter(struct walk *walk, const struct tree_attr *attr, int dir_fd, const char *name,
		 size_t path_len)
{
	struct frame frame = {.attr = *attr, .fd = -1};
	int err = idmap_add(&walk->copy->directories, attr->id, NULL);

	if (err == -EEXIST) {
		log_warn("cp: directory %s was copied before: the image is damaged", name);
		return -EUCLEAN;
	}
	if (err)
		return err;
	err = open_copy(&frame, dir_fd, name);
	if (!err)
		err = append_path(walk, path_len, name);
	if (!err) {
		frame.path_len = strlen(walk->path);
		err = listing_read(walk->copy->tree, attr->id, false, &frame.listing);
		/* what could be read of a damaged directory is copied */
		if (err && err != -ENOMEM)
			fail_at(walk, "", err);
		err = push_frame(walk, &frame);
	}
	if (err) {
		finish_frame(&frame);
		if (walk->path)
			walk->path[path_len] = '\0';
	}
	return err;
}

/* Makes sure that the directory below the finished one is open. */
static int reopen(struct frame *frame, int child_fd)
{
	struct stat st;

	if (frame->fd >= 0)
		return 0;
	frame->fd = openat(child_fd, "..", OPEN_DIRECTORY);
	if (frame->fd < 0)
		return -errno;
	if (fstat(frame->fd, &st) < 0)
		return -errno;
	/* moved by somebody: going on would write elsewhere */
	return st.st_dev == frame->dev && st.st_ino == frame->ino ? 0 : -ESTALE;
}

static void leave(struct walk *walk)
{
	struct frame *frame = &walk->frames[walk->count - 1];
	int err = copy_attributes(walk->copy, &frame->attr, -1, NULL, frame->fd);

	if (err)
		fail_at(walk, "", err);
	walk->copy->files++;
	if (walk->count > 1) {
		struct frame *above = &walk->frames[walk->count - 2];

		err = reopen(above, frame->fd);
		if (err) {
			fail_at(walk, "..", err);
			walk->copy->stop = true;
		}
		walk->path[above->path_len] = '\0';
	}
	finish_frame(frame);
	walk->count--;
}

/* A damaged image may name anything; what is no single name must not reach the host. */
static bool is_safe(const char *name)
{
	return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void copy_entry(struct walk *walk, const struct listing_entry *entry)
{
	struct frame *frame = &walk->frames[walk->count - 1];
	struct tree_attr attr;
	int err;

	if (!is_safe(entry->name)) {
		fail_at(walk, entry->name, -EUCLEAN);
		return;
	}
	err = tree_getattr(walk->copy->tree, entry->id, &attr);
	if (!err && S_ISDIR(attr.mode))
		err = enter(walk, &attr, frame->fd, entry->name, frame->path_len);
	else if (!err)
		err = copy_leaf(walk, &attr, frame->fd, entry->name, frame->path_len);
	if (err)
		fail_at(walk, entry->name, err);
	copy_show_progress(walk->copy);
}

void copy_node(struct copy *copy, uint64_t id, const char *name)
{
	struct walk walk = {.copy = copy};
	struct tree_attr attr;
	int err = tree_getattr(copy->tree, id, &attr);

	/* the same directory may be asked for twice, or once more below another one */
	idmap_finish(&copy->directories);
	if (!err && S_ISDIR(attr.mode))
		err = enter(&walk, &attr, copy->dest_fd, name, 0);
	else if (!err)
		err = copy_leaf(&walk, &attr, copy->dest_fd, name, 0);
	if (err)
		copy_failed(copy, strcmp(name, ".") == 0 ? "" : name, err);
	while (walk.count && !copy->stop) {
		struct frame *frame = &walk.frames[walk.count - 1];

		if (frame->next < frame->listing.count)
			copy_entry(&walk, &frame->listing.entries[frame->next++]);
		else
			leave(&walk);
	}
	while (walk.count)
		finish_frame(&walk.frames[--walk.count]);
	free(walk.frames);
	free(walk.path);
}
