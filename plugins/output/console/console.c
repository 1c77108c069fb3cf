// SPDX-License-Identifier: Apache-2.0
/* Output `console`: what comes, for a person to read: tables, lines, or lines of JSON. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sonde/plugin.h>
#include "../../../lib/stream/stream.h"
#include "screen.h"
#include "scroll.h"

enum { FORMAT_AUTO, FORMAT_TABLE, FORMAT_LINES, FORMAT_JSON };
enum { SWITCH_AUTO, SWITCH_ALWAYS, SWITCH_NEVER };
enum { CHARACTERS_AUTO, CHARACTERS_UNICODE, CHARACTERS_ASCII };
enum { TIMER_DRAW, TIMER_MORE };
enum { TERMINAL_RATE = 100, PENDING_LIMIT = 1 << 18, FAILED_LIMIT = 16 << 20 };
static const int64_t gather_ns = 100000000; /* batches of one interval come close together */

struct console {
	uint32_t format, redraw, color, characters; /* options */
	uint32_t width, rows, rate;
	const char *sort;

	uint64_t hidden_rows; /* counter */

	struct stream stream;
	bool draws_screens;
	bool drawing;     /* a draw is due at the timer */
	bool broken;      /* nobody reads any more */
	bool draining;    /* tables no longer wait for the timer */
	bool drain_waits; /* drained() is due when all is out */
	struct draw draw; /* what is to be written, of which `written` bytes are out */
	size_t written;
	bool watching;
	struct sonde_delivery *kept; /* waits until all is out */
	uint64_t sequence;           /* of the delivery that was added last */
	struct picture picture;
	struct scroll scroll;
	struct screen screen;
	struct phrase phrase;
	int64_t second; /* in which `second_rows` lines were drawn */
	uint64_t second_rows;
	uint64_t more_rows; /* not drawn and not said yet */
};

static const char *const format_choices[] = { "auto", "table", "lines", "json", NULL };
static const char *const switch_choices[] = { "auto", "always", "never", NULL };
static const char *const character_choices[] = { "auto", "unicode", "ascii", NULL };

static const struct sonde_option console_options[] = {
	{ .name = "format",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct console, format),
	  .value = "auto",
	  .choices = format_choices,
	  .help = "auto: metrics as tables, other rows as lines; table: only tables; lines: a line "
		  "a "
		  "row; json: a JSON object a row" },
	{ .name = "redraw",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct console, redraw),
	  .value = "auto",
	  .choices = switch_choices,
	  .help = "draw tables in place, one screenful; auto: on a terminal" },
	{ .name = "color",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct console, color),
	  .value = "auto",
	  .choices = switch_choices,
	  .help = "auto: on a terminal, unless NO_COLOR is set" },
	{ .name = "characters",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct console, characters),
	  .value = "auto",
	  .choices = character_choices,
	  .help = "auto: as LC_ALL, LC_CTYPE or LANG say" },
	{ .name = "width",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct console, width),
	  .value = "0",
	  .maximum = "400",
	  .unit = "columns",
	  .knob = true,
	  .help = "0: the terminal's, else COLUMNS, else 120" },
	{ .name = "rows",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct console, rows),
	  .value = "0",
	  .knob = true,
	  .help = "rows of a table at most; 0: as many as fit, or 20 without a terminal" },
	{ .name = "sort",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct console, sort),
	  .value = "",
	  .knob = true,
	  .help = "column or heading to sort tables by, such as \"p99\"; else the first sum" },
	{ .name = "rate",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct console, rate),
	  .value = "0",
	  .knob = true,
	  .help = "lines a second at most; 0: 100 on a terminal, all without" },
	{ 0 }
};

static const struct sonde_counter console_counters[] = {
	{ .name = "hidden",
	  SONDE_MEMBER(struct console, hidden_rows),
	  .unit = "{row}",
	  .help = "rows that were not shown, because there were too many or the format has no "
		  "place "
		  "for them" },
	{ 0 }
};

/* ---- writing ----------------------------------------------------------------------------- */

static size_t pending(const struct console *console)
{
	return console->draw.out.length - console->written;
}

