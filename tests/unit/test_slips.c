// SPDX-License-Identifier: Apache-2.0
/* Slips that a plugin's author makes, and that the core names instead of taking them for success.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <sonde/test.h>
#include <cmocka.h> /* last: its macro fail() is a service of the host */

enum { ODD = 42 };

static int odd_start(struct sonde_instance *instance)
{
	return EIO; /* not -EIO */
}

static int odd_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return ODD;
}

static int lent_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return sonde_emit_batch(instance, batch);
}

static int twice_negative_start(struct sonde_instance *instance)
{
	return sonde_fail(instance, -EACCES, "cannot open it");
}

static const struct sonde_plugin odd_input = { SONDE_PLUGIN_INPUT, .name = "odd",
					       .start = odd_start };
static const struct sonde_plugin denied_input = { SONDE_PLUGIN_INPUT, .name = "denied",
						  .start = twice_negative_start };
static const struct sonde_plugin odd_processor = { SONDE_PLUGIN_PROCESSOR, .name = "odd",
						   .process = odd_process };
static const struct sonde_plugin lent_processor = { SONDE_PLUGIN_PROCESSOR, .name = "lent",
						    .process = lent_process };

static const struct sonde_plugin *odd_input_plugin(const struct sonde_host *host)
{
	return &odd_input;
}

static const struct sonde_plugin *denied_input_plugin(const struct sonde_host *host)
{
	return &denied_input;
}

static const struct sonde_plugin *odd_processor_plugin(const struct sonde_host *host)
{
	return &odd_processor;
}

static const struct sonde_plugin *lent_processor_plugin(const struct sonde_host *host)
{
	return &lent_processor;
}

static int process_two_rows(struct sonde_test *test)
{
	return sonde_test_process(
		test, sonde_test_table(test, "load", "value:double:gauge", "0.5", "1.5", NULL));
}

static void a_positive_result_of_start_is_a_failure(void **state)
{
	struct sonde_test *test = sonde_test_create(odd_input_plugin, NULL);

	sonde_test_start(test);
	assert_true(sonde_test_logged(test, "start returned 5, expected 0 or a negative errno"));
	sonde_test_release(test);
}

static void an_unknown_result_of_process_loses_the_rows_by_failed(void **state)
{
	struct sonde_test *test = sonde_test_create(odd_processor_plugin, NULL);

	assert_int_equal(sonde_test_start(test), 0);
	process_two_rows(test);
	assert_true(sonde_test_logged(test, "process returned 42"));
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_FAILED], 2);
	sonde_test_release(test);
}

static void a_lent_batch_that_is_emitted_is_refused_and_stays_whole(void **state)
{
	struct sonde_test *test = sonde_test_create(lent_processor_plugin, NULL);

	assert_int_equal(sonde_test_start(test), 0);
	assert_int_equal(process_two_rows(test), -EINVAL);
	assert_true(sonde_test_logged(test, "return SONDE_PASS instead"));
	assert_int_equal(sonde_test_row_count(test), 0);
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_FAILED], 2);
	sonde_test_release(test);
}

static void an_error_may_come_with_either_sign(void **state)
{
	struct sonde_test *test = sonde_test_create(denied_input_plugin, NULL);

	assert_int_equal(sonde_test_start(test), -EACCES);
	assert_true(sonde_test_logged(test, "cannot open it: Permission denied"));
	sonde_test_release(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_positive_result_of_start_is_a_failure),
		cmocka_unit_test(an_unknown_result_of_process_loses_the_rows_by_failed),
		cmocka_unit_test(a_lent_batch_that_is_emitted_is_refused_and_stays_whole),
		cmocka_unit_test(an_error_may_come_with_either_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
