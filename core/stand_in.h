/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the places of inputs and outputs while a config is tried: nothing comes from this
 * machine, and nothing leaves it. */
#ifndef SONDE_STAND_IN_H
#define SONDE_STAND_IN_H

#include "config.h"

/* Who is given the rows of an output, on the output's thread. The batch is lent. */
typedef void stand_in_take(void *data, uint32_t output, struct sonde_batch *batch);

/* Changes a checked config, for good: inputs do nothing by themselves, rows of outputs go to
 * `take`, processors of these names are left out, queues hold what a batch may need and wait, and
 * nothing is replicated. Knobs are those of the plugins that were there. `outputs` are the names by
 * which outputs are numbered. -ENOMEM. */
int stand_ins_place(struct config *config, const struct sonde_texts *without,
		    const char *const *outputs, uint32_t output_count, stand_in_take *take,
		    void *data);

#endif
