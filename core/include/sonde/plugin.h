/* SPDX-License-Identifier: Apache-2.0 */
/* The one header that a sonde plugin includes: everything in it is the binary interface.
 *
 * A plugin is a shared object that exports one function, sonde_plugin(), which SONDE_EXPORT()
 * writes. It returns a constant descriptor: what the plugin is called, a private struct of a given
 * size, tables that say what lies where in it (options, counters) and in its rows (schemas), and
 * callbacks. The daemon allocates and zeroes the private struct, fills the options, and calls back.
 *
 * The promise: all callbacks of an instance run on one thread, one after the other; no locks are
 * needed. Only sonde_wake() may be called from any other thread.
 *
 * Conventions: a callback or service returns 0, or a negative errno. Times are ns since the epoch,
 * durations ns. Strings are UTF-8. Every table ends with an entry of zeros. Pointers that a plugin
 * hands over stay its own unless a comment says otherwise.
 *
 * Interface version 1.1. Within a major version members and services are only added, at the end
 * of a struct: one that grows carries its own size or is walked by the size that its owner states.
 * The small value structs (texts, groups, histograms, sonde_any) never change. In C++ say `struct`
 * before the names that are also functions: sonde_text, sonde_column, sonde_report.
 */
#ifndef SONDE_PLUGIN_H
#define SONDE_PLUGIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SONDE_MAGIC     0x646e6f73u /* the first bytes of a descriptor: "sond" in memory */
#define SONDE_ABI_MAJOR 1
#define SONDE_ABI_MINOR 1

/* ---- types and roles --------------------------------------------------------------------- */

/* What a value is. A column may have any type up to SONDE_ANY; an option may have those marked "o",
 * with the C type of its member in brackets. */
enum sonde_type {
	SONDE_NONE = 0,
	SONDE_BOOL,     /* o [bool]; one byte in rows */
	SONDE_I8,       /* [int8_t] */
	SONDE_I16,      /* [int16_t] */
	SONDE_I32,      /* o [int32_t] */
	SONDE_I64,      /* o [int64_t] */
	SONDE_U8,       /* [uint8_t] */
	SONDE_U16,      /* [uint16_t] */
	SONDE_U32,      /* o [uint32_t] */
	SONDE_U64,      /* o [uint64_t] */
	SONDE_DOUBLE,   /* o [double] */
	SONDE_TEXT,     /* o [const char *]; in rows a code [uint32_t] into a dictionary, UTF-8 */
	SONDE_BYTES,    /* a code [uint32_t] into a dictionary, any bytes */
	SONDE_ID8,      /* 8 bytes, such as a span id */
	SONDE_ID16,     /* 16 bytes, such as a trace id */
	SONDE_TIME,     /* [int64_t] ns since the epoch */
	SONDE_DURATION, /* o [int64_t] ns */
	SONDE_EXPONENTIAL, /* [struct sonde_exponential] exponential histogram */
	SONDE_EXPLICIT,    /* [struct sonde_explicit] histogram of explicit bounds */
	SONDE_QUANTILES,   /* [struct sonde_quantiles] summary of quantiles */
	SONDE_ANY,         /* a code [uint32_t] into a dictionary of encoded OTLP AnyValues */

	SONDE_SIZE = 64, /* o [uint64_t] bytes; "64MiB" */
	SONDE_RATIO,     /* o [double] 0 to 1; "1%", "0.25", "1/16" */
	SONDE_CHOICE,    /* o [uint32_t] index into choices */
	SONDE_SECRET,    /* o [const char *] text that no one may print; must come from ${} */
	SONDE_TEXTS,     /* o [struct sonde_texts] a list of texts */
	SONDE_GROUPS,    /* o [struct sonde_groups] a list of groups, each read by `options` */
};

/* What a column means. Outputs read roles and types, never names. 0 is an attribute. */
enum sonde_role {
	SONDE_ROLE_ATTRIBUTE = 0,
	/* any row */
	SONDE_ROLE_TIME,          /* when it happened or was measured */
	SONDE_ROLE_START_TIME,    /* begin of a span, or of what a sum or histogram covers */
	SONDE_ROLE_END_TIME,      /* end of a span */
	SONDE_ROLE_OBSERVED_TIME, /* when it was first seen by a collector */
	SONDE_ROLE_DURATION, /* how long an event took; an attribute that a histogram can be made of
			      */
	SONDE_ROLE_WEIGHT,   /* how many unsampled rows this row stands for; 1 if there is none */
	SONDE_ROLE_EVENTS,   /* how many origin events were folded into this row; 1 if there is none
			      */
	SONDE_ROLE_CLOCK_OFFSET, /* [duration] wall clock minus boottime when the row was stamped */
	SONDE_ROLE_ATTRIBUTES,   /* [any] map of attributes that have no column, by scope */
	SONDE_ROLE_DROPPED,      /* number of attributes dropped before, by scope */
	SONDE_ROLE_FLAGS,        /* flags as OTLP has them, for the signal */
	SONDE_ROLE_PARENT_ROW, /* [u32] in a child table: the row of the parent; never descending */
	SONDE_ROLE_SCOPE_NAME, /* instrumentation scope */
	SONDE_ROLE_SCOPE_VERSION,
	SONDE_ROLE_SCHEMA_URL, /* of the resource or of the scope, by scope */
	SONDE_ROLE_ENTITIES,   /* [any] array of maps: the entities that a resource stands for */
	/* measures, wide: each such column is one metric */
	SONDE_ROLE_SUM = 32, /* needs a temporality */
	SONDE_ROLE_GAUGE,
	SONDE_ROLE_HISTOGRAM, /* exponential, explicit or quantiles; needs a temporality */
	/* measures, long: each row is one data point */
	SONDE_ROLE_METRIC, /* [bytes] which metric: see struct sonde_metric; in exemplars of wide
			    * rows [text]: the name of the parent's measure */
	SONDE_ROLE_VALUE,  /* its value; several such columns of different types, one valid a row */
	/* logs */
	SONDE_ROLE_SEVERITY = 48, /* 1 to 24, as OTLP numbers them */
	SONDE_ROLE_SEVERITY_TEXT,
	SONDE_ROLE_BODY,       /* [text or any] */
	SONDE_ROLE_EVENT_NAME, /* name of an event, of a log or of a span */
	/* spans, links, exemplars */
	SONDE_ROLE_TRACE_ID = 64,  /* [id16] */
	SONDE_ROLE_SPAN_ID,        /* [id8] */
	SONDE_ROLE_PARENT_SPAN_ID, /* [id8] */
	SONDE_ROLE_TRACE_STATE,
	SONDE_ROLE_SPAN_NAME,
	SONDE_ROLE_SPAN_KIND,   /* 1 internal, 2 server, 3 client, 4 producer, 5 consumer */
	SONDE_ROLE_STATUS_CODE, /* 0 unset, 1 ok, 2 error */
	SONDE_ROLE_STATUS_MESSAGE,
	SONDE_ROLE_DROPPED_EVENTS,
	SONDE_ROLE_DROPPED_LINKS,
};

/* What the rows of a schema are. SONDE_SIGNAL_AUTO: metrics if it has a measure, else spans if it
 * has a span name, else logs. */
enum sonde_signal {
	SONDE_SIGNAL_AUTO = 0,
	SONDE_SIGNAL_METRIC,
	SONDE_SIGNAL_LOG,
	SONDE_SIGNAL_SPAN,
	SONDE_SIGNAL_SPAN_EVENT, /* these three are child tables */
	SONDE_SIGNAL_SPAN_LINK,
	SONDE_SIGNAL_EXEMPLAR,
	SONDE_SIGNAL_LEDGER, /* sonde's own counters */
};

/* To whom an attribute belongs. */
enum sonde_scope { SONDE_SCOPE_ROW = 0, SONDE_SCOPE_SCOPE, SONDE_SCOPE_RESOURCE };

/* What a sum or histogram covers: since the last row of the same series, or since start time. */
enum sonde_temporality { SONDE_UNSPECIFIED = 0, SONDE_DELTA = 1, SONDE_CUMULATIVE = 2 };

/* Which format the original of a row is in. */
enum sonde_format {
	SONDE_FORMAT_NONE = 0,
	SONDE_FORMAT_OTLP, /* the LogRecord, the Span, or the data point of its metric's kind */
};

/* ---- values of several members ----------------------------------------------------------- */

/* An exponential histogram as OTLP defines it: bucket i holds (base^i, base^(i+1)],
 * base = 2^(2^-scale), scale -10 to 20. Its bucket counts lie in the column's heap as uint64_t. */
struct sonde_exponential {
	uint64_t count;      /* of all values, zeros and negative ones included */
	uint64_t zero_count; /* of values whose magnitude is at most zero_threshold */
	double sum;          /* of all values; see flags */
	double minimum, maximum;
	double zero_threshold;
	int32_t scale;
	uint32_t flags;          /* SONDE_HAS_... */
	int32_t positive_offset; /* bucket index of the first positive bucket */
	uint32_t positive_start; /* where the positive counts begin in the heap */
	uint32_t positive_length;
	int32_t negative_offset;
	uint32_t negative_start;
	uint32_t negative_length;
};

enum { SONDE_HAS_SUM = 1, SONDE_HAS_MINIMUM = 2, SONDE_HAS_MAXIMUM = 4 };

/* A histogram of explicit bounds: `length` counts (uint64_t) and `length - 1` upper-inclusive
 * bounds (double) in the column's heap; length 0 has neither. */
struct sonde_explicit {
	uint64_t count;
	double sum;
	double minimum, maximum;
	uint32_t flags; /* SONDE_HAS_... */
	uint32_t counts_start, bounds_start;
	uint32_t length;
};

/* A summary: `length` pairs of doubles (quantile 0 to 1, value) in the column's heap. */
struct sonde_quantiles {
	uint64_t count;
	double sum;
	uint32_t pairs_start;
	uint32_t length;
};

