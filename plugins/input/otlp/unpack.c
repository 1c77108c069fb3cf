// SPDX-License-Identifier: Apache-2.0
/* Bodies unpacked: out of gRPC's frame, out of gzip or zstd, out of JSON; plain protobuf stays
 * where it was read to. */
#include "unpack.h"

#include <errno.h>
#include <string.h>

enum {
	FRAME_SIZE = 5,         /* gRPC: one byte of flags, four of length */
	KEPT_BYTES = 1 << 20,   /* of a buffer between two calls */
	JSON_MEMORY_FACTOR = 8, /* what parsing may take, of the limit of a body */
};

void unpacker_release(struct unpacker *unpacker)
{
	expander_release(unpacker->expander);
	buffer_release(&unpacker->plain);
	buffer_release(&unpacker->protobuf);
	*unpacker = (struct unpacker){ 0 };
}

/* One large body does not keep its memory for ever. */
static void unpacker_trim(struct unpacker *unpacker)
{
	if (unpacker->plain.capacity > KEPT_BYTES)
		buffer_release(&unpacker->plain);
	if (unpacker->protobuf.capacity > KEPT_BYTES)
		buffer_release(&unpacker->protobuf);
}

static int refuse_memory(struct refusal *refusal)
{
	return refuse(refusal, 503, GRPC_UNAVAILABLE, "memory is refused: send it again later");
}

/* ---- where it lies ----------------------------------------------------------------------- */

static bool call_open_dictionary(struct sonde_instance *instance, struct call *call)
{
	if (!call->dictionary)
		call->dictionary = sonde_dictionary_create(instance, false);
	return call->dictionary != NULL;
}

void *unpack_place(struct sonde_instance *instance, struct call *call, size_t length)
{
	if (call->codec == CODEC_JSON || call->compression != COMPRESS_NONE)
		return NULL;
	if (!call_open_dictionary(instance, call))
		return NULL;
	call->place = sonde_dictionary_memory(instance, call->dictionary, length);
	return call->place;
}

/* Puts a message into the dictionary's memory that lies elsewhere. */
static int keep(struct sonde_instance *instance, struct call *call, const void *data, size_t length,
		struct message *ret_message, struct refusal *refusal)
{
	void *memory = NULL;

	if (call_open_dictionary(instance, call))
		memory = sonde_dictionary_memory(instance, call->dictionary, length);
	if (!memory)
		return refuse_memory(refusal);
	memcpy(memory, data, length);
	*ret_message = (struct message){ .data = memory, .length = length };
	return 0;
}

/* ---- what it is in ----------------------------------------------------------------------- */

/* The message in gRPC's frame, which says whether it is compressed. */
static int unpack_frame(struct message *message, bool *ret_compressed, struct refusal *refusal)
{
	const unsigned char *frame = message->data;
	size_t length;

	if (message->length < FRAME_SIZE)
		return refuse(refusal, 400, GRPC_INVALID_ARGUMENT,
			      "the body has %zu bytes, a gRPC message begins with 5",
			      message->length);
	length = (size_t)frame[1] << 24 | (size_t)frame[2] << 16 | (size_t)frame[3] << 8 | frame[4];
	if (frame[0] > 1)
		return refuse(refusal, 400, GRPC_INVALID_ARGUMENT,
			      "the first byte of the gRPC message is %u: 0 or 1 are known",
			      frame[0]);
	if (length != message->length - FRAME_SIZE)
		return refuse(refusal, 400, GRPC_INVALID_ARGUMENT,
			      "the gRPC message says that it has %zu bytes, and %zu follow", length,
			      message->length - FRAME_SIZE);
	message->data += FRAME_SIZE;
	message->length = length;
	*ret_compressed = frame[0] == 1;
	return 0;
}

static int unpack_compressed(struct unpacker *unpacker, const struct call *call, size_t limit_bytes,
			     struct message *message, struct refusal *refusal)
{
	int result;

	if (call->compression == COMPRESS_NONE)
		return refuse(refusal, 400, GRPC_INTERNAL,
			      "the message is compressed, but no grpc-encoding says how");
	if (!unpacker->expander)
		unpacker->expander = expander_create();
	if (!unpacker->expander)
		return refuse_memory(refusal);
	result = expander_run(unpacker->expander, call->compression, message->data, message->length,
			      limit_bytes, &unpacker->plain);
	if (result == -EMSGSIZE)
		return refuse(
			refusal, 413, GRPC_RESOURCE_EXHAUSTED,
			"it is over %zu bytes when decompressed (body_limit): send less at once",
			limit_bytes);
	if (result == -EBADMSG)
		return refuse(refusal, 400, GRPC_INVALID_ARGUMENT, "the body is not %s, or cut off",
			      compress_name(call->compression));
	if (result < 0)
		return refuse_memory(refusal);
	*message = (struct message){ unpacker->plain.data, unpacker->plain.length };
	return 0;
}

static const enum otlp_message request_messages[] = {
	[SONDE_SIGNAL_METRIC] = OTLP_METRICS,
	[SONDE_SIGNAL_LOG] = OTLP_LOGS,
	[SONDE_SIGNAL_SPAN] = OTLP_SPANS,
};

static int unpack_json(struct unpacker *unpacker, const struct call *call, size_t limit_bytes,
		       struct message *message, struct refusal *refusal)
{
	struct otlp_json_error error = { 0 };
	int result = otlp_from_json(request_messages[call->signal], (const char *)message->data,
				    message->length, limit_bytes * JSON_MEMORY_FACTOR,
				    &unpacker->protobuf, &error);

	if (result == -EMSGSIZE)
		return refuse(
			refusal, 413, GRPC_RESOURCE_EXHAUSTED,
			"the JSON would take too much memory (body_limit): send less at once");
	if (result == -EBADMSG)
		return refuse(refusal, 400, GRPC_INVALID_ARGUMENT, "line %u, column %u: %s",
			      error.line, error.column, error.text);
	if (result < 0)
		return refuse_memory(refusal);
	*message = (struct message){ unpacker->protobuf.data, unpacker->protobuf.length };
	return 0;
}

int unpack(struct sonde_instance *instance, struct unpacker *unpacker, struct call *call,
	   size_t limit_bytes, struct message *ret_message, struct refusal *refusal)
{
	const struct http_request *request = call->request;
	struct message message = { request->body, request->body_length };
	bool compressed = call->compression != COMPRESS_NONE;
	bool placed = call->place && request->body == call->place;
	int result = 0;

	if (call->codec == CODEC_GRPC)
		result = unpack_frame(&message, &compressed, refusal);
	if (!result && compressed) {
		result = unpack_compressed(unpacker, call, limit_bytes, &message, refusal);
		placed = false;
	}
	if (!result && call->codec == CODEC_JSON) {
		result = unpack_json(unpacker, call, limit_bytes, &message, refusal);
		placed = false;
	}
	if (!result && placed)
		*ret_message = message;
	else if (!result)
		result = keep(instance, call, message.data, message.length, ret_message, refusal);
	unpacker_trim(unpacker);
	return result;
}
