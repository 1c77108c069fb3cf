/* SPDX-License-Identifier: Apache-2.0 */
/* What core/secret.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "secret.h"

static void assert_masked(const char *text, const char *expected)
{
	char buffer[256];

	snprintf(buffer, sizeof(buffer), "%s", text);
	secret_mask(buffer);
	assert_string_equal(buffer, expected);
}

static void a_secret_is_masked_wherever_it_stands(void **state)
{
	assert_int_equal(secret_hide("hunter2-swordfish"), 0);
	assert_masked("hunter2-swordfish", "***");
	assert_masked("GET /?token=hunter2-swordfish&x=hunter2-swordfish.",
		      "GET /?token=***&x=***.");
	assert_masked("nothing here", "nothing here");
	assert_masked("", "");
}

static void a_secret_that_was_cut_is_masked_if_half_of_it_is_there(void **state)
{
	assert_int_equal(secret_hide("correct-horse-battery"), 0);
	assert_masked("token correct-horse", "token ***");
	assert_masked("that is correct", "that is correct");
}

static void of_two_secrets_that_begin_alike_the_longer_one_goes(void **state)
{
	assert_int_equal(secret_hide("abcdefgh"), 0);
	assert_int_equal(secret_hide("abcdefghijkl"), 0);
	assert_masked("<abcdefghijkl>", "<***>");
	assert_masked("<abcdefgh>", "<***>");
}

static void a_text_too_short_to_be_a_secret_is_left_alone(void **state)
{
	assert_int_equal(secret_hide("on"), 0);
	assert_int_equal(secret_hide(""), 0);
	assert_masked("one song", "one song");
}

static void beyond_the_limit_the_first_one_is_given_up(void **state)
{
	char secret[32];

	for (uint32_t i = 0; i < 2 * SECRET_LIMIT; i++) {
		snprintf(secret, sizeof(secret), "%08u-rotating", i);
		assert_int_equal(secret_hide(secret), 0);
		assert_int_equal(secret_hide(secret), 0); /* a second time takes no place */
	}
	assert_masked("00002047-rotating 00001024-rotating", "*** ***");
	assert_masked("00000001-rotating", "00000001-rotating");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_masked_wherever_it_stands),
		cmocka_unit_test(a_secret_that_was_cut_is_masked_if_half_of_it_is_there),
		cmocka_unit_test(of_two_secrets_that_begin_alike_the_longer_one_goes),
		cmocka_unit_test(a_text_too_short_to_be_a_secret_is_left_alone),
		cmocka_unit_test(beyond_the_limit_the_first_one_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
