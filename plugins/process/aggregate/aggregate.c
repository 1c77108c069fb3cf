// SPDX-License-Identifier: Apache-2.0
/* Processor `aggregate`: rows in, one row a group and window out. */
#include <errno.h>
#include <string.h>
#include <sonde/plugin.h>

#include "window.h"

enum { TIMER_CLOSE };

static const char *const late_choices[] = { "own", "drop", NULL };

struct aggregate {
	struct sonde_texts by, measures, source; /* options */
	int64_t window_ns, slide_ns, lateness_ns, idle_ns, future_ns;
	uint32_t late; /* enum window_late */
	uint32_t groups;
	uint64_t memory_bytes;
	uint32_t top;
	const char *top_by;
	const char *schema;

	struct windows *windows;
	uint64_t settings_mark;    /* of the settings that they have */
	struct window_counts seen; /* as far as they are in the counters */
	bool foreign_told;
	bool remembers;  /* a queue on disk stands before the pipeline */
	bool catches_up; /* what it gives again is not over yet */

	/* counters */
	uint64_t windows_emitted, groups_emitted;
	uint64_t late_rows, future_rows, untimed_rows, other_rows;
	uint64_t missing_batches, mismatched_batches, passed_batches, unmerged_values;
};

#define OPTION(name_, type_, member_)                                                              \
	.name = name_, .type = type_, SONDE_MEMBER(struct aggregate, member_), .knob = true

static const struct sonde_option aggregate_options[] = {
	{ OPTION("by", SONDE_TEXTS, by), .help = "columns that groups are told apart by" },
	{ OPTION("measures", SONDE_TEXTS, measures),
	  .help = "what each group comes to: \"count\", \"slow = count where wait > 1s\", "
		  "\"p99(wait)\"; none: the measures that rows bring" },
	{ OPTION("window", SONDE_DURATION, window_ns), .value = "10s", .minimum = "1ms",
	  .maximum = "744h", .help = "how much time a row is about" },
	{ OPTION("slide", SONDE_DURATION, slide_ns), .value = "0s", .minimum = "0s",
	  .maximum = "744h",
	  .help = "time from one window's begin to the next one's; 0: its length" },
	{ OPTION("lateness", SONDE_DURATION, lateness_ns), .value = "1s", .minimum = "0s",
	  .maximum = "744h", .help = "how long a window waits for rows beyond its end" },
	{ OPTION("idle", SONDE_DURATION, idle_ns), .value = "10s", .minimum = "1ms",
	  .maximum = "744h", .help = "a source without rows for so long is not waited for" },
	{ OPTION("future", SONDE_DURATION, future_ns), .value = "1h", .minimum = "0s",
	  .help = "rows that are so far ahead of the clock are rejected" },
	{ OPTION("late", SONDE_CHOICE, late), .value = "own", .choices = late_choices,
	  .help = "rows of windows that are closed: own: they become rows of their own; drop: "
		  "they are rejected" },
	{ OPTION("source", SONDE_TEXTS, source),
	  .help = "columns that tell whose clock stamped a row; none: host.id, host.name and "
		  "service.instance.id of the resource" },
	{ OPTION("groups", SONDE_U32, groups), .value = "10000", .minimum = "1",
	  .maximum = "16777216", .unit = "{group}",
	  .help = "groups of a window; rows of others are added to one that stands for all of "
		  "them" },
	{ OPTION("memory", SONDE_SIZE, memory_bytes), .value = "64MiB", .minimum = "1MiB",
	  .help = "bound of all windows together; beyond, the same" },
	{ OPTION("top", SONDE_U32, top), .value = "0", .unit = "{group}",
	  .help = "only so many groups go on by themselves, the rest as one; 0: all" },
	{ OPTION("top_by", SONDE_TEXT, top_by),
	  .help = "measure whose largest values these have; none: the first" },
	{ OPTION("schema", SONDE_TEXT, schema),
	  .help = "name of the rows, where measures are given; none: that of the instance" },
	{ 0 },
};

#define COUNTER(name_, member_, unit_, help_)                                                      \
	{                                                                                          \
		.name = name_, SONDE_MEMBER(struct aggregate, member_), .unit = unit_,             \
		.help = help_                                                                      \
	}

