/* SPDX-License-Identifier: Apache-2.0 */
/* What a sender hears, in the encoding that it speaks. */
#ifndef SONDE_OTLP_REPLY_H
#define SONDE_OTLP_REPLY_H

#include "call.h"

/* Yes, but for `rejected` items (0: all were taken), with what there is to say about them (NULL or
 * constant text). */
void reply_done(struct call *call, uint64_t rejected, const char *message);

/* No. */
void reply_refused(struct call *call, const struct refusal *refusal);

#endif