static int watch_output(struct sonde_instance *instance, bool watch)
{
	struct console *console = instance->self;
	int result = 0;

	if (watch == console->watching)
		return 0;
	if (watch)
		result = sonde_watch(instance, console->stream.fd, SONDE_WRITABLE);
	else
		(void)sonde_unwatch(instance, console->stream.fd);
	if (result == 0)
		console->watching = watch;
	return result;
}

static int write_out(struct sonde_instance *instance)
{
	struct console *console = instance->self;
	size_t count = 0;
	int result;

	if (console->draw.out.failed) {
		json_clear(&console->draw.out);
		console->written = 0;
		return sonde_fail(instance, ENOMEM, "cannot draw");
	}
	result = stream_write(&console->stream, console->draw.out.data + console->written,
			      pending(console), &count);
	console->written += count;
	if (result == -EAGAIN) {
		result = watch_output(instance, true);
		return result < 0 ? result : -EAGAIN;
	}
	(void)watch_output(instance, false);
	console->broken = result == -EPIPE || (result == -EIO && console->stream.terminal);
	if (result < 0 && !console->broken && pending(console) < FAILED_LIMIT)
		return sonde_fail(instance, -result, "cannot write to standard output");
	json_clear(&console->draw.out);
	console->written = 0;
	return result < 0 ? sonde_fail(instance, -result, "nobody reads standard output any more")
			  : 0;
}

/* All is out, or cannot go out: whatever waited for that is answered. */
static void answer(struct sonde_instance *instance, int result)
{
	struct console *console = instance->self;
	struct sonde_delivery *delivery = console->kept;
	struct sonde_outcome outcome = { .size = sizeof(outcome) };

	if (result < 0) {
		outcome.verdict = SONDE_RETRY;
		outcome.reason = "nobody reads";
	}
	console->kept = NULL;
	if (delivery)
		sonde_settle(instance, delivery, &outcome);
	if (console->drain_waits)
		sonde_drained(instance);
	console->drain_waits = false;
}

/* Writes what can be written. -EAGAIN: the rest follows when there is room. After another failure
 * the rest is tried with the next. Tables that are drawn meanwhile take along what a delivery left,
 * so every writer may be the one that ends it. */
static int flush(struct sonde_instance *instance)
{
	int result = write_out(instance);

	if (result != -EAGAIN)
		answer(instance, result);
	return result;
}

/* ---- what comes -------------------------------------------------------------------------- */

static bool is_screen(const struct console *console)
{
	return console->draws_screens && console->picture.table_count > 0;
}

static void hide(struct sonde_instance *instance, uint64_t rows)
{
	struct console *console = instance->self;

	if (!rows)
		return;
	sonde_count(&console->hidden_rows, rows);
	if (!console->more_rows)
		(void)sonde_after(instance, TIMER_MORE, 1000000000);
	console->more_rows += rows;
}

/* Says how many rows were left out since this was said last. */
static void draw_more(struct console *console)
{
	struct draw *draw = &console->draw;
	size_t start = draw->out.length;

	if (!console->more_rows)
		return;
	draw_style(draw, STYLE_DIM);
	draw_text(draw, draw->ascii ? "... " : "… ");
	draw_text(draw, figure_grouped(console->more_rows).text);
	draw_text(draw, console->more_rows == 1 ? " more row" : " more rows");
	draw_style(draw, STYLE_PLAIN);
	draw_text(draw, "\n");
	console->more_rows = 0;
	if (!is_screen(console) || draw->out.failed)
		return;
	tail_add(&console->screen.tail, draw->out.data + start, draw->out.length - start);
	draw->out.length = start;
}

/* How many more lines may be drawn in this second. */
static uint32_t line_budget(struct console *console, int64_t now_ns)
{
	uint64_t rate = console->rate              ? console->rate
			: console->stream.terminal ? TERMINAL_RATE
						   : UINT32_MAX;
	int64_t second = now_ns / 1000000000;

	if (second != console->second) {
		console->second = second;
		console->second_rows = 0;
	}
	if (console->stream.terminal && pending(console) > PENDING_LIMIT)
		return 0;
	return console->second_rows < rate ? (uint32_t)(rate - console->second_rows) : 0;
}

