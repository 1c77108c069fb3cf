// SPDX-License-Identifier: Apache-2.0
/* Processes by pid and start, their images from one exec to the next, and what is kept of them. */
#include "processes_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS_FIRST 1024

/* ---- processes --------------------------------------------------------------------------- */

static struct process **bucket_of(const struct table *table, uint32_t tgid)
{
	return &table->buckets[tgid * 2654435769u >> 7 & (table->bucket_count - 1)];
}

static struct process *process_find(const struct table *table, uint32_t tgid, uint64_t start_ns)
{
	struct process *process = *bucket_of(table, tgid);

	while (process && (process->tgid != tgid || process->start_ns != start_ns))
		process = process->next;
	return process;
}

/* Of one tgid the process that started last is met first. */
static void process_insert(struct table *table, struct process *process)
{
	struct process **place = bucket_of(table, process->tgid);

	while (*place &&
	       ((*place)->tgid != process->tgid || (*place)->start_ns > process->start_ns))
		place = &(*place)->next;
	process->next = *place;
	*place = process;
}

/* Twice the buckets, if there is memory for them; it works with fewer too. */
static void buckets_grow(struct table *table)
{
	struct process **old = table->buckets, *process, *next;
	uint32_t count = table->bucket_count;
	struct process **more = calloc(2 * (size_t)count, sizeof(struct process *));

	if (!more)
		return;
	table->buckets = more;
	table->bucket_count = 2 * count;
	for (uint32_t i = 0; i < count; i++)
		for (process = old[i]; process; process = next) {
			next = process->next;
			process_insert(table, process);
		}
	free(old);
}

static void process_remove(struct table *table, struct process *process)
{
	struct process **place = bucket_of(table, process->tgid);

	while (*place != process)
		place = &(*place)->next;
	*place = process->next;
	table->process_count--;
	free(process);
}

/* ---- images in the table ----------------------------------------------------------------- */

static void image_end(struct table *table, struct image *image, uint64_t until_ns)
{
	if (image->ended)
		return;
	if (until_ns < image->public.since_ns)
		until_ns = image->public.since_ns;
	__atomic_store_n(&image->public.until_ns, until_ns, __ATOMIC_RELAXED);
	image->ended = true;
	image->later = NULL;
	if (table->ended_last)
		table->ended_last->later = image;
	else
		table->ended_first = image;
	table->ended_last = image;
	table->ended_count++;
	table->live_count--;
}

static void unnamed_remove(struct table *table, struct image *image)
{
	struct image **place = &table->unnamed;

	if (!image->unnamed)
		return;
	while (*place != image)
		place = &(*place)->next_unnamed;
	*place = image->next_unnamed;
	image->unnamed = false;
}

/* Takes an image out of its process, and the process away with its last one. */
static void image_remove(struct table *table, struct image *image)
{
	struct process *process = image->process;
	struct image **place = &process->newest;

	while (*place != image)
		place = &(*place)->older;
	*place = image->older;
	unnamed_remove(table, image);
	image->process = NULL;
	image->older = NULL;
	image_release(image);
	if (!process->newest)
		process_remove(table, process);
}

/* Who holds the one that goes learns that it holds no longer. */
void table_correct(struct table *table, struct image *image, uint64_t since_ns,
		   struct program *program)
{
	struct process *process = image->process;
	struct image *copy = image_copy(image, since_ns, program);

	if (!copy) {
		table->refused++;
		return;
	}
	copy->process = process;
	copy->older = image;
	process->newest = copy;
	__atomic_store_n(&image->public.until_ns, since_ns, __ATOMIC_RELAXED);
	image_remove(table, image);
}

static void process_end(struct table *table, struct process *process, uint64_t until_ns)
{
	image_end(table, process->newest, until_ns);
	process->ended = true;
}

/* A pid is given again only when its process is gone: if that was not told, it was lost. */
static void predecessors_end(struct table *table, const struct process *process)
{
	for (struct process *other = process->next; other; other = other->next)
		if (other->tgid == process->tgid && !other->ended)
			process_end(table, other, table->sure_ns);
}

/* Makes a process with its first image. NULL: no memory, and the record is counted. */
static struct process *process_create(struct table *table,
				      const struct sonde_process_record *record, uint64_t since_ns,
				      struct program *program)
{
	struct process *process = calloc(1, sizeof(*process));
	struct image *image = image_create(record, since_ns, program);

