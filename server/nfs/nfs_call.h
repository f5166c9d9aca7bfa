/* SPDX-License-Identifier: MIT */
/*
 * One NFS call while it is carried out, and what the functions of the procedures have in common.
 *
 * A procedure is one function. For those that read, it is called on the loop while waiting is forbidden
 * (base/wait.h), and if it gives -EAGAIN once more, in a worker; it must do the same then. Those that
 * change something are called in a worker at once. The loop sends the answer.
 */
#ifndef BRAMBLE_NFS_CALL_H
#define BRAMBLE_NFS_CALL_H

#include <nfs3.h>

#include "nfs/nfs.h"
#include "nfs/nfs_calls.h"
#include "nfs/nfs_wire.h"
#include "tree/tree.h"

#define NFS_NAME_MAX 255u

struct nfs_op;

struct nfs_procedure {
	const char *name;
	/*
	 * 0: the answer is in op->out, or op->refusal says why there is none. -EAGAIN: see above. -ENOMEM:
	 * no room for an answer.
	 */
	int (*run)(struct nfs_op *op);
	/*
	 * Of arguments that rpcgen's code decodes, into op->args; NULL: @run takes them from op->behind.
	 */
	xdrproc_t decode;
	bool changes; /* is for a worker at once */
	bool once; /* must not be carried out twice: its outcome is kept */
	unsigned int fail_words; /* of an answer with an error, where nothing is known: all zeros */
};

/* An export in use: by connections that it is remembered for, and by calls. The loop's alone. */
struct nfs_lease {
	struct nfs_server *server; /* borrowed */
	struct nfs_export *export;
	struct nfs_seal seal;
	unsigned int uses;
};

/* What rpcgen's code makes of arguments. */
union nfs_arguments {
	SETATTR3args setattr;
	READLINK3args readlink;
	CREATE3args create;
	MKDIR3args mkdir;
	SYMLINK3args symlink;
	MKNOD3args mknod;
	REMOVE3args remove;
	RENAME3args rename;
	LINK3args link;
	READDIR3args readdir;
	READDIRPLUS3args readdirplus;
	COMMIT3args commit;
};

struct nfs_op {
	struct rpc_call *call;
	const struct nfs_procedure *procedure;
	const struct nfs_server *server;
	struct nfs_lease *lease;
	struct tree *tree; /* of the lease's export */
	struct tree_caller caller;
	uint64_t id; /* of the handle that the arguments begin with */
	struct nfs_args behind; /* the arguments behind it */
	union nfs_arguments *args;
	struct nfs_running *running; /* of a procedure that changes something; else NULL */
	struct nfs_outcome
		outcome; /* of one that changes something; or of the call that came before */
	bool to_sync; /* what it did has to be durable before it is answered */
	uint32_t transfer_max; /* bytes that an answer's data may have */

	/* The answer. */
	uint8_t *out;
	size_t room; /* bytes at @out */
	size_t len; /* of them are the answer's */
	struct rpc_file file; /* what follows them, if its length is not 0 */
	uint32_t refusal; /* enum rpc_refusal; 0: there is an answer */
};

/* Success, of a procedure that has no results. */
void nfs_reply_nothing(struct rpc_call *call);

/* Whether a call must be made again by who may wait. */
bool nfs_must_wait(int err);

/* Room for an answer: its status, which is written, and @more bytes from here on. NULL: no memory. */
uint8_t *nfs_answer(struct nfs_op *op, int err, size_t more);
/* The answer ends at @end. Returns 0. */
int nfs_answered(struct nfs_op *op, const uint8_t *end);

/* An answer with an error (a negative errno) of which nothing more is said. What @run returns. */
int nfs_fail(struct nfs_op *op, int err);

/* The same for errors of nfs_other_handle. */
int nfs_fail_handle(struct nfs_op *op, int err);

/* The same where the procedure's errors have attributes, or attributes from before and after. */
int nfs_fail_attr(struct nfs_op *op, int err, const struct nfs_attr *attr);
int nfs_answer_wcc(struct nfs_op *op, int err, const struct nfs_wcc *wcc);

/* An answer becomes one with a status that no errno stands for. */
void nfs_answer_status(struct nfs_op *op, nfsstat3 status);

/* The arguments are none. What @run returns. */
int nfs_garbage(struct nfs_op *op);

/* Attributes of a node. For nfs_attr_after, that they cannot be had is no error. */
int nfs_attr_get(struct nfs_op *op, uint64_t id, struct nfs_attr *out);
void nfs_attr_after(struct nfs_op *op, uint64_t id, struct nfs_attr *out);

/* Fills the first half of @out; the errors of reading the attributes. */
int nfs_wcc_before(struct nfs_op *op, uint64_t id, struct nfs_wcc *out);
void nfs_wcc_after(struct nfs_op *op, uint64_t id, struct nfs_wcc *wcc);

/* Of a call that changed nothing: the same for before and after. */
void nfs_wcc_unchanged(struct nfs_op *op, uint64_t id, struct nfs_wcc *out);

/* Whether the caller may do all of @wanted (TREE_MAY_*) with a node: 0, -EACCES, or of reading it. */
int nfs_may(struct nfs_op *op, const struct tree_attr *attr, unsigned int wanted);

/* The file system that a node is on, as NFS tells them apart. */
int nfs_fsid(struct nfs_op *op, uint64_t id, uint64_t *out);

/* Another handle of the call: its node; -EBADMSG, -ESTALE, -EXDEV: it is of another export. */
int nfs_other_handle(struct nfs_op *op, const nfs_fh3 *handle, uint64_t *out_id);

/* Around the change itself, so that its outcome is stored with it. */
void nfs_note_begin(struct nfs_op *op);
void nfs_note_end(struct nfs_op *op);

/* The procedures. */
int nfs_getattr(struct nfs_op *op);
int nfs_lookup(struct nfs_op *op);
int nfs_access(struct nfs_op *op);
int nfs_readlink(struct nfs_op *op);
int nfs_read(struct nfs_op *op);
int nfs_readdir(struct nfs_op *op);
int nfs_readdirplus(struct nfs_op *op);
int nfs_fsstat(struct nfs_op *op);
int nfs_fsinfo(struct nfs_op *op);
int nfs_pathconf(struct nfs_op *op);
int nfs_setattr(struct nfs_op *op);
int nfs_write(struct nfs_op *op);
int nfs_commit(struct nfs_op *op);
int nfs_create(struct nfs_op *op);
int nfs_mkdir(struct nfs_op *op);
int nfs_symlink(struct nfs_op *op);
int nfs_mknod(struct nfs_op *op);
int nfs_remove(struct nfs_op *op);
int nfs_rmdir(struct nfs_op *op);
int nfs_rename(struct nfs_op *op);
int nfs_link(struct nfs_op *op);

/* Answers a call that came again, by op->outcome. */
int nfs_again(struct nfs_op *op);

/* NULL: there is no such one. */
const struct nfs_procedure *nfs_procedure(uint32_t number);

#endif
