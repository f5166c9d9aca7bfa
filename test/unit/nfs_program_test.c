/* SPDX-License-Identifier: MIT */
/* The way of an NFS call: on the loop or in a worker, once or again, and whose export it is for. */
#include "support/overlay_fixture.h"

#include <mount3.h>

#include "base/wait.h"
#include "nfs/nfs_handle.h"
#include "nfs/nfs_server.h"
#include "store/store_memory.h"
#include "support/flaky_tree.h"
#include "support/nfs_fake.h"

struct world {
	struct fixture f;
	struct nfs_export export;
	struct nfs_server *server;
	struct nfs_seal seal;
	int uses; /* of the export */
	int asked; /* how often the site was */
	int error; /* what it says then; 0: the export */
	bool waits; /* it would have to wait */
	struct flaky_tree *flaky; /* the overlay's lower tree */
	struct store *store; /* the overlay's */
};

static int on_mount(void *ctx, const char *path, const struct rpc_peer *peer,
		    struct nfs_export **out, uint64_t *out_id)
{
	struct world *w = ctx;

	(void)peer;
	assert_true(wait_allowed());
	if (strcmp(path, "/export") != 0)
		return -ENOENT;
	w->uses++;
	*out = &w->export;
	*out_id = TREE_ROOT;
	return 0;
}

static int on_find(void *ctx, const uint8_t uuid[NFS_UUID_BYTES], uint64_t epoch,
		   const struct rpc_peer *peer, struct nfs_export **out)
{
	struct world *w = ctx;

	(void)uuid;
	(void)epoch;
	(void)peer;
	w->asked++;
	if (w->waits && !wait_allowed())
		return -EAGAIN;
	if (w->error)
		return w->error;
	w->uses++;
	*out = &w->export;
	return 0;
}

static void on_put(void *ctx, struct nfs_export *export)
{
	struct world *w = ctx;

	assert_ptr_equal(export, &w->export);
	w->uses--;
}

static int set_up(void **state)
{
	static struct world w;
	const struct nfs_site site = {.mount = on_mount, .find = on_find, .put = on_put, .ctx = &w};
	struct tree *flaky;

	memset(&w, 0, sizeof(w));
	flaky = flaky_tree_open(fixture_lower(&w.f), 0);
	assert_non_null(flaky);
	w.flaky = flaky_tree_of(flaky);
	assert_int_equal(store_memory_create(&w.store), 0);
	assert_int_equal(overlay_format(w.store, flaky, 0), 0);
	assert_int_equal(overlay_open(w.store, flaky, &w.f.tree), 0);
	w.export.tree = w.f.tree;
	memcpy(w.export.uuid, "a uuid of a test", NFS_UUID_BYTES);
	w.export.epoch = 3;
	w.export.fsid = 0x77;
	assert_int_equal(nfs_export_start(&w.export), 0);
	w.server = fake_server(&site);
	nfs_seal_init(&w.seal, w.server->options.key, w.export.uuid, w.export.epoch);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	assert_int_equal(w->uses, 0);
	assert_int_equal(nfs_server_busy(w->server), 0);
	fake_server_end(w->server);
	nfs_export_finish(&w->export);
	return overlay_close(w->f.tree);
}

/* Arguments and results ------------------------------------------------------------------------- */

struct args {
	uint8_t data[8192];
	uint8_t *end;
};

static struct args *begin_args(struct world *w, struct args *args, uint64_t id)
{
	args->end = nfs_put_fh(args->data, &w->seal, id);
	return args;
}

static struct args *add_name(struct args *args, const char *name)
{
	args->end = nfs_put_opaque(args->end, name, strlen(name));
	return args;
}

static struct args *add_words(struct args *args, unsigned int count, uint32_t value)
{
	while (count--)
		args->end = nfs_put32(args->end, value);
	return args;
}

