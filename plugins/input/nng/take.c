// SPDX-License-Identifier: Apache-2.0
/* Frames: room for them, whether they were taken before, and what their edges hear. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "nng.h"

enum { STATEMENT_BYTES = 4 << 20, STATEMENT_MEMORY_BYTES = 16 << 20, STATEMENT_BATCHES = 4 };

/* What a message with a frame says. */
struct parcel {
	struct position position;
	struct sonde_frame frame;
	uint64_t floor;
	uint32_t code; /* why it cannot be taken */
	const char *why;
};

static void refuse_frame(struct sonde_instance *instance, struct edge *edge,
			 const struct position *position, uint32_t code, const char *text)
{
	struct nng *nng = instance->self;
	unsigned char bytes[POSITION_BYTES + NOTICE_BYTES];

	position_encode(position, bytes);
	edge_say(edge, MESSAGE_REFUSED, 0, bytes,
		 POSITION_BYTES + notice_encode(code, text, bytes + POSITION_BYTES));
	if (code == MESSAGE_AGAIN)
		return;
	sonde_count(&nng->refused, 1);
	edge->refused++;
	sonde_log(instance, SONDE_WARNING, "a frame of %s is refused: %s: %s", edge->name,
		  message_code_name(code), text);
}

/* ---- reading ----------------------------------------------------------------------------- */

static int spoilt(struct parcel *parcel, uint32_t code, const char *why)
{
	parcel->code = code;
	parcel->why = why;
	return -EBADMSG;
}

/* -EBADMSG: it has a position, and a code; -EPROTO: not even that. */
static int parcel_read(struct sonde_instance *instance, const struct hop_buffer *payload,
		       struct parcel *parcel)
{
	const struct nng *nng = instance->self;
	const unsigned char *data = payload->data + POSITION_BYTES;
	size_t length = payload->length - POSITION_BYTES;
	int result;

	if (payload->length < POSITION_BYTES ||
	    position_decode(payload->data, payload->length, &parcel->position) ||
	    !parcel->position.sequence)
		return -EPROTO;
	if (length > nng->settings.frame_bytes)
		return spoilt(parcel, MESSAGE_TOO_LARGE, "it is over frame_limit");
	parcel->frame = (struct sonde_frame){ .size = sizeof(parcel->frame) };
	result = sonde_frame_look(instance, data, length, &parcel->frame);
	if (result == -EPROTONOSUPPORT)
		return spoilt(parcel, MESSAGE_OTHER_VERSION, "of another version of frames");
	if (result == -EMSGSIZE)
		return spoilt(parcel, MESSAGE_TOO_LARGE, "longer than a frame may be");
	if (result)
		return spoilt(parcel, MESSAGE_DAMAGED, "not a frame");
	if (parcel->frame.length != length || parcel->frame.kind != SONDE_FRAME_ROWS ||
	    parcel->frame.sequence != parcel->position.sequence ||
	    memcmp(parcel->frame.stream, parcel->position.stream, sizeof(parcel->frame.stream)))
		return spoilt(parcel, MESSAGE_DAMAGED, "not the frame that was announced");
	return 0;
}

/* ---- taking ------------------------------------------------------------------------------ */

static void taken_free(struct taken *taken)
{
	*taken->link = taken->next;
	if (taken->next)
		taken->next->link = taken->link;
	free(taken);
}

static struct taken *taken_create(struct nng *nng, const struct edge *edge,
				  const struct parcel *parcel)
{
	struct taken *taken = calloc(1, sizeof(*taken));

	if (!taken)
		return NULL;
	if (share_begin(nng->share, &nng->member, &parcel->position, &taken->frame)) {
		free(taken);
		return NULL;
	}
	taken->user = edge->user;
	taken->rows = parcel->frame.rows;
	taken->link = &nng->taken;
	taken->next = nng->taken;
	if (taken->next)
		taken->next->link = &taken->next;
	nng->taken = taken;
	return taken;
}

/* The edge has its answer. */
static void taken_end(struct nng *nng, struct taken *taken, uint32_t code, const char *text)
{
	if (!taken->is_ended)
		share_end(nng->share, &taken->frame, code, text);
	taken->is_ended = true;
}

