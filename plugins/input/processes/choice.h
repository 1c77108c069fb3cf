/* SPDX-License-Identifier: Apache-2.0 */
/* Which events are wanted, by what the options name. */
#ifndef PROCESSES_CHOICE_H
#define PROCESSES_CHOICE_H

#include <sonde/processes.h>

enum { CHOICE_LIMIT = 1024 };

/* What the lists of the options name; empty ones let everything through. */
struct lists {
	uint64_t cgroup_ids[CHOICE_LIMIT];
	uint32_t user_ids[CHOICE_LIMIT];
	uint32_t cgroup_count, user_count;
	bool changes[SONDE_PROCESS_EXITED + 1];
};

/* What is done with an event. */
struct rules {
	uint32_t mode;
	uint32_t sample_one_in, rate_limit;
	bool failures_only, arguments;
	int64_t minimum_duration_ns;
};

/* Adds "fork", "exec" or "exit". False: it is none of them. */
bool choice_add_change(struct lists *lists, const char *name);

/* Whether anybody wants to know of the process. The collector itself is left out. */
bool choice_of_process(const struct lists *lists, const struct sonde_process_event *event);

/* Whether, if so, this event is wanted. */
bool choice_of_event(const struct rules *rules, const struct lists *lists,
		     const struct sonde_process_event *event);

/* Whether it is of the one in so many processes that are chosen: the same for all its events. */
bool choice_of_sample(const struct sonde_process_image *image, uint64_t seed, uint32_t one_in);

#endif
