// SPDX-License-Identifier: Apache-2.0
/* The process table of this sonde: its programs, its rings read in order, its lock. */
#include <sonde/processes.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "embedded_processes.h"
#include "processes_scan.h"
#include "processes_table.h"
#include "processes_watch.h"

#define RING_BYTES    (1u << 20)
#define WAIT_NS       5000000ull    /* for a program that is under way on another CPU */
#define SCAN_EVERY_NS 1000000000ull /* where only names are missing */
#define HELD_UP       100           /* how often that is waited for, where it matters */
#define SCANS_IN_ROW  3             /* as long as records are lost in between */

static const struct table_limits limits = {
	.keep_ns = 60000000000ull,
	.ended_count = 65536,
	.memory_bytes = 64ull << 20,
};

static const struct sonde_kernel_hook hooks[] = {
	[SONDE_PROCESSES_FORK] = { .name = "sched_process_fork", .program = "fork" },
	[SONDE_PROCESSES_EXEC] = { .name = "sched_process_exec", .program = "exec" },
	[SONDE_PROCESSES_EXIT] = { .name = "sched_process_exit", .program = "exit" },
	[SONDE_PROCESSES_FOUND] = { .name = "iter_task", .program = "found" },
	{ 0 },
};

/* Ring buffers came later than raw tracepoints: a kernel that takes neither has none of this. */
static const char *const variants[] = { "tp_btf", "raw_tp", NULL };

struct sonde_processes {
	struct sonde_kernel *kernel;
	struct sonde_processes_cpu *cpus;
	uint32_t cpu_count;
	struct source *sources; /* a ring each, and behind them what was found */
	struct table table;
	struct watches watches;
	uint64_t lost; /* as last read */
	uint64_t found, missed;
	uint64_t horizon_ns; /* all that happened until then has been read */
	uint64_t scanned_ns; /* when all processes were looked at last */
	bool sees_all;       /* whether this pid namespace is the first one */
	bool unsure;         /* something was lost, and could not be made up for yet */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below and of the table */
static struct sonde_processes *the_table;
static uint32_t users;

/* ---- reading ----------------------------------------------------------------------------- */

/* The time until which all records are in the rings: now, once the programs have left that are
 * under way. If one does not leave, which takes a CPU that is held up, the time of before. */
static uint64_t horizon_find(const struct sonde_processes *processes)
{
	uint64_t now_ns = sonde_kernel_boottime_ns(), entered;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t cpu = 0; cpu < processes->cpu_count; cpu++) {
		const struct sonde_processes_cpu *block = &processes->cpus[cpu];

		entered = __atomic_load_n(&block->entered, __ATOMIC_ACQUIRE);
		while (__atomic_load_n(&block->left, __ATOMIC_ACQUIRE) < entered) {
			if (sonde_kernel_boottime_ns() - now_ns > WAIT_NS)
				return processes->horizon_ns;
			sched_yield();
		}
	}
	return now_ns;
}

/* Records that found no room, and runs that the kernel left out. */
static uint64_t lost_count(const struct sonde_processes *processes)
{
	struct sonde_kernel_cost cost;
	uint64_t lost = processes->table.refused;

	for (uint32_t cpu = 0; cpu < processes->cpu_count; cpu++)
		lost += __atomic_load_n(&processes->cpus[cpu].lost, __ATOMIC_RELAXED);
	for (uint32_t hook = 0; hook < SONDE_PROCESSES_FOUND; hook++)
		if (!sonde_kernel_cost(processes->kernel, hook, &cost))
			lost += cost.missed;
	return lost;
}

/* Applies what happened until now. True: something of it was lost. */
static bool rings_apply(struct sonde_processes *processes)
{
	uint64_t horizon_ns = horizon_find(processes), lost = lost_count(processes);
	bool more = lost != processes->lost;

	sources_apply(processes->sources, processes->cpu_count + 1, horizon_ns, &processes->table);
	processes->horizon_ns = horizon_ns;
	processes->lost = lost;
	return more;
}

