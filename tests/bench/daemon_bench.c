// SPDX-License-Identifier: Apache-2.0
/* What the daemon takes while there is next to nothing to do: memory, time until it is ready, CPU.
 * Beside a peer that does the same: a row a second into a file; or counting calls by name.
 *
 * Ready is when the program says so, on a pipe, from before it was forked; of a few starts in a row
 * the quickest, as others on the machine disturb in one direction only. Memory and CPU are taken of
 * both while they run at the same time, after they have settled. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon_process.h"
#include "middle.h"
#include "syscalls_measure.h"

enum {
	RUNS_LIMIT = 21,
	IDLES = 3, /* runs of what is not `ready` */
	SETTLE_S = 3,
	IDLE_S = 20,
	PATH_BYTES = 4096,
};

enum measure { MEASURE_RSS, MEASURE_PSS, MEASURE_READY, MEASURE_IDLE, MEASURES };

static const char *const measure_names[] = { "rss", "pss", "ready", "idle" };
static const char *const measure_units[] = { "MB", "MB", "ms", "% CPU" };

struct bench {
	const char *name, *config;
	int runs, starts; /* for `ready`: runs, and starts in each */
	const char *peer_name, *peer_program, *peer_recorded;
	const char *const *peer_arguments; /* after the path */
	const char *peer_ready;
};

struct figures {
	double values[MEASURES][RUNS_LIMIT];
	int count[MEASURES];
};

static char directory[] = "/tmp/sonde-bench-XXXXXX";

/* Fluent Bit writes its rows to rows.json below `directory` too: the arguments name it. */
static char peer_path_argument[64];

static const char *const fluent_arguments[] = { "-i", "dummy",          "-p", "rate=1",
						"-o", "file",           "-p", peer_path_argument,
						"-p", "file=peer_rows", "-f", "1",
						NULL };
/* What it says must not stand in the program, which it repeats with every mistake. It says so
 * before the other programs are attached: its time is too short, if anything. */
static const char *const bpftrace_arguments[] = {
	"-o", "/dev/stderr", "-e",
	"BEGIN { printf(\"attached %d\\n\", 1); } "
	"tracepoint:raw_syscalls:sys_enter { @[args->id] = count(); } "
	"interval:s:2 { print(@); clear(@); }",
	NULL
};

static const struct bench benches[] = {
	{ .name = "daemon",
	  .runs = 21,
	  .starts = 5,
	  .config = "inputs:    { gen: { plugin = \"generate\"; rate = 1; batch = 1; }; };\n"
		    "outputs:   { kept: { plugin = \"file\"; path = \"%s/rows.json\"; }; };\n"
		    "pipelines: { main: { from = [\"gen\"]; to = [\"kept\"]; }; };\n",
	  .peer_name = "Fluent Bit",
	  .peer_program = "fluent-bit",
	  .peer_recorded = "where it was measured, Fluent Bit 5.1 took 12.1 MB, 6.4 ms and 0.07 %",
	  .peer_arguments = fluent_arguments,
	  .peer_ready = "stream processor started" },
	{ .name = "daemon_syscalls",
	  .runs = 7,
	  .starts = 2,
	  .config = "inputs:    { calls: { plugin = \"syscalls\"; interval = \"2s\"; }; };\n"
		    "outputs:   { kept: { plugin = \"file\"; path = \"%s/rows.json\"; }; };\n"
		    "pipelines: { main: { from = [\"calls\"]; to = [\"kept\"]; }; };\n",
	  .peer_name = "bpftrace",
	  .peer_program = "bpftrace",
	  .peer_arguments = bpftrace_arguments,
	  .peer_ready = "attached 1" },
};

enum { BENCHES = sizeof(benches) / sizeof(*benches) };

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- subjects ---------------------------------------------------------------------------- */

/* BUILD/tests/bench/bench_daemon -> BUILD/sonde */
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

