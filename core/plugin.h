/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins as shared objects: found, checked against the interface, loaded once and never unloaded.
 */
#ifndef SONDE_CORE_PLUGIN_H
#define SONDE_CORE_PLUGIN_H

#include <sonde/plugin.h>

/* A loaded plugin. `descriptor` is our own copy, brought to this daemon's struct sizes: members
 * that an older plugin does not know are zero, and its tables are arrays of our own entry sizes
 * (schemas' fields too), so nobody else walks by strides. */
struct plugin {
	const char *path;
	const struct sonde_plugin *descriptor;
	uint32_t option_count, counter_count, schema_count;
};

/* Where to look, and what is loaded. */
struct catalog;

/* directories: a NULL-ended list, searched in order; copied. host must outlive the catalog. */
struct catalog *catalog_create(const char *const *directories, const struct sonde_host *host);
void catalog_release(struct catalog *catalog);

/* A directory to be searched before those that there are; copied. One that is there already stays
 * where it is. -ENOMEM. */
int catalog_prepend(struct catalog *catalog, const char *directory);

/* Calls visit for every plugin whose file is not any more the one that was loaded. */
void catalog_visit_changed(const struct catalog *catalog,
			   void (*visit)(const char *path, void *data), void *data);

/* The plugin called name, of that kind (0: any), loaded now if it was not. Its file is NAME-KIND.so,
 * else NAME.so; a name with a '/' is a path. On failure a negative errno, and one line in `error`
 * that names the file, what is wrong and the mend: every reason has a message of its own. -ENOENT:
 * no such file in any directory; the message then names the nearest plugin that there is.
 * -EPROTOTYPE: there is one, of another kind. */
int catalog_find(struct catalog *catalog, const char *name, uint32_t kind,
		 const struct plugin **ret_plugin, char *error, size_t error_size);

/* Calls visit for every *.so in the directories, sorted by name; of two of one name for that of the
 * earlier directory. Ends with what visit returns, if that is not 0. */
int catalog_walk(struct catalog *catalog,
		 int (*visit)(const char *name, const char *path, void *data), void *data);

#endif
