// SPDX-License-Identifier: Apache-2.0
/* Which rows go together: a number for the values that a row has in some columns, the same on every
 * host, in every version and under any dictionary. */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "expression.h"
#include "key.h"

static const uint64_t GOLDEN = UINT64_C(0x9e3779b97f4a7c15);
static const uint64_t NO_VALUE = UINT64_C(0x6e756c6c); /* "null" */

int key_open(struct key *key, const struct sonde_texts *columns, uint64_t seed)
{
	*key = (struct key){ .columns = *columns, .start = key_mix(seed + GOLDEN) };
	key->memos = calloc(KEY_MEMO_SLOTS, sizeof(*key->memos));
	return key->memos ? 0 : -ENOMEM;
}

void key_close(struct key *key)
{
	free(key->memos);
	*key = (struct key){ 0 };
}

/* ---- columns ----------------------------------------------------------------------------- */

static const struct sonde_column *find_named(const struct sonde_batch *batch, const char *name,
					     uint32_t scope)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->scope == scope && !strcmp(column->name, name))
			return column;
	}
	return NULL;
}

const struct sonde_column *key_find(const struct sonde_batch *batch, const char *name)
{
	static const uint32_t scopes[] = { SONDE_SCOPE_ROW, SONDE_SCOPE_SCOPE,
					   SONDE_SCOPE_RESOURCE };
	uint32_t role = expression_role(name);

	for (uint32_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++) {
		const struct sonde_column *column = find_named(batch, name, scopes[i]);

		if (column)
			return column;
	}
	for (uint32_t i = 0; role && i < batch->column_count; i++) {
		if (sonde_column(batch, i)->role == role)
			return sonde_column(batch, i);
	}
	return NULL;
}

/* ---- values ------------------------------------------------------------------------------ */

uint64_t key_of_text(const void *data, size_t length)
{
	const unsigned char *at = data;
	uint64_t value = key_mix(length), word;

	for (; length >= sizeof(word); at += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		value = key_mix(value ^ le64toh(word));
	}
	if (!length)
		return value;
	word = 0;
	memcpy(&word, at, length);
	return key_mix(value ^ le64toh(word));
}

static uint64_t value_of_real(double real)
{
	uint64_t bits;

	if (real == 0)
		real = 0; /* -0 */
	memcpy(&bits, &real, sizeof(bits));
	return !isnan(real) ? bits : UINT64_C(0x7ff8) << 48;
}

/* A value that says itself what it is: as one of a column of that type, nested ones by their bytes.
 */
static uint64_t value_of_any(struct sonde_instance *instance, struct sonde_text encoded)
{
	struct sonde_any any;
	uint32_t count;

	if (sonde_any_decode(instance, encoded.data, encoded.length, &any, 1, &count) < 0)
		return key_of_text(encoded.data, encoded.length);
	switch (any.kind) {
	case SONDE_ANY_TEXT:
	case SONDE_ANY_BYTES:
		return key_of_text(any.as.data, any.length);
	case SONDE_ANY_BOOL:
		return any.as.boolean;
	case SONDE_ANY_INTEGER:
		return (uint64_t)any.as.integer;
	case SONDE_ANY_DOUBLE:
		return value_of_real(any.as.number);
	case SONDE_ANY_EMPTY:
		return NO_VALUE;
	default:
		return key_of_text(encoded.data, encoded.length);
	}
}

/* ---- rows -------------------------------------------------------------------------------- */

#define ADD_LOOP(type_, value_)                                                                    \
	for (uint32_t row = 0; row < count; row++, at += stride) {                                 \
		type_ value;                                                                       \
		memcpy(&value, at, sizeof(value));                                                 \
		keys[row] = key_mix(from[row * step] ^ (value_));                                  \
	}                                                                                          \
	return

/* Keys as they are before a column: `from`, a number a row, or with step 0 one for all. */

/* A column in which every row has a value, of a type that takes no look elsewhere. */
static void add_plain(const struct sonde_column *column, uint32_t count, const uint64_t *from,
		      size_t step, uint64_t *keys)
{
	const unsigned char *at = column->base;
	const uint32_t stride = column->stride;

	switch (column->type) {
	case SONDE_I8:
		ADD_LOOP(int8_t, (uint64_t)value);
	case SONDE_I16:
		ADD_LOOP(int16_t, (uint64_t)value);
	case SONDE_I32:
		ADD_LOOP(int32_t, (uint64_t)value);
	case SONDE_BOOL:
	case SONDE_U8:
		ADD_LOOP(uint8_t, value);
	case SONDE_U16:
		ADD_LOOP(uint16_t, value);
	case SONDE_U32:
		ADD_LOOP(uint32_t, value);
	case SONDE_DOUBLE:
		ADD_LOOP(double, value_of_real(value));
	default: /* of 64 bits, signed or not */
		ADD_LOOP(uint64_t, value);
	}
}

static bool is_plain(const struct sonde_column *column)
{
	switch (column->type) {
	case SONDE_TEXT:
	case SONDE_BYTES:
	case SONDE_ANY:
	case SONDE_ID8:
	case SONDE_ID16:
		return false;
	default:
		return true;
	}
}

