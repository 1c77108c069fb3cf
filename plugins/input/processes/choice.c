// SPDX-License-Identifier: Apache-2.0
/* Holds events against filters, and chooses processes for samples. */
#include "choice.h"

#include <string.h>

static const char *const change_names[] = {
	[SONDE_PROCESS_FORKED] = "fork",
	[SONDE_PROCESS_EXECED] = "exec",
	[SONDE_PROCESS_EXITED] = "exit",
};

bool choice_add_change(struct lists *lists, const char *name)
{
	for (uint32_t change = 0; change <= SONDE_PROCESS_EXITED; change++)
		if (!strcmp(name, change_names[change])) {
			lists->changes[change] = true;
			return true;
		}
	return false;
}

static bool id_is_listed(const uint64_t *ids, uint32_t count, uint64_t id)
{
	for (uint32_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return !count;
}

static bool user_is_listed(const struct lists *lists, uint32_t id)
{
	for (uint32_t i = 0; i < lists->user_count; i++)
		if (lists->user_ids[i] == id)
			return true;
	return !lists->user_count;
}

bool choice_of_process(const struct lists *lists, const struct sonde_process_event *event)
{
	return event->image->tgid != sonde_kernel_own_tgid() &&
	       id_is_listed(lists->cgroup_ids, lists->cgroup_count, event->cgroup_id) &&
	       user_is_listed(lists, event->user_id);
}

bool choice_of_event(const struct rules *rules, const struct lists *lists,
		     const struct sonde_process_event *event)
{
	if (!lists->changes[event->change])
		return false;
	if (event->change != SONDE_PROCESS_EXITED)
		return true;
	return event->time_ns - event->image->start_ns >= (uint64_t)rules->minimum_duration_ns &&
	       (!rules->failures_only || event->status);
}

/* By a hash of its identity, which follows no rhythm. */
bool choice_of_sample(const struct sonde_process_image *image, uint64_t seed, uint32_t one_in)
{
	uint64_t mixed = (image->start_ns ^ seed) + image->tgid * 0x9e3779b97f4a7c15ull;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ull;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
	mixed ^= mixed >> 31;
	return (mixed >> 32) * one_in >> 32 == 0;
}
