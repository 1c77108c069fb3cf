// SPDX-License-Identifier: Apache-2.0
/* Blocks of rows as bits, and columns of numbers compared with constants. Every comparison with a
 * constant is a range of values, so that one loop a type does. */
#include <endian.h>
#include <math.h>
#include "range.h"

__extension__ typedef __int128 wide;

void block_bits(const struct block *block, const unsigned char *bits, uint64_t *ret_words)
{
	size_t bytes = (block->count + 7) / 8;

	if (!bits) {
		for (uint32_t word = 0; word < block->words; word++)
			ret_words[word] = block_mask(block, word);
		return;
	}
	ret_words[block->words - 1] = 0;
	memcpy(ret_words, bits + block->start / 8, bytes); /* little-endian, as sonde's hosts are */
	for (uint32_t word = 0; word < block->words; word++)
		ret_words[word] = le64toh(ret_words[word]);
	ret_words[block->words - 1] &= block_mask(block, block->words - 1);
}

/* ---- which range ------------------------------------------------------------------------- */

static const wide beyond = (wide)1 << 66; /* what no 64 bits hold */

/* The whole numbers that compare so with a number, between two that are beyond all. */
static void whole_range(enum operation operation, const struct value *number, wide *low, wide *high)
{
	bool whole = true;
	wide at;

	if (number->kind == KIND_REAL) {
		double floor_ = floor(number->as.real);

		whole = floor_ == number->as.real;
		at = floor_ >= 0x1p65 ? beyond : floor_ <= -0x1p65 ? -beyond : (wide)floor_;
	} else {
		at = number->kind == KIND_INTEGER ? (wide)number->as.integer
						  : (wide)number->as.number;
	}
	*low = -beyond;
	*high = beyond;
	switch (operation) {
	case OPERATION_LESS:
		*high = whole ? at - 1 : at;
		break;
	case OPERATION_LESS_EQUAL:
		*high = at;
		break;
	case OPERATION_MORE:
		*low = at + 1;
		break;
	case OPERATION_MORE_EQUAL:
		*low = whole ? at : at + 1;
		break;
	default: /* equal, or not: that is the others */
		*low = whole ? at : beyond;
		*high = whole ? at : -beyond;
	}
}

static struct range integer_range(bool is_signed, enum operation operation,
				  const struct value *number)
{
	wide least = is_signed ? (wide)INT64_MIN : 0;
	wide most = is_signed ? (wide)INT64_MAX : (wide)UINT64_MAX;
	struct range range = { .negated = operation == OPERATION_UNEQUAL };
	wide low, high;

	whole_range(operation, number, &low, &high);
	low = low < least ? least : low;
	high = high > most ? most : high;
	range.empty = low > high;
	range.low.bits = (uint64_t)low;
	range.high.bits = (uint64_t)high;
	return range;
}

/* The nearest double of a whole number may lie on one side of it: then nothing equals the number,
 * and that side begins with the double. */
static struct range real_range(enum operation operation, const struct value *number)
{
	struct range range = { .negated = operation == OPERATION_UNEQUAL };
	struct value real = { .kind = KIND_REAL };
	int side; /* of the double, seen from the number */

	if (number->kind == KIND_REAL)
		real.as.real = number->as.real;
	else if (number->kind == KIND_INTEGER)
		real.as.real = (double)number->as.integer;
	else
		real.as.real = (double)number->as.number;
	side = number_order(&real, number);
	range.low.real = -INFINITY;
	range.high.real = INFINITY;
	switch (operation) {
	case OPERATION_LESS:
	case OPERATION_LESS_EQUAL:
		range.high.real = side < 0 || (!side && operation == OPERATION_LESS_EQUAL)
					  ? real.as.real
					  : nextafter(real.as.real, -INFINITY);
		break;
	case OPERATION_MORE:
	case OPERATION_MORE_EQUAL:
		range.low.real = side > 0 || (!side && operation == OPERATION_MORE_EQUAL)
					 ? real.as.real
					 : nextafter(real.as.real, INFINITY);
		break;
	default:
		range.empty = side != 0;
		range.low.real = range.high.real = real.as.real;
	}
	return range;
}

struct range range_of(uint32_t type, enum operation operation, const struct value *number)
{
	if (type == SONDE_DOUBLE)
		return real_range(operation, number);
	return integer_range(type != SONDE_U64, operation, number);
}

/* ---- rows -------------------------------------------------------------------------------- */

