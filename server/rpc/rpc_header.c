/* SPDX-License-Identifier: MIT */
/*
 * The headers of calls and replies. By hand rather than by libtirpc's xdr_callmsg: the credentials are
 * decoded in place, and it is most of what a small call costs.
 */
#include "rpc/rpc_header.h"

#include "base/be.h"

#define CALL 0u
#define REPLY 1u
#define RPC_VERSION 2u
#define MSG_ACCEPTED 0u
#define MSG_DENIED 1u
#define RPC_MISMATCH 0u
#define AUTH_ERROR 1u

/* RFC 5531, 8.2: bytes of the body of credentials or a verifier; and of a machine's name. */
#define AUTH_BYTES_MAX 400u
#define MACHINE_NAME_MAX 255u

/* What is left of a record. */
struct cursor {
	const uint8_t *at;
	size_t left;
};

static bool get(struct cursor *in, uint32_t *out)
{
	if (in->left < 4)
		return false;
	*out = be32_at(in->at);
	in->at += 4;
	in->left -= 4;
	return true;
}

/* @len bytes and the padding after them; *@out is where they are. */
static bool skip(struct cursor *in, uint32_t len, struct cursor *out)
{
	size_t padded = ((size_t)len + 3) & ~(size_t)3;

	if (in->left < padded)
		return false;
	out->at = in->at;
	out->left = len;
	in->at += padded;
	in->left -= padded;
	return true;
}

/* authsys_parms (RFC 5531, appendix A); @in is the body of the credentials. */
static bool get_sys(struct cursor *in, struct rpc_cred *cred)
{
	struct cursor name;
	uint32_t value;

	if (!get(in, &value) /* stamp */ || !get(in, &value) || value > MACHINE_NAME_MAX ||
	    !skip(in, value, &name))
		return false;
	if (!get(in, &cred->uid) || !get(in, &cred->gid) || !get(in, &cred->groups_count) ||
	    cred->groups_count > RPC_GROUPS_MAX)
		return false;
	for (uint32_t i = 0; i < cred->groups_count; i++)
		if (!get(in, &cred->groups[i]))
			return false;
	return true;
}

/* What is wrong with the credentials; they are decoded. */
static uint32_t judge_cred(struct cursor *body, struct rpc_cred *cred)
{
	cred->uid = 0;
	cred->gid = 0;
	cred->groups_count = 0;
	switch (cred->flavor) {
	case RPC_AUTH_NONE:
		return RPC_AUTH_OK;
	case RPC_AUTH_SYS:
		return get_sys(body, cred) ? RPC_AUTH_OK : RPC_AUTH_BADCRED;
	default:
		return RPC_AUTH_REJECTEDCRED;
	}
}

enum rpc_verdict rpc_header_parse(const uint8_t *data, size_t len, struct rpc_call *call,
				  uint32_t *out_why)
{
	struct cursor in = {.at = data, .left = len};
	struct cursor cred;
	struct cursor verifier;
	uint32_t value;
	uint32_t flavor;

	if (!get(&in, &call->xid) || !get(&in, &value) || value != CALL || !get(&in, &value))
		return RPC_VERDICT_GARBAGE;
	/* what follows is as this version has it */
	if (value != RPC_VERSION)
		return RPC_VERDICT_MISMATCH;
	if (!get(&in, &call->program) || !get(&in, &call->version) || !get(&in, &call->procedure))
		return RPC_VERDICT_GARBAGE;
	if (!get(&in, &call->cred.flavor) || !get(&in, &value) || value > AUTH_BYTES_MAX ||
	    !skip(&in, value, &cred))
		return RPC_VERDICT_GARBAGE;
	if (!get(&in, &flavor) || !get(&in, &value) || value > AUTH_BYTES_MAX ||
	    !skip(&in, value, &verifier))
		return RPC_VERDICT_GARBAGE;
	*out_why = judge_cred(&cred, &call->cred);
	if (*out_why == RPC_AUTH_OK && flavor != RPC_AUTH_NONE)
		*out_why = RPC_AUTH_BADVERF;
	call->args = in.at;
	call->args_len = in.left;
	return *out_why == RPC_AUTH_OK ? RPC_VERDICT_CALL : RPC_VERDICT_AUTH;
}

/* Writes words in network order. */
static size_t put(uint8_t *out, const uint32_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		be32 word = be32_make(words[i]);

		memcpy(out + 4 * i, &word, 4);
	}
	return 4 * count;
}

size_t rpc_header_accepted(uint8_t *out, uint32_t xid, uint32_t stat)
{
	/* two words are the verifier: AUTH_NONE, empty */
	return put(out, (const uint32_t[]){xid, REPLY, MSG_ACCEPTED, RPC_AUTH_NONE, 0, stat}, 6);
}

size_t rpc_header_version(uint8_t *out, uint32_t xid, uint32_t low, uint32_t high)
{
	size_t len = rpc_header_accepted(out, xid, RPC_ACCEPT_PROG_MISMATCH);

	return len + put(out + len, (const uint32_t[]){low, high}, 2);
}

size_t rpc_header_mismatch(uint8_t *out, uint32_t xid)
{
	return put(
		out,
		(const uint32_t[]){xid, REPLY, MSG_DENIED, RPC_MISMATCH, RPC_VERSION, RPC_VERSION},
		6);
}

size_t rpc_header_auth(uint8_t *out, uint32_t xid, uint32_t why)
{
	return put(out, (const uint32_t[]){xid, REPLY, MSG_DENIED, AUTH_ERROR, why}, 5);
}
