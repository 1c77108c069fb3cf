// SPDX-License-Identifier: Apache-2.0
/* The half of the parser that knows what compares values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "parser.h"
#include "pattern.h"

static uint8_t compare_operation(const struct parser *parser)
{
	if (parser->next.kind != LEXEME_SIGN || parser->next.sign < SIGN_EQUAL ||
	    parser->next.sign > SIGN_MORE_EQUAL)
		return OPERATION_NONE;
	return (uint8_t)(parser->next.sign - SIGN_EQUAL + OPERATION_EQUAL);
}

static int check_compared(struct parser *parser, const struct node *node)
{
	uint32_t left = kind_of(parser, node->left), right = kind_of(parser, node->right);

	if (left && right && left != right)
		return parser_fail(parser, node->offset, "%s cannot be compared with %s",
				   operand_kind_name(left), operand_kind_name(right));
	if ((left == KIND_BOOLEAN || right == KIND_BOOLEAN) && node->operation > OPERATION_UNEQUAL)
		return parser_fail(parser, node->offset,
				   "true and false have no order: only = and != compare them");
	return 0;
}

/* 5 < x becomes x > 5: literals stand on the right. */
static void turn_compared(struct node *node)
{
	static const uint8_t turned[] = {
		[OPERATION_EQUAL] = OPERATION_EQUAL, [OPERATION_UNEQUAL] = OPERATION_UNEQUAL,
		[OPERATION_LESS] = OPERATION_MORE,   [OPERATION_LESS_EQUAL] = OPERATION_MORE_EQUAL,
		[OPERATION_MORE] = OPERATION_LESS,   [OPERATION_MORE_EQUAL] = OPERATION_LESS_EQUAL,
	};
	uint32_t left = node->left;

	node->left = node->right;
	node->right = left;
	node->operation = turned[node->operation];
}

static int parse_compared(struct parser *parser, uint8_t operation, uint32_t left,
			  uint32_t *ret_node)
{
	struct node node = { .kind = NODE_COMPARE,
			     .operation = operation,
			     .offset = parser->next.offset,
			     .left = left };
	int result = advance(parser);

	if (result >= 0)
		result = parse_sum(parser, &node.right);
	if (result >= 0)
		result = check_compared(parser, &node);
	if (result >= 0 && node_at(parser, left)->kind == NODE_LITERAL)
		turn_compared(&node);
	if (result >= 0)
		result = node_add(parser, node, ret_node);
	if (result >= 0 && compare_operation(parser))
		return parser_fail(parser, parser->next.offset,
				   "comparisons do not follow each other: join two by \"and\"");
	return result;
}

static int add_pattern(struct parser *parser, struct node *node)
{
	struct expression *expression = parser->expression;
	const struct node *text = node_at(parser, node->right);
	struct pattern **patterns;
	uint32_t offset = 0;
	char error[160];
	int result;

	if (text->value.as.text.length > EXPRESSION_PATTERN_BYTES)
		return parser_fail(parser, text->offset,
				   "a regular expression has at most %d bytes",
				   EXPRESSION_PATTERN_BYTES);
	if (expression->pattern_count == EXPRESSION_PATTERNS)
		return parser_fail(parser, text->offset,
				   "there are more than %d regular expressions",
				   EXPRESSION_PATTERNS);
	patterns = reallocarray(expression->patterns, expression->pattern_count + 1,
				sizeof(*patterns));
	if (!patterns)
		return parser_no_memory(parser);
	expression->patterns = patterns;
	result = pattern_create(text->value.as.text, &patterns[expression->pattern_count], &offset,
				error, sizeof(error));
	if (result == -ENOMEM)
		return parser_no_memory(parser);
	if (result < 0)
		return parser_fail(parser, text->offset + 1 + offset,
				   "the regular expression is wrong here: %s", error);
	node->pattern = (uint16_t)expression->pattern_count++;
	return 0;
}

/* contains, starts with, ends with, =~: at the last word of the operator. */
static int parse_text(struct parser *parser, uint8_t operation, bool negated, uint32_t left,
		      uint32_t *ret_node)
{
	struct node node = { .kind = NODE_TEXT,
			     .operation = operation,
			     .negated = negated,
			     .offset = parser->next.offset,
			     .left = left };
	bool matches = operation == OPERATION_MATCHES;
	int result = lexeme_next(&parser->reader, matches, &parser->next);

	if (result >= 0 &&
	    (parser->next.kind != LEXEME_LITERAL || parser->next.value.kind != KIND_TEXT))
		return expect_fail(parser,
				   matches ? "a regular expression in quotes" : "a text in quotes");
	if (result >= 0)
		result = parse_literal(parser, &node.right);
	if (result >= 0)
		result = want_kind(parser, left, KIND_TEXT, matches ? "=~" : "this operator");
	if (result >= 0 && matches)
		result = add_pattern(parser, &node);
	return result < 0 ? result : node_add(parser, node, ret_node);
}

