// SPDX-License-Identifier: Apache-2.0
/* What core/journal.h promises of journals whose disk is full, or fails: these calls are the
 * test's, under the names that they have with large files. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "journal_fixture.h"

enum { SEGMENT = 65536 };

/* ---- a disk that fails as the test says --------------------------------------------------- */

static struct {
	int sync_error, make_error;
	size_t write_room;        /* bytes that are still taken */
	int write_error;          /* and then */
	off_t lost_from, lost_to; /* of every file: cannot be read */
	unsigned int sync_count;
} disk;

ssize_t __real_pwrite64(int fd, const void *data, size_t length, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t length, off_t offset);
ssize_t __real_pwritev64(int fd, const struct iovec *parts, int count, off_t offset);
ssize_t __wrap_pwritev64(int fd, const struct iovec *parts, int count, off_t offset);
ssize_t __real_pread64(int fd, void *data, size_t length, off_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t length, off_t offset);
int __real_fallocate64(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t length);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

static int failed(int error)
{
	errno = error;
	return -1;
}

ssize_t __wrap_pwrite64(int fd, const void *data, size_t length, off_t offset)
{
	if (!disk.write_error)
		return __real_pwrite64(fd, data, length, offset);
	if (!disk.write_room)
		return failed(disk.write_error);
	if (length > disk.write_room)
		length = disk.write_room;
	disk.write_room -= length;
	return __real_pwrite64(fd, data, length, offset);
}

ssize_t __wrap_pwritev64(int fd, const struct iovec *parts, int count, off_t offset)
{
	while (disk.write_error && count > 1 && !parts->iov_len) {
		parts++;
		count--;
	}
	if (!disk.write_error)
		return __real_pwritev64(fd, parts, count, offset);
	return __wrap_pwrite64(fd, parts->iov_base, parts->iov_len, offset);
}

ssize_t __wrap_pread64(int fd, void *data, size_t length, off_t offset)
{
	struct stat status;

	if (offset < disk.lost_to && offset + (off_t)length > disk.lost_from &&
	    !fstat(fd, &status) && status.st_size > disk.lost_from)
		return failed(EIO);
	return __real_pread64(fd, data, length, offset);
}

int __wrap_fallocate64(int fd, int mode, off_t offset, off_t length)
{
	return disk.make_error ? failed(disk.make_error)
			       : __real_fallocate64(fd, mode, offset, length);
}

int __wrap_fdatasync(int fd)
{
	disk.sync_count++;
	return disk.sync_error ? failed(disk.sync_error) : __real_fdatasync(fd);
}

static int disk_set_up(void **state)
{
	memset(&disk, 0, sizeof(disk));
	return journal_set_up(state);
}

/* ---- full -------------------------------------------------------------------------------- */

/* A file system of a megabyte that only this process sees, where the journal lies. */
static void small_disk_or_skip(void)
{
	if (mkdir(journal_path, 0700) || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("sonde", journal_path, "tmpfs", 0, "size=1m")) {
		print_message("this user may not mount a file system of its own\n");
		rmdir(journal_path);
		skip();
	}
}

static void small_disk_leave(void)
{
	assert_int_equal(umount2(journal_path, MNT_DETACH), 0);
}

static void a_full_disk_is_told_and_nothing_is_lost(void **state)
{
	struct journal *journal;
	struct journal_loss skipped;
	uint64_t rows = 0;
	int result;

	small_disk_or_skip();
	journal = journal_opened(0, SEGMENT);
	while (!(result = journal_try(journal, 3000, rows + 1)))
		rows++;
	assert_int_equal(result, -ENOSPC);
	assert_true(rows > 250);
	for (int i = 0; i < 3; i++)
		assert_int_equal(journal_try(journal, 3000, rows + 1), -ENOSPC);
	assert_int_equal(journal_last(journal), rows);
	assert_int_equal(journal_sync(journal, NULL), 0);
	assert_int_equal(journal_count(journal, 1, &skipped), rows);
	journal_close(journal, false);
	journal = journal_opened(0, SEGMENT);
	assert_int_equal(journal_count(journal, 1, &skipped), rows);
	assert_int_equal(skipped.bytes, 0);
	journal_close(journal, false);
	small_disk_leave();
}

