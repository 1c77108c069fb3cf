// SPDX-License-Identifier: Apache-2.0
/* A directory for the journals of a test, and records whose content says their number. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_fixture.h"

char journal_path[64];
static char directory[64];

/* In memory where that is possible: each sync to a disk takes time. */
int journal_set_up(void **state)
{
	strcpy(directory, "/dev/shm/sonde-journal-XXXXXX");
	if (!mkdtemp(directory)) {
		strcpy(directory, "/tmp/sonde-journal-XXXXXX");
		if (!mkdtemp(directory))
			return -1;
	}
	snprintf(journal_path, sizeof(journal_path), "%.40s/journal", directory);
	return 0;
}

static void directory_empty(const char *path)
{
	DIR *entries = opendir(path);
	const struct dirent *entry;

	while (entries && (entry = readdir(entries))) {
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(entries), entry->d_name, 0);
	}
	if (entries)
		closedir(entries);
}

int journal_tear_down(void **state)
{
	directory_empty(journal_path);
	rmdir(journal_path);
	return rmdir(directory); /* nothing else was left in it */
}

struct journal *journal_opened(uint64_t limit_bytes, size_t segment_bytes)
{
	const struct journal_settings settings = { .path = journal_path,
						   .name = "main > region",
						   .limit_bytes = limit_bytes ? limit_bytes
									      : UINT64_C(1) << 30,
						   .segment_bytes = segment_bytes };
	struct journal *journal = NULL;
	char error[256] = "";

	if (journal_open(&settings, &journal, error, sizeof(error)))
		fail_msg("%s", error);
	return journal;
}

/* ---- records ----------------------------------------------------------------------------- */

static void data_make(unsigned char *data, size_t length, uint64_t rows)
{
	for (size_t i = 0; i < length; i++)
		data[i] = (unsigned char)(rows * 31 + i * 7 + (i >> 8));
}

int journal_try_stream_of(struct journal *journal, unsigned char stream, uint64_t sequence,
			  size_t length, uint64_t rows)
{
	unsigned char *data = malloc(length + 1);
	struct journal_record record = { .rows = rows,
					 .events = 2 * rows,
					 .sequence = sequence,
					 .stream = { stream, stream },
					 .origin = rows % 3 ? "edge-17.example" : NULL,
					 .data = data,
					 .length = length };
	int result;

	assert_non_null(data);
	data_make(data, length, rows);
	result = journal_append(journal, &record);
	free(data);
	return result;
}

int journal_try(struct journal *journal, size_t length, uint64_t rows)
{
	return journal_try_stream_of(journal, 0, 0, length, rows);
}

void journal_fill(struct journal *journal, uint64_t count, size_t length)
{
	for (uint64_t rows = 1; rows <= count; rows++)
		assert_int_equal(journal_try(journal, length, rows), 0);
}

int journal_try_stream(struct journal *journal, unsigned char stream, uint64_t sequence)
{
	struct journal_record record = { .rows = 1,
					 .events = 1,
					 .sequence = sequence,
					 .stream = { stream, stream },
					 .data = "content",
					 .length = 7 };

	return journal_append(journal, &record);
}

uint64_t journal_position_of(struct journal *journal, unsigned char stream)
{
	return journal_position(journal, (unsigned char[16]){ stream, stream });
}

void journal_record_check(const struct journal_record *record)
{
	unsigned char *data = malloc(record->length + 1);

	assert_non_null(data);
	data_make(data, record->length, record->rows);
	assert_memory_equal(record->data, data, record->length);
	free(data);
	assert_int_equal(record->events, 2 * record->rows);
	if (record->rows % 3)
		assert_string_equal(record->origin, "edge-17.example");
	else
		assert_null(record->origin);
}

uint64_t journal_count(struct journal *journal, uint64_t from, struct journal_loss *ret_skipped)
{
	struct journal_reading *reading = journal_reading_new(journal);
	struct journal_record record = { .number = from - 1 };
	struct journal_loss skipped, sum = { 0 };
	uint64_t count = 0;
	int result;

	assert_non_null(reading);
	while (!(result = journal_read(reading, record.number + 1, &record, &skipped))) {
		assert_true(record.number >= from);
		from = record.number + 1;
		journal_record_check(&record);
		sum.records += skipped.records;
		sum.rows += skipped.rows;
		sum.events += skipped.events;
		sum.bytes += skipped.bytes;
		count++;
	}
	assert_int_equal(result, -ENOENT);
	journal_reading_free(reading);
	if (ret_skipped)
		*ret_skipped = sum;
	return count;
}

struct journal_usage journal_used(struct journal *journal)
{
	struct journal_usage usage;

	journal_usage(journal, &usage);
	return usage;
}

/* ---- files ------------------------------------------------------------------------------- */

static int is_segment(const struct dirent *entry)
{
	return strstr(entry->d_name, ".segment") != NULL;
}

char *journal_file(unsigned int at, char path[160])
{
	struct dirent **entries = NULL;
	int count = scandir(journal_path, &entries, is_segment, alphasort);
	char *found = NULL;

	for (int i = 0; i < count; i++) {
		if ((unsigned int)i == at) {
			snprintf(path, 160, "%s/%.40s", journal_path, entries[i]->d_name);
			found = path;
		}
		free(entries[i]);
	}
	free(entries);
	return found;
}
