// SPDX-License-Identifier: Apache-2.0
/* Writes down what the rows that are kept stand for: a weight, and the threshold of their trace. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "mark.h"
#include "sampling.h"

/* ---- weights ----------------------------------------------------------------------------- */

static int mark_weights(struct sonde_instance *instance, const struct choice *choice,
			struct sonde_batch *batch)
{
	const struct sonde_column *old = choice->carried.weight;
	const struct sonde_field field = {
		.name = old ? old->name : "weight",
		.type = SONDE_DOUBLE,
		.role = SONDE_ROLE_WEIGHT,
		.unit = old ? old->unit : NULL,
		.help = "rows before sampling that this one stands for"
	};
	struct sonde_column *column;

	if (choice->even)
		return sonde_batch_constant(instance, batch, &field, NULL, &choice->factor)
			       ? 0
			       : -ENOMEM;
	column = sonde_batch_add(instance, batch, &field, NULL);
	if (!column)
		return -ENOMEM;
	for (uint32_t row = 0; row < batch->row_count; row++) {
		double weight;

		if (!sonde_bit(choice->kept, row))
			continue;
		weight = choice_weight_before(choice, row) * choice->factors[row];
		memcpy(column->base + (size_t)row * column->stride, &weight, sizeof(weight));
	}
	return 0;
}

/* ---- thresholds -------------------------------------------------------------------------- */

struct marker {
	struct sonde_instance *instance;
	const struct choice *choice;
	const struct sonde_column *old; /* what is replaced; NULL: nothing is */
	struct sonde_dictionary *dictionary;
	bool is_state; /* a trace state, and not digits alone */
	char *buffer;  /* owned */
	size_t buffer_size;
	/* the text written last, and what it was made of */
	uint32_t last_before, last_code;
	uint64_t last_threshold;
};

static struct sonde_field marker_field(const struct marker *marker)
{
	const char *name = marker->is_state ? "trace_state" : "sampling.threshold";

	return (struct sonde_field){
		.name = marker->old ? marker->old->name : name,
		.type = SONDE_TEXT,
		.role = marker->is_state ? SONDE_ROLE_TRACE_STATE : SONDE_ROLE_ATTRIBUTE,
	};
}

/* The code of a threshold beside what was there; UINT32_MAX: no memory. */
static uint32_t threshold_code(struct marker *marker, uint64_t threshold, struct sonde_text before)
{
	size_t size = before.length + STATE_GROWTH;
	uint32_t length;

	if (size > marker->buffer_size) {
		char *buffer = realloc(marker->buffer, size);

		if (!buffer)
			return UINT32_MAX;
		marker->buffer = buffer;
		marker->buffer_size = size;
	}
	length = marker->is_state ? trace_state_write(threshold, before, marker->buffer)
				  : threshold_write(threshold, marker->buffer);
	return sonde_dictionary_add(marker->instance, marker->dictionary, marker->buffer, length);
}

static const uint32_t NOTHING = UINT32_MAX - 1; /* no code: the row has no text */

/* The code of the text of a row that is kept. */
static uint32_t row_code(struct marker *marker, uint32_t row)
{
	const struct choice *choice = marker->choice;
	struct sonde_text before = { "", 0, 0 };
	uint64_t threshold = THRESHOLD_ALL; /* it stays as it was */
	uint32_t code = NOTHING;

	if (marker->old && sonde_valid(marker->old, row)) {
		memcpy(&code, sonde_value(marker->old, row), sizeof(code));
		before = sonde_text_at(marker->old, row);
	}
	if (sonde_bit(choice->raised, row))
		threshold = choice->even ? choice->threshold : choice->thresholds[row];
	else if (code == NOTHING)
		return NOTHING;
	if (code == marker->last_before && threshold == marker->last_threshold)
		return marker->last_code;
	marker->last_before = code;
	marker->last_threshold = threshold;
	marker->last_code = threshold < THRESHOLD_ALL
				    ? threshold_code(marker, threshold, before)
				    : sonde_dictionary_add(marker->instance, marker->dictionary,
							   before.data, before.length);
	return marker->last_code;
}

/* One text for all: none had one, and all go by their trace. */
static int mark_constant(struct marker *marker, struct sonde_batch *batch)
{
	struct sonde_field field = marker_field(marker);
	uint32_t code =
		threshold_code(marker, marker->choice->threshold, (struct sonde_text){ "", 0, 0 });

	if (code == UINT32_MAX ||
	    !sonde_batch_constant(marker->instance, batch, &field, marker->dictionary, &code))
		return -ENOMEM;
	return 0;
}

static int mark_column(struct marker *marker, struct sonde_batch *batch)
{
	struct sonde_field field = marker_field(marker);
	struct sonde_column *column =
		sonde_batch_add(marker->instance, batch, &field, marker->dictionary);
	unsigned char *valid = NULL;

	for (uint32_t i = 0; column && i < batch->column_count; i++) {
		if (sonde_column(batch, i) == column)
			valid = sonde_batch_valid(marker->instance, batch, i);
	}
	if (!valid)
		return -ENOMEM;
	memset(valid, 0, (batch->row_count + 7) / 8);
	for (uint32_t row = 0; row < batch->row_count; row++) {
		uint32_t code =
			sonde_bit(marker->choice->kept, row) ? row_code(marker, row) : NOTHING;

		if (code == UINT32_MAX)
			return -ENOMEM;
		if (code == NOTHING)
			continue;
		memcpy(column->base + (size_t)row * column->stride, &code, sizeof(code));
		valid[row >> 3] |= (unsigned char)(1u << (row & 7));
	}
	return 0;
}

static bool is_any_raised(const struct choice *choice, uint32_t row_count, bool *ret_all)
{
	bool any = false, all = true;

	for (uint32_t row = 0; row < row_count; row++) {
		if (!sonde_bit(choice->kept, row))
			continue;
		any = any || sonde_bit(choice->raised, row);
		all = all && sonde_bit(choice->raised, row);
	}
	*ret_all = all;
	return any;
}

static int mark_thresholds(struct sonde_instance *instance, const struct choice *choice,
			   struct sonde_batch *batch)
{
	const struct carried *carried = &choice->carried;
	struct marker marker = { .instance = instance,
				 .choice = choice,
				 .old = carried->state ? carried->state : carried->threshold,
				 .is_state = batch->signal == SONDE_SIGNAL_SPAN,
				 .last_before = UINT32_MAX };
	bool all;
	int result;

	if (batch->signal != SONDE_SIGNAL_SPAN && batch->signal != SONDE_SIGNAL_LOG)
		return 0;
	if (!is_any_raised(choice, batch->row_count, &all))
		return 0;
	marker.dictionary = sonde_dictionary_create(instance, true);
	if (!marker.dictionary)
		return -ENOMEM;
	if (choice->even && all && !marker.old)
		result = mark_constant(&marker, batch);
	else
		result = mark_column(&marker, batch);
	sonde_dictionary_release(instance, marker.dictionary);
	free(marker.buffer);
	return result;
}

int mark_rows(struct sonde_instance *instance, const struct choice *choice,
	      struct sonde_batch *batch)
{
	int result = choice->grown ? mark_weights(instance, choice, batch) : 0;

	if (!result && choice->way == CHOICE_TRACE)
		result = mark_thresholds(instance, choice, batch);
	return result;
}
