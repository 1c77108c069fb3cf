// SPDX-License-Identifier: Apache-2.0
/* What becomes of the entries of a dictionary: worked out once for each, remembered while the same
 * dictionary comes again, and written into a dictionary of our own. */
#include <errno.h>
#include <stdlib.h>
#include "recode.h"

enum {
	SLOTS_LEAST = 256,
	SLOTS_MOST = 1 << 16,           /* of larger dictionaries entries are worked out again */
	ENTRIES_SPARE = 4 * SLOTS_MOST, /* that ours may have beyond what it is made of */
};

static void forget(struct recode *recode, struct sonde_instance *instance)
{
	if (recode->holder)
		sonde_batch_release(instance, recode->holder);
	sonde_dictionary_release(instance, recode->to);
	recode->holder = NULL;
	recode->from = NULL;
	recode->to = NULL;
	recode->generation++;
}

void recode_clear(struct recode *recode, struct sonde_instance *instance)
{
	forget(recode, instance);
	free(recode->slots);
	*recode = (struct recode){ 0 };
}

/* A batch of no rows that has a reference to the dictionary: while it is there, no other dictionary
 * can come to lie where this one does. NULL: no memory; then nothing is remembered. */
static struct sonde_batch *hold(struct sonde_instance *instance,
				const struct sonde_dictionary *dictionary)
{
	static const struct sonde_field field = { .name = "held", .type = SONDE_TEXT };
	struct sonde_dictionary *held = (struct sonde_dictionary *)(uintptr_t)dictionary;
	struct sonde_batch *batch = sonde_batch_table(instance, "held", SONDE_SIGNAL_LOG, 0);
	uint32_t code = 0;

	if (batch && !sonde_batch_constant(instance, batch, &field, held, &code)) {
		sonde_batch_release(instance, batch);
		return NULL;
	}
	return batch;
}

static int reserve(struct recode *recode, uint32_t entry_count)
{
	uint32_t count = SLOTS_LEAST;
	struct recode_slot *slots;

	while (count < entry_count && count < SLOTS_MOST)
		count *= 2;
	if (count <= recode->slot_count)
		return 0;
	slots = calloc(count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(recode->slots);
	recode->slots = slots;
	recode->slot_count = count;
	return 0;
}

int recode_prepare(struct recode *recode, struct sonde_instance *instance,
		   const struct sonde_column *column)
{
	const struct sonde_dictionary *dictionary = column->dictionary;
	bool again = dictionary && recode->from == dictionary;
	bool full = recode->to && recode->to->length > column->dictionary_length &&
		    recode->to->length - column->dictionary_length > ENTRIES_SPARE;

	/* One that comes a second time will come again, and is held from then on. */
	if (!again || !recode->holder || full) {
		forget(recode, instance);
		recode->from = dictionary;
		if (again)
			recode->holder = hold(instance, dictionary);
	}
	return reserve(recode, column->dictionary_length);
}

struct sonde_dictionary *recode_dictionary(struct recode *recode, struct sonde_instance *instance)
{
	if (!recode->to)
		recode->to =
			sonde_dictionary_create(instance, recode->from && recode->from->distinct);
	return recode->to;
}

int recode_put(struct recode *recode, struct sonde_instance *instance, struct recode_slot *slot,
	       const char *data, size_t length)
{
	struct sonde_dictionary *to = recode_dictionary(recode, instance);

	slot->code = to ? sonde_dictionary_add(instance, to, data, length) : UINT32_MAX;
	return slot->code == UINT32_MAX ? -ENOMEM : 0;
}
