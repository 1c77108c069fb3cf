/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be kept of which rows: the options of the processor, understood. */
#ifndef SONDE_SAMPLE_PLAN_H
#define SONDE_SAMPLE_PLAN_H

#include <sonde/plugin.h>

/* As in a config. */
struct sample_rule {
	const char *when;
	double ratio;
};

struct sample_settings {
	double ratio;              /* of rows that no rule names, 0 to 1 */
	struct sonde_texts key;    /* columns; none: traces of spans, all else at random */
	const char *always;        /* condition; NULL or "": none */
	struct sonde_groups rules; /* struct sample_rule */
	double rate;               /* rows a second and key; 0: any number */
	uint32_t rate_keys;        /* that have a rate of their own */
	uint64_t seed;             /* of hashes, and if not 0 of random numbers */
	bool metrics;              /* rows that measure are sampled too */
};

/* Rows for which a condition is true, and that none before it names. */
struct plan_rule {
	const char *name;              /* "always", "rules" */
	struct expression *expression; /* owned */
	struct matcher *matcher;       /* owned */
	uint64_t threshold;            /* rejects rows whose randomness is below it */
	bool unlimited;                /* the rate does not count these rows */
	struct sonde_instance *instance;
};

/* What a matcher came across, of all rules together. */
struct plan_counts {
	uint64_t missing, mismatched, abandoned;
};

struct plan {
	uint64_t threshold; /* of rows that no rule names */
	double rate;        /* of this replica, rows a second and key; 0: any number */
	uint32_t rule_count;
	struct plan_rule *rules; /* owned; the first that is true says it */
};

/* Whether the settings are in order; says what is not, as check() does. */
void plan_check(struct sonde_instance *instance, const struct sample_settings *settings);

/* -EINVAL, -ENOMEM: said by sonde_fail(). */
int plan_make(struct sonde_instance *instance, const struct sample_settings *settings,
	      struct plan *ret_plan);
void plan_clear(struct plan *plan);

/* Whether rows differ in their threshold only by what they are, not by rules. */
static inline bool plan_is_even(const struct plan *plan)
{
	return !plan->rule_count;
}

/* Gives each row of the batch its threshold, and sets the bits of those that the rate does not
 * count. scratch: as many bits. -ENOMEM. */
int plan_run(const struct plan *plan, const struct sonde_batch *batch, uint64_t *thresholds,
	     unsigned char *unlimited, unsigned char *scratch);

/* Since the plan was made. */
struct plan_counts plan_counts(const struct plan *plan);

#endif
