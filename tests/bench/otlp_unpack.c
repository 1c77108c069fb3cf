// SPDX-License-Identifier: Apache-2.0
/* Bodies as they were before gzip or zstd. */
#include "otlp_unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { ROOM_FIRST = 1024 * 1024, ROOM_LIMIT = 1024 * 1024 * 1024 };

/* Of the last body. */
static unsigned char *room;
static size_t room_size;

static int room_grow(void)
{
	size_t size = room_size ? 2 * room_size : ROOM_FIRST;
	unsigned char *grown;

	if (size > ROOM_LIMIT)
		return -EFBIG;
	grown = realloc(room, size);
	if (!grown)
		return -ENOMEM;
	room = grown;
	room_size = size;
	return 0;
}

static int gzip_unpack(const void *data, size_t length, size_t *ret_length)
{
	z_stream stream = { .next_in = (unsigned char *)data, .avail_in = (unsigned)length };
	size_t done = 0;
	int state = Z_OK, result = 0;

	if (inflateInit2(&stream, 15 + 16) != Z_OK)
		return -ENOMEM;
	while (state == Z_OK && !result) {
		if (done == room_size)
			result = room_grow();
		if (result)
			break;
		stream.next_out = room + done;
		stream.avail_out = (unsigned)(room_size - done);
		state = inflate(&stream, Z_NO_FLUSH);
		done = room_size - stream.avail_out;
		if (state == Z_BUF_ERROR && !stream.avail_out)
			state = Z_OK;
	}
	inflateEnd(&stream);
	if (result)
		return result;
	if (state != Z_STREAM_END || stream.avail_in)
		return -EBADMSG;
	*ret_length = done;
	return 0;
}

static int zstd_unpack(const void *data, size_t length, size_t *ret_length)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_inBuffer input = { .src = data, .size = length };
	ZSTD_outBuffer output = { .dst = room, .size = room_size };
	size_t left = 1;
	int result = stream ? 0 : -ENOMEM;

	while (left && !result) {
		if (output.pos == room_size)
			result = room_grow();
		if (result)
			break;
		output.dst = room;
		output.size = room_size;
		left = ZSTD_decompressStream(stream, &output, &input);
		if (ZSTD_isError(left) ||
		    (left && input.pos == input.size && output.pos < room_size))
			result = -EBADMSG;
	}
	ZSTD_freeDStream(stream);
	if (result)
		return result;
	*ret_length = output.pos;
	return 0;
}

int otlp_unpack(const char *encoding, const void *data, size_t length, const void **ret_data,
		size_t *ret_length)
{
	int result;

	if (!*encoding || !strcmp(encoding, "identity")) {
		*ret_data = data;
		*ret_length = length;
		return 0;
	}
	if (!strcmp(encoding, "gzip"))
		result = gzip_unpack(data, length, ret_length);
	else if (!strcmp(encoding, "zstd"))
		result = zstd_unpack(data, length, ret_length);
	else
		return -ENOTSUP;
	if (!result)
		*ret_data = room;
	return result;
}
