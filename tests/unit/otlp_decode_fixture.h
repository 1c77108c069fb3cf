/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the OTLP decoder share: requests of one scope, and a look at their batch. */
#ifndef SONDE_OTLP_DECODE_FIXTURE_H
#define SONDE_OTLP_DECODE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "decode.h"
#include "fields.h"
#include "otlp_build.h"
#include "otlp_host.h"

extern struct otlp_decoder *decoder; /* with eight columns of attributes a scope */
extern struct otlp_decoded decoded;  /* of the last request; its batch is finished */
extern const char *why;              /* it was refused, and where */
extern size_t offset;

int begin(void **state);
int end(void **state);

int decode_bytes(enum sonde_signal signal, const void *data, size_t length);
/* The items of one scope of one resource. */
int decode_items(enum sonde_signal signal, const struct built *items);

void add_item(struct built *items, const struct built *item);
void add_pair(struct built *item, uint32_t number, const char *key, const struct built *value);
void add_text_pair(struct built *item, uint32_t number, const char *key, const char *text);
void add_integer_pair(struct built *item, uint32_t number, const char *key, int64_t integer);
/* Arrays in arrays; a text is the last. */
struct built nested_value(uint32_t depth);

/* NULL: there is none. */
const struct sonde_column *find(const struct sonde_batch *batch, uint32_t role, uint32_t scope,
				const char *name);
const struct sonde_column *attribute(const char *name); /* of rows; it must be there */
void assert_text(const struct sonde_column *column, uint32_t row, const char *text);
struct sonde_any any_at(const struct sonde_column *column, uint32_t row);

#endif
