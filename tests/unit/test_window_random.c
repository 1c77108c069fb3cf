// SPDX-License-Identifier: Apache-2.0
/* lib/window over random tables, beside a reference that takes one row after the other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sonde/test.h>

#include "histogram.h"
#include "window.h"

enum { ROUNDS = 120, ROWS_MOST = 700, GROUPS_MOST = 8192, KEY_BYTES = 160 };

static const int64_t begin_ns = 1000000000000000000;
static const int64_t second_ns = 1000000000;

static const char *const by_names[] = { "word", "number", "ratio", "resource['host.name']" };
static const char *const measure_names[] = {
	"count",
	"sum(value)",
	"min(value)",
	"max(value)",
	"mean(value)",
	"sum(real)",
	"min(real)",
	"max(real)",
	"first(value)",
	"last(note)",
	"histogram(wait)",
	"p90(wait)",
	"most = histogram(real, 5)",
	"big = count where value > 50 and word is not null",
	"high = sum(wait) where real < 0.5",
};

enum { BYS = 4, MEASURES = sizeof(measure_names) / sizeof(measure_names[0]) };

/* ---- chance ------------------------------------------------------------------------------ */

static uint64_t state = 42;

static uint32_t below(uint32_t limit)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((state >> 33) % limit);
}

/* ---- tables ------------------------------------------------------------------------------ */

struct kinds { /* how the tables of a round are made */
	bool weight, real_weight, events, selects, nulls, fresh_words, loose_words, constant_host;
	uint32_t words, numbers, seconds;
};

static struct sonde_dictionary *lasting;

static struct sonde_column *add(struct sonde_instance *instance, struct sonde_batch *batch,
				const char *name, uint32_t type, uint32_t role, uint32_t scope,
				struct sonde_dictionary *dictionary)
{
	struct sonde_field field = {
		.name = name, .type = type, .role = (uint16_t)role, .scope = (uint8_t)scope
	};
	struct sonde_column *column = sonde_batch_add(instance, batch, &field, dictionary);

	assert_non_null(column);
	return column;
}

static void put(struct sonde_column *column, uint32_t row, const void *value)
{
	memcpy(column->base + (size_t)row * column->stride, value, column->value_size);
}

static void punch(struct sonde_instance *instance, struct sonde_batch *batch, uint32_t rows)
{
	unsigned char *bits = sonde_batch_valid(instance, batch, batch->column_count - 1);

	for (uint32_t row = 0; row < rows; row++) {
		if (!below(4))
			bits[row >> 3] &= (unsigned char)~(1u << (row & 7));
	}
}

static void add_texts(struct sonde_instance *instance, struct sonde_batch *batch, const char *name,
		      uint32_t rows, const struct kinds *kinds)
{
	struct sonde_dictionary *dictionary =
		kinds->fresh_words ? sonde_dictionary_create(instance, !kinds->loose_words)
				   : lasting;
	struct sonde_column *column =
		add(instance, batch, name, SONDE_TEXT, 0, SONDE_SCOPE_ROW, dictionary);

	for (uint32_t row = 0; row < rows; row++) {
		char text[32];
		int length = snprintf(text, sizeof(text), "%.*s%u", (int)below(3), "-----",
				      below(kinds->words));
		uint32_t code = sonde_dictionary_add(instance, dictionary, text, (size_t)length);

		put(column, row, &code);
	}
	if (kinds->fresh_words)
		sonde_dictionary_release(instance, dictionary);
	if (kinds->nulls)
		punch(instance, batch, rows);
}

static void add_host(struct sonde_instance *instance, struct sonde_batch *batch, uint32_t rows)
{
	static const struct sonde_field field = { .name = "host.name",
						  .type = SONDE_TEXT,
						  .scope = SONDE_SCOPE_RESOURCE };
	uint32_t code = sonde_dictionary_add(instance, lasting, below(2) ? "a" : "b", 1);

	assert_non_null(sonde_batch_constant(instance, batch, &field, lasting, &code));
}

