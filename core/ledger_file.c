/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger as it lies on disk: read and judged before it is mapped, and made shorter when the
 * accounts of former configs fill it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ledger_file.h"

enum { CHUNK_ACCOUNTS = 64 };

const char ledger_magic[8] = "sondeLG";

/* ---- reading ----------------------------------------------------------------------------- */

static bool is_zero(const void *data, size_t length)
{
	const unsigned char *bytes = data;

	return !length || (!bytes[0] && !memcmp(bytes, bytes + 1, length - 1));
}

static int read_at(int fd, void *data, size_t length, uint64_t offset)
{
	char *at = data;

	while (length) {
		ssize_t count = pread(fd, at, length, (off_t)offset);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (!count)
			return -EUCLEAN;
		at += count;
		offset += (uint64_t)count;
		length -= (size_t)count;
	}
	return 0;
}

static uint64_t account_offset(uint32_t position)
{
	return offsetof(struct ledger_file, accounts) + (uint64_t)position * sizeof(struct account);
}

/* Up to CHUNK_ACCOUNTS from a position on; how many there are. */
static int read_chunk(int fd, uint32_t position, struct account *chunk, uint32_t *ret_count)
{
	uint32_t left = LEDGER_ACCOUNTS - position;
	uint32_t count = left < CHUNK_ACCOUNTS ? left : CHUNK_ACCOUNTS;
	int result = read_at(fd, chunk, count * sizeof(*chunk), account_offset(position));

	if (!result)
		*ret_count = count;
	return result;
}

/* ---- judging ----------------------------------------------------------------------------- */

static bool name_is_whole(const char name[LEDGER_NAME_BYTES])
{
	size_t length = strnlen(name, LEDGER_NAME_BYTES);

	for (size_t i = 0; i < length; i++) {
		if (name[i] < ' ' || name[i] > '~')
			return false;
	}
	return length && length < LEDGER_NAME_BYTES;
}

/* No counter comes near the end of its range: beyond the half of it, bits have turned. */
static bool tallies_are_whole(const struct tally *tallies, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (tallies[i].rows > INT64_MAX || tallies[i].events > INT64_MAX)
			return false;
	}
	return true;
}

static bool account_is_whole(const struct account *account)
{
	return account->kind <= ACCOUNT_PROCESSOR && name_is_whole(account->name) &&
	       account->begun_ns >= 0 && tallies_are_whole(&account->in, 1) &&
	       tallies_are_whole(&account->made, 1) && tallies_are_whole(&account->out, 1) &&
	       tallies_are_whole(&account->repeated, 1) &&
	       tallies_are_whole(account->reduced, SONDE_REDUCTION_COUNT) &&
	       tallies_are_whole(account->lost, SONDE_LOSS_COUNT);
}

/* How many of a chunk are in use and whole, up to the first that is not. */
static uint32_t chunk_count(const struct account *chunk, uint32_t count)
{
	uint32_t at = 0;

	while (at < count && chunk[at].kind && account_is_whole(&chunk[at]))
		at++;
	return at;
}

/* As many accounts must be there, and whole, as were made, and one more may be; what lies behind
 * need not be read. Where that was not told (0) all up to the first free one. */
static int check_accounts(int fd, uint32_t made_count, struct account *chunk, uint32_t *ret_count)
{
	uint32_t limit =
		made_count && made_count < LEDGER_ACCOUNTS ? made_count + 1 : LEDGER_ACCOUNTS;
	uint32_t used = 0, looked = 0, count = 0;

	while (used == looked && looked < limit) {
		int result = read_chunk(fd, looked, chunk, &count);

		if (result)
			return result;
		if (count > limit - looked)
			count = limit - looked;
		looked += count;
		used += chunk_count(chunk, count);
	}
	if (used < made_count)
		return -EUCLEAN;
	if (!made_count && used < looked && chunk[count - (looked - used)].kind)
		return -EUCLEAN; /* the one that ended it is none that is free */
	*ret_count = used;
	return 0;
}

/* Only a file of zeros from end to end is one whose making was cut short. */
static int check_zeros(int fd, struct account *chunk)
{
	uint32_t count = 0;

	for (uint32_t position = 0; position < LEDGER_ACCOUNTS; position += count) {
		int result = read_chunk(fd, position, chunk, &count);

		if (result)
			return result;
		if (!is_zero(chunk, count * sizeof(*chunk)))
			return -EBADMSG;
	}
	return 0;
}

static int check_head(const struct ledger_head *head, uint64_t file_bytes)
{
	if (file_bytes < sizeof(head->magic) ||
	    memcmp(head->magic, ledger_magic, sizeof(head->magic)))
		return -EBADMSG;
	if (file_bytes < sizeof(*head))
		return -EUCLEAN;
	if (head->version != LEDGER_VERSION)
		return -EPROTONOSUPPORT;
	if (file_bytes != sizeof(struct ledger_file) || head->epoch > INT64_MAX ||
	    head->account_size != sizeof(struct account))
		return -EUCLEAN;
	return 0;
}

