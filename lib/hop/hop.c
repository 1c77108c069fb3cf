// SPDX-License-Identifier: Apache-2.0
/* A hop: its settings, its limits of time, its figures, its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connection.h"
#include "secrets.h"

#define SECOND_NS INT64_C(1000000000)

enum { MIB = 1 << 20, MESSAGE_LIMIT_BYTES = 1 << 30 };

int64_t hop_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

void hop_wake(struct hop *hop)
{
	if (!atomic_load_explicit(&hop->wake_due, memory_order_relaxed) ||
	    !atomic_exchange(&hop->wake_due, false))
		return;
	pthread_mutex_lock(&hop->wake_lock);
	if (!hop->silenced && hop->settings.wake)
		hop->settings.wake(hop->settings.data);
	pthread_mutex_unlock(&hop->wake_lock);
}

void hop_acquire(struct hop *hop)
{
	atomic_fetch_add(&hop->references, 1);
}

void hop_release(struct hop *hop)
{
	if (atomic_fetch_sub(&hop->references, 1) > 1)
		return;
	(void)pthread_mutex_destroy(&hop->lock);
	(void)pthread_mutex_destroy(&hop->wake_lock);
	hop_secrets_release(hop->secrets);
	free((char *)hop->settings.name);
	free((char *)hop->settings.tls.server_name);
	free(hop);
}

/* ---- settings ---------------------------------------------------------------------------- */

static size_t size_or(size_t value, size_t otherwise)
{
	return value ? value : otherwise;
}

static int64_t time_or(int64_t value, int64_t otherwise)
{
	return value > 0 ? value : otherwise;
}

/* Strings are copied, those of files by hop_secrets_create(). -ENOMEM. */
static int settings_take(struct hop *hop, const struct hop_settings *given)
{
	struct hop_settings *settings = &hop->settings;
	const char *server_name = given->tls.server_name;

	*settings = (struct hop_settings){
		.wake = given->wake,
		.data = given->data,
		.message_bytes = size_or(given->message_bytes, 64 * MIB),
		.first_bytes = size_or(given->first_bytes, 64 * 1024),
		.inbox_bytes = size_or(given->inbox_bytes, 8 * MIB),
		.received_bytes = size_or(given->received_bytes, 256 * MIB),
		.send_bytes = size_or(given->send_bytes, 16 * MIB),
		.connections = (uint32_t)size_or(given->connections, 4096),
		.half_open = (uint32_t)size_or(given->half_open, 1024),
		.connect_ns = time_or(given->connect_ns, 10 * SECOND_NS),
		.open_ns = time_or(given->open_ns, 10 * SECOND_NS),
		.silence_ns = time_or(given->silence_ns, 30 * SECOND_NS),
		.permissions = (uint32_t)size_or(given->permissions, 0660),
	};
	if (settings->message_bytes > MESSAGE_LIMIT_BYTES)
		settings->message_bytes = MESSAGE_LIMIT_BYTES;
	settings->name = strdup(given->name ? given->name : "");
	if (!settings->name)
		return -ENOMEM;
	if (!server_name || !*server_name)
		return 0;
	settings->tls.server_name = strdup(server_name);
	return settings->tls.server_name ? 0 : -ENOMEM;
}

int hop_create(const struct hop_settings *settings, struct hop **ret_hop, char *error,
	       size_t error_size)
{
	const char *certificate = settings->tls.certificate;
	struct hop *hop = calloc(1, sizeof(*hop));
	int result;

	(void)snprintf(error, error_size, "no memory");
	if (!hop)
		return -ENOMEM;
	if (pthread_mutex_init(&hop->lock, NULL) || pthread_mutex_init(&hop->wake_lock, NULL)) {
		free(hop);
		return -ENOMEM;
	}
	atomic_init(&hop->references, 1);
	result = settings_take(hop, settings);
	if (result == 0 && certificate && *certificate)
		result = hop_secrets_create(&settings->tls, &hop->secrets, error, error_size);
	if (result < 0)
		hop_release(hop);
	else
		*ret_hop = hop;
	return result;
}

/* ---- end --------------------------------------------------------------------------------- */

void hop_listen_end(struct hop *hop)
{
	hop_listener_leave(hop, SECOND_NS);
}

/* Nothing more is told; one connection after the other is forgotten. */
static struct hop_connection *connection_forget(struct hop *hop)
{
	struct hop_connection *connection;
	struct hop_pooled *inbox = NULL;

	pthread_mutex_lock(&hop->lock);
	hop->stopped = true;
	connection = hop->half_open.first ? hop->half_open.first : hop->others.first;
	if (connection)
		hop_event_forget(connection, &inbox);
	pthread_mutex_unlock(&hop->lock);
	hop_inbox_free(inbox);
	return connection;
}

