// SPDX-License-Identifier: Apache-2.0
/* What a hop's owner is told, and what is in its way there: stages, inboxes, admission. */
#include <stdio.h>
#include <string.h>

#include "connection.h"

/* ---- lists ------------------------------------------------------------------------------- */

static struct hop_list *list_of(struct hop_connection *connection)
{
	struct hop *hop = connection->hop;

	return connection->stage == STAGE_HALF_OPEN ? &hop->half_open : &hop->others;
}

/* 1: it is there now; -1: not any more. */
static void stage_count(struct hop_connection *connection, int step)
{
	struct hop *hop = connection->hop;

	if (connection->stage == STAGE_HALF_OPEN)
		hop->counts.half_open += (uint32_t)step;
	else if (connection->stage == STAGE_OPEN)
		hop->counts.open += (uint32_t)step;
	atomic_store_explicit(&hop->load, hop->counts.half_open + hop->counts.open,
			      memory_order_relaxed);
}

static void stage_set(struct hop_connection *connection, enum hop_stage stage)
{
	struct hop_list *list = list_of(connection);

	stage_count(connection, -1);
	if (connection->stage != STAGE_NONE) {
		*(connection->previous ? &connection->previous->next : &list->first) =
			connection->next;
		*(connection->next ? &connection->next->previous : &list->last) =
			connection->previous;
	}
	connection->stage = stage;
	stage_count(connection, 1);
	if (stage == STAGE_NONE)
		return;
	list = list_of(connection);
	connection->next = NULL;
	connection->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = connection;
	list->last = connection;
}

static void ready_remove(struct hop_connection *connection)
{
	struct hop *hop = connection->hop;
	struct hop_connection *before = NULL;

	if (!connection->is_ready)
		return;
	if (hop->ready != connection)
		for (before = hop->ready; before->next_ready != connection;)
			before = before->next_ready;
	*(before ? &before->next_ready : &hop->ready) = connection->next_ready;
	if (hop->ready_last == connection)
		hop->ready_last = before;
	connection->is_ready = false;
}

static void waiting_remove(struct hop_connection *connection)
{
	struct hop *hop = connection->hop;
	struct hop_connection *before = NULL;

	if (!connection->is_waiting)
		return;
	if (hop->waiting != connection)
		for (before = hop->waiting; before->next_waiting != connection;)
			before = before->next_waiting;
	*(before ? &before->next_waiting : &hop->waiting) = connection->next_waiting;
	if (hop->waiting_last == connection)
		hop->waiting_last = before;
	connection->is_waiting = false;
}

static void waiting_append(struct hop_connection *connection)
{
	struct hop *hop = connection->hop;

	connection->next_waiting = NULL;
	*(hop->waiting ? &hop->waiting_last->next_waiting : &hop->waiting) = connection;
	hop->waiting_last = connection;
	connection->is_waiting = true;
}

static void wake_soon(struct hop *hop)
{
	if (hop->awake || hop->stopped)
		return;
	hop->awake = true;
	atomic_store(&hop->wake_due, true);
}

static bool has_event(const struct hop_connection *connection)
{
	if (connection->stage != STAGE_OPEN && connection->stage != STAGE_ENDED)
		return false;
	if (connection->tells_opened)
		return true;
	if (connection->stage == STAGE_OPEN && connection->tells_writable)
		return true;
	if (connection->paused && !connection->abandoned)
		return false;
	return connection->inbox || connection->stage == STAGE_ENDED;
}

void hop_event_ready(struct hop_connection *connection)
{
	struct hop *hop = connection->hop;

	if (connection->is_ready && !has_event(connection))
		ready_remove(connection); /* it was paused with messages in its inbox */
	if (connection->is_ready || !has_event(connection))
		return;
	connection->next_ready = NULL;
	*(hop->ready ? &hop->ready_last->next_ready : &hop->ready) = connection;
	hop->ready_last = connection;
	connection->is_ready = true;
	wake_soon(hop);
}

/* ---- inboxes ----------------------------------------------------------------------------- */

void hop_inbox_take(struct hop_connection *connection, struct hop_pooled **inbox)
{
	if (!connection->inbox)
		return;
	connection->inbox_last->next = *inbox;
	*inbox = connection->inbox;
	connection->inbox = connection->inbox_last = NULL;
	connection->hop->counts.received_bytes -= connection->inbox_bytes;
	connection->inbox_bytes = 0;
}