static int compare_items(const void *a, const void *b)
{
	return literal_order(&((const struct node *)a)->value, &((const struct node *)b)->value);
}

/* One literal of a list, behind those before it. */
static int parse_item(struct parser *parser, struct node *in)
{
	uint32_t item;
	int result = parse_signed(parser, &item);

	if (result < 0)
		return result;
	if (node_at(parser, item)->kind != NODE_LITERAL ||
	    node_at(parser, item)->value.kind == KIND_BOOLEAN)
		return parser_fail(parser, node_at(parser, item)->offset,
				   "a list holds numbers or texts as they are, nothing else");
	if (!in->count)
		in->right = item;
	else if (kind_of(parser, item) != kind_of(parser, in->right))
		return parser_fail(parser, node_at(parser, item)->offset,
				   "a list holds either numbers or texts");
	in->count++;
	return 0;
}

static int parse_in(struct parser *parser, bool negated, uint32_t left, uint32_t *ret_node)
{
	struct node node = {
		.kind = NODE_IN, .negated = negated, .offset = parser->next.offset, .left = left
	};
	uint32_t kept = 1;
	struct node *items;
	int result = advance(parser);

	if (result >= 0)
		result = expect_sign(parser, SIGN_OPEN, "( and a list of values");
	if (result >= 0)
		result = parse_item(parser, &node);
	while (result >= 0 && at_sign(parser, SIGN_COMMA)) {
		result = advance(parser);
		if (result >= 0)
			result = parse_item(parser, &node);
	}
	if (result >= 0)
		result = expect_sign(parser, SIGN_CLOSE, ", or )");
	if (result >= 0)
		result = want_kind(parser, left, kind_of(parser, node.right), "this list");
	if (result < 0)
		return result;
	items = node_at(parser, node.right);
	qsort(items, node.count, sizeof(*items), compare_items);
	for (uint32_t i = 1; i < node.count; i++) {
		if (compare_items(&items[i], &items[kept - 1]))
			items[kept++] = items[i];
	}
	node.count = kept;
	return node_add(parser, node, ret_node);
}

static int parse_null(struct parser *parser, uint32_t left, uint32_t *ret_node)
{
	struct node node = { .kind = NODE_NULL, .offset = parser->next.offset, .left = left };
	int result = advance(parser);

	if (result >= 0 && at_word(parser, "not")) {
		node.negated = true;
		result = advance(parser);
	}
	if (result < 0)
		return result;
	if (!at_word(parser, "null"))
		return expect_fail(parser, "null or not null");
	result = advance(parser);
	return result < 0 ? result : node_add(parser, node, ret_node);
}

/* The operator behind a value that is made of words. */
static int parse_worded(struct parser *parser, uint32_t left, uint32_t *ret_node)
{
	bool negated = at_word(parser, "not"), starts;
	int result = negated ? advance(parser) : 0;

	if (result < 0)
		return result;
	if (at_word(parser, "in"))
		return parse_in(parser, negated, left, ret_node);
	if (at_word(parser, "contains"))
		return parse_text(parser, OPERATION_CONTAINS, negated, left, ret_node);
	starts = at_word(parser, "starts");
	if (starts || at_word(parser, "ends")) {
		result = advance(parser);
		if (result < 0)
			return result;
		if (!at_word(parser, "with"))
			return expect_fail(parser, "with");
		return parse_text(parser, starts ? OPERATION_STARTS : OPERATION_ENDS, negated, left,
				  ret_node);
	}
	if (negated)
		return expect_fail(parser, "in, contains, starts with or ends with");
	*ret_node = left;
	return 0;
}

int parse_comparison(struct parser *parser, uint32_t *ret_node)
{
	uint32_t left;
	uint8_t operation;
	int result = parse_sum(parser, &left);

	if (result < 0)
		return result;
	operation = compare_operation(parser);
	if (operation)
		return parse_compared(parser, operation, left, ret_node);
	if (at_sign(parser, SIGN_MATCHES) || at_sign(parser, SIGN_MATCHES_NOT))
		return parse_text(parser, OPERATION_MATCHES, at_sign(parser, SIGN_MATCHES_NOT),
				  left, ret_node);
	if (at_word(parser, "is"))
		return parse_null(parser, left, ret_node);
	return parse_worded(parser, left, ret_node);
}
