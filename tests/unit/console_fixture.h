/* SPDX-License-Identifier: Apache-2.0 */
/* Output `console` writing into a file, and batches for it: shorthands of test_console*.c. */
#ifndef SONDE_CONSOLE_FIXTURE_H
#define SONDE_CONSOLE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "batch.h"
#include "plugin_host.h"
#include <cmocka.h> /* last: its macro fail() is a service of the host */

enum { OUTPUT_SIZE = 1 << 20, TIMER_DRAW = 0, TIMER_MORE = 1 };
static const int64_t second = 1000000000;
static const int64_t noon = 1772366400 * INT64_C(1000000000); /* 2026-03-01 12:00 UTC */

/* A test whose standard output is a file, with an environment that is always the same. */
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, into_a_file, and_back)
int into_a_file(void **state);
int and_back(void **state);

/* Standard output goes to a descriptor until the end of the test. */
void output_to(int fd);
/* What has been written into the file; valid until the next call. */
const char *output(void);
void assert_shows(const char *part);
void assert_shows_not(const char *part);

/* An instance that was started at noon; plain() is 80 columns wide. */
struct plugin_host *started(const char *const *options);
struct plugin_host *plain(void);
/* Hands over a batch, which must be done with at once, and releases it. */
void write_batch(struct plugin_host *host, struct sonde_batch *batch);
void draw(struct plugin_host *host);

/* The texts of all batches, from texts_begin() to texts_end(), the setup of a group of tests. */
extern struct sonde_dictionary *texts;
int texts_begin(void **state);
int texts_end(void **state);
uint32_t code(const char *text);

/* A row of calls as an input would aggregate them. */
struct calls {
	int64_t time, start;
	uint64_t cgroup_id;
	uint32_t cgroup, call, process;
	bool compat;
	uint64_t calls, errors;
	struct sonde_exponential duration;
};

struct sonde_batch *calls_batch(uint32_t capacity);
/* Adds a row of calls that took as long each; returns it. */
struct calls *calls_add(struct sonde_batch *batch, const char *cgroup, const char *call,
			uint64_t count, double ns);

/* Columns of a batch_table() and their values. */
struct sonde_column *add(struct sonde_batch *batch, const char *name, uint32_t type, uint16_t role);
void set(struct sonde_batch *batch, uint32_t column, uint32_t row, const void *value);
void set_text(struct sonde_batch *batch, uint32_t column, uint32_t row, const char *text);
void set_number(struct sonde_batch *batch, uint32_t column, uint32_t row, int64_t value);

/* Calls as events, a microsecond apart; the first one failed. */
struct sonde_batch *events(uint32_t count);

#endif
