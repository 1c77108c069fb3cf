/* SPDX-License-Identifier: Apache-2.0 */
/* What load and sink agree on: signals, and how a row says which one it is. Every log record, span
 * and data point has an attribute `seq`, a whole number or its digits: OTLP_ROW_BASE and the number
 * of the row, counted from 0. */
#ifndef BENCH_OTLP_ROWS_H
#define BENCH_OTLP_ROWS_H

/* Varints of one length for the next 34 thousand million rows, so that numbers can be put into a
 * request that is there already. */
#define OTLP_ROW_BASE (1ull << 28)
#define OTLP_ROW_KEY  "seq"

enum otlp_signal { OTLP_LOGS, OTLP_METRICS, OTLP_SPANS, OTLP_SIGNALS };

static const char *const otlp_signal_names[] = { "logs", "metrics", "spans" };
static const char *const otlp_signal_paths[] = { "/v1/logs", "/v1/metrics", "/v1/traces" };

#endif
