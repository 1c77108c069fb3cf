// SPDX-License-Identifier: Apache-2.0
/* What lib/otlp/decode.h promises of records and requests that are refused, or bounded. */
#include <stdio.h>

#include "memory.h"
#include "storage.h"
#include "otlp_decode_fixture.h"

/* ---- what is refused --------------------------------------------------------------------- */

static void a_record_with_an_id_of_the_wrong_length_is_left_out_and_counted(void **state)
{
	struct built items = { .length = 0 };

	for (uint32_t row = 0; row < 4; row++) {
		struct built item = { .length = 0 };

		add_integer_pair(&item, LOG_ATTRIBUTES, "n", row);
		build_bytes(&item, LOG_TRACE_ID, "0123456789abcdef", row == 1 ? 15 : 16);
		build_bytes(&item, LOG_SPAN_ID, "01234567", row == 2 ? 0 : 8);
		if (row == 1)
			add_text_pair(&item, LOG_ATTRIBUTES, "n", "again");
		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_int_equal(decoded.row_count, 3);
	assert_int_equal(decoded.refused_count, 1);
	assert_string_equal(decoded.refused_why, "a trace id has not 16 bytes");
	assert_int_equal(decoded.batch->row_count, 3);
	for (uint32_t row = 0; row < 3; row++)
		assert_int_equal(sonde_number_at(attribute("n"), row), row ? row + 1 : 0);
	assert_false(
		sonde_valid(find(decoded.batch, SONDE_ROLE_SPAN_ID, SONDE_SCOPE_ROW, NULL), 1));
	assert_null(find(decoded.batch, SONDE_ROLE_ATTRIBUTES, SONDE_SCOPE_ROW, NULL));
}

static void a_span_goes_with_its_events_and_links(void **state)
{
	struct built items = { .length = 0 };
	const struct sonde_batch *events, *links;

	for (uint32_t row = 0; row < 3; row++) {
		struct built item = { .length = 0 }, event = { .length = 0 },
			     link = { .length = 0 };

		build_text(&event, EVENT_NAME, row == 2 ? "last" : "event");
		build_message(&item, SPAN_EVENTS, &event);
		build_message(&item, SPAN_EVENTS, &event);
		build_bytes(&link, LINK_SPAN_ID, "12345678", row == 1 ? 7 : 8);
		build_message(&item, SPAN_LINKS, &link);
		build_fixed32(&item, SPAN_FLAGS, 7 + row);
		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_SPAN, &items), 0);
	assert_int_equal(decoded.row_count, 2);
	assert_int_equal(decoded.refused_count, 1);
	assert_int_equal(decoded.batch->child_count, 2);
	events = decoded.batch->children[0];
	links = decoded.batch->children[1];
	assert_int_equal(events->signal, SONDE_SIGNAL_SPAN_EVENT);
	assert_int_equal(events->row_count, 4);
	assert_int_equal(links->row_count, 2);
	assert_int_equal(
		sonde_number_at(find(events, SONDE_ROLE_PARENT_ROW, SONDE_SCOPE_ROW, NULL), 1), 0);
	assert_int_equal(
		sonde_number_at(find(events, SONDE_ROLE_PARENT_ROW, SONDE_SCOPE_ROW, NULL), 2), 1);
	assert_text(find(events, SONDE_ROLE_EVENT_NAME, SONDE_SCOPE_ROW, NULL), 3, "last");
	assert_int_equal(
		sonde_number_at(find(decoded.batch, SONDE_ROLE_FLAGS, SONDE_SCOPE_ROW, NULL), 1),
		9);
}

static void values_are_bounded_in_depth(void **state)
{
	for (uint32_t depth = 31; depth <= 34; depth++) {
		struct built items = { .length = 0 }, item = { .length = 0 };
		struct built value = nested_value(depth);

		build_message(&item, LOG_BODY, &value);
		add_item(&items, &item);
		assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
		assert_int_equal(decoded.row_count, depth <= 32);
		assert_int_equal(decoded.refused_count, depth > 32);
		if (depth <= 32)
			assert_int_equal(
				any_at(find(decoded.batch, SONDE_ROLE_BODY, SONDE_SCOPE_ROW, NULL),
				       0)
					.kind,
				SONDE_ANY_ARRAY);
		else
			assert_null(decoded.batch);
	}
}

