/* SPDX-License-Identifier: Apache-2.0 */
/* Options between their three forms: a table entry, a text or config setting, a struct member. */
#ifndef SONDE_OPTION_H
#define SONDE_OPTION_H

#include <sonde/plugin.h>
#include "arena.h"
#include "name.h"
#include "quantity.h"

/* Sets one member from its text, checked against type, bounds and choices. Texts are copied into
 * the arena. -EINVAL with a message such as `"5 lightyears" is not a duration (try "5s")`;
 * nothing is changed then. Lists are written "a, b, c", or
 * ["a", "b"] where items hold commas. */
int option_parse(const struct sonde_option *option, const char *text, void *self,
		 struct arena *arena, char *error, size_t error_size);

/* The same for a value whose writing differs from its text: `shown` is how messages quote it, such
 * as `5` or `"5"`. */
int option_assign(const struct sonde_option *option, const char *text, const char *shown,
		  void *self, struct arena *arena, char *error, size_t error_size);

/* Sets a SONDE_TEXTS member from items that may hold commas. */
int option_assign_texts(const struct sonde_option *option, const char *const *items, uint32_t count,
			void *self, struct arena *arena, char *error, size_t error_size);

/* Sets every member that has a default. */
int option_defaults(const struct sonde_option *options, void *self, struct arena *arena,
		    char *error, size_t error_size);

/* Writes the member as option_parse() reads it: 5s, 64MiB, plain text, ["a", "b"]; secrets as ***.
 * Returns the length like snprintf. */
int option_print(const struct sonde_option *option, const void *self, char *buffer, size_t size);

/* The same in the config language: "5s", "64MiB", and groups as ( { a = 1; }, { a = 2; } ). With a
 * key, secrets are told apart by their hash under it. */
int option_show(const struct sonde_option *option, const void *self, const uint64_t *key,
		char *buffer, size_t size);

/* Whether there is a value to print: a text without a default may have none. */
bool option_is_set(const struct sonde_option *option, const void *self);

/* Why an instance has no knob of that name, and which may be meant. */
void option_explain_no_knob(const struct sonde_option *options, const char *instance,
			    const char *knob, char *error, size_t error_size);

/* The entry of that name, or NULL. */
const struct sonde_option *option_find(const struct sonde_option *options, const char *name);

#endif
