// SPDX-License-Identifier: Apache-2.0
/* What a region has taken of streams, and keys that choose a place. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rendezvous.h"
#include "streams.h"

static const unsigned char one[STREAM_ID_BYTES] = "one", other[STREAM_ID_BYTES] = "other";

static void take(struct stream *stream, uint64_t sequence)
{
	assert_int_equal(stream_look(stream, sequence, 0), STREAM_NEW);
	assert_int_equal(stream_begin(stream, sequence, 1), 0);
}

static void a_frame_that_was_taken_is_not_taken_again(void **state)
{
	struct streams *streams = streams_create(16);
	struct stream *stream = streams_get(streams, one);

	take(stream, 3);
	assert_int_equal(stream_look(stream, 3, 3), STREAM_UNDER_WAY);
	assert_true(stream_end(stream, 3, false));
	assert_int_equal(stream->taken, 3);
	assert_int_equal(stream_look(stream, 3, 3), STREAM_TAKEN);
	assert_int_equal(stream_look(stream, 2, 2), STREAM_TAKEN);
	assert_int_equal(stream_look(stream, 4, 3), STREAM_NEW);
	assert_int_equal(stream_look(streams_get(streams, other), 3, 3), STREAM_NEW);
	streams_release(streams);
}

static void frames_that_settle_out_of_order_are_acknowledged_up_to_the_first_gap(void **state)
{
	struct streams *streams = streams_create(16);
	struct stream *stream = streams_get(streams, one);

	take(stream, 5);
	take(stream, 9); /* sequences have gaps */
	take(stream, 10);
	assert_false(stream_end(stream, 10, false));
	assert_false(stream_end(stream, 9, false));
	assert_int_equal(stream->taken, 0);
	assert_int_equal(stream_look(stream, 10, 5), STREAM_TAKEN);
	assert_true(stream_end(stream, 5, false));
	assert_int_equal(stream->taken, 10);
	streams_release(streams);
}

static void a_frame_that_is_sent_back_is_taken_when_it_comes_again(void **state)
{
	struct streams *streams = streams_create(16);
	struct stream *stream = streams_get(streams, one);

	take(stream, 1);
	take(stream, 2);
	assert_false(stream_end(stream, 1, true));
	assert_false(stream_end(stream, 2, false)); /* 1 is missing */
	assert_int_equal(stream_look(stream, 3, 1), STREAM_NEW);
	assert_int_equal(stream->taken, 0);
	take(stream, 1);
	assert_true(stream_end(stream, 1, false));
	assert_int_equal(stream->taken, 2);
	streams_release(streams);
}

static void what_the_sender_has_no_more_does_not_hold_up_what_follows(void **state)
{
	struct streams *streams = streams_create(16);
	struct stream *stream = streams_get(streams, one);

	take(stream, 1);
	take(stream, 2);
	assert_false(stream_end(stream, 1, true));
	assert_false(stream_end(stream, 2, false));
	assert_int_equal(stream_look(stream, 3, 2), STREAM_NEW); /* it has 2 and above */
	assert_int_equal(stream->taken, 2);
	streams_release(streams);
}

static void what_nobody_will_settle_is_taken_again(void **state)
{
	struct streams *streams = streams_create(16);
	struct stream *stream = streams_get(streams, one);

	take(stream, 1);
	assert_int_equal(stream_begin(stream, 2, 7), 0);
	streams_forsake(streams, 7);
	assert_int_equal(stream_look(stream, 1, 1), STREAM_UNDER_WAY);
	assert_int_equal(stream_look(stream, 2, 1), STREAM_NEW);
	streams_release(streams);
}

static void too_many_frames_that_are_not_settled_are_refused(void **state)
{
	struct streams *streams = streams_create(16);
	struct stream *stream = streams_get(streams, one);

	for (uint64_t i = 1; i <= STREAM_AHEAD_LIMIT; i++)
		take(stream, i);
	assert_int_equal(stream_begin(stream, STREAM_AHEAD_LIMIT + 1, 1), -ENOSPC);
	for (uint64_t i = STREAM_AHEAD_LIMIT; i; i--)
		(void)stream_end(stream, i, false);
	assert_int_equal(stream->taken, STREAM_AHEAD_LIMIT);
	streams_release(streams);
}

static struct stream *numbered(struct streams *streams, uint64_t number)
{
	unsigned char id[STREAM_ID_BYTES] = { 0 };

	memcpy(id, &number, sizeof(number));
	return streams_get(streams, id);
}

