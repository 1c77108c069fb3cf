// SPDX-License-Identifier: Apache-2.0
/* Frames are read: expanded, taken apart, and made batches that keep nothing of them. */
#include <errno.h>

#include "batch.h"
#include "dictionary.h"
#include "frame.h"
#include "frame_reader.h"
#include "text.h"

enum {
	COLUMNS_TO_COME = 4,    /* that who reads the batch may add */
	COLUMN_BYTES_LEAST = 9, /* of a column's table */
};

/* ---- dictionaries ------------------------------------------------------------------------ */

static bool is_ascii(const unsigned char *bytes, size_t count)
{
	uint64_t any = 0, word;

	for (; count >= sizeof(word); bytes += sizeof(word), count -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		any |= word;
	}
	while (count--)
		any |= *bytes++;
	return !(any & 0x8080808080808080u);
}

/* The entries of a dictionary: their lengths, and their texts one after the other. */
struct entries {
	struct message_reader lengths;
	const unsigned char *texts;
	uint64_t bytes;
	uint32_t count;
};

static int take_entries(struct frame_reader *reader, struct entries *ret_entries)
{
	struct message_reader *from = &reader->parts[FRAME_TEXTS];
	uint64_t length;
	struct entries entries = { 0 };

	if (frame_take_varint(reader, FRAME_TEXTS, (uint64_t)(from->end - from->at),
			      &entries.count))
		return -EBADMSG;
	entries.lengths = *from;
	for (uint32_t i = 0; i < entries.count; i++) {
		if (message_read_varint(from, &length) || length > (uint64_t)(from->end - from->at))
			return -EBADMSG;
		entries.bytes += length;
	}
	entries.lengths.end = from->at;
	if (frame_take(reader, FRAME_TEXTS, entries.bytes, &entries.texts) ||
	    frame_charge(reader, FRAME_DICTIONARY_BYTES + entries.bytes +
					 (uint64_t)entries.count * FRAME_ENTRY_BYTES))
		return -EBADMSG;
	*ret_entries = entries;
	return 0;
}

/* Equal texts are one entry, and so each must have a code of its own. */
static int fill_distinct(struct sonde_dictionary *dictionary, struct entries *entries)
{
	const unsigned char *text = entries->texts;
	uint64_t length = 0;

	for (uint32_t i = 0; i < entries->count; i++) {
		uint32_t code;

		message_read_varint(&entries->lengths, &length); /* was read before */
		code = dictionary_intern(dictionary, text, (size_t)length);
		if (code == UINT32_MAX)
			return -ENOMEM;
		if (code != i)
			return -EBADMSG;
		text += length;
	}
	return 0;
}

static int fill_any(struct sonde_dictionary *dictionary, struct entries *entries)
{
	char *text = dictionary_memory(dictionary, entries->bytes);
	uint64_t length = 0;
	uint32_t room, some;

	if (!text)
		return -ENOMEM;
	if (entries->bytes)
		memcpy(text, entries->texts, entries->bytes);
	for (uint32_t done = 0; done < entries->count; done += some) {
		struct sonde_text *place = dictionary_room(dictionary, &room);

		if (!place)
			return -ENOMEM;
		some = entries->count - done < room ? entries->count - done : room;
		for (uint32_t i = 0; i < some; i++) {
			message_read_varint(&entries->lengths, &length);
			place[i] = (struct sonde_text){ .data = text, .length = (uint32_t)length };
			text += length;
		}
		dictionary_grow(dictionary, some);
	}
	return 0;
}

static bool is_all_text(const struct sonde_dictionary *dictionary, const struct entries *entries)
{
	if (is_ascii(entries->texts, entries->bytes))
		return true;
	for (uint32_t i = 0; i < entries->count; i++) {
		struct sonde_text text = sonde_entry(dictionary, entries->count, i);

		if (text_valid_length(text.data, text.length) != text.length)
			return false;
	}
	return true;
}

static int take_dictionary(struct frame_reader *reader, struct frame_dictionary *to)
{
	struct entries entries;
	uint32_t distinct;
	int error;

	if (frame_take_byte(reader, FRAME_TEXTS, &distinct) || distinct > 1 ||
	    take_entries(reader, &entries))
		return -EBADMSG;
	to->dictionary = dictionary_create(distinct);
	if (!to->dictionary)
		return -ENOMEM;
	error = distinct ? fill_distinct(to->dictionary, &entries)
			 : fill_any(to->dictionary, &entries);
	if (error)
		return error;
	to->count = entries.count;
	to->all_text = is_all_text(to->dictionary, &entries);
	return 0;
}

