/* SPDX-License-Identifier: Apache-2.0 */
/* Room for requests of the input `otlp`: what is guessed of them, and the line of those that wait.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "admission.h"

enum { KB = 1000, LEAST = 16 << 10 };

/* ---- the daemon's part ------------------------------------------------------------------- */

static size_t room_bytes, limit_bytes;

static int host_reserve(struct sonde_instance *instance, size_t bytes)
{
	(void)instance;
	if (bytes > limit_bytes)
		return -EMSGSIZE;
	if (bytes > room_bytes)
		return -EAGAIN;
	room_bytes -= bytes;
	return 0;
}

static const struct sonde_host host = { .size = sizeof(host), .reserve = host_reserve };
static struct sonde_instance instance = { .size = sizeof(instance), .host = &host };

/* ---- guesses ----------------------------------------------------------------------------- */

/* What is reserved for a body of 100 kB. */
static size_t guessed(const struct guess *guess, const struct call *like)
{
	struct call call = { .signal = like->signal,
			     .codec = like->codec,
			     .compression = like->compression };
	struct refusal refusal;

	room_bytes = limit_bytes = SIZE_MAX;
	assert_int_equal(call_reserve_body(&instance, &call, guess, 100 * KB, &refusal), 0);
	assert_int_equal(SIZE_MAX - room_bytes, call.reserved_bytes);
	return call.reserved_bytes;
}

static void a_guess_does_for_the_next_batch_like_the_last(void **state)
{
	struct call call = { .signal = SONDE_SIGNAL_METRIC, .codec = CODEC_GRPC };
	struct guess guess = { 0 };

	(void)state;
	for (size_t factor = 1; factor <= 8; factor++) {
		size_t batch_bytes = LEAST + factor * 100 * KB;

		guess_learn(&guess, &call, 100 * KB, batch_bytes);
		assert_true(guessed(&guess, &call) >= batch_bytes);
		assert_true(guessed(&guess, &call) < 2 * batch_bytes + 100 * KB);
	}
}

static void a_guess_rises_at_once_and_falls_slowly_to_what_is_seen(void **state)
{
	struct call call = { .signal = SONDE_SIGNAL_LOG };
	struct guess guess = { 0 };
	size_t high;

	(void)state;
	guess_learn(&guess, &call, KB, LEAST + 6 * KB);
	high = guessed(&guess, &call);
	assert_true(high >= LEAST + 600 * KB);
	guess_learn(&guess, &call, KB, KB);
	assert_in_range(guessed(&guess, &call), high - high / 32, high - 1);
	for (int i = 0; i < 1000; i++)
		guess_learn(&guess, &call, KB, KB);
	assert_in_range(guessed(&guess, &call), LEAST + 100 * KB, LEAST + 120 * KB);
}

static void a_guess_is_of_bodies_of_one_kind_and_bounded(void **state)
{
	const struct call plain = { .signal = SONDE_SIGNAL_SPAN },
			  packed = { .signal = SONDE_SIGNAL_SPAN, .compression = COMPRESS_GZIP },
			  json = { .signal = SONDE_SIGNAL_SPAN, .codec = CODEC_JSON };
	struct guess guess = { 0 };
	size_t before = guessed(&guess, &json);

	(void)state;
	assert_true(guessed(&guess, &packed) > guessed(&guess, &plain));
	guess_learn(&guess, &plain, 1, SIZE_MAX);
	assert_in_range(guessed(&guess, &plain), LEAST + 800 * KB, LEAST + 1000 * KB);
	guess_learn(&guess, &packed, 1, SIZE_MAX);
	assert_in_range(guessed(&guess, &packed), LEAST + 6400 * KB, LEAST + 8000 * KB);
	guess_learn(&guess, &plain, 0, SIZE_MAX);
	assert_int_equal(guessed(&guess, &json), before);
}

static void a_guess_that_could_never_be_kept_is_none(void **state)
{
	struct call call = { .signal = SONDE_SIGNAL_LOG };
	struct guess guess = { 0 };
	struct refusal refusal;

	(void)state;
	room_bytes = limit_bytes = 150 * KB;
	assert_int_equal(call_reserve_body(&instance, &call, &guess, 100 * KB, &refusal), 0);
	assert_int_equal(call.reserved_bytes, 100 * KB);
	call.reserved_bytes = 0;
	assert_int_equal(call_reserve_body(&instance, &call, &guess, 100 * KB, &refusal), -1);
	assert_int_equal(refusal.status, 503);
	assert_int_equal(call_reserve_body(&instance, &call, &guess, 200 * KB, &refusal), -1);
	assert_int_equal(refusal.status, 413);
	assert_int_equal(call.reserved_bytes, 0);
}

/* ---- the line ---------------------------------------------------------------------------- */

static void assert_line(const struct line *line, const struct call *calls, const char *order)
{
	const struct call *call = line->first, *ahead = NULL;

	for (; *order; order++) {
		assert_ptr_equal(call, &calls[*order - 'a']);
		assert_ptr_equal(call->ahead, ahead);
		assert_true(call->is_held);
		ahead = call;
		call = call->behind;
	}
	assert_null(call);
	assert_ptr_equal(line->last, ahead);
}

static void who_comes_first_is_first_and_who_leaves_leaves_no_gap(void **state)
{
	struct call calls[4] = { 0 };
	struct line line = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		line_enter(&line, &calls[i]);
	assert_line(&line, calls, "abcd");
	line_leave(&line, &calls[1]);
	line_leave(&line, &calls[1]);
	assert_line(&line, calls, "acd");
	line_leave(&line, &calls[3]);
	assert_line(&line, calls, "ac");
	line_leave(&line, &calls[0]);
	line_leave(&line, &calls[2]);
	assert_line(&line, calls, "");
}

static void who_comes_again_is_ahead_of_those_who_came_later(void **state)
{
	struct call calls[5] = { 0 };
	struct line line = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		line_enter(&line, &calls[i]);
		line.tick++;
	}
	line_leave(&line, &calls[0]);
	line_leave(&line, &calls[1]);
	line_leave(&line, &calls[2]);
	line_enter(&line, &calls[1]);
	line_enter(&line, &calls[2]);
	line_enter(&line, &calls[0]);
	assert_line(&line, calls, "abcd");
	for (int i = 0; i < 4; i++)
		line_leave(&line, &calls[i]);
	line_enter(&line, &calls[2]);
	line_enter(&line, &calls[4]);
	assert_line(&line, calls, "ce");
}

static void a_call_is_overdue_when_all_its_ticks_have_passed_whole(void **state)
{
	struct line line = { .tick = 100 };
	struct call call = { 0 };

	(void)state;
	line_enter(&line, &call);
	line.tick += LINE_TICKS; /* of the first of them it may have seen the end only */
	assert_false(line_is_overdue(&line, &call));
	line_leave(&line, &call);
	line_enter(&line, &call);
	line.tick++;
	assert_true(line_is_overdue(&line, &call));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guess_does_for_the_next_batch_like_the_last),
		cmocka_unit_test(a_guess_rises_at_once_and_falls_slowly_to_what_is_seen),
		cmocka_unit_test(a_guess_is_of_bodies_of_one_kind_and_bounded),
		cmocka_unit_test(a_guess_that_could_never_be_kept_is_none),
		cmocka_unit_test(who_comes_first_is_first_and_who_leaves_leaves_no_gap),
		cmocka_unit_test(who_comes_again_is_ahead_of_those_who_came_later),
		cmocka_unit_test(a_call_is_overdue_when_all_its_ticks_have_passed_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
