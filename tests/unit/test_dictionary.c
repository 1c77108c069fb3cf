// SPDX-License-Identifier: Apache-2.0
/* What core/dictionary.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dictionary.h"
#include "memory.h"

static void assert_entry(const struct sonde_dictionary *dictionary, uint32_t code, const void *data,
			 size_t length)
{
	struct sonde_text text = sonde_entry(dictionary, dictionary_length(dictionary), code);

	assert_int_equal(text.length, length);
	assert_memory_equal(text.data, data, length);
}

static void codes_count_up_and_entries_are_read_back(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(false);
	char text[32];

	assert_non_null(dictionary);
	for (uint32_t i = 0; i < 100000; i++) {
		int length = snprintf(text, sizeof(text), "call %u", i);

		assert_int_equal(dictionary_add(dictionary, text, (size_t)length), i);
	}
	assert_int_equal(dictionary_length(dictionary), 100000);
	for (uint32_t i = 0; i < 100000; i++) {
		int length = snprintf(text, sizeof(text), "call %u", i);

		assert_entry(dictionary, i, text, (size_t)length);
	}
	dictionary_release(dictionary);
}

static void an_entry_never_moves(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(true);
	const char *first_data;
	const struct sonde_text *first;
	char text[16];

	dictionary_add(dictionary, "openat", 6);
	first = &dictionary->chunks[0][0];
	first_data = first->data;
	for (uint32_t i = 0; i < 5000; i++)
		dictionary_add(dictionary, text, (size_t)snprintf(text, sizeof(text), "%u", i));
	assert_ptr_equal(&dictionary->chunks[0][0], first);
	assert_ptr_equal(first->data, first_data);
	assert_entry(dictionary, 0, "openat", 6);
	dictionary_release(dictionary);
}

static void a_code_beyond_the_published_length_reads_as_empty(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(false);
	static const uint32_t codes[] = { 1, 2, 63, 64, 0xffffffbf, 0xffffffc0, UINT32_MAX };

	dictionary_add(dictionary, "one", 3);
	dictionary_add(dictionary, "two", 3);
	for (uint32_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_int_equal(sonde_entry(dictionary, 1, codes[i]).length, 0);
	assert_int_equal(sonde_entry(NULL, UINT32_MAX, 0).length, 0);
	assert_int_equal(sonde_entry(dictionary, 2, 1).length, 3);
	dictionary_release(dictionary);
}

static void a_distinct_dictionary_gives_equal_texts_one_code(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(true);
	char text[16];

	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 30000; i++) {
			int length = snprintf(text, sizeof(text), "%x", i * 2654435761u);

			assert_int_equal(dictionary_add(dictionary, text, (size_t)length), i);
		}
	}
	assert_int_equal(dictionary_length(dictionary), 30000);
	assert_int_not_equal(dictionary->distinct, 0);
	dictionary_release(dictionary);
}

static void texts_that_differ_in_one_bit_or_in_zeros_at_the_end_differ(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(true);
	unsigned char text[70] = { 0 };
	uint32_t next = 0;

	for (uint32_t length = 0; length < sizeof(text); length++)
		assert_int_equal(dictionary_add(dictionary, text, length), next++);
	for (uint32_t bit = 0; bit < sizeof(text) * 8; bit++) {
		memset(text, 0, sizeof(text));
		text[bit / 8] = (unsigned char)(1 << bit % 8);
		assert_int_equal(dictionary_add(dictionary, text, sizeof(text)), next++);
	}
	dictionary_release(dictionary);
}

static void only_interned_texts_are_found_in_a_dictionary_that_is_not_distinct(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(false);

	assert_int_equal(dictionary_add(dictionary, "GET", 3), 0);
	assert_int_equal(dictionary_add(dictionary, "GET", 3), 1);
	assert_int_equal(dictionary_intern(dictionary, "GET", 3), 2);
	assert_int_equal(dictionary_add(dictionary, "GET", 3), 3);
	assert_int_equal(dictionary_intern(dictionary, "GET", 3), 2);
	assert_int_equal(dictionary->distinct, 0);
	dictionary_release(dictionary);
}

static void the_empty_text_is_an_entry_like_others(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(true);

	assert_int_equal(dictionary_add(dictionary, NULL, 0), 0);
	assert_int_equal(dictionary_add(dictionary, "x", 1), 1);
	assert_int_equal(dictionary_add(dictionary, "", 0), 0);
	assert_entry(dictionary, 0, "", 0);
	dictionary_release(dictionary);
}

static void long_texts_are_kept_whole_and_too_long_ones_refused_whole(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(false);
	size_t length = (3u << 20) + 5, before;
	char *text = malloc(length);

	assert_non_null(text);
	for (size_t i = 0; i < length; i++)
		text[i] = (char)(i * 31 % 251);
	assert_int_equal(dictionary_add(dictionary, "short", 5), 0);
	assert_int_equal(dictionary_add(dictionary, text, length), 1);
	assert_int_equal(dictionary_add(dictionary, "after", 5), 2);
	assert_entry(dictionary, 0, "short", 5);
	assert_entry(dictionary, 1, text, length);
	assert_entry(dictionary, 2, "after", 5);
	before = dictionary_bytes(dictionary);
	assert_int_equal(dictionary_add(dictionary, text, (size_t)DICTIONARY_TEXT_LIMIT + 1),
			 UINT32_MAX);
	assert_int_equal(dictionary_length(dictionary), 3);
	assert_int_equal(dictionary_bytes(dictionary), before);
	free(text);
	dictionary_release(dictionary);
}

static void its_bytes_grow_with_what_it_holds_and_are_shared_by_who_holds_it(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(false);
	size_t before = dictionary_bytes(dictionary);
	char text[1000] = { 0 };

	for (uint32_t i = 0; i < 1000; i++)
		dictionary_add(dictionary, text, sizeof(text));
	assert_true(dictionary_bytes(dictionary) - before >= 1000 * sizeof(text));
	assert_true(dictionary_bytes(dictionary) - before < 1250 * sizeof(text));
	assert_int_equal(dictionary_share_bytes(dictionary), dictionary_bytes(dictionary));
	dictionary_hold(dictionary);
	assert_int_equal(dictionary_share_bytes(dictionary), dictionary_bytes(dictionary) / 2);
	dictionary_release(dictionary);
	dictionary_release(dictionary);
	dictionary_release(NULL);
}

/* Reads all that is published, again and again. */
static void *read_entries(void *data)
{
	const struct sonde_dictionary *dictionary = data;
	uint32_t length = 0;
	char text[16];

	while (length < 20000) {
		length = dictionary_length(dictionary);
		for (uint32_t i = length > 100 ? length - 100 : 0; i < length; i++) {
			struct sonde_text entry = sonde_entry(dictionary, length, i);
			int wanted = snprintf(text, sizeof(text), "%u", i);

			if (entry.length != (uint32_t)wanted ||
			    memcmp(entry.data, text, entry.length))
				return (void *)"an entry was published before it was written";
		}
	}
	return NULL;
}