static void init(struct fake_call *call, uint32_t xid, uint32_t procedure, const struct args *args)
{
	fake_call_init(call, NFS_PROGRAM, procedure, args->data, (size_t)(args->end - args->data));
	call->call.xid = xid;
}

static uint32_t status_of(const struct fake_call *call)
{
	assert_int_equal(call->end, FAKE_ANSWERED);
	assert_true(call->len >= 4);
	return be32_at(call->data);
}

/* CREATE, GUARDED, nothing set. */
static struct args *create_args(struct world *w, struct args *args, const char *name)
{
	return add_words(add_words(add_name(begin_args(w, args, TREE_ROOT), name), 1, GUARDED), 6,
			 0);
}

/* Tests --------------------------------------------------------------------------------------- */

/* What each procedure that reads has behind its handle. */
static const struct {
	uint32_t procedure;
	const char *path;
	uint32_t words[6];
	unsigned int words_count;
	const char *name;
} readings[] = {
	{.procedure = 1, .path = "/etc"},
	{.procedure = 3, .path = "/etc", .name = "fstab"},
	{.procedure = 3, .path = "/etc", .name = "none"},
	{.procedure = 3, .path = "/boot", .name = "CONFIG.txt"},
	{.procedure = 4, .path = "/etc/fstab", .words = {0x3f}, .words_count = 1},
	{.procedure = 5, .path = "/link"},
	{.procedure = 6, .path = "/etc/fstab", .words = {0, 0, 100}, .words_count = 3},
	{.procedure = 6, .path = "/usr/bin/tool", .words = {0, 0, 100}, .words_count = 3},
	{.procedure = 16, .path = "/", .words = {0, 0, 0, 0, 4096}, .words_count = 5},
	{.procedure = 17, .path = "/", .words = {0, 0, 0, 0, 4096, 8192}, .words_count = 6},
	{.procedure = 18, .path = "/boot"},
	{.procedure = 19, .path = "/"},
	{.procedure = 20, .path = "/boot"},
};

static void make_reading(struct world *w, size_t i, struct args *args, struct fake_call *call)
{
	begin_args(w, args, fixture_id(w->f.tree, readings[i].path));
	if (readings[i].name)
		add_name(args, readings[i].name);
	for (unsigned int j = 0; j < readings[i].words_count; j++)
		add_words(args, 1, readings[i].words[j]);
	init(call, 1, readings[i].procedure, args);
	fake_call_make(call);
	assert_int_equal(call->end, FAKE_ANSWERED);
}

static void reading_needs_no_worker(void **state)
{
	struct world *w = *state;
	const size_t before = fake_work_count();
	struct fake_call call;
	struct args args;

	for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
		/* FSSTAT asks the host how much space it has */
		if (readings[i].procedure == 18)
			continue;
		make_reading(w, i, &args, &call);
		fake_call_finish(&call);
	}
	assert_int_equal(fake_work_count(), before);
}

static void what_would_wait_is_answered_the_same_by_a_worker(void **state)
{
	struct world *w = *state;
	const size_t before = fake_work_count();
	struct fake_call wanted, call;
	struct args args;

	for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
		make_reading(w, i, &args, &wanted);
		/* at every place where it might have to */
		for (unsigned int one_of = 1; one_of < 40; one_of++) {
			w->flaky->one_of = one_of;
			make_reading(w, i, &args, &call);
			w->flaky->one_of = 0;
			assert_int_equal(call.len, wanted.len);
			assert_memory_equal(call.data, wanted.data, call.len);
			fake_call_finish(&call);
		}
		fake_call_finish(&wanted);
	}
	assert_true(fake_work_count() > before + ARRAY_SIZE(readings));
}

