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

	block->picks_all = !condition && !valid;
	block->pick_count = block->count;
	if (block->picks_all && block->picks_stand)
		return;
	block->picks_stand = block->picks_all;
	if (block->picks_all) {
		for (uint32_t i = 0; i < block->count; i++)
			block->picks[i] = i;
		memcpy(block->picked, block->groups, block->count * sizeof(*block->groups));
		return;
	}
	for (uint32_t i = 0; i < block->count; i++) {
		block->picks[count] = i;
		block->picked[count] = block->groups[i];
		count += sonde_bit(condition, block->rows[i]) & sonde_bit(valid, block->rows[i]);
	}
	block->pick_count = count;
	block->picks_all = count == block->count;
}

/* Takes picks out of the list: that at `from` becomes that at `to`. */
static inline void pick_move(struct block *block, uint32_t from, uint32_t to)
{
	block->picks[to] = block->picks[from];
	block->picked[to] = block->picked[from];
}

static void picks_cut(struct block *block, uint32_t count)
{
	block->picks_all = block->picks_all && count == block->pick_count;
	block->picks_stand = block->picks_stand && block->picks_all;
	block->pick_count = count;
}

/* Before values are added: which groups have any. -ENOMEM. */
static int seen_mark(struct block *block, struct state *state)
{
	if (!state->seen && block->picks_all && block->pick_count == block->count)
		return 0;
	if (state_make_seen(block->table, state, block->known_count, block->known_other) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < block->pick_count; i++)
		state->seen[block->picked[i]] = 1;
	return 0;
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

/* Counts are as many as events, as long as every row is counted with a weight of 1. What events
 * the rows at hand have is among those already. */
static int counts_part(struct block *block, struct state *state)
{
	if (state->counts)
		return 0;
	if (state_make_counts(block->table, state) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < block->count; i++)
		state->counts[block->groups[i]] -= block->has_events ? block->events[i] : 1;
	return 0;
}

static int add_counts(struct block *block, struct state *state)
{
	if (!state->counts && block->weighing == WEIGH_ONE && block->picks_all)
		return 0;
	if (counts_part(block, state) < 0)
		return -ENOMEM;
	if (block->weighing == WEIGH_REAL) {
		if (STATE_MAKE(block->table, state, reals) < 0)
			return -ENOMEM;
		for (uint32_t i = 0; i < block->pick_count; i++) {
			uint32_t place = block->picks[i];
			double events = block->has_events ? (double)block->events[place] : 1;

			state->reals[block->picked[i]] += block->real_weights[place] * events;
		}
		return 0;
	}
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t place = block->picks[i];
		uint64_t *count = &state->counts[block->picked[i]], more = 1;

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
	if (counts_part(block, state) < 0 ||
	    ((real || block->weighing == WEIGH_REAL) && STATE_MAKE(block->table, state, reals) < 0))
		return -ENOMEM;
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t place = block->picks[i], group = block->picked[i];
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

/* What does not fit into 64 bits goes into 128. */
static int add_carried(struct block *block, struct state *state, uint32_t group, __int128 value)
{
	if (STATE_MAKE(block->table, state, carried) < 0)
		return -ENOMEM;
	state->carried[group] += value;
	return 0;
}

static int add_wholes(struct block *block, struct state *state, const struct sonde_column *column)
{
	bool plain = block->weighing == WEIGH_ONE, positive = is_unsigned(column);
	int result = seen_mark(block, state);

	for (uint32_t i = 0; i < block->pick_count && !result; i++) {
		int64_t *sum = &state->wholes[block->picked[i]], whole = block->wholes[i], all;
		__int128 value;

		if (plain && !(positive && whole < 0) &&
		    !__builtin_add_overflow(*sum, whole, &all)) {
			*sum = all;
			continue;
		}
		value = positive ? (__int128)(uint64_t)whole : whole;
		if (!plain)
			value *= block->weights[block->picks[i]];
		if (value >= INT64_MIN && value <= INT64_MAX &&
		    !__builtin_add_overflow(*sum, (int64_t)value, &all))
			*sum = all;
		else
			result = add_carried(block, state, block->picked[i], value);
	}
	return result;
}

static int add_reals(struct block *block, struct state *state)
{
	if (STATE_MAKE(block->table, state, reals) < 0 || seen_mark(block, state) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < block->pick_count; i++)
		state->reals[block->picked[i]] += block->reals[i] * weight_of(block, i);
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
		pick_move(block, i, kept);
		kept += (flags & SONDE_HAS_SUM) && ret_counts[kept] > 0;
	}
	picks_cut(block, kept);
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
		return add_wholes(block, state, column);
	}
	load_real(block, column, counts);
	return add_reals(block, state);
}

static int add_means(struct block *block, struct state *state, const struct sonde_column *column)
{
	double counts[BLOCK_ROWS];

	load_real(block, column, counts);
	if (seen_mark(block, state) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t group = block->picked[i];

		state->reals[group] += block->reals[i] * weight_of(block, i);
		state->weights[group] += counts[i] * weight_of(block, i);
	}
	return 0;
}

/* ---- values that are chosen -------------------------------------------------------------- */

