// SPDX-License-Identifier: Apache-2.0
/* Mistakes of a test or of a plugin under the test host: each ends the program and says which. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kit_probe.h"
#include <cmocka.h> /* last: its macro fail() is a service of the host */

/* What a child process that makes a mistake says before it ends by SIGABRT. */
static void assert_dies(void (*mistake)(struct sonde_test *), const char *words)
{
	char text[1024] = "";
	size_t length = 0;
	ssize_t got;
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (!child) {
		struct sonde_test *test = sonde_test_create(sonde_plugin, "name=one", NULL);

		dup2(ends[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		mistake(test);
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!strstr(text, words))
		fail_msg("\"%s\" does not say \"%s\"", text, words);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void *row_from_elsewhere(void *instance)
{
	return sonde_row(instance, 0);
}

static void call_from_elsewhere(struct sonde_test *test)
{
	pthread_t thread;

	sonde_test_start(test);
	if (!pthread_create(&thread, NULL, row_from_elsewhere, sonde_test_instance(test)))
		pthread_join(thread, NULL);
}

static void ask_for_a_row(struct sonde_test *test)
{
	sonde_test_number(test, 3, "number");
}

static void ask_for_a_counter(struct sonde_test *test)
{
	sonde_test_counter(test, "nonsense");
}

static void name_a_schema(struct sonde_test *test)
{
	sonde_row(sonde_test_instance(test), 4);
}

static void go_back(struct sonde_test *test)
{
	sonde_test_advance(test, -1);
}

static void close_what_is_watched(struct sonde_test *test)
{
	int ends[2];

	sonde_test_start(test);
	if (pipe(ends))
		return;
	sonde_watch(sonde_test_instance(test), ends[0], SONDE_READABLE);
	close(ends[0]);
	sonde_test_poll(test, 0);
}

static void write_to_an_input(struct sonde_test *test)
{
	sonde_test_start(test);
	sonde_test_write(test, sonde_test_table(test, "some", "a:u8", "1", NULL));
}

static void ready_without_a_watch(struct sonde_test *test)
{
	sonde_test_ready(test, 99, SONDE_READABLE);
}

static void a_service_called_from_another_thread_ends_the_program(void **state)
{
	assert_dies(call_from_elsewhere, "calls sonde_row() from a thread of its own");
}

static void a_row_that_was_not_emitted_ends_the_program(void **state)
{
	assert_dies(ask_for_a_row, "there is no row 3: 0 were emitted");
}

static void a_counter_that_there_is_not_ends_the_program(void **state)
{
	assert_dies(ask_for_a_counter, "probe has no counter \"nonsense\"");
}

static void a_schema_that_there_is_not_ends_the_program(void **state)
{
	assert_dies(name_a_schema, "the plugin names schema 4 of 1");
}

static void a_clock_that_goes_back_ends_the_program(void **state)
{
	assert_dies(go_back, "the clock cannot go back");
}

static void an_fd_closed_while_it_is_watched_ends_the_program(void **state)
{
	assert_dies(close_what_is_watched, "while it was watched: unwatch it before");
}

static void a_delivery_for_an_input_ends_the_program(void **state)
{
	assert_dies(write_to_an_input, "a delivery for an output that is none");
}

static void an_fd_that_is_not_watched_ends_the_program(void **state)
{
	assert_dies(ready_without_a_watch, "does not watch fd 99");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_called_from_another_thread_ends_the_program),
		cmocka_unit_test(a_row_that_was_not_emitted_ends_the_program),
		cmocka_unit_test(a_counter_that_there_is_not_ends_the_program),
		cmocka_unit_test(a_schema_that_there_is_not_ends_the_program),
		cmocka_unit_test(a_clock_that_goes_back_ends_the_program),
		cmocka_unit_test(an_fd_closed_while_it_is_watched_ends_the_program),
		cmocka_unit_test(a_delivery_for_an_input_ends_the_program),
		cmocka_unit_test(an_fd_that_is_not_watched_ends_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
