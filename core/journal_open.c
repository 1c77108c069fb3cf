// SPDX-License-Identifier: Apache-2.0
/* A journal is opened: found as it was left, or made; and closed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "file.h"
#include "journal_recover.h"
#include "state.h"

enum { SEGMENT_LEAST = 1 << 20, SEGMENT_MOST = 64 << 20, LIMIT_SEGMENTS = 16 };

__attribute__((format(printf, 4, 5))) static int fail(int result, char *error, size_t error_size,
						      const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, error_size, format, arguments);
	va_end(arguments);
	return result;
}

__attribute__((format(printf, 2, 3))) static void note_add(struct journal *journal,
							   const char *format, ...)
{
	char *note = journal->recovery.note;
	size_t length = strlen(note), size = sizeof(journal->recovery.note);
	va_list arguments;

	if (length && length + 3 < size) {
		strcpy(note + length, "; ");
		length += 2;
	}
	va_start(arguments, format);
	vsnprintf(note + length, size - length, format, arguments);
	va_end(arguments);
}

/* ---- made and freed ---------------------------------------------------------------------- */

static void journal_free(struct journal *journal)
{
	front_close(journal);
	walk_release(&journal->front);
	positions_release(&journal->positions);
	for (uint32_t i = 0; i < journal->segment_count; i++)
		free(journal->segments[i]);
	free(journal->segments);
	free(journal->buffer);
	if (journal->active_file >= 0)
		close(journal->active_file);
	if (journal->head_file >= 0)
		close(journal->head_file);
	if (journal->directory >= 0)
		close(journal->directory);
	pthread_mutex_destroy(&journal->sync_lock);
	pthread_mutex_destroy(&journal->write_lock);
	pthread_mutex_destroy(&journal->front_lock);
	pthread_mutex_destroy(&journal->lock);
	free(journal);
}

static size_t segment_bytes_chosen(const struct journal_settings *settings)
{
	uint64_t bytes = settings->limit_bytes / LIMIT_SEGMENTS;

	if (settings->segment_bytes)
		return settings->segment_bytes;
	if (bytes < SEGMENT_LEAST)
		bytes = minimum(SEGMENT_LEAST, settings->limit_bytes / 4);
	return bytes < SEGMENT_MOST ? (size_t)bytes : SEGMENT_MOST;
}

static struct journal *journal_new(const struct journal_settings *settings)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return NULL;
	journal->buffer = malloc(JOURNAL_BUFFER_BYTES);
	if (!journal->buffer) {
		free(journal);
		return NULL;
	}
	journal->directory = journal->head_file = journal->active_file = -1;
	journal->front.fd = -1;
	journal->limit_bytes = settings->limit_bytes;
	journal->segment_bytes = segment_bytes_chosen(settings);
	positions_init(&journal->positions, JOURNAL_STREAMS_LIMIT);
	pthread_mutex_init(&journal->sync_lock, NULL);
	pthread_mutex_init(&journal->write_lock, NULL);
	pthread_mutex_init(&journal->front_lock, NULL);
	pthread_mutex_init(&journal->lock, NULL);
	snprintf(journal->path, sizeof(journal->path), "%s", settings->path);
	return journal;
}

/* ---- the directory ----------------------------------------------------------------------- */

