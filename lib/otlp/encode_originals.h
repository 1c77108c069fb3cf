/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are just what came in as OTLP, and go out as the bytes that they came in as. */
#ifndef SONDE_ENCODE_ORIGINALS_H
#define SONDE_ENCODE_ORIGINALS_H

#include <sonde/plugin.h>
#include "encode_output.h"

struct otlp_encoder;
struct program;

/* How many of the selected rows of [first_row, end_row) have no original, of a batch that has some.
 */
uint32_t originals_missing(const struct sonde_batch *batch, uint32_t first_row, uint32_t end_row);

/* Writes rows, the last one first, each as a field of a number up to 15: from its original, or by
 * the program. false: memory was refused. */
bool rows_put(const struct program *program, struct otlp_encoder *encoder, const uint32_t *rows,
	      uint32_t count, uint32_t number, struct output *output);

#endif