static const struct sonde_counter aggregate_counters[] = {
	COUNTER("windows_emitted", windows_emitted, "{window}", "windows that were closed"),
	COUNTER("groups_emitted", groups_emitted, "{row}", "rows that they became"),
	COUNTER("late_rows", late_rows, "{row}", "rows that came when their window was closed"),
	COUNTER("future_rows", future_rows, "{row}", "rows too far ahead of the clock: rejected"),
	COUNTER("untimed_rows", untimed_rows, "{row}",
		"rows without a time, taken as of when they came"),
	COUNTER("other_rows", other_rows, "{row}", "rows that found no room for their group"),
	COUNTER("missing_batches", missing_batches, "{batch}",
		"batches without a column that `by` or a measure names"),
	COUNTER("mismatched_batches", mismatched_batches, "{batch}",
		"batches in which such a column is of a type that does not fit: it has no values"),
	COUNTER("passed_batches", passed_batches, "{batch}",
		"batches that cannot be aggregated, and went on as they were"),
	COUNTER("unmerged_values", unmerged_values, "{value}",
		"histograms of other bounds than their group's, and values that are no number"),
	{ 0 },
};

static struct window_settings settings_of(const struct sonde_instance *instance)
{
	const struct aggregate *aggregate = instance->self;
	bool named = aggregate->schema && *aggregate->schema;

	return (struct window_settings){
		.by = aggregate->by,
		.measures = aggregate->measures,
		.source = aggregate->source,
		.schema = named ? aggregate->schema : instance->name,
		.width_ns = aggregate->window_ns,
		.slide_ns = aggregate->slide_ns,
		.lateness_ns = aggregate->lateness_ns,
		.idle_ns = aggregate->idle_ns,
		.future_ns = aggregate->future_ns,
		.group_limit = aggregate->groups,
		.memory_bytes = aggregate->memory_bytes,
		.top = aggregate->top,
		.top_by = aggregate->top_by,
		.late = (enum window_late)aggregate->late,
		.keeps = true,
	};
}

static int aggregate_check(struct sonde_instance *instance)
{
	struct window_settings settings = settings_of(instance);
	struct window_fault fault;

	if (window_settings_check(&settings, &fault) < 0)
		sonde_problem(instance, fault.setting, "%s", fault.text);
	return 0;
}

/* ---- windows ----------------------------------------------------------------------------- */

static int on_closed(void *data, const struct window_table *table)
{
	struct sonde_instance *instance = data;
	struct aggregate *aggregate = instance->self;

	sonde_count(&aggregate->groups_emitted, table->batch->row_count);
	if (table->receipts)
		return sonde_emit_folded(instance, table->receipts, table->batch);
	return sonde_emit_batch(instance, table->batch);
}

static void count_more(uint64_t *counter, uint64_t now, uint64_t seen)
{
	if (now != seen)
		sonde_count(counter, now - seen);
}

static void counters_renew(struct aggregate *aggregate)
{
	const struct window_counts *seen = &aggregate->seen;
	struct window_counts now = windows_counts(aggregate->windows);

	count_more(&aggregate->windows_emitted, now.closed_windows, seen->closed_windows);
	count_more(&aggregate->late_rows, now.late_rows, seen->late_rows);
	count_more(&aggregate->future_rows, now.future_rows, seen->future_rows);
	count_more(&aggregate->untimed_rows, now.untimed_rows, seen->untimed_rows);
	count_more(&aggregate->other_rows, now.other_rows, seen->other_rows);
	count_more(&aggregate->missing_batches, now.missing_batches, seen->missing_batches);
	count_more(&aggregate->mismatched_batches, now.mismatched_batches,
		   seen->mismatched_batches);
	count_more(&aggregate->passed_batches, now.foreign_batches, seen->foreign_batches);
	count_more(&aggregate->unmerged_values, now.unmerged_values, seen->unmerged_values);
	aggregate->seen = now;
}

/* What a call into the windows came to: what it counted, and why it failed. */
static int finish(struct sonde_instance *instance, int result)
{
	struct aggregate *aggregate = instance->self;
	const char *warning = windows_warning(aggregate->windows);

	counters_renew(aggregate);
	if (warning)
		sonde_log(instance, SONDE_WARNING, "%s", warning);
	if (result < 0)
		return sonde_fail(instance, -result,
				  "a window cannot be emitted for want of memory");
	return result;
}

static uint64_t mark_bytes(uint64_t mark, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	while (size--)
		mark = (mark ^ *bytes++) * 0x100000001b3ull;
	return mark;
}

static uint64_t mark_texts(uint64_t mark, const struct sonde_texts *texts)
{
	mark = mark_bytes(mark, &texts->count, sizeof(texts->count));
	for (uint32_t i = 0; i < texts->count; i++)
		mark = mark_bytes(mark, texts->items[i], strlen(texts->items[i]) + 1);
	return mark;
}

