// SPDX-License-Identifier: Apache-2.0
/* Columns of a batch by the names that expressions have for them, and what a row has in them. */
#include "column.h"

#include <stdio.h>
#include <string.h>

#include "expression.h"

const struct sonde_column *column_of_role(const struct sonde_batch *batch, uint32_t role)
{
	for (uint32_t i = 0; role && i < batch->column_count; i++) {
		if (sonde_column(batch, i)->role == role)
			return sonde_column(batch, i);
	}
	return NULL;
}

static const struct sonde_column *column_named(const struct sonde_batch *batch, const char *name)
{
	static const uint8_t scopes[] = { SONDE_SCOPE_ROW, SONDE_SCOPE_SCOPE,
					  SONDE_SCOPE_RESOURCE };

	for (uint32_t scope = 0; scope < 3; scope++) {
		for (uint32_t i = 0; i < batch->column_count; i++) {
			const struct sonde_column *column = sonde_column(batch, i);

			if (column->scope == scopes[scope] && !strcmp(column->name, name))
				return column;
		}
	}
	return NULL;
}

const struct sonde_column *column_find(const struct sonde_batch *batch, const char *name)
{
	const struct sonde_column *column = column_named(batch, name);

	return column ? column : column_of_role(batch, expression_role(name));
}

uint32_t column_find_all(const struct sonde_batch *batch, const char *name,
			 const struct sonde_column *columns[COLUMN_LIMIT])
{
	uint32_t count = 0;

	columns[0] = column_find(batch, name);
	if (!columns[0] || columns[0]->role != SONDE_ROLE_VALUE ||
	    expression_role(name) != SONDE_ROLE_VALUE)
		return columns[0] != NULL;
	for (uint32_t i = 0; i < batch->column_count && count < COLUMN_LIMIT; i++) {
		if (sonde_column(batch, i)->role == SONDE_ROLE_VALUE)
			columns[count++] = sonde_column(batch, i);
	}
	return count;
}

static size_t id_print(const unsigned char *id, uint32_t bytes, char *text, size_t size)
{
	size_t length = 0;

	for (uint32_t i = 0; i < bytes && length + 2 < size; i++)
		length += (size_t)snprintf(text + length, size - length, "%02x", id[i]);
	return length;
}

static size_t whole_print(const struct sonde_column *column, uint32_t row, char *text, size_t size)
{
	const void *value = sonde_value(column, row);
	union {
		uint64_t number;
		int64_t integer;
		double real;
	} as;
	int length;

	memcpy(&as, value, sizeof(as));
	if (column->type == SONDE_U64)
		length = snprintf(text, size, "%llu", (unsigned long long)as.number);
	else if (column->type == SONDE_DOUBLE)
		length = snprintf(text, size, "%.17g", as.real);
	else
		length = snprintf(text, size, "%lld", (long long)as.integer);
	return (size_t)length < size ? (size_t)length : size - 1;
}

size_t column_print(const struct sonde_column *column, uint32_t row, char *text, size_t size)
{
	struct sonde_text entry;

	*text = '\0';
	if (!sonde_valid(column, row))
		return 0;
	switch (column->type) {
	case SONDE_TEXT:
		entry = sonde_text_at(column, row);
		return (size_t)snprintf(text, size, "%.*s",
					(int)(entry.length < size ? entry.length : size - 1),
					entry.data);
	case SONDE_ID8:
	case SONDE_ID16:
		return id_print(sonde_value(column, row), column->type == SONDE_ID8 ? 8 : 16, text,
				size);
	case SONDE_BOOL:
		return (size_t)snprintf(text, size, "%s",
					*(const unsigned char *)sonde_value(column, row) ? "true"
											 : "false");
	case SONDE_I64:
	case SONDE_U64:
	case SONDE_TIME:
	case SONDE_DURATION:
	case SONDE_DOUBLE:
		return whole_print(column, row, text, size);
	case SONDE_I8:
	case SONDE_I16:
	case SONDE_I32:
	case SONDE_U8:
	case SONDE_U16:
	case SONDE_U32:
		return (size_t)snprintf(text, size, "%.0f", sonde_number_at(column, row));
	default:
		return 0;
	}
}
