// SPDX-License-Identifier: Apache-2.0
/* Output `file` with many files: each delivery is in all of them or in none, whatever the disk does
 * meanwhile, and is answered when the policy says so. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "file_fixture.h"

/* ---- a disk that fails ------------------------------------------------------------------- */

static size_t room;     /* bytes that it still takes */
static int write_error; /* what it says then */
static uint32_t sync_fails, sync_count, cut_fails;

ssize_t __real_write(int fd, const void *data, size_t length);
ssize_t __wrap_write(int fd, const void *data, size_t length);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate64(int fd, off_t length);
int __wrap_ftruncate64(int fd, off_t length);

ssize_t __wrap_write(int fd, const void *data, size_t length)
{
	ssize_t written;

	if (fd <= STDERR_FILENO)
		return __real_write(fd, data, length);
	if (!room) {
		errno = write_error;
		return -1;
	}
	written = __real_write(fd, data, length < room ? length : room);
	if (written > 0 && room != SIZE_MAX)
		room -= (size_t)written;
	return written;
}

int __wrap_fdatasync(int fd)
{
	sync_count++;
	if (!sync_fails)
		return __real_fdatasync(fd);
	sync_fails--;
	errno = EIO;
	return -1;
}

int __wrap_ftruncate64(int fd, off_t length)
{
	if (!cut_fails)
		return __real_ftruncate64(fd, length);
	cut_fails--;
	errno = EIO;
	return -1;
}

static int on_a_good_disk(void **state)
{
	room = SIZE_MAX;
	write_error = ENOSPC;
	sync_fails = sync_count = cut_fails = 0;
	return in_a_new_directory(state);
}

/* ---- a delivery is in all files or in none ----------------------------------------------- */