/* Where the PATH, and then its maker's package, has the program. */
static bool peer_path(const char *program, char path[PATH_BYTES])
{
	const char *search = getenv("PATH");
	char list[PATH_BYTES], *save = NULL;

	snprintf(list, sizeof(list), "%s:/opt/fluent-bit/bin", search ? search : "/usr/bin");
	for (char *at = strtok_r(list, ":", &save); at; at = strtok_r(NULL, ":", &save)) {
		snprintf(path, PATH_BYTES, "%.2000s/%s", at, program);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static void config_write(const struct bench *bench, char path[PATH_BYTES])
{
	FILE *file;

	snprintf(path, PATH_BYTES, "%s/bench.conf", directory);
	file = fopen(path, "we");
	if (!file)
		fail(path);
	fprintf(file, "sonde: { state = \"%s/state\"; };\n", directory);
	fprintf(file, bench->config, directory);
	if (fclose(file))
		fail(path);
}

/* ---- measuring --------------------------------------------------------------------------- */

static void figure_add(struct figures *figures, enum measure measure, double value)
{
	figures->values[measure][figures->count[measure]++] = value;
}

static bool measure_ready(const struct program *program, int starts, struct figures *figures)
{
	double quickest_s = 0;

	for (int start = 0; start < starts; start++) {
		struct process process;

		if (process_start(program, &process))
			return false;
		process_stop(&process);
		if (!start || process.ready_s < quickest_s)
			quickest_s = process.ready_s;
	}
	figure_add(figures, MEASURE_READY, quickest_s * 1e3);
	return true;
}

/* All programs at the same time; `count` of them. */
static bool measure_idle(const struct program *programs, struct figures *figures, int count)
{
	struct process processes[2];
	double cpu_s[2], rss_bytes, pss_bytes;
	bool well = true;
	int started = 0;

	while (started < count && !process_start(&programs[started], &processes[started]))
		started++;
	well = started == count;
	if (well)
		sleep(SETTLE_S);
	for (int i = 0; i < count && well; i++)
		cpu_s[i] = process_cpu_s(&processes[i]);
	if (well)
		sleep(IDLE_S);
	for (int i = 0; i < count && well; i++) {
		double used_s = process_cpu_s(&processes[i]) - cpu_s[i];

		well = cpu_s[i] >= 0 && used_s >= 0 &&
		       !process_memory(&processes[i], &rss_bytes, &pss_bytes);
		if (!well)
			break;
		figure_add(&figures[i], MEASURE_IDLE, 100 * used_s / IDLE_S);
		figure_add(&figures[i], MEASURE_RSS, rss_bytes / 1e6);
		figure_add(&figures[i], MEASURE_PSS, pss_bytes / 1e6);
	}
	for (int i = 0; i < started; i++)
		process_stop(&processes[i]);
	return well;
}

/* ---- results ----------------------------------------------------------------------------- */

static double ratio(const struct figures *sonde, const struct figures *peer, enum measure measure)
{
	double ratios[RUNS_LIMIT];

	for (int i = 0; i < sonde->count[measure]; i++)
		ratios[i] = sonde->values[measure][i] / peer->values[measure][i];
	return middle(ratios, sonde->count[measure]);
}

static void result_print(const struct bench *bench, struct figures *figures, bool with_peer,
			 enum measure measure)
{
	int count = figures[0].count[measure];
	double vs_peer = with_peer ? ratio(&figures[0], &figures[1], measure) : 0;
	double spread = middle_spread(figures[0].values[measure], count), of_peer;

	if (with_peer) {
		of_peer = middle_spread(figures[1].values[measure], count);
		spread = of_peer > spread ? of_peer : spread;
	}
	printf("{\"name\":\"%s.%s\",\"unit\":\"%s\",\"sonde\":%.4g,\"floor\":null,", bench->name,
	       measure_names[measure], measure_units[measure],
	       middle(figures[0].values[measure], count));
	if (with_peer)
		printf("\"peer\":%.4g,\"peer_name\":\"%s\",\"vs_floor\":null,\"vs_peer\":%.3g,",
		       middle(figures[1].values[measure], count), bench->peer_name, vs_peer);
	else
		printf("\"peer\":null,\"peer_name\":null,\"vs_floor\":null,\"vs_peer\":null,");
	printf("\"better\":\"less\",\"spread\":%.3f,\"runs\":%d}\n", spread, count);
	fflush(stdout);
}

static void skip_print(const struct bench *bench, const bool wanted[MEASURES], const char *why)
{
	for (int measure = 0; measure < MEASURES; measure++) {
		if (wanted[measure])
			printf("{\"name\":\"%s.%s\",\"skipped\":\"%s\"}\n", bench->name,
			       measure_names[measure], why);
	}
}

static bool is_wanted(const struct bench *bench, enum measure measure, int count, char **names)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", bench->name, measure_names[measure]);
	for (int i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return !count;
}

static bool bench_measure(const struct bench *bench, const struct program *programs,
			  struct figures *figures, int count, const bool wanted[MEASURES])
{
	bool well = true;

	for (int i = 0; i < bench->runs * count && well && wanted[MEASURE_READY]; i++)
		well = measure_ready(&programs[i % count], bench->starts, &figures[i % count]);
	for (int i = 0; i < IDLES && well; i++) {
		if (wanted[MEASURE_RSS] || wanted[MEASURE_PSS] || wanted[MEASURE_IDLE])
			well = measure_idle(programs, figures, count);
	}
	return well;
}

static void bench_run(const struct bench *bench, const bool wanted[MEASURES])
{
	char sonde[PATH_BYTES], peer[PATH_BYTES], config[PATH_BYTES];
	const char *arguments[] = { sonde, "run", config, NULL }, *peer_arguments[16] = { peer };
	struct program programs[2] = {
		{ .name = "sonde", .arguments = arguments, .ready = "ready after" },
		{ .name = bench->peer_name,
		  .arguments = peer_arguments,
		  .ready = bench->peer_ready }
	};
	static struct figures figures[2];
	bool with_peer = peer_path(bench->peer_program, peer);

	memset(figures, 0, sizeof(figures));
	sonde_path(sonde);
	config_write(bench, config);
	for (int i = 0; bench->peer_arguments[i]; i++)
		peer_arguments[i + 1] = bench->peer_arguments[i];
	if (!with_peer)
		fprintf(stderr, "%s: %s is not installed, so not beside it%s%s\n", bench->name,
			bench->peer_name, bench->peer_recorded ? "; " : "",
			bench->peer_recorded ? bench->peer_recorded : "");
	if (!bench_measure(bench, programs, figures, with_peer ? 2 : 1, wanted)) {
		skip_print(bench, wanted, "a program did not start or ended early (see above)");
		return;
	}
	for (int measure = 0; measure < MEASURES; measure++) {
		if (wanted[measure])
			result_print(bench, figures, with_peer, (enum measure)measure);
	}
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
		snprintf(peer_path_argument, sizeof(peer_path_argument), "path=%s", directory);
	}
	for (int i = 0; i < BENCHES; i++) {
		bool wanted[MEASURES], any = false;

		for (int measure = 0; measure < MEASURES; measure++) {
			wanted[measure] = list || is_wanted(&benches[i], (enum measure)measure,
							    count - 1, arguments + 1);
			any = any || wanted[measure];
			if (list)
				printf("%s.%s\n", benches[i].name, measure_names[measure]);
		}
		if (any && !list)
			bench_run(&benches[i], wanted);
	}
	return 0;
}