/* So that whether it has a column makes no difference. */
static void an_attribute_is_no_deeper_than_one_of_a_map_may_be(void **state)
{
	for (uint32_t i = 0; i < 4; i++) {
		struct built items = { .length = 0 }, item = { .length = 0 };
		bool is_second = i % 2;
		uint32_t depth = 31 + i / 2;
		struct built value = nested_value(depth);

		if (is_second)
			add_text_pair(&item, LOG_ATTRIBUTES, "deep", "first");
		add_pair(&item, LOG_ATTRIBUTES, "deep", &value);
		add_item(&items, &item);
		assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
		assert_int_equal(decoded.refused_count, depth == 32);
		if (depth == 32)
			assert_null(decoded.batch);
		else if (is_second)
			any_at(find(decoded.batch, SONDE_ROLE_ATTRIBUTES, SONDE_SCOPE_ROW, NULL),
			       0);
		else
			assert_int_equal(any_at(attribute("deep"), 0).kind, SONDE_ANY_ARRAY);
	}
}

static void a_resource_that_cannot_be_held_takes_its_rows_with_it(void **state)
{
	static struct built request;
	struct built value = nested_value(33);

	request.length = 0;
	for (int i = 0; i < 3; i++) {
		struct built resource = { .length = 0 }, fields = { .length = 0 };
		struct built items = { .length = 0 }, item = { .length = 0 };

		build_number(&item, LOG_SEVERITY, (uint64_t)i);
		add_item(&items, &item);
		add_item(&items, &item);
		build_message(&resource, RESOURCE_SCOPES, &items);
		add_text_pair(&fields, RESOURCE_ATTRIBUTES, "name", i == 2 ? "third" : "first");
		if (i == 1)
			add_pair(&fields, RESOURCE_ATTRIBUTES, "deep", &value);
		build_message(&resource, RESOURCE_RESOURCE, &fields);
		build_message(&request, REQUEST_RESOURCES, &resource);
	}
	assert_int_equal(decode_bytes(SONDE_SIGNAL_LOG, request.data, request.length), 0);
	assert_int_equal(decoded.row_count, 4);
	assert_int_equal(decoded.refused_count, 2);
	for (uint32_t row = 0; row < 4; row++) {
		assert_text(find(decoded.batch, SONDE_ROLE_ATTRIBUTE, SONDE_SCOPE_RESOURCE, "name"),
			    row, row < 2 ? "first" : "third");
		assert_int_equal(sonde_number_at(find(decoded.batch, SONDE_ROLE_SEVERITY,
						      SONDE_SCOPE_ROW, NULL),
						 row),
				 row < 2 ? 0 : 2);
	}
}

static void a_histogram_whose_bounds_do_not_fit_its_counts_is_left_out(void **state)
{
	static const uint64_t counts[] = { 1, 2, 3 };
	static const double bounds[] = { 1, 2, 3 };
	struct built items = { .length = 0 }, metric = { .length = 0 }, data = { .length = 0 };
	const struct sonde_column *column;
	struct sonde_explicit value;

	for (size_t row = 0; row < 4; row++) {
		struct built point = { .length = 0 };

		build_fixed64(&point, EXPLICIT_COUNT, row);
		build_bytes(&point, EXPLICIT_COUNTS, counts, row == 3 ? 0 : sizeof(counts));
		/* 3, 2, 1, none */
		build_bytes(&point, EXPLICIT_BOUNDS, bounds, (3 - row) * sizeof(bounds[0]));
		build_message(&data, DATA_POINTS, &point);
	}
	build_number(&data, DATA_TEMPORALITY, 2);
	build_text(&metric, METRIC_NAME, "latency");
	build_message(&metric, METRIC_HISTOGRAM, &data);
	add_item(&items, &metric);
	assert_int_equal(decode_items(SONDE_SIGNAL_METRIC, &items), 0);
	assert_int_equal(decoded.refused_count, 2);
	assert_string_equal(decoded.refused_why,
			    "a histogram's bounds are not one less than its counts");
	assert_int_equal(decoded.row_count, 2);
	column = find(decoded.batch, SONDE_ROLE_VALUE, SONDE_SCOPE_ROW, NULL);
	assert_int_equal(column->type, SONDE_EXPLICIT);
	memcpy(&value, sonde_value(column, 0), sizeof(value));
	assert_int_equal(value.count, 1);
	assert_int_equal(value.length, 3);
	assert_int_equal(column->heap[value.counts_start + 2], 3);
	assert_memory_equal(column->heap + value.bounds_start, bounds, 2 * sizeof(bounds[0]));
	memcpy(&value, sonde_value(column, 1), sizeof(value));
	assert_int_equal(value.count, 3);
	assert_int_equal(value.length, 0);
}

