// SPDX-License-Identifier: Apache-2.0
/* What a receiver says to a request, and what follows from it by the rules of OTLP. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <curl/curl.h>
#include "answer.h"
#include "fields.h"
#include "protobuf.h"

enum {
	GRPC_CANCELLED = 1,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_ABORTED = 10,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNAVAILABLE = 14,
	GRPC_DATA_LOSS = 15,
	GRPC_UNAUTHENTICATED = 16,
};

const int64_t answer_longest_wait_ns = INT64_C(3600000000000);

static const char *const grpc_names[] = {
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
};

const char *answer_grpc_name(uint32_t code)
{
	return code < sizeof(grpc_names) / sizeof(*grpc_names) ? grpc_names[code] : "unknown";
}

void answer_say(char text[ANSWER_TEXT_LENGTH], const char *said, size_t length)
{
	size_t at = 0;

	while (length && isspace((unsigned char)*said)) {
		said++;
		length--;
	}
	for (; at < length && at < ANSWER_TEXT_LENGTH - 1; at++)
		text[at] = (unsigned char)said[at] < 0x20 || said[at] == 0x7f ? ' ' : said[at];
	while (at < length && at && ((unsigned char)said[at] & 0xc0) == 0x80)
		at--; /* not in the midst of a character */
	while (at && text[at - 1] == ' ')
		at--;
	text[at] = '\0';
}

static int64_t bounded_wait_ns(uint64_t seconds, int64_t ns)
{
	const uint64_t longest_s = (uint64_t)answer_longest_wait_ns / 1000000000;

	return seconds >= longest_s ? answer_longest_wait_ns : (int64_t)seconds * 1000000000 + ns;
}

int64_t answer_retry_after_ns(const char *value, int64_t now_ns)
{
	uint64_t seconds = 0;
	size_t digits = strspn(value, "0123456789");
	int64_t due_s;

	if (digits && !value[digits + strspn(value + digits, " \t")]) {
		for (size_t i = 0; i < digits && seconds < UINT32_MAX; i++)
			seconds = seconds * 10 + (uint64_t)(value[i] - '0');
		return bounded_wait_ns(seconds, 0);
	}
	if (!isalpha((unsigned char)*value)) /* dates begin with the day's name */
		return 0;
	due_s = curl_getdate(value, NULL);
	if (due_s < 0 || due_s <= now_ns / 1000000000)
		return 0;
	return bounded_wait_ns((uint64_t)(due_s - now_ns / 1000000000), 0);
}

void answer_by_http(struct answer *answer, uint32_t status)
{
	answer->unauthorized = status == 401;
	switch (status) {
	case 429:
	case 502:
	case 503:
	case 504:
		answer->verdict = ANSWER_RETRY;
		break;
	case 413:
		answer->verdict = ANSWER_TOO_LARGE;
		break;
	default:
		answer->verdict = status >= 200 && status < 300 ? ANSWER_DONE : ANSWER_REJECTED;
	}
}

/* RESOURCE_EXHAUSTED also says that a quota is used up, which smaller pieces do not mend. */
static bool speaks_of_size(const char *text)
{
	static const char *const words[] = { "larg", "size", "too big", "too long" };

	for (uint32_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcasestr(text, words[i]))
			return true;
	}
	return !*text;
}

void answer_by_grpc(struct answer *answer, uint32_t code)
{
	answer->unauthorized = code == GRPC_UNAUTHENTICATED;
	switch (code) {
	case 0:
		answer->verdict = ANSWER_DONE;
		break;
	case GRPC_CANCELLED:
	case GRPC_DEADLINE_EXCEEDED:
	case GRPC_ABORTED:
	case GRPC_OUT_OF_RANGE:
	case GRPC_UNAVAILABLE:
	case GRPC_DATA_LOSS:
		answer->verdict = ANSWER_RETRY;
		break;
	case GRPC_RESOURCE_EXHAUSTED:
		if (answer->retry_after_ns)
			answer->verdict = ANSWER_RETRY;
		else
			answer->verdict =
				speaks_of_size(answer->text) ? ANSWER_TOO_LARGE : ANSWER_REJECTED;
		break;
	default:
		answer->verdict = ANSWER_REJECTED;
	}
}

