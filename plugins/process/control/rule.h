/* SPDX-License-Identifier: Apache-2.0 */
/* A rule: over which rows, what of them, when it holds, and what it sets then. */
#ifndef CONTROL_RULE_H
#define CONTROL_RULE_H

#include "key.h"
#include "setting.h"

enum { RULE_SETTINGS = 16 };

/* As in the config. */
struct rule_options {
	const char *name, *where;
	struct sonde_texts by;
	const char *value, *above, *below;
	double rises;
	uint32_t baseline;
	uint64_t minimum;
	int64_t over_ns;
	struct sonde_texts set;
	int64_t for_ns, again_ns;
	uint32_t at_once, keys;
};

enum rule_condition { RULE_ABOVE, RULE_BELOW, RULE_RISES };

struct rule {
	const struct rule_options *options;
	struct expression *where; /* NULL: all rows */
	struct matcher *matcher;
	struct formula formula;
	uint32_t condition; /* enum rule_condition */
	double threshold;
	struct window_shape shape;
	struct setting settings[RULE_SETTINGS];
	struct keys keys;
	uint32_t firing_count; /* keys whose knobs are held */
	uint64_t fired_count;
	bool nanoseconds; /* the value is a duration, as the rows have it */
	bool warned;      /* of a column that cannot be measured so */
};

/* A problem of one option of a rule, for who asks for all of them. */
typedef void rule_problem(void *data, const char *option, const char *message);

/* Makes a rule of its options, which have to last. Calls `problem` for each that is wrong; -EINVAL
 * if there was one; -ENOMEM. rule_close() has to follow in any case. */
int rule_open(struct rule *rule, const struct rule_options *options, rule_problem *problem,
	      void *data);
void rule_close(struct rule *rule);

/* Whether the condition holds for what the key comes to by now. */
bool rule_holds(const struct rule *rule, struct key *key);

/* "p99(wait) = 12ms, above 10ms"; the buffer, which it returns. */
const char *rule_explain(const struct rule *rule, const struct key *key, char *text, size_t size);

/* How long a key is kept that no rows come for. */
int64_t rule_forget_ns(const struct rule *rule);

#endif
