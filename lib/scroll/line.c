// SPDX-License-Identifier: Apache-2.0
/* One row as one line: a log with its body, a span with its name, attributes as key=value. */
#include <string.h>
#include "scroll.h"

enum { TIME_WIDTH = 15, SEVERITY_WIDTH = 5, DURATION_WIDTH = 6, DEPTH_LIMIT = 20 };

bool is_failure(const struct sonde_column *column, uint32_t row)
{
	/* the attribute by which semantic conventions say that an operation failed, and how */
	return strcmp(column->name, "error.type") == 0 && sonde_text_at(column, row).length > 0;
}

static void find_role(struct line_columns *columns, const struct sonde_column *column)
{
	const struct sonde_column **places[] = {
		[SONDE_ROLE_TIME] = &columns->time,
		[SONDE_ROLE_START_TIME] = &columns->start,
		[SONDE_ROLE_END_TIME] = &columns->end,
		[SONDE_ROLE_DURATION] = &columns->duration,
		[SONDE_ROLE_SEVERITY] = &columns->severity,
		[SONDE_ROLE_SEVERITY_TEXT] = &columns->severity_text,
		[SONDE_ROLE_BODY] = &columns->body,
		[SONDE_ROLE_EVENT_NAME] = &columns->event_name,
		[SONDE_ROLE_SPAN_NAME] = &columns->span_name,
		[SONDE_ROLE_SPAN_KIND] = &columns->span_kind,
		[SONDE_ROLE_STATUS_CODE] = &columns->status,
		[SONDE_ROLE_STATUS_MESSAGE] = &columns->status_message,
		[SONDE_ROLE_TRACE_ID] = &columns->trace_id,
		[SONDE_ROLE_SPAN_ID] = &columns->span_id,
	};

	if (column->role < sizeof(places) / sizeof(*places) && places[column->role])
		*places[column->role] = column;
}

/* Attributes, and measures where rows of metrics are asked for as lines. What is the same for all
 * rows of a resource is left out. */
static bool is_detail(const struct sonde_column *column)
{
	switch (column->role) {
	case SONDE_ROLE_ATTRIBUTE:
	case SONDE_ROLE_ATTRIBUTES:
		return column->scope == SONDE_SCOPE_ROW || column->stride;
	case SONDE_ROLE_DURATION:
	case SONDE_ROLE_SUM:
	case SONDE_ROLE_GAUGE:
	case SONDE_ROLE_HISTOGRAM:
	case SONDE_ROLE_METRIC:
	case SONDE_ROLE_VALUE:
	case SONDE_ROLE_WEIGHT:
		return true;
	default:
		return false;
	}
}

void line_columns_find(struct line_columns *columns, const struct sonde_batch *batch)
{
	memset(columns, 0, sizeof(*columns));
	for (uint32_t index = 0; index < batch->column_count; index++) {
		const struct sonde_column *column = sonde_column(batch, index);

		find_role(columns, column);
		if (is_detail(column) && columns->detail_count < SCROLL_COLUMNS)
			columns->details[columns->detail_count++] = column;
	}
	if (!columns->time)
		columns->time = columns->start;
}

static enum style severity_style(uint32_t severity)
{
	return severity >= 17   ? STYLE_ERROR
	       : severity >= 13 ? STYLE_WARNING
	       : severity >= 9  ? STYLE_NOTE
				: STYLE_DIM;
}

static void draw_severity(const struct line_columns *columns, uint32_t row, struct phrase *phrase,
			  struct draw *draw)
{
	static const char *const names[] = {
		"", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"
	};
	uint32_t severity =
		columns->severity ? (uint32_t)sonde_number_at(columns->severity, row) : 0;
	struct label label = label_of(severity && severity <= 24 ? names[(severity + 3) / 4] : "");

	if (!label.length && columns->severity_text)
		label = phrase_value(phrase, columns->severity_text, row);
	draw_style(draw, severity_style(severity));
	draw_cell(draw, label, SEVERITY_WIDTH, false, false);
	draw_style(draw, STYLE_PLAIN);
}

uint32_t line_draw_head(const struct line_columns *columns, uint32_t row, struct phrase *phrase,
			struct draw *draw)
{
	struct label label =
		columns->time ? phrase_value(phrase, columns->time, row) : label_of("");

