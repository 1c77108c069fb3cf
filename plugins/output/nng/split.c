// SPDX-License-Identifier: Apache-2.0
/* Which rows go where: keys as hashes, and batches of those that go together. */
#include "split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rendezvous.h"

/* Of the row, else of its scope, else of its resource. */
static const struct sonde_column *find_column(const struct sonde_batch *batch, const char *name)
{
	const struct sonde_column *found = NULL;

	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (!strcmp(column->name, name) && (!found || column->scope < found->scope))
			found = column;
	}
	return found;
}

/* Integers of any width that are equal have equal hashes. */
static bool integer_at(const struct sonde_column *column, uint32_t row, uint64_t *ret_value)
{
	const void *value = sonde_value(column, row);
	union {
		int8_t i8;
		int16_t i16;
		int32_t i32;
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} as;

	if (column->value_size > sizeof(as))
		return false;
	memcpy(&as, value, column->value_size);
	switch (column->type) {
	case SONDE_BOOL:
	case SONDE_U8:
		*ret_value = as.u8;
		return true;
	case SONDE_U16:
		*ret_value = as.u16;
		return true;
	case SONDE_U32:
		*ret_value = as.u32;
		return true;
	case SONDE_I8:
		*ret_value = (uint64_t)as.i8;
		return true;
	case SONDE_I16:
		*ret_value = (uint64_t)as.i16;
		return true;
	case SONDE_I32:
		*ret_value = (uint64_t)as.i32;
		return true;
	case SONDE_U64:
	case SONDE_I64:
	case SONDE_TIME:
	case SONDE_DURATION:
		*ret_value = as.u64;
		return true;
	default:
		return false;
	}
}

static uint64_t hash_value(uint64_t hash, const struct sonde_column *column, uint32_t row)
{
	struct sonde_text text;
	uint64_t integer;

	if (!sonde_valid(column, row))
		return rendezvous_hash(hash, NULL, 0);
	if (column->dictionary) {
		text = sonde_text_at(column, row);
		return rendezvous_hash(hash, text.data, text.length);
	}
	if (!integer_at(column, row, &integer))
		return rendezvous_hash(hash, sonde_value(column, row), column->value_size);
	return rendezvous_hash(
		hash,
		(unsigned char[]){ (unsigned char)integer, (unsigned char)(integer >> 8),
				   (unsigned char)(integer >> 16), (unsigned char)(integer >> 24),
				   (unsigned char)(integer >> 32), (unsigned char)(integer >> 40),
				   (unsigned char)(integer >> 48), (unsigned char)(integer >> 56) },
		8);
}

void split_keys(const struct sonde_batch *batch, const struct sonde_texts *columns,
		uint64_t *ret_hashes)
{
	memset(ret_hashes, 0, batch->row_count * sizeof(*ret_hashes));
	for (uint32_t i = 0; i < columns->count; i++) {
		const struct sonde_column *column = find_column(batch, columns->items[i]);

		for (uint32_t row = 0; row < batch->row_count; row++) {
			if (!column)
				ret_hashes[row] = rendezvous_hash(ret_hashes[row], NULL, 0);
			else if (column->stride || !row)
				ret_hashes[row] = hash_value(ret_hashes[row], column, row);
			else
				ret_hashes[row] = hash_value(ret_hashes[row], column, 0);
		}
	}
}

void split_choose(const uint64_t *hashes, uint32_t row_count, const uint64_t *places,
		  uint32_t count, uint64_t there, uint8_t *ret_places)
{
	for (uint32_t row = 0; row < row_count; row++)
		ret_places[row] =
			row && hashes[row] == hashes[row - 1]
				? ret_places[row - 1]
				: (uint8_t)rendezvous_choose(places, count, there, hashes[row]);
}

int split_take(struct sonde_instance *instance, struct sonde_batch *batch, const uint8_t *places,
	       uint8_t place, struct sonde_batch **ret_batch)
{
	uint32_t taken = 0, selected = 0;
	unsigned char *bits = calloc(1, batch->row_count / 8 + 1);
	struct sonde_batch *derived = NULL;
	int result = 0;

	if (!bits)
		return -ENOMEM;
	for (uint32_t row = 0; row < batch->row_count; row++) {
		bool is_selected = sonde_selected(batch, row);

		selected += is_selected;
		if (!is_selected || places[row] != place)
			continue;
		bits[row >> 3] |= (unsigned char)(1 << (row & 7));
		taken++;
	}
	if (taken && taken == selected) {
		derived = sonde_batch_hold(instance, batch);
	} else if (taken) {
		derived = sonde_batch_derive(instance, batch);
		result = derived ? sonde_batch_select(instance, derived, bits) : -ENOMEM;
	}
	free(bits);
	if (result) {
		if (derived)
			sonde_batch_release(instance, derived);
		return result;
	}
	*ret_batch = derived;
	return (int)(taken > 0);
}
