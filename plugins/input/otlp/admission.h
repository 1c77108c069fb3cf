/* SPDX-License-Identifier: Apache-2.0 */
/* Room for calls: asked for before a body is read, and waited for in the order in which they came.
 * Who waits has been promised nothing, so nobody waits for what another one in line keeps. */
#ifndef SONDE_OTLP_ADMISSION_H
#define SONDE_OTLP_ADMISSION_H

#include "call.h"

/* Room for so many bytes of batches in all; 0, or -1 with the refusal: of 503 it may be had later.
 */
int call_reserve(struct sonde_instance *instance, struct call *call, size_t bytes,
		 struct refusal *refusal);

/* What batches take of memory for each byte of a body, by what the bodies are: as seen of late, so
 * that what is reserved does for the batch. Zeroed, it knows nothing yet. */
struct guess {
	float factors[3][CODEC_GRPC + 1][COMPRESS_ZSTD + 1]; /* logs, metrics, spans */
};

void guess_learn(struct guess *guess, const struct call *call, size_t body_bytes,
		 size_t batch_bytes);

/* Room for what is guessed of a body. */
int call_reserve_body(struct sonde_instance *instance, struct call *call, const struct guess *guess,
		      size_t body_bytes, struct refusal *refusal);

/* What is known of the length of a body: stated, or here already. */
size_t call_body_bytes(const struct call *call);

int refuse_full(struct refusal *refusal);

/* Calls that wait for room. Time is counted in ticks of its owner's timer. */
struct line {
	struct call *first, *last;
	uint64_t tick;
};

enum { LINE_TICKS = 8 }; /* that a call waits, and a part of one more */

/* Who has waited longest; NULL: nobody waits. Those that the server has refused itself leave. */
struct call *line_first(struct line *line);

/* Behind all that came before: who comes again, to those who came first when it did. */
void line_enter(struct line *line, struct call *call);

/* Nothing, if it is not in it. */
void line_leave(struct line *line, struct call *call);

/* Whether it has waited as long as it may. */
bool line_is_overdue(const struct line *line, const struct call *call);

#endif
