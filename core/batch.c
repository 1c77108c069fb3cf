// SPDX-License-Identifier: Apache-2.0
/* Batches: made, derived, selected from, finished and let go. Column by column work is column.c's.
 */
#include "batch.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "column.h"
#include "dictionary.h"
#include "storage.h"

enum {
	ALIGNMENT = 16,
	ROWS_ALIGNMENT = 64,
	PIECE_BYTES_SMALLEST = 1 << 10,
	COLUMNS_TO_COME = 4, /* that processors usually add */
	DEPTH_LIMIT = 4,     /* of children of children */
};

static size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) / to * to;
}

struct batch *batch_make(uint32_t column_capacity, uint32_t row_capacity, size_t row_bytes)
{
	size_t columns_at = round_up(sizeof(struct batch), ALIGNMENT);
	size_t rows_at = round_up(columns_at + column_capacity * sizeof(struct column),
				  row_bytes ? ROWS_ALIGNMENT : ALIGNMENT);
	size_t size, block_bytes;
	struct batch *batch;

	if (__builtin_add_overflow(rows_at, row_bytes, &size) || size > SIZE_MAX / 2)
		return NULL;
	size = round_up(size, ALIGNMENT);
	batch = storage_take(size, &block_bytes);
	if (!batch)
		return NULL;
	*batch = (struct batch){
		.head = { .size = sizeof(batch->head), .column_size = sizeof(struct column) },
		.references = 1,
		.column_capacity = column_capacity,
		.row_capacity = row_capacity,
		.block_bytes = block_bytes,
		.spare = (unsigned char *)batch + size,
		.spare_bytes = block_bytes - size,
	};
	batch->head.columns = (void *)((unsigned char *)batch + columns_at);
	batch->rows = row_bytes ? (unsigned char *)batch + rows_at : NULL;
	return batch;
}

void *batch_memory(struct batch *batch, size_t size)
{
	size_t header = round_up(sizeof(struct piece), ALIGNMENT);
	struct piece *piece;
	size_t piece_size;
	void *memory;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = round_up(size, ALIGNMENT);
	if (size > batch->spare_bytes) {
		size_t wanted = header + size;

		if (wanted < PIECE_BYTES_SMALLEST)
			wanted = PIECE_BYTES_SMALLEST;
		piece = storage_take(wanted, &piece_size);
		if (!piece)
			return NULL;
		*piece = (struct piece){ .next = batch->pieces, .size = piece_size };
		batch->pieces = piece;
		batch->piece_bytes += piece_size;
		memory = (unsigned char *)piece + header;
		if (piece_size - header - size <= batch->spare_bytes)
			return memory;
		batch->spare = memory;
		batch->spare_bytes = piece_size - header;
	}
	memory = batch->spare;
	batch->spare += size;
	batch->spare_bytes -= size;
	return memory;
}

bool batch_text(struct batch *batch, const char *text, const char **ret_copy)
{
	size_t size = text ? strlen(text) + 1 : 0;
	char *copy = text ? batch_memory(batch, size) : NULL;

	if (text && !copy)
		return false;
	*ret_copy = text ? memcpy(copy, text, size) : NULL;
	return true;
}

/* Takes a batch apart; returns its parent, whose reference it held. */
static struct batch *batch_destroy(struct batch *batch)
{
	struct batch *parent = batch->parent;
	struct piece *piece, *next;

	for (uint32_t i = batch->inherited_count; i < batch->head.child_count; i++)
		batch_release(batch->children[i]);
	for (uint32_t i = 0; i < batch->head.column_count; i++)
		column_clear(batch_column(batch, i));
	dictionary_release(batch->original_memory);
	receipts_clear(&batch->receipts);
	for (piece = batch->pieces; piece; piece = next) {
		next = piece->next;
		storage_give(piece, piece->size);
	}
	storage_give(batch, batch->block_bytes);
	return parent;
}