/* Numbers as words in their order; what is no number goes. */
static void load_ordered(struct block *block, const struct sonde_column *column)
{
	uint32_t type = wide_type(column->type), kept = 0;
	uint64_t *words = (uint64_t *)block->wholes;

	if (type != SONDE_DOUBLE) {
		block_load_wholes(block, column);
		for (uint32_t i = 0; i < block->pick_count; i++)
			words[i] = word_ordered(type, words[i]);
		return;
	}
	block_load_reals(block, column);
	for (uint32_t i = 0; i < block->pick_count; i++) {
		memcpy(&words[kept], &block->reals[i], sizeof(*words));
		words[kept] = word_ordered(type, words[kept]);
		pick_move(block, i, kept);
		kept += !isnan(block->reals[i]);
	}
	picks_cut(block, kept);
}

static int choose_extremes(struct block *block, struct state *state,
			   const struct sonde_column *column, enum function function)
{
	const uint64_t *words = (const uint64_t *)block->wholes;

	load_ordered(block, column);
	if (seen_mark(block, state) < 0)
		return -ENOMEM;
	if (function == FUNCTION_MINIMUM) {
		for (uint32_t i = 0; i < block->pick_count; i++) {
			uint64_t *best = &state->chosen[block->picked[i]];

			*best = words[i] < *best ? words[i] : *best;
		}
		return 0;
	}
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint64_t *best = &state->chosen[block->picked[i]];

		*best = words[i] > *best ? words[i] : *best;
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
		pick_move(block, i, kept);
		kept += code != INTERN_FULL;
	}
	block->unmerged_count += block->pick_count - kept;
	picks_cut(block, kept);
}

static int choose_by_time(struct block *block, struct state *state, uint32_t measure,
			  const struct sonde_column *column, enum function function)
{
	if (class_of(column->type) == CLASS_TEXT)
		load_texts(block, &block->layout->measures[measure].memo, column);
	else
		load_ordered(block, column);
	if (seen_mark(block, state) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < block->pick_count; i++) {
		uint32_t group = block->picked[i];
		int64_t time = block->times[block->rows[block->picks[i]]];

		if (function == FUNCTION_FIRST ? time >= state->times[group]
					       : time < state->times[group])
			continue;
		state->chosen[group] = (uint64_t)block->wholes[i];
		state->times[group] = time;
	}
	return 0;
}

/* ---- histograms -------------------------------------------------------------------------- */

enum { AHEAD = 16 }; /* rows whose cache lines are on their way while one is recorded */

/* A row that comes soon needs what describes its group's buckets; one that comes sooner, whose
 * description is there, its bucket. */
static inline void prefetch_bucket(const struct block *block, const struct state *state, uint32_t i)
{
	const struct distribution *next;
	uint32_t place;

	if (i + 2 * AHEAD >= block->pick_count)
		return;
	__builtin_prefetch(&state->distributions[block->picked[i + 2 * AHEAD]], 1);
	next = &state->distributions[block->picked[i + AHEAD]];
	place = (uint32_t)(block->buckets[i + AHEAD] - next->offset);
	if (place < next->length)
		__builtin_prefetch(&next->counts[place], 1);
}

static int record_wholes(struct block *block, struct state *state,
			 const struct sonde_column *column)
{
	bool positive = is_unsigned(column);
	int result = 0;

	block_load_wholes(block, column);
	for (uint32_t i = 0; i < block->pick_count; i++)
		block->buckets[i] = bucket_of_whole((uint64_t)block->wholes[i] | !block->wholes[i]);
	for (uint32_t i = 0; i < block->pick_count && result != -ENOMEM; i++) {
		struct distribution *into = &state->distributions[block->picked[i]];
		int64_t whole = block->wholes[i];
		uint64_t value = (uint64_t)whole, weight = block_weight(block, block->picks[i]);
		bool negative = !positive && whole < 0;
		uint32_t place = (uint32_t)(block->buckets[i] - into->offset);

		prefetch_bucket(block, state, i);
		if (value && !negative && into->scale == MEASURE_SCALE && place < into->length &&
		    weight <= UINT32_MAX - into->counts[place]) {
			into->counts[place] += (uint32_t)weight;
			into->count = count_add(into->count, weight);
			into->sum += (double)value * (double)weight;
			continue;
		}
		result = distribution_record_whole(into, negative ? -value : value, negative,
						   weight, &block->table->pool);
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
			&state->distributions[block->picked[i]], block->reals[i],
			block_weight(block, block->picks[i]), &block->table->pool);
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
				&state->distributions[block->picked[i]], &head, column->heap,
				block_weight(block, block->picks[i]), &block->table->pool);
		block->unmerged_count += result < 0;
	}
	return result == -ENOMEM ? result : 0;
}

static int merge_explicits(struct block *block, struct state *state,
			   const struct sonde_column *column)
{
	int result = STATE_MAKE(block->table, state, explicits);

	for (uint32_t i = 0; i < block->pick_count && result != -ENOMEM; i++) {
		struct sonde_explicit head;

		memcpy(&head, block_value(block, column, block->picks[i]), sizeof(head));
		if (head.counts_start + (uint64_t)head.length > column->heap_length ||
		    head.bounds_start + (uint64_t)head.length > column->heap_length + 1ull)
			result = -EINVAL;
		else
			result = explicit_merge(
				&state->explicits[block->picked[i]], &head,
				column->heap + head.counts_start, column->heap + head.bounds_start,
				block_weight(block, block->picks[i]), &block->table->pool);
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

	if (!column && function != FUNCTION_COUNT) {
		block->picks_all = false;
		block->pick_count = 0;
		return state->distributions ? 0 : seen_mark(block, state);
	}
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

	block->picks_stand = false;
	for (uint32_t i = 0; i < block->table->shape->measure_count; i++) {
		int added = measure_add(block, i);

		result = result ? result : added;
	}
	return result;
}
