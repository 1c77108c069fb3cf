// SPDX-License-Identifier: Apache-2.0
/* The pages of the live view: what two snapshots say in tables. */
#include <errno.h>
#include <string.h>

#include "page.h"

/* ---- columns ----------------------------------------------------------------------------- */

enum {
	PIPELINE_NAME,
	PIPELINE_IN,
	PIPELINE_OUT,
	PIPELINE_REDUCED,
	PIPELINE_LOST,
	PIPELINE_LOST_ALL,
	PIPELINE_WAITING,
	PIPELINE_BYTES,
	PIPELINE_FULL,
	PIPELINE_LAG,
};

static const struct sheet_column pipeline_columns[] = {
	{ .title = "PIPELINE", .least = 8, .keep = 10 },
	{ .title = "IN/s", .kind = SHEET_COUNT, .keep = 9 },
	{ .title = "OUT/s", .kind = SHEET_COUNT, .keep = 8 },
	{ .title = "REDUCED/s", .kind = SHEET_COUNT, .keep = 3 },
	{ .title = "LOST/s", .kind = SHEET_COUNT, .keep = 7, .alarm = true },
	{ .title = "LOST", .kind = SHEET_COUNT, .keep = 6, .alarm = true },
	{ .title = "WAITING", .kind = SHEET_COUNT, .keep = 5 },
	{ .title = "QUEUES", .kind = SHEET_BYTES, .keep = 2 },
	{ .title = "FULL", .kind = SHEET_SHARE, .keep = 4 },
	{ .title = "LAG", .kind = SHEET_DURATION, .keep = 4 },
	{ 0 }
};

enum {
	INSTANCE_NAME,
	INSTANCE_KIND,
	INSTANCE_PLUGIN,
	INSTANCE_STATE,
	INSTANCE_IN,
	INSTANCE_OUT,
	INSTANCE_LOST,
	INSTANCE_WAITING,
	INSTANCE_BYTES,
	INSTANCE_LAG,
	INSTANCE_FAILURES,
	INSTANCE_PROBLEM,
};

static const struct sheet_column instance_columns[] = {
	{ .title = "INSTANCE", .least = 8, .keep = 12 },
	{ .title = "KIND", .least = 6, .keep = 6 },
	{ .title = "PLUGIN", .least = 6, .keep = 4 },
	{ .title = "STATE", .least = 8, .keep = 11 },
	{ .title = "IN/s", .kind = SHEET_COUNT, .keep = 10 },
	{ .title = "OUT/s", .kind = SHEET_COUNT, .keep = 9 },
	{ .title = "LOST/s", .kind = SHEET_COUNT, .keep = 8, .alarm = true },
	{ .title = "WAITING", .kind = SHEET_COUNT, .keep = 7 },
	{ .title = "QUEUES", .kind = SHEET_BYTES, .keep = 3 },
	{ .title = "LAG", .kind = SHEET_DURATION, .keep = 5 },
	{ .title = "FAILURES", .kind = SHEET_COUNT, .keep = 2, .alarm = true },
	{ .title = "PROBLEM", .least = 12, .keep = 1 },
	{ 0 }
};

enum { LOSS_WHERE, LOSS_WHAT, LOSS_REASON, LOSS_RATE, LOSS_ROWS, LOSS_EVENTS };

static const struct sheet_column loss_columns[] = {
	{ .title = "WHERE", .least = 12, .keep = 6 },
	{ .title = "WHAT", .least = 4, .keep = 3 },
	{ .title = "REASON", .least = 8, .keep = 5 },
	{ .title = "PER SECOND", .kind = SHEET_COUNT, .keep = 4 },
	{ .title = "ROWS", .kind = SHEET_COUNT, .keep = 2 },
	{ .title = "EVENTS", .kind = SHEET_COUNT, .keep = 1 },
	{ 0 }
};

enum {
	PROGRAM_ID,
	PROGRAM_NAME,
	PROGRAM_TYPE,
	PROGRAM_RUNS,
	PROGRAM_RUN,
	PROGRAM_CPU,
	PROGRAM_MISSES,
	PROGRAM_BYTES,
	PROGRAM_TARGET,
};

