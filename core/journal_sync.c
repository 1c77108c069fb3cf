// SPDX-License-Identifier: Apache-2.0
/* When what was appended to a journal is on the disk.
 *
 * A disk that failed to take a page is not asked again: the kernel counts the page as written from
 * then on, so that the second answer would be yes and mean nothing. What was not synced yet of that
 * segment is uncertain, is told so, and the segment is left for another. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "file.h"
#include "journal_own.h"

/* A segment that is to be synced, as it was when that began. */
struct unsynced {
	uint64_t first, last;
};

struct sync {
	struct unsynced *segments;
	uint32_t count;
	uint64_t from, to; /* numbers that were appended since the last */
	bool directory;
};

static int sync_begin(struct journal *journal, struct sync *sync)
{
	int result = 0;

	pthread_mutex_lock(&journal->lock);
	sync->from = journal->synced + 1;
	sync->to = journal->last;
	sync->segments = calloc(journal->segment_count ? journal->segment_count : 1,
				sizeof(*sync->segments));
	if (!sync->segments)
		result = -ENOMEM;
	for (uint32_t i = 0; !result && i < journal->segment_count; i++) {
		struct segment *segment = journal->segments[i];

		if (!segment->dirty)
			continue;
		segment->dirty = false;
		sync->segments[sync->count++] =
			(struct unsynced){ .first = segment->first, .last = segment->last };
	}
	if (!result) {
		sync->directory = journal->directory_dirty;
		journal->directory_dirty = false;
	}
	pthread_mutex_unlock(&journal->lock);
	return result;
}

/* The kernel tells an error to whoever opens the file next, if nobody heard of it yet. */
static int segment_sync(const struct journal *journal, const struct unsynced *unsynced)
{
	CLEANUP(file_close) int file = segment_open(journal->directory, unsynced->first, O_RDWR);

	if (file == -ENOENT) /* it was released meanwhile */
		return 0;
	if (file < 0)
		return file;
	return fdatasync(file) ? -errno : 0;
}

static void segment_settle(struct journal *journal, const struct unsynced *unsynced, bool failed)
{
	pthread_mutex_lock(&journal->lock);
	for (uint32_t i = 0; i < journal->segment_count; i++) {
		struct segment *segment = journal->segments[i];

		if (segment->first != unsynced->first)
			continue;
		segment->failed = segment->failed || failed;
		segment->synced = segment->synced || !failed;
	}
	pthread_mutex_unlock(&journal->lock);
}

static void uncertain_add(struct journal_uncertain *uncertain, uint64_t from, uint64_t to)
{
	if (from > to)
		return;
	if (!uncertain->from || from < uncertain->from)
		uncertain->from = from;
	if (to > uncertain->to)
		uncertain->to = to;
}

static int sync_all(struct journal *journal, const struct sync *sync,
		    struct journal_uncertain *uncertain)
{
	int result = 0;

	for (uint32_t i = 0; i < sync->count; i++) {
		const struct unsynced *unsynced = &sync->segments[i];
		int own = segment_sync(journal, unsynced);

		segment_settle(journal, unsynced, own);
		if (!own)
			continue;
		uncertain_add(uncertain,
			      unsynced->first > sync->from ? unsynced->first : sync->from,
			      minimum(unsynced->last, sync->to));
		result = own;
	}
	if (sync->directory && fsync(journal->directory)) {
		result = -errno;
		uncertain_add(uncertain, sync->from, sync->to);
	}
	return result;
}

int journal_sync(struct journal *journal, struct journal_uncertain *ret_uncertain)
{
	struct journal_uncertain uncertain = { 0 };
	struct sync sync = { 0 };
	int result;

	pthread_mutex_lock(&journal->sync_lock);
	pthread_mutex_lock(&journal->write_lock);
	result = write_flush(journal);
	if (!result)
		result = sync_begin(journal, &sync);
	pthread_mutex_unlock(&journal->write_lock);
	if (!result) {
		result = sync_all(journal, &sync, &uncertain);
		pthread_mutex_lock(&journal->lock);
		if (sync.to > journal->synced)
			journal->synced = sync.to;
		pthread_mutex_unlock(&journal->lock);
		pthread_mutex_lock(&journal->front_lock);
		(void)mark_put(journal);
		front_follow(journal); /* the segment before the newest may go now */
		pthread_mutex_unlock(&journal->front_lock);
	}
	if (result && ret_uncertain)
		*ret_uncertain = uncertain;
	free(sync.segments);
	pthread_mutex_unlock(&journal->sync_lock);
	return result;
}
