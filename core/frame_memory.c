// SPDX-License-Identifier: Apache-2.0
/* What a thread needs to write and read frames: contexts of zstd and buffers. */
#include "frame_memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum {
	KEPT_BYTES = 4 << 20,  /* of a buffer, from one frame to the next */
	STEP_BYTES = 16 << 10, /* that buffers grow by at the least */
	BUFFERS = FRAME_PARTS + 8,
};

static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static bool key_made;

static uint32_t buffers_of(struct frame_memory *memory, struct buffer *ret_buffers[BUFFERS])
{
	struct buffer *others[] = { &memory->frame,   &memory->raw,         &memory->values,
				    &memory->rest,    &memory->patches,     &memory->places,
				    &memory->entries, &memory->dictionaries };
	uint32_t count = 0;

	for (uint32_t i = 0; i < FRAME_PARTS; i++)
		ret_buffers[count++] = &memory->parts[i];
	for (uint32_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ret_buffers[count++] = others[i];
	return count;
}

/* When the thread ends. */
static void memory_end(void *context)
{
	struct frame_memory *memory = context;
	struct buffer *buffers[BUFFERS];
	uint32_t count = buffers_of(memory, buffers);

	for (uint32_t i = 0; i < count; i++)
		buffer_release(buffers[i]);
	ZSTD_freeCCtx(memory->compressor);
	ZSTD_freeDCtx(memory->expander);
	free(memory);
}

static void key_make(void)
{
	key_made = !pthread_key_create(&key, memory_end);
}

struct frame_memory *frame_memory(bool writes)
{
	struct frame_memory *memory;
	struct buffer *buffers[BUFFERS];
	uint32_t count;

	pthread_once(&key_once, key_make);
	if (!key_made)
		return NULL;
	memory = pthread_getspecific(key);
	if (!memory) {
		memory = calloc(1, sizeof(*memory));
		if (!memory || pthread_setspecific(key, memory)) {
			free(memory);
			return NULL;
		}
	}
	count = buffers_of(memory, buffers);
	for (uint32_t i = 0; i < count; i++) {
		if (buffers[i] == &memory->frame && !writes)
			continue;
		if (buffers[i]->capacity > KEPT_BYTES)
			buffer_release(buffers[i]);
		buffers[i]->length = 0;
	}
	return memory;
}

int frame_scratch(struct buffer *buffer, size_t bytes)
{
	if (buffer->capacity >= bytes)
		return 0;
	free(buffer->data);
	*buffer = (struct buffer){ 0 };
	buffer->data = malloc(bytes + STEP_BYTES);
	if (!buffer->data)
		return -ENOMEM;
	buffer->capacity = bytes + STEP_BYTES;
	return 0;
}
