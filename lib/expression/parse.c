// SPDX-License-Identifier: Apache-2.0
/* Makes a tree of an expression's text, and sees that its operators and literals go together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../core/name.h"
#include "parser.h"
#include "pattern.h"

static const char *const operator_words[] = { "and",      "or",     "not",  "in", "is",
					      "contains", "starts", "ends", NULL };

static int parse_or(struct parser *parser, uint32_t *ret_node);

/* ---- steps ------------------------------------------------------------------------------- */

int parser_no_memory(struct parser *parser)
{
	(void)parser_fail(parser, 0, "there is no memory for it");
	return -ENOMEM;
}

/* The next lexeme for a message: what stands there, cut where it is long. */
static int shown_length(const struct lexeme *lexeme)
{
	return lexeme->length < 40 ? (int)lexeme->length : 40;
}

int expect_fail(struct parser *parser, const char *what)
{
	const struct lexeme *next = &parser->next;
	char name[48], hint[80] = "";

	if (next->kind == LEXEME_END)
		return parser_fail(parser, next->offset, "%s is missing at the end", what);
	if (next->kind == LEXEME_NAME && !next->quoted && next->length < sizeof(name)) {
		memcpy(name, parser->reader.text + next->offset, next->length);
		name[next->length] = '\0';
		nearest_hint(name, operator_words,
			     sizeof(operator_words) / sizeof(operator_words[0]) - 1, hint,
			     sizeof(hint));
	}
	return parser_fail(parser, next->offset, "%s is expected, not %.*s%s", what,
			   shown_length(next), parser->reader.text + next->offset, hint);
}

static int enter(struct parser *parser)
{
	if (parser->depth >= EXPRESSION_DEPTH)
		return parser_fail(parser, parser->next.offset,
				   "more than %d brackets and operators stand within each other",
				   EXPRESSION_DEPTH);
	parser->depth++;
	return 0;
}

/* ---- nodes ------------------------------------------------------------------------------- */

int node_add(struct parser *parser, struct node node, uint32_t *ret_node)
{
	struct expression *expression = parser->expression;

	if (expression->node_count == EXPRESSION_NODES)
		return parser_fail(parser, node.offset,
				   "there are more than %d names, values and operators",
				   EXPRESSION_NODES);
	if (expression->node_count == expression->node_capacity) {
		uint32_t capacity = expression->node_capacity ? expression->node_capacity * 2 : 16;
		struct node *nodes =
			reallocarray(expression->nodes, capacity, sizeof(*expression->nodes));

		if (!nodes)
			return parser_no_memory(parser);
		expression->nodes = nodes;
		expression->node_capacity = capacity;
	}
	*ret_node = expression->node_count;
	expression->nodes[expression->node_count++] = node;
	return 0;
}

uint32_t kind_of(const struct parser *parser, uint32_t index)
{
	const struct node *node = node_at(parser, index);

	switch (node->kind) {
	case NODE_LITERAL:
		return kind_is_number(node->value.kind) ? KIND_REAL : node->value.kind;
	case NODE_NAME:
		return KIND_NONE;
	case NODE_ARITHMETIC:
	case NODE_NEGATE:
		return KIND_REAL;
	case NODE_CONCAT:
		return KIND_TEXT;
	default:
		return KIND_BOOLEAN;
	}
}

const char *operand_kind_name(uint32_t kind)
{
	return kind == KIND_BOOLEAN ? "true or false" : kind == KIND_TEXT ? "a text" : "a number";
}

int want_kind(struct parser *parser, uint32_t index, uint32_t kind, const char *whose)
{
	uint32_t known = kind_of(parser, index);

	if (known == KIND_NONE || known == kind)
		return 0;
	return parser_fail(parser, node_at(parser, index)->offset, "%s takes %s, and this is %s",
			   whose, operand_kind_name(kind), operand_kind_name(known));
}

/* ---- values ------------------------------------------------------------------------------ */

static uint32_t where_of(const struct lexeme *lexeme)
{
	static const char *const words[] = { [WHERE_ROW] = "row",
					     [WHERE_SCOPE] = "scope",
					     [WHERE_RESOURCE] = "resource",
					     [WHERE_ROLE] = "role" };

	for (uint32_t where = WHERE_ROW; where <= WHERE_ROLE; where++) {
		if (lexeme->length == strlen(words[where]) && !lexeme->quoted &&
		    !memcmp(lexeme->value.as.text.data, words[where], lexeme->length))
			return where;
	}
	return WHERE_ANY;
}