static void of_a_points_two_values_the_last_one_counts(void **state)
{
	struct built items = { .length = 0 }, metric = { .length = 0 }, data = { .length = 0 };

	for (int row = 0; row < 3; row++) {
		struct built point = { .length = 0 };

		build_fixed64(&point, row == 1 ? NUMBER_DOUBLE : NUMBER_INTEGER, 7);
		build_fixed64(&point, row == 1 ? NUMBER_INTEGER : NUMBER_DOUBLE, 9);
		build_message(&data, DATA_POINTS, &point);
	}
	build_message(&metric, METRIC_GAUGE, &data);
	add_item(&items, &metric);
	assert_int_equal(decode_items(SONDE_SIGNAL_METRIC, &items), 0);
	assert_int_equal(decoded.row_count, 3);
	for (uint32_t i = 0; i < decoded.batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(decoded.batch, i);

		for (uint32_t row = 0; column->role == SONDE_ROLE_VALUE && row < 3; row++)
			assert_int_equal(sonde_valid(column, row),
					 (column->type == SONDE_I64) == (row == 1));
	}
}

/* ---- requests ---------------------------------------------------------------------------- */

static void an_empty_request_has_no_batch(void **state)
{
	struct built nothing = { .length = 0 };

	assert_int_equal(decode_bytes(SONDE_SIGNAL_LOG, "", 0), 0);
	assert_null(decoded.batch);
	assert_int_equal(decode_items(SONDE_SIGNAL_SPAN, &nothing), 0);
	assert_null(decoded.batch);
	assert_int_equal(decoded.row_count + decoded.refused_count, 0);
}

static void what_is_no_request_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *bytes;
		size_t length, offset;
	} cases[] = {
		{ "\x0a\x05\x12\x01", 4, 0 },                 /* cut off */
		{ "\x0a\x04\x12\x02\x12\x01", 6, 4 },         /* inside */
		{ "\x0a\x06\x12\x04\x12\x02\x09\x01", 8, 6 }, /* a time of one byte */
		{ "\x0a\x06\x12\x04\x12\x02\x07\x01", 8, 6 }, /* no such wire type */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(decode_bytes(SONDE_SIGNAL_LOG, cases[i].bytes, cases[i].length),
				 -EBADMSG);
		assert_non_null(why);
		assert_in_range(offset, cases[i].offset, cases[i].length);
		assert_null(decoded.batch);
	}
}

static void unknown_fields_and_tags_written_long_are_understood(void **state)
{
	struct built items = { .length = 0 }, item = { .length = 0 };

	build_number(&item, 1000, 5);
	build_text(&item, 2000, "unknown");
	build_raw(&item, "\x9b\x01\x9c\x01", 4); /* a group */
	build_raw(&item, "\x90\x80\x00\x11", 4); /* severity 17 under a tag of three bytes */
	build_fixed32(&item, LOG_TIME, 1);       /* of another wire type: not the time */
	add_item(&items, &item);
	build_number(&items, 99, 1);
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_int_equal(decoded.row_count, 1);
	assert_int_equal(
		sonde_number_at(find(decoded.batch, SONDE_ROLE_SEVERITY, SONDE_SCOPE_ROW, NULL), 0),
		17);
	assert_int_equal(decoded.batch->column_count, 1);
}

/* `count` records of no byte, and one that has every field. */
static size_t empty_records(unsigned char *request, size_t count)
{
	static const unsigned char full[] = {
		0x12, 39,  0x09, 1, 0,    0, 0,   0,    0, 0,    0, 0x10, 9,    0x1a,
		1,    'I', 0x2a, 3, 0x0a, 1, 'b', 0x38, 1, 0x45, 1, 0,    0,    0,
		0x59, 1,   0,    0, 0,    0, 0,   0,    0, 0x62, 1, 'e',  0x32, 0,
	};
	size_t length = count * 2 + sizeof(full) - 1, at = 0;

	request[at++] = 0x0a;
	for (size_t size = length + 6, i = 0; i < 5; i++, size >>= 7)
		request[at++] = (unsigned char)((size & 0x7f) | (i < 4 ? 0x80 : 0));
	request[at++] = 0x12;
	for (size_t size = length, i = 0; i < 5; i++, size >>= 7)
		request[at++] = (unsigned char)((size & 0x7f) | (i < 4 ? 0x80 : 0));
	for (size_t i = 0; i < count; i++) {
		request[at++] = 0x12;
		request[at++] = 0;
	}
	memcpy(request + at, full, sizeof(full) - 1);
	request[at + 1] = sizeof(full) - 3;
	return at + sizeof(full) - 1;
}

