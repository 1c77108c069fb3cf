/* SPDX-License-Identifier: Apache-2.0 */
/* What a receiver says to a request, and what follows from it by the rules of OTLP. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "response.h"

static const int64_t second_ns = INT64_C(1000000000);

static struct response response_of(const char *head)
{
	struct response response = { 0 };

	while (*head) {
		size_t length = strcspn(head, "\n") + 1;

		response_header(&response, head, length);
		head += length;
	}
	return response;
}

static struct answer answer_of(struct response *response, enum protocol protocol)
{
	struct expander *expander = expander_create();
	struct answer answer = { 0 };

	response_read(response, protocol, SIGNAL_LOGS, expander, 0, &answer);
	expander_release(expander);
	response_release(response);
	return answer;
}

static void a_wait_is_seconds_or_a_date(void **state)
{
	const int64_t now_ns = INT64_C(784111777) * second_ns; /* 1994-11-06 08:49:37 */

	(void)state;
	assert_int_equal(answer_retry_after_ns("120", now_ns), 120 * second_ns);
	assert_int_equal(answer_retry_after_ns("120  ", now_ns), 120 * second_ns);
	assert_int_equal(answer_retry_after_ns("0", now_ns), 0);
	assert_int_equal(answer_retry_after_ns("Sun, 06 Nov 1994 08:50:37 GMT", now_ns),
			 60 * second_ns);
	assert_int_equal(answer_retry_after_ns("Sunday, 06-Nov-94 08:49:39 GMT", now_ns),
			 2 * second_ns);
	assert_int_equal(answer_retry_after_ns("Sun Nov  6 08:49:38 1994", now_ns), second_ns);
	assert_int_equal(answer_retry_after_ns("Sun, 06 Nov 1994 08:49:00 GMT", now_ns), 0);
}

