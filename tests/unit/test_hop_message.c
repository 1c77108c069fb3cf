// SPDX-License-Identifier: Apache-2.0
/* Messages of the hop as bytes and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message.h"

static struct sonde_text text_of(const char *text)
{
	return (struct sonde_text){ text, (uint32_t)strlen(text), 0 };
}

static void assert_text(struct sonde_text text, const char *wanted)
{
	assert_int_equal(text.length, strlen(wanted));
	assert_memory_equal(text.data, wanted, text.length);
}

static struct greeting full_greeting(void)
{
	struct greeting greeting = {
		.version = 3,
		.oldest = 2,
		.ack = MESSAGE_ACK_DURABLE,
		.epoch = 7,
		.host_id = text_of("0123456789abcdef0123456789abcdef"),
		.name = text_of("web-1"),
		.software = text_of("sonde 0.1.0"),
		.frame_bytes = 1 << 20,
		.window = 16,
		.heartbeat_ms = 5000,
		.label_count = 2,
		.labels = { text_of("zone=a"), text_of("tier=edge") },
		.permission_count = 1,
		.permissions = { text_of("calls.*") },
		.position_count = 2,
		.positions = { { { 1, 2, 3 }, 44 }, { { 0xff }, UINT64_MAX } },
	};

	return greeting;
}

static void a_greeting_is_read_as_it_was_written(void **state)
{
	struct greeting said = full_greeting(), heard;
	unsigned char bytes[1024];
	const char *why = NULL;
	size_t length = greeting_encode(&said, bytes, sizeof(bytes));

	assert_true(length <= sizeof(bytes));
	assert_int_equal(greeting_decode(bytes, length, &heard, &why), 0);
	assert_int_equal(heard.version, 3);
	assert_int_equal(heard.oldest, 2);
	assert_int_equal(heard.ack, MESSAGE_ACK_DURABLE);
	assert_int_equal(heard.epoch, 7);
	assert_text(heard.host_id, "0123456789abcdef0123456789abcdef");
	assert_text(heard.name, "web-1");
	assert_text(heard.software, "sonde 0.1.0");
	assert_int_equal(heard.frame_bytes, 1 << 20);
	assert_int_equal(heard.window, 16);
	assert_int_equal(heard.heartbeat_ms, 5000);
	assert_int_equal(heard.label_count, 2);
	assert_text(heard.labels[1], "tier=edge");
	assert_int_equal(heard.permission_count, 1);
	assert_text(heard.permissions[0], "calls.*");
	assert_int_equal(heard.position_count, 2);
	assert_memory_equal(&heard.positions[1], &said.positions[1], sizeof(struct position));
}

static void a_buffer_that_is_too_small_is_not_written_over(void **state)
{
	struct greeting said = full_greeting();
	unsigned char bytes[64];
	size_t length;

	memset(bytes, 0xaa, sizeof(bytes));
	length = greeting_encode(&said, bytes, 40);
	assert_true(length > 40);
	for (uint32_t i = 40; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0xaa);
}

static void fields_of_a_later_version_are_left_out(void **state)
{
	static const unsigned char later[] = { 0x39, 0x30, 3, 0, 'n', 'e', 'w' };
	struct greeting said = full_greeting(), heard;
	unsigned char bytes[1024];
	const char *why = NULL;
	size_t length = greeting_encode(&said, bytes, sizeof(bytes));

	memcpy(bytes + length, later, sizeof(later));
	assert_int_equal(greeting_decode(bytes, length + sizeof(later), &heard, &why), 0);
	assert_text(heard.name, "web-1");
}

static void a_greeting_that_is_cut_is_refused_at_every_place(void **state)
{
	struct greeting said = full_greeting(), heard;
	unsigned char bytes[1024];
	size_t length = greeting_encode(&said, bytes, sizeof(bytes));
	uint32_t refused = 0;

	for (size_t cut = 0; cut < length; cut++) {
		const char *why = NULL;
		unsigned char *copy = malloc(cut + 1); /* so that a sanitizer sees its end */

		memcpy(copy, bytes, cut);
		if (greeting_decode(copy, cut, &heard, &why) == -EBADMSG) {
			assert_non_null(why);
			refused++;
		}
		free(copy);
	}
	assert_true(refused > length / 2); /* it may end between two fields */
}

static int decode_field(uint16_t field, const void *value, uint16_t size)
{
	struct greeting said = full_greeting(), heard;
	unsigned char bytes[1400];
	const char *why = NULL;
	size_t length = greeting_encode(&said, bytes, 1024);

	memcpy(bytes + length, &field, 2); /* little-endian machines only are built for */
	memcpy(bytes + length + 2, &size, 2);
	memcpy(bytes + length + 4, value, size);
	return greeting_decode(bytes, length + 4 + size, &heard, &why);
}

static void a_field_of_another_length_or_with_control_characters_is_refused(void **state)
{
	static const char zeros[300];

	assert_int_equal(decode_field(2, zeros, 8), 0);
	assert_int_equal(decode_field(2, zeros, 7), -EBADMSG);
	assert_int_equal(decode_field(9, zeros, 23), -EBADMSG);
	assert_int_equal(decode_field(4, "a\nb", 3), -EBADMSG);
	assert_int_equal(decode_field(4, "\x7f", 1), -EBADMSG);
	assert_int_equal(decode_field(4, "fine", 4), 0);
}

