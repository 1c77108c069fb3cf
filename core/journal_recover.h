/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in the directory of a journal, found without changing anything. */
#ifndef SONDE_JOURNAL_RECOVER_H
#define SONDE_JOURNAL_RECOVER_H

#include "journal_own.h"

struct recovery {
	struct segment *segments; /* by their numbers */
	uint32_t count;
	bool others;                /* files that are none of a journal */
	struct journal_head newest; /* of the newest segment whose head is whole; version 0: none */
};

void recovery_release(struct recovery *recovery);

/* Lists the segments and reads what they say of themselves. -EPROTONOSUPPORT: one is of a later
 * version; -E2BIG: too many. */
int recovery_list(int directory, struct recovery *recovery);

/* With the id known: feet, and the last segment as a whole, as well as those without a foot. */
int recovery_count(int directory, const unsigned char id[JOURNAL_ID_BYTES],
		   struct recovery *recovery, struct journal_positions *positions,
		   struct segment_damage *damage);

/* What was known of streams after the last record of segment `at` that is not above `up_to`; the
 * segment comes to hold no more than these. */
int recovery_positions(int directory, const unsigned char id[JOURNAL_ID_BYTES],
		       struct segment *segment, struct segment *before, uint64_t up_to,
		       struct journal_positions *positions, struct segment_damage *damage);

#endif
