/* SPDX-License-Identifier: Apache-2.0 */
/* How OTLP says that a row stands for several: rejection thresholds, as OpenTelemetry's consistent
 * probability sampling has them. */
#ifndef SONDE_ENCODE_WEIGHT_H
#define SONDE_ENCODE_WEIGHT_H

#include <sonde/plugin.h>

enum {
	THRESHOLD_SIZE = 14, /* digits of a threshold */
	STATE_GROWTH =
		4 + 3 + THRESHOLD_SIZE + 2, /* of a trace state that gets one: "ot=th:..;," */
};

/* The threshold of a weight above 1, on top of one of before (digits; may be empty): digits into
 * `at`, their count. 0: the weight says nothing. */
uint32_t threshold_write(double weight, struct sonde_text before, char *at);

/* A trace state with the threshold of a weight in it, and all else that was: at most STATE_GROWTH
 * longer, into `at`; its length. */
uint32_t trace_state_write(double weight, struct sonde_text before, char *at);

#endif
