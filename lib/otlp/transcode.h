/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP's protobuf and its JSON, made into each other by tables of their messages. */
#ifndef SONDE_OTLP_TRANSCODE_H
#define SONDE_OTLP_TRANSCODE_H

#include <stddef.h>
#include <stdint.h>

#include "json.h"

/* The messages that stand alone. */
enum otlp_message {
	OTLP_LOGS, /* ExportLogsServiceRequest, LogsData */
	OTLP_SPANS,
	OTLP_METRICS,
	OTLP_LOGS_RESPONSE,
	OTLP_SPANS_RESPONSE,
	OTLP_METRICS_RESPONSE,
	OTLP_STATUS, /* google.rpc.Status, of errors */
};

struct otlp_json_error {
	uint32_t line, column; /* from 1; 0: of no place */
	char text[200];
};

/* What is decoded; zeroed, it is empty, and its memory is used again. */
struct otlp_buffer {
	unsigned char *data;
	size_t length, capacity;
};

void otlp_buffer_release(struct otlp_buffer *buffer);

/* JSON to protobuf. memory_limit_bytes bounds what parsing may take. -EBADMSG: not such JSON;
 * -EMSGSIZE: it would take more memory than that; -ENOMEM. */
int otlp_from_json(enum otlp_message message, const char *json, size_t length,
		   size_t memory_limit_bytes, struct otlp_buffer *buffer,
		   struct otlp_json_error *ret_error);

/* Protobuf to JSON on one line, appended to `json`. -EBADMSG, -ENOMEM. */
int otlp_to_json(enum otlp_message message, const void *data, size_t length, struct json *json);

#endif
