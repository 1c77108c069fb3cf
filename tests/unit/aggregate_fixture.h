/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the processor aggregate share: an instance, rows of calls, and its books. */
#ifndef SONDE_AGGREGATE_FIXTURE_H
#define SONDE_AGGREGATE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sonde/test.h>

/* Times begin with those of the test's clock: 1,000,000,000 s, which ten divides. */
#define SECOND(number_) "10000000" #number_ "000000000"

static const char columns[] = "time:time:time call:text wait:duration:duration";

static inline struct sonde_test *aggregate_create(const char *const *options)
{
	struct sonde_test *test = sonde_test_create_replica(sonde_plugin, 0, 1, options);

	if (!test)
		fail_msg("%s", sonde_test_error());
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}

#define CREATE(...) aggregate_create((const char *const[]){ __VA_ARGS__, NULL })

static inline void assert_closed_books(struct sonde_test *test)
{
	struct sonde_test_account account = sonde_test_account(test);
	uint64_t sum = account.out + account.held;

	for (int i = 0; i < SONDE_REDUCTION_COUNT; i++)
		sum += account.reduced[i];
	for (int i = 0; i < SONDE_LOSS_COUNT; i++)
		sum += account.lost[i];
	assert_int_equal(account.in + account.made, sum);
}

static inline struct sonde_batch *calls(struct sonde_test *test, const char *row)
{
	return sonde_test_table(test, "calls", columns, row, NULL);
}

#endif