/* A list of texts, owned by the daemon. */
struct sonde_texts {
	const char *const *items;
	uint32_t count;
};

/* A list of structs that a nested option table describes, owned by the daemon. */
struct sonde_groups {
	void *items; /* count structs of the option's item_size */
	uint32_t count;
};

/* ---- tables ------------------------------------------------------------------------------ */

/* Names a member in a table: where it lies and how large it is. */
#define SONDE_MEMBER(type_, member_)                                                               \
	.offset = offsetof(type_, member_), .size = sizeof(((type_ *)0)->member_)

/* One option of a plugin, read from the config into a member of the private struct. Texts, defaults
 * and bounds are written as in a config. */
struct sonde_option {
	const char *name;              /* lower case, words joined by '_' */
	uint32_t type;                 /* enum sonde_type */
	uint32_t offset, size;         /* SONDE_MEMBER() */
	const char *value;             /* default; NULL: zero, or an error where `required` */
	const char *minimum, *maximum; /* inclusive; NULL: the type's own */
	const char *const *choices; /* for SONDE_CHOICE, ends with NULL; for others allowed texts */
	const char *unit;           /* of a plain number, for the manual */
	const char *help;           /* one line: "time between two readings" */
	bool knob;                  /* may change while running: `set` is called then */
	bool required;
	const struct sonde_option *options; /* SONDE_GROUPS: the options of a group */
	uint32_t item_size;                 /* SONDE_GROUPS: size of the struct of a group */
	uint32_t reserved;
};

/* One counter of a plugin, shown by `status`: a uint64_t of the private struct that only
 * sonde_count() changes. */
struct sonde_counter {
	const char *name;
	uint32_t offset, size; /* SONDE_MEMBER() */
	const char *unit;      /* UCUM; "{row}" */
	const char *help;
};

/* One member of a row: one column of every batch of the schema. */
struct sonde_field {
	const char *name;      /* dotted lower case, as semantic conventions have it */
	uint32_t type;         /* enum sonde_type, up to SONDE_ANY */
	uint32_t offset, size; /* SONDE_MEMBER() */
	uint16_t role;         /* enum sonde_role */
	uint8_t scope;         /* enum sonde_scope */
	uint8_t temporality;   /* enum sonde_temporality, for sums and histograms */
	bool monotonic;        /* for sums: never falls */
	bool zero_is_null;     /* a value of all zero bytes means that there is none */
	const char *unit;      /* UCUM: "ns", "By", "{call}", "1" */
	const char *help;
};

/* What a row of a plugin looks like. */
struct sonde_schema {
	const char *name;  /* unique in the plugin; dotted lower case */
	uint32_t row_size; /* sizeof the row struct */
	uint32_t signal;   /* enum sonde_signal */
	const struct sonde_field *fields;
	const char *help;
};

/* ---- reading batches --------------------------------------------------------------------- */

struct sonde_text {
	const char *data; /* not ended by a zero byte */
	uint32_t length;
	uint32_t hash; /* private */
};

/* Strings by code. Append-only: an entry never moves or changes. Chunk k holds 64 << k entries. */
struct sonde_dictionary {
	uint32_t size;     /* of this struct */
	uint32_t length;   /* entries so far; readers use the length in their column */
	uint32_t distinct; /* not 0: equal codes are the only ones with equal values */
	uint32_t reserved;
	struct sonde_text *chunks[26];
};

/* A column of a batch, as readers see it. Value r lies at base + r * stride. */
struct sonde_column {
	const char *name, *unit, *help;
	uint32_t type; /* enum sonde_type */
	uint16_t role; /* enum sonde_role */
	uint8_t scope, temporality;
	bool monotonic;
	uint32_t stride;            /* bytes from one row to the next; 0: one value for all rows */
	uint32_t value_size;        /* bytes of one value */
	uint32_t dictionary_length; /* codes below this may be read */
	unsigned char *base;        /* read-only once the batch is emitted */
	const unsigned char *valid; /* bit r % 8 of byte r / 8: row r has a value; NULL: all have */
	const struct sonde_dictionary *dictionary; /* of text, bytes and any */
	const uint64_t *heap; /* of histograms: counts, and bounds as bits of doubles */
	uint32_t heap_length; /* in words of 8 bytes */
	uint32_t reserved;
};

/* A table: columns of one length. Counted, and unchanging once emitted. */
struct sonde_batch {
	uint32_t size;        /* of this struct */
	uint32_t column_size; /* bytes from one column view to the next */
	uint32_t column_count;
	uint32_t row_count;      /* rows in storage, dropped ones included */
	uint32_t selected_count; /* rows that count */
	uint32_t child_count;
	uint64_t event_count;          /* origin events that the selected rows stand for */
	const unsigned char *selected; /* bit r % 8 of byte r / 8: row r counts; NULL: all do */
	const char *schema;            /* its name */
	uint32_t signal;               /* enum sonde_signal, never AUTO */
	struct sonde_column *columns;
	struct sonde_batch *const *children; /* span events, links, exemplars */
	/* since 1.1 */
	const struct sonde_text *originals; /* by row: see sonde_originals() */
	uint32_t original_format;           /* enum sonde_format */
	uint32_t done;                      /* bits 1 << enum sonde_ask_kind: see sonde_is_done() */
};

static inline const struct sonde_column *sonde_column(const struct sonde_batch *batch,
						      uint32_t index)
{
	return (const struct sonde_column *)(const void *)((const char *)batch->columns +
							   (size_t)index * batch->column_size);
}

static inline bool sonde_bit(const unsigned char *bits, uint32_t row)
{
	return !bits || (bits[row >> 3] >> (row & 7) & 1);
}

/* Whether the row counts; readers skip those that do not. */
static inline bool sonde_selected(const struct sonde_batch *batch, uint32_t row)
{
	return sonde_bit(batch->selected, row);
}

static inline bool sonde_valid(const struct sonde_column *column, uint32_t row)
{
	return sonde_bit(column->valid, row);
}

/* The messages that rows were decoded from, by row, for who writes the same format again: as long
 * as a row is just what came in, its original says all of it. NULL: there are none, or columns of
 * the row itself were changed since. data is NULL for a row that has none. Since 1.1. */
static inline const struct sonde_text *sonde_originals(const struct sonde_batch *batch,
						       enum sonde_format format)
{
	if (batch->size <= offsetof(struct sonde_batch, originals) || !batch->originals ||
	    batch->original_format != (uint32_t)format)
		return NULL;
	return batch->originals;
}

/* Where the value of a row lies; it has the alignment of its type if the row struct had. */
static inline const void *sonde_value(const struct sonde_column *column, uint32_t row)
{
	return column->base + (size_t)row * column->stride;
}

/* The entry of a code; an empty text for a code out of range. */
static inline struct sonde_text sonde_entry(const struct sonde_dictionary *dictionary,
					    uint32_t length, uint32_t code)
{
	struct sonde_text none = { "", 0, 0 };
	uint32_t slot, chunk;

	if (!dictionary || code >= length || code > 0xffffffbfu)
		return none;
	slot = code + 64;
	chunk = 31u - (uint32_t)__builtin_clz(slot);
	return dictionary->chunks[chunk - 6][slot - (1u << chunk)];
}

/* The text, bytes or encoded value of a row; empty where there is none. */
static inline struct sonde_text sonde_text_at(const struct sonde_column *column, uint32_t row)
{
	struct sonde_text none = { "", 0, 0 };
	uint32_t code;

	if (!sonde_valid(column, row))
		return none;
	__builtin_memcpy(&code, sonde_value(column, row), sizeof(code));
	return sonde_entry(column->dictionary, column->dictionary_length, code);
}

/* The value of a row of any number, bool, time or duration column as a double; 0 where there is
 * none, or the column holds something else. */
static inline double sonde_number_at(const struct sonde_column *column, uint32_t row)
{
	const void *value = sonde_value(column, row);
	union {
		int8_t i8;
		int16_t i16;
		int32_t i32;
		int64_t i64;
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		double number;
	} as;

	if (!sonde_valid(column, row) || column->value_size > sizeof(as))
		return 0;
	__builtin_memcpy(&as, value, column->value_size);
	switch (column->type) {
	case SONDE_BOOL:
	case SONDE_U8:
		return as.u8;
	case SONDE_U16:
		return as.u16;
	case SONDE_U32:
		return as.u32;
	case SONDE_U64:
		return (double)as.u64;
	case SONDE_I8:
		return as.i8;
	case SONDE_I16:
		return as.i16;
	case SONDE_I32:
		return as.i32;
	case SONDE_I64:
	case SONDE_TIME:
	case SONDE_DURATION:
		return (double)as.i64;
	case SONDE_DOUBLE:
		return as.number;
	default:
		return 0;
	}
}

/* ---- nested values ----------------------------------------------------------------------- */

enum sonde_any_kind {
	SONDE_ANY_EMPTY = 0,
	SONDE_ANY_TEXT,
	SONDE_ANY_BOOL,
	SONDE_ANY_INTEGER,
	SONDE_ANY_DOUBLE,
	SONDE_ANY_ARRAY,
	SONDE_ANY_MAP,
	SONDE_ANY_BYTES,
};

/* A self-describing value, as a tree in memory. Encoded, it is an OTLP AnyValue message (without
 * its own tag and length), which is what SONDE_ANY columns keep in their dictionary. */
struct sonde_any {
	uint32_t kind;   /* enum sonde_any_kind */
	uint32_t length; /* bytes of text or bytes; items of array or map */
	const char *key; /* in a map; key_length bytes */
	uint32_t key_length;
	uint32_t reserved;
	union {
		bool boolean;
		int64_t integer;
		double number;
		const char *data;              /* text, bytes */
		const struct sonde_any *items; /* array, map */
	} as;
};

/* Which metric a long row belongs to: the content of a SONDE_ROLE_METRIC value. Encoded, it is an
 * OTLP Metric message whose data message has no points. */
