// SPDX-License-Identifier: Apache-2.0
/* Draws the live view with ncurses. */
#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "figure.h"
#include "screen.h"

enum { COLOUR_ALARM = 1, COLOUR_GOOD, COLOUR_TITLE };
enum { LINE_BYTES = 4096, HEAD_LINES = 3, FOOT_LINES = 1, ESCAPE_MS = 25 };

static bool coloured, ascii;
static struct draw cells; /* in which texts are cut and padded */

int screen_open(bool colour)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !newterm(NULL, stdout, stdin))
		return -ENOTTY;
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	cells = (struct draw){ .ascii = ascii };
	coloured = colour && has_colors() && start_color() == OK;
	if (coloured) {
		use_default_colors();
		init_pair(COLOUR_ALARM, COLOR_RED, -1);
		init_pair(COLOUR_GOOD, COLOR_GREEN, -1);
		init_pair(COLOUR_TITLE, COLOR_CYAN, -1);
	}
	return 0;
}

void screen_close(void)
{
	endwin();
	json_release(&cells.out);
}

static void style(int attribute, int colour)
{
	attrset(attribute);
	if (coloured && colour)
		attron(COLOR_PAIR(colour));
}

/* ---- texts ------------------------------------------------------------------------------- */

/* Printable, cut or padded to so many columns. */
static void put_cell(const char *text, uint32_t width, bool right)
{
	size_t length = strlen(text);
	char clean[LINE_BYTES];

	if (length > sizeof(clean))
		length = sizeof(clean);
	length = text_clean(clean, text, length);
	json_clear(&cells.out);
	draw_cell(&cells, (struct label){ clean, (uint32_t)length, text_width(clean, length) },
		  width, right, false);
	if (!cells.out.failed)
		addnstr(cells.out.data, (int)cells.out.length);
}

