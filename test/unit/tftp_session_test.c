/* SPDX-License-Identifier: MIT */
/* What a transfer does next, whatever is lost, late or repeated. */
#include "support/unit.h"

#include "tftp/tftp_session.h"

static const struct tftp_terms plain;
static const struct tftp_terms window_of_4 = {.window = 4};

static enum tftp_action ack(struct tftp_session *s, uint16_t number, uint64_t now)
{
	struct tftp_packet packet = {.opcode = TFTP_ACK, .code = number};

	return tftp_session_packet(s, &packet, now);
}

static enum tftp_action error(struct tftp_session *s, uint16_t code)
{
	struct tftp_packet packet = {.opcode = TFTP_ERROR, .code = code};

	return tftp_session_packet(s, &packet, 0);
}

/* All that the session allows is sent; returns how many blocks. */
static uint64_t send_all(struct tftp_session *s, uint64_t now)
{
	uint64_t count = tftp_session_end(s) - s->next + 1;

	if (count > 0)
		tftp_session_sent(s, count, now);
	return count;
}

static void start(struct tftp_session *s, const struct tftp_terms *terms, uint64_t last)
{
	assert_int_equal(tftp_session_start(s, terms, false, last, 0), TFTP_SEND);
	send_all(s, 0);
}

static void without_options_the_first_block_is_the_answer(void **state)
{
	struct tftp_session s;

	(void)state;
	assert_int_equal(tftp_session_start(&s, &plain, false, 2, 0), TFTP_SEND);
	assert_int_equal(send_all(&s, 0), 1);
	assert_int_equal(s.state, TFTP_SENDING);
	assert_int_equal(ack(&s, 1, 1), TFTP_SEND);
	assert_int_equal(send_all(&s, 1), 1);
	assert_int_equal(s.state, TFTP_ENDING);
	assert_int_equal(ack(&s, 2, 2), TFTP_CLOSE);
	assert_int_equal(s.outcome, TFTP_OUTCOME_COMPLETE);
}

static void nothing_is_sent_before_the_options_are_accepted(void **state)
{
	struct tftp_session s;

	(void)state;
	assert_int_equal(tftp_session_start(&s, &plain, true, 5, 0), TFTP_OFFER);
	assert_int_equal(ack(&s, 1, 1), TFTP_WAIT);
	assert_int_equal(s.state, TFTP_OFFERING);
	assert_int_equal(ack(&s, 0, 2), TFTP_SEND);
	assert_int_equal(send_all(&s, 2), 1);
	/* the same once more is no reason to send anything */
	assert_int_equal(ack(&s, 0, 3), TFTP_WAIT);
}

static void early_terminate_is_normal(void **state)
{
	struct tftp_session s;

	(void)state;
	tftp_session_start(&s, &plain, true, 5, 0);
	assert_int_equal(error(&s, TFTP_ERROR_OTHER), TFTP_CLOSE);
	assert_int_equal(s.outcome, TFTP_OUTCOME_EARLY);
	tftp_session_start(&s, &plain, true, 5, 0);
	assert_int_equal(error(&s, TFTP_ERROR_OPTIONS), TFTP_CLOSE);
	assert_int_equal(s.outcome, TFTP_OUTCOME_ABORTED);
}

static void old_ack_is_ignored(void **state)
{
	struct tftp_session s;

	(void)state;
	start(&s, &plain, 10);
	assert_int_equal(ack(&s, 1, 10), TFTP_SEND);
	send_all(&s, 10);
	assert_int_equal(ack(&s, 1, 20), TFTP_WAIT);
	assert_int_equal(ack(&s, 0, 20), TFTP_WAIT);
	assert_int_equal(ack(&s, 3, 20), TFTP_WAIT);
	assert_int_equal(ack(&s, 65535, 20), TFTP_WAIT);
	assert_int_equal(s.next, 3);
}

static void sorcerers_apprentice_never_comes(void **state)
{
	struct tftp_session s;
	unsigned int sent = 1;

	(void)state;
	start(&s, &plain, 100);
	/* a network that doubles each packet */
	for (uint16_t block = 1; block < 100; block++) {
		for (int i = 0; i < 2; i++) {
			if (ack(&s, block, block) == TFTP_SEND)
				sent += (unsigned int)send_all(&s, block);
		}
	}
	assert_int_equal(sent, 100);
}

