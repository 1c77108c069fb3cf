// SPDX-License-Identifier: Apache-2.0
/* otlp_load --port PORT --signal logs|metrics|spans [OPTION…]: sends OTLP over HTTP, as fast as it
 * is answered or at a rate, and says what became of each request.
 *
 * Prints {"begun":true} when it begins and one line of JSON at its end. --answers FILE also gets a
 * byte a request: 0 not sent, 1 unanswered, 2 taken, 3 refused, 4 taken in part. A request that is
 * sent again keeps its number, and so its rows theirs. Ends after --seconds or --requests, once all
 * is answered, at the latest after --grace; or by SIGTERM. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <zlib.h>

#include "otlp_sender.h"
#include "otlp_template.h"

enum { EVENTS = 64, SENDERS_LIMIT = 256, TEMPLATES = 64, STATUS_LIMIT = 600, WAKE_MS = 20 };

enum answer_mark { MARK_UNSENT, MARK_UNANSWERED, MARK_TAKEN, MARK_REFUSED, MARK_PARTLY };

static struct {
	enum otlp_signal signal;
	uint16_t port;
	uint32_t senders, depth, rows;
	bool gzip, retry;
	double rate; /* rows a second; 0: as fast as answered */
	double seconds, grace_s, backoff_s, timeout_s;
	uint64_t requests, first; /* at most so many; the number of the first row */
	const char *answers;
} settings = { .senders = 4,
	       .depth = 1,
	       .rows = 500,
	       .seconds = 5,
	       .grace_s = 5,
	       .backoff_s = .1,
	       .timeout_s = 30,
	       .requests = UINT64_MAX };

static struct {
	uint64_t requests, sent, resent, taken, refused, rejected; /* the last three: rows */
	uint64_t lost_connections, refused_connections, retry_after, status[STATUS_LIMIT];
	uint64_t body_bytes;
} counts;

/* Growing lists; items are added by list_add(). */
struct list {
	void *items;
	size_t count, room;
};

struct again {
	uint64_t number, due_ns;
};

static struct sender *senders;
static struct template *templates[TEMPLATES];
static struct list agains, marks, times_us; /* struct again; unsigned char; uint32_t */
static uint64_t due_ns;                     /* of the next request, at a rate */
static volatile sig_atomic_t stopped;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void *list_add(struct list *list, size_t item_size)
{
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 1024;
		list->items = realloc(list->items, list->room * item_size);
		if (!list->items)
			fail("memory");
	}
	return (char *)list->items + list->count++ * item_size;
}

static void mark(uint64_t number, enum answer_mark value)
{
	while (number >= marks.count)
		*(unsigned char *)list_add(&marks, 1) = MARK_UNSENT;
	((unsigned char *)marks.items)[number] = (unsigned char)value;
}

static void send_again(uint64_t number, double after_s)
{
	struct again *again = list_add(&agains, sizeof(*again));

	again->number = number;
	again->due_ns = sender_now_ns() + (uint64_t)(after_s * 1e9);
}

/* ---- what became of a request ------------------------------------------------------------ */

static void answered(const struct answer *answer)
{
	uint64_t rejected = answer->rejected < settings.rows ? answer->rejected : settings.rows;
	uint32_t status = answer->status;
	bool passing = status == 429 || status == 502 || status == 503 || status == 504;

	*(uint32_t *)list_add(&times_us, sizeof(uint32_t)) =
		(uint32_t)((sender_now_ns() - answer->flight.due_ns) / 1000);
	counts.status[status < STATUS_LIMIT ? status : 0]++;
	counts.retry_after += answer->retry_after_s >= 0;
	if (status / 100 == 2) {
		counts.taken += settings.rows - rejected;
		counts.rejected += rejected;
		mark(answer->flight.number, rejected ? MARK_PARTLY : MARK_TAKEN);
	} else if (settings.retry && passing) {
		send_again(answer->flight.number, answer->retry_after_s > 0
							  ? (double)answer->retry_after_s
							  : settings.backoff_s);
	} else {
		counts.refused += settings.rows;
		mark(answer->flight.number, MARK_REFUSED);
	}
}

