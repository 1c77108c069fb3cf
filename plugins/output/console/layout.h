/* SPDX-License-Identifier: Apache-2.0 */
/* Which columns of a table are shown at a width, and how wide each is. */
#ifndef SONDE_CONSOLE_LAYOUT_H
#define SONDE_CONSOLE_LAYOUT_H

#include "picture.h"

enum slot_kind {
	SLOT_TEXT,    /* an attribute */
	SLOT_INTEGER, /* an attribute */
	SLOT_FLAG,    /* an attribute: its name where it holds */
	SLOT_RATE,
	SLOT_ERRORS, /* a rate too */
	SLOT_SHARE,  /* of errors among what the first sum counts */
	SLOT_GAUGE,
	SLOT_FIGURE,
	SLOT_MEDIAN,
	SLOT_NINETY_NINTH,
	SLOT_MAXIMUM,
	SLOT_BARS,
};

enum { LAYOUT_SLOTS = 64, BARS_MINIMUM = 10, BARS_MAXIMUM = 60 };

/* A column on the screen. */
struct slot {
	enum slot_kind kind;
	uint32_t view; /* index into the table's views */
	char heading[32];
	uint32_t minimum; /* least width that makes sense */
	uint32_t natural; /* width that shows all */
	uint32_t width;
	uint32_t gap; /* blanks before it */
	int keep;     /* the lowest go first where there is no room */
	bool right;
};

struct layout {
	struct slot slots[LAYOUT_SLOTS];
	uint32_t count;
	uint32_t attributes; /* the first slots, which say what a row is about */
	uint32_t lead;       /* view of the sum that errors are a share of; PICTURE_VIEWS: none */
};

/* What is left at `width`. Not shown: constants, ids, times, and integers of 64 bits beside texts.
 * Where room is short these go first, in this order: bars and quantiles of a second histogram,
 * further sums and gauges from the right, flags, integers, maxima, medians, shares of errors,
 * texts after the second. */
void layout_choose(struct layout *layout, const struct table *table, uint32_t width);

/* Gives the widths, once it is known how wide the texts of the rows to be shown are. */
void layout_size(struct layout *layout, uint32_t width);

bool slot_is_attribute(const struct slot *slot);

#endif
