// SPDX-License-Identifier: Apache-2.0
/* Processor `only` under the test host. */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sonde/test.h>

static struct sonde_batch *greetings(struct sonde_test *test)
{
	return sonde_test_table(test, "greeting", "time:time:time word:text count:u64",
				"1 hello 10", "2 'good day' 20", "3 - 30", "4 bye 40", NULL);
}

static void rows_with_a_listed_text_pass(struct sonde_test *test)
{
	struct sonde_test_account account;

	assert(sonde_test_process(test, greetings(test)) == 0);
	assert(sonde_test_row_count(test) == 2);
	assert(sonde_test_integer(test, 0, "count") == 20);
	assert(!strcmp(sonde_test_text(test, 1, "word"), "bye"));

	account = sonde_test_account(test); /* every row is accounted for */
	assert(account.in == 4 && account.out == 2 && account.reduced[SONDE_FILTERED] == 2);
	sonde_test_forget(test, SONDE_DONE, NULL);
}

static void rows_of_another_kind_pass_whole(struct sonde_test *test)
{
	struct sonde_batch *other = sonde_test_table(test, "other", "size:u64", "1", "2", NULL);
	struct sonde_batch *number = sonde_test_table(test, "number", "word:u64", "1", NULL);

	assert(sonde_test_process(test, other) == SONDE_PASS);
	assert(sonde_test_process(test, number) == SONDE_PASS);
	assert(sonde_test_row_count(test) == 3);
	assert(sonde_test_counter(test, "mismatched") == 1);
	sonde_test_forget(test, SONDE_DONE, NULL);
}

/* Each service that needs memory is refused some in turn; the last round goes through. */
static void without_memory_rows_are_lost_and_said_to_be(struct sonde_test *test)
{
	uint32_t n = 0;

	do {
		sonde_test_refuse_memory(test, ++n);
		sonde_test_process(test, greetings(test));
	} while (sonde_test_refuse_memory(test, 0));
	assert(n > 2 && sonde_test_logged(test, "no memory for 4 rows"));
	assert(sonde_test_account(test).lost[SONDE_LOST_FAILED] == (n - 1) * 4);
	assert(!sonde_test_degraded(test)); /* the last one went through */
}

int main(void)
{
	struct sonde_test *test =
		sonde_test_create(sonde_plugin, "column=word", "values=bye, good day", NULL);

	assert(test && sonde_test_start(test) == 0);
	rows_with_a_listed_text_pass(test);
	rows_of_another_kind_pass_whole(test);
	without_memory_rows_are_lost_and_said_to_be(test);
	sonde_test_release(test);
	return 0;
}
