/* SPDX-License-Identifier: MIT */
/* The headers of calls and replies (RFC 5531, 9): bytes to struct and back. */
#ifndef BRAMBLE_RPC_HEADER_H
#define BRAMBLE_RPC_HEADER_H

#include "rpc/rpc.h"

/* RFC 5531, 9: accept_stat, as far as programs do not give it themselves (enum rpc_refusal). */
#define RPC_ACCEPT_SUCCESS 0u
#define RPC_ACCEPT_PROG_UNAVAIL 1u
#define RPC_ACCEPT_PROG_MISMATCH 2u

/* auth_stat */
#define RPC_AUTH_OK 0u
#define RPC_AUTH_BADCRED 1u
#define RPC_AUTH_REJECTEDCRED 2u
#define RPC_AUTH_BADVERF 3u

/* Bytes of the header of a reply that carries results. */
#define RPC_HEADER_SUCCESS 24u
/* Bytes of the longest reply without results. */
#define RPC_HEADER_MAX 32u

enum rpc_verdict {
	RPC_VERDICT_CALL, /* all of the header is there */
	RPC_VERDICT_GARBAGE, /* not the header of a call: there is nobody to answer */
	RPC_VERDICT_MISMATCH, /* a call of another version of RPC */
	RPC_VERDICT_AUTH, /* credentials that are not accepted: *@out_why */
};

/*
 * Decodes the header of the record of @len bytes at @data into @call's xid, program, version, procedure,
 * cred, args and args_len. Of a call that is not RPC_VERDICT_CALL only xid is certain.
 */
enum rpc_verdict rpc_header_parse(const uint8_t *data, size_t len, struct rpc_call *call,
				  uint32_t *out_why);

/* Each writes the header of a reply to @out and gives its bytes. */
size_t rpc_header_accepted(uint8_t *out, uint32_t xid, uint32_t stat);
size_t rpc_header_version(uint8_t *out, uint32_t xid, uint32_t low, uint32_t high);
size_t rpc_header_mismatch(uint8_t *out, uint32_t xid);
size_t rpc_header_auth(uint8_t *out, uint32_t xid, uint32_t why);

#endif
