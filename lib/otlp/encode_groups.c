// SPDX-License-Identifier: Apache-2.0
/* The rows of a batch by what they have in common: resource, within it scope, within it metric. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "encode_groups.h"

#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static int reserve(struct groups *groups, uint32_t row_count, uint32_t column_count)
{
	uint32_t **arrays[] = { &groups->rows,  &groups->ids[0], &groups->ids[1], &groups->ids[2],
				&groups->order, &groups->sorted, &groups->starts };

	for (size_t i = 0; row_count > groups->row_capacity && i < sizeof(arrays) / sizeof(*arrays);
	     i++) {
		uint32_t *grown = reallocarray(*arrays[i], (size_t)row_count + 1, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*arrays[i] = grown;
	}
	if (row_count > groups->row_capacity)
		groups->row_capacity = row_count;
	if (column_count > groups->column_capacity) {
		const struct sonde_column **grown =
			reallocarray(groups->columns, column_count, sizeof(*groups->columns));

		if (!grown)
			return -ENOMEM;
		groups->columns = grown;
		groups->column_capacity = column_count;
	}
	return 0;
}

/* An empty table of slots for so many places. */
static int reserve_slots(struct groups *groups, uint32_t row_count)
{
	uint32_t count = 16;

	while (count < 2 * (uint64_t)row_count && count < UINT32_C(1) << 31)
		count *= 2;
	if (count > groups->slot_capacity) {
		free(groups->slots);
		groups->slot_capacity = 0;
		groups->slots = malloc(count * sizeof(*groups->slots));
		if (!groups->slots)
			return -ENOMEM;
		groups->slot_capacity = count;
	}
	memset(groups->slots, 0, count * sizeof(*groups->slots));
	groups->slot_count = count;
	return 0;
}

/* ---- values ------------------------------------------------------------------------------ */

static bool has_dictionary(const struct sonde_column *column)
{
	return column->type == SONDE_TEXT || column->type == SONDE_BYTES ||
	       column->type == SONDE_ANY;
}

/* Whether two rows have the same bytes in a column: of codes, that is enough but not needed. */
static bool same_bytes(const struct sonde_column *column, uint32_t left, uint32_t right)
{
	return !memcmp(sonde_value(column, left), sonde_value(column, right), column->value_size);
}

static bool same_value(const struct sonde_column *column, uint32_t left, uint32_t right)
{
	bool valid = sonde_valid(column, left);
	struct sonde_text a, b;

	if (valid != sonde_valid(column, right))
		return false;
	if (!valid || same_bytes(column, left, right))
		return true;
	if (!has_dictionary(column) || (column->dictionary && column->dictionary->distinct))
		return false;
	a = sonde_text_at(column, left);
	b = sonde_text_at(column, right);
	return a.length == b.length && (!a.length || !memcmp(a.data, b.data, a.length));
}

static bool same_values(const struct groups *groups, uint32_t left, uint32_t right)
{
	for (uint32_t i = 0; i < groups->column_count; i++) {
		if (!same_value(groups->columns[i], left, right))
			return false;
	}
	return true;
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t length)
{
	const unsigned char *bytes = data;
	uint64_t word;

	for (; length >= sizeof(word); length -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * HASH_FACTOR;
		hash ^= hash >> 32;
	}
	word = length;
	if (length)
		memcpy((unsigned char *)&word + 1, bytes, length);
	hash = (hash ^ word) * HASH_FACTOR;
	return hash ^ hash >> 32;
}

static uint64_t hash_row(const struct groups *groups, uint64_t hash, uint32_t row)
{
	for (uint32_t i = 0; i < groups->column_count; i++) {
		const struct sonde_column *column = groups->columns[i];
		struct sonde_text text;

		if (!sonde_valid(column, row)) {
			hash = hash_bytes(hash, NULL, 0);
		} else if (has_dictionary(column) &&
			   !(column->dictionary && column->dictionary->distinct)) {
			text = sonde_text_at(column, row);
			hash = hash_bytes(hash, text.data, text.length);
		} else {
			hash = hash_bytes(hash, sonde_value(column, row), column->value_size);
		}
	}
	return hash;
}

/* ---- levels ------------------------------------------------------------------------------ */

/* The columns of a level in which rows can differ. */
static void find_columns(struct groups *groups, enum group_level level)
{
	uint32_t scope = level == GROUP_RESOURCE ? SONDE_SCOPE_RESOURCE
			 : level == GROUP_SCOPE  ? SONDE_SCOPE_SCOPE
						 : SONDE_SCOPE_ROW;

	groups->column_count = 0;
	for (uint32_t i = 0; i < groups->batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(groups->batch, i);

		if (column->scope != scope || (!column->stride && !column->valid))
			continue;
		if (level == GROUP_METRIC && column->role != SONDE_ROLE_METRIC)
			continue;
		groups->columns[groups->column_count++] = column;
	}
}

/* The place of the first row that is like the one at `place`, or that place. */
static uint32_t find_like(struct groups *groups, const uint32_t *outer, uint32_t place)
{
	uint32_t row = groups->rows[place];
	uint64_t hash = hash_row(groups, outer ? outer[place] : 0, row);
	uint32_t slot = (uint32_t)(hash >> 32) & (groups->slot_count - 1);

	for (;; slot = (slot + 1) & (groups->slot_count - 1)) {
		uint32_t like = groups->slots[slot];

		if (!like) {
			groups->slots[slot] = place + 1;
			return place;
		}
		like--;
		if ((!outer || outer[like] == outer[place]) &&
		    same_values(groups, groups->rows[like], row))
			return like;
	}
}

