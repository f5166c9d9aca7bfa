/* SPDX-License-Identifier: MIT */
/*
 * What all requests need: the tree, the thread's own memory, and the answers that tell of a node. A
 * FUSE node id is the tree's id, so nothing is looked up or counted here; where nodes can lose their
 * last name, the tree counts what the kernel holds.
 */
#include "mount/mount_ops.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "mount/mount_namespace.h"

#define BUFFER_MIN_BYTES 131072u

struct thread {
	int cpu; /* where it is bound to */
	bool drops_privilege; /* its request asks for it */
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

struct tree *mount_begin(fuse_req_t req, size_t bytes)
{
	struct mount_server *server = mount_server_of(req);
	int cpu =
		mount_place_note(&server->place, fuse_req_ctx(req)->pid, bytes, mount_place_locate);
	struct thread *thread = this_thread(server);

	if (thread)
		mount_place_move(&server->place, cpu, &thread->cpu);
	return server->tree;
}

char *mount_buffer(fuse_req_t req, size_t size)
{
	struct thread *thread = this_thread(mount_server_of(req));
	size_t want = max_u64(size, BUFFER_MIN_BYTES);

	if (!thread || (thread->buf && thread->size >= size))
		return thread ? thread->buf : NULL;
	free(thread->buf);
	thread->buf = malloc(want);
	thread->size = want;
	return thread->buf;
}

void mount_note_privilege(struct mount_server *server, bool dropped)
{
	struct thread *thread = this_thread(server);

	if (thread)
		thread->drops_privilege = dropped;
}

bool mount_drops_privilege(fuse_req_t req)
{
	struct thread *thread = this_thread(mount_server_of(req));

	/* No memory to know it in: the safe answer. */
	return !thread || thread->drops_privilege;
}

void mount_attr_to_stat(const struct tree_attr *attr, struct stat *out)
{
	*out = (struct stat){
		.st_ino = attr->id,
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

/*
 * Where case makes no difference the kernel must ask each time: it compares names as they are, and
 * would keep one spelling of what was removed or renamed by another. It keeps a name that is moved there
 * for as long as it was told in the directory where the name was before; so wherever that can happen no
 * name is kept.
 */
double mount_name_timeout(struct mount_server *server, uint64_t dir)
{
	if (server->writable && (server->tree->mixes_case || tree_ignores_case(server->tree, dir)))
		return 0;
	return MOUNT_FOREVER_SECONDS;
}

static void fill(const struct tree_attr *attr, double name_timeout, struct fuse_entry_param *out)
{
	*out = (struct fuse_entry_param){
		.ino = attr->id,
		.attr_timeout = MOUNT_FOREVER_SECONDS,
		.entry_timeout = name_timeout,
	};
	mount_attr_to_stat(attr, &out->attr);
}

int mount_entry_fill(struct mount_server *server, uint64_t id, double name_timeout,
		     struct fuse_entry_param *out)
{
	struct tree_attr attr;
	int err = server->writable ? tree_hold(server->tree, id) : 0;

	if (err)
		return err;
	err = tree_getattr(server->tree, id, &attr);
	if (err) {
		if (server->writable)
			tree_release(server->tree, id, 1);
		return err;
	}
	fill(&attr, name_timeout, out);
	return 0;
}

int mount_entry_fill_attr(struct mount_server *server, const struct tree_attr *attr,
			  double name_timeout, struct fuse_entry_param *out)
{
	int err = server->writable ? tree_hold(server->tree, attr->id) : 0;

	if (!err)
		fill(attr, name_timeout, out);
	return err;
}

void mount_entry_fill_held(const struct tree_attr *attr, struct fuse_entry_param *out)
{
	fill(attr, 0, out);
}

void mount_reply_entry(fuse_req_t req, int err, const struct fuse_entry_param *entry)
{
	struct mount_server *server = mount_server_of(req);

	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	/* An error means that whoever asked was interrupted: the kernel has not counted it. */
	if (fuse_reply_entry(req, entry) != 0 && entry->ino && server->writable)
		tree_release(server->tree, entry->ino, 1);
}

bool mount_server_is_xattr(uint64_t id, const char *name)
{
	return id == TREE_ROOT &&
	       (strcmp(name, MOUNT_SERVER_XATTR) == 0 || strcmp(name, MOUNT_SERVER_XATTR_ANY) == 0);
}

ssize_t mount_server_describe(const char *result, char *text, size_t size)
{
	char namespace[64];
	ssize_t len = readlink("/proc/self/ns/pid", namespace, sizeof(namespace));
	int n;

	if (len < 0)
		len = 0;
	n = snprintf(text, size, "%ld %.*s%s%s", (long)getpid(), (int)len, namespace,
		     result ? " " : "", result ? result : "");
	return n < 0 || (size_t)n >= size ? -ERANGE : n;
}

int mount_server_init(struct mount_server *server, struct tree *tree)
{
	*server = (struct mount_server){.tree = tree, .namespace = MOUNT_NAMESPACE_OWN};
	mount_place_init(&server->place);
	return -pthread_key_create(&server->threads, thread_free);
}

void mount_server_finish(struct mount_server *server)
{
	thread_free(pthread_getspecific(server->threads));
	pthread_key_delete(server->threads);
}
