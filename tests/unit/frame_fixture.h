/* SPDX-License-Identifier: Apache-2.0 */
/* Random batches of all that batches may have, and whether two batches are the same by value. */
#ifndef SONDE_TEST_FRAME_FIXTURE_H
#define SONDE_TEST_FRAME_FIXTURE_H

#include <sonde/plugin.h>

/* A finished batch that depends on nothing but the seed: types, nulls, constants, children,
 * selections, dictionaries that are shared. */
struct sonde_batch *frame_random_batch(uint64_t seed);

/* Two numbers follow from each other; the state is the caller's. */
uint64_t frame_random(uint64_t *state);

/* NULL: the rows that count in `was` are those of `is`. Else in words what is different. */
const char *frame_difference(const struct sonde_batch *was, const struct sonde_batch *is);

#endif
