/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP's protobuf and its JSON, made into each other by tables of their messages.
 *
 * JSON is read as protobuf's own JSON is, with the ids of OTLP: trace and span ids are hex in
 * either case, other bytes base64 of either alphabet; names are lowerCamelCase or those of the
 * .proto files; enums are numbers or their full names; whole numbers may be quoted and are exact to
 * 64 bits; null is absent, unknown fields are ignored, of a name that stands twice the last value
 * counts. Two of which one at most may be there (stringValue and intValue) are an error.
 *
 * JSON is written with small hex, lowerCamelCase, numbers for enums, 64 bits in quotes, and without
 * default values. Messages are in the order of their field numbers, as the official classes write
 * them: what goes from one to the other and back is the same to the byte.
 */
#ifndef SONDE_OTLP_TRANSCODE_H
#define SONDE_OTLP_TRANSCODE_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
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
	uint32_t line, column; /* from 1, in bytes; 0: of no place */
	char text[200]; /* resourceLogs[0].resource: an array stands where an object should */
};

/* JSON to protobuf. memory_limit_bytes bounds what parsing takes, exactly; some 5 times
 * the text is usual. The buffer comes on top of that: the message is smaller than the text, but for
 * arrays of short numbers, where it may have 4 times as much. -EBADMSG: not such JSON; -EMSGSIZE:
 * it would take more memory than that; -ENOMEM. ret_error says where and why, of -ENOMEM nothing.
 */
int otlp_from_json(enum otlp_message message, const char *json, size_t length,
		   size_t memory_limit_bytes, struct buffer *buffer,
		   struct otlp_json_error *ret_error);

/* The same of a request whose signal only its text tells, by its one member: *ret_message is
 * OTLP_LOGS, OTLP_SPANS or OTLP_METRICS. -EBADMSG: it has none of the three, or several. */
int otlp_data_from_json(const char *json, size_t length, size_t memory_limit_bytes,
			enum otlp_message *ret_message, struct buffer *buffer,
			struct otlp_json_error *ret_error);

/* Protobuf to JSON on one line, appended to `json`, which is as it was on failure. Texts that are
 * not UTF-8 have U+FFFD instead. -EBADMSG: not such a message, or nested deeper than 100; -ENOMEM.
 */
int otlp_to_json(enum otlp_message message, const void *data, size_t length, struct json *json);

#endif
