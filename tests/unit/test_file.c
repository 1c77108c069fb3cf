// SPDX-License-Identifier: Apache-2.0
/* Output `file`: whole lines or none, whatever the disk and the reader do. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "batch.h"
#include "plugin_host.h"
#include <cmocka.h> /* last: its macro fail() is a service of the host */

const struct sonde_plugin *sonde_plugin(const struct sonde_host *host);

static char path[64], path_option[80];

static int in_a_new_file(void **state)
{
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/test_file.XXXXXX");
	fd = mkstemp(path);
	(void)snprintf(path_option, sizeof(path_option), "path=%s", path);
	return fd < 0 ? -1 : close(fd);
}

static int gone(void **state)
{
	(void)state;
	return unlink(path);
}

/* A batch of rows n = first, first + 1, ... */
static struct sonde_batch *numbers(uint32_t first, uint32_t count)
{
	static const struct sonde_field field = { .name = "n", .type = SONDE_U32 };
	struct sonde_batch *batch = batch_table("numbers", SONDE_SIGNAL_LOG, count);
	struct sonde_column *column = batch_add(batch, &field, NULL);

	for (uint32_t row = 0; row < count; row++) {
		uint32_t value = first + row;

		memcpy(column->base + (size_t)row * column->stride, &value, sizeof(value));
	}
	batch_finish(batch);
	return batch;
}

static int write_numbers(struct plugin_host *host, uint32_t first, uint32_t count)
{
	struct sonde_batch *batch = numbers(first, count);
	int result = plugin_host_write(host, &batch, 1);

	batch_release(batch);
	return result;
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *expected)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(path, "re");

	assert_true(file && text);
	(void)fread(text, 1, 65535, file);
	assert_string_equal(text, expected);
	(void)fclose(file);
	free(text);
}

static struct plugin_host *started(const char *const *options)
{
	struct plugin_host *host = plugin_host_create(sonde_plugin, options);

	assert_int_equal(plugin_host_start(host), 0);
	return host;
}

static void rows_become_lines_behind_those_that_are_there(void **state)
{
	struct plugin_host *host;

	(void)state;
	write_text("old\n");
	host = started((const char *[]){ path_option, NULL });
	assert_int_equal(write_numbers(host, 1, 2), SONDE_OK);
	assert_int_equal(write_numbers(host, 3, 1), SONDE_OK);
	plugin_host_release(host);
	assert_content("old\n{\"schema\":\"numbers\",\"n\":1}\n{\"schema\":\"numbers\",\"n\":2}\n"
		       "{\"schema\":\"numbers\",\"n\":3}\n");
}

static void truncate_begins_anew_and_schema_can_be_left_out(void **state)
{
	struct plugin_host *host;

	(void)state;
	write_text("old\n");
	host = started((const char *[]){ path_option, "mode=truncate", "schema=false", "sync=batch",
					 NULL });
	assert_int_equal(write_numbers(host, 1, 1), SONDE_OK);
	plugin_host_release(host);
	assert_content("{\"n\":1}\n");
}

static void a_torn_last_line_is_cut_off_at_the_start(void **state)
{
	struct plugin_host *host;

	(void)state;
	write_text("{\"n\":1}\n{\"n\":");
	host = started((const char *[]){ path_option, "schema=false", NULL });
	assert_non_null(strstr(host->message, "5 bytes cut off"));
	assert_int_equal(write_numbers(host, 2, 1), SONDE_OK);
	plugin_host_release(host);
	assert_content("{\"n\":1}\n{\"n\":2}\n");
}

static void a_file_without_lines_is_left_alone(void **state)
{
	struct plugin_host *host;

	(void)state;
	write_text("no line");
	host = plugin_host_create(sonde_plugin, (const char *[]){ path_option, NULL });
	assert_int_equal(plugin_host_start(host), -EBADMSG);
	assert_non_null(strstr(host->message, "does not hold rows of this format"));
	plugin_host_release(host);
	assert_content("no line");
}

static void two_writers_of_one_file_are_refused(void **state)
{
	const char *options[] = { path_option, NULL };
	struct plugin_host *first = started(options);
	struct plugin_host *second = plugin_host_create(sonde_plugin, options);

	(void)state;
	assert_int_equal(plugin_host_start(second), -EBUSY);
	assert_non_null(strstr(second->message, "written by somebody else"));
	plugin_host_release(second);
	plugin_host_release(first);
}

static void a_directory_that_is_none_is_a_problem_of_the_config(void **state)
{
	char below[96], expected[128];
	struct plugin_host *host;

	(void)state;
	(void)snprintf(below, sizeof(below), "path=%s/lines", path);
	(void)snprintf(expected, sizeof(expected), "path: %s is no directory", path);
	host = plugin_host_create(sonde_plugin, (const char *[]){ below, NULL });
	assert_string_equal(host->problem, expected);
	assert_int_equal(plugin_host_start(host), -ENOTDIR);
	plugin_host_release(host);
}

