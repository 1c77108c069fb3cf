/* SPDX-License-Identifier: Apache-2.0 */
/* How an instance fares: its state in one word, and why. */
#ifndef SONDE_HEALTH_H
#define SONDE_HEALTH_H

#include "instance.h"

/* Of texts that health_read() copies; what is longer is cut. */
enum { HEALTH_TEXT_BYTES = 1024 };

/* Fills all but size and id. Any thread, while the instance is there. */
void health_read(struct instance *instance, struct sonde_health *ret_health, char *texts,
		 size_t capacity);

/* Its enum sonde_state; the same. */
uint32_t health_state(struct instance *instance);

/* "running" of an enum sonde_state. */
const char *state_name(uint32_t state);

#endif
