/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal: what is drawn where, with ncurses. */
#ifndef SONDE_TOP_SCREEN_H
#define SONDE_TOP_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "page.h"

/* All that is to be seen. */
struct screen {
	enum page page;
	const struct sheet *sheet;
	const struct sheet_view *view;
	uint32_t first; /* row at the top; set to what fits */
	const struct snapshot *before, *now;
	const char *message; /* in the place of the keys; "": none */
	const char *remark;  /* above an empty table; "": none */
	bool paused, filtering, help;
};

/* Takes the terminal over. -ENOTTY: there is none, or one of a type that is not known. */
int screen_open(bool colour);
void screen_close(void);

void screen_draw(struct screen *screen);

/* Rows of a page that fit. */
uint32_t screen_rows(void);

/* A key of those that curses.h names, or a character; -1: none was pressed. Does not wait. */
int screen_key(void);

enum {
	SCREEN_KEY_UP = 0x10000,
	SCREEN_KEY_DOWN,
	SCREEN_KEY_LEFT,
	SCREEN_KEY_RIGHT,
	SCREEN_KEY_PAGE_UP,
	SCREEN_KEY_PAGE_DOWN,
	SCREEN_KEY_HOME,
	SCREEN_KEY_END,
	SCREEN_KEY_BACK,
	SCREEN_KEY_RESIZE,
};

#endif
