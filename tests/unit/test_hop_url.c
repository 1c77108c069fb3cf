// SPDX-License-Identifier: Apache-2.0
/* The URLs of lib/hop, and its buffers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hop.h"

static int check(const char *url, bool listens)
{
	char error[256] = "";
	int result = hop_url_check(url, listens, error, sizeof(error));

	assert_int_equal(result < 0, error[0] != 0);
	if (result < 0 && strlen(url) < 100) /* each names the URL, and what is wrong */
		assert_non_null(strstr(error, url));
	return result;
}

static void what_a_hop_can_go_over_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(check("tls+tcp://region.example:7443", false), 0);
	assert_int_equal(check("tls+tcp://10.1.2.3:7443", false), 0);
	assert_int_equal(check("tls+tcp://[2001:db8::1]:7443", false), 0);
	assert_int_equal(check("tcp://localhost:7443", false), 0);
	assert_int_equal(check("tcp://127.0.0.2:7443", true), 0);
	assert_int_equal(check("tcp://[::1]:0", true), 0);
	assert_int_equal(check("tls+tcp://*:7443", true), 0);
	assert_int_equal(check("tls+tcp://:7443", true), 0);
	assert_int_equal(check("ipc:///run/sonde/hop.sock", true), 0);
	assert_true(hop_url_is_tls("tls+tcp://:7443"));
	assert_false(hop_url_is_tls("tcp://:7443"));
}

static void anything_else_is_refused_with_its_reason(void **state)
{
	static const char *const urls[] = { "",
					    "region.example:7443",
					    "http://localhost:80",
					    "tcp://localhost",
					    "tcp://localhost:",
					    "tcp://localhost:http",
					    "tcp://localhost:65536",
					    "tcp://localhost:000080",
					    "tcp://localhost:1/path",
					    "tcp://::1:80",
					    "tcp://[]:80",
					    "tcp://[::1]80",
					    "ipc://relative",
					    "ipc://",
					    "inproc://x" };
	char longest[300] = "ipc:///";

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		assert_int_equal(check(urls[i], false), -EINVAL);
		assert_int_equal(check(urls[i], true), -EINVAL);
	}
	assert_int_equal(check("tcp://localhost:0", false), -EINVAL);
	assert_int_equal(check("tls+tcp://*:7443", false), -EINVAL);
	memset(longest + 7, 'x', sizeof(longest) - 8);
	assert_int_equal(check(longest, true), -EINVAL);
	memset(longest, 'x', sizeof(longest) - 1);
	memcpy(longest, "tcp://", 6);
	memcpy(longest + sizeof(longest) - 4, ":80", 4);
	assert_int_equal(check(longest, false), -EINVAL);
}

static void nothing_goes_beyond_this_host_without_tls(void **state)
{
	(void)state;
	assert_int_equal(check("tcp://region.example:7443", false), -EINVAL);
	assert_int_equal(check("tcp://10.1.2.3:7443", false), -EINVAL);
	assert_int_equal(check("tcp://:7443", true), -EINVAL);
	assert_int_equal(check("tcp://*:7443", true), -EINVAL);
	assert_int_equal(check("tcp://0.0.0.0:7443", true), -EINVAL);
	assert_int_equal(check("tcp://[::]:7443", true), -EINVAL);
	assert_int_equal(check("tcp://localhost.example:7443", false), -EINVAL);
	assert_int_equal(check("tcp://127.0.0.1.example:7443", false), -EINVAL);
}

/* ---- buffers ----------------------------------------------------------------------------- */

static void a_buffer_takes_at_most_a_quarter_more_than_it_holds(void **state)
{
	(void)state;
	for (size_t length = 0; length < (size_t)300 << 20; length += length / 3 + 1) {
		struct hop_buffer *buffer = hop_buffer_create(length);
		size_t memory;

		assert_non_null(buffer);
		memory = hop_buffer_memory(buffer);
		assert_int_equal(buffer->length, length);
		assert_true(memory >= length && memory <= length + length / 4 + 512);
		if (length < 1 << 20)
			memset(buffer->data, 0xab, length);
		hop_buffer_release(buffer);
	}
}

static void release_one(void *data)
{
	*(int *)data += 1;
}

static void what_is_wrapped_is_let_go_with_the_last_reference(void **state)
{
	static const char bytes[] = "of somebody else";
	struct hop_buffer *buffer;
	int count = 0;

	(void)state;
	buffer = hop_buffer_wrap(bytes, sizeof(bytes), release_one, &count);
	assert_ptr_equal(hop_buffer_acquire(buffer), buffer);
	hop_buffer_release(buffer);
	assert_int_equal(count, 0);
	assert_string_equal((const char *)buffer->data, bytes);
	hop_buffer_release(buffer);
	assert_int_equal(count, 1);
	hop_buffer_release(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_hop_can_go_over_is_accepted),
		cmocka_unit_test(anything_else_is_refused_with_its_reason),
		cmocka_unit_test(nothing_goes_beyond_this_host_without_tls),
		cmocka_unit_test(a_buffer_takes_at_most_a_quarter_more_than_it_holds),
		cmocka_unit_test(what_is_wrapped_is_let_go_with_the_last_reference),
	};

	return cmocka_run_group_tests_name("hop_url", tests, NULL, NULL);
}
