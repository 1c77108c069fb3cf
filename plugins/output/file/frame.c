// SPDX-License-Identifier: Apache-2.0
/* Files of zstd frames: writing them, and finding where the last whole one ends (RFC 8878). */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>
#include "frame.h"

struct frames {
	ZSTD_CCtx *context;
};

struct frames *frames_create(void)
{
	struct frames *frames = calloc(1, sizeof(*frames));

	if (!frames)
		return NULL;
	frames->context = ZSTD_createCCtx();
	if (frames->context)
		return frames;
	free(frames);
	return NULL;
}

void frames_release(struct frames *frames)
{
	if (!frames)
		return;
	ZSTD_freeCCtx(frames->context);
	free(frames);
}

int frames_write(struct frames *frames, int level, const char *data, size_t length,
		 struct json *out)
{
	size_t bound = ZSTD_compressBound(length), count;
	char *at = json_room(out, bound);

	if (!at) {
		out->failed = false;
		return -ENOMEM;
	}
	(void)ZSTD_CCtx_setParameter(frames->context, ZSTD_c_compressionLevel, level);
	(void)ZSTD_CCtx_setParameter(frames->context, ZSTD_c_checksumFlag, 1);
	count = ZSTD_compress2(frames->context, at, bound, data, length);
	if (ZSTD_isError(count)) /* with that much room only memory can be short */
		return -ENOMEM;
	out->length += count;
	return 0;
}

/* ---- walking ----------------------------------------------------------------------------- */

enum {
	MAGIC_BYTES = 4,
	HEADER_BYTES = 18, /* of a frame at most, its magic included */
	BLOCK_HEADER_BYTES = 3,
	CHECKSUM_BYTES = 4,
};

/* Bytes of a file at a place; fewer than asked for only at its end. */
static int64_t peek(int fd, void *to, size_t count, int64_t place)
{
	ssize_t got;

	do
		got = pread(fd, to, count, place);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static uint32_t load_le32(const unsigned char *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

/* Length of a frame's header by the byte behind its magic. */
static int64_t header_length(unsigned char descriptor)
{
	static const unsigned char dictionary_bytes[] = { 0, 1, 2, 4 };
	static const unsigned char content_bytes[] = { 0, 2, 4, 8 };
	bool single_segment = descriptor & 0x20;
	unsigned content = content_bytes[descriptor >> 6];

	if (single_segment && !content)
		content = 1;
	return MAGIC_BYTES + 1 + !single_segment + dictionary_bytes[descriptor & 3] + content;
}

/* The place behind the blocks that begin at `place`; -ENODATA: the file ends within them. */
static int64_t blocks_end(int fd, int64_t size, int64_t place)
{
	unsigned char bytes[4] = { 0 };

	for (;;) {
		int64_t got = peek(fd, bytes, BLOCK_HEADER_BYTES, place);
		uint32_t header = load_le32(bytes) & 0xffffff;
		uint32_t kind = header >> 1 & 3;

		if (got < 0)
			return got;
		if (got < BLOCK_HEADER_BYTES)
			return -ENODATA;
		if (kind == 3)
			return -EBADMSG;
		/* A run of one byte, of any length, takes a byte. */
		place += BLOCK_HEADER_BYTES + (kind == 1 ? 1 : (int64_t)(header >> 3));
		if (place > size)
			return -ENODATA;
		if (header & 1)
			return place;
	}
}

static bool is_magic_prefix(const unsigned char *header, int64_t length)
{
	uint32_t magic = htole32(ZSTD_MAGICNUMBER);

	return memcmp(header, &magic, (size_t)(length < MAGIC_BYTES ? length : MAGIC_BYTES)) == 0;
}

/* The end of the frame that begins at `place`; -ENODATA: the file ends within it. */
static int64_t frame_end(int fd, int64_t size, int64_t place)
{
	unsigned char header[HEADER_BYTES] = { 0 };
	int64_t got = peek(fd, header, sizeof(header), place), end;
	uint32_t magic = load_le32(header);

	if (got < 0)
		return got;
	if (got < MAGIC_BYTES + 1)
		return is_magic_prefix(header, got) ? -ENODATA : -EBADMSG;
	if ((magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START) {
		if (got < 8)
			return -ENODATA;
		end = place + 8 + load_le32(header + 4);
		return end > size ? -ENODATA : end;
	}
	if (magic != ZSTD_MAGICNUMBER)
		return -EBADMSG;
	end = blocks_end(fd, size, place + header_length(header[MAGIC_BYTES]));
	if (end >= 0 && header[MAGIC_BYTES] & 4)
		end += CHECKSUM_BYTES;
	return end > size ? -ENODATA : end;
}

/* Whether nothing but zeros follows: a file grew, but the power went before its content came. */
static bool is_zeros(int fd, int64_t size, int64_t place)
{
	char block[4096];

	while (place < size) {
		int64_t got = peek(fd, block, sizeof(block), place);

		for (int64_t at = 0; at < got; at++)
			if (block[at])
				return false;
		if (got <= 0)
			return false;
		place += got;
	}
	return true;
}

int frames_end(int fd, int64_t size, int64_t *ret_end)
{
	int64_t place = 0, end = 0;

	while (place < size) {
		end = frame_end(fd, size, place);
		if (end < 0)
			break;
		place = end;
	}
	*ret_end = place;
	if (end >= 0 || end == -ENODATA || is_zeros(fd, size, place))
		return 0;
	return (int)end;
}

int64_t frames_head(int fd, char *out, size_t capacity)
{
	char block[4096];
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_outBuffer to = { .dst = out, .size = capacity };
	int64_t place = 0, got = 0;

	if (!context)
		return -ENOMEM;
	while (to.pos < capacity && (got = peek(fd, block, sizeof(block), place)) > 0) {
		ZSTD_inBuffer from = { .src = block, .size = (size_t)got };

		while (from.pos < from.size && to.pos < capacity) {
			if (ZSTD_isError(ZSTD_decompressStream(context, &to, &from))) {
				ZSTD_freeDCtx(context);
				return -EBADMSG;
			}
		}
		place += got;
	}
	ZSTD_freeDCtx(context);
	return got < 0 ? got : (int64_t)to.pos;
}
