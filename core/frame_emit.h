/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that an input emits as they came. */
#ifndef SONDE_FRAME_EMIT_H
#define SONDE_FRAME_EMIT_H

#include "instance.h"

/* See sonde_emit_frame(): an input whose owner is a fan. What its rows are said to come from is
 * kept in the instance. -EAGAIN besides: a queue on disk has no room for it now, nothing was
 * emitted; `room` runs when it has. */
int frame_emit(struct instance *instance, const struct sonde_frame *frame, uint64_t token);

#endif