static const struct sheet_column program_columns[] = {
	{ .title = "ID", .kind = SHEET_NUMBER, .keep = 5 },
	{ .title = "PROGRAM", .least = 12, .keep = 9 },
	{ .title = "TYPE", .least = 8, .keep = 4 },
	{ .title = "RUNS/s", .kind = SHEET_COUNT, .keep = 7 },
	{ .title = "A RUN", .kind = SHEET_DURATION, .keep = 6 },
	{ .title = "CPU", .kind = SHEET_SHARE, .keep = 8 },
	{ .title = "MISSED/s", .kind = SHEET_COUNT, .keep = 2, .alarm = true },
	{ .title = "MEMORY", .kind = SHEET_BYTES, .keep = 1 },
	{ .title = "ATTACHED TO", .least = 12, .keep = 3 },
	{ 0 }
};

const char *page_title(enum page page)
{
	static const char *const titles[] = { "pipelines", "instances", "losses", "BPF" };

	return titles[page];
}

const struct sheet_column *page_columns(enum page page)
{
	static const struct sheet_column *const columns[] = { pipeline_columns, instance_columns,
							      loss_columns, program_columns };

	return columns[page];
}

struct sheet_view page_view(enum page page)
{
	static const struct sheet_view views[] = {
		[PAGE_PIPELINES] = { .sort = PIPELINE_IN, .descending = true },
		[PAGE_INSTANCES] = { .sort = INSTANCE_IN, .descending = true },
		[PAGE_LOSSES] = { .sort = LOSS_RATE, .descending = true },
		[PAGE_PROGRAMS] = { .sort = PROGRAM_CPU, .descending = true },
	};

	return views[page];
}

/* ---- sums -------------------------------------------------------------------------------- */

/* What several accounts have in common, and how much it was when the snapshot before was taken. */
struct sum {
	uint64_t in, out, reduced, lost; /* since before */
	uint64_t lost_all, waiting, bytes, limit_bytes;
};

/* The snapshots, and the time between them; 0: there is one only. */
struct span {
	const struct snapshot *before, *now;
	double seconds;
};

static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* An account that is new counts from 0. */
static void sum_add(struct sum *sum, const struct span *span, uint32_t index)
{
	static const struct snapshot_account none;
	const struct snapshot_account *now = &span->now->accounts[index];
	const struct snapshot_account *before = snapshot_account(span->before, now, index);

	before = before ? before : &none;
	sum->in += grown(now->in, before->in);
	sum->out += grown(now->out, before->out);
	sum->reduced += grown(now->reduced, before->reduced);
	sum->lost += grown(now->lost, before->lost);
	sum->lost_all += now->lost;
	sum->waiting += now->queued + now->held;
	sum->bytes += now->queue_bytes;
	sum->limit_bytes += now->queue_limit_bytes;
}

static void rate_put(struct sheet_cell *cell, const struct span *span, uint64_t count)
{
	if (span->seconds > 0)
		sheet_number(cell, (double)count / span->seconds);
}

/* How long what waits takes at the speed at which it goes. */
static void lag_put(struct sheet_cell *cell, const struct span *span, const struct sum *queues)
{
	if (!queues->waiting)
		sheet_number(cell, 0);
	else if (span->seconds > 0 && queues->out)
		sheet_number(cell,
			     (double)queues->waiting * span->seconds * 1e9 / (double)queues->out);
}

static bool is_kind(const struct snapshot_account *account, const char *kind)
{
	return account->running && !strcmp(account->kind, kind);
}

static bool is_instance(const struct snapshot *snapshot, const char *name)
{
	for (uint32_t i = 0; i < snapshot->instance_count; i++)
		if (!strcmp(snapshot->instances[i].name, name))
			return true;
	return false;
}

/* ---- pipelines --------------------------------------------------------------------------- */