void hop_inbox_free(struct hop_pooled *inbox)
{
	while (inbox) {
		struct hop_pooled *next = inbox->next;

		hop_buffer_release(&inbox->buffer);
		inbox = next;
	}
}

void hop_event_forget(struct hop_connection *connection, struct hop_pooled **inbox)
{
	ready_remove(connection);
	waiting_remove(connection);
	hop_inbox_take(connection, inbox);
	stage_set(connection, STAGE_NONE);
	if (connection->dialer) {
		connection->dialer->connection = NULL;
		connection->dialer->phase = DIALER_RESTS;
		connection->dialer = NULL;
	}
}

/* ---- beginnings -------------------------------------------------------------------------- */

/* The oldest that was accepted and is not open; what was dialed is ours. */
static void crowd_out(struct hop *hop)
{
	struct hop_connection *oldest = hop->half_open.first;

	while (oldest && !oldest->accepted)
		oldest = oldest->next;
	if (!oldest)
		return;
	stage_set(oldest, STAGE_DOOMED);
	hop_connection_die(oldest, HOP_CROWDED, "too many connections that are not open yet");
}

bool hop_event_born(struct hop_connection *connection, struct hop_dialer *dialer)
{
	struct hop *hop = connection->hop;
	bool wanted;

	pthread_mutex_lock(&hop->lock);
	wanted = !hop->stopped && !(dialer && dialer->released);
	if (wanted) {
		if (connection->accepted && hop->counts.half_open >= hop->settings.half_open)
			crowd_out(hop);
		hop_connection_acquire(connection);
		connection->born_ns = hop_now_ns();
		stage_set(connection, STAGE_HALF_OPEN);
	}
	if (wanted && dialer) {
		connection->dialer = dialer;
		dialer->connection = connection;
		dialer->phase = DIALER_IS_UP;
	}
	pthread_mutex_unlock(&hop->lock);
	return wanted;
}

/* With the lock. */
static bool open(struct hop_connection *connection)
{
	struct hop *hop = connection->hop;

	if (connection->stage != STAGE_HALF_OPEN)
		return true;
	if (connection->accepted && hop->counts.open >= hop->settings.connections)
		return false;
	stage_set(connection, STAGE_OPEN);
	hop->counts.opened++;
	connection->tells_opened = true;
	hop_event_ready(connection);
	return true;
}

bool hop_event_opened(struct hop_connection *connection)
{
	bool is_open;

	pthread_mutex_lock(&connection->hop->lock);
	is_open = open(connection);
	pthread_mutex_unlock(&connection->hop->lock);
	return is_open;
}

/* ---- messages ---------------------------------------------------------------------------- */

/* With the lock. Before it is open a message is bounded otherwise: by first_bytes and half_open. */
static bool admit(struct hop_connection *connection, size_t memory_bytes)
{
	struct hop *hop = connection->hop;
	size_t received_bytes = hop->counts.received_bytes;

	if (connection->stage != STAGE_OPEN || connection->abandoned || connection->reserved_bytes)
		return true;
	connection->suspended = true;
	if (connection->inbox_bytes >= hop->settings.inbox_bytes)
		return false;
	if (hop->waiting ||
	    (received_bytes && received_bytes + memory_bytes > hop->settings.received_bytes)) {
		connection->wanted_bytes = memory_bytes;
		waiting_append(connection);
		return false;
	}
	connection->suspended = false;
	connection->reserved_bytes = memory_bytes;
	hop->counts.received_bytes += memory_bytes;
	return true;
}

bool hop_event_admit(struct hop_connection *connection, size_t memory_bytes)
{
	bool admitted;

	pthread_mutex_lock(&connection->hop->lock);
	admitted = admit(connection, memory_bytes);
	pthread_mutex_unlock(&connection->hop->lock);
	return admitted;
}

/* With the lock. */
static void inbox_put(struct hop_connection *connection, struct hop_pooled *pooled)
{
	struct hop *hop = connection->hop;

	pooled->next = NULL;
	*(connection->inbox ? &connection->inbox_last->next : &connection->inbox) = pooled;
	connection->inbox_last = pooled;
	connection->inbox_bytes += pooled->memory_bytes;
	hop->counts.received_bytes += pooled->memory_bytes;
	hop->counts.messages_in++;
	hop->counts.bytes_in += HOP_HEADER_BYTES + pooled->buffer.length;
	hop_event_ready(connection);
}

