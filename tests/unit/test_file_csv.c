// SPDX-License-Identifier: Apache-2.0
/* CSV of the output `file`: cells, headers, and what becomes of columns that come and go. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "batch.h"
#include "dictionary.h"
#include "../../plugins/output/file/csv.h"
#include <cmocka.h>

static void put(struct sonde_batch *batch, uint32_t index, uint32_t row, const void *value,
		size_t size)
{
	const struct sonde_column *column = sonde_column(batch, index);

	memcpy(column->base + (size_t)row * column->stride, value, size);
}

/* A batch of one column of texts. */
static struct sonde_batch *texts(const char *name, const struct sonde_text *values, uint32_t count)
{
	const struct sonde_field field = { .name = name, .type = SONDE_TEXT };
	struct sonde_dictionary *dictionary = dictionary_create(true);
	struct sonde_batch *batch = batch_table("texts", SONDE_SIGNAL_LOG, count);

	(void)batch_add(batch, &field, dictionary);
	for (uint32_t row = 0; row < count; row++) {
		uint32_t code = dictionary_add(dictionary, values[row].data, values[row].length);

		put(batch, 0, row, &code, sizeof(code));
	}
	dictionary_release(dictionary);
	return batch;
}

/* A batch of a row of numbers 1, 2, 3 …, in columns of these names. */
static struct sonde_batch *numbers(const char *const *names)
{
	struct sonde_batch *batch = batch_table("numbers", SONDE_SIGNAL_LOG, 1);

	for (uint32_t index = 0; names[index]; index++) {
		const struct sonde_field field = { .name = names[index], .type = SONDE_U32 };
		uint32_t value = index + 1;

		(void)batch_add(batch, &field, NULL);
		put(batch, index, 0, &value, sizeof(value));
	}
	return batch;
}

/* All rows, under the header, which is extended by what it lacks. */
static void assert_rows(struct csv *csv, struct header *header, struct sonde_batch *batch,
			const char *expected)
{
	struct json out = { 0 };

	batch_finish(batch);
	assert_int_equal(csv_bind(csv, batch), 0);
	if (!csv_fits(csv, header)) {
		assert_int_equal(csv_extend(csv, header), 0);
		header_write(header, &out);
	}
	assert_true(csv_fits(csv, header));
	assert_int_equal(csv_order(csv, header), 0);
	for (uint32_t row = 0; row < batch->row_count; row++)
		if (sonde_selected(batch, row))
			assert_int_equal(csv_row(csv, row, &out), 0);
	*json_room(&out, 1) = '\0';
	assert_string_equal(out.data, expected);
	json_release(&out);
	batch_release(batch);
}

static void assert_alone(bool schema, struct sonde_batch *batch, const char *expected)
{
	struct csv *csv = csv_create(NULL, schema);
	struct header header = { 0 };

	assert_rows(csv, &header, batch, expected);
	header_release(&header);
	csv_release(csv);
}

static void texts_are_quoted_where_they_must_be(void **state)
{
	static const struct sonde_text values[] = {
		{ "plain", 5, 0 },      { "a,b", 3, 0 },           { "say \"hi\"", 8, 0 },
		{ "two\nlines", 9, 0 }, { "cr\r", 3, 0 },          { "", 0, 0 },
		{ " padded ", 8, 0 },   { "tab\tbell\x07", 9, 0 }, { "a\0b", 3, 0 },
		{ "\xff!", 2, 0 },      { "größe", 7, 0 },
	};

	(void)state;
	assert_alone(true, texts("text", values, 11),
		     "schema,text\r\n"
		     "texts,plain\r\n"
		     "texts,\"a,b\"\r\n"
		     "texts,\"say \"\"hi\"\"\"\r\n"
		     "texts,\"two\nlines\"\r\n"
		     "texts,\"cr\r\"\r\n"
		     "texts,\"\"\r\n"
		     "texts,\" padded \"\r\n"
		     "texts,tab\tbell\x07\r\n"
		     "texts,a\xef\xbf\xbd"
		     "b\r\n"
		     "texts,\xef\xbf\xbd!\r\n"
		     "texts,größe\r\n");
}