static void add_numbers(struct sonde_instance *instance, struct sonde_batch *batch, uint32_t rows,
			const struct kinds *kinds)
{
	struct sonde_column *number =
		add(instance, batch, "number", SONDE_U16, 0, SONDE_SCOPE_ROW, NULL);

	for (uint32_t row = 0; row < rows; row++)
		put(number, row, &(uint16_t){ (uint16_t)below(kinds->numbers) });
	if (kinds->nulls)
		punch(instance, batch, rows);
	number = add(instance, batch, "ratio", SONDE_DOUBLE, 0, SONDE_SCOPE_ROW, NULL);
	for (uint32_t row = 0; row < rows; row++)
		put(number, row, &(double){ below(9) ? 0.25 * below(3) : below(2) ? -0.0 : NAN });
	if (kinds->nulls)
		punch(instance, batch, rows);
	number = add(instance, batch, "value", SONDE_I32, 0, SONDE_SCOPE_ROW, NULL);
	for (uint32_t row = 0; row < rows; row++)
		put(number, row, &(int32_t){ (int32_t)below(200) - 100 });
	if (kinds->nulls)
		punch(instance, batch, rows);
	number = add(instance, batch, "real", SONDE_DOUBLE, 0, SONDE_SCOPE_ROW, NULL);
	for (uint32_t row = 0; row < rows; row++)
		put(number, row, &(double){ (double)below(64) / 32 - 0.5 });
	number = add(instance, batch, "wait", SONDE_DURATION, SONDE_ROLE_DURATION, SONDE_SCOPE_ROW,
		     NULL);
	for (uint32_t row = 0; row < rows; row++)
		put(number, row, &(int64_t){ (int64_t)below(1u << below(30)) });
	if (kinds->nulls)
		punch(instance, batch, rows);
}

static void add_weights(struct sonde_instance *instance, struct sonde_batch *batch, uint32_t rows,
			const struct kinds *kinds)
{
	struct sonde_column *column;

	if (kinds->weight) {
		column = add(instance, batch, "weight",
			     kinds->real_weight ? SONDE_DOUBLE : SONDE_U32, SONDE_ROLE_WEIGHT,
			     SONDE_SCOPE_ROW, NULL);
		for (uint32_t row = 0; row < rows; row++) {
			uint32_t whole = below(5);
			double real = 0.5 * below(8);

			put(column, row, kinds->real_weight ? (void *)&real : &whole);
		}
	}
	if (kinds->events) {
		column = add(instance, batch, "events", SONDE_U64, SONDE_ROLE_EVENTS,
			     SONDE_SCOPE_ROW, NULL);
		for (uint32_t row = 0; row < rows; row++)
			put(column, row, &(uint64_t){ below(4) });
		if (kinds->nulls)
			punch(instance, batch, rows);
	}
}

static struct sonde_batch *make_batch(struct sonde_instance *instance, const struct kinds *kinds)
{
	uint32_t rows = 1 + below(ROWS_MOST);
	struct sonde_batch *batch = sonde_batch_table(instance, "random", SONDE_SIGNAL_LOG, rows),
			   *derived;
	unsigned char bits[ROWS_MOST / 8 + 1];
	struct sonde_column *time =
		add(instance, batch, "time", SONDE_TIME, SONDE_ROLE_TIME, SONDE_SCOPE_ROW, NULL);

	for (uint32_t row = 0; row < rows; row++)
		put(time, row,
		    &(int64_t){ begin_ns + below(kinds->seconds) * second_ns +
				below((uint32_t)second_ns) });
	add_texts(instance, batch, "word", rows, kinds);
	add_texts(instance, batch, "note", rows, kinds);
	if (kinds->constant_host)
		add_host(instance, batch, rows);
	add_numbers(instance, batch, rows, kinds);
	add_weights(instance, batch, rows, kinds);
	if (!kinds->selects)
		return batch;
	derived = sonde_batch_derive(instance, batch);
	for (uint32_t i = 0; i < sizeof(bits); i++)
		bits[i] = (unsigned char)below(256);
	assert_int_equal(sonde_batch_select(instance, derived, bits), 0);
	sonde_batch_release(instance, batch);
	return derived;
}

