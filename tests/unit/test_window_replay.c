// SPDX-License-Identifier: Apache-2.0
/* The processor aggregate behind a queue on disk: killed at any moment, given its rows again, it
 * has counted each of them once. */
#include "aggregate_fixture.h"

#include <errno.h>
#include <stdlib.h>

enum { SOURCES = 3, BATCHES = 90, BATCH_ROWS = 4, WORDS = 3, OUT_MOST = 65536, TIMES_MOST = 1200 };

static const int64_t begin_ns = 1000000000000000000;
static const int64_t second_ns = 1000000000;

/* ---- chance ------------------------------------------------------------------------------ */

static uint64_t state;

static uint32_t below(uint32_t limit)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((state >> 33) % limit);
}

/* ---- what lies in the queues ------------------------------------------------------------- */

struct row {
	int64_t time_ns; /* 0: it has none */
	uint32_t word, value;
};

struct frame { /* one batch */
	struct row rows[BATCH_ROWS];
	uint32_t count;
	int64_t latest_ns;
};

static struct frame queues[SOURCES][BATCHES];

/* How a round goes. */
struct course {
	bool orderly;        /* sources keep together: no row is late */
	bool slides;         /* windows overlap */
	bool changes;        /* settings change, by knobs and between lives */
	bool untimed;        /* some rows have no time */
	bool apart[SOURCES]; /* a source's clock is wrong by minutes */
};

static void queues_fill(const struct course *course)
{
	for (uint32_t s = 0; s < SOURCES; s++) {
		int64_t at = begin_ns + 600 * second_ns, away = 0;

		if (course->apart[s])
			away = (int64_t)(below(240)) * second_ns - 120 * second_ns;
		for (uint32_t i = 0; i < BATCHES; i++) {
			struct frame *frame = &queues[s][i];

			at += below(course->orderly ? 2000 : 6000) * (second_ns / 1000);
			*frame = (struct frame){ .count = 1 + below(BATCH_ROWS), .latest_ns = at };
			for (uint32_t row = 0; row < frame->count; row++) {
				int64_t back = below(course->orderly ? 3000 : 40000);

				frame->rows[row] = (struct row){
					.time_ns = at + away - back * (second_ns / 1000),
					.word = below(WORDS),
					.value = below(1000),
				};
				if (course->untimed && !below(8))
					frame->rows[row].time_ns = 0;
			}
		}
	}
}

static struct sonde_batch *frame_read(struct sonde_test *test, uint32_t source, uint32_t index)
{
	static const char columns_of[] = "time:time:time word:text value:u32 host:text";
	const struct frame *frame = &queues[source][index];
	char texts[BATCH_ROWS][96];
	const char *rows[BATCH_ROWS] = { NULL };

	for (uint32_t i = 0; i < frame->count; i++) {
		const struct row *row = &frame->rows[i];
		char time[32] = "-";

		if (row->time_ns)
			snprintf(time, sizeof(time), "%lld", (long long)row->time_ns);
		snprintf(texts[i], sizeof(texts[i]), "%s w%u %u h%u", time, row->word, row->value,
			 source);
		rows[i] = texts[i];
	}
	return sonde_test_table(test, "calls", columns_of, rows[0], rows[1], rows[2], rows[3],
				NULL);
}

/* ---- what came out ----------------------------------------------------------------------- */

struct emitted {
	int64_t start_ns, end_ns;
	uint32_t word;
	uint64_t count, sum, events;
};

static struct emitted out[OUT_MOST];
static uint32_t out_count;

static void out_gather(struct sonde_test *test)
{
	uint32_t count = sonde_test_row_count(test);

	assert_true(out_count + count <= OUT_MOST);
	for (uint32_t i = 0; i < count; i++)
		out[out_count++] = (struct emitted){
			.start_ns = sonde_test_integer(test, i, "start_time"),
			.end_ns = sonde_test_integer(test, i, "time"),
			.word = (uint32_t)(sonde_test_text(test, i, "word")[1] - '0'),
			.count = (uint64_t)sonde_test_integer(test, i, "count"),
			.sum = (uint64_t)sonde_test_integer(test, i, "sum"),
			.events = (uint64_t)sonde_test_integer(test, i, "events"),
		};
	sonde_test_forget(test, SONDE_DONE, NULL);
}

/* ---- lives ------------------------------------------------------------------------------- */

/* What is written in one piece. */
struct commit {
	uint32_t out_count, consumed[SOURCES];
	unsigned char remembered[SONDE_REMEMBERED_BYTES];
	size_t length;
};