static void a_file_may_grow_while_a_read_waits(void **state)
{
	struct world *w = *state;
	struct fake_call call;
	struct args args;
	unsigned int waited = 0;

	begin_args(w, &args, w->f.fstab);
	add_words(add_words(&args, 2, 0), 1, 1000);
	fake_work_defer(true);
	/* at every place where it might have to wait: with room for an answer, and without */
	for (unsigned int one_of = 1; one_of < 40; one_of++) {
		const struct tree_setattr seven = {.valid = TREE_SET_SIZE, .size = 7};
		const struct tree_setattr more = {.valid = TREE_SET_SIZE, .size = 900};

		assert_int_equal(tree_setattr(w->f.tree, w->f.fstab, &seven, NULL), 0);
		w->flaky->one_of = one_of;
		init(&call, 1, 6, &args);
		fake_call_make(&call);
		w->flaky->one_of = 0;
		waited += call.end == FAKE_OPEN;
		assert_int_equal(tree_setattr(w->f.tree, w->f.fstab, &more, NULL), 0);
		fake_work_run();
		assert_int_equal(status_of(&call), NFS3_OK);
		fake_call_finish(&call);
	}
	fake_work_defer(false);
	assert_true(waited > 0);
}

static void a_call_that_comes_while_it_is_carried_out_is_dropped(void **state)
{
	struct world *w = *state;
	struct fake_call first, second, third;
	struct args args;

	create_args(w, &args, "new");
	fake_work_defer(true);
	init(&first, 5, 8, &args);
	fake_call_make(&first);
	init(&second, 5, 8, &args);
	fake_call_make(&second);
	assert_int_equal(first.end, FAKE_OPEN);
	assert_int_equal(second.end, FAKE_DROPPED);
	assert_int_equal(nfs_server_busy(w->server), 1);
	fake_work_run();
	fake_work_defer(false);
	assert_int_equal(status_of(&first), NFS3_OK);
	init(&third, 5, 8, &args);
	fake_call_make(&third);
	assert_int_equal(status_of(&third), NFS3_OK);
	/* the handle of what was made, and no attributes from before any more */
	assert_memory_equal(first.data, third.data, 4 + NFS_POST_FH_BYTES);
	assert_int_equal(third.len + 24, first.len);
	fake_call_finish(&first);
	fake_call_finish(&third);
}

static void a_call_whose_connection_has_ended_is_answered_to_the_next_one(void **state)
{
	struct world *w = *state;
	struct fake_call first, second, third;
	struct args args;

	create_args(w, &args, "new");
	fake_work_defer(true);
	init(&first, 5, 8, &args);
	fake_call_make(&first);
	first.call.closed = true;
	first.call.peer = NULL;
	init(&second, 5, 8, &args);
	fake_call_make(&second);
	assert_int_equal(second.end, FAKE_OPEN);
	second.call.closed = true;
	second.call.peer = NULL;
	init(&third, 5, 8, &args);
	fake_call_make(&third);
	assert_int_equal(second.end, FAKE_DROPPED);
	fake_work_run();
	fake_work_defer(false);
	assert_int_equal(status_of(&third), NFS3_OK);
	fake_call_finish(&first);
	fake_call_finish(&third);
}

static void a_call_that_comes_again_by_another_connection_is_answered_there(void **state)
{
	struct world *w = *state;
	struct fake_call first, second, third;
	struct args args;

	create_args(w, &args, "new");
	fake_work_defer(true);
	init(&first, 5, 8, &args);
	init(&second, 5, 8, &args);
	init(&third, 5, 8, &args);
	first.peer.tcp = true;
	second.peer.tcp = true;
	third.call.peer = &first.peer;
	fake_call_make(&first);
	fake_call_make(&second);
	fake_call_make(&third);
	assert_int_equal(second.end, FAKE_OPEN);
	assert_int_equal(third.end, FAKE_DROPPED);
	fake_work_run();
	fake_work_defer(false);
	assert_int_equal(status_of(&first), NFS3_OK);
	assert_int_equal(status_of(&second), NFS3_OK);
	first.peer.slot_end(first.peer.slot);
	second.peer.slot_end(second.peer.slot);
	fake_call_finish(&first);
	fake_call_finish(&second);
}