	draw_style(draw, STYLE_DIM);
	draw_cell(draw, label, TIME_WIDTH, false, false);
	draw_style(draw, STYLE_PLAIN);
	if (!columns->severity && !columns->severity_text)
		return TIME_WIDTH;
	draw_spaces(draw, 1);
	draw_severity(columns, row, phrase, draw);
	return TIME_WIDTH + 1 + SEVERITY_WIDTH;
}

/* What is left of a line; 0 width: there is no end. */
struct rest {
	uint32_t width;
	bool bounded;
};

static void draw_part(struct draw *draw, struct rest *rest, struct label label)
{
	if (!rest->bounded)
		draw_bytes(draw, label.data, label.length);
	else
		rest->width -= draw_cut(draw, label, rest->width);
}

static int64_t time_at(const struct sonde_column *column, uint32_t row)
{
	int64_t time_ns = 0;

	if (column && column->type == SONDE_TIME && sonde_valid(column, row))
		memcpy(&time_ns, sonde_value(column, row), sizeof(time_ns));
	return time_ns;
}

/* "  trace=4bf92f…", where there is an id that is not all zeros. */
static void draw_id(const char *name, const struct sonde_column *column, uint32_t row,
		    struct rest *rest, struct phrase *phrase, struct draw *draw)
{
	static const unsigned char none[16];

	if (!column || !sonde_valid(column, row) || column->value_size > sizeof(none) ||
	    !memcmp(sonde_value(column, row), none, column->value_size))
		return;
	draw_style(draw, STYLE_DIM);
	draw_part(draw, rest, label_of("  "));
	draw_part(draw, rest, label_of(name));
	draw_part(draw, rest, label_of("="));
	draw_part(draw, rest, phrase_value(phrase, column, row));
	draw_style(draw, STYLE_PLAIN);
}

/* To where names stand in the lines of spans. */
static void draw_margin(struct rest *rest, uint32_t depth, struct draw *draw)
{
	draw_spaces(draw, DURATION_WIDTH + 4);
	rest->width -= rest->width < DURATION_WIDTH + 4 ? rest->width : DURATION_WIDTH + 4;
	for (uint32_t level = 0; level < depth && level < DEPTH_LIMIT; level++)
		draw_part(draw, rest, label_of("  "));
}

static void draw_span(const struct line_columns *columns, uint32_t row, uint32_t depth,
		      struct rest *rest, struct phrase *phrase, struct draw *draw)
{
	static const char *const kinds[] = {
		"", "", " server", " client", " producer", " consumer"
	};
	int64_t start = time_at(columns->start, row), end = time_at(columns->end, row);
	uint32_t kind = columns->span_kind ? (uint32_t)sonde_number_at(columns->span_kind, row) : 0;
	bool failed = columns->status && sonde_number_at(columns->status, row) == 2;
	struct figure took = figure_none(draw_figures(draw, false));

	if (start && end >= start)
		took = figure_duration((double)(end - start), draw_figures(draw, true));
	draw_spaces(draw, 2);
	draw_cell(draw, label_of(took.text), DURATION_WIDTH, true, false);
	draw_spaces(draw, 2);
	rest->width -= rest->width < DURATION_WIDTH + 4 ? rest->width : DURATION_WIDTH + 4;
	depth = depth < DEPTH_LIMIT ? depth : DEPTH_LIMIT;
	if (depth) {
		draw_style(draw, STYLE_DIM);
		for (uint32_t level = 1; level < depth; level++)
			draw_part(draw, rest, label_of("  "));
		draw_part(draw, rest, label_of(draw->ascii ? "\\ " : "└ "));
	}
	draw_style(draw, failed ? STYLE_ERROR : STYLE_BOLD);
	draw_part(draw, rest, phrase_value(phrase, columns->span_name, row));
	draw_style(draw, STYLE_DIM);
	draw_part(draw, rest, label_of(kind < 6 ? kinds[kind] : ""));
	if (columns->status_message && sonde_text_at(columns->status_message, row).length) {
		draw_style(draw, failed ? STYLE_ERROR : STYLE_PLAIN);
		draw_part(draw, rest, label_of(" "));
		draw_part(draw, rest, phrase_value(phrase, columns->status_message, row));
	}
	draw_style(draw, STYLE_PLAIN);
	if (!depth) /* those below it have the same */
		draw_id("trace", columns->trace_id, row, rest, phrase, draw);
}

