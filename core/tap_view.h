/* SPDX-License-Identifier: Apache-2.0 */
/* What a tap shows of the batches that it is given: rows for which a condition holds, some of their
 * columns, as text. */
#ifndef SONDE_TAP_VIEW_H
#define SONDE_TAP_VIEW_H

#include <sonde/plugin.h>
#include <json.h>

/* What was asked for. Texts are borrowed while something is made of it. */
struct tap_request {
	const char *name;    /* of a pipeline or an input */
	const char *after;   /* processor of the pipeline; NULL: behind its last */
	const char *where;   /* condition; NULL: every row */
	const char *columns; /* patterns with commas between; NULL: every column */
	uint64_t limit;      /* rows to show; 0: no limit */
	uint64_t rate;       /* rows to show a second at most */
	uint32_t width;      /* of lines in columns; tables only */
	bool json;           /* else tables */
	bool colour, rich, ascii;
};

/* Rows that a tap was given, by what became of them. */
struct tap_counts {
	uint64_t shown, unmatched;
	uint64_t left_out; /* there was no room for them within the rate or the limit */
};

struct tap_view;

/* -EINVAL: `error` says what is wrong with what was asked for; -ENOMEM: it says that. */
int tap_view_create(const struct tap_request *request, struct tap_view **ret_view, char *error,
		    size_t error_size);
void tap_view_release(struct tap_view *view); /* NULL is fine */

/* Appends at most `budget` rows of a finished batch to `out`, and counts all of its rows. -ENOMEM:
 * what could not be shown is left out. */
int tap_view_write(struct tap_view *view, struct sonde_batch *batch, uint64_t budget,
		   struct json *out, struct tap_counts *counts);

/* What the user should know of the condition and has not been told; "": nothing. Valid until the
 * next call. */
const char *tap_view_note(struct tap_view *view);

#endif
