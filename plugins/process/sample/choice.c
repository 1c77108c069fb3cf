// SPDX-License-Identifier: Apache-2.0
/* Which rows of a batch are kept, and what each of those stands for. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "choice.h"
#include "sampling.h"

static const uint64_t STEP = UINT64_C(0x9e3779b97f4a7c15); /* of random numbers */

/* ---- room -------------------------------------------------------------------------------- */

void choice_close(struct choice *choice)
{
	free(choice->keys);
	free(choice->randomness);
	free(choice->thresholds);
	free(choice->befores);
	free(choice->factors);
	free(choice->buckets);
	free(choice->kept);
	*choice = (struct choice){ 0 };
}

static bool make_room(struct choice *choice, uint32_t row_count)
{
	uint32_t capacity = (row_count + 1023) / 1024 * 1024;
	size_t bits = capacity / 8;

	if (row_count <= choice->capacity)
		return true;
	choice_close(choice);
	choice->keys = calloc(capacity, sizeof(*choice->keys));
	choice->randomness = calloc(capacity, sizeof(*choice->randomness));
	choice->thresholds = calloc(capacity, sizeof(*choice->thresholds));
	choice->befores = calloc(capacity, sizeof(*choice->befores));
	choice->factors = calloc(capacity, sizeof(*choice->factors));
	choice->buckets = calloc(capacity, sizeof(*choice->buckets));
	choice->kept = calloc(5, bits);
	if (!choice->keys || !choice->randomness || !choice->thresholds || !choice->befores ||
	    !choice->factors || !choice->buckets || !choice->kept) {
		choice_close(choice);
		return false;
	}
	choice->known = choice->kept + bits;
	choice->free = choice->known + bits;
	choice->raised = choice->free + bits;
	choice->spare = choice->raised + bits;
	choice->capacity = capacity;
	return true;
}

static void bit_set(unsigned char *bits, uint32_t row)
{
	bits[row >> 3] |= (unsigned char)(1u << (row & 7));
}

static void bit_clear(unsigned char *bits, uint32_t row)
{
	bits[row >> 3] &= (unsigned char)~(1u << (row & 7));
}

/* ---- what rows carry --------------------------------------------------------------------- */

const struct sonde_column *choice_role(const struct sonde_batch *batch, uint32_t role)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == role && column->scope == SONDE_SCOPE_ROW)
			return column;
	}
	return NULL;
}

static const struct sonde_column *find_text(const struct sonde_batch *batch, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == SONDE_ROLE_ATTRIBUTE && column->scope == SONDE_SCOPE_ROW &&
		    column->type == SONDE_TEXT && !strcmp(column->name, name))
			return column;
	}
	return NULL;
}

static struct carried find_carried(const struct sonde_batch *batch)
{
	struct carried carried = { .weight = choice_role(batch, SONDE_ROLE_WEIGHT) };

	if (batch->signal == SONDE_SIGNAL_SPAN) {
		carried.state = choice_role(batch, SONDE_ROLE_TRACE_STATE);
		if (carried.state && carried.state->type != SONDE_TEXT)
			carried.state = NULL;
	} else if (batch->signal == SONDE_SIGNAL_LOG) {
		carried.threshold = find_text(batch, "sampling.threshold");
		carried.randomness = find_text(batch, "sampling.randomness");
	}
	return carried;
}

static struct trace_state state_at(const struct carried *carried, uint32_t row)
{
	struct trace_state found = { .randomness = UINT64_MAX };

	if (carried->state)
		return trace_state_read(sonde_text_at(carried->state, row));
	if (carried->threshold)
		(void)threshold_read(sonde_text_at(carried->threshold, row), &found.threshold);
	if (carried->randomness)
		(void)randomness_read(sonde_text_at(carried->randomness, row), &found.randomness);
	return found;
}

/* Thresholds from before, and where rows go by their trace, what is said of its randomness. */
static void read_carried(struct choice *choice, const struct sonde_batch *batch)
{
	const struct carried *carried = &choice->carried;

	choice->has_befores = false;
	if (!carried->state && !carried->threshold && !carried->randomness)
		return;
	for (uint32_t row = 0; row < batch->row_count; row++) {
		struct trace_state state = state_at(carried, row);

		choice->befores[row] = state.threshold;
		choice->has_befores = choice->has_befores || state.threshold;
		if (choice->way == CHOICE_TRACE && state.randomness != UINT64_MAX) {
			choice->randomness[row] = state.randomness;
			bit_set(choice->known, row);
		}
	}
}

double choice_weight_before(const struct choice *choice, uint32_t row)
{
	const struct sonde_column *column = choice->carried.weight;
	double weight = column ? sonde_number_at(column, row) : 1;
	double carried = choice->has_befores ? threshold_weight(choice->befores[row]) : 1;

	/* Null, 0 and what is no number say nothing. */
	return weight > carried ? weight : carried;
}

