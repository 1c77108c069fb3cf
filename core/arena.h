/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is freed all at once: what a config or a loaded plugin needs while it lives. */
#ifndef SONDE_ARENA_H
#define SONDE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_create(void);

/* Frees everything that came from the arena. NULL is fine. */
void arena_release(struct arena *arena);

/* Zeroed, aligned for any type; NULL when memory is refused. */
void *arena_zero(struct arena *arena, size_t size);

char *arena_copy(struct arena *arena, const char *text);
char *arena_copy_length(struct arena *arena, const char *text, size_t length);

__attribute__((format(printf, 2, 3))) char *arena_format(struct arena *arena, const char *format,
							 ...);

#endif