static void rows_of_a_batch_go_to_their_files(void **state)
{
	struct plugin_host *host = started("%{schema}/n%{n}.json", NULL);
	struct stat status;

	(void)state;
	assert_int_equal(write_numbers(host, "n", 1, 2), SONDE_OK);
	assert_int_equal(write_numbers(host, "n", 2, 2), SONDE_OK);
	plugin_host_release(host);
	assert_content("numbers/n1.json", "{\"n\":1}\n");
	assert_content("numbers/n2.json", "{\"n\":2}\n{\"n\":2}\n");
	assert_content("numbers/n3.json", "{\"n\":3}\n");
	assert_int_equal(stat(in("numbers"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0750);
	assert_int_equal(stat(in("numbers/n1.json"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
}

static void a_full_disk_leaves_no_row_in_any_file(void **state)
{
	static const int errors[] = { ENOSPC, EDQUOT, EIO };
	static const char *const limits[] = { "open_files=64", "open_files=1" };

	(void)state;
	for (int turn = 0; turn < 6; turn++) {
		const char *options[] = { limits[turn % 2], NULL };
		struct plugin_host *host = started("n%{n}.json", options);

		write_error = errors[turn / 2];
		assert_int_equal(write_numbers(host, "n", 1, 3), SONDE_OK);
		room = 20; /* two rows and a half */
		assert_int_equal(write_numbers(host, "n", 1, 3), -write_error);
		assert_non_null(strstr(host->message, "cannot write to /tmp/test_file."));
		assert_non_null(strstr(host->message, strerror(write_error)));
		assert_content("n1.json", "{\"n\":1}\n");
		assert_content("n2.json", "{\"n\":2}\n");
		assert_content("n3.json", "{\"n\":3}\n");
		assert_int_equal(plugin_host_retry(host), -write_error);
		room = SIZE_MAX;
		assert_int_equal(plugin_host_retry(host), SONDE_OK);
		plugin_host_release(host);
		assert_content("n1.json", "{\"n\":1}\n{\"n\":1}\n");
		assert_content("n2.json", "{\"n\":2}\n{\"n\":2}\n");
		assert_content("n3.json", "{\"n\":3}\n{\"n\":3}\n");
		for (int file = 1; file <= 3; file++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "n%d.json", file);
			assert_int_equal(unlink(in(name)), 0);
		}
	}
}

static void fewer_descriptors_than_configured_are_made_do_with(void **state)
{
	struct plugin_host *host = started("n%{n}.json", NULL);
	struct rlimit limit, few;
	int fd = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(close(fd), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = (struct rlimit){ .rlim_cur = (rlim_t)fd + 3, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(write_numbers(host, "n", 10, 20), SONDE_OK);
	assert_int_equal(write_numbers(host, "n", 10, 20), SONDE_OK);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	plugin_host_release(host);
	assert_content("n10.json", "{\"n\":10}\n{\"n\":10}\n");
	assert_content("n29.json", "{\"n\":29}\n{\"n\":29}\n");
}

static void a_disk_that_fills_while_files_are_closed_leaves_no_row_twice(void **state)
{
	const char *options[] = { "rotate_size=30B", NULL };
	struct plugin_host *host = started("rows.json", options);
	char *text;

	(void)state;
	assert_int_equal(write_numbers(host, "n", 1, 1), SONDE_OK);
	room = 80; /* the rest of one file, two whole ones, and half a row */
	assert_int_equal(write_numbers(host, "n", 2, 20), -ENOSPC);
	text = content("rows.json");
	assert_true(!text[0]);
	free(text);
	room = SIZE_MAX;
	assert_int_equal(plugin_host_retry(host), SONDE_OK);
	plugin_host_release(host);
	assert_contents("rows~*.json", 7,
			"{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n{\"n\":6}\n"
			"{\"n\":7}\n{\"n\":8}\n{\"n\":9}\n{\"n\":10}\n{\"n\":11}\n{\"n\":12}\n"
			"{\"n\":13}\n{\"n\":14}\n{\"n\":15}\n{\"n\":16}\n{\"n\":17}\n{\"n\":18}\n"
			"{\"n\":19}\n");
}

static void a_cut_that_fails_is_made_before_anything_else_is_written(void **state)
{
	struct plugin_host *host = started("rows.json", NULL);

	(void)state;
	room = 12;
	cut_fails = 3;
	assert_int_equal(write_numbers(host, "n", 1, 2), -ENOSPC);
	assert_content("rows.json", "{\"n\":1}\n{\"n\"");
	room = SIZE_MAX;
	assert_int_equal(plugin_host_retry(host), -EIO);
	assert_non_null(strstr(host->message, "cannot cut "));
	assert_int_equal(plugin_host_retry(host), -EIO);
	assert_int_equal(plugin_host_retry(host), SONDE_OK);
	plugin_host_release(host);
	assert_content("rows.json", "{\"n\":1}\n{\"n\":2}\n");
}

/* ---- when it is answered ----------------------------------------------------------------- */

static void each_batch_is_on_the_disk_before_it_is_answered(void **state)
{
	struct plugin_host *host = started("rows.json", (const char *[]){ "sync=batch", NULL });

	(void)state;
	assert_int_equal(write_numbers(host, "n", 1, 1), SONDE_OK);
	assert_int_equal(sync_count, 1);
	sync_fails = 1;
	assert_int_equal(write_numbers(host, "n", 2, 1), -EIO);
	assert_non_null(strstr(host->message, "cannot sync "));
	assert_content("rows.json", "{\"n\":1}\n");
	assert_int_equal(plugin_host_retry(host), SONDE_OK);
	plugin_host_release(host);
	assert_content("rows.json", "{\"n\":1}\n{\"n\":2}\n");
}

static void with_an_interval_rows_are_answered_together_once_they_are_synced(void **state)
{
	const char *options[] = { "sync=interval", "sync_interval=2s", NULL };
	struct plugin_host *host = started("n%{n}.json", options);

	(void)state;
	assert_int_equal(write_numbers(host, "n", 1, 2), SONDE_LATER);
	assert_int_equal(host->delay_ns[TIMER_SYNC], 2 * second_ns);
	assert_int_equal(sync_count, 0);
	assert_int_equal(host->settled_count, 0);
	assert_int_equal(plugin_host_fire(host, TIMER_SYNC), 0);
	assert_int_equal(sync_count, 2);
	assert_int_equal(host->settled_count, 1);
	assert_int_equal(host->outcome.verdict, SONDE_DONE);
	assert_int_equal(write_numbers(host, "n", 1, 2), SONDE_LATER);
	sync_fails = 1;
	assert_int_equal(plugin_host_fire(host, TIMER_SYNC), -EIO);
	assert_int_equal(host->settled_count, 2);
	assert_int_equal(host->outcome.verdict, SONDE_RETRY);
	assert_content("n1.json", "{\"n\":1}\n");
	assert_content("n2.json", "{\"n\":2}\n");
	assert_int_equal(plugin_host_retry(host), SONDE_LATER);
	assert_int_equal(host->plugin->drain(&host->instance), 0);
	assert_int_equal(host->outcome.verdict, SONDE_DONE);
	assert_int_equal(write_numbers(host, "n", 1, 1), SONDE_OK); /* nothing is held any more */
	plugin_host_release(host);
	assert_content("n1.json", "{\"n\":1}\n{\"n\":1}\n{\"n\":1}\n");
}

static void rows_that_wait_are_cut_out_of_closed_files_too(void **state)
{
	const char *options[] = { "sync=interval", "rotate_size=30B", NULL };
	struct plugin_host *host = started("rows.json", options);

	(void)state;
	assert_int_equal(write_numbers(host, "n", 1, 1), SONDE_LATER);
	assert_int_equal(plugin_host_fire(host, TIMER_SYNC), 0);
	assert_int_equal(write_numbers(host, "n", 2, 8), SONDE_LATER);
	assert_contents("rows~*.json", 2,
			"{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n{\"n\":6}\n");
	sync_fails = 1;
	assert_int_equal(plugin_host_fire(host, TIMER_SYNC), -EIO);
	assert_contents("rows*.json", 2, "{\"n\":1}\n");
	assert_int_equal(plugin_host_retry(host), SONDE_LATER);
	plugin_host_release(host); /* which commits */
	assert_contents("rows~*.json", 3,
			"{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n{\"n\":6}\n"
			"{\"n\":7}\n");
	assert_content("rows.json", "{\"n\":8}\n{\"n\":9}\n");
}

static void a_file_that_was_deleted_with_rows_in_it_gives_them_back(void **state)
{
	struct plugin_host *host = started("rows.json", (const char *[]){ "sync=interval", NULL });

	(void)state;
	assert_int_equal(write_numbers(host, "n", 1, 1), SONDE_LATER);
	assert_int_equal(unlink(in("rows.json")), 0);
	assert_int_equal(plugin_host_fire(host, TIMER_SYNC), -ESTALE);
	assert_non_null(strstr(host->message, "was deleted with rows in it"));
	assert_int_equal(host->outcome.verdict, SONDE_RETRY);
	assert_int_equal(plugin_host_retry(host), SONDE_LATER);
	plugin_host_release(host);
	assert_content("rows.json", "{\"n\":1}\n");
}

/* ---- closing ----------------------------------------------------------------------------- */

static void a_file_is_closed_when_its_period_is_over(void **state)
{
	const char *options[] = { "rotate_interval=1h", NULL };
	struct plugin_host *host = started("rows.json", options);

	(void)state;
	host->now_ns = noon_ns + 3599 * second_ns;
	assert_int_equal(write_numbers(host, "n", 1, 1), SONDE_OK);
	assert_int_equal(plugin_host_fire(host, TIMER_TEND), 0);
	assert_content("rows.json", "{\"n\":1}\n");
	host->now_ns = noon_ns + 3600 * second_ns;
	assert_int_equal(write_numbers(host, "n", 2, 1), SONDE_OK);
	assert_content("rows~20260701T130000Z.json", "{\"n\":1}\n");
	host->now_ns = noon_ns + 7201 * second_ns;
	assert_int_equal(plugin_host_fire(host, TIMER_TEND), 0); /* also without a row */
	assert_content("rows~20260701T140001Z.json", "{\"n\":2}\n");
	host->now_ns = noon_ns + 20000 * second_ns;
	assert_int_equal(plugin_host_fire(host, TIMER_TEND), 0); /* but not an empty one */
	assert_content("rows.json", "");
	plugin_host_release(host);
	assert_contents("rows*.json", 3, "{\"n\":1}\n{\"n\":2}\n");
}

static void closed_files_beyond_the_count_go_as_others_come(void **state)
{
	const char *options[] = { "rotate_size=8B", "keep_files=2", NULL };
	struct plugin_host *host = started("rows.json", options);

	(void)state;
	fill("rows~19990101T000000Z.json", "old\n");
	fill("rows.txt", "mine\n");
	for (uint32_t number = 1; number < 6; number++) {
		host->now_ns += second_ns;
		assert_int_equal(write_numbers(host, "n", number, 1), SONDE_OK);
	}
	assert_int_equal(plugin_host_set(host, "keep_files", "1"), 0);
	assert_contents("rows~*.json", 2, "{\"n\":3}\n{\"n\":4}\n");
	assert_int_equal(plugin_host_fire(host, TIMER_TEND), 0);
	assert_contents("rows~*.json", 1, "{\"n\":4}\n");
	plugin_host_release(host);
	assert_content("rows.json", "{\"n\":5}\n");
	assert_content("rows.txt", "mine\n");
}

static void a_file_that_was_moved_is_begun_anew_with_the_next_row(void **state)
{
	struct plugin_host *host = started("rows.json", NULL);

	(void)state;
	assert_int_equal(write_numbers(host, "n", 1, 1), SONDE_OK);
	assert_int_equal(rename(in("rows.json"), in("rows.json.1")), 0);
	assert_int_equal(write_numbers(host, "n", 2, 1), SONDE_OK);
	assert_int_equal(unlink(in("rows.json.1")), 0);
	assert_content("rows.json", "{\"n\":2}\n");
	assert_int_equal(unlink(in("rows.json")), 0);
	assert_int_equal(plugin_host_fire(host, TIMER_TEND), 0); /* its space is free again */
	assert_int_equal(write_numbers(host, "n", 3, 1), SONDE_OK);
	assert_content("rows.json", "{\"n\":3}\n");
	assert_int_equal(truncate(in("rows.json"), 0), 0); /* after it was copied */
	assert_int_equal(write_numbers(host, "n", 4, 1), SONDE_OK);
	plugin_host_release(host);
	assert_content("rows.json", "{\"n\":4}\n");
}

static void files_that_nobody_uses_are_closed(void **state)
{
	struct plugin_host *host = started("n%{n}.json", NULL);
	struct plugin_host *other;

	(void)state;
	assert_int_equal(write_numbers(host, "n", 1, 1), SONDE_OK);
	host->now_ns += 61 * second_ns;
	assert_int_equal(write_numbers(host, "n", 2, 1), SONDE_OK);
	assert_int_equal(plugin_host_fire(host, TIMER_TEND), 0);
	other = started("n1.json", NULL); /* it is not locked any more */
	assert_int_equal(write_numbers(other, "n", 1, 1), SONDE_OK);
	assert_int_equal(write_numbers(host, "n", 1, 1), -EBUSY);
	assert_non_null(strstr(host->message, "n1.json is being written by somebody else"));
	plugin_host_release(other);
	assert_int_equal(plugin_host_retry(host), SONDE_OK);
	plugin_host_release(host);
	assert_content("n1.json", "{\"n\":1}\n{\"n\":1}\n{\"n\":1}\n");
}

int main(void)
{
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, on_a_good_disk, gone)
	const struct CMUnitTest tests[] = {
		TEST(rows_of_a_batch_go_to_their_files),
		TEST(a_full_disk_leaves_no_row_in_any_file),
		TEST(fewer_descriptors_than_configured_are_made_do_with),
		TEST(a_disk_that_fills_while_files_are_closed_leaves_no_row_twice),
		TEST(a_cut_that_fails_is_made_before_anything_else_is_written),
		TEST(each_batch_is_on_the_disk_before_it_is_answered),
		TEST(with_an_interval_rows_are_answered_together_once_they_are_synced),
		TEST(rows_that_wait_are_cut_out_of_closed_files_too),
		TEST(a_file_that_was_deleted_with_rows_in_it_gives_them_back),
		TEST(a_file_is_closed_when_its_period_is_over),
		TEST(closed_files_beyond_the_count_go_as_others_come),
		TEST(a_file_that_was_moved_is_begun_anew_with_the_next_row),
		TEST(files_that_nobody_uses_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
