/* SPDX-License-Identifier: Apache-2.0 */
/* How the sink behaves: as a receiver should, or as it was told to misbehave. */
#ifndef BENCH_OTLP_MODE_H
#define BENCH_OTLP_MODE_H

#include <stdint.h>

/* All 0: every request is taken, counted and answered at once. */
struct otlp_mode {
	uint32_t status;        /* answer this and count nothing, if it is not 200 */
	uint32_t retry_after_s; /* sent along with such a status */
	uint32_t hang;          /* 1: read requests and neither count nor answer them */
	uint32_t rows_per_s;    /* take at most so many */
	uint32_t delay_ms;      /* take and answer each request so much later */
	uint32_t reset;         /* 1: reset the connection and do not count the request */
	uint32_t reset_after;   /* 1: the same after the request was counted */
	uint32_t rejected; /* rows of each request that are not counted, in a partial success */
};

/* Takes over "KEY=VALUE&KEY=VALUE", of the names above. 0, or -EINVAL and nothing changed. */
int otlp_mode_set(struct otlp_mode *mode, const char *text);

#endif
