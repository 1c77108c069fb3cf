// SPDX-License-Identifier: Apache-2.0
/* Reads "any HEX" and "metric HEX" a line and prints the HEX that our decoder and encoder make of
 * it, or "refused": for comparison with other implementations of OTLP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

static size_t hex_read(const char *hex, unsigned char *ret_bytes)
{
	size_t length = 0;
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		ret_bytes[length++] = (unsigned char)byte;
	return length;
}

/* The encoder's bytes in a block of their own; NULL: refused. */
static unsigned char *any_recode(const unsigned char *bytes, size_t length, int64_t *ret_length)
{
	struct sonde_any *items = calloc(length + 1, sizeof(*items));
	unsigned char *again = NULL;
	uint32_t count;

	if (items && !any_decode(bytes, length, items, (uint32_t)length + 1, &count)) {
		*ret_length = any_encode(items, NULL, 0);
		again = malloc((size_t)*ret_length + 1);
		if (again)
			any_encode(items, again, (size_t)*ret_length);
	}
	free(items);
	return again;
}

static unsigned char *metric_recode(const unsigned char *bytes, size_t length, int64_t *ret_length)
{
	int64_t map_length = metric_metadata(bytes, length, NULL, 0);
	unsigned char *map = malloc(map_length > 0 ? (size_t)map_length : 1), *again = NULL;
	struct sonde_metric metric = { 0 };

	if (map && map_length >= 0 && !metric_decode(bytes, length, &metric)) {
		metric_metadata(bytes, length, map, (size_t)map_length);
		metric.metadata.data = (const char *)map;
		metric.metadata.length = (uint32_t)map_length;
		*ret_length = metric_encode(&metric, NULL, 0);
		again = malloc((size_t)*ret_length + 1);
		if (again)
			metric_encode(&metric, again, (size_t)*ret_length);
	}
	free(map);
	return again;
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		bool is_any = !strncmp(line, "any ", 4);
		unsigned char *bytes = malloc(strlen(line)), *again;
		size_t length = bytes ? hex_read(strchr(line, ' ') + 1, bytes) : 0;
		int64_t again_length = 0;

		again = is_any ? any_recode(bytes, length, &again_length)
			       : metric_recode(bytes, length, &again_length);
		for (int64_t i = 0; again && i < again_length; i++)
			printf("%02x", again[i]);
		puts(again ? "" : "refused");
		free(again);
		free(bytes);
	}
	free(line);
	return 0;
}
