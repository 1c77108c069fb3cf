/* SPDX-License-Identifier: Apache-2.0 */
/* Which windows are closed: all that end until a time, and runs of such that end later. */
#ifndef SONDE_WINDOW_CLOSED_H
#define SONDE_WINDOW_CLOSED_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CLOSED_RUNS = 256,          /* remembered in memory */
	CLOSED_REMEMBERED_RUNS = 4, /* in CLOSED_IMAGE_BYTES */
	CLOSED_IMAGE_BYTES = 64,
};

/* Windows of which each begins a slide after the one before; told by the ends of the first and the
 * last. */
struct closed_run {
	int64_t first_ns, last_ns;
};

/* Times are ends of windows, multiples of the slide. */
struct closed {
	int64_t slide_ns;
	int64_t floor_ns;                        /* what ends until then is closed */
	struct closed_run runs[CLOSED_RUNS + 1]; /* by time, none touches another or the floor */
	uint32_t count, limit;
};

bool closed_has(const struct closed *closed, int64_t end_ns);

/* Whether there is no room for one more run, if that is what a window would make. Then windows of a
 * gap between two runs are closed with it, and those of them that are open come first. */
bool closed_gap(const struct closed *closed, int64_t end_ns, struct closed_run *ret_gap);

/* Notes a window; where there is no room, the least gap is closed too. */
void closed_note(struct closed *closed, int64_t end_ns);

/* Notes all windows of a run. */
void closed_fill(struct closed *closed, struct closed_run run);
void closed_raise(struct closed *closed, int64_t floor_ns);

/* ---- as bytes ---------------------------------------------------------------------------- */

/* What is to be known after a crash of windows and rows; little-endian. Its set has at most
 * CLOSED_REMEMBERED_RUNS, which closed_gap() sees to where that is its limit. */
struct closed_image {
	int64_t width_ns; /* of a window */
	int64_t reach_ns; /* the largest time of a row that was taken */
	struct closed closed;
};

void closed_write(const struct closed_image *image, unsigned char bytes[CLOSED_IMAGE_BYTES]);

/* -EINVAL: these bytes are of something else. */
int closed_read(struct closed_image *ret_image, const unsigned char *bytes, uint64_t length);

/* ---- other windows ----------------------------------------------------------------------- */

/* Whether all windows are closed that rows of a time are part of. */
bool closed_has_time(const struct closed_image *image, int64_t time_ns);

/* Notes in `into`, whose windows may have another width and slide, all that have rows of times of
 * which closed_has_time() is true. */
void closed_convert(const struct closed_image *image, struct closed *into, int64_t width_ns);

#endif