static void block_number_wraps_after_65535(void **state)
{
	struct tftp_session s;

	(void)state;
	start(&s, &plain, 65538);
	for (uint64_t block = 1; block < 65538; block++) {
		assert_int_equal(ack(&s, (uint16_t)block, block), TFTP_SEND);
		assert_int_equal(send_all(&s, block), 1);
	}
	assert_int_equal(s.next, 65539);
	assert_int_equal(ack(&s, 2, 70000), TFTP_CLOSE);
	assert_int_equal(s.outcome, TFTP_OUTCOME_COMPLETE);
}

static void windows_wrap_too(void **state)
{
	struct tftp_session s;

	(void)state;
	start(&s, &window_of_4, 70000);
	while (s.acked + 4 < 65540) {
		assert_int_equal(ack(&s, (uint16_t)(s.acked + 4), 1), TFTP_SEND);
		assert_int_equal(send_all(&s, 1), 4);
	}
	assert_int_equal(s.acked, 65536);
	/* the middle of a window that lies on both sides */
	assert_int_equal(ack(&s, 2, 1), TFTP_SEND);
	assert_int_equal(s.acked, 65538);
}

static void silence_is_answered_by_repetitions_that_get_slower(void **state)
{
	struct tftp_session s;
	uint64_t now = 0;
	uint64_t waited = 0;

	(void)state;
	start(&s, &plain, 10);
	ack(&s, 1, now);
	send_all(&s, now);
	assert_int_equal(tftp_session_tick(&s, s.deadline - 1), TFTP_WAIT);
	for (int i = 0; i < 7; i++) {
		uint64_t before = now;

		now = s.deadline;
		assert_int_equal(tftp_session_tick(&s, now), TFTP_SEND);
		assert_int_equal(s.next, 2);
		assert_int_equal(send_all(&s, now), 1);
		assert_true(now - before >= waited);
		waited = now - before;
	}
	assert_int_equal(tftp_session_tick(&s, s.deadline), TFTP_CLOSE);
	assert_int_equal(s.outcome, TFTP_OUTCOME_TIMEOUT);
	/* Pis that repeat nothing themselves wait for 30 seconds */
	assert_true(now < 30000);
}

static void silence_after_the_last_block_is_not_like_one_before(void **state)
{
	const struct tftp_packet error = {.opcode = TFTP_ERROR, .code = TFTP_ERROR_OTHER};
	struct tftp_session s;

	(void)state;
	start(&s, &plain, 2);
	ack(&s, 1, 0);
	assert_int_equal(tftp_session_leave(&s, TFTP_OUTCOME_TIMEOUT), TFTP_CLOSE);
	assert_int_equal(s.outcome, TFTP_OUTCOME_TIMEOUT);

	start(&s, &plain, 2);
	ack(&s, 1, 0);
	send_all(&s, 0);
	while (tftp_session_tick(&s, s.deadline) == TFTP_SEND)
		send_all(&s, s.deadline);
	assert_int_equal(s.outcome, TFTP_OUTCOME_UNHEARD);

	/* one that says that it has seen enough has not loaded it */
	start(&s, &plain, 2);
	ack(&s, 1, 0);
	send_all(&s, 0);
	assert_int_equal(tftp_session_packet(&s, &error, 0), TFTP_CLOSE);
	assert_int_equal(s.outcome, TFTP_OUTCOME_EARLY);
}

static void who_never_answered_is_given_up_sooner(void **state)
{
	struct tftp_session s;
	unsigned int repeated = 0;

	(void)state;
	tftp_session_start(&s, &plain, true, 10, 0);
	while (tftp_session_tick(&s, s.deadline) == TFTP_OFFER)
		repeated++;
	assert_int_equal(s.outcome, TFTP_OUTCOME_TIMEOUT);
	assert_int_equal(repeated, 4);
}

static void an_answer_makes_it_patient_again(void **state)
{
	struct tftp_session s;
	uint64_t first;

	(void)state;
	start(&s, &plain, 10);
	first = s.deadline;
	tftp_session_tick(&s, s.deadline);
	send_all(&s, first);
	assert_true(s.deadline - first > first);
	ack(&s, 1, 5000);
	send_all(&s, 5000);
	assert_int_equal(s.deadline - 5000, first);
	assert_int_equal(s.repeated, 0);
}

static void the_client_may_choose_the_timeout(void **state)
{
	struct tftp_terms terms = {.timeout_s = 9};
	struct tftp_session s;

	(void)state;
	start(&s, &terms, 10);
	assert_int_equal(s.deadline, 9000);
	tftp_session_tick(&s, 9000);
	send_all(&s, 9000);
	assert_int_equal(s.deadline, 18000);
}

