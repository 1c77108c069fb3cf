// SPDX-License-Identifier: Apache-2.0
/* What core/commit_file.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "commit_file.h"

static char directory[64], path[96];
static int directory_fd;

static int set_up(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/sonde-commit-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/commit", directory);
	directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory_fd < 0;
}

static const char *file_of(uint32_t which)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s.%u", path, which);
	return name;
}

static int tear_down(void **state)
{
	unlink(file_of(0));
	unlink(file_of(1));
	close(directory_fd);
	return rmdir(directory);
}

/* A record all of whose numbers follow from its generation. */
static void write_generation(uint64_t generation)
{
	struct commit_record record;

	assert_int_equal(commit_record_make(&record, 2, 1, 1), 0);
	record.generation = generation;
	record.sources[0].taken = 100 + generation;
	record.sources[0].settled.below = 90;
	settled_add(&record.sources[0].settled, 95, 95 + generation);
	memset(record.sources[1].stream, 7, sizeof(record.sources[1].stream));
	record.outputs[0].appended = 1000 * generation;
	snprintf(record.stages[0].name, sizeof(record.stages[0].name), "sums");
	record.stages[0].length = 8;
	memcpy(record.stages[0].data, &generation, 8);
	assert_int_equal(commit_file_write(directory_fd, "commit", &record), 0);
	commit_record_clear(&record);
}

static uint64_t read_generation(void)
{
	struct commit_record record;
	uint64_t generation, remembered;

	assert_int_equal(commit_file_read(directory_fd, "commit", &record), 0);
	generation = record.generation;
	memcpy(&remembered, record.stages[0].data, 8);
	assert_int_equal(record.source_count, 2);
	assert_int_equal(record.sources[0].taken, 100 + generation);
	assert_true(settled_has(&record.sources[0].settled, 95 + generation));
	assert_false(settled_has(&record.sources[0].settled, 96 + generation));
	assert_int_equal(record.sources[1].stream[15], 7);
	assert_int_equal(record.outputs[0].appended, 1000 * generation);
	assert_string_equal(record.stages[0].name, "sums");
	assert_int_equal(remembered, generation);
	commit_record_clear(&record);
	return generation;
}

static void the_last_record_is_read(void **state)
{
	struct commit_record record;

	assert_int_equal(commit_file_read(directory_fd, "commit", &record), -ENOENT);
	for (uint64_t generation = 1; generation <= 5; generation++) {
		write_generation(generation);
		assert_int_equal(read_generation(), generation);
	}
}

static void a_shorter_record_over_a_longer_one_is_read(void **state)
{
	struct commit_record record;

	assert_int_equal(commit_record_make(&record, 50, 50, 50), 0);
	record.generation = 1;
	assert_int_equal(commit_file_write(directory_fd, "commit", &record), 0);
	commit_record_clear(&record);
	write_generation(3);
	assert_int_equal(read_generation(), 3);
}

static void change_byte(const char *name, off_t at)
{
	int fd = open(name, O_RDWR);
	unsigned char byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void any_damaged_byte_leads_back_to_the_record_before(void **state)
{
	struct commit_record record;
	struct stat status;

	write_generation(1);
	write_generation(2);
	assert_int_equal(stat(file_of(0), &status), 0);
	for (off_t at = 0; at < status.st_size; at++) {
		int result;

		change_byte(file_of(0), at);
		result = commit_file_read(directory_fd, "commit", &record);
		if (at >= 8 && at < 12) { /* the version: it may be the newer one */
			assert_int_equal(result, -EPROTONOSUPPORT);
		} else {
			assert_int_equal(result, 0);
			assert_int_equal(record.generation, 1);
			commit_record_clear(&record);
		}
		change_byte(file_of(0), at);
	}
	assert_int_equal(read_generation(), 2);
}

static void a_torn_record_leads_back_to_the_one_before(void **state)
{
	struct stat status;

	write_generation(1);
	write_generation(2);
	assert_int_equal(stat(file_of(0), &status), 0);
	while (status.st_size--) {
		assert_int_equal(truncate(file_of(0), status.st_size), 0);
		assert_int_equal(read_generation(), 1);
	}
}

static void two_damaged_files_are_no_record(void **state)
{
	struct commit_record record;

	write_generation(1);
	write_generation(2);
	change_byte(file_of(0), 40);
	change_byte(file_of(1), 40);
	assert_int_equal(commit_file_read(directory_fd, "commit", &record), -EBADMSG);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(the_last_record_is_read),
		CASE(a_shorter_record_over_a_longer_one_is_read),
		CASE(any_damaged_byte_leads_back_to_the_record_before),
		CASE(a_torn_record_leads_back_to_the_one_before),
		CASE(two_damaged_files_are_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
