/* SPDX-License-Identifier: Apache-2.0 */
/* Rejection thresholds: how OpenTelemetry's consistent probability sampling says what was kept.
 *
 * A row has a randomness, a number of 56 bits, and is kept where that is not below a threshold of
 * 56 bits: all who use the same randomness keep the same rows, and what is kept at a higher
 * threshold is part of what is kept at a lower one. Both travel in the member `ot` of a trace
 * state: "ot=th:c;rv:0123456789abcd", where trailing zeros of `th` are left out. */
#ifndef SONDE_SAMPLING_H
#define SONDE_SAMPLING_H

#include <sonde/plugin.h>

/* How many values a randomness may have. As a threshold: it rejects all. */
#define THRESHOLD_ALL (UINT64_C(1) << 56)

enum {
	THRESHOLD_SIZE = 14, /* digits of a threshold, and of a randomness */
	STATE_GROWTH =
		4 + 3 + THRESHOLD_SIZE + 2, /* of a trace state that gets one: "ot=th:..;," */
};

/* ---- thresholds -------------------------------------------------------------------------- */

/* 1 to 14 hexadecimal digits. False: these are none, and nothing is set. */
bool threshold_read(struct sonde_text digits, uint64_t *ret_threshold);

/* Exactly 14 hexadecimal digits. */
bool randomness_read(struct sonde_text digits, uint64_t *ret_randomness);

/* Digits of a threshold below THRESHOLD_ALL into `at`, which has room for THRESHOLD_SIZE; how many
 * they are, at least 1. */
uint32_t threshold_write(uint64_t threshold, char *at);

/* Which keeps this share, 0 to 1, of all. What is above 0 keeps at least one value. */
uint64_t threshold_of_ratio(double ratio);

/* How many rows one stands for that was kept at a threshold below THRESHOLD_ALL. */
double threshold_weight(uint64_t threshold);

/* The threshold of rows that stand for so many each, `before` being what they have (0: none): that
 * one, to the bit, where it says as much already or more. */
uint64_t threshold_of_weight(double weight, uint64_t before);

/* ---- randomness of traces ---------------------------------------------------------------- */

/* The rightmost 56 bits of a trace id of 16 bytes. */
uint64_t trace_randomness(const void *trace_id);

/* What a trace state says. */
struct trace_state {
	uint64_t threshold;  /* `th`; 0 where there is none */
	uint64_t randomness; /* `rv`; UINT64_MAX: none */
};

/* What is not understood counts as not there. */
struct trace_state trace_state_read(struct sonde_text state);

/* A trace state with this threshold in it, and all else that was: at most STATE_GROWTH longer, into
 * `at`; its length. What changes comes first; members beyond the 32nd go. */
uint32_t trace_state_write(uint64_t threshold, struct sonde_text before, char *at);

#endif
