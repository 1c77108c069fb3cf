/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1.1 message, as far as load and sink need it. */
#ifndef BENCH_HTTP_HEAD_H
#define BENCH_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the head with its empty line; 0: it is not whole yet. */
size_t http_head_length(const char *data, size_t length);

/* The value of a header, cut to `size`; false: there is none. `length` is of the whole head. */
bool http_head_value(const char *head, size_t length, const char *name, char *ret_value,
		     size_t size);

/* Bytes of the body. 0; -EBADMSG: no length that can be read, or a body in chunks. */
int http_head_body_length(const char *head, size_t length, size_t *ret_body_length);

#endif
