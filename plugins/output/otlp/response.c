// SPDX-License-Identifier: Apache-2.0
/* What came back for a request over HTTP. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "transcode.h"
#include "response.h"

enum { JSON_MEMORY_LIMIT = 4 * 1024 * 1024 };

void response_clear(struct response *response)
{
	struct buffer body = response->body;

	body.length = 0;
	*response = (struct response){ .body = body };
}

void response_release(struct response *response)
{
	buffer_release(&response->body);
}

static void status_line(struct response *response, const char *line, size_t length)
{
	const char *space = memchr(line, ' ', length);
	uint32_t status = 0;

	response_clear(response); /* what came before was of a proxy, or a 100 */
	for (const char *at = space ? space + 1 : line + length;
	     at < line + length && isdigit((unsigned char)*at) && status < 1000; at++)
		status = status * 10 + (uint32_t)(*at - '0');
	response->status = status;
}

void response_header(struct response *response, const char *line, size_t length)
{
	const struct {
		const char *name;
		char *value;
		size_t size;
	} wanted[] = {
		{ "content-type", response->type, sizeof(response->type) },
		{ "content-encoding", response->coding, sizeof(response->coding) },
		{ "retry-after", response->retry_after, sizeof(response->retry_after) },
		{ "grpc-encoding", response->grpc_coding, sizeof(response->grpc_coding) },
		{ "grpc-status", response->grpc_status, sizeof(response->grpc_status) },
		{ "grpc-message", response->grpc_message, sizeof(response->grpc_message) },
		{ "grpc-status-details-bin", response->grpc_details,
		  sizeof(response->grpc_details) },
	};
	const char *colon = memchr(line, ':', length), *value, *end = line + length;

	if (length >= 5 && !strncmp(line, "HTTP/", 5)) {
		status_line(response, line, length);
		return;
	}
	if (!colon)
		return;
	while (end > colon && isspace((unsigned char)end[-1]))
		end--;
	for (value = colon + 1; value < end && isspace((unsigned char)*value); value++)
		;
	for (uint32_t i = 0; value < end && i < sizeof(wanted) / sizeof(*wanted); i++) {
		if (strlen(wanted[i].name) != (size_t)(colon - line) ||
		    strncasecmp(wanted[i].name, line, (size_t)(colon - line)))
			continue;
		(void)snprintf(wanted[i].value, wanted[i].size, "%.*s", (int)(end - value), value);
		for (char *at = wanted[i].value; *at; at++) {
			if ((unsigned char)*at < ' ' || *at == 0x7f)
				*at = ' '; /* some of them are shown */
		}
	}
}

int response_body(struct response *response, const void *data, size_t length)
{
	struct buffer *body = &response->body;

	if (!body->data) {
		body->data = malloc(RESPONSE_BODY_LIMIT);
		if (!body->data)
			return -ENOMEM;
		body->capacity = RESPONSE_BODY_LIMIT;
	}
	if (length > RESPONSE_BODY_LIMIT - body->length) {
		length = RESPONSE_BODY_LIMIT - body->length;
		response->is_cut = true;
	}
	memcpy(body->data + body->length, data, length);
	body->length += length;
	return 0;
}

/* ---- HTTP -------------------------------------------------------------------------------- */

static bool is_of_type(const struct response *response, const char *type)
{
	size_t length = strlen(type);

	return !strncasecmp(response->type, type, length) &&
	       !isalnum((unsigned char)response->type[length]);
}

/* The body as protobuf: as it is, or made of JSON. -EBADMSG: it is neither. */
static int body_as_protobuf(const struct response *response, enum otlp_message message,
			    const struct buffer *body, struct buffer *ret_made,
			    const void **ret_data, size_t *ret_length)
{
	struct otlp_json_error error;

	*ret_data = body->data;
	*ret_length = body->length;
	if (is_of_type(response, "application/x-protobuf"))
		return 0;
	if (!is_of_type(response, "application/json"))
		return -EBADMSG;
	if (otlp_from_json(message, (const char *)body->data, body->length, JSON_MEMORY_LIMIT,
			   ret_made, &error))
		return -EBADMSG;
	*ret_data = ret_made->data;
	*ret_length = ret_made->length;
	return 0;
}

static void read_success(const struct response *response, enum signal signal,
			 const struct buffer *body, struct answer *answer)
{
	static const enum otlp_message messages[SIGNAL_COUNT] = { OTLP_LOGS_RESPONSE,
								  OTLP_METRICS_RESPONSE,
								  OTLP_SPANS_RESPONSE };
	struct buffer made = { 0 };
	const void *data;
	size_t length;

	/* Whatever the body is, the status says that the request was taken. */
	if ((body->length || response->is_cut) &&
	    (response->is_cut ||
	     body_as_protobuf(response, messages[signal], body, &made, &data, &length) ||
	     answer_read_response(answer, data, length))) {
		answer->rejected_count = 0;
		answer->is_partial = true;
		(void)snprintf(answer->text, sizeof(answer->text),
			       "it answers with a body of %s that cannot be read",
			       *response->type ? response->type : "no type");
	}
	buffer_release(&made);
}

/* The reason: "HTTP 400" with the words of the Status in the body, or of a text. */
static void read_refusal(const struct response *response, const struct buffer *body,
			 struct answer *answer)
{
	struct buffer made = { 0 };
	struct answer status = { 0 };
	const void *data;
	size_t length;

	if (!body_as_protobuf(response, OTLP_STATUS, body, &made, &data, &length))
		(void)answer_read_status(&status, data, length);
	else if (is_of_type(response, "text/plain"))
		answer_say(status.text, (const char *)body->data, body->length);
	(void)snprintf(answer->text, sizeof(answer->text), "HTTP %u%s%.200s", response->status,
		       *status.text ? ": " : "", status.text);
	buffer_release(&made);
}

/* The body as it was before it was compressed. Nobody asked for that, but it can be. */
static int body_expand(const struct response *response, struct expander *expander,
		       struct buffer *ret_body)
{
	enum compress_coding coding;

	if (compress_find(response->coding, &coding))
		return -EBADMSG;
	return expander_run(expander, coding, response->body.data, response->body.length,
			    RESPONSE_BODY_LIMIT, ret_body);
}

void response_read(const struct response *response, enum protocol protocol, enum signal signal,
		   struct expander *expander, int64_t now_ns, struct answer *answer)
{
	struct buffer body = { 0 };

	if (protocol == PROTOCOL_GRPC) {
		grpc_read(response, expander, answer);
		return;
	}
	answer_by_http(answer, response->status);
	if (answer->verdict == ANSWER_RETRY && *response->retry_after)
		answer->retry_after_ns = answer_retry_after_ns(response->retry_after, now_ns);
	(void)body_expand(response, expander, &body);
	if (answer->verdict == ANSWER_DONE)
		read_success(response, signal, &body, answer);
	else
		read_refusal(response, &body, answer);
	buffer_release(&body);
}
