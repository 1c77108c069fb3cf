/* SPDX-License-Identifier: Apache-2.0 */
/* Processors at work: what goes in, on, and less; and what those hear who wait for the rows. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "pipeline.h"
#include "processor.h"

/* Rows kept until they go on in others, and who waits for them. */
struct sonde_receipts {
	struct sonde_receipts *next, **link; /* among those of the instance */
	struct receipts list;
	struct tally kept;
};

static struct tally batch_tally(const struct sonde_batch *batch)
{
	return (struct tally){ .rows = batch->selected_count, .events = batch->event_count };
}

static void tally_grow(struct tally *tally, struct tally by)
{
	tally->rows += by.rows;
	tally->events += by.events;
}

static uint64_t less(uint64_t from, uint64_t by)
{
	return from > by ? from - by : 0;
}

/* What is left of `from` without `by`, each of rows and events at least 0. */
static struct tally tally_less(struct tally from, struct tally by)
{
	return (struct tally){ .rows = less(from.rows, by.rows),
			       .events = less(from.events, by.events) };
}

static void book(struct tally *counter, struct tally size)
{
	tally_add(counter, size.rows, size.events);
}

/* ---- shares ------------------------------------------------------------------------------ */

/* The rows of a batch lie on a line, and whatever becomes of some of them takes the next piece of
 * it, so that the shares of each who waits add up to what he waits for. */
struct piece {
	uint64_t from, to, all;
};

static struct piece piece_next(const struct instance *instance, uint64_t rows)
{
	const struct process_count *c = &instance->counting;
	uint64_t from = c->passed.rows + c->booked.rows;
	struct piece piece = { .from = from, .to = from + rows, .all = c->in.rows };

	if (piece.from > piece.all)
		piece.from = piece.all;
	if (piece.to > piece.all)
		piece.to = piece.all;
	return piece;
}

static uint64_t share_of(uint64_t rows, struct piece piece)
{
	unsigned __int128 all = rows;

	return piece.all ? (uint64_t)(all * piece.to / piece.all - all * piece.from / piece.all)
			 : 0;
}

static void piece_reduce(const struct receipts *receipts, struct piece piece)
{
	for (uint32_t i = 0; i < receipts->count; i++)
		receipt_reduced(receipts->items[i].receipt,
				share_of(receipts->items[i].rows, piece));
}

static void piece_lose(const struct receipts *receipts, struct piece piece, uint32_t loss,
		       bool retry)
{
	for (uint32_t i = 0; i < receipts->count; i++)
		receipt_lost(receipts->items[i].receipt, share_of(receipts->items[i].rows, piece),
			     loss_name(loss), retry, false);
}

/* Adds each one's share of a batch to the list. */
static int receipts_take(struct receipts *into, const struct receipts *from, struct piece piece)
{
	int result = 0;

	for (uint32_t i = 0; i < from->count && !result; i++)
		result = receipts_add(into, from->items[i].receipt,
				      share_of(from->items[i].rows, piece));
	return result;
}

/* Whether a batch carries the receipts of the one that process() was given: it was derived from it.
 */
static bool receipts_are_of(const struct receipts *receipts, const struct receipts *given)
{
	if (receipts->count != given->count)
		return false;
	for (uint32_t i = 0; i < given->count; i++) {
		if (receipts->items[i].receipt != given->items[i].receipt)
			return false;
	}
	return true;
}

/* What process() passes on carries its share of the receipts; rows that it made itself do too. */
static void receipts_pass(struct instance *instance, struct sonde_batch *batch, struct piece piece)
{
	struct sonde_batch *given = instance->counting.batch;
	struct receipts *receipts = batch_receipts(batch);
	const struct receipts *all = batch_receipts(given);

	if (batch == given) /* whole, and shared with other pipelines */
		return;
	if (!receipts->count) {
		receipts_take(receipts, all, piece);
		return;
	}
	if (!receipts_are_of(receipts, all))
		return;
	for (uint32_t i = 0; i < all->count; i++)
		receipts->items[i].rows = share_of(all->items[i].rows, piece);
}

