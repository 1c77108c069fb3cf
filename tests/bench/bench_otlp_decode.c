// SPDX-License-Identifier: Apache-2.0
/* What decoding an item of OTLP costs: requests of 500 made into batches, and let go.
 *
 * floor: the same bytes copied. peer: the code that protoc-c makes of the same messages, into
 * structs of its own and freed; it looks at no text. All find the request in the cache, as it is
 * when it was received just now. */
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

static const struct {
	const char *name;
	enum sonde_signal signal;
} kinds[OTLP_KIND_COUNT] = {
	[OTLP_KIND_LOGS] = { "otlp_decode.logs", SONDE_SIGNAL_LOG },
	[OTLP_KIND_SPANS] = { "otlp_decode.spans", SONDE_SIGNAL_SPAN },
	[OTLP_KIND_NUMBERS] = { "otlp_decode.numbers", SONDE_SIGNAL_METRIC },
	[OTLP_KIND_HISTOGRAMS] = { "otlp_decode.histograms", SONDE_SIGNAL_METRIC },
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
	if (otlp_decode(decoder, kinds[kind].signal, dictionary, data, request->length, &decoded,
			&why, &offset) ||
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

static double peer_ns(enum otlp_kind kind, const struct otlp_bytes *request)
{
	double begin;

	memcpy(received, request->data, request->length);
	begin = now_ns();
	if (!otlp_peer_decode(kind, received, request->length))
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

static void measure(enum otlp_kind kind)
{
	double sonde[RUNS], least[RUNS], peer[RUNS], to_least[RUNS], to_peer[RUNS], spread;
	struct otlp_bytes requests[REQUEST_COUNT];
	bool with_peer = otlp_peer_name != NULL;
	size_t bytes = 0;

	for (uint32_t i = 0; i < REQUEST_COUNT; i++) {
		requests[i] = otlp_request_make(kind, i + 1);
		bytes += requests[i].length;
	}
	for (int run = 0; run < RUNS; run++) {
		double items = (double)REQUEST_COUNT * ROUNDS * OTLP_ITEM_COUNT;

		sonde[run] = least[run] = peer[run] = 0;
		for (uint32_t i = 0; i < REQUEST_COUNT * ROUNDS; i++) {
			const struct otlp_bytes *request = &requests[i % REQUEST_COUNT];

			sonde[run] += sonde_ns(kind, request) / items;
			least[run] += floor_ns(request) / items;
			if (with_peer)
				peer[run] += peer_ns(kind, request) / items;
		}
		to_least[run] = sonde[run] / least[run];
		to_peer[run] = with_peer ? sonde[run] / peer[run] : 0;
		fprintf(stderr, "%s: sonde %.1f, floor %.1f, peer %.1f ns an item of %zu bytes\n",
			kinds[kind].name, sonde[run], least[run], peer[run],
			bytes / REQUEST_COUNT / OTLP_ITEM_COUNT);
	}
	spread = spread_with(spread_with(0, sonde), least);
	printf("{\"name\":\"%s\",\"unit\":\"ns/item\",\"sonde\":%.4g,\"floor\":%.4g,",
	       kinds[kind].name, middle(sonde, RUNS), middle(least, RUNS));
	if (with_peer)
		printf("\"peer\":%.4g,\"peer_name\":\"%s\",\"vs_peer\":%.3g,", middle(peer, RUNS),
		       otlp_peer_name, middle(to_peer, RUNS));
	else
		printf("\"peer\":null,\"peer_name\":null,\"vs_peer\":null,");
	printf("\"vs_floor\":%.3g,\"better\":\"less\",\"spread\":%.3g,\"runs\":%d}\n",
	       middle(to_least, RUNS), with_peer ? spread_with(spread, peer) : spread, RUNS);
	fflush(stdout);
	for (uint32_t i = 0; i < REQUEST_COUNT; i++)
		free(requests[i].data);
}

int main(int argc, char **argv)
{
	const struct otlp_decoder_options options = { .column_limit = 128 };
	bool list = argc > 1 && !strcmp(argv[1], "--list");

	decoder = otlp_decoder_create(&otlp_instance, &options);
	if (!decoder)
		fail("no memory");
	for (int kind = 0; kind < OTLP_KIND_COUNT; kind++) {
		bool wanted = argc < 2;

		for (int at = 1; at < argc; at++)
			wanted = wanted || !strcmp(argv[at], kinds[kind].name);
		if (list)
			puts(kinds[kind].name);
		else if (wanted)
			measure((enum otlp_kind)kind);
	}
	otlp_decoder_release(decoder);
	return 0;
}
