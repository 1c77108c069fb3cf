// SPDX-License-Identifier: Apache-2.0
/* What core/arena.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arena.h"

static void every_piece_is_zeroed_aligned_and_apart_from_the_others(void **state)
{
	static const size_t sizes[] = { 1, 16, 17, 1000, 1024, 1025, 5000, 0, 3, 100000, 40 };
	enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
	struct arena *arena = arena_create();
	unsigned char *pieces[COUNT * 50];

	assert_non_null(arena);
	for (uint32_t i = 0; i < COUNT * 50; i++) {
		size_t size = sizes[i % COUNT];

		pieces[i] = arena_zero(arena, size);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		for (size_t byte = 0; byte < size; byte++)
			assert_int_equal(pieces[i][byte], 0);
		memset(pieces[i], (int)(i % 255) + 1, size);
	}
	for (uint32_t i = 0; i < COUNT * 50; i++) {
		for (size_t byte = 0; byte < sizes[i % COUNT]; byte++)
			assert_int_equal(pieces[i][byte], i % 255 + 1);
	}
	arena_release(arena);
}

static void texts_are_copied_and_ended(void **state)
{
	struct arena *arena = arena_create();
	char text[] = "interval";
	char *copy = arena_copy(arena, text), *part = arena_copy_length(arena, text, 5);

	memset(text, 'x', sizeof(text) - 1);
	assert_string_equal(copy, "interval");
	assert_string_equal(part, "inter");
	assert_string_equal(arena_copy_length(arena, NULL, 0), "");
	arena_release(arena);
}

static void a_formatted_text_may_have_any_length(void **state)
{
	struct arena *arena = arena_create();
	char *text = arena_format(arena, "%s:%u %6000d", "edge.conf", 5u, 1);

	assert_int_equal(strlen(text), 12 + 6000);
	assert_memory_equal(text, "edge.conf:5 ", 12);
	assert_int_equal(text[strlen(text) - 1], '1');
	arena_release(arena);
}

static void a_size_beyond_all_memory_is_refused_and_the_arena_goes_on(void **state)
{
	struct arena *arena = arena_create();

	assert_null(arena_zero(arena, SIZE_MAX));
	assert_null(arena_zero(arena, SIZE_MAX - 15));
	assert_null(arena_copy_length(arena, "x", SIZE_MAX));
	assert_string_equal(arena_copy(arena, "still here"), "still here");
	arena_release(arena);
	arena_release(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_piece_is_zeroed_aligned_and_apart_from_the_others),
		cmocka_unit_test(texts_are_copied_and_ended),
		cmocka_unit_test(a_formatted_text_may_have_any_length),
		cmocka_unit_test(a_size_beyond_all_memory_is_refused_and_the_arena_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
