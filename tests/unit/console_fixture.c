// SPDX-License-Identifier: Apache-2.0
/* Output `console` writing into a file, and batches for it. */
#include "console_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dictionary.h"
#include "histogram.h"

const struct sonde_plugin *sonde_plugin(const struct sonde_host *host);

/* Standard output of the test, while it goes elsewhere. */
static int kept_output = -1;
static char output_path[64];

void output_to(int fd)
{
	(void)fflush(stdout);
	if (kept_output < 0)
		kept_output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_true(kept_output >= 0);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
}

int into_a_file(void **state)
{
	int fd;

	(void)state;
	(void)setenv("TZ", "UTC", 1);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
	(void)setenv("TERM", "xterm-256color", 1);
	(void)unsetenv("NO_COLOR");
	(void)unsetenv("COLUMNS");
	(void)snprintf(output_path, sizeof(output_path), "/tmp/test_console.XXXXXX");
	fd = mkostemp(output_path, O_APPEND);
	if (fd < 0)
		return -1;
	output_to(fd);
	return close(fd);
}

int and_back(void **state)
{
	(void)state;
	(void)fflush(stdout);
	(void)dup2(kept_output, STDOUT_FILENO);
	return unlink(output_path);
}

const char *output(void)
{
	static char text[OUTPUT_SIZE];
	int fd = open(output_path, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof(text) - 1);

	assert_true(length >= 0);
	text[length] = 0;
	(void)close(fd);
	return text;
}

void assert_shows(const char *part)
{
	if (!strstr(output(), part))
		fail_msg("\"%s\" is not in:\n%s", part, output());
}

void assert_shows_not(const char *part)
{
	if (strstr(output(), part))
		fail_msg("\"%s\" is in:\n%s", part, output());
}

struct plugin_host *started(const char *const *options)
{
	struct plugin_host *host = plugin_host_create(sonde_plugin, options);

	host->now_ns = noon;
	assert_int_equal(plugin_host_start(host), 0);
	return host;
}

struct plugin_host *plain(void)
{
	return started((const char *[]){ "width=80", NULL });
}

void write_batch(struct plugin_host *host, struct sonde_batch *batch)
{
	assert_int_equal(plugin_host_write(host, &batch, 1), SONDE_OK);
	batch_release(batch);
}

void draw(struct plugin_host *host)
{
	host->now_ns += 100000000;
	assert_int_equal(plugin_host_fire(host, TIMER_DRAW), 0);
}

/* ---- batches ----------------------------------------------------------------------------- */

struct sonde_dictionary *texts;

int texts_begin(void **state)
{
	(void)state;
	texts = dictionary_create(true);
	return texts ? 0 : -1;
}

int texts_end(void **state)
{
	(void)state;
	dictionary_release(texts);
	return 0;
}

uint32_t code(const char *text)
{
	return dictionary_add(texts, text, strlen(text));
}

static const struct sonde_field calls_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct calls, time),
	  .role = SONDE_ROLE_TIME },
	{ .name = "start_time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct calls, start),
	  .role = SONDE_ROLE_START_TIME },
	{ .name = "cgroup.id", .type = SONDE_U64, SONDE_MEMBER(struct calls, cgroup_id) },
	{ .name = "cgroup.path", .type = SONDE_TEXT, SONDE_MEMBER(struct calls, cgroup) },
	{ .name = "call.name", .type = SONDE_TEXT, SONDE_MEMBER(struct calls, call) },
	{ .name = "process.pid",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct calls, process),
	  .zero_is_null = true },
	{ .name = "call.compat", .type = SONDE_BOOL, SONDE_MEMBER(struct calls, compat) },
	{ .name = "calls",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct calls, calls),
	  .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA,
	  .monotonic = true,
	  .unit = "{call}" },
	{ .name = "refused",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct calls, errors),
	  .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA,
	  .monotonic = true,
	  .unit = "{error}" },
	{ .name = "took",
	  .type = SONDE_EXPONENTIAL,
	  SONDE_MEMBER(struct calls, duration),
	  .role = SONDE_ROLE_HISTOGRAM,
	  .temporality = SONDE_DELTA,
	  .unit = "ns" },
	{ 0 }
};

