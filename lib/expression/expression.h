/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions on rows, and values of them, written as text: parsed once, then evaluated a column at
 *a time.
 *
 * docs/expressions.md is the language. An expression is parsed without knowing any table, and so
 * may meet tables of any columns; a matcher ties it to each layout of columns that it sees, once.
 * Logic has three values, as in SQL: what touches a missing value is neither true nor false.
 *
 *	struct expression *condition;
 *	struct expression_error error;
 *
 *	if (expression_parse("http.status >= 500", &condition, &error) < 0)
 *		say(expression_explain(&error, buffer, sizeof(buffer)));
 *	matcher = matcher_create(condition, instance);
 *	kept = matcher_run(matcher, batch, bits);
 */
#ifndef SONDE_EXPRESSION_H
#define SONDE_EXPRESSION_H

#include <sonde/plugin.h>

/* Bounds of what is parsed; what is beyond is refused with its place. */
enum {
	EXPRESSION_BYTES = 16384,        /* of the text */
	EXPRESSION_NODES = 4096,         /* names, values and operators together */
	EXPRESSION_DEPTH = 64,           /* of brackets and operators within each other */
	EXPRESSION_NAME_BYTES = 256,     /* of a name */
	EXPRESSION_PATTERN_BYTES = 1024, /* of a regular expression */
	EXPRESSION_PATTERNS = 32,        /* regular expressions in one expression */
	EXPRESSION_STEPS = 32768,        /* of matching one at one place of a text: beyond, and */
	EXPRESSION_TEXT_BYTES = 32768,   /* for longer texts, the answer is null */
};

/* What is wrong, and where. */
struct expression_error {
	uint32_t offset;       /* of the place in the text, in bytes from 0 */
	uint32_t line, column; /* the same from 1, the column in characters */
	char text[256];        /* what is wrong there */
};

/* "at 9: …", or "at 2:9: …" where the text has several lines; into the buffer, which it returns. */
const char *expression_explain(const struct expression_error *error, char *buffer, size_t size);

/* ---- expressions ------------------------------------------------------------------------- */

/* Does not change once parsed: any number of matchers, on any threads, may use it. */
struct expression;

/* -EINVAL: the error says what is wrong; -ENOMEM: it says that. The text is copied. */
int expression_parse(const char *text, struct expression **ret_expression,
		     struct expression_error *ret_error);
/* The same for what gives a value of any kind, a condition among them: for matcher_make(). */
int expression_parse_value(const char *text, struct expression **ret_expression,
			   struct expression_error *ret_error);
void expression_release(struct expression *expression); /* NULL is fine */

/* Whether rows of these fields (a table that ends with zeros) have every column that it names, of a
 * type that fits. -ENOENT: a column is missing; -EINVAL: a type does not fit; the error says which,
 * and the nearest right name. -ENOMEM. */
int expression_check(const struct expression *expression, const struct sonde_field *fields,
		     struct expression_error *ret_error);

/* The role that a fixed name stands for, as in a manual with '_' for blanks ("span_name"); 0: none
 * that can be asked for. */
uint32_t expression_role(const char *name);

/* A name by itself, where a plugin asks for a column. */
struct expression_name {
	char text[EXPRESSION_NAME_BYTES + 1];
	uint32_t scope; /* enum sonde_scope that it is bound to; UINT32_MAX: any, row first */
	uint32_t role;  /* that it stands for where nothing is called so; 0: none */
	bool by_role;   /* role[…]: its role alone counts */
};

/* As an expression writes names: resource["service.name"]. -EINVAL, -ENOMEM, as above. */
int expression_parse_name(const char *text, struct expression_name *ret_name,
			  struct expression_error *ret_error);

/* The column of a batch that it means; UINT32_MAX: there is none. */
uint32_t expression_find(const struct expression_name *name, const struct sonde_batch *batch);

/* Tells of the conditions that must all hold for it to be true, as far as the plugin interface has
 * words for them: a column beside a constant. 1: those say all of it; 0: there is more to it; or
 * what the callback fails with. Valid during the call. -ENOMEM. */
typedef int expression_condition(void *data, const struct sonde_condition *condition);
int expression_conditions(const struct expression *expression, expression_condition *callback,
			  void *data);

/* ---- matchers ---------------------------------------------------------------------------- */

/* An expression at work: what it knows of the tables that it has seen. One thread at a time. */
struct matcher;

/* What a matcher has come across, since it was made. */
struct matcher_counts {
	uint64_t layout_count;        /* layouts of columns that it was tied to */
	uint64_t missing_batch_count; /* batches that lack a column which it names */
	uint64_t
		mismatch_batch_count; /* batches in which a column is of a type that does not fit */
	uint64_t abandoned_count;     /* texts on which a regular expression took too long */
	uint64_t judged_text_count;   /* texts looked at, each entry of a dictionary once */
};

/* Called once for each place of an expression that met a column of the wrong type. */
typedef void matcher_problem(void *data, const char *schema, const struct expression_error *error);

/* Borrows the expression. The instance, of a plugin, is asked for services; NULL: what is known of
 * texts is forgotten after each batch. problem may be NULL. NULL: no memory. */
struct matcher *matcher_create(const struct expression *expression, struct sonde_instance *instance,
			       matcher_problem *problem, void *data);
void matcher_release(struct matcher *matcher); /* NULL is fine */

/* Sets the bits of the selected rows for which it is true, and clears all others of
 * (row_count + 7) / 8 bytes. Returns how many those are; -ENOMEM. */
int64_t matcher_run(struct matcher *matcher, const struct sonde_batch *batch, unsigned char *bits);

/* The same for rows that are not dropped: sets the bits of those for which it is not true. */
int64_t matcher_run_not(struct matcher *matcher, const struct sonde_batch *batch,
			unsigned char *bits);

/* The values that an expression comes to, a row each. */
struct made {
	uint32_t type; /* enum sonde_type; SONDE_NONE: null in every row, and nothing else is set */
	uint32_t column;    /* index of the column that it is as it stands; UINT32_MAX: none */
	bool constant;      /* the first value is that of all rows, which all have it */
	const void *values; /* by row, one after the other; of texts struct sonde_text */
	const unsigned char *valid; /* by row: bits of those that have one */
};

/* Works out all rows, dropped ones too. Valid until the next call. -ENOMEM. */
int matcher_make(struct matcher *matcher, const struct sonde_batch *batch, struct made *ret_made);

struct matcher_counts matcher_counts(const struct matcher *matcher);

#endif
