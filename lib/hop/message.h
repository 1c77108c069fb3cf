/* SPDX-License-Identifier: Apache-2.0 */
/* What two sondes say to each other over a hop, as docs/hop.md specifies it: messages as bytes and
 * back, without I/O. Texts of what was decoded point into what it was decoded from. */
#ifndef SONDE_HOP_MESSAGE_H
#define SONDE_HOP_MESSAGE_H

#include <stdbool.h>
#include <sonde/plugin.h>

enum {
	MESSAGE_VERSION = 1,        /* spoken; it and the one before it are understood */
	MESSAGE_VERSION_OLDEST = 1, /* that is understood: there is none before the first */
	MESSAGE_LIMIT = 64 * 1024,  /* bytes of any payload that is not a frame */
	MESSAGE_TEXT_LIMIT = 255,   /* bytes of a name or a reason */
	MESSAGE_LABELS = 32,
	MESSAGE_PERMISSIONS = 64,
	MESSAGE_POSITIONS = 256,
	MESSAGE_VALUE_LIMIT = 4096, /* bytes of a knob's value */
};

/* Of a hop_header. A receiver leaves out types that it does not know, if their bit 15 is set. */
enum message_type {
	MESSAGE_HELLO = 1, /* up, first: a greeting */
	MESSAGE_WELCOME,   /* down, its answer: a greeting */
	MESSAGE_REFUSAL,   /* either way, last: a code and a text */
	MESSAGE_FRAME,     /* up: a position, and the frame of it; the sequence is the oldest
			      of its stream that the edge still has */
	MESSAGE_ACK,       /* down: a position */
	MESSAGE_REFUSED,   /* down: a position, a code and a text */
	MESSAGE_HEARTBEAT, /* either way: nothing */
	MESSAGE_LEDGER,    /* up: a frame of SONDE_FRAME_LEDGER */
	MESSAGE_PAUSE,     /* down: a text */
	MESSAGE_RESUME,    /* down: nothing */
	MESSAGE_BYE,       /* either way: a text */
	MESSAGE_COMMAND,   /* down: a knob to set; the sequence is the command's number */
	MESSAGE_ANSWER,    /* up: a code and a text; the sequence is the command's */
	MESSAGE_OPTIONAL = 0x8000,
};

/* When a frame is acknowledged; more is later. */
enum message_ack {
	MESSAGE_ACK_ANY = 0,   /* of a hello: no wish */
	MESSAGE_ACK_RECEIVED,  /* it is in the queues of the pipelines */
	MESSAGE_ACK_DURABLE,   /* it is on disk */
	MESSAGE_ACK_DELIVERED, /* the outputs have let go of it */
};

/* Why a connection or a frame is refused, or a command was. */
enum message_code {
	MESSAGE_FINE = 0,      /* of an answer */
	MESSAGE_MALFORMED,     /* not what docs/hop.md says */
	MESSAGE_OTHER_VERSION, /* no version that both understand */
	MESSAGE_NOT_ADMITTED,  /* this name may not come */
	MESSAGE_TOO_MANY,      /* edges */
	MESSAGE_ACK_TOO_WEAK,  /* the region gives less than the edge wants */
	MESSAGE_ENDING,        /* the region is about to end */
	MESSAGE_DAMAGED,       /* a frame that cannot be read */
	MESSAGE_TOO_LARGE,     /* a frame, or what is in it */
	MESSAGE_REJECTED,      /* a frame that no output takes */
	MESSAGE_AGAIN,         /* a frame that was not taken, and may be sent again */
	MESSAGE_NOT_ALLOWED,   /* a command that the edge does not permit */
	MESSAGE_FAILED,        /* a command that could not be done */
	MESSAGE_LOOP,          /* the edge is the region itself */
	MESSAGE_CODES,
};

/* "damaged", "too large". */
const char *message_code_name(uint32_t code);

/* Up to which sequence, all of it included, somebody has a stream. */
struct position {
	unsigned char stream[16];
	uint64_t sequence;
};

/* A hello or a welcome. */
struct greeting {
	uint16_t version, oldest;   /* spoken and understood; of a welcome: the chosen */
	uint32_t ack;               /* enum message_ack: wanted at least, given */
	uint64_t epoch;             /* number of this run of the sonde */
	struct sonde_text host_id;  /* 1 to 64 bytes */
	struct sonde_text name;     /* of the sonde, by its config; may be empty */
	struct sonde_text software; /* "sonde 0.1.0" */
	uint64_t frame_bytes;       /* welcome: largest frame taken */
	uint32_t window;            /* welcome: frames taken ahead of acknowledgements */
	uint32_t heartbeat_ms;      /* the other is to speak so often */
	struct sonde_text labels[MESSAGE_LABELS];           /* hello: "key=value" */
	struct sonde_text permissions[MESSAGE_PERMISSIONS]; /* hello: knobs that may be set */
	struct position positions[MESSAGE_POSITIONS]; /* hello: streams that will come, with 0;
							 welcome: what is known of them */
	uint32_t label_count, permission_count, position_count;
};

/* The number of bytes, written if they fit in capacity. */
size_t greeting_encode(const struct greeting *greeting, void *buffer, size_t capacity);

/* -EBADMSG: ret_why is a constant text that says what is wrong. */
int greeting_decode(const void *data, size_t length, struct greeting *ret_greeting,
		    const char **ret_why);

/* The version to speak with who understands `oldest` to `version`; 0: there is none. */
uint16_t message_version(uint16_t version, uint16_t oldest, uint16_t own_version,
			 uint16_t own_oldest);

enum { POSITION_BYTES = 24 };

void position_encode(const struct position *position, unsigned char buffer[POSITION_BYTES]);
int position_decode(const void *data, size_t length, struct position *ret_position);

/* A code and its text: the payload of a refusal and of an answer; behind a position, of "refused".
 */
enum { NOTICE_BYTES = 4 + MESSAGE_TEXT_LIMIT };

size_t notice_encode(uint32_t code, const char *text, unsigned char buffer[NOTICE_BYTES]);
int notice_decode(const void *data, size_t length, uint32_t *ret_code, struct sonde_text *ret_text);

/* Texts of pauses and farewells: what is there, cut. */
struct sonde_text message_text(const void *data, size_t length);

/* A knob to be set for a while. */
struct command {
	struct sonde_text knob, value;
	int64_t for_ns; /* 0: it stays */
};

enum { COMMAND_BYTES = 12 + MESSAGE_TEXT_LIMIT + MESSAGE_VALUE_LIMIT };

/* 0: too long. */
size_t command_encode(const struct command *command, unsigned char buffer[COMMAND_BYTES]);
int command_decode(const void *data, size_t length, struct command *ret_command);

/* Whether a permission, such as "calls.sample", "calls.*" or "*", covers a knob. */
bool permission_covers(struct sonde_text permission, struct sonde_text knob);

/* Whether it may stand in a name: UTF-8 without control characters is not looked for; bytes below
 * 0x20 and 0x7f are none. */
bool message_is_printable(struct sonde_text text);

#endif
