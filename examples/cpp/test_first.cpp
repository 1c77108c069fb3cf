// SPDX-License-Identifier: Apache-2.0
/* Processor `first` under the test host, in C++. */
#undef NDEBUG
#include <cassert>
#include <string>
#include <sonde/test.h>

static struct sonde_batch *words(struct sonde_test *test)
{
	return sonde_test_table(test, "words", "word:text number:u8", "one 1", "two 2", "one 3",
				"- 4", nullptr);
}

int main()
{
	struct sonde_test *test =
		sonde_test_create(sonde_plugin, "column=word", "interval=10s", "limit=2", nullptr);

	assert(test && sonde_test_start(test) == 0);
	sonde_test_process(test, words(test));
	assert(sonde_test_print(test) == std::string("words word=\"one\" number=1\n"
						     "words word=\"two\" number=2\n"));
	sonde_test_process(test, words(test));
	assert(sonde_test_row_count(test) == 2);
	sonde_test_advance(test, 10 * SONDE_TEST_SECOND);
	sonde_test_process(test, words(test));
	assert(sonde_test_row_count(test) == 4);

	sonde_test_process(test, sonde_test_table(test, "words", "word:text", "three", nullptr));
	assert(sonde_test_counter(test, "forgets") == 1);
	sonde_test_process(test, words(test));
	assert(sonde_test_row_count(test) == 7);

	/* The account of an instance is a struct, and also the function that reads it. */
	struct sonde_test_account account = sonde_test_account(test);
	assert(account.in == 17 && account.out == 7 && account.reduced[SONDE_FILTERED] == 10);

	sonde_test_process(test, sonde_test_table(test, "other", "word:u8", "1", nullptr));
	assert(sonde_test_row_count(test) == 8);
	sonde_test_refuse_memory(test, 1);
	sonde_test_process(test, words(test));
	assert(sonde_test_logged(test, "error: no memory"));
	sonde_test_release(test);
	return 0;
}