enum sonde_metric_kind {
	SONDE_METRIC_NONE = 0,
	SONDE_METRIC_GAUGE,
	SONDE_METRIC_SUM,
	SONDE_METRIC_HISTOGRAM,
	SONDE_METRIC_EXPONENTIAL,
	SONDE_METRIC_SUMMARY,
};

struct sonde_metric {
	uint32_t size; /* of this struct; 0: as in version 1.0 */
	uint32_t reserved;
	struct sonde_text name, unit, description;
	struct sonde_text metadata; /* encoded AnyValue map; empty: none. Only written: see
				     * sonde_metric_metadata() */
	uint32_t kind;              /* enum sonde_metric_kind */
	uint32_t temporality;       /* enum sonde_temporality; other numbers are kept */
	bool monotonic;
};

/* ---- what may be done at the source (since 1.1) ------------------------------------------ */

/* A processor that stands first in a pipeline may say what it does in these words. An input before
 * it that can do the same, exactly, takes it over: what nobody wants is then not even made. The
 * processor stays where it is, and does the rest. */
enum sonde_ask_kind {
	SONDE_ASK_FILTER = 1, /* only rows for which a condition is true go on */
	SONDE_ASK_SAMPLE,     /* each row goes on with a probability, and its weight rises */
	SONDE_ASK_AGGREGATE,  /* rows are folded into groups, by window */
};

enum sonde_comparison {
	SONDE_IS_NULL = 1,
	SONDE_IS_NOT_NULL,
	SONDE_EQUAL,     /* to one of the values */
	SONDE_NOT_EQUAL, /* to any of the values, and not null */
	SONDE_LESS,
	SONDE_LESS_OR_EQUAL,
	SONDE_MORE,
	SONDE_MORE_OR_EQUAL,
};

/* True or false of a row: its column beside values. As in docs/expressions.md. */
struct sonde_condition {
	const char *column;   /* name; of the row, else of its scope, else of its resource */
	uint32_t comparison;  /* enum sonde_comparison */
	uint32_t value_count; /* 0 beside null, else 1; of EQUAL and NOT_EQUAL any number */
	const struct sonde_any *values; /* texts, booleans, integers and doubles */
};

enum sonde_function {
	SONDE_COUNT = 1, /* of events, as many as a row's weight says */
	SONDE_SUM,
	SONDE_MINIMUM,
	SONDE_MAXIMUM,
	SONDE_HISTOGRAM, /* exponential, without minimum and maximum */
};

/* One column of an aggregate. */
struct sonde_measure {
	const char *name;         /* of the column that it makes */
	const char *column;       /* that it reads; NULL: a count */
	uint32_t function;        /* enum sonde_function */
	uint32_t condition_count; /* that rows must fulfil to be measured; 0: all are */
	const struct sonde_condition *conditions;
	int32_t scale; /* of a histogram, at most */
	uint32_t reserved;
};

struct sonde_ask {
	uint32_t size; /* sizeof(struct sonde_ask) */
	uint32_t kind; /* enum sonde_ask_kind; the members behind `ratio` are an aggregate's */
	struct sonde_condition condition; /* of a filter */
	double ratio;                     /* of a sample: how likely a row goes on, over 0 to 1 */
	const char *const *by;            /* columns that make a group */
	const struct sonde_measure *measures;
	uint32_t by_count, measure_count;
	int64_t window_ns; /* windows begin at multiples of it since the epoch */
};

/* What is asked of an input, in the order in which it would be done behind it. */
struct sonde_asks {
	uint32_t size;      /* of this struct */
	uint32_t item_size; /* bytes from one to the next */
	const struct sonde_ask *items;
	uint32_t count; /* at most SONDE_ASKS */
	uint32_t reserved;
};

enum { SONDE_ASKS = 64 };

static inline const struct sonde_ask *sonde_ask(const struct sonde_asks *asks, uint32_t index)
{
	return (const struct sonde_ask *)(const void *)((const char *)asks->items +
							(size_t)index * asks->item_size);
}

/* ---- frames: batches as bytes (since 1.1) ------------------------------------------------ */

/* What a frame is sent for. */
enum sonde_frame_kind {
	SONDE_FRAME_ROWS = 1, /* rows on their way */
	SONDE_FRAME_LEDGER,   /* accounts of a ledger, cumulative: to take one twice does no harm */
};

/* Whole batches, self-contained, as docs/frame.md specifies them: what goes over a hop, lies in a
 * queue on disk and in a file of the format "frame". */
struct sonde_frame {
	uint32_t size;            /* sizeof(struct sonde_frame), by the caller */
	uint32_t kind;            /* enum sonde_frame_kind */
	unsigned char stream[16]; /* whose sequence it is; zeros: nobody's */
	uint64_t sequence;        /* in that stream, rising from 1, with gaps; 0: none */
	uint64_t rows, events;    /* that count, over all batches */
	uint64_t memory_bytes;    /* that its batches take once they are read, about */
	uint32_t batch_count;
	int32_t level;      /* for writing: of compression, 1 to 19; 0: 1; -1: none */
	const void *data;   /* the frame, its header included */
	uint64_t length;    /* of that, in bytes */
	const char *origin; /* for sonde_emit_frame(): who sent it, at most 255 bytes, said of each
			     * row that does not say so yet; NULL: nobody is named */
};

enum { SONDE_FRAME_HEAD_BYTES = 96 }; /* enough of a frame's begin to know its length */

/* ---- deliveries -------------------------------------------------------------------------- */

enum sonde_verdict {
	SONDE_DONE = 0, /* handed over */
	SONDE_RETRY,    /* not now: offer it again */
	SONDE_REJECTED, /* never: lost, with the reason */
};

/* What became of a batch. Start from zeros, and set size. */
struct sonde_outcome {
	uint32_t size;          /* sizeof(struct sonde_outcome) */
	uint32_t verdict;       /* enum sonde_verdict */
	uint64_t rejected_rows; /* of a batch that was taken but for some */
	int64_t retry_after_ns; /* with SONDE_RETRY: not before; 0: as the daemon backs off */
	bool uncertain;         /* a resend may reach the receiver twice */
	const char *reason;     /* one word or two for the ledger and log; copied; may be NULL */
};

/* Batches handed to an output together. They stay readable until settled. */
struct sonde_delivery {
	uint32_t size; /* of this struct */
	uint32_t batch_count;
	struct sonde_batch *const *batches;
	uint64_t sequence; /* of this output, rising; the same when offered again */
	uint32_t attempt;  /* 1 at first */
	uint32_t reserved;
	/* since 1.1 */
	const struct sonde_frame *frame; /* NULL; of an output that takes frames: the same rows as
					  * they lie in its queue on disk, and no batches */
};

/* What became of the rows emitted with a token, when every branch has let go of them. */
struct sonde_settlement {
	uint32_t size;           /* of this struct */
	uint32_t verdict;        /* DONE; RETRY: no branch took a row, send it again; REJECTED */
	uint64_t delivered_rows; /* over all branches */
	uint64_t reduced_rows;   /* filtered, sampled or folded on purpose */
	uint64_t lost_rows;
	bool uncertain;
	const char *reason; /* of the first loss; NULL: none; valid during the call */
};

/* ---- the instance and its services ------------------------------------------------------- */

struct sonde_report;   /* rows for `status`; see sonde_report() */
struct sonde_receipts; /* who waits for rows that a processor holds; see sonde_keep() */
struct sonde_host;

/* A plugin with its options, as named in the config. Only grows. */
struct sonde_instance {
	uint32_t size;    /* of this struct */
	uint32_t replica; /* 0 to replica_count - 1 */
	uint32_t replica_count;
	uint32_t reserved;
	void *self;       /* the private struct: self_size bytes, zero before the options */
	const char *name; /* as in the config */
	const struct sonde_host *host;
};

/* Why rows are fewer than they were, on purpose. */
enum sonde_reduction {
	SONDE_FILTERED = 0, /* a condition did not hold */
	SONDE_SAMPLED,      /* others stand for them, by weight */
	SONDE_AGGREGATED,   /* folded into others, which say so in their events */
	SONDE_LIMITED,      /* above a rate that the user set */
	SONDE_REPLAYED, /* under way when the daemon died, and read again from a queue on disk */
	SONDE_REDUCTION_COUNT = 8, /* room to grow */
};

/* Why rows are gone. */
enum sonde_loss {
	SONDE_LOST_QUEUE_FULL = 0, /* a queue's quota */
	SONDE_LOST_REJECTED,       /* the receiver will never take them */
	SONDE_LOST_FAILED,         /* a plugin failed on them */
	SONDE_LOST_MEMORY,         /* memory was refused */
	SONDE_LOST_SHUTDOWN,       /* not drained within the bound */
	SONDE_LOST_CRASH,          /* in memory when the daemon died */
	SONDE_LOST_RING_FULL,      /* kernel: the ring had no room */
	SONDE_LOST_MAP_FULL,       /* kernel: a map had no room */
	SONDE_LOST_FAULT,          /* kernel: memory could not be read */
	SONDE_LOST_MISSED,         /* kernel: the program was not run (recursion) */
	SONDE_LOST_EXPIRED,        /* given up after the retries that the config allows */
	SONDE_LOSS_COUNT = 24,     /* room to grow */
};

/* The kernel side's ledger, cumulative since the input started:
 * produced = emitted + reduced + lost, in events. An input reports it when it reads its maps. */
struct sonde_tally {
	uint32_t size; /* of this struct */
	uint32_t reserved;
	uint64_t produced; /* events that reached the input's programs */
	uint64_t emitted;  /* in rows that were emitted: one by one, or folded as their events */
	uint64_t reduced[SONDE_REDUCTION_COUNT]; /* by enum sonde_reduction */
	uint64_t lost[SONDE_LOSS_COUNT];         /* by enum sonde_loss */
};

