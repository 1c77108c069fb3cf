/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several places a key belongs to: the one with the highest score for it, so that when one
 * goes only its keys move, and whoever knows the same places chooses alike. */
#ifndef SONDE_HOP_RENDEZVOUS_H
#define SONDE_HOP_RENDEZVOUS_H

#include <stddef.h>
#include <stdint.h>

enum { RENDEZVOUS_NOBODY = 0xffffffffu };

/* Of bytes, going on from another hash; the first goes on from 0. The same on every machine. */
uint64_t rendezvous_hash(uint64_t hash, const void *bytes, size_t length);

/* The best of the places whose bit is set in `there`, by their hashes; at most 64. */
uint32_t rendezvous_choose(const uint64_t *places, uint32_t count, uint64_t there, uint64_t key);

#endif
