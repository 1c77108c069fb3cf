/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the same columns: which of these are asked for what. */
#ifndef SONDE_LAYOUT_H
#define SONDE_LAYOUT_H

#include "shape.h"
#include "texts.h"

/* What is wanted, parsed. */
struct plan {
	struct column_name by[WINDOW_COLUMNS], source[WINDOW_COLUMNS];
	uint32_t by_count, source_count;
	struct measure *measures; /* owned */
	uint32_t measure_count;   /* 0: the tables' own */
	char *schema;             /* owned; NULL: that of the table */
	uint32_t top;
	int32_t top_measure; /* index; -1: top_by names it, or the first */
	char *top_by;        /* owned; NULL: the first */
};

int plan_make(const struct window_settings *settings, struct plan *ret_plan,
	      struct window_fault *ret_fault);
void plan_clear(struct plan *plan);

/* How a measure finds its values in tables of a layout. */
struct bound_measure {
	uint32_t column; /* COLUMN_NONE: there is none */
	enum class class;
	bool is_part; /* the column holds parts of the result, which fulfil the condition */
	struct text_memo memo;
};

struct known_column {
	char *name; /* owned */
	uint32_t type;
	uint16_t role;
	uint8_t scope, temporality;
	bool monotonic;
};

struct layout {
	char *schema; /* owned */
	struct known_column *columns;
	uint32_t column_count;
	struct shape *shape; /* NULL: such tables cannot be aggregated */
	uint32_t by[WINDOW_COLUMNS];
	struct text_memo by_memos[WINDOW_COLUMNS];
	struct bound_measure *measures; /* of the shape */
	uint32_t source[WINDOW_COLUMNS];
	uint32_t time, observed_time;
	uint32_t weight, events;
	uint32_t other;    /* aggregate.other */
	bool is_interval;  /* rows cover the time up to theirs, which is not within */
	bool has_missing;  /* a column is not there */
	bool has_mismatch; /* or of a type that does not fit */
	char problem[256]; /* what of that there is to say; or why it is foreign */
};

/* The shapes that tables have had. */
struct shapes {
	struct shape **items; /* owned */
	uint32_t count;
};

enum { SHAPE_LIMIT = 64 };

bool layout_is_of(const struct layout *layout, const struct sonde_batch *batch);

/* Ties the plan to a batch's columns; the shape may be new. -ENOMEM; -ENOSPC: too many shapes.
 * layout_clear() has to follow in any case. */
int layout_make(struct layout *layout, const struct plan *plan, const struct sonde_batch *batch,
		struct shapes *shapes);
void layout_forget(struct layout *layout, struct sonde_instance *instance); /* interned codes */
void layout_clear(struct layout *layout, struct sonde_instance *instance);

#endif
