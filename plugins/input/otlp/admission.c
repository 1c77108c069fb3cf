// SPDX-License-Identifier: Apache-2.0
/* Room for calls: asked for before a body is read, and waited for in the order in which they came.
 */
#include "admission.h"

#include <errno.h>

enum {
	RESERVE_LEAST = 16 << 10, /* for the smallest request */
	BATCH_FACTOR = 2,         /* what a batch takes of memory, of its message */
	EXPANSION_FACTOR = 4,     /* guessed of a compressed body until it is there */
};

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
int call_reserve_body(struct sonde_instance *instance, struct call *call, size_t body_bytes,
		      struct refusal *refusal)
{
	size_t factor =
		call->compression == COMPRESS_NONE ? BATCH_FACTOR : BATCH_FACTOR * EXPANSION_FACTOR;
	int result = call_reserve(instance, call, RESERVE_LEAST + factor * body_bytes, refusal);

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