struct sonde_batch *batch_hold(struct sonde_batch *head)
{
	uint32_t before = __atomic_fetch_add(&batch_of(head)->references, 1, __ATOMIC_RELAXED);

	assert(before > 0 && before < UINT32_MAX);
	return head;
}

void batch_release(struct sonde_batch *head)
{
	struct batch *batch = head ? batch_of(head) : NULL;

	while (batch && __atomic_fetch_sub(&batch->references, 1, __ATOMIC_ACQ_REL) == 1)
		batch = batch_destroy(batch);
}

static uint32_t field_count(const struct sonde_schema *schema)
{
	uint32_t count = 0;

	while (schema->fields[count].name)
		count++;
	return count;
}

/* A column that is a view of one member of the rows. */
static void column_view(struct column *column, const struct batch *batch,
			const struct sonde_schema *schema, const struct sonde_field *field)
{
	*column = (struct column){
		.view = {
			.name = field->name,
			.unit = field->unit,
			.help = field->help,
			.type = field->type,
			.role = field->role,
			.scope = field->scope,
			.temporality = field->temporality,
			.monotonic = field->monotonic,
			.stride = schema->row_size,
			.value_size = type_size(field->type),
			.base = batch->rows + field->offset,
		},
		.own = true,
		.zero_is_null = field->zero_is_null,
		.lasting_texts = true,
	};
}

struct sonde_batch *batch_create(const struct sonde_schema *schema, uint32_t row_capacity,
				 struct sonde_dictionary *const *dictionaries)
{
	uint32_t column_count = field_count(schema);
	size_t row_bytes = (size_t)row_capacity * schema->row_size; /* both of 32 bits */
	struct batch *batch =
		batch_make(column_count + COLUMNS_TO_COME, row_capacity, row_bytes ? row_bytes : 1);

	if (!batch)
		return NULL;
	batch->head.schema = schema->name;
	batch->head.signal = schema->signal;
	batch->lasting_schema = true;
	for (uint32_t i = 0; i < column_count; i++) {
		struct column *column = batch_column(batch, i);

		column_view(column, batch, schema, &schema->fields[i]);
		batch->head.column_count++;
		if (dictionaries && dictionaries[i])
			column->view.dictionary = dictionary_hold(dictionaries[i]);
		/* Reserved now, so that batch_finish() cannot fail. */
		if (column->zero_is_null)
			column->bits = batch_memory(batch, bits_bytes(row_capacity));
		if (column->zero_is_null && !column->bits) {
			batch_release(&batch->head);
			return NULL;
		}
	}
	return &batch->head;
}

struct sonde_batch *batch_table(const char *schema, uint32_t signal, uint32_t row_count)
{
	struct batch *batch = batch_make(COLUMNS_TO_COME * 4, row_count, 0);

	if (!batch)
		return NULL;
	batch->head.signal = signal;
	batch->head.row_count = row_count;
	batch->head.selected_count = row_count;
	if (!batch_text(batch, schema, &batch->head.schema)) {
		batch_release(&batch->head);
		return NULL;
	}
	return &batch->head;
}

struct sonde_batch *batch_derive(struct sonde_batch *head)
{
	struct batch *from = batch_of(head), *batch;
	uint32_t count = head->column_count;

	batch_finish(head);
	batch = batch_make(count + COLUMNS_TO_COME, head->row_count, 0);
	if (!batch)
		return NULL;
	if (receipts_join(&batch->receipts, &from->receipts)) {
		batch_release(&batch->head);
		return NULL;
	}
	batch->head.schema = head->schema;
	batch->head.signal = head->signal;
	batch->head.row_count = head->row_count;
	batch->head.selected_count = head->selected_count;
	batch->head.selected = head->selected;
	batch->head.child_count = head->child_count;
	batch->head.children = head->children;
	batch->head.originals = head->originals;
	batch->head.original_format = head->original_format;
	batch->head.done = head->done;
	batch->lasting_schema = from->lasting_schema;
	batch->inherited_count = head->child_count;
	batch->depth = from->depth;
	batch->parent = batch_of(batch_hold(head));
	for (uint32_t i = 0; i < count; i++) {
		struct column *column = batch_column(batch, i);

		*column = *batch_column(from, i);
		column->bits = NULL;
		column->heap_bytes = 0;
		column->own = false;
	}
	batch->head.column_count = count;
	return &batch->head;
}