/* ---- emitting ---------------------------------------------------------------------------- */

void processor_emit(struct instance *instance, struct sonde_batch *batch)
{
	struct tally size;

	batch_finish(batch);
	size = batch_tally(batch);
	if (instance->folding) {
		/* processor_fold() has booked it */
	} else if (instance->counting.batch) {
		receipts_pass(instance, batch, piece_next(instance, size.rows));
		tally_grow(&instance->counting.passed, size);
	} else {
		book(&instance->account->made, size);
	}
	listening_pass(&instance->listening, batch);
	pipeline_push(instance->owner, instance->position + 1, batch);
	book(&instance->account->out, size); /* not before the next has them: see input_emit() */
}

/* What process() neither passed on nor booked is reduced, or lost where it failed; what it passed
 * on beyond its input it made. */
static void processor_book(struct instance *instance, int result, bool retry)
{
	struct process_count *c = &instance->counting;
	struct account *account = instance->account;
	const struct receipts *receipts = batch_receipts(c->batch);
	struct tally done = c->passed, rest;
	struct piece piece;

	tally_grow(&done, c->booked);
	rest = tally_less(c->in, done);
	piece = piece_next(instance, rest.rows);
	book(&account->made, tally_less(done, c->in));
	if (result < 0) {
		book(&account->lost[SONDE_LOST_FAILED], rest);
		piece_lose(receipts, piece, SONDE_LOST_FAILED, retry);
	} else {
		book(&account->reduced[instance->plugin->descriptor->reduces], rest);
		piece_reduce(receipts, piece);
	}
	c->batch = NULL;
}

void processor_run(struct instance *instance, struct sonde_batch *batch)
{
	const struct sonde_plugin *plugin = instance->plugin->descriptor;
	bool running = instance_is_running(instance);
	int result = -EAGAIN; /* its start failed: rows cannot go past it unseen */

	instance->counting = (struct process_count){ .batch = batch, .in = batch_tally(batch) };
	book(&instance->account->in, instance->counting.in);
	if (running) {
		instance_enter(instance, CALLBACK_PROCESS);
		result = plugin->process(&instance->base, batch);
		if (result == SONDE_PASS)
			processor_emit(instance, batch_hold(batch));
		result = instance_leave(instance, CALLBACK_PROCESS, result);
	}
	processor_book(instance, result, !running);
	batch_release(batch);
}

/* ---- keeping ----------------------------------------------------------------------------- */

static struct sonde_receipts *receipts_create(struct instance *instance)
{
	struct sonde_receipts *receipts = calloc(1, sizeof(*receipts));

	if (!receipts)
		return NULL;
	receipts->next = instance->kept;
	receipts->link = &instance->kept;
	if (receipts->next)
		receipts->next->link = &receipts->next;
	instance->kept = receipts;
	return receipts;
}

static void receipts_free(struct sonde_receipts *receipts)
{
	*receipts->link = receipts->next;
	if (receipts->next)
		receipts->next->link = receipts->link;
	receipts_clear(&receipts->list);
	free(receipts);
}

struct sonde_receipts *processor_keep(struct instance *instance, struct sonde_batch *batch,
				      struct sonde_receipts *receipts)
{
	struct sonde_receipts *into = receipts ? receipts : receipts_create(instance);
	struct sonde_batch *given = instance->counting.batch;
	const struct receipts *waiting = batch_receipts(batch);
	struct tally size;
	int result;

	if (!into)
		return NULL;
	batch_finish(batch);
	size = batch_tally(batch);
	if (given && receipts_are_of(waiting, batch_receipts(given)))
		result = receipts_take(&into->list, batch_receipts(given),
				       piece_next(instance, size.rows));
	else
		result = receipts_join(&into->list, waiting);
	if (result) {
		if (!receipts)
			receipts_free(into);
		return NULL;
	}
	tally_grow(&into->kept, size);
	tally_grow(&instance->held, size);
	if (given)
		tally_grow(&instance->counting.booked, size);
	else /* rows that it came by in another way */
		book(&instance->account->made, size);
	return into;
}

