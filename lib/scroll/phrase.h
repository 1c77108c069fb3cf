/* SPDX-License-Identifier: Apache-2.0 */
/* A value of any type as text for a person. */
#ifndef SONDE_PHRASE_H
#define SONDE_PHRASE_H

#include <sonde/plugin.h>
#include "draw.h"
#include "lines.h"

/* Memory that texts are made in; each is valid until the next. */
struct phrase {
	struct sonde_instance *instance;
	struct lines *lines; /* for nested values */
	struct json raw, clean;
	int64_t second; /* that `clock` shows */
	char clock[16];
	bool ascii;
};

/* The value of a row; an empty label where there is none. */
struct label phrase_value(struct phrase *phrase, const struct sonde_column *column, uint32_t row);

/* A text from outside, printable. */
struct label phrase_text(struct phrase *phrase, const char *text, size_t length);

/* Local time of day with microseconds: "14:03:22.123456". */
struct label phrase_time(struct phrase *phrase, int64_t time_ns);

void phrase_release(struct phrase *phrase);

#endif
