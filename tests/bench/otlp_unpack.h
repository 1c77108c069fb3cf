/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies as they were before gzip or zstd. */
#ifndef BENCH_OTLP_UNPACK_H
#define BENCH_OTLP_UNPACK_H

#include <stddef.h>

/* `encoding` is what Content-Encoding says; "" or "identity" gives the body itself. The result is
 * valid until the next call. 0; -ENOTSUP: an encoding that is none of these; -EBADMSG: broken;
 * -EFBIG: over 1 GiB; -ENOMEM. */
int otlp_unpack(const char *encoding, const void *data, size_t length, const void **ret_data,
		size_t *ret_length);

#endif
