/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of plugins: every table checked, and copied to this daemon's struct sizes. */
#ifndef SONDE_DESCRIPTOR_H
#define SONDE_DESCRIPTOR_H

#include "arena.h"
#include "plugin.h"
#include "refusal.h"

/* Reads what a file's sonde_plugin() returned (not NULL) and fills descriptor and counts of
 * ret_plugin from the arena; texts stay the plugin's. version: the daemon's, for a plugin that
 * states none. -EPROTO: built for another interface; -EINVAL: a mistake in the descriptor or a
 * table, whose member the refusal names, with what was expected and found; -ENOMEM. */
int descriptor_copy(const struct sonde_plugin *theirs, const char *version, struct arena *arena,
		    const struct refusal *refusal, struct plugin *ret_plugin);

#endif