/* What goes to a pipeline, what is done in it, and what it sends on. */
static int pipeline_fill(const struct span *span, const char *name, struct sheet *sheet)
{
	struct sum to = { 0 }, within = { 0 }, from = { 0 };
	struct sheet_cell *cells = sheet_row(sheet);

	if (!cells)
		return -ENOMEM;
	for (uint32_t i = 0; i < span->now->account_count; i++) {
		const struct snapshot_account *account = &span->now->accounts[i];

		if (is_kind(account, "route") && !strcmp(account->to, name))
			sum_add(&to, span, i);
		else if (is_kind(account, "route") && !strcmp(account->from, name))
			sum_add(&from, span, i);
		else if (is_kind(account, "processor") && !strcmp(account->from, name))
			sum_add(&within, span, i);
	}
	sheet_words(&cells[PIPELINE_NAME], name);
	rate_put(&cells[PIPELINE_IN], span, to.in);
	rate_put(&cells[PIPELINE_OUT], span, from.in);
	rate_put(&cells[PIPELINE_REDUCED], span, within.reduced);
	rate_put(&cells[PIPELINE_LOST], span, to.lost + within.lost + from.lost);
	sheet_number(&cells[PIPELINE_LOST_ALL],
		     (double)(to.lost_all + within.lost_all + from.lost_all));
	sheet_number(&cells[PIPELINE_WAITING], (double)to.waiting);
	sheet_number(&cells[PIPELINE_BYTES], (double)to.bytes);
	if (to.limit_bytes)
		sheet_number(&cells[PIPELINE_FULL],
			     100 * (double)to.bytes / (double)to.limit_bytes);
	lag_put(&cells[PIPELINE_LAG], span, &to);
	return 0;
}

/* Whether an earlier route leads there too. */
static bool was_named(const struct snapshot *snapshot, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++)
		if (is_kind(&snapshot->accounts[i], "route") &&
		    !strcmp(snapshot->accounts[i].to, snapshot->accounts[index].to))
			return true;
	return false;
}

/* Pipelines are what routes lead to and is no instance; a pipeline and an instance share no name.
 */
static int pipelines_fill(const struct span *span, struct sheet *sheet)
{
	int result = 0;

	for (uint32_t i = 0; i < span->now->account_count && !result; i++) {
		const struct snapshot_account *account = &span->now->accounts[i];

		if (is_kind(account, "route") && !is_instance(span->now, account->to) &&
		    !was_named(span->now, i))
			result = pipeline_fill(span, account->to, sheet);
	}
	return result;
}

/* ---- instances --------------------------------------------------------------------------- */

static bool counts_in(const struct snapshot_instance *instance,
		      const struct snapshot_account *account)
{
	if (!strcmp(instance->kind, "output"))
		return is_kind(account, "route") && !strcmp(account->to, instance->name);
	return is_kind(account, instance->kind) && !strcmp(account->to, instance->name);
}

/* Replicas and places of an instance count in common accounts: they are a row. */
static bool is_first(const struct snapshot *snapshot, uint32_t index)
{
	const struct snapshot_instance *instance = &snapshot->instances[index];

	for (uint32_t i = 0; i < index; i++)
		if (!strcmp(snapshot->instances[i].name, instance->name) &&
		    !strcmp(snapshot->instances[i].kind, instance->kind))
			return false;
	return true;
}

static int instance_fill(const struct span *span, const struct snapshot_instance *instance,
			 struct sheet *sheet)
{
	struct sheet_cell *cells = sheet_row(sheet);
	struct sum sum = { 0 };

	if (!cells)
		return -ENOMEM;
	for (uint32_t i = 0; i < span->now->account_count; i++)
		if (counts_in(instance, &span->now->accounts[i]))
			sum_add(&sum, span, i);
	sheet_words(&cells[INSTANCE_NAME], instance->name);
	sheet_words(&cells[INSTANCE_KIND], instance->kind);
	sheet_words(&cells[INSTANCE_PLUGIN], instance->plugin);
	sheet_words(&cells[INSTANCE_STATE], instance->state);
	rate_put(&cells[INSTANCE_IN], span, sum.in);
	rate_put(&cells[INSTANCE_OUT], span, sum.out);
	rate_put(&cells[INSTANCE_LOST], span, sum.lost);
	sheet_number(&cells[INSTANCE_WAITING], (double)sum.waiting);
	if (sum.limit_bytes) {
		sheet_number(&cells[INSTANCE_BYTES], (double)sum.bytes);
		lag_put(&cells[INSTANCE_LAG], span, &sum);
	}
	sheet_number(&cells[INSTANCE_FAILURES], (double)instance->failures);
	sheet_words(&cells[INSTANCE_PROBLEM], instance->problem);
	return 0;
}

