// SPDX-License-Identifier: Apache-2.0
/* What lib/otlp/decode.h promises, where requests are not as usual; the usual ones are compared
 * with the official classes by tests/integration/test_otlp_decode_official.py. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "decode.h"
#include "fields.h"
#include "memory.h"
#include "otlp_build.h"
#include "otlp_host.h"

static struct otlp_decoder *decoder;
static struct sonde_dictionary *dictionary;
static struct otlp_decoded decoded;
static const char *why;
static size_t offset;

static int begin(void **state)
{
	const struct otlp_decoder_options options = { .column_limit = 8 };

	(void)state;
	decoder = otlp_decoder_create(&otlp_instance, &options);
	decoded = (struct otlp_decoded){ 0 };
	return !decoder;
}

static int end(void **state)
{
	(void)state;
	sonde_batch_release(&otlp_instance, decoded.batch);
	sonde_dictionary_release(&otlp_instance, dictionary);
	otlp_decoder_release(decoder);
	dictionary = NULL;
	return 0;
}

static int decode_bytes(enum sonde_signal signal, const void *data, size_t length)
{
	void *memory;
	int result;

	sonde_batch_release(&otlp_instance, decoded.batch);
	sonde_dictionary_release(&otlp_instance, dictionary);
	decoded = (struct otlp_decoded){ 0 };
	dictionary = sonde_dictionary_create(&otlp_instance, false);
	memory = sonde_dictionary_memory(&otlp_instance, dictionary, length);
	assert_non_null(memory);
	if (length)
		memcpy(memory, data, length);
	why = NULL;
	result = otlp_decode(decoder, signal, dictionary, memory, length, &decoded, &why, &offset);
	if (!result && decoded.batch)
		otlp_host_finish(decoded.batch);
	return result;
}

/* The items of one scope of one resource. */
static int decode_items(enum sonde_signal signal, const struct built *items)
{
	static struct built resource, request;

	resource.length = request.length = 0;
	build_message(&resource, RESOURCE_SCOPES, items);
	build_message(&request, REQUEST_RESOURCES, &resource);
	return decode_bytes(signal, request.data, request.length);
}

/* An item that is to be added to a scope. */
static void add_item(struct built *items, const struct built *item)
{
	build_message(items, SCOPE_ITEMS, item);
}

static void add_pair(struct built *item, uint32_t number, const char *key,
		     const struct built *value)
{
	struct built pair = { .length = 0 };

	build_text(&pair, PAIR_KEY, key);
	build_message(&pair, PAIR_VALUE, value);
	build_message(item, number, &pair);
}

static void add_text_pair(struct built *item, uint32_t number, const char *key, const char *text)
{
	struct built value = { .length = 0 };

	build_text(&value, ANY_TEXT, text);
	add_pair(item, number, key, &value);
}

static void add_integer_pair(struct built *item, uint32_t number, const char *key, int64_t integer)
{
	struct built value = { .length = 0 };

	build_number(&value, ANY_INTEGER, (uint64_t)integer);
	add_pair(item, number, key, &value);
}

/* Arrays in arrays; a text is the last. */
static struct built nested_value(uint32_t depth)
{
	struct built value = { .length = 0 };

	build_text(&value, ANY_TEXT, "deep");
	for (uint32_t i = 1; i < depth; i++) {
		struct built list = { .length = 0 }, outer = { .length = 0 };

		build_message(&list, LIST_VALUES, &value);
		build_message(&outer, ANY_ARRAY, &list);
		value = outer;
	}
	return value;
}

static const struct sonde_column *find(const struct sonde_batch *batch, uint32_t role,
				       uint32_t scope, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == role && column->scope == scope &&
		    (!name || !strcmp(column->name, name)))
			return column;
	}
	return NULL;
}

static const struct sonde_column *attribute(const char *name)
{
	const struct sonde_column *column =
		find(decoded.batch, SONDE_ROLE_ATTRIBUTE, SONDE_SCOPE_ROW, name);

	assert_non_null(column);
	return column;
}

