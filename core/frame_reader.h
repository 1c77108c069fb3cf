/* SPDX-License-Identifier: Apache-2.0 */
/* A frame on its way to batches: for frame_read.c, frame_table.c and frame_unpack.c alone. */
#ifndef SONDE_FRAME_READER_H
#define SONDE_FRAME_READER_H

#include "column.h"
#include "frame_memory.h"
#include "protobuf.h"

/* A dictionary of the frame, made anew. */
struct frame_dictionary {
	struct sonde_dictionary *dictionary;
	uint32_t count; /* of its entries in the frame: what codes are below */
	bool all_text;  /* all of them are UTF-8 */
};

struct frame_reader {
	struct frame_memory *memory;
	struct message_reader parts[FRAME_PARTS];
	uint64_t memory_left; /* of what the head says that the batches take */
	uint32_t rows_left;   /* of FRAME_ROWS_LIMIT */
	struct frame_dictionary *dictionaries;
	uint32_t dictionary_count;
	struct frame_bytes {
		const unsigned char *bytes;
		uint64_t count;
	} recent[FRAME_RECENT];
	uint32_t recent_count; /* of all that there were */
};

/* All of these return 0, -EBADMSG or -ENOMEM. */

/* Takes it off what is left; -EBADMSG: the frame does not say that it takes so much. */
static inline int frame_charge(struct frame_reader *reader, uint64_t bytes)
{
	if (bytes > reader->memory_left)
		return -EBADMSG;
	reader->memory_left -= bytes;
	return 0;
}

int frame_take(struct frame_reader *reader, uint32_t part, uint64_t bytes,
	       const unsigned char **ret_bytes);
int frame_take_byte(struct frame_reader *reader, uint32_t part, uint32_t *ret_byte);
/* As a number up to a limit. */
int frame_take_varint(struct frame_reader *reader, uint32_t part, uint64_t limit,
		      uint32_t *ret_value);

/* Bytes of the part that the table names next, or those of an array before. */
int frame_take_bytes(struct frame_reader *reader, uint64_t bytes, const unsigned char **ret_bytes);

/* Whether the next array is one value for all, in as many bytes as a value has. */
bool frame_is_constant(const struct frame_reader *reader);

/* An array of values of `width` bytes (1, 2, 4, 8 or 16), one after the other. Of a constant one
 * all are written. */
int frame_take_array(struct frame_reader *reader, uint32_t count, uint32_t width,
		     unsigned char *values);

/* The dictionaries of the frame; they are the reader's to release, also after an error. */
int frame_take_dictionaries(struct frame_reader *reader);

/* The next column of a batch that has room for it. */
int frame_take_column(struct frame_reader *reader, struct batch *batch);

#endif
