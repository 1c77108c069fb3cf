/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the parser: its state, and what its two halves ask of each other. */
#ifndef SONDE_PARSER_H
#define SONDE_PARSER_H

#include "lexeme.h"

struct parser {
	struct reader reader;
	struct lexeme next;
	struct expression *expression;
	uint32_t depth;
};

#define parser_fail(parser_, offset_, ...)                                                         \
	expression_fail((parser_)->reader.text, (offset_), (parser_)->reader.error, __VA_ARGS__)

int parser_no_memory(struct parser *parser); /* -ENOMEM */

/* Something else than `what` is there. */
int expect_fail(struct parser *parser, const char *what);

int node_add(struct parser *parser, struct node node, uint32_t *ret_node);

/* What a node is known to be without a table: KIND_BOOLEAN, KIND_REAL for any number, KIND_TEXT, or
 * KIND_NONE: a name's, which only a table says. */
uint32_t kind_of(const struct parser *parser, uint32_t index);
const char *operand_kind_name(uint32_t kind);

/* Sees that an operand can be of a kind. */
int want_kind(struct parser *parser, uint32_t index, uint32_t kind, const char *whose);

static inline int advance(struct parser *parser)
{
	return lexeme_next(&parser->reader, false, &parser->next);
}

static inline bool at_sign(const struct parser *parser, enum sign sign)
{
	return parser->next.kind == LEXEME_SIGN && parser->next.sign == sign;
}

static inline bool at_word(const struct parser *parser, const char *word)
{
	return lexeme_is(&parser->next, word);
}

static inline int expect_sign(struct parser *parser, enum sign sign, const char *what)
{
	return at_sign(parser, sign) ? advance(parser) : expect_fail(parser, what);
}

static inline struct node *node_at(const struct parser *parser, uint32_t index)
{
	return &parser->expression->nodes[index];
}

/* From values to sums, as comparisons have them. */
int parse_literal(struct parser *parser, uint32_t *ret_node);
int parse_signed(struct parser *parser, uint32_t *ret_node);
int parse_sum(struct parser *parser, uint32_t *ret_node);

/* A comparison, or what stands in the place of one. */
int parse_comparison(struct parser *parser, uint32_t *ret_node);

#endif
