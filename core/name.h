/* SPDX-License-Identifier: Apache-2.0 */
/* Which name was meant, when one was mistyped. */
#ifndef SONDE_NAME_H
#define SONDE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The nearest of the names to `name`, if near enough to be what was meant; else NULL. The first of
 * several equally near ones. */
const char *nearest_name(const char *name, const char *const *names, uint32_t count);

/* ` (did you mean "interval"?)`, or nothing where no name is near; into the buffer, which it
 * returns. */
const char *nearest_hint(const char *name, const char *const *names, uint32_t count, char *buffer,
			 size_t size);

#endif