static int add_lines(struct sonde_instance *instance, const struct sonde_batch *batch)
{
	struct console *console = instance->self;
	uint32_t height = console->screen.height / (is_screen(console) ? 3 : 1);
	size_t start = console->draw.out.length;
	struct scroll_bounds bounds = {
		.width = console->stream.terminal || console->width ? console->screen.width : 0,
		.heading_every = console->stream.terminal && height > 2 ? height - 2 : 0,
		.row_limit = line_budget(console, sonde_now_ns(instance)),
		.line_end = "\n",
	};
	int64_t drawn;

	drawn = scroll_draw(&console->scroll, batch, &bounds, &console->phrase, &console->draw);
	if (drawn < 0)
		return (int)drawn;
	console->second_rows += (uint64_t)drawn;
	if (is_screen(console) && !console->draw.out.failed) {
		tail_add(&console->screen.tail, console->draw.out.data + start,
			 console->draw.out.length - start);
		console->draw.out.length = start;
	}
	hide(instance, batch->selected_count - (uint64_t)drawn);
	return 0;
}

static int add_batch(struct sonde_instance *instance, const struct sonde_batch *batch)
{
	struct console *console = instance->self;
	int result;

	if (console->format == FORMAT_JSON)
		return lines_write(console->phrase.lines, batch, &console->draw.out);
	console->screen.rows += batch->selected_count;
	console->screen.events += batch->event_count;
	if (console->format == FORMAT_LINES || !scroll_is_measured(batch)) {
		if (console->format != FORMAT_TABLE)
			result = add_lines(instance, batch);
		else
			result = 0, sonde_count(&console->hidden_rows, batch->selected_count);
		if (!is_screen(console))
			return result;
	} else {
		result = picture_add(&console->picture, instance, batch, &console->phrase,
				     sonde_now_ns(instance));
	}
	if (result == 0 && !console->drawing) {
		result = sonde_after(instance, TIMER_DRAW, gather_ns);
		console->drawing = result == 0;
	}
	return result;
}

/* ---- drawing ----------------------------------------------------------------------------- */

static int draw_tables(struct sonde_instance *instance)
{
	struct console *console = instance->self;
	size_t start = console->draw.out.length;
	int result;

	console->screen.row_limit = console->rows;
	console->screen.sort = console->sort;
	screen_measure(&console->screen, console->stream.fd, console->width);
	if (console->draws_screens && pending(console))
		return sonde_after(instance, TIMER_DRAW,
				   gather_ns); /* the one before is not out yet */
	console->drawing = false;
	if (console->draws_screens)
		result = screen_draw(&console->screen, &console->picture, sonde_now_ns(instance),
				     &console->phrase, &console->draw);
	else
		result = screen_draw_blocks(&console->screen, &console->picture, &console->phrase,
					    &console->draw);
	if (result < 0) {
		console->draw.out.length = start;
		return sonde_fail(instance, -result, "cannot draw");
	}
	return 0;
}

/* ---- deliveries, timers, knobs ----------------------------------------------------------- */

static int console_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct console *console = instance->self;
	size_t start = console->draw.out.length;
	int result = 0;

	if (console->broken)
		return sonde_fail(instance, EPIPE, "nobody reads standard output any more");
	screen_measure(&console->screen, console->stream.fd, console->width);
	if (delivery->sequence != console->sequence || delivery->attempt <= 1)
		for (uint32_t index = 0; index < delivery->batch_count && result == 0; index++)
			result = add_batch(instance, delivery->batches[index]);
	if (result == 0 && console->draining && console->drawing)
		result = draw_tables(instance);
	if (result < 0) {
		console->draw.out.length = start;
		return sonde_fail(instance, -result, "cannot draw");
	}
	console->sequence = delivery->sequence;
	result = flush(instance);
	if (result != -EAGAIN)
		return result;
	if (console->stream.terminal)
		return SONDE_OK; /* what a person cannot follow is not waited for */
	console->kept = delivery;
	return SONDE_LATER;
}

static int console_ready(struct sonde_instance *instance, int fd, uint32_t events)
{
	int result = flush(instance);

	(void)fd;
	(void)events;
	return result == -EAGAIN ? 0 : result;
}

