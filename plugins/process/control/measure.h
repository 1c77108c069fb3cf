/* SPDX-License-Identifier: Apache-2.0 */
/* Values of rows, added up as a measure wants them. */
#ifndef CONTROL_MEASURE_H
#define CONTROL_MEASURE_H

#include "window.h"

/* Whether a column can be measured so: numbers, durations, histograms that cover what came since
 * the row before, and not since some start. */
bool measure_fits(const struct measure *measure, const struct sonde_column *column);

/* Adds what a row has in the first of the columns where it has something. -ENOMEM: it is left out.
 */
int tally_add(struct tally *tally, const struct measure *measure,
	      const struct sonde_column *const *columns, uint32_t column_count, uint32_t row,
	      double weight);
void tally_count(struct tally *tally, double events);

/* Empties it. */
void tally_clear(struct tally *tally);

/* What tallies come to together; NAN: nothing. */
double tallies_value(const struct measure *measure, const struct tally *const *tallies,
		     uint32_t count);

#endif
