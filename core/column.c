// SPDX-License-Identifier: Apache-2.0
/* Columns of a batch that is not finished: added, taken out, their validity and heaps, and what is
 * computed from them when it is. */
#include "column.h"

#include <errno.h>
#include <string.h>

#include "batch.h"
#include "dictionary.h"
#include "storage.h"

enum { HEAP_BYTES_FIRST = 4096 };

struct column *column_next(struct batch *batch)
{
	uint32_t count = batch->head.column_count;

	if (count == batch->column_capacity) {
		uint32_t capacity = count < 8 ? 16 : count * 2;
		struct column *columns;

		if (count > UINT32_MAX / 4)
			return NULL;
		columns = batch_memory(batch, (size_t)capacity * sizeof(*columns));
		if (!columns)
			return NULL;
		if (count)
			memcpy(columns, batch->head.columns, count * sizeof(*columns));
		batch->head.columns = &columns->view;
		batch->column_capacity = capacity;
	}
	return memset(batch_column(batch, count), 0, sizeof(struct column));
}

void column_clear(struct column *column)
{
	if (column->own)
		dictionary_release((struct sonde_dictionary *)column->view.dictionary);
	if (column->heap_bytes)
		storage_give((void *)column->view.heap, column->heap_bytes);
}

/* The column that a field would replace, or column_count. */
static uint32_t column_like(const struct sonde_batch *head, const struct sonde_field *field)
{
	uint32_t i = 0;

	for (; i < head->column_count; i++) {
		const struct sonde_column *view = sonde_column(head, i);

		if (view->role == field->role && view->scope == field->scope &&
		    !strcmp(view->name, field->name))
			break;
	}
	return i;
}

/* A column with room for `count` values, in the place of one like it or as the last. */
static struct column *column_add(struct batch *batch, const struct sonde_field *field,
				 struct sonde_dictionary *dictionary, size_t count)
{
	uint32_t value_size = type_size(field->type), place;
	struct column *column, made = { .own = true };
	struct sonde_column *view = &made.view;

	if (batch->finished || !value_size || !field->name)
		return NULL;
	view->type = field->type;
	view->role = field->role;
	view->scope = field->scope;
	view->temporality = field->temporality;
	view->monotonic = field->monotonic;
	view->value_size = value_size;
	view->base = batch_memory(batch, (count ? count : 1) * value_size);
	column = column_next(batch);
	if (!view->base || !column || !batch_text(batch, field->name, &view->name) ||
	    !batch_text(batch, field->unit, &view->unit) ||
	    !batch_text(batch, field->help, &view->help))
		return NULL;
	memset(view->base, 0, (count ? count : 1) * value_size);
	if (dictionary)
		view->dictionary = dictionary_hold(dictionary);
	place = column_like(&batch->head, field);
	if (place < batch->head.column_count) {
		column = batch_column(batch, place);
		column_clear(column);
	} else {
		batch->head.column_count++;
	}
	*column = made;
	batch_alter(batch, field->scope);
	return column;
}

struct sonde_column *batch_add(struct sonde_batch *head, const struct sonde_field *field,
			       struct sonde_dictionary *dictionary)
{
	struct batch *batch = batch_of(head);
	struct column *column = column_add(batch, field, dictionary, batch->row_capacity);

	if (!column)
		return NULL;
	column->view.stride = column->view.value_size;
	return &column->view;
}

struct sonde_column *batch_constant(struct sonde_batch *head, const struct sonde_field *field,
				    struct sonde_dictionary *dictionary, const void *value)
{
	struct column *column = column_add(batch_of(head), field, dictionary, 1);

	if (!column)
		return NULL;
	memcpy(column->view.base, value, column->view.value_size);
	return &column->view;
}

int batch_remove(struct sonde_batch *head, uint32_t index)
{
	struct batch *batch = batch_of(head);
	struct column *column;

	if (batch->finished)
		return -EROFS;
	if (index >= head->column_count)
		return -ERANGE;
	column = batch_column(batch, index);
	batch_alter(batch, column->view.scope);
	column_clear(column);
	head->column_count--;
	memmove(column, column + 1, (head->column_count - index) * sizeof(*column));
	return 0;
}

unsigned char *batch_valid(struct sonde_batch *head, uint32_t index)
{
	struct batch *batch = batch_of(head);
	size_t size = bits_bytes(batch->row_capacity);
	struct column *column;

	if (batch->finished || index >= head->column_count)
		return NULL;
	column = batch_column(batch, index);
	batch_alter(batch, column->view.scope);
	if (column->bits && column->view.valid == column->bits)
		return column->bits;
	if (!column->bits)
		column->bits = batch_memory(batch, size);
	if (!column->bits)
		return NULL;
	if (column->view.valid)
		memcpy(column->bits, column->view.valid, ((size_t)head->row_count + 7) / 8);
	else
		memset(column->bits, 0xff, size);
	column->view.valid = column->bits;
	return column->bits;
}