struct life {
	struct sonde_test *test;
	const struct course *course;
	uint32_t next[SOURCES], before[SOURCES]; /* replayed: those with an index below */
	bool caught_up;
};

static int64_t head_ns(const struct life *life, uint32_t source)
{
	uint32_t next = life->next[source];

	return next < BATCHES ? queues[source][next].latest_ns : INT64_MAX;
}

/* The source whose turn it is; SOURCES: nobody has any more. */
static uint32_t source_next(const struct life *life)
{
	int64_t first = INT64_MAX;
	uint32_t from = below(SOURCES);

	for (uint32_t s = 0; s < SOURCES; s++)
		first = head_ns(life, s) < first ? head_ns(life, s) : first;
	for (uint32_t i = 0; i < SOURCES && first < INT64_MAX; i++) {
		uint32_t s = (from + i) % SOURCES;
		int64_t head = head_ns(life, s);

		if (head < INT64_MAX && (!life->course->orderly || head <= first + 3 * second_ns))
			return s;
	}
	return SOURCES;
}

static bool is_replayed_whole(const struct life *life)
{
	for (uint32_t s = 0; s < SOURCES; s++) {
		if (life->next[s] < life->before[s])
			return false;
	}
	return true;
}

/* The host's clock has at least come to where the rows are, or it is of no use to them. */
static void life_feed(struct life *life, uint32_t source)
{
	struct sonde_test *test = life->test;
	uint32_t index = life->next[source]++;
	struct sonde_batch *batch = frame_read(test, source, index);
	int64_t behind = queues[source][index].latest_ns - sonde_test_now_ns(test);

	if (behind > 0) {
		sonde_test_advance(test, behind);
		out_gather(test);
	}
	if (index < life->before[source])
		sonde_test_replay(test, batch);
	assert_int_equal(sonde_test_process(test, batch), 0);
	if (!life->caught_up && is_replayed_whole(life)) {
		life->caught_up = true;
		sonde_test_caught_up(test);
	}
}

static struct life life_begin(const struct course *course, const struct commit *commit)
{
	static const char *const widths[] = { "window=10s", "window=4s", "window=15s",
					      "window=8s" };
	static const char *const slides[] = { "slide=2s", "slide=1s", "slide=5s", "slide=8s" };
	uint32_t kind = course->changes ? below(4) : 0;
	struct life life = { .course = course };

	life.test = sonde_test_create_replica(
		sonde_plugin, 0, 1,
		(const char *const[]){ widths[kind], course->slides ? slides[kind] : "slide=0s",
				       "by=word", "measures=count, sum = sum(value)", "source=host",
				       "lateness=10s", course->orderly ? "idle=1h" : "idle=5s",
				       course->orderly ? "late=drop" : "late=own", NULL });
	assert_non_null(life.test);
	memcpy(life.before, commit->consumed, sizeof(life.before));
	life.caught_up = !commit->length;
	sonde_test_journal(life.test, commit->remembered, commit->length);
	assert_int_equal(sonde_test_start(life.test), 0);
	out_count = commit->out_count;
	return life;
}

static void life_commit(const struct life *life, struct commit *ret_commit)
{
	ret_commit->out_count = out_count;
	for (uint32_t s = 0; s < SOURCES; s++)
		ret_commit->consumed[s] =
			life->next[s] > life->before[s] ? life->next[s] : life->before[s];
	ret_commit->length = sonde_test_remembered(life->test, ret_commit->remembered,
						   sizeof(ret_commit->remembered));
}

static void life_change(const struct life *life)
{
	static const char *const settings[][2] = {
		{ "groups", "100" }, { "groups", "1000" }, { "top", "2" },
		{ "top", "0" },      { "lateness", "4s" }, { "lateness", "12s" },
		{ "window", "20s" }, { "window", "40s" },
	};
	uint32_t which = below(sizeof(settings) / sizeof(settings[0]));

	if (which < 2 || which > 3) /* `top` would tell words no more */
		(void)sonde_test_set(life->test, settings[which][0], settings[which][1]);
}

/* Lives and dies until all is read; what is out then is all there is. */
static void course_run(const struct course *course)
{
	struct commit commit = { 0 };
	uint32_t deaths = 0, source;
	struct life life;

	queues_fill(course);
	out_count = 0;
	life = life_begin(course, &commit);
	life_commit(&life, &commit);
	while ((source = source_next(&life)) < SOURCES) {
		life_feed(&life, source);
		out_gather(life.test);
		if (!below(12))
			sonde_test_advance(life.test, below(9000) * (second_ns / 1000));
		if (course->changes && !below(40))
			life_change(&life);
		out_gather(life.test);
		if (!below(5))
			life_commit(&life, &commit);
		if (deaths < 12 && !below(40)) {
			deaths++;
			assert_closed_books(life.test);
			sonde_test_release(life.test);
			life = life_begin(course, &commit);
		}
	}
	sonde_test_drain(life.test);
	out_gather(life.test);
	if (course->orderly)
		assert_int_equal(sonde_test_account(life.test).lost[SONDE_LOST_REJECTED], 0);
	assert_closed_books(life.test);
	sonde_test_release(life.test);
}