/* ---- the reference ----------------------------------------------------------------------- */

struct group {
	int64_t start_ns;
	char key[KEY_BYTES];
	double count, big, high, weight_sum, value_sum, real_sum, value_min, value_max, real_min;
	double real_max, first;
	int64_t first_ns, last_ns;
	char last[32];
	bool has_value, has_real, has_last, has_high, seen;
	uint64_t events;
	struct histogram waits, reals;
};

static struct group *groups;
static uint32_t group_count;

static const struct sonde_column *find(const struct sonde_batch *batch, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		if (!strcmp(sonde_column(batch, i)->name, name))
			return sonde_column(batch, i);
	}
	return NULL;
}

/* A value as a text; "-": none. */
static const char *print(const struct sonde_batch *batch, const char *name, uint32_t row, char *out,
			 size_t size)
{
	const struct sonde_column *column = find(batch, name);
	struct sonde_text text;
	double number;

	if (!column || !sonde_valid(column, row))
		return "-";
	if (column->type == SONDE_TEXT) {
		text = sonde_text_at(column, row);
		(void)snprintf(out, size, "'%.*s'", (int)text.length, text.data);
		return out;
	}
	number = sonde_number_at(column, row);
	if (isnan(number))
		return "nan";
	(void)snprintf(out, size, "%.17g", number + 0.0);
	return out;
}

static void print_key(const struct sonde_batch *batch, uint32_t row, char key[KEY_BYTES])
{
	char a[40], b[40], c[40], d[40];

	(void)snprintf(key, KEY_BYTES, "%s %s %s %s", print(batch, "word", row, a, 40),
		       print(batch, "number", row, b, 40), print(batch, "ratio", row, c, 40),
		       print(batch, "host.name", row, d, 40));
}

static struct group *group_of(int64_t start_ns, const char *key, bool make)
{
	for (uint32_t i = 0; i < group_count; i++) {
		if (groups[i].start_ns == start_ns && !strcmp(groups[i].key, key))
			return &groups[i];
	}
	if (!make)
		return NULL;
	assert_true(group_count < GROUPS_MOST);
	groups[group_count] = (struct group){ .start_ns = start_ns,
					      .waits = { .head.scale = 3, .bucket_limit = 640 },
					      .reals = { .head.scale = 5, .bucket_limit = 640 } };
	(void)snprintf(groups[group_count].key, KEY_BYTES, "%s", key);
	return &groups[group_count++];
}

static bool has(const struct sonde_batch *batch, const char *name, uint32_t row, double *ret_number)
{
	const struct sonde_column *column = find(batch, name);

	if (!column || !sonde_valid(column, row))
		return false;
	*ret_number = sonde_number_at(column, row);
	return true;
}

static void row_add(struct group *group, const struct sonde_batch *batch, uint32_t row,
		    int64_t time_ns)
{
	double weight = 1, events = 1, value, real = 0, wait;
	struct sonde_text note = sonde_text_at(find(batch, "note"), row);

	(void)has(batch, "weight", row, &weight);
	(void)has(batch, "events", row, &events);
	(void)has(batch, "real", row, &real);
	group->count += weight * events;
	group->real_min = group->has_real && group->real_min < real ? group->real_min : real;
	group->real_max = group->has_real && group->real_max > real ? group->real_max : real;
	group->has_real = true;
	group->real_sum += real * weight;
	(void)histogram_record(&group->reals, real, (uint64_t)weight);
	if (has(batch, "value", row, &value)) {
		if (value > 50 && sonde_valid(find(batch, "word"), row))
			group->big += weight * events;
		group->value_sum += value * weight;
		group->weight_sum += weight;
		if (!group->has_value || value < group->value_min)
			group->value_min = value;
		if (!group->has_value || value > group->value_max)
			group->value_max = value;
		if (!group->has_value || time_ns < group->first_ns) {
			group->first = value;
			group->first_ns = time_ns;
		}
		group->has_value = true;
	}
	if (has(batch, "wait", row, &wait)) {
		(void)histogram_record(&group->waits, wait, (uint64_t)weight);
		if (real < 0.5) {
			group->high += wait * weight;
			group->has_high = true;
		}
	}
	if (sonde_valid(find(batch, "note"), row) &&
	    (!group->has_last || time_ns >= group->last_ns)) {
		(void)snprintf(group->last, sizeof(group->last), "'%.*s'", (int)note.length,
			       note.data);
		group->last_ns = time_ns;
		group->has_last = true;
	}
}

