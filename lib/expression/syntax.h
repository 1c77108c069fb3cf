/* SPDX-License-Identifier: Apache-2.0 */
/* An expression as a tree: what the parser makes, and what is evaluated. */
#ifndef SONDE_SYNTAX_H
#define SONDE_SYNTAX_H

#include "expression.h"

enum value_kind {
	KIND_NONE = 0, /* nothing: a column that is not there */
	KIND_BOOLEAN,
	KIND_INTEGER,
	KIND_UNSIGNED, /* of literals only those above INT64_MAX */
	KIND_REAL,
	KIND_TEXT,
	KIND_ID,    /* of 8 or 16 bytes; written as text */
	KIND_ANY,   /* a column whose values say themselves what they are */
	KIND_OTHER, /* a column that can only be asked whether it is null */
};

struct value {
	uint8_t kind; /* enum value_kind */
	uint8_t type; /* of a literal: SONDE_DURATION if it is written as one, else 0 */
	union {
		bool boolean;
		int64_t integer;
		uint64_t number;
		double real;
		struct sonde_text text; /* its bytes belong to the expression */
	} as;
};

enum node_kind {
	NODE_LITERAL = 1,
	NODE_NAME,
	NODE_NOT,
	NODE_AND,
	NODE_OR,
	NODE_COMPARE,
	NODE_TEXT, /* contains, starts with, ends with, =~ */
	NODE_IN,
	NODE_NULL, /* is null */
	NODE_ARITHMETIC,
	NODE_NEGATE,
	NODE_CONCAT,
};

enum operation {
	OPERATION_NONE = 0,
	OPERATION_EQUAL,
	OPERATION_UNEQUAL,
	OPERATION_LESS,
	OPERATION_LESS_EQUAL,
	OPERATION_MORE,
	OPERATION_MORE_EQUAL,
	OPERATION_CONTAINS,
	OPERATION_STARTS,
	OPERATION_ENDS,
	OPERATION_MATCHES,
	OPERATION_ADD,
	OPERATION_SUBTRACT,
	OPERATION_MULTIPLY,
	OPERATION_DIVIDE,
	OPERATION_REMAINDER,
};

/* Which columns a name may mean. */
enum where {
	WHERE_ANY = 0, /* of the row, else of the scope, else of the resource, else by role */
	WHERE_ROW,
	WHERE_SCOPE,
	WHERE_RESOURCE,
	WHERE_ROLE,
};

struct node {
	uint8_t kind;         /* enum node_kind */
	uint8_t operation;    /* enum operation */
	uint8_t where;        /* enum where, of a name */
	bool negated;         /* not in, is not null, not contains, !~ */
	uint16_t role;        /* enum sonde_role that a name stands for; 0: none */
	uint16_t pattern;     /* of =~: index into patterns */
	uint32_t offset;      /* of its place in the text */
	uint32_t left, right; /* operands; of `in`: the value, and the first item; of `and`, `or`
			       * and `concat`: the first and the last */
	uint32_t next;        /* of an operand of `and`, `or` and `concat`: the one behind it */
	uint32_t count;       /* operands of those; items of `in`, which lie side by side, in order
			       * and without repeats */
	struct value value;   /* of a literal; the text of a name */
};

struct expression {
	char *text;         /* owned */
	char *bytes;        /* owned: texts and names without quotes and escapes */
	struct node *nodes; /* owned; operands come before their operator */
	uint32_t node_count, node_capacity;
	uint32_t root;
	bool has_concat;
	bool gives_value;          /* of any kind, and is no condition */
	struct pattern **patterns; /* owned */
	uint32_t pattern_count;
};

/* Fills an error; returns -EINVAL. */
__attribute__((format(printf, 4, 5))) int expression_fail(const char *text, uint32_t offset,
							  struct expression_error *ret_error,
							  const char *format, ...);

/* The order of two numbers by their values, exactly: -1, 0 or 1; 2: one is no number. */
int number_order(const struct value *a, const struct value *b);

/* Whether numbers or texts of this order answer to a comparison. */
bool order_holds(enum operation operation, int order);

int text_order(struct sonde_text a, struct sonde_text b);

/* Order of literals of one kind, numbers being one, for the items of `in`. */
int literal_order(const struct value *a, const struct value *b);

static inline bool kind_is_number(uint32_t kind)
{
	return kind == KIND_INTEGER || kind == KIND_UNSIGNED || kind == KIND_REAL;
}

#endif