/* Other settings have another mark. */
static uint64_t mark_settings(const struct window_settings *settings)
{
	const int64_t numbers[] = { settings->width_ns,
				    settings->slide_ns,
				    settings->lateness_ns,
				    settings->idle_ns,
				    settings->future_ns,
				    settings->group_limit,
				    (int64_t)settings->memory_bytes,
				    settings->top,
				    settings->late };
	const char *top_by = settings->top_by ? settings->top_by : "";
	uint64_t mark = mark_bytes(0xcbf29ce484222325ull, numbers, sizeof(numbers));

	mark = mark_texts(mark, &settings->by);
	mark = mark_texts(mark, &settings->measures);
	mark = mark_texts(mark, &settings->source);
	mark = mark_bytes(mark, settings->schema, strlen(settings->schema) + 1);
	return mark_bytes(mark, top_by, strlen(top_by) + 1);
}

/* ---- behind a queue on disk -------------------------------------------------------------- */

/* In the callback that emitted, so that both are of one commit. Returns `result`, or why not. */
static int remember(struct sonde_instance *instance, int result)
{
	struct aggregate *aggregate = instance->self;
	unsigned char bytes[WINDOW_REMEMBERED_BYTES];
	int remembered = 0;

	if (aggregate->remembers) {
		windows_remember(aggregate->windows, bytes);
		remembered = sonde_remember(instance, bytes, sizeof(bytes));
	}
	if (remembered < 0 && result >= 0)
		return sonde_fail(instance, -remembered,
				  "what was emitted cannot be remembered: after a crash rows may "
				  "count twice");
	return result;
}

/* Before any row: goes on where the one before the last end stood. */
static int recall(struct sonde_instance *instance)
{
	struct aggregate *aggregate = instance->self;
	unsigned char bytes[WINDOW_REMEMBERED_BYTES];
	int64_t length = sonde_recall(instance, bytes, sizeof(bytes));

	if (length < 0)
		windows_remember(aggregate->windows, bytes);
	if (sonde_remember(instance, bytes, sizeof(bytes)) == -ENOTSUP)
		return 0;
	aggregate->remembers = true;
	aggregate->catches_up =
		length > 0 && !windows_recall(aggregate->windows, bytes, (uint64_t)length);
	if (!aggregate->catches_up)
		windows_recall(aggregate->windows, NULL, 0);
	if (!aggregate->catches_up && length != -ENOENT)
		sonde_log(instance, SONDE_WARNING,
			  "what is remembered of the windows is of another version: rows that are "
			  "read again may count twice");
	return remember(instance, 0);
}

/* Whether all that was under way has been given again; then windows close again too. */
static int catch_up(struct sonde_instance *instance)
{
	struct aggregate *aggregate = instance->self;

	if (!aggregate->catches_up || sonde_recall(instance, NULL, 0) != -ENOENT)
		return 0;
	aggregate->catches_up = false;
	return finish(instance, windows_caught_up(aggregate->windows));
}

/* ---- settings ---------------------------------------------------------------------------- */

/* Emits the windows that are open as they are, and has others go on. */
static int windows_change(struct sonde_instance *instance, struct windows *windows)
{
	struct aggregate *aggregate = instance->self;
	int result;

	if (aggregate->catches_up)
		return sonde_fail(instance, EBUSY,
				  "rows are being read again after a crash, whose windows are as "
				  "they were: try again when that is over");
	result = finish(instance, windows_flush(aggregate->windows));
	if (result < 0)
		return remember(instance, result);
	if (aggregate->remembers)
		windows_succeed(windows, aggregate->windows);
	windows_release(aggregate->windows);
	aggregate->windows = windows;
	return remember(instance, 0);
}

/* Windows as the options say now. */
static int aggregate_set(struct sonde_instance *instance)
{
	struct aggregate *aggregate = instance->self;
	struct window_settings settings = settings_of(instance);
	struct windows *windows;
	uint64_t mark = mark_settings(&settings);
	struct window_fault fault;
	int result;

	if (aggregate->windows && mark == aggregate->settings_mark)
		return 0; /* another value was refused, and the old one is back */
	result = windows_create(instance, &settings, on_closed, instance, &windows, &fault);
	if (result < 0)
		return sonde_fail(instance, -result, "%s%s%s", fault.setting ? fault.setting : "",
				  fault.setting ? ": " : "", fault.text);
	if (aggregate->windows) {
		result = windows_change(instance, windows);
	} else {
		aggregate->windows = windows;
		result = recall(instance);
	}
	if (aggregate->windows != windows)
		windows_release(windows);
	if (result < 0)
		return result;
	aggregate->settings_mark = mark;
	aggregate->seen = (struct window_counts){ 0 };
	return sonde_every(instance, TIMER_CLOSE, windows_tick_ns(windows));
}

static int aggregate_timer(struct sonde_instance *instance, int timer)
{
	struct aggregate *aggregate = instance->self;
	int result = catch_up(instance);

	if (result >= 0)
		result = finish(instance, windows_advance(aggregate->windows));
	return remember(instance, result);
}

