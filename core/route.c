/* SPDX-License-Identifier: Apache-2.0 */
/* A route: the queue between two loops, its account in the ledger, and who is told when it moves.
 */
#include <errno.h>
#include <string.h>

#include "batch.h"
#include "memory.h"
#include "route.h"

enum { ROUTE_COMPACT_BELOW_PERCENT = 50 };

static size_t route_shed_bytes(void *data);
static void route_shed(void *data);
static void route_tell_room(void *data);

void route_init(struct route *route, const char *from, const char *to,
		const struct queue_config *config, struct account *account)
{
	memset(route, 0, sizeof(*route));
	route->from = from;
	route->to = to;
	route->queue.limit_bytes = config->memory_bytes;
	route->when_full = (enum when_full)config->when_full;
	route->account = account;
	pthread_mutex_init(&route->mutex, NULL);
	route->relief = (struct relief){ .bytes = route_shed_bytes,
					 .shed = route_shed,
					 .room = route_tell_room,
					 .data = route };
	relief_add(&route->relief);
}

/* Locked. */
static void route_install_disk(struct route *route, const struct route_plan *plan)
{
	struct spool *spool = route->spool;

	spool->commits = plan->to_pipeline;
	if (!spool->is_installed && spool->unread.rows)
		spool->doubtful_count = plan->in_flight_count;
	spool->is_installed = true;
	spool->takes_frames = plan->takes_frames;
	spool->takes_origins = plan->from_input;
	spool->resource = plan->resource;
	spool->settled_task = plan->settled;
	spool->appended_task = plan->appended;
	if (plan->appended && !spool->is_committed)
		spool->sendable = journal_last(spool->journal);
	else if (!plan->appended)
		spool->sendable = UINT64_MAX;
	spool->is_committed = plan->appended != NULL;
}

void route_set(struct route *route, const struct route_plan *plan)
{
	pthread_mutex_lock(&route->mutex);
	route->from = plan->from;
	route->to = plan->to;
	route->to_replica = plan->to_replica;
	route->queue.limit_bytes = plan->queue.memory_bytes;
	route->when_full = (enum when_full)plan->queue.when_full;
	route->final = plan->final;
	route->from_input = plan->from_input;
	route->sender_loop = plan->sender_loop;
	route->room = plan->room;
	route->receiver_loop = plan->receiver_loop;
	route->arrived = plan->arrived;
	route->is_beside_disk = plan->is_beside_disk;
	if (route->spool)
		route_install_disk(route, plan);
	pthread_mutex_unlock(&route->mutex);
}

void route_begin(struct route *route)
{
	census_enter(CENSUS_ROUTES, &route->census, route);
	pthread_mutex_lock(&route->mutex);
	if ((route->queue.count || route->spool) && route->receiver_loop)
		loop_post(route->receiver_loop, route->arrived);
	if (route->wants_room && route->sender_loop)
		loop_post(route->sender_loop, route->room);
	route->wants_room = false;
	pthread_mutex_unlock(&route->mutex);
}

void route_install(struct route *route, const struct route_plan *plan)
{
	route_set(route, plan);
	route_begin(route);
}

void route_forget_sender(struct route *route)
{
	pthread_mutex_lock(&route->mutex);
	route->sender_loop = NULL;
	route->room = NULL;
	route->wants_room = false;
	pthread_mutex_unlock(&route->mutex);
}

void route_retire(struct route *route)
{
	census_leave(&route->census);
	relief_remove(&route->relief);
	route_forget_sender(route);
	if (route->spool)
		spool_retire(route->spool);
}

/* Whoever waits for these rows hears that they are gone. */
static void receipts_lose(const struct receipts *receipts, uint64_t rows, uint64_t all_rows,
			  enum sonde_loss loss, const char *reason, bool uncertain)
{
	bool retry = loss != SONDE_LOST_REJECTED;

	for (uint32_t i = 0; i < receipts->count; i++) {
		uint64_t share = receipts->items[i].rows;

		if (rows < all_rows) /* some of them: each origin's part of it */
			share = all_rows ? share * rows / all_rows : 0;
		receipt_lost(receipts->items[i].receipt, share, reason, retry, uncertain);
	}
}

