// SPDX-License-Identifier: Apache-2.0
/* Entries of values, and columns made of them. */
#include "facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 64 };

struct sonde_batch *enriched_open(struct sonde_instance *instance, struct enriched *enriched)
{
	if (!enriched->derived)
		enriched->derived = sonde_batch_derive(instance, enriched->from);
	return enriched->derived;
}

bool enriched_has(const struct enriched *enriched, const char *name)
{
	const struct sonde_batch *batch = enriched->derived ? enriched->derived : enriched->from;

	for (uint32_t i = 0; i < batch->column_count; i++) {
		const char *other = sonde_column(batch, i)->name;

		if (*other == *name && strcmp(other, name) == 0)
			return true;
	}
	return false;
}

/* ---- entries ----------------------------------------------------------------------------- */

static bool is_coded(uint32_t type)
{
	return type == SONDE_TEXT || type == SONDE_ANY;
}

static bool array_grow(void *array, size_t count, size_t size)
{
	void **place = array, *grown = reallocarray(*place, count ? count : 1, size ? size : 1);

	if (grown)
		*place = grown;
	return grown != NULL;
}

static bool entries_grow(struct facts *facts)
{
	uint32_t capacity = facts->capacity ? 2 * facts->capacity : CAPACITY_FIRST;

	if (capacity < facts->capacity)
		return false;
	for (uint32_t i = 0; i < facts->column_count; i++)
		if (!array_grow(&facts->columns[i].values, capacity,
				sizeof(*facts->columns[i].values)))
			return false;
	if (!array_grow(&facts->present, capacity, sizeof(*facts->present)) ||
	    !array_grow(&facts->batches, capacity, sizeof(*facts->batches)))
		return false;
	facts->capacity = capacity;
	return true;
}

static void dictionaries_release(struct facts *facts)
{
	for (uint32_t i = 0; i < facts->column_count; i++) {
		sonde_dictionary_release(facts->instance, facts->columns[i].dictionary);
		facts->columns[i].dictionary = NULL;
	}
}

/* New dictionaries for all columns that have one, or none. */
static bool dictionaries_make(const struct facts *facts, struct sonde_dictionary **ret_made)
{
	for (uint32_t i = 0; i < facts->column_count; i++) {
		ret_made[i] = NULL;
		if (!is_coded(facts->columns[i].field.type))
			continue;
		ret_made[i] = sonde_dictionary_create(facts->instance, true);
		if (ret_made[i])
			continue;
		while (i--)
			sonde_dictionary_release(facts->instance, ret_made[i]);
		return false;
	}
	return true;
}

/* A batch that is on its way keeps the dictionaries that it uses. */
int facts_clear(struct facts *facts)
{
	struct sonde_dictionary *made[FACT_LIMIT];

	if ((!facts->capacity && !entries_grow(facts)) || !dictionaries_make(facts, made))
		return -ENOMEM;
	dictionaries_release(facts);
	for (uint32_t i = 0; i < facts->column_count; i++)
		facts->columns[i].dictionary = made[i];
	facts->count = 0;
	facts->text_bytes = 0;
	(void)facts_add(facts); /* FACT_NONE, for which there is room */
	return 0;
}

int facts_open(struct facts *facts, struct sonde_instance *instance,
	       const struct sonde_field *fields, uint32_t count)
{
	*facts = (struct facts){ .instance = instance, .column_count = count, .batch = 1 };
	for (uint32_t i = 0; i < count; i++)
		facts->columns[i].field = fields[i];
	return facts_clear(facts);
}

void facts_close(struct facts *facts)
{
	if (!facts->instance)
		return;
	dictionaries_release(facts);
	for (uint32_t i = 0; i < facts->column_count; i++)
		free(facts->columns[i].values);
	free(facts->present);
	free(facts->batches);
	free(facts->places);
	free(facts->used);
	*facts = (struct facts){ 0 };
}

uint32_t facts_add(struct facts *facts)
{
	uint32_t entry = facts->count;

	if (entry == facts->capacity && !entries_grow(facts))
		return FACT_NONE;
	facts->count++;
	facts->batches[entry] = 0;
	facts_empty(facts, entry);
	return entry;
}

void facts_empty(struct facts *facts, uint32_t entry)
{
	facts->present[entry] = 0;
	for (uint32_t i = 0; i < facts->column_count; i++)
		facts->columns[i].values[entry] = 0;
}

void facts_number(struct facts *facts, uint32_t entry, uint32_t column, uint64_t value)
{
	facts->columns[column].values[entry] = value;
	facts->present[entry] |= 1u << column;
}

void facts_text(struct facts *facts, uint32_t entry, uint32_t column, const char *data,
		size_t length)
{
	struct sonde_dictionary *dictionary = facts->columns[column].dictionary;
	uint32_t before = dictionary->length;
	uint32_t code = sonde_dictionary_add(facts->instance, dictionary, data, length);

	if (code == UINT32_MAX)
		return;
	if (dictionary->length != before)
		facts->text_bytes += length;
	facts_number(facts, entry, column, code);
}

size_t facts_bytes(const struct facts *facts)
{
	size_t entry = facts->column_count * sizeof(*facts->columns->values) +
		       sizeof(*facts->present) + sizeof(*facts->batches) + sizeof(*facts->used);

	return facts->capacity * entry + facts->place_capacity * sizeof(*facts->places) +
	       facts->text_bytes;
}

/* ---- a batch ----------------------------------------------------------------------------- */

