/* SPDX-License-Identifier: Apache-2.0 */
/* Nested values and metric headers, as trees and as the OTLP bytes that columns keep. */
#ifndef SONDE_VALUE_H
#define SONDE_VALUE_H

#include <sonde/plugin.h>

enum { VALUE_DEPTH_LIMIT = 32 };

/* As sonde_any_encode() and its kin in the plugin header. The decoders read any bytes: fields in
 * any order, unknown ones skipped, the last one of several taken. That texts are UTF-8 is for
 * whoever takes them in to check. */
int64_t any_encode(const struct sonde_any *any, void *buffer, size_t capacity);
int any_decode(const void *data, size_t length, struct sonde_any *items, uint32_t capacity,
	       uint32_t *ret_count);

/* Whether an encoded map has a pair of that key. */
bool any_has_key(struct sonde_text map, const char *key);

int64_t metric_encode(const struct sonde_metric *metric, void *buffer, size_t capacity);
int metric_decode(const void *data, size_t length, struct sonde_metric *ret_metric);
int64_t metric_metadata(const void *data, size_t length, void *buffer, size_t capacity);

#endif