static void appending_works_again_when_there_is_room(void **state)
{
	struct journal *journal;
	uint64_t rows = 0;

	small_disk_or_skip();
	journal = journal_opened(0, SEGMENT);
	while (!journal_try(journal, 3000, rows + 1))
		rows++;
	assert_int_equal(journal_release(journal, 101), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(journal_try(journal, 3000, ++rows), 0);
	assert_int_equal(journal_last(journal), rows);
	assert_int_equal(journal_count(journal, 101, NULL), rows - 100);
	journal_close(journal, false);
	small_disk_leave();
}

static void a_journal_on_a_disk_that_others_filled_is_opened_and_waits(void **state)
{
	char ballast[96];
	static const char block[4096];
	struct journal *journal;
	int file;

	small_disk_or_skip();
	journal = journal_opened(0, SEGMENT);
	journal_fill(journal, 10, 20000);
	journal_close(journal, false);
	snprintf(ballast, sizeof(ballast), "%s/ballast", journal_path);
	file = open(ballast, O_CREAT | O_WRONLY, 0600);
	while (write(file, block, sizeof(block)) > 0)
		;
	close(file);
	journal = journal_opened(0, SEGMENT);
	assert_int_equal(journal_count(journal, 1, NULL), 10);
	assert_int_equal(journal_try(journal, 40000, 11), -ENOSPC);
	assert_int_equal(journal_release(journal, 3), 0);
	assert_int_equal(unlink(ballast), 0);
	assert_int_equal(journal_try(journal, 40000, 11), 0);
	assert_int_equal(journal_count(journal, 3, NULL), 9);
	journal_close(journal, false);
	small_disk_leave();
}

/* ---- writing ----------------------------------------------------------------------------- */

/* However much of it was written. */
static void of_a_record_that_cannot_be_written_nothing_stays(void **state)
{
	struct journal *journal = journal_opened(0, 32 << 20);
	struct journal_loss skipped;
	uint64_t rows = 0;

	for (size_t room = 0; room < 600000; room += 29111) {
		assert_int_equal(journal_try(journal, 100, ++rows), 0);
		disk.write_room = room;
		disk.write_error = ENOSPC;
		/* Its last piece at least is longer than what is in the buffer. */
		assert_int_equal(journal_try(journal, 600000 + room, rows + 1), -ENOSPC);
		disk.write_error = 0;
		assert_int_equal(journal_last(journal), rows);
		if (room % 2)
			assert_int_equal(journal_try(journal, 300000, ++rows), 0);
	}
	assert_int_equal(journal_count(journal, 1, &skipped), rows);
	assert_int_equal(skipped.bytes, 0);
	journal_close(journal, false);
	journal = journal_opened(0, 32 << 20);
	assert_int_equal(journal_count(journal, 1, &skipped), rows);
	assert_int_equal(skipped.bytes, 0);
	journal_close(journal, false);
}

static void what_cannot_be_flushed_stays_in_the_buffer(void **state)
{
	struct journal *journal = journal_opened(0, 1 << 20);
	struct journal_uncertain uncertain = { 7, 7 };

	journal_fill(journal, 20, 100);
	disk.write_error = ENOSPC;
	disk.write_room = 1000;
	assert_int_equal(journal_flush(journal), -ENOSPC);
	assert_int_equal(journal_sync(journal, &uncertain), -ENOSPC);
	assert_int_equal(uncertain.from, 0);
	assert_int_equal(journal_try(journal, 100, 21), 0);
	disk.write_error = 0;
	assert_int_equal(journal_sync(journal, &uncertain), 0);
	assert_int_equal(journal_synced(journal), 21);
	assert_int_equal(journal_count(journal, 1, NULL), 21);
	journal_close(journal, false);
}

static void a_file_system_without_room_made_ahead_will_do(void **state)
{
	struct journal *journal;

	disk.make_error = EOPNOTSUPP;
	journal = journal_opened(0, SEGMENT);
	journal_fill(journal, 100, 3000);
	journal_close(journal, false);
	journal = journal_opened(0, SEGMENT);
	assert_int_equal(journal_count(journal, 1, NULL), 100);
	assert_int_equal(journal_try(journal, 3000, 1), 0);
	journal_close(journal, false);
}

/* ---- syncing ----------------------------------------------------------------------------- */

static void records_are_synced_in_groups(void **state)
{
	struct journal *journal = journal_opened(0, 1 << 20);

	journal_fill(journal, 100, 100);
	assert_int_equal(journal_synced(journal), 0);
	disk.sync_count = 0;
	assert_int_equal(journal_sync(journal, NULL), 0);
	assert_int_equal(journal_synced(journal), 100);
	assert_int_equal(disk.sync_count, 1);
	assert_int_equal(journal_sync(journal, NULL), 0);
	assert_int_equal(disk.sync_count, 1); /* nothing was new */
	journal_close(journal, false);
}

static void what_the_disk_did_not_take_is_told_once_and_not_appended_to(void **state)
{
	struct journal *journal = journal_opened(0, 1 << 20);
	struct journal_uncertain uncertain = { 0 };

	journal_fill(journal, 10, 100);
	assert_int_equal(journal_sync(journal, NULL), 0);
	journal_fill(journal, 5, 100);
	disk.sync_error = EIO;
	assert_int_equal(journal_sync(journal, &uncertain), -EIO);
	assert_int_equal(uncertain.from, 11);
	assert_int_equal(uncertain.to, 15);
	disk.sync_error = 0;
	assert_int_equal(journal_used(journal).segments, 1);
	journal_fill(journal, 5, 100);
	assert_int_equal(journal_used(journal).segments, 2);
	assert_int_equal(journal_sync(journal, &uncertain), 0);
	assert_int_equal(journal_synced(journal), 20);
	assert_int_equal(journal_count(journal, 1, NULL), 20);
	journal_close(journal, false);
}

/* ---- reading ----------------------------------------------------------------------------- */

static void a_place_that_the_disk_has_lost_costs_the_records_in_it(void **state)
{
	struct journal *journal = journal_opened(0, 1 << 20);
	struct journal_loss skipped;
	struct journal_recovery recovery;
	uint64_t count;

	journal_fill(journal, 100, 1000);
	assert_int_equal(journal_flush(journal), 0);
	disk.lost_from = 40960;
	disk.lost_to = 45056;
	count = journal_count(journal, 1, &skipped);
	assert_in_range(count, 94, 97);
	assert_int_equal(skipped.records, 100 - count);
	assert_true(skipped.bytes >= 4096);
	journal_close(journal, false);
	journal = journal_opened(0, 1 << 20);
	journal_recovered(journal, &recovery);
	assert_int_equal(recovery.records, count);
	assert_int_equal(recovery.damaged.records, 100 - count);
	assert_int_equal(journal_count(journal, 1, NULL), count);
	journal_close(journal, false);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, disk_set_up, journal_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_is_told_and_nothing_is_lost),
		TEST(appending_works_again_when_there_is_room),
		TEST(a_journal_on_a_disk_that_others_filled_is_opened_and_waits),
		TEST(of_a_record_that_cannot_be_written_nothing_stays),
		TEST(what_cannot_be_flushed_stays_in_the_buffer),
		TEST(a_file_system_without_room_made_ahead_will_do),
		TEST(records_are_synced_in_groups),
		TEST(what_the_disk_did_not_take_is_told_once_and_not_appended_to),
		TEST(a_place_that_the_disk_has_lost_costs_the_records_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
