// SPDX-License-Identifier: Apache-2.0
/* Reads "SIGNAL COLUMNS HEX" a line, an OTLP request, and prints the HEX of the request that our
 * encoder makes of the batch that our decoder makes of it, split in two where there are rows. The
 * argument says what it is made of: `columns`, `originals`, or `both`, row by row. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "encode.h"
#include "otlp_host.h"

static uint32_t digit_value(char digit)
{
	return (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static unsigned char *hex_read(const char *hex, struct sonde_dictionary *dictionary,
			       size_t *ret_length)
{
	size_t length = strspn(hex, "0123456789abcdef") / 2;
	unsigned char *bytes = sonde_dictionary_memory(&otlp_instance, dictionary, length + 1);

	for (size_t i = 0; bytes && i < length; i++)
		bytes[i] =
			(unsigned char)(digit_value(hex[2 * i]) << 4 | digit_value(hex[2 * i + 1]));
	*ret_length = length;
	return bytes;
}

/* The rows in two parts, the second one first, as the request grows to its front. */
static int encode_parts(struct otlp_encoder *encoder, const struct sonde_batch *batch,
			struct otlp_request *request)
{
	uint32_t half = batch->row_count / 2;
	int result = otlp_encode(encoder, batch, half, batch->row_count, request);

	return result ? result : otlp_encode(encoder, batch, 0, half, request);
}

/* Takes the originals from all rows, or from some here and there, as processors might. */
static void forget_originals(struct sonde_batch *batch, const char *from)
{
	struct sonde_text *originals = (struct sonde_text *)(uintptr_t)batch->originals;

	if (!strcmp(from, "columns"))
		batch->originals = NULL;
	for (uint32_t row = 0; originals && !strcmp(from, "both") && row < batch->row_count;
	     row++) {
		if (row % 7 == 1 || row % 7 >= 5)
			originals[row] = (struct sonde_text){ 0 };
	}
}

static int recode(const char *line, const char *from, struct otlp_encoder *encoder,
		  struct otlp_request *request)
{
	struct sonde_dictionary *dictionary = sonde_dictionary_create(&otlp_instance, false);
	struct otlp_decoder_options options;
	struct otlp_decoder *decoder = NULL;
	struct otlp_decoded decoded = { 0 };
	const char *why = "";
	unsigned char *data;
	size_t length, offset = 0;
	unsigned signal;
	int used = 0, result = -EINVAL;

	if (sscanf(line, "%u %u %n", &signal, &options.column_limit, &used) == 2)
		decoder = otlp_decoder_create(&otlp_instance, &options);
	data = hex_read(line + used, dictionary, &length);
	if (decoder && data)
		result = otlp_decode(decoder, (enum sonde_signal)signal, dictionary, data, length,
				     &decoded, &why, &offset);
	if (decoded.batch) {
		forget_originals(decoded.batch, from);
		otlp_host_finish(decoded.batch);
		result = encode_parts(encoder, decoded.batch, request);
		sonde_batch_release(&otlp_instance, decoded.batch);
	}
	sonde_dictionary_release(&otlp_instance, dictionary);
	otlp_decoder_release(decoder);
	return result;
}

int main(int argc, char **argv)
{
	struct otlp_encoder *encoder = otlp_encoder_create();
	struct otlp_request request = { 0 };
	char *line = NULL;
	size_t size = 0;

	if (argc != 2)
		return 2;
	while (getline(&line, &size, stdin) > 0) {
		const unsigned char *data;

		otlp_request_clear(&request);
		if (recode(line, argv[1], encoder, &request)) {
			printf("refused\n");
			continue;
		}
		data = otlp_request_data(&request);
		for (size_t i = 0; i < request.length; i++)
			printf("%02x", data[i]);
		printf("\n");
	}
	free(line);
	otlp_request_release(&request);
	otlp_encoder_release(encoder);
	return 0;
}