static void receipts_deliver(const struct receipts *receipts, uint64_t rows, uint64_t all_rows,
			     bool uncertain)
{
	for (uint32_t i = 0; i < receipts->count; i++) {
		uint64_t share = receipts->items[i].rows;

		if (rows < all_rows)
			share = all_rows ? share - share * (all_rows - rows) / all_rows : 0;
		receipt_delivered(receipts->items[i].receipt, share);
		if (uncertain)
			receipt_doubt(receipts->items[i].receipt);
	}
}

/* Books a batch that goes nowhere from here. Locked. */
static void route_lose(struct route *route, struct sonde_batch *batch, enum sonde_loss loss)
{
	tally_add(&route->account->lost[loss], batch->selected_count, batch->event_count);
}

static void lost_batch_release(struct sonde_batch *batch, enum sonde_loss loss)
{
	receipts_lose(batch_receipts(batch), batch->selected_count, batch->selected_count, loss,
		      loss_name(loss), false);
	batch_release(batch);
}

void route_drop(struct route *route)
{
	struct sonde_batch *batch;

	route_keep(route);
	if (route->spool)
		return;
	pthread_mutex_lock(&route->mutex);
	while ((batch = queue_pop(&route->queue))) {
		if (route->account->replays)
			tally_add(&route->account->reduced[SONDE_REPLAYED], batch->selected_count,
				  batch->event_count);
		else
			route_lose(route, batch, SONDE_LOST_SHUTDOWN);
		lost_batch_release(batch, SONDE_LOST_SHUTDOWN);
	}
	pthread_mutex_unlock(&route->mutex);
}

void route_clear(struct route *route)
{
	route_retire(route);
	route_drop(route);
	queue_clear(&route->queue);
	spool_close(route->spool);
	pthread_mutex_destroy(&route->mutex);
}

static struct sonde_batch *compacted(struct sonde_batch *batch)
{
	struct sonde_batch *compact;

	if ((uint64_t)batch->selected_count * 100 >=
	    (uint64_t)batch->row_count * ROUTE_COMPACT_BELOW_PERCENT)
		return batch;
	compact = batch_compact(batch);
	if (!compact)
		return batch; /* no memory: it stays as large as it is */
	batch_release(batch);
	return compact;
}

/* Makes room by letting go of the oldest. Locked. */
static void route_displace(struct route *route, size_t bytes)
{
	struct sonde_batch *oldest;

	while (!queue_fits(&route->queue, bytes) && (oldest = queue_pop(&route->queue))) {
		route_lose(route, oldest, SONDE_LOST_QUEUE_FULL);
		lost_batch_release(oldest, SONDE_LOST_QUEUE_FULL);
	}
}

/* Queues by the rule of the route. Locked. 0 or a negative errno: the batch was refused. Where the
 * daemon is short of memory it passes batches on one at a time. */
static int route_enqueue(struct route *route, struct sonde_batch *batch, bool is_short)
{
	size_t bytes = batch_bytes(batch);

	switch (route->when_full) {
	case WHEN_FULL_WAIT:
		/* A pipeline looks at route_is_full() before it makes more; an input has asked for
		 * room, and what it sends beyond that is refused. */
		return route->from_input ? queue_push(&route->queue, batch)
					 : queue_push_over(&route->queue, batch);
	case WHEN_FULL_DROP_OLDEST:
		route_displace(route, bytes);
		return queue_push_over(&route->queue, batch);
	case WHEN_FULL_DROP_NEWEST:
		if (is_short && route->queue.count)
			return -ENOMEM;
		break;
	}
	return queue_push(&route->queue, batch);
}

