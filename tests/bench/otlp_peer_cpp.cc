// SPDX-License-Identifier: Apache-2.0
/* The code that protoc makes of the messages for C++, into an arena that is used again. */
#include <google/protobuf/arena.h>

#include "otlp_bench.pb.h"
#include "otlp_peer.h"

template <typename Request>
static bool decode(google::protobuf::Arena *arena, const void *data, size_t length)
{
	return google::protobuf::Arena::CreateMessage<Request>(arena)->ParseFromArray(
		data, static_cast<int>(length));
}

static char first_block[4 << 20];

bool otlp_peer_decode_cpp(enum otlp_kind kind, const void *data, size_t length)
{
	static google::protobuf::Arena arena(first_block, sizeof(first_block));
	bool done = kind == OTLP_KIND_LOGS    ? decode<bench::LogsRequest>(&arena, data, length)
		    : kind == OTLP_KIND_SPANS ? decode<bench::SpansRequest>(&arena, data, length)
					      : decode<bench::MetricsRequest>(&arena, data, length);

	arena.Reset();
	return done;
}