/* With slides each row is part of several windows; its events of the last alone. */
static void reference_add(const struct sonde_batch *batch, int64_t width_ns, int64_t slide_ns)
{
	const struct sonde_column *time = find(batch, "time");
	char key[KEY_BYTES];
	double events;

	for (uint32_t row = 0; row < batch->row_count; row++) {
		int64_t at, start;

		if (!sonde_selected(batch, row))
			continue;
		memcpy(&at, sonde_value(time, row), sizeof(at));
		print_key(batch, row, key);
		start = at - at % slide_ns;
		events = 1;
		(void)has(batch, "events", row, &events);
		group_of(start, key, true)->events += (uint64_t)events;
		for (; start > at - width_ns; start -= slide_ns)
			row_add(group_of(start, key, true), batch, row, at);
	}
}

/* ---- comparing --------------------------------------------------------------------------- */

static void same(const struct sonde_batch *batch, uint32_t row, const char *name, double expected,
		 bool has_value)
{
	double number = NAN;

	if (!has_value) {
		if (has(batch, name, row, &number))
			fail_msg("%s is %g instead of nothing", name, number);
		return;
	}
	if (!has(batch, name, row, &number) ||
	    !(fabs(number - expected) <= 1e-9 * (1 + fabs(expected))))
		fail_msg("%s is %.17g instead of %.17g", name, number, expected);
}

static void same_histogram(const struct sonde_batch *batch, uint32_t row, const char *name,
			   const struct histogram *expected)
{
	const struct sonde_column *column = find(batch, name);
	struct sonde_exponential head;
	uint64_t bucket;

	if (!expected->head.count) {
		assert_false(sonde_valid(column, row));
		return;
	}
	assert_true(sonde_valid(column, row));
	memcpy(&head, sonde_value(column, row), sizeof(head));
	assert_int_equal(head.count, expected->head.count);
	assert_int_equal(head.zero_count, expected->head.zero_count);
	assert_int_equal(head.scale, expected->head.scale);
	assert_true(fabs(head.sum - expected->head.sum) <= 1e-9 * (1 + fabs(head.sum)));
	for (uint32_t i = 0; i < expected->head.positive_length; i++) {
		int32_t place = expected->head.positive_offset + (int32_t)i - head.positive_offset;

		bucket = place >= 0 && place < (int32_t)head.positive_length
				 ? column->heap[head.positive_start + (uint32_t)place]
				 : 0;
		assert_int_equal(bucket, expected->positive[i]);
	}
	for (uint32_t i = 0; i < expected->head.negative_length; i++) {
		int32_t place = expected->head.negative_offset + (int32_t)i - head.negative_offset;

		bucket = place >= 0 && place < (int32_t)head.negative_length
				 ? column->heap[head.negative_start + (uint32_t)place]
				 : 0;
		assert_int_equal(bucket, expected->negative[i]);
	}
}

static bool fractional; /* of this round: what weights round is not compared */

static void same_group(struct group *group, const struct sonde_batch *batch, uint32_t row)
{
	char text[40];

	assert_false(group->seen);
	group->seen = true;
	same(batch, row, "count", group->count, true);
	same(batch, row, "big", group->big, true);
	same(batch, row, "high", group->high, group->has_high);
	same(batch, row, "value", group->value_sum, group->has_value);
	same(batch, row, "real", group->real_sum, true);
	same(batch, row, "value.min", group->value_min, group->has_value);
	same(batch, row, "value.max", group->value_max, group->has_value);
	same(batch, row, "real.min", group->real_min, true);
	same(batch, row, "real.max", group->real_max, true);
	same(batch, row, "value.first", group->first, group->has_value);
	same(batch, row, "value.mean", group->value_sum / group->weight_sum,
	     group->has_value && group->weight_sum > 0);
	same(batch, row, "events", (double)group->events, true);
	assert_string_equal(print(batch, "note.last", row, text, sizeof(text)),
			    group->has_last ? group->last : "-");
	if (fractional)
		return;
	same_histogram(batch, row, "wait", &group->waits);
	same_histogram(batch, row, "most", &group->reals);
	group->waits.head.flags = SONDE_HAS_SUM; /* quantiles are of buckets alone */
	same(batch, row, "wait.p90", histogram_share(&group->waits, 0.9),
	     group->waits.head.count > 0);
}

