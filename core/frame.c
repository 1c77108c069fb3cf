/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: batches as bytes and back, without I/O. */
#include <errno.h>

#include "frame.h"

int frame_write(struct sonde_batch *const *batches, uint32_t count, struct sonde_frame *frame)
{
	return -ENOTSUP;
}

int frame_look(const void *data, uint64_t length, struct sonde_frame *ret_frame)
{
	return -ENOTSUP;
}

int frame_check(const struct sonde_frame *frame)
{
	return -ENOTSUP;
}

int frame_read(const struct sonde_frame *frame, struct sonde_batch **ret_batches, uint32_t capacity)
{
	return -ENOTSUP;
}

int frame_rename(void *data, uint64_t length, const unsigned char stream[16], uint64_t sequence)
{
	return -ENOTSUP;
}