static void one_export_leaves_workers_to_others(void **state)
{
	struct world *w = *state;
	struct fake_call calls[3 * FAKE_WORKERS];
	const size_t before = fake_work_count();
	struct args args[3 * FAKE_WORKERS];

	fake_work_defer(true);
	for (uint32_t i = 0; i < ARRAY_SIZE(calls); i++) {
		const char name[] = {(char)('a' + i), '\0'};

		create_args(w, &args[i], name);
		init(&calls[i], i, 8, &args[i]);
		fake_call_make(&calls[i]);
	}
	assert_true(fake_work_count() - before < FAKE_WORKERS);
	assert_int_equal(nfs_server_busy(w->server), ARRAY_SIZE(calls));
	/* and each gets its turn */
	assert_int_equal(fake_work_run(), ARRAY_SIZE(calls));
	fake_work_defer(false);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(status_of(&calls[i]), NFS3_OK);
		fake_call_finish(&calls[i]);
	}
}

static void calls_that_may_be_repeated_are_carried_out_again(void **state)
{
	struct world *w = *state;
	struct fake_call call;
	struct args args;

	for (int i = 0; i < 2; i++) {
		begin_args(w, &args, w->f.fstab);
		add_words(&args, 2, 0); /* offset */
		add_words(add_words(&args, 1, 3), 1, UNSTABLE);
		args.end = nfs_put_opaque(args.end, "abc", 3);
		init(&call, 9, 7, &args);
		fake_call_make(&call);
		assert_int_equal(status_of(&call), NFS3_OK);
		fake_call_finish(&call);
	}
	assert_int_equal(w->export.changes, 2);
}

static void what_does_not_become_durable_has_failed(void **state)
{
	struct world *w = *state;
	struct fake_call call;
	struct args args;

	store_memory_fail(w->store, STORE_MEMORY_APPLY, 0, -ENOSPC);
	create_args(w, &args, "new");
	init(&call, 9, 8, &args);
	fake_call_make(&call);
	assert_int_equal(status_of(&call), NFS3ERR_NOSPC);
	/* and wcc_data without attributes */
	assert_int_equal(call.len, 3 * NFS_WORD);
	fake_call_finish(&call);
	assert_int_equal(w->export.changes, 0);

	store_memory_fail(w->store, STORE_MEMORY_APPLY, 0, 0);
	add_words(begin_args(w, &args, w->f.fstab), 3, 0);
	init(&call, 10, 21, &args);
	fake_call_make(&call);
	assert_int_equal(status_of(&call), NFS3_OK);
	fake_call_finish(&call);
}

static void a_connection_keeps_its_export_until_it_is_gone(void **state)
{
	struct world *w = *state;
	struct rpc_peer peer = {.tcp = true};
	struct fake_call call;
	struct args args;

	begin_args(w, &args, TREE_ROOT);
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			w->export.gone = true;
		init(&call, 1, 1, &args);
		call.call.peer = &peer;
		fake_call_make(&call);
		assert_int_equal(status_of(&call), NFS3_OK);
		fake_call_finish(&call);
		assert_int_equal(w->asked, i < 2 ? 1 : i);
		assert_int_equal(w->uses, 1);
	}
	w->error = -ESTALE;
	init(&call, 1, 1, &args);
	call.call.peer = &peer;
	fake_call_make(&call);
	assert_int_equal(status_of(&call), NFS3ERR_STALE);
	fake_call_finish(&call);
	assert_int_equal(w->uses, 0);
	peer.slot_end(peer.slot);
}

