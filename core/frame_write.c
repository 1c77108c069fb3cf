// SPDX-License-Identifier: Apache-2.0
/* Frames are written: batches into parts, the parts into one stream of zstd. */
#include <errno.h>
#include <libdeflate.h>

#include "batch.h"
#include "frame.h"
#include "frame_writer.h"

enum {
	LEVEL_USUAL = 1,
	LEVEL_LAST = 19,
	BLOCK_BYTES = 512, /* on both sides: they are worth codes of their own */
	MATCH_BYTES = 6,   /* that repeat: shorter ones cost more than they save */
};

/* ---- batches ----------------------------------------------------------------------------- */

/* The batch with its selected rows alone, which lives until the frame is written. */
static struct sonde_batch *compacted(struct frame_writer *writer, struct sonde_batch *batch)
{
	size_t bytes = writer->held.length + sizeof(batch);

	if (!batch->selected || writer->error)
		return batch;
	if (bytes > writer->held.capacity &&
	    (writer->error = buffer_reserve(&writer->held, bytes * 2)))
		return batch;
	batch = batch_compact(batch);
	if (!batch) {
		writer->error = -ENOMEM;
		return NULL;
	}
	memcpy(writer->held.data + writer->held.length, &batch, sizeof(batch));
	writer->held.length = bytes;
	return batch;
}

static void put_table(struct frame_writer *writer, struct sonde_batch *whole, uint32_t depth)
{
	struct sonde_batch *batch = compacted(writer, whole);
	size_t length = whole->schema ? strlen(whole->schema) : 0;

	if (writer->error)
		return;
	if (batch->row_count > FRAME_ROWS_LIMIT - writer->row_count ||
	    (batch->child_count && depth == FRAME_DEPTH_LIMIT)) {
		writer->error = -EMSGSIZE;
		return;
	}
	writer->row_count += batch->row_count;
	writer->memory_bytes += FRAME_BATCH_BYTES;
	frame_put_varint(writer, FRAME_TABLES, length);
	frame_put(writer, FRAME_TABLES, whole->schema, length);
	frame_put_byte(writer, FRAME_TABLES, batch->signal);
	frame_put_varint(writer, FRAME_TABLES, batch->row_count);
	frame_put_varint(writer, FRAME_TABLES, batch->column_count);
	for (uint32_t i = 0; i < batch->column_count; i++)
		frame_put_column(writer, sonde_column(batch, i), batch->row_count);
	frame_put_varint(writer, FRAME_TABLES, batch->child_count);
	for (uint32_t i = 0; i < batch->child_count && !writer->error; i++) {
		if (frame_is_child(batch->children[i], batch->row_count))
			put_table(writer, batch->children[i], depth + 1);
		else
			writer->error = -EINVAL;
	}
}

static void held_release(struct frame_writer *writer)
{
	struct sonde_batch **batches = (void *)writer->held.data;

	for (size_t i = 0; i < writer->held.length / sizeof(*batches); i++)
		batch_release(batches[i]);
	buffer_release(&writer->held);
}

/* ---- the payload ------------------------------------------------------------------------- */

static uint64_t parts_bytes(const struct frame_memory *memory)
{
	uint64_t bytes = FRAME_PARTS * sizeof(uint32_t);

	for (uint32_t i = 0; i < FRAME_PARTS; i++)
		bytes += memory->parts[i].length;
	return bytes;
}

/* Some parts, one after the other, behind what is there. */
static void copy_parts(const struct frame_memory *memory, uint32_t first, uint32_t end,
		       ZSTD_outBuffer *out)
{
	for (uint32_t i = first; i < end; i++) {
		if (memory->parts[i].length)
			memcpy((unsigned char *)out->dst + out->pos, memory->parts[i].data,
			       memory->parts[i].length);
		out->pos += memory->parts[i].length;
	}
}

/* Whether what follows a part is so unlike it that it had better have a code of its own: texts and
 * tables before numbers, and ids behind them. */
static bool ends_block(const uint32_t *lengths, uint32_t part)
{
	uint32_t words = lengths[FRAME_TEXTS] + lengths[FRAME_TABLES];
	uint32_t numbers = lengths[FRAME_FEW] + lengths[FRAME_SOME];

	if (part == FRAME_TABLES)
		return words >= BLOCK_BYTES && numbers >= BLOCK_BYTES * 4;
	return part == FRAME_SOME && lengths[FRAME_IDS] >= BLOCK_BYTES;
}

