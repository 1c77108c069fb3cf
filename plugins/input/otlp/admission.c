// SPDX-License-Identifier: Apache-2.0
/* Room for calls: asked for before a body is read, and waited for in the order in which they came.
 */
#include "admission.h"

#include <errno.h>

enum {
	RESERVE_LEAST = 16 << 10, /* for the smallest request */
	FACTOR_LEAST = 1,
	FACTOR_FIRST = 2, /* a batch takes more than its message */
	FACTOR_MOST = 8,
	EXPANSION_FIRST = 4, /* what a compressed body is, when it is unpacked */
	EXPANSION_MOST = 8,
	FORGETS_IN = 64, /* batches: a guess rises at once and falls slowly */
	MARGIN = 8,      /* this part of a guess is added, as no two bodies are alike */
};

/* ---- guesses ----------------------------------------------------------------------------- */

static const uint32_t signal_index[] = {
	[SONDE_SIGNAL_LOG] = 0,
	[SONDE_SIGNAL_METRIC] = 1,
	[SONDE_SIGNAL_SPAN] = 2,
};

static float guess_of(const struct guess *guess, const struct call *call)
{
	float factor = guess->factors[signal_index[call->signal]][call->codec][call->compression];

	if (factor > 0)
		return factor;
	return call->compression == COMPRESS_NONE ? FACTOR_FIRST : FACTOR_FIRST * EXPANSION_FIRST;
}

void guess_learn(struct guess *guess, const struct call *call, size_t body_bytes,
		 size_t batch_bytes)
{
	float *place = &guess->factors[signal_index[call->signal]][call->codec][call->compression];
	float most =
		call->compression == COMPRESS_NONE ? FACTOR_MOST : FACTOR_MOST * EXPANSION_MOST;
	float factor = guess_of(guess, call), seen = FACTOR_LEAST;

	if (batch_bytes > RESERVE_LEAST && body_bytes)
		seen = (float)(batch_bytes - RESERVE_LEAST) / (float)body_bytes;
	if (seen < factor)
		seen = factor + (seen - factor) / FORGETS_IN;
	*place = seen < FACTOR_LEAST ? FACTOR_LEAST : seen > most ? most : seen;
}

/* ---- room -------------------------------------------------------------------------------- */

int refuse_full(struct refusal *refusal)
{
	return refuse(refusal, 503, GRPC_UNAVAILABLE, "there is no room for it now");
}

int call_reserve(struct sonde_instance *instance, struct call *call, size_t bytes,
		 struct refusal *refusal)
{
	int result;

	if (bytes <= call->reserved_bytes)
		return 0;
	result = sonde_reserve(instance, bytes - call->reserved_bytes);
	if (result == -EMSGSIZE)
		return refuse(refusal, 413, GRPC_RESOURCE_EXHAUSTED,
			      "it is more than there will ever be room for: send less at once");
	if (result < 0)
		return refuse_full(refusal);
	call->reserved_bytes = bytes;
	return 0;
}

/* A guess that is more than there will ever be room for is none: the batch itself will tell. */
int call_reserve_body(struct sonde_instance *instance, struct call *call, const struct guess *guess,
		      size_t body_bytes, struct refusal *refusal)
{
	size_t guessed_bytes = (size_t)(guess_of(guess, call) * (float)body_bytes);
	int result = call_reserve(instance, call,
				  RESERVE_LEAST + guessed_bytes + guessed_bytes / MARGIN, refusal);

	if (result && refusal->status == 413)
		result = call_reserve(instance, call, body_bytes, refusal);
	return result;
}

size_t call_body_bytes(const struct call *call)
{
	const struct http_request *request = call->request;

	return request->content_length > 0 ? (size_t)request->content_length : request->body_length;
}

/* ---- the line ---------------------------------------------------------------------------- */

struct call *line_first(struct line *line)
{
	while (line->first && line->first->request->refused)
		line_leave(line, line->first);
	return line->first;
}

void line_enter(struct line *line, struct call *call)
{
	call->ahead = line->last;
	if (call->was_held) {
		call->ahead = NULL;
		for (struct call *at = line->first; at && at->held_tick <= call->held_tick;
		     at = at->behind)
			call->ahead = at;
	} else {
		call->held_tick = line->tick;
	}
	call->is_held = call->was_held = true;
	call->behind = call->ahead ? call->ahead->behind : line->first;
	if (call->ahead)
		call->ahead->behind = call;
	else
		line->first = call;
	if (call->behind)
		call->behind->ahead = call;
	else
		line->last = call;
}

void line_leave(struct line *line, struct call *call)
{
	if (!call->is_held)
		return;
	call->is_held = false;
	if (call->ahead)
		call->ahead->behind = call->behind;
	else
		line->first = call->behind;
	if (call->behind)
		call->behind->ahead = call->ahead;
	else
		line->last = call->ahead;
}

bool line_is_overdue(const struct line *line, const struct call *call)
{
	return line->tick - call->held_tick > LINE_TICKS;
}
