/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a config promises to survive a crash can be kept. */
#ifndef SONDE_DURABLE_H
#define SONDE_DURABLE_H

#include "config.h"

/* An input whose option `ack` is "durable" says yes once its rows lie on disk: so each pipeline
 * that it feeds has its queue there, and where processors hold rows back, what follows them too.
 * Complains of what is missing, and warns of what weakens it. */
void durable_check(const struct config *config, struct problems *problems);

#endif