static int instances_fill(const struct span *span, struct sheet *sheet)
{
	int result = 0;

	for (uint32_t i = 0; i < span->now->instance_count && !result; i++)
		if (is_first(span->now, i))
			result = instance_fill(span, &span->now->instances[i], sheet);
	return result;
}

/* ---- losses ------------------------------------------------------------------------------ */

static const struct snapshot_reason *reason_before(const struct snapshot_account *before,
						   const struct snapshot_reason *like)
{
	for (uint32_t i = 0; before && i < before->reason_count; i++)
		if (before->reasons[i].lost == like->lost &&
		    !strcmp(before->reasons[i].reason, like->reason))
			return &before->reasons[i];
	return NULL;
}

/* The kernel's side has no rows yet: there it is events a second. */
static int loss_fill(const struct span *span, uint32_t index, const struct snapshot_reason *reason,
		     struct sheet *sheet)
{
	const struct snapshot_account *account = &span->now->accounts[index];
	const struct snapshot_account *before = snapshot_account(span->before, account, index);
	const struct snapshot_reason *former = reason_before(before, reason);
	struct sheet_cell *cells = sheet_row(sheet);
	bool events = !strcmp(account->kind, "kernel");

	if (!cells)
		return -ENOMEM;
	sheet_words(&cells[LOSS_WHERE], account->name);
	sheet_words(&cells[LOSS_WHAT], reason->lost ? "lost" : "reduced");
	sheet_words(&cells[LOSS_REASON], reason->reason);
	rate_put(&cells[LOSS_RATE], span,
		 events ? grown(reason->events, former ? former->events : 0)
			: grown(reason->rows, former ? former->rows : 0));
	if (!events)
		sheet_number(&cells[LOSS_ROWS], (double)reason->rows);
	sheet_number(&cells[LOSS_EVENTS], (double)reason->events);
	return 0;
}

static int losses_fill(const struct span *span, struct sheet *sheet)
{
	int result = 0;

	for (uint32_t i = 0; i < span->now->account_count; i++) {
		const struct snapshot_account *account = &span->now->accounts[i];

		for (uint32_t r = 0; r < account->reason_count && !result; r++)
			result = loss_fill(span, i, &account->reasons[r], sheet);
	}
	return result;
}

/* ---- the whole --------------------------------------------------------------------------- */

int page_fill(enum page page, const struct snapshot *before, const struct snapshot *now,
	      struct sheet *sheet)
{
	struct span span = { .before = before, .now = now };

	if (before)
		span.seconds = (double)(now->taken_ns - before->taken_ns) / 1e9;
	sheet_begin(sheet, page_columns(page));
	if (page == PAGE_PIPELINES)
		return pipelines_fill(&span, sheet);
	if (page == PAGE_INSTANCES)
		return instances_fill(&span, sheet);
	return losses_fill(&span, sheet);
}

int page_fill_programs(const struct census *census, struct sheet *sheet)
{
	sheet_begin(sheet, page_columns(PAGE_PROGRAMS));
	for (uint32_t i = 0; i < census->count; i++) {
		const struct census_program *program = &census->programs[i];
		struct sheet_cell *cells = sheet_row(sheet);

		if (!cells)
			return -ENOMEM;
		sheet_number(&cells[PROGRAM_ID], program->id);
		sheet_words(&cells[PROGRAM_NAME], program->name);
		sheet_words(&cells[PROGRAM_TYPE], program->type);
		sheet_words(&cells[PROGRAM_TARGET], program->target);
		sheet_number(&cells[PROGRAM_BYTES], (double)program->bytes);
		if (!program->known || program->seconds <= 0)
			continue;
		sheet_number(&cells[PROGRAM_RUNS], program->runs / program->seconds);
		sheet_number(&cells[PROGRAM_CPU], 100 * program->run_s / program->seconds);
		sheet_number(&cells[PROGRAM_MISSES], program->misses / program->seconds);
		if (program->runs > 0)
			sheet_number(&cells[PROGRAM_RUN], program->run_s * 1e9 / program->runs);
	}
	return 0;
}
