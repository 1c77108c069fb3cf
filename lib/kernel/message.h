/* SPDX-License-Identifier: Apache-2.0 */
/* What libbpf says is kept here instead of on stderr, and refusals are put into the user's words.
 */
#ifndef SONDE_KERNEL_MESSAGE_H
#define SONDE_KERNEL_MESSAGE_H

#include <stddef.h>

/* From here on, libbpf's lines of this thread are kept (the last few KiB); called before each use
 * of it. */
void message_capture(void);

/* Whether the captured lines contain the text. */
int message_contains(const char *text);

/* Whether this thread lacks what programs of any variant need; then writes what that is. */
int message_lacking(char *out, size_t out_bytes);

/* Writes why a hook was refused in a variant: the error, and the capability that is missing if one
 * is. */
void message_explain(char *out, size_t out_bytes, const char *hook, const char *variant, int error);

#endif