static void unanswered(const struct flight *flight)
{
	if (settings.retry)
		send_again(flight->number, settings.backoff_s);
}

static void ended(bool connected)
{
	if (connected)
		counts.lost_connections++;
	else
		counts.refused_connections++;
}

static const struct sender_owner owner = { .answered = answered,
					   .unanswered = unanswered,
					   .ended = ended };

/* ---- sending ----------------------------------------------------------------------------- */

static size_t pack(unsigned char *packed, size_t room, const unsigned char *body, size_t length)
{
	static z_stream stream;

	if (!stream.state && deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY))
		fail("gzip");
	deflateReset(&stream);
	stream.next_in = (unsigned char *)body;
	stream.avail_in = (unsigned)length;
	stream.next_out = packed;
	stream.avail_out = (unsigned)room;
	if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
		fail("gzip");
	return stream.total_out;
}

static void request_begin(struct sender *sender, const struct flight *flight)
{
	uint64_t number = flight->number;
	struct template *template = templates[number % TEMPLATES];
	const unsigned char *body =
		template_stamp(template, settings.first + number * settings.rows);
	static unsigned char *packed;
	static size_t room;
	size_t length = template_length(template);
	char head[256];
	int head_length;

	counts.body_bytes += length;
	if (settings.gzip) {
		if (room < length + length / 8 + 1024) {
			room = 2 * (length + 1024);
			free(packed);
			packed = malloc(room);
			if (!packed)
				fail("memory");
		}
		length = pack(packed, room, body, length);
		body = packed;
	}
	head_length =
		snprintf(head, sizeof(head),
			 "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: otlp_load\r\n"
			 "Content-Type: application/x-protobuf\r\n%sContent-Length: %zu\r\n\r\n",
			 otlp_signal_paths[settings.signal], settings.port,
			 settings.gzip ? "Content-Encoding: gzip\r\n" : "", length);
	sender_reserve(sender, (size_t)head_length + length);
	memcpy(sender->bytes, head, (size_t)head_length);
	memcpy(sender->bytes + head_length, body, length);
	counts.sent++;
	sender_begin(sender, flight);
}

/* The request that is to be sent now. */
static bool request_next(uint64_t now_ns, bool fresh, struct flight *ret_flight)
{
	struct flight flight = { .began_ns = now_ns, .due_ns = now_ns };

	for (size_t i = 0; i < agains.count; i++) {
		struct again *again = (struct again *)agains.items + i;

		if (again->due_ns > now_ns)
			continue;
		flight.number = again->number;
		*again = ((struct again *)agains.items)[--agains.count];
		counts.resent++;
		*ret_flight = flight;
		return true;
	}
	if (!fresh || counts.requests >= settings.requests ||
	    (settings.rate > 0 && now_ns < due_ns))
		return false;
	if (settings.rate > 0) {
		flight.due_ns = due_ns;
		due_ns += (uint64_t)(settings.rows / settings.rate * 1e9);
	}
	flight.number = counts.requests++;
	mark(flight.number, MARK_UNANSWERED);
	*ret_flight = flight;
	return true;
}

/* How many requests are on their way. */
static uint64_t senders_turn(uint64_t now_ns, bool fresh)
{
	uint64_t flying = 0;
	struct flight flight;

	for (uint32_t i = 0; i < settings.senders; i++) {
		struct sender *sender = &senders[i];

		if (sender->fd < 0 && now_ns >= sender->again_ns)
			sender_open(sender);
		if (sender->fd >= 0 && sender->flight_count &&
		    (double)(now_ns - sender->flights[0].began_ns) > settings.timeout_s * 1e9)
			sender_close(sender);
		while (sender_is_free(sender, settings.depth) &&
		       request_next(now_ns, fresh, &flight))
			request_begin(sender, &flight);
		flying += sender->flight_count;
	}
	return flying;
}

