// SPDX-License-Identifier: Apache-2.0
/* Groups added to groups: slides to the windows that they are part of, and few rows to "other". */
#include <errno.h>

#include "table.h"

static void join_chosen(const struct shape_measure *measure, struct state *into, uint32_t group,
			const struct state *from, uint32_t other)
{
	uint64_t value = from->bits[other], best = into->bits[group];
	bool less;
	double x, y;

	if (!from->seen[other])
		return;
	memcpy(&x, &value, sizeof(x));
	memcpy(&y, &best, sizeof(y));
	less = measure->type == SONDE_DOUBLE ? x < y
	       : measure->type == SONDE_U64  ? value < best
					     : (int64_t)value < (int64_t)best;
	if (measure->function == FUNCTION_MAXIMUM)
		less = !less && value != best;
	if (into->times)
		less = measure->function == FUNCTION_FIRST
			       ? from->times[other] < into->times[group]
			       : from->times[other] >= into->times[group];
	if (into->seen[group] && !less)
		return;
	into->bits[group] = value;
	into->seen[group] = 1;
	if (into->times)
		into->times[group] = from->times[other];
}

static int join_histograms(struct table *table, struct state *into, uint32_t group,
			   const struct state *from, uint32_t other)
{
	int result = distribution_join(&into->distributions[group], &from->distributions[other],
				       table->budget);
	const struct explicit_sum *sum = from->explicits ? &from->explicits[other] : NULL;

	if (result < 0 || !sum || !sum->head.count)
		return result;
	if (state_make_explicit(table, into) < 0)
		return -ENOMEM;
	return explicit_merge(&into->explicits[group], &sum->head, sum->counts,
			      sum->counts + sum->head.length, 1, table->budget);
}

static int join_measure(struct table *table, uint32_t index, uint32_t group,
			const struct table *other_table, uint32_t other)
{
	const struct shape_measure *measure = &table->shape->measures[index];
	struct state *into = &table->states[index];
	const struct state *from = &other_table->states[index];

	if (from->distributions)
		return join_histograms(table, into, group, from, other);
	if (from->bits) {
		join_chosen(measure, into, group, from, other);
		return 0;
	}
	if (from->reals && state_make_real(table, into) < 0)
		return -ENOMEM;
	if (from->counts)
		into->counts[group] = count_add(into->counts[group], from->counts[other]);
	if (from->wholes)
		into->wholes[group] += from->wholes[other];
	if (from->reals)
		into->reals[group] += from->reals[other];
	if (from->weights)
		into->weights[group] += from->weights[other];
	if (from->seen)
		into->seen[group] |= from->seen[other];
	return 0;
}

int table_join(struct table *table, uint32_t group, const struct table *other, uint32_t other_group)
{
	int unmerged = 0;

	for (uint32_t i = 0; i < table->shape->measure_count; i++) {
		int result = join_measure(table, i, group, other, other_group);

		if (result == -ENOMEM)
			return result;
		unmerged += result < 0;
	}
	return unmerged;
}

int table_join_all(struct table *table, const struct table *other, bool with_events)
{
	uint32_t words = table->shape->words;
	int unmerged = 0;

	for (uint32_t from = other->has_other ? GROUP_OTHER : 1; from < other->count; from++) {
		uint32_t group = from == GROUP_OTHER
					 ? GROUP_OTHER
					 : table_find(table, other->keys + (size_t)from * words,
						      other->hashes[from]);
		int result = table_join(table, group, other, from);

		if (result < 0)
			return result;
		unmerged += result;
		table->has_other = table->has_other || group == GROUP_OTHER;
		if (with_events)
			table->events[group] += other->events[from];
	}
	return unmerged;
}
