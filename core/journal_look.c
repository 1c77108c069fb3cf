// SPDX-License-Identifier: Apache-2.0
/* What is said of a journal: of one that is open, and of those that lie in a directory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "file.h"
#include "journal_recover.h"

void journal_recovered(const struct journal *journal, struct journal_recovery *ret_recovery)
{
	*ret_recovery = journal->recovery;
}

const unsigned char *journal_stream(const struct journal *journal)
{
	return journal->head.id;
}

const char *journal_name(const struct journal *journal)
{
	return journal->head.name;
}

static uint64_t number_read(struct journal *journal, const uint64_t *number)
{
	uint64_t value;

	pthread_mutex_lock(&journal->lock);
	value = *number;
	pthread_mutex_unlock(&journal->lock);
	return value;
}

uint64_t journal_last(struct journal *journal)
{
	return number_read(journal, &journal->last);
}

uint64_t journal_synced(struct journal *journal)
{
	return number_read(journal, &journal->synced);
}

uint64_t journal_position(struct journal *journal, const unsigned char stream[JOURNAL_STREAM_BYTES])
{
	uint64_t sequence;

	pthread_mutex_lock(&journal->write_lock);
	sequence = positions_get(&journal->positions, stream);
	pthread_mutex_unlock(&journal->write_lock);
	return sequence;
}

static void usage_add(struct journal_usage *usage, const struct segment *segment)
{
	usage->records += segment->records;
	usage->rows += segment->rows;
	usage->events += segment->events;
}

/* What was counted otherwise than at the opening, since bits turned, is no reason to be below 0. */
static void usage_subtract(struct journal_usage *usage, const struct journal_usage *other)
{
	usage->records -= minimum(usage->records, other->records);
	usage->rows -= minimum(usage->rows, other->rows);
	usage->events -= minimum(usage->events, other->events);
}

void journal_usage(struct journal *journal, struct journal_usage *ret_usage)
{
	struct journal_usage usage = { .bytes = JOURNAL_FILE_BYTES };

	pthread_mutex_lock(&journal->lock);
	for (uint32_t i = 0; i < journal->segment_count; i++) {
		const struct segment *segment = journal->segments[i];
		bool is_front = segment->first == journal->front_segment;

		usage.segments++;
		usage.bytes += segment->bytes;
		if (segment->last >= journal->released || is_front)
			usage_add(&usage, segment);
		if (is_front)
			usage_subtract(&usage, &journal->front_usage);
	}
	pthread_mutex_unlock(&journal->lock);
	*ret_usage = usage;
}

/* ---- those in a directory ---------------------------------------------------------------- */

/* Takes away what was released of a segment. */
static void released_subtract(int directory, const struct journal_head *head,
			      const struct segment *segment, uint64_t released,
			      struct journal_usage *usage)
{
	CLEANUP(walk_release) struct journal_walk walk = { .fd = -1 };
	CLEANUP(file_close) int file = segment_open(directory, segment->first, O_RDONLY);
	struct journal_place place = { .first = segment->first, .offset = segment->start };
	struct journal_record_head record;

	if (file < 0)
		return;
	memcpy(place.id, head->id, sizeof(place.id));
	walk_begin(&walk, file, &place, segment->written);
	while (!walk_next(&walk, &record) && record.number < released) {
		const struct journal_usage one = { .records = 1,
						   .rows = record.rows,
						   .events = record.events };

		usage_subtract(usage, &one);
	}
}

static int usage_look(int directory, const struct journal_head *head, int head_file,
		      struct journal_usage *usage)
{
	CLEANUP(recovery_release) struct recovery recovery = { 0 };
	struct journal_positions positions;
	struct journal_mark mark = { 0 };
	struct segment_damage damage = { 0 };
	int result = recovery_list(directory, &recovery);

	positions_init(&positions, JOURNAL_STREAMS_LIMIT);
	if (!result)
		result = recovery_count(directory, head->id, &recovery, &positions, &damage);
	positions_release(&positions);
	if (result)
		return result;
	(void)mark_get(head_file, &mark);
	*usage = (struct journal_usage){ .bytes = JOURNAL_FILE_BYTES, .segments = recovery.count };
	for (uint32_t i = 0; i < recovery.count; i++) {
		const struct segment *segment = &recovery.segments[i];

		usage->bytes += segment->bytes;
		if (segment->last < mark.released)
			continue;
		usage_add(usage, segment);
		if (segment->first < mark.released)
			released_subtract(directory, head, segment, mark.released, usage);
	}
	return 0;
}

/* 0: it is a journal; -ENOENT: it is none, or none that can be read. */
static int journal_peek(int above, const char *name, struct journal_head *ret_head,
			struct journal_listed *listed)
{
	CLEANUP(file_close)
	int directory = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP(file_close) int head_file = -1;
	bool is_new = false, damaged = false;

	if (directory < 0 ||
	    head_open(directory, false, ret_head, &head_file, &is_new, &damaged) < 0 || is_new ||
	    damaged)
		return -ENOENT;
	listed->open = flock(head_file, LOCK_SH | LOCK_NB) != 0;
	return usage_look(directory, ret_head, head_file, &listed->usage) ? -ENOENT : 0;
}

int journal_scan(const char *directory,
		 int (*listed)(void *context, const struct journal_listed *journal), void *context)
{
	DIR *entries = opendir(directory);
	const struct dirent *entry;
	int result = 0;

	if (!entries)
		return errno == ENOENT ? 0 : -errno;
	while (!result && (entry = readdir(entries))) {
		char path[PATH_MAX];
		struct journal_head head;
		struct journal_listed journal = { .path = path, .name = head.name };

		if (entry->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) >=
			    (int)sizeof(path) ||
		    journal_peek(dirfd(entries), entry->d_name, &head, &journal))
			continue;
		result = listed(context, &journal);
	}
	closedir(entries);
	return result;
}
