/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of the resource that the config gives to everything that is sent. */
#ifndef SONDE_RESOURCE_H
#define SONDE_RESOURCE_H

#include <sonde/plugin.h>

struct resource;

/* Of texts "key=value", which are copied. *ret_resource is NULL where there are none. -ENOMEM. */
int resource_create(const struct sonde_texts *texts, struct resource **ret_resource);
void resource_release(struct resource *resource); /* NULL is fine; batches keep what they need */

/* Adds those that the batch has no column for: what rows bring along counts for more. Before the
 * batch is handed on, even if it is finished. -ENOMEM: not all of them. */
int resource_add(const struct resource *resource, struct sonde_batch *batch);

#endif
