// SPDX-License-Identifier: Apache-2.0
/* Input `execs` under the test host, on the kernel that this runs on. */
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sonde/test.h>

enum { SKIPPED = 77 }; /* what meson takes for that */

static void program_start(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		execlp("true", "true", (char *)NULL);
		_exit(1);
	}
	assert(waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, "interval=1s", NULL);

	if (sonde_test_start(test)) {
		printf("skipped: %s", sonde_test_log(test));
		sonde_test_release(test);
		return SKIPPED;
	}
	for (int i = 0; i < 10; i++)
		program_start();
	sonde_test_advance(test, SONDE_TEST_SECOND);
	assert(sonde_test_row_count(test) == 1);
	assert(sonde_test_number(test, 0, "process.starts") >= 10); /* others start some too */
	assert(sonde_test_report_number(test, "programs", "exec", "runs") >= 10);
	assert(sonde_test_number(test, 0, "system.calls") >= 100);
	assert(sonde_test_report_number(test, "programs", "call", "runs") >= 100);
	program_start();
	assert(sonde_test_drain(test));
	assert(sonde_test_number(test, 1, "process.starts") >= 1);
	assert(sonde_test_integer(test, 1, "start_time") == sonde_test_integer(test, 0, "time"));
	sonde_test_release(test);
	return 0;
}