/* ---- what it should be ------------------------------------------------------------------- */

static struct emitted sum_of_rows(uint32_t word, int64_t start_ns, int64_t end_ns)
{
	struct emitted sum = { .start_ns = start_ns, .end_ns = end_ns, .word = word };

	for (uint32_t s = 0; s < SOURCES; s++) {
		for (uint32_t i = 0; i < BATCHES; i++) {
			for (uint32_t k = 0; k < queues[s][i].count; k++) {
				const struct row *row = &queues[s][i].rows[k];

				if (row->word != word || row->time_ns < start_ns ||
				    row->time_ns >= end_ns)
					continue;
				sum.count++;
				sum.sum += row->value;
			}
		}
	}
	return sum;
}

static struct emitted sum_of_out(uint32_t word, int64_t start_ns, int64_t end_ns)
{
	struct emitted sum = { .start_ns = start_ns, .end_ns = end_ns, .word = word };

	for (uint32_t i = 0; i < out_count; i++) {
		if (out[i].word != word || out[i].start_ns < start_ns || out[i].end_ns > end_ns)
			continue;
		sum.count += out[i].count;
		sum.sum += out[i].sum;
		sum.events += out[i].events;
	}
	return sum;
}

static void assert_events(uint64_t seed)
{
	for (uint32_t word = 0; word < WORDS; word++) {
		struct emitted rows = sum_of_rows(word, 0, INT64_MAX);
		struct emitted got = sum_of_out(word, 0, INT64_MAX);

		if (rows.count != got.events)
			fail_msg("seed %llu: %llu events of w%u instead of %llu",
				 (unsigned long long)seed, (unsigned long long)got.events, word,
				 (unsigned long long)rows.count);
	}
}

/* Each window by itself; those that slide are no sums of parts. */
static void assert_windows(uint64_t seed, int64_t width_ns, int64_t slide_ns)
{
	for (uint32_t slide = 0; slide < TIMES_MOST; slide++) {
		int64_t start = begin_ns + slide * slide_ns;

		for (uint32_t word = 0; word < WORDS; word++) {
			struct emitted rows = sum_of_rows(word, start, start + width_ns);
			struct emitted got = sum_of_out(word, start, start + width_ns);

			if (rows.count != got.count || rows.sum != got.sum)
				fail_msg("seed %llu: window %u s, w%u: %llu rows, sum %llu instead "
					 "of %llu, %llu",
					 (unsigned long long)seed,
					 (uint32_t)((start - begin_ns) / second_ns), word,
					 (unsigned long long)got.count, (unsigned long long)got.sum,
					 (unsigned long long)rows.count,
					 (unsigned long long)rows.sum);
		}
	}
}

/* ---- the tests --------------------------------------------------------------------------- */

enum { ROUNDS = 8 };

static void windows_rebuilt_after_kills_are_those_of_a_run_without(void **unused)
{
	const struct course course = { .orderly = true };

	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		state = seed;
		course_run(&course);
		assert_windows(seed, 10 * second_ns, 10 * second_ns);
		assert_events(seed);
	}
}

static void windows_that_slide_are_rebuilt_and_no_part_is_given_out_twice(void **unused)
{
	const struct course course = { .orderly = true, .slides = true };

	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		state = seed;
		course_run(&course);
		assert_windows(seed, 10 * second_ns, 2 * second_ns);
		assert_events(seed);
	}
}

static void late_rows_and_clocks_apart_change_nothing_in_the_sums(void **unused)
{
	const struct course course = { .apart = { true, false, true } };

	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		state = seed;
		course_run(&course);
		assert_windows(seed, 10 * second_ns, 10 * second_ns);
		assert_events(seed);
	}
}

static void events_are_counted_once_whatever_slides_and_comes_late(void **unused)
{
	const struct course course = { .slides = true, .apart = { true, true, true } };

	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		state = seed;
		course_run(&course);
		assert_events(seed);
	}
}

static void rows_without_a_time_are_counted_once(void **unused)
{
	struct course course = { .untimed = true };

	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		state = seed;
		course.slides = seed % 2;
		course_run(&course);
		assert_events(seed);
	}
}

