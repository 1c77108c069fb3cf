/* SPDX-License-Identifier: Apache-2.0 */
/* The windows of an instance from within: slides of time with a table of each shape. */
#ifndef SONDE_WINDOWS_H
#define SONDE_WINDOWS_H

#include "block.h"
#include "closed.h"
#include "rows.h"
#include "source.h"

enum {
	LAYOUT_LIMIT = 32, /* remembered at once */
};

/* A slide of time: without slides, a window. */
struct pane {
	int64_t start_ns;
	int64_t next_ns;       /* begin of the first window that it is part of and that is open */
	int64_t opened_ns;     /* by windows->elapsed_ns */
	bool late;             /* a window of its own, of rows whose windows are closed */
	struct table **tables; /* by index of the shape; NULL: none of that */
	uint32_t table_count;
};

struct windows {
	struct sonde_instance *instance;
	struct window_settings settings; /* numbers only */
	struct plan plan;
	window_closed *closed;
	void *data;

	struct budget budget, unbounded; /* of what is held, and of what is made of it at a close */
	struct intern intern;
	struct shapes shapes;
	struct layout layouts[LAYOUT_LIMIT];
	uint32_t layout_count, next_layout, last_layout;
	struct matcher *matchers[WINDOW_MEASURES];
	struct sources sources;

	struct pane **panes; /* by start; late ones before others of the same */
	uint32_t pane_count, pane_capacity;
	struct closed done; /* which windows are closed */
	int64_t elapsed_ns; /* the host's clock, without its steps */
	int64_t last_now_ns;

	bool remembers;           /* windows_recall() was called */
	bool catches_up;          /* rows are being read again: nothing is closed */
	bool has_other_past;      /* what is recalled is of windows of another width or slide */
	struct closed_image past; /* what was recalled, until it has caught up */
	int64_t reach_ns;         /* the largest time of a row that was taken */
	int64_t spared_ns;        /* windows that end until then may have been closed early */

	struct block *block;
	int64_t *times;             /* by row of a batch */
	unsigned char *rest, *part; /* bits of rows, bits_bytes each */
	unsigned char *untimed;     /* likewise: those without a time */
	uint32_t row_capacity;
	size_t bits_bytes;
	unsigned char *conditions[WINDOW_MEASURES]; /* bits of rows; NULL: none */
	struct window_counts counts;
	char foreign[256], warning[320];
	bool warns;
	uint64_t renewed_windows; /* closed_windows when texts were let go last */
};

/* ---- panes ------------------------------------------------------------------------------- */

/* The one that begins then, which is opened where there is none. NULL: no memory. */
struct pane *pane_open(struct windows *windows, int64_t start_ns, bool late);

/* Whether rows of that slide come when the last of its windows is closed; and whether it is there.
 */
bool pane_is_late(const struct windows *windows, int64_t start_ns);
struct pane *pane_at(const struct windows *windows, int64_t start_ns, bool late);
struct table *pane_table(struct windows *windows, struct pane *pane, struct shape *shape);
void pane_release(struct windows *windows, uint32_t index);

/* Closes what the sources' clocks have passed; with `by_clock`, also what has been open for too
 * long; with `all`, everything. */
int panes_close(struct windows *windows, bool by_clock, bool all);

/* Closes the windows of the oldest pane, to make room. -EAGAIN: not while rows are read again. */
int panes_close_oldest(struct windows *windows);

/* Closes windows whose rows all are of times that other settings had closed windows of. */
int panes_close_past(struct windows *windows);

/* Brings elapsed_ns up to date. */
void windows_tell_time(struct windows *windows);

/* ---- rows -------------------------------------------------------------------------------- */

/* Puts the rows of a batch where they belong. */
void batch_take(struct windows *windows, struct sonde_batch *batch, struct layout *layout,
		struct window_taken *ret_taken);

/* Lets texts go that are not in use any more, where they are many and windows have closed since. */
void texts_renew(struct windows *windows);

static inline int64_t floor_to(int64_t time_ns, int64_t slide_ns)
{
	int64_t rest = time_ns % slide_ns;

	return time_ns - (rest < 0 ? rest + slide_ns : rest);
}

#endif
