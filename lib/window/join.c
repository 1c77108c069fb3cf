// SPDX-License-Identifier: Apache-2.0
/* Groups added to groups: slides to the windows that they are part of, and few rows to "other". */
#include <errno.h>

#include "table.h"

static void join_chosen(const struct shape_measure *measure, struct state *into, uint32_t group,
			const struct state *from, uint32_t other)
{
	uint64_t value = from->chosen[other], best = into->chosen[group];
	bool better = measure->function == FUNCTION_MINIMUM   ? value < best
		      : measure->function == FUNCTION_MAXIMUM ? value > best
		      : measure->function == FUNCTION_FIRST
			      ? from->times[other] < into->times[group]
			      : from->times[other] >= into->times[group];

	if (!better || !state_seen(from, other))
		return;
	into->chosen[group] = value;
	if (into->times)
		into->times[group] = from->times[other];
}

static int join_histograms(struct table *table, struct state *into, uint32_t group,
			   const struct state *from, uint32_t other)
{
	int result = distribution_join(&into->distributions[group], &from->distributions[other],
				       &table->pool);
	const struct explicit_sum *sum = from->explicits ? &from->explicits[other] : NULL;

	if (result < 0 || !sum || !sum->head.count)
		return result;
	if (STATE_MAKE(table, into, explicits) < 0)
		return -ENOMEM;
	return explicit_merge(&into->explicits[group], &sum->head, sum->counts,
			      sum->counts + sum->head.length, 1, &table->pool);
}

static int join_wholes(struct table *table, struct state *into, uint32_t group,
		       const struct state *from, uint32_t other)
{
	int64_t sum;

	if (into->seen)
		into->seen[group] |= state_seen(from, other);
	if (from->reals)
		into->reals[group] += from->reals[other];
	if (from->carried)
		into->carried[group] += from->carried[other];
	if (!__builtin_add_overflow(into->wholes[group], from->wholes[other], &sum)) {
		into->wholes[group] = sum;
		return 0;
	}
	if (STATE_MAKE(table, into, carried) < 0)
		return -ENOMEM;
	into->carried[group] += from->wholes[other];
	return 0;
}

static int join_measure(struct table *table, uint32_t index, uint32_t group,
			const struct table *other_table, uint32_t other)
{
	const struct shape_measure *measure = &table->shape->measures[index];
	struct state *into = &table->states[index];
	const struct state *from = &other_table->states[index];

	if (from->distributions)
		return join_histograms(table, into, group, from, other);
	if (from->chosen)
		join_chosen(measure, into, group, from, other);
	if ((from->reals && STATE_MAKE(table, into, reals) < 0) ||
	    (from->carried && STATE_MAKE(table, into, carried) < 0))
		return -ENOMEM;
	if (into->counts) /* else it follows the events */
		into->counts[group] =
			count_add(into->counts[group], state_count(other_table, from, other));
	if (from->wholes)
		return join_wholes(table, into, group, from, other);
	if (from->reals)
		into->reals[group] += from->reals[other];
	if (from->weights)
		into->weights[group] += from->weights[other];
	if (into->seen)
		into->seen[group] |= state_seen(from, other);
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
