// SPDX-License-Identifier: Apache-2.0
/* What tables of one kind look like: columns that groups are told apart by, and measures. */
#include <stdlib.h>

#include "shape.h"

enum class class_of(uint32_t type) {
	switch (type){
		case SONDE_BOOL : case SONDE_I8 : case SONDE_I16 : case SONDE_I32 : case
		SONDE_I64 : case SONDE_U8 : case SONDE_U16 : case SONDE_U32 : case SONDE_U64 : case
		SONDE_TIME : case SONDE_DURATION : return CLASS_WHOLE;
		case SONDE_DOUBLE : return CLASS_REAL;
		case SONDE_TEXT : return CLASS_TEXT;
		case SONDE_EXPONENTIAL : return CLASS_EXPONENTIAL;
		case SONDE_EXPLICIT : return CLASS_EXPLICIT;
		default : return CLASS_NONE;
	}
}

uint32_t wide_type(uint32_t type)
{
	switch (type) {
	case SONDE_I8:
	case SONDE_I16:
	case SONDE_I32:
		return SONDE_I64;
	case SONDE_U8:
	case SONDE_U16:
	case SONDE_U32:
		return SONDE_U64;
	default:
		return type;
	}
}

bool function_takes(enum function function, uint32_t type)
{
	enum class class = class_of(type);

	switch (function) {
	case FUNCTION_COUNT: /* a part of a count */
		return (class == CLASS_WHOLE || class == CLASS_REAL) && type != SONDE_BOOL &&
		       type != SONDE_TIME;
	case FUNCTION_SUM:
		return class != CLASS_NONE && class != CLASS_TEXT && type != SONDE_BOOL &&
		       type != SONDE_TIME;
	case FUNCTION_MEAN:
		return class != CLASS_NONE && class != CLASS_TEXT && type != SONDE_BOOL;
	case FUNCTION_MINIMUM:
	case FUNCTION_MAXIMUM:
		return (class == CLASS_WHOLE || class == CLASS_REAL) && type != SONDE_BOOL;
	case FUNCTION_FIRST:
	case FUNCTION_LAST:
		return class == CLASS_WHOLE || class == CLASS_REAL || class == CLASS_TEXT;
	case FUNCTION_HISTOGRAM:
		return class != CLASS_NONE && class != CLASS_TEXT && type != SONDE_BOOL &&
		       type != SONDE_TIME;
	case FUNCTION_QUANTILE:
		return class != CLASS_NONE && class != CLASS_TEXT && class != CLASS_EXPLICIT &&
		       type != SONDE_BOOL && type != SONDE_TIME;
	}
	return false;
}

/* Whether every value of a type, as a word, leaves room for one that says null. */
static bool is_narrow(uint32_t type)
{
	switch (type) {
	case SONDE_I64:
	case SONDE_U64:
	case SONDE_DOUBLE:
	case SONDE_TIME:
	case SONDE_DURATION:
	case SONDE_ID8:
	case SONDE_ID16:
		return false;
	default:
		return true;
	}
}

void shape_arrange(struct shape *shape)
{
	uint32_t null_bit = 0;

	shape->words = 0;
	for (uint32_t i = 0; i < shape->by_count; i++) {
		struct by_column *by = &shape->by[i];

		by->dictionary =
			by->type == SONDE_TEXT || by->type == SONDE_BYTES || by->type == SONDE_ANY;
		by->words = by->type == SONDE_NONE ? 0 : by->type == SONDE_ID16 ? 2 : 1;
		by->word = shape->words;
		by->null_bit = is_narrow(by->type) ? UINT32_MAX : null_bit++;
		shape->words += by->words;
	}
	shape->has_null_word = null_bit > 0;
	shape->words += shape->has_null_word;
}

void shape_release(struct shape *shape)
{
	if (!shape)
		return;
	for (uint32_t i = 0; i < shape->by_count; i++) {
		free(shape->by[i].name);
		free(shape->by[i].unit);
		free(shape->by[i].help);
	}
	for (uint32_t i = 0; i < shape->measure_count; i++) {
		free(shape->measures[i].name);
		free(shape->measures[i].unit);
		free(shape->measures[i].help);
	}
	free(shape->measures);
	free(shape->schema);
	free(shape);
}
