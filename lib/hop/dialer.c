// SPDX-License-Identifier: Apache-2.0
/* Dialers: one attempt at a time, when the owner says so. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

static void dialer_bury(struct hop_burial *burial)
{
	struct hop_dialer *dialer = (struct hop_dialer *)burial;

	nng_stream_dialer_close(dialer->dialer);
	nng_aio_stop(dialer->aio);
	nng_aio_free(dialer->aio); /* first, as with a connection's */
	nng_stream_dialer_free(dialer->dialer);
	hop_release(dialer->hop);
	free(dialer->host);
	free(dialer);
}

static void dialer_dial(struct hop_dialer *dialer)
{
	const struct hop_settings *settings = &dialer->hop->settings;

	nng_aio_set_timeout(dialer->aio, (nng_duration)(settings->connect_ns / 1000000));
	nng_stream_dialer_dial(dialer->dialer, dialer->aio);
}

/* Where nobody listens at a port that the kernel gives to connections, a dialer may reach itself.
 */
static bool is_own(nng_stream *stream)
{
	nng_sockaddr here, there;

	if (nng_stream_get_addr(stream, NNG_OPT_LOCADDR, &here) ||
	    nng_stream_get_addr(stream, NNG_OPT_REMADDR, &there) || here.s_family != there.s_family)
		return false;
	if (here.s_family == NNG_AF_INET)
		return here.s_in.sa_port == there.s_in.sa_port &&
		       here.s_in.sa_addr == there.s_in.sa_addr;
	return here.s_family == NNG_AF_INET6 && here.s_in6.sa_port == there.s_in6.sa_port &&
	       !memcmp(here.s_in6.sa_addr, there.s_in6.sa_addr, sizeof(here.s_in6.sa_addr));
}

static void dialer_reached(struct hop_dialer *dialer, nng_stream *stream)
{
	if (is_own(stream)) {
		nng_stream_free(stream);
		hop_event_failed(dialer, HOP_UNREACHABLE, "nobody but this dialer itself is there");
		return;
	}
	hop_connection_make(dialer->hop, stream, dialer->uses_tls, dialer);
}

/* Either the time is over that it was to sleep, or it has dialed. */
static void dialer_callback(void *data)
{
	struct hop_dialer *dialer = data;
	int error = nng_aio_result(dialer->aio);
	enum hop_dialing phase;
	bool released;

	pthread_mutex_lock(&dialer->hop->lock);
	phase = dialer->phase;
	released = dialer->released;
	if (phase == DIALER_SLEEPS && !error)
		dialer->phase = DIALER_DIALS;
	pthread_mutex_unlock(&dialer->hop->lock);
	if (error)
		hop_event_failed(dialer, HOP_UNREACHABLE, nng_strerror(error));
	else if (phase == DIALER_DIALS)
		dialer_reached(dialer, nng_aio_get_output(dialer->aio, 0));
	else if (!released)
		dialer_dial(dialer);
	hop_wake(dialer->hop);
}

/* With the hop's lock. */
static void dialer_link(struct hop_dialer *dialer)
{
	struct hop *hop = dialer->hop;

	dialer->next = hop->dialers;
	if (hop->dialers)
		hop->dialers->previous = dialer;
	hop->dialers = dialer;
}

/* With the hop's lock. */
static void dialer_unlink(struct hop_dialer *dialer)
{
	struct hop *hop = dialer->hop;
	struct hop_dialer *before = NULL;

	*(dialer->previous ? &dialer->previous->next : &hop->dialers) = dialer->next;
	if (dialer->next)
		dialer->next->previous = dialer->previous;
	if (!dialer->has_failed)
		return;
	if (hop->failed != dialer)
		for (before = hop->failed; before->next_failed != dialer;)
			before = before->next_failed;
	*(before ? &before->next_failed : &hop->failed) = dialer->next_failed;
	if (hop->failed_last == dialer)
		hop->failed_last = before;
}