/* A value with blanks stands in quotes. */
static void draw_detail(const struct sonde_column *column, uint32_t row, struct rest *rest,
			struct phrase *phrase, struct draw *draw)
{
	struct label label;
	bool quoted;

	draw_style(draw, STYLE_DIM);
	draw_part(draw, rest, label_of("  "));
	draw_part(draw, rest, phrase_text(phrase, column->name, strlen(column->name)));
	draw_part(draw, rest, label_of("="));
	draw_style(draw, is_failure(column, row) ? STYLE_ERROR : STYLE_PLAIN);
	label = phrase_value(phrase, column, row);
	quoted = column->type == SONDE_TEXT &&
		 (!label.length || memchr(label.data, ' ', label.length));
	if (quoted)
		draw_part(draw, rest, label_of("\""));
	draw_part(draw, rest, label);
	if (quoted)
		draw_part(draw, rest, label_of("\""));
}

static void draw_details(const struct line_columns *columns, uint32_t row, struct rest *rest,
			 struct phrase *phrase, struct draw *draw)
{
	for (uint32_t index = 0; index < columns->detail_count; index++)
		if (sonde_valid(columns->details[index], row))
			draw_detail(columns->details[index], row, rest, phrase, draw);
	draw_style(draw, STYLE_PLAIN);
}

static struct rest rest_of(uint32_t width, uint32_t used)
{
	return (struct rest){ .width = width > used ? width - used : 0, .bounded = width > 0 };
}

void line_draw(const struct line_columns *columns, uint32_t row, uint32_t depth, uint32_t width,
	       struct phrase *phrase, struct draw *draw)
{
	struct rest rest = rest_of(width, line_draw_head(columns, row, phrase, draw));
	const struct sonde_column *texts[] = { columns->event_name, columns->body };

	if (columns->span_name)
		draw_span(columns, row, depth, &rest, phrase, draw);
	for (uint32_t index = 0; index < 2 && !columns->span_name; index++) {
		if (!texts[index] || !sonde_valid(texts[index], row))
			continue;
		draw_part(draw, &rest, label_of("  "));
		draw_style(draw, index ? STYLE_PLAIN : STYLE_BOLD);
		draw_part(draw, &rest, phrase_value(phrase, texts[index], row));
	}
	draw_details(columns, row, &rest, phrase, draw);
	if (columns->span_name)
		return;
	draw_id("trace", columns->trace_id, row, &rest, phrase, draw);
	draw_id("span", columns->span_id, row, &rest, phrase, draw);
}

void line_draw_child(const struct line_columns *columns, uint32_t row, uint32_t depth,
		     uint32_t width, bool link, struct phrase *phrase, struct draw *draw)
{
	struct rest rest = rest_of(width, line_draw_head(columns, row, phrase, draw));

	draw_margin(&rest, depth, draw);
	draw_style(draw, STYLE_DIM);
	draw_part(draw, &rest, label_of(link ? draw->ascii ? ">" : "→" : draw->ascii ? "*" : "·"));
	draw_style(draw, STYLE_PLAIN);
	if (columns->event_name) {
		draw_part(draw, &rest, label_of(" "));
		draw_part(draw, &rest, phrase_value(phrase, columns->event_name, row));
	}
	draw_id("trace", columns->trace_id, row, &rest, phrase, draw);
	draw_id("span", columns->span_id, row, &rest, phrase, draw);
	draw_details(columns, row, &rest, phrase, draw);
}

void line_draw_note(const char *text, uint32_t depth, uint32_t width, struct draw *draw)
{
	struct rest rest = rest_of(width, TIME_WIDTH);

	draw_spaces(draw, TIME_WIDTH);
	draw_margin(&rest, depth, draw);
	draw_style(draw, STYLE_DIM);
	draw_part(draw, &rest, label_of(text));
	draw_style(draw, STYLE_PLAIN);
}
