/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies made small and large again: what goes in comes out, and nothing grows beyond its bound. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "compress.h"

enum { LARGE = 5 * 1024 * 1024 };

static const enum compress_coding codings[] = { COMPRESS_GZIP, COMPRESS_ZSTD };

/* Text-like data: half of it repeats. */
static unsigned char *data_make(size_t length)
{
	unsigned char *data = malloc(length + 1);

	assert_non_null(data);
	srandom(1);
	for (size_t i = 0; i < length; i++)
		data[i] = (unsigned char)(i % 64 < 32 ? "service.name=shop, host.name=abc"[i % 32]
						      : random() % 64 + 32);
	return data;
}

static struct buffer packed(enum compress_coding coding, const void *data, size_t length)
{
	struct compressor *compressor = compressor_create(coding, 1);
	struct buffer buffer = { 0 };

	assert_non_null(compressor);
	assert_int_equal(compressor_run(compressor, data, length, &buffer), 0);
	compressor_release(compressor);
	return buffer;
}

static int unpack(enum compress_coding coding, const void *data, size_t length, size_t limit,
		  struct buffer *buffer)
{
	struct expander *expander = expander_create();
	int result;

	assert_non_null(expander);
	result = expander_run(expander, coding, data, length, limit, buffer);
	expander_release(expander);
	return result;
}

static void what_is_compressed_comes_back(void **state)
{
	static const size_t lengths[] = { 0, 1, 100, 65536, LARGE };

	(void)state;
	for (uint32_t i = 0; i < 2 * sizeof(lengths) / sizeof(*lengths); i++) {
		enum compress_coding coding = codings[i % 2];
		size_t length = lengths[i / 2];
		unsigned char *data = data_make(length);
		struct buffer small = packed(coding, data, length), large = { 0 };

		assert_int_equal(unpack(coding, small.data, small.length, length, &large), 0);
		assert_int_equal(large.length, length);
		if (length)
			assert_memory_equal(large.data, data, length);
		buffer_release(&small);
		buffer_release(&large);
		free(data);
	}
}

static void every_level_can_be_read_and_a_buffer_is_used_again(void **state)
{
	unsigned char *data = data_make(100000);
	struct buffer small = { 0 }, large = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		for (uint32_t level = 1; level <= compress_level_limit(codings[i]); level++) {
			struct compressor *compressor = compressor_create(codings[i], level);

			assert_int_equal(compressor_run(compressor, data, 100000, &small), 0);
			assert_true(small.length < 80000);
			assert_int_equal(
				unpack(codings[i], small.data, small.length, 100000, &large), 0);
			assert_int_equal(large.length, 100000);
			assert_memory_equal(large.data, data, 100000);
			compressor_release(compressor);
		}
	}
	buffer_release(&small);
	buffer_release(&large);
	free(data);
}

static void a_bomb_ends_at_the_bound(void **state)
{
	unsigned char *zeros = calloc(1, 64 * 1024 * 1024);

	(void)state;
	assert_non_null(zeros);
	for (uint32_t i = 0; i < 2; i++) {
		struct buffer small = packed(codings[i], zeros, 64 * 1024 * 1024), large = { 0 };

		assert_true(small.length < 100000);
		assert_int_equal(unpack(codings[i], small.data, small.length, 1024 * 1024, &large),
				 -EMSGSIZE);
		assert_true(large.capacity <= 1024 * 1024 + 1);
		buffer_release(&small);
		buffer_release(&large);
	}
	free(zeros);
}

static void one_byte_over_the_bound_is_too_much(void **state)
{
	unsigned char *data = data_make(300001);

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct buffer small = packed(codings[i], data, 300001), large = { 0 };

		assert_int_equal(unpack(codings[i], small.data, small.length, 300000, &large),
				 -EMSGSIZE);
		buffer_release(&large);
		assert_int_equal(unpack(codings[i], small.data, small.length, 300001, &large), 0);
		buffer_release(&small);
		buffer_release(&large);
	}
	free(data);
}

