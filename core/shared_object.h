/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a plugin: nobody else's to write, whole, for this machine; loaded and never unloaded.
 */
#ifndef SONDE_SHARED_OBJECT_H
#define SONDE_SHARED_OBJECT_H

#include <sonde/plugin.h>
#include "refusal.h"

struct shared_object {
	sonde_plugin_function *function; /* its sonde_plugin() */
	int directory_fd;                /* what it was loaded through; to be closed by the owner */
};

/* Loads the file at refusal->path, which has no symbolic links in it. -EPERM: others could have
 * written it; -ENOEXEC: it cannot run here; -errno: it cannot be read. */
int shared_object_load(const struct refusal *refusal, struct shared_object *ret_object);

/* The same for a part of sonde that is no plugin: the symbol of that name. -ENOENT: there is no
 * such file. */
int shared_object_symbol(const struct refusal *refusal, const char *name, void **ret_symbol);

/* 0, or -EPERM where the directory could be written by others. */
int shared_object_trust_directory(const struct refusal *refusal, const char *directory);

#endif
