// SPDX-License-Identifier: Apache-2.0
/* gRPC over HTTP/2: the prefix of a message, and what the trailers say. */
#include <ctype.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "response.h"

void grpc_prefix(unsigned char prefix[GRPC_PREFIX_SIZE], bool compressed, uint32_t length)
{
	length = htobe32(length);
	prefix[0] = compressed;
	memcpy(prefix + 1, &length, sizeof(length));
}

void grpc_timeout(char text[GRPC_TIMEOUT_LENGTH], int64_t timeout_ns)
{
	int64_t ms = (timeout_ns + 999999) / 1000000;

	if (ms < 100000000)
		(void)snprintf(text, GRPC_TIMEOUT_LENGTH, "%lldm", (long long)ms);
	else
		(void)snprintf(text, GRPC_TIMEOUT_LENGTH, "%lldS", (long long)((ms + 999) / 1000));
}

static int hex_digit(char digit)
{
	const char *digits = "0123456789abcdef";
	const char *at = digit ? strchr(digits, tolower((unsigned char)digit)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* grpc-message is percent-encoded; what is not is taken as it stands. */
static void say_message(struct answer *answer, const char *message)
{
	char decoded[RESPONSE_HEADER_LIMIT];
	size_t length = 0;

	for (const char *at = message; *at; at++) {
		int high = *at == '%' ? hex_digit(at[1]) : -1;
		int low = high >= 0 ? hex_digit(at[2]) : -1;

		if (low >= 0) {
			decoded[length++] = (char)(high << 4 | low);
			at += 2;
		} else {
			decoded[length++] = *at;
		}
	}
	answer_say(answer->text, decoded, length);
}

static int base64_digit(char digit)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Base64 with or without padding. The number of bytes, up to the first that is none. */
static size_t base64_decode(const char *text, unsigned char *to)
{
	uint32_t bits = 0, bit_count = 0;
	size_t length = 0;
	int digit;

	while ((digit = base64_digit(*text++)) >= 0) {
		bits = bits << 6 | (uint32_t)digit;
		bit_count += 6;
		if (bit_count < 8)
			continue;
		bit_count -= 8;
		to[length++] = (unsigned char)(bits >> bit_count);
	}
	return length;
}

static void read_details(const struct response *response, struct answer *answer)
{
	unsigned char details[RESPONSE_HEADER_LIMIT];
	size_t length = base64_decode(response->grpc_details, details);
	struct answer status = { 0 };

	if (length && !answer_read_status(&status, details, length))
		answer->retry_after_ns = status.retry_after_ns;
}

/* The one message of the body. */
static bool read_message(const struct response *response, struct expander *expander,
			 struct answer *answer)
{
	const struct buffer *body = &response->body;
	struct buffer expanded = { 0 };
	enum compress_coding coding = COMPRESS_NONE;
	uint32_t length;
	bool readable;

	if (response->is_cut || body->length < GRPC_PREFIX_SIZE)
		return false;
	memcpy(&length, body->data + 1, sizeof(length));
	if (be32toh(length) != body->length - GRPC_PREFIX_SIZE || body->data[0] > 1)
		return false;
	if (body->data[0] && compress_find(response->grpc_coding, &coding))
		return false;
	readable = !expander_run(expander, coding, body->data + GRPC_PREFIX_SIZE,
				 body->length - GRPC_PREFIX_SIZE, RESPONSE_BODY_LIMIT, &expanded) &&
		   !answer_read_response(answer, expanded.data, expanded.length);
	buffer_release(&expanded);
	return readable;
}

static void read_success(const struct response *response, struct expander *expander,
			 struct answer *answer)
{
	if (read_message(response, expander, answer))
		return;
	answer->rejected_count = 0;
	answer->is_partial = true;
	(void)snprintf(answer->text, sizeof(answer->text),
		       "it answers OK with a message that cannot be read");
}

void grpc_read(const struct response *response, struct expander *expander, struct answer *answer)
{
	char said[ANSWER_TEXT_LENGTH];
	uint32_t code;
	char *end;

	if (response->status != 200) { /* it is not gRPC that answers: a proxy, say */
		answer_by_http(answer, response->status);
		if (answer->verdict == ANSWER_DONE)
			answer->verdict = ANSWER_REJECTED;
		(void)snprintf(answer->text, sizeof(answer->text), "HTTP %u instead of gRPC",
			       response->status);
		return;
	}
	code = (uint32_t)strtoul(response->grpc_status, &end, 10);
	if (!*response->grpc_status || *end) { /* the stream ended without an answer */
		answer->verdict = ANSWER_RETRY;
		answer->uncertain = true;
		(void)snprintf(answer->text, sizeof(answer->text), "an answer without grpc-status");
		return;
	}
	if (!code) {
		answer_by_grpc(answer, 0);
		read_success(response, expander, answer);
		return;
	}
	say_message(answer, response->grpc_message);
	read_details(response, answer);
	answer_by_grpc(answer, code);
	memcpy(said, answer->text, sizeof(said));
	(void)snprintf(answer->text, sizeof(answer->text), "gRPC %s%s%.200s",
		       answer_grpc_name(code), *said ? ": " : "", said);
}
