/* SPDX-License-Identifier: Apache-2.0 */
/* Other decoders of the same requests. */
#ifndef SONDE_BENCH_OTLP_PEER_H
#define SONDE_BENCH_OTLP_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "otlp_requests.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Decodes a request and frees what came of it. The code that protoc-c makes, and, with an arena,
 * that of protoc's for C++. */
bool otlp_peer_decode_c(enum otlp_kind kind, const void *data, size_t length);
bool otlp_peer_decode_cpp(enum otlp_kind kind, const void *data, size_t length);

#ifdef __cplusplus
}
#endif
#endif
