// SPDX-License-Identifier: Apache-2.0
/* A buffer that is written from its end to its start and grows there. */
#include <stdlib.h>
#include <string.h>
#include "encode_output.h"

enum { FIRST_CAPACITY = 16384 };

bool output_grow(struct output *output, size_t bytes)
{
	size_t length = (size_t)(output->end - output->writer.at);
	size_t wanted = length + bytes + OUTPUT_SLACK;
	size_t capacity = (size_t)(output->end - output->start);
	unsigned char *memory;

	capacity = capacity ? 2 * capacity : FIRST_CAPACITY;
	if (capacity < wanted)
		capacity = wanted + wanted / 4;
	memory = malloc(capacity);
	if (!memory)
		return false;
	if (length)
		memcpy(memory + capacity - length, output->writer.at, length);
	free(output->start);
	output->start = memory;
	output->end = memory + capacity;
	output->writer.at = output->end - length;
	return true;
}

void output_release(struct output *output)
{
	free(output->start);
	memset(output, 0, sizeof(*output));
}
