/* SPDX-License-Identifier: MIT */
/* Headers of calls: what is accepted, what is refused and why, and the replies without results. */
#include "support/unit.h"

#include "base/be.h"
#include "rpc/rpc_header.h"

#define WORDS_MAX 160u

/* A call that is being put together. */
struct message {
	uint8_t bytes[4 * WORDS_MAX];
	size_t len;
};

static void add(struct message *message, uint32_t value)
{
	be32 word = be32_make(value);

	assert_true(message->len + 4 <= sizeof(message->bytes));
	memcpy(message->bytes + message->len, &word, 4);
	message->len += 4;
}

static void add_all(struct message *message, const uint32_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(message, words[i]);
}

#define ADD(message, ...)                                                                          \
	add_all(message, (const uint32_t[]){__VA_ARGS__},                                          \
		sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* xid 7: procedure 6 of version 3 of program 100003. */
static void begin(struct message *message)
{
	message->len = 0;
	ADD(message, 7, 0, 2, 100003, 3, 6);
}

/* AUTH_SYS of @groups groups, of a machine that is called "pi4" by @name_len bytes. */
static void add_sys(struct message *message, uint32_t groups)
{
	ADD(message, 1, 4 * (6 + groups), 99, 3);
	ADD(message, 0x70693400, 1000, 1001, groups);
	for (uint32_t i = 0; i < groups; i++)
		add(message, 50 + i);
}

static enum rpc_verdict parse(const struct message *message, struct rpc_call *call, uint32_t *why)
{
	/* a copy of exactly that size: a sanitizer sees the first byte beyond it */
	uint8_t *copy = malloc(message->len ? message->len : 1);
	enum rpc_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, message->bytes, message->len);
	verdict = rpc_header_parse(copy, message->len, call, why);
	if (verdict == RPC_VERDICT_CALL) /* for comparison: @copy is gone soon */
		call->args = message->bytes + (call->args - copy);
	free(copy);
	return verdict;
}

static void call_without_credentials_is_nobodys(void **state)
{
	struct message message;
	struct rpc_call call;
	uint32_t why;

	(void)state;
	begin(&message);
	ADD(&message, 0, 0, 0, 0, 11, 22);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_CALL);
	assert_int_equal(call.xid, 7);
	assert_int_equal(call.program, 100003);
	assert_int_equal(call.version, 3);
	assert_int_equal(call.procedure, 6);
	assert_int_equal(call.cred.flavor, RPC_AUTH_NONE);
	assert_int_equal(call.cred.groups_count, 0);
	assert_ptr_equal(call.args, message.bytes + 40);
	assert_int_equal(call.args_len, 8);
}

static void auth_sys_says_who_calls(void **state)
{
	struct message message;
	struct rpc_call call;
	uint32_t why;

	(void)state;
	begin(&message);
	add_sys(&message, RPC_GROUPS_MAX);
	ADD(&message, 0, 0);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_CALL);
	assert_int_equal(call.cred.flavor, RPC_AUTH_SYS);
	assert_int_equal(call.cred.uid, 1000);
	assert_int_equal(call.cred.gid, 1001);
	assert_int_equal(call.cred.groups_count, 16);
	assert_int_equal(call.cred.groups[15], 65);
	assert_int_equal(call.args_len, 0);
}

static void seventeen_groups_are_bad_credentials(void **state)
{
	struct message message;
	struct rpc_call call;
	uint32_t why;

	(void)state;
	begin(&message);
	add_sys(&message, RPC_GROUPS_MAX + 1);
	ADD(&message, 0, 0);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_AUTH);
	assert_int_equal(why, RPC_AUTH_BADCRED);
	assert_int_equal(call.xid, 7);
}

static void groups_beyond_the_credentials_are_bad_credentials(void **state)
{
	struct message message;
	struct rpc_call call;
	uint32_t why;

	(void)state;
	begin(&message);
	ADD(&message, 1, 24, 99, 3, 0x70693400, 1000, 1001, 2);
	ADD(&message, 0, 0, 0, 0, 0, 0);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_AUTH);
	assert_int_equal(why, RPC_AUTH_BADCRED);
}

static void long_machine_name_is_bad_credentials(void **state)
{
	struct message message;
	struct rpc_call call;
	uint32_t why;

	(void)state;
	begin(&message);
	ADD(&message, 1, 4 * 5 + 256, 99, 256);
	for (unsigned int i = 0; i < 64 + 3; i++)
		add(&message, 0);
	ADD(&message, 0, 0);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_AUTH);
	assert_int_equal(why, RPC_AUTH_BADCRED);
}

