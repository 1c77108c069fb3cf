/* SPDX-License-Identifier: Apache-2.0 */
/* Options between their three forms: a table entry, a text or config setting, a struct member. */
#ifndef SONDE_OPTION_H
#define SONDE_OPTION_H

#include <sonde/plugin.h>
#include "arena.h"

/* Sets one member from its text, checked against type, bounds and choices. Texts are copied into
 * the arena. -EINVAL with a message such as `"5 lightyears" is not a duration (try "5s")`;
 * nothing is changed then. Lists are written "a, b, c". */
int option_parse(const struct sonde_option *option, const char *text, void *self,
		 struct arena *arena, char *error, size_t error_size);

/* Sets every member that has a default. */
int option_defaults(const struct sonde_option *options, void *self, struct arena *arena,
		    char *error, size_t error_size);

/* Writes the member as a config would say it ("5s", "64MiB", ["a", "b"]); secrets as "***".
 * Returns the length like snprintf. */
int option_print(const struct sonde_option *option, const void *self, char *buffer, size_t size);

/* The entry of that name, or NULL. */
const struct sonde_option *option_find(const struct sonde_option *options, const char *name);

/* The nearest of the names to `name`, if near enough to be what was meant; else NULL. */
const char *nearest_name(const char *name, const char *const *names, uint32_t count);

/* Single values, for whoever has a text: 0 or -EINVAL. "500ms", "1m30s" → ns; "64MiB" → bytes;
 * "1%", "1/16", "0.5" → 0 to 1. */
int duration_parse(const char *text, int64_t *ret_ns);
int size_parse(const char *text, uint64_t *ret_bytes);
int ratio_parse(const char *text, double *ret_ratio);

/* The shortest exact writing, such as "1m30s"; buffer of 32 bytes. */
const char *duration_print(int64_t ns, char buffer[32]);
const char *size_print(uint64_t bytes, char buffer[32]);

#endif
