/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a config as libconfig's trees, with places that are right. */
#ifndef SONDE_FRAGMENT_H
#define SONDE_FRAGMENT_H

#include <libconfig.h>
#include "arena.h"
#include "problem.h"

enum {
	FRAGMENT_BYTES_LIMIT = 1024 * 1024, /* of one file */
	FRAGMENT_COUNT_LIMIT = 1024,        /* files of a directory */
};

struct fragment {
	const char *file;      /* as problems name it */
	const char *directory; /* where it lies: paths in it count from here */
	config_t tree;
	bool broken; /* could not be read as a config; the tree is empty */
};

struct fragments {
	struct fragment *items;
	uint32_t count;
};

/* Reads a file, or the *.conf of a directory in the order of their names; what is wrong with them
 * goes into the problems. -errno if the path itself cannot be read. Names lie in the arena. */
int fragments_read(const char *path, struct arena *arena, struct problems *problems,
		   struct fragments *ret_fragments);
void fragments_release(struct fragments *fragments);

/* Where a setting or an element of a list begins. */
struct place setting_place(const config_setting_t *setting);

/* Whether its value has been complained about already and means nothing. */
bool setting_is_unreadable(const config_setting_t *setting);

#endif
