// SPDX-License-Identifier: Apache-2.0
/* Fuzzes the files of a journal: pieces are written over one of them, it is cut, and checksums are
 * made right again if the input says so. It is opened, read to its end, appended to and opened once
 * more: what was appended is there. */
#include <assert.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_format.h"

enum { RECORDS = 24, SEGMENT = 1500, FILES = 8, FILE_BYTES = 16384 };
enum { CUT = 1 << 3, REPAIR = 1 << 4 }; /* of the first byte, beside which file it is */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct kept {
	char name[64];
	uint64_t first; /* of a segment */
	size_t length;
	unsigned char bytes[FILE_BYTES];
};

/* In memory where that is possible: syncing to a disk each time takes 50 times as long. */
static char directory[64] = "/dev/shm/sonde-fuzz-journal-XXXXXX", path[96];
static unsigned char id[JOURNAL_ID_BYTES];
static struct kept kept[FILES];
static unsigned int kept_count;

/* ---- files ------------------------------------------------------------------------------- */

static void file_path(const char *name, char whole[192])
{
	snprintf(whole, 192, "%s/%s", path, name);
}

static void files_remove(void)
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

static void directory_remove(void)
{
	files_remove();
	rmdir(path);
	rmdir(directory);
}

static void file_keep(const char *name, uint64_t first)
{
	struct kept *file = &kept[kept_count++];
	char whole[192];
	int fd;

	file_path(name, whole);
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	assert(fd >= 0);
	snprintf(file->name, sizeof(file->name), "%s", name);
	file->first = first;
	file->length = (size_t)read(fd, file->bytes, sizeof(file->bytes));
	close(fd);
}

static void file_write(const struct kept *file)
{
	char whole[192];
	int fd;

	file_path(file->name, whole);
	fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert(fd >= 0 && write(fd, file->bytes, file->length) == (ssize_t)file->length);
	close(fd);
}

/* ---- the journal ------------------------------------------------------------------------- */

static int opened(struct journal **ret_journal)
{
	const struct journal_settings settings = { .path = path,
						   .limit_bytes = 1 << 20,
						   .segment_bytes = SEGMENT };
	char error[256];

	return journal_open(&settings, ret_journal, error, sizeof(error));
}

static int record_append(struct journal *journal, uint64_t rows)
{
	static const char content[200];
	struct journal_record record = { .rows = rows,
					 .events = rows,
					 .stream = { 's', (unsigned char)(rows % 3) },
					 .sequence = rows,
					 .origin = "edge",
					 .data = content,
					 .length = rows * 8 % sizeof(content) };

	return journal_append(journal, &record);
}

static void set_up(void)
{
	struct journal *journal = NULL;
	char name[JOURNAL_SEGMENT_NAME_BYTES];

	if (!mkdtemp(directory)) {
		strcpy(directory, "/tmp/sonde-fuzz-journal-XXXXXX");
		assert(mkdtemp(directory));
	}
	snprintf(path, sizeof(path), "%s/journal", directory);
	atexit(directory_remove);
	assert(!opened(&journal));
	for (uint64_t rows = 1; rows <= RECORDS; rows++)
		assert(!record_append(journal, rows));
	memcpy(id, journal_stream(journal), sizeof(id));
	journal_close(journal, false);
	file_keep(JOURNAL_HEAD_FILE, 0);
	for (uint64_t first = 1; first <= RECORDS; first++) {
		char whole[192];

		journal_segment_name(first, name);
		file_path(name, whole);
		if (!access(whole, F_OK))
			file_keep(name, first);
	}
	assert(kept_count > 2);
}

/* ---- damage ------------------------------------------------------------------------------ */

/* Pieces of {offset of 2 bytes, length of 1, so many bytes}. */
static void pieces_write(struct kept *file, const uint8_t *data, size_t size)
{
	while (size > 3) {
		size_t offset = (data[0] | (size_t)data[1] << 8) % sizeof(file->bytes);
		size_t length = data[2] < size - 3 ? data[2] : size - 3;

		if (length > sizeof(file->bytes) - offset)
			length = sizeof(file->bytes) - offset;
		memcpy(file->bytes + offset, data + 3, length);
		if (file->length < offset + length)
			file->length = offset + length;
		data += 3 + length;
		size -= 3 + length;
	}
}