/* Whoever waits for the batch hears of it from the routes on disk beside this one. */
static void route_push_beside(struct route *route, struct sonde_batch *batch)
{
	struct sonde_batch *copy = route_unawaited(batch);

	if (copy) {
		batch_release(batch);
		route_push(route, copy);
		return;
	}
	memory_count_shed(batch->selected_count);
	pthread_mutex_lock(&route->mutex);
	queue_unreserve(&route->queue, batch_bytes(batch));
	tally_add(&route->account->in, batch->selected_count, batch->event_count);
	route_lose(route, batch, SONDE_LOST_MEMORY);
	pthread_mutex_unlock(&route->mutex);
	batch_release(batch);
}

void route_push(struct route *route, struct sonde_batch *batch)
{
	size_t promised_bytes = batch_bytes(batch);
	bool is_short = relief_is_due() && relief_run(), arrived = false;
	int result;

	if (route->spool) {
		spool_push(route->spool, batch);
		return;
	}
	if (route->is_beside_disk && batch_is_awaited(batch)) {
		route_push_beside(route, batch);
		return;
	}
	batch = compacted(batch);
	pthread_mutex_lock(&route->mutex);
	queue_unreserve(&route->queue, promised_bytes);
	tally_add(&route->account->in, batch->selected_count, batch->event_count);
	result = route_enqueue(route, batch, is_short);
	if (result) {
		enum sonde_loss loss =
			result == -ENOMEM ? SONDE_LOST_MEMORY : SONDE_LOST_QUEUE_FULL;

		if (result == -ENOMEM)
			memory_count_shed(batch->selected_count);
		route_lose(route, batch, loss);
		lost_batch_release(batch, loss);
	} else {
		arrived = route->queue.count == 1;
		if (route->queue.bytes > route->high_bytes)
			route->high_bytes = route->queue.bytes;
	}
	pthread_mutex_unlock(&route->mutex);
	if (arrived && route->receiver_loop)
		loop_post(route->receiver_loop, route->arrived);
}

/* Who waits for the batch waits for so much less, and of the rest for so much. */
static void receipts_split(const struct receipts *all, const struct sonde_batch *batch,
			   struct sonde_batch *rest)
{
	struct receipts *left = rest ? batch_receipts(rest) : NULL;
	uint64_t kept = rest ? rest->selected_count : 0;

	for (uint32_t i = 0; i < all->count; i++) {
		uint64_t rows = all->items[i].rows;
		uint64_t share = batch->selected_count ? rows * kept / batch->selected_count : 0;

		if (left && i < left->count)
			left->items[i].rows = share;
		receipt_reduced(all->items[i].receipt, rows - share);
	}
}

void route_filter(struct route *route, struct sonde_batch *batch, struct sonde_batch *rest)
{
	uint64_t rows = batch->selected_count - (rest ? rest->selected_count : 0);
	uint64_t events = batch->event_count - (rest ? rest->event_count : 0);

	pthread_mutex_lock(&route->mutex);
	tally_add(&route->account->in, rows, events);
	tally_add(&route->account->reduced[SONDE_FILTERED], rows, events);
	pthread_mutex_unlock(&route->mutex);
	receipts_split(batch_receipts(batch), batch, rest);
}

void route_refuse(struct route *route, struct sonde_batch *batch)
{
	memory_count_shed(batch->selected_count);
	pthread_mutex_lock(&route->mutex);
	tally_add(&route->account->in, batch->selected_count, batch->event_count);
	route_lose(route, batch, SONDE_LOST_MEMORY);
	pthread_mutex_unlock(&route->mutex);
	lost_batch_release(batch_hold(batch), SONDE_LOST_MEMORY);
}

bool route_is_full(struct route *route)
{
	bool is_short, full;

	if (route->when_full != WHEN_FULL_WAIT)
		return false;
	if (route->spool)
		return spool_is_full(route->spool);
	is_short = relief_is_due() && relief_run();
	pthread_mutex_lock(&route->mutex);
	full = route->queue.bytes >= route->queue.limit_bytes || (is_short && route->queue.count);
	if (full)
		route->wants_room = true;
	pthread_mutex_unlock(&route->mutex);
	return full;
}

/* Tells a sender that waits that there is room: at half of the limit, so that it is not woken for
 * every batch. Locked, as the sender may be leaving. */
