// SPDX-License-Identifier: Apache-2.0
/* Text for a terminal or a file: cells of a width, colours where they are wanted. */
#include <string.h>
#include "draw.h"

/* ---- characters -------------------------------------------------------------------------- */

/* Decodes the character at `text`: its bytes, or 0 if there is none. */
static uint32_t decode(const char *text, size_t length, uint32_t *ret_character)
{
	const unsigned char *at = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t count = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	uint32_t character;

	if (count == 1) {
		*ret_character = at[0];
		return 1;
	}
	if (at[0] < 0xc2 || at[0] > 0xf4 || count > length)
		return 0;
	character = at[0] & (0x7fu >> count);
	for (uint32_t place = 1; place < count; place++) {
		if ((at[place] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (at[place] & 0x3f);
	}
	if (character < least[count] || character > 0x10ffff ||
	    (character >= 0xd800 && character < 0xe000))
		return 0;
	*ret_character = character;
	return count;
}

static bool is_between(uint32_t character, const uint32_t (*ranges)[2], uint32_t count)
{
	for (uint32_t index = 0; index < count; index++)
		if (character >= ranges[index][0] && character <= ranges[index][1])
			return true;
	return false;
}

static uint32_t character_width(uint32_t character)
{
	static const uint32_t marks[][2] = { { 0x300, 0x36f },
					     { 0x1ab0, 0x1aff },
					     { 0x200b, 0x200f },
					     { 0x20d0, 0x20ff },
					     { 0xfe00, 0xfe0f } };
	static const uint32_t wide[][2] = { { 0x1100, 0x115f },   { 0x2e80, 0xa4cf },
					    { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
					    { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },
					    { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f },
					    { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
					    { 0x20000, 0x3fffd } };

	if (character < 0x300)
		return 1;
	if (is_between(character, marks, sizeof(marks) / sizeof(*marks)))
		return 0;
	return is_between(character, wide, sizeof(wide) / sizeof(*wide)) ? 2 : 1;
}

/* Control characters, and those that turn the direction of writing. */
static bool is_printable(uint32_t character)
{
	return character >= 0x20 && (character < 0x7f || character >= 0xa0) &&
	       !(character >= 0x2028 && character <= 0x202e) &&
	       !(character >= 0x2066 && character <= 0x2069) && character != 0x200e &&
	       character != 0x200f;
}

size_t text_clean(char *to, const char *text, size_t length)
{
	char *start = to;

	for (size_t place = 0; place < length;) {
		uint32_t character = 0;
		uint32_t count = decode(text + place, length - place, &character);

		if (count && is_printable(character)) {
			memcpy(to, text + place, count);
			to += count;
			place += count;
		} else {
			*to++ = character == '\n' || character == '\t' ? ' ' : '?';
			place += count ? count : 1;
		}
	}
	return (size_t)(to - start);
}

uint32_t text_width(const char *text, size_t length)
{
	uint32_t width = 0, character;

	for (size_t place = 0; place < length;) {
		uint32_t count = decode(text + place, length - place, &character);

		width += count ? character_width(character) : 1;
		place += count ? count : 1;
	}
	return width;
}

struct label label_of(const char *text)
{
	size_t length = strlen(text);

	return (struct label){ text, (uint32_t)length, text_width(text, length) };
}

/* Bytes of the longest begin that takes at most `width` columns. */
static uint32_t begin_of(struct label label, uint32_t width, uint32_t *ret_width)
{
	uint32_t place = 0, used = 0, character;

	while (place < label.length) {
		uint32_t count = decode(label.data + place, label.length - place, &character);
		uint32_t columns = count ? character_width(character) : 1;

		if (used + columns > width)
			break;
		used += columns;
		place += count ? count : 1;
	}
	*ret_width = used;
	return place;
}

/* ---- drawing ----------------------------------------------------------------------------- */

void draw_bytes(struct draw *draw, const char *text, size_t length)
{
	char *at = json_room(&draw->out, length);

	if (at && length) {
		memcpy(at, text, length);
		draw->out.length += length;
	}
}

void draw_text(struct draw *draw, const char *text)
{
	draw_bytes(draw, text, strlen(text));
}

void draw_spaces(struct draw *draw, uint32_t count)
{
	char *at = json_room(&draw->out, count);

	if (at) {
		memset(at, ' ', count);
		draw->out.length += count;
	}
}

void draw_line_end(struct draw *draw, const char *line_end)
{
	while (draw->out.length && draw->out.data[draw->out.length - 1] == ' ')
		draw->out.length--;
	draw_style(draw, STYLE_PLAIN);
	draw_text(draw, line_end);
}

void draw_style(struct draw *draw, enum style style)
{
	static const char *const plain[] = {
		"\033[0m",    "\033[0;2m",  "\033[0;1m",  "\033[0;31m", "\033[0;33m", "\033[0;36m",
		"\033[0;36m", "\033[0;32m", "\033[0;32m", "\033[0;33m", "\033[0;31m", "\033[0;31m",
	};
	static const char *const heat[] = {
		"\033[0;38;5;37m",  "\033[0;38;5;71m",  "\033[0;38;5;142m",
		"\033[0;38;5;178m", "\033[0;38;5;208m", "\033[0;38;5;196m",
	};

	if (!draw->colour || style == draw->style)
		return;
	draw->style = style;
	if (style >= STYLE_HEAT && draw->rich)
		draw_text(draw, heat[style - STYLE_HEAT]);
	else
		draw_text(draw, plain[style]);
}

static void draw_ellipsis(struct draw *draw)
{
	draw_text(draw, draw->ascii ? "~" : "…");
}

/* The last `width` columns of a label. */
static void draw_end(struct draw *draw, struct label label, uint32_t width)
{
	uint32_t used, skipped = begin_of(label, label.width - width, &used);
	uint32_t character, count;

	if (used < label.width - width && skipped < label.length) { /* half of a wide one */
		count = decode(label.data + skipped, label.length - skipped, &character);
		skipped += count ? count : 1;
		draw_spaces(draw, 1);
	}
	draw_bytes(draw, label.data + skipped, label.length - skipped);
}

static void draw_shortened(struct draw *draw, struct label label, uint32_t width)
{
	uint32_t head = label.data[0] == '/' ? 0 : width / 2, used, length;

	if (width < 4)
		head = 0;
	length = begin_of(label, head, &used);
	draw_bytes(draw, label.data, length);
	draw_spaces(draw, head - used);
	draw_ellipsis(draw);
	draw_end(draw, label, width - 1 - head);
}

void draw_cell(struct draw *draw, struct label label, uint32_t width, bool right, bool last)
{
	if (!width)
		return;
	if (label.width > width) {
		draw_shortened(draw, label, width);
		return;
	}
	if (right)
		draw_spaces(draw, width - label.width);
	draw_bytes(draw, label.data, label.length);
	if (!right && !last)
		draw_spaces(draw, width - label.width);
}

uint32_t draw_cut(struct draw *draw, struct label label, uint32_t width)
{
	uint32_t used, length;

	if (label.width <= width) {
		draw_bytes(draw, label.data, label.length);
		return label.width;
	}
	if (!width)
		return 0;
	length = begin_of(label, width - 1, &used);
	draw_bytes(draw, label.data, length);
	draw_ellipsis(draw);
	return used + 1;
}

void draw_bar(struct draw *draw, uint32_t level)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char letters[] = " .:-=+*#@";

	if (draw->ascii)
		draw_bytes(draw, &letters[level], 1);
	else
		draw_text(draw, blocks[level]);
}

struct figure_style draw_figures(const struct draw *draw, bool aligned)
{
	return (struct figure_style){ .aligned = aligned, .ascii = draw->ascii };
}
