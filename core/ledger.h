/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: what came in, went out, was reduced or lost, of every instance and route, in a file
 * that is mapped into memory and so outlives the process.
 *
 * Every account closes: in + made = out + reduced + lost + in flight. */
#ifndef SONDE_LEDGER_H
#define SONDE_LEDGER_H

#include <sonde/plugin.h>

enum account_kind {
	ACCOUNT_FREE = 0,
	ACCOUNT_KERNEL,    /* an input's kernel side; in events (its rows are events) */
	ACCOUNT_INPUT,     /* rows that an input emitted */
	ACCOUNT_ROUTE,     /* a queue between two loops, and what its receiver made of it */
	ACCOUNT_PROCESSOR, /* a processor in a pipeline */
};

/* Rows, and the origin events that they stand for. */
struct tally {
	uint64_t rows, events;
};

enum { LEDGER_NAME_BYTES = 224 };

/* The account, one of each kind, in which accounts of former configs are added up; no instance can
 * have that name. */
#define LEDGER_RETIRED "(retired)"

/* One account, as it lies in the file; 1,024 bytes. Counters only rise. */
struct account {
	uint32_t kind; /* enum account_kind */
	uint32_t seen; /* epoch of the last run that used it, its lower 32 bits; 0: not known */
	char name[LEDGER_NAME_BYTES]; /* "calls", "calls > main", "main / who": unique with the kind
				       */
	struct tally in, made, out;
	struct tally reduced[SONDE_REDUCTION_COUNT];
	struct tally lost[SONDE_LOSS_COUNT];
	struct tally repeated; /* of out and lost: may have reached the receiver twice */
	int64_t begun_ns;      /* wall clock when it was made; 0: not known */
	struct tally kept;     /* of what is open: it lies on disk, and comes again */
	uint32_t replays;      /* not 0: what else is open comes again from a queue on disk */
	uint32_t reserved;
	unsigned char unused[1024 - 24 - LEDGER_NAME_BYTES -
			     (5 + SONDE_REDUCTION_COUNT + SONDE_LOSS_COUNT) * 16];
};

struct ledger;

/* Opens or makes the file; path NULL: in memory only. What an earlier run left in flight is open
 * until ledger_book_open(), and nothing of it is kept or replayed. With more than 511 accounts,
 * those that the last run did not use are added up, the oldest first, in LEDGER_RETIRED. Failing it
 * leaves the file as it is: -EBADMSG: not a ledger; -EPROTONOSUPPORT: of another version; -EUCLEAN:
 * it was one, but is damaged. */
int ledger_open(const char *path, struct ledger **ret_ledger);
void ledger_close(struct ledger *ledger);

/* The account of that kind and name, made if it is new. NULL: the file is full. The pointer is
 * valid until ledger_close(). Any thread. */
struct account *ledger_account(struct ledger *ledger, enum account_kind kind, const char *name);

/* The account at a position from 0; NULL: past the last. Any thread. */
struct account *ledger_at(struct ledger *ledger, uint32_t position);

/* The number of this run: one more than that of the run before, from 1. */
uint64_t ledger_epoch(const struct ledger *ledger);

/* Accounts that the opening added up in others. */
uint32_t ledger_retired_count(const struct ledger *ledger);

/* Whether this run has asked for the account. Any thread. */
bool ledger_has_seen(const struct ledger *ledger, const struct account *account);

/* Raises it to at least that, where other runs were counted elsewhere; before any account is asked
 * for. */
void ledger_raise_epoch(struct ledger *ledger, uint64_t epoch);

/* Adds to one counter. Any thread; readers see whole numbers. */
void tally_add(struct tally *tally, uint64_t rows, uint64_t events);
struct tally tally_read(const struct tally *tally);

/* A copy of an account, each counter whole. */
void account_read(const struct account *account, struct account *ret_account);

/* What of the open rows of an account is not lost when this run ends, or was not when the last did.
 * Set before ledger_book_open(). */
void account_keep(struct account *account, struct tally kept);
void account_replay(struct account *account, bool replays);

/* Of the directory that its file lies in; NULL: it is in memory only. */
const char *ledger_directory(const struct ledger *ledger);

/* Books what every account is open by, and does not keep, as lost for that reason, or as reduced by
 * being replayed; and as made where more went out, or is kept, than came in. Nothing may move
 * meanwhile. */
void ledger_book_open(struct ledger *ledger, enum sonde_loss loss);

/* What is neither out, reduced nor lost of all that came in. */
struct tally account_open(const struct account *account);

/* Rows lost for a reason, over all accounts. */
uint64_t ledger_lost_rows(struct ledger *ledger, uint32_t loss);

const char *reduction_name(uint32_t reduction); /* "filtered" */
const char *loss_name(uint32_t loss);           /* "queue full" */

#endif