static void others_read_what_is_published_while_its_owner_appends(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(true);
	pthread_t readers[2];
	char text[16];
	void *complaint;

	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_entries, dictionary), 0);
	for (uint32_t i = 0; i < 20000; i++)
		dictionary_add(dictionary, text, (size_t)snprintf(text, sizeof(text), "%u", i));
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(readers[i], &complaint), 0);
		assert_null(complaint);
	}
	dictionary_release(dictionary);
}

/* A place and the number that it says. */
static struct sonde_text *room(struct sonde_dictionary *dictionary, uint32_t *ret_count)
{
	struct sonde_text *place = dictionary_room(dictionary, ret_count);

	assert_non_null(place);
	assert_true(*ret_count >= 1);
	return place;
}

static void entries_filled_in_place_are_published_together(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(false);
	char *memory = dictionary_memory(dictionary, 100000);
	uint32_t code = 0, count;

	assert_non_null(memory);
	memset(memory, 'x', 100000);
	while (code < 100000) {
		struct sonde_text *place = room(dictionary, &count);

		for (uint32_t i = 0; i < count; i++)
			place[i] = (struct sonde_text){ .data = memory + code,
							.length = (code + i) % 7 };
		assert_int_equal(dictionary_length(dictionary), code);
		assert_int_equal(dictionary_grow(dictionary, count), 0);
		code += count;
		assert_int_equal(dictionary_length(dictionary), code);
	}
	for (uint32_t i = 0; i < code; i++)
		assert_entry(dictionary, i, memory, i % 7);
	dictionary_release(dictionary);
}

