// SPDX-License-Identifier: Apache-2.0
/* The step `extract`: what the groups of a pattern match in a text becomes columns. */
#include <errno.h>
#include <string.h>
#include "cast.h"
#include "step.h"

/* One column that is being made, with what rows have in it already. */
struct making {
	const struct extracted *extracted;
	struct sonde_column before; /* type 0: there was none */
	struct sonde_dictionary *to;
	struct column_draft draft;
};

/* The text of a row, of a column of texts or of any type; false: none. */
static bool row_text(const struct sonde_column *column, uint32_t row, struct sonde_text *ret_text)
{
	struct value value = value_read(column, row);

	*ret_text = value.as.text;
	return value.kind == KIND_TEXT;
}

static int put_text(struct passage *passage, struct making *making, uint32_t row,
		    struct sonde_text text)
{
	uint32_t code = sonde_dictionary_add(passage->instance, making->to, text.data, text.length);

	if (code == UINT32_MAX)
		return -ENOMEM;
	draft_put(&making->draft, row, &code);
	return 0;
}

/* What a group matched in a row. 1; 0: nothing that fits. */
static int put_group(struct passage *passage, struct making *making, uint32_t row,
		     const struct pattern_search *search)
{
	struct value value = { .kind = KIND_TEXT };
	uint32_t begin, end;
	uint64_t out = 0;

	if (!pattern_group(search, making->extracted->group, &begin, &end))
		return 0;
	value.as.text = (struct sonde_text){ search->text.data + begin, end - begin, 0 };
	if (making->extracted->type == SONDE_TEXT)
		return put_text(passage, making, row, value.as.text) < 0 ? -ENOMEM : 1;
	if (!cast_value(&value, SONDE_TEXT, making->extracted->type, 1000000000, &out)) {
		passage->counts->failed_conversions++;
		return 0;
	}
	draft_put(&making->draft, row, &out);
	return 1;
}

/* What the row had before, if that is of the same type. */
static int put_before(struct passage *passage, struct making *making, uint32_t row)
{
	const struct sonde_column *before = &making->before;

	if (before->type != making->extracted->type || !sonde_valid(before, row))
		return 0;
	if (before->type == SONDE_TEXT)
		return put_text(passage, making, row, sonde_text_at(before, row));
	draft_put(&making->draft, row, sonde_value(before, row));
	return 0;
}

static uint32_t find_attribute(const struct sonde_batch *batch, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (!column->role && column->scope == SONDE_SCOPE_ROW &&
		    !strcmp(column->name, name))
			return i;
	}
	return UINT32_MAX;
}

static int make_columns(struct passage *passage, const struct step *step, struct making *makings)
{
	if (passage_derive(passage) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < step->extracted_count; i++) {
		const struct extracted *extracted = &step->extracted[i];
		struct sonde_field field = { .name = extracted->name, .type = extracted->type };
		uint32_t there = find_attribute(passage->batch, extracted->name);

		makings[i].extracted = extracted;
		if (there != UINT32_MAX)
			makings[i].before = *sonde_column(passage->batch, there);
		if (extracted->type == SONDE_TEXT)
			makings[i].to = sonde_dictionary_create(passage->instance, true);
		if ((extracted->type == SONDE_TEXT && !makings[i].to) ||
		    column_draft(passage, &field, makings[i].to, &makings[i].draft) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int extract_row(struct passage *passage, struct step *step, struct making *makings,
		       const struct sonde_column *column, uint32_t row)
{
	struct pattern_search search;
	struct sonde_text text;
	int found = 0, result = 0, put;

	if (passage_has(passage, row) && sonde_valid(column, row) && row_text(column, row, &text)) {
		search = pattern_search(step->pattern, step->scratch, text);
		found = pattern_find(&search);
		if (found < 0)
			passage->counts->abandoned_texts++;
	}
	for (uint32_t i = 0; i < step->extracted_count && result >= 0; i++) {
		put = found > 0 ? put_group(passage, &makings[i], row, &search) : 0;
		if (put > 0)
			passage_changed(passage, row);
		result = put ? put : put_before(passage, &makings[i], row);
	}
	return result;
}

/* Whether a row at least has something to be found in it: else the batch stays as it is. */
static bool finds_any(struct passage *passage, struct step *step, const struct sonde_column *column)
{
	for (uint32_t row = 0; row < passage->batch->row_count; row++) {
		struct pattern_search search;
		struct sonde_text text;

		if (!sonde_selected(passage->batch, row) || !passage_has(passage, row) ||
		    !sonde_valid(column, row) || !row_text(column, row, &text))
			continue;
		search = pattern_search(step->pattern, step->scratch, text);
		if (pattern_find(&search) > 0)
			return true;
	}
	return false;
}

int step_extract(struct passage *passage, struct step *step)
{
	struct making makings[STEP_GROUPS] = { 0 };
	uint32_t index = expression_find(&step->names[0], passage->batch);
	struct sonde_column column;
	int result;

	if (index == UINT32_MAX)
		return 0;
	column = *sonde_column(passage->batch, index);
	if (column_kind(column.type, column.role) != KIND_TEXT && column.type != SONDE_ANY) {
		step_misfit(passage, step, &column, "there is no text in it");
		return 0;
	}
	if (!finds_any(passage, step, &column))
		return 0;
	result = make_columns(passage, step, makings);
	for (uint32_t row = 0; result >= 0 && row < passage->batch->row_count; row++) {
		if (sonde_selected(passage->batch, row))
			result = extract_row(passage, step, makings, &column, row);
	}
	for (uint32_t i = 0; i < step->extracted_count; i++)
		sonde_dictionary_release(passage->instance, makings[i].to);
	return result < 0 ? result : 0;
}
