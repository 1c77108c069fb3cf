/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: what came in, went out, was reduced or lost, of every instance and route, in a file
 * that is mapped into memory and so outlives the process. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "ledger_file.h"

struct ledger {
	struct ledger_file *file; /* mapped; a sparse file of 1 MiB, of which used pages count */
	uint32_t count;           /* atomic: accounts in use, the first ones */
	uint32_t retired_count;
	pthread_mutex_t mutex; /* over making accounts */
	char *directory;       /* of the file; NULL: in memory only */
};

static const char *const reduction_names[SONDE_REDUCTION_COUNT] = {
	[SONDE_FILTERED] = "filtered",     [SONDE_SAMPLED] = "sampled",
	[SONDE_AGGREGATED] = "aggregated", [SONDE_LIMITED] = "limited",
	[SONDE_REPLAYED] = "replayed",
};

static const char *const loss_names[SONDE_LOSS_COUNT] = {
	[SONDE_LOST_QUEUE_FULL] = "queue full", [SONDE_LOST_REJECTED] = "rejected",
	[SONDE_LOST_FAILED] = "failed",         [SONDE_LOST_MEMORY] = "memory",
	[SONDE_LOST_SHUTDOWN] = "shutdown",     [SONDE_LOST_CRASH] = "crash",
	[SONDE_LOST_RING_FULL] = "ring full",   [SONDE_LOST_MAP_FULL] = "map full",
	[SONDE_LOST_FAULT] = "fault",           [SONDE_LOST_MISSED] = "missed",
	[SONDE_LOST_EXPIRED] = "expired",
};

const char *reduction_name(uint32_t reduction)
{
	const char *name = reduction < SONDE_REDUCTION_COUNT ? reduction_names[reduction] : NULL;

	return name ? name : "other";
}

const char *loss_name(uint32_t loss)
{
	const char *name = loss < SONDE_LOSS_COUNT ? loss_names[loss] : NULL;

	return name ? name : "other";
}

void tally_add(struct tally *tally, uint64_t rows, uint64_t events)
{
	__atomic_fetch_add(&tally->rows, rows, __ATOMIC_RELAXED);
	__atomic_fetch_add(&tally->events, events, __ATOMIC_RELAXED);
}

struct tally tally_read(const struct tally *tally)
{
	return (struct tally){
		.rows = __atomic_load_n(&tally->rows, __ATOMIC_RELAXED),
		.events = __atomic_load_n(&tally->events, __ATOMIC_RELAXED),
	};
}

static void tally_subtract(struct tally *from, const struct tally *tally)
{
	struct tally read = tally_read(tally);

	from->rows -= read.rows;
	from->events -= read.events;
}

void account_read(const struct account *account, struct account *ret_account)
{
	ret_account->kind = account->kind; /* it and the name never change once made */
	ret_account->seen = __atomic_load_n(&account->seen, __ATOMIC_RELAXED);
	memcpy(ret_account->name, account->name, sizeof(account->name));
	ret_account->in = tally_read(&account->in);
	ret_account->made = tally_read(&account->made);
	ret_account->out = tally_read(&account->out);
	ret_account->repeated = tally_read(&account->repeated);
	ret_account->begun_ns = account->begun_ns; /* as the name */
	for (uint32_t i = 0; i < SONDE_REDUCTION_COUNT; i++)
		ret_account->reduced[i] = tally_read(&account->reduced[i]);
	for (uint32_t i = 0; i < SONDE_LOSS_COUNT; i++)
		ret_account->lost[i] = tally_read(&account->lost[i]);
}

struct tally account_open(const struct account *account)
{
	struct tally open = tally_read(&account->in), made = tally_read(&account->made);

	open.rows += made.rows;
	open.events += made.events;
	tally_subtract(&open, &account->out);
	for (uint32_t i = 0; i < SONDE_REDUCTION_COUNT; i++)
		tally_subtract(&open, &account->reduced[i]);
	for (uint32_t i = 0; i < SONDE_LOSS_COUNT; i++)
		tally_subtract(&open, &account->lost[i]);
	return open;
}

void account_keep(struct account *account, struct tally kept)
{
	account->kept = kept;
}

void account_replay(struct account *account, bool replays)
{
	account->replays = replays;
}

static void account_book_open(struct account *account, enum sonde_loss loss)
{
	struct tally *gone =
		account->replays ? &account->reduced[SONDE_REPLAYED] : &account->lost[loss];
	struct tally open = account_open(account);
	int64_t rows = (int64_t)(open.rows - account->kept.rows);
	int64_t events = (int64_t)(open.events - account->kept.events);

	tally_add(gone, rows > 0 ? (uint64_t)rows : 0, events > 0 ? (uint64_t)events : 0);
	tally_add(&account->made, rows < 0 ? (uint64_t)-rows : 0,
		  events < 0 ? (uint64_t)-events : 0);
}

/* What a processor makes is booked after it went out, so a kill can come in between. */
void ledger_book_open(struct ledger *ledger, enum sonde_loss loss)
{
	struct account *account;

	for (uint32_t i = 0; (account = ledger_at(ledger, i)); i++)
		account_book_open(account, loss);
}

static int ledger_map(struct ledger *ledger, int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *file = mmap(NULL, sizeof(*ledger->file), PROT_READ | PROT_WRITE, flags, fd, 0);

	if (file == MAP_FAILED)
		return -errno;
	ledger->file = file;
	return 0;
}

