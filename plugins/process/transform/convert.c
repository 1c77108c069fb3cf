// SPDX-License-Identifier: Apache-2.0
/* The step `convert`: columns as another type. What cannot be told without loss becomes null. */
#include <errno.h>
#include "cast.h"
#include "step.h"

/* Into texts: of each row, as those that repeat are kept once. 1; 0: it has none; -ENOMEM. */
static int convert_text(struct passage *passage, const struct sonde_column *column, uint32_t row,
			struct sonde_dictionary *to, struct column_draft *draft)
{
	struct value value = value_read(column, row);
	struct sonde_text text;
	char room[CAST_BYTES];
	uint32_t code;

	if (!cast_text(&value, column->type, room, &text))
		return 0;
	code = sonde_dictionary_add(passage->instance, to, text.data, text.length);
	if (code == UINT32_MAX)
		return -ENOMEM;
	draft_put(draft, row, &code);
	return 1;
}

/* Of a column with a dictionary each entry is converted once. */
static int convert_value(const struct step *step, struct recode *recode,
			 const struct sonde_column *column, uint32_t row,
			 struct column_draft *draft)
{
	struct recode_slot *slot = NULL;
	struct value value;
	uint64_t out = 0;
	bool good;

	if (column->dictionary) {
		slot = recode_slot(recode, column_code(column, row));
		if (slot->state != RECODE_UNKNOWN) {
			if (slot->state == RECODE_CHANGED)
				draft_put(draft, row, &slot->value);
			return slot->state == RECODE_CHANGED;
		}
	}
	value = value_read(column, row);
	good = cast_value(&value, column->type, step->type, step->unit_ns, &out);
	if (slot) {
		slot->state = good ? RECODE_CHANGED : RECODE_NONE;
		slot->value = out;
	}
	if (good)
		draft_put(draft, row, &out);
	return good;
}

static int convert_column(struct passage *passage, const struct step *step, struct recode *recode,
			  const struct sonde_column *column)
{
	struct sonde_field field = column_field(column);
	struct sonde_dictionary *to = NULL;
	struct column_draft draft;
	int result = column->dictionary ? recode_prepare(recode, passage->instance, column) : 0;

	field.type = step->type;
	if (result >= 0 && step->type == SONDE_TEXT) {
		to = sonde_dictionary_create(passage->instance, true);
		result = to ? 0 : -ENOMEM;
	}
	if (result >= 0)
		result = passage_derive(passage);
	if (result >= 0)
		result = column_draft(passage, &field, to, &draft);
	for (uint32_t row = 0; result >= 0 && row < passage->batch->row_count; row++) {
		if (!sonde_valid(column, row) || !sonde_selected(passage->batch, row))
			continue;
		result = step->type == SONDE_TEXT
				 ? convert_text(passage, column, row, to, &draft)
				 : convert_value(step, recode, column, row, &draft);
		if (!result)
			passage->counts->failed_conversions++;
		passage_changed(passage, row);
	}
	sonde_dictionary_release(passage->instance, to);
	return result < 0 ? result : 0;
}

int step_convert(struct passage *passage, struct step *step)
{
	int result = 0;

	for (uint32_t i = 0; i < step->name_count && result >= 0; i++) {
		struct sonde_column column;
		uint32_t index;

		result = passage_settle(passage);
		index = expression_find(&step->names[i], passage->batch);
		if (result < 0 || index == UINT32_MAX)
			continue;
		column = *sonde_column(passage->batch, index);
		if (column.type == step->type)
			continue;
		if (column.role)
			step_misfit(passage, step, &column, "its role says of which type it is");
		else
			result = convert_column(passage, step, &step->recodes[i], &column);
	}
	return result;
}