static uint32_t compared;

static int on_closed(void *data, const struct window_table *table)
{
	struct sonde_instance *instance = data;
	char key[KEY_BYTES];

	for (uint32_t row = 0; row < table->batch->row_count; row++) {
		struct group *group;

		print_key(table->batch, row, key);
		group = group_of(table->start_ns, key, false);
		if (!group)
			fail_msg("no such group: %s", key);
		same_group(group, table->batch, row);
		compared++;
	}
	sonde_batch_release(instance, table->batch);
	return 0;
}

static void run_round(struct sonde_instance *instance, bool slides)
{
	struct kinds kinds = { .weight = below(2),
			       .real_weight = below(2),
			       .events = below(2),
			       .selects = below(2),
			       .nulls = below(2),
			       .fresh_words = below(2),
			       .loose_words = below(2),
			       .constant_host = below(2),
			       .words = 1 + below(12),
			       .numbers = 1 + below(4),
			       .seconds = 1 + below(30) };
	struct window_settings settings = { .by = { by_names, BYS },
					    .measures = { measure_names, MEASURES },
					    .schema = "random",
					    .width_ns = 10 * second_ns,
					    .slide_ns = slides ? 5 * second_ns : 0,
					    .lateness_ns = 3600 * second_ns,
					    .idle_ns = 3600 * second_ns,
					    .future_ns = 3600 * second_ns,
					    .group_limit = GROUPS_MOST,
					    .memory_bytes = 1 << 28 };
	struct windows *windows;
	struct window_fault fault;
	struct window_taken taken;

	fractional = kinds.weight && kinds.real_weight;
	if (windows_create(instance, &settings, on_closed, instance, &windows, &fault))
		fail_msg("%s: %s", fault.setting, fault.text);
	for (uint32_t count = 1 + below(4); count; count--) {
		struct sonde_batch *batch = make_batch(instance, &kinds);

		(void)sonde_batch_bytes(instance, batch); /* what is finished has its counts */
		reference_add(batch, settings.width_ns,
			      slides ? settings.slide_ns : settings.width_ns);
		assert_int_equal(windows_add(windows, batch, &taken), 0);
		assert_int_equal(taken.late_rows + taken.future_rows + taken.lost_rows, 0);
		assert_false(taken.foreign);
		sonde_batch_release(instance, batch);
	}
	compared = 0;
	assert_int_equal(windows_flush(windows), 0);
	assert_int_equal(compared, group_count);
	assert_int_equal(windows_counts(windows).group_count, 0);
	windows_release(windows);
	for (; group_count; group_count--) {
		histogram_release(&groups[group_count - 1].waits);
		histogram_release(&groups[group_count - 1].reals);
	}
}

static void rounds(bool slides)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, NULL);
	struct sonde_instance *instance = sonde_test_instance(test);

	groups = calloc(GROUPS_MOST, sizeof(*groups));
	lasting = sonde_dictionary_create(instance, true);
	for (int round = 0; round < ROUNDS; round++)
		run_round(instance, slides);
	sonde_dictionary_release(instance, lasting);
	free(groups);
	sonde_test_release(test);
}

static void windows_of_random_tables_are_what_their_rows_come_to_one_by_one(void **unused)
{
	rounds(false);
}

static void windows_that_slide_are_too(void **unused)
{
	rounds(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_of_random_tables_are_what_their_rows_come_to_one_by_one),
		cmocka_unit_test(windows_that_slide_are_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
