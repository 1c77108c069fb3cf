// SPDX-License-Identifier: Apache-2.0
/* What core/machine.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "machine.h"

static char directory[64], membership[80], mount[80];

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void write_limit(const char *group, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), "%s%s", mount, group);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s%s/memory.max", mount, group);
	write_file(path, text);
}

static int begin(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/sonde-machine-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(membership, sizeof(membership), "%s/cgroup", directory);
	snprintf(mount, sizeof(mount), "%s/fs", directory);
	return mkdir(mount, 0700);
}

static int end(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

static void the_least_limit_up_to_the_root_counts(void **state)
{
	write_file(membership, "12:cpuset:/other\n0::/a/b\n");
	write_limit("", "max\n");
	write_limit("/a", "1000000\n");
	write_limit("/a/b", "3000000\n");
	assert_int_equal(machine_cgroup_bytes(membership, mount), 1000000);
	write_limit("/a/b", "300000\n");
	assert_int_equal(machine_cgroup_bytes(membership, mount), 300000);
	write_limit("", "5000\n");
	assert_int_equal(machine_cgroup_bytes(membership, mount), 5000);
}

static void the_root_of_a_container_may_have_the_limit(void **state)
{
	write_file(membership, "0::/\n");
	write_limit("", "123456\n");
	assert_int_equal(machine_cgroup_bytes(membership, mount), 123456);
}

static void without_limits_there_is_none(void **state)
{
	write_file(membership, "0::/a\n");
	assert_int_equal(machine_cgroup_bytes(membership, mount), SIZE_MAX);
	write_limit("/a", "max\n");
	assert_int_equal(machine_cgroup_bytes(membership, mount), SIZE_MAX);
	write_file(membership, "3:memory:/a\n");
	assert_int_equal(machine_cgroup_bytes(membership, mount), SIZE_MAX);
	assert_int_equal(machine_cgroup_bytes("/nowhere/at/all", mount), SIZE_MAX);
}

static void the_share_is_half_of_the_cgroup_or_a_sixteenth_of_the_ram(void **state)
{
	const size_t gib = (size_t)1 << 30, mib = (size_t)1 << 20;

	assert_int_equal(machine_memory_share(256 * mib, 8 * gib), 128 * mib);
	assert_int_equal(machine_memory_share(SIZE_MAX, 8 * gib), 512 * mib);
	assert_int_equal(machine_memory_share(9 * gib, 8 * gib), 512 * mib);
	assert_int_equal(machine_memory_share(SIZE_MAX, 512 * mib), 64 * mib);
	assert_int_equal(machine_memory_share(SIZE_MAX, 256 * gib), gib);
}

static void this_machine_has_a_share(void **state)
{
	assert_true(machine_memory_bytes() > 0);
	assert_true(machine_memory_bytes() < SIZE_MAX);
}

#define CASE(name_) cmocka_unit_test_setup_teardown(name_, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_least_limit_up_to_the_root_counts),
		CASE(the_root_of_a_container_may_have_the_limit),
		CASE(without_limits_there_is_none),
		CASE(the_share_is_half_of_the_cgroup_or_a_sixteenth_of_the_ram),
		CASE(this_machine_has_a_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