static void a_small_request_makes_no_large_table(void **state)
{
	size_t count = 2000000;
	unsigned char *request = malloc(count * 2 + 200);
	size_t length, before = memory_counted_bytes();

	assert_non_null(request);
	length = empty_records(request, count);
	assert_int_equal(decode_bytes(SONDE_SIGNAL_LOG, request, length), 0);
	assert_int_equal(decoded.row_count + decoded.refused_count, count + 1);
	assert_true(memory_counted_bytes() - before < 25 * length);
	free(request);
}

static void a_key_of_its_own_in_each_row_makes_no_column_for_each(void **state)
{
	const struct otlp_decoder_options options = { .column_limit = 100000 };
	static struct built items;
	size_t before = memory_counted_bytes();

	otlp_decoder_release(decoder);
	decoder = otlp_decoder_create(&otlp_instance, &options);
	items.length = 0;
	for (int row = 0; row < 2500; row++) {
		struct built item = { .length = 0 };
		char key[16];

		(void)snprintf(key, sizeof(key), "key %d", row);
		add_integer_pair(&item, LOG_ATTRIBUTES, key, row);
		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_int_equal(decoded.row_count, 2500);
	assert_true(decoded.batch->column_count < 50);
	assert_non_null(find(decoded.batch, SONDE_ROLE_ATTRIBUTES, SONDE_SCOPE_ROW, NULL));
	assert_true(memory_counted_bytes() - before < 12 * items.length + (1 << 20));
}

/* Under a bound that leaves `room_bytes` more than there is; what was held before is held after. */
static int decode_bounded(const struct built *request, size_t room_bytes)
{
	struct sonde_dictionary *texts = sonde_dictionary_create(&otlp_instance, false);
	void *data = sonde_dictionary_memory(&otlp_instance, texts, request->length);
	struct otlp_decoded result = { 0 };
	int status;

	assert_non_null(data);
	memcpy(data, request->data, request->length);
	storage_flush();
	memory_limit(memory_counted_bytes() + room_bytes);
	status = otlp_decode(decoder, SONDE_SIGNAL_SPAN, texts, data, request->length, &result,
			     &why, &offset);
	memory_limit(SIZE_MAX);
	assert_true(status == 0 || status == -ENOMEM);
	assert_true(status == 0 || !result.batch);
	sonde_batch_release(&otlp_instance, result.batch);
	sonde_dictionary_release(&otlp_instance, texts);
	return status;
}

static void where_memory_is_refused_a_request_fails_whole(void **state)
{
	static struct built request;
	struct built resource = { .length = 0 }, items = { .length = 0 };
	uint32_t refused_count = 0;
	size_t before;

	request.length = 0;
	for (int row = 0; row < 30; row++) {
		struct built item = { .length = 0 }, event = { .length = 0 };

		build_text(&item, SPAN_NAME, "span \xff");
		add_text_pair(&item, SPAN_ATTRIBUTES, "a", "text");
		if (row > 20)
			add_integer_pair(&item, SPAN_ATTRIBUTES, "a", 7);
		if (row % 3 == 1)
			add_integer_pair(&item, SPAN_ATTRIBUTES, "b", row);
		if (row == 25)
			add_text_pair(&item, SPAN_ATTRIBUTES, "b", "text");
		build_text(&event, EVENT_NAME, "event");
		build_message(&item, SPAN_EVENTS, &event);
		add_item(&items, &item);
	}
	build_message(&resource, RESOURCE_SCOPES, &items);
	build_message(&request, REQUEST_RESOURCES, &resource);
	storage_flush();
	before = memory_counted_bytes();
	for (size_t room = 0; decode_bounded(&request, room); room += 512) {
		refused_count++;
		assert_in_range(room, 0, 1 << 20);
	}
	storage_flush();
	assert_int_equal(memory_counted_bytes(), before);
	assert_true(refused_count > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, begin, end)
		TEST(a_record_with_an_id_of_the_wrong_length_is_left_out_and_counted),
		TEST(a_span_goes_with_its_events_and_links),
		TEST(values_are_bounded_in_depth),
		TEST(an_attribute_is_no_deeper_than_one_of_a_map_may_be),
		TEST(a_resource_that_cannot_be_held_takes_its_rows_with_it),
		TEST(a_histogram_whose_bounds_do_not_fit_its_counts_is_left_out),
		TEST(of_a_points_two_values_the_last_one_counts),
		TEST(an_empty_request_has_no_batch),
		TEST(what_is_no_request_is_refused_with_its_place),
		TEST(unknown_fields_and_tags_written_long_are_understood),
		TEST(a_small_request_makes_no_large_table),
		TEST(a_key_of_its_own_in_each_row_makes_no_column_for_each),
		TEST(where_memory_is_refused_a_request_fails_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
