/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon itself costs a row: batches of 1,000 through a saturated pipeline with no
 * processor.
 *
 * sonde: the CPU time of build/sonde with `generate` and `null`, over the rows that its ledger says
 * were handed over, less that of a run with one row. floor: three threads, two bounded rings with a
 * futex only when the other side sleeps, the same batches allocated, touched and freed. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger.h"
#include "middle.h"

enum { RUNS = 7, BATCH_ROWS = 1000, ROW_BYTES = 32, RING_SLOTS = 32 };

static const uint64_t row_count = 200000000;

static void fail(const char *what)
{
	fprintf(stderr, "bench_pipeline: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double timeval_s(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static double usage_s(const struct rusage *usage)
{
	return timeval_s(usage->ru_utime) + timeval_s(usage->ru_stime);
}

static void pause_ms(long ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* ---- the daemon -------------------------------------------------------------------------- */

static void write_config(const char *directory, uint64_t rows)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/bench.conf", directory);
	file = fopen(path, "w");
	if (!file)
		fail(path);
	fprintf(file,
		"sonde: { state = \"%s/state\"; log = \"warning\"; };\n"
		"inputs: { load: { plugin = \"generate\"; fill = \"none\"; batch = %d; "
		"rows = %lluL; }; };\n"
		"outputs: { sink: { plugin = \"null\"; "
		"queue: { memory = \"1MiB\"; when_full = \"wait\"; }; }; };\n"
		"pipelines: { main: { from = [\"load\"]; to = [\"sink\"]; "
		"queue: { memory = \"1MiB\"; when_full = \"wait\"; }; }; };\n",
		directory, BATCH_ROWS, (unsigned long long)rows);
	fclose(file);
}

/* Rows handed over so far, as the daemon's ledger says, which another process may map. */
static uint64_t rows_out(const char *directory)
{
	char path[256];
	struct account account;
	uint64_t rows = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/state/ledger", directory);
	file = fopen(path, "r");
	if (!file)
		return 0;
	fseek(file, sizeof(account), SEEK_SET); /* the header has the size of an account */
	while (fread(&account, sizeof(account), 1, file) == 1 && account.kind != ACCOUNT_FREE) {
		if (account.kind == ACCOUNT_ROUTE && !strcmp(account.name, "main > sink"))
			rows = account.out.rows;
	}
	fclose(file);
	return rows;
}

/* CPU seconds of a daemon that passes on that many rows and ends. */
static double daemon_s(const char *program, uint64_t rows)
{
	char directory[] = "/tmp/sonde-bench-XXXXXX", config[256], command[300];
	struct rusage usage;
	int status;
	pid_t child;

	if (!mkdtemp(directory))
		fail("mkdtemp");
	write_config(directory, rows);
	snprintf(config, sizeof(config), "%s/bench.conf", directory);
	child = fork();
	if (child < 0)
		fail("fork");
	if (!child) {
		execl(program, program, "run", config, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 60000 && rows_out(directory) < rows; i++) {
		pause_ms(1);
		if (waitpid(child, &status, WNOHANG) == child) {
			fprintf(stderr, "bench_pipeline: the daemon ended by itself\n");
			exit(1);
		}
	}
	if (rows_out(directory) != rows) {
		fprintf(stderr, "bench_pipeline: %llu rows of %llu arrived\n",
			(unsigned long long)rows_out(directory), (unsigned long long)rows);
		exit(1);
	}
	kill(child, SIGTERM);
	if (wait4(child, &status, 0, &usage) != child)
		fail("wait4");
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	if (!WIFEXITED(status) || WEXITSTATUS(status) || system(command))
		fprintf(stderr, "bench_pipeline: the daemon ended with status %d\n", status);
	return usage_s(&usage);
}

/* ---- the floor --------------------------------------------------------------------------- */

/* A bounded ring of one sender and one receiver; whoever waits sleeps on `word`. */
struct ring {
	void *slots[RING_SLOTS];
	_Alignas(64) uint32_t head; /* taken */
	_Alignas(64) uint32_t tail; /* put */
	_Alignas(64) uint32_t word; /* 1: somebody sleeps */
};

static void ring_sleep(struct ring *ring, uint32_t *counter, uint32_t seen)
{
	struct timespec limit = { .tv_nsec = 10000000 };

	__atomic_store_n(&ring->word, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(counter, __ATOMIC_SEQ_CST) == seen)
		syscall(SYS_futex, &ring->word, FUTEX_WAIT_PRIVATE, 1, &limit, NULL, 0);
}

static void ring_wake(struct ring *ring)
{
	if (__atomic_load_n(&ring->word, __ATOMIC_SEQ_CST) &&
	    __atomic_exchange_n(&ring->word, 0, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &ring->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void ring_put(struct ring *ring, void *item)
{
	uint32_t tail = ring->tail, head;

	while (tail - (head = __atomic_load_n(&ring->head, __ATOMIC_SEQ_CST)) == RING_SLOTS)
		ring_sleep(ring, &ring->head, head);
	ring->slots[tail % RING_SLOTS] = item;
	__atomic_store_n(&ring->tail, tail + 1, __ATOMIC_SEQ_CST);
	ring_wake(ring);
}

static void *ring_take(struct ring *ring)
{
	uint32_t head = ring->head, tail;
	void *item;

	while ((tail = __atomic_load_n(&ring->tail, __ATOMIC_SEQ_CST)) == head)
		ring_sleep(ring, &ring->tail, tail);
	item = ring->slots[head % RING_SLOTS];
	__atomic_store_n(&ring->head, head + 1, __ATOMIC_SEQ_CST);
	ring_wake(ring);
	return item;
}

static struct ring rings[2];

static void *floor_send(void *data)
{
	for (uint64_t i = 0; i < row_count / BATCH_ROWS; i++) {
		char *batch = malloc(BATCH_ROWS * ROW_BYTES);

		if (!batch)
			fail("malloc");
		for (uint32_t row = 0; row < BATCH_ROWS; row++)
			memcpy(batch + row * ROW_BYTES, &i, 4);
		ring_put(&rings[0], batch);
	}
	ring_put(&rings[0], NULL);
	return NULL;
}

static void *floor_pass(void *data)
{
	void *batch;

	do {
		batch = ring_take(&rings[0]);
		ring_put(&rings[1], batch);
	} while (batch);
	return NULL;
}

static double floor_s(void)
{
	struct rusage before, after;
	pthread_t sender, passer;
	void *batch;

	memset(rings, 0, sizeof(rings));
	getrusage(RUSAGE_SELF, &before);
	if (pthread_create(&sender, NULL, floor_send, NULL) ||
	    pthread_create(&passer, NULL, floor_pass, NULL))
		fail("pthread_create");
	while ((batch = ring_take(&rings[1])))
		free(batch);
	pthread_join(sender, NULL);
	pthread_join(passer, NULL);
	getrusage(RUSAGE_SELF, &after);
	return usage_s(&after) - usage_s(&before);
}

/* ---- results ----------------------------------------------------------------------------- */

/* The larger of a spread and that of these. */
static double spread_with(double spread, double *values)
{
	double own = middle_spread(values, RUNS);

	return own > spread ? own : spread;
}

int main(int argc, char **argv)
{
	double sonde[RUNS], floor_ns[RUNS], spread, sonde_ns, least_ns;
	char program[4096];
	char *slash;
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 64);

	if (argc > 1 && !strcmp(argv[1], "--list")) {
		puts("pipeline.transport");
		return 0;
	}
	if (length < 0)
		fail("readlink");
	program[length] = '\0'; /* BUILD/tests/bench/bench_pipeline -> BUILD/sonde */
	for (int i = 0; i < 3 && (slash = strrchr(program, '/')); i++)
		*slash = '\0';
	strcat(program, "/sonde");
	for (int i = 0; i < RUNS; i++) {
		double started_s = daemon_s(program, 1);

		sonde[i] = (daemon_s(program, row_count) - started_s) * 1e9 / (double)row_count;
		floor_ns[i] = floor_s() * 1e9 / (double)row_count;
		fprintf(stderr, "pipeline.transport: sonde %.3f, floor %.3f ns a row\n", sonde[i],
			floor_ns[i]);
	}
	spread = spread_with(spread_with(0, sonde), floor_ns);
	sonde_ns = middle(sonde, RUNS);
	least_ns = middle(floor_ns, RUNS);
	fprintf(stderr,
		"pipeline.transport: Fluent Bit is not among Debian's packages: not beside it\n");
	printf("{\"name\":\"pipeline.transport\",\"unit\":\"ns/row\",\"sonde\":%.4g,\"floor\":%.4g,"
	       "\"peer\":null,\"peer_name\":null,\"vs_floor\":%.3g,\"vs_peer\":null,"
	       "\"better\":\"less\",\"spread\":%.3g,\"runs\":%d}\n",
	       sonde_ns, least_ns, sonde_ns / least_ns, spread, RUNS);
	return 0;
}