static void no_value_is_an_empty_cell_and_never_an_empty_line(void **state)
{
	static const struct sonde_text values[] = { { "a", 1, 0 }, { "b", 1, 0 } };
	struct sonde_batch *batch = texts("text", values, 2);

	(void)state;
	batch_valid(batch, 0)[0] = 1;
	assert_alone(true, batch_hold(batch), "schema,text\r\ntexts,a\r\ntexts,\r\n");
	assert_alone(false, batch, "text\r\na\r\n\"\"\r\n");
}

static void every_type_has_a_cell(void **state)
{
	static const struct sonde_field fields[] = {
		{ .name = "time", .type = SONDE_TIME },
		{ .name = "wait", .type = SONDE_DURATION },
		{ .name = "ok", .type = SONDE_BOOL },
		{ .name = "share", .type = SONDE_DOUBLE },
		{ .name = "nan", .type = SONDE_DOUBLE },
		{ .name = "id", .type = SONDE_ID8 },
		{ .name = "data", .type = SONDE_BYTES },
		{ .name = "i", .type = SONDE_I8, .scope = SONDE_SCOPE_SCOPE },
		{ .name = "h", .type = SONDE_EXPLICIT, .scope = SONDE_SCOPE_RESOURCE },
	};
	struct sonde_dictionary *dictionary = dictionary_create(true);
	struct sonde_batch *batch = batch_table("all", SONDE_SIGNAL_LOG, 1);
	const struct sonde_explicit histogram = { .count = 3, .sum = 4.5, .flags = SONDE_HAS_SUM };
	int64_t time_ns = INT64_C(1767225600000000001), wait_ns = -5;
	double share = 0.25, nan_value = NAN;
	uint32_t code = dictionary_add(dictionary, "\x01\x02", 2);
	int8_t small = -8;
	bool ok = true;

	(void)state;
	for (uint32_t index = 0; index < 9; index++)
		(void)batch_add(batch, &fields[index], index == 6 ? dictionary : NULL);
	put(batch, 0, 0, &time_ns, 8);
	put(batch, 1, 0, &wait_ns, 8);
	put(batch, 2, 0, &ok, 1);
	put(batch, 3, 0, &share, 8);
	put(batch, 4, 0, &nan_value, 8);
	put(batch, 5, 0, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	put(batch, 6, 0, &code, 4);
	put(batch, 7, 0, &small, 1);
	put(batch, 8, 0, &histogram, sizeof(histogram));
	dictionary_release(dictionary);
	assert_alone(false, batch,
		     "time,wait,ok,share,nan,id,data,scope.i,resource.h\r\n"
		     "2026-01-01T00:00:00.000000001Z,-5,true,0.25,NaN,0123456789abcdef,AQI=,-8,"
		     "\"{\"\"count\"\":3,\"\"sum\"\":4.5,\"\"bounds\"\":[],"
		     "\"\"buckets\"\":[]}\"\r\n");
}

static void child_tables_are_json_in_the_cell_of_their_parent(void **state)
{
	static const struct sonde_field number = { .name = "n", .type = SONDE_U8 };
	static const struct sonde_field parent = { .name = "parent",
						   .type = SONDE_U32,
						   .role = SONDE_ROLE_PARENT_ROW };
	struct sonde_batch *batch = batch_table("spans", SONDE_SIGNAL_SPAN, 3);
	struct sonde_batch *child = batch_table("events", SONDE_SIGNAL_SPAN_EVENT, 3);
	static const uint32_t parents[] = { 0, 2, 2 };

	(void)state;
	(void)batch_add(batch, &number, NULL);
	(void)batch_add(child, &parent, NULL);
	(void)batch_add(child, &number, NULL);
	for (uint32_t row = 0; row < 3; row++) {
		uint8_t value = (uint8_t)(row + 7);

		put(batch, 0, row, &value, 1);
		put(child, 0, row, &parents[row], 4);
		put(child, 1, row, &value, 1);
	}
	batch_finish(child);
	assert_int_equal(batch_adopt(batch, child), 0);
	assert_alone(false, batch,
		     "n,events\r\n7,\"[{\"\"n\"\":7}]\"\r\n8,\r\n"
		     "9,\"[{\"\"n\"\":8},{\"\"n\"\":9}]\"\r\n");
}

static void a_header_keeps_its_columns_and_gets_new_ones_at_its_end(void **state)
{
	struct csv *csv = csv_create(NULL, false);
	struct header header = { 0 };

	(void)state;
	assert_rows(csv, &header, numbers((const char *[]){ "a", "b", NULL }), "a,b\r\n1,2\r\n");
	assert_rows(csv, &header, numbers((const char *[]){ "b", NULL }), ",1\r\n");
	assert_rows(csv, &header, numbers((const char *[]){ "b", "a", NULL }), "2,1\r\n");
	assert_rows(csv, &header, numbers((const char *[]){ "c", "b", NULL }), "a,b,c\r\n,2,1\r\n");
	assert_rows(csv, &header, numbers((const char *[]){ "a", NULL }), "1,,\r\n");
	header_release(&header);
	csv_release(csv);
}

static void a_header_of_too_many_columns_begins_anew(void **state)
{
	struct csv *csv = csv_create(NULL, false);
	struct header header = { 0 };
	char name[16];

	(void)state;
	for (int index = 0; index < HEADER_COLUMNS; index++)
		assert_int_equal(header_add(&header, name, (size_t)sprintf(name, "x%d", index)), 0);
	assert_int_equal(header_add(&header, "y", 1), -E2BIG);
	assert_rows(csv, &header, numbers((const char *[]){ "x5", "y", NULL }), "x5,y\r\n1,2\r\n");
	header_release(&header);
	csv_release(csv);
}

static void assert_header(const char *text, const char *const *names)
{
	struct header header = { 0 };
	uint32_t count = 0;

	assert_int_equal(header_read(&header, text, strlen(text)), 0);
	for (; names[count]; count++) {
		assert_true(count < header.count);
		assert_string_equal(header_name(&header, count), names[count]);
	}
	assert_int_equal(header.count, count);
	header_release(&header);
}

static void a_header_is_read_back(void **state)
{
	struct header header = { 0 };
	static const char *const broken[] = { "", "a,b", "\"a\nb", "\"a\"x,b\r\n" };

	(void)state;
	assert_header("a,b\r\n1,2\r\n", (const char *[]){ "a", "b", NULL });
	assert_header("a\n", (const char *[]){ "a", NULL });
	assert_header("\"a,\"\"b\"\"\r\n\",,c\r\n",
		      (const char *[]){ "a,\"b\"\r\n", "", "c", NULL });
	for (size_t index = 0; index < 4; index++) {
		assert_int_equal(header_read(&header, broken[index], strlen(broken[index])),
				 -EBADMSG);
		assert_int_equal(header.count, 0);
	}
	header_release(&header);
}

static void a_line_break_in_quotes_ends_no_record(void **state)
{
	bool quoted = false;

	(void)state;
	assert_int_equal(header_record_end("a,\"x\ny\"\r\nb", 10, &quoted), 9);
	assert_false(quoted);
	assert_int_equal(header_record_end("a,\"x\n", 5, &quoted), 0);
	assert_true(quoted);
	assert_int_equal(header_record_end("y\n\"\"\n\"\r\nb\n", 10, &quoted), 10);
	assert_false(quoted);
}

static void how_rows_were_stamped_is_no_column(void **state)
{
	static const char *const names[] = { "a", "b", NULL };
	const struct sonde_field field = { .name = "clock.offset",
					   .type = SONDE_DURATION,
					   .role = SONDE_ROLE_CLOCK_OFFSET };
	struct sonde_batch *batch = numbers(names);
	const struct sonde_field last = { .name = "c", .type = SONDE_U32 };
	int64_t offset_ns = 5;
	uint32_t value = 3;

	assert_non_null(batch_constant(batch, &field, NULL, &offset_ns));
	assert_non_null(batch_constant(batch, &last, NULL, &value));
	assert_alone(true, batch, "schema,a,b,c\r\nnumbers,1,2,3\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_rows_were_stamped_is_no_column),
		cmocka_unit_test(texts_are_quoted_where_they_must_be),
		cmocka_unit_test(no_value_is_an_empty_cell_and_never_an_empty_line),
		cmocka_unit_test(every_type_has_a_cell),
		cmocka_unit_test(child_tables_are_json_in_the_cell_of_their_parent),
		cmocka_unit_test(a_header_keeps_its_columns_and_gets_new_ones_at_its_end),
		cmocka_unit_test(a_header_of_too_many_columns_begins_anew),
		cmocka_unit_test(a_header_is_read_back),
		cmocka_unit_test(a_line_break_in_quotes_ends_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
