/* SPDX-License-Identifier: MIT */
/*
 * A client of NFSv3 for tests, by the codecs of libnfs, which know nothing of ours. It says exactly what it
 * is told to: numbers of calls, users, damaged arguments. Whatever goes wrong on the wire ends the program.
 */
#ifndef BRAMBLE_TEST_NFS_CLIENT_H
#define BRAMBLE_TEST_NFS_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nfsc/libnfs-zdr.h>

#include <nfsc/libnfs-raw-mount.h>
#include <nfsc/libnfs-raw-nfs.h>

#define CLIENT_PROGRAM_NFS 100003u
#define CLIENT_PROGRAM_MOUNT 100005u

/* How a call was received, besides enum accept_stat. */
#define CLIENT_CLOSED 100

struct client {
	int fd;
	bool udp;
	uint32_t xid; /* of the last call */
	uint32_t uid;
	uint32_t gid;
	uint32_t groups[16];
	uint32_t groups_count;
	bool nobody; /* AUTH_NONE */
	bool patient; /* connects again where the server has gone, and sends its call again */
	unsigned int reconnected; /* how often */
	struct sockaddr_in server;
	struct sockaddr_in from; /* port 0: as the kernel likes */
	uint8_t *data; /* the last answer, which results point into */
	size_t data_len;
	ZDR zdr; /* what the results were decoded with, until the next call */
	bool decoded;
};

/* A handle by value. */
struct handle {
	uint32_t len;
	char data[64];
};

/* 127.0.0.1:@port. */
void client_open(struct client *client, uint16_t port, bool udp);
/* By TCP, from an address that need not be this host's if the answers find their way (IP_TRANSPARENT). */
void client_open_from(struct client *client, const struct sockaddr_in *server,
		      const struct sockaddr_in *from);
void client_close(struct client *client);

/* A call with the number @xid whose arguments are @args as they are. */
void client_send(struct client *client, uint32_t xid, uint32_t program, uint32_t version,
		 uint32_t procedure, const void *args, size_t len);

/* The next answer: enum accept_stat or CLIENT_CLOSED, and what is behind its head in the client. */
int client_receive(struct client *client, uint32_t *out_xid, const uint8_t **out, size_t *out_len);

/* Whether there is an answer within @ms. */
bool client_waits(struct client *client, int ms);

/*
 * Encodes, sends, receives and decodes; exits unless the call was accepted. @res is made zeros before, as
 * libnfs wants it.
 */
void client_call(struct client *client, uint32_t program, uint32_t procedure, zdrproc_t encode,
		 void *args, zdrproc_t decode, void *res, size_t size);
/* The same with a number that is given, for calls that are sent again. */
void client_call_as(struct client *client, uint32_t xid, uint32_t procedure, zdrproc_t encode,
		    void *args, zdrproc_t decode, void *res, size_t size);

/* What most tests need of the procedures: the status, and what is asked for (NULL: nothing). */
nfs_fh3 fh_of(struct handle *handle);
void keep_handle(const nfs_fh3 *fh, struct handle *out);
mountstat3 do_mount(struct client *c, const char *path, struct handle *out);
nfsstat3 do_getattr(struct client *c, struct handle *h, fattr3 *out);
nfsstat3 do_lookup(struct client *c, struct handle *dir, const char *name, struct handle *out);
nfsstat3 do_access(struct client *c, struct handle *h, uint32_t wanted, uint32_t *out);
nfsstat3 do_setattr(struct client *c, struct handle *h, const sattr3 *set, const nfstime3 *guard,
		    wcc_data *out);
nfsstat3 do_read(struct client *c, struct handle *h, uint64_t offset, uint32_t count, char *out,
		 uint32_t *out_len, bool *out_eof);
nfsstat3 do_write(struct client *c, struct handle *h, uint64_t offset, const char *data,
		  uint32_t len, stable_how how, WRITE3resok *out);
nfsstat3 do_commit(struct client *c, struct handle *h, COMMIT3resok *out);
nfsstat3 do_create(struct client *c, struct handle *dir, const char *name, createmode3 how,
		   const sattr3 *set, const char verifier[8], struct handle *out);
nfsstat3 do_mkdir(struct client *c, struct handle *dir, const char *name, uint32_t mode,
		  struct handle *out);
nfsstat3 do_symlink(struct client *c, struct handle *dir, const char *name, const char *target,
		    struct handle *out);
nfsstat3 do_mknod(struct client *c, struct handle *dir, const char *name, ftype3 type,
		  uint32_t major, uint32_t minor, struct handle *out);
nfsstat3 do_remove(struct client *c, struct handle *dir, const char *name, wcc_data *out);
nfsstat3 do_rmdir(struct client *c, struct handle *dir, const char *name);
nfsstat3 do_rename(struct client *c, struct handle *from, const char *name, struct handle *to,
		   const char *new_name);
nfsstat3 do_link(struct client *c, struct handle *h, struct handle *dir, const char *name);

/* Attributes to set: nothing, or a mode. */
sattr3 set_nothing(void);
sattr3 set_mode(uint32_t mode);
sattr3 set_size(uint64_t size);

#endif