static void more_labels_than_there_is_room_for_are_left_out(void **state)
{
	struct greeting *heard = malloc(sizeof(*heard));
	unsigned char bytes[8192];
	struct greeting said = full_greeting();
	const char *why = NULL;
	size_t length = greeting_encode(&said, bytes, sizeof(bytes));

	for (uint32_t i = 0; i < MESSAGE_LABELS; i++) {
		memcpy(bytes + length, "\x07\0\x03\0a=b", 7);
		length += 7;
	}
	assert_int_equal(greeting_decode(bytes, length, heard, &why), 0);
	assert_int_equal(heard->label_count, MESSAGE_LABELS);
	free(heard);
}

static void who_says_no_version_or_no_host_is_refused(void **state)
{
	struct greeting said = full_greeting(), heard;
	unsigned char bytes[1024];
	const char *why = NULL;

	said.version = 0;
	assert_int_equal(
		greeting_decode(bytes, greeting_encode(&said, bytes, sizeof(bytes)), &heard, &why),
		-EBADMSG);
	assert_string_equal(why, "it does not say its version");
	said = full_greeting();
	said.host_id.length = 0;
	assert_int_equal(
		greeting_decode(bytes, greeting_encode(&said, bytes, sizeof(bytes)), &heard, &why),
		-EBADMSG);
	assert_string_equal(why, "it does not say which host it is");
}

static void two_versions_meet_at_the_highest_that_both_understand(void **state)
{
	assert_int_equal(message_version(1, 1, 1, 1), 1);
	assert_int_equal(message_version(2, 1, 1, 1), 1); /* one step ahead of us */
	assert_int_equal(message_version(1, 1, 2, 1), 1); /* one step behind us */
	assert_int_equal(message_version(3, 2, 1, 1), 0);
	assert_int_equal(message_version(1, 1, 3, 2), 0);
	assert_int_equal(message_version(3, 2, 4, 3), 3);
}

static void positions_and_notices_are_read_as_they_were_written(void **state)
{
	struct position said = { "a stream's bytes", 0x0102030405060708 }, heard;
	unsigned char bytes[NOTICE_BYTES];
	struct sonde_text text;
	uint32_t code;
	char longer[400];

	position_encode(&said, bytes);
	assert_int_equal(bytes[16], 8); /* little-endian */
	assert_int_equal(position_decode(bytes, POSITION_BYTES, &heard), 0);
	assert_memory_equal(&said, &heard, sizeof(said));
	assert_int_equal(position_decode(bytes, POSITION_BYTES - 1, &heard), -EBADMSG);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(notice_encode(MESSAGE_DAMAGED, longer, bytes), NOTICE_BYTES);
	assert_int_equal(notice_decode(bytes, NOTICE_BYTES, &code, &text), 0);
	assert_int_equal(code, MESSAGE_DAMAGED);
	assert_int_equal(text.length, MESSAGE_TEXT_LIMIT);
	assert_int_equal(notice_decode(bytes, 3, &code, &text), -EBADMSG);
}

static void commands_are_read_as_they_were_written(void **state)
{
	struct command said = { text_of("calls.sample"), text_of("1%"), 60000000000 }, heard;
	unsigned char bytes[COMMAND_BYTES];
	size_t length = command_encode(&said, bytes);

	assert_int_equal(command_decode(bytes, length, &heard), 0);
	assert_text(heard.knob, "calls.sample");
	assert_text(heard.value, "1%");
	assert_int_equal(heard.for_ns, 60000000000);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(command_decode(bytes, cut, &heard), -EBADMSG);
	bytes[7] = 0x80; /* a negative time */
	assert_int_equal(command_decode(bytes, length, &heard), -EBADMSG);
}

static bool covers(const char *permission, const char *knob)
{
	return permission_covers(text_of(permission), text_of(knob));
}

static void a_permission_covers_a_knob_or_all_that_begin_alike(void **state)
{
	assert_true(covers("calls.sample", "calls.sample"));
	assert_false(covers("calls.sample", "calls.sample2"));
	assert_false(covers("calls.sample", "calls"));
	assert_true(covers("calls.*", "calls.sample"));
	assert_false(covers("calls.*", "net.sample"));
	assert_true(covers("*", "net.sample"));
	assert_false(covers("", "net.sample"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_greeting_is_read_as_it_was_written),
		cmocka_unit_test(a_buffer_that_is_too_small_is_not_written_over),
		cmocka_unit_test(fields_of_a_later_version_are_left_out),
		cmocka_unit_test(a_greeting_that_is_cut_is_refused_at_every_place),
		cmocka_unit_test(a_field_of_another_length_or_with_control_characters_is_refused),
		cmocka_unit_test(more_labels_than_there_is_room_for_are_left_out),
		cmocka_unit_test(who_says_no_version_or_no_host_is_refused),
		cmocka_unit_test(two_versions_meet_at_the_highest_that_both_understand),
		cmocka_unit_test(positions_and_notices_are_read_as_they_were_written),
		cmocka_unit_test(commands_are_read_as_they_were_written),
		cmocka_unit_test(a_permission_covers_a_knob_or_all_that_begin_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
