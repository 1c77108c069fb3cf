// SPDX-License-Identifier: Apache-2.0
/* What core/descriptors.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "descriptors.h"

enum { MOST = 512 };

static int opened[MOST];
static int opened_count;
static struct rlimit before;

static struct descriptors_snapshot snapshot(void)
{
	struct descriptors_snapshot now;

	descriptors_read(&now);
	return now;
}

static int begin(void **state)
{
	if (getrlimit(RLIMIT_NOFILE, &before))
		return -1;
	return descriptors_open();
}

static int end(void **state)
{
	while (opened_count)
		close(opened[--opened_count]);
	setrlimit(RLIMIT_NOFILE, &before);
	descriptors_keep();
	return 0;
}

static void use_all(void)
{
	struct rlimit limit = { .rlim_cur = snapshot().used + 20, .rlim_max = before.rlim_max };
	int fd;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while ((fd = open("/dev/null", O_RDONLY)) >= 0) {
		assert_true(opened_count < MOST);
		opened[opened_count++] = fd;
	}
	assert_int_equal(errno, EMFILE);
}

static void the_soft_limit_is_raised_to_the_hard_one(void **state)
{
	struct rlimit limit = { .rlim_cur = 100, .rlim_max = before.rlim_max };

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(descriptors_open(), 0);
	assert_int_equal(snapshot().limit, before.rlim_max < 65536 ? before.rlim_max : 65536);
}

static void those_in_use_are_counted_even_when_all_are(void **state)
{
	uint64_t used = snapshot().used;

	opened[opened_count++] = open("/dev/null", O_RDONLY);
	assert_int_equal(snapshot().used, used + 1);
	use_all();
	assert_int_equal(snapshot().used, used + (uint64_t)opened_count);
	assert_true(snapshot().used <= snapshot().limit);
}

static void one_is_kept_for_when_there_are_none_left(void **state)
{
	int fd;

	use_all();
	assert_true(descriptors_lend());
	assert_false(descriptors_lend());
	fd = open("/dev/null", O_RDONLY);
	assert_true(fd >= 0);
	descriptors_keep(); /* there is no place yet */
	assert_false(descriptors_lend());
	close(fd);
	descriptors_keep();
	assert_int_equal(open("/dev/null", O_RDONLY), -1);
	assert_true(descriptors_lend());
}

static void only_their_lack_counts_as_one(void **state)
{
	uint64_t refused = descriptors_refused();

	assert_true(descriptors_note(EMFILE));
	assert_true(descriptors_note(ENFILE));
	assert_false(descriptors_note(ENOMEM));
	assert_false(descriptors_note(0));
	assert_int_equal(descriptors_refused(), refused + 2);
	assert_int_equal(snapshot().refused_count, refused + 2);
}

#define CASE(name_) cmocka_unit_test_setup_teardown(name_, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_soft_limit_is_raised_to_the_hard_one),
		CASE(those_in_use_are_counted_even_when_all_are),
		CASE(one_is_kept_for_when_there_are_none_left),
		CASE(only_their_lack_counts_as_one),
	};

	/* one of a high number, inherited, would count beyond any limit that is set here */
	(void)close_range(3, ~0u, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