static void run(int epoll_fd, uint64_t began_ns)
{
	uint64_t last_ns = began_ns + (uint64_t)(settings.seconds * 1e9), end_ns = UINT64_MAX;

	due_ns = began_ns;
	for (;;) {
		uint64_t now_ns = sender_now_ns();
		bool fresh = !stopped && now_ns < last_ns && counts.requests < settings.requests;
		struct epoll_event events[EVENTS];
		int ready, wait_ms = WAKE_MS;

		if (!fresh && end_ns == UINT64_MAX)
			end_ns = now_ns + (uint64_t)(settings.grace_s * 1e9);
		if ((!senders_turn(now_ns, fresh) && !fresh && !agains.count) || now_ns >= end_ns)
			return;
		if (settings.rate > 0)
			wait_ms = due_ns > now_ns + 1000000 ? 1 : 0;
		ready = epoll_wait(epoll_fd, events, EVENTS, wait_ms);
		for (int i = 0; i < ready; i++) {
			struct sender *sender = events[i].data.ptr;

			if (sender->fd >= 0)
				sender_ready(sender, events[i].events);
		}
	}
}

/* ---- the report -------------------------------------------------------------------------- */

static int by_value(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static uint32_t quantile_us(double quantile)
{
	if (!times_us.count)
		return 0;
	return ((uint32_t *)times_us.items)[(size_t)((double)(times_us.count - 1) * quantile)];
}

static uint64_t marks_count(enum answer_mark value)
{
	uint64_t count = 0;

	for (size_t i = 0; i < marks.count; i++)
		count += ((unsigned char *)marks.items)[i] == value;
	return count;
}

static void report(double seconds)
{
	const char *separator = "";

	if (times_us.count)
		qsort(times_us.items, times_us.count, sizeof(uint32_t), by_value);
	printf("{\"rows_a_request\":%u,\"body_bytes\":%lu,\"requests\":%lu,\"sent\":%lu,\"resent\":"
	       "%lu,"
	       "\"rows\":%lu,\"taken\":%lu,\"refused\":%lu,\"rejected\":%lu,\"unanswered\":%lu,"
	       "\"lost_connections\":%lu,\"refused_connections\":%lu,\"retry_after\":%lu,"
	       "\"seconds\":%.3f,\"us\":{\"p50\":%u,\"p90\":%u,\"p99\":%u,\"p999\":%u,\"max\":%u},"
	       "\"status\":{",
	       settings.rows, counts.body_bytes, counts.requests, counts.sent, counts.resent,
	       counts.requests * settings.rows, counts.taken, counts.refused, counts.rejected,
	       marks_count(MARK_UNANSWERED) * settings.rows, counts.lost_connections,
	       counts.refused_connections, counts.retry_after, seconds, quantile_us(.5),
	       quantile_us(.9), quantile_us(.99), quantile_us(.999), quantile_us(1));
	for (int status = 0; status < STATUS_LIMIT; status++) {
		if (!counts.status[status])
			continue;
		printf("%s\"%d\":%lu", separator, status, counts.status[status]);
		separator = ",";
	}
	printf("}}\n");
}

static void answers_write(void)
{
	FILE *file = fopen(settings.answers, "we");

	if (!file || fwrite(marks.items, 1, marks.count, file) != marks.count || fclose(file))
		fail(settings.answers);
}

/* ---- options ----------------------------------------------------------------------------- */

static void usage(void)
{
	fputs("usage: otlp_load --port PORT --signal logs|metrics|spans\n"
	      "  --connections 4  --depth 1  --rows 500 (a request)  --rate 0 (rows/s; 0: as "
	      "answered)\n"
	      "  --seconds 5  --requests N (at most)  --first 0 (number of the first row)\n"
	      "  --gzip  --retry (as OTLP says)  --backoff 0.1  --timeout 30  --grace 5 (seconds)\n"
	      "  --answers FILE (a byte a request)\n",
	      stderr);
	exit(2);
}

static enum otlp_signal signal_named(const char *name)
{
	for (int at = 0; at < OTLP_SIGNALS; at++) {
		if (!strcmp(name, otlp_signal_names[at]))
			return (enum otlp_signal)at;
	}
	usage();
	return OTLP_SIGNALS;
}

static double number_within(const char *text, double least, double most)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end || !(number >= least && number <= most))
		usage();
	return number;
}

