// SPDX-License-Identifier: Apache-2.0
/* What many figures come to: their middle, and how far they lie from each other. */
#include <stdlib.h>

#include "middle.h"

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double middle(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(values[0]), ascending);
	return count & 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double middle_spread(double *values, int count)
{
	double center = middle(values, count); /* sorts */

	return center > 0 ? (values[3 * count / 4] - values[count / 4]) / center : 0;
}