/* What is wrong with the frame stays so; what is missing here may be there again. */
static uint32_t code_of_error(int error)
{
	switch (error) {
	case -EBADMSG:
		return MESSAGE_DAMAGED;
	case -EPROTONOSUPPORT:
		return MESSAGE_OTHER_VERSION;
	case -EMSGSIZE:
		return MESSAGE_TOO_LARGE;
	default:
		return MESSAGE_AGAIN;
	}
}

/* The rows go on, and use up what was reserved for them. */
static void emit(struct sonde_instance *instance, struct edge *edge, struct parcel *parcel)
{
	struct nng *nng = instance->self;
	struct taken *taken = taken_create(nng, edge, parcel);
	int result = -ENOMEM;

	if (!taken) {
		sonde_unreserve(instance, parcel->frame.memory_bytes);
		refuse_frame(instance, edge, &parcel->position, MESSAGE_AGAIN, "no memory");
		return;
	}
	edge->open_count++;
	parcel->frame.origin = edge->name;
	result = sonde_emit_frame(instance, &parcel->frame, (uintptr_t)taken);
	if (result) {
		edge->open_count--;
		sonde_unreserve(instance, parcel->frame.memory_bytes);
		taken_end(nng, taken, code_of_error(result), strerror(-result));
		taken_free(taken);
		return;
	}
	edge->frames++;
	edge->rows += parcel->frame.rows;
	edge->bytes += parcel->frame.length;
	sonde_count(&nng->frames, 1);
	sonde_count(&nng->rows, parcel->frame.rows);
	sonde_count(&nng->bytes, parcel->frame.length);
	if (nng->settings.ack == ACK_RECEIVED)
		taken_end(nng, taken, MESSAGE_FINE, NULL);
}

/* 0: it is done with; -EAGAIN: there is no room for it. */
static int take(struct sonde_instance *instance, struct edge *edge,
		const struct hop_buffer *payload, uint64_t floor, bool may_enter)
{
	struct nng *nng = instance->self;
	struct parcel parcel = { .floor = floor };
	int result = parcel_read(instance, payload, &parcel);
	size_t bytes;

	if (result == -EPROTO) {
		edge_refuse(instance, edge, MESSAGE_MALFORMED, "a frame without a position");
		return 0;
	}
	if (result) {
		refuse_frame(instance, edge, &parcel.position, parcel.code, parcel.why);
		return 0;
	}
	result = share_look(nng->share, &nng->member, edge->user, &parcel.position, floor);
	if (result == STREAM_TAKEN || result == STREAM_UNDER_WAY) {
		edge->repeats++;
		sonde_count(&nng->repeats, 1);
		return 0;
	}
	bytes = parcel.frame.memory_bytes;
	if (result == STREAM_NEW)
		result = may_enter ? sonde_reserve(instance, bytes) : -EAGAIN;
	if (result == -EAGAIN)
		return result;
	if (result == -EMSGSIZE) {
		refuse_frame(instance, edge, &parcel.position, MESSAGE_TOO_LARGE,
			     "more than a queue of the region holds");
		return 0;
	}
	if (result) {
		refuse_frame(instance, edge, &parcel.position, MESSAGE_AGAIN, strerror(-result));
		return 0;
	}
	emit(instance, edge, &parcel);
	return 0;
}

void take_frame(struct sonde_instance *instance, struct edge *edge, struct hop_buffer *payload,
		uint64_t floor)
{
	struct nng *nng = instance->self;

	if (nng->is_ending || edge->state != EDGE_READY ||
	    take(instance, edge, payload, floor, !nng->line) != -EAGAIN) {
		hop_buffer_release(payload);
		return;
	}
	assert(!edge->waiting); /* its connection is paused while one waits */
	sonde_count(&nng->full, 1);
	edge->waiting = payload;
	edge->waiting_floor = floor;
	edge->behind = NULL;
	*nng->line_last = edge;
	nng->line_last = &edge->behind;
	hop_pause(edge->connection, true);
	edge_say(edge, MESSAGE_PAUSE, 0, NULL, 0);
}

void take_none(struct nng *nng, struct edge *edge)
{
	struct edge **link = &nng->line;

	if (!edge->waiting)
		return;
	while (*link != edge)
		link = &(*link)->behind;
	*link = edge->behind;
	if (nng->line_last == &edge->behind)
		nng->line_last = link;
	hop_buffer_release(edge->waiting);
	edge->waiting = NULL;
}

