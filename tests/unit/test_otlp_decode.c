// SPDX-License-Identifier: Apache-2.0
/* What lib/otlp/decode.h promises of attributes and texts that are not as usual; the usual ones are
 * compared with the official classes by tests/integration/test_otlp_decode_official.py. */
#include "otlp_decode_fixture.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