	if (!process || !image) {
		free(process);
		image_release(image);
		table->refused++;
		return NULL;
	}
	process->tgid = record->header.tgid;
	process->start_ns = record->header.start_time_ns;
	process->newest = image;
	process->scan = table->scan;
	image->process = process;
	if (table->process_count >= table->bucket_count)
		buckets_grow(table);
	process_insert(table, process);
	table->process_count++;
	table->live_count++;
	predecessors_end(table, process);
	return process;
}

/* The process runs another program from now on, and ran the last one until then. */
static int process_replace(struct table *table, struct process *process,
			   const struct sonde_process_record *record, struct program *program,
			   uint64_t until_ns)
{
	uint64_t now_ns = record->header.time_ns;
	struct image *image = image_create(record, now_ns, program);

	if (!image) {
		/* Better no name than the one of before. */
		process_end(table, process, until_ns);
		table->refused++;
		return -ENOMEM;
	}
	image_end(table, process->newest, until_ns);
	image->process = process;
	image->older = process->newest;
	process->newest = image;
	table->live_count++;
	return 0;
}

/* ---- CPU time ----------------------------------------------------------------------------- */

#define CLOCK_WINDOW_NS 10000000000ull
#define SLICE_LIMIT_NS  10000000 /* time is accounted with each tick, at least 100 in a second */

static void clock_observe(struct table_clock *clock, const struct sonde_process_record *record)
{
	int64_t difference_ns = (int64_t)(record->clock_ns - record->header.time_ns);

	if (!record->clock_ns)
		return;
	if (!clock->window_ns || record->header.time_ns - clock->window_ns >= CLOCK_WINDOW_NS) {
		clock->previous_ns = clock->window_ns ? clock->largest_ns : INT64_MIN;
		clock->largest_ns = INT64_MIN;
		clock->window_ns = record->header.time_ns;
	}
	if (difference_ns > clock->largest_ns)
		clock->largest_ns = difference_ns;
}

/* For how long the last thread ran when it ended that had not been accounted. */
static uint64_t slice_ns(const struct table_clock *clock, const struct sonde_process_exit *exit)
{
	int64_t difference_ns =
		clock->largest_ns > clock->previous_ns ? clock->largest_ns : clock->previous_ns;
	int64_t slice_ns =
		(int64_t)(exit->record.header.time_ns + (uint64_t)difference_ns - exit->slice_ns);

	if (!exit->slice_ns || !exit->record.clock_ns || slice_ns < 0)
		return 0;
	return slice_ns < SLICE_LIMIT_NS ? (uint64_t)slice_ns : SLICE_LIMIT_NS;
}

/* Ticks say how the time was split, the scheduler how much it was: as the kernel itself puts the
 * two together. */
static void times_split(const struct sonde_process_exit *exit, uint64_t run_ns,
			struct sonde_process_usage *usage)
{
	uint64_t ticked_ns = exit->user_ns + exit->system_ns;
	double share = ticked_ns ? (double)exit->system_ns / (double)ticked_ns : 0;

	usage->system_ns = (uint64_t)((double)run_ns * share);
	if (usage->system_ns > run_ns)
		usage->system_ns = run_ns;
	usage->user_ns = run_ns - usage->system_ns;
}

/* ---- records ----------------------------------------------------------------------------- */

static void usage_fill(const struct table *table, const struct sonde_process_exit *exit,
		       struct sonde_process_event *event)
{
	event->status = exit->status;
	event->usage_cut = exit->record.header.flags & SONDE_PROCESS_USAGE_CUT;
	event->usage = (struct sonde_process_usage){
		.resident_bytes = exit->resident_pages * (uint64_t)sysconf(_SC_PAGESIZE),
		.minor_faults = exit->minor_faults,
		.major_faults = exit->major_faults,
		.voluntary_switches = exit->voluntary_switches,
		.involuntary_switches = exit->involuntary_switches,
		.read_bytes = exit->read_bytes,
		.written_bytes = exit->written_bytes,
	};
	times_split(exit, exit->run_ns + slice_ns(&table->clock, exit), &event->usage);
}

