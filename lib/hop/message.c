// SPDX-License-Identifier: Apache-2.0
/* Messages of the hop: fields with a number and a length, so that either side may know more. */
#include "message.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static const char *const code_names[MESSAGE_CODES] = {
	[MESSAGE_FINE] = "fine",
	[MESSAGE_MALFORMED] = "malformed",
	[MESSAGE_OTHER_VERSION] = "other version",
	[MESSAGE_NOT_ADMITTED] = "not admitted",
	[MESSAGE_TOO_MANY] = "too many edges",
	[MESSAGE_ACK_TOO_WEAK] = "acknowledgement too weak",
	[MESSAGE_ENDING] = "ending",
	[MESSAGE_DAMAGED] = "damaged",
	[MESSAGE_TOO_LARGE] = "too large",
	[MESSAGE_REJECTED] = "rejected",
	[MESSAGE_AGAIN] = "not now",
	[MESSAGE_NOT_ALLOWED] = "not allowed",
	[MESSAGE_FAILED] = "failed",
	[MESSAGE_LOOP] = "loop",
};

const char *message_code_name(uint32_t code)
{
	return code < MESSAGE_CODES ? code_names[code] : "unknown";
}

uint16_t message_version(uint16_t version, uint16_t oldest, uint16_t own_version,
			 uint16_t own_oldest)
{
	uint16_t chosen = version < own_version ? version : own_version;

	return chosen < oldest || chosen < own_oldest ? 0 : chosen;
}

bool message_is_printable(struct sonde_text text)
{
	for (uint32_t i = 0; i < text.length; i++) {
		unsigned char byte = (unsigned char)text.data[i];

		if (byte < 0x20 || byte == 0x7f)
			return false;
	}
	return true;
}

struct sonde_text message_text(const void *data, size_t length)
{
	if (length > MESSAGE_TEXT_LIMIT)
		length = MESSAGE_TEXT_LIMIT;
	return (struct sonde_text){ .data = data, .length = (uint32_t)length };
}

/* ---- fields ------------------------------------------------------------------------------ */

/* Numbers of fields. Those that may come several times say so. */
enum field {
	FIELD_VERSIONS = 1, /* u16 version, u16 oldest */
	FIELD_EPOCH,        /* u64 */
	FIELD_HOST_ID,
	FIELD_NAME,
	FIELD_SOFTWARE,
	FIELD_ACK,         /* u8 */
	FIELD_LABEL,       /* several */
	FIELD_PERMISSION,  /* several */
	FIELD_POSITION,    /* several: 16 bytes, u64 */
	FIELD_FRAME_BYTES, /* u64 */
	FIELD_WINDOW,      /* u32 */
	FIELD_HEARTBEAT,   /* u32 */
};

enum { FIELD_HEAD_BYTES = 4, HOST_ID_LIMIT = 64 };

struct writer {
	unsigned char *buffer;
	size_t length, capacity; /* length goes on where nothing fits any more */
};

static void put(struct writer *writer, const void *bytes, size_t length)
{
	if (length && writer->length <= writer->capacity &&
	    length <= writer->capacity - writer->length)
		memcpy(writer->buffer + writer->length, bytes, length);
	writer->length += length;
}

static void put_field(struct writer *writer, enum field field, const void *bytes, size_t length)
{
	uint16_t head[2] = { htole16((uint16_t)field), htole16((uint16_t)length) };

	put(writer, head, sizeof(head));
	put(writer, bytes, length);
}

static void put_u32(struct writer *writer, enum field field, uint32_t value)
{
	uint32_t bytes = htole32(value);

	if (value)
		put_field(writer, field, &bytes, sizeof(bytes));
}

static void put_u64(struct writer *writer, enum field field, uint64_t value)
{
	uint64_t bytes = htole64(value);

	if (value)
		put_field(writer, field, &bytes, sizeof(bytes));
}

/* What is too long is cut. */
static void put_text(struct writer *writer, enum field field, struct sonde_text text)
{
	if (text.length)
		put_field(writer, field, text.data,
			  text.length < MESSAGE_TEXT_LIMIT ? text.length : MESSAGE_TEXT_LIMIT);
}

static uint16_t get_u16(const unsigned char *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return le16toh(value);
}