enum { CALLS_TOOK = 9 };

static const struct sonde_schema calls_schema = {
	.name = "calls",
	.row_size = sizeof(struct calls),
	.fields = calls_fields,
};

struct sonde_batch *calls_batch(uint32_t capacity)
{
	struct sonde_dictionary *dictionaries[] = { NULL, NULL, NULL, texts, texts,
						    NULL, NULL, NULL, NULL,  NULL };
	struct sonde_batch *batch = batch_create(&calls_schema, capacity, dictionaries);

	assert_non_null(batch);
	return batch;
}

struct calls *calls_add(struct sonde_batch *batch, const char *cgroup, const char *call,
			uint64_t count, double ns)
{
	struct histogram histogram = { .head.scale = 3, .bucket_limit = 160 };
	struct calls *row = (struct calls *)batch_rows(batch) + batch->row_count;
	uint64_t *words;
	uint32_t start;

	assert_int_equal(batch_resize(batch, batch->row_count + 1), 0);
	*row = (struct calls){ .time = noon,
			       .start = noon - 2 * second,
			       .cgroup = code(cgroup),
			       .call = code(call),
			       .calls = count };
	assert_int_equal(histogram_record(&histogram, ns, count), 0);
	words = batch_heap(batch, CALLS_TOOK, histogram_words(&histogram), &start);
	assert_non_null(words);
	histogram_write(&histogram, words, start, &row->duration);
	histogram_release(&histogram);
	return row;
}

struct sonde_column *add(struct sonde_batch *batch, const char *name, uint32_t type, uint16_t role)
{
	struct sonde_field field = { .name = name, .type = type, .role = role };
	bool coded = type == SONDE_TEXT || type == SONDE_BYTES || type == SONDE_ANY;
	struct sonde_column *column = batch_add(batch, &field, coded ? texts : NULL);

	assert_non_null(column);
	return column;
}

void set(struct sonde_batch *batch, uint32_t column, uint32_t row, const void *value)
{
	const struct sonde_column *of = sonde_column(batch, column);

	memcpy(of->base + (size_t)row * of->stride, value, of->value_size);
}

void set_text(struct sonde_batch *batch, uint32_t column, uint32_t row, const char *text)
{
	uint32_t value = code(text);

	set(batch, column, row, &value);
}

void set_number(struct sonde_batch *batch, uint32_t column, uint32_t row, int64_t value)
{
	set(batch, column, row, &value); /* little-endian: the low bytes come first */
}

struct sonde_batch *events(uint32_t count)
{
	struct sonde_batch *batch = batch_table("event", SONDE_SIGNAL_LOG, count);

	(void)add(batch, "time", SONDE_TIME, SONDE_ROLE_TIME);
	(void)add(batch, "process.pid", SONDE_U32, 0);
	(void)add(batch, "call.name", SONDE_TEXT, 0);
	(void)add(batch, "took", SONDE_DURATION, SONDE_ROLE_DURATION);
	(void)add(batch, "error.type", SONDE_TEXT, 0);
	(void)add(batch, "compat", SONDE_BOOL, 0);
	batch_valid(batch, 4)[0] = 1;
	for (uint32_t row = 0; row < count; row++) {
		set_number(batch, 0, row, noon + row * 1000);
		set_number(batch, 1, row, 100 + row);
		set_text(batch, 2, row, row ? "write" : "openat");
		set_number(batch, 3, row, 1500);
		set_text(batch, 4, row, "ENOENT");
	}
	for (uint32_t row = 1; row < count; row++)
		batch_valid(batch, 4)[row / 8] &= (unsigned char)~(1u << row % 8);
	return batch;
}
