// SPDX-License-Identifier: Apache-2.0
/* Output `durable` under the test host. */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sonde/test.h>

static char path[64];

/* Waits until the thread has woken the instance so often that nothing is in flight. */
static void settle_all(struct sonde_test *test)
{
	while (sonde_test_in_flight(test))
		assert(sonde_test_poll(test, 30000) > 0);
}

static struct sonde_batch *row(struct sonde_test *test, const char *cells)
{
	return sonde_test_table(test, "tide", "time:time:time port:text height:double:gauge", cells,
				NULL);
}

static void rows_are_done_when_they_are_in_the_file(struct sonde_test *test)
{
	char text[256] = "";
	FILE *file;

	assert(sonde_test_write(test, row(test, "1 Brest 6.5")) == SONDE_LATER);
	settle_all(test);
	assert(sonde_test_outcome(test, 1, 0)->verdict == SONDE_DONE);
	assert(sonde_test_counter(test, "syncs") == 1);
	file = fopen(path, "r");
	assert(file && fgets(text, sizeof(text), file));
	fclose(file);
	assert(!strcmp(text, "tide time=1 port=\"Brest\" height=6.5\n"));
}

static void several_deliveries_are_under_way_at_once(struct sonde_test *test)
{
	for (int i = 0; i < 200; i++) {
		sonde_test_write(test, row(test, "1 Brest 6.5"));
		while (sonde_test_in_flight(test) == 4) /* its in_flight */
			assert(sonde_test_poll(test, 30000) > 0);
	}
	settle_all(test);
	assert(sonde_test_counter(test, "syncs") == 201);
}

/* Deliveries that the thread has not begun, has begun, and has done when the end comes. */
static void it_stops_while_deliveries_are_under_way(struct sonde_test *test)
{
	for (int i = 0; i < 4; i++)
		sonde_test_write(test, row(test, "1 Brest 6.5"));
	sonde_test_stop(test);
	assert(sonde_test_in_flight(test) == 0);
}

static void what_cannot_be_written_is_to_be_offered_again(void)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, "path=/dev/full", NULL);

	assert(test && sonde_test_start(test) == 0);
	sonde_test_write(test, row(test, "1 Brest 6.5"));
	settle_all(test);
	assert(sonde_test_outcome(test, 1, 0)->verdict == SONDE_RETRY);
	assert(sonde_test_outcome(test, 1, 0)->uncertain);
	assert(sonde_test_logged(test, "cannot write to /dev/full: No space left on device"));
	assert(sonde_test_degraded(test));
	sonde_test_write_again(test, 1);
	settle_all(test);
	sonde_test_release(test);
}

static void a_start_that_failed_leaves_nothing_behind(void)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, "path=/nowhere/x", NULL);

	assert(sonde_test_start(test) == -ENOENT);
	sonde_test_advance(test, 10 * SONDE_TEST_SECOND); /* and it is tried again */
	sonde_test_release(test);
}

int main(void)
{
	const char *scratch = getenv("TMPDIR");
	struct sonde_test *test;
	char option[96];
	int fd;

	snprintf(path, sizeof(path), "%s/durable-XXXXXX", scratch && *scratch ? scratch : "/tmp");
	fd = mkstemp(path);
	assert(fd >= 0 && close(fd) == 0);
	snprintf(option, sizeof(option), "path=%s", path);
	test = sonde_test_create(sonde_plugin, option, NULL);
	assert(test && sonde_test_start(test) == 0);
	rows_are_done_when_they_are_in_the_file(test);
	several_deliveries_are_under_way_at_once(test);
	it_stops_while_deliveries_are_under_way(test);
	sonde_test_release(test);
	what_cannot_be_written_is_to_be_offered_again();
	a_start_that_failed_leaves_nothing_behind();
	return unlink(path);
}