__attribute__((format(printf, 3, 4))) static void put_line(int line, int width, const char *format,
							   ...)
{
	char text[LINE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	move(line, 0);
	put_cell(text, (uint32_t)width, false);
}

static struct figure bytes_text(uint64_t bytes)
{
	return figure_bytes((double)bytes, (struct figure_style){ .ascii = ascii });
}

/* ---- head -------------------------------------------------------------------------------- */

static void uptime_text(double seconds, char *text, size_t size)
{
	uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;

	if (s < 120)
		snprintf(text, size, "%us", (unsigned int)s);
	else if (s < 7200)
		snprintf(text, size, "%um", (unsigned int)(s / 60));
	else if (s < 172800)
		snprintf(text, size, "%uh", (unsigned int)(s / 3600));
	else
		snprintf(text, size, "%ud", (unsigned int)(s / 86400));
}

static void draw_daemon(const struct screen *screen, int width)
{
	const struct snapshot *now = screen->now, *before = screen->before;
	double seconds = before ? (double)(now->taken_ns - before->taken_ns) / 1e9 : 0;
	char uptime[32], cpu[32] = "";

	uptime_text(now->uptime_s, uptime, sizeof(uptime));
	if (seconds > 0)
		snprintf(cpu, sizeof(cpu), "   CPU %.1f %%",
			 100 * (now->cpu_s - before->cpu_s) / seconds);
	style(A_BOLD, 0);
	put_line(0, width, "sonde %s   %s   pid %llu   up %s%s   memory %s of %s%s%s", now->version,
		 now->config, (unsigned long long)now->pid, uptime, cpu,
		 bytes_text(now->memory_bytes).text, bytes_text(now->memory_limit_bytes).text,
		 now->closes ? "" : "   THE LEDGER DOES NOT CLOSE",
		 screen->paused ? "   PAUSED" : "");
}

static void draw_tabs(const struct screen *screen, int width)
{
	int used = 0;

	style(A_NORMAL, 0);
	put_line(1, width, "%s", "");
	for (int page = 0; page < PAGE_COUNT; page++) {
		style(page == (int)screen->page ? A_REVERSE : A_NORMAL, 0);
		mvprintw(1, used, " %d %s ", page + 1, page_title((enum page)page));
		used = getcurx(stdscr) + 1;
	}
	style(A_NORMAL, 0);
	if (*screen->view->filter && used + 12 < width)
		mvprintw(1, used + 1, "only \"%s\": %u of %u", screen->view->filter,
			 screen->sheet->shown_count, screen->sheet->row_count);
}

/* ---- table ------------------------------------------------------------------------------- */

static void draw_titles(const struct screen *screen, const uint32_t *widths, int width)
{
	const char *mark = ascii ? (screen->view->descending ? "v" : "^")
				 : (screen->view->descending ? "▾" : "▴");
	bool first = true;
	char title[64];

	style(A_NORMAL, 0);
	put_line(2, width, "%s", "");
	move(2, 0);
	for (uint32_t i = 0; i < screen->sheet->column_count; i++) {
		const struct sheet_column *column = &screen->sheet->columns[i];

		if (!widths[i])
			continue;
		style(A_NORMAL, 0);
		if (!first)
			addstr("  ");
		first = false;
		snprintf(title, sizeof(title), "%s%s", column->title,
			 i == screen->view->sort ? mark : "");
		style(i == screen->view->sort ? A_BOLD : A_NORMAL, COLOUR_TITLE);
		put_cell(title, widths[i], sheet_is_right(column));
	}
}

/* States are words that say by themselves whether all is well. */
static int colour_of(const struct sheet_column *column, const struct sheet_cell *cell)
{
	if (column->alarm && cell->known && cell->number > 0)
		return COLOUR_ALARM;
	if (strcmp(column->title, "STATE") || !cell->text)
		return 0;
	return !strcmp(cell->text, "running") ? COLOUR_GOOD : COLOUR_ALARM;
}

static void draw_row(const struct screen *screen, uint32_t place, int line, const uint32_t *widths)
{
	char buffer[SHEET_TEXT];
	bool first = true;

	move(line, 0);
	for (uint32_t i = 0; i < screen->sheet->column_count; i++) {
		const struct sheet_column *column = &screen->sheet->columns[i];
		const struct sheet_cell *cell = sheet_at(screen->sheet, place, i);

		if (!widths[i])
			continue;
		style(A_NORMAL, 0);
		if (!first)
			addstr("  ");
		first = false;
		style(A_NORMAL, colour_of(column, cell));
		put_cell(sheet_text(column, cell, ascii, buffer), widths[i],
			 sheet_is_right(column));
	}
	style(A_NORMAL, 0);
	clrtoeol();
}

static void draw_table(struct screen *screen, int height, int width)
{
	uint32_t rows = screen_rows(), shown = screen->sheet->shown_count;
	uint32_t widths[SHEET_COLUMNS] = { 0 };

	if (screen->first + rows > shown)
		screen->first = shown > rows ? shown - rows : 0;
	sheet_layout(screen->sheet, screen->view, (uint32_t)width, ascii, widths);
	draw_titles(screen, widths, width);
	for (int line = HEAD_LINES; line < height - FOOT_LINES; line++) {
		uint32_t place = screen->first + (uint32_t)(line - HEAD_LINES);

		style(A_NORMAL, 0);
		if (place < shown) {
			draw_row(screen, place, line, widths);
		} else {
			move(line, 0);
			clrtoeol();
		}
	}
	if (!shown && *screen->remark && height > HEAD_LINES + FOOT_LINES)
		put_line(HEAD_LINES, width, "%s", screen->remark);
}

/* ---- help and foot ----------------------------------------------------------------------- */

static void draw_help(int height, int width)
{
	static const char *const lines[] = {
		"1 2 3 4, Tab    pipelines, instances, losses, BPF programs",
		"< >, s          sort by another column",
		"r               the other way round",
		"/               show only rows with a text: type it, Enter; Esc ends it",
		"p, Space        stay as it is; go on",
		"arrows, PgUp, PgDn, Home, End   move",
		"h, ?            this",
		"q, Ctrl-C       quit",
		"",
		"A second is the time between two looks. WAITING is rows in queues and in",
		"hands, LAG how long they take at the speed at which they go. What a program",
		"costs is of the kernel's own statistics, which are on while page 4 is shown.",
	};
	int count = sizeof(lines) / sizeof(*lines);

	for (int line = 2; line < height - FOOT_LINES; line++) {
		move(line, 0);
		clrtoeol();
		if (line - HEAD_LINES >= 0 && line - HEAD_LINES < count)
			put_line(line, width, "%s", lines[line - HEAD_LINES]);
	}
}

static void draw_foot(const struct screen *screen, int height, int width)
{
	style(A_REVERSE, 0);
	if (screen->filtering)
		put_line(height - 1, width, "only rows with: %s_", screen->view->filter);
	else if (*screen->message)
		put_line(height - 1, width, "%s", screen->message);
	else
		put_line(height - 1, width, "%s",
			 "h help  1-4 page  < > sort  r reverse  / filter  p pause  q quit");
	style(A_NORMAL, 0);
}

void screen_draw(struct screen *screen)
{
	int height, width;

	getmaxyx(stdscr, height, width);
	if (height < HEAD_LINES + FOOT_LINES || width < 2)
		return;
	draw_daemon(screen, width);
	draw_tabs(screen, width);
	if (screen->help)
		draw_help(height, width);
	else
		draw_table(screen, height, width);
	draw_foot(screen, height, width);
	refresh();
}

uint32_t screen_rows(void)
{
	int height = getmaxy(stdscr);

	return height > HEAD_LINES + FOOT_LINES ? (uint32_t)(height - HEAD_LINES - FOOT_LINES) : 1;
}

int screen_key(void)
{
	static const struct {
		int curses, key;
	} keys[] = {
		{ ERR, -1 },
		{ KEY_UP, SCREEN_KEY_UP },
		{ KEY_DOWN, SCREEN_KEY_DOWN },
		{ KEY_LEFT, SCREEN_KEY_LEFT },
		{ KEY_RIGHT, SCREEN_KEY_RIGHT },
		{ KEY_PPAGE, SCREEN_KEY_PAGE_UP },
		{ KEY_NPAGE, SCREEN_KEY_PAGE_DOWN },
		{ KEY_HOME, SCREEN_KEY_HOME },
		{ KEY_END, SCREEN_KEY_END },
		{ KEY_BACKSPACE, SCREEN_KEY_BACK },
		{ 127, SCREEN_KEY_BACK },
		{ 8, SCREEN_KEY_BACK },
		{ KEY_ENTER, '\n' },
		{ '\r', '\n' },
		{ KEY_RESIZE, SCREEN_KEY_RESIZE },
	};
	int key = getch();

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].curses == key)
			return keys[i].key;
	return key;
}
