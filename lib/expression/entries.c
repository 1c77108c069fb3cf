// SPDX-License-Identifier: Apache-2.0
/* Columns with a dictionary: what is asked of their texts is worked out once for an entry, and
 * looked up for each row by its code. */
#include <errno.h>
#include <stdlib.h>
#include "entries.h"
#include "protobuf.h"

enum answer { ANSWER_UNKNOWN = 0, ANSWER_NO = 1, ANSWER_YES = 2, ANSWER_NULL = 4 };

enum {
	MEMO_LIMIT = 1 << 20, /* entries; those of larger dictionaries are judged row by row */
	MEMO_FIRST = 256,
	MEMO_PER_ROW = 16, /* forgetting so many entries for a row is cheaper than to judge it */
};

/* ---- values ------------------------------------------------------------------------------ */

static struct sonde_text text_of(const struct message_field *field)
{
	return (struct sonde_text){ (const char *)field->data, (uint32_t)field->length, 0 };
}

struct value any_value(struct sonde_text encoded)
{
	struct message_reader reader = message_read(encoded.data, encoded.length);
	struct value value = { .kind = KIND_OTHER };
	struct message_field field;

	while (message_next(&reader, &field) > 0) { /* the last one counts, as protobuf says */
		value = (struct value){ .kind = KIND_OTHER };
		if ((field.number == 1 || field.number == 7) && field.wire == MESSAGE_BYTES) {
			value.kind = KIND_TEXT;
			value.as.text = text_of(&field);
		} else if (field.number == 2 && field.wire == MESSAGE_VARINT) {
			value.kind = KIND_BOOLEAN;
			value.as.boolean = field.value != 0;
		} else if (field.number == 3 && field.wire == MESSAGE_VARINT) {
			value.kind = KIND_INTEGER;
			value.as.integer = (int64_t)field.value;
		} else if (field.number == 4 && field.wire == MESSAGE_FIXED64) {
			value.kind = KIND_REAL;
			memcpy(&value.as.real, &field.value, sizeof(value.as.real));
		}
	}
	return value;
}

struct sonde_text entry_text(const struct sonde_column *column, struct sonde_text entry)
{
	struct message_reader reader = message_read(entry.data, entry.length);
	struct sonde_text name = { "", 0, 0 };
	struct message_field field;

	if (column->role != SONDE_ROLE_METRIC || column->type != SONDE_BYTES)
		return entry;
	while (message_next(&reader, &field) > 0) {
		if (field.number == 1 && field.wire == MESSAGE_BYTES)
			name = text_of(&field);
	}
	return name;
}

