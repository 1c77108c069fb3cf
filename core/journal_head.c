// SPDX-License-Identifier: Apache-2.0
/* The head file of a journal: whose it is, and up to where it was released. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "journal_own.h"

_Static_assert(JOURNAL_HEAD_BYTES + JOURNAL_NAME_LIMIT + JOURNAL_ALIGNMENT <= JOURNAL_MARK_OFFSET,
	       "head and marks do not meet");

/* ---- the head ---------------------------------------------------------------------------- */

int head_put_file(int file, struct journal_head *head)
{
	unsigned char bytes[JOURNAL_FILE_BYTES] = { 0 };
	int result;

	head->made_ns = clock_wall_ns();
	head->first = head->before_first = 0;
	head->before = (struct journal_tally){ 0 };
	head->stream_count = head->streams_check = 0;
	journal_head_write(JOURNAL_HEAD_OF_JOURNAL, head, bytes);
	result = file_write_at(file, bytes, JOURNAL_MARK_OFFSET, 0);
	if (!result && ftruncate(file, sizeof(bytes)))
		result = -errno;
	/* Blocks of the marks, so that they can be written when the disk is full. */
	if (!result && fallocate(file, 0, 0, sizeof(bytes)) && errno == ENOSPC)
		result = -ENOSPC;
	if (!result && fsync(file))
		result = -errno;
	return result;
}

static int head_get(int file, struct journal_head *ret_head, bool *ret_new, bool *ret_damaged)
{
	unsigned char bytes[JOURNAL_HEAD_LIMIT];
	struct journal_head head;
	ssize_t length = pread(file, bytes, sizeof(bytes), 0);
	int result;

	*ret_new = !length;
	*ret_damaged = length < 0 && errno == EIO;
	if (length < 0)
		return *ret_damaged ? 0 : -errno;
	if (!length)
		return 0;
	result = journal_head_read(JOURNAL_HEAD_OF_JOURNAL, bytes, (size_t)length, &head);
	if (result == -EPROTONOSUPPORT)
		return result;
	if (result)
		*ret_damaged = true;
	else
		*ret_head = head;
	return 0;
}

int head_open(int directory, bool make, struct journal_head *head, int *ret_file, bool *ret_new,
	      bool *ret_damaged)
{
	int flags = make ? O_RDWR | O_CREAT : O_RDONLY;
	int file = openat(directory, JOURNAL_HEAD_FILE,
			  flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);
	struct stat status;
	int result = 0;

	if (file < 0)
		return -errno;
	if (fstat(file, &status))
		result = -errno;
	else if (!S_ISREG(status.st_mode))
		result = -EBADMSG;
	else if (make && flock(file, LOCK_EX | LOCK_NB))
		result = errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (!result)
		result = head_get(file, head, ret_new, ret_damaged);
	if (result)
		close(file);
	else
		*ret_file = file;
	return result;
}

/* ---- marks ------------------------------------------------------------------------------- */

static uint64_t mark_offset(uint64_t counter)
{
	return JOURNAL_MARK_OFFSET + (counter % 2) * JOURNAL_MARK_DISTANCE;
}

bool mark_get(int file, struct journal_mark *ret_mark)
{
	bool found = false;

	for (uint64_t which = 0; which < 2; which++) {
		unsigned char bytes[JOURNAL_MARK_BYTES];
		struct journal_mark mark;

		if (pread(file, bytes, sizeof(bytes), (off_t)mark_offset(which)) != sizeof(bytes) ||
		    !journal_mark_read(bytes, &mark))
			continue;
		if (!found || mark.counter > ret_mark->counter)
			*ret_mark = mark;
		found = true;
	}
	return found;
}

int mark_put(struct journal *journal)
{
	unsigned char bytes[JOURNAL_MARK_BYTES];

	pthread_mutex_lock(&journal->lock);
	journal->mark.given = journal->flushed;
	journal->mark.released = journal->released;
	pthread_mutex_unlock(&journal->lock);
	journal->mark.counter++;
	journal_mark_write(&journal->mark, bytes);
	return file_write_at(journal->head_file, bytes, sizeof(bytes),
			     mark_offset(journal->mark.counter));
}

void boot_read(unsigned char boot[16])
{
	CLEANUP(text_free) char *text = NULL;
	size_t length, digits = 0;

	memset(boot, 0, 16);
	if (file_read("/proc/sys/kernel/random/boot_id", 64, false, &text, &length) < 0)
		return;
	for (const char *at = text; *at && digits < 32; at++) {
		unsigned int digit = (unsigned int)(*at >= 'a' ? *at - 'a' + 10 : *at - '0');

		if (digit > 15)
			continue;
		boot[digits / 2] = (unsigned char)(boot[digits / 2] << 4 | digit);
		digits++;
	}
}