uint64_t *column_heap(struct column *column, uint32_t count, uint32_t *ret_start)
{
	struct sonde_column *view = &column->view;
	uint32_t start = view->heap_length;
	size_t needed = ((size_t)start + count) * sizeof(uint64_t), size;
	uint64_t *heap = (uint64_t *)view->heap;

	if (count > UINT32_MAX - start)
		return NULL;
	if (needed > column->heap_bytes || !heap) {
		size_t wanted = column->heap_bytes ? needed + column->heap_bytes
						   : needed + HEAP_BYTES_FIRST;

		heap = storage_take(wanted, &size);
		if (!heap)
			return NULL;
		if (start)
			memcpy(heap, view->heap, start * sizeof(uint64_t));
		if (column->heap_bytes)
			storage_give((void *)view->heap, column->heap_bytes);
		view->heap = heap;
		column->heap_bytes = size;
	}
	view->heap_length += count;
	*ret_start = start;
	return memset(heap + start, 0, count * sizeof(uint64_t));
}

uint64_t *batch_heap(struct sonde_batch *head, uint32_t index, uint32_t count, uint32_t *ret_start)
{
	struct batch *batch = batch_of(head);
	struct column *column;

	if (batch->finished || index >= head->column_count)
		return NULL;
	column = batch_column(batch, index);
	if (!column->own ||
	    (column->view.type != SONDE_EXPONENTIAL && column->view.type != SONDE_EXPLICIT &&
	     column->view.type != SONDE_QUANTILES))
		return NULL;
	return column_heap(column, count, ret_start);
}

static bool is_zero(const unsigned char *value, uint32_t size)
{
	uint64_t word, any = 0;

	for (; size >= 8; value += 8, size -= 8) {
		memcpy(&word, value, sizeof(word));
		any |= word;
	}
	while (size--)
		any |= *value++;
	return !any;
}

/* One bit for each of up to eight rows: whether it is zero. Sizes that the compiler knows become
 * single loads. */
static unsigned zeros_of(const unsigned char *value, uint32_t stride, uint32_t size, uint32_t count)
{
	unsigned zeros = 0;

	for (uint32_t i = 0; i < count; i++, value += stride) {
		uint64_t word = 0;

		if (size == 8)
			memcpy(&word, value, 8);
		else if (size == 4)
			memcpy(&word, value, 4);
		else
			word = !is_zero(value, size);
		zeros |= (unsigned)!word << i;
	}
	return zeros;
}

void column_mark_zeros(struct column *column, uint32_t row_count)
{
	const unsigned char *value = column->view.base;
	uint32_t stride = column->view.stride, size = column->view.value_size;
	bool marked = column->view.valid != NULL;

	for (uint32_t row = 0; row < row_count; row += 8, value += (size_t)stride * 8) {
		uint32_t left = row_count - row;
		unsigned zeros = zeros_of(value, stride, size, left < 8 ? left : 8);

		if (zeros && !marked) {
			memset(column->bits, 0xff, bits_bytes(row_count));
			marked = true;
		}
		if (zeros)
			column->bits[row >> 3] &= (unsigned char)~zeros;
	}
	if (marked)
		column->view.valid = column->bits;
}

/* The integer of a row; a negative one is none, and no integer at all is 1. */
static uint64_t event_count_at(const struct sonde_column *view, uint32_t row)
{
	const void *value = sonde_value(view, row);
	uint64_t word = 0;
	int64_t number;

	if (!sonde_valid(view, row))
		return 1;
	memcpy(&word, value, view->value_size < 8 ? view->value_size : 8);
	switch (view->type) {
	case SONDE_U8:
	case SONDE_U16:
	case SONDE_U32:
	case SONDE_U64:
		return word;
	case SONDE_I8:
		number = (int8_t)word;
		break;
	case SONDE_I16:
		number = (int16_t)word;
		break;
	case SONDE_I32:
		number = (int32_t)word;
		break;
	case SONDE_I64:
		number = (int64_t)word;
		break;
	default:
		return 1;
	}
	return number < 0 ? 0 : (uint64_t)number;
}

/* The usual case, of which a saturated pipeline has a column a batch. */
static bool events_of_words(const struct sonde_column *view, uint32_t row_count, uint64_t *ret_sum)
{
	const unsigned char *value = view->base;
	uint64_t sum = 0, word, overflow = 0;

	for (uint32_t row = 0; row < row_count; row++, value += view->stride) {
		memcpy(&word, value, sizeof(word));
		overflow |= __builtin_add_overflow(sum, word, &sum);
	}
	if (overflow)
		return false;
	*ret_sum = sum;
	return true;
}

uint64_t column_events(const struct sonde_column *view, const struct sonde_batch *batch)
{
	uint64_t sum = 0;

	if (view->type == SONDE_U64 && !view->valid && !batch->selected &&
	    events_of_words(view, batch->row_count, &sum))
		return sum;
	sum = 0;
	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (sonde_selected(batch, row) &&
		    __builtin_add_overflow(sum, event_count_at(view, row), &sum))
			return UINT64_MAX;
	}
	return sum;
}