static void route_give_room(struct route *route)
{
	if (!route->wants_room || route->queue.bytes > route->queue.limit_bytes / 2)
		return;
	route->wants_room = false;
	if (route->sender_loop)
		loop_post(route->sender_loop, route->room);
}

int route_reserve(struct route *route, size_t bytes)
{
	int result;

	if (route->spool)
		return spool_reserve(route->spool, bytes);
	pthread_mutex_lock(&route->mutex);
	result = queue_reserve(&route->queue, bytes);
	if (result == -EAGAIN)
		route->wants_room = true;
	pthread_mutex_unlock(&route->mutex);
	return result;
}

void route_unreserve(struct route *route, size_t bytes)
{
	if (route->spool) {
		spool_unreserve(route->spool, bytes);
		return;
	}
	pthread_mutex_lock(&route->mutex);
	queue_unreserve(&route->queue, bytes);
	route_give_room(route);
	pthread_mutex_unlock(&route->mutex);
}

bool route_take_back(struct route *route, size_t bytes)
{
	bool queued;

	pthread_mutex_lock(&route->mutex);
	queue_unreserve(&route->queue, bytes);
	route->wants_room = true;
	queued = route->queue.count > 0;
	pthread_mutex_unlock(&route->mutex);
	return queued;
}

/* ---- when memory is short ---------------------------------------------------------------- */

static size_t route_shed_bytes(void *data)
{
	struct route *route = data;
	size_t bytes;

	pthread_mutex_lock(&route->mutex);
	bytes = route->when_full == WHEN_FULL_DROP_OLDEST || route->spool ? route->queue.bytes : 0;
	pthread_mutex_unlock(&route->mutex);
	return bytes;
}

static void route_shed(void *data)
{
	struct route *route = data;
	struct sonde_batch *oldest = NULL;

	pthread_mutex_lock(&route->mutex);
	if (route->spool)
		spool_forget(route->spool); /* it is on disk */
	else
		oldest = queue_pop(&route->queue);
	if (oldest) {
		memory_count_shed(oldest->selected_count);
		route_lose(route, oldest, SONDE_LOST_MEMORY);
	}
	pthread_mutex_unlock(&route->mutex);
	if (oldest)
		lost_batch_release(oldest, SONDE_LOST_MEMORY);
}

static void route_tell_room(void *data)
{
	struct route *route = data;

	pthread_mutex_lock(&route->mutex);
	route_give_room(route);
	pthread_mutex_unlock(&route->mutex);
}

/* ---- receiving --------------------------------------------------------------------------- */

struct sonde_batch *route_pop(struct route *route)
{
	struct sonde_batch *batch;

	if (route->spool)
		return spool_pop(route->spool);
	pthread_mutex_lock(&route->mutex);
	batch = queue_pop(&route->queue);
	if (batch) {
		route->held.rows += batch->selected_count;
		route->held.events += batch->event_count;
	}
	route_give_room(route);
	pthread_mutex_unlock(&route->mutex);
	return batch;
}

/* Locked: what became of rows that were popped. */
static void route_book(struct route *route, struct tally rows, uint64_t lost_rows,
		       enum sonde_loss loss, bool uncertain)
{
	uint64_t lost_events =
		rows.rows ? (uint64_t)((unsigned __int128)rows.events * lost_rows / rows.rows) : 0;

	route->held.rows -= rows.rows;
	route->held.events -= rows.events;
	tally_add(&route->account->out, rows.rows - lost_rows, rows.events - lost_events);
	if (uncertain)
		tally_add(&route->account->repeated, rows.rows, rows.events);
	if (lost_rows)
		tally_add(&route->account->lost[loss], lost_rows, lost_events);
}

void route_settle(struct route *route, struct sonde_batch *batch, uint64_t lost_rows,
		  enum sonde_loss loss, const char *reason, bool uncertain)
{
	uint64_t rows = batch->selected_count;