bool list_has(const struct expression *expression, const struct node *list,
	      const struct value *value)
{
	const struct node *items = &expression->nodes[list->right];
	uint32_t low = 0, high = list->count;

	if (value->kind == KIND_REAL && value->as.real != value->as.real)
		return false;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = literal_order(value, &items[middle].value);

		if (!order)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

int text_holds(const struct expression *expression, const struct node *node,
	       struct pattern_scratch *scratch, struct sonde_text text)
{
	const struct sonde_text *given = &expression->nodes[node->right].value.as.text;
	struct value value = { .kind = KIND_TEXT };

	if (node->kind == NODE_IN) {
		value.as.text = text;
		return list_has(expression, node, &value);
	}
	switch (node->operation) {
	case OPERATION_CONTAINS:
		return !given->length ||
		       memmem(text.data, text.length, given->data, given->length) != NULL;
	case OPERATION_STARTS:
		return text.length >= given->length &&
		       (!given->length || !memcmp(text.data, given->data, given->length));
	case OPERATION_ENDS:
		return text.length >= given->length &&
		       (!given->length || !memcmp(text.data + text.length - given->length,
						  given->data, given->length));
	case OPERATION_MATCHES:
		return pattern_match(expression->patterns[node->pattern], scratch, text);
	case OPERATION_EQUAL:
	case OPERATION_UNEQUAL:
		return (text.length == given->length &&
			(!text.length || !memcmp(text.data, given->data, text.length))) ==
		       (node->operation == OPERATION_EQUAL);
	default:
		return order_holds(node->operation, text_order(text, *given));
	}
}

/* ---- judging ----------------------------------------------------------------------------- */

/* 1, 0; negative: null. */
static int any_holds(const struct expression *expression, const struct node *node,
		     struct pattern_scratch *scratch, struct sonde_text encoded)
{
	struct value value = any_value(encoded);
	const struct value *given;

	if (node->kind == NODE_NAME) /* a condition of itself */
		return value.kind == KIND_BOOLEAN ? value.as.boolean : -EINVAL;
	given = &expression->nodes[node->right].value;
	if (given->kind == KIND_TEXT)
		return value.kind == KIND_TEXT
			       ? text_holds(expression, node, scratch, value.as.text)
			       : -EINVAL;
	if (given->kind == KIND_BOOLEAN)
		return value.kind == KIND_BOOLEAN ? (value.as.boolean == given->as.boolean) ==
							    (node->operation == OPERATION_EQUAL)
						  : -EINVAL;
	if (!kind_is_number(value.kind))
		return -EINVAL;
	if (node->kind == NODE_IN)
		return list_has(expression, node, &value);
	return order_holds(node->operation, number_order(&value, given));
}

static unsigned char judge_entry(struct judge *judge, const struct sonde_column *column,
				 const struct expression *expression, const struct node *node,
				 uint32_t code)
{
	struct sonde_text entry = sonde_entry(column->dictionary, column->dictionary_length, code);
	int holds;

	judge->counts->judged_text_count++;
	if (column->type == SONDE_ANY)
		holds = any_holds(expression, node, judge->scratch, entry);
	else
		holds = text_holds(expression, node, judge->scratch, entry_text(column, entry));
	if (holds == -ELOOP)
		judge->counts->abandoned_count++;
	if (holds < 0)
		return ANSWER_NULL;
	return (holds != 0) != node->negated ? ANSWER_YES : ANSWER_NO;
}

/* ---- memory ------------------------------------------------------------------------------ */

static void memo_forget(struct judge *judge, struct memo *memo)
{
	if (memo->holder)
		sonde_batch_release(judge->instance, memo->holder);
	memo->holder = NULL;
	memo->dictionary = NULL;
	memo->filled = 0;
}

void memo_clear(struct judge *judge, struct memo *memo)
{
	memo_forget(judge, memo);
	free(memo->answers);
	*memo = (struct memo){ 0 };
}

struct sonde_batch *dictionary_keeper(struct sonde_instance *instance,
				      const struct sonde_dictionary *dictionary)
{
	static const struct sonde_field field = { .name = "held", .type = SONDE_TEXT };
	struct sonde_dictionary *held = (struct sonde_dictionary *)(uintptr_t)dictionary;
	struct sonde_batch *batch = sonde_batch_table(instance, "held", SONDE_SIGNAL_LOG, 0);
	uint32_t code = 0;

	if (batch && !sonde_batch_constant(instance, batch, &field, held, &code)) {
		sonde_batch_release(instance, batch);
		return NULL;
	}
	return batch;
}

static bool memo_reserve(struct memo *memo, uint32_t count)
{
	uint32_t capacity = memo->capacity ? memo->capacity : MEMO_FIRST;
	unsigned char *answers;

	if (count <= memo->capacity)
		return true;
	while (capacity < count)
		capacity *= 2;
	answers = realloc(memo->answers, capacity);
	if (!answers)
		return false;
	memo->answers = answers;
	memo->capacity = capacity;
	return true;
}

/* Makes it fit the column's dictionary. One that comes a second time, and so will again, is held.
 * False: its entries are better judged as they come. */
static bool memo_prepare(struct judge *judge, struct memo *memo, const struct block *block,
			 const struct sonde_column *column)
{
	const struct sonde_dictionary *dictionary = column->dictionary;
	uint32_t count = column->dictionary_length + 1;
	bool again = memo->dictionary == dictionary;

	if (!dictionary || !dictionary->distinct || count > MEMO_LIMIT) {
		memo_forget(judge, memo);
		return false;
	}
	if (!again || (!memo->holder && !block->start)) {
		memo_forget(judge, memo);
		memo->dictionary = dictionary;
		if (again && judge->instance)
			memo->holder = dictionary_keeper(judge->instance, dictionary);
	}
	if ((!memo->holder && count / MEMO_PER_ROW > block->batch->row_count) ||
	    !memo_reserve(memo, count))
		return false;
	if (memo->filled < count) {
		memset(memo->answers + memo->filled, ANSWER_UNKNOWN, count - memo->filled);
		memo->filled = count;
	}
	return true;
}

/* ---- rows -------------------------------------------------------------------------------- */

static inline uint32_t code_at(const unsigned char *at)
{
	uint32_t code;

	memcpy(&code, at, sizeof(code));
	return code;
}

/* 64 rows or fewer, by answers that are there or are made; bit 0 of an answer is no, bit 1 yes. */
static void look_up(struct judge *judge, struct memo *memo, const struct sonde_column *column,
		    const struct expression *expression, const struct node *node,
		    const unsigned char *at, uint32_t count, uint64_t *ret_yes, uint64_t *ret_no)
{
	uint32_t length = column->dictionary_length, stride = column->stride;
	const unsigned char *answers = memo->answers, *begin = at;
	uint64_t yes = 0, no = 0;

	for (uint32_t i = 0; i < count; i++, at += stride) {
		uint32_t code = code_at(at);
		uint64_t answer = answers[code < length ? code + 1 : 0];

		yes |= (answer >> 1 & 1) << i;
		no |= (answer & 1) << i;
		if (__builtin_expect(!answer, 0))
			goto unknown;
	}
	*ret_yes = yes;
	*ret_no = no;
	return;

unknown:
	at = begin;
	yes = no = 0;
	for (uint32_t i = 0; i < count; i++, at += stride) {
		uint32_t code = code_at(at), place = code < length ? code + 1 : 0;

		if (!memo->answers[place])
			memo->answers[place] = judge_entry(judge, column, expression, node, code);
		yes |= (uint64_t)(memo->answers[place] >> 1 & 1) << i;
		no |= (uint64_t)(memo->answers[place] & 1) << i;
	}
	*ret_yes = yes;
	*ret_no = no;
}

/* The same without a memory but for the last code, of rows that have a value. */
static void judge_rows(struct judge *judge, const struct sonde_column *column,
		       const struct expression *expression, const struct node *node,
		       const unsigned char *at, uint64_t valid, uint64_t *ret_yes, uint64_t *ret_no)
{
	uint32_t last_code = 0;
	unsigned char answer = ANSWER_UNKNOWN;
	uint64_t yes = 0, no = 0;

	for (; valid; valid &= valid - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(valid);
		uint32_t code = code_at(at + (size_t)i * column->stride);

		if (!answer || code != last_code)
			answer = judge_entry(judge, column, expression, node, code);
		last_code = code;
		yes |= (uint64_t)(answer >> 1 & 1) << i;
		no |= (uint64_t)(answer & 1) << i;
	}
	*ret_yes = yes;
	*ret_no = no;
}

void entries_run(struct judge *judge, struct memo *memo, const struct block *block,
		 const struct sonde_column *column, const struct expression *expression,
		 const struct node *node, struct truth *ret_truth)
{
	const unsigned char *at = sonde_value(column, block->start);
	bool remembered = column->stride && memo_prepare(judge, memo, block, column);
	uint64_t valid[BLOCK_WORDS];

	block_bits(block, column->valid, valid);
	if (!column->stride) {
		judge_rows(judge, column, expression, node, at, 1, &ret_truth->yes[0],
			   &ret_truth->no[0]);
		truth_spread(block, ret_truth);
	}
	for (uint32_t word = 0; word < block->words; word++, at += (size_t)64 * column->stride) {
		uint32_t rest = block->count - word * 64;

		if (remembered)
			look_up(judge, memo, column, expression, node, at, rest < 64 ? rest : 64,
				&ret_truth->yes[word], &ret_truth->no[word]);
		else if (column->stride)
			judge_rows(judge, column, expression, node, at, valid[word],
				   &ret_truth->yes[word], &ret_truth->no[word]);
		ret_truth->yes[word] &= valid[word];
		ret_truth->no[word] &= valid[word];
	}
}