static uint32_t role_of(struct sonde_text text)
{
	char name[EXPRESSION_NAME_BYTES + 1];

	if (text.length > EXPRESSION_NAME_BYTES)
		return 0;
	memcpy(name, text.data, text.length);
	name[text.length] = '\0';
	return expression_role(name);
}

/* resource["service.name"]: behind its first word, at the bracket. */
static int parse_scoped(struct parser *parser, struct node *node)
{
	struct lexeme name;
	int result = advance(parser);

	name = parser->next;
	if (result < 0)
		return result;
	if (name.value.kind != KIND_TEXT)
		return expect_fail(parser, "a name in quotes");
	result = advance(parser);
	if (result >= 0)
		result = expect_sign(parser, SIGN_CLOSE_BRACKET, "]");
	if (result < 0)
		return result;
	if (!name.value.as.text.length || name.value.as.text.length > EXPRESSION_NAME_BYTES ||
	    memchr(name.value.as.text.data, '\0', name.value.as.text.length))
		return parser_fail(parser, name.offset, "a name has 1 to %d bytes, none of them 0",
				   EXPRESSION_NAME_BYTES);
	node->value = name.value;
	node->role = (uint16_t)role_of(name.value.as.text);
	if (node->where == WHERE_ROLE && !node->role)
		return parser_fail(parser, name.offset, "there is no role \"%.*s\"",
				   (int)name.value.as.text.length, name.value.as.text.data);
	return 0;
}

static bool is_reserved(const struct lexeme *lexeme)
{
	for (const char *const *word = operator_words; *word; word++) {
		if (lexeme_is(lexeme, *word))
			return true;
	}
	return lexeme_is(lexeme, "with") || lexeme_is(lexeme, "null");
}

static int parse_name(struct parser *parser, uint32_t *ret_node);

/* concat(a, ' ', b): at the opening bracket. */
static int parse_concat(struct parser *parser, uint32_t offset, uint32_t *ret_node)
{
	struct node node = { .kind = NODE_CONCAT, .offset = offset };
	uint32_t operand;
	int result;

	do {
		result = advance(parser);
		if (result < 0)
			return result;
		if (parser->next.kind == LEXEME_LITERAL || at_word(parser, "true") ||
		    at_word(parser, "false"))
			result = parse_literal(parser, &operand);
		else if (parser->next.kind == LEXEME_NAME && !is_reserved(&parser->next))
			result = parse_name(parser, &operand);
		else
			return expect_fail(parser, "a name, a text or a number");
		if (result < 0)
			return result;
		if (!node.count++)
			node.left = operand;
		else
			node_at(parser, node.right)->next = operand;
		node.right = operand;
	} while (at_sign(parser, SIGN_COMMA));
	result = expect_sign(parser, SIGN_CLOSE, ", or )");
	if (result < 0)
		return result;
	parser->expression->has_concat = true;
	return node_add(parser, node, ret_node);
}

static int parse_name(struct parser *parser, uint32_t *ret_node)
{
	struct node node = { .kind = NODE_NAME,
			     .offset = parser->next.offset,
			     .value = parser->next.value };
	uint32_t where = where_of(&parser->next);
	bool quoted = parser->next.quoted, joins = !quoted && at_word(parser, "concat");
	int result = advance(parser);

	if (result < 0)
		return result;
	if (joins && at_sign(parser, SIGN_OPEN)) {
		result = enter(parser);
		if (result >= 0)
			result = parse_concat(parser, node.offset, ret_node);
		parser->depth--;
		return result;
	}
	if (at_sign(parser, SIGN_OPEN_BRACKET)) {
		if (!where)
			return parser_fail(parser, parser->next.offset,
					   "only resource, scope, row and role take a name in "
					   "brackets");
		node.where = (uint8_t)where;
		result = parse_scoped(parser, &node);
		if (result < 0)
			return result;
	} else if (!quoted) {
		node.role = (uint16_t)role_of(node.value.as.text);
	}
	return node_add(parser, node, ret_node);
}

int parse_literal(struct parser *parser, uint32_t *ret_node)
{
	struct node node = { .kind = NODE_LITERAL,
			     .offset = parser->next.offset,
			     .value = parser->next.value };
	int result;

	if (parser->next.kind == LEXEME_NAME)
		node.value = (struct value){ .kind = KIND_BOOLEAN,
					     .as.boolean = at_word(parser, "true") };
	result = advance(parser);
	return result < 0 ? result : node_add(parser, node, ret_node);
}