static int directory_open(struct journal *journal, char *error, size_t error_size)
{
	int result = directory_make(journal->path, 0750);

	if (result)
		return fail(result, error, error_size, "cannot make the directory %s: %s",
			    journal->path, strerror(-result));
	journal->directory = open(journal->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (journal->directory < 0)
		return fail(-errno, error, error_size, "cannot open the directory %s: %s",
			    journal->path, strerror(errno));
	return 0;
}

static int head_fail(const struct journal *journal, int result, char *error, size_t error_size)
{
	if (result == -EBUSY)
		return fail(result, error, error_size,
			    "the journal %s is open already, in this process or another",
			    journal->path);
	if (result == -EPROTONOSUPPORT)
		return fail(result, error, error_size,
			    "the journal %s was written by a later version of sonde: use that, or "
			    "move the directory away to begin anew without what it holds",
			    journal->path);
	return fail(result, error, error_size, "cannot open %s/" JOURNAL_HEAD_FILE ": %s",
		    journal->path, strerror(-result));
}

static int list_fail(const struct journal *journal, int result, char *error, size_t error_size)
{
	if (result == -EPROTONOSUPPORT)
		return head_fail(journal, result, error, error_size);
	if (result == -E2BIG)
		return fail(result, error, error_size,
			    "the journal %s has more than %d segments: move the directory away",
			    journal->path, JOURNAL_SEGMENTS_LIMIT);
	if (result == -EOVERFLOW)
		return fail(result, error, error_size,
			    "the journal %s has no numbers left: move the directory away",
			    journal->path);
	return fail(result, error, error_size, "cannot read the journal %s: %s", journal->path,
		    strerror(-result));
}

static int id_draw(unsigned char id[JOURNAL_ID_BYTES])
{
	return getrandom(id, JOURNAL_ID_BYTES, 0) == JOURNAL_ID_BYTES ? 0 : -EIO;
}

/* A head that is new, or damaged: what it said is in the segments as well. */
static int head_make(struct journal *journal, const struct recovery *recovery, bool damaged,
		     const char *name)
{
	int result = 0;

	if (recovery->newest.version)
		journal->head = recovery->newest;
	else
		result = id_draw(journal->head.id);
	if (!recovery->newest.version && name)
		snprintf(journal->head.name, sizeof(journal->head.name), "%s", name);
	if (!result)
		result = head_put_file(journal->head_file, &journal->head);
	if (!result && (damaged || recovery->count))
		note_add(journal, "the head file was %s and was made anew%s",
			 damaged ? "damaged" : "missing",
			 recovery->newest.version ? "" : ", under another id");
	journal->directory_dirty = true;
	return result;
}

static int name_check(const struct journal *journal, const char *name, char *error,
		      size_t error_size)
{
	if (!name || !strcmp(journal->head.name, name))
		return 0;
	return fail(-EEXIST, error, error_size, "the journal %s is that of \"%s\", not of \"%s\"",
		    journal->path, journal->head.name, name);
}

/* ---- what was found ---------------------------------------------------------------------- */

static int segments_keep(struct journal *journal, const struct recovery *recovery)
{
	for (uint32_t i = 0; i < recovery->count; i++) {
		struct segment *segment = malloc(sizeof(*segment));

		if (!segment || segments_reserve(journal)) {
			free(segment);
			return -ENOMEM;
		}
		*segment = recovery->segments[i];
		segment->dirty = true; /* by a process that was killed */
		segments_add(journal, segment);
		if (segment->last > journal->last)
			journal->last = segment->last;
	}
	segments_sum(journal);
	write_positions(journal);
	return 0;
}

/* Numbers that may have been given before, to records that are gone. */
static bool numbers_skip(struct journal *journal, bool damaged)
{
	bool marked = mark_get(journal->head_file, &journal->mark);
	bool lost = damaged;
	unsigned char boot[16];

	boot_read(boot);
	if (marked && journal->mark.given > journal->last) {
		journal->last = journal->mark.given;
		lost = true; /* the end is missing */
	}
	if (journal->mark.released > journal->last + 1) {
		journal->last = journal->mark.released - 1;
		lost = true;
	}
	if (!marked && journal->segment_count)
		note_add(journal, "what was released is not known any more");
	lost = lost || !marked || memcmp(boot, journal->mark.boot, sizeof(boot)) != 0;
	memcpy(journal->mark.boot, boot, sizeof(boot));
	if (!lost || !journal->last)
		return false;
	journal->last += JOURNAL_GAP;
	return true;
}

/* Goes on in the last segment if it is as it should be and has room, else seals it. */
static void last_settle(struct journal *journal, bool skipped)
{
	struct segment *last;

	if (!journal->segment_count)
		return;
	last = journal->segments[journal->segment_count - 1];
	if (!skipped && !last->damaged && last->has_head &&
	    last->end - last->start < journal->segment_bytes / 2 && !write_resume(journal, last))
		return;
	if (!last->has_foot && last->start) {
		CLEANUP(file_close)
		int file = segment_open(journal->directory, last->first, O_RDWR);

		if (file >= 0)
			(void)segment_seal(file, journal->head.id, last);
	}
	segments_sum(journal);
}

static void loss_note(struct journal *journal, const char *what, const struct journal_loss *loss)
{
	if (loss->bytes || loss->records)
		note_add(journal,
			 "skipped %" PRIu64 " bytes %s, in which %" PRIu64 " records of %" PRIu64
			 " rows were, as far as it is known",
			 loss->bytes, what, loss->records, loss->rows);
}

static void found_note(struct journal *journal)
{
	struct journal_recovery *recovery = &journal->recovery;
	struct journal_usage usage;

	journal_usage(journal, &usage);
	recovery->records = usage.records;
	recovery->rows = usage.rows;
	recovery->events = usage.events;
	loss_note(journal, "that are damaged", &recovery->damaged);
	loss_note(journal, "at the end that were being written", &recovery->torn);
}

static int recover(struct journal *journal, struct recovery *recovery)
{
	struct segment_damage damage = { 0 };
	int result = recovery_count(journal->directory, journal->head.id, recovery,
				    &journal->positions, &damage);
	bool skipped;

	if (!result)
		result = segments_keep(journal, recovery);
	if (result)
		return result;
	(void)unlinkat(journal->directory, JOURNAL_SEGMENT_NEW, 0);
	journal->recovery.damaged = damage.damaged;
	journal->recovery.torn = damage.torn;
	skipped = numbers_skip(journal,
			       recovery->count && recovery->segments[recovery->count - 1].damaged);
	if (journal->last > JOURNAL_NUMBER_LIMIT / 2)
		return -EOVERFLOW;
	last_settle(journal, skipped);
	journal->flushed = journal->last;
	journal->released = journal->mark.released;
	journal->protected = journal->released;
	(void)mark_put(journal);
	front_follow(journal);
	found_note(journal);
	return 0;
}

/* ---- opening ----------------------------------------------------------------------------- */

static int open_into(struct journal *journal, const struct journal_settings *settings,
		     struct recovery *recovery, char *error, size_t error_size)
{
	bool is_new = false, damaged = false;
	int result = directory_open(journal, error, error_size);

	if (result)
		return result;
	result = recovery_list(journal->directory, recovery);
	if (result)
		return list_fail(journal, result, error, error_size);
	if (recovery->others && !recovery->count &&
	    faccessat(journal->directory, JOURNAL_HEAD_FILE, F_OK, 0))
		return fail(-EBADMSG, error, error_size,
			    "%s is not empty and no journal: name another directory",
			    journal->path);
	result = head_open(journal->directory, true, &journal->head, &journal->head_file, &is_new,
			   &damaged);
	if (result)
		return head_fail(journal, result, error, error_size);
	if (is_new || damaged)
		result = head_make(journal, recovery, damaged, settings->name);
	if (result)
		return head_fail(journal, result, error, error_size);
	result = name_check(journal, settings->name, error, error_size);
	if (result)
		return result;
	result = recover(journal, recovery);
	return result ? list_fail(journal, result, error, error_size) : 0;
}

int journal_open(const struct journal_settings *settings, struct journal **ret_journal, char *error,
		 size_t error_size)
{
	struct recovery recovery = { 0 };
	struct journal *journal;
	int result;

	if (strlen(settings->path) >= PATH_MAX ||
	    (settings->name && strlen(settings->name) > JOURNAL_NAME_LIMIT))
		return fail(-ENAMETOOLONG, error, error_size, "the name of a journal is too long");
	journal = journal_new(settings);
	if (!journal)
		return fail(-ENOMEM, error, error_size, "no memory for the journal %s",
			    settings->path);
	result = open_into(journal, settings, &recovery, error, error_size);
	recovery_release(&recovery);
	if (result)
		journal_free(journal);
	else
		*ret_journal = journal;
	return result;
}

/* ---- closing ----------------------------------------------------------------------------- */

static void journal_remove(struct journal *journal)
{
	for (uint32_t i = 0; i < journal->segment_count; i++)
		(void)segment_remove(journal, journal->segments[i]);
	(void)unlinkat(journal->directory, JOURNAL_HEAD_FILE, 0);
	(void)rmdir(journal->path);
}

/* Room that was made ahead is not needed while nobody appends. */
static void room_return(struct journal *journal)
{
	struct segment *active = journal->active;

	if (active && active->written == active->end)
		(void)!ftruncate(journal->active_file, (off_t)active->end);
}

static bool is_empty(const struct journal *journal)
{
	for (uint32_t i = 0; i < journal->segment_count; i++) {
		const struct segment *segment = journal->segments[i];

		if (segment->records && segment->last >= journal->released)
			return false;
	}
	return true;
}

void journal_close(struct journal *journal, bool remove_if_empty)
{
	if (!journal)
		return;
	(void)journal_flush(journal);
	room_return(journal);
	if (remove_if_empty && is_empty(journal))
		journal_remove(journal);
	else
		(void)journal_sync(journal, NULL);
	journal_free(journal);
}
