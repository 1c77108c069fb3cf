// SPDX-License-Identifier: Apache-2.0
/* The code that protoc-c makes of the messages. */
#include "otlp_bench.pb-c.h"
#include "otlp_peer.h"

bool otlp_peer_decode_c(enum otlp_kind kind, const void *data, size_t length)
{
	const ProtobufCMessageDescriptor *descriptor =
		kind == OTLP_KIND_LOGS    ? &bench__logs_request__descriptor
		: kind == OTLP_KIND_SPANS ? &bench__spans_request__descriptor
					  : &bench__metrics_request__descriptor;
	ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, NULL, length, data);

	if (!message)
		return false;
	protobuf_c_message_free_unpacked(message, NULL);
	return true;
}
