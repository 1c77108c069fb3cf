// SPDX-License-Identifier: Apache-2.0
/* Listeners, each shared by the hops of one name, and which of them gets a connection. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

enum { NAP_MS = 10 };

struct hop_listener {
	struct hop_burial burial; /* first */
	nng_stream_listener *listener;
	nng_aio *aio;
	char *url, *name;
	bool uses_tls;
	bool naps; /* the callback's: after an error */
	int port;
	atomic_uint references; /* of all members one, and one of who waits for its end */
	bool gone;

	/* Guarded by the lock below. */
	struct hop_listener *next;
	struct hop **members;
	uint32_t count, turn;
};

static struct hop_listener *listeners;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void listener_release(struct hop_listener *listener)
{
	if (atomic_fetch_sub(&listener->references, 1) > 1)
		return;
	free(listener->members);
	free(listener->url);
	free(listener->name);
	free(listener);
}

static void listener_bury(struct hop_burial *burial)
{
	struct hop_listener *listener = (struct hop_listener *)burial;

	nng_stream_listener_close(listener->listener);
	nng_aio_stop(listener->aio);
	nng_aio_free(listener->aio); /* first, as with a connection's */
	nng_stream_listener_free(listener->listener);
	hop_janitor_tell(&listener->gone);
	listener_release(listener);
}

/* ---- accepting --------------------------------------------------------------------------- */

/* That with the fewest connections; among equals they take turns. NULL: none is left. */
static struct hop *member_choose(struct hop_listener *listener)
{
	struct hop *best = NULL;
	uint32_t least = UINT32_MAX;

	pthread_mutex_lock(&lock);
	listener->turn++;
	for (uint32_t i = 0; i < listener->count; i++) {
		struct hop *hop = listener->members[(listener->turn + i) % listener->count];
		uint32_t load = atomic_load_explicit(&hop->load, memory_order_relaxed);

		if (load < least) {
			least = load;
			best = hop;
		}
	}
	if (best)
		hop_acquire(best);
	pthread_mutex_unlock(&lock);
	return best;
}

static void errors_count(struct hop_listener *listener)
{
	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < listener->count; i++)
		atomic_fetch_add_explicit(&listener->members[i]->accept_errors, 1,
					  memory_order_relaxed);
	pthread_mutex_unlock(&lock);
}

static void accepted(struct hop_listener *listener, nng_stream *stream)
{
	struct hop *hop = member_choose(listener);

	if (!hop) {
		nng_stream_free(stream);
		return;
	}
	hop_connection_make(hop, stream, listener->uses_tls, NULL);
	hop_release(hop);
}

/* Want of descriptors is no reason to stop, nor to try without a pause. */
static void accept_callback(void *data)
{
	struct hop_listener *listener = data;
	int error = nng_aio_result(listener->aio);

	if (error == NNG_ECLOSED || error == NNG_ECANCELED)
		return;
	if (error && !listener->naps) {
		errors_count(listener);
		listener->naps = true;
		nng_sleep_aio(NAP_MS, listener->aio);
		return;
	}
	if (!listener->naps)
		accepted(listener, nng_aio_get_output(listener->aio, 0));
	listener->naps = false;
	nng_stream_listener_accept(listener->listener, listener->aio);
}

/* ---- joining and leaving ----------------------------------------------------------------- */

/* Directories of sockets are the owner's business; what stays there of a dead process is not. */
static int listener_open(struct hop_listener *listener, const char *address,
			 const struct hop_settings *settings)
{
	int error = nng_stream_listener_alloc(&listener->listener, address);

	if (error)
		return error;
	/* Each kind of stream knows one of these options. */
	(void)nng_stream_listener_set_bool(listener->listener, NNG_OPT_TCP_NODELAY, true);
	(void)nng_stream_listener_set_int(listener->listener, NNG_OPT_IPC_PERMISSIONS,
					  (int)settings->permissions);
	error = nng_stream_listener_listen(listener->listener);
	if (!error)
		error = nng_aio_alloc(&listener->aio, accept_callback, listener);
	if (!error)
		(void)nng_stream_listener_get_int(listener->listener, NNG_OPT_TCP_BOUND_PORT,
						  &listener->port);
	return error;
}

static int errno_of(int error)
{
	switch (error) {
	case NNG_ENOMEM:
		return -ENOMEM;
	case NNG_EADDRINUSE:
		return -EADDRINUSE;
	case NNG_EPERM:
		return -EACCES;
	default:
		return error & NNG_ESYSERR ? -(error & ~NNG_ESYSERR) : -EINVAL;
	}
}

