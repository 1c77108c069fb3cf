// SPDX-License-Identifier: Apache-2.0
/* The step `mask`: hides in the texts of columns what its rules find, once for each entry of a
 * dictionary. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "step.h"

enum { ANY_ITEMS = 4096 }; /* of one nested value; larger ones are masked whole */

static const char hidden[] = "***";

struct masking {
	struct passage *passage;
	struct step *step;
	struct written text;
	struct written texts; /* of a nested value, one behind the other */
	struct sonde_any *items;
	unsigned char *encoded;
	size_t encoded_size;
	uint64_t places; /* hidden in the entry at hand */
};

static void masking_clear(struct masking *masking)
{
	free(masking->text.data);
	free(masking->texts.data);
	free(masking->items);
	free(masking->encoded);
}

/* ---- entries ----------------------------------------------------------------------------- */

/* Hides what is to be hidden in a text; 1: it stands in `text`, 0: it stays. */
static int mask_text(struct masking *masking, struct sonde_text text)
{
	int64_t count;

	masking->text.length = 0;
	masking->text.failed = false;
	count = masks_run(masking->step->masks, text, &masking->text);
	if (count == MASKED_WHOLE) {
		masking->passage->counts->abandoned_texts++;
		masking->text.length = 0;
		written_add(&masking->text, hidden, sizeof(hidden) - 1);
		count = masking->text.failed ? -ENOMEM : 1;
	}
	if (count < 0)
		return (int)count;
	masking->places += (uint64_t)count;
	return count > 0;
}

/* All texts of a nested value; the items' data of those that change are places in `texts`. */
static int mask_items(struct masking *masking, uint32_t count, bool *changed)
{
	int any = 0;

	masking->texts.length = 0;
	masking->texts.failed = false;
	for (uint32_t i = 0; i < count; i++) {
		struct sonde_any *item = &masking->items[i];
		int result;

		changed[i] = false;
		if (item->kind != SONDE_ANY_TEXT && item->kind != SONDE_ANY_BYTES)
			continue;
		result = mask_text(masking, (struct sonde_text){ item->as.data, item->length, 0 });
		if (result < 0)
			return result;
		if (!result)
			continue;
		item->as.data = (const char *)(uintptr_t)masking->texts.length;
		item->length = (uint32_t)masking->text.length;
		written_add(&masking->texts, masking->text.data, masking->text.length);
		changed[i] = true;
		any = 1;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (changed[i])
			masking->items[i].as.data =
				masking->texts.data + (uintptr_t)masking->items[i].as.data;
	}
	return masking->texts.failed ? -ENOMEM : any;
}

/* Encodes items[0] into `text`. */
static int encode(struct masking *masking)
{
	struct sonde_instance *instance = masking->passage->instance;
	int64_t size = sonde_any_encode(instance, masking->items, NULL, 0);
	unsigned char *room;

	if (size < 0)
		return (int)size;
	if ((size_t)size > masking->encoded_size) {
		room = realloc(masking->encoded, 2 * (size_t)size);
		if (!room)
			return -ENOMEM;
		masking->encoded = room;
		masking->encoded_size = 2 * (size_t)size;
	}
	size = sonde_any_encode(instance, masking->items, masking->encoded, masking->encoded_size);
	masking->text.length = 0;
	written_add(&masking->text, (const char *)masking->encoded, (size_t)size);
	return masking->text.failed ? -ENOMEM : 1;
}

static int mask_any(struct masking *masking, struct sonde_text encoded)
{
	bool changed[ANY_ITEMS];
	uint32_t count = 0;
	int result;

	if (!masking->items)
		masking->items = calloc(ANY_ITEMS, sizeof(*masking->items));
	if (!masking->items)
		return -ENOMEM;
	result = sonde_any_decode(masking->passage->instance, encoded.data, encoded.length,
				  masking->items, ANY_ITEMS, &count);
	if (result < 0) { /* it cannot be looked into, and so must not be seen */
		masking->passage->counts->abandoned_texts++;
		masking->places++;
		masking->items[0] = (struct sonde_any){ .kind = SONDE_ANY_TEXT,
							.length = sizeof(hidden) - 1,
							.as.data = hidden };
		return encode(masking);
	}
	result = mask_items(masking, count, changed);
	return result > 0 ? encode(masking) : result;
}

/* Works an entry out, if that was not done yet. */
static int mask_entry(struct masking *masking, struct recode *recode,
		      const struct sonde_column *column, struct recode_slot *slot)
{
	struct sonde_text entry =
		sonde_entry(column->dictionary, column->dictionary_length, slot->from);
	int result;

	masking->places = 0;
	masking->text.failed = false;
	result = column->type == SONDE_ANY ? mask_any(masking, entry) : mask_text(masking, entry);
	if (result < 0)
		return result;
	slot->state = result ? RECODE_CHANGED : RECODE_SAME;
	slot->value = masking->places;
	return result ? recode_put(recode, masking->passage->instance, slot, masking->text.data,
				   masking->text.length)
		      : 0;
}

/* ---- columns ----------------------------------------------------------------------------- */

