/* SPDX-License-Identifier: Apache-2.0 */
/* What a tap shows of the batches that it is given. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <expression.h>
#include <lines.h>
#include <scroll.h>
#include "batch.h"
#include "host.h"
#include "tap_view.h"

enum {
	PATTERN_LIMIT = 64,
	HEADING_EVERY = 40,       /* lines of a table */
	TEXT_LIMIT = 1024 * 1024, /* of a batch: what would be beyond is left out */
	NOTE_BYTES = 512,
};

struct tap_view {
	struct sonde_instance instance; /* what writes values asks it for services */
	struct expression *condition;   /* NULL: every row */
	struct matcher *matcher;
	char *columns; /* the patterns' texts */
	const char *patterns[PATTERN_LIMIT];
	uint32_t pattern_count; /* 0: every column */
	unsigned char *bits;    /* rows to show */
	size_t bits_size;
	uint32_t width;
	bool json;
	struct lines *lines;
	struct scroll scroll;
	struct phrase phrase;
	struct draw draw;
	char note[NOTE_BYTES];
	bool missing_told, note_told;
};

/* ---- what was asked for ------------------------------------------------------------------ */

static void view_note(struct tap_view *view, const char *schema,
		      const struct expression_error *error)
{
	char explained[320];

	if (view->note[0] && !view->note_told)
		return;
	snprintf(view->note, sizeof(view->note), "--where, %s, in rows of %s: it is null there",
		 expression_explain(error, explained, sizeof(explained)), schema);
	view->note_told = false;
}

static void view_mismatch(void *data, const char *schema, const struct expression_error *error)
{
	view_note(data, schema, error);
}

static int view_condition(struct tap_view *view, const char *where, char *text, size_t size)
{
	struct expression_error error;
	char explained[320];
	int result = expression_parse(where, &view->condition, &error);

	if (result) {
		snprintf(text, size, "--where, %s",
			 expression_explain(&error, explained, sizeof(explained)));
		return result;
	}
	view->matcher = matcher_create(view->condition, NULL, view_mismatch, view);
	return view->matcher ? 0 : -ENOMEM;
}

static int view_columns(struct tap_view *view, const char *columns, char *error, size_t size)
{
	char *rest, *pattern;

	view->columns = strdup(columns);
	if (!view->columns)
		return -ENOMEM;
	rest = view->columns;
	while ((pattern = strsep(&rest, ","))) {
		if (!*pattern) {
			snprintf(error, size,
				 "--columns: \"%s\" has an empty name (try "
				 "\"time,http.*\")",
				 columns);
			return -EINVAL;
		}
		if (view->pattern_count == PATTERN_LIMIT) {
			snprintf(error, size, "--columns: more than %d names", PATTERN_LIMIT);
			return -EINVAL;
		}
		view->patterns[view->pattern_count++] = pattern;
	}
	return 0;
}

int tap_view_create(const struct tap_request *request, struct tap_view **ret_view, char *error,
		    size_t error_size)
{
	struct tap_view *view = calloc(1, sizeof(*view));
	int result = view ? 0 : -ENOMEM;

	snprintf(error, error_size, "no memory");
	if (!result && request->where)
		result = view_condition(view, request->where, error, error_size);
	if (!result && request->columns)
		result = view_columns(view, request->columns, error, error_size);
	if (!result) {
		view->instance = (struct sonde_instance){ .size = sizeof(view->instance),
							  .name = "tap",
							  .host = host_services() };
		view->lines = lines_create(&view->instance, true);
		result = view->lines ? 0 : -ENOMEM;
	}
	if (result) {
		tap_view_release(view);
		return result;
	}
	view->json = request->json;
	view->width = request->width;
	view->phrase = (struct phrase){ .instance = &view->instance,
					.lines = view->lines,
					.ascii = request->ascii };
	view->draw = (struct draw){ .colour = request->colour,
				    .rich = request->rich,
				    .ascii = request->ascii };
	*ret_view = view;
	return 0;
}

void tap_view_release(struct tap_view *view)
{
	if (!view)
		return;
	matcher_release(view->matcher);
	expression_release(view->condition);
	scroll_release(&view->scroll);
	json_release(&view->draw.out);
	if (view->phrase.lines)
		phrase_release(&view->phrase); /* and the lines */
	else
		lines_release(view->lines);
	free(view->columns);
	free(view->bits);
	free(view);
}

const char *tap_view_note(struct tap_view *view)
{
	const char *note = view->note_told ? "" : view->note;

	view->note_told = true;
	return note;
}

/* ---- which rows, which columns ----------------------------------------------------------- */

/* The nearest right name, for who mistyped one: said of the first table that lacks a column. */
static void view_missing(struct tap_view *view, const struct sonde_batch *batch)
{
	struct expression_error error;
	struct sonde_field *fields;

	if (view->missing_told || !matcher_counts(view->matcher).missing_batch_count)
		return;
	fields = calloc(batch->column_count + 1, sizeof(*fields));
	if (!fields)
		return;
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		fields[i].name = column->name;
		fields[i].type = column->type;
		fields[i].role = column->role;
		fields[i].scope = column->scope;
	}
	if (expression_check(view->condition, fields, &error) == -ENOENT) {
		view_note(view, batch->schema, &error);
		view->missing_told = true;
	}
	free(fields);
}