/* A limit on the file's size fails as a full disk does: after a part was written. */
static void set_size_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_delivery_that_does_not_fit_leaves_no_trace_and_comes_again(void **state)
{
	struct plugin_host *host = started((const char *[]){ path_option, "schema=false", NULL });
	int result;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(write_numbers(host, 1, 2), SONDE_OK);
	set_size_limit(20); /* within the first line to come */
	result = write_numbers(host, 3, 2);
	set_size_limit(RLIM_INFINITY);
	assert_int_equal(result, -EFBIG);
	assert_non_null(strstr(host->message, "cannot write to /tmp/test_file."));
	assert_content("{\"n\":1}\n{\"n\":2}\n");
	assert_int_equal(plugin_host_retry(host), SONDE_OK);
	assert_int_equal(write_numbers(host, 5, 1), SONDE_OK);
	plugin_host_release(host);
	assert_content("{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n");
}

static void a_full_disk_is_named(void **state)
{
	struct plugin_host *host =
		plugin_host_create(sonde_plugin, (const char *[]){ "path=/dev/full", NULL });

	(void)state;
	assert_int_equal(plugin_host_start(host), 0);
	assert_int_equal(write_numbers(host, 1, 1), -ENOSPC);
	assert_string_equal(host->message, "cannot write to /dev/full: No space left on device");
	plugin_host_release(host);
}

static size_t drain(int fd, char *to, size_t size)
{
	size_t length = 0;

	for (;;) {
		ssize_t count = read(fd, to + length, size - length);

		if (count <= 0)
			return length;
		length += (size_t)count;
	}
}

static void a_slow_reader_is_waited_for_without_blocking(void **state)
{
	enum { ROWS = 20000, SIZE = 1 << 20 };
	char *text = malloc(SIZE), *expected = malloc(SIZE), *to = expected;
	struct plugin_host *host;
	size_t length = 0;
	int fd;

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	host = started((const char *[]){ path_option, "schema=false", NULL });
	assert_int_equal(write_numbers(host, 0, ROWS), SONDE_LATER);
	assert_int_equal(host->watched_events, SONDE_WRITABLE);
	assert_int_equal(host->settled_count, 0);
	for (uint32_t round = 0; round < 100 && !host->settled_count; round++) {
		length += drain(fd, text + length, SIZE - length);
		assert_int_equal(plugin_host_ready(host), 0);
	}
	length += drain(fd, text + length, SIZE - length);
	assert_int_equal(host->settled_count, 1);
	assert_int_equal(host->outcome.verdict, SONDE_DONE);
	assert_int_equal(host->watched_fd, -1);
	for (uint32_t row = 0; row < ROWS; row++)
		to += sprintf(to, "{\"n\":%u}\n", row);
	assert_int_equal(length, (size_t)(to - expected));
	assert_memory_equal(text, expected, length);
	plugin_host_release(host);
	(void)close(fd);
	free(text);
	free(expected);
}

static void a_reader_that_went_is_named_and_the_line_that_it_left_is_finished(void **state)
{
	enum { SIZE = 1 << 20 };
	char *text = calloc(1, SIZE), *line;
	struct plugin_host *host;
	size_t length;
	int fd;

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	host = started((const char *[]){ path_option, "schema=false", NULL });
	assert_int_equal(write_numbers(host, 10000, 20000), SONDE_LATER);
	(void)close(fd);
	assert_int_equal(plugin_host_ready(host), -EPIPE);
	assert_non_null(strstr(host->message, "nobody reads /tmp/test_file."));
	assert_int_equal(host->outcome.verdict, SONDE_RETRY);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	length = drain(fd, text, SIZE); /* what the pipe held */
	assert_true(text[length - 1] != '\n');
	assert_int_equal(write_numbers(host, 7, 1), SONDE_OK); /* another delivery */
	length += drain(fd, text + length, SIZE - length);
	for (line = text; line + 8 < text + length; line += 12)
		assert_int_equal(strtoul(line + 5, NULL, 10), 10000 + (line - text) / 12);
	assert_string_equal(line, "{\"n\":7}\n");
	plugin_host_release(host);
	(void)close(fd);
	free(text);
}

int main(void)
{
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, in_a_new_file, gone)
	const struct CMUnitTest tests[] = {
		TEST(rows_become_lines_behind_those_that_are_there),
		TEST(truncate_begins_anew_and_schema_can_be_left_out),
		TEST(a_torn_last_line_is_cut_off_at_the_start),
		TEST(a_file_without_lines_is_left_alone),
		TEST(two_writers_of_one_file_are_refused),
		TEST(a_directory_that_is_none_is_a_problem_of_the_config),
		TEST(a_delivery_that_does_not_fit_leaves_no_trace_and_comes_again),
		TEST(a_full_disk_is_named),
		TEST(a_slow_reader_is_waited_for_without_blocking),
		TEST(a_reader_that_went_is_named_and_the_line_that_it_left_is_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
