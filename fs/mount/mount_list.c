/* SPDX-License-Identifier: MIT */
/* Directories as the kernel lists them, with or without the attributes of what is in them. */
#include "mount/mount_ops.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

struct listing {
	fuse_req_t req;
	struct mount_server *server;
	double name_timeout;
	char *buf;
	size_t size;
	size_t used;
	bool plus;
};

/* The kernel refuses the whole listing for the sake of one such name. */
static bool is_showable(const struct tree_entry *entry)
{
	return entry->name_len && entry->name_len <= TREE_NAME_MAX &&
	       !memchr(entry->name, '/', entry->name_len) &&
	       !memchr(entry->name, '\0', entry->name_len);
}

static bool is_dot_or_dot_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int take_entry(void *ctx, const struct tree_entry *entry)
{
	struct listing *list = ctx;
	size_t room = list->size - list->used;
	struct fuse_entry_param param = {0};
	char name[TREE_NAME_MAX + 1];
	size_t len;

	if (!is_showable(entry)) {
		log_warn("mount: a name that cannot be shown: %zu bytes, of node %llu",
			 entry->name_len, (unsigned long long)entry->id);
		return 0;
	}
	memcpy(name, entry->name, entry->name_len);
	name[entry->name_len] = '\0';
	/* The room first: what does not fit must not be held. */
	len = list->plus ? fuse_add_direntry_plus(list->req, NULL, 0, name, NULL, 0)
			 : fuse_add_direntry(list->req, NULL, 0, name, NULL, 0);
	if (len > room)
		return 1;
	/*
	 * An entry without ino carries no attributes: right for "." and "..", which the kernel does
	 * not want to be looked up here, and for a damaged node, whose name is still worth listing.
	 */
	if (!list->plus || is_dot_or_dot_dot(name) ||
	    mount_entry_fill(list->server, entry->id, list->name_timeout, &param) < 0) {
		param.attr.st_ino = entry->id;
		param.attr.st_mode = DTTOIF((mode_t)entry->type);
	}
	if (list->plus)
		fuse_add_direntry_plus(list->req, list->buf + list->used, room, name, &param,
				       (off_t)entry->next);
	else
		fuse_add_direntry(list->req, list->buf + list->used, room, name, &param.attr,
				  (off_t)entry->next);
	list->used += len;
	return 0;
}

/* Releases what the entries in @list hold. */
static void let_go(struct listing *list)
{
	struct fuse_direntplus entry;

	for (size_t at = 0; at < list->used; at += FUSE_DIRENTPLUS_SIZE(&entry)) {
		memcpy(&entry, list->buf + at, sizeof(entry));
		if (entry.entry_out.nodeid)
			tree_release(list->server->tree, entry.entry_out.nodeid, 1);
	}
}

static void list_directory(fuse_req_t req, fuse_ino_t ino, size_t size, off_t cookie, bool plus)
{
	struct tree *tree = mount_begin(req, 0);
	struct listing list = {
		.req = req,
		.server = mount_server_of(req),
		.buf = mount_buffer(req, size),
		.size = size,
		.plus = plus,
	};
	int err = -ENOMEM;

	if (plus)
		list.name_timeout = mount_name_timeout(list.server, ino);
	if (list.buf)
		err = tree_readdir(tree, ino, (uint64_t)cookie, take_entry, &list);
	/* What came before the damage is shown; the next request meets the error again. */
	if (err && list.used == 0)
		fuse_reply_err(req, -err);
	else if (fuse_reply_buf(req, list.buf, list.used) != 0 && plus && list.server->writable)
		let_go(&list);
}

void mount_on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t cookie,
		      struct fuse_file_info *fi)
{
	(void)fi;
	list_directory(req, ino, size, cookie, false);
}

void mount_on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t cookie,
			  struct fuse_file_info *fi)
{
	(void)fi;
	list_directory(req, ino, size, cookie, true);
}