void take_waiting(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;

	while (nng->line && !nng->is_ending) {
		struct edge *edge = nng->line;

		if (take(instance, edge, edge->waiting, edge->waiting_floor, true) == -EAGAIN)
			return;
		take_none(nng, edge);
		hop_pause(edge->connection, false);
		edge_say(edge, MESSAGE_RESUME, 0, NULL, 0);
	}
}

/* ---- answers ----------------------------------------------------------------------------- */

void take_answers(struct sonde_instance *instance)
{
	struct nng *nng = instance->self;
	struct share_word word;

	while (share_next(nng->share, &nng->member, &word)) {
		struct edge *edge = edge_find(nng, word.user);
		unsigned char bytes[POSITION_BYTES];

		if (!edge || edge->state != EDGE_READY)
			continue; /* it asks again when it comes again */
		if (word.code != MESSAGE_FINE) {
			refuse_frame(instance, edge, &word.position, word.code, word.text);
			continue;
		}
		position_encode(&word.position, bytes);
		edge_say(edge, MESSAGE_ACK, 0, bytes, sizeof(bytes));
		edge->acked++;
	}
}

int take_settled(struct sonde_instance *instance, struct taken *taken,
		 const struct sonde_settlement *settlement)
{
	struct nng *nng = instance->self;
	struct edge *edge = edge_find(nng, taken->user);
	uint32_t code = MESSAGE_FINE;

	if (edge && edge->open_count)
		edge->open_count--;
	if (settlement->verdict == SONDE_RETRY)
		code = MESSAGE_AGAIN;
	else if (settlement->verdict == SONDE_REJECTED)
		code = MESSAGE_REJECTED;
	taken_end(nng, taken, code, settlement->reason);
	taken_free(taken);
	if (nng->is_ending)
		take_answers(instance); /* nobody wakes us any more */
	return 0;
}

/* ---- statements -------------------------------------------------------------------------- */

static void keep_statement(struct edge *edge, const struct statement *statement,
			   const struct sonde_frame *frame, int64_t now_ns)
{
	struct fleet_member member = { .epoch = statement->epoch, .time_ns = statement->time_ns };

	memcpy(member.host_id, statement->host_id, sizeof(member.host_id));
	memcpy(member.name, statement->name, sizeof(member.name));
	if (!strcmp(statement->host_id, edge->host_id)) {
		memcpy(member.name, edge->name, sizeof(edge->name)); /* as it is known here */
		edge->lag_ns = now_ns - statement->time_ns;
	}
	(void)snprintf(member.via, sizeof(member.via), "%s", edge->name);
	statement_add(statement, false, &member.rows);
	statement_add(statement, true, &member.events);
	(void)fleet_put(&member, frame->data, frame->length);
}

void take_statement(struct sonde_instance *instance, struct edge *edge, const void *data,
		    size_t length)
{
	struct nng *nng = instance->self;
	struct sonde_batch *batches[STATEMENT_BATCHES] = { NULL };
	struct sonde_frame frame = { .size = sizeof(frame) };
	struct statement statement;
	uint32_t count;

	if (length > STATEMENT_BYTES || sonde_frame_look(instance, data, length, &frame) ||
	    frame.kind != SONDE_FRAME_LEDGER || frame.length != length ||
	    frame.batch_count > STATEMENT_BATCHES || frame.memory_bytes > STATEMENT_MEMORY_BYTES ||
	    sonde_frame_read(instance, &frame, batches, STATEMENT_BATCHES)) {
		sonde_log(instance, SONDE_WARNING, "%s sent a ledger that cannot be read",
			  edge->name);
		return;
	}
	count = frame.batch_count;
	if (!statement_read(instance, batches, count, &statement)) {
		keep_statement(edge, &statement, &frame, sonde_now_ns(instance));
		statement_clear(&statement);
		sonde_count(&nng->statements, 1);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (nng->settings.ledger && !nng->is_ending)
			(void)sonde_emit_batch(instance, batches[i]);
		else
			sonde_batch_release(instance, batches[i]);
	}
}
