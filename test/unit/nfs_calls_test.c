/* SPDX-License-Identifier: MIT */
/* Which calls are under way, and which were carried out. */
#include "support/unit.h"

#include <stdlib.h>

#include "nfs/nfs_calls.h"

static struct nfs_running running_of(uint32_t xid)
{
	return (struct nfs_running){
		.key = {.client = 1, .xid = xid, .procedure = 8, .checksum = xid * 77ull}};
}

static enum nfs_call_is begin(struct nfs_calls *calls, struct nfs_running *running, bool keep,
			      struct nfs_outcome *out)
{
	struct nfs_running *other;

	return nfs_calls_begin(calls, running, keep, &other, out);
}

/* One call, from its beginning to its end. */
static void carry_out(struct nfs_calls *calls, uint32_t xid, uint32_t status)
{
	struct nfs_running running = running_of(xid);
	const struct nfs_outcome outcome = {.status = status, .id = xid + 100};
	struct nfs_outcome out;

	assert_int_equal(begin(calls, &running, true, &out), NFS_CALL_IS_NEW);
	nfs_calls_end(calls, &running, &outcome);
}

static bool is_done(struct nfs_calls *calls, uint32_t xid, struct nfs_outcome *out)
{
	struct nfs_running running = running_of(xid);

	if (begin(calls, &running, true, out) == NFS_CALL_IS_DONE)
		return true;
	nfs_calls_end(calls, &running, NULL);
	return false;
}

static void a_call_under_way_is_known(void **state)
{
	struct nfs_running a = running_of(1), b = running_of(1), c = running_of(2);
	struct nfs_running *other = NULL;
	struct nfs_outcome out;
	struct nfs_calls *calls;

	(void)state;
	assert_int_equal(nfs_calls_create(NULL, &calls), 0);
	assert_int_equal(begin(calls, &a, true, &out), NFS_CALL_IS_NEW);
	assert_int_equal(nfs_calls_begin(calls, &b, true, &other, &out), NFS_CALL_IS_RUNNING);
	assert_ptr_equal(other, &a);
	assert_int_equal(begin(calls, &c, true, &out), NFS_CALL_IS_NEW);
	nfs_calls_end(calls, &a, NULL);
	assert_int_equal(begin(calls, &b, true, &out), NFS_CALL_IS_NEW);
	nfs_calls_end(calls, &c, NULL);
	nfs_calls_end(calls, &b, NULL);
	nfs_calls_destroy(calls);
}

static void an_outcome_is_known_until_it_is_pushed_out(void **state)
{
	struct nfs_outcome out;
	struct nfs_calls *calls;

	(void)state;
	assert_int_equal(nfs_calls_create(NULL, &calls), 0);
	carry_out(calls, 1, 17);
	assert_true(is_done(calls, 1, &out));
	assert_int_equal(out.status, 17);
	assert_int_equal(out.id, 101);
	for (uint32_t i = 2; i <= NFS_CALLS; i++)
		carry_out(calls, i, 0);
	assert_true(is_done(calls, 1, &out));
	carry_out(calls, NFS_CALLS + 1, 0);
	assert_false(is_done(calls, 1, &out));
	assert_true(is_done(calls, 3, &out));
	nfs_calls_destroy(calls);
}

static void only_the_very_same_call_is_the_same(void **state)
{
	struct nfs_running each[4];
	struct nfs_outcome out;
	struct nfs_calls *calls;

	(void)state;
	assert_int_equal(nfs_calls_create(NULL, &calls), 0);
	carry_out(calls, 1, 0);
	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		each[i] = running_of(1);
	each[0].key.client++;
	each[1].key.xid++;
	each[2].key.procedure++;
	each[3].key.checksum++;
	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		assert_int_equal(begin(calls, &each[i], true, &out), NFS_CALL_IS_NEW);
	nfs_calls_destroy(calls);
}