static void several_members_are_one_body(void **state)
{
	unsigned char *data = data_make(700000);

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct buffer first = packed(codings[i], data, 600000),
			      second = packed(codings[i], data + 600000, 100000), large = { 0 };
		unsigned char *both = malloc(first.length + second.length);

		memcpy(both, first.data, first.length);
		memcpy(both + first.length, second.data, second.length);
		assert_int_equal(
			unpack(codings[i], both, first.length + second.length, 700000, &large), 0);
		assert_int_equal(large.length, 700000);
		assert_memory_equal(large.data, data, 700000);
		free(both);
		buffer_release(&first);
		buffer_release(&second);
		buffer_release(&large);
	}
	free(data);
}

static void what_is_cut_off_or_changed_is_refused(void **state)
{
	unsigned char *data = data_make(3000);

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct buffer small = packed(codings[i], data, 3000), large = { 0 };

		for (size_t length = 0; length < small.length; length++) {
			int result = unpack(codings[i], small.data, length, 10000, &large);

			assert_int_equal(result, -EBADMSG);
		}
		small.data[0] ^= 1;
		assert_int_equal(unpack(codings[i], small.data, small.length, 10000, &large),
				 -EBADMSG);
		buffer_release(&small);
		buffer_release(&large);
	}
	free(data);
}

/* Whatever the trailer says of the size. */
static void a_size_that_is_a_lie_costs_no_memory(void **state)
{
	unsigned char *data = data_make(3000);
	struct buffer small = packed(COMPRESS_GZIP, data, 3000), large = { 0 };

	(void)state;
	memset(small.data + small.length - 4, 0xff, 4);
	assert_int_equal(unpack(COMPRESS_GZIP, small.data, small.length, (size_t)1 << 40, &large),
			 -EBADMSG);
	assert_true(large.capacity < 4 * 1024 * 1024);
	buffer_release(&small);
	buffer_release(&large);
	free(data);
}

static void what_is_not_compressed_is_copied_up_to_the_bound(void **state)
{
	struct buffer large = { 0 };

	(void)state;
	assert_int_equal(unpack(COMPRESS_NONE, "abc", 3, 3, &large), 0);
	assert_int_equal(large.length, 3);
	assert_memory_equal(large.data, "abc", 3);
	assert_int_equal(unpack(COMPRESS_NONE, "abc", 3, 2, &large), -EMSGSIZE);
	assert_int_equal(unpack(COMPRESS_NONE, "", 0, 0, &large), 0);
	assert_int_equal(large.length, 0);
	buffer_release(&large);
}

static void codings_are_found_by_the_names_of_http(void **state)
{
	enum compress_coding coding = COMPRESS_ZSTD;

	(void)state;
	assert_int_equal(compress_find("", &coding), 0);
	assert_int_equal(coding, COMPRESS_NONE);
	assert_int_equal(compress_find("GZip", &coding), 0);
	assert_int_equal(coding, COMPRESS_GZIP);
	assert_int_equal(compress_find("x-gzip", &coding), 0);
	assert_int_equal(compress_find("zstd", &coding), 0);
	assert_int_equal(coding, COMPRESS_ZSTD);
	assert_int_equal(compress_find("br", &coding), -ENOENT);
	assert_int_equal(coding, COMPRESS_ZSTD);
	assert_string_equal(compress_name(COMPRESS_NONE), "identity");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_compressed_comes_back),
		cmocka_unit_test(every_level_can_be_read_and_a_buffer_is_used_again),
		cmocka_unit_test(a_bomb_ends_at_the_bound),
		cmocka_unit_test(one_byte_over_the_bound_is_too_much),
		cmocka_unit_test(several_members_are_one_body),
		cmocka_unit_test(what_is_cut_off_or_changed_is_refused),
		cmocka_unit_test(a_size_that_is_a_lie_costs_no_memory),
		cmocka_unit_test(what_is_not_compressed_is_copied_up_to_the_bound),
		cmocka_unit_test(codings_are_found_by_the_names_of_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
