/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies made large again, up to a bound. */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <libdeflate.h>
#include <zstd.h>
#include <zstd_errors.h>
#include "compress.h"

enum {
	WINDOW_LOG_LIMIT = 23,    /* what RFC 8878 asks receivers of zstd to support: 8 MiB */
	GZIP_SIZE_LEAST = 18,     /* of a member: head, an empty block's two bytes, trailer */
	GZIP_RATIO_LIMIT = 1032,  /* deflate cannot shrink by more */
	EXPAND_STEP = 256 * 1024, /* of growth at the least */
};

struct expander {
	struct libdeflate_decompressor *gzip;
	ZSTD_DCtx *zstd;
};

struct expander *expander_create(void)
{
	return calloc(1, sizeof(struct expander));
}

void expander_release(struct expander *expander)
{
	if (!expander)
		return;
	if (expander->gzip)
		libdeflate_free_decompressor(expander->gzip);
	ZSTD_freeDCtx(expander->zstd);
	free(expander);
}

/* Makes room for more, at least doubled, up to the limit. -EMSGSIZE: it is there already. */
static int buffer_grow(struct buffer *buffer, size_t limit_bytes)
{
	size_t capacity = buffer->capacity + EXPAND_STEP;

	if (buffer->capacity >= limit_bytes)
		return -EMSGSIZE;
	if (capacity < 2 * buffer->capacity)
		capacity = 2 * buffer->capacity;
	return buffer_reserve(buffer, capacity < limit_bytes ? capacity : limit_bytes);
}

/* How large the last member says that it is, where that can be true; members before it make the
 * body larger, which growing sees to. */
static size_t gzip_size(const unsigned char *data, size_t length, size_t limit_bytes)
{
	uint32_t size;

	memcpy(&size, data + length - sizeof(size), sizeof(size));
	size = le32toh(size);
	if (size / GZIP_RATIO_LIMIT > length)
		return 0;
	return size < limit_bytes ? size : limit_bytes;
}

/* The decoder has no memory of its own between calls: a member that does not fit begins anew in
 * twice the room, so the work is at most twice that of the bound. */
static int gzip_member(struct expander *expander, const unsigned char **at,
		       const unsigned char *end, size_t limit_bytes, struct buffer *buffer)
{
	size_t read, written;
	enum libdeflate_result result;

	while (true) {
		size_t room = buffer->capacity < limit_bytes ? buffer->capacity : limit_bytes;

		result = libdeflate_gzip_decompress_ex(expander->gzip, *at, (size_t)(end - *at),
						       buffer->data + buffer->length,
						       room - buffer->length, &read, &written);
		if (result == LIBDEFLATE_SUCCESS)
			break;
		if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
			return -EBADMSG;
		int error = buffer_grow(buffer, limit_bytes);

		if (error)
			return error;
	}
	*at += read;
	buffer->length += written;
	return 0;
}

static int gzip_expand(struct expander *expander, const unsigned char *data, size_t length,
		       size_t limit_bytes, struct buffer *buffer)
{
	const unsigned char *at = data, *end = data + length;
	int error;

	if (length < GZIP_SIZE_LEAST)
		return -EBADMSG;
	if (!expander->gzip)
		expander->gzip = libdeflate_alloc_decompressor();
	if (!expander->gzip)
		return -ENOMEM;
	/* one byte at the least, so that there is a place to point at */
	error = buffer_reserve(buffer, gzip_size(data, length, limit_bytes) + 1);
	while (!error && at < end)
		error = gzip_member(expander, &at, end, limit_bytes, buffer);
	return error;
}

static int zstd_expand(struct expander *expander, const void *data, size_t length,
		       size_t limit_bytes, struct buffer *buffer)
{
	ZSTD_inBuffer in = { .src = data, .size = length };
	size_t wanted = 1; /* 0: a frame has ended */

	if (!length)
		return -EBADMSG;
	if (!expander->zstd)
		expander->zstd = ZSTD_createDCtx();
	if (!expander->zstd)
		return -ENOMEM;
	ZSTD_DCtx_reset(expander->zstd, ZSTD_reset_session_only);
	ZSTD_DCtx_setParameter(expander->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_LIMIT);
	while (in.pos < in.size || wanted) {
		size_t room = buffer->capacity < limit_bytes ? buffer->capacity : limit_bytes;
		ZSTD_outBuffer out = { .dst = buffer->data, .size = room, .pos = buffer->length };
		size_t read = in.pos;
		bool stuck;
		int error = 0;

		wanted = ZSTD_decompressStream(expander->zstd, &out, &in);
		if (ZSTD_isError(wanted))
			return ZSTD_getErrorCode(wanted) == ZSTD_error_frameParameter_windowTooLarge
				       ? -EMSGSIZE
				       : -EBADMSG;
		stuck = out.pos == buffer->length && in.pos == read;
		buffer->length = out.pos;
		if (stuck && wanted)
			error = out.pos < room ? -EBADMSG : buffer_grow(buffer, limit_bytes);
		if (error)
			return error; /* -EBADMSG: it wants more than there is */
	}
	return 0;
}

static int copy(const void *data, size_t length, size_t limit_bytes, struct buffer *buffer)
{
	if (length > limit_bytes)
		return -EMSGSIZE;
	if (!length)
		return 0;
	if (buffer_reserve(buffer, length))
		return -ENOMEM;
	memcpy(buffer->data, data, length);
	buffer->length = length;
	return 0;
}

int expander_run(struct expander *expander, enum compress_coding coding, const void *data,
		 size_t length, size_t limit_bytes, struct buffer *buffer)
{
	buffer->length = 0;
	switch (coding) {
	case COMPRESS_GZIP:
		return gzip_expand(expander, data, length, limit_bytes, buffer);
	case COMPRESS_ZSTD:
		return zstd_expand(expander, data, length, limit_bytes, buffer);
	default:
		return copy(data, length, limit_bytes, buffer);
	}
}
