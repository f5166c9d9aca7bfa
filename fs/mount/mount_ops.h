/* SPDX-License-Identifier: MIT */
/*
 * FUSE requests answered from a tree: what the files that answer them share. Private to the mount
 * room.
 */
#ifndef BRAMBLE_MOUNT_MOUNT_OPS_H
#define BRAMBLE_MOUNT_MOUNT_OPS_H

#define FUSE_USE_VERSION 314

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mount/mount_place.h"
#include "tree/tree.h"

/*
 * An attribute of a mount's root that no listing shows and no tree holds: "PID NAMESPACE RESULT" of
 * the process that serves the mount, so that `bramble umount` can wait for its end and be told how it
 * went; see mount_result.h. RESULT is missing where there is nothing to save.
 */
#define MOUNT_SERVER_XATTR "user.bramble.server"
#define MOUNT_SERVER_XATTR_ANY                                                                     \
	"security.bramble.server" /* the same, for those who may not read it */
#define MOUNT_SERVER_XATTR_BYTES 256

/* Nothing changes but through the mount, which the kernel sees. */
#define MOUNT_FOREVER_SECONDS 1e9

struct mount_server {
	struct tree *tree; /* borrowed */
	struct fuse_session *session; /* borrowed */
	const char *result; /* borrowed: the name for MOUNT_SERVER_XATTR; or NULL */
	int namespace; /* where it is mounted, as mount_namespace_run has it */
	pthread_key_t threads; /* what each thread keeps from one request to the next */
	struct mount_place place;
	_Atomic unsigned int absent_xattrs; /* questions for attributes that were not there */
	bool checked; /* modes count, so that the kernel has to know of ACLs too */
	bool writable;
	_Atomic bool writeback; /* the kernel collects writes; before it was asked: is to */
	_Atomic uint64_t writes_begun;
	_Atomic uint64_t writes_done;
	_Atomic bool ending; /* nobody else will hear of it when the kernel's own writes fail */
	_Atomic int lost; /* why one did; or 0 */
	uint64_t
		offer; /* the request by which the kernel offers the next; 0: none to be answered */
	bool drops_privilege; /* the kernel leaves it to us to drop setuid and setgid */
};

/* What all requests are answered by; the session's userdata is a struct mount_server. */
extern const struct fuse_lowlevel_ops mount_read_only_ops;
extern const struct fuse_lowlevel_ops mount_writable_ops;

int mount_server_init(struct mount_server *server, struct tree *tree);

/* What the calling thread keeps goes too; other threads must have ended. */
void mount_server_finish(struct mount_server *server);

/* Whether @name is one of the two that the root alone has. */
bool mount_server_is_xattr(uint64_t id, const char *name);

/* The text of MOUNT_SERVER_XATTR for this process. */
ssize_t mount_server_describe(const char *result, char *text, size_t size);

static inline struct mount_server *mount_server_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* Every request starts with this. @bytes: of file data that it carries or asks for. */
struct tree *mount_begin(fuse_req_t req, size_t bytes);

/* At least @size bytes that belong to this thread until its next request. NULL: no memory. */
char *mount_buffer(fuse_req_t req, size_t size);

/* Of the request that this thread received: the kernel wants setuid and setgid to be dropped. */
void mount_note_privilege(struct mount_server *server, bool dropped);
bool mount_drops_privilege(fuse_req_t req);

void mount_attr_to_stat(const struct tree_attr *attr, struct stat *out);

/* Seconds for which the kernel may keep what a name in @dir leads to. */
double mount_name_timeout(struct mount_server *server, uint64_t dir);

/*
 * The answer that tells of the node @id. In a writable mount it holds the node: for each answer that
 * reaches the kernel, the kernel forgets it once.
 */
int mount_entry_fill(struct mount_server *server, uint64_t id, double name_timeout,
		     struct fuse_entry_param *out);

/* The same where the node's attributes are known. */
int mount_entry_fill_attr(struct mount_server *server, const struct tree_attr *attr,
			  double name_timeout, struct fuse_entry_param *out);

/* The same of a node that is held already, and that no name leads to. */
void mount_entry_fill_held(const struct tree_attr *attr, struct fuse_entry_param *out);

/* Answers with @entry, or with @err; what @entry holds is released where nobody takes it. */
void mount_reply_entry(fuse_req_t req, int err, const struct fuse_entry_param *entry);

/*
 * mount_io.c: reads and writes for a writable mount's session, which is mounted. What libfuse 3.14
 * does not know of the protocol is seen to there.
 */
int mount_io_set(struct fuse_session *session);

/* mount_read.c */
void mount_on_lookup(fuse_req_t req, fuse_ino_t dir, const char *name);
void mount_on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void mount_on_readlink(fuse_req_t req, fuse_ino_t ino);
void mount_on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void mount_on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		   struct fuse_file_info *fi);
void mount_on_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
		    struct fuse_file_info *fi);
void mount_on_statfs(fuse_req_t req, fuse_ino_t ino);
void mount_on_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void mount_on_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);

/* mount_list.c */
void mount_on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t cookie,
		      struct fuse_file_info *fi);
void mount_on_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t cookie,
			  struct fuse_file_info *fi);

/* mount_names.c */
void mount_on_mknod(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, dev_t rdev);
void mount_on_create(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode,
		     struct fuse_file_info *fi);
void mount_on_mkdir(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode);
void mount_on_symlink(fuse_req_t req, const char *target, fuse_ino_t dir, const char *name);
void mount_on_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t dir, const char *name);
void mount_on_unlink(fuse_req_t req, fuse_ino_t dir, const char *name);
void mount_on_rmdir(fuse_req_t req, fuse_ino_t dir, const char *name);
void mount_on_rename(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t new_dir,
		     const char *new_name, unsigned int flags);
void mount_on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count);
void mount_on_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);

/* mount_change.c */
void mount_on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int valid,
		      struct fuse_file_info *fi);
void mount_on_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t offset,
		    struct fuse_file_info *fi);
void mount_on_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t len,
			struct fuse_file_info *fi);
void mount_on_copy(fuse_req_t req, fuse_ino_t from, off_t from_offset, struct fuse_file_info *fi,
		   fuse_ino_t to, off_t to_offset, struct fuse_file_info *to_fi, size_t len,
		   int flags);
void mount_on_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		       size_t size, int flags);
void mount_on_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);
void mount_on_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

#endif
