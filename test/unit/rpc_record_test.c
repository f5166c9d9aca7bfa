/* SPDX-License-Identifier: MIT */
/* Record marking: records out of a stream, however it comes in. */
#include "support/unit.h"

#include "base/be.h"
#include "rpc/rpc_record.h"

#define MAX 100u

/* A stream that is put together, then taken apart. */
struct stream {
	uint8_t bytes[512];
	size_t end;
	size_t pos;
	struct rpc_record record;
};

static void add_fragment(struct stream *stream, bool last, const char *text)
{
	be32 mark = be32_make((last ? RPC_MARK_LAST : 0) | (uint32_t)strlen(text));

	memcpy(stream->bytes + stream->end, &mark, 4);
	memcpy(stream->bytes + stream->end + 4, text, strlen(text));
	stream->end += 4 + strlen(text);
}

static enum rpc_record_result next(struct stream *stream, size_t end)
{
	return rpc_record_next(&stream->record, stream->bytes, &stream->pos, end, MAX);
}

/* Expects the record @text. */
static void expect(struct stream *stream, const char *text)
{
	assert_int_equal(next(stream, stream->end), RPC_RECORD_READY);
	assert_int_equal(stream->record.len, strlen(text));
	assert_memory_equal(stream->bytes + stream->record.body, text, strlen(text));
	rpc_record_end(&stream->record);
}

static void expect_no_more(struct stream *stream)
{
	assert_int_equal(next(stream, stream->end), RPC_RECORD_MORE);
	assert_int_equal(stream->pos, stream->end);
}

static void records_of_one_fragment_stay_where_they_are(void **state)
{
	struct stream stream = {.end = 0};

	(void)state;
	add_fragment(&stream, true, "first");
	add_fragment(&stream, true, "second");
	expect(&stream, "first");
	expect(&stream, "second");
	assert_int_equal(stream.pos, stream.end);
	expect_no_more(&stream);
}

static void fragments_are_put_together(void **state)
{
	struct stream stream = {.end = 0};

	(void)state;
	add_fragment(&stream, false, "one ");
	add_fragment(&stream, false, "");
	add_fragment(&stream, false, "two ");
	add_fragment(&stream, true, "three");
	add_fragment(&stream, true, "next");
	expect(&stream, "one two three");
	expect(&stream, "next");
	expect_no_more(&stream);
}

static void last_fragment_may_be_empty(void **state)
{
	struct stream stream = {.end = 0};

	(void)state;
	add_fragment(&stream, false, "");
	add_fragment(&stream, false, "text");
	add_fragment(&stream, true, "");
	add_fragment(&stream, true, "");
	expect(&stream, "text");
	expect(&stream, "");
	expect_no_more(&stream);
}

static void bytes_may_come_one_by_one(void **state)
{
	struct stream stream = {.end = 0};

	(void)state;
	add_fragment(&stream, false, "ab");
	add_fragment(&stream, false, "");
	add_fragment(&stream, true, "cd");
	for (size_t end = 0; end < stream.end; end++) {
		assert_int_equal(next(&stream, end), RPC_RECORD_MORE);
		assert_true(end - stream.pos < RPC_MARK_BYTES);
	}
	expect(&stream, "abcd");
}

static void record_above_the_limit_is_refused_at_its_mark(void **state)
{
	struct stream stream = {.end = 4};
	be32 mark = be32_make(RPC_MARK_LAST | (MAX + 1));

	(void)state;
	memcpy(stream.bytes, &mark, 4);
	assert_int_equal(next(&stream, stream.end), RPC_RECORD_TOO_LONG);
}

static void fragments_above_the_limit_are_refused_together(void **state)
{
	struct stream stream = {.end = 0};
	be32 mark = be32_make(RPC_MARK_LAST | (MAX - 3));

	(void)state;
	add_fragment(&stream, false, "four");
	memcpy(stream.bytes + stream.end, &mark, 4);
	stream.end += 4;
	assert_int_equal(next(&stream, stream.end), RPC_RECORD_TOO_LONG);
}

static void record_of_the_limit_is_taken(void **state)
{
	struct stream stream = {.end = 0};
	char text[MAX + 1];

	(void)state;
	memset(text, 'x', MAX);
	text[MAX] = '\0';
	add_fragment(&stream, true, text);
	expect(&stream, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_one_fragment_stay_where_they_are),
		cmocka_unit_test(fragments_are_put_together),
		cmocka_unit_test(last_fragment_may_be_empty),
		cmocka_unit_test(bytes_may_come_one_by_one),
		cmocka_unit_test(record_above_the_limit_is_refused_at_its_mark),
		cmocka_unit_test(fragments_above_the_limit_are_refused_together),
		cmocka_unit_test(record_of_the_limit_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
