/* SPDX-License-Identifier: MIT */
/*
 * A stream of records with calls, as a hostile peer sends it. The first byte says how it is cut into
 * reads. Records are the same however they come in; each header is judged as libtirpc judges it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <rpc/xdr.h>
#include <rpc/auth.h>
#include <rpc/auth_unix.h>
#include <netconfig.h>
#include <rpc/clnt.h>
#include <rpc/rpc_msg.h>

#include "base/be.h"
#include "rpc/rpc_header.h"
#include "rpc/rpc_record.h"

#define RECORD_MAX 2000u
#define RECORDS_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The records of a stream, one behind the other. */
struct records {
	uint8_t *bytes;
	size_t ends[RECORDS_MAX];
	size_t count;
	bool too_long;
};

static void keep(struct records *records, const uint8_t *bytes, size_t len)
{
	size_t at = records->count ? records->ends[records->count - 1] : 0;

	if (records->count == RECORDS_MAX)
		return;
	memcpy(records->bytes + at, bytes, len);
	records->ends[records->count++] = at + len;
}

/* By reads of at most @step bytes. */
static void take_apart(const uint8_t *data, size_t size, size_t step, struct records *records)
{
	uint8_t *buf = malloc(size + 1);
	struct rpc_record record = {.begun = false};
	size_t pos = 0;

	assert(buf);
	for (size_t end = 0; end < size && !records->too_long;) {
		enum rpc_record_result result;

		step = step < size - end ? step : size - end;
		memcpy(buf + end, data + end, step);
		end += step;
		while ((result = rpc_record_next(&record, buf, &pos, end, RECORD_MAX)) ==
		       RPC_RECORD_READY) {
			assert(record.body + record.len <= pos && record.len <= RECORD_MAX);
			keep(records, buf + record.body, record.len);
			rpc_record_end(&record);
		}
		assert(pos <= end);
		records->too_long = result == RPC_RECORD_TOO_LONG;
		if (result == RPC_RECORD_MORE)
			assert(end - pos < RPC_MARK_BYTES);
	}
	free(buf);
}

/* As RFC 5531, 11 says it, with a copy of each fragment. */
static void take_apart_simply(const uint8_t *data, size_t size, struct records *records)
{
	uint8_t record[RECORD_MAX];
	size_t len = 0;

	for (size_t at = 0; size - at >= 4;) {
		uint32_t mark = be32_at(data + at);
		size_t part = mark & ~RPC_MARK_LAST;

		at += 4;
		if (part > RECORD_MAX - len) {
			records->too_long = true;
			return;
		}
		if (part > size - at)
			return;
		memcpy(record + len, data + at, part);
		len += part;
		at += part;
		if (mark & RPC_MARK_LAST) {
			keep(records, record, len);
			len = 0;
		}
	}
}

static void compare_cred(const struct opaque_auth *theirs, const struct rpc_call *call,
			 uint32_t why)
{
	struct authunix_parms parms;
	XDR xdr;
	bool decoded;

	memset(&parms, 0, sizeof(parms));
	xdrmem_create(&xdr, theirs->oa_base, theirs->oa_length, XDR_DECODE);
	decoded = xdr_authunix_parms(&xdr, &parms);
	assert(decoded == (why != RPC_AUTH_BADCRED));
	if (decoded) {
		assert(call->cred.uid == parms.aup_uid && call->cred.gid == parms.aup_gid);
		assert(call->cred.groups_count == parms.aup_len);
		for (uint32_t i = 0; i < parms.aup_len; i++)
			assert(call->cred.groups[i] == parms.aup_gids[i]);
	}
	xdr_free((xdrproc_t)xdr_authunix_parms, &parms);
}

static void judge(const uint8_t *record, size_t len)
{
	/* a copy of exactly that size: a sanitizer sees the first byte beyond it */
	uint8_t *copy = malloc(len ? len : 1);
	char cred[MAX_AUTH_BYTES];
	char verifier[MAX_AUTH_BYTES];
	struct rpc_msg theirs;
	struct rpc_call call;
	enum rpc_verdict verdict;
	uint32_t why;
	XDR xdr;

	assert(copy);
	memcpy(copy, record, len);
	verdict = rpc_header_parse(copy, len, &call, &why);
	memset(&theirs, 0, sizeof(theirs));
	theirs.rm_call.cb_cred.oa_base = cred;
	theirs.rm_call.cb_verf.oa_base = verifier;
	xdrmem_create(&xdr, (char *)copy, (unsigned int)len, XDR_DECODE);
	if (!xdr_callmsg(&xdr, &theirs)) {
		assert(verdict == RPC_VERDICT_GARBAGE || verdict == RPC_VERDICT_MISMATCH);
		free(copy);
		return;
	}
	assert(verdict == RPC_VERDICT_CALL || verdict == RPC_VERDICT_AUTH);
	assert(call.xid == theirs.rm_xid && call.program == theirs.rm_call.cb_prog);
	assert(call.version == theirs.rm_call.cb_vers && call.procedure == theirs.rm_call.cb_proc);
	assert(call.args == copy + xdr_getpos(&xdr));
	assert(call.args_len == len - xdr_getpos(&xdr));
	assert(call.cred.flavor == (uint32_t)theirs.rm_call.cb_cred.oa_flavor);
	if (call.cred.flavor == RPC_AUTH_SYS)
		compare_cred(&theirs.rm_call.cb_cred, &call, why);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct records simple = {.count = 0};
	struct records cut = {.count = 0};

	if (size < 1)
		return 0;
	simple.bytes = malloc(size);
	cut.bytes = malloc(size);
	assert(simple.bytes && cut.bytes);
	take_apart_simply(data + 1, size - 1, &simple);
	take_apart(data + 1, size - 1, data[0] ? data[0] : size, &cut);
	assert(simple.count == cut.count);
	assert(simple.count == RECORDS_MAX || simple.too_long == cut.too_long);
	assert(memcmp(simple.ends, cut.ends, simple.count * sizeof(simple.ends[0])) == 0);
	if (simple.count)
		assert(memcmp(simple.bytes, cut.bytes, simple.ends[simple.count - 1]) == 0);
	for (size_t i = 0; i < cut.count; i++) {
		size_t start = i ? cut.ends[i - 1] : 0;

		judge(cut.bytes + start, cut.ends[i] - start);
	}
	free(simple.bytes);
	free(cut.bytes);
	return 0;
}
