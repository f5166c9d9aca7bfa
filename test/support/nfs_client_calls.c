/* SPDX-License-Identifier: MIT */
/* What most tests of NFS need of its procedures. */
#include <string.h>

#include "support/nfs_client.h"

#define CALL(procedure, type, asked, answer)                                                       \
	client_call(c, CLIENT_PROGRAM_NFS, procedure, (zdrproc_t)zdr_##type##args, asked,          \
		    (zdrproc_t)zdr_##type##res, answer, sizeof(*(answer)))

nfs_fh3 fh_of(struct handle *handle)
{
	nfs_fh3 fh;

	fh.data.data_len = handle->len;
	fh.data.data_val = handle->data;
	return fh;
}

void keep_handle(const nfs_fh3 *fh, struct handle *out)
{
	out->len = fh->data.data_len;
	memcpy(out->data, fh->data.data_val, out->len);
}

sattr3 set_nothing(void)
{
	sattr3 set;

	memset(&set, 0, sizeof(set));
	return set;
}

sattr3 set_mode(uint32_t mode)
{
	sattr3 set = set_nothing();

	set.mode.set_it = 1;
	set.mode.set_mode3_u.mode = mode;
	return set;
}

sattr3 set_size(uint64_t size)
{
	sattr3 set = set_nothing();

	set.size.set_it = 1;
	set.size.set_size3_u.size = size;
	return set;
}

static diropargs3 place(struct handle *dir, const char *name)
{
	diropargs3 where;

	where.dir = fh_of(dir);
	where.name = (char *)(uintptr_t)name;
	return where;
}

mountstat3 do_mount(struct client *c, const char *path, struct handle *out)
{
	dirpath name = (char *)(uintptr_t)path;
	mountres3 res;

	client_call(c, CLIENT_PROGRAM_MOUNT, MOUNT3_MNT, (zdrproc_t)zdr_dirpath, &name,
		    (zdrproc_t)zdr_mountres3, &res, sizeof(res));
	if (res.fhs_status == MNT3_OK && out) {
		out->len = res.mountres3_u.mountinfo.fhandle.fhandle3_len;
		memcpy(out->data, res.mountres3_u.mountinfo.fhandle.fhandle3_val, out->len);
	}
	return res.fhs_status;
}

nfsstat3 do_getattr(struct client *c, struct handle *h, fattr3 *out)
{
	GETATTR3args args = {.object = fh_of(h)};
	GETATTR3res res;

	CALL(NFS3_GETATTR, GETATTR3, &args, &res);
	if (res.status == NFS3_OK && out)
		*out = res.GETATTR3res_u.resok.obj_attributes;
	return res.status;
}

nfsstat3 do_lookup(struct client *c, struct handle *dir, const char *name, struct handle *out)
{
	LOOKUP3args args = {.what = place(dir, name)};
	LOOKUP3res res;

	CALL(NFS3_LOOKUP, LOOKUP3, &args, &res);
	if (res.status == NFS3_OK && out)
		keep_handle(&res.LOOKUP3res_u.resok.object, out);
	return res.status;
}

nfsstat3 do_access(struct client *c, struct handle *h, uint32_t wanted, uint32_t *out)
{
	ACCESS3args args = {.object = fh_of(h), .access = wanted};
	ACCESS3res res;

	CALL(NFS3_ACCESS, ACCESS3, &args, &res);
	if (res.status == NFS3_OK)
		*out = res.ACCESS3res_u.resok.access;
	return res.status;
}

nfsstat3 do_setattr(struct client *c, struct handle *h, const sattr3 *set, const nfstime3 *guard,
		    wcc_data *out)
{
	SETATTR3args args;
	SETATTR3res res;

	memset(&args, 0, sizeof(args));
	args.object = fh_of(h);
	args.new_attributes = *set;
	if (guard) {
		args.guard.check = 1;
		args.guard.sattrguard3_u.obj_ctime = *guard;
	}
	CALL(NFS3_SETATTR, SETATTR3, &args, &res);
	if (out)
		*out = res.SETATTR3res_u.resok.obj_wcc;
	return res.status;
}

nfsstat3 do_read(struct client *c, struct handle *h, uint64_t offset, uint32_t count, char *out,
		 uint32_t *out_len, bool *out_eof)
{
	READ3args args = {.file = fh_of(h), .offset = offset, .count = count};
	READ3res res;

	CALL(NFS3_READ, READ3, &args, &res);
	if (res.status != NFS3_OK)
		return res.status;
	if (out)
		memcpy(out, res.READ3res_u.resok.data.data_val, res.READ3res_u.resok.data.data_len);
	if (out_len)
		*out_len = res.READ3res_u.resok.count == res.READ3res_u.resok.data.data_len
				   ? res.READ3res_u.resok.count
				   : UINT32_MAX;
	if (out_eof)
		*out_eof = res.READ3res_u.resok.eof;
	return res.status;
}

nfsstat3 do_write(struct client *c, struct handle *h, uint64_t offset, const char *data,
		  uint32_t len, stable_how how, WRITE3resok *out)
{
	WRITE3args args = {.file = fh_of(h), .offset = offset, .count = len, .stable = how};
	WRITE3res res;

	args.data.data_len = len;
	args.data.data_val = (char *)(uintptr_t)data;
	CALL(NFS3_WRITE, WRITE3, &args, &res);
	if (res.status == NFS3_OK && out)
		*out = res.WRITE3res_u.resok;
	return res.status;
}

nfsstat3 do_commit(struct client *c, struct handle *h, COMMIT3resok *out)
{
	COMMIT3args args = {.file = fh_of(h)};
	COMMIT3res res;

	CALL(NFS3_COMMIT, COMMIT3, &args, &res);
	if (res.status == NFS3_OK && out)
		*out = res.COMMIT3res_u.resok;
	return res.status;
}

/* Results of what makes a node are all laid out like those of CREATE. */
static nfsstat3 make(struct client *c, uint32_t procedure, zdrproc_t encode, void *args,
		     struct handle *out)
{
	CREATE3res res;

	client_call(c, CLIENT_PROGRAM_NFS, procedure, encode, args, (zdrproc_t)zdr_CREATE3res, &res,
		    sizeof(res));
	if (res.status == NFS3_OK && out)
		keep_handle(&res.CREATE3res_u.resok.obj.post_op_fh3_u.handle, out);
	return res.status;
}

nfsstat3 do_create(struct client *c, struct handle *dir, const char *name, createmode3 how,
		   const sattr3 *set, const char verifier[8], struct handle *out)
{
	CREATE3args args;

	memset(&args, 0, sizeof(args));
	args.where = place(dir, name);
	args.how.mode = how;
	if (how == EXCLUSIVE)
		memcpy(args.how.createhow3_u.verf, verifier, 8);
	else
		args.how.createhow3_u.obj_attributes = *set;
	return make(c, NFS3_CREATE, (zdrproc_t)zdr_CREATE3args, &args, out);
}

nfsstat3 do_mkdir(struct client *c, struct handle *dir, const char *name, uint32_t mode,
		  struct handle *out)
{
	MKDIR3args args = {.where = place(dir, name), .attributes = set_mode(mode)};

	return make(c, NFS3_MKDIR, (zdrproc_t)zdr_MKDIR3args, &args, out);
}

nfsstat3 do_symlink(struct client *c, struct handle *dir, const char *name, const char *target,
		    struct handle *out)
{
	SYMLINK3args args = {.where = place(dir, name)};

	args.symlink.symlink_attributes = set_nothing();
	args.symlink.symlink_data = (char *)(uintptr_t)target;
	return make(c, NFS3_SYMLINK, (zdrproc_t)zdr_SYMLINK3args, &args, out);
}

nfsstat3 do_mknod(struct client *c, struct handle *dir, const char *name, ftype3 type,
		  uint32_t major, uint32_t minor, struct handle *out)
{
	MKNOD3args args;

	memset(&args, 0, sizeof(args));
	args.where = place(dir, name);
	args.what.type = type;
	if (type == NF3CHR || type == NF3BLK) {
		args.what.mknoddata3_u.chr_device.dev_attributes = set_mode(0640);
		args.what.mknoddata3_u.chr_device.spec.specdata1 = major;
		args.what.mknoddata3_u.chr_device.spec.specdata2 = minor;
	} else {
		args.what.mknoddata3_u.pipe_attributes = set_mode(0640);
	}
	return make(c, NFS3_MKNOD, (zdrproc_t)zdr_MKNOD3args, &args, out);
}

nfsstat3 do_remove(struct client *c, struct handle *dir, const char *name, wcc_data *out)
{
	REMOVE3args args = {.object = place(dir, name)};
	REMOVE3res res;

	CALL(NFS3_REMOVE, REMOVE3, &args, &res);
	if (out)
		*out = res.REMOVE3res_u.resok.dir_wcc;
	return res.status;
}

nfsstat3 do_rmdir(struct client *c, struct handle *dir, const char *name)
{
	RMDIR3args args = {.object = place(dir, name)};
	RMDIR3res res;

	CALL(NFS3_RMDIR, RMDIR3, &args, &res);
	return res.status;
}

nfsstat3 do_rename(struct client *c, struct handle *from, const char *name, struct handle *to,
		   const char *new_name)
{
	RENAME3args args = {.from = place(from, name), .to = place(to, new_name)};
	RENAME3res res;

	CALL(NFS3_RENAME, RENAME3, &args, &res);
	return res.status;
}

nfsstat3 do_link(struct client *c, struct handle *h, struct handle *dir, const char *name)
{
	LINK3args args = {.file = fh_of(h), .link = place(dir, name)};
	LINK3res res;

	CALL(NFS3_LINK, LINK3, &args, &res);
	return res.status;
}
