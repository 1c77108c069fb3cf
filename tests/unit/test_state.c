// SPDX-License-Identifier: Apache-2.0
/* What core/state.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "state.h"

static char scratch[64], path[128], error[512];

static int set_up(void **state)
{
	snprintf(scratch, sizeof(scratch), "/tmp/sonde-state-XXXXXX");
	return mkdtemp(scratch) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", scratch);
	return system(command);
}

static const char *under(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	return path;
}

static void a_directory_that_is_missing_is_made_with_those_above_it(void **test)
{
	struct state *state = NULL;
	struct stat status;

	assert_int_equal(state_open(under("var/lib/sonde"), &state, error, sizeof(error)), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0750);
	assert_string_equal(state_path(state), path);
	assert_string_equal(state_ledger_path(state), under("var/lib/sonde/ledger"));
	state_close(state);
}

static void a_directory_that_another_has_is_refused_with_the_mend(void **test)
{
	struct state *state = NULL, *other = NULL;

	assert_int_equal(state_open(under("state"), &state, error, sizeof(error)), 0);
	assert_int_equal(state_open(path, &other, error, sizeof(error)), -EBUSY);
	assert_null(other);
	assert_non_null(strstr(error, path));
	assert_non_null(strstr(error, "sonde.state"));
	state_close(state);
	assert_int_equal(state_open(path, &state, error, sizeof(error)), 0);
	state_close(state);
}

static void a_daemon_that_was_killed_leaves_no_lock_behind(void **test)
{
	struct state *state = NULL;
	int status;
	pid_t child = fork();

	if (!child) {
		if (state_open(under("state"), &state, error, sizeof(error)))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(state_open(under("state"), &state, error, sizeof(error)), 0);
	state_close(state);
}

static void a_file_in_its_place_is_refused_by_name(void **test)
{
	struct state *state = NULL;
	FILE *file = fopen(under("state"), "w");

	fclose(file);
	assert_true(state_open(path, &state, error, sizeof(error)) < 0);
	assert_null(state);
	assert_non_null(strstr(error, path));
}

static void a_path_that_is_too_long_is_refused(void **test)
{
	char *name = malloc(2 * PATH_MAX);
	struct state *state = NULL;

	memset(name, 'x', 2 * PATH_MAX);
	name[0] = '/';
	name[2 * PATH_MAX - 1] = '\0';
	assert_int_equal(state_open(name, &state, error, sizeof(error)), -ENAMETOOLONG);
	assert_null(state);
	assert_int_equal(directory_make(name, 0700), -ENAMETOOLONG);
	free(name);
}

static void the_control_socket_is_where_the_config_says_else_in_the_state_directory(void **test)
{
	char buffer[PATH_MAX];

	assert_int_equal(control_path("/c/socket", "/s", buffer, sizeof(buffer)), 0);
	assert_string_equal(buffer, "/c/socket");
	assert_int_equal(control_path(NULL, "/s", buffer, sizeof(buffer)), 0);
	assert_string_equal(buffer, "/s/control.sock");
}

static void a_socket_path_beyond_what_an_address_takes_is_refused(void **test)
{
	char buffer[PATH_MAX], longest[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 2] = '\0'; /* as many bytes as there are, no room for the end */
	assert_int_equal(control_path(longest, NULL, buffer, sizeof(buffer)), 0);
	longest[sizeof(longest) - 2] = 'x';
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(control_path(longest, NULL, buffer, sizeof(buffer)), -ENAMETOOLONG);
}

static void without_a_path_it_is_the_users_own(void **test)
{
	char buffer[PATH_MAX], expected[PATH_MAX];

	setenv("XDG_STATE_HOME", "/x", 1);
	assert_int_equal(control_path(NULL, NULL, buffer, sizeof(buffer)), 0);
	snprintf(expected, sizeof(expected), "%s",
		 geteuid() ? "/x/sonde/control.sock" : "/run/sonde/control.sock");
	assert_string_equal(buffer, expected);
}

static void a_service_managers_directories_come_before_the_users_own(void **test)
{
	char buffer[PATH_MAX], lists[256];
	struct state *state = NULL;

	snprintf(lists, sizeof(lists), "%s:/elsewhere", under("given"));
	setenv("STATE_DIRECTORY", lists, 1);
	setenv("RUNTIME_DIRECTORY", "/run/sonde-region", 1);
	assert_int_equal(state_open(NULL, &state, error, sizeof(error)), 0);
	assert_string_equal(state_path(state), path);
	state_close(state);
	assert_int_equal(control_path(NULL, NULL, buffer, sizeof(buffer)), 0);
	assert_string_equal(buffer, "/run/sonde-region/control.sock");
	assert_int_equal(control_path(NULL, "/s", buffer, sizeof(buffer)), 0);
	assert_string_equal(buffer, "/s/control.sock");
	setenv("RUNTIME_DIRECTORY", "not/absolute", 1);
	setenv("XDG_STATE_HOME", "/x", 1);
	unsetenv("STATE_DIRECTORY");
	assert_int_equal(control_path(NULL, NULL, buffer, sizeof(buffer)), 0);
	assert_string_equal(buffer,
			    geteuid() ? "/x/sonde/control.sock" : "/run/sonde/control.sock");
	unsetenv("RUNTIME_DIRECTORY");
}

static void a_directory_that_is_there_is_no_error(void **test)
{
	assert_int_equal(directory_make(scratch, 0700), 0);
	assert_int_equal(directory_make(under("a/b/c"), 0700), 0);
	assert_int_equal(directory_make(under("a/b/c/"), 0700), 0);
}

int main(void)
{
#define with_directory(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		with_directory(a_directory_that_is_missing_is_made_with_those_above_it),
		with_directory(a_directory_that_another_has_is_refused_with_the_mend),
		with_directory(a_daemon_that_was_killed_leaves_no_lock_behind),
		with_directory(a_file_in_its_place_is_refused_by_name),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
		cmocka_unit_test(
			the_control_socket_is_where_the_config_says_else_in_the_state_directory),
		cmocka_unit_test(a_socket_path_beyond_what_an_address_takes_is_refused),
		cmocka_unit_test(without_a_path_it_is_the_users_own),
		with_directory(a_service_managers_directories_come_before_the_users_own),
		with_directory(a_directory_that_is_there_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
