/* SPDX-License-Identifier: Apache-2.0 */
/* A frame on its way to bytes: for frame_write.c, frame_column.c and frame_array.c alone. */
#ifndef SONDE_FRAME_WRITER_H
#define SONDE_FRAME_WRITER_H

#include "frame_memory.h"

/* A dictionary of which entries are written. */
struct frame_entries {
	const struct sonde_dictionary *from;
	uint32_t length; /* of it, when it was first met */
	uint32_t count;  /* of its entries that are written */
	size_t first;    /* place of its first entry among those of all */
	uint32_t empty;  /* the code that an empty text is written as, and 1; 0: none yet */
};

/* Bytes that have been put into a part. */
struct frame_bytes {
	uint32_t part, count;
	size_t at;
};

struct frame_writer {
	struct frame_memory *memory;
	int error;             /* the first there was; what follows it is not done */
	uint32_t row_count;    /* over all tables */
	uint64_t memory_bytes; /* as readers will reckon it */
	struct frame_entries *dictionaries;
	uint32_t dictionary_count;
	size_t place_count; /* of all dictionaries together */
	struct frame_bytes recent[FRAME_RECENT];
	uint32_t recent_count; /* of all that there were */
	struct buffer held;    /* batches that were made for this frame */
};

/* Room at the end of a part, which counts as written. NULL: writer->error says why. */
unsigned char *frame_room(struct frame_writer *writer, uint32_t part, size_t bytes);
void frame_put(struct frame_writer *writer, uint32_t part, const void *data, size_t bytes);
void frame_put_byte(struct frame_writer *writer, uint32_t part, uint32_t byte);
void frame_put_varint(struct frame_writer *writer, uint32_t part, uint64_t value);

/* Writes numbers of `width` bytes (1, 2, 4 or 8), of which the higher bytes of words are copies of
 * their sign, in the way that suits them. They are changed. */
void frame_put_words(struct frame_writer *writer, uint64_t *words, uint32_t count, uint32_t width);

/* The same for values of which nothing can be expected. */
void frame_put_plain(struct frame_writer *writer, const unsigned char *values, uint32_t count,
		     uint32_t width);
/* For zeros and ones. */
void frame_put_bits(struct frame_writer *writer, const unsigned char *bytes, uint32_t count);
/* For bits as they lie in `valid` of a column, without the number of an encoding. */
void frame_put_valid(struct frame_writer *writer, const unsigned char *bits, uint32_t count);

/* The column's table, and its values. */
void frame_put_column(struct frame_writer *writer, const struct sonde_column *column,
		      uint32_t row_count);
/* All dictionaries that columns have named. */
void frame_put_dictionaries(struct frame_writer *writer);

#endif