/* Space is allocated ahead, so that a full disk is an error here and not a SIGBUS later. */
static int ledger_map_new(struct ledger *ledger, int fd)
{
	int result = -posix_fallocate(fd, 0, sizeof(*ledger->file));

	if (!result)
		result = ledger_map(ledger, fd);
	if (result)
		return result;
	ledger->file->head.version = LEDGER_VERSION;
	ledger->file->head.account_size = sizeof(struct account);
	memcpy(ledger->file->head.magic, ledger_magic, sizeof(ledger_magic));
	return 0;
}

static int ledger_map_file(struct ledger *ledger, const char *path, bool retired)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640), result = 0;
	uint32_t count = 0;
	struct stat status;
	bool retire;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status))
		result = -errno;
	else if (status.st_size)
		result = ledger_file_check(fd, (uint64_t)status.st_size, &count);
	retire = !result && count > LEDGER_ACCOUNTS_KEPT && !retired;
	ledger->count = count;
	if (retire)
		result = ledger_file_retire(path, fd, count, &ledger->retired_count);
	else if (!result)
		result = count ? ledger_map(ledger, fd) : ledger_map_new(ledger, fd);
	close(fd);
	return retire && !result ? ledger_map_file(ledger, path, true) : result;
}

static int directory_of(const char *path, char **ret_directory)
{
	const char *slash = strrchr(path, '/');

	*ret_directory = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	return *ret_directory ? 0 : -ENOMEM;
}

const char *ledger_directory(const struct ledger *ledger)
{
	return ledger->directory;
}

int ledger_open(const char *path, struct ledger **ret_ledger)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	int result;

	if (!ledger)
		return -ENOMEM;
	pthread_mutex_init(&ledger->mutex, NULL);
	result = path ? ledger_map_file(ledger, path, false) : ledger_map(ledger, -1);
	if (!result && path)
		result = directory_of(path, &ledger->directory);
	if (result) {
		ledger_close(ledger);
		return result;
	}
	for (uint32_t i = 0; i < ledger->count; i++) {
		account_keep(&ledger->file->accounts[i], (struct tally){ 0 });
		account_replay(&ledger->file->accounts[i], false);
	}
	ledger->file->head.epoch++;
	*ret_ledger = ledger;
	return 0;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	if (ledger->file)
		munmap(ledger->file, sizeof(*ledger->file));
	pthread_mutex_destroy(&ledger->mutex);
	free(ledger->directory);
	free(ledger);
}

/* A new account at the end. A kill at any point leaves it out of the file, or whole in it. */
static struct account *account_make(struct ledger *ledger, enum account_kind kind, const char *name,
				    size_t length)
{
	struct account *account = &ledger->file->accounts[ledger->count];

	if (ledger->count == LEDGER_ACCOUNTS)
		return NULL;
	__atomic_store_n(&account->kind, ACCOUNT_FREE, __ATOMIC_RELEASE);
	memset(account, 0, sizeof(*account));
	memcpy(account->name, name, length);
	account->begun_ns = clock_wall_ns();
	__atomic_store_n(&account->kind, kind, __ATOMIC_RELEASE);
	ledger->file->head.count = ledger->count + 1;
	__atomic_store_n(&ledger->count, ledger->count + 1, __ATOMIC_RELEASE);
	return account;
}

struct account *ledger_account(struct ledger *ledger, enum account_kind kind, const char *name)
{
	size_t length = strnlen(name, LEDGER_NAME_BYTES - 1);
	struct account *found = NULL;

	assert(kind != ACCOUNT_FREE);
	pthread_mutex_lock(&ledger->mutex);
	for (uint32_t i = 0; i < ledger->count && !found; i++) {
		struct account *account = &ledger->file->accounts[i];

		if (account->kind == kind && strlen(account->name) == length &&
		    !memcmp(account->name, name, length))
			found = account;
	}
	if (!found)
		found = account_make(ledger, kind, name, length);
	if (found)
		__atomic_store_n(&found->seen, (uint32_t)ledger->file->head.epoch,
				 __ATOMIC_RELAXED);
	pthread_mutex_unlock(&ledger->mutex);
	return found;
}

struct account *ledger_at(struct ledger *ledger, uint32_t position)
{
	return position < __atomic_load_n(&ledger->count, __ATOMIC_ACQUIRE)
		       ? &ledger->file->accounts[position]
		       : NULL;
}

uint32_t ledger_retired_count(const struct ledger *ledger)
{
	return ledger->retired_count;
}

bool ledger_has_seen(const struct ledger *ledger, const struct account *account)
{
	return __atomic_load_n(&account->seen, __ATOMIC_RELAXED) ==
	       (uint32_t)ledger->file->head.epoch;
}

uint64_t ledger_epoch(const struct ledger *ledger)
{
	return ledger->file->head.epoch;
}

void ledger_raise_epoch(struct ledger *ledger, uint64_t epoch)
{
	if (ledger->file->head.epoch < epoch)
		ledger->file->head.epoch = epoch;
}

uint64_t ledger_lost_rows(struct ledger *ledger, uint32_t loss)
{
	struct account *account;
	uint64_t rows = 0;

	for (uint32_t i = 0; (account = ledger_at(ledger, i)); i++)
		rows += tally_read(&account->lost[loss]).rows;
	return rows;
}
