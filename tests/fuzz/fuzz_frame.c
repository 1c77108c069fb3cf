// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a frame: what is read is written, and read again the same. The input is what follows
 * the head, not packed, after a byte that says how many batches there are; so that what is changed
 * is not lost on a checksum. Inputs that begin as frames do are taken as they are. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libdeflate.h>

#include "batch.h"
#include "frame.h"
#include "frame_fixture.h"
#include "frame_format.h"

enum { BATCHES_MOST = 4, MEMORY_BYTES = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(unsigned char *bytes, size_t length)
{
	uint32_t checksum =
		libdeflate_crc32(0, bytes + FRAME_CHECKED_FROM, length - FRAME_CHECKED_FROM);

	memcpy(bytes + offsetof(struct frame_head, checksum), &checksum, sizeof(checksum));
}

/* Writes what was read, and reads that: it must be the same. */
static void check_again(struct sonde_batch **batches, uint32_t count)
{
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };
	struct sonde_batch *again[BATCHES_MOST];
	int error = frame_write(batches, count, &frame);

	if (error == -EMSGSIZE)
		return; /* rows of constants can be more than fit when nothing is left out */
	assert(!error && !frame_read(&frame, again, BATCHES_MOST));
	for (uint32_t i = 0; i < count; i++) {
		batch_finish(again[i]);
		assert(batches[i]->row_count > 300 || !frame_difference(batches[i], again[i]));
		batch_release(again[i]);
	}
}

/* What a reader finds out row by row when it does not match what the head says. */
static int read_as(unsigned char *bytes, size_t length, struct sonde_batch **batches,
		   uint32_t *ret_count)
{
	struct sonde_frame frame = { .size = sizeof(frame) };
	int error = frame_look(bytes, length, &frame);

	if (error || frame.length != length)
		return -EBADMSG;
	error = frame_read(&frame, batches, BATCHES_MOST);
	*ret_count = frame.batch_count;
	return error;
}

static void check_bytes(unsigned char *bytes, size_t length)
{
	struct sonde_batch *batches[BATCHES_MOST];
	uint32_t count = 0;

	if (read_as(bytes, length, batches, &count))
		return;
	for (uint32_t i = 0; i < count; i++)
		batch_finish(batches[i]);
	check_again(batches, count);
	for (uint32_t i = 0; i < count; i++)
		batch_release(batches[i]);
}

/* How many rows the tables say there are, as one who writes a frame knows it: of the first. */
static uint64_t rows_of(const unsigned char *raw, size_t size)
{
	uint32_t lengths[FRAME_PARTS];
	uint64_t at = sizeof(lengths), rows = 0;

	if (size < sizeof(lengths))
		return 0;
	memcpy(lengths, raw, sizeof(lengths));
	at += lengths[FRAME_TEXTS];
	if (at >= size || raw[at] >= 0x80 || at + 2 + raw[at] >= size)
		return 0;
	at += 2u + raw[at];
	for (uint32_t shift = 0; at < size && shift < 28; shift += 7) {
		rows |= (uint64_t)(raw[at] & 0x7f) << shift;
		if (raw[at++] < 0x80)
			break;
	}
	return rows;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_head head = { .version = FRAME_VERSION,
				   .head_bytes = FRAME_HEAD_BYTES,
				   .kind = SONDE_FRAME_ROWS,
				   .memory_bytes = MEMORY_BYTES };
	unsigned char *bytes = malloc(size + sizeof(head));

	if (!bytes || size < sizeof(head)) {
		free(bytes);
		return 0;
	}
	memcpy(bytes, data, size);
	if (!memcmp(data, frame_magic, sizeof(frame_magic))) {
		seal(bytes, size);
		check_bytes(bytes, size);
	} else {
		uint32_t lengths[FRAME_PARTS];
		uint64_t noise;

		size--;
		memcpy(lengths, data + 1, sizeof(lengths));
		noise = lengths[FRAME_NOISE] <= size ? lengths[FRAME_NOISE] : 0;
		memcpy(head.magic, frame_magic, sizeof(head.magic));
		head.batch_count = data[0] % BATCHES_MOST;
		head.rows = rows_of(data + 1, size);
		head.events = head.rows;
		head.raw_bytes = size;
		head.payload_bytes = size;
		head.packed_bytes = size - noise;
		memcpy(bytes, &head, sizeof(head));
		bytes = realloc(bytes, sizeof(head) + size);
		memcpy(bytes + sizeof(head), data + 1, size);
		seal(bytes, sizeof(head) + size);
		check_bytes(bytes, sizeof(head) + size);
	}
	free(bytes);
	return 0;
}