/* One stream of the lengths and the parts. */
static int pack_parts(struct frame_memory *memory, const uint32_t *lengths, uint64_t raw_bytes,
		      int level, ZSTD_outBuffer *out)
{
	ZSTD_inBuffer in = { .src = lengths, .size = FRAME_PARTS * sizeof(*lengths) };
	size_t left;

	if (!memory->compressor)
		memory->compressor = ZSTD_createCCtx();
	if (!memory->compressor)
		return -ENOMEM;
	ZSTD_CCtx_reset(memory->compressor, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(memory->compressor, ZSTD_c_compressionLevel, level);
	if (level == LEVEL_USUAL)
		ZSTD_CCtx_setParameter(memory->compressor, ZSTD_c_minMatch, MATCH_BYTES);
	ZSTD_CCtx_setPledgedSrcSize(memory->compressor, raw_bytes - lengths[FRAME_NOISE]);
	left = ZSTD_compressStream2(memory->compressor, out, &in, ZSTD_e_continue);
	for (uint32_t i = 0; i < FRAME_PARTS_PACKED && !ZSTD_isError(left); i++) {
		bool last = i == FRAME_PARTS_PACKED - 1;
		bool ends = !last && ends_block(lengths, i);

		in = (ZSTD_inBuffer){ .src = memory->parts[i].data, .size = lengths[i] };
		left = ZSTD_compressStream2(memory->compressor, out, &in,
					    last   ? ZSTD_e_end
					    : ends ? ZSTD_e_flush
						   : ZSTD_e_continue);
	}
	return ZSTD_isError(left) || left ? -ENOMEM : 0; /* there is room for all of it */
}

static int write_payload(struct frame_memory *memory, int level, struct frame_head *head)
{
	ZSTD_outBuffer out = { 0 };
	uint32_t lengths[FRAME_PARTS];
	size_t room;
	int error;

	head->raw_bytes = parts_bytes(memory);
	if (head->raw_bytes > FRAME_LENGTH_LIMIT - FRAME_HEAD_BYTES)
		return -EMSGSIZE;
	for (uint32_t i = 0; i < FRAME_PARTS; i++)
		lengths[i] = (uint32_t)memory->parts[i].length;
	room = ZSTD_compressBound(head->raw_bytes) + 1024; /* for a block that is begun */
	error = frame_scratch(&memory->frame, FRAME_HEAD_BYTES + room);
	if (error)
		return error;
	out.dst = memory->frame.data + FRAME_HEAD_BYTES;
	out.size = room;
	if (level < 0) {
		memcpy(out.dst, lengths, sizeof(lengths));
		out.pos = sizeof(lengths);
		copy_parts(memory, 0, FRAME_PARTS_PACKED, &out);
	} else {
		head->codec = FRAME_ZSTD;
		error = pack_parts(memory, lengths, head->raw_bytes, level, &out);
	}
	head->packed_bytes = out.pos;
	copy_parts(memory, FRAME_PARTS_PACKED, FRAME_PARTS, &out);
	head->payload_bytes = out.pos;
	if (!error && out.pos > FRAME_LENGTH_LIMIT - FRAME_HEAD_BYTES)
		error = -EMSGSIZE;
	return error;
}

static int write_frame(struct frame_writer *writer, struct sonde_batch *const *batches,
		       uint32_t count, int level, struct frame_head *head)
{
	for (uint32_t i = 0; i < count && !writer->error; i++) {
		put_table(writer, batches[i], 0);
		head->rows += batches[i]->selected_count;
		head->events += batches[i]->event_count;
	}
	frame_put_dictionaries(writer);
	head->memory_bytes = writer->memory_bytes;
	if (!writer->error && writer->memory_bytes > FRAME_MEMORY_LIMIT)
		writer->error = -EMSGSIZE;
	return writer->error ? writer->error : write_payload(writer->memory, level, head);
}

int frame_write(struct sonde_batch *const *batches, uint32_t count, struct sonde_frame *frame)
{
	struct frame_head head = { .version = FRAME_VERSION,
				   .head_bytes = FRAME_HEAD_BYTES,
				   .kind = (uint16_t)frame->kind,
				   .batch_count = count,
				   .sequence = frame->sequence };
	struct frame_writer writer = { .memory = frame_memory(true) };
	int level = frame->level ? frame->level : LEVEL_USUAL, error;
	unsigned char *data;

	if (!writer.memory)
		return -ENOMEM;
	if (count > FRAME_BATCHES_LIMIT)
		return -EMSGSIZE;
	if (!++writer.memory->stamp) {
		buffer_release(&writer.memory->places); /* what is there would be of this frame */
		writer.memory->stamp = 1;
	}
	memcpy(head.magic, frame_magic, sizeof(head.magic));
	memcpy(head.stream, frame->stream, sizeof(head.stream));
	error = write_frame(&writer, batches, count, level < LEVEL_LAST ? level : LEVEL_LAST,
			    &head);
	held_release(&writer);
	if (error)
		return error;
	data = writer.memory->frame.data;
	memset(data, 0, FRAME_HEAD_BYTES);
	memcpy(data, &head, sizeof(head));
	frame->length = FRAME_HEAD_BYTES + head.payload_bytes;
	head.checksum =
		libdeflate_crc32(0, data + FRAME_CHECKED_FROM, frame->length - FRAME_CHECKED_FROM);
	memcpy(data, &head, sizeof(head));
	frame->data = data;
	frame->rows = head.rows;
	frame->events = head.events;
	frame->memory_bytes = head.memory_bytes;
	frame->batch_count = count;
	return 0;
}
