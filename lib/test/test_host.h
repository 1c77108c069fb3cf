/* SPDX-License-Identifier: Apache-2.0 */
/* The test host from inside: the core's instance on a loop whose time stands still. */
#ifndef SONDE_TEST_HOST_H
#define SONDE_TEST_HOST_H

#include <sonde/test.h>
#include "arena.h"
#include "batch.h"
#include "instance.h"
#include "test_loop.h"

/* A text that grows; never NULL once something was added. */
struct test_text {
	char *data;
	size_t length;
};

struct test_delivery; /* see delivery.c */
struct test_told;     /* see insight.c */

struct sonde_test {
	struct arena *arena;
	struct sonde_plugin descriptor; /* a copy, whose start and process are ours */
	struct plugin plugin;
	struct instance_config config;
	struct instance *instance;
	struct loop loop;
	struct account account;
	struct sonde_tally tally;
	bool tallied, queues_full, room_wanted, checking;
	int (*start)(struct sonde_instance *); /* the plugin's own */
	int (*process)(struct sonde_instance *, struct sonde_batch *);
	int result; /* of the last start() or process() */
	uint64_t settled_rows;
	bool *scratch; /* by schema: the row that was given out last is one that was refused */

	struct sonde_batch **batches; /* emitted */
	uint32_t batch_count;
	struct test_delivery *deliveries; /* newest first */
	uint64_t sequence;                /* of the last delivery */
	pthread_t thread;                 /* where all callbacks run */
	struct test_text log, sets, printed, asks;
	struct test_told *accounts, *healths, *records; /* what it knows of the daemon */
	struct sonde_process process_told;
	bool is_journalled; /* sonde_remember() is taken */
	unsigned char remembered[SONDE_REMEMBERED_BYTES], recalled[SONDE_REMEMBERED_BYTES];
	size_t remembered_length, recalled_length;
	uint64_t record_numbers[2]; /* of lines of the log, of decisions */
};

/* Ends the program: the test itself is wrong. */
__attribute__((format(printf, 1, 2), noreturn)) void test_die(const char *format, ...);

/* The memory, or the end of the program. */
void *test_memory(void *memory);

__attribute__((format(printf, 2, 3))) void test_text_add(struct test_text *text, const char *format,
							 ...);

/* The test whose callback runs, for what the core says without naming an instance. */
struct sonde_test *test_current(void);
void test_enter(struct sonde_test *test);

__attribute__((format(printf, 1, 2))) void test_error_set(const char *format, ...);

struct sonde_test *test_of(struct sonde_instance *instance);

/* The table that a plugin under test is given. */
const struct sonde_host *test_services(void);

/* Reads `NAME = TEXT;` as a config has it. -EINVAL: sonde_test_error() says why. */
int test_groups_read(struct sonde_test *test, const char *path, const char *name, const char *text);

/* Keeps an emitted batch; takes over the reference. */
void test_keep(struct sonde_test *test, struct sonde_batch *batch);

/* Deliveries that have no answer yet are dropped; and all are forgotten. */
void test_drop_deliveries(struct sonde_test *test);
void test_free_deliveries(struct sonde_test *test);

/* Which callbacks have run so far. */
uint64_t test_callback_count(const struct sonde_test *test);

/* Appends a value as sonde_test_print() writes it. */
void test_print_value(struct test_text *text, const struct sonde_column *column, uint32_t row);

#endif