static void a_window_is_sent_before_anything_is_acknowledged(void **state)
{
	struct tftp_session s;

	(void)state;
	assert_int_equal(tftp_session_start(&s, &window_of_4, true, 10, 0), TFTP_OFFER);
	assert_int_equal(ack(&s, 0, 0), TFTP_SEND);
	assert_int_equal(send_all(&s, 0), 4);
	assert_int_equal(ack(&s, 4, 0), TFTP_SEND);
	assert_int_equal(send_all(&s, 0), 4);
	assert_int_equal(ack(&s, 8, 0), TFTP_SEND);
	assert_int_equal(send_all(&s, 0), 2);
	assert_int_equal(s.state, TFTP_ENDING);
	assert_int_equal(ack(&s, 10, 0), TFTP_CLOSE);
}

static void a_loss_within_a_window_is_sent_again_from_there(void **state)
{
	struct tftp_session s;

	(void)state;
	start(&s, &window_of_4, 20);
	assert_int_equal(ack(&s, 2, 1), TFTP_SEND);
	assert_int_equal(s.next, 3);
	assert_int_equal(send_all(&s, 1), 4);
	/* the rest of the first window provokes the same again: it has been seen to */
	assert_int_equal(ack(&s, 2, 2), TFTP_WAIT);
	assert_int_equal(ack(&s, 6, 3), TFTP_SEND);
	assert_int_equal(send_all(&s, 3), 4);
}

static void a_window_that_is_lost_as_a_whole_is_repeated_once(void **state)
{
	struct tftp_session s;

	(void)state;
	start(&s, &window_of_4, 20);
	ack(&s, 4, 1);
	send_all(&s, 1);
	assert_int_equal(ack(&s, 4, 2), TFTP_SEND);
	assert_int_equal(s.next, 5);
	assert_int_equal(send_all(&s, 2), 4);
	assert_int_equal(ack(&s, 4, 3), TFTP_WAIT);
	assert_int_equal(tftp_session_tick(&s, s.deadline), TFTP_SEND);
}

static void the_last_window_may_be_repeated(void **state)
{
	struct tftp_session s;

	(void)state;
	start(&s, &window_of_4, 3);
	assert_int_equal(s.state, TFTP_ENDING);
	assert_int_equal(ack(&s, 1, 1), TFTP_SEND);
	assert_int_equal(send_all(&s, 1), 2);
	assert_int_equal(ack(&s, 3, 2), TFTP_CLOSE);
}

static void an_ack_may_come_while_its_window_is_repeated(void **state)
{
	struct tftp_session s;

	(void)state;
	start(&s, &window_of_4, 20);
	assert_int_equal(tftp_session_tick(&s, s.deadline), TFTP_SEND);
	/* nothing of it was sent again so far, as data had to be read */
	assert_int_equal(ack(&s, 4, 600), TFTP_SEND);
	assert_int_equal(s.next, 5);
	assert_int_equal(tftp_session_end(&s), 8);
}

static void the_end_may_be_found_late(void **state)
{
	struct tftp_session s;

	(void)state;
	assert_int_equal(tftp_session_start(&s, &plain, false, TFTP_LAST_UNKNOWN, 0), TFTP_SEND);
	send_all(&s, 0);
	assert_int_equal(ack(&s, 1, 1), TFTP_SEND);
	tftp_session_found_last(&s, 2);
	send_all(&s, 1);
	assert_int_equal(s.state, TFTP_ENDING);
	assert_int_equal(ack(&s, 2, 2), TFTP_CLOSE);
}

static void after_the_end_all_packets_mean_the_end(void **state)
{
	struct tftp_session s;

	(void)state;
	start(&s, &plain, 1);
	assert_int_equal(ack(&s, 1, 1), TFTP_CLOSE);
	assert_int_equal(ack(&s, 1, 1), TFTP_CLOSE);
	assert_int_equal(error(&s, 1), TFTP_CLOSE);
	assert_int_equal(tftp_session_tick(&s, 100000), TFTP_CLOSE);
	assert_int_equal(s.outcome, TFTP_OUTCOME_COMPLETE);
}

static void blocks_are_no_longer_than_a_packet_of_the_network(void **state)
{
	struct tftp_ask ask = {.terms = {.block = 65464}};

	(void)state;
	assert_int_equal(tftp_session_agree(&ask, 1500).block, 1468);
	assert_int_equal(tftp_session_agree(&ask, 65536).block, 65464);
	assert_int_equal(tftp_session_agree(&ask, 0).block, 65464);
	/* 512 is what every client takes */
	assert_int_equal(tftp_session_agree(&ask, 68).block, 65464);
	ask.terms.block = 1428;
	assert_int_equal(tftp_session_agree(&ask, 1500).block, 1428);
	ask.terms.block = 0;
	assert_int_equal(tftp_session_agree(&ask, 1500).block, 0);
}

