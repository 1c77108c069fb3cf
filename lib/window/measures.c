// SPDX-License-Identifier: Apache-2.0
/* Rows of a block whose groups are known: added to one measure after the other. */
#include <errno.h>
#include <math.h>

#include "block.h"

/* ---- which rows -------------------------------------------------------------------------- */

/* A part of a result fulfils the condition already. */
static void picks_find(struct block *block, uint32_t measure, const struct sonde_column *column)
{
	const struct bound_measure *bound = &block->layout->measures[measure];
	const unsigned char *condition = bound->is_part ? NULL : block->conditions[measure];
	const unsigned char *valid = column ? column->valid : NULL;
	uint32_t count = 0;

	if (!condition && !valid) {
		for (uint32_t i = 0; i < block->count; i++)
			block->picks[i] = i;
		block->pick_count = block->count;
		return;
	}
	for (uint32_t i = 0; i < block->count; i++) {
		block->picks[count] = i;
		count += sonde_bit(condition, block->rows[i]) & sonde_bit(valid, block->rows[i]);
	}
	block->pick_count = count;
}

static inline uint32_t group_of(const struct block *block, uint32_t pick)
{
	return block->groups[block->picks[pick]];
}

static inline double weight_of(const struct block *block, uint32_t pick)
{
	return block->weighing == WEIGH_ONE ? 1 : block->real_weights[block->picks[pick]];
}

static bool is_unsigned(const struct sonde_column *column)
{
	return column->type == SONDE_U64;
}

static double whole_as_real(const struct sonde_column *column, int64_t whole)
{
	return is_unsigned(column) ? (double)(uint64_t)whole : (double)whole;
}

/* ---- counts and sums --------------------------------------------------------------------- */

static int add_counts(struct block *block, struct state *state)
{
	if (block->weighing == WEIGH_REAL) {
		if (state_make_real(block->table, state) < 0)
			return -ENOMEM;
		for (uint32_t i = 0; i < block->pick_count; i++) {
			uint32_t place = block->picks[i];
			double events = block->has_events ? (double)block->events[place] : 1;

			state->reals[block->groups[place]] += block->real_weights[place] * events;
		}
		return 0;
	}
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t place = block->picks[i];
		uint64_t *count = &state->counts[block->groups[place]], more = 1;

		if (block->has_events)
			more = block->events[place];
		if (block->weighing == WEIGH_WHOLE &&
		    __builtin_mul_overflow(more, block->weights[place], &more))
			more = UINT64_MAX;
		*count = count_add(*count, more);
	}
	return 0;
}

/* Counts that were made before: what they say, instead of events. */
static int add_counted(struct block *block, struct state *state, const struct sonde_column *column)
{
	bool real = class_of(column->type) == CLASS_REAL;

	if (real)
		block_load_reals(block, column);
	else
		block_load_wholes(block, column);
	if ((real || block->weighing == WEIGH_REAL) && state_make_real(block->table, state) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t place = block->picks[i], group = block->groups[place];
		uint64_t more = (uint64_t)block->wholes[i];

		if (real || block->weighing == WEIGH_REAL) {
			double value =
				real ? block->reals[i] : whole_as_real(column, block->wholes[i]);

			state->reals[group] += value * weight_of(block, i);
			continue;
		}
		if (!is_unsigned(column) && block->wholes[i] < 0)
			continue; /* no count is */
		if (block->weighing == WEIGH_WHOLE &&
		    __builtin_mul_overflow(more, block->weights[place], &more))
			more = UINT64_MAX;
		state->counts[group] = count_add(state->counts[group], more);
	}
	return 0;
}

static void add_wholes(struct block *block, struct state *state, const struct sonde_column *column)
{
	bool weighed = block->weighing == WEIGH_WHOLE, positive = is_unsigned(column);

	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t group = group_of(block, i);
		__int128 value = positive ? (__int128)(uint64_t)block->wholes[i] : block->wholes[i];

		if (weighed)
			value *= block->weights[block->picks[i]];
		state->wholes[group] += value;
		state->seen[group] = 1;
	}
}

static int add_reals(struct block *block, struct state *state)
{
	if (state_make_real(block->table, state) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t group = group_of(block, i);

		state->reals[group] += block->reals[i] * weight_of(block, i);
		state->seen[group] = 1;
	}
	return 0;
}

/* The sums of histograms as real numbers, and how many values these are; picks without go. */
static void load_histogram_sums(struct block *block, const struct sonde_column *column,
				double *ret_counts)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < block->pick_count; i++) {
		const unsigned char *at = block_value(block, column, block->picks[i]);
		struct sonde_exponential exponential;
		struct sonde_explicit explicit;
		uint32_t flags;

		if (column->type == SONDE_EXPONENTIAL) {
			memcpy(&exponential, at, sizeof(exponential));
			flags = exponential.flags;
			block->reals[kept] = exponential.sum;
			ret_counts[kept] = (double)exponential.count;
		} else {
			memcpy(&explicit, at, sizeof(explicit));
			flags = explicit.flags;
			block->reals[kept] = explicit.sum;
			ret_counts[kept] = (double)explicit.count;
		}
		block->picks[kept] = block->picks[i];
		kept += (flags & SONDE_HAS_SUM) && ret_counts[kept] > 0;
	}
	block->pick_count = kept;
}

