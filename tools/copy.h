/* SPDX-License-Identifier: MIT */
/* Copying out of a tree: files, directories and their attributes into the host's file system. */
#ifndef BRAMBLE_TOOLS_COPY_H
#define BRAMBLE_TOOLS_COPY_H

#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "idmap.h"
#include "tree/tree.h"

struct copy {
	struct tree *tree; /* borrowed */
	const char *dest; /* borrowed: the destination as the user named it, for messages */
	bool dest_named; /* dest is the name of what is copied, not the directory to copy into */
	int dest_fd; /* borrowed: the directory that everything is copied below */
	const struct stat *image; /* borrowed: the image's own file, never to be written; or NULL */
	struct idmap
		links; /* ids of files with more names -> the first copy, relative to dest_fd */
	struct idmap directories; /* ids of the directories that this copy_node() has copied */
	char *buffer; /* owned */
	bool failed; /* something was not copied; it was logged */
	bool stop; /* the destination takes no more */
	bool progress; /* shown on stderr */
	uint64_t files, bytes; /* copied so far */
	struct timespec shown; /* when the progress was shown last */
};

int copy_init(struct copy *copy, struct tree *tree, const char *dest, int dest_fd);
void copy_finish(struct copy *copy);

/*
 * Copies @id, with all below if it is a directory, to @name in dest_fd. @name "." merges a directory
 * into dest_fd itself. What is in the way is replaced, unless it is a directory; no symbolic link of
 * the destination is followed. Failures are logged and noted in @copy.
 */
void copy_node(struct copy *copy, uint64_t id, const char *name);

/* Copies the data of a regular file to @fd, which may be a pipe. @path is for messages. */
void copy_to_fd(struct copy *copy, const struct tree_attr *attr, int fd, const char *path);

/* Whether @st is the image that is copied from. */
bool copy_is_image(const struct copy *copy, const struct stat *st);

/* Notes and logs a failure at @path. Full and read-only destinations stop the whole copy. */
void copy_failed(struct copy *copy, const char *path, int err);

/* Shows the progress now and then; takes it away before another line. */
void copy_show_progress(struct copy *copy);
void copy_clear_progress(struct copy *copy);

/* Writes all of @buf at @offset, or where the file is (a pipe) if @offset is -1. */
int copy_write(int fd, const char *buf, size_t len, off_t offset);

/* Private to the copy_*.c files. */

/* Data of a regular file into a new file, holes kept. */
int copy_data(struct copy *copy, const struct tree_attr *attr, int fd);

/*
 * Owner, extended attributes, mode and times of @name in @dir_fd, or of the directory or file @fd
 * where that is not -1. What an ordinary user may not set is left out quietly, as cp -p does it.
 */
int copy_attributes(struct copy *copy, const struct tree_attr *attr, int dir_fd, const char *name,
		    int fd);

#endif