static void tell(struct table *table, uint32_t change, const struct sonde_process_record *record,
		 struct image *image)
{
	struct sonde_process_event event = {
		.size = sizeof(event),
		.change = change,
		.time_ns = record->header.time_ns,
		.image = &image->public,
		.parent_tgid = record->parent_tgid,
		.parent_start_ns = record->parent_start_ns,
		.user_id = record->user_id,
		.cgroup_id = record->header.cgroup_id,
	};

	if (!table->callback)
		return;
	if (change == SONDE_PROCESS_EXITED)
		usage_fill(table, (const void *)record, &event);
	table->callback(table->context, &event, image);
}

static void unnamed_add(struct table *table, struct image *image)
{
	if (image->unnamed)
		return;
	image->unnamed = true;
	image->next_unnamed = table->unnamed;
	table->unnamed = image;
}

/* A new process runs what its maker runs. It may have been found already, since it can be seen a
 * little before it is told. */
static void fork_apply(struct table *table, const struct sonde_process_fork *fork)
{
	const struct sonde_process_record *record = &fork->record;
	struct process *maker = process_find(table, fork->maker_tgid, fork->maker_start_ns);
	struct process *process =
		process_find(table, record->header.tgid, record->header.start_time_ns);
	struct program *program = NULL;

	table->forks++;
	if (maker && maker->newest->exec_id == record->exec_id)
		program = maker->newest->program;
	if (!process)
		process = process_create(table, record, record->header.start_time_ns, program);
	else if (!process->ended)
		table_correct(table, process->newest, record->header.start_time_ns,
			      program ? program : process->newest->program);
	if (!process)
		return;
	if (!program || maker->newest->unnamed)
		unnamed_add(table, process->newest);
	tell(table, SONDE_PROCESS_FORKED, record, process->newest);
}

/* Takes back an image that was found a little before its exec was told. */
static void early_remove(struct table *table, struct process *process, uint64_t exec_ns)
{
	struct image *early = process->newest;

	if (!early->older)
		return;
	table->live_count--;
	__atomic_store_n(&early->public.until_ns, early->public.since_ns, __ATOMIC_RELAXED);
	image_remove(table, early);
	__atomic_store_n(&process->newest->public.until_ns, exec_ns, __ATOMIC_RELAXED);
}

/* If the process had run yet another program in between, it is not known for how long the last one
 * that is known lasted. */
static int exec_replace(struct table *table, struct process *process,
			const struct sonde_process_record *record, struct program *program)
{
	uint64_t now_ns = record->header.time_ns;

	if (process->newest->exec_id == record->exec_id)
		early_remove(table, process, now_ns);
	if (process->newest->exec_id == record->exec_id) { /* found, and not known before */
		table_correct(table, process->newest, process->newest->public.since_ns, program);
		return 0;
	}
	return process_replace(table, process, record, program,
			       process->newest->exec_id + 1 == record->exec_id ? now_ns
									       : table->sure_ns);
}

static void exec_apply(struct table *table, const struct sonde_process_exec *exec)
{
	const struct sonde_process_record *record = &exec->record;
	struct process *process =
		process_find(table, record->header.tgid, record->header.start_time_ns);
	struct program *program = program_create(exec);

	table->execs++;
	if (!process)
		process = process_create(table, record, record->header.time_ns, program);
	else if (process->ended || exec_replace(table, process, record, program))
		process = NULL; /* an end that was concluded from a loss stays one */
	program_release(program);
	if (process)
		tell(table, SONDE_PROCESS_EXECED, record, process->newest);
}

static void exit_apply(struct table *table, const struct sonde_process_exit *exit)
{
	const struct sonde_process_record *record = &exit->record;
	uint64_t now_ns = record->header.time_ns;
	struct process *process =
		process_find(table, record->header.tgid, record->header.start_time_ns);

	if (process && process->ended)
		return; /* two threads ended at once, and both were the last */
	table->exits++;
	if (!process)
		process = process_create(table, record, now_ns, NULL);
	else if (process->newest->exec_id != record->exec_id &&
		 process_replace(table, process, record, NULL, table->sure_ns))
		process = NULL;
	if (!process)
		return;
	process_end(table, process, now_ns);
	tell(table, SONDE_PROCESS_EXITED, record, process->newest);
}