/* Numbers of the column as real ones; of histograms their sums. ret_counts: how many values each
 * stands for. */
static void load_real(struct block *block, const struct sonde_column *column, double *ret_counts)
{
	enum class class = class_of(column->type);

	if (class == CLASS_EXPONENTIAL || class == CLASS_EXPLICIT) {
		load_histogram_sums(block, column, ret_counts);
		return;
	}
	if (class == CLASS_REAL)
		block_load_reals(block, column);
	else
		block_load_wholes(block, column);
	for (uint32_t i = 0; i < block->pick_count; i++) {
		if (class == CLASS_WHOLE)
			block->reals[i] = whole_as_real(column, block->wholes[i]);
		ret_counts[i] = 1;
	}
}

static int add_sums(struct block *block, struct state *state, const struct sonde_column *column)
{
	double counts[BLOCK_ROWS];

	if (class_of(column->type) == CLASS_WHOLE && block->weighing != WEIGH_REAL) {
		block_load_wholes(block, column);
		add_wholes(block, state, column);
		return 0;
	}
	load_real(block, column, counts);
	return add_reals(block, state);
}

static int add_means(struct block *block, struct state *state, const struct sonde_column *column)
{
	double counts[BLOCK_ROWS];

	load_real(block, column, counts);
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t group = group_of(block, i);

		state->reals[group] += block->reals[i] * weight_of(block, i);
		state->weights[group] += counts[i] * weight_of(block, i);
		state->seen[group] = 1;
	}
	return 0;
}

/* ---- values that are chosen -------------------------------------------------------------- */

/* Whether bits a are less than b, as values of a type. */
static bool is_less(uint32_t type, uint64_t a, uint64_t b)
{
	double x, y;

	if (type == SONDE_DOUBLE) {
		memcpy(&x, &a, sizeof(x));
		memcpy(&y, &b, sizeof(y));
		return x < y;
	}
	return type == SONDE_U64 ? a < b : (int64_t)a < (int64_t)b;
}

static void load_bits(struct block *block, const struct sonde_column *column)
{
	if (class_of(column->type) == CLASS_WHOLE)
		block_load_wholes(block, column);
	else
		block_load_reals(block, column);
	if (class_of(column->type) != CLASS_WHOLE)
		memcpy(block->wholes, block->reals, block->pick_count * sizeof(*block->wholes));
}

static int choose_extremes(struct block *block, struct state *state,
			   const struct sonde_column *column, enum function function)
{
	uint32_t type = wide_type(column->type);
	bool minimum = function == FUNCTION_MINIMUM;

	load_bits(block, column);
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t group = group_of(block, i);
		uint64_t value = (uint64_t)block->wholes[i], *best = &state->bits[group];

		if (type == SONDE_DOUBLE && isnan(block->reals[i]))
			continue;
		if (!state->seen[group] ||
		    is_less(type, minimum ? value : *best, minimum ? *best : value))
			*best = value;
		state->seen[group] = 1;
	}
	return 0;
}

/* Interned codes; texts that find no room there have none, and their picks go. */
static void load_texts(struct block *block, struct text_memo *memo,
		       const struct sonde_column *column)
{
	bool remembered = text_memo_prepare(memo, block->instance, block->batch, column);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t entry, code;

		memcpy(&entry, block_value(block, column, block->picks[i]), sizeof(entry));
		code = remembered ? text_memo_code(memo, column, block->intern, entry)
				  : text_code(column, block->intern, entry);
		block->wholes[kept] = code;
		block->picks[kept] = block->picks[i];
		kept += code != INTERN_FULL;
	}
	block->unmerged_count += block->pick_count - kept;
	block->pick_count = kept;
}

static int choose_by_time(struct block *block, struct state *state, uint32_t measure,
			  const struct sonde_column *column, enum function function)
{
	if (class_of(column->type) == CLASS_TEXT)
		load_texts(block, &block->layout->measures[measure].memo, column);
	else
		load_bits(block, column);
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t group = group_of(block, i);
		int64_t time = block->times[block->rows[block->picks[i]]];

		if (state->seen[group] && (function == FUNCTION_FIRST ? time >= state->times[group]
								      : time < state->times[group]))
			continue;
		state->bits[group] = (uint64_t)block->wholes[i];
		state->times[group] = time;
		state->seen[group] = 1;
	}
	return 0;
}

/* ---- histograms -------------------------------------------------------------------------- */