static int console_timer(struct sonde_instance *instance, int timer)
{
	struct console *console = instance->self;
	int result = 0;

	if (console->broken)
		return 0;
	if (timer == TIMER_MORE)
		draw_more(console);
	else
		result = draw_tables(instance);
	if (result == 0)
		result = flush(instance);
	return result == -EAGAIN ? 0 : result;
}

/* A knob has changed: what is there is drawn anew. */
static int console_set(struct sonde_instance *instance)
{
	struct console *console = instance->self;

	if (!is_screen(console) || console->drawing)
		return 0;
	console->drawing = true;
	return sonde_after(instance, TIMER_DRAW, 0);
}

static int console_drain(struct sonde_instance *instance)
{
	struct console *console = instance->self;
	int result = 0;

	if (console->broken)
		return 0;
	console->draining = true;
	draw_more(console);
	if (console->drawing)
		result = draw_tables(instance);
	if (result == 0)
		result = flush(instance);
	if (result != -EAGAIN)
		return result;
	console->drain_waits = !console->stream.terminal;
	return console->drain_waits ? SONDE_LATER : SONDE_OK;
}

/* ---- start and stop ---------------------------------------------------------------------- */

static bool is_on(uint32_t choice, bool automatic)
{
	return choice == SWITCH_AUTO ? automatic : choice == SWITCH_ALWAYS;
}

static int console_start(struct sonde_instance *instance)
{
	struct console *console = instance->self;
	int result = stream_open_output(&console->stream);
	bool terminal;

	if (result < 0)
		return sonde_fail(instance, -result, "there is no standard output");
	terminal = console->stream.terminal;
	console->draws_screens = is_on(console->redraw, screen_can_redraw(terminal)) &&
				 console->format <= FORMAT_TABLE;
	console->draw.colour = is_on(console->color, screen_wants_colour(terminal));
	console->draw.rich = screen_is_rich();
	console->draw.ascii = console->characters == CHARACTERS_AUTO
				      ? !screen_is_utf8()
				      : console->characters == CHARACTERS_ASCII;
	console->phrase.ascii = console->draw.ascii;
	console->phrase.instance = instance;
	console->phrase.lines = lines_create(instance, true);
	if (!console->phrase.lines)
		return sonde_fail(instance, ENOMEM, "cannot start");
	if (gethostname(console->screen.host_name, sizeof(console->screen.host_name) - 1) < 0)
		console->screen.host_name[0] = 0;
	screen_measure(&console->screen, console->stream.fd, console->width);
	return 0;
}

static void console_stop(struct sonde_instance *instance)
{
	struct console *console = instance->self;

	if (console->screen.cleared) /* the picture stays, what follows begins below it */
		draw_text(&console->draw, "\n");
	if (console->stream.open && !console->broken && pending(console))
		(void)flush(instance);
	picture_release(&console->picture);
	scroll_release(&console->scroll);
	tail_release(&console->screen.tail);
	phrase_release(&console->phrase);
	json_release(&console->draw.out);
	stream_close(&console->stream);
}

static const struct sonde_plugin console_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "console",
	.summary = "rows for a person to read",
	.manual =
		"Rows with measures become tables, one for each schema. Sums are shown as rates "
		"a second, "
		"errors as a rate and their share, histograms as median, 99th percentile, maximum "
		"and as "
		"bars over a logarithmic axis that all rows of the table share. On a terminal "
		"they are one "
		"screenful, drawn anew for each interval; elsewhere blocks of plain text.\n\n"
		"Columns that are the same in all rows are said once, in the title. Where a line "
		"is short "
		"of room, columns go in this order: a second histogram, further sums and gauges, "
		"flags, "
		"integers, maxima, medians, shares, texts after the second; rows that look the "
		"same "
		"without them are added up.\n\n"
		"All other rows are lines: events in columns, logs with their body, spans as "
		"trees with their events and links. A "
		"terminal is shown at most `rate` lines a second, and how many it was not shown; "
		"a pipe or "
		"file gets all, and a slow reader is waited for.",
	.self_size = sizeof(struct console),
	.in_flight = 1,
	.batch_limit = 16,
	.options = console_options,
	.counters = console_counters,
	.start = console_start,
	.stop = console_stop,
	.set = console_set,
	.ready = console_ready,
	.timer = console_timer,
	.drain = console_drain,
	.write = console_write,
};

SONDE_EXPORT(console_plugin)