int facts_begin(struct facts *facts, uint32_t row_count)
{
	/* As many entries as there are, and one more for each row. */
	uint32_t used = facts->count + row_count;

	if (row_count > facts->place_capacity) {
		if (!array_grow(&facts->places, row_count, sizeof(*facts->places)))
			return -ENOMEM;
		facts->place_capacity = row_count;
	}
	if (used < row_count)
		return -ENOMEM;
	if (used > facts->used_capacity) {
		used += used / 2;
		if (!array_grow(&facts->used, used, sizeof(*facts->used)))
			return -ENOMEM;
		facts->used_capacity = used;
	}
	memset(facts->places, 0, row_count * sizeof(*facts->places));
	facts->used_count = 0;
	if (!++facts->batch) { /* after 2^32 of them: no entry may seem to be used already */
		facts->batch = 1;
		memset(facts->batches, 0, facts->count * sizeof(*facts->batches));
	}
	return 0;
}

/* What the entries that are used say in a column. */
struct summary {
	bool any, all, same;
	uint64_t value; /* if they are the same */
};

static struct summary summarise(const struct facts *facts, uint32_t column)
{
	struct summary summary = { .all = true, .same = true };

	for (uint32_t i = 0; i < facts->used_count; i++) {
		uint32_t entry = facts->used[i];
		uint64_t value = facts->columns[column].values[entry];

		if (!(facts->present[entry] >> column & 1)) {
			summary.all = false;
			continue;
		}
		summary.same = summary.same && (!summary.any || value == summary.value);
		summary.value = value;
		summary.any = true;
	}
	return summary;
}

/* Four at a time, since the loop costs as much as what it does. */
static void codes_gather(uint32_t *into, const uint64_t *from, const uint32_t *places,
			 uint32_t row_count)
{
	uint32_t row = 0;

	for (; row + 4 <= row_count; row += 4) {
		uint32_t one = (uint32_t)from[places[row]], two = (uint32_t)from[places[row + 1]];
		uint32_t three = (uint32_t)from[places[row + 2]];
		uint32_t four = (uint32_t)from[places[row + 3]];

		into[row] = one;
		into[row + 1] = two;
		into[row + 2] = three;
		into[row + 3] = four;
	}
	for (; row < row_count; row++)
		into[row] = (uint32_t)from[places[row]];
}

static void values_gather(const struct facts *facts, const struct sonde_column *to, uint32_t column,
			  uint32_t row_count)
{
	const uint64_t *from = facts->columns[column].values;
	const uint32_t *places = facts->places;

	if (to->value_size == sizeof(uint32_t)) {
		codes_gather((uint32_t *)(void *)to->base, from, places, row_count);
		return;
	}
	for (uint32_t row = 0; row < row_count; row++)
		memcpy(to->base + (size_t)row * to->value_size, &from[places[row]], to->value_size);
}

/* Eight rows a byte. */
static void bits_gather(const struct facts *facts, unsigned char *bits, uint32_t column,
			uint32_t row_count)
{
	const uint32_t *places = facts->places, *present = facts->present;
	uint32_t row = 0;

	for (; row + 8 <= row_count; row += 8) {
		unsigned byte = 0;

		for (uint32_t i = 0; i < 8; i++)
			byte |= (present[places[row + i]] >> column & 1) << i;
		bits[row / 8] = (unsigned char)byte;
	}
	for (; row < row_count; row++) {
		bits[row / 8] &= (unsigned char)~(1u << row % 8);
		bits[row / 8] |= (unsigned char)((present[places[row]] >> column & 1) << row % 8);
	}
}

/* Whether the entries that are used have values in both columns or in neither. */
static bool is_alike(const struct facts *facts, uint32_t one, uint32_t other)
{
	for (uint32_t i = 0; i < facts->used_count; i++) {
		uint32_t present = facts->present[facts->used[i]];

		if ((present >> one & 1) != (present >> other & 1))
			return false;
	}
	return true;
}

/* Bits of validity made before, for columns that have values in the same rows. */
struct made_bits {
	const unsigned char *bits; /* NULL: none yet */
	uint32_t column;
};

static int column_write(struct facts *facts, struct sonde_batch *batch, uint32_t column,
			const struct summary *summary, struct made_bits *made)
{
	const struct fact_column *about = &facts->columns[column];
	uint32_t code = (uint32_t)summary->value;
	const struct sonde_column *added;
	unsigned char *bits;

	if (summary->all && summary->same)
		return sonde_batch_constant(
			       facts->instance, batch, &about->field, about->dictionary,
			       about->dictionary ? (void *)&code : (void *)&summary->value)
			       ? 0
			       : -ENOMEM;
	added = sonde_batch_add(facts->instance, batch, &about->field, about->dictionary);
	if (!added)
		return -ENOMEM;
	values_gather(facts, added, column, batch->row_count);
	if (summary->all)
		return 0;
	for (uint32_t i = batch->column_count; i--;) { /* it may have replaced one */
		if (sonde_column(batch, i) != added)
			continue;
		bits = sonde_batch_valid(facts->instance, batch, i);
		if (!bits)
			return -ENOMEM;
		if (made->bits && is_alike(facts, made->column, column))
			memcpy(bits, made->bits, (batch->row_count + 7) / 8);
		else
			bits_gather(facts, bits, column, batch->row_count);
		*made = (struct made_bits){ .bits = bits, .column = column };
		break;
	}
	return 0;
}

int facts_write(struct facts *facts, struct enriched *enriched)
{
	struct made_bits made = { 0 };
	int result = 0;

	for (uint32_t column = 0; column < facts->column_count && !result; column++) {
		struct summary summary = summarise(facts, column);
		struct sonde_batch *batch;

		if (!summary.any || (!facts->overwrite &&
				     enriched_has(enriched, facts->columns[column].field.name)))
			continue;
		batch = enriched_open(facts->instance, enriched);
		result = batch ? column_write(facts, batch, column, &summary, &made) : -ENOMEM;
	}
	return result;
}