int ledger_file_check(int fd, uint64_t file_bytes, uint32_t *ret_count)
{
	struct account *chunk = calloc(CHUNK_ACCOUNTS, sizeof(*chunk));
	struct ledger_head head = { 0 };
	int result;

	if (!chunk)
		return -ENOMEM;
	result = read_at(fd, &head, file_bytes < sizeof(head) ? (size_t)file_bytes : sizeof(head),
			 0);
	if (!result && file_bytes == sizeof(struct ledger_file) && is_zero(&head, sizeof(head))) {
		result = check_zeros(fd, chunk);
	} else if (!result) {
		result = check_head(&head, file_bytes);
		if (!result)
			result = check_accounts(fd, head.count, chunk, ret_count);
	}
	free(chunk);
	return result;
}

/* ---- retiring ---------------------------------------------------------------------------- */

static void tallies_add(struct tally *to, const struct tally *from, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		to[i].rows += from[i].rows;
		to[i].events += from[i].events;
	}
}

/* All of an account into another; what it is still open by too, to be booked when it is opened. */
static void account_add(struct account *to, const struct account *from)
{
	tallies_add(&to->in, &from->in, 1);
	tallies_add(&to->made, &from->made, 1);
	tallies_add(&to->out, &from->out, 1);
	tallies_add(to->reduced, from->reduced, SONDE_REDUCTION_COUNT);
	tallies_add(to->lost, from->lost, SONDE_LOSS_COUNT);
	tallies_add(&to->repeated, &from->repeated, 1);
	if (from->begun_ns < to->begun_ns) /* 0: not known, and so of the sum */
		to->begun_ns = from->begun_ns;
}

static bool is_retired(const struct account *account)
{
	return !strcmp(account->name, LEDGER_RETIRED);
}

/* Runs since the account was used, as far as 32 bits tell. */
static uint32_t account_age(const struct ledger_file *file, const struct account *account)
{
	return account->seen ? (uint32_t)file->head.epoch - account->seen : UINT32_MAX;
}

static struct account *account_oldest(struct ledger_file *file, uint32_t count)
{
	struct account *oldest = NULL;

	for (uint32_t i = 0; i < count; i++) {
		struct account *account = &file->accounts[i];

		if (is_retired(account) || !account_age(file, account))
			continue;
		if (!oldest || account_age(file, account) > account_age(file, oldest))
			oldest = account;
	}
	return oldest;
}

static void account_retire(struct ledger_file *file, struct account *account, uint32_t *count)
{
	struct account *into = file->accounts, *last = &file->accounts[*count - 1];

	while (into <= last && !(into->kind == account->kind && is_retired(into)))
		into++;
	if (into > last) { /* the first of its kind: it becomes the sum of itself */
		memset(account->name, 0, sizeof(account->name));
		memcpy(account->name, LEDGER_RETIRED, sizeof(LEDGER_RETIRED));
		return;
	}
	account_add(into, account);
	memmove(account, account + 1, (size_t)(last - account) * sizeof(*account));
	memset(last, 0, sizeof(*last));
	(*count)--;
}

static int write_file(const char *path, const struct ledger_file *file)
{
	const char *at = (const char *)file;
	size_t left = sizeof(*file);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	int result = 0;

	if (fd < 0)
		return -errno;
	while (left && !result) {
		ssize_t count = write(fd, at, left);

		if (count > 0) {
			at += count;
			left -= (size_t)count;
		} else if (count == 0 || errno != EINTR) {
			result = count ? -errno : -EIO;
		}
	}
	if (!result && fsync(fd)) /* else a power cut could leave the name without the content */
		result = -errno;
	close(fd);
	return result;
}

/* How many there were to retire. */
static uint32_t accounts_retire(struct ledger_file *file, uint32_t count)
{
	struct account *oldest;
	uint32_t retired_count = 0;

	while (count > LEDGER_ACCOUNTS_KEPT && (oldest = account_oldest(file, count))) {
		account_retire(file, oldest, &count);
		retired_count++;
	}
	file->head.count = count;
	return retired_count;
}

int ledger_file_retire(const char *path, int fd, uint32_t count, uint32_t *ret_retired_count)
{
	char beside[PATH_MAX + 16];
	struct ledger_file *file = calloc(1, sizeof(*file));
	uint32_t retired_count;
	int result;

	if (!file)
		return -ENOMEM;
	snprintf(beside, sizeof(beside), "%s.new", path);
	result = read_at(fd, file, sizeof(*file), 0);
	retired_count = result ? 0 : accounts_retire(file, count);
	if (retired_count) {
		result = write_file(beside, file);
		if (!result && rename(beside, path))
			result = -errno;
		if (result)
			unlink(beside);
	}
	if (!result)
		*ret_retired_count = retired_count;
	free(file);
	return result;
}
