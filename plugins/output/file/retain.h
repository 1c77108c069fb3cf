/* SPDX-License-Identifier: Apache-2.0 */
/* Which closed files are kept: deletes the oldest of those that the template made. */
#ifndef SONDE_FILE_RETAIN_H
#define SONDE_FILE_RETAIN_H

#include "store.h"
#include "template.h"

enum { RETAIN_FILES = 100000 }; /* looked at, at most */

/* Whether anything is ever deleted. */
bool retain_is_on(const struct settings *settings);

/* Deletes what the settings do not keep: files with a closing name, and those of an earlier time in
 * the template, but none that the store has open. *ret_deleted is how many. Returns 0, or a
 * negative errno of the first that could not be deleted, which stands in `problem`. */
int retain(const struct template *template, const struct settings *settings,
	   const struct store *store, int64_t now_ns, uint64_t *ret_deleted, char problem[512]);

#endif
