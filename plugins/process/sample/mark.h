/* SPDX-License-Identifier: Apache-2.0 */
/* Writes down what the rows that are kept stand for: a weight, and the threshold of their trace. */
#ifndef SONDE_SAMPLE_MARK_H
#define SONDE_SAMPLE_MARK_H

#include "choice.h"

/* Adds the columns to a batch derived from the one that was chosen from. -ENOMEM. */
int mark_rows(struct sonde_instance *instance, const struct choice *choice,
	      struct sonde_batch *batch);

#endif