static void name_of_four_billion_bytes_is_bad_credentials(void **state)
{
	struct message message;
	struct rpc_call call;
	uint32_t why;

	(void)state;
	begin(&message);
	ADD(&message, 1, 20, 99, 0xffffffff, 0, 0, 0, 0, 0);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_AUTH);
	assert_int_equal(why, RPC_AUTH_BADCRED);
}

static void other_flavours_are_rejected(void **state)
{
	static const uint32_t flavours[] = {2, 3, 6, 0xffffffff};
	struct message message;
	struct rpc_call call;
	uint32_t why;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		begin(&message);
		ADD(&message, flavours[i], 4, 1, 0, 0);
		assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_AUTH);
		assert_int_equal(why, RPC_AUTH_REJECTEDCRED);
	}
}

static void verifier_of_another_flavour_is_bad(void **state)
{
	struct message message;
	struct rpc_call call;
	uint32_t why;

	(void)state;
	begin(&message);
	ADD(&message, 0, 0, 6, 4, 1);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_AUTH);
	assert_int_equal(why, RPC_AUTH_BADVERF);
}

static void credentials_of_401_bytes_are_garbage(void **state)
{
	struct message message;
	struct rpc_call call;
	uint32_t why;

	(void)state;
	begin(&message);
	ADD(&message, 0, 400);
	for (unsigned int i = 0; i < 100; i++)
		add(&message, 0);
	ADD(&message, 0, 0, 0);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_CALL);
	begin(&message);
	ADD(&message, 0, 401);
	for (unsigned int i = 0; i < 101; i++)
		add(&message, 0);
	ADD(&message, 0, 0, 0);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_GARBAGE);
}

static void call_of_another_rpc_is_a_mismatch(void **state)
{
	struct message message = {.len = 0};
	struct rpc_call call;
	uint32_t why;

	(void)state;
	ADD(&message, 7, 0, 3);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_MISMATCH);
	assert_int_equal(call.xid, 7);
}

static void reply_is_garbage(void **state)
{
	struct message message = {.len = 0};
	struct rpc_call call;
	uint32_t why;

	(void)state;
	ADD(&message, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_GARBAGE);
}

static void header_that_ends_early_is_garbage(void **state)
{
	struct message message;
	struct rpc_call call;
	uint32_t why;
	size_t len;

	(void)state;
	begin(&message);
	add_sys(&message, 3);
	ADD(&message, 0, 0);
	len = message.len;
	for (message.len = 0; message.len < len; message.len++)
		assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_GARBAGE);
	assert_int_equal(parse(&message, &call, &why), RPC_VERDICT_CALL);
}

static void check_words(const uint8_t *bytes, size_t len, const uint32_t *words, size_t count)
{
	assert_int_equal(len, 4 * count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(be32_at(bytes + 4 * i), words[i]);
}

#define CHECK(bytes, len, ...)                                                                     \
	check_words(bytes, len, (const uint32_t[]){__VA_ARGS__},                                   \
		    sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void replies_are_as_rfc_5531_has_them(void **state)
{
	uint8_t out[RPC_HEADER_MAX];

	(void)state;
	CHECK(out, rpc_header_accepted(out, 7, RPC_GARBAGE_ARGS), 7, 1, 0, 0, 0, 4);
	CHECK(out, rpc_header_version(out, 7, 2, 4), 7, 1, 0, 0, 0, 2, 2, 4);
	CHECK(out, rpc_header_mismatch(out, 7), 7, 1, 1, 0, 2, 2);
	CHECK(out, rpc_header_auth(out, 7, RPC_AUTH_BADCRED), 7, 1, 1, 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(call_without_credentials_is_nobodys),
		cmocka_unit_test(auth_sys_says_who_calls),
		cmocka_unit_test(seventeen_groups_are_bad_credentials),
		cmocka_unit_test(groups_beyond_the_credentials_are_bad_credentials),
		cmocka_unit_test(long_machine_name_is_bad_credentials),
		cmocka_unit_test(name_of_four_billion_bytes_is_bad_credentials),
		cmocka_unit_test(other_flavours_are_rejected),
		cmocka_unit_test(verifier_of_another_flavour_is_bad),
		cmocka_unit_test(credentials_of_401_bytes_are_garbage),
		cmocka_unit_test(call_of_another_rpc_is_a_mismatch),
		cmocka_unit_test(reply_is_garbage),
		cmocka_unit_test(header_that_ends_early_is_garbage),
		cmocka_unit_test(replies_are_as_rfc_5531_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