static void entries_filled_and_entries_added_take_turns(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(false);
	char *memory = dictionary_memory(dictionary, 3);
	uint32_t count;

	memcpy(memory, "GET", 3);
	for (uint32_t code = 0; code < 1000; code += 3) {
		struct sonde_text *place = room(dictionary, &count);

		place[0] = (struct sonde_text){ .data = memory, .length = 3 };
		assert_int_equal(dictionary_grow(dictionary, 1), 0);
		assert_int_equal(dictionary_add(dictionary, "PUT", 3), code + 1);
		assert_int_equal(dictionary_intern(dictionary, memory, 3), code ? 2 : code + 2);
		if (code)
			assert_int_equal(dictionary_add(dictionary, memory, 3), code + 2);
		assert_entry(dictionary, code, "GET", 3);
		assert_entry(dictionary, code + 1, "PUT", 3);
	}
	dictionary_release(dictionary);
}

static void more_entries_than_fit_and_those_of_distinct_dictionaries_are_not_published(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(false);
	struct sonde_dictionary *distinct = dictionary_create(true);
	uint32_t count = 77;

	room(dictionary, &count);
	assert_int_equal(dictionary_grow(dictionary, count + 1), -ERANGE);
	assert_int_equal(dictionary_length(dictionary), 0);
	assert_int_equal(dictionary_grow(dictionary, 0), 0);
	count = 77;
	assert_null(dictionary_room(distinct, &count));
	assert_int_equal(count, 77);
	assert_int_equal(dictionary_grow(distinct, 1), -ERANGE);
	assert_int_equal(dictionary_length(distinct), 0);
	dictionary_release(dictionary);
	dictionary_release(distinct);
}

static void its_memory_is_counted_and_refused_beyond_the_bound(void **state)
{
	struct sonde_dictionary *dictionary = dictionary_create(false);
	size_t before = dictionary_bytes(dictionary), counted = memory_counted_bytes();

	memset(dictionary_memory(dictionary, 3000000), 1, 3000000);
	assert_true(dictionary_bytes(dictionary) - before >= 3000000);
	assert_true(memory_counted_bytes() - counted >= 3000000);
	before = dictionary_bytes(dictionary);
	assert_null(dictionary_memory(dictionary, SIZE_MAX));
	assert_null(dictionary_memory(dictionary, SIZE_MAX / 2));
	assert_int_equal(dictionary_bytes(dictionary), before);
	assert_non_null(dictionary_memory(dictionary, 0));
	dictionary_release(dictionary);
	assert_true(memory_counted_bytes() < counted + 3000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_count_up_and_entries_are_read_back),
		cmocka_unit_test(an_entry_never_moves),
		cmocka_unit_test(a_code_beyond_the_published_length_reads_as_empty),
		cmocka_unit_test(a_distinct_dictionary_gives_equal_texts_one_code),
		cmocka_unit_test(texts_that_differ_in_one_bit_or_in_zeros_at_the_end_differ),
		cmocka_unit_test(
			only_interned_texts_are_found_in_a_dictionary_that_is_not_distinct),
		cmocka_unit_test(the_empty_text_is_an_entry_like_others),
		cmocka_unit_test(long_texts_are_kept_whole_and_too_long_ones_refused_whole),
		cmocka_unit_test(its_bytes_grow_with_what_it_holds_and_are_shared_by_who_holds_it),
		cmocka_unit_test(entries_filled_in_place_are_published_together),
		cmocka_unit_test(entries_filled_and_entries_added_take_turns),
		cmocka_unit_test(
			more_entries_than_fit_and_those_of_distinct_dictionaries_are_not_published),
		cmocka_unit_test(its_memory_is_counted_and_refused_beyond_the_bound),
		cmocka_unit_test(others_read_what_is_published_while_its_owner_appends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
