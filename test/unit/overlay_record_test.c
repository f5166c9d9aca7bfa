/* SPDX-License-Identifier: MIT */
/* Records of an overlay: what is encoded is decoded, and what is damaged is refused. */
#include "support/unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/log.h"
#include "overlay/overlay_record.h"

static void silent(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void keys_of_a_node_stand_together_in_order(void **state)
{
	struct store_key prefix, node, chunk, chunk2, names, next;
	struct record_key parsed;

	(void)state;
	record_prefix(&prefix, 0x1234);
	record_key_node(&node, 0x1234);
	record_key_chunk(&chunk, 0x1234, 255);
	record_key_chunk(&chunk2, 0x1234, 256);
	record_key_names(&names, 0x1234, 1);
	record_key_node(&next, 0x1235);
	assert_memory_equal(node.bytes, prefix.bytes, prefix.len);
	assert_true(memcmp(node.bytes, chunk.bytes, node.len) < 0);
	assert_true(memcmp(chunk.bytes, chunk2.bytes, chunk.len) < 0);
	assert_true(memcmp(chunk2.bytes, names.bytes, names.len) < 0);
	assert_true(memcmp(names.bytes, next.bytes, next.len) < 0);
	assert_int_equal(record_key_parse(&chunk2, &parsed), 0);
	assert_int_equal(parsed.id, 0x1234);
	assert_int_equal(parsed.kind, RECORD_CHUNK);
	assert_int_equal(parsed.number, 256);
}

static void keys_that_are_none_are_refused(void **state)
{
	static const struct store_key wrong[] = {
		{.len = 0},
		{.len = 8, .bytes = {0, 0, 0, 0, 0, 0, 0, 7}},
		{.len = 9, .bytes = {0, 0, 0, 0, 0, 0, 0, 7, 'Z'}},
		{.len = 10, .bytes = {0, 0, 0, 0, 0, 0, 0, 7, 'A', 0}},
		{.len = 12, .bytes = {0, 0, 0, 0, 0, 0, 0, 7, 'C', 0, 0, 0}},
		{.len = 17, .bytes = {0, 0, 0, 0, 0, 0, 0, 7, 'C', 0xff, 0xff}},
		{.len = 9, .bytes = {0, 0, 0, 0, 0, 0, 0, 7, 'X'}},
		{.len = 9, .bytes = {0xff, 0, 0, 0, 0, 0, 0, 7, 'A'}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct record_key parsed;

		assert_int_equal(record_key_parse(&wrong[i], &parsed), -EUCLEAN);
	}
}

static void a_node_comes_back_as_it_was(void **state)
{
	const struct record_node file = {
		.flags = NODE_OWN_XATTRS,
		.mode = S_IFREG | 06755,
		.nlink = 3,
		.uid = UINT32_MAX - 1,
		.gid = 7,
		.project = 9,
		.size = INT64_MAX,
		.lower_size = 5,
		.own_blocks = 77,
		.volume = 12345678901,
		.atime = {.tv_sec = -5, .tv_nsec = 999999999},
		.mtime = {.tv_sec = (time_t)1 << 40},
		.ctime = {.tv_nsec = 1},
		.btime = {.tv_sec = 3},
	};
	const struct record_node dir = {
		.mode = S_IFDIR | 01777,
		.flags = NODE_CREATED,
		.nlink = 2,
		.parent = 8,
		.folds_like = 9,
	};
	const struct record_node device = {.mode = S_IFBLK | 0600, .rdev = 0x12345};
	const struct record_node *const nodes[] = {&file, &dir, &device};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		uint8_t bytes[RECORD_NODE_BYTES];
		struct record_node out;
		size_t len = record_node_encode(nodes[i], bytes);

		assert_int_equal(record_node_decode(1, bytes, len, &out), 0);
		assert_memory_equal(&out, nodes[i], sizeof(out));
		assert_int_equal(record_node_decode(1, bytes, len - 1, &out), -EUCLEAN);
	}
}

static void a_chunk_comes_back_as_it_was(void **state)
{
	struct record_chunk chunk = {0}, out;
	uint8_t bytes[RECORD_CHUNK_MAX_BYTES];
	unsigned int seed = 7;

	(void)state;
	assert_int_equal(record_chunk_encode(&chunk, bytes), 0);
	for (unsigned int round = 0; round < 1000; round++) {
		size_t len;

		for (unsigned int i = 0; i < CHUNK_BLOCKS; i++) {
			const uint64_t kinds[] = {BLOCK_LOWER, BLOCK_HOLE, BLOCK_DATA | i,
						  BLOCK_UNWRITTEN | (1000 + i),
						  BLOCK_DATA | (5000 - 2 * i)};

			seed = seed * 1103515245u + 12345u;
			chunk.blocks[i] = kinds[(seed >> 16) % (1 + round % ARRAY_SIZE(kinds))];
		}
		chunk.blocks[round % CHUNK_BLOCKS] = BLOCK_HOLE;
		len = record_chunk_encode(&chunk, bytes);
		assert_int_equal(record_chunk_decode(1, bytes, len, &out), 0);
		assert_memory_equal(&out, &chunk, sizeof(out));
	}
}

static void a_note_comes_back_as_it_was(void **state)
{
	const struct tree_note note = {.slot = 511, .id = 77, .bytes = {1, 2, 3}};
	uint8_t bytes[RECORD_NOTE_BYTES];
	struct record_key parsed;
	struct tree_note out = {0};
	struct store_key key;
	size_t len = record_note_encode(&note, bytes);

	(void)state;
	record_key_note(&key, note.slot);
	assert_int_equal(record_key_parse(&key, &parsed), 0);
	assert_int_equal(parsed.kind, RECORD_NOTE);
	assert_int_equal(record_note_decode(&parsed, bytes, len, &out), 0);
	assert_int_equal(out.slot, note.slot);
	assert_int_equal(out.id, note.id);
	assert_memory_equal(out.bytes, note.bytes, sizeof(out.bytes));
	assert_int_equal(record_note_decode(&parsed, bytes, len - 1, &out), -EUCLEAN);
	bytes[7] = 0xff;
	assert_int_equal(record_note_decode(&parsed, bytes, len, &out), -EUCLEAN);
	record_key_note(&key, TREE_NOTES);
	assert_int_equal(record_key_parse(&key, &parsed), -EUCLEAN);
}

static void damaged_chunks_are_refused(void **state)
{
	static const uint8_t wrong[][10] = {
		{5, 4, 0, 0, 0, 0, 0, 0, 2, 0}, /* ends before it begins */
		{0, 64, 0, 0, 0, 0, 0, 0, 2, 0}, /* beyond the chunk */
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, /* of no kind */
		{0, 0, 0, 0, 0, 0, 0, 0, 4, 0},
		{0, 0, 1, 0, 0, 0, 0, 0, 1, 0}, /* a hole with a place */
		{0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0}, /* beyond all blocks */
	};
	struct record_chunk out;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(record_chunk_decode(1, wrong[i], 10, &out), -EUCLEAN);
	assert_int_equal(record_chunk_decode(1, wrong[0], 0, &out), -EUCLEAN);
	assert_int_equal(record_chunk_decode(1, wrong[0], 9, &out), -EUCLEAN);
}

static void names_come_back_in_order(void **state)
{
	const struct record_name one = {
		.flags = NAME_PRESENT, .type = 8, .id = 77, .name = "one", .len = 3};
	const struct record_name two = {.flags = NAME_HIDES, .name = "second", .len = 6};
	uint8_t bytes[RECORD_NAMES_MAX_BYTES];
	const uint8_t *at = bytes;
	struct record_name out;
	size_t len = record_names_append(bytes, 0, &one);

	(void)state;
	len = record_names_append(bytes, len, &two);
	assert_int_equal(record_names_next(1, &at, &len, &out), 1);
	assert_int_equal(out.id, 77);
	assert_memory_equal(out.name, "one", 3);
	assert_int_equal(record_names_next(1, &at, &len, &out), 1);
	assert_int_equal(out.flags, NAME_HIDES);
	assert_int_equal(out.len, 6);
	assert_int_equal(record_names_next(1, &at, &len, &out), 0);
}

static void damaged_names_are_refused(void **state)
{
	const struct record_name good = {
		.flags = NAME_PRESENT, .type = 8, .id = 77, .name = "one", .len = 3};
	static const struct {
		size_t at;
		uint8_t value;
	} damage[] = {{0, 0}, {0, 4},	  {0, 2},    {2, 0}, {2, 9},
		      {3, 9}, {11, 0x80}, {12, '/'}, {13, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		uint8_t bytes[64];
		const uint8_t *at = bytes;
		struct record_name out;
		size_t len = record_names_append(bytes, 0, &good);

		bytes[damage[i].at] = damage[i].value;
		assert_int_equal(record_names_next(1, &at, &len, &out), -EUCLEAN);
	}
}

static int silence(void **state)
{
	(void)state;
	log_set_sink(silent, NULL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_a_node_stand_together_in_order),
		cmocka_unit_test(keys_that_are_none_are_refused),
		cmocka_unit_test(a_node_comes_back_as_it_was),
		cmocka_unit_test(a_chunk_comes_back_as_it_was),
		cmocka_unit_test(a_note_comes_back_as_it_was),
		cmocka_unit_test(damaged_chunks_are_refused),
		cmocka_unit_test(names_come_back_in_order),
		cmocka_unit_test(damaged_names_are_refused),
	};

	return cmocka_run_group_tests(tests, silence, NULL);
}
