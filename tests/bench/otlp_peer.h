/* SPDX-License-Identifier: Apache-2.0 */
/* Another decoder of the same requests. */
#ifndef SONDE_BENCH_OTLP_PEER_H
#define SONDE_BENCH_OTLP_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "otlp_requests.h"

extern const char *const otlp_peer_name; /* NULL: this build has none */

/* Decodes a request and frees what came of it. */
bool otlp_peer_decode(enum otlp_kind kind, const void *data, size_t length);

#endif
