/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of a reply that goes on: rows to standard output, words to standard error. */
#ifndef SONDE_FOLLOW_H
#define SONDE_FOLLOW_H

#include <stdint.h>

/* Asks, and writes what comes until the daemon has said its last, the reader of standard output is
 * gone, or SIGINT or SIGTERM; these make the daemon say its last, or end it at once the second
 * time. ret_code: the exit code. A negative errno: no daemon answers, as control_ask(). */
int follow(const char *path, const char *const *words, uint32_t word_count, uint16_t *ret_code);

#endif
