/* SPDX-License-Identifier: Apache-2.0 */
/* What pipelines ask of inputs whose programs look at tasks: whose events, and how long at least.
 */
#ifndef SONDE_ASKED_H
#define SONDE_ASKED_H

#include <sonde/kernel.h>
#include <sonde/plugin.h>

enum { ASKED_IDS = 64 }; /* cgroups or processes of all conditions together */

/* Of which cgroups and processes events are wanted. Zeros: of all. */
struct asked_targets {
	uint64_t cgroup_ids[ASKED_IDS], tgids[ASKED_IDS];
	uint32_t cgroup_count,
		tgid_count; /* 0: of all; a condition that leaves none is not taken */
};

/* Takes a condition that says which cgroups (of a column of their ids), or processes (of their
 * pids), are wanted besides what was taken before. False: it says something else, or would leave
 * none; nothing has changed. */
bool asked_cgroups(const struct sonde_condition *condition, struct asked_targets *targets);
bool asked_processes(const struct sonde_condition *condition, struct asked_targets *targets);

/* Takes a condition that something lasts so long at least: raises the bound, in ns. What was not
 * timed, and so has no duration, must count as one of 0: only bounds above that are taken. */
bool asked_minimum(const struct sonde_condition *condition, uint64_t *minimum_ns);

/* Narrows what the options let through down to what is asked too. False: nothing is left. */
bool asked_narrow(const struct asked_targets *asked, struct sonde_kernel_targets *targets);

#endif
