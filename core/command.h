/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the program as tables: what they take, and what is told about them. */
#ifndef SONDE_COMMAND_H
#define SONDE_COMMAND_H

#include <stdint.h>
#include <stdio.h>
#include "markup.h"

/* Options of the command line; a command takes a set of them. */
enum command_option_bit {
	OPTION_FOR = 1 << 0,
	OPTION_JSON = 1 << 1,
	OPTION_SOCKET = 1 << 2,
	OPTION_STATE = 1 << 3,
	OPTION_MARKDOWN = 1 << 4,
	OPTION_MAN = 1 << 5,
	OPTION_HELP = 1 << 6, /* which every command takes */
	OPTION_WHERE = 1 << 7,
	OPTION_COLUMNS = 1 << 8,
	OPTION_LIMIT = 1 << 9,
	OPTION_RATE = 1 << 10,
	OPTION_FORMAT = 1 << 11,
	OPTION_AFTER = 1 << 12,
	OPTION_INTERVAL = 1 << 13,
	OPTION_SHOW = 1 << 14,
};

enum { COMMAND_OPTION_COUNT = 15 };

struct command_option {
	uint32_t bit;
	const char *name;     /* "for": behind two dashes */
	const char *argument; /* what it takes; NULL: nothing */
	const char *help;
};

/* What the words of a command are, for who completes them. */
enum command_words {
	WORDS_NONE,
	WORDS_CONFIG,
	WORDS_PLUGIN,
	WORDS_KNOB,
	WORDS_LEAVING,
	WORDS_PLACE,
	WORDS_TEST,
	WORDS_TOPIC
};

struct command {
	const char *name;
	const char *words;   /* behind it in a usage line: "CONFIG [--for DURATION]" */
	const char *summary; /* half a line */
	const char *about;   /* the whole, in prose */
	uint32_t options;
	enum command_words takes;
};

extern const struct command commands[];                                   /* ended by name NULL */
extern const struct command_option command_options[COMMAND_OPTION_COUNT]; /* bit i is entry i */

/* NULL: there is no such command. */
const struct command *command_find(const char *name);

/* " (did you mean "status"?)" or nothing; the buffer. */
const char *command_hint(const char *name, char *buffer, size_t size);

/* What `sonde help` says, a screen; and what it says of one command. */
void commands_usage(FILE *file);
void command_manual(const struct command *command, struct markup *markup);

/* The manual of the program. */
void commands_manual(struct markup *markup);

#endif
