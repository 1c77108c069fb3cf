/* SPDX-License-Identifier: Apache-2.0 */
/* From which sonde rows came: an attribute of their resource, "sonde.edge". */
#ifndef SONDE_ORIGIN_H
#define SONDE_ORIGIN_H

#include "resource.h"

enum { ORIGIN_NAME_BYTES = 256 };

/* Begins as zeros; keeps what the last name came to. Only on one thread at a time. */
struct origin {
	char name[ORIGIN_NAME_BYTES];
	struct resource *resource;
};

/* Says it of rows that do not say so yet: those of an edge of an edge keep the first name. Batches
 * are as resource_add() wants them. -ENOMEM. */
int origin_add(struct origin *origin, const char *name, struct sonde_batch *batch);
void origin_clear(struct origin *origin);

#endif