/* ---- what runs already ------------------------------------------------------------------- */

/* Looks at all processes. True: something was lost meanwhile. */
static int found_apply(struct sonde_processes *processes, bool *ret_lost)
{
	struct source *found = &processes->sources[processes->cpu_count];
	uint64_t began_ns = sonde_kernel_boottime_ns();
	int fd = sonde_kernel_iterate(processes->kernel, SONDE_PROCESSES_FOUND), error;
	unsigned char *bytes;
	size_t count;

	if (fd < 0)
		return fd;
	table_scan_begin(&processes->table);
	error = scan_read(fd, &bytes, &count);
	close(fd);
	if (error)
		return error;
	*found = (struct source){ .bytes = bytes, .end = bytes + count };
	*ret_lost = rings_apply(processes);
	for (int i = 0; i < HELD_UP && found->bytes < found->end; i++)
		if (rings_apply(processes)) /* a CPU was held up */
			*ret_lost = true;
	if (found->bytes < found->end)
		error = -EAGAIN;
	*found = (struct source){ 0 };
	free(bytes);
	if (error)
		return error;
	table_scan_end(&processes->table, began_ns, processes->sees_all);
	return 0;
}

/* An image whose arguments were read; they hold if it is still what the process runs afterwards. */
struct naming {
	struct image *image;
	char *arguments;
	uint32_t bytes;
	bool truncated;
};

static void naming_apply(struct table *table, struct naming *naming)
{
	struct image *image = naming->image;
	struct program *program;

	if (image->process && !image->ended && naming->arguments) {
		program = program_complete(image->program, naming->arguments, naming->bytes,
					   naming->truncated);
		if (program)
			table_correct(table, image, image->public.since_ns, program);
		program_release(program);
	}
	free(naming->arguments);
	image_release(image);
}

/* Reads the arguments of the images that lack them, and takes them out of that list. Returns how
 * many. */
static uint32_t names_read(struct sonde_processes *processes, struct naming **ret_namings)
{
	struct table *table = &processes->table;
	struct naming *namings;
	struct image *image;
	uint32_t count = 0;

	for (image = table->unnamed; image; image = image->next_unnamed)
		count++;
	namings = count ? calloc(count, sizeof(*namings)) : NULL;
	count = 0;
	for (; table->unnamed; table->unnamed = image->next_unnamed) {
		image = table->unnamed;
		image->unnamed = false;
		if (!namings || !processes->sees_all || image->ended)
			continue;
		namings[count].image = image;
		atomic_fetch_add_explicit(&image->references, 1, memory_order_relaxed);
		(void)scan_arguments(image->public.tgid, &namings[count].arguments,
				     &namings[count].bytes, &namings[count].truncated);
		count++;
	}
	*ret_namings = namings;
	return count;
}

/* Puts the table in line with what runs. Arguments are read between two looks at everything: the
 * second tells of each process whether it runs what it ran in the first. */
static int scan(struct sonde_processes *processes)
{
	struct naming *namings;
	bool lost = true, lost_again = true;
	uint32_t count;
	int error = 0;

	for (int i = 0; i < SCANS_IN_ROW && !error && (lost || lost_again); i++) {
		lost = lost_again = false;
		error = found_apply(processes, &lost);
		if (error || !processes->table.unnamed)
			continue;
		count = names_read(processes, &namings);
		error = found_apply(processes, &lost_again);
		for (uint32_t n = 0; n < count; n++)
			naming_apply(&processes->table, &namings[n]);
		free(namings);
	}
	processes->unsure = error || lost || lost_again;
	processes->scanned_ns = processes->horizon_ns;
	return error;
}

static void read_locked(struct sonde_processes *processes)
{
	bool lost = rings_apply(processes);
	bool unnamed = processes->table.unnamed &&
		       processes->horizon_ns - processes->scanned_ns >= SCAN_EVERY_NS;

	if (lost || processes->unsure || unnamed)
		(void)scan(processes);
	if (!processes->unsure)
		processes->table.sure_ns = processes->horizon_ns;
	table_expire(&processes->table, processes->horizon_ns);
}

