/* SPDX-License-Identifier: Apache-2.0 */
/* What core/log.h promises, with a pipe as stderr. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "clock.h"
#include "journald.h"
#include "log.h"
#include "repeat.h"
#include "secret.h"

static const struct log_settings text_settings = { SONDE_INFO, LOG_TEXT, LOG_TO_STDERR };

static int real_stderr = -1, reader = -1;
static char seen[256 * 1024];

static int set_up(void **state)
{
	int fds[2];

	real_stderr = dup(STDERR_FILENO);
	if (pipe(fds))
		return -1;
	reader = fds[0];
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	return 0;
}

static int tear_down(void **state)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(reader);
	return 0;
}

static void start(const struct log_settings *settings)
{
	log_configure(settings);
	assert_int_equal(log_start(), 0);
}

/* All that was written until now. */
static const char *seen_until_now(void)
{
	size_t filled = 0;
	ssize_t length;

	fcntl(reader, F_SETFL, O_NONBLOCK);
	while ((length = read(reader, seen + filled, sizeof(seen) - 1 - filled)) > 0)
		filled += (size_t)length;
	seen[filled] = '\0';
	return seen;
}

static uint32_t count_of(const char *text, const char *word)
{
	uint32_t count = 0;

	while ((text = strstr(text, word))) {
		count++;
		text += strlen(word);
	}
	return count;
}

static void before_it_is_started_lines_are_written_at_once(void **state)
{
	struct log_counts before = log_counts();

	log_write(SONDE_ERROR, "calls", "no %s", "ring");
	assert_non_null(strstr(seen_until_now(), "error calls: no ring\n"));
	assert_int_equal(log_counts().written, before.written + 1);
}

static void lines_are_written_in_their_order_and_none_is_left_at_the_end(void **state)
{
	start(&text_settings);
	log_write(SONDE_INFO, NULL, "first");
	log_write(SONDE_WARNING, "calls", "second");
	log_write(SONDE_DEBUG, NULL, "below the level");
	log_close();
	assert_non_null(strstr(seen_until_now(), "info first\n"));
	assert_non_null(strstr(strstr(seen, "first"), "warning calls: second\n"));
	assert_null(strstr(seen, "below"));
}

static void a_second_call_changes_level_and_format(void **state)
{
	const struct log_settings json = { SONDE_DEBUG, LOG_JSON, LOG_TO_STDERR };

	start(&text_settings);
	log_configure(&json);
	log_write(SONDE_DEBUG, "calls", "say \"hello\"");
	log_close();
	seen_until_now();
	assert_int_equal(seen[0], '{');
	assert_non_null(strstr(seen, "\"level\":\"debug\",\"instance\":\"calls\","
				     "\"message\":\"say \\\"hello\\\"\"}\n"));
}

static void repeats_are_held_back_and_told_at_the_end(void **state)
{
	struct log_counts before = log_counts();

	start(&text_settings);
	for (int i = 0; i < 1000; i++)
		log_write(SONDE_WARNING, "loop", "turn %d", i);
	log_close();
	assert_int_equal(count_of(seen_until_now(), "warning loop: turn "), REPEAT_LIMIT + 1);
	assert_non_null(strstr(seen, "turn 10 … 990 more like this in "));
	assert_int_equal(log_counts().held - before.held, 990);
	assert_int_equal(log_counts().written - before.written, REPEAT_LIMIT + 1);
}

static void a_secret_is_not_written(void **state)
{
	assert_int_equal(secret_hide("swordfish-9"), 0);
	start(&text_settings);
	log_write(SONDE_ERROR, "otlp", "401 for Bearer %s", "swordfish-9");
	log_close();
	assert_non_null(strstr(seen_until_now(), "401 for Bearer ***\n"));
	assert_null(strstr(seen, "swordfish"));
}

