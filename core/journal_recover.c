// SPDX-License-Identifier: Apache-2.0
/* What lies in the directory of a journal, found without changing anything. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "journal_recover.h"

void recovery_release(struct recovery *recovery)
{
	free(recovery->segments);
	*recovery = (struct recovery){ 0 };
}

/* ---- listing ----------------------------------------------------------------------------- */

static int recovery_add(struct recovery *recovery, uint64_t first)
{
	if (recovery->count == JOURNAL_SEGMENTS_LIMIT)
		return -E2BIG;
	if (!(recovery->count & (recovery->count - 1))) { /* full at powers of two */
		uint32_t capacity = recovery->count ? recovery->count * 2 : 1;
		struct segment *segments =
			reallocarray(recovery->segments, capacity, sizeof(*segments));

		if (!segments)
			return -ENOMEM;
		recovery->segments = segments;
	}
	recovery->segments[recovery->count++] = (struct segment){ .first = first };
	return 0;
}

static int segment_compare(const void *one, const void *other)
{
	uint64_t first = ((const struct segment *)one)->first;
	uint64_t second = ((const struct segment *)other)->first;

	return first < second ? -1 : first > second;
}

static int entries_read(DIR *entries, struct recovery *recovery)
{
	const struct dirent *entry;
	int result = 0;

	while (!result && (errno = 0, entry = readdir(entries))) {
		uint64_t first;

		if (journal_segment_parse(entry->d_name, &first))
			result = recovery_add(recovery, first);
		else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			 strcmp(entry->d_name, JOURNAL_HEAD_FILE) != 0 &&
			 strcmp(entry->d_name, JOURNAL_SEGMENT_NEW) != 0)
			recovery->others = true;
	}
	return result ? result : -errno;
}

static int names_read(int directory, struct recovery *recovery)
{
	int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	int result = entries ? 0 : -errno;

	if (!entries) {
		if (copy >= 0)
			close(copy);
		return result;
	}
	result = entries_read(entries, recovery);
	closedir(entries);
	if (!result && recovery->count)
		qsort(recovery->segments, recovery->count, sizeof(struct segment), segment_compare);
	return result;
}

int recovery_list(int directory, struct recovery *recovery)
{
	int result = names_read(directory, recovery);

	for (uint32_t i = 0; !result && i < recovery->count; i++) {
		struct segment *segment = &recovery->segments[i];
		struct journal_head head = { 0 };
		CLEANUP(file_close) int file = segment_open(directory, segment->first, O_RDONLY);

		result = file < 0 ? file : segment_look(file, NULL, segment, &head);
		if (!result && segment->has_head)
			recovery->newest = head;
	}
	return result;
}

/* ---- counting ---------------------------------------------------------------------------- */

static int positions_load(int directory, const unsigned char id[JOURNAL_ID_BYTES],
			  struct segment *segment, struct journal_positions *positions)
{
	CLEANUP(file_close) int file = segment_open(directory, segment->first, O_RDONLY);
	struct journal_head head = { 0 };
	int result = file < 0 ? file : segment_look(file, id, segment, &head);

	if (result)
		return result;
	return segment->has_head ? segment_positions(file, &head, positions) : -EBADMSG;
}

static int positions_scan(int directory, const unsigned char id[JOURNAL_ID_BYTES],
			  struct segment *segment, uint64_t up_to,
			  struct journal_positions *positions, struct segment_damage *damage)
{
	CLEANUP(file_close) int file = segment_open(directory, segment->first, O_RDONLY);

	return file < 0 ? file : segment_scan(file, id, segment, up_to, positions, damage);
}

int recovery_positions(int directory, const unsigned char id[JOURNAL_ID_BYTES],
		       struct segment *segment, struct segment *before, uint64_t up_to,
		       struct journal_positions *positions, struct segment_damage *damage)
{
	int result = positions_load(directory, id, segment, positions);

	if (result == -EBADMSG) { /* the one before leads there, as far as it can be read */
		struct segment other = before ? *before : (struct segment){ 0 };
		struct segment_damage passed = { 0 };

		segment->damaged = true;
		positions_clear(positions);
		result = before ? positions_load(directory, id, &other, positions) : 0;
		if (!result || result == -EBADMSG)
			result = before ? positions_scan(directory, id, &other, UINT64_MAX,
							 positions, &passed)
					: 0;
	}
	if (!result)
		result = positions_scan(directory, id, segment, up_to, positions, damage);
	return result;
}

static int last_recover(int directory, const unsigned char id[JOURNAL_ID_BYTES],
			struct segment *segment, struct segment *before,
			struct journal_positions *positions, struct journal_head *ret_head,
			struct segment_damage *damage)
{
	CLEANUP(file_close) int file = segment_open(directory, segment->first, O_RDONLY);
	int result = file < 0 ? file : segment_look(file, id, segment, ret_head);

	if (result)
		return result;
	return recovery_positions(directory, id, segment, before, UINT64_MAX, positions, damage);
}

/* The head of the next segment says what this one came to: what is missing is told by reading. */
static bool segment_told(struct segment *segment, const struct journal_head *next)
{
	if (next->before_first != segment->first || next->before.last + 1 < segment->first)
		return false;
	segment_tally(segment, &next->before);
	return true;
}

static int segment_recover(int directory, const unsigned char id[JOURNAL_ID_BYTES],
			   struct segment *segment, const struct journal_head *next,
			   struct journal_head *ret_head, struct segment_damage *damage)
{
	CLEANUP(file_close) int file = segment_open(directory, segment->first, O_RDONLY);
	int result = file < 0 ? file : segment_look(file, id, segment, ret_head);

	if (result || segment->has_foot || segment_told(segment, next))
		return result;
	return segment_scan(file, id, segment, UINT64_MAX, NULL, damage);
}

int recovery_count(int directory, const unsigned char id[JOURNAL_ID_BYTES],
		   struct recovery *recovery, struct journal_positions *positions,
		   struct segment_damage *damage)
{
	struct journal_head next = { 0 };
	uint64_t before = UINT64_MAX;
	int result = 0;

	for (uint32_t i = recovery->count; !result && i-- > 0;) {
		struct segment *segment = &recovery->segments[i];
		struct segment_damage own = { 0 };
		struct journal_head head = { 0 };

		if (i + 1 < recovery->count)
			result = segment_recover(directory, id, segment, &next, &head, &own);
		else
			result = last_recover(directory, id, segment, i ? segment - 1 : NULL,
					      positions, &head, &own);
		next = segment->has_head ? head : (struct journal_head){ 0 };
		if (segment->last >= before) /* numbers of the next: what it says is not so */
			segment->last = before - 1;
		before = segment->first;
		segment->damaged = segment->damaged || own.damaged.bytes || own.damaged.records ||
				   own.torn.bytes || own.torn.records;
		loss_add(&damage->damaged, &own.damaged);
		loss_add(i + 1 < recovery->count ? &damage->damaged : &damage->torn, &own.torn);
	}
	return result;
}