static int bits_reserve(struct tap_view *view, size_t size)
{
	unsigned char *bits;

	if (size <= view->bits_size)
		return 0;
	bits = realloc(view->bits, size);
	if (!bits)
		return -ENOMEM;
	view->bits = bits;
	view->bits_size = size;
	return 0;
}

/* Sets the bits of rows to show; how many those are, or -ENOMEM. */
static int64_t rows_match(struct tap_view *view, const struct sonde_batch *batch)
{
	size_t size = ((size_t)batch->row_count + 7) / 8;
	int64_t count;

	if (bits_reserve(view, size))
		return -ENOMEM;
	if (view->matcher) {
		count = matcher_run(view->matcher, batch, view->bits);
		if (count >= 0)
			view_missing(view, batch);
		return count;
	}
	if (batch->selected)
		memcpy(view->bits, batch->selected, size);
	else
		memset(view->bits, 0xff, size);
	return batch->selected_count;
}

/* Clears the bits behind the first `count` that are set. */
static void rows_cut(unsigned char *bits, uint32_t row_count, uint64_t count)
{
	for (uint32_t row = 0; row < row_count; row++) {
		if (!sonde_bit(bits, row))
			continue;
		if (count)
			count--;
		else
			bits[row / 8] &= (unsigned char)~(1u << row % 8);
	}
}

static bool column_fits(const struct tap_view *view, const char *name)
{
	for (uint32_t i = 0; i < view->pattern_count; i++)
		if (!fnmatch(view->patterns[i], name, 0))
			return true;
	return !view->pattern_count;
}

static bool some_column_fits(const struct tap_view *view, const struct sonde_batch *batch)
{
	for (uint32_t i = 0; i < batch->column_count; i++)
		if (column_fits(view, sonde_column(batch, i)->name))
			return true;
	return !view->pattern_count;
}

/* The rows and columns to show, as a batch of their own. NULL: no memory. */
static struct sonde_batch *batch_of_view(struct tap_view *view, struct sonde_batch *batch)
{
	struct sonde_batch *shown = batch_derive(batch);
	int result = shown ? batch_select(shown, view->bits) : -ENOMEM;

	for (uint32_t i = batch->column_count; !result && i--;)
		if (!column_fits(view, sonde_column(batch, i)->name))
			result = batch_remove(shown, i);
	if (result) {
		batch_release(shown);
		return NULL;
	}
	batch_finish(shown);
	return shown;
}

/* ---- text -------------------------------------------------------------------------------- */

/* Returns how many rows were written, or -ENOMEM. */
static int64_t json_write(struct tap_view *view, const struct sonde_batch *batch, struct json *out)
{
	size_t start = out->length;
	int64_t count = 0;

	if (lines_bind(view->lines, batch))
		return -ENOMEM;
	for (uint32_t row = 0; row < batch->row_count && out->length - start < TEXT_LIMIT; row++) {
		if (!sonde_selected(batch, row))
			continue;
		if (lines_row(view->lines, row, out))
			return count ? count : -ENOMEM;
		count++;
	}
	return count;
}

/* Lines are as wide as asked for, so that there is a bound to what they take. */
static int64_t table_write(struct tap_view *view, const struct sonde_batch *batch, struct json *out)
{
	struct scroll_bounds bounds = { .width = view->width,
					.heading_every = HEADING_EVERY,
					.row_limit = batch->selected_count,
					.line_end = "\n" };
	struct json *drawn = &view->draw.out;
	int64_t count;
	char *at;

	json_clear(drawn);
	count = scroll_draw(&view->scroll, batch, &bounds, &view->phrase, &view->draw);
	if (drawn->failed) {
		json_release(drawn);
		return -ENOMEM;
	}
	at = count > 0 ? json_room(out, drawn->length) : NULL;
	if (!at)
		return count > 0 ? -ENOMEM : count;
	memcpy(at, drawn->data, drawn->length);
	out->length += drawn->length;
	return count;
}

int tap_view_write(struct tap_view *view, struct sonde_batch *batch, uint64_t budget,
		   struct json *out, struct tap_counts *counts)
{
	int64_t matched = some_column_fits(view, batch) ? rows_match(view, batch) : 0;
	struct sonde_batch *shown;
	int64_t written = 0;

	if (matched < 0) {
		counts->left_out += batch->selected_count;
		return -ENOMEM;
	}
	counts->unmatched += batch->selected_count - (uint64_t)matched;
	if (!matched || !budget) {
		counts->left_out += (uint64_t)matched;
		return 0;
	}
	if ((uint64_t)matched > budget)
		rows_cut(view->bits, batch->row_count, budget);
	shown = batch_of_view(view, batch);
	written = !shown       ? -ENOMEM
		  : view->json ? json_write(view, shown, out)
			       : table_write(view, shown, out);
	batch_release(shown);
	counts->shown += written > 0 ? (uint64_t)written : 0;
	counts->left_out += (uint64_t)matched - (written > 0 ? (uint64_t)written : 0);
	return written < 0 ? -ENOMEM : 0;
}
