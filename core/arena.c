// SPDX-License-Identifier: Apache-2.0
/* Arenas: a chain of zeroed blocks, cut into pieces from the front, freed as a whole. */
#include "arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 4096, ALIGNMENT = 16 };

struct block {
	struct block *next;
	size_t used, capacity; /* bytes of data */
	_Alignas(ALIGNMENT) unsigned char data[];
};

struct arena {
	struct block *blocks; /* pieces are cut from the first; NULL: none yet */
};

struct arena *arena_create(void)
{
	return calloc(1, sizeof(struct arena));
}

void arena_release(struct arena *arena)
{
	struct block *block, *next;

	if (!arena)
		return;
	for (block = arena->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	free(arena);
}

static struct block *block_create(size_t capacity)
{
	struct block *block = calloc(1, sizeof(*block) + capacity);

	if (block)
		block->capacity = capacity;
	return block;
}

void *arena_zero(struct arena *arena, size_t size)
{
	struct block *block = arena->blocks;
	void *piece;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (!block || block->capacity - block->used < size) {
		/* A large piece gets a block of its own, behind the one that still has room. */
		bool large = size > BLOCK_BYTES / 4;

		block = block_create(large ? size : BLOCK_BYTES);
		if (!block)
			return NULL;
		if (large && arena->blocks) {
			block->next = arena->blocks->next;
			arena->blocks->next = block;
		} else {
			block->next = arena->blocks;
			arena->blocks = block;
		}
	}
	piece = block->data + block->used;
	block->used += size;
	return piece;
}

char *arena_copy(struct arena *arena, const char *text)
{
	return arena_copy_length(arena, text, strlen(text));
}

char *arena_copy_length(struct arena *arena, const char *text, size_t length)
{
	char *copy = length < SIZE_MAX ? arena_zero(arena, length + 1) : NULL;

	if (copy && length)
		memcpy(copy, text, length);
	return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length >= 0)
		text = arena_zero(arena, (size_t)length + 1);
	if (text) {
		va_start(arguments, format);
		(void)vsnprintf(text, (size_t)length + 1, format, arguments);
		va_end(arguments);
	}
	return text;
}
