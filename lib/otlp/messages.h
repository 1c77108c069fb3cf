/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP's messages as tables: what each field is called, how it lies in protobuf and in JSON. */
#ifndef SONDE_OTLP_MESSAGES_H
#define SONDE_OTLP_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transcode.h"

enum field_kind {
	FIELD_TEXT,
	FIELD_BYTES,   /* base64 */
	FIELD_HEX,     /* bytes too: a trace's or span's id */
	FIELD_MESSAGE, /* `message` says which */
	FIELD_BOOL,
	FIELD_ENUM,     /* `message` says of which enum */
	FIELD_INT32,    /* varint */
	FIELD_SINT32,   /* varint, zigzag */
	FIELD_UINT32,   /* varint */
	FIELD_FIXED32,  /* unsigned */
	FIELD_INT64,    /* varint; this and the rest but DOUBLE are strings in JSON */
	FIELD_UINT64,   /* varint */
	FIELD_FIXED64,  /* unsigned */
	FIELD_SFIXED64, /* signed */
	FIELD_DOUBLE,
};

enum field_flags {
	FIELD_REPEATED = 1,
	FIELD_PRESENT = 2, /* its default value is another thing than none at all */
	FIELD_CHOICE = 4,  /* of all such in a message one at most is there */
};

enum {
	FIELD_COUNT_LIMIT = 16,    /* fields of a message */
	MESSAGE_DEPTH_LIMIT = 100, /* messages in each other, as the official classes have it */
};

struct field {
	const char *name; /* lowerCamelCase */
	uint8_t number;
	uint8_t kind;    /* enum field_kind */
	uint8_t flags;   /* enum field_flags */
	uint8_t message; /* of a MESSAGE: of which kind; of an ENUM: its names */
	uint8_t size;    /* of HEX: bytes that an id has */
};

/* How its values lie in protobuf: enum message_wire. */
uint32_t field_wire(const struct field *field);

/* Ends with a field without a name; in the order of their numbers. */
const struct field *message_fields(uint8_t kind);

/* The kind of a message that stands alone. */
uint8_t message_kind(enum otlp_message message);

/* The place of a field by its name in JSON, or by that in its .proto file; -1: there is none. */
int field_by_name(const struct field *fields, const char *name, size_t length);

/* The number of an enum's name; -1: it has none such. */
int enum_by_name(uint8_t names, const char *name, size_t length);

#endif
