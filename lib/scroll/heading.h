/* SPDX-License-Identifier: Apache-2.0 */
/* What heads a column: the part of its dotted name that says something. */
#ifndef SONDE_HEADING_H
#define SONDE_HEADING_H

#include <stdbool.h>
#include <stddef.h>

struct heading {
	const char *text; /* within the name */
	size_t length;
};

/* The last part, but for those that say nothing by themselves: "cgroup.path" is the cgroup. */
struct heading heading_of(const char *name);

bool heading_is_same(struct heading left, struct heading right);

#endif
