/* SPDX-License-Identifier: Apache-2.0 */
/* Names for users whose ids rows carry themselves. */
#ifndef ENRICH_NAMING_H
#define ENRICH_NAMING_H

#include "facts.h"
#include "origin.h"
#include "users.h"

enum { NAMING_PAIRS = 3, NAMING_RECENT = 64 };

/* A column with ids, and the one that their names go into. */
struct naming_pair {
	struct facts facts;
	uint32_t version; /* of the users that the facts are of */
	struct {
		uint32_t id, entry; /* 0: none */
	} recent[NAMING_RECENT];
};

struct naming {
	struct sonde_instance *instance;
	const struct users *users;
	struct naming_pair pairs[NAMING_PAIRS];
	uint64_t found_count, missed_count;
};

/* -ENOMEM. naming_close() follows in any case. */
int naming_open(struct naming *naming, struct sonde_instance *instance, const struct users *users);
void naming_close(struct naming *naming);

/* Adds names to rows of this host that have ids. -ENOMEM. */
int naming_add(struct naming *naming, const struct origin_columns *columns,
	       struct enriched *enriched, bool overwrite);

#endif
