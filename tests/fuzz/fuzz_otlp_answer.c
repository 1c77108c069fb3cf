// SPDX-License-Identifier: Apache-2.0
/* Fuzzes what a receiver of OTLP answers: a head by lines, a blank line, a body; over HTTP and
 * gRPC. Whatever it is, it has a verdict, a wait within bounds, and a text of one line. */
#include <assert.h>
#include <string.h>
#include "response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct answer *answer)
{
	size_t length = strnlen(answer->text, sizeof(answer->text));

	assert(answer->verdict <= ANSWER_TOO_LARGE);
	assert(answer->retry_after_ns >= 0 && answer->retry_after_ns <= answer_longest_wait_ns);
	assert(length < sizeof(answer->text));
	for (size_t i = 0; i < length; i++)
		assert((unsigned char)answer->text[i] >= ' ');
	assert(answer->rejected_count <= INT64_MAX);
}

/* The lines of the head; returns where the body begins. */
static size_t read_head(struct response *response, const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t length = end ? (size_t)(end - data) - at + 1 : size - at;

		at += length;
		if (length == 1)
			break;
		response_header(response, (const char *)data + at - length, length);
	}
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct expander *expander;
	struct response response = { 0 };
	size_t head;

	if (!expander)
		expander = expander_create();
	if (!expander || !size)
		return 0;
	head = read_head(&response, data + 1, size - 1) + 1;
	if (response_body(&response, data + head, size - head)) {
		response_release(&response);
		return 0;
	}
	for (uint32_t protocol = PROTOCOL_HTTP; protocol <= PROTOCOL_GRPC; protocol++) {
		struct answer answer = { 0 };

		response_read(&response, (enum protocol)protocol,
			      (enum signal)(data[0] % SIGNAL_COUNT), expander, 0, &answer);
		check(&answer);
	}
	response_release(&response);
	return 0;
}