static uint64_t value_of_entry(struct sonde_instance *instance, const struct sonde_column *column,
			       uint32_t code)
{
	struct sonde_text text = sonde_entry(column->dictionary, column->dictionary_length, code);

	return column->type == SONDE_ANY ? value_of_any(instance, text)
					 : key_of_text(text.data, text.length);
}

static uint64_t value_of_code(struct key *key, struct sonde_instance *instance,
			      const struct sonde_column *column, uint32_t row)
{
	struct key_memo *memo;
	uint32_t code;

	memcpy(&code, sonde_value(column, row), sizeof(code));
	memo = &key->memos[code & (KEY_MEMO_SLOTS - 1)];
	if (memo->stamp == key->stamp && memo->code == code)
		return memo->value;
	*memo = (struct key_memo){ .stamp = key->stamp,
				   .code = code,
				   .value = value_of_entry(instance, column, code) };
	return memo->value;
}

/* Whether it is cheaper to look at all entries of the dictionary first. */
static bool has_few_entries(const struct sonde_column *column, uint32_t row_count)
{
	return column->type >= SONDE_TEXT && column->type != SONDE_ID8 &&
	       column->type != SONDE_ID16 && !column->valid &&
	       column->dictionary_length <= KEY_MEMO_SLOTS &&
	       column->dictionary_length <= row_count / 4;
}

static void add_few(struct key *key, struct sonde_instance *instance,
		    const struct sonde_column *column, uint32_t count, const uint64_t *from,
		    size_t step, uint64_t *keys)
{
	const unsigned char *at = column->base;
	const uint32_t stride = column->stride, length = column->dictionary_length;
	const struct key_memo *memos = key->memos;
	const uint64_t none = value_of_entry(instance, column, UINT32_MAX);

	for (uint32_t code = 0; code < length; code++)
		key->memos[code] =
			(struct key_memo){ .value = value_of_entry(instance, column, code) };
	for (uint32_t row = 0; row < count; row++, at += stride) {
		uint32_t code;

		memcpy(&code, at, sizeof(code));
		keys[row] = key_mix(from[row * step] ^ (code < length ? memos[code].value : none));
	}
}

static uint64_t value_at(struct key *key, struct sonde_instance *instance,
			 const struct sonde_column *column, uint32_t row)
{
	uint64_t number = 0;

	if (!sonde_valid(column, row))
		return NO_VALUE;
	switch (column->type) {
	case SONDE_ID8:
	case SONDE_ID16:
		return key_of_text(sonde_value(column, row), column->value_size);
	case SONDE_TEXT:
	case SONDE_BYTES:
	case SONDE_ANY:
		return value_of_code(key, instance, column, row);
	case SONDE_DOUBLE:
		return value_of_real(sonde_number_at(column, row));
	case SONDE_I8:
	case SONDE_I16:
	case SONDE_I32:
		return (uint64_t)(int64_t)sonde_number_at(column, row);
	default:
		if (column->value_size != sizeof(number))
			return (uint64_t)sonde_number_at(column, row);
		memcpy(&number, sonde_value(column, row), sizeof(number));
		return number;
	}
}

static void mark_known(const struct sonde_column *column, uint32_t count, unsigned char *known)
{
	size_t size = (count + 7) / 8;

	if (!column->valid) {
		memset(known, 0xff, size);
		return;
	}
	for (size_t byte = 0; byte < size; byte++)
		known[byte] |= column->valid[byte];
}

static bool is_hashable(const struct sonde_column *column)
{
	return column && column->type >= SONDE_BOOL && column->type <= SONDE_ANY &&
	       column->type != SONDE_EXPONENTIAL && column->type != SONDE_EXPLICIT &&
	       column->type != SONDE_QUANTILES;
}

static void add_column(struct key *key, struct sonde_instance *instance,
		       const struct sonde_column *column, uint32_t count, const uint64_t *from,
		       size_t step, uint64_t *keys)
{
	if (!is_hashable(column)) {
		for (uint32_t row = 0; row < count; row++)
			keys[row] = key_mix(from[row * step] ^ NO_VALUE);
		return;
	}
	if (++key->stamp == 0) { /* once around: what is remembered means nothing */
		memset(key->memos, 0, KEY_MEMO_SLOTS * sizeof(*key->memos));
		key->stamp = 1;
	}
	if (is_plain(column) && !column->valid) {
		add_plain(column, count, from, step, keys);
	} else if (has_few_entries(column, count)) {
		add_few(key, instance, column, count, from, step, keys);
	} else {
		for (uint32_t row = 0; row < count; row++)
			keys[row] =
				key_mix(from[row * step] ^ value_at(key, instance, column, row));
	}
}

void key_run(struct key *key, struct sonde_instance *instance, const struct sonde_batch *batch,
	     uint64_t *keys, unsigned char *known)
{
	uint32_t count = batch->row_count;

	memset(known, 0, (count + 7) / 8);
	for (uint32_t i = 0; i < key->columns.count; i++) {
		const struct sonde_column *column = key_find(batch, key->columns.items[i]);

		if (is_hashable(column))
			mark_known(column, count, known);
		add_column(key, instance, column, count, i ? keys : &key->start, i ? 1 : 0, keys);
	}
}