void sonde_processes_read(struct sonde_processes *processes)
{
	pthread_mutex_lock(&lock);
	sonde_kernel_rings_woken(processes->kernel);
	read_locked(processes);
	pthread_mutex_unlock(&lock);
}

/* ---- opening ----------------------------------------------------------------------------- */

static void events_tell(void *context, const struct sonde_process_event *event, struct image *image)
{
	struct sonde_processes *processes = context;

	watches_tell(&processes->watches, event, image);
}

static void processes_close(struct sonde_processes *processes)
{
	sonde_kernel_free(processes->kernel);
	table_close(&processes->table);
	free(processes->sources);
	free(processes);
}

static int processes_prepare(struct sonde_processes *processes)
{
	int error = table_open(&processes->table, &limits);

	if (error)
		return error;
	processes->table.callback = events_tell;
	processes->table.context = processes;
	processes->sees_all = sonde_kernel_own_tgid() == (uint32_t)getpid();
	processes->cpu_count = sonde_kernel_ring_count(processes->kernel);
	processes->cpus = sonde_kernel_memory(processes->kernel, "cpus");
	processes->sources = calloc(processes->cpu_count + 1, sizeof(*processes->sources));
	if (!processes->cpus || !processes->sources)
		return -ENOMEM;
	for (uint32_t cpu = 0; cpu < processes->cpu_count; cpu++)
		processes->sources[cpu].ring = sonde_kernel_ring(processes->kernel, cpu);
	return 0;
}

/* What the trial of the load left there lies before a time in which nothing was seen. */
static void rings_empty(struct sonde_processes *processes)
{
	uint32_t bytes;

	for (uint32_t cpu = 0; cpu < processes->cpu_count; cpu++) {
		while (sonde_ring_next(processes->sources[cpu].ring, &bytes))
			;
		sonde_ring_release(processes->sources[cpu].ring);
	}
}

static int processes_open(struct sonde_processes **ret_processes, char *message,
			  size_t message_bytes)
{
	const struct sonde_kernel_plan plan = {
		.size = sizeof(plan),
		.name = "processes",
		.object = embedded_processes,
		.object_bytes = embedded_processes_bytes,
		.variants = variants,
		.hooks = hooks,
		.cpu_map = "cpus",
		.rings_map = "rings",
		.ring_bytes = RING_BYTES,
	};
	struct sonde_processes *processes = calloc(1, sizeof(*processes));
	int error = processes ? 0 : -ENOMEM;

	if (message_bytes)
		message[0] = 0;
	if (error)
		return error;
	error = sonde_kernel_load(&plan, &processes->kernel, message, message_bytes);
	if (!error)
		error = processes_prepare(processes);
	if (!error)
		rings_empty(processes);
	for (uint32_t hook = 0; !error && hook < SONDE_PROCESSES_PROGRAMS; hook++)
		error = sonde_kernel_attach(processes->kernel, hook);
	if (!error) {
		processes->lost = lost_count(processes);
		processes->table.sure_ns = sonde_kernel_boottime_ns();
		error = scan(processes);
	}
	if (error) {
		processes_close(processes);
		return error;
	}
	processes->table.sure_ns = processes->horizon_ns;
	*ret_processes = processes;
	return 0;
}

int sonde_processes_take(struct sonde_processes **ret_processes, char *message,
			 size_t message_bytes)
{
	int error = 0;

	pthread_mutex_lock(&lock);
	if (!users)
		error = processes_open(&the_table, message, message_bytes);
	if (!error) {
		users++;
		*ret_processes = the_table;
	}
	pthread_mutex_unlock(&lock);
	return error;
}

