/* SPDX-License-Identifier: Apache-2.0 */
/* Names of metrics and labels as Prometheus has them, made of those of OTLP and UCUM units. */
#ifndef SONDE_PROMETHEUS_NAMING_H
#define SONDE_PROMETHEUS_NAMING_H

#include <stdbool.h>
#include <stddef.h>
#include "json.h"

enum { UNIT_BYTES = 96 };

/* What a unit becomes: a suffix of names, and what values are divided by. */
struct naming_unit {
	char suffix[UNIT_BYTES]; /* "seconds", "bytes_per_second"; "": none */
	double divisor;          /* 1, or what makes seconds of a fraction of one */
};

/* seconds: whether ns, us and ms become seconds. is_gauge: of what the unit "1" is a ratio. */
struct naming_unit naming_unit(const char *unit, bool is_gauge, bool seconds);

/* Appends the name of a family, which for a counter lacks its "_total": characters that names have
 * not are '_', and the suffix of the unit is there once. */
void naming_metric(struct json *out, const char *name, const char *suffix, bool is_counter);

/* Appends the name of a label. */
void naming_label(struct json *out, const char *key, size_t length);

#endif