	if (lost_rows > rows)
		lost_rows = rows;
	pthread_mutex_lock(&route->mutex);
	if (route->spool && spool_done(route->spool, batch, 0))
		uncertain = true;
	route_book(route, (struct tally){ rows, batch->event_count }, lost_rows, loss, uncertain);
	pthread_mutex_unlock(&route->mutex);
	if (route->final) {
		const struct receipts *receipts = batch_receipts(batch);

		if (lost_rows < rows)
			receipts_deliver(receipts, rows - lost_rows, rows, uncertain);
		if (lost_rows)
			receipts_lose(receipts, lost_rows, rows, loss,
				      reason ? reason : loss_name(loss), uncertain);
	}
	batch_release(batch);
}

void route_settle_frame(struct route *route, uint64_t number, const struct sonde_frame *frame,
			uint64_t lost_rows, enum sonde_loss loss, bool uncertain)
{
	pthread_mutex_lock(&route->mutex);
	route_book(route, (struct tally){ frame->rows, frame->events },
		   lost_rows < frame->rows ? lost_rows : frame->rows, loss, uncertain);
	spool_done(route->spool, NULL, number);
	pthread_mutex_unlock(&route->mutex);
}

/* Locked: rows that were popped and are queued again. */
static void route_unbook(struct route *route, struct tally rows, bool uncertain)
{
	route->held.rows -= rows.rows;
	route->held.events -= rows.events;
	if (uncertain)
		tally_add(&route->account->repeated, rows.rows, rows.events);
}

void route_return(struct route *route, struct sonde_batch *batch, bool uncertain)
{
	struct sonde_batch *done = NULL;
	int result = 0;

	pthread_mutex_lock(&route->mutex);
	route_unbook(route, (struct tally){ batch->selected_count, batch->event_count }, uncertain);
	if (route->spool) {
		spool_returned(route->spool, batch, 0);
		done = batch;
	} else {
		result = queue_push_head(&route->queue, batch);
	}
	if (result) {
		route_lose(route, batch, SONDE_LOST_MEMORY);
		lost_batch_release(batch, SONDE_LOST_MEMORY);
	}
	pthread_mutex_unlock(&route->mutex);
	batch_release(done);
	if (!result && route->receiver_loop)
		loop_post(route->receiver_loop, route->arrived);
}

void route_return_frame(struct route *route, uint64_t number, const struct sonde_frame *frame,
			bool uncertain)
{
	pthread_mutex_lock(&route->mutex);
	route_unbook(route, (struct tally){ frame->rows, frame->events }, uncertain);
	spool_returned(route->spool, NULL, number);
	pthread_mutex_unlock(&route->mutex);
	if (route->receiver_loop)
		loop_post(route->receiver_loop, route->arrived);
}

void route_snapshot(struct route *route, struct route_snapshot *ret_snapshot)
{
	pthread_mutex_lock(&route->mutex);
	*ret_snapshot = (struct route_snapshot){
		.in = tally_read(&route->account->in),
		.out = tally_read(&route->account->out),
		.queued = { route->queue.rows, route->queue.events },
		.held = route->held,
		.bytes = route->queue.bytes,
		.limit_bytes = route->queue.limit_bytes,
		.high_bytes = route->high_bytes,
		.batch_count = route->queue.count,
	};
	if (route->spool) {
		ret_snapshot->queued = route->spool->unread;
		ret_snapshot->disk_bytes = spool_bytes(route->spool);
		ret_snapshot->disk_limit_bytes = route->spool->limit_bytes;
	}
	for (uint32_t i = 0; i < SONDE_REDUCTION_COUNT; i++)
		ret_snapshot->reduced[i] = tally_read(&route->account->reduced[i]);
	for (uint32_t i = 0; i < SONDE_LOSS_COUNT; i++)
		ret_snapshot->lost[i] = tally_read(&route->account->lost[i]);
	pthread_mutex_unlock(&route->mutex);
}

bool route_is_idle(struct route *route)
{
	bool idle;

	pthread_mutex_lock(&route->mutex);
	idle = !route->queue.count && !route->held.rows &&
	       !(route->spool && route->spool->unread.rows);
	pthread_mutex_unlock(&route->mutex);
	return idle;
}