/* Knobs that an instance wants to be set together for a while: see sonde_hold_knobs(). Start from
 * zeros, and set size. Since 1.1. */
struct sonde_hold {
	uint32_t size;             /* sizeof(struct sonde_hold) */
	uint32_t count;            /* of knobs, at most 16 */
	const char *const *knobs;  /* "INSTANCE.KNOB", in the order of setting */
	const char *const *values; /* as sonde_set() takes them */
	const char *name;          /* of this hold, among those of the instance */
	const char *reason;        /* for the log and the record; NULL: none */
	int64_t for_ns;            /* 0: it is given up */
};

enum sonde_level { SONDE_ERROR = 0, SONDE_WARNING, SONDE_INFO, SONDE_DEBUG };

/* How long a capability is needed. */
enum sonde_need {
	SONDE_TO_START = 1, /* until start() has returned */
	SONDE_TO_RUN = 3, /* in start() and in every callback after it, set() of a knob included */
};

/* For sonde_watch() and ready(). */
enum { SONDE_READABLE = 1, SONDE_WRITABLE = 2, SONDE_HANGUP = 4 };

/* ---- what sonde knows of itself (since 1.1) ---------------------------------------------- */

/* Rows, and the origin events that they stand for. */
struct sonde_amount {
	uint64_t rows, events;
};

/* What an account of the ledger is kept for. */
enum sonde_account_kind {
	SONDE_ACCOUNT_KERNEL = 1, /* an input's kernel side; in events only */
	SONDE_ACCOUNT_INPUT,      /* rows that an input emitted */
	SONDE_ACCOUNT_ROUTE,      /* a queue, and what its receiver made of it */
	SONDE_ACCOUNT_PROCESSOR,  /* a processor in a pipeline */
};

/* An account of the ledger: in + made = out + reduced + lost + in flight. Cumulative since
 * begun_ns, over restarts. */
struct sonde_account {
	uint32_t size;        /* sizeof(struct sonde_account), by the caller */
	uint32_t kind;        /* enum sonde_account_kind */
	const char *name;     /* "calls", "calls > main", "main / who"; stays valid */
	int64_t begun_ns;     /* ns since the epoch; 0: not known */
	uint32_t seen;        /* not 0: this run has used it */
	uint32_t queue_count; /* queues that count in it now */
	struct sonde_amount in, made, out, in_flight;
	struct sonde_amount repeated; /* of out and lost: may have reached the receiver twice */
	struct sonde_amount reduced[SONDE_REDUCTION_COUNT];        /* by enum sonde_reduction */
	struct sonde_amount lost[SONDE_LOSS_COUNT];                /* by enum sonde_loss */
	uint64_t queue_bytes, queue_limit_bytes, queue_peak_bytes; /* of these queues together */
	uint64_t queue_rows;                                       /* waiting in them */
};

/* How an instance fares. */
enum sonde_state {
	SONDE_STATE_STARTING = 0,
	SONDE_STATE_RUNNING,
	SONDE_STATE_DEGRADED, /* its last call failed; it is tried again */
	SONDE_STATE_WAITING,  /* it could not start; it is tried again */
	SONDE_STATE_BUSY,     /* a callback holds its thread for long */
	SONDE_STATE_LEAVING,  /* a reload took it out; it gives out what it holds */
	SONDE_STATE_STOPPED,
	SONDE_STATE_COUNT = 16, /* room to grow */
};

/* The health of an instance. Texts lie in the caller's buffer, cut where they are long. */
struct sonde_health {
	uint32_t size;      /* sizeof(struct sonde_health), by the caller */
	uint32_t kind;      /* enum sonde_kind */
	uint64_t id;        /* of this instance alone, as long as the daemon runs */
	int64_t started_ns; /* first, ns since the epoch: its counts begin then */
	const char *name, *plugin;
	const char *problem;  /* why it is degraded or waits; "": nothing is wrong */
	const char *callback; /* that it has been in for long; "": none */
	int64_t busy_ns;      /* how long that is */
	uint64_t failure_count;
	uint64_t retry_count; /* output: times that it backed off */
	uint32_t replica;
	uint32_t state; /* enum sonde_state */
};

/* The daemon as a process. Counts are of this run. */
struct sonde_process {
	uint32_t size; /* sizeof(struct sonde_process), by the caller */
	uint32_t thread_count;
	const char *host_id;             /* of this sonde, 32 hexadecimal digits; stays valid */
	uint64_t epoch;                  /* number of this run */
	int64_t started_ns;              /* ns since the epoch */
	int64_t user_ns, system_ns;      /* of CPU */
	int64_t stuck_ns;                /* longest that a thread has not come around */
	uint64_t resident_bytes;         /* shared pages included */
	uint64_t limit_bytes;            /* of its private memory; UINT64_MAX: none */
	uint64_t room_bytes;             /* of it, what rows may have */
	uint64_t used_bytes, idle_bytes; /* by rows; in blocks to be used again */
	uint64_t peak_bytes;             /* most that both ever were */
	uint64_t reserved_bytes;         /* promised to inputs that have not read yet */
	uint64_t other_bytes;            /* private memory that is not for rows */
	uint64_t kernel_bytes;           /* of its BPF maps, as the kernel counts them */
	uint64_t shed_rows;              /* let go from queues for want of memory */
	uint64_t refused_count, failed_count; /* memory that the bound, that the machine refused */
	uint64_t descriptor_count, descriptor_limit, descriptor_refused_count;
	uint64_t log_written, log_held, log_lost; /* lines */
};

/* Two rings of records, each bounded: what is not read in time is counted as missed. */
enum sonde_record_kind {
	SONDE_RECORD_LOG = 1,      /* a line of the daemon's log, as it was written */
	SONDE_RECORD_DECISION,     /* a knob that was set, a reload, a state that changed */
	SONDE_RECORD_BYTES = 8192, /* a buffer of so many is enough for the texts of any */
};

/* A line of the log, or a decision. Texts lie in the caller's buffer; those that do not apply are
 * empty. Secrets are masked. */
struct sonde_record {
	uint32_t size;        /* sizeof(struct sonde_record), by the caller */
	uint32_t level;       /* enum sonde_level */
	uint64_t number;      /* of its kind, in this run, from 1 */
	uint64_t missed;      /* records before it that came since the last read, and are gone */
	int64_t time_ns;      /* ns since the epoch */
	const char *instance; /* whom it is about; "": the daemon */
	const char *message;
	const char *event;          /* decisions: "knob.set", "reload" */
	const char *actor;          /* who decided: "user", "reload", "timer", an instance */
	const char *knob;           /* that was set */
	const char *before, *after; /* its values, or the states, as texts */
	int64_t for_ns;             /* how long it holds; 0: until something else is decided */
};

/* ---- the table of services --------------------------------------------------------------- */

/* The daemon's services. Append-only; plugins use the inline functions below. */
struct sonde_host {
	uint32_t size; /* of this struct */
	uint16_t abi_major, abi_minor;
	const char *version; /* of the daemon */

	int64_t (*now_ns)(struct sonde_instance *);
	void (*log)(struct sonde_instance *, uint32_t level, const char *message);
	int (*fail)(struct sonde_instance *, int error, const char *message);
	void (*problem)(struct sonde_instance *, const char *option, const char *message);
	void (*note)(struct sonde_instance *, const char *message);

	int (*watch)(struct sonde_instance *, int fd, uint32_t events);
	int (*unwatch)(struct sonde_instance *, int fd);
	int (*every)(struct sonde_instance *, int timer, int64_t interval_ns);
	int (*after)(struct sonde_instance *, int timer, int64_t delay_ns);
	void (*wake)(struct sonde_instance *);

	void *(*row)(struct sonde_instance *, uint32_t schema);
	void (*null)(struct sonde_instance *, uint32_t schema, uint32_t field);
	uint32_t (*text)(struct sonde_instance *, const void *data, size_t length, bool intern);
	uint64_t *(*heap)(struct sonde_instance *, uint32_t schema, uint32_t field, uint32_t count,
			  uint32_t *ret_start);
	int (*emit)(struct sonde_instance *);
	int (*bind)(struct sonde_instance *, uint32_t schema, uint32_t field,
		    struct sonde_dictionary *);

	struct sonde_dictionary *(*dictionary_create)(struct sonde_instance *, bool distinct);
	uint32_t (*dictionary_add)(struct sonde_dictionary *, const void *data, size_t length);
	void (*dictionary_release)(struct sonde_dictionary *);

	struct sonde_batch *(*batch_create)(struct sonde_instance *, uint32_t schema,
					    uint32_t row_capacity);
	void *(*batch_rows)(struct sonde_batch *);
	int (*batch_resize)(struct sonde_batch *, uint32_t row_count);
	struct sonde_batch *(*batch_table)(struct sonde_instance *, const char *schema,
					   uint32_t signal, uint32_t row_count);
	struct sonde_batch *(*batch_derive)(struct sonde_instance *, struct sonde_batch *);
	struct sonde_column *(*batch_add)(struct sonde_instance *, struct sonde_batch *,
					  const struct sonde_field *, struct sonde_dictionary *);
	struct sonde_column *(*batch_constant)(struct sonde_instance *, struct sonde_batch *,
					       const struct sonde_field *,
					       struct sonde_dictionary *, const void *value);
	int (*batch_remove)(struct sonde_batch *, uint32_t column);
	unsigned char *(*batch_valid)(struct sonde_batch *, uint32_t column);
	uint64_t *(*batch_heap)(struct sonde_batch *, uint32_t column, uint32_t count,
				uint32_t *ret_start);
	int (*batch_select)(struct sonde_batch *, const unsigned char *bits);
	int (*batch_adopt)(struct sonde_batch *, struct sonde_batch *child);
	struct sonde_batch *(*batch_hold)(struct sonde_batch *);
	void (*batch_release)(struct sonde_batch *);
	int (*batch_emit)(struct sonde_instance *, struct sonde_batch *, const uint64_t *token);

