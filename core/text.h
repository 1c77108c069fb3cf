/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that come from outside: whether they are UTF-8, and how they are quoted. */
#ifndef SONDE_TEXT_H
#define SONDE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length of the leading part that is UTF-8: all of it, or up to the first byte that is not. */
size_t text_valid_length(const char *text, size_t length);

/* In quotes for a message, cut with "…" if long; the buffer, which it returns. */
const char *text_quote(const char *text, char *buffer, size_t size);

/* In quotes, with escapes; for a config with `$` doubled, so that it expands to itself. The length
 * like snprintf(). */
int text_escape(const char *text, bool doubled, char *buffer, size_t size);

/* Takes a text in quotes off the front, in place: *text ends behind it, the result is what it says.
 * NULL where none stands there. */
char *text_unescape(char **text);

/* A hash that nobody without the key can find or check a text by (SipHash-2-4). */
uint64_t text_hash(const char *text, const uint64_t key[2]);

#endif