void *batch_rows(struct sonde_batch *head)
{
	return batch_of(head)->rows;
}

uint32_t batch_capacity(const struct sonde_batch *head)
{
	return ((const struct batch *)(const void *)head)->row_capacity;
}

static uint32_t bits_count(const unsigned char *bits, uint32_t row_count)
{
	uint32_t count = 0, row = 0;
	uint64_t word;

	if (!bits)
		return row_count;
	for (; row + 64 <= row_count; row += 64) {
		memcpy(&word, bits + row / 8, sizeof(word));
		count += (uint32_t)__builtin_popcountll(word);
	}
	for (; row < row_count; row++)
		count += sonde_bit(bits, row);
	return count;
}

int batch_resize(struct sonde_batch *head, uint32_t row_count)
{
	struct batch *batch = batch_of(head);

	if (batch->finished)
		return -EROFS;
	if (batch->parent)
		return -EINVAL;
	if (row_count > batch->row_capacity)
		return -ERANGE;
	head->row_count = row_count;
	head->selected_count = bits_count(head->selected, row_count);
	return 0;
}

int batch_select(struct sonde_batch *head, const unsigned char *bits)
{
	struct batch *batch = batch_of(head);
	size_t size = bits_bytes(batch->row_capacity), used = ((size_t)head->row_count + 7) / 8;
	const unsigned char *before = head->selected;

	if (batch->finished)
		return -EROFS;
	if (!batch->bits) {
		batch->bits = batch_memory(batch, size);
		if (!batch->bits)
			return -ENOMEM;
	}
	for (size_t i = 0; i < used; i++)
		batch->bits[i] = before ? (unsigned char)(before[i] & bits[i]) : bits[i];
	memset(batch->bits + used, 0, size - used);
	if (head->row_count % 8)
		batch->bits[used - 1] &= (unsigned char)((1u << head->row_count % 8) - 1);
	head->selected = batch->bits;
	head->selected_count = bits_count(head->selected, head->row_count);
	return 0;
}

/* Room for one more child. The parent's list is copied, its references are not. */
static int children_reserve(struct batch *batch)
{
	uint32_t count = batch->head.child_count;
	uint32_t capacity = count ? count * 2 : 4;
	struct sonde_batch **children;

	if (batch->children && count < batch->child_capacity)
		return 0;
	children = batch_memory(batch, capacity * sizeof(struct sonde_batch *));
	if (!children)
		return -ENOMEM;
	if (count)
		memcpy(children, batch->head.children, count * sizeof(struct sonde_batch *));
	batch->children = children;
	batch->child_capacity = capacity;
	batch->head.children = children;
	return 0;
}

static int batch_adopt_checked(struct batch *batch, struct sonde_batch *child)
{
	uint32_t column = batch_column_of(child, SONDE_ROLE_PARENT_ROW, 0);
	uint8_t depth = (uint8_t)(batch_of(child)->depth + 1);
	int result;

	if (batch->finished)
		return -EROFS;
	if (child == &batch->head || depth > DEPTH_LIMIT || column == child->column_count ||
	    sonde_column(child, column)->type != SONDE_U32)
		return -EINVAL;
	result = children_reserve(batch);
	if (result)
		return result;
	batch_finish(child);
	batch_alter(batch, SONDE_SCOPE_ROW);
	batch->children[batch->head.child_count++] = child;
	if (batch->depth < depth)
		batch->depth = depth;
	return 0;
}