/* Numbers the groups of a level, within those of the level around it (NULL: there is one). */
static int number_level(struct groups *groups, const uint32_t *outer, uint32_t *ids)
{
	uint32_t count = 0, like;

	if (reserve_slots(groups, groups->row_count) < 0)
		return -ENOMEM;
	for (uint32_t place = 0; place < groups->row_count; place++) {
		if (place && (!outer || outer[place] == outer[place - 1]) &&
		    same_values(groups, groups->rows[place - 1], groups->rows[place])) {
			ids[place] = ids[place - 1];
			continue;
		}
		like = find_like(groups, outer, place);
		ids[place] = like == place ? count++ : ids[like];
	}
	return 0;
}

/* Sorts `order` by ids, equal ones as they were. */
static void sort_level(struct groups *groups, const uint32_t *ids)
{
	uint32_t *swap = groups->sorted, last = 0, sum = 0;
	bool sorted = true;

	for (uint32_t place = 0; place < groups->row_count; place++) {
		sorted = sorted && ids[groups->order[place]] >= last;
		last = ids[groups->order[place]];
	}
	if (sorted)
		return;
	memset(groups->starts, 0, ((size_t)groups->row_count + 1) * sizeof(*groups->starts));
	for (uint32_t place = 0; place < groups->row_count; place++)
		groups->starts[ids[place]]++;
	for (uint32_t id = 0; id < groups->row_count; id++) {
		uint32_t count = groups->starts[id];

		groups->starts[id] = sum;
		sum += count;
	}
	for (uint32_t place = 0; place < groups->row_count; place++) {
		uint32_t from = groups->order[place];

		groups->sorted[groups->starts[ids[from]]++] = from;
	}
	groups->sorted = groups->order;
	groups->order = swap;
}

/* ---- runs -------------------------------------------------------------------------------- */

static int add_run(struct groups *groups, uint32_t place, uint32_t opens)
{
	if (groups->run_count == groups->run_capacity) {
		uint32_t capacity = groups->run_capacity ? groups->run_capacity * 2 : 16;
		struct group_run *grown =
			reallocarray(groups->runs, capacity, sizeof(*groups->runs));

		if (!grown)
			return -ENOMEM;
		groups->runs = grown;
		groups->run_capacity = capacity;
	}
	groups->runs[groups->run_count++] = (struct group_run){ .first = place, .opens = opens };
	return 0;
}

/* Splits the places in their order where any level changes; the rows take that order. */
static int make_runs(struct groups *groups, uint32_t *const *levels)
{
	for (uint32_t place = 0; place < groups->row_count; place++) {
		uint32_t opens = place ? GROUP_LEVEL_COUNT : GROUP_RESOURCE;

		for (uint32_t level = 0; place && level < GROUP_LEVEL_COUNT; level++) {
			if (levels[level] && levels[level][groups->order[place]] !=
						     levels[level][groups->order[place - 1]]) {
				opens = level;
				break;
			}
		}
		if (opens < GROUP_LEVEL_COUNT && add_run(groups, place, opens) < 0)
			return -ENOMEM;
		groups->runs[groups->run_count - 1].count++;
	}
	for (uint32_t place = 0; place < groups->row_count; place++)
		groups->sorted[place] = groups->rows[groups->order[place]];
	memcpy(groups->rows, groups->sorted, groups->row_count * sizeof(*groups->rows));
	return 0;
}

static int make_levels(struct groups *groups, bool by_metric)
{
	uint32_t *levels[GROUP_LEVEL_COUNT] = { NULL }, *outer = NULL;

	for (uint32_t level = 0; level < (by_metric ? GROUP_LEVEL_COUNT : GROUP_METRIC); level++) {
		find_columns(groups, level);
		if (!groups->column_count)
			continue;
		if (number_level(groups, outer, groups->ids[level]) < 0)
			return -ENOMEM;
		outer = levels[level] = groups->ids[level];
	}
	if (!outer) {
		if (add_run(groups, 0, GROUP_RESOURCE) < 0)
			return -ENOMEM;
		groups->runs[0].count = groups->row_count;
		return 0;
	}
	for (uint32_t place = 0; place < groups->row_count; place++)
		groups->order[place] = place;
	for (uint32_t level = GROUP_LEVEL_COUNT; level--;) {
		if (levels[level])
			sort_level(groups, levels[level]);
	}
	return make_runs(groups, levels);
}

int groups_make(struct groups *groups, const struct sonde_batch *batch, uint32_t first_row,
		uint32_t end_row, bool by_metric)
{
	groups->batch = batch;
	groups->row_count = groups->run_count = 0;
	if (end_row > batch->row_count)
		end_row = batch->row_count;
	if (first_row >= end_row)
		return 0;
	if (reserve(groups, end_row - first_row, batch->column_count) < 0)
		return -ENOMEM;
	for (uint32_t row = first_row; row < end_row && !batch->selected; row++)
		groups->rows[groups->row_count++] = row;
	for (uint32_t row = first_row; row < end_row && batch->selected; row++) {
		groups->rows[groups->row_count] = row;
		groups->row_count += sonde_selected(batch, row);
	}
	return groups->row_count ? make_levels(groups, by_metric) : 0;
}

void groups_release(struct groups *groups)
{
	free(groups->rows);
	for (uint32_t level = 0; level < GROUP_LEVEL_COUNT; level++)
		free(groups->ids[level]);
	free(groups->order);
	free(groups->sorted);
	free(groups->starts);
	free(groups->slots);
	free(groups->runs);
	free(groups->columns);
	memset(groups, 0, sizeof(*groups));
}
