// SPDX-License-Identifier: Apache-2.0
/* All that is to be seen at a time: as one screenful drawn in place, or as blocks one after
 * another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "screen.h"
#include "table.h"

enum { LEAST_LINES = 5, BLOCK_ROWS = 20, BLOCK_WIDTH = 120, LEAST_WIDTH = 40, MOST_WIDTH = 400 };

/* Each line is cleared before it is written: clearing behind a full one takes its last character.
 */
static const char frame_begin[] = "\033[?2026h\033[H\033[K";
static const char frame_line[] = "\n\033[K";
static const char frame_end[] = "\033[J\033[?2026l";

/* ---- the terminal ------------------------------------------------------------------------ */

static uint32_t number_of(const char *name)
{
	const char *text = getenv(name);
	unsigned long value = text ? strtoul(text, NULL, 10) : 0;

	return value < 10000 ? (uint32_t)value : 0;
}

void screen_measure(struct screen *screen, int fd, uint32_t width)
{
	struct winsize size = { 0 };
	bool terminal = isatty(fd) == 1;

	if (!terminal || ioctl(fd, TIOCGWINSZ, &size) < 0)
		memset(&size, 0, sizeof(size));
	screen->width = width ? width : size.ws_col ? size.ws_col : number_of("COLUMNS");
	screen->height = size.ws_row ? size.ws_row : number_of("LINES");
	if (!screen->width)
		screen->width = terminal ? 80 : BLOCK_WIDTH;
	if (!screen->height)
		screen->height = 24;
	screen->width = screen->width < LEAST_WIDTH ? LEAST_WIDTH : screen->width;
	screen->width = screen->width > MOST_WIDTH ? MOST_WIDTH : screen->width;
}

static bool is_dumb(void)
{
	const char *terminal = getenv("TERM");

	return !terminal || !terminal[0] || strcmp(terminal, "dumb") == 0;
}

bool screen_wants_colour(bool terminal)
{
	const char *refused = getenv("NO_COLOR");

	return terminal && !is_dumb() && !(refused && refused[0]);
}

bool screen_can_redraw(bool terminal)
{
	return terminal && !is_dumb();
}

bool screen_is_rich(void)
{
	const char *terminal = getenv("TERM"), *colours = getenv("COLORTERM");

	return (terminal && strstr(terminal, "256color")) || (colours && colours[0]);
}

bool screen_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (uint32_t index = 0; index < 3; index++) {
		const char *locale = getenv(names[index]);

		if (locale && locale[0])
			return strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
	}
	return false;
}

/* ---- the last lines ---------------------------------------------------------------------- */

void tail_add(struct tail *tail, const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));
		size_t line_length = (size_t)((line_end ? line_end : end) - text);
		char *line = malloc(line_length + 1);

		if (!line)
			return;
		memcpy(line, text, line_length); /* which no zero byte ends */
		line[line_length] = '\0';
		free(tail->lines[tail->next]);
		tail->lines[tail->next] = line;
		tail->next = (tail->next + 1) % SCREEN_TAIL;
		text += line_length + 1;
	}
}

void tail_release(struct tail *tail)
{
	for (uint32_t index = 0; index < SCREEN_TAIL; index++)
		free(tail->lines[index]);
	memset(tail, 0, sizeof(*tail));
}

static uint32_t tail_count(const struct tail *tail)
{
	uint32_t count = 0;

	for (uint32_t index = 0; index < SCREEN_TAIL; index++)
		count += tail->lines[index] != NULL;
	return count;
}

/* The last `count` lines, each after a line end. */
static void tail_draw(const struct tail *tail, uint32_t count, struct draw *draw)
{
	for (uint32_t back = count; back > 0; back--) {
		const char *line = tail->lines[(tail->next + SCREEN_TAIL - back) % SCREEN_TAIL];

		if (!line)
			continue;
		draw_text(draw, frame_line);
		draw_text(draw, line);
	}
	draw->style = STYLE_BOLD; /* whatever the lines left behind */
	draw_style(draw, STYLE_PLAIN);
}

/* ---- a screenful ------------------------------------------------------------------------- */

static uint64_t row_count(const struct table *table)
{
	uint64_t count = 0;

	for (uint32_t source = 0; source < table->source_count; source++)
		count += table->sources[source].now.row_count;
	return count;
}

static void draw_header(struct screen *screen, int64_t now_ns, struct phrase *phrase,
			struct draw *draw)
{
	struct figure_style style = draw_figures(draw, false);
	struct label clock = phrase_time(phrase, now_ns);
	char left[128], right[96] = "";
	struct label label;
	uint32_t used;

	(void)snprintf(left, sizeof(left), "  %.60s  %.8s", screen->host_name, clock.data);
	if (screen->event_rate > screen->row_rate) /* rows that stand for several */
		(void)snprintf(right, sizeof(right), "%s events/s  ",
			       figure_count(screen->event_rate, style).text);
	(void)snprintf(right + strlen(right), sizeof(right) - strlen(right), "%s rows/s",
		       figure_count(screen->row_rate, style).text);
	draw_style(draw, STYLE_BOLD);
	draw_text(draw, "sonde");
	draw_style(draw, STYLE_PLAIN);
	used = 5 + draw_cut(draw, label_of(left), screen->width - 5);
	label = label_of(right);
	draw_style(draw, STYLE_DIM);
	if (used + 2 + label.width <= screen->width)
		draw_cell(draw, label, screen->width - used, true, true);
	draw_style(draw, STYLE_PLAIN);
}