/* Whether any row has something to hide. Each entry is worked out here. */
static int column_changes(struct masking *masking, struct recode *recode,
			  const struct sonde_column *column)
{
	const struct sonde_batch *batch = masking->passage->batch;
	uint32_t row_count = column->stride ? batch->row_count : 1;
	int any = 0;

	for (uint32_t row = 0; row < row_count; row++) {
		struct recode_slot *slot;
		int result = 0;

		/* Of a constant the first row stands for all. */
		if (!sonde_valid(column, row) ||
		    (column->stride &&
		     (!sonde_selected(batch, row) || !passage_has(masking->passage, row))))
			continue;
		slot = recode_slot(recode, column_code(column, row));
		if (slot->state == RECODE_UNKNOWN) {
			result = mask_entry(masking, recode, column, slot);
			if (result < 0)
				return result;
		}
		any |= slot->state == RECODE_CHANGED;
	}
	return any;
}

/* The code of a row in our dictionary, of an entry that changes or not. */
static int row_code(struct masking *masking, struct recode *recode,
		    const struct sonde_column *column, uint32_t row, uint32_t *ret_code)
{
	struct passage *passage = masking->passage;
	struct recode_slot *slot = recode_slot(recode, column_code(column, row));
	struct sonde_text entry;
	int result = 0;

	if (!passage_has(passage, row)) { /* as it is, whatever others make of the entry */
		entry = sonde_text_at(column, row);
		*ret_code = sonde_dictionary_add(passage->instance, recode->to, entry.data,
						 entry.length);
		return *ret_code == UINT32_MAX ? -ENOMEM : 0;
	}
	if (slot->state == RECODE_UNKNOWN) /* another took its slot since */
		result = mask_entry(masking, recode, column, slot);
	if (result >= 0 && slot->state == RECODE_SAME && slot->code == UINT32_MAX) {
		entry = sonde_text_at(column, row);
		result = recode_put(recode, passage->instance, slot, entry.data, entry.length);
	}
	if (result >= 0 && slot->state == RECODE_CHANGED) {
		passage_changed(passage, row);
		passage->counts->masked_values++;
	}
	*ret_code = slot->code;
	return result;
}

static int mask_column(struct masking *masking, struct recode *recode,
		       const struct sonde_column *column)
{
	struct passage *passage = masking->passage;
	struct sonde_field field = column_field(column);
	struct column_draft draft;
	uint64_t masked = 0;
	uint32_t code = 0;
	int result = recode_prepare(recode, passage->instance, column);

	if (result >= 0)
		result = column_changes(masking, recode, column);
	if (result <= 0)
		return result;
	if (!recode_dictionary(recode, passage->instance))
		return -ENOMEM;
	result = passage_derive(passage);
	if (result >= 0)
		result = column_draft(passage, &field, recode->to, &draft);
	for (uint32_t row = 0; result >= 0 && row < passage->batch->row_count; row++) {
		const struct recode_slot *slot;

		if (!sonde_valid(column, row) || !sonde_selected(passage->batch, row))
			continue;
		slot = recode_slot(recode, column_code(column, row));
		if (!passage->where && slot->code != UINT32_MAX) { /* the usual case */
			code = slot->code;
			masked += slot->state == RECODE_CHANGED;
			passage->changed[row >> 3] |=
				(unsigned char)((slot->state == RECODE_CHANGED) << (row & 7));
			draft_put(&draft, row, &code);
			continue;
		}
		result = row_code(masking, recode, column, row, &code);
		if (result >= 0)
			draft_put(&draft, row, &code);
	}
	passage->counts->masked_values += masked;
	return result;
}

static bool has_texts(const struct sonde_column *column)
{
	return column->role != SONDE_ROLE_METRIC &&
	       (column->type == SONDE_TEXT || column->type == SONDE_BYTES ||
		column->type == SONDE_ANY);
}

/* Texts that say what rows are, and not what somebody wrote. */
static bool is_fixed(const struct sonde_column *column)
{
	return column->role == SONDE_ROLE_SCHEMA_URL || column->role == SONDE_ROLE_TRACE_STATE ||
	       column->role == SONDE_ROLE_SCOPE_NAME || column->role == SONDE_ROLE_SCOPE_VERSION;
}

static int reserve_recodes(struct step *step, uint32_t count)
{
	struct recode *recodes;

	if (count <= step->recode_count)
		return 0;
	recodes = reallocarray(step->recodes, count, sizeof(*recodes));
	if (!recodes)
		return -ENOMEM;
	memset(recodes + step->recode_count, 0, (count - step->recode_count) * sizeof(*recodes));
	step->recodes = recodes;
	step->recode_count = count;
	return 0;
}

/* All columns that have texts, attributes without a column of their own among them. A change takes
 * the place of its column, so that their order stays. */
static int mask_every(struct masking *masking, struct passage *passage, struct step *step)
{
	int result = reserve_recodes(step, passage->batch->column_count);

	for (uint32_t i = 0; result >= 0 && i < passage->batch->column_count; i++) {
		struct sonde_column column = *sonde_column(passage->batch, i);

		if (has_texts(&column) && !is_fixed(&column))
			result = mask_column(masking, &step->recodes[i], &column);
	}
	return result;
}

static int mask_named(struct masking *masking, struct passage *passage, struct step *step)
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
		if (has_texts(&column))
			result = mask_column(masking, &step->recodes[i], &column);
		else
			step_misfit(passage, step, &column, "there is no text in it");
	}
	return result;
}

int step_mask(struct passage *passage, struct step *step)
{
	struct masking masking = { .passage = passage, .step = step };
	int result = step->every ? mask_every(&masking, passage, step)
				 : mask_named(&masking, passage, step);

	masking_clear(&masking);
	return result;
}