static void settings_may_change_while_it_runs_and_while_it_is_dead(void **unused)
{
	struct course course = { .changes = true };

	for (uint64_t seed = 1; seed <= 2 * ROUNDS; seed++) {
		state = seed;
		course.slides = seed % 2;
		course.apart[1] = seed % 3;
		course.untimed = seed % 5 == 0;
		course_run(&course);
		assert_events(seed);
	}
}

static struct sonde_test *recalling(const unsigned char *bytes, size_t length)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, "by=call", NULL);

	assert_non_null(test);
	sonde_test_journal(test, bytes, length);
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}

static void late_rows_go_on_in_the_same_call(void **unused)
{
	struct sonde_test *test = recalling(NULL, 0);

	sonde_test_advance(test, 60 * SONDE_TEST_SECOND);
	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	sonde_test_process(test, calls(test, SECOND(40) " read 1"));
	assert_int_equal(sonde_test_row_count(test), 1);
	sonde_test_process(test, calls(test, SECOND(02) " read 1"));
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_int_equal(sonde_test_account(test).held, 1);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void rows_that_have_gone_on_before_are_booked_as_replayed(void **unused)
{
	unsigned char bytes[SONDE_REMEMBERED_BYTES];
	struct sonde_test *test = recalling(NULL, 0);
	struct sonde_batch *batch;
	size_t length;

	sonde_test_advance(test, 60 * SONDE_TEST_SECOND);
	sonde_test_process(test, calls(test, SECOND(01) " read 1"));
	sonde_test_process(test, calls(test, SECOND(40) " read 1"));
	length = sonde_test_remembered(test, bytes, sizeof(bytes));
	sonde_test_release(test);

	test = recalling(bytes, length);
	batch = sonde_test_table(test, "calls", columns, SECOND(01) " read 1", SECOND(40) " read 1",
				 NULL);
	sonde_test_replay(test, batch);
	sonde_test_process(test, batch);
	assert_int_equal(sonde_test_account(test).reduced[SONDE_REPLAYED], 1);
	assert_int_equal(sonde_test_set(test, "window", "1m"), -EBUSY);
	assert_non_null(strstr(sonde_test_error(), "read again"));
	sonde_test_advance(test,
			   600 * SONDE_TEST_SECOND); /* nothing closes by the clock meanwhile */
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_caught_up(test);
	sonde_test_advance(test, 60 * SONDE_TEST_SECOND);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_set(test, "window", "1m"), 0);
	assert_closed_books(test);
	sonde_test_release(test);
}

static void what_another_version_remembers_is_told_and_counts_as_nothing(void **unused)
{
	unsigned char bytes[SONDE_REMEMBERED_BYTES] = { 9 };
	struct sonde_test *test = recalling(bytes, sizeof(bytes));

	assert_true(sonde_test_logged(test, "another version"));
	sonde_test_release(test);
	test = recalling(bytes, 7);
	assert_true(sonde_test_logged(test, "another version"));
	sonde_test_release(test);
}

static void whatever_the_bytes_are_it_starts_and_takes_rows(void **unused)
{
	state = 1;
	for (int round = 0; round < 300; round++) {
		unsigned char bytes[SONDE_REMEMBERED_BYTES];
		struct sonde_test *test;

		for (uint32_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char)(below(3) ? 0 : below(256));
		bytes[0] = 1;
		bytes[1] = (unsigned char)below(6);
		bytes[4] = (unsigned char)(1 + below(255));
		test = recalling(bytes, sizeof(bytes));
		sonde_test_process(test, calls(test, SECOND(01) " read 1"));
		sonde_test_caught_up(test);
		sonde_test_process(test, calls(test, SECOND(40) " read 1"));
		sonde_test_drain(test);
		assert_closed_books(test);
		sonde_test_release(test);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_rows_go_on_in_the_same_call),
		cmocka_unit_test(rows_that_have_gone_on_before_are_booked_as_replayed),
		cmocka_unit_test(what_another_version_remembers_is_told_and_counts_as_nothing),
		cmocka_unit_test(whatever_the_bytes_are_it_starts_and_takes_rows),
		cmocka_unit_test(windows_rebuilt_after_kills_are_those_of_a_run_without),
		cmocka_unit_test(windows_that_slide_are_rebuilt_and_no_part_is_given_out_twice),
		cmocka_unit_test(late_rows_and_clocks_apart_change_nothing_in_the_sums),
		cmocka_unit_test(events_are_counted_once_whatever_slides_and_comes_late),
		cmocka_unit_test(rows_without_a_time_are_counted_once),
		cmocka_unit_test(settings_may_change_while_it_runs_and_while_it_is_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
