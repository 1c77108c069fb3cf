/* SPDX-License-Identifier: Apache-2.0 */
/* What tables show: the newest rows of every schema that has measures, in a form of their own, so
 * that no batch is held. */
#ifndef SONDE_CONSOLE_PICTURE_H
#define SONDE_CONSOLE_PICTURE_H

#include <sonde/plugin.h>
#include "../../../core/arena.h"
#include "distribution.h"
#include "draw.h"
#include "scroll.h"

enum {
	PICTURE_TABLES = 32,
	PICTURE_VIEWS = 48,   /* columns of a table; more are not shown */
	PICTURE_ROWS = 50000, /* rows of a source; more are counted and not shown */
};

enum view_kind {
	VIEW_TEXT,
	VIEW_INTEGER,
	VIEW_FLAG,
	VIEW_SUM,
	VIEW_GAUGE,
	VIEW_HISTOGRAM,
	VIEW_FIGURE, /* a number with a unit of its own, ready to print */
};

struct phrase;

/* A column of a table. */
struct view {
	char *name; /* printable */
	struct unit unit;
	enum view_kind kind;
	bool is_error; /* counts failures among what the first sum counts */
	bool cumulative, monotonic;
	bool wide_integer;   /* 64 bits without a sign: an id or an address more often than a number
			      */
	bool seen, varies;   /* some row had a value; not all had the same */
	uint64_t first_hash; /* of the first row's value */
	char first_text[64];
	uint32_t width;       /* of its widest text */
	uint32_t drawn_width; /* of its widest text that was drawn */
};

struct cell {
	bool valid;
	struct label text; /* TEXT, FIGURE */
	double number;     /* INTEGER, FLAG, GAUGE; of a SUM what was added in the interval */
	double rate;       /* SUM: a second; NaN: not known */
	double raw;        /* SUM and FIGURE: as it came */
	struct histogram *histogram;
};

struct row {
	struct cell *cells; /* by view; those beyond cell_count have no value */
	uint32_t cell_count;
	uint64_t key;     /* of all attributes */
	double time_s;    /* since the epoch */
	double seconds;   /* that sums cover; NaN: not known */
	struct unit unit; /* of a long row's histogram */
};

/* The rows of one interval. */
struct interval {
	int64_t time_ns;
	struct arena *arena;
	struct row *rows;
	uint32_t row_count, row_capacity;
	uint32_t *index; /* rows by key, for the next interval; NULL: none */
	uint32_t index_mask;
};

/* Where rows come from: a resource, such as a host behind a region; a metric of it, if long. */
struct source {
	uint64_t hash;
	int64_t arrived_ns;
	double seconds; /* between the last two intervals; NaN: there was but one */
	struct interval now, before;
	uint64_t hidden_rows;
};

struct table {
	char *schema;
	char *title; /* the schema's name, printable */
	bool is_long;
	struct view views[PICTURE_VIEWS];
	uint32_t view_count;
	struct source *sources;
	uint32_t source_count, source_capacity;
	bool fresh; /* rows came since it was drawn */
};

struct picture {
	struct table tables[PICTURE_TABLES];
	uint32_t table_count;
	uint64_t other_rows; /* of schemas beyond the limit */
};

/* Adds the rows of a batch; rows of an earlier interval of the same source go. -ENOMEM: some rows
 * are missing. */
int picture_add(struct picture *picture, struct sonde_instance *instance,
		const struct sonde_batch *batch, struct phrase *phrase, int64_t now_ns);

/* Lets go of sources that have been silent for several intervals. */
void picture_expire(struct picture *picture, int64_t now_ns);

void picture_release(struct picture *picture);

/* The row of the interval before with the same attributes, or NULL. */
const struct row *source_before(const struct source *source, uint64_t key);

/* Text as cells keep it: printable, in the arena. false: no memory. */
bool label_copy(struct arena *arena, const char *text, size_t length, struct label *ret_label);

/* For long rows: fills the cells of the views that point_views() makes. */
enum { POINT_METRIC, POINT_ATTRIBUTES, POINT_VALUE, POINT_HISTOGRAM, POINT_VIEWS };
struct point_columns {
	const struct sonde_column *metric;
	uint32_t metric_code; /* that `decoded` is of */
	bool has_metric;
	struct sonde_metric decoded;
};
int point_fill(struct sonde_instance *instance, const struct sonde_batch *batch, uint32_t batch_row,
	       struct point_columns *points, const struct source *source, struct phrase *phrase,
	       struct row *row);

#endif
