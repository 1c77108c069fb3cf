/* SPDX-License-Identifier: Apache-2.0 */
/* ${NAME}, ${NAME:-default} and ${file:PATH} in the texts of a config. */
#ifndef SONDE_EXPAND_H
#define SONDE_EXPAND_H

#include <stdbool.h>
#include "arena.h"

/* Replaces every ${…} in text, and $$ by a dollar; any other $ stands for itself. A default is
 * taken where the variable is unset or empty, as in a shell. A file's last line break is left off,
 * it may hold 64 KiB, and its path counts from `directory`. *ret_text lies in the arena.
 * ret_expanded (may be NULL): whether there was a ${…}. -EINVAL with a message that names the
 * variable or file and never a value. */
int text_expand(const char *text, const char *directory, struct arena *arena, char **ret_text,
		bool *ret_expanded, char *error, size_t error_size);

#endif
