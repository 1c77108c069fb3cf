// SPDX-License-Identifier: Apache-2.0
/* The sizes and words of types and roles. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "batch.h"

static void a_value_has_the_size_of_its_member(void **state)
{
	static const struct {
		uint32_t type, size;
	} sizes[] = {
		{ SONDE_BOOL, sizeof(bool) },
		{ SONDE_I8, sizeof(int8_t) },
		{ SONDE_I16, sizeof(int16_t) },
		{ SONDE_I32, sizeof(int32_t) },
		{ SONDE_I64, sizeof(int64_t) },
		{ SONDE_U8, sizeof(uint8_t) },
		{ SONDE_U16, sizeof(uint16_t) },
		{ SONDE_U32, sizeof(uint32_t) },
		{ SONDE_U64, sizeof(uint64_t) },
		{ SONDE_DOUBLE, sizeof(double) },
		{ SONDE_TEXT, sizeof(uint32_t) },
		{ SONDE_BYTES, sizeof(uint32_t) },
		{ SONDE_ID8, 8 },
		{ SONDE_ID16, 16 },
		{ SONDE_TIME, sizeof(int64_t) },
		{ SONDE_DURATION, sizeof(int64_t) },
		{ SONDE_EXPONENTIAL, sizeof(struct sonde_exponential) },
		{ SONDE_EXPLICIT, sizeof(struct sonde_explicit) },
		{ SONDE_QUANTILES, sizeof(struct sonde_quantiles) },
		{ SONDE_ANY, sizeof(uint32_t) },
	};

	assert_int_equal(sizeof(sizes) / sizeof(sizes[0]), SONDE_ANY);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(type_size(sizes[i].type), sizes[i].size);
}

static void what_is_no_type_of_a_column_has_no_size(void **state)
{
	static const uint32_t types[] = { SONDE_NONE,   SONDE_ANY + 1, SONDE_SIZE,
					  SONDE_CHOICE, SONDE_GROUPS,  UINT32_MAX };

	for (uint32_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(type_size(types[i]), 0);
}

static void every_type_and_role_has_a_word_of_its_own(void **state)
{
	const char *words[256];
	uint32_t count = 0, type_count;

	for (uint32_t type = SONDE_NONE; type <= SONDE_GROUPS; type++) {
		if (type <= SONDE_ANY || type >= SONDE_SIZE)
			words[count++] = type_name(type);
	}
	type_count = count;
	for (uint32_t role = 0; role <= SONDE_ROLE_DROPPED_LINKS; role++) {
		if (strcmp(role_name(role), "unknown") != 0)
			words[count++] = role_name(role);
	}
	assert_int_equal(count - type_count, 36);
	for (uint32_t i = 0; i < count; i++) {
		assert_string_not_equal(words[i], "unknown");
		for (uint32_t j = i < type_count ? 0 : type_count; j < i; j++)
			assert_string_not_equal(words[i], words[j]);
	}
	assert_string_equal(type_name(UINT32_MAX), "unknown");
	assert_string_equal(role_name(UINT32_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_has_the_size_of_its_member),
		cmocka_unit_test(what_is_no_type_of_a_column_has_no_size),
		cmocka_unit_test(every_type_and_role_has_a_word_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
