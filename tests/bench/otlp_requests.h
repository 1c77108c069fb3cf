/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP requests as services send them, for benchmarks: one resource, one scope, 500 items. */
#ifndef SONDE_BENCH_OTLP_REQUESTS_H
#define SONDE_BENCH_OTLP_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

enum otlp_kind {
	OTLP_KIND_LOGS,       /* of 390 bytes: a body of 110, eight attributes, ids */
	OTLP_KIND_SPANS,      /* eight attributes; an event of one in ten */
	OTLP_KIND_NUMBERS,    /* points of sums, ten a metric, four attributes */
	OTLP_KIND_HISTOGRAMS, /* of 15 buckets, the same */
	OTLP_KIND_COUNT,
};

enum { OTLP_ITEM_COUNT = 500 };

struct otlp_bytes {
	unsigned char *data; /* the caller's, to free() */
	size_t length;
};

/* Texts, numbers and ids are by chance, the same for a seed. Ends the program without memory. */
struct otlp_bytes otlp_request_make(enum otlp_kind kind, uint64_t seed);

#endif
