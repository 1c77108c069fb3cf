/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as data points of metrics, long and wide. */
#ifndef SONDE_ENCODE_POINTS_H
#define SONDE_ENCODE_POINTS_H

#include "encode_state.h"

/* Finds the measures of a batch and compiles what their points have in common. -ENOMEM. */
int points_compile(struct otlp_encoder *encoder, const struct sonde_batch *batch);

/* Whether rows are single points of a metric that they name. */
bool points_are_long(const struct sonde_batch *batch);

/* Writes the metrics of a run of rows; false: memory was refused. */
bool points_put(struct otlp_encoder *encoder, const struct group_run *run);

#endif
