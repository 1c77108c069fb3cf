// SPDX-License-Identifier: Apache-2.0
/* What the processor `enrich` costs a row of a batch of 1,000 events: processes, users and
 * containers, from the batch that is lent to the one that goes on. The rows are of 64 processes in
 * 16 cgroups, in no order.
 *
 * floor: a loop by hand over the same rows that looks pid and cgroup up in plain arrays, checks
 * nothing, and fills the same columns. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../unit/otlp_host.h"
#include "batch.h"
#include "cgroups.h"
#include "dictionary.h"
#include "middle.h"
#include "processes.h"

enum { RUNS = 15, BATCH_ROWS = 1000, BATCHES = 5000, PROCESSES = 64, CGROUPS = 16 };
enum { FIRST_PID = 1000, FIRST_CGROUP = 5000, COLUMNS = 14 };

struct row {
	int64_t time_ns, start_time_ns;
	uint64_t cgroup_id;
	uint32_t pid, tid;
	uint64_t duration_ns;
};

static const struct sonde_field fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "process.start_time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct row, start_time_ns) },
	{ .name = "cgroup.id", .type = SONDE_U64, SONDE_MEMBER(struct row, cgroup_id) },
	{ .name = "process.pid", .type = SONDE_U32, SONDE_MEMBER(struct row, pid) },
	{ .name = "thread.id", .type = SONDE_U32, SONDE_MEMBER(struct row, tid) },
	{ .name = "duration", .type = SONDE_DURATION, SONDE_MEMBER(struct row, duration_ns) },
	{ 0 }
};

static const struct sonde_schema schema = { .name = "bench",
					    .row_size = sizeof(struct row),
					    .fields = fields };

static const struct sonde_field clock_field = { .name = "clock.offset",
						.type = SONDE_DURATION,
						.role = SONDE_ROLE_CLOCK_OFFSET };

static int64_t offset_ns;

static void fail(const char *what)
{
	fprintf(stderr, "bench_process_enrich: %s\n", what);
	exit(1);
}

/* ---- a process table and cgroups of our own ---------------------------------------------- */

static struct sonde_process_image images[PROCESSES];
static char names[PROCESSES][2][48];

static void images_make(void)
{
	for (uint32_t i = 0; i < PROCESSES; i++) {
		snprintf(names[i][0], sizeof(names[i][0]), "/usr/bin/program-%u", i % 40);
		snprintf(names[i][1], sizeof(names[i][1]), "program-%u", i % 40);
		images[i] = (struct sonde_process_image){ .size = sizeof(images[i]),
							  .tgid = FIRST_PID + i,
							  .start_ns = 1000000 + 7919 * i,
							  .since_ns = 1000000 + 7919 * i,
							  .until_ns = UINT64_MAX,
							  .parent_tgid = i % 8 ? 900 + i % 8 : 0,
							  .user_id = i % 3,
							  .command = names[i][1],
							  .executable = names[i][0],
							  .arguments = "" };
	}
}

int sonde_processes_take(struct sonde_processes **ret_processes, char *message, size_t size)
{
	*ret_processes = (struct sonde_processes *)(void *)images;
	return 0;
}

void sonde_processes_release(struct sonde_processes *processes)
{
}

void sonde_processes_read(struct sonde_processes *processes)
{
}

const struct sonde_process_image *sonde_processes_find(struct sonde_processes *processes,
						       uint32_t tgid, uint64_t start_ns,
						       uint64_t time_ns)
{
	return tgid >= FIRST_PID && tgid < FIRST_PID + PROCESSES ? &images[tgid - FIRST_PID] : NULL;
}

void sonde_process_image_release(const struct sonde_process_image *image)
{
}

