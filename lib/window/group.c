// SPDX-License-Identifier: Apache-2.0
/* Rows of a block: which group each belongs to, what it weighs, how many events it stands for. */
#include <errno.h>

#include "block.h"

static const uint64_t null_word = UINT64_MAX; /* no code and no number of 32 bits */

/* ---- numbers ----------------------------------------------------------------------------- */

/* A loop over the picks for each type, so that none of them asks for it; of all rows of a run it
 * only adds the stride up. */
#define LOAD(type_, into_)                                                                         \
	do {                                                                                       \
		const unsigned char *at = block_value(block, column, 0);                           \
		type_ value;                                                                       \
                                                                                                   \
		for (uint32_t i = 0; run && i < block->pick_count; i++, at += column->stride) {    \
			memcpy(&value, at, sizeof(value));                                         \
			(into_)[i] = value;                                                        \
		}                                                                                  \
		for (uint32_t i = 0; !run && i < block->pick_count; i++) {                         \
			memcpy(&value, block_value(block, column, block->picks[i]),                \
			       sizeof(value));                                                     \
			(into_)[i] = value;                                                        \
		}                                                                                  \
	} while (0)

void block_load_wholes(struct block *block, const struct sonde_column *column)
{
	bool run = block->is_run && block->picks_all;

	switch (column->type) {
	case SONDE_BOOL:
	case SONDE_U8:
		LOAD(uint8_t, block->wholes);
		break;
	case SONDE_U16:
		LOAD(uint16_t, block->wholes);
		break;
	case SONDE_U32:
		LOAD(uint32_t, block->wholes);
		break;
	case SONDE_I8:
		LOAD(int8_t, block->wholes);
		break;
	case SONDE_I16:
		LOAD(int16_t, block->wholes);
		break;
	case SONDE_I32:
		LOAD(int32_t, block->wholes);
		break;
	default:
		LOAD(int64_t, block->wholes);
	}
}

void block_load_reals(struct block *block, const struct sonde_column *column)
{
	bool run = block->is_run && block->picks_all;

	LOAD(double, block->reals);
}

/* ---- keys -------------------------------------------------------------------------------- */

static uint64_t narrow_word(const unsigned char *at, uint32_t size)
{
	uint64_t word = 0;

	memcpy(&word, at, size); /* little-endian, as all of this is */
	return word;
}

static uint64_t real_word(double value)
{
	uint64_t word;

	if (value != value)
		return 0x7ff8000000000000ull; /* every NaN is one value */
	value += 0.0;                         /* -0 is 0 */
	memcpy(&word, &value, sizeof(word));
	return word;
}

/* The same where each row has a text and all of them lie one behind the other; false: one of the
 * texts finds no room. */
static bool read_run(struct block *block, const struct by_column *by,
		     const struct sonde_column *column, struct text_memo *memo)
{
	uint32_t words = block->table->shape->words, missing = 0;
	const unsigned char *at = block_value(block, column, 0);
	uint64_t *word = block->keys + by->word;

	for (uint32_t i = 0; i < block->count; i++, word += words, at += column->stride) {
		uint32_t entry, code;

		memcpy(&entry, at, sizeof(entry));
		code = text_memo_code(memo, column, block->intern, entry);
		missing |= code == INTERN_FULL;
		*word = code;
	}
	return !missing;
}

/* Codes of texts; a text that finds no room among the interned ones has no group of its own. */
static void read_texts(struct block *block, const struct by_column *by,
		       const struct sonde_column *column, struct text_memo *memo)
{
	uint32_t words = block->table->shape->words, last = UINT32_MAX, code = INTERN_FULL;
	bool remembered =
		column->stride && text_memo_prepare(memo, block->instance, block->batch, column);
	uint64_t *word = block->keys + by->word;

	if (remembered && !column->valid && block->is_run && read_run(block, by, column, memo))
		return;
	for (uint32_t i = 0; i < block->count; i++, word += words) {
		uint32_t entry;

		if (column->valid && !sonde_bit(column->valid, block->rows[i])) {
			*word = null_word;
			continue;
		}
		memcpy(&entry, block_value(block, column, i), sizeof(entry));
		if (remembered)
			code = text_memo_code(memo, column, block->intern, entry);
		else if (!i || entry != last || code == INTERN_FULL)
			code = text_code(column, block->intern, entry);
		last = entry;
		*word = code;
		if (__builtin_expect(code == INTERN_FULL, 0))
			block->others[i] = block->has_others = true;
	}
}

static void read_numbers(struct block *block, const struct by_column *by,
			 const struct sonde_column *column)
{
	uint32_t words = block->table->shape->words;
	uint64_t *word = block->keys + by->word, *null = block->keys + words - 1;

	for (uint32_t i = 0; i < block->count; i++, word += words, null += words) {
		const unsigned char *at = block_value(block, column, i);

		if (column->valid && !sonde_bit(column->valid, block->rows[i])) {
			if (by->null_bit != UINT32_MAX)
				*null |= 1ull << by->null_bit;
			word[0] = by->null_bit != UINT32_MAX ? 0 : null_word;
			if (by->words == 2)
				word[1] = 0;
		} else if (by->words == 2) {
			memcpy(word, at, 2 * sizeof(*word));
		} else if (column->type == SONDE_DOUBLE) {
			double value;

			memcpy(&value, at, sizeof(value));
			*word = real_word(value);
		} else if (column->value_size == sizeof(*word)) {
			memcpy(word, at, sizeof(*word));
		} else {
			*word = narrow_word(at, column->value_size);
		}
	}
}

