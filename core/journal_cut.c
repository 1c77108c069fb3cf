// SPDX-License-Identifier: Apache-2.0
/* Records of a journal are taken back, from its end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "file.h"
#include "journal_recover.h"

/* The last segment is one that begins no later than with `above`, or the only one. */
static int segments_cut(struct journal *journal, uint64_t above)
{
	while (journal->segment_count > 1 &&
	       journal->segments[journal->segment_count - 1]->first > above) {
		uint32_t at = journal->segment_count - 1;
		int result = segment_remove(journal, journal->segments[at]);

		if (result)
			return result;
		free(segments_take(journal, at));
	}
	return 0;
}

static int last_cut(struct journal *journal, uint64_t above)
{
	uint32_t at = journal->segment_count - 1;
	struct segment *segment = journal->segments[at];
	struct segment_damage passed = { 0 };
	CLEANUP(file_close) int file = segment_open(journal->directory, segment->first, O_RDWR);
	int result;

	if (file < 0)
		return file;
	result = recovery_positions(journal->directory, journal->head.id, segment,
				    at ? journal->segments[at - 1] : NULL, above,
				    &journal->positions, &passed);
	if (result)
		return result;
	if (ftruncate(file, (off_t)segment->end) || fdatasync(file))
		return -errno;
	segment->has_foot = false;
	segment->bytes = segment->end;
	if (segment->start)
		(void)segment_seal(file, journal->head.id, segment);
	return 0;
}

static int cut_locked(struct journal *journal, uint64_t above)
{
	uint64_t next;
	int result;

	if (above + 1 < journal->released)
		above = journal->released - 1;
	if (above >= journal->last || !journal->segment_count)
		return 0;
	next = journal->segments[journal->segment_count - 1]->last;
	if (above >= next) /* only numbers lie above that no record has */
		return 0;
	result = write_seal(journal);
	if (result)
		return result;
	front_close(journal);
	result = segments_cut(journal, above);
	if (!result)
		result = last_cut(journal, above);
	if (result)
		return result;
	/* Numbers that were passed over are not given a second time. */
	journal->last = journal->last > next ? journal->last : above;
	journal->flushed = journal->last;
	journal->synced = minimum(journal->synced, above);
	journal->protected = minimum(journal->protected, above + 1);
	segments_sum(journal);
	return 0;
}

int journal_cut(struct journal *journal, uint64_t above)
{
	int result;

	pthread_mutex_lock(&journal->write_lock);
	pthread_mutex_lock(&journal->front_lock);
	result = cut_locked(journal, above);
	if (!result) {
		(void)mark_put(journal);
		front_follow(journal);
	}
	pthread_mutex_unlock(&journal->front_lock);
	if (!result)
		write_positions(journal);
	pthread_mutex_unlock(&journal->write_lock);
	return result;
}
