/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF programs of the host as the kernel tells them, to who may ask: by the iterators of the
 * input `bpf`, with the kernel's statistics on from begin to end. */
#ifndef SONDE_TOP_READING_H
#define SONDE_TOP_READING_H

#include "census.h"

struct reading;

/* On failure `message` says what was refused, and what would help; -ENOMEM. */
int reading_begin(struct reading **ret_reading, char *message, size_t message_bytes);
void reading_end(struct reading *reading); /* NULL is fine */

/* Puts what programs did since the reading before in the place of the census. A negative errno: the
 * census is as it was. */
int reading_take(struct reading *reading, struct census *census);

#endif
