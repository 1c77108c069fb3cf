/* SPDX-License-Identifier: Apache-2.0 */
/* Columns by the names that a config gives them, which are those of expressions. */
#ifndef SONDE_WINDOW_COLUMN_H
#define SONDE_WINDOW_COLUMN_H

#include "expression.h"

/* A name, as it was parsed. */
struct column_name {
	struct expression *expression; /* owned: nothing but the name; NULL: none is given */
	const char *text;              /* the name alone, its own length; of the expression */
	uint32_t length;
	uint32_t role;  /* that it stands for, besides or alone; 0: none */
	uint32_t where; /* enum where */
};

enum { COLUMN_NONE = UINT32_MAX };

/* -EINVAL: it is no name, and the error says what is wrong; -ENOMEM. */
int column_name_parse(const char *text, struct column_name *ret_name,
		      struct expression_error *ret_error);
void column_name_clear(struct column_name *name);

/* The column that it means in a batch, or COLUMN_NONE. */
uint32_t column_find(const struct column_name *name, const struct sonde_batch *batch);

/* The first of a role, or COLUMN_NONE. */
uint32_t column_of_role(const struct sonde_batch *batch, uint32_t role);

#endif