/* Books the difference between what was kept and what goes on for it. What the plugin itself booked
 * of kept rows is no longer held. */
static void processor_book_fold(struct instance *instance, struct tally kept, struct tally out,
				struct tally *difference)
{
	struct tally held = tally_less(kept, instance->taken);

	instance->taken = tally_less(instance->taken, kept);
	instance->held = tally_less(instance->held, held);
	book(difference, tally_less(held, out));
	book(&instance->account->made, tally_less(out, held));
}

/* A batch that others may see keeps its own receipts. */
static struct sonde_batch *batch_apart(struct sonde_batch *batch)
{
	struct sonde_batch *apart;

	if (!batch_bytes(batch)) /* not finished: nobody else has it */
		return batch;
	apart = batch_derive(batch);
	batch_release(batch);
	return apart;
}

int processor_fold(struct instance *instance, struct sonde_receipts *receipts,
		   struct sonde_batch *batch)
{
	const struct piece whole = { .from = 0, .to = 1, .all = 1 };
	struct tally out = { 0 };
	bool refused = false;

	if (batch) {
		batch = batch_apart(batch);
		refused = !batch;
	}
	if (batch) {
		batch_finish(batch);
		out = batch_tally(batch);
		receipts_clear(batch_receipts(batch)); /* those of kept rows are in the list */
		*batch_receipts(batch) = receipts->list;
		receipts->list = (struct receipts){ 0 };
	} else if (refused) {
		piece_lose(&receipts->list, whole, SONDE_LOST_MEMORY, true);
	} else {
		piece_reduce(&receipts->list, whole);
	}
	processor_book_fold(instance, receipts->kept, out,
			    refused ? &instance->account->lost[SONDE_LOST_MEMORY]
				    : &instance->account->reduced[SONDE_AGGREGATED]);
	receipts_free(receipts);
	if (batch) {
		instance->folding = true;
		processor_emit(instance, batch);
		instance->folding = false;
	}
	return refused ? -ENOMEM : 0;
}

void processor_give_up(struct instance *instance)
{
	const struct piece whole = { .from = 0, .to = 1, .all = 1 };

	while (instance->kept) {
		piece_lose(&instance->kept->list, whole, SONDE_LOST_SHUTDOWN, true);
		receipts_free(instance->kept);
	}
	book(instance->account->replays ? &instance->account->reduced[SONDE_REPLAYED]
					: &instance->account->lost[SONDE_LOST_SHUTDOWN],
	     instance->held);
	instance->held = (struct tally){ 0 };
	instance->taken = (struct tally){ 0 };
}

/* ---- by the plugin's own word ------------------------------------------------------------ */

/* Outside process() they are rows that it kept, or such as it made itself. */
static void processor_take_kept(struct instance *instance, struct tally size)
{
	struct tally made = tally_less(size, instance->held);
	struct tally taken = tally_less(size, made);

	instance->held = tally_less(instance->held, taken);
	tally_grow(&instance->taken, taken);
	book(&instance->account->made, made);
}

void processor_reduce(struct instance *instance, struct tally size, uint32_t reduction)
{
	struct sonde_batch *batch = instance->counting.batch;

	if (batch) {
		piece_reduce(batch_receipts(batch), piece_next(instance, size.rows));
		tally_grow(&instance->counting.booked, size);
	} else {
		processor_take_kept(instance, size);
	}
	book(&instance->account->reduced[reduction], size);
}

void processor_lose(struct instance *instance, struct tally size, uint32_t loss)
{
	struct sonde_batch *batch = instance->counting.batch;
	bool retry = loss != SONDE_LOST_REJECTED && loss != SONDE_LOST_FAILED;

	if (batch) {
		piece_lose(batch_receipts(batch), piece_next(instance, size.rows), loss, retry);
		tally_grow(&instance->counting.booked, size);
	} else {
		processor_take_kept(instance, size);
	}
	book(&instance->account->lost[loss], size);
}