static int parse_value(struct parser *parser, uint32_t *ret_node)
{
	int result;

	if (at_word(parser, "null"))
		return parser_fail(parser, parser->next.offset,
				   "nothing equals null: ask \"is null\" or \"is not null\"");
	if (parser->next.kind == LEXEME_LITERAL || at_word(parser, "true") ||
	    at_word(parser, "false"))
		return parse_literal(parser, ret_node);
	if (parser->next.kind == LEXEME_NAME && !is_reserved(&parser->next))
		return parse_name(parser, ret_node);
	if (!at_sign(parser, SIGN_OPEN))
		return expect_fail(parser, "a name or a value");
	result = advance(parser);
	if (result >= 0)
		result = parse_or(parser, ret_node);
	return result < 0 ? result : expect_sign(parser, SIGN_CLOSE, ")");
}

/* ---- arithmetic -------------------------------------------------------------------------- */

/* -5 is a literal, so that -9223372036854775808 is one too. */
static bool negate_literal(struct value *value)
{
	if (value->kind == KIND_REAL)
		value->as.real = -value->as.real;
	else if (value->kind == KIND_INTEGER && value->as.integer == INT64_MIN)
		*value = (struct value){ .kind = KIND_UNSIGNED, .as.number = (uint64_t)1 << 63 };
	else if (value->kind == KIND_INTEGER)
		value->as.integer = -value->as.integer;
	else if (value->kind == KIND_UNSIGNED && value->as.number == (uint64_t)1 << 63)
		*value = (struct value){ .kind = KIND_INTEGER, .as.integer = INT64_MIN };
	else
		return false;
	return true;
}

int parse_signed(struct parser *parser, uint32_t *ret_node)
{
	struct node node = { .kind = NODE_NEGATE, .offset = parser->next.offset };
	struct node *operand;
	int result;

	if (!at_sign(parser, SIGN_MINUS))
		return parse_value(parser, ret_node);
	result = enter(parser);
	if (result >= 0)
		result = advance(parser);
	if (result >= 0)
		result = parse_signed(parser, &node.left);
	if (result >= 0)
		result = want_kind(parser, node.left, KIND_REAL, "-");
	if (result < 0)
		return result;
	parser->depth--;
	operand = node_at(parser, node.left);
	if (operand->kind == NODE_LITERAL) {
		if (!negate_literal(&operand->value))
			return parser_fail(parser, node.offset, "-%llu does not fit 64 bits",
					   (unsigned long long)operand->value.as.number);
		operand->offset = node.offset;
		*ret_node = node.left;
		return 0;
	}
	return node_add(parser, node, ret_node);
}

static uint8_t arithmetic_operation(const struct parser *parser, bool products)
{
	if (parser->next.kind != LEXEME_SIGN)
		return OPERATION_NONE;
	switch (parser->next.sign) {
	case SIGN_PLUS:
		return products ? OPERATION_NONE : OPERATION_ADD;
	case SIGN_MINUS:
		return products ? OPERATION_NONE : OPERATION_SUBTRACT;
	case SIGN_TIMES:
		return products ? OPERATION_MULTIPLY : OPERATION_NONE;
	case SIGN_OVER:
		return products ? OPERATION_DIVIDE : OPERATION_NONE;
	case SIGN_REMAINDER:
		return products ? OPERATION_REMAINDER : OPERATION_NONE;
	default:
		return OPERATION_NONE;
	}
}

/* Sums, or the products in them. Each further operator lies around those before it: it is deeper.
 */
static int parse_arithmetic(struct parser *parser, bool products, uint32_t *ret_node)
{
	uint32_t depth = parser->depth;
	int result = products ? parse_signed(parser, ret_node)
			      : parse_arithmetic(parser, true, ret_node);
	uint8_t operation;

	while (result >= 0 && (operation = arithmetic_operation(parser, products))) {
		struct node node = { .kind = NODE_ARITHMETIC,
				     .operation = operation,
				     .offset = parser->next.offset,
				     .left = *ret_node };
		char name[2] = { parser->reader.text[node.offset], '\0' };

		result = enter(parser);
		if (result >= 0)
			result = advance(parser);
		if (result >= 0)
			result = products ? parse_signed(parser, &node.right)
					  : parse_arithmetic(parser, true, &node.right);
		if (result >= 0)
			result = want_kind(parser, node.left, KIND_REAL, name);
		if (result >= 0)
			result = want_kind(parser, node.right, KIND_REAL, name);
		if (result >= 0)
			result = node_add(parser, node, ret_node);
	}
	parser->depth = depth;
	return result;
}

int parse_sum(struct parser *parser, uint32_t *ret_node)
{
	return parse_arithmetic(parser, false, ret_node);
}