void hop_stop(struct hop *hop)
{
	struct hop_connection *connection;

	if (!hop)
		return;
	pthread_mutex_lock(&hop->wake_lock);
	hop->silenced = true;
	pthread_mutex_unlock(&hop->wake_lock);
	hop_listener_leave(hop, SECOND_NS);
	while (hop->dialers)
		hop_dialer_release(hop->dialers);
	while ((connection = connection_forget(hop))) {
		hop_connection_die(connection, HOP_BY_OWNER, NULL);
		hop_connection_release(connection);
	}
	if (hop->current)
		hop_connection_release(hop->current);
	hop_release(hop);
}

/* ---- time -------------------------------------------------------------------------------- */

/* With the lock. */
static void half_open_look(struct hop_connection *connection, int64_t now_ns)
{
	const struct hop_settings *settings = &connection->hop->settings;

	if (now_ns - connection->born_ns > settings->open_ns)
		hop_connection_die(connection, HOP_SLOW, "not open in time");
	else if (connection->leave_ns && now_ns > connection->leave_ns)
		hop_connection_die(connection, HOP_BY_OWNER, NULL); /* or why it leaves */
}

/* With the lock. Silence is the peer's only while we listen. */
static void open_look(struct hop_connection *connection, int64_t now_ns)
{
	const struct hop_settings *settings = &connection->hop->settings;
	bool listens = !connection->suspended && !connection->paused;

	if (connection->leave_ns && now_ns > connection->leave_ns)
		hop_connection_die(connection, HOP_BY_OWNER, NULL); /* or why it leaves */
	else if (listens && now_ns - hop_heard_ns(connection) > settings->silence_ns)
		hop_connection_die(connection, HOP_SILENT, NULL);
}

void hop_tick(struct hop *hop, int64_t now_ns)
{
	pthread_mutex_lock(&hop->lock);
	for (struct hop_connection *one = hop->half_open.first; one; one = one->next)
		half_open_look(one, now_ns);
	for (struct hop_connection *one = hop->others.first; one; one = one->next)
		open_look(one, now_ns);
	pthread_mutex_unlock(&hop->lock);
	hop_pool_trim(now_ns);
	hop_janitor_watch();
}

/* ---- certificates ------------------------------------------------------------------------ */

static void connection_judge(struct hop_connection *connection)
{
	enum hop_reason reason;
	const char *detail;
	int result = 0;

	pthread_mutex_lock(&connection->lock);
	if (!hop_connection_is_dead(connection) && connection->record.established)
		result = hop_secrets_judge(connection->hop->secrets, connection->record.ssl,
					   &reason, &detail);
	pthread_mutex_unlock(&connection->lock);
	if (result < 0)
		hop_connection_die(connection, reason, detail);
}

/* With the lock. Takes a reference to each. */
static uint32_t list_copy(const struct hop_list *list, struct hop_connection **to)
{
	uint32_t count = 0;

	for (struct hop_connection *one = list->first; one; one = one->next) {
		if (to) {
			hop_connection_acquire(one);
			to[count] = one;
		}
		count++;
	}
	return count;
}

/* All that are there now, so that none is judged with the hop's lock. */
static int connections_judge(struct hop *hop)
{
	struct hop_connection **all;
	uint32_t count;

	pthread_mutex_lock(&hop->lock);
	count = list_copy(&hop->half_open, NULL) + list_copy(&hop->others, NULL);
	all = calloc(count + 1, sizeof(struct hop_connection *));
	if (all) {
		count = list_copy(&hop->half_open, all);
		count += list_copy(&hop->others, all + count);
	}
	pthread_mutex_unlock(&hop->lock);
	for (uint32_t i = 0; all && i < count; i++) {
		connection_judge(all[i]);
		hop_connection_release(all[i]);
	}
	free(all);
	return all ? 0 : -ENOMEM;
}

int hop_renew(struct hop *hop, char *error, size_t error_size)
{
	int result;

	if (!hop->secrets)
		return 0;
	result = hop_secrets_renew(hop->secrets, error, error_size);
	if (result > 0 && connections_judge(hop) < 0) {
		(void)snprintf(error, error_size, "no memory to judge open connections anew");
		return -ENOMEM;
	}
	return result;
}

/* ---- figures ----------------------------------------------------------------------------- */

void hop_counts(const struct hop *hop, struct hop_counts *ret_counts)
{
	struct hop *counted = (struct hop *)hop; /* its lock is no part of what it is */

	pthread_mutex_lock(&counted->lock);
	*ret_counts = hop->counts;
	pthread_mutex_unlock(&counted->lock);
	ret_counts->bytes_out = atomic_load_explicit(&hop->bytes_out, memory_order_relaxed);
	ret_counts->messages_out = atomic_load_explicit(&hop->messages_out, memory_order_relaxed);
	ret_counts->accept_errors = atomic_load_explicit(&hop->accept_errors, memory_order_relaxed);
}
