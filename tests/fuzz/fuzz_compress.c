// SPDX-License-Identifier: Apache-2.0
/* Fuzzes expanding: nothing comes out larger than its bound, and what is compressed comes back. */
#include <assert.h>
#include <string.h>
#include "compress.h"

enum { LIMIT = 256 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(struct expander *expander, enum compress_coding coding,
			     const uint8_t *data, size_t size)
{
	static struct compressor *compressors[COMPRESS_ZSTD + 1];
	struct buffer small = { 0 }, large = { 0 };

	if (!compressors[coding])
		compressors[coding] = compressor_create(coding, 1);
	assert(compressors[coding]);
	assert(!compressor_run(compressors[coding], data, size, &small));
	assert(!expander_run(expander, coding, small.data, small.length, size, &large));
	assert(large.length == size && (!size || !memcmp(large.data, data, size)));
	buffer_release(&small);
	buffer_release(&large);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct expander *expander;
	struct buffer large = { 0 };

	if (!expander)
		expander = expander_create();
	assert(expander);
	for (uint32_t coding = COMPRESS_GZIP; coding <= COMPRESS_ZSTD; coding++) {
		int result = expander_run(expander, (enum compress_coding)coding, data, size, LIMIT,
					  &large);

		assert(result <= 0);
		assert(large.length <= LIMIT && large.capacity <= LIMIT + 1);
		if (size <= 4096)
			check_round_trip(expander, (enum compress_coding)coding, data, size);
	}
	buffer_release(&large);
	return 0;
}
