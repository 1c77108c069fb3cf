/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in windows of time, by groups: what a window's rows come to, measure by measure.
 *
 * A window collects rows of an interval of event time, aligned to the epoch. Rows are told apart by
 * the columns of `by`; of each group measures are kept, and when the window closes they become a
 * table: a row a group. Windows close as their sources' clocks pass their ends. Everything works a
 * column at a time; a text is hashed once for each dictionary that it comes in.
 *
 *	struct window_settings settings = { .by = …, .measures = …, .width_ns = 10000000000 };
 *
 *	windows_create(instance, &settings, on_closed, data, &windows, message, sizeof(message));
 *	windows_add(windows, batch, &taken);   in process(), and book what was not taken; then
 *	windows_close(windows);                on_closed() for windows that are due
 *	windows_advance(windows);              in timer(), every windows_tick_ns()
 *	windows_flush(windows);                in drain(): all that is held
 *
 * Measures are written `NAME = FUNCTION(COLUMN) where CONDITION`, NAME and condition as one likes:
 *
 *	count                      rows, each counted weight × events times
 *	sum(c)                     of numbers, durations, and of the values that histograms counted
 *	min(c) max(c) mean(c)      of numbers, times, durations; mean: of histograms too
 *	first(c) last(c)           of numbers, times, durations, bools, texts: by the rows' time
 *	histogram(c)               of numbers and durations: exponential; of histograms: merged
 *	histogram(c, 5)            the same at another scale than 3
 *	p99(c) p99.9(c)            the value that so many percent lie below, by such a histogram
 *
 * Without a name, `count` is called so, sum and histogram as their column, others as that with
 * `.min`, `.p99` behind it. Columns are named as in expressions, conditions are expressions.
 *
 * Without any measure, a table's own measures are taken: sums and histograms of delta temporality
 * are added up, of gauges the last value is taken; a table that has none gets `count` and a
 * histogram of each column of the role duration.
 *
 * Rows that are aggregates themselves, of the kernel or of another window, are taken for what they
 * stand for: count adds up their events, sum(c) and histogram(c) read histograms. Where a table
 * lacks a column that a measure needs but has a measure of the measure's name, that one is taken as
 * a part of the result (sums are added, minima compared, histograms merged), so that a window over
 * another's tables of the same measures is exact. mean and pN cannot be had that way.
 *
 * One thread at a time. */
#ifndef SONDE_WINDOW_H
#define SONDE_WINDOW_H

#include <sonde/plugin.h>

enum {
	WINDOW_COLUMNS = 32,   /* columns of `by`, or of `source` */
	WINDOW_MEASURES = 64,  /* of one table */
	WINDOW_PANES = 4096,   /* slides that are open at once; beyond, the oldest is closed */
	WINDOW_SOURCES = 4096, /* told apart; those beyond share a clock */
	WINDOW_MESSAGE_BYTES = 512,
	WINDOW_REMEMBERED_BYTES = SONDE_REMEMBERED_BYTES,
};

/* What happens to rows of a window that is closed. */
enum window_late {
	WINDOW_LATE_OWN = 0, /* they get a window of their own, of the same bounds (with slides: of
			      * one slide), which is emitted later; what is added up stays right */
	WINDOW_LATE_DROP,    /* the caller books them as windows_add() says */
};

/* What is wanted. Texts and lists need only last until windows_create() has returned. */
struct window_settings {
	struct sonde_texts by;       /* columns that tell groups apart; none: all rows are one */
	struct sonde_texts measures; /* none: the tables' own, see above */
	struct sonde_texts source;   /* columns that tell apart whose clock a row was stamped by;
				      * none: host.id, host.name, service.instance.id of the
				      * resource */
	const char *schema;  /* name of the tables, where measures are given; without, a table
			      * keeps the name that it came with */
	int64_t width_ns;    /* of a window; 1 ms to 31 days */
	int64_t slide_ns;    /* from one window's begin to the next one's; 0: width_ns, else a whole
			      * part of it */
	int64_t lateness_ns; /* a window stays open so long beyond its end, by its sources' clocks
			      */
	int64_t idle_ns; /* 1 ms to 31 days: a source without rows for so long, by the host's clock,
			  * is not waited for */
	int64_t future_ns;     /* rows that are so far ahead of the host's clock are not taken */
	uint32_t group_limit;  /* of a table; rows of further groups are added to the group
				* "other"; 1 to 2^24 */
	uint64_t memory_bytes; /* of all windows together; beyond, likewise */
	uint32_t top;          /* not 0: so many groups go on, the rest is added to "other" */
	const char *top_by;    /* measure whose largest values these are; NULL: the first */
	enum window_late late;
	bool keeps; /* rows taken are kept (sonde_keep()), and come with the tables' receipts */
};

/* The settings at fault, for messages: "by", "measures", "source", "slide", "top_by" … */
struct window_fault {
	const char *setting;
	char text[WINDOW_MESSAGE_BYTES];
};