	int (*reserve)(struct sonde_instance *, size_t bytes);
	void (*unreserve)(struct sonde_instance *, size_t bytes);

	struct sonde_receipts *(*keep)(struct sonde_instance *, struct sonde_batch *,
				       struct sonde_receipts *);
	int (*fold)(struct sonde_instance *, struct sonde_receipts *, struct sonde_batch *);

	void (*settle)(struct sonde_instance *, struct sonde_delivery *, int64_t batch,
		       const struct sonde_outcome *);
	void (*drained)(struct sonde_instance *);

	void (*reduce)(struct sonde_instance *, uint64_t rows, uint64_t events, uint32_t reduction);
	void (*lose)(struct sonde_instance *, uint64_t rows, uint64_t events, uint32_t loss);
	void (*tally)(struct sonde_instance *, const struct sonde_tally *);
	int (*set)(struct sonde_instance *, const char *knob, const char *value, int64_t for_ns);
	void (*report_number)(struct sonde_report *, const char *table, const char *row,
			      const char *column, const char *unit, double value);
	void (*report_text)(struct sonde_report *, const char *table, const char *row,
			    const char *column, const char *value);

	int64_t (*any_encode)(const struct sonde_any *, void *buffer, size_t capacity);
	int (*any_decode)(const void *data, size_t length, struct sonde_any *items,
			  uint32_t item_capacity, uint32_t *ret_item_count);
	int64_t (*metric_encode)(const struct sonde_metric *, void *buffer, size_t capacity);
	int (*metric_decode)(const void *data, size_t length, struct sonde_metric *ret_metric);
	int64_t (*metric_metadata)(const void *data, size_t length, void *buffer, size_t capacity);
	size_t (*batch_bytes)(struct sonde_batch *);
	int (*need)(struct sonde_instance *, uint32_t capability, uint32_t when);

	/* since 1.1 */
	void *(*dictionary_memory)(struct sonde_dictionary *, size_t size);
	struct sonde_text *(*dictionary_room)(struct sonde_dictionary *, uint32_t *ret_count);
	int (*dictionary_grow)(struct sonde_dictionary *, uint32_t count);
	int (*account)(struct sonde_instance *, uint64_t *cursor, struct sonde_account *);
	int (*health)(struct sonde_instance *, uint64_t *cursor, struct sonde_health *, char *texts,
		      size_t capacity);
	int (*record)(struct sonde_instance *, uint32_t kind, uint64_t *cursor,
		      struct sonde_record *, char *texts, size_t capacity);
	int (*process)(struct sonde_instance *, struct sonde_process *);
	const char *(*reason_name)(bool lost, uint32_t reason);
	struct sonde_text *(*batch_originals)(struct sonde_batch *, uint32_t format,
					      struct sonde_dictionary *);
	int (*ask)(struct sonde_asks *, const struct sonde_ask *);
	void (*batch_done)(struct sonde_batch *, uint32_t kind);
	bool (*is_done)(struct sonde_instance *, const struct sonde_batch *, uint32_t kind);
	int (*hold_knobs)(struct sonde_instance *, const struct sonde_hold *);
	int (*check_knob)(struct sonde_instance *, const char *knob, const char *value, char *error,
			  size_t error_size);
	int (*frame_write)(struct sonde_instance *, struct sonde_batch *const *batches,
			   uint32_t count, struct sonde_frame *);
	int (*frame_look)(const void *data, uint64_t length, struct sonde_frame *);
	int (*frame_read)(struct sonde_instance *, const struct sonde_frame *,
			  struct sonde_batch **batches, uint32_t capacity);
	int (*frame_emit)(struct sonde_instance *, const struct sonde_frame *,
			  const uint64_t *token);
	int (*remember)(struct sonde_instance *, const void *data, size_t length);
	int64_t (*recall)(struct sonde_instance *, void *buffer, size_t capacity);
	bool (*is_replayed)(const struct sonde_batch *);
};

/* printf for the three services that take a message. Texts over 511 bytes are cut. */
#define SONDE_FORMAT_(out_, format_)                                                               \
	char out_[512];                                                                            \
	va_list arguments_;                                                                        \
	va_start(arguments_, format_);                                                             \
	(void)vsnprintf(out_, sizeof(out_), format_, arguments_);                                  \
	va_end(arguments_)

/* Logs a line under the instance's name. Repeats are rate-limited by the daemon. */
__attribute__((format(printf, 3, 4), unused)) static void
sonde_log(struct sonde_instance *instance, enum sonde_level level, const char *format, ...)
{
	SONDE_FORMAT_(text, format);
	(instance->host->log)(instance, (uint32_t)level, text); /* no macro of <tgmath.h> */
}

/* Says why a callback cannot do its work: logs it, marks the instance degraded until the same
 * callback succeeds, and returns -error, for the callback to return. error is a positive errno. */
__attribute__((format(printf, 3, 4), unused)) static int
sonde_fail(struct sonde_instance *instance, int error, const char *format, ...)
{
	SONDE_FORMAT_(text, format);
	return (instance->host->fail)(instance, error,
				      text); /* test libraries have a macro fail() */
}

/* In `check`: a problem with an option, shown with its file and line. option may be NULL. */
__attribute__((format(printf, 3, 4), unused)) static void
sonde_problem(struct sonde_instance *instance, const char *option, const char *format, ...)
{
	SONDE_FORMAT_(text, format);
	instance->host->problem(instance, option, text);
}

/* In `check`: a fact worth printing, such as the memory that the options ask for. */
__attribute__((format(printf, 2, 3), unused)) static void
sonde_note(struct sonde_instance *instance, const char *format, ...)
{
	SONDE_FORMAT_(text, format);
	instance->host->note(instance, text);
}

/* Wall clock, ns since the epoch. It may be stepped: measure intervals by a clock of your own. */
static inline int64_t sonde_now_ns(struct sonde_instance *instance)
{
	return instance->host->now_ns(instance);
}

/* ---- fds, timers, wake-ups: for every kind ----------------------------------------------- */

/* Calls ready() while fd is readable or writable (SONDE_READABLE | SONDE_WRITABLE), and when it is
 * hung up, unasked. Called again, changes what is watched. The fd stays the plugin's; unwatch it
 * before closing it, in stop() too. */
static inline int sonde_watch(struct sonde_instance *instance, int fd, uint32_t events)
{
	return instance->host->watch(instance, fd, events);
}

static inline int sonde_unwatch(struct sonde_instance *instance, int fd)
{
	return instance->host->unwatch(instance, fd);
}

/* Calls timer(id) every interval_ns (at least 1 ms), together with other timers of that interval:
 * the first time within one. 0 ends it. Called again with the same id, replaces it. */
static inline int sonde_every(struct sonde_instance *instance, int id, int64_t interval_ns)
{
	return instance->host->every(instance, id, interval_ns);
}

/* Calls timer(id) once, delay_ns from now. A negative delay ends it. */
static inline int sonde_after(struct sonde_instance *instance, int id, int64_t delay_ns)
{
	return instance->host->after(instance, id, delay_ns);
}

/* From any thread: runs woken() on the instance's own. Several wakes may become one call. Not
 * after stop() has returned. */
static inline void sonde_wake(struct sonde_instance *instance)
{
	instance->host->wake(instance);
}

/* Adds to a counter of the counter table; `status` reads it from another thread. */
#define sonde_count(counter_, n_)                                                                  \
	__atomic_store_n((counter_), __atomic_load_n((counter_), __ATOMIC_RELAXED) + (n_),         \
			 __ATOMIC_RELAXED)

/* ---- emitting row by row ----------------------------------------------------------------- */

/* A zeroed row of the plugin's schema to fill. Never NULL: when memory is refused it is a scratch
 * row, whose loss is counted. Rows not emitted when the callback returns are dropped. */
static inline void *sonde_row(struct sonde_instance *instance, uint32_t schema)
{
	return instance->host->row(instance, schema);
}

/* The field of the row that sonde_row() gave out last has no value. */
static inline void sonde_null(struct sonde_instance *instance, uint32_t schema, uint32_t field)
{
	instance->host->null(instance, schema, field);
}

/* The code of a text, which is copied, for the rows that this callback fills (by sonde_row() or in
 * a created batch), in fields that are not bound to a dictionary. It means nothing once the
 * callback has returned: ask again in the next one. Until then equal texts have equal codes. The
 * text is UTF-8; 0, the empty text, when memory is refused or it is over 64 MiB. */
static inline uint32_t sonde_text(struct sonde_instance *instance, const char *data, size_t length)
{
	return instance->host->text(instance, data, length, true);
}

/* The same for bytes, encoded values and texts that hardly repeat: no look-up, so that equal ones
 * get codes of their own. */
static inline uint32_t sonde_bytes(struct sonde_instance *instance, const void *data, size_t length)
{
	return instance->host->text(instance, data, length, false);
}

/* Room for `count` words in the heap of a field, for the histogram of the row that sonde_row() gave
 * out last. The pointer is valid until the next call; NULL when memory is refused (leave the
 * lengths 0). */
static inline uint64_t *sonde_heap(struct sonde_instance *instance, uint32_t schema, uint32_t field,
				   uint32_t count, uint32_t *ret_start)
{
	return instance->host->heap(instance, schema, field, count, ret_start);
}

/* Rows of this schema carry codes of this dictionary in this field, from the next batch on. The
 * daemon takes a reference of its own. */
static inline int sonde_bind(struct sonde_instance *instance, uint32_t schema, uint32_t field,
			     struct sonde_dictionary *dictionary)
{
	return instance->host->bind(instance, schema, field, dictionary);
}

/* Emits the rows handed out since the last call. The daemon gathers them into batches of about
 * 1,000 rows or 1 s. Returns 0; losses further on are the ledger's business. */
static inline int sonde_emit(struct sonde_instance *instance)
{
	return instance->host->emit(instance);
}

