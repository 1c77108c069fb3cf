/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the entries of a dictionary: worked out once for each, remembered while the same
 * dictionary comes again, and written into a dictionary of our own. */
#ifndef SONDE_RECODE_H
#define SONDE_RECODE_H

#include <sonde/plugin.h>

enum recode_state {
	RECODE_UNKNOWN = 0,
	RECODE_SAME,    /* it stays as it is; code is set once it was copied */
	RECODE_CHANGED, /* by code */
	RECODE_NONE,    /* nothing comes of it */
};

struct recode_slot {
	uint32_t generation; /* of its recode when it was set */
	uint32_t from;       /* code of the entry */
	uint32_t code;       /* in our dictionary; UINT32_MAX: not there yet */
	uint32_t state;      /* enum recode_state */
	uint64_t value;      /* what else came of it */
};

/* Begins as zeros. */
struct recode {
	const struct sonde_dictionary *from; /* as it came last */
	struct sonde_batch *holder;          /* of a reference to it; NULL: not yet */
	struct sonde_dictionary *to;
	struct recode_slot *slots; /* by the low bits of the code */
	uint32_t slot_count, generation;
};

/* Makes it fit a column. first: not for rows further on in the same batch. -ENOMEM. */
int recode_prepare(struct recode *recode, struct sonde_instance *instance,
		   const struct sonde_column *column);
void recode_clear(struct recode *recode, struct sonde_instance *instance);

/* Our dictionary, made when it is first needed. NULL: no memory. */
struct sonde_dictionary *recode_dictionary(struct recode *recode, struct sonde_instance *instance);

/* The slot of a code; its state is RECODE_UNKNOWN where the caller is to fill it. */
static inline struct recode_slot *recode_slot(struct recode *recode, uint32_t code)
{
	struct recode_slot *slot = &recode->slots[code & (recode->slot_count - 1)];

	if (__builtin_expect(slot->generation != recode->generation || slot->from != code, 0)) {
		*slot = (struct recode_slot){ .generation = recode->generation,
					      .from = code,
					      .code = UINT32_MAX };
	}
	return slot;
}

/* Writes a text as what comes of the slot. -ENOMEM. */
int recode_put(struct recode *recode, struct sonde_instance *instance, struct recode_slot *slot,
	       const char *data, size_t length);

#endif
