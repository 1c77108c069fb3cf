/* SPDX-License-Identifier: Apache-2.0 */
/* Tables filled and read through the plugin header alone: shorthands of test_otlp_mapping.c. */
#ifndef SONDE_OTLP_TABLE_H
#define SONDE_OTLP_TABLE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sonde/plugin.h>

/* The instance that the test plays, and what it emitted last. */
extern struct sonde_instance instance;
extern struct sonde_batch *emitted;

int table_begin(void **state);
int table_end(void **state);

/* A value for table_set() and table_check(): exactly as wide as the column's type. */
#define VALUE(type_, value_) (&(const type_){ value_ })

/* Adds a column; returns its index. Texts, bytes and values of any type get the test's dictionary.
 */
uint32_t table_add(struct sonde_batch *batch, const struct sonde_field *field);
/* The same with one value for all rows. */
void table_constant(struct sonde_batch *batch, const struct sonde_field *field, const void *value);

void table_set(struct sonde_batch *batch, uint32_t column, uint32_t row, const void *value);
void table_null(struct sonde_batch *batch, uint32_t column, uint32_t row);

/* The code of a text, of bytes, of an encoded value. */
uint32_t code_of(const char *text);
uint32_t code_of_bytes(const void *data, size_t length);
uint32_t code_of_any(const struct sonde_any *any);

/* The column of a role and scope, by name where that is not NULL; it must be there. */
const struct sonde_column *table_find(const struct sonde_batch *batch, uint32_t role,
				      uint32_t scope, const char *name);

/* Fail unless the row has that value. */
void check_value(const struct sonde_column *column, uint32_t row, const void *value);
void check_text(const struct sonde_column *column, uint32_t row, const char *text);
/* Decodes the value of a row into 16 items. */
void check_any(const struct sonde_column *column, uint32_t row, struct sonde_any items[16]);

#endif