int batch_adopt(struct sonde_batch *head, struct sonde_batch *child)
{
	int result = batch_adopt_checked(batch_of(head), child);

	if (result)
		batch_release(child);
	return result;
}

void batch_done(struct sonde_batch *head, uint32_t kind)
{
	if (!batch_of(head)->finished && kind < BATCH_REPLAYED_BIT)
		head->done |= 1u << kind;
}

struct sonde_text *batch_originals(struct sonde_batch *head, uint32_t format,
				   struct sonde_dictionary *dictionary)
{
	struct batch *batch = batch_of(head);
	struct sonde_text *originals;

	if (batch->finished || batch->parent || head->originals || !format || !dictionary)
		return NULL;
	originals = batch_memory(batch, (size_t)batch->row_capacity * sizeof(*originals));
	if (!originals)
		return NULL;
	head->originals = memset(originals, 0, batch->row_capacity * sizeof(*originals));
	head->original_format = format;
	batch->original_memory = dictionary_hold(dictionary);
	return originals;
}

static bool role_is_measure(uint32_t role)
{
	return role >= SONDE_ROLE_SUM && role <= SONDE_ROLE_VALUE;
}

static uint32_t signal_of(const struct sonde_batch *head)
{
	if (head->signal != SONDE_SIGNAL_AUTO)
		return head->signal;
	for (uint32_t i = 0; i < head->column_count; i++) {
		if (role_is_measure(sonde_column(head, i)->role))
			return SONDE_SIGNAL_METRIC;
	}
	return batch_column_of(head, SONDE_ROLE_SPAN_NAME, 0) < head->column_count
		       ? SONDE_SIGNAL_SPAN
		       : SONDE_SIGNAL_LOG;
}

/* What the batch keeps, its own columns being published. */
static size_t bytes_kept(struct batch *batch)
{
	size_t bytes = batch->block_bytes + batch->piece_bytes;

	if (batch->parent)
		bytes += batch->parent->bytes;
	for (uint32_t i = 0; i < batch->head.column_count; i++) {
		const struct column *column = batch_column(batch, i);

		bytes += column->heap_bytes;
		if (column->own && column->view.dictionary)
			bytes += dictionary_share_bytes(column->view.dictionary);
	}
	for (uint32_t i = batch->inherited_count; i < batch->head.child_count; i++)
		bytes += batch_bytes(batch->children[i]);
	if (batch->original_memory)
		bytes += dictionary_share_bytes(batch->original_memory);
	return bytes;
}

void batch_finish(struct sonde_batch *head)
{
	struct batch *batch = batch_of(head);
	uint32_t events;

	if (batch->finished)
		return;
	for (uint32_t i = 0; i < head->column_count; i++) {
		struct column *column = batch_column(batch, i);

		if (!column->own)
			continue;
		if (column->view.dictionary)
			column->view.dictionary_length = dictionary_length(column->view.dictionary);
		if (column->zero_is_null)
			column_mark_zeros(column, head->row_count);
	}
	head->signal = signal_of(head);
	if (head->selected && head->selected_count == head->row_count)
		head->selected = NULL;
	events = batch_column_of(head, SONDE_ROLE_EVENTS, 0);
	head->event_count = events < head->column_count
				    ? column_events(sonde_column(head, events), head)
				    : head->selected_count;
	batch->bytes = bytes_kept(batch);
	batch->finished = true;
}

/* Whether others hold the batch, so that it must stay as it is. */
static bool is_shared(const struct batch *batch)
{
	return __atomic_load_n(&batch->references, __ATOMIC_ACQUIRE) > 1;
}

void batch_mark_replayed(struct sonde_batch *head)
{
	head->done |= UINT32_C(1) << BATCH_REPLAYED_BIT;
}

bool batch_is_awaited(struct sonde_batch *head)
{
	for (const struct batch *batch = batch_of(head); batch; batch = batch->parent) {
		if (batch->receipts.count)
			return true;
	}
	return false;
}

