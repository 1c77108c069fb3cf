/* SPDX-License-Identifier: Apache-2.0 */
/* From which sonde rows came: an attribute of their resource, "sonde.edge". */
#include <stdio.h>
#include <string.h>

#include "origin.h"

static int origin_set(struct origin *origin, const char *name)
{
	char text[ORIGIN_NAME_BYTES + 16];
	const char *const items[] = { text };
	const struct sonde_texts texts = { .items = items, .count = 1 };

	origin_clear(origin);
	snprintf(text, sizeof(text), "sonde.edge=%s", name);
	snprintf(origin->name, sizeof(origin->name), "%s", name);
	return resource_create(&texts, &origin->resource);
}

int origin_add(struct origin *origin, const char *name, struct sonde_batch *batch)
{
	int result = 0;

	if (!origin->resource || strcmp(origin->name, name))
		result = origin_set(origin, name);
	return result ? result : resource_add(origin->resource, batch);
}

void origin_clear(struct origin *origin)
{
	resource_release(origin->resource);
	*origin = (struct origin){ 0 };
}