void sonde_processes_release(struct sonde_processes *processes)
{
	if (!processes)
		return;
	pthread_mutex_lock(&lock);
	if (!--users) {
		processes_close(processes);
		the_table = NULL;
	}
	pthread_mutex_unlock(&lock);
}

/* ---- questions --------------------------------------------------------------------------- */

const struct sonde_process_image *sonde_processes_find(struct sonde_processes *processes,
						       uint32_t tgid, uint64_t start_ns,
						       uint64_t time_ns)
{
	struct image *image;

	pthread_mutex_lock(&lock);
	if (time_ns > processes->horizon_ns)
		read_locked(processes);
	image = table_find(&processes->table, tgid, start_ns, time_ns);
	if (image)
		processes->found++;
	else
		processes->missed++;
	pthread_mutex_unlock(&lock);
	return image ? &image->public : NULL;
}

void sonde_processes_counts(struct sonde_processes *processes,
			    struct sonde_processes_counts *ret_counts)
{
	struct sonde_processes_counts counts = { 0 };
	uint32_t size = ret_counts->size < sizeof(counts) ? ret_counts->size : sizeof(counts);
	const struct table *table = &processes->table;

	pthread_mutex_lock(&lock);
	counts = (struct sonde_processes_counts){
		.size = size,
		.live_count = table->live_count,
		.ended_count = table->ended_count,
		.execs = table->execs,
		.forks = table->forks,
		.exits = table->exits,
		.lost = processes->lost,
		.found = processes->found,
		.missed = processes->missed,
		.forgotten = table->forgotten,
		.memory_bytes = images_memory_bytes() + table->bucket_count * sizeof(void *) +
				table->process_count * sizeof(struct process),
	};
	pthread_mutex_unlock(&lock);
	memcpy(ret_counts, &counts, size);
}

int sonde_processes_fd(const struct sonde_processes *processes)
{
	return sonde_kernel_rings_fd(processes->kernel);
}

int sonde_processes_cost(struct sonde_processes *processes, uint32_t index,
			 struct sonde_kernel_cost *ret_cost)
{
	return index < SONDE_PROCESSES_FOUND ? sonde_kernel_cost(processes->kernel, index, ret_cost)
					     : -ERANGE;
}

const char *sonde_processes_variant(const struct sonde_processes *processes)
{
	return sonde_kernel_variant(processes->kernel);
}

/* ---- watches ----------------------------------------------------------------------------- */

int sonde_processes_watch(struct sonde_processes *processes, uint32_t limit,
			  struct sonde_processes_watch **ret_watch)
{
	struct sonde_processes_watch *watch;

	pthread_mutex_lock(&lock);
	read_locked(processes); /* what happened before is not its own */
	watch = watch_create(&processes->watches, limit);
	if (watch) {
		watch->processes = processes;
		watch->ring_lost_before = processes->lost;
		*ret_watch = watch;
	}
	pthread_mutex_unlock(&lock);
	return watch ? 0 : -ENOMEM;
}

void sonde_processes_unwatch(struct sonde_processes_watch *watch)
{
	if (!watch)
		return;
	pthread_mutex_lock(&lock);
	watch_free(&watch->processes->watches, watch);
	pthread_mutex_unlock(&lock);
}

const struct sonde_process_event *sonde_processes_next(struct sonde_processes_watch *watch)
{
	bool taken;

	if (watch->current.image)
		sonde_process_image_release(watch->current.image);
	watch->current.image = NULL;
	pthread_mutex_lock(&lock);
	taken = watch_take(watch, &watch->current);
	pthread_mutex_unlock(&lock);
	return taken ? &watch->current : NULL;
}

void sonde_processes_watched(struct sonde_processes_watch *watch, uint64_t *ret_events,
			     uint64_t *ret_lost, uint64_t *ret_ring_lost)
{
	pthread_mutex_lock(&lock);
	*ret_events = watch->event_count;
	*ret_lost = watch->lost_count;
	*ret_ring_lost = watch->processes->lost - watch->ring_lost_before;
	pthread_mutex_unlock(&lock);
}