static void assert_text(const struct sonde_column *column, uint32_t row, const char *text)
{
	struct sonde_text found = sonde_text_at(column, row);

	assert_true(sonde_valid(column, row));
	assert_int_equal(found.length, strlen(text));
	assert_memory_equal(found.data, text, found.length);
}

static struct sonde_any any_at(const struct sonde_column *column, uint32_t row)
{
	static struct sonde_any items[64];
	struct sonde_text text = sonde_text_at(column, row);
	uint32_t count;

	assert_int_equal(column->type, SONDE_ANY);
	assert_true(sonde_valid(column, row));
	assert_int_equal(
		sonde_any_decode(&otlp_instance, text.data, text.length, items, 64, &count), 0);
	return items[0];
}

/* ---- attributes -------------------------------------------------------------------------- */

static void a_key_whose_type_changes_becomes_a_column_of_any_type(void **state)
{
	struct built items = { .length = 0 };
	const struct sonde_column *column;

	for (int row = 0; row < 5; row++) {
		struct built item = { .length = 0 };

		if (row == 3)
			add_integer_pair(&item, LOG_ATTRIBUTES, "port", 80);
		else if (row != 1)
			add_text_pair(&item, LOG_ATTRIBUTES, "port", row ? "443" : "https");
		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_int_equal(decoded.row_count, 5);
	column = attribute("port");
	assert_int_equal(any_at(column, 0).length, 5);
	assert_memory_equal(any_at(column, 0).as.data, "https", 5);
	assert_false(sonde_valid(column, 1));
	assert_memory_equal(any_at(column, 2).as.data, "443", 3);
	assert_int_equal(any_at(column, 3).as.integer, 80);
	assert_int_equal(any_at(column, 4).kind, SONDE_ANY_TEXT);
	assert_int_equal(decoded.batch->column_count, 1);
}

static void numbers_that_were_there_first_are_encoded_anew(void **state)
{
	struct built items = { .length = 0 };
	const struct sonde_column *column;

	for (int row = 0; row < 3; row++) {
		struct built item = { .length = 0 }, value = { .length = 0 };

		add_integer_pair(&item, LOG_ATTRIBUTES, "a", -7 - row);
		if (row < 2)
			build_double(&value, ANY_DOUBLE, 1.5);
		else
			build_number(&value, ANY_BOOL, 1);
		add_pair(&item, LOG_ATTRIBUTES, "b", &value);
		if (row == 2)
			build_fixed64(&item, LOG_TIME, 5);
		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_int_equal(attribute("a")->type, SONDE_I64);
	column = attribute("b");
	assert_true(any_at(column, 1).kind == SONDE_ANY_DOUBLE && any_at(column, 1).as.number > 1);
	assert_int_equal(any_at(column, 2).kind, SONDE_ANY_BOOL);
	assert_true(any_at(column, 2).as.boolean);
}

static void the_second_value_of_a_key_and_what_is_beyond_the_columns_go_into_a_map(void **state)
{
	struct built items = { .length = 0 };
	const struct sonde_column *map;
	struct sonde_any any;

	for (int row = 0; row < 3; row++) {
		struct built item = { .length = 0 };

		add_text_pair(&item, LOG_ATTRIBUTES, "twice", "first");
		if (row == 1)
			add_text_pair(&item, LOG_ATTRIBUTES, "twice", "second");
		for (int key = 0; row == 2 && key < 20; key++) {
			char name[] = { (char)('a' + key), 0 };

			add_integer_pair(&item, LOG_ATTRIBUTES, name, key);
		}
		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	map = find(decoded.batch, SONDE_ROLE_ATTRIBUTES, SONDE_SCOPE_ROW, NULL);
	assert_non_null(map);
	assert_text(attribute("twice"), 1, "first");
	assert_false(sonde_valid(map, 0));
	any = any_at(map, 1);
	assert_int_equal(any.kind, SONDE_ANY_MAP);
	assert_int_equal(any.length, 1);
	assert_memory_equal(any.as.items[0].as.data, "second", 6);
	any = any_at(map, 2);
	assert_int_equal(any.length, 13); /* of 21 keys eight have a column */
	assert_int_equal(decoded.batch->column_count, 9);
	assert_memory_equal(any.as.items[0].key, "h", 1);
	assert_int_equal(any.as.items[0].as.integer, 7);
}

static void a_key_with_a_zero_byte_has_no_column_and_is_kept(void **state)
{
	struct built items = { .length = 0 }, item = { .length = 0 }, pair = { .length = 0 };
	struct built value = { .length = 0 };
	struct sonde_any any;

	build_text(&value, ANY_TEXT, "x");
	build_bytes(&pair, PAIR_KEY, "a\0b", 3);
	build_message(&pair, PAIR_VALUE, &value);
	build_message(&item, LOG_ATTRIBUTES, &pair);
	add_text_pair(&item, LOG_ATTRIBUTES, "a", "y");
	add_item(&items, &item);
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_text(attribute("a"), 0, "y");
	any = any_at(find(decoded.batch, SONDE_ROLE_ATTRIBUTES, SONDE_SCOPE_ROW, NULL), 0);
	assert_int_equal(any.length, 1);
	assert_int_equal(any.as.items[0].key_length, 3);
}

static void an_empty_value_is_there_and_a_missing_one_is_null(void **state)
{
	struct built items = { .length = 0 }, nothing = { .length = 0 };

	for (int row = 0; row < 3; row++) {
		struct built item = { .length = 0 };

		if (row != 1)
			add_pair(&item, LOG_ATTRIBUTES, "empty", &nothing);
		if (row)
			build_message(&item, LOG_BODY, &nothing);
		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_int_equal(any_at(attribute("empty"), 0).kind, SONDE_ANY_EMPTY);
	assert_false(sonde_valid(attribute("empty"), 1));
	assert_int_equal(any_at(attribute("empty"), 2).kind, SONDE_ANY_EMPTY);
	assert_false(sonde_valid(find(decoded.batch, SONDE_ROLE_BODY, SONDE_SCOPE_ROW, NULL), 0));
	assert_true(sonde_valid(find(decoded.batch, SONDE_ROLE_BODY, SONDE_SCOPE_ROW, NULL), 1));
}

/* ---- texts ------------------------------------------------------------------------------- */

static void texts_and_keys_that_are_not_utf8_are_repaired_and_counted(void **state)
{
	struct built items = { .length = 0 }, item = { .length = 0 }, list = { .length = 0 };
	struct built value = { .length = 0 }, inner = { .length = 0 };
	struct sonde_any any;

	build_text(&item, LOG_SEVERITY_TEXT, "a\xff\xe2\x82z");
	add_text_pair(&item, LOG_ATTRIBUTES, "k\x80", "v\xc3");
	build_text(&inner, ANY_TEXT, "in\xfeside");
	build_message(&list, LIST_VALUES, &inner);
	build_message(&value, ANY_ARRAY, &list);
	add_pair(&item, LOG_ATTRIBUTES, "list", &value);
	add_text_pair(&item, LOG_ATTRIBUTES, "good", "\xe2\x82\xac and \xf0\x9f\x98\x80");
	add_item(&items, &item);
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_int_equal(decoded.refused_count, 0);
	assert_int_equal(decoded.repaired_count, 4);
	assert_text(find(decoded.batch, SONDE_ROLE_SEVERITY_TEXT, SONDE_SCOPE_ROW, NULL), 0,
		    "a\xef\xbf\xbd\xef\xbf\xbdz");
	assert_text(attribute("k\xef\xbf\xbd"), 0, "v\xef\xbf\xbd");
	assert_text(attribute("good"), 0, "\xe2\x82\xac and \xf0\x9f\x98\x80");
	any = any_at(attribute("list"), 0);
	assert_int_equal(any.kind, SONDE_ANY_ARRAY);
	assert_int_equal(any.as.items[0].length, strlen("in\xef\xbf\xbdside"));
	assert_memory_equal(any.as.items[0].as.data, "in\xef\xbf\xbdside", 9);
}

static void every_kind_of_broken_utf8_has_one_replacement_for_each_part(void **state)
{
	static const struct {
		const char *bad, *good;
	} cases[] = {
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },                 /* over-long */
		{ "\xe0\x9f\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* over-long */
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* a surrogate */
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf0\x9f\x98", "\xef\xbf\xbd" }, /* cut off */
		{ "12345678\xe2\x82", "12345678\xef\xbf\xbd" },
		{ "1234567890123456\x80", "1234567890123456\xef\xbf\xbd" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
		{ "\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct built items = { .length = 0 }, item = { .length = 0 };

		build_text(&item, LOG_EVENT_NAME, cases[i].bad);
		add_item(&items, &item);
		/* with bytes behind it, and as the last of the request */
		add_item(&items, &item);
		assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
		for (uint32_t row = 0; row < 2; row++)
			assert_text(
				find(decoded.batch, SONDE_ROLE_EVENT_NAME, SONDE_SCOPE_ROW, NULL),
				row, cases[i].good);
		assert_int_equal(decoded.repaired_count,
				 strcmp(cases[i].bad, cases[i].good) ? 2 : 0);
	}
}

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

		add_pair(&item, LOG_ATTRIBUTES, "deep", &value);
		add_item(&items, &item);
		assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
		assert_int_equal(decoded.row_count, depth <= 32);
		assert_int_equal(decoded.refused_count, depth > 32);
		if (depth <= 32)
			assert_int_equal(any_at(attribute("deep"), 0).kind, SONDE_ANY_ARRAY);
		else
			assert_null(decoded.batch);
	}
}

static void a_value_of_a_map_may_be_one_less_deep(void **state)
{
	for (uint32_t depth = 31; depth <= 32; depth++) {
		struct built items = { .length = 0 }, item = { .length = 0 };
		struct built value = nested_value(depth);

		add_text_pair(&item, LOG_ATTRIBUTES, "deep", "first");
		add_pair(&item, LOG_ATTRIBUTES, "deep", &value);
		add_item(&items, &item);
		assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
		assert_int_equal(decoded.refused_count, depth == 32);
		if (depth == 31)
			any_at(find(decoded.batch, SONDE_ROLE_ATTRIBUTES, SONDE_SCOPE_ROW, NULL),
			       0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, begin, end)
		TEST(a_key_whose_type_changes_becomes_a_column_of_any_type),
		TEST(numbers_that_were_there_first_are_encoded_anew),
		TEST(the_second_value_of_a_key_and_what_is_beyond_the_columns_go_into_a_map),
		TEST(a_key_with_a_zero_byte_has_no_column_and_is_kept),
		TEST(an_empty_value_is_there_and_a_missing_one_is_null),
		TEST(texts_and_keys_that_are_not_utf8_are_repaired_and_counted),
		TEST(every_kind_of_broken_utf8_has_one_replacement_for_each_part),
		TEST(a_record_with_an_id_of_the_wrong_length_is_left_out_and_counted),
		TEST(a_span_goes_with_its_events_and_links),
		TEST(values_are_bounded_in_depth),
		TEST(a_value_of_a_map_may_be_one_less_deep),
		TEST(a_resource_that_cannot_be_held_takes_its_rows_with_it),
		TEST(a_histogram_whose_bounds_do_not_fit_its_counts_is_left_out),
		TEST(of_a_points_two_values_the_last_one_counts),
		TEST(an_empty_request_has_no_batch),
		TEST(what_is_no_request_is_refused_with_its_place),
		TEST(unknown_fields_and_tags_written_long_are_understood),
		TEST(a_small_request_makes_no_large_table),
		TEST(a_key_of_its_own_in_each_row_makes_no_column_for_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
