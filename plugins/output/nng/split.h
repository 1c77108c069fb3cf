/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a batch to regions, by the values of key columns. */
#ifndef SONDE_NNG_SPLIT_H
#define SONDE_NNG_SPLIT_H

#include <sonde/plugin.h>

/* Hashes that are the same wherever rows have the same values; one for each row in storage. */
void split_keys(const struct sonde_batch *batch, const struct sonde_texts *columns,
		uint64_t *ret_hashes);

/* For each row in storage, the place that it belongs to: an index below `count`, of those in
 * `there`, which is not empty. */
void split_choose(const uint64_t *hashes, uint32_t row_count, const uint64_t *places,
		  uint32_t count, uint64_t there, uint8_t *ret_places);

/* The selected rows of a place: the batch itself, held anew, if they are all, or a batch derived
 * from it. 1: there are some; 0: there are none; -ENOMEM. */
int split_take(struct sonde_instance *instance, struct sonde_batch *batch, const uint8_t *places,
	       uint8_t place, struct sonde_batch **ret_batch);

#endif
