/* SPDX-License-Identifier: Apache-2.0 */
/* From the rings into rows. */
#ifndef SCHEDULER_EVENTS_H
#define SCHEDULER_EVENTS_H

#include <sonde/plugin.h>

#include "probe.h"

/* Empties all rings into rows of the schema `schema` and emits them; at most `limit` events of each
 * CPU, so that no CPU keeps the reader from the others. Returns how many were read. */
uint64_t events_read(struct sonde_instance *instance, struct sonde_kernel *kernel, uint32_t schema,
		     uint64_t limit);

#endif