static uint32_t get_u32(const unsigned char *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

static uint64_t get_u64(const unsigned char *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

/* ---- greetings --------------------------------------------------------------------------- */

size_t greeting_encode(const struct greeting *greeting, void *buffer, size_t capacity)
{
	struct writer writer = { .buffer = buffer, .capacity = capacity };
	uint16_t versions[2] = { htole16(greeting->version), htole16(greeting->oldest) };
	unsigned char ack = (unsigned char)greeting->ack;

	put_field(&writer, FIELD_VERSIONS, versions, sizeof(versions));
	put_u64(&writer, FIELD_EPOCH, greeting->epoch);
	put_text(&writer, FIELD_HOST_ID, greeting->host_id);
	put_text(&writer, FIELD_NAME, greeting->name);
	put_text(&writer, FIELD_SOFTWARE, greeting->software);
	if (ack)
		put_field(&writer, FIELD_ACK, &ack, 1);
	for (uint32_t i = 0; i < greeting->label_count; i++)
		put_text(&writer, FIELD_LABEL, greeting->labels[i]);
	for (uint32_t i = 0; i < greeting->permission_count; i++)
		put_text(&writer, FIELD_PERMISSION, greeting->permissions[i]);
	for (uint32_t i = 0; i < greeting->position_count; i++) {
		unsigned char bytes[POSITION_BYTES];

		position_encode(&greeting->positions[i], bytes);
		put_field(&writer, FIELD_POSITION, bytes, sizeof(bytes));
	}
	put_u64(&writer, FIELD_FRAME_BYTES, greeting->frame_bytes);
	put_u32(&writer, FIELD_WINDOW, greeting->window);
	put_u32(&writer, FIELD_HEARTBEAT, greeting->heartbeat_ms);
	return writer.length;
}

/* What a field must be long; 0: a text. */
static size_t field_bytes(uint16_t field)
{
	switch (field) {
	case FIELD_VERSIONS:
	case FIELD_WINDOW:
	case FIELD_HEARTBEAT:
		return 4;
	case FIELD_EPOCH:
	case FIELD_FRAME_BYTES:
		return 8;
	case FIELD_ACK:
		return 1;
	case FIELD_POSITION:
		return POSITION_BYTES;
	default:
		return 0;
	}
}

/* A text into one of `capacity` places; what is beyond them is left out. */
static const char *take_text(struct sonde_text *items, uint32_t *count, uint32_t capacity,
			     struct sonde_text text)
{
	if (text.length > MESSAGE_TEXT_LIMIT)
		return "a text is too long";
	if (!message_is_printable(text))
		return "a text holds control characters";
	if (*count < capacity)
		items[(*count)++] = text;
	return NULL;
}

static const char *take_one(struct sonde_text *item, struct sonde_text text)
{
	uint32_t count = 0;

	return take_text(item, &count, 1, text);
}

/* NULL, or what is wrong with it. */
static const char *take_field(struct greeting *greeting, uint16_t field, const unsigned char *bytes,
			      size_t length)
{
	struct sonde_text text = { .data = (const char *)bytes, .length = (uint32_t)length };

	if (field_bytes(field) && length != field_bytes(field))
		return "a field has another length than its kind";
	switch (field) {
	case FIELD_VERSIONS:
		greeting->version = get_u16(bytes);
		greeting->oldest = get_u16(bytes + 2);
		return NULL;
	case FIELD_EPOCH:
		greeting->epoch = get_u64(bytes);
		return NULL;
	case FIELD_HOST_ID:
		return take_one(&greeting->host_id, text);
	case FIELD_NAME:
		return take_one(&greeting->name, text);
	case FIELD_SOFTWARE:
		return take_one(&greeting->software, text);
	case FIELD_ACK:
		greeting->ack = bytes[0];
		return NULL;
	case FIELD_LABEL:
		return take_text(greeting->labels, &greeting->label_count, MESSAGE_LABELS, text);
	case FIELD_PERMISSION:
		return take_text(greeting->permissions, &greeting->permission_count,
				 MESSAGE_PERMISSIONS, text);
	case FIELD_POSITION:
		if (greeting->position_count < MESSAGE_POSITIONS)
			(void)position_decode(bytes, length,
					      &greeting->positions[greeting->position_count++]);
		return NULL;
	case FIELD_FRAME_BYTES:
		greeting->frame_bytes = get_u64(bytes);
		return NULL;
	case FIELD_WINDOW:
		greeting->window = get_u32(bytes);
		return NULL;
	case FIELD_HEARTBEAT:
		greeting->heartbeat_ms = get_u32(bytes);
		return NULL;
	default:
		return NULL; /* of a later version */
	}
}

static const char *read_fields(struct greeting *greeting, const unsigned char *data, size_t length)
{
	if (length > MESSAGE_LIMIT)
		return "it is too long";
	while (length) {
		uint16_t size;
		const char *why;

		if (length < FIELD_HEAD_BYTES)
			return "it ends within a field";
		size = get_u16(data + 2);
		if (size > length - FIELD_HEAD_BYTES)
			return "it ends within a field";
		why = take_field(greeting, get_u16(data), data + FIELD_HEAD_BYTES, size);
		if (why)
			return why;
		data += FIELD_HEAD_BYTES + size;
		length -= FIELD_HEAD_BYTES + (size_t)size;
	}
	return NULL;
}

int greeting_decode(const void *data, size_t length, struct greeting *ret_greeting,
		    const char **ret_why)
{
	const char *why;

	memset(ret_greeting, 0, sizeof(*ret_greeting));
	why = read_fields(ret_greeting, data, length);
	if (!why && (!ret_greeting->version || ret_greeting->oldest > ret_greeting->version))
		why = "it does not say its version";
	if (!why && (!ret_greeting->host_id.length || ret_greeting->host_id.length > HOST_ID_LIMIT))
		why = "it does not say which host it is";
	if (!why)
		return 0;
	*ret_why = why;
	return -EBADMSG;
}

/* ---- the others -------------------------------------------------------------------------- */

void position_encode(const struct position *position, unsigned char buffer[POSITION_BYTES])
{
	uint64_t sequence = htole64(position->sequence);

	memcpy(buffer, position->stream, sizeof(position->stream));
	memcpy(buffer + sizeof(position->stream), &sequence, sizeof(sequence));
}

int position_decode(const void *data, size_t length, struct position *ret_position)
{
	const unsigned char *bytes = data;

	if (length < POSITION_BYTES)
		return -EBADMSG;
	memcpy(ret_position->stream, bytes, sizeof(ret_position->stream));
	ret_position->sequence = get_u64(bytes + sizeof(ret_position->stream));
	return 0;
}

size_t notice_encode(uint32_t code, const char *text, unsigned char buffer[NOTICE_BYTES])
{
	uint32_t bytes = htole32(code);
	size_t length = strnlen(text, MESSAGE_TEXT_LIMIT);

	memcpy(buffer, &bytes, sizeof(bytes));
	memcpy(buffer + sizeof(bytes), text, length);
	return sizeof(bytes) + length;
}

int notice_decode(const void *data, size_t length, uint32_t *ret_code, struct sonde_text *ret_text)
{
	const unsigned char *bytes = data;

	if (length < sizeof(*ret_code))
		return -EBADMSG;
	*ret_code = get_u32(bytes);
	*ret_text = message_text(bytes + sizeof(*ret_code), length - sizeof(*ret_code));
	return message_is_printable(*ret_text) ? 0 : -EBADMSG;
}

size_t command_encode(const struct command *command, unsigned char buffer[COMMAND_BYTES])
{
	struct writer writer = { .buffer = buffer, .capacity = COMMAND_BYTES };
	uint64_t for_ns = htole64((uint64_t)command->for_ns);
	uint16_t lengths[2] = { htole16((uint16_t)command->knob.length),
				htole16((uint16_t)command->value.length) };

	if (command->knob.length > MESSAGE_TEXT_LIMIT ||
	    command->value.length > MESSAGE_VALUE_LIMIT)
		return 0;
	put(&writer, &for_ns, sizeof(for_ns));
	put(&writer, lengths, sizeof(lengths));
	put(&writer, command->knob.data, command->knob.length);
	put(&writer, command->value.data, command->value.length);
	return writer.length;
}

int command_decode(const void *data, size_t length, struct command *ret_command)
{
	const unsigned char *bytes = data;
	uint32_t knob, value;

	if (length < 12)
		return -EBADMSG;
	knob = get_u16(bytes + 8);
	value = get_u16(bytes + 10);
	if (!knob || knob > MESSAGE_TEXT_LIMIT || value > MESSAGE_VALUE_LIMIT ||
	    length - 12 < (size_t)knob + value)
		return -EBADMSG;
	ret_command->for_ns = (int64_t)get_u64(bytes);
	ret_command->knob = (struct sonde_text){ .data = (const char *)bytes + 12, .length = knob };
	ret_command->value =
		(struct sonde_text){ .data = (const char *)bytes + 12 + knob, .length = value };
	if (ret_command->for_ns < 0 || !message_is_printable(ret_command->knob) ||
	    !message_is_printable(ret_command->value))
		return -EBADMSG;
	return 0;
}

bool permission_covers(struct sonde_text permission, struct sonde_text knob)
{
	uint32_t length = permission.length;

	if (!length)
		return false;
	if (permission.data[length - 1] != '*')
		return length == knob.length && !memcmp(permission.data, knob.data, length);
	return length - 1 <= knob.length && !memcmp(permission.data, knob.data, length - 1);
}