static void what_is_not_to_be_kept_is_forgotten(void **state)
{
	struct nfs_running running = running_of(1);
	const struct nfs_outcome outcome = {.status = 0};
	struct nfs_outcome out;
	struct nfs_calls *calls;

	(void)state;
	assert_int_equal(nfs_calls_create(NULL, &calls), 0);
	assert_int_equal(begin(calls, &running, false, &out), NFS_CALL_IS_NEW);
	nfs_calls_end(calls, &running, &outcome);
	assert_false(is_done(calls, 1, &out));
	nfs_calls_destroy(calls);
}

static void an_exclusive_create_is_known_by_node_and_verifier(void **state)
{
	struct nfs_running running = running_of(1);
	const struct nfs_outcome outcome = {.id = 5, .verifier = 99};
	struct nfs_outcome out;
	struct nfs_calls *calls;

	(void)state;
	assert_int_equal(nfs_calls_create(NULL, &calls), 0);
	assert_int_equal(begin(calls, &running, true, &out), NFS_CALL_IS_NEW);
	nfs_calls_end(calls, &running, &outcome);
	assert_true(nfs_calls_made(calls, 5, 99));
	assert_false(nfs_calls_made(calls, 5, 98));
	assert_false(nfs_calls_made(calls, 6, 99));
	assert_false(nfs_calls_made(calls, 0, 0));
	nfs_calls_destroy(calls);
}

/* A tree that has some notes, and nothing else. */
struct noted {
	struct tree base;
	struct tree_note notes[8];
	size_t count;
};

static int give_notes(struct tree *tree, tree_note_fn take, void *ctx)
{
	const struct noted *noted = container_of(tree, struct noted, base);

	for (size_t i = 0; i < noted->count; i++) {
		int stop = take(ctx, &noted->notes[i]);

		if (stop)
			return stop;
	}
	return 0;
}

static void outcomes_come_back_from_notes(void **state)
{
	static const struct tree_ops ops = {.kind = "noted", .notes = give_notes};
	struct noted noted = {.base = {.ops = &ops}};
	struct nfs_running running[3] = {running_of(1), running_of(2), running_of(3)};
	struct nfs_outcome out;
	struct nfs_calls *calls;

	(void)state;
	assert_int_equal(nfs_calls_create(NULL, &calls), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(begin(calls, &running[i], true, &out), NFS_CALL_IS_NEW);
		if (i == 1)
			nfs_calls_note_exclusive(&running[i], 1234);
		noted.notes[i] = running[i].note;
		noted.notes[i].id = 50 + i;
		nfs_calls_end(calls, &running[i], NULL);
	}
	nfs_calls_destroy(calls);
	/* and some that nobody wrote like this */
	noted.count = 6;
	noted.notes[3] = (struct tree_note){.slot = 9};
	memset(noted.notes[4].bytes, 0xff, TREE_NOTE_BYTES);
	noted.notes[5] = noted.notes[0];
	noted.notes[5].slot++;
	assert_int_equal(nfs_calls_create(NULL, &calls), 0);
	assert_int_equal(nfs_calls_load(calls, &noted.base), 0);
	assert_true(is_done(calls, 1, &out));
	assert_int_equal(out.status, 0);
	assert_int_equal(out.id, 50);
	assert_true(is_done(calls, 2, &out));
	assert_int_equal(out.verifier, 1234);
	assert_true(nfs_calls_made(calls, 51, 1234));
	assert_false(is_done(calls, 4, &out));
	/* the ring goes on where it was */
	carry_out(calls, 5, 0);
	assert_true(is_done(calls, 1, &out));
	nfs_calls_destroy(calls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_under_way_is_known),
		cmocka_unit_test(an_outcome_is_known_until_it_is_pushed_out),
		cmocka_unit_test(only_the_very_same_call_is_the_same),
		cmocka_unit_test(what_is_not_to_be_kept_is_forgotten),
		cmocka_unit_test(an_exclusive_create_is_known_by_node_and_verifier),
		cmocka_unit_test(outcomes_come_back_from_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