int sonde_kernel_cgroup_path(uint64_t cgroup_id, char *path, size_t capacity)
{
	snprintf(path, capacity,
		 "/kubepods.slice/kubepods-burstable.slice/"
		 "kubepods-burstable-pod5dd7f1a2_38c6_4b7e_9f3d_1a2b3c4d5e%02x.slice/"
		 "cri-containerd-%064x.scope",
		 (unsigned)cgroup_id & 0xff, (unsigned)cgroup_id);
	return 0;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* Of a multiplicative order, so that no branch predictor learns who comes next. */
static uint32_t scatter(uint32_t row)
{
	return (row + 1) * 2654435769u >> 8;
}

static struct sonde_batch *make_batch(void)
{
	struct sonde_batch *batch = batch_create(&schema, BATCH_ROWS, NULL);
	struct row *rows;

	if (!batch || !batch_constant(batch, &clock_field, NULL, &offset_ns))
		fail("no memory");
	rows = batch_rows(batch);
	for (uint32_t row = 0; row < BATCH_ROWS; row++) {
		uint32_t process = scatter(row) % PROCESSES;

		rows[row] = (struct row){ .time_ns = offset_ns + 1000000000 + row,
					  .start_time_ns =
						  offset_ns + (int64_t)images[process].start_ns,
					  .cgroup_id = FIRST_CGROUP + process % CGROUPS,
					  .pid = FIRST_PID + process,
					  .tid = row };
	}
	batch_resize(batch, BATCH_ROWS);
	batch_finish(batch);
	return batch;
}

static double cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ---- sonde ------------------------------------------------------------------------------- */

static struct users users = { .path = "/etc/passwd" };
static struct processes processes;
static struct cgroups cgroups;
static struct origin origin;
static uint32_t added_columns;

static void sonde_open(void)
{
	bool process[PROCESS_COLUMNS], cgroup[CGROUP_COLUMNS];
	char message[64];

	memset(process, true, sizeof(process));
	process[PROCESS_COMMAND_LINE] = process[PROCESS_COMMAND_ARGS] = false;
	memset(cgroup, true, sizeof(cgroup));
	users_look(&users, 1);
	if (processes_open(&processes, &otlp_instance, process, &users, 16384, message,
			   sizeof(message)) ||
	    cgroups_open(&cgroups, &otlp_instance, cgroup, 16384))
		fail("no memory");
}

/* As enrich_process() does it. */
static void sonde_enrich(struct sonde_batch *batch)
{
	struct enriched enriched = { .from = batch };
	int64_t now_offset_ns = sonde_kernel_clock_offset_ns();
	struct origin_columns columns;

	origin_look_at_clock(&origin, now_offset_ns);
	origin_read(&origin, &otlp_instance, batch, &columns);
	if (processes_look_up(&processes, batch, &columns, now_offset_ns) != 1 ||
	    facts_write(&processes.facts, &enriched) ||
	    cgroups_look_up(&cgroups, batch, &columns, &processes) != 1 ||
	    facts_write(&cgroups.facts, &enriched))
		fail("rows are not looked up");
	batch_finish(enriched.derived);
	added_columns = enriched.derived->column_count - batch->column_count;
	batch_release(enriched.derived);
}

static double sonde_ns(struct sonde_batch *batch)
{
	double begin;

	sonde_enrich(batch);
	begin = cpu_ns();
	for (uint32_t count = 0; count < BATCHES; count++)
		sonde_enrich(batch);
	return (cpu_ns() - begin) / BATCHES / BATCH_ROWS;
}

/* ---- floor ------------------------------------------------------------------------------- */

static struct sonde_dictionary *floor_dictionary;
static uint32_t floor_process[PROCESSES][COLUMNS], floor_cgroup[CGROUPS][COLUMNS];

static void floor_open(void)
{
	floor_dictionary = dictionary_create(true);
	for (uint32_t i = 0; i < PROCESSES; i++)
		for (uint32_t column = 0; column < COLUMNS; column++)
			floor_process[i][column] = dictionary_add(floor_dictionary, names[i][0], 8);
	for (uint32_t i = 0; i < CGROUPS; i++)
		for (uint32_t column = 0; column < COLUMNS; column++)
			floor_cgroup[i][column] = dictionary_add(floor_dictionary, names[i][1], 8);
}

static void floor_enrich(struct sonde_batch *batch, uint32_t process_columns,
			 uint32_t cgroup_columns)
{
	struct sonde_batch *derived = batch_derive(batch);
	const struct row *rows = batch_rows(batch);
	char name[16];

	for (uint32_t column = 0; column < process_columns + cgroup_columns && derived; column++) {
		const struct sonde_field field = { .name = name, .type = SONDE_TEXT };
		struct sonde_column *added;
		uint32_t *codes;

		snprintf(name, sizeof(name), "column.%u", column);
		added = batch_add(derived, &field, floor_dictionary);
		if (!added)
			fail("no memory");
		codes = (uint32_t *)(void *)added->base;
		if (column < process_columns)
			for (uint32_t row = 0; row < BATCH_ROWS; row++)
				codes[row] = floor_process[rows[row].pid - FIRST_PID][column];
		else
			for (uint32_t row = 0; row < BATCH_ROWS; row++)
				codes[row] = floor_cgroup[rows[row].cgroup_id - FIRST_CGROUP]
							 [column - process_columns];
	}
	if (!derived)
		fail("no memory");
	batch_finish(derived);
	batch_release(derived);
}

static double floor_ns(struct sonde_batch *batch)
{
	double begin = cpu_ns();

	for (uint32_t count = 0; count < BATCHES; count++)
		floor_enrich(batch, 6, 3); /* of sonde's those that are not the same in all rows */
	return (cpu_ns() - begin) / BATCHES / BATCH_ROWS;
}

static void measure(void)
{
	double sonde[RUNS], least[RUNS], ratio[RUNS], spread, other;
	struct sonde_batch *batch;

	offset_ns = sonde_kernel_clock_offset_ns();
	images_make();
	sonde_open();
	floor_open();
	batch = make_batch();
	for (int run = 0; run < RUNS; run++) {
		sonde[run] = sonde_ns(batch);
		least[run] = floor_ns(batch);
		ratio[run] = sonde[run] / least[run];
		fprintf(stderr, "process.enrich: sonde %.2f for %u columns, floor %.2f ns a row\n",
			sonde[run], added_columns, least[run]);
	}
	if (processes.missed_count || cgroups.missed_count || added_columns < 11)
		fail("not all rows were found");
	batch_release(batch);
	processes_close(&processes);
	cgroups_close(&cgroups);
	users_close(&users);
	dictionary_release(floor_dictionary);
	spread = middle_spread(sonde, RUNS);
	other = middle_spread(least, RUNS);
	printf("{\"name\":\"process.enrich\",\"unit\":\"ns/row\",\"sonde\":%.4g,\"floor\":%.4g,"
	       "\"peer\":null,\"peer_name\":null,\"vs_floor\":%.3g,\"vs_peer\":null,"
	       "\"better\":\"less\",\"spread\":%.3g,\"runs\":%d}\n",
	       middle(sonde, RUNS), middle(least, RUNS), middle(ratio, RUNS),
	       spread > other ? spread : other, RUNS);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--list") == 0)
		printf("process.enrich\n");
	else
		measure();
	return 0;
}
