/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins may read of the daemon: accounts, health, records, the process.
 *
 * A plugin says how large the structs are that it knows; it gets so much of ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "chronicle.h"
#include "clock.h"
#include "descriptors.h"
#include "file.h"
#include "health.h"
#include "insight.h"
#include "kernel_memory.h"
#include "ledger.h"
#include "log.h"
#include "memory.h"
#include "route.h"
#include "storage.h"
#include "watch.h"

enum { STAT_BYTES = 4096, STAT_THREADS = 18 /* fields behind the name, from 1 */ };

_Static_assert((int)SONDE_ACCOUNT_KERNEL == (int)ACCOUNT_KERNEL &&
		       (int)SONDE_ACCOUNT_PROCESSOR == (int)ACCOUNT_PROCESSOR,
	       "kinds of accounts are the ledger's own");

static struct ledger *ledger;
static const char *host_id = "";
static int64_t started_ns;

void insight_open(struct ledger *opened, const char *id)
{
	ledger = opened;
	host_id = id;
	started_ns = clock_wall_ns();
}

/* As much of it as the plugin has room for, which keeps its size. */
static void give(void *ret_struct, const void *own, size_t own_bytes)
{
	uint32_t size;

	memcpy(&size, ret_struct, sizeof(size));
	memcpy((char *)ret_struct + sizeof(size), (const char *)own + sizeof(size),
	       (size < own_bytes ? size : own_bytes) - sizeof(size));
}

/* ---- accounts ---------------------------------------------------------------------------- */

static struct sonde_amount amount_of(struct tally tally)
{
	return (struct sonde_amount){ tally.rows, tally.events };
}

/* An account that is read, and whose queues are added up. */
struct reading {
	const struct account *account;
	struct account numbers;
	struct sonde_account *result;
};

static int reading_add_route(void *subject, uint64_t id, void *data)
{
	struct reading *reading = data;
	struct sonde_account *result = reading->result;
	struct route *route = subject;
	struct route_snapshot at;

	if (route->account != reading->account)
		return 0;
	route_snapshot(route, &at);
	reading->numbers.in = at.in;
	reading->numbers.out = at.out;
	memcpy(reading->numbers.reduced, at.reduced, sizeof(at.reduced));
	memcpy(reading->numbers.lost, at.lost, sizeof(at.lost));
	result->queue_count++;
	result->queue_bytes += at.bytes;
	result->queue_limit_bytes += at.limit_bytes;
	result->queue_peak_bytes += at.high_bytes;
	result->queue_rows += at.queued.rows;
	return 0;
}

/* What comes in is read last, so that nothing seems to have gone out that never came. What a
 * processor makes may be booked after it went out: then nothing is in flight. */
static void reading_begin(struct reading *reading)
{
	account_read(reading->account, &reading->numbers);
	reading->numbers.made = tally_read(&reading->account->made);
	reading->numbers.in = tally_read(&reading->account->in);
}

static uint64_t at_least_zero(uint64_t count)
{
	return (int64_t)count < 0 ? 0 : count;
}

static void reading_end(struct reading *reading)
{
	const struct account *numbers = &reading->numbers;
	struct sonde_account *result = reading->result;
	struct tally open = account_open(numbers);

	result->in = amount_of(numbers->in);
	result->made = amount_of(numbers->made);
	result->out = amount_of(numbers->out);
	result->repeated = amount_of(numbers->repeated);
	result->in_flight.rows = at_least_zero(open.rows);
	result->in_flight.events = at_least_zero(open.events);
	for (uint32_t i = 0; i < SONDE_REDUCTION_COUNT; i++)
		result->reduced[i] = amount_of(numbers->reduced[i]);
	for (uint32_t i = 0; i < SONDE_LOSS_COUNT; i++)
		result->lost[i] = amount_of(numbers->lost[i]);
}

int insight_account(struct sonde_instance *instance, uint64_t *cursor,
		    struct sonde_account *ret_account)
{
	const struct account *account =
		ledger && *cursor < UINT32_MAX ? ledger_at(ledger, (uint32_t)*cursor) : NULL;
	struct sonde_account own = { 0 };
	struct reading reading = { .account = account, .result = &own };

