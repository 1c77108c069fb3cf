/* SPDX-License-Identifier: Apache-2.0 */
/* What processors ask of an input: gathered with copies of all that is pointed at, and printed. */
#ifndef SONDE_ASK_H
#define SONDE_ASK_H

#include <sonde/plugin.h>
#include <stdio.h>

/* The owner's side of a struct sonde_asks, which is its first member. */
struct asks;

/* NULL: no memory. */
struct asks *asks_create(void);
void asks_release(struct asks *asks); /* NULL is fine */

/* What plugins see of them, and take. */
struct sonde_asks *asks_view(struct asks *asks);

/* The service of the plugin header: nothing is added where it does not return 0. */
int asks_add(struct sonde_asks *asks, const struct sonde_ask *ask);

/* Forgets all from the one of that index on. */
void asks_cut(struct asks *asks, uint32_t count);

/* As a person reads it, in one line: "syscall.name in ('read', 'write')", "1 row in 10",
 * "cgroup.path: calls = count(), every 10s". Equal ones print alike, and only those. */
void ask_print(const struct sonde_ask *ask, FILE *file);

/* The same, to be freed with free(). NULL: no memory. */
char *ask_text(const struct sonde_ask *ask);

#endif
