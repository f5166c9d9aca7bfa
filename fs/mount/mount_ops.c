/* SPDX-License-Identifier: MIT */
/*
 * FUSE requests answered from a tree. A FUSE node id is the tree's id, so nothing is looked up or
 * counted here and forgetting is free. Nothing ever changes, so the kernel may keep what it gets:
 * timeouts without end, and no open or opendir, which ENOSYS turns into kept pages and listings.
 * Errors are passed on as they are; only -ENOENT of a lookup is a fact that may be cached.
 */
#include "mount/mount_ops.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/log.h"

#define FOREVER_SECONDS 1e9
#define BUFFER_MIN_BYTES 131072u
#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define ABSENT_XATTRS 256u /* questions in vain before it is looked whether there are any */

/* Splicing was slower than copying in every measurement; it is never asked for. */
#define WANTED_CAPABILITIES                                                                        \
	(FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_EXPORT_SUPPORT |                      \
	 FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS |             \
	 FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT)

struct thread {
	int cpu; /* where it is bound to */
	size_t size;
	char *buf;
};

static void thread_free(void *ctx)
{
	struct thread *thread = ctx;

	if (thread)
		free(thread->buf);
	free(thread);
}

static struct mount_server *server_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* NULL: no memory. */
static struct thread *this_thread(struct mount_server *server)
{
	struct thread *thread = pthread_getspecific(server->threads);

	if (thread)
		return thread;
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NULL;
	thread->cpu = MOUNT_PLACE_ANYWHERE;
	if (pthread_setspecific(server->threads, thread)) {
		free(thread);
		return NULL;
	}
	return thread;
}

/* Every request starts with this. @bytes: of file data that it asks for. */
static struct tree *begin(fuse_req_t req, size_t bytes)
{
	struct mount_server *server = server_of(req);
	int cpu =
		mount_place_note(&server->place, fuse_req_ctx(req)->pid, bytes, mount_place_locate);
	struct thread *thread = this_thread(server);

	if (thread)
		mount_place_move(&server->place, cpu, &thread->cpu);
	return server->tree;
}

/* At least @size bytes that belong to this thread until its next request. NULL: no memory. */
static char *buffer_get(fuse_req_t req, size_t size)
{
	struct thread *thread = this_thread(server_of(req));
	size_t want = max_u64(size, BUFFER_MIN_BYTES);

	if (!thread || (thread->buf && thread->size >= size))
		return thread ? thread->buf : NULL;
	free(thread->buf);
	thread->buf = malloc(want);
	thread->size = want;
	return thread->buf;
}

static void attr_to_stat(uint64_t id, const struct tree_attr *attr, struct stat *out)
{
	*out = (struct stat){
		.st_ino = id,
		.st_mode = attr->mode,
		.st_nlink = attr->nlink,
		.st_uid = attr->uid,
		.st_gid = attr->gid,
		.st_rdev = attr->rdev,
		.st_size = (off_t)min_u64(attr->size, INT64_MAX),
		.st_blksize = (blksize_t)attr->block_size,
		.st_blocks = (blkcnt_t)min_u64(attr->blocks, INT64_MAX),
		.st_atim = attr->atime,
		.st_mtim = attr->mtime,
		.st_ctim = attr->ctime,
	};
}

static int fill_entry(struct tree *tree, uint64_t id, struct fuse_entry_param *out)
{
	struct tree_attr attr;
	int err = tree_getattr(tree, id, &attr);

	if (err)
		return err;
	*out = (struct fuse_entry_param){
		.ino = id,
		.attr_timeout = FOREVER_SECONDS,
		.entry_timeout = FOREVER_SECONDS,
	};
	attr_to_stat(id, &attr, &out->attr);
	return 0;
}

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	const struct mount_server *server = userdata;

	conn->want = WANTED_CAPABILITIES & conn->capable;
	if (server->checked)
		conn->want |= FUSE_CAP_POSIX_ACL & conn->capable;
	conn->time_gran = 1;
}

static void on_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct tree *tree = begin(req, 0);
	struct fuse_entry_param entry = {.entry_timeout = FOREVER_SECONDS};
	uint64_t id;
	int err = tree_lookup(tree, dir, name, strlen(name), &id);

	if (err == -ENOENT) {
		fuse_reply_entry(req, &entry); /* no ino: surely absent, may be cached */
		return;
	}
	if (!err)
		err = fill_entry(tree, id, &entry);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_entry(req, &entry);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct tree_attr attr;
	struct stat st;
	int err = tree_getattr(begin(req, 0), ino, &attr);

	(void)fi;
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	attr_to_stat(ino, &attr, &st);
	fuse_reply_attr(req, &st, FOREVER_SECONDS);
}

static void on_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[TREE_LINK_MAX + 1];
	ssize_t n = tree_readlink(begin(req, 0), ino, target, TREE_LINK_MAX);

	if (n < 0) {
		fuse_reply_err(req, (int)-n);
		return;
	}
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	struct tree *tree = begin(req, size);
	char *buf = buffer_get(req, size);
	ssize_t n = -ENOMEM;

	(void)fi;
	if (buf)
		n = tree_read(tree, ino, buf, size, (uint64_t)offset);
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

static void on_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
		     struct fuse_file_info *fi)
{
	struct tree *tree = begin(req, 0);
	uint64_t at;
	int err = -ENXIO;

	(void)fi;
	if (offset >= 0)
		err = tree_seek(tree, ino, (uint64_t)offset, whence, &at);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_lseek(req, (off_t)at);
}

/*
 * No open, no opendir: the kernel remembers this answer, keeps pages and listings, and asks no more.
 * libfuse 3.14 does not give it by itself where the functions are missing.
 */
static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

