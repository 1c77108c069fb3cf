// SPDX-License-Identifier: Apache-2.0
/* What core/value.h promises of nested values and metric headers. Bytes that are written out here
 * are what the official classes of OTLP make of the same values. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "value.h"

#define TEXT(text_)                                                                                \
	{                                                                                          \
		.kind = SONDE_ANY_TEXT, .length = sizeof(text_) - 1, .as.data = (text_)            \
	}
#define KEY(key_) .key = (key_), .key_length = sizeof(key_) - 1

static void assert_encodes(const struct sonde_any *any, const char *bytes, size_t length)
{
	unsigned char buffer[256];
	int64_t size = any_encode(any, buffer, sizeof(buffer));

	assert_int_equal(size, length);
	assert_memory_equal(buffer, bytes, length);
}

static void every_kind_has_the_bytes_of_otlp(void **state)
{
	const struct sonde_any empty = { .kind = SONDE_ANY_EMPTY };
	const struct sonde_any text = TEXT("abc"), no_text = TEXT("");
	const struct sonde_any yes = { .kind = SONDE_ANY_BOOL, .as.boolean = true };
	const struct sonde_any no = { .kind = SONDE_ANY_BOOL };
	const struct sonde_any many = { .kind = SONDE_ANY_INTEGER, .as.integer = 300 };
	const struct sonde_any minus = { .kind = SONDE_ANY_INTEGER, .as.integer = -1 };
	const struct sonde_any number = { .kind = SONDE_ANY_DOUBLE, .as.number = -2.5 };
	const struct sonde_any bytes = { .kind = SONDE_ANY_BYTES,
					 .length = 2,
					 .as.data = "\0\xff" };

	assert_encodes(&empty, "", 0);
	assert_encodes(&text,
		       "\x0a\x03"
		       "abc",
		       5);
	assert_encodes(&no_text, "\x0a\x00", 2);
	assert_encodes(&yes, "\x10\x01", 2);
	assert_encodes(&no, "\x10\x00", 2);
	assert_encodes(&many, "\x18\xac\x02", 3);
	assert_encodes(&minus, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
	assert_encodes(&number, "\x21\0\0\0\0\0\0\x04\xc0", 9);
	assert_encodes(&bytes, "\x3a\x02\0\xff", 4);
}

static void arrays_and_maps_have_the_bytes_of_otlp(void **state)
{
	const struct sonde_any inner[] = {
		{ .kind = SONDE_ANY_INTEGER, KEY("n"), .as.integer = 1 },
		{ .kind = SONDE_ANY_EMPTY, KEY("none") },
		{ .kind = SONDE_ANY_BOOL, .as.boolean = true }, /* a key of no length */
	};
	const struct sonde_any items[] = {
		TEXT("x"),
		{ .kind = SONDE_ANY_EMPTY },
		{ .kind = SONDE_ANY_MAP, .length = 3, .as.items = inner },
		{ .kind = SONDE_ANY_ARRAY },
	};
	const struct sonde_any array = { .kind = SONDE_ANY_ARRAY, .length = 4, .as.items = items };

	assert_encodes(&array,
		       "\x2a\x28"
		       "\x0a\x03\x0a\x01x"
		       "\x0a\x00"
		       "\x0a\x1b\x32\x19"
		       "\x0a\x07\x0a\x01n\x12\x02\x18\x01"
		       "\x0a\x08\x0a\x04none\x12\x00"
		       "\x0a\x04\x12\x02\x10\x01"
		       "\x0a\x02\x2a\x00",
		       42);
}

static void nothing_is_written_where_it_does_not_fit(void **state)
{
	const struct sonde_any text = TEXT("four");
	unsigned char buffer[6] = { 0xee, 0xee, 0xee, 0xee, 0xee, 0xee };

	assert_int_equal(any_encode(&text, NULL, 0), 6);
	assert_int_equal(any_encode(&text, buffer, 5), 6);
	assert_memory_equal(buffer, "\xee\xee\xee\xee\xee\xee", 6);
	assert_int_equal(any_encode(&text, buffer, 6), 6);
	assert_memory_equal(buffer,
			    "\x0a\x04"
			    "four",
			    6);
}

