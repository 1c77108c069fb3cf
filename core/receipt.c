// SPDX-License-Identifier: Apache-2.0
/* Receipts: counters behind a reference count, whose last holder tells the origin. */
#include "receipt.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct receipt {
	uint32_t references; /* this and all below but the origin's: atomic */
	bool retry;          /* some loss would be mended by sending again */
	bool uncertain;
	uint64_t delivered_rows, reduced_rows, lost_rows;
	const char *reason; /* of the first loss */
	receipt_settled *settled;
	void *origin;
	uint64_t token;
};

struct receipt *receipt_create(receipt_settled *settled, void *origin, uint64_t token)
{
	struct receipt *receipt = calloc(1, sizeof(*receipt));

	if (!receipt)
		return NULL;
	receipt->references = 1;
	receipt->settled = settled;
	receipt->origin = origin;
	receipt->token = token;
	return receipt;
}

struct receipt *receipt_hold(struct receipt *receipt)
{
	uint32_t before = __atomic_fetch_add(&receipt->references, 1, __ATOMIC_RELAXED);

	assert(before > 0 && before < UINT32_MAX);
	return receipt;
}

/* Nobody else holds it any more. */
static void receipt_settle(struct receipt *receipt)
{
	struct sonde_settlement settlement = {
		.size = sizeof(settlement),
		.verdict = SONDE_DONE,
		.delivered_rows = receipt->delivered_rows,
		.reduced_rows = receipt->reduced_rows,
		.lost_rows = receipt->lost_rows,
		.uncertain = receipt->uncertain,
		.reason = receipt->reason,
	};

	if (receipt->lost_rows && !receipt->delivered_rows)
		settlement.verdict = receipt->retry ? SONDE_RETRY : SONDE_REJECTED;
	receipt->settled(receipt->origin, receipt->token, &settlement);
}

void receipt_release(struct receipt *receipt)
{
	if (!receipt || __atomic_fetch_sub(&receipt->references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	receipt_settle(receipt);
	free(receipt);
}

void receipt_cancel(struct receipt *receipt)
{
	assert(__atomic_load_n(&receipt->references, __ATOMIC_RELAXED) == 1);
	free(receipt);
}

void receipt_delivered(struct receipt *receipt, uint64_t rows)
{
	__atomic_fetch_add(&receipt->delivered_rows, rows, __ATOMIC_RELAXED);
}

void receipt_doubt(struct receipt *receipt)
{
	__atomic_store_n(&receipt->uncertain, true, __ATOMIC_RELAXED);
}

void receipt_reduced(struct receipt *receipt, uint64_t rows)
{
	__atomic_fetch_add(&receipt->reduced_rows, rows, __ATOMIC_RELAXED);
}

void receipt_lost(struct receipt *receipt, uint64_t rows, const char *reason, bool retry,
		  bool uncertain)
{
	const char *none = NULL;

	if (!rows)
		return;
	if (retry)
		__atomic_store_n(&receipt->retry, true, __ATOMIC_RELAXED);
	if (uncertain)
		__atomic_store_n(&receipt->uncertain, true, __ATOMIC_RELAXED);
	__atomic_compare_exchange_n(&receipt->reason, &none, reason, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
	__atomic_fetch_add(&receipt->lost_rows, rows, __ATOMIC_RELAXED);
}

static int receipts_reserve(struct receipts *receipts, uint32_t more)
{
	uint32_t capacity = receipts->capacity ? receipts->capacity : 1;
	struct receipt_share *items;

	if (more > UINT32_MAX / 4 - receipts->count)
		return -ENOMEM;
	while (capacity - receipts->count < more)
		capacity *= 2;
	if (capacity == receipts->capacity)
		return 0;
	items = realloc(receipts->items, capacity * sizeof(*receipts->items));
	if (!items)
		return -ENOMEM;
	receipts->items = items;
	receipts->capacity = capacity;
	return 0;
}

/* Rows of one receipt that come one after the other need one entry only. */
static bool receipts_merge(struct receipts *receipts, struct receipt *receipt, uint64_t rows)
{
	uint32_t last = receipts->count - 1;

	if (!receipts->count || receipts->items[last].receipt != receipt)
		return false;
	receipts->items[last].rows += rows;
	return true;
}

int receipts_add(struct receipts *receipts, struct receipt *receipt, uint64_t rows)
{
	int result;

	if (receipts_merge(receipts, receipt, rows))
		return 0;
	result = receipts_reserve(receipts, 1);
	if (result)
		return result;
	receipts->items[receipts->count].receipt = receipt_hold(receipt);
	receipts->items[receipts->count].rows = rows;
	receipts->count++;
	return 0;
}

int receipts_join(struct receipts *receipts, const struct receipts *from)
{
	uint32_t count = from->count; /* it may be the same list */
	int result;

	if (!count)
		return 0;
	result = receipts_reserve(receipts, count);
	for (uint32_t i = 0; i < count && !result; i++)
		result = receipts_add(receipts, from->items[i].receipt, from->items[i].rows);
	return result;
}

void receipts_clear(struct receipts *receipts)
{
	for (uint32_t i = 0; i < receipts->count; i++)
		receipt_release(receipts->items[i].receipt);
	free(receipts->items);
	*receipts = (struct receipts){ 0 };
}