/* ---- logic ------------------------------------------------------------------------------- */

static int parse_not(struct parser *parser, uint32_t *ret_node)
{
	struct node node = { .kind = NODE_NOT, .offset = parser->next.offset };
	int result = enter(parser);

	if (result < 0)
		return result;
	if (at_sign(parser, SIGN_NOT) || at_word(parser, "not")) {
		result = advance(parser);
		if (result >= 0)
			result = parse_not(parser, &node.left);
		if (result >= 0)
			result = want_kind(parser, node.left, KIND_BOOLEAN, "not");
		if (result >= 0)
			result = node_add(parser, node, ret_node);
	} else {
		result = parse_comparison(parser, ret_node);
	}
	parser->depth--;
	return result;
}

static bool at_joint(const struct parser *parser, bool all)
{
	return all ? at_sign(parser, SIGN_AND) || at_word(parser, "and")
		   : at_sign(parser, SIGN_OR) || at_word(parser, "or");
}

/* Conditions joined by "and", or such joined by "or": one node, however many they are. */
static int parse_joined(struct parser *parser, bool all, uint32_t *ret_node)
{
	struct node node = { .kind = all ? NODE_AND : NODE_OR };
	const char *name = all ? "and" : "or";
	uint32_t operand;
	int result = all ? parse_not(parser, &operand) : parse_joined(parser, true, &operand);

	node.left = node.right = operand;
	node.count = 1;
	while (result >= 0 && at_joint(parser, all)) {
		node.offset = parser->next.offset;
		result = advance(parser);
		if (result >= 0)
			result = all ? parse_not(parser, &operand)
				     : parse_joined(parser, true, &operand);
		if (result >= 0 && node.count == 1)
			result = want_kind(parser, node.left, KIND_BOOLEAN, name);
		if (result >= 0)
			result = want_kind(parser, operand, KIND_BOOLEAN, name);
		if (result < 0)
			return result;
		node_at(parser, node.right)->next = operand;
		node.right = operand;
		node.count++;
	}
	if (result < 0)
		return result;
	*ret_node = node.left;
	return node.count > 1 ? node_add(parser, node, ret_node) : 0;
}

static int parse_or(struct parser *parser, uint32_t *ret_node)
{
	return parse_joined(parser, false, ret_node);
}

/* ---- all --------------------------------------------------------------------------------- */

static int parse_all(struct parser *parser, size_t length)
{
	int result;

	if (length > EXPRESSION_BYTES)
		return parser_fail(parser, 0, "it has more than %d bytes", EXPRESSION_BYTES);
	result = advance(parser);
	if (result >= 0 && parser->next.kind == LEXEME_END)
		return parser_fail(parser, 0, "there is no expression");
	if (result >= 0)
		result = parse_or(parser, &parser->expression->root);
	if (result < 0)
		return result;
	if (parser->next.kind != LEXEME_END)
		return expect_fail(parser, "an operator or the end");
	if (parser->expression->gives_value)
		return 0;
	return want_kind(parser, parser->expression->root, KIND_BOOLEAN, "a condition");
}

static int parse(const char *text, bool condition, struct expression **ret_expression,
		 struct expression_error *ret_error)
{
	size_t length = strnlen(text, EXPRESSION_BYTES + 1);
	struct expression *expression = calloc(1, sizeof(*expression));
	struct parser parser = { .reader = { .text = text, .error = ret_error },
				 .expression = expression };
	int result;

	if (!expression)
		return parser_no_memory(&parser);
	expression->text = strndup(text, length);
	expression->bytes = malloc(length + 1);
	if (expression->text && expression->bytes) {
		parser.reader.text = expression->text;
		parser.reader.bytes = expression->bytes;
		expression->gives_value = !condition;
		result = parse_all(&parser, length);
	} else {
		result = parser_no_memory(&parser);
	}
	if (result < 0) {
		expression_release(expression);
		return result;
	}
	*ret_expression = expression;
	return 0;
}

int expression_parse(const char *text, struct expression **ret_expression,
		     struct expression_error *ret_error)
{
	return parse(text, true, ret_expression, ret_error);
}

int expression_parse_value(const char *text, struct expression **ret_expression,
			   struct expression_error *ret_error)
{
	return parse(text, false, ret_expression, ret_error);
}

void expression_release(struct expression *expression)
{
	if (!expression)
		return;
	for (uint32_t i = 0; i < expression->pattern_count; i++)
		pattern_release(expression->patterns[i]);
	free(expression->patterns);
	free(expression->nodes);
	free(expression->bytes);
	free(expression->text);
	free(expression);
}