static int listener_create(const char *url, const struct hop_settings *settings,
			   struct hop_listener **ret_listener, char *error, size_t error_size)
{
	struct hop_listener *listener = calloc(1, sizeof(*listener));
	char *address = NULL;
	int result = -ENOMEM;

	if (!listener)
		return -ENOMEM;
	atomic_init(&listener->references, 1);
	listener->url = strdup(url);
	listener->name = strdup(settings->name);
	listener->uses_tls = hop_url_is_tls(url);
	listener->burial.bury = listener_bury;
	if (listener->url && listener->name && hop_url_split(url, &address, NULL) == 0) {
		int failure = listener_open(listener, address, settings);

		result = failure ? errno_of(failure) : 0;
		if (failure)
			(void)snprintf(error, error_size, "cannot listen at %s: %s", url,
				       nng_strerror(failure));
	}
	free(address);
	if (result == 0) {
		hop_janitor_expect();
		*ret_listener = listener;
		return 0;
	}
	if (listener->listener)
		nng_stream_listener_free(listener->listener);
	listener_release(listener);
	return result;
}

/* With the lock. */
static int member_add(struct hop_listener *listener, struct hop *hop)
{
	struct hop **members =
		realloc(listener->members, (listener->count + 1) * sizeof(struct hop *));

	if (!members)
		return -ENOMEM;
	listener->members = members;
	members[listener->count++] = hop;
	hop->listener = listener;
	return 0;
}

/* With the lock. Of the same URL; a port that the kernel is to choose may be another's, too. */
static struct hop_listener *listener_find(const char *url, const char *name)
{
	size_t length = strlen(url);
	bool is_any = length > 2 && !strcmp(url + length - 2, ":0");
	struct hop_listener *listener = listeners;

	while (listener && (strcmp(listener->url, url) || (is_any && strcmp(listener->name, name))))
		listener = listener->next;
	return listener;
}

/* With the lock. */
static int listener_join(struct hop *hop, const char *url, char *error, size_t error_size)
{
	struct hop_listener *listener = listener_find(url, hop->settings.name);
	int result = 0;

	if (listener && strcmp(listener->name, hop->settings.name)) {
		(void)snprintf(error, error_size, "%s listens at %s already", listener->name, url);
		return -EADDRINUSE;
	}
	if (listener)
		return member_add(listener, hop);
	result = listener_create(url, &hop->settings, &listener, error, error_size);
	if (result < 0)
		return result;
	result = member_add(listener, hop);
	if (result < 0) {
		hop_janitor_take(&listener->burial);
		return result;
	}
	listener->next = listeners;
	listeners = listener;
	nng_stream_listener_accept(listener->listener, listener->aio);
	return 0;
}

int hop_listen(struct hop *hop, const char *url, char *error, size_t error_size)
{
	int result = hop_url_check(url, true, error, error_size);

	if (result < 0)
		return result;
	if (hop->listener) {
		(void)snprintf(error, error_size, "it listens at %s already", hop->listener->url);
		return -EBUSY;
	}
	if (hop_url_is_tls(url) && !hop->secrets) {
		(void)snprintf(error, error_size, "%s needs a certificate of ours", url);
		return -EINVAL;
	}
	(void)snprintf(error, error_size, "no memory to listen at %s", url);
	pthread_mutex_lock(&lock);
	result = listener_join(hop, url, error, error_size);
	pthread_mutex_unlock(&lock);
	return result;
}

/* With the lock. Whether it was the last. */
static bool member_remove(struct hop_listener *listener, const struct hop *hop)
{
	struct hop_listener **place = &listeners;
	uint32_t at = 0;

	while (listener->members[at] != hop)
		at++;
	listener->members[at] = listener->members[--listener->count];
	if (listener->count)
		return false;
	while (*place != listener)
		place = &(*place)->next;
	*place = listener->next;
	return true;
}

void hop_listener_leave(struct hop *hop, int64_t patience_ns)
{
	struct hop_listener *listener = hop->listener;
	bool was_last;

	if (!listener)
		return;
	hop->listener = NULL;
	pthread_mutex_lock(&lock);
	was_last = member_remove(listener, hop);
	pthread_mutex_unlock(&lock);
	if (!was_last)
		return;
	atomic_fetch_add(&listener->references, 1);
	hop_janitor_take(&listener->burial);
	(void)hop_janitor_wait(&listener->gone, patience_ns);
	listener_release(listener);
}

uint16_t hop_port(const struct hop *hop)
{
	return hop->listener ? (uint16_t)hop->listener->port : 0;
}
