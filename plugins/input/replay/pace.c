// SPDX-License-Identifier: Apache-2.0
/* How fast a recording is played: when what happened then is due now. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "pace.h"

static const double factor_least = 0.001, factor_most = 1e6;
static const double wait_most_ns = 9e18;

int pace_parse(const char *text, double *ret_factor)
{
	double factor;
	char *end;

	if (strcmp(text, "recorded") == 0 || strcmp(text, "full") == 0) {
		*ret_factor = *text == 'r';
		return 0;
	}
	if (strspn(text, "0123456789.") + 1 != strlen(text)) /* no sign, no exponent, no blanks */
		return -EINVAL;
	factor = strtod(text, &end);
	if (end == text || strcmp(end, "x") != 0 || !(factor >= factor_least) ||
	    factor > factor_most)
		return -EINVAL;
	*ret_factor = factor;
	return 0;
}

void pace_begin(struct pace *pace, double factor, int64_t recorded_ns, int64_t now_ns)
{
	pace->factor = factor;
	pace->recorded_ns = recorded_ns;
	pace->played_ns = now_ns;
}

void pace_change(struct pace *pace, double factor, int64_t next_ns, int64_t now_ns)
{
	double played_ns = (double)(now_ns - pace->played_ns) * pace->factor;
	double left_ns = (double)next_ns - (double)pace->recorded_ns - played_ns;

	if (pace->factor > 0 && left_ns > 0 && left_ns < wait_most_ns)
		next_ns -= (int64_t)left_ns;
	pace_begin(pace, factor, next_ns, now_ns);
}

int64_t pace_wait(const struct pace *pace, int64_t recorded_ns, int64_t now_ns)
{
	double wait_ns;

	if (!(pace->factor > 0))
		return 0;
	wait_ns = ((double)recorded_ns - (double)pace->recorded_ns) / pace->factor -
		  (double)(now_ns - pace->played_ns);
	if (wait_ns <= 0)
		return 0;
	return wait_ns < wait_most_ns ? (int64_t)ceil(wait_ns) : (int64_t)wait_most_ns;
}
