/* SPDX-License-Identifier: Apache-2.0 */
/* What a scraper would have: its Accept and Accept-Encoding. */
#ifndef SONDE_PROMETHEUS_ACCEPT_H
#define SONDE_PROMETHEUS_ACCEPT_H

#include <stdbool.h>

enum accept_format { ACCEPT_TEXT, ACCEPT_OPENMETRICS, ACCEPT_PROTOBUF };

/* The format of ours that has the largest weight in the header, the first of those in it; text if
 * the header is NULL or asks for none of them. */
enum accept_format accept_format(const char *header);

/* Whether gzip is wanted. */
bool accept_gzip(const char *header);

/* The Content-Type of a format. */
const char *accept_type(enum accept_format format);

#endif