/* ---- dictionaries ------------------------------------------------------------------------ */

/* Entries may only be added on the thread of the instance that created it. NULL: no memory.
 * distinct: adding an equal text again gives the same code. */
static inline struct sonde_dictionary *sonde_dictionary_create(struct sonde_instance *instance,
							       bool distinct)
{
	return instance->host->dictionary_create(instance, distinct);
}

/* The code of the copied text; UINT32_MAX when memory is refused. */
static inline uint32_t sonde_dictionary_add(struct sonde_instance *instance,
					    struct sonde_dictionary *dictionary, const void *data,
					    size_t length)
{
	return instance->host->dictionary_add(dictionary, data, length);
}

/* Memory that lives as long as the dictionary, aligned for any value, not zeroed: for what its
 * entries point into, such as a request that is read into it whole. Since 1.1. NULL: no memory. */
static inline void *sonde_dictionary_memory(struct sonde_instance *instance,
					    struct sonde_dictionary *dictionary, size_t size)
{
	return instance->host->dictionary_memory(dictionary, size);
}

/* Where the next entries go, for many that need no copy: filled in place, with data in memory of
 * the dictionary, at most 64 MiB each, and hash 0. The first one's code is the length of the
 * dictionary. *ret_count, at least 1, says how many fit; the place is the caller's until entries
 * are added or published. Since 1.1. NULL: no memory, or the dictionary is distinct. */
static inline struct sonde_text *sonde_dictionary_room(struct sonde_instance *instance,
						       struct sonde_dictionary *dictionary,
						       uint32_t *ret_count)
{
	return instance->host->dictionary_room(dictionary, ret_count);
}

/* Publishes the first `count` of the entries filled there. Since 1.1. -ERANGE: more than fit. */
static inline int sonde_dictionary_grow(struct sonde_instance *instance,
					struct sonde_dictionary *dictionary, uint32_t count)
{
	return instance->host->dictionary_grow(dictionary, count);
}

/* Gives up the creator's reference; batches that use it keep it. NULL is fine. */
static inline void sonde_dictionary_release(struct sonde_instance *instance,
					    struct sonde_dictionary *dictionary)
{
	instance->host->dictionary_release(dictionary);
}

/* ---- whole batches ----------------------------------------------------------------------- */

/* An empty batch of the plugin's schema with room for rows, which is not zeroed: whoever counts a
 * row as filled has written all of its members. The caller owns the batch until it emits or
 * releases it. Bound dictionaries are used. NULL: no memory (count it with sonde_lose). */
static inline struct sonde_batch *sonde_batch_create(struct sonde_instance *instance,
						     uint32_t schema, uint32_t row_capacity)
{
	return instance->host->batch_create(instance, schema, row_capacity);
}

/* The storage of a created batch: row structs one after the other. */
static inline void *sonde_batch_rows(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return instance->host->batch_rows(batch);
}

/* How many of the rows are filled, at most the capacity. -ERANGE beyond it; -EINVAL for a derived
 * batch, whose rows are another's; -EROFS once emitted. */
static inline int sonde_batch_resize(struct sonde_instance *instance, struct sonde_batch *batch,
				     uint32_t row_count)
{
	return instance->host->batch_resize(batch, row_count);
}

/* A batch of row_count rows without columns, whose schema is known at run time only. The name is
 * copied. NULL: no memory. */
static inline struct sonde_batch *sonde_batch_table(struct sonde_instance *instance,
						    const char *schema, enum sonde_signal signal,
						    uint32_t row_count)
{
	return instance->host->batch_table(instance, schema, (uint32_t)signal, row_count);
}

/* A new batch that shares all of the other's columns and children; columns can be added and rows
 * dropped without touching the other, which does not change any more. It carries on the other's
 * receipts. NULL: no memory. */
static inline struct sonde_batch *sonde_batch_derive(struct sonde_instance *instance,
						     struct sonde_batch *batch)
{
	return instance->host->batch_derive(instance, batch);
}

/* Adds a column with zeroed storage of its own, to be filled through `base` and `stride`. Only
 * name, type, role, scope, temporality, monotonic, unit and help of the field are read; texts are
 * copied. A column of the same name, role and scope is replaced. The dictionary may be NULL for
 * types that have none; the batch takes a reference. NULL: no memory, or the batch is emitted. The
 * pointer is valid until the next add. */
static inline struct sonde_column *sonde_batch_add(struct sonde_instance *instance,
						   struct sonde_batch *batch,
						   const struct sonde_field *field,
						   struct sonde_dictionary *dictionary)
{
	return instance->host->batch_add(instance, batch, field, dictionary);
}

/* The same with one value for all rows, copied from `value`. */
static inline struct sonde_column *sonde_batch_constant(struct sonde_instance *instance,
							struct sonde_batch *batch,
							const struct sonde_field *field,
							struct sonde_dictionary *dictionary,
							const void *value)
{
	return instance->host->batch_constant(instance, batch, field, dictionary, value);
}

/* Takes a column out of a batch that is not emitted yet. -ERANGE: there is no such column. */
static inline int sonde_batch_remove(struct sonde_instance *instance, struct sonde_batch *batch,
				     uint32_t column)
{
	return instance->host->batch_remove(batch, column);
}

/* Bits of validity of a column to write, at first all set, or as they were in the batch that it was
 * derived from. NULL: no memory. */
static inline unsigned char *sonde_batch_valid(struct sonde_instance *instance,
					       struct sonde_batch *batch, uint32_t column)
{
	return instance->host->batch_valid(batch, column);
}

/* Zeroed room in the heap of a column for a histogram; as sonde_heap(). Not for a column that a
 * derived batch shares. */
static inline uint64_t *sonde_batch_heap(struct sonde_instance *instance, struct sonde_batch *batch,
					 uint32_t column, uint32_t count, uint32_t *ret_start)
{
	return instance->host->batch_heap(batch, column, count, ret_start);
}

/* Keeps the rows whose bits are set, of those that still counted; the bits are copied. */
static inline int sonde_batch_select(struct sonde_instance *instance, struct sonde_batch *batch,
				     const unsigned char *bits)
{
	return instance->host->batch_select(batch, bits);
}

/* Makes `child` a child table of `batch`, which takes over the reference, also on failure. The
 * child does not change any more. -EINVAL: it has no column of SONDE_ROLE_PARENT_ROW, or the tables
 * are nested more than four deep. A row of it counts if its parent does. */
static inline int sonde_batch_adopt(struct sonde_instance *instance, struct sonde_batch *batch,
				    struct sonde_batch *child)
{
	return instance->host->batch_adopt(batch, child);
}

/* Where the originals of rows go, by row, in a batch that is not derived: zeroed, a text for each
 * row that there is room for, whose data lies in memory of the dictionary
 * (sonde_dictionary_memory()). The batch takes a reference to that. See sonde_originals(): a batch
 * derived from it has them until a column of scope ROW is added, removed or given other validity,
 * or a child table is adopted; a copy of a few of its rows is without them. Since 1.1. NULL: no
 * memory, or the batch is derived or emitted, or has them. */
static inline struct sonde_text *sonde_batch_originals(struct sonde_instance *instance,
						       struct sonde_batch *batch,
						       enum sonde_format format,
						       struct sonde_dictionary *dictionary)
{
	return instance->host->batch_originals(batch, (uint32_t)format, dictionary);
}

/* One reference more; returns the batch. */
static inline struct sonde_batch *sonde_batch_hold(struct sonde_instance *instance,
						   struct sonde_batch *batch)
{
	return instance->host->batch_hold(batch);
}

static inline void sonde_batch_release(struct sonde_instance *instance, struct sonde_batch *batch)
{
	instance->host->batch_release(batch);
}

/* Sends a batch on and takes over the reference: from an input to the pipelines, from a processor
 * to what follows. It does not change any more. */
static inline int sonde_emit_batch(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return instance->host->batch_emit(instance, batch, NULL);
}

/* The same from an input that wants to hear: settled(token, settlement) is called once every
 * branch has let go of it. */
static inline int sonde_emit_token(struct sonde_instance *instance, struct sonde_batch *batch,
				   uint64_t token)
{
	return instance->host->batch_emit(instance, batch, &token);
}

/* In ask(): adds one, which is copied with all that it points at. -ENOSPC: there are SONDE_ASKS;
 * -EINVAL: it makes no sense; -ENOMEM. */
static inline int sonde_add_ask(struct sonde_instance *instance, struct sonde_asks *asks,
				const struct sonde_ask *ask)
{
	return instance->host->ask(asks, ask);
}

/* Input: what take() took over of this kind was done with all rows of a batch that it is about to
 * emit. Rows of an aggregate have the columns of its groups, the columns of its measures by their
 * names, times, and `events`. Filters need no word: to do them twice changes nothing. */
static inline void sonde_batch_done(struct sonde_instance *instance, struct sonde_batch *batch,
				    enum sonde_ask_kind kind)
{
	instance->host->batch_done(batch, (uint32_t)kind);
}

/* Processor, in process(): whether the input has done that with the rows of this batch already, at
 * this processor's asking or, of an aggregate, at that of one behind it, in which case all that
 * this one asked was done as well. */
static inline bool sonde_is_done(struct sonde_instance *instance, const struct sonde_batch *batch,
				 enum sonde_ask_kind kind)
{
	return instance->host->is_done(instance, batch, (uint32_t)kind);
}

/* ---- frames ------------------------------------------------------------------------------ */

/* Writes finished or emitted batches as one frame. Of `frame` size, kind, stream, sequence and
 * level are the caller's; the rest is filled in, with data in memory of the daemon that is valid
 * until the next frame is written on this thread. Originals and what was done at the source are not
 * part of it. Since 1.1. -EMSGSIZE: more than a frame may hold (64 MiB): write fewer batches;
 * -ENOMEM. */