/* A table of a window that has closed: columns `time` (the end of the window), `start_time`, those
 * of `by`, the measures, `events`, and, only where there is a group "other", `aggregate.other`:
 * true in its row, whose columns of `by` have no value. Temporality is delta.
 *
 * With slides a row lies in several windows: its events, and whoever waits for it, go with the
 * last of them, so that added up they are right; the measures are of the whole window. It is late
 * when the last is closed. */
struct window_table {
	struct sonde_batch *batch;       /* the callee's reference; never of no rows. It can be read
					  * where nothing is kept, else columns may still be added */
	struct sonde_receipts *receipts; /* the callee's; NULL: none, or nothing is kept */
	int64_t start_ns, end_ns;
	bool late; /* of rows that came when their window was closed */
};

/* A negative return is passed on by what called it, but changes nothing: the table is taken. */
typedef int window_closed(void *data, const struct window_table *table);

/* What became of the rows of a batch. The rest is in windows. */
struct window_taken {
	uint64_t late_rows, late_events;     /* not taken: their window is closed */
	uint64_t future_rows, future_events; /* not taken: too far ahead */
	uint64_t lost_rows, lost_events;     /* not taken: memory was refused, or too many tables */
	uint64_t replayed_rows, replayed_events; /* not taken: they are in tables already */
	bool foreign;                            /* nothing was taken: windows_foreign() says why */
};

/* Since it was created, but for what is said to be now. */
struct window_counts {
	uint64_t late_rows;          /* taken into windows of their own, or not taken */
	uint64_t future_rows;        /* not taken */
	uint64_t untimed_rows;       /* without a time: taken as of when they came */
	uint64_t other_rows;         /* that found no room for their group */
	uint64_t missing_batches;    /* that lack a column of `by` or of a measure */
	uint64_t mismatched_batches; /* in which such a column is of a type that does not fit */
	uint64_t foreign_batches;    /* of tables that cannot be aggregated */
	uint64_t unmerged_values;    /* histograms of other bounds than their group's, or such as
				      * cannot    be; NaN and infinities in a histogram */
	uint64_t closed_windows;
	uint64_t group_count;  /* now, of all open windows */
	uint64_t pane_count;   /* now: slides that are open */
	uint64_t source_count; /* now */
	uint64_t memory_bytes; /* now */
};

struct windows;

/* Whether settings make sense: 0, or -EINVAL and what is wrong with which. */
int window_settings_check(const struct window_settings *settings, struct window_fault *ret_fault);

/* In ask() of a processor: asks for tables of the same measures, as parts of which windows add them
 * up, where the plugin interface has words for all of it. 0; -ENOMEM. */
int windows_ask(struct sonde_instance *instance, const struct window_settings *settings,
		struct sonde_asks *asks);

/* -EINVAL; -ENOMEM; the fault says why. `closed` runs in functions below that return int. */
int windows_create(struct sonde_instance *instance, const struct window_settings *settings,
		   window_closed *closed, void *data, struct windows **ret_windows,
		   struct window_fault *ret_fault);

/* What is still in windows is let go of; what is kept is the instance's to lose. NULL is fine. */
void windows_release(struct windows *windows);

/* Takes the rows of a batch that is lent. What became of them stands in ret_taken; in process() the
 * caller books those not taken before others go on. 0, or what `closed` returned. */
int windows_add(struct windows *windows, struct sonde_batch *batch, struct window_taken *ret_taken);

/* Closes what is due by the sources' clocks. 0, or what `closed` returned; -ENOMEM: a window that
 * is due could not become a table, and stays. */
int windows_close(struct windows *windows);

/* Closes what is due by the host's clock, or all. The same returns. */
int windows_advance(struct windows *windows);
int windows_flush(struct windows *windows);

/* ---- behind a queue on disk --------------------------------------------------------------- */

/* From now on it can be told at any time, in a few bytes, which rows are in tables that were given
 * out: those of windows that are closed. So no window is opened twice, late rows are given out by
 * the next windows_close() (call it in the same process()), each batch by itself, and so are rows
 * without a time. Bytes are what windows_remember() told before a crash; length 0: nothing is
 * known. Before any row. With bytes, rows are being read again: those that are in tables already
 * are not taken, and no window is closed until windows_caught_up(). Settings may have changed
 * since. -EINVAL: the bytes are of something else, which counts as nothing. */
int windows_recall(struct windows *windows, const void *bytes, uint64_t length);
int windows_caught_up(struct windows *windows);

/* What is to be remembered in one piece with what was given out. */
void windows_remember(const struct windows *windows, unsigned char bytes[WINDOW_REMEMBERED_BYTES]);

/* Instead of windows_recall(): goes on where others, flushed, have ended. */
void windows_succeed(struct windows *windows, const struct windows *former);

/* How often windows_advance() should be called. */
int64_t windows_tick_ns(const struct windows *windows);

/* Why the last table was foreign: "cumulative sums (http.requests) …". */
const char *windows_foreign(const struct windows *windows);

/* What there is to warn of, once each: a column of the wrong type. NULL: nothing (more). */
const char *windows_warning(struct windows *windows);

struct window_counts windows_counts(const struct windows *windows);

#endif
