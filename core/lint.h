/* SPDX-License-Identifier: Apache-2.0 */
/* A light pass over the text of a config, before libconfig: all syntax errors with line, column and
 * what was expected, and what libconfig would take in silence and read as something else. */
#ifndef SONDE_LINT_H
#define SONDE_LINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "problem.h"

enum {
	LINT_DEPTH_LIMIT = 32,     /* brackets in brackets */
	LINT_NAMES_LIMIT = 4096,   /* settings of one group */
	LINT_PLACES_LIMIT = 65536, /* settings and elements of a file */
	LINT_PROBLEMS_LIMIT = 50,  /* shown of one file */
};

/* Where a setting or an element of a list begins. */
struct lint_place {
	uint32_t line, column;
	bool unreadable; /* complained about: libconfig reads some other value */
};

struct lint {
	struct lint_place *places; /* in the order of the text, which is the tree's in pre-order */
	uint32_t count, capacity;
	bool broken; /* not a config at all: libconfig need not look at it */
};

/* Adds what is wrong with the text (length bytes and a zero byte) to the problems, and mends it in
 * place, bytes for bytes, so that libconfig reads the rest: what stands twice is blanked, and [ ]
 * around what only ( ) may hold becomes ( ). Neither a text nor a word that should be one is ever
 * repeated in a message: it could be a secret. 0 or -ENOMEM; problems are no failure. */
int lint_check(char *text, size_t length, const char *file, struct problems *problems,
	       struct lint *ret_lint);
void lint_release(struct lint *lint);

#endif