static inline int sonde_frame_write(struct sonde_instance *instance,
				    struct sonde_batch *const *batches, uint32_t count,
				    struct sonde_frame *frame)
{
	return instance->host->frame_write(instance, batches, count, frame);
}

/* Reads what stands before a frame, of which `length` bytes are there: size is the caller's, the
 * rest is filled in; data points to what was given, `length` is that of the whole frame, of which
 * not all need be there. The checksum is not looked at before sonde_frame_read(). Since 1.1.
 * -EAGAIN: at least SONDE_FRAME_HEAD_BYTES are needed; -EBADMSG: no frame; -EPROTONOSUPPORT: of a
 * version that this sonde does not read; -EMSGSIZE: longer than a frame may be. */
static inline int sonde_frame_look(struct sonde_instance *instance, const void *data,
				   uint64_t length, struct sonde_frame *ret_frame)
{
	return instance->host->frame_look(data, length, ret_frame);
}

/* Reads the batches of a frame that is there as a whole, which keep nothing of it: the caller owns
 * them, and may add columns before it emits them. capacity is at least batch_count. Since 1.1.
 * -EBADMSG: damaged, or not a frame: nothing of it was read; -ENOMEM. */
static inline int sonde_frame_read(struct sonde_instance *instance, const struct sonde_frame *frame,
				   struct sonde_batch **ret_batches, uint32_t capacity)
{
	return instance->host->frame_read(instance, frame, ret_batches, capacity);
}

/* Input: emits all rows of a frame under one token; settled(token, settlement) is called once, as
 * for sonde_emit_token(): behind a queue on disk, when it is synced. Such a queue takes the frame
 * as it is, and a frame that it has taken before, by stream and sequence, not again: its rows count
 * as delivered. sonde_reserve() frame->memory_bytes first. Since 1.1. Errors are those of
 * sonde_frame_read(), nothing was emitted then. */
static inline int sonde_emit_frame(struct sonde_instance *instance, const struct sonde_frame *frame,
				   uint64_t token)
{
	return instance->host->frame_emit(instance, frame, &token);
}

/* Processor that holds rows back: what it has to know, after a crash, of rows that it let go of
 * before: at most SONDE_REMEMBERED_BYTES, kept in one piece with what it has emitted so far. Since
 * 1.1. -ENOTSUP: no queue on disk stands before its pipeline, nothing is ever read again. */
static inline int sonde_remember(struct sonde_instance *instance, const void *data, size_t length)
{
	return instance->host->remember(instance, data, length);
}

enum { SONDE_REMEMBERED_BYTES = 64 };

/* In start(): what it remembered before the daemon died or was ended. Returns its length. Since
 * 1.1. -ENOENT: nothing; -ENOSPC: it is longer than capacity. */
static inline int64_t sonde_recall(struct sonde_instance *instance, void *buffer, size_t capacity)
{
	return instance->host->recall(instance, buffer, capacity);
}

/* Processor, in process(): whether it was given these rows before the daemon died, and what it
 * remembers now is of a time when it had them. Since 1.1. */
static inline bool sonde_is_replayed(struct sonde_instance *instance,
				     const struct sonde_batch *batch)
{
	return instance->host->is_replayed(batch);
}

/* ---- admission, for inputs that can make their source wait ------------------------------- */

/* Asks for room for `bytes` in every pipeline that this input feeds, before reading them. 0: the
 * next batches, up to that size, will not be refused. -EAGAIN: full; room() is called when to ask
 * again. -EMSGSIZE: never. A batch uses up sonde_batch_bytes() of it; what is left over is given
 * back by sonde_unreserve(). */
static inline int sonde_reserve(struct sonde_instance *instance, size_t bytes)
{
	return instance->host->reserve(instance, bytes);
}

/* bytes may be more than is left. */
static inline void sonde_unreserve(struct sonde_instance *instance, size_t bytes)
{
	instance->host->unreserve(instance, bytes);
}

/* The bytes that a batch takes in a queue, and so of a reservation: what it keeps from being freed.
 * It does not change any more. */
static inline size_t sonde_batch_bytes(struct sonde_instance *instance, struct sonde_batch *batch)
{
	return instance->host->batch_bytes(batch);
}

/* ---- processors that hold rows back, and what is booked ---------------------------------- */

/* Processor, in process(): the rows of the batch go on later, in others. Adds whoever waits for
 * them to `receipts` (NULL: new ones) and returns those, or NULL: no memory, nothing was kept
 * (and `receipts` is as it was: keep the old pointer). The batch itself need not be held. */
static inline struct sonde_receipts *sonde_keep(struct sonde_instance *instance,
						struct sonde_batch *batch,
						struct sonde_receipts *receipts)
{
	return instance->host->keep(instance, batch, receipts);
}

/* Emits a batch that stands for kept rows: rows kept less rows emitted are booked as aggregated.
 * Takes over both references. receipts is not NULL; batch NULL: nothing is left of them. */
static inline int sonde_emit_folded(struct sonde_instance *instance,
				    struct sonde_receipts *receipts, struct sonde_batch *batch)
{
	return instance->host->fold(instance, receipts, batch);
}

/* Processor: books rows that do not go on under a reason other than the one that its descriptor
 * names; in process() those that it was given, elsewhere those that it keeps. Input: rows that it
 * reduced itself. What process() neither emits, keeps, reduces nor loses is booked as
 * `reduces` of the descriptor. */
static inline void sonde_reduce(struct sonde_instance *instance, uint64_t rows, uint64_t events,
				enum sonde_reduction reduction)
{
	instance->host->reduce(instance, rows, events, (uint32_t)reduction);
}

/* Books rows that were lost inside a plugin, which an input produced or a processor was given. */
static inline void sonde_lose(struct sonde_instance *instance, uint64_t rows, uint64_t events,
			      enum sonde_loss loss)
{
	instance->host->lose(instance, rows, events, (uint32_t)loss);
}

/* Input: the kernel side's ledger, whole, cumulative. */
static inline void sonde_tell(struct sonde_instance *instance, const struct sonde_tally *tally)
{
	instance->host->tally(instance, tally);
}

/* ---- outputs ----------------------------------------------------------------------------- */

/* Answers a delivery: all of its batches, or one. When each has its answer the delivery is gone.
 * Only on the instance's thread; inside write() too, which then returns SONDE_LATER. */
static inline void sonde_settle(struct sonde_instance *instance, struct sonde_delivery *delivery,
				const struct sonde_outcome *outcome)
{
	instance->host->settle(instance, delivery, -1, outcome);
}

static inline void sonde_settle_batch(struct sonde_instance *instance,
				      struct sonde_delivery *delivery, uint32_t batch,
				      const struct sonde_outcome *outcome)
{
	instance->host->settle(instance, delivery, (int64_t)batch, outcome);
}

/* ---- the rest ---------------------------------------------------------------------------- */

/* After drain() returned SONDE_LATER: it is done now. Input: unasked, too, where its source has
 * come to an end: it emits no more. Once no input does, the daemon ends. */
static inline void sonde_drained(struct sonde_instance *instance)
{
	instance->host->drained(instance);
}

/* Sets a knob, "INSTANCE.KNOB", as the user's `set` does: checked and applied on that
 * instance's thread, after this call has returned, and falling back after for_ns (0: it stays). 0:
 * it is on its way; what is refused then stands in the log. */
static inline int sonde_set(struct sonde_instance *instance, const char *knob, const char *value,
			    int64_t for_ns)
{
	return instance->host->set(instance, knob, value, for_ns);
}

/* Sets knobs together, all or none, as sonde_set() does each; they fall back in the opposite order.
 * Several instances, and several holds of one, may want the same knob: the user's word goes first,
 * then that of the newest hold; a knob that is a list has the items of all holds together (an empty
 * list, which means all, stays empty). What nobody holds any more is as it was before. The same
 * hold again, by its name, with the same values, only begins its time again: what the user took out
 * of it meanwhile stays so. With other values it takes the place of the former one. Texts are
 * copied. Since 1.1. 0: it is on its way, as in sonde_set(); -EINVAL: no knobs, or too many. */
static inline int sonde_hold_knobs(struct sonde_instance *instance, const struct sonde_hold *hold)
{
	return instance->host->hold_knobs(instance, hold);
}

/* In check(): whether an instance of the config has that knob and runs, and whether its table takes
 * the value (NULL: not known yet). -ENOENT, -EINVAL: `error` says why not, for sonde_problem();
 * -EPERM: not in check(). Since 1.1. */
static inline int sonde_check_knob(struct sonde_instance *instance, const char *knob,
				   const char *value, char *error, size_t error_size)
{
	return instance->host->check_knob(instance, knob, value, error, error_size);
}

/* In report(): one cell of a table that `status` shows. Texts are copied. */
static inline void sonde_report(struct sonde_instance *instance, struct sonde_report *report,
				const char *table, const char *row, const char *column,
				const char *unit, double value)
{
	instance->host->report_number(report, table, row, column, unit, value);
}

static inline void sonde_report_text(struct sonde_instance *instance, struct sonde_report *report,
				     const char *table, const char *row, const char *column,
				     const char *value)
{
	instance->host->report_text(report, table, row, column, value);
}

/* The instance needs a capability, a number of <linux/capability.h> such as CAP_BPF. In check():
 * what can be foreseen, for `sonde check` and for a reload, which is refused where the daemon has
 * given it up. In start(): what it came to besides. Once all have started, the daemon gives up what
 * no instance needs to run; threads of a plugin's own, made until then, hold nothing. 0; -EPERM:
 * the daemon does not hold it, what needs it will be refused; -EINVAL: no such capability. */
static inline int sonde_need(struct sonde_instance *instance, uint32_t capability,
			     enum sonde_need when)
{
	return instance->host->need(instance, capability, (uint32_t)when);
}

/* ---- what sonde knows of itself ---------------------------------------------------------- */

/* These four read what the daemon knows, on the instance's own thread, since 1.1. Each is called
 * with a struct whose size is set, and goes on from *cursor, which begins as 0. */

