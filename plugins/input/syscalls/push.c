// SPDX-License-Identifier: Apache-2.0
/* What pipelines ask of the input that its programs can do, in the words of their settings. */
#include "push.h"

#include <math.h>
#include <string.h>

#include "names.h"

#define SAMPLE_LIMIT 1000000.0 /* one in so many, at most */

enum {
	PUSH_SCALE = 3,                      /* of the kernel's histograms */
	PUSH_WINDOW_SHORTEST_NS = 100000000, /* as long as the shortest interval of readings */
};

/* ---- conditions -------------------------------------------------------------------------- */

/* The calls of these names; false where a value is no name of a call. */
static bool calls_named(const struct sonde_condition *condition, bool named[SONDE_SYSCALL_INDEXES])
{
	uint32_t indexes[2];
	char name[64];

	for (uint32_t i = 0; i < condition->value_count; i++) {
		const struct sonde_any *value = &condition->values[i];
		uint32_t found;

		if (value->kind != SONDE_ANY_TEXT || value->length >= sizeof(name))
			return false;
		memcpy(name, value->as.data, value->length);
		name[value->length] = '\0';
		found = names_find(name, indexes);
		if (!found)
			return false;
		while (found--)
			named[indexes[found]] = true;
	}
	return true;
}

static bool take_calls(const struct sonde_condition *condition, struct push *push)
{
	bool named[SONDE_SYSCALL_INDEXES] = { false }, any = false;
	bool wanted = condition->comparison == SONDE_EQUAL;

	if ((!wanted && condition->comparison != SONDE_NOT_EQUAL) || !calls_named(condition, named))
		return false;
	for (uint32_t i = 0; i < SONDE_SYSCALL_INDEXES; i++) {
		named[i] = named[i] == wanted && (!push->has_calls || push->calls[i]);
		any |= named[i];
	}
	if (!any)
		return false;
	memcpy(push->calls, named, sizeof(named));
	return push->has_calls = true;
}

static bool take_condition(const struct sonde_condition *condition, struct push_shape shape,
			   struct push *push)
{
	const char *column = condition->column;

	if (!strcmp(column, "syscall.name"))
		return take_calls(condition, push);
	if (!strcmp(column, "cgroup.id"))
		return asked_cgroups(condition, &push->targets);
	if (!strcmp(column, "process.pid") && (!shape.aggregates || shape.per_process))
		return asked_processes(condition, &push->targets);
	if (shape.aggregates) /* the rest are columns of events alone */
		return false;
	if (!strcmp(column, "syscall.duration"))
		return asked_minimum(condition, &push->minimum_duration_ns);
	if (!strcmp(column, "error.type") && condition->comparison == SONDE_IS_NOT_NULL)
		return push->errors_only = true;
	return false;
}

/* ---- asks -------------------------------------------------------------------------------- */

static bool take_sample(double ratio, struct push_shape shape, struct push *push)
{
	double one_in = round(1 / ratio);

	if (!shape.events || shape.aggregates || one_in > SAMPLE_LIMIT ||
	    fabs(one_in * ratio - 1) > 1e-9)
		return false;
	push->sample_one_in = (uint32_t)one_in;
	return true;
}

static uint32_t by_of(const char *column)
{
	return !strcmp(column, "cgroup.id")        ? PUSH_BY_CGROUP
	       : !strcmp(column, "process.pid")    ? PUSH_BY_PROCESS
	       : !strcmp(column, "syscall.name")   ? PUSH_BY_NAME
	       : !strcmp(column, "syscall.compat") ? PUSH_BY_COMPAT
						   : 0;
}

/* 0: the kernel does not keep it. */
static uint32_t what_of(const struct sonde_measure *measure)
{
	const struct sonde_condition *condition = measure->conditions;

	if (measure->function == SONDE_COUNT && !measure->column) {
		if (!measure->condition_count)
			return PUSH_CALLS;
		return measure->condition_count == 1 && !strcmp(condition->column, "error.type") &&
				       condition->comparison == SONDE_IS_NOT_NULL
			       ? PUSH_ERRORS
			       : 0;
	}
	if (measure->condition_count || strcmp(measure->column, "syscall.duration") != 0)
		return 0;
	if (measure->function == SONDE_HISTOGRAM && measure->scale <= PUSH_SCALE)
		return PUSH_DURATION;
	return measure->function == SONDE_SUM ? PUSH_DURATION_SUM : 0;
}

static bool take_fold(const struct sonde_ask *ask, struct push_shape shape, struct push *push)
{
	struct push_fold fold = { .window_ns = ask->window_ns,
				  .measure_count = ask->measure_count };

	if (!shape.events || shape.aggregates || !shape.whole || push->sample_one_in ||
	    ask->window_ns < PUSH_WINDOW_SHORTEST_NS || ask->measure_count > PUSH_MEASURES)
		return false;
	for (uint32_t i = 0; i < ask->by_count; i++) {
		uint32_t by = by_of(ask->by[i]);

		if (!by)
			return false;
		fold.by |= by;
	}
	for (uint32_t i = 0; i < ask->measure_count; i++) {
		fold.measures[i] =
			(struct push_measure){ ask->measures[i].name, what_of(&ask->measures[i]) };
		if (!fold.measures[i].what)
			return false;
	}
	push->fold = fold;
	return true;
}

uint64_t push_take(const struct sonde_asks *asks, struct push_shape shape, struct push *ret_push)
{
	struct push push = { 0 };
	uint64_t taken = 0;

	for (uint32_t i = 0; i < asks->count; i++) {
		const struct sonde_ask *ask = sonde_ask(asks, i);
		bool done = false;

		if (ask->kind == SONDE_ASK_FILTER)
			done = take_condition(&ask->condition, shape, &push);
		else if (ask->kind == SONDE_ASK_SAMPLE)
			done = take_sample(ask->ratio, shape, &push);
		else if (taken == (i < 64 ? (1ull << i) - 1 : 0)) /* all that stands before it */
			done = take_fold(ask, shape, &push);
		taken |= (uint64_t)done << i;
	}
	*ret_push = push;
	return taken;
}

/* ---- settings ---------------------------------------------------------------------------- */

bool push_calls(const struct push *push, uint32_t calls[SONDE_SYSCALL_INDEXES], uint32_t *count)
{
	uint32_t kept[SONDE_SYSCALL_INDEXES], kept_count = 0;

	if (!push->has_calls)
		return true;
	for (uint32_t index = 0; index < SONDE_SYSCALL_INDEXES; index++) {
		bool wanted = push->calls[index] && !*count;

		for (uint32_t i = 0; i < *count && push->calls[index] && !wanted; i++)
			wanted = calls[i] == index;
		if (wanted)
			kept[kept_count++] = index;
	}
	if (!kept_count)
		return false;
	memcpy(calls, kept, kept_count * sizeof(kept[0]));
	*count = kept_count;
	return true;
}

void push_apply(const struct push *push, struct probe_settings *settings)
{
	if (push->minimum_duration_ns > settings->minimum_duration_ns)
		settings->minimum_duration_ns = push->minimum_duration_ns;
	settings->errors_only |= push->errors_only;
	if (push->sample_one_in > 1) { /* both, one after the other */
		uint64_t one_in = (uint64_t)settings->sample_one_in * push->sample_one_in;

		settings->sample_one_in = one_in > UINT32_MAX ? UINT32_MAX : (uint32_t)one_in;
	}
	if (push->fold.window_ns) {
		settings->mode = SONDE_SYSCALLS_AGGREGATE;
		settings->per_process = push->fold.by & PUSH_BY_PROCESS;
	}
}
