// SPDX-License-Identifier: Apache-2.0
/* Texts that concat makes, row by row. */
#include <inttypes.h>
#include <stdio.h>
#include "../../core/quantity.h"
#include "evaluate.h"

/* A text on its way; what does not fit makes it null. */
struct joint {
	char *bytes;
	uint32_t length;
};

static bool append(struct joint *joint, const char *data, uint32_t length)
{
	if (length > EXPRESSION_TEXT_BYTES - joint->length)
		return false;
	if (length)
		memcpy(joint->bytes + joint->length, data, length);
	joint->length += length;
	return true;
}

static int id_write(struct sonde_text id, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (uint32_t i = 0; i < id.length; i++) {
		text[2 * i] = digits[(unsigned char)id.data[i] >> 4];
		text[2 * i + 1] = digits[(unsigned char)id.data[i] & 15];
	}
	return (int)(2 * id.length);
}

bool value_write(const struct value *value, char *room, struct sonde_text *ret_text)
{
	char number[32];
	int length;

	switch (value->kind) {
	case KIND_TEXT:
		*ret_text = value->as.text;
		return true;
	case KIND_BOOLEAN:
		length = snprintf(room, VALUE_BYTES, "%s", value->as.boolean ? "true" : "false");
		break;
	case KIND_INTEGER:
		length = snprintf(room, VALUE_BYTES, "%" PRId64, value->as.integer);
		break;
	case KIND_UNSIGNED:
		length = snprintf(room, VALUE_BYTES, "%" PRIu64, value->as.number);
		break;
	case KIND_REAL:
		length = snprintf(room, VALUE_BYTES, "%s", double_print(value->as.real, number));
		break;
	case KIND_ID:
		length = id_write(value->as.text, room);
		break;
	default:
		return false;
	}
	*ret_text = (struct sonde_text){ room, (uint32_t)length, 0 };
	return true;
}

static void number_read(const struct sonde_column *column, uint32_t row, struct value *value)
{
	if (column->value_size == 8)
		memcpy(&value->as.number, sonde_value(column, row), 8);
	else /* of 32 bits or fewer: a double holds it */
		value->as.integer = (int64_t)sonde_number_at(column, row);
}

struct value value_read(const struct sonde_column *column, uint32_t row)
{
	struct value value = { .kind = (uint8_t)column_kind(column->type, column->role) };

	if (!sonde_valid(column, row))
		return (struct value){ .kind = KIND_NONE };
	switch (value.kind) {
	case KIND_TEXT:
		value.as.text = entry_text(column, sonde_text_at(column, row));
		break;
	case KIND_ANY:
		return any_value(sonde_text_at(column, row));
	case KIND_ID:
		value.as.text.data = sonde_value(column, row);
		value.as.text.length = column->value_size;
		break;
	case KIND_BOOLEAN:
		value.as.boolean = *(const unsigned char *)sonde_value(column, row) != 0;
		break;
	case KIND_OTHER:
		break;
	default:
		number_read(column, row, &value);
	}
	return value;
}

static bool append_value(struct joint *joint, const struct value *value)
{
	char room[VALUE_BYTES];
	struct sonde_text text;

	return value_write(value, room, &text) && append(joint, text.data, text.length);
}

/* The first value that a row has in the columns of a role, as a real number. */
static bool append_several(struct joint *joint, const struct sonde_batch *batch, uint32_t role,
			   uint32_t row)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);
		struct value value = { .kind = KIND_REAL };

		if (column->role != role || !sonde_valid(column, row) ||
		    !kind_is_number(column_kind(column->type, role)))
			continue;
		value.as.real = sonde_number_at(column, row);
		return append_value(joint, &value);
	}
	return false;
}

static bool append_node(struct work *work, uint32_t index, uint32_t row, struct joint *joint)
{
	const struct node *node = &work->expression->nodes[index];
	const struct bound *bound = &work->binding->bounds[index];
	const struct sonde_batch *batch = work->block.batch;
	uint32_t operand = node->left;
	struct value value;

	if (node->kind == NODE_LITERAL)
		return append_value(joint, &node->value);
	if (node->kind == NODE_NAME && bound->several)
		return append_several(joint, batch, node->role, row);
	if (node->kind == NODE_NAME) {
		if (bound->kind == KIND_NONE)
			return false;
		value = value_read(sonde_column(batch, bound->column), row);
		return append_value(joint, &value);
	}
	for (uint32_t i = 0; i < node->count; i++) {
		if (!append_node(work, operand, row, joint))
			return false;
		operand = work->expression->nodes[operand].next;
	}
	return true;
}

bool concat_row(struct work *work, uint32_t node, uint32_t row, char *buffer,
		struct sonde_text *ret_text)
{
	struct joint joint = { .bytes = buffer };

	if (!append_node(work, node, row, &joint))
		return false;
	*ret_text = (struct sonde_text){ buffer, joint.length, 0 };
	return true;
}
