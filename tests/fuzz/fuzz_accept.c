// SPDX-License-Identifier: Apache-2.0
/* Fuzzes what the output `prometheus` reads out of Accept and Accept-Encoding: any bytes are a
 * format, and the answer stays when blanks stand where they may. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/output/prometheus/accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *wide = malloc(size + 3);
	enum accept_format format;

	assert(text && wide);
	memcpy(text, data, size);
	text[size] = '\0';
	format = accept_format(text);
	assert(accept_type(format));
	wide[0] = ' ';
	memcpy(wide + 1, text, strlen(text));
	memcpy(wide + 1 + strlen(text), "\t", 2);
	assert(accept_format(wide) == format);
	assert(accept_gzip(wide) == accept_gzip(text));
	free(text);
	free(wide);
	return 0;
}
