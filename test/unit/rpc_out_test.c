/* SPDX-License-Identifier: MIT */
/* What is to be sent: small replies lie one behind the other, and no buffer is lost. */
#include "support/unit.h"

#include "rpc/rpc_out.h"

struct fixture {
	struct rpc_pool pool;
	struct rpc_out out;
};

static void set_up(struct fixture *f)
{
	assert_int_equal(rpc_pool_init(&f->pool), 0);
	rpc_out_init(&f->out, &f->pool);
}

/* rpc_pool_finish asserts that all buffers are back. */
static void tear_down(struct fixture *f)
{
	rpc_out_finish(&f->out);
	rpc_pool_finish(&f->pool);
}

static void add(struct fixture *f, size_t room_size, size_t len)
{
	struct rpc_room room;

	assert_true(rpc_out_room(&f->out, room_size, &room));
	memset(room.data, 'x', len);
	assert_true(rpc_out_add(&f->out, &room, len));
}

static unsigned int count_parts(const struct fixture *f)
{
	unsigned int count = 0;

	for (const struct rpc_part *part = f->out.first; part; part = part->next)
		count++;
	return count;
}

static void small_replies_become_one_part(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	for (int i = 0; i < 100; i++)
		add(&f, 400, 120);
	assert_int_equal(count_parts(&f), 1);
	assert_int_equal(f.out.unsent, 12000);
	tear_down(&f);
}

static void room_that_was_not_used_is_given_back(void **state)
{
	struct fixture f;
	struct rpc_room room;

	(void)state;
	set_up(&f);
	add(&f, 4096, 100);
	assert_true(rpc_out_room(&f.out, 4096, &room));
	rpc_out_drop(&f.out, &room);
	assert_int_equal(f.out.common_used, 100);
	tear_down(&f);
}

static void reply_that_is_written_late_does_not_hold_up_others(void **state)
{
	struct fixture f;
	struct rpc_room late;

	(void)state;
	set_up(&f);
	assert_true(rpc_out_room(&f.out, 200, &late));
	add(&f, 100, 100);
	memset(late.data, 'y', 200);
	assert_true(rpc_out_add(&f.out, &late, 200));
	assert_int_equal(count_parts(&f), 2);
	assert_int_equal(f.out.first->data[0], 'x');
	assert_int_equal(f.out.first->next->data[199], 'y');
	assert_int_equal(f.out.unsent, 300);
	tear_down(&f);
}

static void large_reply_has_a_buffer_of_its_own(void **state)
{
	struct fixture f;
	struct rpc_room room;

	(void)state;
	set_up(&f);
	add(&f, 100, 100);
	assert_true(rpc_out_room(&f.out, 1 << 20, &room));
	assert_ptr_not_equal(room.buffer, f.out.common);
	assert_true(rpc_out_add(&f.out, &room, 1 << 20));
	add(&f, 100, 100);
	assert_int_equal(count_parts(&f), 3);
	tear_down(&f);
}

static void small_reply_from_a_large_buffer_is_copied(void **state)
{
	struct fixture f;
	struct rpc_room room = {.data = NULL};

	(void)state;
	set_up(&f);
	room.buffer = rpc_buffer_get(&f.pool, 1 << 20);
	assert_non_null(room.buffer);
	room.data = room.buffer->data;
	room.size = 1 << 20;
	memset(room.data, 'z', 48);
	add(&f, 100, 100);
	assert_true(rpc_out_add(&f.out, &room, 48));
	assert_int_equal(count_parts(&f), 1);
	assert_int_equal(f.out.first->data[147], 'z');
	tear_down(&f);
}

static void count_release(void *ctx)
{
	++*(unsigned int *)ctx;
}

static void file_that_is_not_sent_is_released_once(void **state)
{
	struct fixture f;
	unsigned int released = 0;
	struct rpc_file file = {.fd = -1, .len = 5, .release = count_release, .ctx = &released};

	(void)state;
	set_up(&f);
	assert_true(rpc_out_add_file(&f.out, &file));
	assert_int_equal(f.out.unsent, 8); /* with its padding */
	assert_int_equal(released, 0);
	tear_down(&f);
	assert_int_equal(released, 1);
}

static void buffers_are_used_again_and_freed_when_they_are_not(void **state)
{
	struct fixture f;
	struct rpc_buffer *first;
	struct rpc_buffer *again;

	(void)state;
	set_up(&f);
	first = rpc_buffer_get(&f.pool, 1 << 20);
	rpc_buffer_put(&f.pool, first);
	again = rpc_buffer_get(&f.pool, 1 << 20);
	assert_ptr_equal(first, again);
	rpc_buffer_put(&f.pool, again);
	rpc_pool_trim(&f.pool); /* it was used since the last time */
	assert_int_equal(f.pool.kept, first->size);
	rpc_pool_trim(&f.pool);
	assert_int_equal(f.pool.kept, 0);
	assert_null(rpc_buffer_get(&f.pool, 3 << 20));
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_replies_become_one_part),
		cmocka_unit_test(room_that_was_not_used_is_given_back),
		cmocka_unit_test(reply_that_is_written_late_does_not_hold_up_others),
		cmocka_unit_test(large_reply_has_a_buffer_of_its_own),
		cmocka_unit_test(small_reply_from_a_large_buffer_is_copied),
		cmocka_unit_test(file_that_is_not_sent_is_released_once),
		cmocka_unit_test(buffers_are_used_again_and_freed_when_they_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
