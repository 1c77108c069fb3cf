/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of samples, made of resources, scopes and attributes. */
#ifndef SONDE_PROMETHEUS_LABELS_H
#define SONDE_PROMETHEUS_LABELS_H

#include "exposition.h"

/* Appends the labels of a series to the exposition's, sorted by name, each name once; those without
 * a value are left out, as they say the same. -ENOMEM. */
int labels_of_series(struct exposition *exposition, struct sonde_instance *instance,
		     const struct series *series, uint32_t type);

/* Appends those of target_info of a resource. */
int labels_of_target(struct exposition *exposition, struct sonde_instance *instance,
		     const struct series_labels *resource);

/* Appends a text; bytes that are not UTF-8 become U+FFFD: a scraper would refuse all for the sake
 * of one. */
void labels_put_text(struct json *out, const char *text, size_t length);

/* The order of two samples by their labels. */
int labels_compare(const struct exposition *exposition, const struct exposed_sample *one,
		   const struct exposed_sample *two);

#endif