/* The next account of the ledger, at one moment: those of queues add up exactly. -ENOENT: that was
 * the last; begin again with a cursor of 0. */
static inline int sonde_next_account(struct sonde_instance *instance, uint64_t *cursor,
				     struct sonde_account *ret_account)
{
	return instance->host->account(instance, cursor, ret_account);
}

/* How the next instance fares, replicas and those that leave too. -ENOENT: that was the last. */
static inline int sonde_next_health(struct sonde_instance *instance, uint64_t *cursor,
				    struct sonde_health *ret_health, char *texts, size_t capacity)
{
	return instance->host->health(instance, cursor, ret_health, texts, capacity);
}

/* The next record of a kind since the one that the cursor stands at. With a cursor of 0: since the
 * last that an instance of this name has read in this run, or the oldest that is kept. -ENOENT:
 * none yet; -ENOSPC: its texts are longer than capacity, but never than SONDE_RECORD_BYTES. */
static inline int sonde_next_record(struct sonde_instance *instance, enum sonde_record_kind kind,
				    uint64_t *cursor, struct sonde_record *ret_record, char *texts,
				    size_t capacity)
{
	return instance->host->record(instance, (uint32_t)kind, cursor, ret_record, texts,
				      capacity);
}

/* The process as it is now. */
static inline int sonde_read_process(struct sonde_instance *instance,
				     struct sonde_process *ret_process)
{
	return instance->host->process(instance, ret_process);
}

/* "queue full" of an enum sonde_loss, "filtered" of an enum sonde_reduction; "other": it has no
 * name yet. */
static inline const char *sonde_reason_name(struct sonde_instance *instance, bool lost,
					    uint32_t reason)
{
	return instance->host->reason_name(lost, reason);
}

/* ---- values as bytes --------------------------------------------------------------------- */

/* Encodes a value: the number of bytes, written only if they fit in capacity. -EINVAL: an unknown
 * kind, or more than 32 levels. */
static inline int64_t sonde_any_encode(struct sonde_instance *instance, const struct sonde_any *any,
				       void *buffer, size_t capacity)
{
	return instance->host->any_encode(any, buffer, capacity);
}

/* Decodes a value into items[0] and, behind it, all that it holds; texts point into data.
 * ret_count is how many items it takes: -ENOSPC if that is over capacity, the items are worth
 * nothing then. -EBADMSG: not an encoded value, or over 32 levels; ret_count is not set. */
static inline int sonde_any_decode(struct sonde_instance *instance, const void *data, size_t length,
				   struct sonde_any *items, uint32_t capacity, uint32_t *ret_count)
{
	return instance->host->any_decode(data, length, items, capacity, ret_count);
}

static inline int64_t sonde_metric_encode(struct sonde_instance *instance,
					  const struct sonde_metric *metric, void *buffer,
					  size_t capacity)
{
	return instance->host->metric_encode(metric, buffer, capacity);
}

/* Texts point into data; the metadata stays empty. -EBADMSG: not an encoded metric. */
static inline int sonde_metric_decode(struct sonde_instance *instance, const void *data,
				      size_t length, struct sonde_metric *ret_metric)
{
	ret_metric->size = sizeof(*ret_metric);
	return instance->host->metric_decode(data, length, ret_metric);
}

/* The metadata of an encoded metric as an encoded AnyValue map: the number of bytes, written only
 * if they fit in capacity; 0: none. -EBADMSG: not an encoded metric. */
static inline int64_t sonde_metric_metadata(struct sonde_instance *instance, const void *data,
					    size_t length, void *buffer, size_t capacity)
{
	return instance->host->metric_metadata(data, length, buffer, capacity);
}

/* ---- the descriptor ---------------------------------------------------------------------- */

enum sonde_kind { SONDE_INPUT = 1, SONDE_PROCESSOR, SONDE_OUTPUT };

/* How `threads = N` may multiply it. */
enum sonde_replication {
	SONDE_SINGLE = 0,  /* never; a processor named in two pipelines is an error */
	SONDE_BY_KEY,      /* rows of one key must meet in one replica */
	SONDE_ANY_REPLICA, /* in any way */
};

/* What callbacks return besides a negative errno. */
enum {
	SONDE_OK = 0,     /* done; write(): all of it is handed over */
	SONDE_LATER = 1,  /* write(): kept, settled later; drain(): sonde_drained() follows */
	SONDE_PASS = 2,   /* process(): the batch goes on as it is */
	SONDE_PARTLY = 3, /* ask(): there is more that it does with rows */
};

/* What the plugin is. Every callback may be NULL but process() of a processor and write() of an
 * output. A negative return marks the instance degraded and is tried again: start() after a
 * growing delay (stop() runs in between), write() with the same delivery, timers as they come. */
struct sonde_plugin {
	uint32_t magic;
	uint16_t abi_major, abi_minor;
	uint32_t size; /* of this struct; the SONDE_PLUGIN_ macros fill all up to kind */
	uint32_t option_size, counter_size, field_size, schema_size;
	uint32_t kind;        /* enum sonde_kind */
	const char *name;     /* as the config says it; the file is NAME.so */
	const char *summary;  /* one line, lower case, no full stop */
	const char *version;  /* the plugin's own; NULL: the daemon's */
	const char *manual;   /* paragraphs for `sonde plugins NAME`; may be NULL */
	uint32_t self_size;   /* of the private struct */
	uint32_t replication; /* enum sonde_replication */
	uint32_t reduces;     /* processor: enum sonde_reduction of what does not go on */
	uint32_t in_flight;   /* output: deliveries kept at once; 0: 1 */
	uint32_t batch_limit; /* output: batches handed over together when they wait; 0: 1 */
	uint32_t waits; /* input, not 0: it reserves before it emits, and can be made to wait */
	const struct sonde_option *options;
	const struct sonde_counter *counters;
	const struct sonde_schema *schemas; /* inputs, and processors that make rows */

	/* Options are filled; find what is wrong without touching anything (sonde_problem). This
	 * instance is never started. */
	int (*check)(struct sonde_instance *);
	int (*start)(struct sonde_instance *);
	/* Always runs, even after a failed start; twice never. Timers end by themselves, and
	 * watches of fds that stay open. */
	void (*stop)(struct sonde_instance *);
	/* A knob has its new value already; a negative return puts the old one back. */
	int (*set)(struct sonde_instance *);
	int (*ready)(struct sonde_instance *, int fd, uint32_t events);
	int (*timer)(struct sonde_instance *, int id);
	int (*woken)(struct sonde_instance *);
	/* The end is near. Input: read what is left; once this is done only settled(), report() and
	 * stop() follow. Processor: emit what is held. Output: hand over what is held and hold
	 * nothing back from now on; deliveries may still come. */
	int (*drain)(struct sonde_instance *);
	/* Tables for `status` (sonde_report). */
	int (*report)(struct sonde_instance *, struct sonde_report *);
	/* Input: all branches have let go of what was emitted with the token. */
	int (*settled)(struct sonde_instance *, uint64_t token, const struct sonde_settlement *);
	/* Input: sonde_reserve() is worth another try. */
	int (*room)(struct sonde_instance *);
	/* Processor: look at a batch; emit, keep or drop. The batch is lent. */
	int (*process)(struct sonde_instance *, struct sonde_batch *);
	/* Output: hand the batches over. */
	int (*write)(struct sonde_instance *, struct sonde_delivery *);

	/* These two are since 1.1; both are also called, for `sonde show`, on instances that are
	 * never started. Processor: say by sonde_add_ask() what its options ask of rows. SONDE_OK:
	 * that is all that it does, so that the next processor may be asked too; SONDE_PARTLY. */
	int (*ask)(struct sonde_instance *, struct sonde_asks *);
	/* Input: do from now on what is asked, as far as it can be done exactly, and no longer what
	 * was asked before. ret_taken has bit i for sonde_ask(asks, i): any filters; a sample; an
	 * aggregate only with all that stands before it. The asks stay readable until the next
	 * call. After each start() it is called again. */
	int (*take)(struct sonde_instance *, const struct sonde_asks *asks, uint64_t *ret_taken);
	/* since 1.1 */
	uint32_t frames; /* output, not 0: takes what lies in its queue on disk as frames */
	uint32_t reserved;
};

#define SONDE_PLUGIN_(kind_)                                                                       \
	.magic = SONDE_MAGIC, .abi_major = SONDE_ABI_MAJOR, .abi_minor = SONDE_ABI_MINOR,          \
	.size = sizeof(struct sonde_plugin), .option_size = sizeof(struct sonde_option),           \
	.counter_size = sizeof(struct sonde_counter), .field_size = sizeof(struct sonde_field),    \
	.schema_size = sizeof(struct sonde_schema), .kind = kind_

#define SONDE_PLUGIN_INPUT     SONDE_PLUGIN_(SONDE_INPUT)
#define SONDE_PLUGIN_PROCESSOR SONDE_PLUGIN_(SONDE_PROCESSOR)
#define SONDE_PLUGIN_OUTPUT    SONDE_PLUGIN_(SONDE_OUTPUT)

/* The function that the daemon looks for; it is given the host before anything else happens. */
typedef const struct sonde_plugin *sonde_plugin_function(const struct sonde_host *host);

#ifdef __cplusplus
#define SONDE_LINKAGE_ extern "C"
#else
#define SONDE_LINKAGE_ extern
#endif

#define SONDE_EXPORT(plugin_)                                                                      \
	SONDE_LINKAGE_ __attribute__((visibility("default"))) const struct sonde_plugin *          \
	sonde_plugin(const struct sonde_host *host);                                               \
	const struct sonde_plugin *sonde_plugin(const struct sonde_host *host)                     \
	{                                                                                          \
		(void)host;                                                                        \
		return &plugin_;                                                                   \
	}

#ifdef __cplusplus
}
#endif
#endif
