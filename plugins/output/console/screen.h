/* SPDX-License-Identifier: Apache-2.0 */
/* All that is to be seen at a time: as one screenful drawn in place, or as blocks one after
 * another. */
#ifndef SONDE_CONSOLE_SCREEN_H
#define SONDE_CONSOLE_SCREEN_H

#include "phrase.h"
#include "picture.h"

enum { SCREEN_TAIL = 64 };

/* The last lines of events and logs, which stand below the tables. */
struct tail {
	char *lines[SCREEN_TAIL]; /* a ring; NULL: none */
	uint32_t next;
};

struct screen {
	uint32_t width, height;
	uint32_t row_limit; /* of a table; 0: as many as fit */
	const char *sort;
	bool cleared; /* the first frame was drawn */
	char host_name[64];
	/* for rates in the header */
	int64_t drawn_ns;
	uint64_t rows, events; /* since the last frame */
	double row_rate, event_rate;
	struct tail tail;
};

/* What the terminal is like: its size, unless it is given, and whether the environment asks for
 * colour and has UTF-8. */
void screen_measure(struct screen *screen, int fd, uint32_t width);
bool screen_wants_colour(bool terminal);
bool screen_is_rich(void);
bool screen_is_utf8(void);
bool screen_can_redraw(bool terminal);

/* Keeps the lines of a text for the tail. */
void tail_add(struct tail *tail, const char *text, size_t length);
void tail_release(struct tail *tail);

/* Draws the picture in place of the one before. -ENOMEM. */
int screen_draw(struct screen *screen, struct picture *picture, int64_t now_ns,
		struct phrase *phrase, struct draw *draw);

/* Draws the tables that rows have come for since. -ENOMEM. */
int screen_draw_blocks(struct screen *screen, struct picture *picture, struct phrase *phrase,
		       struct draw *draw);

#endif
