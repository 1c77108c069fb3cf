/* SPDX-License-Identifier: Apache-2.0 */
/* Values of columns as OTLP has them: of any type and length, for what no inner loop knows. */
#ifndef SONDE_ENCODE_VALUE_H
#define SONDE_ENCODE_VALUE_H

#include <sonde/plugin.h>
#include "encode_output.h"

/* A number, time or bool of a row as 64 bits, signed ones extended. */
static inline uint64_t value_integer(const unsigned char *value, uint32_t type)
{
	uint64_t wide;
	uint32_t half;
	uint16_t quarter;

	switch (type) {
	case SONDE_BOOL:
		return *value != 0;
	case SONDE_U8:
		return *value;
	case SONDE_I8:
		return (uint64_t)(int64_t)(int8_t)*value;
	case SONDE_U16:
	case SONDE_I16:
		memcpy(&quarter, value, sizeof(quarter));
		return type == SONDE_U16 ? quarter : (uint64_t)(int64_t)(int16_t)quarter;
	case SONDE_U32:
	case SONDE_I32:
		memcpy(&half, value, sizeof(half));
		return type == SONDE_U32 ? half : (uint64_t)(int64_t)(int32_t)half;
	default:
		memcpy(&wide, value, sizeof(wide));
		return wide;
	}
}

/* Whether an attribute can have a value of this type: histograms cannot. */
bool value_is_attribute(uint32_t type);
bool value_is_integer(uint32_t type); /* times, durations and bools too */

/* The content of an AnyValue; false: memory was refused. */
bool value_put(const struct sonde_column *column, uint32_t row, struct output *output);

/* A KeyValue under a field number. */
bool value_put_pair(const struct sonde_column *column, uint32_t row, uint32_t number,
		    struct output *output);

/* The pairs of an encoded map, each as a field of that number; nothing for any other value. */
bool value_put_pairs(struct sonde_text map, uint32_t number, struct output *output);

/* The maps of an encoded array as EntityRefs under a field number. */
bool value_put_entities(struct sonde_text array, uint32_t number, struct output *output);

/* The digits of an id. */
unsigned char *value_put_hex(unsigned char *at, const unsigned char *id, size_t length);

#endif
