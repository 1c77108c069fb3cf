// SPDX-License-Identifier: Apache-2.0
/* Rendezvous hashing: a score of every place for a key, and the highest wins. */
#include "rendezvous.h"

#include <endian.h>
#include <string.h>

/* Every bit of the result depends on every bit of the value. */
static uint64_t mix(uint64_t value)
{
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93u;
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93u;
	return value ^ value >> 32;
}

uint64_t rendezvous_hash(uint64_t hash, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	hash = mix(hash ^ ((uint64_t)length + 1) * 0x9e3779b97f4a7c15u);
	while (length) {
		size_t size = length < sizeof(uint64_t) ? length : sizeof(uint64_t);
		uint64_t word = 0;

		memcpy(&word, at, size);
		hash = mix(hash ^ le64toh(word)) + 0x9e3779b97f4a7c15u;
		at += size;
		length -= size;
	}
	return mix(hash);
}

uint32_t rendezvous_choose(const uint64_t *places, uint32_t count, uint64_t there, uint64_t key)
{
	uint32_t best = RENDEZVOUS_NOBODY;
	uint64_t highest = 0;

	for (uint32_t i = 0; i < count && i < 64; i++) {
		uint64_t score = mix(places[i] ^ mix(key));

		if (!(there >> i & 1))
			continue;
		if (best == RENDEZVOUS_NOBODY || score > highest) {
			best = i;
			highest = score;
		}
	}
	return best;
}
