// SPDX-License-Identifier: Apache-2.0
/* What core/storage.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "storage.h"

#if defined(__SANITIZE_ADDRESS__)
static const bool recycling = false; /* so that stale pointers are found, nothing lies idle */
#else
static const bool recycling = true;
#endif

static void a_block_has_at_least_the_size_and_wastes_at_most_an_eighth(void **state)
{
	for (size_t size = 1; size < 3u << 20; size += size / 37 + 1) {
		size_t real = 0;
		unsigned char *block = storage_take(size, &real);

		assert_non_null(block);
		assert_true(real >= size);
		assert_true(real <= 1024 || real <= size + size / 8 + 64);
		assert_int_equal((uintptr_t)block % 64, 0);
		memset(block, 0xee, real);
		storage_give(block, real);
	}
	storage_give(NULL, 0);
}

static void what_is_given_back_is_taken_again(void **state)
{
	size_t size = 0, again = 0, idle;
	void *block = storage_take(65536, &size), *other;

	idle = storage_idle_bytes();
	storage_give(block, size);
	assert_int_equal(storage_idle_bytes() - idle, recycling ? size : 0);
	other = storage_take(65000, &again);
	assert_int_equal(storage_idle_bytes(), idle);
	if (recycling)
		assert_ptr_equal(other, block);
	assert_int_equal(again, size);
	storage_give(other, again);
}

static void what_lies_idle_is_bounded(void **state)
{
	enum { COUNT = 600, SIZE = 100 << 10 };
	static void *blocks[COUNT];
	static size_t sizes[COUNT];

	for (uint32_t i = 0; i < COUNT; i++) {
		blocks[i] = storage_take(SIZE, &sizes[i]);
		assert_non_null(blocks[i]);
	}
	for (uint32_t i = 0; i < COUNT; i++)
		storage_give(blocks[i], sizes[i]);
	assert_true(storage_idle_bytes() <= STORAGE_IDLE_LIMIT);
	if (recycling)
		assert_true(storage_idle_bytes() > STORAGE_IDLE_LIMIT - (256 << 10));
}

static void blocks_that_nobody_needs_between_two_trims_are_freed(void **state)
{
	size_t size = 0, kept;
	void *block;

	storage_trim();
	storage_trim();
	assert_int_equal(storage_idle_bytes(), 0);
	for (uint32_t i = 0; i < 2; i++) {
		size_t sizes[2];
		void *one = storage_take(10000, &sizes[0]), *two = storage_take(10000, &sizes[1]);

		storage_give(one, sizes[0]);
		storage_give(two, sizes[1]);
	}
	kept = storage_idle_bytes();
	storage_trim();
	block = storage_take(10000, &size);
	storage_give(block, size);
	assert_int_equal(storage_idle_bytes(), kept);
	storage_trim();
	assert_int_equal(storage_idle_bytes(), recycling ? size : 0);
	storage_trim();
	assert_int_equal(storage_idle_bytes(), 0);
}

static void *exchange(void *data)
{
	unsigned seed = (unsigned)(uintptr_t)data;
	void *blocks[16] = { 0 };
	size_t sizes[16] = { 0 };

	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t place = (uint32_t)rand_r(&seed) % 16;

		if (blocks[place] && *(uint64_t *)blocks[place] != (uint64_t)(uintptr_t)data)
			return (void *)"a block has two owners";
		storage_give(blocks[place], sizes[place]);
		blocks[place] = storage_take((size_t)rand_r(&seed) % 200000, &sizes[place]);
		if (blocks[place])
			*(uint64_t *)blocks[place] = (uint64_t)(uintptr_t)data;
	}
	for (uint32_t place = 0; place < 16; place++)
		storage_give(blocks[place], sizes[place]);
	return NULL;
}

static void threads_share_blocks_but_never_one_block(void **state)
{
	pthread_t threads[4];
	void *complaint;

	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, exchange, (void *)(i + 1)), 0);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &complaint), 0);
		assert_null(complaint);
	}
	assert_true(storage_idle_bytes() <= STORAGE_IDLE_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_has_at_least_the_size_and_wastes_at_most_an_eighth),
		cmocka_unit_test(what_is_given_back_is_taken_again),
		cmocka_unit_test(what_lies_idle_is_bounded),
		cmocka_unit_test(blocks_that_nobody_needs_between_two_trims_are_freed),
		cmocka_unit_test(threads_share_blocks_but_never_one_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