static int record_wholes(struct block *block, struct state *state,
			 const struct sonde_column *column)
{
	bool positive = is_unsigned(column);
	int result = 0;

	block_load_wholes(block, column);
	for (uint32_t i = 0; i < block->pick_count; i++)
		__builtin_prefetch(&state->distributions[group_of(block, i)], 1);
	for (uint32_t i = 0; i < block->pick_count && result != -ENOMEM; i++) {
		struct distribution *into = &state->distributions[group_of(block, i)];
		int64_t whole = block->wholes[i];
		uint64_t value = (uint64_t)whole, weight = block_weight(block, block->picks[i]);
		bool negative = !positive && whole < 0;
		uint32_t place;

		if (value && !negative && into->scale == MEASURE_SCALE) {
			place = (uint32_t)(bucket_of_whole(value) - into->offset);
			if (place < into->length) {
				into->counts[place] = count_add(into->counts[place], weight);
				into->count = count_add(into->count, weight);
				into->sum += (double)value * (double)weight;
				continue;
			}
		}
		result = distribution_record_whole(into, negative ? -value : value, negative,
						   weight, block->table->budget);
		block->unmerged_count += result < 0;
	}
	return result == -ENOMEM ? result : 0;
}

static int record_reals(struct block *block, struct state *state, const struct sonde_column *column)
{
	int result = 0;

	block_load_reals(block, column);
	for (uint32_t i = 0; i < block->pick_count && result != -ENOMEM; i++) {
		result = distribution_record_real(
			&state->distributions[group_of(block, i)], block->reals[i],
			block_weight(block, block->picks[i]), block->table->budget);
		block->unmerged_count += result < 0;
	}
	return result == -ENOMEM ? result : 0;
}

static int merge_exponentials(struct block *block, struct state *state,
			      const struct sonde_column *column)
{
	int result = 0;

	for (uint32_t i = 0; i < block->pick_count && result != -ENOMEM; i++) {
		struct sonde_exponential head;

		memcpy(&head, block_value(block, column, block->picks[i]), sizeof(head));
		if (head.positive_start + (uint64_t)head.positive_length > column->heap_length ||
		    head.negative_start + (uint64_t)head.negative_length > column->heap_length)
			result = -EINVAL;
		else
			result = distribution_merge(
				&state->distributions[group_of(block, i)], &head, column->heap,
				block_weight(block, block->picks[i]), block->table->budget);
		block->unmerged_count += result < 0;
	}
	return result == -ENOMEM ? result : 0;
}

static int merge_explicits(struct block *block, struct state *state,
			   const struct sonde_column *column)
{
	int result = state_make_explicit(block->table, state);

	for (uint32_t i = 0; i < block->pick_count && result != -ENOMEM; i++) {
		struct sonde_explicit head;

		memcpy(&head, block_value(block, column, block->picks[i]), sizeof(head));
		if (head.counts_start + (uint64_t)head.length > column->heap_length ||
		    head.bounds_start + (uint64_t)head.length > column->heap_length + 1ull)
			result = -EINVAL;
		else
			result = explicit_merge(
				&state->explicits[group_of(block, i)], &head,
				column->heap + head.counts_start, column->heap + head.bounds_start,
				block_weight(block, block->picks[i]), block->table->budget);
		block->unmerged_count += result < 0;
	}
	return result == -ENOMEM ? result : 0;
}

/* ---- all --------------------------------------------------------------------------------- */

static int measure_add(struct block *block, uint32_t measure)
{
	const struct bound_measure *bound = &block->layout->measures[measure];
	enum function function = block->table->shape->measures[measure].function;
	struct state *state = &block->table->states[measure];
	const struct sonde_column *column =
		bound->column == COLUMN_NONE ? NULL : sonde_column(block->batch, bound->column);

	if (!column && function != FUNCTION_COUNT)
		return 0;
	picks_find(block, measure, column);
	switch (function) {
	case FUNCTION_COUNT:
		return column ? add_counted(block, state, column) : add_counts(block, state);
	case FUNCTION_SUM:
		return add_sums(block, state, column);
	case FUNCTION_MEAN:
		return add_means(block, state, column);
	case FUNCTION_MINIMUM:
	case FUNCTION_MAXIMUM:
		return choose_extremes(block, state, column, function);
	case FUNCTION_FIRST:
	case FUNCTION_LAST:
		return choose_by_time(block, state, measure, column, function);
	default:
		return bound->class == CLASS_WHOLE  ? record_wholes(block, state, column)
		       : bound->class == CLASS_REAL ? record_reals(block, state, column)
		       : bound->class == CLASS_EXPONENTIAL
			       ? merge_exponentials(block, state, column)
			       : merge_explicits(block, state, column);
	}
}

int block_measure(struct block *block)
{
	int result = 0;

	for (uint32_t i = 0; i < block->table->shape->measure_count; i++) {
		int added = measure_add(block, i);

		result = result ? result : added;
	}
	return result;
}