static int read_duration(const void *data, size_t length, int64_t *ret_ns)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field = { 0 };
	int64_t seconds = 0, ns = 0;
	int result;

	while ((result = message_next(&reader, &field)) > 0) {
		if (field.wire != MESSAGE_VARINT)
			continue;
		if (field.number == DURATION_SECONDS)
			seconds = (int64_t)field.value;
		else if (field.number == DURATION_NS)
			ns = (int64_t)field.value;
	}
	if (result < 0 || seconds < 0 || ns < 0 || ns > 999999999)
		return -EBADMSG;
	*ret_ns = bounded_wait_ns((uint64_t)seconds, ns);
	if (!*ret_ns)
		*ret_ns = 1; /* said, and at once */
	return 0;
}

static int read_retry_info(struct answer *answer, const void *data, size_t length)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field = { 0 };
	int result;

	while ((result = message_next(&reader, &field)) > 0) {
		if (field.number == RETRY_DELAY && field.wire == MESSAGE_BYTES &&
		    read_duration(field.data, field.length, &answer->retry_after_ns))
			return -EBADMSG;
	}
	if (!result && !answer->retry_after_ns)
		answer->retry_after_ns = 1; /* a RetryInfo without a delay: it may come again */
	return result;
}

/* One of the details: an Any, which names its type. */
static int read_detail(struct answer *answer, const void *data, size_t length)
{
	static const char retry_info[] = "/google.rpc.RetryInfo";
	const size_t name_length = sizeof(retry_info) - 1;
	struct message_reader reader = message_read(data, length);
	struct message_field field = { 0 }, value = { 0 };
	bool is_retry_info = false;
	int result;

	while ((result = message_next(&reader, &field)) > 0) {
		if (field.wire != MESSAGE_BYTES)
			continue;
		if (field.number == DETAIL_TYPE)
			is_retry_info = field.length >= name_length &&
					!memcmp(field.data + field.length - name_length, retry_info,
						name_length);
		else if (field.number == DETAIL_VALUE)
			value = field;
	}
	if (result < 0 || !is_retry_info)
		return result;
	return read_retry_info(answer, value.data, value.length);
}

int answer_read_status(struct answer *answer, const void *data, size_t length)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field = { 0 };
	int result;

	while ((result = message_next(&reader, &field)) > 0) {
		if (field.wire != MESSAGE_BYTES)
			continue;
		if (field.number == RPC_MESSAGE && field.length)
			answer_say(answer->text, (const char *)field.data, field.length);
		else if (field.number == RPC_DETAILS &&
			 read_detail(answer, field.data, field.length))
			return -EBADMSG;
	}
	return result;
}

static int read_partial(struct answer *answer, const void *data, size_t length)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field = { 0 };
	int result;

	while ((result = message_next(&reader, &field)) > 0) {
		if (field.number == PARTIAL_REJECTED && field.wire == MESSAGE_VARINT)
			answer->rejected_count = (int64_t)field.value > 0 ? field.value : 0;
		else if (field.number == PARTIAL_MESSAGE && field.wire == MESSAGE_BYTES)
			answer_say(answer->text, (const char *)field.data, field.length);
	}
	answer->is_partial = answer->rejected_count || answer->text[0];
	return result;
}

int answer_read_response(struct answer *answer, const void *data, size_t length)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field = { 0 };
	int result;

	while ((result = message_next(&reader, &field)) > 0) {
		if (field.number == RESPONSE_PARTIAL_SUCCESS && field.wire == MESSAGE_BYTES &&
		    read_partial(answer, field.data, field.length))
			return -EBADMSG;
	}
	return result;
}