/* ---- randomness -------------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *random)
{
	return key_mix(*random += STEP);
}

static const struct sonde_column *find_trace(const struct chooser *chooser,
					     const struct sonde_batch *batch)
{
	const struct sonde_texts *names = &chooser->key->columns;
	const struct sonde_column *column = NULL;

	if (!names->count && batch->signal == SONDE_SIGNAL_SPAN)
		column = choice_role(batch, SONDE_ROLE_TRACE_ID);
	else if (names->count == 1)
		column = key_find(batch, names->items[0]);
	return column && column->role == SONDE_ROLE_TRACE_ID && column->type == SONDE_ID16 ? column
											   : NULL;
}

static void read_traces(struct choice *choice, const struct sonde_column *column, uint32_t count)
{
	if (column->valid)
		memcpy(choice->known, column->valid, (count + 7) / 8);
	else
		memset(choice->known, 0xff, (count + 7) / 8);
	for (uint32_t row = 0; row < count; row++)
		choice->randomness[row] = trace_randomness(sonde_value(column, row));
}

/* A row that was sampled before is chosen anew, independent of how it was chosen then: else those
 * that are left would all be kept again, and yet stand for more. */
static void read_keys(struct choice *choice, const struct sonde_batch *batch)
{
	for (uint32_t row = 0; row < batch->row_count; row++) {
		uint64_t key = choice->keys[row], bits;
		double weight = choice_weight_before(choice, row);

		if (weight > 1) {
			memcpy(&bits, &weight, sizeof(bits));
			key = key_mix(key ^ bits);
		}
		choice->randomness[row] = key >> 8;
	}
}

/* Rows without a key or trace are chosen at random. */
static void fill_rest(struct choice *choice, uint64_t *random, uint32_t count)
{
	for (uint32_t row = 0; row < count; row++) {
		if (!sonde_bit(choice->known, row))
			choice->randomness[row] = random_next(random) >> 8;
	}
}

static void fill_random(struct choice *choice, uint64_t *random, uint32_t count)
{
	uint64_t state = *random;

	for (uint32_t row = 0; row < count; row++)
		choice->randomness[row] = key_mix(state + (row + 1) * STEP) >> 8;
	*random = state + count * STEP;
}

static uint64_t count_unknown(const struct choice *choice, const struct sonde_batch *batch)
{
	uint64_t count = 0;

	for (uint32_t row = 0; row < batch->row_count; row++)
		count += sonde_selected(batch, row) && !sonde_bit(choice->known, row);
	return count;
}

static bool are_all_known(const struct choice *choice, uint32_t count)
{
	for (uint32_t byte = 0; byte < count / 8; byte++) {
		if (choice->known[byte] != 0xff)
			return false;
	}
	for (uint32_t row = count / 8 * 8; row < count; row++) {
		if (!sonde_bit(choice->known, row))
			return false;
	}
	return true;
}

static void find_randomness(struct choice *choice, const struct chooser *chooser,
			    const struct sonde_batch *batch)
{
	const struct sonde_column *trace = find_trace(chooser, batch);
	uint32_t count = batch->row_count, names = chooser->key->columns.count;

	choice->way = trace ? CHOICE_TRACE : names ? CHOICE_KEY : CHOICE_RANDOM;
	if (names && (choice->way == CHOICE_KEY || chooser->limit))
		key_run(chooser->key, chooser->instance, batch, choice->keys, choice->known);
	else if (chooser->limit)
		memset(choice->keys, 0, count * sizeof(*choice->keys));
	if (trace)
		read_traces(choice, trace, count);
	read_carried(choice, batch);
	if (choice->way == CHOICE_RANDOM) {
		memset(choice->known, 0, (count + 7) / 8);
		fill_random(choice, chooser->random, count);
		return;
	}
	choice->by_keys = choice->way == CHOICE_KEY && !choice->carried.weight &&
			  !choice->has_befores && are_all_known(choice, count);
	if (choice->way == CHOICE_KEY && !choice->by_keys)
		read_keys(choice, batch);
	if (choice->by_keys || are_all_known(choice, count))
		return;
	fill_rest(choice, chooser->random, count);
	choice->keyless_rows = count_unknown(choice, batch);
}

/* ---- choosing by ratio ------------------------------------------------------------------- */

static inline uint32_t byte_of(const uint64_t *numbers, uint64_t bound)
{
	uint32_t byte = 0;

#pragma GCC unroll 8
	for (uint32_t i = 0; i < 8; i++)
		byte |= (uint32_t)(numbers[i] >= bound) << i;
	return byte;
}

/* The same threshold for all, and nothing from before. */
static void choose_even(struct choice *choice, uint64_t threshold, const struct sonde_batch *batch)
{
	const uint64_t *numbers = choice->by_keys ? choice->keys : choice->randomness;
	uint64_t bound = choice->by_keys ? threshold << 8 : threshold; /* keys have 64 bits */
	uint32_t count = batch->row_count;

	choice->even = true;
	choice->threshold = threshold;
	choice->factor = threshold < THRESHOLD_ALL ? threshold_weight(threshold) : 1;
	choice->kept_count = 0;
	for (uint32_t start = 0; start < count; start += 64) {
		uint32_t rows = count - start < 64 ? count - start : 64;
		uint64_t word = 0, selected = UINT64_MAX;

		for (uint32_t i = 0; i + 8 <= rows; i += 8)
			word |= (uint64_t)byte_of(numbers + start + i, bound) << i;
		for (uint32_t i = rows / 8 * 8; i < rows; i++)
			word |= (uint64_t)(numbers[start + i] >= bound) << i;
		if (batch->selected)
			memcpy(&selected, batch->selected + start / 8, (rows + 7) / 8);
		word &= le64toh(selected);
		choice->kept_count += __builtin_popcountll(word);
		word = htole64(word);
		memcpy(choice->kept + start / 8, &word, (rows + 7) / 8);
	}
	if (choice->way == CHOICE_TRACE && threshold)
		memcpy(choice->raised, choice->known, (count + 7) / 8);
}

