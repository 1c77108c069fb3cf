// SPDX-License-Identifier: Apache-2.0
/* The decoder of OTLP requests: whatever comes in, what comes out is a batch that readers can trust
 * and the books on it agree. The first byte says which signal, and how few columns. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "../unit/otlp_host.h"

enum { MOST_ITEMS = 4096 };

/* As Unicode defines it, written apart from the decoder's own. */
static bool is_utf8(const unsigned char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		uint32_t more = text[i] < 0x80   ? 0
				: text[i] < 0xc0 ? 9
				: text[i] < 0xe0 ? 1
				: text[i] < 0xf0 ? 2
				: text[i] < 0xf8 ? 3
						 : 9;
		static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
		uint32_t character = more ? text[i] & (0x3fu >> more) : text[i];

		if (more > 3 || more >= length - i)
			return false;
		for (uint32_t k = 1; k <= more; k++) {
			if ((text[i + k] & 0xc0) != 0x80)
				return false;
			character = character << 6 | (text[i + k] & 0x3f);
		}
		if (character < least[more] || character > 0x10ffff ||
		    (character >= 0xd800 && character <= 0xdfff))
			return false;
		i += 1 + more;
	}
	return true;
}

static void check_any(struct sonde_text text)
{
	static struct sonde_any items[MOST_ITEMS];
	uint32_t count;
	int result =
		sonde_any_decode(&otlp_instance, text.data, text.length, items, MOST_ITEMS, &count);

	assert(result == 0 || result == -ENOSPC);
	for (uint32_t i = 0; !result && i < count; i++) {
		assert(is_utf8((const unsigned char *)items[i].key, items[i].key_length));
		assert(items[i].kind != SONDE_ANY_TEXT ||
		       is_utf8((const unsigned char *)items[i].as.data, items[i].length));
	}
}

static void check_histogram(const struct sonde_column *column, const void *value)
{
	struct sonde_exponential exponential;
	struct sonde_explicit explicit;
	struct sonde_quantiles quantiles;
	uint64_t heap = column->heap_length;

	if (column->type == SONDE_EXPONENTIAL) {
		memcpy(&exponential, value, sizeof(exponential));
		assert((uint64_t)exponential.positive_start + exponential.positive_length <= heap);
		assert((uint64_t)exponential.negative_start + exponential.negative_length <= heap);
	} else if (column->type == SONDE_EXPLICIT) {
		memcpy(&explicit, value, sizeof(explicit));
		assert((uint64_t) explicit.counts_start + explicit.length <= heap);
		assert(!explicit.length ||
		       (uint64_t) explicit.bounds_start + explicit.length - 1 <= heap);
	} else {
		memcpy(&quantiles, value, sizeof(quantiles));
		assert((uint64_t)quantiles.pairs_start + quantiles.length * 2ull <= heap);
	}
}

static void check_value(const struct sonde_column *column, uint32_t row)
{
	struct sonde_text text;
	struct sonde_metric metric = { 0 };
	uint32_t code;

	switch (column->type) {
	case SONDE_TEXT:
	case SONDE_BYTES:
	case SONDE_ANY:
		memcpy(&code, sonde_value(column, row), sizeof(code));
		assert(code < column->dictionary_length);
		text = sonde_text_at(column, row);
		assert(text.data && !text.hash);
		if (column->type == SONDE_ANY)
			check_any(text);
		assert(column->type != SONDE_TEXT ||
		       is_utf8((const unsigned char *)text.data, text.length));
		if (column->role == SONDE_ROLE_METRIC) {
			assert(!sonde_metric_decode(&otlp_instance, text.data, text.length,
						    &metric));
			assert(is_utf8((const unsigned char *)metric.name.data,
				       metric.name.length));
		}
		break;
	case SONDE_EXPONENTIAL:
	case SONDE_EXPLICIT:
	case SONDE_QUANTILES:
		check_histogram(column, sonde_value(column, row));
		break;
	default:
		break;
	}
}

static void check_batch(const struct sonde_batch *batch, uint32_t parent_count)
{
	uint32_t parent, last = 0;

	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		assert(is_utf8((const unsigned char *)column->name, strlen(column->name)));
		for (uint32_t row = 0; row < batch->row_count; row++) {
			if (sonde_valid(column, row))
				check_value(column, row);
			if (column->role != SONDE_ROLE_PARENT_ROW)
				continue;
			assert(sonde_valid(column, row));
			memcpy(&parent, sonde_value(column, row), sizeof(parent));
			assert(parent >= last && parent < parent_count);
			last = parent;
		}
	}
	for (uint32_t i = 0; i < batch->child_count; i++)
		check_batch(batch->children[i], batch->row_count);
}

static void decode(struct otlp_decoder *decoder, enum sonde_signal signal, const uint8_t *data,
		   size_t size)
{
	struct sonde_dictionary *dictionary = sonde_dictionary_create(&otlp_instance, false);
	unsigned char *memory = sonde_dictionary_memory(&otlp_instance, dictionary, size);
	struct otlp_decoded decoded, before;
	const char *why = NULL;
	size_t offset = SIZE_MAX;
	int result;

	assert(memory);
	memset(&before, 0x5a, sizeof(before));
	decoded = before;
	if (size)
		memcpy(memory, data, size);
	result = otlp_decode(decoder, signal, dictionary, memory, size, &decoded, &why, &offset);
	assert(!size || !memcmp(memory, data, size));
	if (result) {
		assert(result == -EBADMSG && why && offset <= size);
		assert(!memcmp(&decoded, &before, sizeof(before)));
	} else {
		assert(!decoded.refused_count == !decoded.refused_why);
		assert(!decoded.row_count == !decoded.batch);
	}
	if (!result && decoded.batch) {
		otlp_host_finish(decoded.batch);
		assert(decoded.row_count == decoded.batch->row_count);
		assert(decoded.batch->signal == (uint32_t)signal);
		check_batch(decoded.batch, 0);
		sonde_batch_release(&otlp_instance, decoded.batch);
	}
	sonde_dictionary_release(&otlp_instance, dictionary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum sonde_signal signals[] = { SONDE_SIGNAL_LOG, SONDE_SIGNAL_SPAN,
						     SONDE_SIGNAL_METRIC };
	struct otlp_decoder_options options;
	struct otlp_decoder *decoder;

	if (!size)
		return 0;
	options.column_limit = data[0] / 3;
	decoder = otlp_decoder_create(&otlp_instance, &options);
	assert(decoder);
	decode(decoder, signals[data[0] % 3], data + 1, size - 1);
	decode(decoder, signals[data[0] % 3], data + 1, size - 1); /* what is used again */
	otlp_decoder_release(decoder);
	return 0;
}