/* A value of arrays within arrays: `levels` of them, the last one empty. */
static struct sonde_any *nested(uint32_t levels)
{
	struct sonde_any *arrays = calloc(levels, sizeof(*arrays));

	assert_non_null(arrays);
	for (uint32_t i = 0; i < levels; i++) {
		arrays[i].kind = SONDE_ANY_ARRAY;
		arrays[i].length = i + 1 < levels;
		arrays[i].as.items = arrays + i + 1;
	}
	return arrays;
}

static void thirty_two_levels_are_written_and_read_and_no_more(void **state)
{
	struct sonde_any *good = nested(32), *deep = nested(33), items[40];
	unsigned char buffer[256], wrapped[258];
	uint32_t count = 0;
	int64_t size = any_encode(good, buffer, sizeof(buffer));

	assert_true(size > 0);
	assert_int_equal(any_decode(buffer, (size_t)size, items, 40, &count), 0);
	assert_int_equal(count, 32);
	assert_int_equal(any_encode(deep, buffer + size, 10), -EINVAL);
	wrapped[0] = 0x2a; /* one array more around it */
	wrapped[1] = (unsigned char)(size + 2);
	wrapped[2] = 0x0a;
	wrapped[3] = (unsigned char)size;
	memcpy(wrapped + 4, buffer, (size_t)size);
	count = 7;
	assert_int_equal(any_decode(wrapped, (size_t)size + 4, items, 40, &count), -EBADMSG);
	assert_int_equal(count, 7);
	free(good);
	free(deep);
}

static void an_unknown_kind_is_not_written(void **state)
{
	const struct sonde_any items[] = { { .kind = 8 } };
	const struct sonde_any array = { .kind = SONDE_ANY_ARRAY, .length = 1, .as.items = items };

	assert_int_equal(any_encode(items, NULL, 0), -EINVAL);
	assert_int_equal(any_encode(&array, NULL, 0), -EINVAL);
}

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % bound;
}

enum { TREE_ITEMS = 400 };

/* Fills in a random tree; items come from a pool as long as it lasts. */
static void random_tree(struct sonde_any *any, struct sonde_any *pool, uint32_t *used,
			uint32_t depth)
{
	static const char text[] = "some text to cut pieces from; \xc3\xa4\xe2\x82\xac";
	uint32_t kind = random_below(depth < 6 ? 8 : 5), length = random_below(6);

	*any = (struct sonde_any){ .kind = kind };
	if (kind == SONDE_ANY_TEXT || kind == SONDE_ANY_BYTES) {
		any->as.data = text;
		any->length = random_below(sizeof(text));
	} else if (kind == SONDE_ANY_BOOL) {
		any->as.boolean = random_below(2);
	} else if (kind == SONDE_ANY_INTEGER) {
		any->as.integer = (int64_t)random_state >> random_below(64);
	} else if (kind == SONDE_ANY_DOUBLE) {
		any->as.number = (double)random_below(1000) / 7;
	} else if (kind != SONDE_ANY_EMPTY && *used + length <= TREE_ITEMS) {
		struct sonde_any *items = pool + *used;

		*used += length;
		any->length = length;
		any->as.items = items;
		for (uint32_t i = 0; i < length; i++) {
			random_tree(&items[i], pool, used, depth + 1);
			if (kind == SONDE_ANY_MAP) {
				items[i].key = text;
				items[i].key_length = random_below(12);
			}
		}
	}
}

static void assert_same(const struct sonde_any *one, const struct sonde_any *two)
{
	assert_int_equal(one->kind, two->kind);
	assert_int_equal(one->length, two->length);
	switch (one->kind) {
	case SONDE_ANY_TEXT:
	case SONDE_ANY_BYTES:
		assert_memory_equal(one->as.data, two->as.data, one->length);
		break;
	case SONDE_ANY_BOOL:
		assert_int_equal(one->as.boolean, two->as.boolean);
		break;
	case SONDE_ANY_INTEGER:
		assert_true(one->as.integer == two->as.integer);
		break;
	case SONDE_ANY_DOUBLE:
		assert_true(one->as.number == two->as.number);
		break;
	default:
		for (uint32_t i = 0; i < one->length; i++) {
			const struct sonde_any *a = &one->as.items[i], *b = &two->as.items[i];

			assert_int_equal(a->key_length, b->key_length);
			if (a->key_length)
				assert_memory_equal(a->key, b->key, a->key_length);
			assert_same(a, b);
		}
	}
}

