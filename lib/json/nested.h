/* SPDX-License-Identifier: Apache-2.0 */
/* Values of several members as JSON: nested values, metrics, histograms. */
#ifndef SONDE_NESTED_H
#define SONDE_NESTED_H

#include <sonde/plugin.h>
#include "json.h"

/* Where encoded values are decoded to. Zeroed, it is empty. */
struct nested_scratch {
	struct sonde_any *items;
	uint32_t capacity;
};

void nested_scratch_release(struct nested_scratch *scratch);

/* What does not decode is written as base64 of its bytes. */
void nested_write_any(struct nested_scratch *scratch, struct sonde_instance *instance,
		      struct sonde_text encoded, struct json *out);
void nested_write_metric(struct nested_scratch *scratch, struct sonde_instance *instance,
			 struct sonde_text encoded, struct json *out);

/* value: where the column's value lies. Buckets that do not lie in the heap are left out. */
void nested_write_exponential(const struct sonde_column *column, const void *value,
			      struct json *out);
void nested_write_explicit(const struct sonde_column *column, const void *value, struct json *out);
void nested_write_quantiles(const struct sonde_column *column, const void *value, struct json *out);

#endif
