/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule measures: `quantile(scheduler.delay, 0.99)`, `sum(syscall.errors) /
 * sum(syscall.calls)`, `count`. */
#ifndef CONTROL_FORMULA_H
#define CONTROL_FORMULA_H

#include "expression.h"

enum function {
	FUNCTION_COUNT, /* origin events that rows stand for */
	FUNCTION_SUM,
	FUNCTION_MINIMUM,
	FUNCTION_MAXIMUM,
	FUNCTION_MEAN,
	FUNCTION_QUANTILE,
};

struct measure {
	uint32_t function;                      /* enum function */
	char column[EXPRESSION_NAME_BYTES + 1]; /* "": of count */
	double share;                           /* of a quantile */
};

/* One measure, or the first over the second. */
struct formula {
	struct measure measures[2];
	uint32_t count;
};

/* -EINVAL: the error says what is wrong, and where. */
int formula_parse(const char *text, struct formula *ret_formula,
		  struct expression_error *ret_error);

/* "10ms", "64KiB", "0.05" or "5%" as a number; durations in ns. The same returns. */
int threshold_parse(const char *text, double *ret_number, struct expression_error *ret_error);

#endif