static uint32_t number_at(const struct kept *file, size_t offset)
{
	uint32_t number;

	memcpy(&number, file->bytes + offset, sizeof(number));
	return le32toh(number);
}

static void check_put(struct kept *file, size_t offset, uint32_t check)
{
	check = htole32(check);
	memcpy(file->bytes + offset, &check, sizeof(check));
}

static void head_repair(struct kept *file)
{
	size_t length = file->length < JOURNAL_HEAD_BYTES ? 0 : number_at(file, 12);

	if (length >= JOURNAL_HEAD_BYTES && length <= file->length)
		check_put(file, 16,
			  journal_checksum(journal_checksum(0, file->bytes, 16), file->bytes + 20,
					   length - 20));
}

/* Whatever begins like a record or a foot becomes one, and a mark a mark. */
static void parts_repair(struct kept *file)
{
	for (size_t at = 0; at + JOURNAL_RECORD_HEAD_BYTES <= file->length;
	     at += JOURNAL_ALIGNMENT) {
		const uint64_t where[] = { htole64(file->first), htole64(at) };
		uint32_t check =
			journal_checksum(journal_checksum(0, id, sizeof(id)), where, sizeof(where));
		size_t length = JOURNAL_RECORD_HEAD_BYTES +
				journal_aligned(number_at(file, at + 16) & 0xffff);

		if (!memcmp(file->bytes + at, "foot", 4))
			length = JOURNAL_FOOT_BYTES;
		if (!memcmp(file->bytes + at, "mark", 4))
			check_put(
				file, at + 4,
				journal_checksum(0, file->bytes + at + 8, JOURNAL_MARK_BYTES - 8));
		else if (journal_begins(file->bytes + at) && at + length <= file->length)
			check_put(file, at + 4,
				  journal_checksum(check, file->bytes + at + 8, length - 8));
	}
}

/* ---- what must hold ---------------------------------------------------------------------- */

/* Returns the number of the last record. */
static uint64_t journal_through(struct journal *journal)
{
	struct journal_reading *reading = journal_reading_new(journal);
	struct journal_record record = { .number = 0 };
	struct journal_loss skipped;
	uint64_t number = 0;
	int result;

	assert(reading);
	while (!(result = journal_read(reading, number + 1, &record, &skipped))) {
		assert(record.number > number && record.length <= JOURNAL_DATA_LIMIT);
		assert(!record.origin || strlen(record.origin) <= JOURNAL_ORIGIN_LIMIT);
		number = record.number;
	}
	assert(result == -ENOENT);
	journal_reading_free(reading);
	return number;
}

static void journal_check(void)
{
	struct journal *journal = NULL;
	struct journal_record record = { .rows = 1, .data = "appended", .length = 8 };
	struct journal_usage usage;
	int result = opened(&journal);

	if (result) {
		assert((result == -EPROTONOSUPPORT || result == -EOVERFLOW) && !journal);
		return;
	}
	(void)journal_through(journal);
	assert(!journal_append(journal, &record));
	assert(record.number == journal_last(journal));
	assert(journal_through(journal) == record.number);
	journal_close(journal, false);
	journal = NULL;
	assert(!opened(&journal));
	assert(journal_last(journal) == record.number);
	assert(journal_through(journal) == record.number);
	journal_usage(journal, &usage);
	assert(usage.records > 0);
	assert(!journal_cut(journal, record.number - 1));
	assert(journal_through(journal) < record.number);
	journal_close(journal, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kept changed;
	unsigned int which;

	if (size < 3)
		return 0;
	if (!kept_count)
		set_up();
	which = (data[0] & 7) % kept_count;
	changed = kept[which];
	pieces_write(&changed, data + 3, size - 3);
	if (data[0] & CUT)
		changed.length = (data[1] | (size_t)data[2] << 8) % (changed.length + 1);
	if (data[0] & REPAIR) {
		head_repair(&changed);
		parts_repair(&changed);
	}
	for (unsigned int i = 0; i < kept_count; i++)
		file_write(i == which ? &changed : &kept[i]);
	journal_check();
	files_remove();
	return 0;
}
