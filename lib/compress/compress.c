/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies made small, and the names of how. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <libdeflate.h>
#include <zstd.h>
#include "compress.h"

enum { GZIP_LEVEL_LIMIT = 12, ZSTD_LEVEL_LIMIT = 19 };

struct compressor {
	enum compress_coding coding;
	uint32_t level;
	struct libdeflate_compressor *gzip;
	ZSTD_CCtx *zstd;
};

static const char *const names[] = {
	[COMPRESS_NONE] = "identity",
	[COMPRESS_GZIP] = "gzip",
	[COMPRESS_ZSTD] = "zstd",
};

const char *compress_name(enum compress_coding coding)
{
	return names[coding];
}

int compress_find(const char *name, enum compress_coding *ret_coding)
{
	if (!*name)
		name = names[COMPRESS_NONE];
	else if (!strcasecmp(name, "x-gzip")) /* what HTTP calls the same */
		name = names[COMPRESS_GZIP];
	for (uint32_t coding = COMPRESS_NONE; coding <= COMPRESS_ZSTD; coding++) {
		if (strcasecmp(names[coding], name))
			continue;
		*ret_coding = (enum compress_coding)coding;
		return 0;
	}
	return -ENOENT;
}

uint32_t compress_level_limit(enum compress_coding coding)
{
	return coding == COMPRESS_GZIP ? GZIP_LEVEL_LIMIT : ZSTD_LEVEL_LIMIT;
}

struct compressor *compressor_create(enum compress_coding coding, uint32_t level)
{
	struct compressor *compressor = calloc(1, sizeof(*compressor));

	if (!compressor)
		return NULL;
	compressor->coding = coding;
	compressor->level = level;
	if (coding == COMPRESS_GZIP)
		compressor->gzip = libdeflate_alloc_compressor((int)level);
	else
		compressor->zstd = ZSTD_createCCtx();
	if (compressor->gzip || compressor->zstd)
		return compressor;
	free(compressor);
	return NULL;
}

void compressor_release(struct compressor *compressor)
{
	if (!compressor)
		return;
	if (compressor->gzip)
		libdeflate_free_compressor(compressor->gzip);
	ZSTD_freeCCtx(compressor->zstd);
	free(compressor);
}

int compressor_run(struct compressor *compressor, const void *data, size_t length,
		   struct buffer *buffer)
{
	size_t bound = compressor->gzip ? libdeflate_gzip_compress_bound(compressor->gzip, length)
					: ZSTD_compressBound(length);
	size_t size;

	if (buffer_reserve(buffer, bound))
		return -ENOMEM;
	if (compressor->gzip)
		size = libdeflate_gzip_compress(compressor->gzip, data, length, buffer->data,
						buffer->capacity);
	else
		size = ZSTD_compressCCtx(compressor->zstd, buffer->data, buffer->capacity, data,
					 length, (int)compressor->level);
	if (!size || ZSTD_isError(size)) /* the room is enough: memory was refused */
		return -ENOMEM;
	buffer->length = size;
	return 0;
}
