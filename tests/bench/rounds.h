/* SPDX-License-Identifier: Apache-2.0 */
/* What several subjects add to a round trip, measured in turn, on a machine that changes its pace.
 *
 * A virtual machine changes its pace by a fifth from one second to the next, which is as much as is
 * measured here. So each subject is measured between two bare runs, and counts only if these two
 * agree; what it adds is taken as a share of their middle, as all is slower together. A round
 * measures each subject once, beginning with another one each time. */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <stdbool.h>

#include "scheduler_measure.h"

#define ROUNDS_SUBJECTS 4

struct rounds_subject {
	bool (*attach)(const void *context); /* false: it cannot be had now */
	void (*detach)(const void *context);
	const void *context;
};

struct rounds_result {
	double ns[ROUNDS_SUBJECTS]; /* the median of what each adds, of the median bare round trip
				     */
	double spread;              /* the widest distance between quartiles over the median */
	int runs;                   /* the fewest that counted */
};

/* At most ROUNDS_SUBJECTS. False: the machine was too restless, most rounds did not count. */
bool rounds_measure(struct pair *pair, const struct rounds_subject *subjects, int count,
		    struct rounds_result *ret_result);

#endif
