// SPDX-License-Identifier: Apache-2.0
/* The processor aggregate under the test host: windows, late rows, sources, books, knobs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <sonde/test.h>

/* Times begin with those of the test's clock: 1,000,000,000 s, which ten divides. */
#define SECOND(number_) "10000000" #number_ "000000000"

static const char columns[] = "time:time:time call:text wait:duration:duration";

static struct sonde_test *aggregate_create(const char *const *options)
{
	struct sonde_test *test = sonde_test_create_replica(sonde_plugin, 0, 1, options);

	if (!test)
		fail_msg("%s", sonde_test_error());
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}

#define CREATE(...) aggregate_create((const char *const[]){ __VA_ARGS__, NULL })

static void assert_closed_books(struct sonde_test *test)
{
	struct sonde_test_account account = sonde_test_account(test);
	uint64_t sum = account.out + account.held;

	for (int i = 0; i < SONDE_REDUCTION_COUNT; i++)
		sum += account.reduced[i];
	for (int i = 0; i < SONDE_LOSS_COUNT; i++)
		sum += account.lost[i];
	assert_int_equal(account.in + account.made, sum);
}

/* ---- measures ---------------------------------------------------------------------------- */

static void a_row_a_group_says_what_its_rows_come_to(void **state)
{
	struct sonde_test *test =
		CREATE("by=call", "measures=count, sum(wait), min(wait), max(wait), mean(wait), "
				  "slow = count where wait > 25");

	sonde_test_process(test, sonde_test_table(test, "calls", columns, SECOND(00) " read 10",
						  SECOND(01) " write 20", SECOND(02) " read 30",
						  SECOND(03) " read -", NULL));
	assert_int_equal(sonde_test_row_count(test), 0);
	assert_true(sonde_test_drain(test));
	printf("%s", sonde_test_print(test));
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_closed_books(test);
	sonde_test_release(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_a_group_says_what_its_rows_come_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
