/* SPDX-License-Identifier: Apache-2.0 */
/* Measures as they are written: "errors = count where error.type is not null". */
#ifndef SONDE_MEASURE_H
#define SONDE_MEASURE_H

#include "column.h"
#include "window.h"

enum function {
	FUNCTION_COUNT = 0,
	FUNCTION_SUM,
	FUNCTION_MINIMUM,
	FUNCTION_MAXIMUM,
	FUNCTION_MEAN,
	FUNCTION_FIRST,
	FUNCTION_LAST,
	FUNCTION_HISTOGRAM,
	FUNCTION_QUANTILE,
};

enum { MEASURE_SCALE = 3 }; /* of histograms: that of the kernel's */

struct measure {
	char *name; /* owned */
	enum function function;
	struct column_name column;    /* empty: none is named */
	struct expression *condition; /* owned; NULL: none */
	double share;                 /* of QUANTILE: 0 to 1 */
	int32_t scale;                /* of HISTOGRAM and QUANTILE */
};

/* -EINVAL: the text says what is wrong; -ENOMEM. */
int measure_parse(const char *text, struct measure *ret_measure, char message[],
		  size_t message_size);
void measure_clear(struct measure *measure);

#endif