bool hop_event_message(struct hop_connection *connection, struct hop_buffer *payload)
{
	struct hop *hop = connection->hop;
	bool is_open;

	pthread_mutex_lock(&hop->lock);
	hop->counts.received_bytes -= connection->reserved_bytes;
	connection->reserved_bytes = 0;
	is_open = open(connection);
	if (is_open && connection->stage == STAGE_OPEN && !connection->abandoned) {
		inbox_put(connection, hop_pooled(payload));
		payload = NULL;
	}
	pthread_mutex_unlock(&hop->lock);
	hop_buffer_release(payload);
	return is_open;
}

void hop_event_writable(struct hop_connection *connection)
{
	struct hop *hop = connection->hop;

	pthread_mutex_lock(&hop->lock);
	connection->tells_writable = true;
	hop_event_ready(connection);
	pthread_mutex_unlock(&hop->lock);
}

void hop_event_leaving(struct hop_connection *connection, int64_t leave_ns)
{
	pthread_mutex_lock(&connection->hop->lock);
	connection->leave_ns = leave_ns;
	pthread_mutex_unlock(&connection->hop->lock);
}

/* ---- ends -------------------------------------------------------------------------------- */

/* With the lock. */
static void refuse(struct hop *hop, enum hop_reason reason, const char *address, const char *detail)
{
	struct hop_refusal *refusal;

	hop->counts.refused[reason]++;
	if (hop->refusal_count == REFUSALS) {
		hop->first_refusal = (hop->first_refusal + 1) % REFUSALS;
		hop->refusal_count--;
	}
	refusal = &hop->refusals[(hop->first_refusal + hop->refusal_count++) % REFUSALS];
	refusal->reason = reason;
	(void)snprintf(refusal->address, sizeof(refusal->address), "%s", address);
	(void)snprintf(refusal->detail, sizeof(refusal->detail), "%s", detail);
	wake_soon(hop);
}

void hop_event_stillborn(struct hop *hop, enum hop_reason reason)
{
	pthread_mutex_lock(&hop->lock);
	refuse(hop, reason, "", "");
	pthread_mutex_unlock(&hop->lock);
}

/* With the lock. */
static void fail(struct hop_dialer *dialer, enum hop_reason reason, const char *detail)
{
	struct hop *hop = dialer->hop;

	if (dialer->released || dialer->has_failed)
		return;
	hop->counts.failed[reason]++;
	dialer->has_failed = true;
	dialer->reason = reason;
	(void)snprintf(dialer->detail, sizeof(dialer->detail), "%s", detail);
	dialer->next_failed = NULL;
	*(hop->failed ? &hop->failed_last->next_failed : &hop->failed) = dialer;
	hop->failed_last = dialer;
	wake_soon(hop);
}

void hop_event_failed(struct hop_dialer *dialer, enum hop_reason reason, const char *detail)
{
	pthread_mutex_lock(&dialer->hop->lock);
	fail(dialer, reason, detail);
	pthread_mutex_unlock(&dialer->hop->lock);
}

/* With the lock. It never was open. */
static void miscarry(struct hop_connection *connection, struct hop_pooled **inbox)
{
	struct hop_dialer *dialer = connection->dialer;

	if (connection->accepted)
		refuse(connection->hop, connection->reason, connection->peer_address,
		       connection->detail);
	hop_event_forget(connection, inbox);
	if (dialer)
		fail(dialer, connection->reason, connection->detail);
}

void hop_event_ended(struct hop_connection *connection)
{
	struct hop *hop = connection->hop;
	struct hop_pooled *inbox = NULL;
	bool forgotten = false;

	pthread_mutex_lock(&hop->lock);
	waiting_remove(connection);
	if (connection->stage == STAGE_OPEN) {
		hop->counts.closed[connection->reason]++;
		stage_set(connection, STAGE_ENDED);
		hop_event_ready(connection);
	} else if (connection->stage != STAGE_NONE) {
		miscarry(connection, &inbox);
		forgotten = true;
	}
	pthread_mutex_unlock(&hop->lock);
	hop_inbox_free(inbox);
	if (forgotten)
		hop_connection_release(connection);
}

void hop_event_buried(struct hop_connection *connection)
{
	struct hop *hop = connection->hop;

	pthread_mutex_lock(&hop->lock);
	hop->counts.received_bytes -= connection->reserved_bytes;
	connection->reserved_bytes = 0;
	if (hop->waiting)
		wake_soon(hop);
	pthread_mutex_unlock(&hop->lock);
}