static void of_many_streams_the_one_used_least_of_late_is_forgotten(void **state)
{
	struct streams *streams = streams_create(4);
	struct stream *open;

	open = numbered(streams, 0);
	take(open, 1);
	for (uint64_t i = 1; i < 4; i++) {
		struct stream *stream = numbered(streams, i);

		take(stream, 1);
		(void)stream_end(stream, 1, false);
	}
	(void)numbered(streams, 1); /* used again */
	(void)numbered(streams, 4);
	assert_int_equal(streams_count(streams), 4);
	assert_int_equal(numbered(streams, 1)->taken, 1);
	assert_ptr_equal(numbered(streams, 0), open);     /* a frame of it is under way */
	assert_int_equal(numbered(streams, 2)->taken, 0); /* forgotten, and made anew */
	streams_release(streams);
}

/* A sender with a window and a region that settles, sends back and forgets connections at random:
 * every frame is taken once, and the sender hears of all. */
static void any_order_of_settling_takes_each_frame_once(void **state)
{
	enum { FRAMES = 400, WINDOW = 12 };

	for (unsigned seed = 1; seed <= 30; seed++) {
		struct streams *streams = streams_create(16);
		struct stream *stream = streams_get(streams, one);
		uint32_t taken[FRAMES + 1] = { 0 };
		bool is_open[FRAMES + 1] = { false };

		srandom(seed);
		while (stream->taken < FRAMES) {
			uint64_t first = stream->taken + 1, at;

			at = first + (uint64_t)random() % WINDOW;
			if (at > FRAMES)
				continue;
			for (uint64_t i = first; i <= at; i++) { /* sent again, in order */
				if (stream_look(stream, i, first) != STREAM_NEW)
					continue;
				assert_int_equal(stream_begin(stream, i, 1), 0);
				is_open[i] = true;
			}
			for (uint64_t i = at + 1; i-- > first;) {
				bool again = random() % 3 == 0;

				if (!is_open[i] || random() % 2)
					continue;
				is_open[i] = false;
				taken[i] += !again;
				(void)stream_end(stream, i, again);
			}
		}
		for (uint32_t i = 1; i <= FRAMES; i++)
			assert_int_equal(taken[i], 1);
		streams_release(streams);
	}
}

static void a_key_moves_only_when_its_place_goes(void **state)
{
	const uint64_t places[4] = { rendezvous_hash(0, "a", 1), rendezvous_hash(0, "b", 1),
				     rendezvous_hash(0, "c", 1), rendezvous_hash(0, "d", 1) };
	uint32_t counts[4] = { 0 };

	for (uint64_t i = 0; i < 4000; i++) {
		uint64_t key = rendezvous_hash(0, &i, sizeof(i));
		uint32_t all = rendezvous_choose(places, 4, 0xf, key);
		uint32_t three = rendezvous_choose(places, 4, 0xb, key); /* without c */

		counts[all]++;
		if (all != 2)
			assert_int_equal(three, all);
		else
			assert_int_not_equal(three, 2);
	}
	for (uint32_t i = 0; i < 4; i++)
		assert_in_range(counts[i], 800, 1200);
	assert_int_equal(rendezvous_choose(places, 4, 0, 1), RENDEZVOUS_NOBODY);
}

/* Edges of other versions choose the same region: these numbers stay. */
static void hashes_are_the_same_on_every_machine(void **state)
{
	const uint64_t hash = rendezvous_hash(0, "tls+tcp://region-a.example:7443", 31);

	assert_int_equal(hash, 0xfe62c3a803bab43a);
	assert_int_not_equal(rendezvous_hash(0, "ab", 2),
			     rendezvous_hash(rendezvous_hash(0, "a", 1), "b", 1));
	assert_int_not_equal(rendezvous_hash(0, "", 0), rendezvous_hash(0, "\0", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_that_was_taken_is_not_taken_again),
		cmocka_unit_test(
			frames_that_settle_out_of_order_are_acknowledged_up_to_the_first_gap),
		cmocka_unit_test(a_frame_that_is_sent_back_is_taken_when_it_comes_again),
		cmocka_unit_test(what_the_sender_has_no_more_does_not_hold_up_what_follows),
		cmocka_unit_test(what_nobody_will_settle_is_taken_again),
		cmocka_unit_test(too_many_frames_that_are_not_settled_are_refused),
		cmocka_unit_test(of_many_streams_the_one_used_least_of_late_is_forgotten),
		cmocka_unit_test(any_order_of_settling_takes_each_frame_once),
		cmocka_unit_test(a_key_moves_only_when_its_place_goes),
		cmocka_unit_test(hashes_are_the_same_on_every_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
