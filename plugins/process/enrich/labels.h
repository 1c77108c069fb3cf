/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes that are the same for all rows: tags, the host, the cloud. */
#ifndef ENRICH_LABELS_H
#define ENRICH_LABELS_H

#include "facts.h"

struct label {
	char *name;
	uint32_t code; /* of its value */
	uint8_t scope; /* enum sonde_scope */
};

struct labels {
	struct sonde_instance *instance;
	struct sonde_dictionary *dictionary;
	struct label *items;
	uint32_t count, capacity;
	bool overwrite;
};

/* -ENOMEM. labels_close() follows in any case. */
int labels_open(struct labels *labels, struct sonde_instance *instance);
void labels_close(struct labels *labels);

/* Gives a label its value, in the place of the one that it has. An empty one is none. -ENOMEM. */
int labels_set(struct labels *labels, const char *name, size_t name_length, const char *value,
	       enum sonde_scope scope);

/* The value; of no data: there is no such label. */
struct sonde_text labels_get(const struct labels *labels, const char *name);

/* Adds them to a batch, but for those that its rows say themselves, in a column or in the map of
 * attributes that have none. -ENOMEM: some of them. */
int labels_add(const struct labels *labels, struct enriched *enriched);

#endif