static void update_rates(struct screen *screen, int64_t now_ns)
{
	double seconds = (double)(now_ns - screen->drawn_ns) / 1e9;

	if (screen->drawn_ns && seconds < 0.5)
		return;
	if (screen->drawn_ns) {
		screen->row_rate = (double)screen->rows / seconds;
		screen->event_rate = (double)screen->events / seconds;
	}
	screen->rows = screen->events = 0;
	screen->drawn_ns = now_ns;
}

/* What a table asks of the screen. */
struct want {
	struct table *table;
	uint32_t lines;
	uint32_t weight; /* tables with a distribution are what one looks at */
	bool settled;
};

/* Shares the lines of the screen: who wants little gets it, the rest share by weight. */
static void share_lines(struct want *wants, uint32_t count, uint32_t lines)
{
	bool changed = true;

	while (changed) {
		uint32_t weights = 0;

		changed = false;
		for (uint32_t index = 0; index < count; index++)
			weights += wants[index].settled ? 0 : wants[index].weight;
		for (uint32_t index = 0; index < count && !changed; index++) {
			struct want *want = &wants[index];

			if (want->settled || want->lines > lines * want->weight / weights)
				continue;
			want->settled = changed = true;
			lines -= want->lines;
		}
	}
	for (uint32_t index = 0, weights; index < count; index++) {
		struct want *want = &wants[index];

		if (want->settled)
			continue;
		weights = 0;
		for (uint32_t later = index; later < count; later++)
			weights += wants[later].settled ? 0 : wants[later].weight;
		want->lines = lines * want->weight / weights;
		lines -= want->lines;
	}
}

static uint32_t weight_of(const struct table *table)
{
	for (uint32_t view = 0; view < table->view_count; view++)
		if (table->views[view].kind == VIEW_HISTOGRAM)
			return 2;
	return 1;
}

static int draw_tables(struct screen *screen, struct picture *picture, uint32_t lines,
		       struct draw *draw)
{
	struct table_bounds bounds = { .width = screen->width,
				       .sort = screen->sort,
				       .line_end = frame_line };
	struct want wants[PICTURE_TABLES];
	uint32_t count = 0;
	int result = 0;

	for (uint32_t index = 0; index < picture->table_count; index++) {
		struct table *table = &picture->tables[index];

		if (row_count(table))
			wants[count++] =
				(struct want){ .table = table, .weight = weight_of(table) };
	}
	while (count * LEAST_LINES > lines && count > 1)
		count--; /* what does not fit at all is left out */
	for (uint32_t index = 0; index < count; index++) {
		struct want *want = &wants[index];

		want->lines = table_lines(want->table, &bounds) + 1;
		if (screen->row_limit && want->lines > screen->row_limit + TABLE_FRAME_LINES + 1)
			want->lines = screen->row_limit + TABLE_FRAME_LINES + 1;
	}
	share_lines(wants, count, lines);
	for (uint32_t index = 0; index < count && result >= 0; index++) {
		/* a blank line, title, headings and total are no rows */
		bounds.rows = wants[index].lines > 4 ? wants[index].lines - 4 : 0;
		draw_text(draw, frame_line);
		result = table_draw(wants[index].table, &bounds, draw);
		wants[index].table->fresh = false;
	}
	return result < 0 ? result : 0;
}

int screen_draw(struct screen *screen, struct picture *picture, int64_t now_ns,
		struct phrase *phrase, struct draw *draw)
{
	uint32_t lines = screen->height > 2 ? screen->height - 2 : 0,
		 below = tail_count(&screen->tail);
	int result;

	if (below > lines / 3)
		below = lines / 3;
	picture_expire(picture, now_ns);
	update_rates(screen, now_ns);
	if (!screen->cleared)
		draw_text(draw, "\033[2J");
	screen->cleared = true;
	draw_text(draw, frame_begin);
	draw_header(screen, now_ns, phrase, draw);
	draw_text(draw, frame_line);
	result = draw_tables(screen, picture, lines - below, draw);
	tail_draw(&screen->tail, below, draw);
	draw_text(draw, frame_end);
	return result;
}

/* ---- blocks ------------------------------------------------------------------------------ */

static int64_t newest_time(const struct table *table)
{
	int64_t time_ns = 0;

	for (uint32_t source = 0; source < table->source_count; source++)
		if (table->sources[source].now.time_ns > time_ns)
			time_ns = table->sources[source].now.time_ns;
	return time_ns;
}

int screen_draw_blocks(struct screen *screen, struct picture *picture, struct phrase *phrase,
		       struct draw *draw)
{
	struct table_bounds bounds = {
		.width = screen->width,
		.rows = (screen->row_limit ? screen->row_limit : BLOCK_ROWS) + 1,
		.sort = screen->sort,
		.line_end = "\n",
	};
	int result = 0;

	for (uint32_t index = 0; index < picture->table_count && result >= 0; index++) {
		struct table *table = &picture->tables[index];
		struct label clock;

		if (!table->fresh || !row_count(table))
			continue;
		table->fresh = false;
		clock = phrase_time(phrase, newest_time(table));
		draw_bytes(draw, clock.data, 8);
		draw_text(draw, "  ");
		result = table_draw(table, &bounds, draw);
		draw_text(draw, "\n");
	}
	return result < 0 ? result : 0;
}