int frame_take_dictionaries(struct frame_reader *reader)
{
	uint32_t count;
	size_t size;
	int error;

	if (frame_take_varint(reader, FRAME_TEXTS, FRAME_DICTIONARIES_LIMIT, &count))
		return -EBADMSG;
	size = (count ? count : 1) * sizeof(*reader->dictionaries);
	error = frame_scratch(&reader->memory->dictionaries, size);
	if (error)
		return error;
	reader->dictionaries = memset(reader->memory->dictionaries.data, 0, size);
	reader->dictionary_count = count;
	for (uint32_t i = 0; i < count && !error; i++)
		error = take_dictionary(reader, &reader->dictionaries[i]);
	return error;
}

/* ---- batches ----------------------------------------------------------------------------- */

/* The head of a table: how large it is, and its name. */
static int take_table(struct frame_reader *reader, struct batch **ret_batch)
{
	struct message_reader *from = &reader->parts[FRAME_TABLES];
	uint32_t length, signal, rows, columns;
	const unsigned char *schema;
	struct batch *batch;
	char *name;

	if (frame_take_varint(reader, FRAME_TABLES, UINT32_MAX, &length) ||
	    frame_take(reader, FRAME_TABLES, length, &schema) || memchr(schema, 0, length) ||
	    text_valid_length((const char *)schema, length) != length ||
	    frame_take_byte(reader, FRAME_TABLES, &signal) || signal == SONDE_SIGNAL_AUTO ||
	    signal > SONDE_SIGNAL_LEDGER ||
	    frame_take_varint(reader, FRAME_TABLES, reader->rows_left, &rows) ||
	    frame_take_varint(reader, FRAME_TABLES,
			      (uint64_t)(from->end - from->at) / COLUMN_BYTES_LEAST, &columns) ||
	    frame_charge(reader, FRAME_BATCH_BYTES))
		return -EBADMSG;
	reader->rows_left -= rows;
	batch = batch_make(columns + COLUMNS_TO_COME, rows, 0);
	if (!batch)
		return -ENOMEM;
	name = batch_memory(batch, (size_t)length + 1);
	if (!name) {
		batch_release(&batch->head);
		return -ENOMEM;
	}
	memcpy(name, schema, length);
	name[length] = 0;
	batch->head.schema = name;
	batch->head.signal = signal;
	batch->head.row_count = rows;
	batch->head.selected_count = rows;
	/* counted here: who adds columns finds room for them */
	for (uint32_t i = 0; i < columns; i++) {
		int error = frame_take_column(reader, batch);

		if (error) {
			batch_release(&batch->head);
			return error;
		}
	}
	*ret_batch = batch;
	return 0;
}

static int take_batch(struct frame_reader *reader, uint32_t depth, struct batch **ret_batch);

static int take_children(struct frame_reader *reader, struct batch *batch, uint32_t depth)
{
	uint32_t count;

	if (frame_take_varint(reader, FRAME_TABLES, UINT32_MAX, &count) ||
	    (count && depth == FRAME_DEPTH_LIMIT))
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++) {
		struct batch *child = NULL;
		int error = take_batch(reader, depth + 1, &child);

		if (!error && !frame_is_child(&child->head, batch->head.row_count)) {
			batch_release(&child->head);
			error = -EBADMSG;
		}
		if (!error)
			error = batch_adopt(&batch->head, &child->head);
		if (error)
			return error == -ENOMEM ? error : -EBADMSG;
	}
	return 0;
}

static int take_batch(struct frame_reader *reader, uint32_t depth, struct batch **ret_batch)
{
	struct batch *batch = NULL;
	int error = take_table(reader, &batch);

	if (error)
		return error;
	error = take_children(reader, batch, depth);
	if (error)
		batch_release(&batch->head);
	else
		*ret_batch = batch;
	return error;
}

/* ---- frames ------------------------------------------------------------------------------ */

