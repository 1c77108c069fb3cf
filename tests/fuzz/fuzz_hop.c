// SPDX-License-Identifier: Apache-2.0
/* Any bytes as messages of the hop; what was read is written and read again. The first byte says
 * which message it is. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct sonde_text text, const uint8_t *data, size_t size)
{
	assert(text.length <= MESSAGE_VALUE_LIMIT);
	assert(!text.length || ((const uint8_t *)text.data >= data &&
				(const uint8_t *)text.data + text.length <= data + size));
}

static void check_texts(const struct greeting *greeting, const uint8_t *data, size_t size)
{
	check_text(greeting->host_id, data, size);
	check_text(greeting->name, data, size);
	check_text(greeting->software, data, size);
	for (uint32_t i = 0; i < greeting->label_count; i++)
		check_text(greeting->labels[i], data, size);
	for (uint32_t i = 0; i < greeting->permission_count; i++)
		check_text(greeting->permissions[i], data, size);
}

static void check_greeting(const uint8_t *data, size_t size)
{
	static unsigned char bytes[MESSAGE_LIMIT], again[MESSAGE_LIMIT];
	struct greeting one, other;
	const char *why = NULL;
	size_t length;

	if (greeting_decode(data, size, &one, &why)) {
		assert(why);
		return;
	}
	assert(one.label_count <= MESSAGE_LABELS && one.position_count <= MESSAGE_POSITIONS &&
	       one.permission_count <= MESSAGE_PERMISSIONS && one.version >= one.oldest);
	check_texts(&one, data, size);
	length = greeting_encode(&one, bytes, sizeof(bytes));
	assert(length <= sizeof(bytes) && !greeting_decode(bytes, length, &other, &why));
	check_texts(&other, bytes, length);
	assert(greeting_encode(&other, again, sizeof(again)) == length);
	assert(!memcmp(bytes, again, length));
}

static void check_command(const uint8_t *data, size_t size)
{
	unsigned char bytes[COMMAND_BYTES];
	struct command one, other;
	size_t length;

	if (command_decode(data, size, &one))
		return;
	check_text(one.knob, data, size);
	check_text(one.value, data, size);
	length = command_encode(&one, bytes);
	assert(length && !command_decode(bytes, length, &other));
	assert(other.for_ns == one.for_ns && other.knob.length == one.knob.length);
	assert(!memcmp(other.value.data, one.value.data, one.value.length));
}

static void check_refused(const uint8_t *data, size_t size)
{
	unsigned char bytes[POSITION_BYTES];
	struct position position;
	struct sonde_text text;
	uint32_t code;

	if (position_decode(data, size, &position))
		return;
	position_encode(&position, bytes);
	assert(!memcmp(bytes, data, sizeof(bytes)));
	if (notice_decode(data + POSITION_BYTES, size - POSITION_BYTES, &code, &text))
		return;
	check_text(text, data, size);
	assert(message_code_name(code));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (!size--)
		return 0;
	copy = malloc(size); /* so that what lies behind it is nobody's */
	if (size)
		memcpy(copy, data + 1, size);
	if (data[0] % 3 == 0)
		check_greeting(copy, size);
	else if (data[0] % 3 == 1)
		check_command(copy, size);
	else
		check_refused(copy, size);
	free(copy);
	return 0;
}