static void found_apply(struct table *table, const struct sonde_process_exec *exec)
{
	const struct sonde_process_record *record = &exec->record;
	struct process *process =
		process_find(table, record->header.tgid, record->header.start_time_ns);
	struct program *program;

	if (process)
		process->scan = table->scan;
	if (process && (process->ended || process->newest->exec_id == record->exec_id))
		return;
	program = program_create(exec);
	if (!process)
		process = process_create(table, record, record->header.time_ns, program);
	else if (process_replace(table, process, record, program, table->sure_ns))
		process = NULL;
	program_release(program);
	if (process)
		unnamed_add(table, process->newest);
}

void table_apply(struct table *table, const struct sonde_process_record *record)
{
	clock_observe(&table->clock, record);
	switch (record->header.type) {
	case SONDE_EVENT_PROCESS_FORK:
		fork_apply(table, (const void *)record);
		break;
	case SONDE_EVENT_PROCESS_EXEC:
		exec_apply(table, (const void *)record);
		break;
	case SONDE_EVENT_PROCESS_EXIT:
		exit_apply(table, (const void *)record);
		break;
	case SONDE_EVENT_PROCESS_FOUND:
		found_apply(table, (const void *)record);
		break;
	}
}

void table_scan_begin(struct table *table)
{
	table->scan++;
}

void table_scan_end(struct table *table, uint64_t began_ns, bool all)
{
	if (!all)
		return;
	for (uint32_t i = 0; i < table->bucket_count; i++)
		for (struct process *process = table->buckets[i]; process; process = process->next)
			if (!process->ended && process->scan != table->scan &&
			    process->newest->public.since_ns < began_ns)
				process_end(table, process, table->sure_ns);
}

/* ---- questions --------------------------------------------------------------------------- */

/* The image that a process had then. Of one that has ended, events may still tell a little later,
 * as it leaves the CPU. */
static struct image *image_at(const struct process *process, uint64_t time_ns)
{
	struct image *image = process->newest;

	if (process->ended && time_ns >= image->public.since_ns)
		return image;
	while (image && image->public.since_ns > time_ns)
		image = image->older;
	return image && time_ns < image->public.until_ns ? image : NULL;
}

struct image *table_find(struct table *table, uint32_t tgid, uint64_t start_ns, uint64_t time_ns)
{
	struct process *process = *bucket_of(table, tgid);
	struct image *image;

	while (process && (process->tgid != tgid || (start_ns ? process->start_ns != start_ns
							      : process->start_ns > time_ns)))
		process = process->next;
	if (!process)
		return NULL;
	if (!start_ns && process->ended && time_ns > process->newest->public.until_ns)
		return NULL;
	image = image_at(process, time_ns);
	if (image)
		atomic_fetch_add_explicit(&image->references, 1, memory_order_relaxed);
	return image;
}

/* ---- bounds ------------------------------------------------------------------------------ */

/* Ended images lie in the order in which they ended, and the older of a process in front. */
static void ended_drop(struct table *table)
{
	struct image *image = table->ended_first;

	table->ended_first = image->later;
	if (!image->later)
		table->ended_last = NULL;
	table->ended_count--;
	image_remove(table, image);
}

void table_expire(struct table *table, uint64_t now_ns)
{
	const struct table_limits *limits = &table->limits;

	while (table->ended_first && table->ended_first->public.until_ns + limits->keep_ns < now_ns)
		ended_drop(table);
	while (table->ended_first && (table->ended_count > limits->ended_count ||
				      images_memory_bytes() > limits->memory_bytes)) {
		ended_drop(table);
		table->forgotten++;
	}
}

int table_open(struct table *table, const struct table_limits *limits)
{
	*table = (struct table){ .limits = *limits, .bucket_count = BUCKETS_FIRST };
	table->clock.largest_ns = table->clock.previous_ns = INT64_MIN;
	table->buckets = calloc(BUCKETS_FIRST, sizeof(struct process *));
	return table->buckets ? 0 : -ENOMEM;
}

void table_close(struct table *table)
{
	struct process *process, *next;
	struct image *image, *older;

	for (uint32_t i = 0; table->buckets && i < table->bucket_count; i++)
		for (process = table->buckets[i]; process; process = next) {
			next = process->next;
			for (image = process->newest; image; image = older) {
				older = image->older;
				image_release(image);
			}
			free(process);
		}
	free(table->buckets);
	*table = (struct table){ 0 };
}