static int dialer_open(struct hop_dialer *dialer, const char *url, char *error, size_t error_size)
{
	char *address = NULL;
	int result = hop_url_split(url, &address, &dialer->host);

	if (result == 0) {
		result = nng_stream_dialer_alloc(&dialer->dialer, address);
		if (result)
			(void)snprintf(error, error_size, "%s cannot be dialed: %s", url,
				       nng_strerror(result));
		result = result == NNG_ENOMEM ? -ENOMEM : result ? -EINVAL : 0;
	}
	free(address);
	if (result < 0)
		return result;
	/* ipc:// knows no such option */
	(void)nng_stream_dialer_set_bool(dialer->dialer, NNG_OPT_TCP_NODELAY, true);
	return nng_aio_alloc(&dialer->aio, dialer_callback, dialer) ? -ENOMEM : 0;
}

int hop_dial(struct hop *hop, const char *url, void *data, struct hop_dialer **ret_dialer,
	     char *error, size_t error_size)
{
	struct hop_dialer *dialer;
	int result = hop_url_check(url, false, error, error_size);

	if (result < 0)
		return result;
	if (hop_url_is_tls(url) && !hop->secrets) {
		(void)snprintf(error, error_size, "%s needs a certificate of ours", url);
		return -EINVAL;
	}
	(void)snprintf(error, error_size, "no memory to dial %s", url);
	dialer = calloc(1, sizeof(*dialer));
	if (!dialer)
		return -ENOMEM;
	hop_acquire(hop);
	dialer->hop = hop;
	dialer->data = data;
	dialer->uses_tls = hop_url_is_tls(url);
	dialer->burial.bury = dialer_bury;
	result = dialer_open(dialer, url, error, error_size);
	if (result == 0 && hop->settings.tls.server_name) {
		free(dialer->host);
		dialer->host = strdup(hop->settings.tls.server_name);
		result = dialer->host ? 0 : -ENOMEM;
	}
	if (result < 0) {
		if (dialer->dialer)
			nng_stream_dialer_free(dialer->dialer);
		nng_aio_free(dialer->aio);
		hop_release(hop);
		free(dialer->host);
		free(dialer);
		return result;
	}
	hop_janitor_expect();
	pthread_mutex_lock(&hop->lock);
	dialer_link(dialer);
	pthread_mutex_unlock(&hop->lock);
	*ret_dialer = dialer;
	return hop_dial_again(dialer, 0);
}

int hop_dial_again(struct hop_dialer *dialer, int64_t delay_ns)
{
	enum { MS_NS = 1000000 };
	bool rests;

	pthread_mutex_lock(&dialer->hop->lock);
	rests = dialer->phase == DIALER_RESTS && !dialer->has_failed;
	if (rests)
		dialer->phase = delay_ns > 0 ? DIALER_SLEEPS : DIALER_DIALS;
	pthread_mutex_unlock(&dialer->hop->lock);
	if (!rests)
		return -EBUSY;
	if (delay_ns > 0) {
		nng_aio_set_timeout(dialer->aio, NNG_DURATION_INFINITE);
		nng_sleep_aio((nng_duration)((delay_ns + MS_NS - 1) / MS_NS), dialer->aio);
	} else {
		dialer_dial(dialer);
	}
	return 0;
}

void hop_dialer_release(struct hop_dialer *dialer)
{
	struct hop_connection *connection;
	struct hop_pooled *inbox = NULL;

	if (!dialer)
		return;
	pthread_mutex_lock(&dialer->hop->lock);
	dialer->released = true;
	dialer_unlink(dialer);
	connection = dialer->connection;
	if (connection)
		hop_event_forget(connection, &inbox);
	pthread_mutex_unlock(&dialer->hop->lock);
	hop_inbox_free(inbox);
	if (connection) {
		hop_connection_die(connection, HOP_BY_OWNER, NULL);
		hop_connection_release(connection);
	}
	hop_janitor_take(&dialer->burial);
}

void *hop_dialer_data(const struct hop_dialer *dialer)
{
	return dialer->data;
}
