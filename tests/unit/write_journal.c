// SPDX-License-Identifier: Apache-2.0
/* Writes a journal for readers that are not ours: write_journal DIRECTORY COUNT RELEASED SEGMENT.
 * Record n has 100 n bytes of the value n (the lowest 8 bits), n rows, 2 n events, and every third
 * an origin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"

static int record_append(struct journal *journal, uint64_t number)
{
	size_t length = 100 * (size_t)number;
	unsigned char *data = malloc(length);
	struct journal_record record = { .rows = number,
					 .events = 2 * number,
					 .sequence = 10 * number,
					 .stream = "stream of a test",
					 .origin = number % 3 ? NULL : "edge-17.example",
					 .data = data,
					 .length = length };
	int result = -1;

	if (data) {
		memset(data, (int)(number & 0xff), length);
		result = journal_append(journal, &record);
	}
	free(data);
	return result;
}

int main(int argc, char **argv)
{
	struct journal_settings settings = { .name = "main > region", .limit_bytes = 1 << 30 };
	struct journal *journal = NULL;
	char error[256] = "";
	int result = 0;

	if (argc != 5)
		return 2;
	settings.path = argv[1];
	settings.segment_bytes = strtoul(argv[4], NULL, 10);
	if (journal_open(&settings, &journal, error, sizeof(error))) {
		fprintf(stderr, "write_journal: %s\n", error);
		return 1;
	}
	for (uint64_t number = 1; !result && number <= strtoull(argv[2], NULL, 10); number++)
		result = record_append(journal, number);
	if (!result)
		result = journal_release(journal, strtoull(argv[3], NULL, 10));
	for (int i = 0; i < JOURNAL_STREAM_BYTES; i++)
		printf("%02x", journal_stream(journal)[i]);
	printf("\n");
	journal_close(journal, false);
	return result ? 1 : 0;
}
