// SPDX-License-Identifier: Apache-2.0
/* What core/bounds.h promises; the log goes to a file here. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "bounds.h"
#include "descriptors.h"
#include "memory.h"

enum { QUIET = 10 }; /* seconds after which a trouble is over */

static int real_stderr;
static FILE *log_file;

static int begin(void **state)
{
	log_file = tmpfile();
	real_stderr = dup(STDERR_FILENO);
	return log_file && dup2(fileno(log_file), STDERR_FILENO) == STDERR_FILENO ? 0 : -1;
}

static int end(void **state)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	fclose(log_file);
	memory_on_short(NULL);
	memory_limit(SIZE_MAX);
	return 0;
}

/* How many lines the log has that hold a text. */
static int lines_with(const char *text)
{
	char line[1024];
	int count = 0;

	rewind(log_file);
	while (fgets(line, sizeof(line), log_file))
		count += strstr(line, text) != NULL;
	fseek(log_file, 0, SEEK_END);
	return count;
}

static struct config config_with(uint64_t memory_bytes)
{
	return (struct config){ .path = "test.conf", .daemon = { .memory_bytes = memory_bytes } };
}

static size_t limit(void)
{
	struct memory_snapshot now;

	memory_read(&now);
	return now.limit_bytes;
}

static void the_bound_is_that_of_the_config_or_a_share_of_the_machine(void **state)
{
	struct config config = config_with(123u << 20);

	assert_int_equal(bounds_set(&config), 0);
	assert_int_equal(limit(), 123u << 20);
	config = config_with(0);
	assert_int_equal(bounds_set(&config), 0);
	assert_true(limit() >= MEMORY_LIMIT_LEAST);
	assert_true(limit() < SIZE_MAX);
}

static void the_log_says_once_that_memory_is_short_and_once_that_it_suffices(void **state)
{
	bounds_watch();
	assert_int_equal(lines_with("memory"), 0);
	for (int i = 0; i < 3; i++) {
		memory_count_shed(1000);
		bounds_watch();
	}
	assert_int_equal(lines_with("memory is short"), 1);
	for (int i = 0; i < QUIET - 1; i++)
		bounds_watch();
	assert_int_equal(lines_with("memory suffices again"), 0);
	for (int i = 0; i < QUIET; i++)
		bounds_watch();
	assert_int_equal(lines_with("memory suffices again"), 1);
	memory_count_failure();
	bounds_watch();
	assert_int_equal(lines_with("memory is short"), 2);
}

static void the_log_says_once_that_descriptors_have_run_out(void **state)
{
	for (int i = 0; i < 3; i++) {
		descriptors_note(EMFILE);
		bounds_watch();
	}
	assert_int_equal(lines_with("file descriptors have run out"), 1);
	for (int i = 0; i < 2 * QUIET; i++)
		bounds_watch();
	assert_int_equal(lines_with("file descriptors suffice again"), 1);
}

#define CASE(name_) cmocka_unit_test_setup_teardown(name_, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_bound_is_that_of_the_config_or_a_share_of_the_machine),
		CASE(the_log_says_once_that_memory_is_short_and_once_that_it_suffices),
		CASE(the_log_says_once_that_descriptors_have_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
