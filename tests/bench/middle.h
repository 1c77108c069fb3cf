/* SPDX-License-Identifier: Apache-2.0 */
/* What many figures come to: their middle, and how far they lie from each other. */
#ifndef SONDE_BENCH_MIDDLE_H
#define SONDE_BENCH_MIDDLE_H

double middle(double *values, int count); /* sorts; the median */

/* Sorts; the distance between the quartiles over the median. */
double middle_spread(double *values, int count);

#endif