struct sonde_batch *batch_alone(struct sonde_batch *head)
{
	struct sonde_batch *derived;

	if (!is_shared(batch_of(head)))
		return head;
	derived = batch_derive(head);
	if (derived)
		batch_finish(derived);
	return derived;
}

int batch_describe(struct sonde_batch *head, const struct sonde_field *field,
		   struct sonde_dictionary *dictionary, const void *value,
		   const unsigned char *rows)
{
	struct batch *batch = batch_of(head);
	bool finished = batch->finished;
	struct sonde_column *column;
	unsigned char *bits = NULL;

	if (is_shared(batch))
		return 0;
	if (rows) {
		bits = batch_memory(batch, bits_bytes(batch->row_capacity));
		if (!bits)
			return -ENOMEM;
		memcpy(bits, rows, ((size_t)head->row_count + 7) / 8);
	}
	batch->finished = false;
	column = batch_constant(head, field, dictionary, value);
	if (column && dictionary)
		column->dictionary_length = dictionary_length(dictionary);
	if (column) {
		column->valid = bits;
		((struct column *)(void *)column)->bits = bits;
	}
	batch->finished = finished;
	return column ? 0 : -ENOMEM;
}

/* Whether there is a row without a value among those whose bits are set. */
static bool has_gaps(const struct sonde_column *view, uint32_t row_count, const unsigned char *rows)
{
	for (uint32_t row = 0; view->valid && row < row_count; row++) {
		if (!sonde_valid(view, row) && sonde_bit(rows, row))
			return true;
	}
	return false;
}

/* In new memory: what the column has may be a constant, or a parent's. */
int batch_fill(struct sonde_batch *head, uint32_t index, const void *data, size_t length,
	       const unsigned char *rows)
{
	struct batch *batch = batch_of(head);
	struct column *column = batch_column(batch, index);
	struct sonde_column *view = &column->view;
	size_t bits_size = ((size_t)head->row_count + 7) / 8;
	unsigned char *codes, *bits;
	uint32_t code;

	if (is_shared(batch))
		return 0;
	if (column->zero_is_null && !batch->finished)
		column_mark_zeros(column, head->row_count);
	if (!has_gaps(view, head->row_count, rows))
		return 0;
	codes = batch_memory(batch, (size_t)head->row_count * sizeof(code));
	bits = batch_memory(batch, bits_bytes(batch->row_capacity));
	if (!codes || !bits)
		return -ENOMEM;
	code = dictionary_intern((struct sonde_dictionary *)view->dictionary, data, length);
	if (code == UINT32_MAX)
		return -ENOMEM;
	for (uint32_t row = 0; row < head->row_count; row++)
		memcpy(codes + (size_t)row * sizeof(code),
		       sonde_valid(view, row) ? sonde_value(view, row) : &code, sizeof(code));
	for (size_t i = 0; i < bits_size; i++)
		bits[i] = rows ? view->valid[i] | rows[i] : 0xff;
	batch_alter(batch, view->scope);
	if (!column->own)
		dictionary_hold((struct sonde_dictionary *)view->dictionary);
	column->own = true;
	column->zero_is_null = false;
	column->bits = bits;
	view->base = codes;
	view->stride = sizeof(code);
	view->valid = rows ? bits : NULL;
	view->dictionary_length = dictionary_length(view->dictionary);
	return 0;
}

size_t batch_bytes(const struct sonde_batch *head)
{
	return ((const struct batch *)(const void *)head)->bytes;
}

struct receipts *batch_receipts(struct sonde_batch *head)
{
	return &batch_of(head)->receipts;
}

uint32_t batch_column_of(const struct sonde_batch *head, uint32_t role, uint32_t from)
{
	for (; from < head->column_count; from++) {
		if (sonde_column(head, from)->role == role)
			return from;
	}
	return head->column_count;
}