static void random_trees_are_read_as_they_were_written(void **state)
{
	static struct sonde_any pool[TREE_ITEMS], items[TREE_ITEMS + 1];
	static unsigned char buffer[1 << 16];

	for (uint32_t round = 0; round < 3000; round++) {
		struct sonde_any tree;
		uint32_t used = 0, count = 0;
		int64_t size;

		random_tree(&tree, pool, &used, 0);
		size = any_encode(&tree, buffer, sizeof(buffer));
		assert_true(size >= 0 && (size_t)size <= sizeof(buffer));
		assert_int_equal(any_decode(buffer, (size_t)size, items, used, &count), -ENOSPC);
		assert_int_equal(count, used + 1);
		count = 0;
		assert_int_equal(any_decode(buffer, (size_t)size, items, count, &count), -ENOSPC);
		assert_int_equal(count, used + 1);
		assert_int_equal(any_decode(buffer, (size_t)size, items, count, &count), 0);
		assert_int_equal(count, used + 1);
		assert_same(&tree, items);
	}
}

static int decode(const char *bytes, size_t length, struct sonde_any *ret_items)
{
	uint32_t count;

	return any_decode(bytes, length, ret_items, 8, &count);
}

static void unknown_fields_are_skipped_whatever_they_hold(void **state)
{
	struct sonde_any items[8];
	static const char bytes[] = "\x40\x07" /* 8: a varint */
				    "\x49"
				    "12345678"    /* 9: fixed64 */
				    "\x18\x05"    /* the integer */
				    "\x52\x03xyz" /* 10: bytes */
				    "\x5d"
				    "1234"                     /* 11: fixed32 */
				    "\x63\x6b\x08\x01\x6c\x64" /* 12: a group with a group */
				    "\x1a\x02hi"               /* 3, but as bytes */
				    "\xa0\x06\x01";            /* 100 */

	assert_int_equal(decode(bytes, sizeof(bytes) - 1, items), 0);
	assert_int_equal(items[0].kind, SONDE_ANY_INTEGER);
	assert_int_equal(items[0].as.integer, 5);
}

static void the_last_of_several_values_counts(void **state)
{
	struct sonde_any items[8];

	assert_int_equal(decode("\x18\x05\x0a\x01"
				"a\x10\x01",
				7, items),
			 0);
	assert_int_equal(items[0].kind, SONDE_ANY_BOOL);
	assert_int_equal(decode("\x2a\x04\x0a\x02\x18\x01\x2a\x00", 8, items), 0);
	assert_int_equal(items[0].kind, SONDE_ANY_ARRAY);
	assert_int_equal(items[0].length, 0);
}

static void a_key_may_come_behind_its_value(void **state)
{
	struct sonde_any items[8];

	assert_int_equal(decode("\x32\x09\x0a\x07\x12\x02\x18\x09\x0a\x01k", 11, items), 0);
	assert_int_equal(items[0].length, 1);
	assert_int_equal(items[1].kind, SONDE_ANY_INTEGER);
	assert_int_equal(items[1].key_length, 1);
	assert_memory_equal(items[1].key, "k", 1);
}

static void a_pair_without_a_value_is_empty(void **state)
{
	struct sonde_any items[8];

	assert_int_equal(decode("\x32\x05\x0a\x03\x0a\x01k", 7, items), 0);
	assert_int_equal(items[1].kind, SONDE_ANY_EMPTY);
	assert_int_equal(items[1].key_length, 1);
}

