/* SPDX-License-Identifier: Apache-2.0 */
/* Path templates: which file a row belongs to, and which files a template may have made.
 *
 * `%{schema}` stands for the name of the row's schema, `%{signal}` for logs, traces or metrics,
 * `%{NAME}` for its value in the column NAME;
 * `%Y %m %d %H %M` for its time in UTC, or the time of writing if it has none; `%%` for a per cent
 * sign. A value is one piece of a name: it never holds a slash, a tilde or a control character,
 * does not begin with a dot, is never empty, and at most TEMPLATE_VALUE_BYTES long. */
#ifndef SONDE_FILE_TEMPLATE_H
#define SONDE_FILE_TEMPLATE_H

#include <sonde/plugin.h>
#include "lines.h"

enum {
	TEMPLATE_PARTS = 64,
	TEMPLATE_VALUE_BYTES = 80,  /* of a value as it stands in a path */
	TEMPLATE_NAME_BYTES = 220,  /* of a name between slashes: leaves room for a closing time */
	TEMPLATE_PATH_BYTES = 2048, /* of a whole path, with the zero byte */
	TEMPLATE_DEPTH = 16,        /* names from the first that varies */
};

enum part_kind { PART_LITERAL, PART_SCHEMA, PART_SIGNAL, PART_COLUMN, PART_TIME, PART_SLASH };

struct part {
	uint32_t kind;    /* enum part_kind */
	uint32_t length;  /* of text */
	const char *text; /* literal, name of the column, or the letter of the time */
	const struct sonde_column *column; /* of the bound batch; NULL: it has none */
};

struct template
{
	char *text; /* what the parts point into */
	struct part parts[TEMPLATE_PARTS];
	uint32_t part_count;
	bool varies;         /* names a value or a time */
	bool varies_by_time; /* names a time */

	/* of the bound batch */
	const char *schema, *signal;
	const struct sonde_column *time; /* NULL: it has none */
	int64_t now_ns;
	struct lines *lines;

	struct json scratch; /* a value that is no text */
	int64_t minute;      /* that `digits` is about */
	char digits[16];     /* YYYYmmddHHMM */
};

/* -EINVAL with what is wrong in `error`, or -ENOMEM. */
int template_parse(struct template *template, const char *text, char error[160]);
void template_release(struct template *template);

/* Makes the values be those of this batch. `lines` writes values that are no texts. */
void template_bind(struct template *template, const struct sonde_batch *batch, struct lines *lines,
		   int64_t now_ns);

/* Whether both rows of the bound batch certainly have the same path. */
bool template_same(const struct template *template, uint32_t row, uint32_t other);

/* The path of a row of the bound batch; a template that does not vary needs none. Returns its
 * length. */
size_t template_expand(struct template *template, uint32_t row, char path[TEMPLATE_PATH_BYTES]);

/* A value as a piece of a name; returns its length. */
size_t template_clean(const char *data, size_t length, char out[TEMPLATE_VALUE_BYTES + 1]);

/* ---- the other way round, in match.c ----------------------------------------------------- */

/* The directory that does not vary. */
void template_base(const struct template *template, char path[TEMPLATE_PATH_BYTES]);

/* How many names follow the base. */
uint32_t template_depth(const struct template *template);

/* What a name tells. */
struct match {
	char series[256]; /* the name with its times as zeros: equal in all files of one log */
	char digits[16];  /* the times in it as template.digits; what it does not say is zero */
};

/* Whether the template may have made the name at such a depth below the base, from 0 on. */
bool template_match(const struct template *template, uint32_t depth, const char *name,
		    struct match *ret_match);

/* The digits of a match in the name of a file that is written now. */
void template_now(const struct template *template, int64_t now_ns, char digits[16]);

#endif