/* ---- for the owner ----------------------------------------------------------------------- */

/* With the lock. Those that there is room for now, as a list by next_waiting. */
static struct hop_connection *waiting_grant(struct hop *hop)
{
	struct hop_connection *granted = NULL;

	while (hop->waiting) {
		struct hop_connection *first = hop->waiting;

		if (hop->counts.received_bytes &&
		    hop->counts.received_bytes + first->wanted_bytes > hop->settings.received_bytes)
			break;
		waiting_remove(first);
		first->suspended = false;
		first->reserved_bytes = first->wanted_bytes;
		hop->counts.received_bytes += first->wanted_bytes;
		first->next_waiting = granted;
		granted = first;
	}
	return granted;
}

/* With the lock. */
static void message_take(struct hop_connection *connection, struct hop_event *event)
{
	struct hop_pooled *pooled = connection->inbox;

	event->kind = HOP_MESSAGE;
	event->header = pooled->header;
	event->payload = &pooled->buffer;
	connection->inbox = pooled->next;
	connection->inbox_bytes -= pooled->memory_bytes;
	connection->hop->counts.received_bytes -= pooled->memory_bytes;
}

/* With the lock. The next thing that it has to tell, which is there. */
static void connection_event(struct hop_connection *connection, struct hop_event *event)
{
	struct hop *hop = connection->hop;
	struct hop_pooled *none = NULL;

	*event = (struct hop_event){ .connection = connection,
				     .dialer = connection->dialer,
				     .address = connection->peer_address,
				     .detail = "" };
	if (connection->tells_opened) {
		event->kind = HOP_OPENED;
		connection->tells_opened = false;
	} else if (connection->tells_writable && connection->stage == STAGE_OPEN) {
		event->kind = HOP_WRITABLE;
		connection->tells_writable = false;
	} else if (connection->inbox) {
		message_take(connection, event);
	} else {
		event->kind = HOP_CLOSED;
		event->reason = connection->reason;
		event->detail = connection->detail;
		hop_event_forget(connection, &none);
		hop->current = connection;
	}
}

static void refusal_event(struct hop *hop, struct hop_event *event)
{
	hop->told = hop->refusals[hop->first_refusal];
	hop->first_refusal = (hop->first_refusal + 1) % REFUSALS;
	hop->refusal_count--;
	*event = (struct hop_event){ .kind = HOP_REFUSED,
				     .reason = hop->told.reason,
				     .address = hop->told.address,
				     .detail = hop->told.detail };
}

static void failure_event(struct hop *hop, struct hop_event *event)
{
	struct hop_dialer *dialer = hop->failed;

	hop->failed = dialer->next_failed;
	dialer->has_failed = false;
	dialer->phase = DIALER_RESTS;
	memcpy(hop->told.detail, dialer->detail, sizeof(hop->told.detail));
	*event = (struct hop_event){ .kind = HOP_FAILED,
				     .dialer = dialer,
				     .reason = dialer->reason,
				     .address = "",
				     .detail = hop->told.detail };
}

/* With the lock. */
static bool event_take(struct hop *hop, struct hop_event *event)
{
	struct hop_connection *connection = hop->ready;

	if (hop->refusal_count) {
		refusal_event(hop, event);
	} else if (hop->failed) {
		failure_event(hop, event);
	} else if (connection) {
		ready_remove(connection);
		connection_event(connection, event);
		hop_event_ready(connection);
	} else {
		hop->awake = false;
		return false;
	}
	return true;
}

bool hop_next(struct hop *hop, struct hop_event *ret_event)
{
	struct hop_connection *before, *granted, *taken_of = NULL;
	bool found;

	pthread_mutex_lock(&hop->lock);
	before = hop->current;
	hop->current = NULL;
	found = event_take(hop, ret_event);
	if (found && ret_event->kind == HOP_MESSAGE)
		taken_of = ret_event->connection;
	if (taken_of && (!taken_of->suspended || taken_of->is_waiting ||
			 2 * taken_of->inbox_bytes > hop->settings.inbox_bytes))
		taken_of = NULL;
	if (taken_of)
		taken_of->suspended = false;
	granted = waiting_grant(hop);
	pthread_mutex_unlock(&hop->lock);

	if (before)
		hop_connection_release(before);
	if (taken_of)
		hop_receive_resume(taken_of);
	while (granted) {
		struct hop_connection *next = granted->next_waiting;

		hop_receive_resume(granted);
		granted = next;
	}
	return found;
}
