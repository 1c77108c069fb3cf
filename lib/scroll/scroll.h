/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as lines, one a row: events in aligned columns, logs with their body, spans as trees. */
#ifndef SONDE_SCROLL_H
#define SONDE_SCROLL_H

#include "phrase.h"

enum { SCROLL_SHAPES = 16, SCROLL_COLUMNS = 48 };

/* How wide the columns of a schema's lines have become. */
struct shape {
	char *schema;
	struct {
		uint64_t name; /* hash */
		uint32_t width;
	} columns[SCROLL_COLUMNS];
	uint32_t count;
};

struct scroll {
	struct shape shapes[SCROLL_SHAPES];
	uint32_t shape_count;
	const struct shape *headed; /* whose headings were drawn last */
	uint32_t lines;             /* since then */
};

struct scroll_bounds {
	uint32_t width;         /* of the terminal; 0: as wide as it gets */
	uint32_t heading_every; /* lines; 0: once */
	uint32_t row_limit;     /* rows to draw at most */
	const char *line_end;
};

/* Draws rows of a batch. Returns how many, or -ENOMEM. */
int64_t scroll_draw(struct scroll *scroll, const struct sonde_batch *batch,
		    const struct scroll_bounds *bounds, struct phrase *phrase, struct draw *draw);

void scroll_release(struct scroll *scroll);

/* Whether the rows of a batch measure something, and so can be a table of their own. */
bool scroll_is_measured(const struct sonde_batch *batch);

uint64_t hash_bytes(uint64_t hash, const void *data, size_t length);

/* ---- what lines of all kinds share ------------------------------------------------------- */

/* The columns of a batch by what a line does with them. */
struct line_columns {
	const struct sonde_column *time, *severity, *severity_text, *body, *event_name;
	const struct sonde_column *duration, *start, *end;
	const struct sonde_column *span_name, *span_kind, *status, *status_message;
	const struct sonde_column *trace_id, *span_id;
	const struct sonde_column *details[SCROLL_COLUMNS];
	uint32_t detail_count;
};

void line_columns_find(struct line_columns *columns, const struct sonde_batch *batch);

/* Draws "time LEVEL body key=value ..." or "time took name key=value ...", without a line end. */
void line_draw(const struct line_columns *columns, uint32_t row, uint32_t depth, uint32_t width,
	       struct phrase *phrase, struct draw *draw);

/* The same of an event or a link, in its place below a span of that depth; and a remark there. */
void line_draw_child(const struct line_columns *columns, uint32_t row, uint32_t depth,
		     uint32_t width, bool link, struct phrase *phrase, struct draw *draw);
void line_draw_note(const char *text, uint32_t depth, uint32_t width, struct draw *draw);

/* The time and, where there is one, the severity. Returns the columns used. */
uint32_t line_draw_head(const struct line_columns *columns, uint32_t row, struct phrase *phrase,
			struct draw *draw);

/* Whether a value says that something failed. */
bool is_failure(const struct sonde_column *column, uint32_t row);

#endif
