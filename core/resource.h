/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of the resource that the config gives to everything that is sent. */
#ifndef SONDE_RESOURCE_H
#define SONDE_RESOURCE_H

#include <sonde/plugin.h>

struct resource;

/* Of texts "key=value", which are copied. *ret_resource is NULL where there are none. -ENOMEM. */
int resource_create(const struct sonde_texts *texts, struct resource **ret_resource);
void resource_release(struct resource *resource); /* NULL is fine; batches keep what they need */

/* Adds those that rows do not say themselves, in a column of their own or the map of those that
 * have none: what they bring along counts for more. Nulls of a column that is neither of text nor
 * of any type stay nulls. Before the batch is handed on, by whoever owns its dictionaries, even if
 * it is finished. -ENOMEM: not all of them. */
int resource_add(const struct resource *resource, struct sonde_batch *batch);

#endif
