// SPDX-License-Identifier: Apache-2.0
/* Fuzzes the files of a state directory: a ledger with pieces written over it, whole or cut, is
 * opened, and then closes, or is refused and left as it is; the same bytes as an id. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "identity.h"
#include "ledger_file.h"

enum { FEW = 3, MANY = 520 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory where that is possible: syncing to a disk each time takes 50 times as long. */
static char directory[64] = "/dev/shm/sonde-fuzz-ledger-XXXXXX";
static char path[96], id_path[96];
static struct ledger_file *few, *many, *tried, *after;

static void directory_remove(void)
{
	unlink(path);
	unlink(id_path);
	rmdir(directory);
}

static size_t file_bytes_read(void *buffer)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, buffer, sizeof(struct ledger_file));

	assert(length >= 0);
	close(fd);
	return (size_t)length;
}

static struct ledger_file *ledger_made(uint32_t count)
{
	struct ledger_file *file = calloc(1, sizeof(*file));
	struct ledger *ledger;
	char name[32];

	assert(file && !ledger_open(path, &ledger));
	for (uint32_t i = 0; i < count; i++) {
		struct account *account;

		snprintf(name, sizeof(name), "account %u", i);
		account = ledger_account(ledger, 1 + i % ACCOUNT_PROCESSOR, name);
		tally_add(&account->in, 100 + i, 1000);
		tally_add(&account->out, 100, 999);
	}
	ledger_close(ledger);
	file_bytes_read(file);
	unlink(path);
	return file;
}

static void set_up(void)
{
	if (!mkdtemp(directory)) {
		strcpy(directory, "/tmp/sonde-fuzz-ledger-XXXXXX");
		assert(mkdtemp(directory));
	}
	snprintf(path, sizeof(path), "%s/ledger", directory);
	snprintf(id_path, sizeof(id_path), "%s/host", directory);
	atexit(directory_remove);
	few = ledger_made(FEW);
	many = ledger_made(MANY);
	tried = malloc(sizeof(*tried));
	after = malloc(sizeof(*after));
	assert(tried && after);
}

/* Pieces of {offset of 3 bytes, length of 1, so many bytes}. */
static void pieces_write(struct ledger_file *file, const uint8_t *data, size_t size)
{
	while (size > 4) {
		size_t offset = (data[0] | data[1] << 8 | (size_t)data[2] << 16) % sizeof(*file);
		size_t length = data[3] < size - 4 ? data[3] : size - 4;

		if (length > sizeof(*file) - offset)
			length = sizeof(*file) - offset;
		memcpy((char *)file + offset, data + 4, length);
		data += 4 + length;
		size -= 4 + length;
	}
}

static void file_write(const char *at, const void *data, size_t length)
{
	int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert(fd >= 0 && write(fd, data, length) == (ssize_t)length);
	close(fd);
}

static void check_open(struct ledger *ledger)
{
	const struct account *account;
	uint32_t count = 0;

	for (; (account = ledger_at(ledger, count)); count++) {
		struct tally open = account_open(account);

		assert(account->kind > ACCOUNT_FREE && account->kind <= ACCOUNT_PROCESSOR);
		assert(memchr(account->name, '\0', LEDGER_NAME_BYTES) > (void *)account->name);
		assert(!open.rows && !open.events);
	}
	assert(count <= LEDGER_ACCOUNTS);
}

static void check_ledger(size_t length)
{
	struct ledger *ledger = NULL;
	uint64_t epoch;
	int result;

	file_write(path, tried, length);
	result = ledger_open(path, &ledger);
	if (result) {
		assert(!ledger);
		assert(result == -EBADMSG || result == -EPROTONOSUPPORT || result == -EUCLEAN);
		assert(file_bytes_read(after) == length && !memcmp(after, tried, length));
		return;
	}
	ledger_book_open(ledger, SONDE_LOST_CRASH); /* as a daemon does that starts */
	check_open(ledger);
	epoch = ledger_epoch(ledger);
	ledger_close(ledger);
	ledger = NULL;
	/* What closed with numbers beyond all measure may be taken for damaged the next time. */
	result = ledger_open(path, &ledger);
	assert(!result || result == -EUCLEAN);
	assert(result || ledger_epoch(ledger) == epoch + 1);
	ledger_close(ledger);
}

static void check_id(const uint8_t *data, size_t size)
{
	struct identity identity, again;
	int result;

	file_write(id_path, data, size);
	result = identity_open(id_path, &identity);
	assert(!result || result == -EBADMSG);
	if (result)
		return;
	assert(strlen(identity.id) == IDENTITY_ID_BYTES - 1);
	assert(!identity_begin(&identity, identity.epoch + 1));
	identity_close(&identity);
	assert(!identity_open(id_path, &again) && again.epoch == identity.epoch);
	assert(!strcmp(again.id, identity.id));
	identity_close(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t length = sizeof(*tried);

	if (size < 4)
		return 0;
	if (!tried)
		set_up();
	/* The first byte: which ledger, and whether it is cut, to what the next three say. */
	*tried = data[0] & 1 ? *many : *few;
	if (data[0] & 2)
		length = (data[1] | data[2] << 8 | (size_t)data[3] << 16) % (length + 1);
	pieces_write(tried, data + 4, size - 4);
	check_ledger(length);
	check_id(data, size);
	return 0;
}