/* The part of the payload that is packed, as it was before. */
static int expand(struct frame_memory *memory, const struct frame_head *head,
		  const unsigned char *payload, size_t size, const unsigned char **ret_raw)
{
	if (head->codec == FRAME_AS_IT_IS) {
		*ret_raw = payload;
		return head->packed_bytes == size ? 0 : -EBADMSG;
	}
	if (head->codec != FRAME_ZSTD ||
	    ZSTD_getFrameContentSize(payload, head->packed_bytes) != size)
		return -EBADMSG;
	if (!memory->expander)
		memory->expander = ZSTD_createDCtx();
	if (!memory->expander || frame_scratch(&memory->raw, size))
		return -ENOMEM;
	*ret_raw = memory->raw.data;
	return ZSTD_decompressDCtx(memory->expander, memory->raw.data, size, payload,
				   head->packed_bytes) == size
		       ? 0
		       : -EBADMSG;
}

static int take_parts(struct frame_reader *reader, const struct frame_head *head,
		      const unsigned char *payload)
{
	uint64_t noise = head->payload_bytes - head->packed_bytes, left;
	uint32_t lengths[FRAME_PARTS];
	const unsigned char *raw;
	int error;

	if (head->packed_bytes > head->payload_bytes || head->raw_bytes < noise + sizeof(lengths))
		return -EBADMSG;
	left = head->raw_bytes - noise;
	error = expand(reader->memory, head, payload, (size_t)left, &raw);
	if (error)
		return error;
	memcpy(lengths, raw, sizeof(lengths));
	raw += sizeof(lengths);
	left -= sizeof(lengths);
	for (uint32_t i = 0; i < FRAME_PARTS_PACKED; i++) {
		if (lengths[i] > left)
			return -EBADMSG;
		reader->parts[i] = message_read(raw, lengths[i]);
		raw += lengths[i];
		left -= lengths[i];
	}
	reader->parts[FRAME_NOISE] = message_read(payload + head->packed_bytes, noise);
	return left || lengths[FRAME_NOISE] != noise ? -EBADMSG : 0;
}

static uint64_t events_of(struct batch *batch)
{
	uint32_t events = batch_column_of(&batch->head, SONDE_ROLE_EVENTS, 0);

	return events < batch->head.column_count
		       ? column_events(sonde_column(&batch->head, events), &batch->head)
		       : batch->head.row_count;
}

/* All batches, which are as many rows and events as the head says. */
static int take_batches(struct frame_reader *reader, const struct frame_head *head,
			struct sonde_batch **batches, uint32_t *ret_count)
{
	uint64_t rows = 0, events = 0;
	int error = frame_take_dictionaries(reader);

	for (uint32_t i = 0; i < head->batch_count && !error; i++) {
		struct batch *batch = NULL;

		error = take_batch(reader, 0, &batch);
		if (error)
			break;
		batches[i] = &batch->head;
		++*ret_count;
		rows += batch->head.row_count;
		events += events_of(batch);
	}
	for (uint32_t i = 0; i < FRAME_PARTS && !error; i++)
		error = reader->parts[i].at == reader->parts[i].end ? 0 : -EBADMSG;
	if (!error && (rows != head->rows || events != head->events))
		error = -EBADMSG;
	return error;
}

int frame_read(const struct sonde_frame *frame, struct sonde_batch **ret_batches, uint32_t capacity)
{
	struct sonde_batch *batches[FRAME_BATCHES_LIMIT];
	struct frame_reader reader = { .memory = frame_memory(false),
				       .rows_left = FRAME_ROWS_LIMIT };
	struct frame_head head;
	uint32_t count = 0;
	int error = frame_check(frame);

	if (error)
		return error;
	if (!reader.memory)
		return -ENOMEM;
	memcpy(&head, frame->data, sizeof(head));
	if (head.batch_count > capacity)
		return -EINVAL;
	reader.memory_left = head.memory_bytes;
	error = take_parts(&reader, &head, (const unsigned char *)frame->data + head.head_bytes);
	error = error ? error : take_batches(&reader, &head, batches, &count);
	for (uint32_t i = 0; i < reader.dictionary_count; i++)
		dictionary_release(reader.dictionaries[i].dictionary);
	if (!error)
		memcpy(ret_batches, batches, count * sizeof(*batches));
	for (uint32_t i = 0; error && i < count; i++)
		batch_release(batches[i]);
	return error;
}
