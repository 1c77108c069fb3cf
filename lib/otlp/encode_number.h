/* SPDX-License-Identifier: Apache-2.0 */
/* Values of data points: numbers, histograms, summaries. */
#ifndef SONDE_ENCODE_NUMBER_H
#define SONDE_ENCODE_NUMBER_H

#include <sonde/plugin.h>
#include "encode_output.h"

/* Writes the fields of a row's value for the kind of data point that its type is, sums and counts
 * times `weight`. Buckets that do not lie in the heap are left out. false: memory was refused. */
bool number_put(const struct sonde_column *column, uint32_t row, double weight,
		struct output *output);

#endif
