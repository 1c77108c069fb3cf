/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities as people write them: durations, sizes and ratios, both ways. */
#ifndef SONDE_QUANTITY_H
#define SONDE_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/* 0 or -EINVAL. "500ms", "1m30s" → ns, never negative; "64MiB" → bytes, a unit being required;
 * "1%", "1/16", "0.5" → 0 to 1. */
int duration_parse(const char *text, int64_t *ret_ns);
int size_parse(const char *text, uint64_t *ret_bytes);
int ratio_parse(const char *text, double *ret_ratio);

/* Whether the text is a number and no more: what lacks is then the unit. */
bool number_is_bare(const char *text);

/* The shortest exact writing, such as "1m30s"; buffer of 32 bytes. */
const char *duration_print(int64_t ns, char buffer[32]);
const char *size_print(uint64_t bytes, char buffer[32]);
const char *ratio_print(double ratio, char buffer[32]);

/* The shortest decimal writing that reads back as the same number. */
const char *double_print(double number, char buffer[32]);

#endif