static int aggregate_drain(struct sonde_instance *instance)
{
	struct aggregate *aggregate = instance->self;

	if (aggregate->catches_up)
		return 0; /* what was read again stays in the queue for the next time */
	return remember(instance, finish(instance, windows_flush(aggregate->windows)));
}

static void aggregate_stop(struct sonde_instance *instance)
{
	struct aggregate *aggregate = instance->self;

	windows_release(aggregate->windows);
	aggregate->windows = NULL;
}

/* ---- rows -------------------------------------------------------------------------------- */

static int pass_foreign(struct sonde_instance *instance, const struct sonde_batch *batch)
{
	struct aggregate *aggregate = instance->self;

	if (!aggregate->foreign_told)
		sonde_log(instance, SONDE_WARNING,
			  "rows of %s cannot be aggregated, and go on as they are: %s",
			  batch->schema, windows_foreign(aggregate->windows));
	aggregate->foreign_told = true;
	return SONDE_PASS;
}

/* Before others go on, so that each who waits hears of his own. */
static void book_untaken(struct sonde_instance *instance, const struct window_taken *taken)
{
	if (taken->late_rows || taken->future_rows)
		sonde_lose(instance, taken->late_rows + taken->future_rows,
			   taken->late_events + taken->future_events, SONDE_LOST_REJECTED);
	if (taken->lost_rows)
		sonde_lose(instance, taken->lost_rows, taken->lost_events, SONDE_LOST_MEMORY);
	if (taken->replayed_rows)
		sonde_reduce(instance, taken->replayed_rows, taken->replayed_events,
			     SONDE_REPLAYED);
}

static int aggregate_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct aggregate *aggregate = instance->self;
	int result = sonde_is_replayed(instance, batch) ? 0 : catch_up(instance), added;
	struct window_taken taken;

	added = windows_add(aggregate->windows, batch, &taken);
	if (taken.foreign) {
		finish(instance, 0);
		return pass_foreign(instance, batch);
	}
	book_untaken(instance, &taken);
	result = result < 0 ? result : added;
	if (result >= 0)
		result = windows_close(aggregate->windows);
	return remember(instance, finish(instance, result));
}

/* Nothing behind it is asked: it makes other rows. */
static int aggregate_ask(struct sonde_instance *instance, struct sonde_asks *asks)
{
	struct window_settings settings = settings_of(instance);
	int result = windows_ask(instance, &settings, asks);

	return result < 0 ? result : SONDE_PARTLY;
}

static int aggregate_report(struct sonde_instance *instance, struct sonde_report *report)
{
	struct aggregate *aggregate = instance->self;
	struct window_counts counts;

	if (!aggregate->windows)
		return 0;
	counts = windows_counts(aggregate->windows);
	sonde_report(instance, report, "windows", "open", "slides", "{slide}",
		     (double)counts.pane_count);
	sonde_report(instance, report, "windows", "open", "groups", "{group}",
		     (double)counts.group_count);
	sonde_report(instance, report, "windows", "open", "sources", "{source}",
		     (double)counts.source_count);
	sonde_report(instance, report, "windows", "open", "memory", "By",
		     (double)counts.memory_bytes);
	return 0;
}

static const char aggregate_manual[] =
	"Rows are gathered in windows of their own time, aligned to the epoch: with window = "
	"\"10s\", from 12:00:00 to 12:00:10. Of each group, told apart by the columns of `by`, a "
	"window becomes one row, with `time` its end and `start_time` its begin. "
	"docs/aggregate.md says how windows close, and what measures there are.\n"
	"\n"
	"Rows count weight times events: samples give unbiased counts, and rows that were "
	"aggregated before, in the kernel or by another sonde, count for what they stand for. "
	"Histograms are merged without error. Values are exact but for quantiles, which are "
	"within half a bucket: 4.4 % at scale 3.\n"
	"\n"
	"All options are knobs. When one changes, the windows that are open are emitted as they "
	"are, and new ones begin.";

static const struct sonde_plugin aggregate_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "aggregate",
	.summary = "rows by groups in windows of time: counts, sums, histograms, the top N",
	.manual = aggregate_manual,
	.self_size = sizeof(struct aggregate),
	.replication = SONDE_BY_KEY,
	.reduces = SONDE_AGGREGATED,
	.options = aggregate_options,
	.counters = aggregate_counters,
	.check = aggregate_check,
	.start = aggregate_set,
	.stop = aggregate_stop,
	.set = aggregate_set, /* all options are knobs */
	.timer = aggregate_timer,
	.drain = aggregate_drain,
	.report = aggregate_report,
	.process = aggregate_process,
	.ask = aggregate_ask,
};

SONDE_EXPORT(aggregate_plugin)