int block_reserve(struct block *block, const struct table *table)
{
	size_t needed = (size_t)table->shape->words * BLOCK_ROWS;
	uint64_t *keys;

	if (needed <= block->key_words)
		return 0;
	keys = realloc(block->keys, needed * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	block->keys = keys;
	block->key_words = needed;
	return 0;
}

static void keys_read(struct block *block)
{
	const struct shape *shape = block->table->shape;
	uint32_t words = shape->words;

	for (uint32_t i = 0; shape->has_null_word && i < block->count; i++)
		block->keys[(size_t)i * words + words - 1] = 0;
	for (uint32_t i = 0; i < shape->by_count; i++) {
		const struct by_column *by = &shape->by[i];
		const struct sonde_column *column;

		if (!by->words)
			continue;
		column = sonde_column(block->batch, block->layout->by[i]);
		if (by->dictionary)
			read_texts(block, by, column, &block->layout->by_memos[i]);
		else
			read_numbers(block, by, column);
	}
	for (uint32_t i = 0; words == 1 && i < block->count; i++)
		block->hashes[i] = key_hash(block->keys + i, 1);
	for (uint32_t i = 0; words != 1 && i < block->count; i++)
		block->hashes[i] = key_hash(block->keys + (size_t)i * words, words);
}

/* Rows that are a group "other" of another table stay that. */
static void others_read(struct block *block)
{
	const struct sonde_column *column;

	block->has_others = false;
	memset(block->others, 0, block->count);
	if (block->layout->other == COLUMN_NONE)
		return;
	column = sonde_column(block->batch, block->layout->other);
	for (uint32_t i = 0; i < block->count; i++) {
		if (sonde_valid(column, block->rows[i]) && *block_value(block, column, i))
			block->others[i] = block->has_others = true;
	}
}

/* ---- weights and events ------------------------------------------------------------------ */

static void pick_all(struct block *block)
{
	for (uint32_t i = 0; i < block->count; i++)
		block->picks[i] = i;
	block->pick_count = block->count;
	block->picks_all = true;
}

/* A row without a weight, or with one that makes no sense, weighs 1. */
static void weights_read(struct block *block)
{
	const struct sonde_column *column;
	bool whole = true;

	block->weighing = WEIGH_ONE;
	if (block->layout->weight == COLUMN_NONE)
		return;
	column = sonde_column(block->batch, block->layout->weight);
	pick_all(block);
	if (column->type == SONDE_DOUBLE)
		block_load_reals(block, column);
	else
		block_load_wholes(block, column);
	for (uint32_t i = 0; i < block->count; i++) {
		double real = column->type == SONDE_DOUBLE ? block->reals[i]
			      : column->type == SONDE_U64  ? (double)(uint64_t)block->wholes[i]
							   : (double)block->wholes[i];

		if (!sonde_valid(column, block->rows[i]) || !(real >= 0) || real > 0x1p62)
			real = 1;
		block->real_weights[i] = real;
		block->weights[i] = (uint64_t)real;
		whole = whole && real == (double)block->weights[i];
	}
	block->weighing = whole ? WEIGH_WHOLE : WEIGH_REAL;
}

static void events_read(struct block *block)
{
	const struct sonde_column *column;

	block->has_events = block->layout->events != COLUMN_NONE;
	if (!block->has_events)
		return;
	column = sonde_column(block->batch, block->layout->events);
	pick_all(block);
	block_load_wholes(block, column);
	for (uint32_t i = 0; i < block->count; i++) {
		bool negative = column->type != SONDE_U64 && block->wholes[i] < 0;

		block->events[i] = !sonde_valid(column, block->rows[i]) ? 1
				   : negative                           ? 0
					      : (uint64_t)block->wholes[i];
	}
}

static void events_add(struct block *block)
{
	uint64_t *events = block->table->events;

	for (uint32_t i = 0; !block->has_events && i < block->count; i++)
		events[block->groups[i]]++;
	for (uint32_t i = 0; block->has_events && i < block->count; i++)
		events[block->groups[i]] = count_add(events[block->groups[i]], block->events[i]);
}

/* Splitmix: equal seeds give equal numbers, and every test the same result. */
static uint64_t chance_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t block_weight(struct block *block, uint32_t place)
{
	double weight, floor;

	if (block->weighing == WEIGH_ONE)
		return 1;
	if (block->weighing == WEIGH_WHOLE)
		return block->weights[place];
	weight = block->real_weights[place];
	floor = (double)block->weights[place];
	return block->weights[place] +
	       ((double)(chance_next(&block->chance) >> 11) * 0x1p-53 < weight - floor);
}

void block_group(struct block *block)
{
	others_read(block);
	keys_read(block);
	weights_read(block);
	events_read(block);
	block->known_count = block->table->count;
	block->known_other = block->table->has_other;
	block->other_count += table_find_all(block->table, block->keys, block->hashes,
					     block->has_others ? block->others : NULL, block->count,
					     block->groups);
	events_add(block);
}
