// SPDX-License-Identifier: Apache-2.0
/* Input `number` under the test host. */
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sonde/test.h>

static void file_write(const char *text)
{
	FILE *file = fopen("number.txt", "w");

	assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

int main(void)
{
	struct sonde_test *test =
		sonde_test_create(sonde_plugin, "path=number.txt", "interval=1s", NULL);

	file_write("42.5 and more\n");
	assert(sonde_test_start(test) == 0);
	sonde_test_advance(test, 2 * SONDE_TEST_SECOND);
	assert(sonde_test_row_count(test) == 2);
	assert(sonde_test_number(test, 0, "number") == 42.5);
	assert(!strcmp(sonde_test_text(test, 0, "file.path"), "number.txt"));

	file_write("none\n");
	sonde_test_advance(test, SONDE_TEST_SECOND);
	assert(sonde_test_row_count(test) == 2);
	assert(sonde_test_counter(test, "readings") == 2);
	assert(sonde_test_degraded(test) && sonde_test_logged(test, "number.txt holds no number"));

	assert(sonde_test_set(test, "interval", "10s") == 0);
	assert(sonde_test_advance(test, 10 * SONDE_TEST_SECOND) == 1);
	assert(!sonde_test_create(sonde_plugin, NULL)); /* `path` is required */
	sonde_test_release(test);
	return remove("number.txt");
}