static void an_export_that_is_to_end_is_forgotten_by_all_connections(void **state)
{
	struct world *w = *state;
	struct rpc_peer peers[2] = {{.tcp = true}, {.tcp = true}};
	struct fake_call call;
	struct args args;

	begin_args(w, &args, TREE_ROOT);
	for (int i = 0; i < 2; i++) {
		init(&call, 1, 1, &args);
		call.call.peer = &peers[i];
		fake_call_make(&call);
		fake_call_finish(&call);
	}
	assert_int_equal(w->uses, 2);
	w->export.gone = true;
	nfs_server_forget(w->server, &w->export);
	assert_int_equal(w->uses, 0);
	/* it comes back later: clients wait for it */
	w->error = -EAGAIN;
	init(&call, 1, 1, &args);
	call.call.peer = &peers[0];
	fake_call_make(&call);
	assert_int_equal(status_of(&call), NFS3ERR_JUKEBOX);
	fake_call_finish(&call);
	for (int i = 0; i < 2; i++)
		peers[i].slot_end(peers[i].slot);
}

static void the_site_may_wait_in_a_worker(void **state)
{
	struct world *w = *state;
	struct rpc_peer peer = {.tcp = true};
	struct fake_call call;
	struct args args;

	w->waits = true;
	begin_args(w, &args, TREE_ROOT);
	for (int i = 0; i < 2; i++) {
		init(&call, 1, 1, &args);
		call.call.peer = &peer;
		fake_call_make(&call);
		assert_int_equal(status_of(&call), NFS3_OK);
		fake_call_finish(&call);
	}
	assert_int_equal(w->asked, 2);
	peer.slot_end(peer.slot);
	/* the connection ends meanwhile */
	fake_work_defer(true);
	init(&call, 1, 1, &args);
	fake_call_make(&call);
	call.call.closed = true;
	call.call.peer = NULL;
	fake_work_run();
	fake_work_defer(false);
	assert_int_equal(call.end, FAKE_DROPPED);
}

static void a_client_asks_the_site_once_for_all_its_calls(void **state)
{
	struct world *w = *state;
	const size_t before = fake_work_count();
	struct fake_call calls[5];
	struct args args;

	w->waits = true;
	fake_work_defer(true);
	begin_args(w, &args, TREE_ROOT);
	for (uint32_t i = 0; i < ARRAY_SIZE(calls); i++) {
		init(&calls[i], i, 1, &args);
		/* the last one is another client's */
		if (i == ARRAY_SIZE(calls) - 1)
			calls[i].peer.address.sin_addr.s_addr = 0x0200007f;
		fake_call_make(&calls[i]);
	}
	assert_int_equal(fake_work_count() - before, 2);
	assert_int_equal(nfs_server_busy(w->server), ARRAY_SIZE(calls));
	calls[0].call.closed = true;
	calls[1].call.closed = true;
	fake_work_run();
	assert_int_equal(calls[0].end, FAKE_DROPPED);
	assert_int_equal(calls[1].end, FAKE_DROPPED);
	for (size_t i = 2; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(status_of(&calls[i]), NFS3_OK);
		fake_call_finish(&calls[i]);
	}
	w->error = -EACCES;
	for (uint32_t i = 0; i < 3; i++) {
		init(&calls[i], i, 1, &args);
		fake_call_make(&calls[i]);
	}
	fake_work_run();
	fake_work_defer(false);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(status_of(&calls[i]), NFS3ERR_ACCES);
		fake_call_finish(&calls[i]);
	}
}

static void a_client_that_mounts_again_waits_for_the_first(void **state)
{
	struct world *w = *state;
	const size_t before = fake_work_count();
	struct fake_call calls[5];
	uint8_t paths[2][12];

	nfs_put_opaque(paths[0], "/export", 7);
	nfs_put_opaque(paths[1], "/other", 6);
	fake_work_defer(true);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		fake_call_init(&calls[i], MOUNT_PROGRAM, 1, paths[i == 3], sizeof(paths[0]));
		if (i == 4)
			calls[i].peer.address.sin_addr.s_addr = 0x0200007f;
		fake_call_make(&calls[i]);
	}
	/* another path, and another client, have nothing to do with it */
	assert_int_equal(fake_work_count() - before, 3);
	assert_int_equal(nfs_server_busy(w->server), ARRAY_SIZE(calls));
	assert_int_equal(fake_work_run(), ARRAY_SIZE(calls));
	fake_work_defer(false);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(status_of(&calls[i]), i == 3 ? MNT3ERR_NOENT : MNT3_OK);
		fake_call_finish(&calls[i]);
	}
}

