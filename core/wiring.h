/* SPDX-License-Identifier: Apache-2.0 */
/* Whether pipelines, read one by one, make sense together. */
#ifndef SONDE_WIRING_H
#define SONDE_WIRING_H

#include "config.h"

/* Puts the pipelines in order, sources first; complains of cycles, of what may be named once only,
 * and warns of instances that nobody names and of outputs that would hold up others. */
void wiring_check(struct config *config, struct problems *problems);

#endif
