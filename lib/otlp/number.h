/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, ids and base64 as JSON has them, made into what protobuf has. */
#ifndef SONDE_OTLP_NUMBER_H
#define SONDE_OTLP_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL, or what is wrong with the text; ret_value is then untouched. Whole numbers may have a point
 * or an exponent where that is exact. Negative ones are two's complement. */
const char *whole_parse(const char *text, size_t length, int64_t minimum, uint64_t maximum,
			uint64_t *ret_value);

/* "NaN", "Infinity" and "-Infinity" only where `words` says so: in quotes. */
const char *double_parse(const char *text, size_t length, bool words, double *ret_value);

/* Two digits a byte. ret_bytes has room for length / 2. false: another character is in it, or there
 * is an odd number of them. */
bool hex_parse(const char *text, size_t length, unsigned char *ret_bytes);

/* Standard or URL-safe, with or without padding. ret_bytes has room for length / 4 * 3 + 2. */
bool base64_parse(const char *text, size_t length, unsigned char *ret_bytes, size_t *ret_length);

#endif
