/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger as it lies on disk: read and judged before it is mapped, and made shorter when the
 * accounts of former configs fill it. */
#ifndef SONDE_LEDGER_FILE_H
#define SONDE_LEDGER_FILE_H

#include "ledger.h"

enum {
	LEDGER_VERSION = 1,
	LEDGER_ACCOUNTS = 1023,
	/* With more accounts than this, an opening retires those that the last run did not use. */
	LEDGER_ACCOUNTS_KEPT = 511,
};

/* The file: a header of the size of an account, then the accounts, in this machine's byte order. */
struct ledger_head {
	char magic[8];
	uint32_t version;
	uint32_t account_size;
	uint64_t epoch; /* of the last run */
	uint32_t count; /* accounts that were made, or one less: a kill came before this was told */
	unsigned char unused[1024 - 28];
};

struct ledger_file {
	struct ledger_head head;
	struct account accounts[LEDGER_ACCOUNTS]; /* those in use first */
};

_Static_assert(sizeof(struct account) == 1024, "accounts are 1 KiB in the file");

extern const char ledger_magic[8];

/* Looks at a file of file_bytes, which is not empty, without changing it: 0, and how many accounts
 * are in use; -EBADMSG: no ledger; -EPROTONOSUPPORT: of another version; -EUCLEAN: it was one, but
 * is damaged; or what reading returned. A file of zeros is a ledger that nothing stands in yet. */
int ledger_file_check(int fd, uint64_t file_bytes, uint32_t *ret_count);

/* Puts a file in the place of the one at path in which accounts that the last run did not use, the
 * oldest first, are added up in one account of their kind, LEDGER_RETIRED, until
 * LEDGER_ACCOUNTS_KEPT are left or no more can go, and tells how many. A kill leaves either the
 * one or the other. */
int ledger_file_retire(const char *path, int fd, uint32_t count, uint32_t *ret_retired_count);

#endif
