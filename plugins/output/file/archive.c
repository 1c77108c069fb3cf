// SPDX-License-Identifier: Apache-2.0
/* Files of sonde's own frames: batches written as them, and where the last whole one ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "archive.h"

void archive_clear(struct archive *archive)
{
	while (archive->count)
		sonde_batch_release(archive->instance, archive->batches[--archive->count]);
}

/* ---- writing ----------------------------------------------------------------------------- */

/* The rows whose bits are set, as a batch of their own. NULL: no memory. */
static struct sonde_batch *rows_of(struct sonde_instance *instance, struct sonde_batch *batch,
				   const unsigned char *bits)
{
	struct sonde_batch *derived = sonde_batch_derive(instance, batch);

	if (derived && sonde_batch_select(instance, derived, bits) < 0) {
		sonde_batch_release(instance, derived);
		return NULL;
	}
	return derived;
}

int archive_add(struct archive *archive, struct sonde_batch *batch, uint32_t tag, uint32_t first,
		const uint32_t *next)
{
	unsigned char *bits = calloc(1, batch->row_count / 8 + 1);
	struct sonde_batch *added;
	uint32_t count = 0;

	if (!bits)
		return -ENOMEM;
	for (uint32_t row = first; row != UINT32_MAX; row = next[row], count++)
		bits[row >> 3] |= (unsigned char)(1u << (row & 7));
	added = count == batch->selected_count ? sonde_batch_hold(archive->instance, batch)
					       : rows_of(archive->instance, batch, bits);
	free(bits);
	if (!added)
		return -ENOMEM;
	archive->tags[archive->count] = tag;
	archive->batches[archive->count++] = added;
	return 0;
}

struct putting {
	struct sonde_instance *instance;
	int level;
	int (*put)(void *data, const struct sonde_frame *frame);
	void *data;
	uint64_t *rejected; /* by tag */
};

static int put_batches(struct putting *putting, struct sonde_batch *const *batches,
		       const uint32_t *tags, uint32_t count);

/* The first or the second half of the selected rows. */
static struct sonde_batch *half_of(struct sonde_instance *instance, struct sonde_batch *batch,
				   bool second)
{
	unsigned char *bits = calloc(1, batch->row_count / 8 + 1);
	uint32_t seen = 0, middle = batch->selected_count / 2;
	struct sonde_batch *half;

	if (!bits)
		return NULL;
	for (uint32_t row = 0; row < batch->row_count; row++)
		if (sonde_selected(batch, row) && (seen++ >= middle) == second)
			bits[row >> 3] |= (unsigned char)(1u << (row & 7));
	half = rows_of(instance, batch, bits);
	free(bits);
	return half;
}

static int put_halves(struct putting *putting, struct sonde_batch *batch, uint32_t tag)
{
	int result = 0;

	for (int second = 0; second < 2 && result == 0; second++) {
		struct sonde_batch *half = half_of(putting->instance, batch, second);

		result = half ? put_batches(putting, &half, &tag, 1) : -ENOMEM;
		sonde_batch_release(putting->instance, half);
	}
	return result;
}

static int put_batches(struct putting *putting, struct sonde_batch *const *batches,
		       const uint32_t *tags, uint32_t count)
{
	uint32_t half = count / 2;
	struct sonde_frame frame = { .size = sizeof(frame),
				     .kind = SONDE_FRAME_ROWS,
				     .level = putting->level };
	int result = sonde_frame_write(putting->instance, batches, count, &frame);

	if (result == 0)
		return putting->put(putting->data, &frame);
	if (result != -EMSGSIZE)
		return result;
	if (count > 1) {
		result = put_batches(putting, batches, tags, half);
		return result < 0 ? result
				  : put_batches(putting, batches + half, tags + half, count - half);
	}
	if (batches[0]->selected_count > 1)
		return put_halves(putting, batches[0], tags[0]);
	putting->rejected[tags[0]] += batches[0]->selected_count;
	return 0;
}

int archive_write(struct archive *archive, int level,
		  int (*put)(void *data, const struct sonde_frame *frame), void *data,
		  uint64_t rejected[])
{
	struct putting putting = { .instance = archive->instance,
				   .level = level,
				   .put = put,
				   .data = data,
				   .rejected = rejected };
	int result = archive->count ? put_batches(&putting, archive->batches, archive->tags,
						  archive->count)
				    : 0;

	archive_clear(archive);
	return result;
}

/* ---- walking ----------------------------------------------------------------------------- */

/* Bytes of a file at a place; fewer than asked for only at its end. */
static int64_t peek(int fd, void *to, size_t count, int64_t place)
{
	ssize_t got;

	do
		got = pread(fd, to, count, place);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* Whether nothing but zeros follows: a file grew, but the power went before its content came. */
static int is_zeros(int fd, int64_t size, int64_t place)
{
	char block[4096];

	while (place < size) {
		int64_t got = peek(fd, block, sizeof(block), place);

		if (got <= 0)
			return got < 0 ? (int)got : -EIO;
		for (int64_t at = 0; at < got; at++)
			if (block[at])
				return 0;
		place += got;
	}
	return 1;
}

int archive_end(struct sonde_instance *instance, int fd, int64_t size, int64_t *ret_end)
{
	char head[SONDE_FRAME_HEAD_BYTES];
	int64_t place = 0;
	int result = 0;

	while (place < size && result == 0) {
		struct sonde_frame frame = { .size = sizeof(frame) };
		int64_t got = peek(fd, head, sizeof(head), place);

		if (got < 0)
			return (int)got;
		result = sonde_frame_look(instance, head, (uint64_t)got, &frame);
		if (result == 0 && frame.length > (uint64_t)(size - place))
			result = -EAGAIN;
		if (result == 0)
			place += (int64_t)frame.length;
	}
	*ret_end = place;
	if (result == -EAGAIN)
		return 0;
	if (result == -EBADMSG || result == -EMSGSIZE || result == -EPROTONOSUPPORT) {
		int zeros = is_zeros(fd, size, place);

		return zeros < 0 ? zeros : zeros ? 0 : -EBADMSG;
	}
	return result;
}

size_t archive_frame_end(struct sonde_instance *instance, const char *data, size_t length,
			 size_t place)
{
	size_t end = 0;

	while (end < place) {
		struct sonde_frame frame = { .size = sizeof(frame) };

		if (sonde_frame_look(instance, data + end, length - end, &frame) < 0 ||
		    frame.length > length - end)
			return length;
		end += (size_t)frame.length;
	}
	return end;
}