static void broken_bytes_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} broken[] = {
		{ "\x0a", 1 }, /* no length */
		{ "\x0a\x05"
		  "abcd",
		  6 }, /* a length beyond the end */
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
		{ "\x18", 1 },                                          /* no varint */
		{ "\x18\x80", 2 },                                      /* half a varint */
		{ "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11 }, /* over 64 bits */
		{ "\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12 },
		{ "\x21"
		  "1234567",
		  8 }, /* half a double */
		{ "\x5d"
		  "123",
		  4 },                 /* half a fixed32 */
		{ "\x00\x01", 2 },     /* field 0 */
		{ "\x0c", 1 },         /* the end of a group that did not begin */
		{ "\x0b\x08\x01", 3 }, /* a group without an end */
		{ "\x0b\x14", 2 },     /* the end of another */
		{ "\x0e", 1 },
		{ "\x0f", 1 },                         /* wire types that do not exist */
		{ "\x80\x80\x80\x80\x80\x01\x01", 7 }, /* a tag over 32 bits */
		{ "\x2a\x02\x0a\x05", 4 },             /* an item beyond its array */
		{ "\x32\x03\x0a\x01\x0a", 5 },         /* a broken pair */
		{ "\x32\x05\x0a\x03\x12\x01\x18", 7 }, /* a broken value in a pair */
	};
	struct sonde_any items[8];

	for (uint32_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(decode(broken[i].bytes, broken[i].length, items), -EBADMSG);
}

static void no_prefix_of_a_value_is_read_beyond_its_end(void **state)
{
	static struct sonde_any pool[TREE_ITEMS], items[TREE_ITEMS + 1];
	static unsigned char buffer[1 << 16];

	for (uint32_t round = 0; round < 100; round++) {
		struct sonde_any tree;
		uint32_t used = 0, count;
		int64_t size;

		random_tree(&tree, pool, &used, 0);
		size = any_encode(&tree, buffer, sizeof(buffer));
		for (int64_t length = 0; length < size && length < 300; length++) {
			/* A block of that very size, so that a sanitizer sees a byte too many. */
			unsigned char *piece = malloc((size_t)length + 1);
			int result;

			assert_non_null(piece);
			memcpy(piece + 1, buffer, (size_t)length);
			result = any_decode(piece + 1, (size_t)length, items, TREE_ITEMS + 1,
					    &count);
			assert_true(result == 0 || result == -EBADMSG);
			free(piece);
		}
	}
}

/* ---- metrics ----------------------------------------------------------------------------- */

#define WORDS(text_)                                                                               \
	{                                                                                          \
		.data = (text_), .length = sizeof(text_) - 1                                       \
	}

static void a_metric_has_the_bytes_of_otlp(void **state)
{
	const struct sonde_metric metric = {
		.name = WORDS("calls"),
		.description = WORDS("made"),
		.unit = WORDS("{call}"),
		.metadata = WORDS("\x32\x0b\x0a\x09\x0a\x01k\x12\x04\x0a\x02vv"),
		.kind = SONDE_METRIC_SUM,
		.temporality = SONDE_CUMULATIVE,
		.monotonic = true,
	};
	static const char wanted[] = "\x0a\x05"
				     "calls\x12\x04made\x1a\x06{call}\x3a\x04\x10\x02"
				     "\x18\x01\x62\x09\x0a\x01k\x12\x04\x0a\x02vv";
	unsigned char buffer[64];

	assert_int_equal(metric_encode(&metric, NULL, 0), sizeof(wanted) - 1);
	assert_int_equal(metric_encode(&metric, buffer, sizeof(buffer)), sizeof(wanted) - 1);
	assert_memory_equal(buffer, wanted, sizeof(wanted) - 1);
	assert_int_equal(metric_metadata(buffer, sizeof(wanted) - 1, NULL, 0), 13);
	assert_int_equal(metric_metadata(wanted, sizeof(wanted) - 1, buffer, 13), 13);
	assert_memory_equal(buffer, metric.metadata.data, 13);
}

static void every_kind_of_metric_is_read_as_it_was_written(void **state)
{
	static const uint32_t temporalities[] = { SONDE_UNSPECIFIED, SONDE_DELTA, SONDE_CUMULATIVE,
						  7, (uint32_t)-5 };

	for (uint32_t i = 0; i < 5 * (SONDE_METRIC_SUMMARY + 1); i++) {
		uint32_t kind = i / 5;
		bool temporal = kind == SONDE_METRIC_SUM || kind == SONDE_METRIC_HISTOGRAM ||
				kind == SONDE_METRIC_EXPONENTIAL;
		struct sonde_metric metric = {
			.name = WORDS("system.load"),
			.unit = WORDS("1"),
			.kind = kind,
			.temporality = temporal ? temporalities[i % 5] : SONDE_UNSPECIFIED,
			.monotonic = kind == SONDE_METRIC_SUM && i % 2,
		};
		struct sonde_metric read = { 0 };
		unsigned char buffer[64];
		int64_t size = metric_encode(&metric, buffer, sizeof(buffer));

		assert_int_equal(metric_decode(buffer, (size_t)size, &read), 0);
		assert_int_equal(read.kind, kind);
		assert_int_equal(read.temporality, metric.temporality);
		assert_int_equal(read.monotonic, metric.monotonic);
		assert_int_equal(read.name.length, 11);
		assert_memory_equal(read.name.data, "system.load", 11);
		assert_int_equal(read.unit.length, 1);
		assert_int_equal(read.description.length, 0);
		assert_int_equal(metric_metadata(buffer, (size_t)size, NULL, 0), 0);
	}
}

static void a_metric_with_points_and_scattered_metadata_is_read_too(void **state)
{
	static const char bytes[] = "\x62\x03\x0a\x01k"               /* metadata */
				    "\x3a\x08\x0a\x04\x29zzz\x10\x01" /* a sum with a point */
				    "\x62\x03\x0a\x01l"               /* more metadata */
				    "\x0a\x01o\x0a\x01n"              /* the name twice */
				    "\x4a\x04\x0a\x00\x10\x02";       /* then a histogram */
	struct sonde_metric metric = { 0 };
	unsigned char map[16];

	assert_int_equal(metric_decode(bytes, sizeof(bytes) - 1, &metric), 0);
	assert_int_equal(metric.kind, SONDE_METRIC_HISTOGRAM);
	assert_int_equal(metric.temporality, SONDE_CUMULATIVE);
	assert_int_equal(metric.name.length, 1);
	assert_memory_equal(metric.name.data, "n", 1);
	assert_int_equal(metric_metadata(bytes, sizeof(bytes) - 1, map, sizeof(map)), 12);
	assert_memory_equal(map, "\x32\x0a\x0a\x03\x0a\x01k\x0a\x03\x0a\x01l", 12);
}

static void a_broken_metric_is_refused(void **state)
{
	static const char *const broken[] = { "\x0a", "\x0a\x05nam", "\x3a\x02\x10",
					      "\x3a\x02\x10\x80", "\x62\x09k" };
	struct sonde_metric metric = { .kind = 99 };
	const struct sonde_metric unknown = { .kind = SONDE_METRIC_SUMMARY + 1 };
	const struct sonde_metric no_map = { .metadata = WORDS("\x0a\x01k") };
	const struct sonde_metric bad_map = { .metadata = WORDS("\x32\x09k") };

	for (uint32_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(metric_decode(broken[i], strlen(broken[i]), &metric), -EBADMSG);
	assert_int_equal(metric.kind, 99);
	assert_int_equal(metric_metadata("\x62\x09k", 3, NULL, 0), -EBADMSG);
	assert_int_equal(metric_encode(&unknown, NULL, 0), -EINVAL);
	assert_int_equal(metric_encode(&no_map, NULL, 0), -EINVAL);
	assert_int_equal(metric_encode(&bad_map, NULL, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_the_bytes_of_otlp),
		cmocka_unit_test(arrays_and_maps_have_the_bytes_of_otlp),
		cmocka_unit_test(nothing_is_written_where_it_does_not_fit),
		cmocka_unit_test(thirty_two_levels_are_written_and_read_and_no_more),
		cmocka_unit_test(an_unknown_kind_is_not_written),
		cmocka_unit_test(random_trees_are_read_as_they_were_written),
		cmocka_unit_test(unknown_fields_are_skipped_whatever_they_hold),
		cmocka_unit_test(the_last_of_several_values_counts),
		cmocka_unit_test(a_key_may_come_behind_its_value),
		cmocka_unit_test(a_pair_without_a_value_is_empty),
		cmocka_unit_test(broken_bytes_are_refused),
		cmocka_unit_test(no_prefix_of_a_value_is_read_beyond_its_end),
		cmocka_unit_test(a_metric_has_the_bytes_of_otlp),
		cmocka_unit_test(every_kind_of_metric_is_read_as_it_was_written),
		cmocka_unit_test(a_metric_with_points_and_scattered_metadata_is_read_too),
		cmocka_unit_test(a_broken_metric_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