static void whoever_the_site_refuses_is_told_so(void **state)
{
	struct world *w = *state;
	struct fake_call call;
	struct args args;

	w->error = -EACCES;
	begin_args(w, &args, TREE_ROOT);
	for (uint32_t procedure = 1; procedure < NFS_PROCEDURES; procedure++) {
		init(&call, 1, procedure, &args);
		fake_call_make(&call);
		assert_int_equal(status_of(&call), NFS3ERR_ACCES);
		fake_call_finish(&call);
	}
	/* and forged ones do not even come there */
	w->asked = 0;
	args.data[NFS_WORD + NFS_HANDLE_BYTES - 1] ^= 1;
	init(&call, 1, 1, &args);
	fake_call_make(&call);
	assert_int_equal(status_of(&call), NFS3ERR_BADHANDLE);
	fake_call_finish(&call);
	assert_int_equal(w->asked, 0);
}

static void a_node_of_another_export_is_beyond_a_border(void **state)
{
	struct world *w = *state;
	static const uint8_t other[NFS_UUID_BYTES] = "somebody else's";
	struct nfs_seal theirs;
	struct fake_call call;
	struct args args;

	nfs_seal_init(&theirs, w->server->options.key, other, 1);
	begin_args(w, &args, w->f.fstab);
	args.end = nfs_put_fh(args.end, &theirs, TREE_ROOT);
	add_name(&args, "name");
	init(&call, 1, 15, &args);
	fake_call_make(&call);
	assert_int_equal(status_of(&call), NFS3ERR_XDEV);
	fake_call_finish(&call);
	/* an earlier epoch of the same one */
	nfs_seal_init(&theirs, w->server->options.key, w->export.uuid, 2);
	begin_args(w, &args, w->f.fstab);
	args.end = nfs_put_fh(args.end, &theirs, TREE_ROOT);
	add_name(&args, "name");
	init(&call, 2, 15, &args);
	fake_call_make(&call);
	assert_int_equal(status_of(&call), NFS3ERR_STALE);
	fake_call_finish(&call);
}

static void root_may_be_made_nobody(void **state)
{
	struct world *w = *state;
	struct fake_call call;
	struct args args;

	w->export.squash_root = true;
	create_args(w, &args, "new");
	init(&call, 1, 8, &args);
	call.call.cred.groups_count = 1;
	fake_call_make(&call);
	assert_int_equal(status_of(&call), NFS3ERR_ACCES);
	assert_int_equal(call.call.cred.uid, 65534);
	assert_int_equal(call.call.cred.groups[0], 65534);
	fake_call_finish(&call);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reading_needs_no_worker),
		TEST(what_would_wait_is_answered_the_same_by_a_worker),
		TEST(a_file_may_grow_while_a_read_waits),
		TEST(a_call_that_comes_while_it_is_carried_out_is_dropped),
		TEST(a_call_whose_connection_has_ended_is_answered_to_the_next_one),
		TEST(a_call_that_comes_again_by_another_connection_is_answered_there),
		TEST(one_export_leaves_workers_to_others),
		TEST(calls_that_may_be_repeated_are_carried_out_again),
		TEST(what_does_not_become_durable_has_failed),
		TEST(a_connection_keeps_its_export_until_it_is_gone),
		TEST(an_export_that_is_to_end_is_forgotten_by_all_connections),
		TEST(the_site_may_wait_in_a_worker),
		TEST(a_client_asks_the_site_once_for_all_its_calls),
		TEST(a_client_that_mounts_again_waits_for_the_first),
		TEST(whoever_the_site_refuses_is_told_so),
		TEST(a_node_of_another_export_is_beyond_a_border),
		TEST(root_may_be_made_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
