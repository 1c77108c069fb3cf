/* SPDX-License-Identifier: Apache-2.0 */
/* Text for a terminal or a file: cells of a width, colours where they are wanted. */
#ifndef SONDE_DRAW_H
#define SONDE_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "figure.h"
#include "json.h"

enum style {
	STYLE_PLAIN,
	STYLE_DIM,
	STYLE_BOLD,
	STYLE_ERROR,
	STYLE_WARNING,
	STYLE_NOTE,
	STYLE_HEAT, /* STYLE_HEAT + 0 to HEAT_COUNT - 1: cool to hot */
};
enum { HEAT_COUNT = 6 };

/* Where to draw, and what may be used. */
struct draw {
	struct json out; /* the text so far */
	bool colour;
	bool rich; /* 256 colours */
	bool ascii;
	enum style style; /* in force */
};

/* A text whose characters are all printable UTF-8. */
struct label {
	const char *data;
	uint32_t length; /* bytes */
	uint32_t width;  /* columns on the screen */
};

struct label label_of(const char *text);

/* Columns that the text takes. */
uint32_t text_width(const char *text, size_t length);

/* Copies a text and puts '?' where a byte is no printable character: nothing from outside may steer
 * the terminal. `to` has room for `length` bytes; returns how many were written. */
size_t text_clean(char *to, const char *text, size_t length);

void draw_bytes(struct draw *draw, const char *text, size_t length);
void draw_text(struct draw *draw, const char *text);
void draw_style(struct draw *draw, enum style style);
void draw_spaces(struct draw *draw, uint32_t count);

/* The label in exactly `width` columns. What is too long loses its begin if it is a path, else its
 * middle, to an ellipsis. Nothing is padded behind when `last`. */
void draw_cell(struct draw *draw, struct label label, uint32_t width, bool right, bool last);

/* Ends a line: no blanks before `line_end`. */
void draw_line_end(struct draw *draw, const char *line_end);

/* As much of the label as fits into `width` columns, its end lost; returns the columns used. */
uint32_t draw_cut(struct draw *draw, struct label label, uint32_t width);

/* A bar of eight levels, 0 to 8; 0 is a blank. */
void draw_bar(struct draw *draw, uint32_t level);

struct figure_style draw_figures(const struct draw *draw, bool aligned);

#endif
