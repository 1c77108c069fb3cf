// SPDX-License-Identifier: Apache-2.0
/* Output `statsd`: gauges and sums as StatsD datagrams, `NAME:VALUE|g` and `NAME:VALUE|c`, over
 * UDP. */
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sonde/plugin.h>

struct statsd {
	const char *address; /* option: of the receiver */
	uint32_t port;       /* option: of the receiver */
	int fd;              /* the socket; meaningful while is_open */
	bool is_open;
	uint64_t datagrams; /* counter: datagrams sent */
};

static const struct sonde_option statsd_options[] = {
	{ .name = "address",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct statsd, address),
	  .value = "127.0.0.1",
	  .help = "IP address of the receiver" },
	{ .name = "port",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct statsd, port),
	  .value = "8125",
	  .minimum = "1",
	  .maximum = "65535",
	  .help = "UDP port of the receiver" },
	{ 0 },
};

static const struct sonde_counter statsd_counters[] = {
	{ .name = "datagrams",
	  SONDE_MEMBER(struct statsd, datagrams),
	  .unit = "{datagram}",
	  .help = "datagrams that were sent" },
	{ 0 },
};

/* A name would have to be looked up, which can take seconds: a callback must not wait. */
static struct addrinfo *address_of(const struct statsd *statsd)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_DGRAM };
	struct addrinfo *address = NULL;
	char port[16];

	snprintf(port, sizeof(port), "%u", statsd->port);
	return getaddrinfo(statsd->address, port, &hints, &address) ? NULL : address;
}

static int statsd_check(struct sonde_instance *instance)
{
	struct statsd *statsd = instance->self;
	struct addrinfo *address = address_of(statsd);

	if (!address)
		sonde_problem(instance, "address",
			      "\"%s\" is not an IP address (try \"127.0.0.1\")", statsd->address);
	else
		freeaddrinfo(address);
	return 0;
}

static int statsd_start(struct sonde_instance *instance)
{
	struct statsd *statsd = instance->self;
	struct addrinfo *address = address_of(statsd);
	int error = 0;

	if (!address)
		return sonde_fail(instance, EINVAL, "\"%s\" is not an IP address", statsd->address);
	statsd->fd = socket(address->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	statsd->is_open = statsd->fd >= 0;
	if (!statsd->is_open || connect(statsd->fd, address->ai_addr, address->ai_addrlen) < 0)
		error = errno;
	freeaddrinfo(address);
	if (error)
		return sonde_fail(instance, error, "cannot send to %s port %u", statsd->address,
				  statsd->port);
	return 0;
}

static bool is_measure(const struct sonde_column *column)
{
	return column->role == SONDE_ROLE_GAUGE ||
	       (column->role == SONDE_ROLE_SUM && column->temporality == SONDE_DELTA);
}

/* 0, or a positive errno. UDP tells late that nobody heard a datagram, with the send after it,
 * which is not done then: it is done again. */
static int datagram_send(int fd, const char *text, size_t length)
{
	if (send(fd, text, length, 0) >= 0)
		return 0;
	if (errno == ECONNREFUSED && send(fd, text, length, 0) >= 0)
		return 0;
	return errno;
}

/* 0, or a positive errno; EMSGSIZE: the name is too long for a datagram. */
static int value_send(struct statsd *statsd, const struct sonde_column *column, uint32_t row)
{
	char text[512];
	int length = snprintf(text, sizeof(text), "%s:%.15g|%c", column->name,
			      sonde_number_at(column, row),
			      column->role == SONDE_ROLE_GAUGE ? 'g' : 'c');
	int error = EMSGSIZE;

	if (length < (int)sizeof(text))
		error = datagram_send(statsd->fd, text, (size_t)length);
	if (!error)
		sonde_count(&statsd->datagrams, 1);
	return error;
}

/* Sends a batch; ret_row_count is how many of its rows hold no measure that StatsD could take. */
static int batch_send(struct statsd *statsd, const struct sonde_batch *batch,
		      uint64_t *ret_row_count)
{
	uint64_t without = 0;

	for (uint32_t row = 0; row < batch->row_count; row++) {
		bool sent = false;

		if (!sonde_selected(batch, row))
			continue;
		for (uint32_t i = 0; i < batch->column_count; i++) {
			const struct sonde_column *column = sonde_column(batch, i);
			int error;

			if (!is_measure(column) || !sonde_valid(column, row))
				continue;
			error = value_send(statsd, column, row);
			if (error && error != EMSGSIZE)
				return error;
			sent = sent || !error;
		}
		without += !sent;
	}
	*ret_row_count = without;
	return 0;
}

/* Answers for each batch at once: the delivery is gone with the last answer. */
static int statsd_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct statsd *statsd = instance->self;
	uint32_t count = delivery->batch_count;

	for (uint32_t i = 0; i < count; i++) {
		struct sonde_outcome outcome = { .size = sizeof(outcome), .verdict = SONDE_DONE };
		int error = batch_send(statsd, delivery->batches[i], &outcome.rejected_rows);

		if (error) { /* the buffer of the socket is full, say: all of this batch again */
			outcome.verdict = SONDE_RETRY;
			outcome.uncertain = true;
			outcome.reason = strerror(error);
		} else if (outcome.rejected_rows) {
			outcome.reason = "no measure";
		}
		sonde_settle_batch(instance, delivery, i, &outcome);
	}
	return SONDE_LATER;
}

static void statsd_stop(struct sonde_instance *instance)
{
	struct statsd *statsd = instance->self;

	if (statsd->is_open)
		close(statsd->fd);
	statsd->is_open = false; /* start() may come again */
}

static const struct sonde_plugin statsd_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "statsd",
	.summary = "gauges and sums as StatsD datagrams",
	.version = "0.1.0",
	.self_size = sizeof(struct statsd),
	.batch_limit = 16,
	.options = statsd_options,
	.counters = statsd_counters,
	.check = statsd_check,
	.start = statsd_start,
	.write = statsd_write,
	.stop = statsd_stop,
};

SONDE_EXPORT(statsd_plugin)
