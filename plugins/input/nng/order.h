/* SPDX-License-Identifier: Apache-2.0 */
/* What a user wants edges to do: a text of the knob `command`, read. */
#ifndef SONDE_NNG_ORDER_H
#define SONDE_NNG_ORDER_H

#include <stddef.h>
#include <stdint.h>

enum { ORDER_TEXT_BYTES = 256, ORDER_VALUE_BYTES = 1024 };

struct order {
	char edge[ORDER_TEXT_BYTES]; /* its name; "*": all */
	char knob[ORDER_TEXT_BYTES]; /* "INSTANCE.KNOB" */
	char value[ORDER_VALUE_BYTES];
	int64_t for_ns; /* 0: it stays */
};

/* "EDGE INSTANCE.KNOB=VALUE" or "EDGE INSTANCE.KNOB=VALUE for 30s": -EINVAL: `error` says what is
 * wrong and what would be right. */
int order_read(const char *text, struct order *ret_order, char *error, size_t error_size);

#endif