/* Whether a row is kept; sets its factor, and whether its threshold is another now. */
static bool choose_row(struct choice *choice, uint32_t row)
{
	uint64_t threshold = choice->thresholds[row], before = 0;
	uint64_t randomness = choice->by_keys ? choice->keys[row] >> 8 : choice->randomness[row];
	bool composes = choice->way == CHOICE_TRACE && sonde_bit(choice->known, row);

	if (composes && choice->has_befores)
		before = choice->befores[row];
	if (before > randomness) { /* whoever kept it did not go by this */
		choice->inconsistent_rows++;
		before = 0;
	}
	choice->factors[row] = 1;
	if (before >= threshold && threshold < THRESHOLD_ALL)
		return true;
	if (randomness < threshold)
		return false;
	choice->factors[row] =
		(double)(THRESHOLD_ALL - before) / (double)(THRESHOLD_ALL - threshold);
	if (composes)
		bit_set(choice->raised, row);
	return true;
}

static uint64_t events_at(const struct sonde_column *events, uint32_t row)
{
	return events && sonde_valid(events, row) ? (uint64_t)sonde_number_at(events, row) : 1;
}

static void choose_apart(struct choice *choice, const struct sonde_batch *batch)
{
	const struct sonde_column *events = choice_role(batch, SONDE_ROLE_EVENTS);

	choice->even = false;
	choice->kept_count = 0;
	memset(choice->kept, 0, (batch->row_count + 7) / 8);
	memset(choice->raised, 0, (batch->row_count + 7) / 8);
	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!sonde_selected(batch, row))
			continue;
		if (choose_row(choice, row)) {
			bit_set(choice->kept, row);
			choice->kept_count++;
			choice->grown = choice->grown || choice->factors[row] > 1;
		} else if (choice->thresholds[row] == THRESHOLD_ALL) {
			choice->refused_rows++;
			choice->refused_events += events_at(events, row);
		}
	}
}

/* ---- choosing by rate -------------------------------------------------------------------- */

static bool is_limited(const struct choice *choice, uint32_t row)
{
	return sonde_bit(choice->kept, row) && !sonde_bit(choice->free, row);
}

static void choose_limited(struct choice *choice, const struct chooser *chooser,
			   const struct sonde_batch *batch, int64_t now_ns)
{
	const struct sonde_column *events = choice_role(batch, SONDE_ROLE_EVENTS);
	struct limit *limit = chooser->limit;

	limit_begin(limit, now_ns);
	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!is_limited(choice, row))
			continue;
		choice->buckets[row] = limit_count(limit, choice->keys[row], now_ns);
		choice->other_rows += !choice->buckets[row];
	}
	if (!limit_settle(limit, now_ns, random_next(chooser->random)))
		return;
	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!is_limited(choice, row))
			continue;
		if (limit_keep(limit, choice->buckets[row])) {
			choice->factors[row] /= limit->buckets[choice->buckets[row]].chance;
			choice->grown = choice->grown || choice->factors[row] > 1;
			continue;
		}
		bit_clear(choice->kept, row);
		choice->kept_count--;
		choice->limited_rows++;
		choice->limited_events += events_at(events, row);
	}
}

/* ---- all --------------------------------------------------------------------------------- */

static void forget(struct choice *choice)
{
	choice->grown = choice->by_keys = false;
	choice->refused_rows = choice->refused_events = 0;
	choice->limited_rows = choice->limited_events = 0;
	choice->keyless_rows = choice->inconsistent_rows = choice->other_rows = 0;
}

int choice_make(struct choice *choice, const struct chooser *chooser,
		const struct sonde_batch *batch, int64_t now_ns)
{
	const struct plan *plan = chooser->plan;
	bool even = plan_is_even(plan) && !chooser->limit && plan->threshold < THRESHOLD_ALL;
	int result = 0;

	if (!make_room(choice, batch->row_count))
		return -ENOMEM;
	forget(choice);
	choice->carried = find_carried(batch);
	find_randomness(choice, chooser, batch);
	if (even && !choice->has_befores && !choice->carried.weight) {
		choose_even(choice, plan->threshold, batch);
		choice->grown = choice->factor > 1;
	} else {
		result = plan_run(plan, batch, choice->thresholds, choice->free, choice->spare);
		if (result < 0)
			return result;
		choose_apart(choice, batch);
		if (chooser->limit)
			choose_limited(choice, chooser, batch, now_ns);
	}
	return 0;
}