/* Eight answers of 0 or 1 a time become a byte of bits. */
static inline uint64_t pack(const unsigned char answers[64])
{
	uint64_t word = 0, eight;

	for (uint32_t i = 0; i < 8; i++) {
		memcpy(&eight, answers + i * 8, sizeof(eight));
		word |= (le64toh(eight) * 0x0102040810204080u >> 56) << (i * 8);
	}
	return word;
}

/* One loop for values that lie side by side, which the compiler makes wide, and one for those that
 * lie in rows. */
#define RANGE_LOOP(name_, type_, holds_)                                                           \
	static inline bool name_##_holds(const unsigned char *at, const struct range *range)       \
	{                                                                                          \
		type_ value;                                                                       \
		memcpy(&value, at, sizeof(value));                                                 \
		return holds_;                                                                     \
	}                                                                                          \
	static void name_##_run(const unsigned char *at, size_t stride, uint32_t count,            \
				const struct range *given, uint64_t *words)                        \
	{                                                                                          \
		const struct range copy = *given, *range = &copy;                                  \
		unsigned char answers[64];                                                         \
		for (; count >= 64; count -= 64, words++) {                                        \
			if (stride == sizeof(type_)) {                                             \
				for (uint32_t i = 0; i < 64; i++)                                  \
					answers[i] = name_##_holds(at + i * sizeof(type_), range); \
			} else {                                                                   \
				for (uint32_t i = 0; i < 64; i++)                                  \
					answers[i] = name_##_holds(at + i * stride, range);        \
			}                                                                          \
			at += 64 * stride;                                                         \
			*words = pack(answers);                                                    \
		}                                                                                  \
		if (!count)                                                                        \
			return;                                                                    \
		*words = 0;                                                                        \
		for (uint32_t i = 0; i < count; i++, at += stride)                                 \
			*words |= (uint64_t)name_##_holds(at, range) << i;                         \
	}

/* From low on, and no further than the width: one comparison, signed or not. */
#define WITHIN ((uint64_t)value - range->low.bits <= range->high.bits - range->low.bits)
#define SIGNED_WITHIN                                                                              \
	((uint64_t)(int64_t)value - range->low.bits <= range->high.bits - range->low.bits)

RANGE_LOOP(i8, int8_t, SIGNED_WITHIN)
RANGE_LOOP(i16, int16_t, SIGNED_WITHIN)
RANGE_LOOP(i32, int32_t, SIGNED_WITHIN)
RANGE_LOOP(i64, int64_t, SIGNED_WITHIN)
RANGE_LOOP(u8, uint8_t, WITHIN)
RANGE_LOOP(u16, uint16_t, WITHIN)
RANGE_LOOP(u32, uint32_t, WITHIN)
RANGE_LOOP(u64, uint64_t, WITHIN)
RANGE_LOOP(real, double, (value >= range->low.real) & (value <= range->high.real))

typedef void range_loop(const unsigned char *, size_t, uint32_t, const struct range *, uint64_t *);

static range_loop *loop_of(uint32_t type)
{
	switch (type) {
	case SONDE_I8:
		return i8_run;
	case SONDE_I16:
		return i16_run;
	case SONDE_I32:
		return i32_run;
	case SONDE_U8:
		return u8_run;
	case SONDE_U16:
		return u16_run;
	case SONDE_U32:
		return u32_run;
	case SONDE_U64:
		return u64_run;
	case SONDE_DOUBLE:
		return real_run;
	default: /* time and duration too */
		return i64_run;
	}
}

void truth_spread(const struct block *block, struct truth *truth)
{
	uint64_t yes = -(truth->yes[0] & 1), no = -(truth->no[0] & 1);

	for (uint32_t word = 0; word < block->words; word++) {
		truth->yes[word] = yes & block_mask(block, word);
		truth->no[word] = no & block_mask(block, word);
	}
}

void range_run(const struct block *block, const struct sonde_column *column,
	       const struct range *range, struct truth *ret_truth)
{
	uint64_t flip = range->negated ? UINT64_MAX : 0, valid[BLOCK_WORDS];
	const unsigned char *at = sonde_value(column, block->start);

	if (range->empty)
		memset(ret_truth->yes, 0, block->words * sizeof(uint64_t));
	else
		loop_of(column->type)(at, column->stride, column->stride ? block->count : 1, range,
				      ret_truth->yes);
	ret_truth->no[0] = 0;
	if (!column->stride && !range->empty)
		truth_spread(block, ret_truth);
	block_bits(block, column->valid, valid);
	for (uint32_t word = 0; word < block->words; word++) {
		uint64_t yes = (ret_truth->yes[word] ^ flip) & valid[word];

		ret_truth->yes[word] = yes;
		ret_truth->no[word] = ~yes & valid[word];
	}
}
