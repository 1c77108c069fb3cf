/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed hashes of values: equal ones stay equal, and nobody reads them without the key. */
#ifndef SONDE_HASH_H
#define SONDE_HASH_H

#include <stddef.h>

enum { HASH_TEXT_BYTES = 32, HASH_KEY_LEAST = 16 };

/* HMAC-SHA-256 under a key. One thread at a time. */
struct hasher;

struct hasher *hasher_create(const char *key); /* NULL: no memory */
void hasher_release(struct hasher *hasher);    /* NULL is fine */

/* The first 128 bits of it as hexadecimal digits, without a zero at the end. 0; -ENOMEM. */
int hasher_run(const struct hasher *hasher, const void *data, size_t length,
	       char ret_text[HASH_TEXT_BYTES]);

#endif
