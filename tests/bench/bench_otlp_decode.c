// SPDX-License-Identifier: Apache-2.0
/* What decoding an item of OTLP costs: requests of 500 made into batches, and let go.
 *
 * floor: the same bytes copied. peer: the code that protoc-c makes of the same messages, into
 * structs of its own and freed; it looks at no text. Benchmarks of _cpp have the code of protoc for
 * C++ as their peer, into an arena. All find the request in the cache, as it is when it was
 * received just now. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "decode.h"
#include "middle.h"
#include "otlp_peer.h"
#include "otlp_requests.h"
#include "../unit/otlp_host.h"

enum { RUNS = 9, REQUEST_COUNT = 16, ROUNDS = 12 };

#ifndef WITH_PROTOBUF_C
#define otlp_peer_decode_c NULL
#endif
#ifndef WITH_PROTOBUF_CPP
#define otlp_peer_decode_cpp NULL
#endif

static const enum sonde_signal signals[OTLP_KIND_COUNT] = {
	[OTLP_KIND_LOGS] = SONDE_SIGNAL_LOG,
	[OTLP_KIND_SPANS] = SONDE_SIGNAL_SPAN,
	[OTLP_KIND_NUMBERS] = SONDE_SIGNAL_METRIC,
	[OTLP_KIND_HISTOGRAMS] = SONDE_SIGNAL_METRIC,
};

static const char *const kind_names[OTLP_KIND_COUNT] = {
	[OTLP_KIND_LOGS] = "logs",
	[OTLP_KIND_SPANS] = "spans",
	[OTLP_KIND_NUMBERS] = "numbers",
	[OTLP_KIND_HISTOGRAMS] = "histograms",
};

struct peer {
	const char *group, *name, *package;
	bool (*decode)(enum otlp_kind kind, const void *data, size_t length); /* NULL: not here */
};

static const struct peer peers[] = {
	{ "otlp_decode", "protobuf-c", "libprotobuf-c-dev and protobuf-c-compiler",
	  otlp_peer_decode_c },
	{ "otlp_decode_cpp", "protobuf C++", "libprotobuf-dev, protobuf-compiler and g++",
	  otlp_peer_decode_cpp },
};

static struct otlp_decoder *decoder;

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench_otlp_decode: %s\n", what);
	exit(1);
}

/* ---- sonde ------------------------------------------------------------------------------- */

/* ns that one request took; receiving it is not a part of that. */
static double sonde_ns(enum otlp_kind kind, const struct otlp_bytes *request)
{
	struct sonde_dictionary *dictionary = sonde_dictionary_create(&otlp_instance, false);
	void *data = sonde_dictionary_memory(&otlp_instance, dictionary, request->length);
	struct otlp_decoded decoded;
	const char *why;
	size_t offset;
	double begin;

	if (!data)
		fail("no memory");
	memcpy(data, request->data, request->length);
	begin = now_ns();
	if (otlp_decode(decoder, signals[kind], dictionary, data, request->length, &decoded, &why,
			&offset) ||
	    decoded.row_count != OTLP_ITEM_COUNT)
		fail("a request is not decoded");
	sonde_batch_release(&otlp_instance, decoded.batch);
	sonde_dictionary_release(&otlp_instance, dictionary);
	return now_ns() - begin;
}

/* ---- floor and peer ---------------------------------------------------------------------- */

static unsigned char received[1 << 20], copied[1 << 20];

static double floor_ns(const struct otlp_bytes *request)
{
	double begin;

	memcpy(received, request->data, request->length);
	begin = now_ns();
	memcpy(copied, received, request->length);
	__asm__ volatile("" : : "r"(copied) : "memory");
	return now_ns() - begin;
}

static double peer_ns(const struct peer *peer, enum otlp_kind kind,
		      const struct otlp_bytes *request)
{
	double begin;

	memcpy(received, request->data, request->length);
	begin = now_ns();
	if (!peer->decode(kind, received, request->length))
		fail("the peer does not decode a request");
	return now_ns() - begin;
}

/* ---- results ----------------------------------------------------------------------------- */

/* The larger of a spread and that of these. */
static double spread_with(double spread, double *values)
{
	double own = middle_spread(values, RUNS);

	return own > spread ? own : spread;
}

static void measure(enum otlp_kind kind, const struct peer *other)
{
	double sonde[RUNS], least[RUNS], peer[RUNS], to_least[RUNS], to_peer[RUNS];
	const double items = (double)REQUEST_COUNT * ROUNDS * OTLP_ITEM_COUNT;
	struct otlp_bytes requests[REQUEST_COUNT];

	for (uint32_t i = 0; i < REQUEST_COUNT; i++)
		requests[i] = otlp_request_make(kind, i + 1);
	for (int run = 0; run < RUNS; run++) {
		sonde[run] = least[run] = peer[run] = 0;
		for (uint32_t i = 0; i < REQUEST_COUNT * ROUNDS; i++) {
			const struct otlp_bytes *request = &requests[i % REQUEST_COUNT];

			sonde[run] += sonde_ns(kind, request) / items;
			least[run] += floor_ns(request) / items;
			peer[run] += peer_ns(other, kind, request) / items;
		}
		to_least[run] = sonde[run] / least[run];
		to_peer[run] = sonde[run] / peer[run];
		fprintf(stderr, "%s.%s: sonde %.1f, floor %.1f, %s %.1f ns an item of %zu bytes\n",
			other->group, kind_names[kind], sonde[run], least[run], other->name,
			peer[run], requests[0].length / OTLP_ITEM_COUNT);
	}
	printf("{\"name\":\"%s.%s\",\"unit\":\"ns/item\",\"sonde\":%.4g,\"floor\":%.4g,"
	       "\"peer\":%.4g,\"peer_name\":\"%s\",\"vs_floor\":%.3g,\"vs_peer\":%.3g,"
	       "\"better\":\"less\",\"spread\":%.3g,\"runs\":%d}\n",
	       other->group, kind_names[kind], middle(sonde, RUNS), middle(least, RUNS),
	       middle(peer, RUNS), other->name, middle(to_least, RUNS), middle(to_peer, RUNS),
	       spread_with(spread_with(spread_with(0, sonde), least), peer), RUNS);
	fflush(stdout);
	for (uint32_t i = 0; i < REQUEST_COUNT; i++)
		free(requests[i].data);
}

static void measure_or_skip(enum otlp_kind kind, const struct peer *peer)
{
	if (peer->decode)
		measure(kind, peer);
	else
		printf("{\"name\":\"%s.%s\",\"skipped\":\"built without %s\"}\n", peer->group,
		       kind_names[kind], peer->package);
}

static bool is_wanted(int argc, char **argv, const char *name)
{
	bool wanted = argc < 2;

	for (int at = 1; at < argc; at++)
		wanted = wanted || !strcmp(argv[at], name);
	return wanted;
}

int main(int argc, char **argv)
{
	const struct otlp_decoder_options options = { .column_limit = 128 };
	bool list = argc > 1 && !strcmp(argv[1], "--list");
	char name[64];

	decoder = otlp_decoder_create(&otlp_instance, &options);
	if (!decoder)
		fail("no memory");
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		for (int kind = 0; kind < OTLP_KIND_COUNT; kind++) {
			(void)snprintf(name, sizeof(name), "%s.%s", peers[i].group,
				       kind_names[kind]);
			if (list)
				puts(name);
			else if (is_wanted(argc, argv, name))
				measure_or_skip((enum otlp_kind)kind, &peers[i]);
		}
	}
	otlp_decoder_release(decoder);
	return 0;
}