struct listing {
	fuse_req_t req;
	struct tree *tree;
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
	/*
	 * An entry without ino carries no attributes: right for "." and "..", which the kernel does
	 * not want to be looked up here, and for a damaged node, whose name is still worth listing.
	 */
	if (!list->plus || is_dot_or_dot_dot(name) ||
	    fill_entry(list->tree, entry->id, &param) < 0) {
		param.attr.st_ino = entry->id;
		param.attr.st_mode = DTTOIF((mode_t)entry->type);
	}
	if (list->plus)
		len = fuse_add_direntry_plus(list->req, list->buf + list->used, room, name, &param,
					     (off_t)entry->next);
	else
		len = fuse_add_direntry(list->req, list->buf + list->used, room, name, &param.attr,
					(off_t)entry->next);
	if (len > room)
		return 1;
	list->used += len;
	return 0;
}

static void list_directory(fuse_req_t req, fuse_ino_t ino, size_t size, off_t cookie, bool plus)
{
	struct listing list = {
		.req = req,
		.tree = begin(req, 0),
		.buf = buffer_get(req, size),
		.size = size,
		.plus = plus,
	};
	int err = -ENOMEM;

	if (list.buf)
		err = tree_readdir(list.tree, ino, (uint64_t)cookie, take_entry, &list);
	/* What came before the damage is shown; the next request meets the error again. */
	if (err && list.used == 0)
		fuse_reply_err(req, -err);
	else
		fuse_reply_buf(req, list.buf, list.used);
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t cookie,
		       struct fuse_file_info *fi)
{
	(void)fi;
	list_directory(req, ino, size, cookie, false);
}

static void on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t cookie,
			   struct fuse_file_info *fi)
{
	(void)fi;
	list_directory(req, ino, size, cookie, true);
}

static void on_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct tree_statfs from;
	struct statvfs st;
	int err = tree_statfs(begin(req, 0), ino, &from);

	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	st = (struct statvfs){
		.f_bsize = from.block_size,
		.f_frsize = from.block_size,
		.f_blocks = from.blocks,
		.f_bfree = from.blocks_free,
		.f_bavail = from.blocks_available,
		.f_files = from.files,
		.f_ffree = from.files_free,
		.f_favail = from.files_free,
		.f_fsid = from.fsid,
		.f_namemax = from.name_max,
	};
	fuse_reply_statfs(req, &st);
}

/* @n bytes in @buf, or an error, or with @size 0 a length. */
static void reply_xattr(fuse_req_t req, const char *buf, size_t size, ssize_t n)
{
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else if ((size_t)n > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

/*
 * ls -l asks each file for its ACL and its label until it hears that there are none here; each such
 * question is a round trip. Where modes count the kernel asks for ACLs itself, once, and takes an
 * error for a refusal.
 */
static bool is_unsupported(struct mount_server *server, const char *name)
{
	bool is_acl = strcmp(name, ACL_ACCESS) == 0 || strcmp(name, ACL_DEFAULT) == 0;

	if (strcmp(name, "security.selinux") != 0 && (!is_acl || server->checked))
		return false;
	/* only where many ask is it worth to look at all nodes */
	if (atomic_fetch_add_explicit(&server->absent_xattrs, 1, memory_order_relaxed) <
	    ABSENT_XATTRS)
		return false;
	if (!is_acl)
		return tree_lacks_xattr(server->tree, name);
	/* ls takes the answer to one for both */
	return tree_lacks_xattr(server->tree, ACL_ACCESS) &&
	       tree_lacks_xattr(server->tree, ACL_DEFAULT);
}

static void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct tree *tree = begin(req, 0);
	char *buf = buffer_get(req, size);
	ssize_t n = -ENOMEM;

	if (buf && ino == TREE_ROOT && strcmp(name, MOUNT_SERVER_XATTR) == 0)
		n = mount_server_describe(buf, BUFFER_MIN_BYTES);
	else if (buf)
		n = tree_getxattr(tree, ino, name, buf, size);
	if (n == -ENODATA && is_unsupported(server_of(req), name))
		n = -EOPNOTSUPP;
	reply_xattr(req, buf, size, n);
}

static void on_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct tree *tree = begin(req, 0);
	char *buf = buffer_get(req, size);
	ssize_t n = -ENOMEM;

	if (buf)
		n = tree_listxattr(tree, ino, buf, size);
	reply_xattr(req, buf, size, n);
}

ssize_t mount_server_describe(char *text, size_t size)
{
	char namespace[64];
	ssize_t len = readlink("/proc/self/ns/pid", namespace, sizeof(namespace));
	int n;

	if (len < 0)
		len = 0;
	n = snprintf(text, size, "%ld %.*s", (long)getpid(), (int)len, namespace);
	return n < 0 || (size_t)n >= size ? -ERANGE : n;
}

int mount_server_init(struct mount_server *server, struct tree *tree, bool checked)
{
	*server = (struct mount_server){.tree = tree, .checked = checked};
	mount_place_init(&server->place);
	return -pthread_key_create(&server->threads, thread_free);
}

void mount_server_finish(struct mount_server *server)
{
	thread_free(pthread_getspecific(server->threads));
	pthread_key_delete(server->threads);
}

/*
 * No access: libfuse answers ENOSYS, and where permissions count, the kernel checks them. No forget:
 * there is nothing to forget.
 */
const struct fuse_lowlevel_ops mount_ops = {
	.init = on_init,
	.lookup = on_lookup,
	.getattr = on_getattr,
	.readlink = on_readlink,
	.open = on_open,
	.read = on_read,
	.lseek = on_lseek,
	.opendir = on_open,
	.readdir = on_readdir,
	.readdirplus = on_readdirplus,
	.statfs = on_statfs,
	.getxattr = on_getxattr,
	.listxattr = on_listxattr,
};