static void a_message_that_is_too_long_is_cut_and_says_so(void **state)
{
	char message[3 * LOG_MESSAGE_BYTES];

	memset(message, 'm', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	start(&text_settings);
	log_write(SONDE_INFO, NULL, "%s", message);
	log_close();
	assert_non_null(strstr(seen_until_now(), "mmm…\n"));
}

/* ---- nobody reads ------------------------------------------------------------------------ */

/* More than two buffers and a pipe hold, of as many instances, so that nothing is a repeat. */
static void write_much(void)
{
	char name[32], message[1024];

	memset(message, 'm', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "i-%d", i);
		log_write(SONDE_INFO, name, "%s", message);
	}
}

/* What the log says of its losses, added up. */
static uint64_t told_lost(void)
{
	static const char words[] = " lines of this log were lost here";
	uint64_t lost = 0;

	for (char *told = strstr(seen, words); told; told = strstr(told + 1, words)) {
		const char *number = told;

		while (number[-1] != ' ')
			number--;
		lost += strtoull(number, NULL, 10);
	}
	return lost;
}

static void *read_all(void *data)
{
	size_t *filled = data;
	ssize_t length;

	while ((length = read(reader, seen + *filled, sizeof(seen) - 1 - *filled)) > 0)
		*filled += (size_t)length;
	return NULL;
}

static void a_pipe_that_nobody_reads_holds_nobody_up_and_the_loss_is_told(void **state)
{
	struct log_counts before = log_counts(), after;
	pthread_t thread;
	size_t filled = 0;

	start(&text_settings);
	write_much();
	after = log_counts();
	assert_true(after.lost > before.lost);
	pthread_create(&thread, NULL, read_all, &filled);
	log_close();
	dup2(real_stderr, STDERR_FILENO); /* the end of the pipe */
	pthread_join(thread, NULL);
	seen[filled] = '\0';
	assert_int_equal(told_lost(), after.lost - before.lost);
	assert_int_equal(count_of(seen, " info i-") + after.lost - before.lost, 1000);
}

static void the_end_does_not_wait_for_a_reader_that_never_comes(void **state)
{
	int status;
	pid_t child = fork();

	if (!child) {
		log_configure(&text_settings);
		if (log_start())
			_exit(2);
		write_much();
		log_close();
		log_write(SONDE_ERROR, NULL, "too late");
		_exit(log_counts().lost ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void without_a_journal_lines_go_to_stderr_with_a_note(void **state)
{
	const struct log_settings journald = { SONDE_INFO, LOG_TEXT, LOG_TO_JOURNALD };
	struct stat status;

	if (!stat(JOURNALD_SOCKET, &status)) {
		print_message("this machine has a journal, which gets them\n");
		skip();
	}
	start(&journald);
	log_write(SONDE_INFO, "calls", "one");
	log_write(SONDE_INFO, "calls", "two");
	log_close();
	seen_until_now();
	assert_int_equal(count_of(seen, "the journal does not take this log"), 1);
	assert_non_null(strstr(seen, "info calls: one\n"));
	assert_non_null(strstr(seen, "info calls: two\n"));
}

static void auto_is_stderr_where_that_does_not_lead_to_the_journal(void **state)
{
	const struct log_settings settings = { SONDE_INFO, LOG_TEXT, LOG_TO_AUTO };

	setenv("JOURNAL_STREAM", "1:1", 1);
	start(&settings);
	log_write(SONDE_INFO, "calls", "here");
	log_close();
	assert_non_null(strstr(seen_until_now(), "info calls: here\n"));
	assert_null(strstr(seen, "the journal does not"));
}

int main(void)
{
#define with_pipe(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		/* First: it forks, which wants no thread of the log that still ends. */
		with_pipe(the_end_does_not_wait_for_a_reader_that_never_comes),
		with_pipe(before_it_is_started_lines_are_written_at_once),
		with_pipe(lines_are_written_in_their_order_and_none_is_left_at_the_end),
		with_pipe(a_second_call_changes_level_and_format),
		with_pipe(repeats_are_held_back_and_told_at_the_end),
		with_pipe(a_secret_is_not_written),
		with_pipe(a_message_that_is_too_long_is_cut_and_says_so),
		with_pipe(a_pipe_that_nobody_reads_holds_nobody_up_and_the_loss_is_told),
		with_pipe(without_a_journal_lines_go_to_stderr_with_a_note),
		with_pipe(auto_is_stderr_where_that_does_not_lead_to_the_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