static void windows_have_a_limit_of_blocks_and_of_bytes(void **state)
{
	struct tftp_ask ask = {.terms = {.block = 1468, .window = 65535}};

	(void)state;
	assert_int_equal(tftp_session_agree(&ask, 1500).window, TFTP_WINDOW_MAX);
	ask.terms.window = 16;
	assert_int_equal(tftp_session_agree(&ask, 1500).window, 16);
	ask.terms.block = 65464;
	assert_int_equal(tftp_session_agree(&ask, 65536).window, 2);
	ask.terms.window = 0;
	assert_int_equal(tftp_session_agree(&ask, 65536).window, 0);
}

static void text_has_neither_a_size_nor_a_window(void **state)
{
	struct tftp_ask ask = {
		.mode = TFTP_MODE_NETASCII,
		.terms = {.block = 1024, .window = 4, .tsize = true, .timeout_s = 2},
	};
	struct tftp_terms terms = tftp_session_agree(&ask, 1500);

	(void)state;
	assert_int_equal(terms.block, 1024);
	assert_int_equal(terms.timeout_s, 2);
	assert_int_equal(terms.window, 0);
	assert_false(terms.tsize);
}

/* Packets are lost at random in both directions; the client keeps what comes in order. */
static void lose(unsigned int seed, const struct tftp_terms *terms, uint64_t last)
{
	struct tftp_session s;
	enum tftp_action action = tftp_session_start(&s, terms, false, last, 0);
	uint64_t now = 0;
	uint64_t have = 0;

	for (unsigned int round = 0; action != TFTP_CLOSE; round++) {
		bool told = false;

		assert_true(round < 100000);
		if (action == TFTP_SEND) {
			uint64_t first = s.next;
			uint64_t count = send_all(&s, now);

			for (uint64_t block = first; block < first + count; block++) {
				seed = seed * 1103515245u + 12345u;
				if ((seed >> 16) % 100 >= 20 && block == have + 1)
					have = block;
			}
			seed = seed * 1103515245u + 12345u;
			told = (seed >> 16) % 100 >= 20;
		}
		now += 10;
		action = told ? ack(&s, (uint16_t)have, now) : TFTP_WAIT;
		if (action == TFTP_WAIT) {
			now = s.deadline;
			action = tftp_session_tick(&s, now);
		}
	}
	assert_int_equal(s.outcome, TFTP_OUTCOME_COMPLETE);
	assert_int_equal(have, last);
}

static void every_block_arrives_though_every_fifth_packet_is_lost(void **state)
{
	struct tftp_terms terms = {0};

	(void)state;
	for (unsigned int seed = 1; seed <= 50; seed++) {
		terms.window = (uint16_t)(seed % 5 ? seed % 20 : 0);
		lose(seed, &terms, 300);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_the_first_block_is_the_answer),
		cmocka_unit_test(nothing_is_sent_before_the_options_are_accepted),
		cmocka_unit_test(early_terminate_is_normal),
		cmocka_unit_test(old_ack_is_ignored),
		cmocka_unit_test(sorcerers_apprentice_never_comes),
		cmocka_unit_test(block_number_wraps_after_65535),
		cmocka_unit_test(windows_wrap_too),
		cmocka_unit_test(silence_is_answered_by_repetitions_that_get_slower),
		cmocka_unit_test(silence_after_the_last_block_is_not_like_one_before),
		cmocka_unit_test(who_never_answered_is_given_up_sooner),
		cmocka_unit_test(an_answer_makes_it_patient_again),
		cmocka_unit_test(the_client_may_choose_the_timeout),
		cmocka_unit_test(a_window_is_sent_before_anything_is_acknowledged),
		cmocka_unit_test(a_loss_within_a_window_is_sent_again_from_there),
		cmocka_unit_test(a_window_that_is_lost_as_a_whole_is_repeated_once),
		cmocka_unit_test(the_last_window_may_be_repeated),
		cmocka_unit_test(an_ack_may_come_while_its_window_is_repeated),
		cmocka_unit_test(the_end_may_be_found_late),
		cmocka_unit_test(after_the_end_all_packets_mean_the_end),
		cmocka_unit_test(blocks_are_no_longer_than_a_packet_of_the_network),
		cmocka_unit_test(windows_have_a_limit_of_blocks_and_of_bytes),
		cmocka_unit_test(text_has_neither_a_size_nor_a_window),
		cmocka_unit_test(every_block_arrives_though_every_fifth_packet_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
