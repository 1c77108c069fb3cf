// SPDX-License-Identifier: Apache-2.0
/* What pipelines ask of inputs whose programs look at tasks: whose events, and how long at least.
 */
#include "asked.h"

#include <math.h>

static bool has_integer(const struct sonde_condition *condition, uint64_t value)
{
	for (uint32_t i = 0; i < condition->value_count; i++)
		if ((uint64_t)condition->values[i].as.integer == value)
			return true;
	return false;
}

/* 0 is no id: inputs give it to what has none, which no comparison is true of. */
static bool are_ids(const struct sonde_condition *condition, int64_t maximum)
{
	for (uint32_t i = 0; i < condition->value_count; i++)
		if (condition->values[i].kind != SONDE_ANY_INTEGER ||
		    condition->values[i].as.integer <= 0 ||
		    condition->values[i].as.integer > maximum)
			return false;
	return condition->comparison == SONDE_EQUAL && condition->value_count > 0 &&
	       condition->value_count <= ASKED_IDS;
}

static bool ids_take(const struct sonde_condition *condition, int64_t maximum, uint64_t *ids,
		     uint32_t *count)
{
	uint64_t kept[ASKED_IDS];
	uint32_t kept_count = 0;

	if (!are_ids(condition, maximum))
		return false;
	if (!*count) /* all, so far */
		for (uint32_t i = 0; i < condition->value_count; i++)
			kept[kept_count++] = (uint64_t)condition->values[i].as.integer;
	for (uint32_t i = 0; i < *count; i++)
		if (has_integer(condition, ids[i]))
			kept[kept_count++] = ids[i];
	for (uint32_t i = 0; i < kept_count; i++)
		ids[i] = kept[i];
	if (kept_count)
		*count = kept_count;
	return kept_count;
}

bool asked_cgroups(const struct sonde_condition *condition, struct asked_targets *targets)
{
	return ids_take(condition, INT64_MAX, targets->cgroup_ids, &targets->cgroup_count);
}

bool asked_processes(const struct sonde_condition *condition, struct asked_targets *targets)
{
	return ids_take(condition, INT32_MAX, targets->tgids, &targets->tgid_count);
}

bool asked_minimum(const struct sonde_condition *condition, uint64_t *minimum_ns)
{
	const struct sonde_any *value = condition->values;
	bool above = condition->comparison == SONDE_MORE;
	double bound;

	if (!above && condition->comparison != SONDE_MORE_OR_EQUAL)
		return false;
	if (value->kind == SONDE_ANY_INTEGER)
		bound = (double)value->as.integer;
	else if (value->kind == SONDE_ANY_DOUBLE)
		bound = value->as.number;
	else
		return false;
	bound = above ? floor(bound) + 1 : ceil(bound);
	if (!(bound >= 1 && bound <= 9007199254740992.0)) /* exact as a double */
		return false;
	if ((uint64_t)bound > *minimum_ns)
		*minimum_ns = (uint64_t)bound;
	return true;
}

bool asked_narrow(const struct asked_targets *asked, struct sonde_kernel_targets *targets)
{
	uint64_t cgroup_ids[ASKED_IDS], tgids[ASKED_IDS];
	uint32_t cgroup_count = 0, tgid_count = 0;

	for (uint32_t i = 0; i < asked->cgroup_count; i++) {
		bool wanted = !targets->cgroup_count;

		for (uint32_t k = 0; k < targets->cgroup_count && !wanted; k++)
			wanted = targets->cgroup_ids[k] == asked->cgroup_ids[i];
		if (wanted)
			cgroup_ids[cgroup_count++] = asked->cgroup_ids[i];
	}
	for (uint32_t i = 0; i < asked->tgid_count; i++) {
		bool wanted = !targets->tgid_count;

		for (uint32_t k = 0; k < targets->tgid_count && !wanted; k++)
			wanted = targets->tgids[k] == asked->tgids[i];
		if (wanted)
			tgids[tgid_count++] = asked->tgids[i];
	}
	if ((asked->cgroup_count && !cgroup_count) || (asked->tgid_count && !tgid_count))
		return false;
	for (uint32_t i = 0; i < cgroup_count; i++)
		targets->cgroup_ids[i] = cgroup_ids[i];
	for (uint32_t i = 0; i < tgid_count; i++)
		targets->tgids[i] = (uint32_t)tgids[i];
	if (asked->cgroup_count)
		targets->cgroup_count = cgroup_count;
	if (asked->tgid_count)
		targets->tgid_count = tgid_count;
	return true;
}
