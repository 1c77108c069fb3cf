/* SPDX-License-Identifier: Apache-2.0 */
/* What a regular expression finds in a text, replaced by what a template says. */
#ifndef SONDE_SUBSTITUTE_H
#define SONDE_SUBSTITUTE_H

#include <sonde/plugin.h>
#include "pattern.h"

enum {
	TEMPLATE_BYTES = 1024,
	TEMPLATE_PIECES = 64,
	SUBSTITUTE_MATCHES = 4096, /* in one text; with more it counts as abandoned */
};

/* A text that grows. */
struct written {
	char *data;
	size_t length, capacity;
	bool failed; /* no memory; it stays so until it is cleared */
};
void written_add(struct written *written, const char *data, size_t length);

/* "$1=***": $0 to $9 and $<name> stand for what a group matched, $$ for a dollar. */
struct template;

/* -EINVAL: the error says what is wrong, at an offset. -ENOMEM. The pattern is only asked. */
int template_create(const char *text, const struct pattern *pattern, struct template **ret_template,
		    uint32_t *ret_offset, char *error, size_t error_size);
void template_release(struct template *template); /* NULL is fine */

/* Whether a match is to be replaced; text and groups are those of the search. */
typedef bool substitute_check(const struct pattern_search *search);

/* Appends the text with all matches replaced, if there is one. check may be NULL. The count of
 * them; 0: nothing is written; -ELOOP: it would take too long, -ENOMEM; what is written then is
 * worth nothing. */
int64_t substitute(const struct pattern *pattern, struct pattern_scratch *scratch,
		   const struct template *template, substitute_check *check, struct sonde_text text,
		   struct written *written);

#endif
