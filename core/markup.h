/* SPDX-License-Identifier: Apache-2.0 */
/* A manual in one of three forms: for a terminal, in Markdown, or as man(1) reads it. */
#ifndef SONDE_MARKUP_H
#define SONDE_MARKUP_H

#include <sonde/plugin.h>
#include "page.h"

enum markup_form { MARKUP_TERMINAL, MARKUP_MARKDOWN, MARKUP_MAN };

/* What is being written. */
struct markup {
	enum markup_form form;
	struct page page; /* where to; colour and width are for a terminal */
	bool list;        /* the last part was an entry */
	unsigned depth;   /* of that entry */
	bool literal;     /* between two backquotes */
};

/* What a manual is of. */
struct markup_title {
	const char *name;    /* "console" */
	const char *page;    /* the man page: "sonde-console" */
	const char *section; /* and where it belongs: "7" */
	const char *summary; /* NULL: none */
	const char *facts;   /* a word or two each, with " · " between; NULL: none */
};

/* A thing with a name: an option, a counter, a command. */
struct markup_entry {
	unsigned depth; /* 0: stands by itself; 1: part of the last entry of depth 0 … */
	const char *name, *help;
	const char *detail; /* type, default and the like; help and detail may be NULL */
	bool beside;        /* the detail stands behind the help, not under it */
};

/* The parts of a manual. Texts are prose in which `…` is something to be typed; an empty line
 * parts paragraphs. */
void markup_title(struct markup *markup, const struct markup_title *title);
void markup_heading(struct markup *markup, const char *heading);
void markup_prose(struct markup *markup, const char *text);
void markup_entry(struct markup *markup, const struct markup_entry *entry);
void markup_schema(struct markup *markup, const struct sonde_schema *schema);
void markup_code(struct markup *markup, const char *text); /* lines that stand as they are */

/* What each form does with them; each in a file of its own. */
struct markup_functions {
	void (*title)(struct markup *, const struct markup_title *);
	void (*heading)(struct markup *, const char *heading);
	void (*prose)(struct markup *, const char *text);
	void (*entry)(struct markup *, const struct markup_entry *);
	void (*schema)(struct markup *, const struct sonde_schema *);
	void (*code)(struct markup *, const char *text);
};

extern const struct markup_functions markup_terminal, markup_markdown, markup_man;

/* ---- for the forms ----------------------------------------------------------------------- */

enum { MARKUP_WORD_LENGTH = 48 };

/* "u64" */
const char *field_type(const struct sonde_field *field, char buffer[MARKUP_WORD_LENGTH]);

/* "sum, delta", "attribute of the resource" */
const char *field_role(const struct sonde_field *field, char buffer[2 * MARKUP_WORD_LENGTH]);

/* Takes the next paragraph off the front of a text: its start and length, blanks around it left
 * out. False: there is none. */
bool paragraph_take(const char **text, const char **ret_paragraph, size_t *ret_length);

#endif
