// SPDX-License-Identifier: Apache-2.0
/* Reads "SIGNAL LIMIT HEX" a line (a signal's number, a limit of columns, a request) and prints
 * what the decoder makes of it as one line of JSON: for comparison with other implementations of
 * OTLP. A cell is [scope, role, name, type, value]; names, texts and bytes are hexadecimal. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "otlp_host.h"

static void print_hex(const void *data, size_t length)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < length; i++)
		printf("%02x", bytes[i]);
}

static void print_double(double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof(bits));
	printf("%" PRIu64, bits);
}

static void print_words(const struct sonde_column *column, uint32_t start, uint32_t length)
{
	printf(",[");
	for (uint32_t i = 0; i < length; i++)
		printf("%s%" PRIu64, i ? "," : "", column->heap[start + i]);
	printf("]");
}

static void print_histogram(const struct sonde_column *column, const void *value)
{
	struct sonde_exponential exponential = { 0 };
	struct sonde_explicit explicit = { 0 };
	struct sonde_quantiles quantiles = { 0 };

	if (column->type == SONDE_EXPONENTIAL) {
		memcpy(&exponential, value, sizeof(exponential));
		printf("[%" PRIu64 ",%" PRIu64 ",%d,%d,%d,%u,", exponential.count,
		       exponential.zero_count, exponential.scale, exponential.positive_offset,
		       exponential.negative_offset, exponential.flags);
		print_double(exponential.sum);
		printf(",");
		print_double(exponential.minimum);
		printf(",");
		print_double(exponential.maximum);
		printf(",");
		print_double(exponential.zero_threshold);
		print_words(column, exponential.positive_start, exponential.positive_length);
		print_words(column, exponential.negative_start, exponential.negative_length);
	} else if (column->type == SONDE_EXPLICIT) {
		memcpy(&explicit, value, sizeof(explicit));
		printf("[%" PRIu64 ",%u,", explicit.count, explicit.flags);
		print_double(explicit.sum);
		printf(",");
		print_double(explicit.minimum);
		printf(",");
		print_double(explicit.maximum);
		print_words(column, explicit.counts_start, explicit.length);
		print_words(column, explicit.bounds_start,
			    explicit.length ? explicit.length - 1 : 0);
	} else {
		memcpy(&quantiles, value, sizeof(quantiles));
		printf("[%" PRIu64 ",", quantiles.count);
		print_double(quantiles.sum);
		print_words(column, quantiles.pairs_start, quantiles.length * 2);
	}
	printf("]");
}

static void print_value(const struct sonde_column *column, uint32_t row)
{
	const void *value = sonde_value(column, row);
	struct sonde_text text;
	int64_t number = 0;

	switch (column->type) {
	case SONDE_TEXT:
	case SONDE_BYTES:
	case SONDE_ANY:
		text = sonde_text_at(column, row);
		printf("\"");
		print_hex(text.data, text.length);
		printf("\"");
		break;
	case SONDE_ID8:
	case SONDE_ID16:
		printf("\"");
		print_hex(value, column->value_size);
		printf("\"");
		break;
	case SONDE_EXPONENTIAL:
	case SONDE_EXPLICIT:
	case SONDE_QUANTILES:
		print_histogram(column, value);
		break;
	default:
		memcpy(&number, value, column->value_size);
		if (column->type == SONDE_I32)
			number = (int32_t)number;
		printf("%" PRId64, number); /* a double by its bits */
	}
}

static void print_batch(const struct sonde_batch *batch)
{
	printf("{\"signal\":%u,\"rows\":[", batch->signal);
	for (uint32_t row = 0; row < batch->row_count; row++) {
		bool first = true;

		printf("%s[", row ? "," : "");
		for (uint32_t i = 0; i < batch->column_count; i++) {
			const struct sonde_column *column = sonde_column(batch, i);

			if (!sonde_valid(column, row))
				continue;
			printf("%s[%u,%u,\"", first ? "" : ",", column->scope, column->role);
			print_hex(column->name, strlen(column->name));
			printf("\",%u,", column->type);
			print_value(column, row);
			printf("]");
			first = false;
		}
		printf("]");
	}
	printf("],\"columns\":%u,\"children\":[", batch->column_count);
	for (uint32_t i = 0; i < batch->child_count; i++) {
		printf("%s", i ? "," : "");
		print_batch(batch->children[i]);
	}
	printf("]}");
}

/* In memory of the dictionary. */
static unsigned char *hex_read(const char *hex, struct sonde_dictionary *dictionary,
			       size_t *ret_length)
{
	unsigned char *bytes =
		sonde_dictionary_memory(&otlp_instance, dictionary, strlen(hex) / 2 + 1);
	size_t length = 0;
	unsigned byte;

	for (; bytes && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		bytes[length++] = (unsigned char)byte;
	*ret_length = length;
	return bytes;
}

static int line_decode(struct otlp_decoder **decoder, uint32_t *limit, const char *line)
{
	struct sonde_dictionary *dictionary = sonde_dictionary_create(&otlp_instance, false);
	struct otlp_decoder_options options;
	struct otlp_decoded decoded;
	const char *why = "";
	unsigned char *data;
	unsigned signal;
	size_t length, offset = 0;
	int used = 0, result;

	if (sscanf(line, "%u %u %n", &signal, &options.column_limit, &used) != 2)
		return -EINVAL;
	if (!*decoder || *limit != options.column_limit) {
		otlp_decoder_release(*decoder);
		*decoder = otlp_decoder_create(&otlp_instance, &options);
		*limit = options.column_limit;
	}
	data = hex_read(line + used, dictionary, &length);
	if (!*decoder || !data)
		return -ENOMEM;
	result = otlp_decode(*decoder, (enum sonde_signal)signal, dictionary, data, length,
			     &decoded, &why, &offset);
	if (result) {
		printf("{\"error\":%d,\"why\":\"%s\",\"offset\":%zu}\n", -result, why, offset);
	} else {
		printf("{\"row_count\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"repaired\":%" PRIu64
		       ",\"why\":\"%s\",\"batch\":",
		       decoded.row_count, decoded.refused_count, decoded.repaired_count,
		       decoded.refused_why ? decoded.refused_why : "");
		if (decoded.batch) {
			otlp_host_finish(decoded.batch);
			print_batch(decoded.batch);
			sonde_batch_release(&otlp_instance, decoded.batch);
		} else {
			printf("null");
		}
		printf("}\n");
	}
	sonde_dictionary_release(&otlp_instance, dictionary);
	return 0;
}

int main(void)
{
	struct otlp_decoder *decoder = NULL;
	char *line = NULL;
	size_t size = 0;
	uint32_t limit = 0;
	int result = 0;

	while (!result && getline(&line, &size, stdin) > 0)
		result = line_decode(&decoder, &limit, line);
	otlp_decoder_release(decoder);
	free(line);
	return result ? 1 : 0;
}
