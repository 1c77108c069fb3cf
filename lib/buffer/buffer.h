/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that somebody else makes, as many as they are, in memory that is used again. */
#ifndef SONDE_BUFFER_H
#define SONDE_BUFFER_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* Zeroed, it is empty. */
struct buffer {
	unsigned char *data;
	size_t length, capacity;
};

/* Room for so many bytes in all; what is there stays. -ENOMEM: it is as it was. */
static inline int buffer_reserve(struct buffer *buffer, size_t capacity)
{
	unsigned char *data;

	if (buffer->capacity >= capacity)
		return 0;
	data = realloc(buffer->data, capacity);
	if (!data)
		return -ENOMEM;
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

/* Gives the memory back. */
static inline void buffer_release(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){ 0 };
}

#endif
