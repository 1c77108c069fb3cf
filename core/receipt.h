/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts: who wants to hear what became of rows, counted apart from the data. */
#ifndef SONDE_RECEIPT_H
#define SONDE_RECEIPT_H

#include <sonde/plugin.h>

/* What an origin learns. Counted; when the last reference goes, `settled` of its origin is called,
 * on whatever thread that was. Counts may be added from any thread. */
struct receipt;

typedef void receipt_settled(void *origin, uint64_t token, const struct sonde_settlement *);

struct receipt *receipt_create(receipt_settled *settled, void *origin, uint64_t token);
struct receipt *receipt_hold(struct receipt *receipt);
void receipt_release(struct receipt *receipt); /* NULL is fine */
void receipt_cancel(struct receipt *receipt);  /* of its only holder: nobody is told */

void receipt_delivered(struct receipt *receipt, uint64_t rows);
/* Some of its rows may reach the receiver twice. */
void receipt_doubt(struct receipt *receipt);
void receipt_reduced(struct receipt *receipt, uint64_t rows);
/* reason: a constant text. */
void receipt_lost(struct receipt *receipt, uint64_t rows, const char *reason, bool retry,
		  bool uncertain);

/* Rows that stand for rows of a receipt. */
struct receipt_share {
	struct receipt *receipt; /* a reference */
	uint64_t rows;
};

/* What a batch or a window carries: its receipts, each with the rows that it stands for. */
struct receipts {
	uint32_t count, capacity;
	struct receipt_share *items;
};

/* -ENOMEM leaves the list as it was. Rows added for the last receipt again join its entry. */
int receipts_add(struct receipts *receipts, struct receipt *receipt, uint64_t rows);
/* Adds all of `from`, each reference anew. */
int receipts_join(struct receipts *receipts, const struct receipts *from);
void receipts_clear(struct receipts *receipts);

#endif