	if (!account)
		return -ENOENT;
	own.kind = account->kind;
	own.name = account->name;
	own.begun_ns = account->begun_ns;
	own.seen = ledger_has_seen(ledger, account);
	reading_begin(&reading);
	if (account->kind == ACCOUNT_ROUTE)
		census_visit(CENSUS_ROUTES, reading_add_route, &reading);
	reading_end(&reading);
	give(ret_account, &own, sizeof(own));
	++*cursor;
	return 0;
}

const char *insight_reason_name(bool lost, uint32_t reason)
{
	return lost ? loss_name(reason) : reduction_name(reason);
}

/* ---- health ------------------------------------------------------------------------------ */

/* The first instance past an id. */
struct search {
	uint64_t after;
	struct sonde_health *result;
	char *texts;
	size_t capacity;
};

static int search_look(void *subject, uint64_t id, void *data)
{
	struct search *search = data;

	if (id <= search->after)
		return 0;
	health_read(subject, search->result, search->texts, search->capacity);
	search->result->id = id;
	return 1;
}

int insight_health(struct sonde_instance *instance, uint64_t *cursor,
		   struct sonde_health *ret_health, char *texts, size_t capacity)
{
	struct sonde_health own = { 0 };
	struct search search = { *cursor, &own, texts, capacity };

	if (!census_visit(CENSUS_INSTANCES, search_look, &search))
		return -ENOENT;
	give(ret_health, &own, sizeof(own));
	*cursor = own.id;
	return 0;
}

/* ---- records ----------------------------------------------------------------------------- */

int insight_record(struct sonde_instance *instance, uint32_t kind, uint64_t *cursor,
		   struct sonde_record *ret_record, char *texts, size_t capacity)
{
	struct sonde_record own = { 0 };
	int result = chronicle_read(instance->name, kind, cursor, &own, texts, capacity);

	if (!result)
		give(ret_record, &own, sizeof(own));
	return result;
}

/* ---- the process ------------------------------------------------------------------------- */

/* All threads, those of libraries too; 0: the kernel does not say. */
static uint32_t thread_count(void)
{
	CLEANUP(text_free) char *content = NULL;
	size_t length;
	char *at;

	if (file_read("/proc/self/stat", STAT_BYTES, true, &content, &length))
		return 0;
	at = strrchr(content, ')'); /* a name may hold anything */
	for (uint32_t i = 0; at && i < STAT_THREADS; i++)
		at = strchr(at + 1, ' ');
	return at ? (uint32_t)strtoul(at, NULL, 10) : 0;
}

static int64_t ns_of(struct timeval time)
{
	return (int64_t)time.tv_sec * NS_PER_SECOND + (int64_t)time.tv_usec * NS_PER_US;
}

static void process_read_memory(struct sonde_process *process)
{
	struct memory_snapshot memory;

	memory_read(&memory);
	process->resident_bytes = memory.resident_bytes;
	process->limit_bytes = memory.limit_bytes == SIZE_MAX ? UINT64_MAX : memory.limit_bytes;
	process->room_bytes = memory.room_bytes;
	process->idle_bytes = storage_idle_bytes();
	if (process->idle_bytes > memory.counted_bytes)
		process->idle_bytes = memory.counted_bytes;
	process->used_bytes = memory.counted_bytes - process->idle_bytes;
	process->peak_bytes = memory.peak_bytes;
	process->reserved_bytes = memory.reserved_bytes;
	process->other_bytes = memory.other_bytes;
	process->kernel_bytes = kernel_memory_bytes();
	process->shed_rows = memory.shed_rows;
	process->refused_count = memory.refused_count;
	process->failed_count = memory.failed_count;
}

int insight_process(struct sonde_instance *instance, struct sonde_process *ret_process)
{
	struct sonde_process own = { .host_id = host_id, .started_ns = started_ns };
	struct descriptors_snapshot descriptors;
	struct log_counts log = log_counts();
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	descriptors_read(&descriptors);
	process_read_memory(&own);
	own.epoch = ledger ? ledger_epoch(ledger) : 0;
	own.thread_count = thread_count();
	own.user_ns = ns_of(usage.ru_utime);
	own.system_ns = ns_of(usage.ru_stime);
	own.stuck_ns = watch_stuck_ns();
	own.descriptor_count = descriptors.used;
	own.descriptor_limit = descriptors.limit;
	own.descriptor_refused_count = descriptors.refused_count;
	own.log_written = log.written;
	own.log_held = log.held;
	own.log_lost = log.lost;
	give(ret_process, &own, sizeof(own));
	return 0;
}
