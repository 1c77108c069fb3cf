// SPDX-License-Identifier: Apache-2.0
/* What core/identity.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "identity.h"

static char directory[32], path[64];

static int set_up(void **state)
{
	strcpy(directory, "/tmp/sonde-identity-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/host", directory);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return rmdir(directory); /* nothing else was left in it */
}

static struct identity opened(void)
{
	struct identity identity;

	assert_int_equal(identity_open(path, &identity), 0);
	return identity;
}

static void an_id_is_drawn_once_and_stays(void **state)
{
	struct identity first = opened(), again;

	assert_int_equal(strlen(first.id), 32);
	assert_int_equal(strspn(first.id, "0123456789abcdef"), 32);
	assert_int_equal(first.epoch, 0);
	identity_close(&first);
	again = opened();
	assert_string_equal(first.id, again.id);
	identity_close(&again);
}

static void another_directory_has_another_id(void **state)
{
	struct identity first = opened(), other;

	identity_close(&first);
	unlink(path);
	other = opened();
	assert_string_not_equal(first.id, other.id);
	identity_close(&other);
}

static void the_id_is_not_that_of_the_machine(void **state)
{
	struct identity identity = opened();
	char machine[64] = "";
	FILE *file = fopen("/etc/machine-id", "re");

	if (!file || !fgets(machine, sizeof(machine), file))
		machine[0] = '\0'; /* a machine without one */
	if (file)
		fclose(file);
	assert_int_not_equal(strncmp(identity.id, machine, 32), 0);
	identity_close(&identity);
}

static void the_number_of_a_run_survives_that_the_process_is_killed(void **state)
{
	struct identity identity;
	int status;
	pid_t child = fork();

	if (!child) {
		if (identity_open(path, &identity) || identity_begin(&identity, 12345678901))
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	identity = opened();
	assert_true(identity.epoch == 12345678901);
	identity_close(&identity);
}

static void a_file_that_is_none_is_refused_and_left_as_it_is(void **state)
{
	static const char *const texts[] = {
		"",
		"id",
		"id 0123456789abcdef0123456789abcde\nepoch 00000000000000000001\n",
		"id 0123456789abcdef0123456789abcdeX\nepoch 00000000000000000001\n",
		"id 0123456789abcdef0123456789abcdef\nepoch 0000000000000000001x\n",
		"id 0123456789abcdef0123456789abcdef\nepoch 99999999999999999999\n",
		"id 0123456789abcdef0123456789abcdef\nepoch 00000000000000000001\nmore",
		"di 0123456789abcdef0123456789abcdef\nepoch 00000000000000000001\n",
		"id 0123456789abcdef0123456789abcdef epoch 00000000000000000001\n",
		"id 0123456789abcdef0123456789abcdef\nepoch 00000000000000000001 ",
	};
	struct identity identity;
	char content[128];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		FILE *file = fopen(path, "we");
		size_t length;

		fputs(texts[i], file);
		fclose(file);
		assert_int_equal(identity_open(path, &identity), -EBADMSG);
		file = fopen(path, "re");
		length = fread(content, 1, sizeof(content) - 1, file);
		fclose(file);
		content[length] = '\0';
		assert_string_equal(content, texts[i]);
	}
}

static void others_may_not_read_the_file(void **state)
{
	struct identity identity = opened();
	struct stat status;

	assert_int_equal(fstat(identity.fd, &status), 0);
	assert_int_equal(status.st_mode & 0027, 0);
	identity_close(&identity);
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
	struct identity identity;

	assert_int_equal(identity_open("/nowhere/at/all/host", &identity), -ENOENT);
	assert_int_equal(identity_open(directory, &identity), -EISDIR);
}

int main(void)
{
#define with_directory(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		with_directory(an_id_is_drawn_once_and_stays),
		with_directory(another_directory_has_another_id),
		with_directory(the_id_is_not_that_of_the_machine),
		with_directory(the_number_of_a_run_survives_that_the_process_is_killed),
		with_directory(a_file_that_is_none_is_refused_and_left_as_it_is),
		with_directory(others_may_not_read_the_file),
		with_directory(a_directory_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
