// SPDX-License-Identifier: Apache-2.0
/* Answers as OTLP has them: Export*ServiceResponse, or a google.rpc.Status, over HTTP in the
 * request's encoding, over gRPC with its status in the trailers. */
#include "reply.h"

#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "protobuf.h"
#include "transcode.h"

enum { MESSAGE_LIMIT = 256, BODY_SIZE = 1024, FRAME_SIZE = 5 };

/* A message, written from the end of its room. */
struct body {
	unsigned char room[BODY_SIZE];
	struct message_writer writer;
};

static void body_open(struct body *body)
{
	body->writer.at = body->room + sizeof(body->room);
}

static const unsigned char *body_end(const struct body *body)
{
	return body->room + sizeof(body->room);
}

static size_t body_length(const struct body *body)
{
	return (size_t)(body_end(body) - body->writer.at);
}

static void put_text(struct body *body, uint32_t number, const char *text)
{
	const unsigned char *end = body->writer.at;

	message_put_bytes(&body->writer, text, strnlen(text, MESSAGE_LIMIT));
	message_put_head(&body->writer, number, end);
}

/* ---- messages ---------------------------------------------------------------------------- */

static void put_response(struct body *body, uint64_t rejected, const char *message)
{
	const unsigned char *end = body_end(body);

	if (!rejected && !message)
		return;
	if (message)
		put_text(body, PARTIAL_MESSAGE, message);
	if (rejected)
		message_put_field(&body->writer, PARTIAL_REJECTED, rejected);
	message_put_head(&body->writer, RESPONSE_PARTIAL_SUCCESS, end);
}

static void put_retry(struct body *body, int64_t retry_after_ns)
{
	const unsigned char *end = body->writer.at;
	const unsigned char *value_end = end;

	if (retry_after_ns % 1000000000)
		message_put_field(&body->writer, DURATION_NS,
				  (uint64_t)(retry_after_ns % 1000000000));
	if (retry_after_ns / 1000000000)
		message_put_field(&body->writer, DURATION_SECONDS,
				  (uint64_t)(retry_after_ns / 1000000000));
	message_put_head(&body->writer, RETRY_DELAY, value_end);
	message_put_head(&body->writer, DETAIL_VALUE, value_end);
	put_text(body, DETAIL_TYPE, "type.googleapis.com/google.rpc.RetryInfo");
	message_put_head(&body->writer, RPC_DETAILS, end);
}

static void put_status(struct body *body, const struct refusal *refusal)
{
	if (refusal->retry_after_ns)
		put_retry(body, refusal->retry_after_ns);
	put_text(body, RPC_MESSAGE, refusal->message);
	message_put_field(&body->writer, RPC_CODE, refusal->code);
}

/* ---- HTTP -------------------------------------------------------------------------------- */

static const enum otlp_message response_messages[] = {
	[SONDE_SIGNAL_METRIC] = OTLP_METRICS_RESPONSE,
	[SONDE_SIGNAL_LOG] = OTLP_LOGS_RESPONSE,
	[SONDE_SIGNAL_SPAN] = OTLP_SPANS_RESPONSE,
};

static void answer_http(struct call *call, const struct body *body, enum otlp_message message,
			struct http_answer *answer)
{
	struct json json = { 0 };

	answer->content_type = "application/x-protobuf";
	answer->body = body->writer.at;
	answer->body_length = body_length(body);
	if (call->codec == CODEC_JSON) {
		answer->content_type = "application/json";
		if (otlp_to_json(message, body->writer.at, body_length(body), &json) == 0) {
			answer->body = json.data;
			answer->body_length = json.length;
		} else { /* no memory; the status says the most of it */
			answer->body = "{}";
			answer->body_length = 2;
		}
	}
	http_answer(call->request, answer);
	json_release(&json);
}

/* ---- gRPC -------------------------------------------------------------------------------- */

/* As gRPC has texts in headers: what is not printable ASCII is %XX. */
static void encode_percent(const char *text, char out[3 * MESSAGE_LIMIT + 1])
{
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte < 0x20 || byte > 0x7e || byte == '%')
			out += sprintf(out, "%%%02X", byte);
		else
			*out++ = *text;
	}
	*out = 0;
}

static void answer_grpc(struct call *call, struct body *body)
{
	const struct http_header trailers[] = { { "grpc-status", "0" } };
	struct http_answer answer = { .status = 200,
				      .content_type = "application/grpc",
				      .trailers = trailers,
				      .trailer_count = 1 };
	uint64_t length = body_length(body);

	body->writer.at -= FRAME_SIZE;
	body->writer.at[0] = 0; /* not compressed */
	for (uint32_t i = 0; i < 4; i++)
		body->writer.at[1 + i] = (unsigned char)(length >> (24 - 8 * i));
	answer.body = body->writer.at;
	answer.body_length = body_length(body);
	http_answer(call->request, &answer);
}

static void refuse_grpc(struct call *call, const struct body *status, const struct refusal *refusal)
{
	char code[16], message[3 * MESSAGE_LIMIT + 1], details[JSON_BASE64_SIZE(BODY_SIZE)];
	struct http_header trailers[3] = {
		{ "grpc-status", code },
		{ "grpc-message", message },
		{ "grpc-status-details-bin", details + 1 }, /* behind the quote */
	};
	struct http_answer answer = { .status = 200,
				      .content_type = "application/grpc",
				      .trailers = trailers,
				      .trailer_count = refusal->retry_after_ns ? 3 : 2 };

	snprintf(code, sizeof(code), "%u", refusal->code);
	encode_percent(refusal->message, message);
	json_put_base64(details, status->writer.at, body_length(status))[-1] = 0;
	http_answer(call->request, &answer);
}

/* ---- both -------------------------------------------------------------------------------- */

void reply_done(struct call *call, uint64_t rejected, const char *message)
{
	struct http_answer answer = { .status = 200 };
	struct body body;

	if (!call->request)
		return;
	body_open(&body);
	put_response(&body, rejected, message);
	if (call->codec == CODEC_GRPC)
		answer_grpc(call, &body);
	else
		answer_http(call, &body, response_messages[call->signal], &answer);
}

void reply_refused(struct call *call, const struct refusal *refusal)
{
	char seconds[24];
	struct http_header headers[2];
	struct http_answer answer = { .status = refusal->status, .headers = headers };
	struct body body;

	if (!call->request)
		return;
	body_open(&body);
	put_status(&body, refusal);
	if (call->codec == CODEC_GRPC) {
		refuse_grpc(call, &body, refusal);
		return;
	}
	if (refusal->retry_after_ns) {
		snprintf(seconds, sizeof(seconds), "%lld",
			 (long long)((refusal->retry_after_ns + 999999999) / 1000000000));
		headers[answer.header_count++] = (struct http_header){ "retry-after", seconds };
	}
	if (refusal->status == 405)
		headers[answer.header_count++] = (struct http_header){ "allow", "POST" };
	answer_http(call, &body, OTLP_STATUS, &answer);
}
