/* SPDX-License-Identifier: Apache-2.0 */
/* Which columns of a table the names of an expression mean, and how each of its nodes is worked out
 * over them. */
#ifndef SONDE_BIND_H
#define SONDE_BIND_H

#include "range.h"
#include "syntax.h"

/* A column as far as names and types go. */
struct known {
	const char *name;
	uint32_t type; /* enum sonde_type */
	uint16_t role;
	uint8_t scope;
};

/* How a node that is true or false is worked out. */
enum form {
	FORM_NULL = 0, /* it never is */
	FORM_LITERAL,
	FORM_BOOLEANS, /* a column of them */
	FORM_LOGIC,    /* not, and, or */
	FORM_TRUTHS,   /* two that are true or false, compared */
	FORM_RANGE,    /* a column of numbers, by a range */
	FORM_NUMBERS,  /* two numbers compared */
	FORM_LIST,     /* a number in a list */
	FORM_ENTRIES,  /* a column with a dictionary, by its entries one by one */
	FORM_TEXTS,    /* two texts compared, row by row */
	FORM_IDS,      /* a column of ids, by one id or a list */
	FORM_ID_PAIRS, /* two columns of ids */
	FORM_MISSING,  /* is null */
};

struct bound {
	uint8_t kind;       /* enum value_kind of its value in this table */
	uint8_t form;       /* enum form */
	bool several;       /* of a name: all columns of its role are asked, in turn */
	uint32_t column;    /* of a name: index; UINT32_MAX: there is none */
	uint32_t type;      /* of that column */
	struct range range; /* FORM_RANGE */
	unsigned char *ids; /* FORM_IDS: owned, one after the other, in order */
	uint32_t id_count, id_size;
};

/* What was found out. */
struct binding {
	struct bound *bounds; /* by node */
	bool missing;         /* a column that is named is not there */
	bool mismatch;        /* a column is of a type that does not fit */
};

/* What a column of this type and role is to an expression. */
uint32_t column_kind(uint32_t type, uint32_t role);

/* Says that a node does not fit, or that its column is missing. */
typedef void bind_problem(void *data, uint32_t node, bool missing,
			  const struct expression_error *error);

/* bounds: zeros, one a node. problem may be NULL. -ENOMEM. */
int expression_bind(const struct expression *expression, const struct known *columns,
		    uint32_t column_count, struct binding *binding, bind_problem *problem,
		    void *data);
void binding_clear(const struct expression *expression, struct binding *binding);

#endif
