/* SPDX-License-Identifier: MIT */
/*
 * What the nfs room uses of the rpc and loop rooms, without a network and threads: for unit tests and
 * fuzzing. Workers' work is done where it is submitted, or when the test says so.
 */
#ifndef BRAMBLE_TEST_NFS_FAKE_H
#define BRAMBLE_TEST_NFS_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nfs/nfs.h"
#include "rpc/rpc.h"

enum fake_end {
	FAKE_OPEN, /* not answered so far */
	FAKE_ANSWERED,
	FAKE_REFUSED,
	FAKE_DROPPED,
};

struct fake_call {
	struct rpc_call call;
	struct rpc_peer peer;
	enum fake_end end;
	uint32_t refusal; /* enum rpc_refusal */
	uint8_t *data; /* of the answer; owned, freed by fake_call_finish */
	size_t size;
	size_t len;
};

/* Every call has the peer @peer if it is not NULL, else one of its own by UDP. */
void fake_call_init(struct fake_call *fake, uint32_t program, uint32_t procedure, const void *args,
		    size_t len);
void fake_call_finish(struct fake_call *fake);

/* Gives the call to the program that a server has registered. */
void fake_call_make(struct fake_call *fake);

/* What loop_workers says. */
#define FAKE_WORKERS 4u

/* Whether work waits for fake_work_run, rather than being done at once. */
void fake_work_defer(bool defer);
size_t fake_work_run(void);

/* How often work was submitted so far. */
size_t fake_work_count(void);

/* A server whose programs are then known to fake_call_make; not to be quiesced. */
struct nfs_server *fake_server(const struct nfs_site *site);
void fake_server_end(struct nfs_server *server);

#endif
