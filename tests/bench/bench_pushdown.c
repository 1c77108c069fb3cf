// SPDX-License-Identifier: Apache-2.0
/* What a call costs, in the kernel and in the daemon together, where the head of its pipeline is
 * done at the source, beside the same pipeline in user space: there a processor stands first that
 * asks for nothing. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon_process.h"
#include "middle.h"
#include "syscalls_measure.h"

enum {
	RUNS = 7,
	CALLS = 1000000, /* made in each run; one in 16 is another call */
	PARTS = 50,
	PATH_BYTES = 4096,
	DRAIN_US = 1500000, /* until the daemon has read and handed on all of them */
};

struct bench {
	const char *name, *processor; /* with a %d for the pid of who calls */
};

static const struct bench benches[] = {
	{ "pushdown.filter", "some: { plugin = \"filter\"; keep = \"process.pid = %d and "
			     "syscall.name = 'getuid'\"; };" },
	{ "pushdown.sample", "some: { plugin = \"sample\"; ratio = \"1%%\"; };" },
	{ "pushdown.aggregate",
	  "some: { plugin = \"aggregate\"; window = \"1s\"; by = [\"cgroup.id\", "
	  "\"syscall.name\"]; measures = [\"calls = count\", \"errors = count where error.type is "
	  "not null\", \"took = histogram(syscall.duration)\"]; };" },
};

enum { BENCHES = sizeof(benches) / sizeof(*benches) };

static char directory[] = "/tmp/sonde-bench-XXXXXX";

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* BUILD/tests/bench/bench_pushdown -> BUILD/sonde */
static void sonde_path(char path[PATH_BYTES])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_BYTES - 64);
	char *slash;

	if (length < 0)
		fail("/proc/self/exe");
	path[length] = '\0';
	for (int i = 0; i < 3 && (slash = strrchr(path, '/')); i++)
		*slash = '\0';
	strcat(path, "/sonde");
}

static void config_write(const struct bench *bench, bool pushed, char path[PATH_BYTES])
{
	FILE *file;

	snprintf(path, PATH_BYTES, "%s/bench.conf", directory);
	file = fopen(path, "we");
	if (!file)
		fail(path);
	fprintf(file,
		"sonde: { state = \"%s/state\"; };\n"
		"inputs: { calls: { plugin = \"syscalls\"; mode = \"events\"; ring = \"64MiB\"; }; "
		"};\nprocessors: { ",
		directory);
	fprintf(file, bench->processor, (int)getpid());
	fprintf(file,
		" %s };\n"
		"outputs: { out: { plugin = \"null\"; }; };\n"
		"pipelines: { main: { from = [\"calls\"]; through = [%s\"some\"]; to = [\"out\"]; "
		"}; };\n",
		pushed ? "" : "first: { plugin = \"filter\"; drop = \"1 > 2\"; };",
		pushed ? "" : "\"first\", ");
	if (fclose(file))
		fail(path);
}

/* The time of this process on its CPU, a call: what others run there in between is not its own. Of
 * parts, that of the first quartile: the machine changes its pace. */
static double calls_make(void)
{
	double parts[PARTS], began_ns;

	for (int part = 0; part < PARTS; part++) {
		began_ns = (double)own_cpu_ns();
		for (int i = 0; i < CALLS / PARTS; i++)
			syscall(i % 16 ? SYS_getppid : SYS_getuid);
		parts[part] = ((double)own_cpu_ns() - began_ns) / (CALLS / PARTS);
	}
	middle(parts, PARTS);
	return parts[PARTS / 4];
}

/* ns that a call takes longer, and of the daemon's CPU for it. Returns whether it ran. */
static bool cost_measure(const struct bench *bench, bool pushed, double *ret_ns)
{
	char sonde[PATH_BYTES], config[PATH_BYTES];
	const char *arguments[] = { sonde, "run", config, NULL };
	struct program program = { .name = "sonde",
				   .arguments = arguments,
				   .ready = "ready after" };
	struct process process;
	double bare_ns = calls_make(), call_ns, cpu_s;

	sonde_path(sonde);
	config_write(bench, pushed, config);
	if (process_start(&program, &process))
		return false;
	usleep(DRAIN_US); /* what it does when it starts */
	cpu_s = process_cpu_s(&process);
	call_ns = calls_make();
	usleep(DRAIN_US);
	cpu_s = process_cpu_s(&process) - cpu_s;
	process_stop(&process);
	bare_ns = (bare_ns + calls_make()) / 2;
	*ret_ns = call_ns - bare_ns + cpu_s * 1e9 / CALLS;
	return true;
}

static void bench_run(const struct bench *bench)
{
	double pushed[RUNS], unpushed[RUNS], ratios[RUNS], spread, other;

	for (int run = 0; run < RUNS; run++) {
		if (!cost_measure(bench, true, &pushed[run]) ||
		    !cost_measure(bench, false, &unpushed[run])) {
			printf("{\"name\":\"%s\",\"skipped\":\"a daemon did not run (see "
			       "above)\"}\n",
			       bench->name);
			return;
		}
		ratios[run] = pushed[run] / unpushed[run];
	}
	spread = middle_spread(pushed, RUNS);
	other = middle_spread(unpushed, RUNS);
	printf("{\"name\":\"%s\",\"unit\":\"ns\",\"sonde\":%.4g,\"floor\":null,\"peer\":%.4g,"
	       "\"peer_name\":\"in user space\",\"vs_floor\":null,\"vs_peer\":%.3g,"
	       "\"better\":\"less\",\"spread\":%.3f,\"runs\":%d}\n",
	       bench->name, middle(pushed, RUNS), middle(unpushed, RUNS), middle(ratios, RUNS),
	       spread > other ? spread : other, RUNS);
	fflush(stdout);
}

static void directory_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	if (system(command))
		fprintf(stderr, "%s could not be removed\n", directory);
}

int main(int count, char **arguments)
{
	bool list = count == 2 && !strcmp(arguments[1], "--list");

	if (!list) {
		if (!mkdtemp(directory))
			fail(directory);
		atexit(directory_remove);
	}
	for (int i = 0; i < BENCHES; i++) {
		bool wanted = list || count == 1;

		for (int k = 1; k < count; k++)
			wanted = wanted || !strcmp(arguments[k], benches[i].name);
		if (list)
			puts(benches[i].name);
		else if (wanted)
			bench_run(&benches[i]);
	}
	return 0;
}
