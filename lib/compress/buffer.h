/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/compress: growing a buffer. */
#ifndef SONDE_COMPRESS_BUFFER_H
#define SONDE_COMPRESS_BUFFER_H

#include "compress.h"

/* Room for so many bytes in all; what is there stays. -ENOMEM. */
int buffer_reserve(struct compress_buffer *buffer, size_t capacity);

#endif