static void a_wait_that_is_none_is_not_said(void **state)
{
	static const char *const texts[] = { "",    "-1",   "soon", "1.5", "1e3",
					     "0x1", "12 h", "+5",   "\xff" };

	(void)state;
	for (uint32_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(answer_retry_after_ns(texts[i], 0), 0);
}

static void no_wait_is_longer_than_an_hour(void **state)
{
	(void)state;
	assert_int_equal(answer_retry_after_ns("3601", 0), 3600 * second_ns);
	assert_int_equal(answer_retry_after_ns("99999999999999999999999999", 0), 3600 * second_ns);
	assert_int_equal(answer_retry_after_ns("Fri, 31 Dec 9999 23:59:59 GMT", 0),
			 3600 * second_ns);
}

static void statuses_of_http_mean_what_the_specification_says(void **state)
{
	(void)state;
	for (uint32_t status = 200; status < 600; status++) {
		enum answer_verdict expected = status < 300 ? ANSWER_DONE : ANSWER_REJECTED;
		struct answer answer = { 0 };

		if (status == 429 || status == 502 || status == 503 || status == 504)
			expected = ANSWER_RETRY;
		else if (status == 413)
			expected = ANSWER_TOO_LARGE;
		answer_by_http(&answer, status);
		assert_int_equal(answer.verdict, expected);
		assert_int_equal(answer.unauthorized, status == 401);
	}
}

static void statuses_of_grpc_mean_what_the_specification_says(void **state)
{
	static const uint32_t retried[] = { 1, 4, 10, 11, 14, 15 };

	(void)state;
	for (uint32_t code = 0; code < 20; code++) {
		enum answer_verdict expected = code ? ANSWER_REJECTED : ANSWER_DONE;
		struct answer answer = { .text = "no" };

		for (uint32_t i = 0; i < sizeof(retried) / sizeof(*retried); i++)
			expected = code == retried[i] ? ANSWER_RETRY : expected;
		answer_by_grpc(&answer, code);
		assert_int_equal(answer.verdict, expected);
	}
}

/* code 8, message "full", details: another Any, then RetryInfo of 2.5 s */
static const unsigned char exhausted[] = "\x08\x08\x12\x04"
					 "full"
					 "\x1a\x0b\x0a\x07"
					 "x/other"
					 "\x12\x00"
					 "\x1a\x36\x0a\x28"
					 "type.googleapis.com/google.rpc.RetryInfo"
					 "\x12\x0a\x0a\x08\x08\x02\x10\x80\xca\xb5\xee\x01";

static void retry_info_is_found_among_the_details(void **state)
{
	struct answer answer = { 0 };

	(void)state;
	assert_int_equal(answer_read_status(&answer, exhausted, sizeof(exhausted) - 1), 0);
	assert_string_equal(answer.text, "full");
	assert_int_equal(answer.retry_after_ns, 2500000000);
	answer_by_grpc(&answer, 8);
	assert_int_equal(answer.verdict, ANSWER_RETRY);
}

static void a_status_that_is_cut_off_is_never_read_beyond_its_end(void **state)
{
	uint32_t good = 0;

	(void)state;
	for (size_t length = 0; length < sizeof(exhausted) - 1; length++) {
		unsigned char *copy = malloc(length ? length : 1); /* sanitizers see beyond it */
		struct answer answer = { 0 };

		memcpy(copy, exhausted, length);
		good += answer_read_status(&answer, copy, length) == 0;
		free(copy);
	}
	assert_int_equal(good, 4); /* between its fields: 0, 2, 8 and 21 bytes */
}

static void exhausted_without_a_wait_is_a_matter_of_size_or_final(void **state)
{
	struct answer size = { .text = "received message larger than max (5 vs. 4)" };
	struct answer quota = { .text = "no quota" };

	(void)state;
	answer_by_grpc(&size, 8);
	assert_int_equal(size.verdict, ANSWER_TOO_LARGE);
	answer_by_grpc(&quota, 8);
	assert_int_equal(quota.verdict, ANSWER_REJECTED);
}

static void a_partial_success_has_a_count_and_a_message(void **state)
{
	struct answer answer = { 0 }, empty = { 0 }, negative = { 0 };

	(void)state;
	assert_int_equal(answer_read_response(&answer, "\x0a\x08\x08\x03\x12\x04why?", 10), 0);
	assert_true(answer.is_partial);
	assert_int_equal(answer.rejected_count, 3);
	assert_string_equal(answer.text, "why?");
	assert_int_equal(answer_read_response(&empty, "\x0a\x00", 2), 0);
	assert_false(empty.is_partial);
	assert_int_equal(
		answer_read_response(&negative,
				     "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13),
		0);
	assert_int_equal(negative.rejected_count, 0);
}

static void what_is_said_becomes_one_line_of_whole_characters(void **state)
{
	char text[ANSWER_TEXT_LENGTH], said[600];

	(void)state;
	answer_say(text, "  a\nb\tc\x7f ", 9);
	assert_string_equal(text, "a b c");
	for (uint32_t i = 0; i < sizeof(said); i += 3)
		memcpy(said + i, "\xe2\x82\xac", 3);
	answer_say(text, said, sizeof(said));
	assert_int_equal(strlen(text) % 3, 0);
	assert_true(strlen(text) > ANSWER_TEXT_LENGTH - 5);
}

static void trailers_of_grpc_make_the_answer(void **state)
{
	struct response refused = response_of("HTTP/2 200\r\n"
					      "content-type: application/grpc\r\n"
					      "Grpc-Status: 14\r\n"
					      "grpc-message: gone %C3%BC 100%25 %zz\r\n");
	struct response exhausted_one = response_of(
		"HTTP/2 200\r\n"
		"grpc-status: 8\r\n"
		"grpc-status-details-bin: CAgSBGZ1bGwaNAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBj"
		"LlJldHJ5SW5mbxIICgYIABDAhD0\r\n");
	struct response silent = response_of("HTTP/2 200\r\n");
	struct response proxy = response_of("HTTP/1.1 503 No\r\n");
	struct answer answer = answer_of(&refused, PROTOCOL_GRPC);

	(void)state;
	assert_int_equal(answer.verdict, ANSWER_RETRY);
	assert_string_equal(answer.text, "gRPC UNAVAILABLE: gone \xc3\xbc 100% %zz");
	answer = answer_of(&exhausted_one, PROTOCOL_GRPC);
	assert_int_equal(answer.verdict, ANSWER_RETRY);
	assert_int_equal(answer.retry_after_ns, 1000000);
	answer = answer_of(&silent, PROTOCOL_GRPC);
	assert_int_equal(answer.verdict, ANSWER_RETRY);
	assert_true(answer.uncertain);
	answer = answer_of(&proxy, PROTOCOL_GRPC);
	assert_int_equal(answer.verdict, ANSWER_RETRY);
	assert_string_equal(answer.text, "HTTP 503 instead of gRPC");
}

static void a_head_replaces_that_of_a_proxy(void **state)
{
	struct response response = response_of("HTTP/1.1 100 Continue\r\n"
					       "Retry-After: 1\r\n"
					       "HTTP/1.1 429 Too Many\r\n"
					       "Content-Type: text/plain\r\n"
					       "retry-after:   7 \r\n"
					       "no colon\r\n"
					       ": no name\r\n");
	struct answer answer;

	(void)state;
	assert_int_equal(response_body(&response, "slow\ndown", 9), 0);
	answer = answer_of(&response, PROTOCOL_HTTP);
	assert_int_equal(answer.verdict, ANSWER_RETRY);
	assert_int_equal(answer.retry_after_ns, 7 * second_ns);
	assert_string_equal(answer.text, "HTTP 429: slow down");
}

static void what_a_head_shows_has_no_control_characters(void **state)
{
	struct response response = response_of("HTTP/1.1 200 OK\r\n"
					       "content-type: a\tb\033c\r\n");
	struct answer answer;

	(void)state;
	assert_int_equal(response_body(&response, "x", 1), 0);
	answer = answer_of(&response, PROTOCOL_HTTP);
	assert_string_equal(answer.text, "it answers with a body of a b c that cannot be read");
}

static void a_body_without_end_takes_no_memory_without_end(void **state)
{
	struct response response = response_of("HTTP/1.1 200 OK\r\n"
					       "content-type: application/x-protobuf\r\n");
	char *block = calloc(1, 1024 * 1024);
	struct answer answer;

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(response_body(&response, block, 1024 * 1024), 0);
	assert_true(response.is_cut);
	assert_int_equal(response.body.capacity, RESPONSE_BODY_LIMIT);
	answer = answer_of(&response, PROTOCOL_HTTP);
	assert_int_equal(answer.verdict, ANSWER_DONE); /* the status said so */
	assert_true(answer.is_partial);
	free(block);
}

static void timeouts_of_grpc_have_eight_digits_at_most(void **state)
{
	char text[GRPC_TIMEOUT_LENGTH];

	(void)state;
	grpc_timeout(text, 10 * second_ns);
	assert_string_equal(text, "10000m");
	grpc_timeout(text, 1);
	assert_string_equal(text, "1m");
	grpc_timeout(text, 200000 * second_ns);
	assert_string_equal(text, "200000S");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_is_seconds_or_a_date),
		cmocka_unit_test(a_wait_that_is_none_is_not_said),
		cmocka_unit_test(no_wait_is_longer_than_an_hour),
		cmocka_unit_test(statuses_of_http_mean_what_the_specification_says),
		cmocka_unit_test(statuses_of_grpc_mean_what_the_specification_says),
		cmocka_unit_test(retry_info_is_found_among_the_details),
		cmocka_unit_test(a_status_that_is_cut_off_is_never_read_beyond_its_end),
		cmocka_unit_test(exhausted_without_a_wait_is_a_matter_of_size_or_final),
		cmocka_unit_test(a_partial_success_has_a_count_and_a_message),
		cmocka_unit_test(what_is_said_becomes_one_line_of_whole_characters),
		cmocka_unit_test(trailers_of_grpc_make_the_answer),
		cmocka_unit_test(a_head_replaces_that_of_a_proxy),
		cmocka_unit_test(what_a_head_shows_has_no_control_characters),
		cmocka_unit_test(a_body_without_end_takes_no_memory_without_end),
		cmocka_unit_test(timeouts_of_grpc_have_eight_digits_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
