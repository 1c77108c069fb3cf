// SPDX-License-Identifier: Apache-2.0
/* Runs a config again and again in one process, each time from the file to the end of the daemon,
 * and prints after every run what the process holds: a line of JSON.
 *
 *	cycles CONFIG RUNS MILLISECONDS [PLUGIN-DIRECTORY] */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "daemon.h"
#include "host.h"
#include "log.h"
#include "storage.h"

static uint32_t entry_count(const char *path)
{
	DIR *directory = opendir(path);
	uint32_t count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

/* fds whose target has that in its name: "bpf", "anon_inode:[eventpoll]". */
static uint32_t fd_count(const char *part)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	uint32_t count = 0;

	while (directory && (entry = readdir(directory))) {
		char target[256] = "";

		if (readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1) > 0)
			count += strstr(target, part) != NULL;
	}
	if (directory)
		closedir(directory);
	return count;
}

static uint32_t map_count(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	uint32_t count = 0;

	for (int byte; file && (byte = fgetc(file)) != EOF;)
		count += byte == '\n';
	if (file)
		fclose(file);
	return count;
}

static int run_once(const char *path, struct catalog *catalog, int64_t for_ns)
{
	struct problems *problems = problems_create();
	struct config *config = NULL;
	int code = EXIT_CODE_INPUT;

	if (!problems)
		return EXIT_CODE_FAILED;
	if (config_load(path, catalog, problems, &config))
		problems_print(problems, stderr, false);
	else
		code = daemon_run(config, catalog, for_ns);
	log_close();
	config_release(config);
	problems_release(problems);
	return code;
}

/* The kernel takes a moment to put away a thread that was waited for. */
static uint32_t thread_count(void)
{
	uint32_t count = entry_count("/proc/self/task") - 2;

	for (int waited_ms = 0; count > 1 && waited_ms < 1000; waited_ms++) {
		clock_sleep_ns(NS_PER_MS);
		count = entry_count("/proc/self/task") - 2;
	}
	return count;
}

int main(int argc, char **argv)
{
	const char *directories[] = { argc > 4 ? argv[4] : NULL, NULL };
	struct catalog *catalog = catalog_create(directories, host_services());

	if (argc < 4 || !catalog)
		return EXIT_CODE_INPUT;
	for (int run = 0; run < atoi(argv[2]); run++) {
		int code = run_once(argv[1], catalog, atoll(argv[3]) * NS_PER_MS);
		uint32_t threads = thread_count();

		storage_trim(); /* blocks that wait for a next run are no leak; twice: what was */
		storage_trim(); /* needed since the first call stays */
		printf("{\"code\": %d, \"fds\": %u, \"bpf\": %u, \"threads\": %u, \"maps\": %u, "
		       "\"heap_bytes\": %zu}\n",
		       code, entry_count("/proc/self/fd"), fd_count("bpf"), threads, map_count(),
		       mallinfo2().uordblks);
		fflush(stdout);
	}
	catalog_release(catalog);
	return 0;
}