static void option_set(int option, const char *value)
{
	switch (option) {
	case 'p':
		settings.port = (uint16_t)number_within(value, 1, UINT16_MAX);
		break;
	case 's':
		settings.signal = signal_named(value);
		break;
	case 'c':
		settings.senders = (uint32_t)number_within(value, 1, SENDERS_LIMIT);
		break;
	case 'd':
		settings.depth = (uint32_t)number_within(value, 1, SENDER_DEPTH_LIMIT);
		break;
	case 'k':
		settings.rows = (uint32_t)number_within(value, 1, TEMPLATE_ROWS_LIMIT);
		break;
	case 'r':
		settings.rate = number_within(value, 0, 1e9);
		break;
	case 't':
		settings.seconds = number_within(value, 0, 1e6);
		break;
	case 'n':
		settings.requests = (uint64_t)number_within(value, 1, 1e15);
		break;
	case 'f':
		settings.first = (uint64_t)number_within(value, 0, 3e10);
		break;
	case 'b':
		settings.backoff_s = number_within(value, 0, 1e6);
		break;
	case 'T':
		settings.timeout_s = number_within(value, 0, 1e6);
		break;
	case 'g':
		settings.grace_s = number_within(value, 0, 1e6);
		break;
	case 'a':
		settings.answers = value;
		break;
	case 'z':
		settings.gzip = true;
		break;
	case 'R':
		settings.retry = true;
		break;
	default:
		usage();
	}
}

static void options_read(int count, char **arguments)
{
	static const struct option options[] = { { "port", required_argument, NULL, 'p' },
						 { "signal", required_argument, NULL, 's' },
						 { "connections", required_argument, NULL, 'c' },
						 { "depth", required_argument, NULL, 'd' },
						 { "rows", required_argument, NULL, 'k' },
						 { "rate", required_argument, NULL, 'r' },
						 { "seconds", required_argument, NULL, 't' },
						 { "requests", required_argument, NULL, 'n' },
						 { "first", required_argument, NULL, 'f' },
						 { "backoff", required_argument, NULL, 'b' },
						 { "timeout", required_argument, NULL, 'T' },
						 { "grace", required_argument, NULL, 'g' },
						 { "answers", required_argument, NULL, 'a' },
						 { "gzip", no_argument, NULL, 'z' },
						 { "retry", no_argument, NULL, 'R' },
						 { 0 } };
	bool named = false;
	int option;

	while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
		option_set(option, optarg);
		named = named || option == 's';
	}
	if (!settings.port || !named || optind != count)
		usage();
}

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

int main(int count, char **arguments)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	uint64_t began_ns;

	options_read(count, arguments);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	for (int i = 0; i < TEMPLATES; i++) {
		templates[i] = template_create(settings.signal, settings.rows, (uint64_t)i);
		if (!templates[i])
			fail("memory for requests");
	}
	senders = calloc(settings.senders, sizeof(*senders));
	if (!senders || epoll_fd < 0)
		fail("connections");
	for (uint32_t i = 0; i < settings.senders; i++) {
		senders[i].owner = &owner;
		senders[i].epoll_fd = epoll_fd;
		senders[i].port = settings.port;
		sender_open(&senders[i]);
	}
	puts("{\"begun\":true}");
	fflush(stdout);
	began_ns = sender_now_ns();
	run(epoll_fd, began_ns);
	report((double)(sender_now_ns() - began_ns) / 1e9);
	if (settings.answers)
		answers_write();
	return 0;
}
