// SPDX-License-Identifier: Apache-2.0
/* Output `console`: what a person sees of each kind of row, on terminals, pipes and files. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "batch.h"
#include "dictionary.h"
#include "histogram.h"
#include "plugin_host.h"
#include "value.h"
#include <cmocka.h> /* last: its macro fail() is a service of the host */

const struct sonde_plugin *sonde_plugin(const struct sonde_host *host);

enum { OUTPUT_SIZE = 1 << 20, TIMER_DRAW = 0, TIMER_MORE = 1 };
static const int64_t second = 1000000000;
static const int64_t noon = 1772366400 * INT64_C(1000000000); /* 2026-03-01 12:00 UTC */

/* Standard output of the test, while it goes elsewhere. */
static int kept_output = -1;
static char output_path[64];

static void output_to(int fd)
{
	(void)fflush(stdout);
	if (kept_output < 0)
		kept_output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_true(kept_output >= 0);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
}

static int into_a_file(void **state)
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

static int and_back(void **state)
{
	(void)state;
	(void)fflush(stdout);
	(void)dup2(kept_output, STDOUT_FILENO);
	return unlink(output_path);
}

/* What has been written; valid until the next call. */
static const char *output(void)
{
	static char text[OUTPUT_SIZE];
	int fd = open(output_path, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof(text) - 1);

	assert_true(length >= 0);
	text[length] = 0;
	(void)close(fd);
	return text;
}

static void assert_shows(const char *part)
{
	if (!strstr(output(), part))
		fail_msg("\"%s\" is not in:\n%s", part, output());
}

static void assert_shows_not(const char *part)
{
	if (strstr(output(), part))
		fail_msg("\"%s\" is in:\n%s", part, output());
}

static struct plugin_host *started(const char *const *options)
{
	struct plugin_host *host = plugin_host_create(sonde_plugin, options);

	host->now_ns = noon;
	assert_int_equal(plugin_host_start(host), 0);
	return host;
}

static struct plugin_host *plain(void)
{
	return started((const char *[]){ "width=80", NULL });
}

static void write_batch(struct plugin_host *host, struct sonde_batch *batch)
{
	assert_int_equal(plugin_host_write(host, &batch, 1), SONDE_OK);
	batch_release(batch);
}

static void draw(struct plugin_host *host)
{
	host->now_ns += 100000000;
	assert_int_equal(plugin_host_fire(host, TIMER_DRAW), 0);
}

/* ---- batches ----------------------------------------------------------------------------- */

static struct sonde_dictionary *texts;

static int texts_begin(void **state)
{
	(void)state;
	texts = dictionary_create(true);
	return texts ? 0 : -1;
}

static int texts_end(void **state)
{
	(void)state;
	dictionary_release(texts);
	return 0;
}

static uint32_t code(const char *text)
{
	return dictionary_add(texts, text, strlen(text));
}

/* A row of calls as an input would aggregate them. */
struct calls {
	int64_t time, start;
	uint64_t cgroup_id;
	uint32_t cgroup, call, process;
	bool compat;
	uint64_t calls, errors;
	struct sonde_exponential duration;
};

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

static struct sonde_batch *calls_batch(uint32_t capacity)
{
	struct sonde_dictionary *dictionaries[] = { NULL, NULL, NULL, texts, texts,
						    NULL, NULL, NULL, NULL,  NULL };
	struct sonde_batch *batch = batch_create(&calls_schema, capacity, dictionaries);

	assert_non_null(batch);
	return batch;
}

static struct calls *calls_add(struct sonde_batch *batch, const char *cgroup, const char *call,
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

static struct sonde_column *add(struct sonde_batch *batch, const char *name, uint32_t type,
				uint16_t role)
{
	struct sonde_field field = { .name = name, .type = type, .role = role };
	bool coded = type == SONDE_TEXT || type == SONDE_BYTES || type == SONDE_ANY;
	struct sonde_column *column = batch_add(batch, &field, coded ? texts : NULL);

	assert_non_null(column);
	return column;
}

static void set(struct sonde_batch *batch, uint32_t column, uint32_t row, const void *value)
{
	const struct sonde_column *of = sonde_column(batch, column);

	memcpy(of->base + (size_t)row * of->stride, value, of->value_size);
}

static void set_text(struct sonde_batch *batch, uint32_t column, uint32_t row, const char *text)
{
	uint32_t value = code(text);

	set(batch, column, row, &value);
}

static void set_number(struct sonde_batch *batch, uint32_t column, uint32_t row, int64_t value)
{
	set(batch, column, row, &value); /* little-endian: the low bytes come first */
}

/* ---- tables ------------------------------------------------------------------------------ */

static void a_table_shows_rates_shares_quantiles_and_bars(void **state)
{
	struct plugin_host *host = plain();
	struct sonde_batch *batch = calls_batch(8);

	(void)state;
	calls_add(batch, "/system.slice/nginx.service", "read", 24600, 1500)->errors = 1230;
	(void)calls_add(batch, "/system.slice/nginx.service", "fsync", 8, 4.2e6);
	(void)calls_add(batch, "/user.slice", "read", 2000000, 300);
	write_batch(host, batch);
	draw(host);
	plugin_host_release(host);
	assert_string_equal(
		output(),
		"12:00:00  calls · 3 rows · over 2.0 s\n"
		"cgroup                call  calls/s refused/s      %    p50    p99  100ns   10ms\n"
		"/user.slice           read   1.00 M       –      –   300 ns 300 ns   █\n"
		"…slice/nginx.service  read   12.3 k     615    5.0 % 1.5 µs 1.5 µs    █\n"
		"…slice/nginx.service  fsync     4         –      –   4.2 ms 4.2 ms             █\n"
		"total                        1.01 M     615    0.1 % 300 ns 1.5 µs   █▁        ▁\n"
		"\n");
}

static void rows_that_do_not_fit_are_added_up(void **state)
{
	struct plugin_host *host = started((const char *[]){ "width=80", "rows=2", NULL });
	struct sonde_batch *batch = calls_batch(64);
	char name[16];

	(void)state;
	for (uint32_t row = 1; row <= 40; row++) {
		(void)snprintf(name, sizeof(name), "call%u", row);
		(void)calls_add(batch, "/", name, 2 * row, 1000);
	}
	write_batch(host, batch);
	draw(host);
	plugin_host_release(host);
	assert_shows("\ncall40              40 ");
	assert_shows("\ncall39              39 ");
	assert_shows_not("call38");
	assert_shows("\n… and 38 more      741 ");
	assert_shows("\ntotal              820 ");
}

static void what_all_rows_share_is_said_once_and_ids_never(void **state)
{
	struct plugin_host *host = plain();
	struct sonde_batch *batch = calls_batch(2);

	(void)state;
	calls_add(batch, "/only", "read", 2, 1000)->cgroup_id = 77123;
	calls_add(batch, "/only", "write", 2, 1000)->cgroup_id = 77123;
	write_batch(host, batch);
	draw(host);
	plugin_host_release(host);
	assert_shows("calls · 2 rows · over 2.0 s · cgroup.path /only\n");
	assert_shows_not("77123");
	assert_shows_not("compat");
	assert_shows_not("pid");
}

static void rows_that_look_the_same_without_a_dropped_column_are_one(void **state)
{
	struct plugin_host *narrow = plain(), *wide;
	struct sonde_batch *batch = calls_batch(4);

	(void)state;
	for (uint32_t row = 0; row < 4; row++)
		calls_add(batch, row < 2 ? "/a/long/path/of/a/cgroup" : "/another/path/of/a/cgroup",
			  row < 2 ? "epoll_wait_and_more" : "read_and_more", 200, 1000)
			->process = 4000 + row;
	batch_finish(batch);
	write_batch(narrow, batch_hold(batch));
	draw(narrow);
	plugin_host_release(narrow);
	assert_shows("4 rows");
	assert_shows_not("pid");
	assert_shows("epoll_…_more   200 ");
	wide = started((const char *[]){ "width=160", NULL });
	write_batch(wide, batch);
	draw(wide);
	plugin_host_release(wide);
	assert_shows("   4001  ");
}

static void a_flag_is_named_where_it_holds(void **state)
{
	struct plugin_host *host = started((const char *[]){ "width=120", NULL });
	struct sonde_batch *batch = calls_batch(2);

	(void)state;
	calls_add(batch, "/", "read", 4, 1000)->compat = true;
	(void)calls_add(batch, "/", "write", 2, 1000);
	write_batch(host, batch);
	draw(host);
	plugin_host_release(host);
	assert_shows("\nread   compat  ");
	assert_shows("\nwrite          ");
}

static void tables_are_sorted_by_the_column_that_is_asked_for(void **state)
{
	struct plugin_host *host = started((const char *[]){ "width=80", "sort=p99", NULL });
	struct sonde_batch *batch = calls_batch(2);

	(void)state;
	(void)calls_add(batch, "/", "often", 1000, 1000);
	(void)calls_add(batch, "/", "slow", 1, 1e9);
	batch_finish(batch);
	write_batch(host, batch_hold(batch));
	draw(host);
	assert_true(strstr(output(), "\nslow") < strstr(output(), "\noften"));
	assert_int_equal(plugin_host_set(host, "sort", "calls"), 0);
	assert_int_equal(ftruncate(STDOUT_FILENO, 0), 0);
	write_batch(host, batch);
	draw(host);
	assert_true(strstr(output(), "\noften") < strstr(output(), "\nslow"));
	plugin_host_release(host);
}

static void batches_of_one_interval_are_one_picture_and_the_next_replaces_it(void **state)
{
	struct plugin_host *host = plain();
	struct sonde_batch *batch = calls_batch(1);

	(void)state;
	(void)calls_add(batch, "/a", "read", 10, 1000);
	write_batch(host, batch);
	batch = calls_batch(1);
	(void)calls_add(batch, "/b", "read", 30, 1000);
	write_batch(host, batch);
	draw(host);
	assert_shows("2 rows");
	assert_shows("\ntotal");
	assert_int_equal(ftruncate(STDOUT_FILENO, 0), 0);
	batch = calls_batch(1);
	calls_add(batch, "/c", "read", 2, 1000)->time = noon + 2 * second;
	write_batch(host, batch);
	draw(host);
	plugin_host_release(host);
	assert_shows("1 row ");
	assert_shows_not("/b");
}

static void hosts_whose_clocks_differ_stay_side_by_side(void **state)
{
	struct plugin_host *host = started((const char *[]){ "width=120", NULL });
	struct sonde_field field = { .name = "host.name",
				     .type = SONDE_TEXT,
				     .scope = SONDE_SCOPE_RESOURCE };

	(void)state;
	for (uint32_t round = 0; round < 2; round++) {
		struct sonde_batch *batch = calls_batch(1);
		uint32_t name = code(round ? "east" : "west");

		calls_add(batch, "/", "read", 2, 1000)->time = noon + round * 3 * second;
		assert_non_null(batch_constant(batch, &field, texts, &name));
		write_batch(host, batch);
	}
	draw(host);
	plugin_host_release(host);
	assert_shows("\nhost ");
	assert_shows("\nwest ");
	assert_shows("\neast ");
}

static struct sonde_batch *counter(int64_t time, uint64_t total)
{
	struct sonde_field field = { .name = "total",
				     .type = SONDE_U64,
				     .role = SONDE_ROLE_SUM,
				     .temporality = SONDE_CUMULATIVE,
				     .monotonic = true };
	struct sonde_batch *batch = batch_table("counter", SONDE_SIGNAL_METRIC, 1);

	(void)add(batch, "time", SONDE_TIME, SONDE_ROLE_TIME);
	set_number(batch, 0, 0, time);
	assert_non_null(batch_add(batch, &field, NULL));
	set_number(batch, 1, 0, (int64_t)total);
	return batch;
}

static void a_cumulative_sum_is_the_rate_since_the_row_before(void **state)
{
	struct plugin_host *host = plain();

	(void)state;
	write_batch(host, counter(noon, 1000));
	draw(host);
	assert_shows("\ntotal/s\n    –\n"); /* nothing to compare with yet */
	write_batch(host, counter(noon + 10 * second, 1500));
	draw(host);
	plugin_host_release(host);
	assert_shows("\ntotal/s\n   50\n");
}

static void texts_cannot_steer_the_terminal(void **state)
{
	struct plugin_host *host = plain();
	struct sonde_batch *batch = calls_batch(2), *log;

	(void)state;
	(void)calls_add(batch, "/a\033]0;owned\007", "read", 2, 1000);
	(void)calls_add(batch, "/b\xc2\x9b\x33\x31m\xff", "re\nad", 1, 1000);
	write_batch(host, batch);
	draw(host);
	log = batch_table("log\033[2J", SONDE_SIGNAL_LOG, 1);
	(void)add(log, "body", SONDE_TEXT, SONDE_ROLE_BODY);
	set_text(log, 0, 0, "\033[31mred\r\nherring");
	(void)add(log, "na\033me", SONDE_TEXT, 0);
	set_text(log, 1, 0, "\xe2\x80\xae");
	write_batch(host, log);
	plugin_host_release(host);
	assert_shows("/a?]0;owned?");
	assert_shows("?[31mred? herring");
	for (const char *at = output(); *at; at++)
		assert_true((unsigned char)*at >= 0x20 || *at == '\n');
	assert_shows_not("\xc2\x9b");
	assert_shows_not("\xe2\x80\xae");
}

static void a_table_without_utf_8_is_ascii(void **state)
{
	struct plugin_host *host;
	struct sonde_batch *batch = calls_batch(30);
	char name[16];

	(void)state;
	(void)setenv("LC_ALL", "C", 1);
	host = plain();
	for (uint32_t row = 0; row < 30; row++) {
		(void)snprintf(name, sizeof(name), "call%u", row);
		(void)calls_add(batch, "/a/path/that/is/too/long", name, 2 + row, 1500.0 * row + 1);
	}
	write_batch(host, batch);
	draw(host);
	plugin_host_release(host);
	assert_shows("... and 10 more");
	assert_shows(" us");
	for (const char *at = output(); *at; at++)
		assert_true((unsigned char)*at < 0x80);
}

/* ---- long metrics ------------------------------------------------------------------------ */

static void set_metric(struct sonde_batch *batch, uint32_t row, const char *name, const char *unit,
		       enum sonde_metric_kind kind)
{
	struct sonde_metric metric = { .name = { name, (uint32_t)strlen(name), 0 },
				       .unit = { unit, (uint32_t)strlen(unit), 0 },
				       .kind = kind,
				       .temporality = SONDE_DELTA,
				       .monotonic = true };
	char bytes[128];
	int64_t length = metric_encode(&metric, bytes, sizeof(bytes));
	uint32_t value;

	assert_in_range(length, 1, sizeof(bytes));
	value = dictionary_add(texts, bytes, (size_t)length);
	set(batch, 2, row, &value);
}

static void long_rows_show_each_metric_in_its_unit(void **state)
{
	struct plugin_host *host = started((const char *[]){ "width=120", NULL });
	struct sonde_batch *batch = batch_table("otlp", SONDE_SIGNAL_METRIC, 4);
	struct histogram histogram = { .head.scale = 3, .bucket_limit = 160 };
	struct sonde_exponential head;
	double value[] = { 300, 5.5 * (1 << 20), 0.25 };
	uint64_t *words;
	uint32_t start;

	(void)state;
	(void)add(batch, "time", SONDE_TIME, SONDE_ROLE_TIME);
	(void)add(batch, "start", SONDE_TIME, SONDE_ROLE_START_TIME);
	(void)add(batch, "metric", SONDE_BYTES, SONDE_ROLE_METRIC);
	(void)add(batch, "value", SONDE_DOUBLE, SONDE_ROLE_VALUE);
	(void)add(batch, "histogram", SONDE_EXPONENTIAL, SONDE_ROLE_VALUE);
	(void)add(batch, "method", SONDE_TEXT, 0);
	for (uint32_t row = 0; row < 4; row++) {
		set_number(batch, 0, row, noon);
		set_number(batch, 1, row, noon - 2 * second);
		set_text(batch, 5, row, row % 2 ? "PUT" : "GET");
		if (row < 3)
			set(batch, 3, row, &value[row]);
	}
	set_metric(batch, 0, "requests", "{request}", SONDE_METRIC_SUM);
	set_metric(batch, 1, "memory", "By", SONDE_METRIC_GAUGE);
	set_metric(batch, 2, "load", "1", SONDE_METRIC_GAUGE);
	set_metric(batch, 3, "latency", "s", SONDE_METRIC_EXPONENTIAL);
	assert_int_equal(histogram_record(&histogram, 0.0205, 5), 0);
	words = batch_heap(batch, 4, histogram_words(&histogram), &start);
	histogram_write(&histogram, words, start, &head);
	set(batch, 4, 3, &head);
	histogram_release(&histogram);
	batch_valid(batch, 3)[0] = 7;
	batch_valid(batch, 4)[0] = 8;
	write_batch(host, batch);
	draw(host);
	plugin_host_release(host);
	assert_shows("\nrequests  method=GET       150/s ");
	assert_shows("\nmemory    method=PUT     5.5 MiB ");
	assert_shows("\nload      method=GET        0.25 ");
	assert_shows("\nlatency   method=PUT ");
	assert_shows(" 20 ms ");
	assert_shows_not("total");
}

/* ---- lines ------------------------------------------------------------------------------- */

static struct sonde_batch *events(uint32_t count)
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

static void events_are_lines_in_columns(void **state)
{
	struct plugin_host *host = plain();

	(void)state;
	write_batch(host, events(2));
	write_batch(host, events(1));
	plugin_host_release(host);
	assert_string_equal(output(), "time            pid call     took error\n"
				      "12:00:00.000000 100 openat 1.5 µs ENOENT\n"
				      "12:00:00.000001 101 write  1.5 µs\n"
				      "12:00:00.000000 100 openat 1.5 µs ENOENT\n");
}

static void what_failed_is_red_where_colour_is_wanted(void **state)
{
	struct plugin_host *host = started((const char *[]){ "color=always", NULL });

	(void)state;
	write_batch(host, events(1));
	plugin_host_release(host);
	assert_shows("\033[0;31mENOENT\033[0m\n");
}

static void logs_show_severity_body_and_attributes(void **state)
{
	struct plugin_host *host = started((const char *[]){ "color=always", NULL });
	struct sonde_batch *batch = batch_table("log", SONDE_SIGNAL_LOG, 2);

	(void)state;
	(void)add(batch, "time", SONDE_TIME, SONDE_ROLE_TIME);
	(void)add(batch, "severity", SONDE_U8, SONDE_ROLE_SEVERITY);
	(void)add(batch, "body", SONDE_TEXT, SONDE_ROLE_BODY);
	(void)add(batch, "service", SONDE_TEXT, 0);
	for (uint32_t row = 0; row < 2; row++) {
		set_number(batch, 0, row, noon);
		set_number(batch, 1, row, row ? 17 : 10);
		set_text(batch, 2, row, row ? "it burns" : "all is well");
		set_text(batch, 3, row, row ? "shop front" : "till");
	}
	write_batch(host, batch);
	plugin_host_release(host);
	assert_shows("\033[0;36mINFO \033[0m  all is well\033[0;2m  service=\033[0mtill\n");
	assert_shows("\033[0;31mERROR\033[0m  it burns\033[0;2m  service=\033[0m\"shop front\"\n");
}

/* Spans by id, below their parents. */
static struct sonde_batch *spans(const uint64_t (*ids)[2], uint32_t count)
{
	struct sonde_batch *batch = batch_table("span", SONDE_SIGNAL_SPAN, count);
	char name[16];

	(void)add(batch, "start", SONDE_TIME, SONDE_ROLE_START_TIME);
	(void)add(batch, "end", SONDE_TIME, SONDE_ROLE_END_TIME);
	(void)add(batch, "span_id", SONDE_ID8, SONDE_ROLE_SPAN_ID);
	(void)add(batch, "parent", SONDE_ID8, SONDE_ROLE_PARENT_SPAN_ID);
	(void)add(batch, "name", SONDE_TEXT, SONDE_ROLE_SPAN_NAME);
	for (uint32_t row = 0; row < count; row++) {
		(void)snprintf(name, sizeof(name), "span %u", (unsigned int)ids[row][0]);
		set_number(batch, 0, row, noon + (int64_t)ids[row][0] * 1000000);
		set_number(batch, 1, row, noon + (int64_t)ids[row][0] * 1000000 + 2500000);
		set(batch, 2, row, &ids[row][0]);
		set(batch, 3, row, &ids[row][1]);
		set_text(batch, 4, row, name);
	}
	return batch;
}

static void spans_stand_below_their_parents(void **state)
{
	static const uint64_t ids[][2] = { { 4, 2 },  { 3, 1 }, { 2, 1 },
					   { 9, 77 }, { 1, 0 }, { 5, 4 } };
	struct plugin_host *host = started(NULL);

	(void)state;
	write_batch(host, spans(ids, 6));
	plugin_host_release(host);
	assert_string_equal(output(), "12:00:00.001000  2.5 ms  span 1\n"
				      "12:00:00.002000  2.5 ms  └ span 2\n"
				      "12:00:00.004000  2.5 ms    └ span 4\n"
				      "12:00:00.005000  2.5 ms      └ span 5\n"
				      "12:00:00.003000  2.5 ms  └ span 3\n"
				      "12:00:00.009000  2.5 ms  span 9\n");
}

static void spans_that_are_each_others_parents_are_all_shown(void **state)
{
	static const uint64_t ids[][2] = { { 1, 2 }, { 2, 3 }, { 3, 1 }, { 4, 4 }, { 5, 2 } };
	struct plugin_host *host = started(NULL);

	(void)state;
	write_batch(host, spans(ids, 5));
	plugin_host_release(host);
	assert_shows("span 1\n");
	assert_shows("span 2\n");
	assert_shows("span 3\n");
	assert_shows("span 4\n");
	assert_shows("span 5\n");
}

static void lines_beyond_the_rate_are_counted_and_said(void **state)
{
	struct plugin_host *host = started((const char *[]){ "rate=3", NULL });

	(void)state;
	write_batch(host, events(10));
	write_batch(host, events(5));
	assert_int_equal(plugin_host_fire(host, TIMER_MORE), 0);
	assert_shows("\n… 12 more rows\n");
	host->now_ns += second;
	write_batch(host, events(3));
	plugin_host_release(host);
	assert_shows("… 12 more rows\n12:00:00.000000");
}

static void format_json_is_a_line_of_json_a_row(void **state)
{
	struct plugin_host *host = started((const char *[]){ "format=json", NULL });

	(void)state;
	write_batch(host, events(1));
	plugin_host_release(host);
	assert_string_equal(output(),
			    "{\"schema\":\"event\",\"time\":\"2026-03-01T12:00:00.000000000Z\","
			    "\"process.pid\":100,\"call.name\":\"openat\",\"took\":1500,"
			    "\"error.type\":\"ENOENT\",\"compat\":false}\n");
}

static void format_lines_shows_measures_as_lines_too(void **state)
{
	struct plugin_host *host = started((const char *[]){ "format=lines", NULL });
	struct sonde_batch *batch = calls_batch(1);

	(void)state;
	(void)calls_add(batch, "/a", "read", 10, 1500);
	write_batch(host, batch);
	plugin_host_release(host);
	assert_shows("  cgroup.path=/a  call.name=read");
	assert_shows("  calls=10  ");
	assert_shows("  took=p50 1.5 µs, p99 1.5 µs, max 1.5 µs of 10\n");
}

static void format_table_leaves_other_rows_out(void **state)
{
	struct plugin_host *host = started((const char *[]){ "format=table", NULL });

	(void)state;
	write_batch(host, events(3));
	plugin_host_release(host);
	assert_string_equal(output(), "");
}

/* ---- pipes ------------------------------------------------------------------------------- */

static void a_closed_pipe_is_named(void **state)
{
	struct plugin_host *host;
	struct sonde_batch *batch = events(1);
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	output_to(ends[1]);
	(void)close(ends[1]);
	host = started(NULL);
	(void)close(ends[0]);
	assert_int_equal(plugin_host_write(host, &batch, 1), -EPIPE);
	batch_release(batch);
	assert_string_equal(host->message, "nobody reads standard output any more: Broken pipe");
	plugin_host_release(host);
}

/* A limit on the file's size fails as a full disk does: after a part was written. */
static void output_that_did_not_fit_follows_whole(void **state)
{
	struct rlimit limit, small;
	struct plugin_host *host = started((const char *[]){ "format=json", NULL });
	struct sonde_batch *batch = events(3);
	char first[128];
	int result;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	result = plugin_host_write(host, &batch, 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(result, -EFBIG);
	assert_int_equal(strlen(output()), 100);
	assert_int_equal(plugin_host_retry(host), SONDE_OK);
	for (uint32_t row = 0; row < 3; row++) {
		(void)snprintf(first, sizeof(first), "00000%u000Z\",\"process.pid\":10%u,", row,
			       row);
		assert_shows(first);
		assert_null(strstr(strstr(output(), first) + 1, first));
	}
	batch_release(batch);
	plugin_host_release(host);
}

static void a_slow_pipe_is_waited_for_and_loses_nothing(void **state)
{
	enum { ROWS = 20000 };
	struct sonde_batch *batch = events(ROWS);
	struct plugin_host *host;
	char *text = calloc(1, OUTPUT_SIZE * 4);
	size_t length = 0, lines = 0;
	ssize_t count;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	output_to(ends[1]);
	(void)close(ends[1]);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	host = started((const char *[]){ "format=json", NULL });
	assert_int_equal(plugin_host_write(host, &batch, 1), SONDE_LATER);
	while (!host->settled_count) {
		while ((count = read(ends[0], text + length, OUTPUT_SIZE * 4 - length)) > 0)
			length += (size_t)count;
		assert_int_equal(plugin_host_ready(host), 0);
	}
	while ((count = read(ends[0], text + length, OUTPUT_SIZE * 4 - length)) > 0)
		length += (size_t)count;
	for (size_t place = 0; place < length; place++)
		lines += text[place] == '\n';
	assert_int_equal(host->outcome.verdict, SONDE_DONE);
	assert_int_equal(lines, ROWS);
	batch_release(batch);
	plugin_host_release(host);
	(void)close(ends[0]);
	free(text);
}

/* ---- terminals --------------------------------------------------------------------------- */

static int terminal_open(uint16_t width, uint16_t height)
{
	struct winsize size = { .ws_col = width, .ws_row = height };
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	(void)fcntl(master, F_SETFL, O_NONBLOCK);
	output_to(slave);
	(void)close(slave);
	return master;
}

static size_t terminal_read(int master, char *text, size_t size)
{
	size_t length = 0;
	ssize_t count;

	while ((count = read(master, text + length, size - 1 - length)) > 0)
		length += (size_t)count;
	text[length] = 0;
	return length;
}

/* Lines of a frame and the widest of them, without its escapes. */
static void frame_size(const char *text, uint32_t *ret_lines, uint32_t *ret_width)
{
	uint32_t lines = 1, width = 0, widest = 0;

	for (const char *at = text; *at; at++) {
		if (*at == '\033') {
			at += strcspn(at, "mHJKhl");
		} else if (*at == '\n') {
			lines++;
			width = 0;
		} else if (*at != '\r' && (*at & 0xc0) != 0x80) {
			width++;
		}
		widest = width > widest ? width : widest;
	}
	*ret_lines = lines;
	*ret_width = widest;
}

static struct sonde_batch *many_calls(int64_t time)
{
	struct sonde_batch *batch = calls_batch(200);
	char name[32];

	for (uint32_t row = 0; row < 200; row++) {
		(void)snprintf(name, sizeof(name), "/some.slice/service-%u.scope", row);
		calls_add(batch, name, row % 3 ? "read" : "epoll_wait", 1 + row * row,
			  100.0 * (row + 1))
			->time = time;
	}
	return batch;
}

static void a_terminal_gets_one_screenful_drawn_in_place(void **state)
{
	static const uint16_t sizes[][2] = { { 80, 24 }, { 200, 50 }, { 40, 10 }, { 132, 24 } };
	static char text[1 << 17];
	int master = terminal_open(80, 24);
	struct plugin_host *host = started(NULL);
	uint32_t lines, width;

	(void)state;
	for (uint32_t round = 0; round < 4; round++) { /* the size is read for each draw */
		struct winsize size = { .ws_col = sizes[round][0], .ws_row = sizes[round][1] };

		assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
		write_batch(host, many_calls(noon + round * second));
		draw(host);
		assert_true(terminal_read(master, text, sizeof(text)) > 0);
		assert_non_null(strstr(text, "\033[H"));
		assert_non_null(strstr(text, " more"));
		assert_non_null(strstr(text, "total"));
		frame_size(strstr(text, "\033[H"), &lines, &width);
		assert_int_equal(lines, sizes[round][1]);
		assert_in_range(width, sizes[round][0] - 12, sizes[round][0]);
	}
	plugin_host_release(host);
	(void)close(master);
}

static void events_stand_below_the_tables_of_a_screen(void **state)
{
	static char text[1 << 17];
	int master = terminal_open(80, 24);
	struct plugin_host *host = started((const char *[]){ "color=never", NULL });
	uint32_t lines, width;
	const char *frame;

	(void)state;
	write_batch(host, many_calls(noon));
	draw(host);
	(void)terminal_read(master, text, sizeof(text));
	write_batch(host, events(30));
	draw(host);
	(void)terminal_read(master, text, sizeof(text));
	frame = strstr(text, "\033[H");
	assert_non_null(frame);
	frame_size(frame, &lines, &width);
	assert_in_range(lines, 20, 24);
	assert_non_null(strstr(frame, "total"));
	assert_true(strstr(frame, "12:00:00.000029") > strstr(frame, "total"));
	assert_null(strstr(frame, "12:00:00.000002"));
	plugin_host_release(host);
	(void)close(master);
}

static void no_color_is_honoured(void **state)
{
	static char text[1 << 16];
	int master = terminal_open(80, 24);
	struct plugin_host *host;

	(void)state;
	(void)setenv("NO_COLOR", "1", 1);
	host = started(NULL);
	write_batch(host, many_calls(noon));
	draw(host);
	(void)terminal_read(master, text, sizeof(text));
	assert_non_null(strstr(text, "\033[H"));
	for (const char *at = text; (at = strstr(at, "\033[")) != NULL; at += 2)
		assert_int_not_equal(at[strcspn(at, "mHJKhl")], 'm');
	plugin_host_release(host);
	(void)close(master);
}

static void a_terminal_that_stands_still_is_not_waited_for(void **state)
{
	int master = terminal_open(80, 24);
	struct plugin_host *host = started((const char *[]){ "rate=100000", NULL });

	(void)state;
	for (uint32_t round = 0; round < 20; round++) /* nobody reads; write_batch wants it done */
		write_batch(host, events(5000));
	assert_true(host->watched_fd >= 0);
	plugin_host_release(host);
	(void)close(master);
}

int main(void)
{
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, into_a_file, and_back)
	const struct CMUnitTest tests[] = {
		TEST(a_table_shows_rates_shares_quantiles_and_bars),
		TEST(rows_that_do_not_fit_are_added_up),
		TEST(what_all_rows_share_is_said_once_and_ids_never),
		TEST(rows_that_look_the_same_without_a_dropped_column_are_one),
		TEST(a_flag_is_named_where_it_holds),
		TEST(tables_are_sorted_by_the_column_that_is_asked_for),
		TEST(batches_of_one_interval_are_one_picture_and_the_next_replaces_it),
		TEST(hosts_whose_clocks_differ_stay_side_by_side),
		TEST(a_cumulative_sum_is_the_rate_since_the_row_before),
		TEST(texts_cannot_steer_the_terminal),
		TEST(a_table_without_utf_8_is_ascii),
		TEST(long_rows_show_each_metric_in_its_unit),
		TEST(events_are_lines_in_columns),
		TEST(what_failed_is_red_where_colour_is_wanted),
		TEST(logs_show_severity_body_and_attributes),
		TEST(spans_stand_below_their_parents),
		TEST(spans_that_are_each_others_parents_are_all_shown),
		TEST(lines_beyond_the_rate_are_counted_and_said),
		TEST(format_json_is_a_line_of_json_a_row),
		TEST(format_lines_shows_measures_as_lines_too),
		TEST(format_table_leaves_other_rows_out),
		TEST(a_closed_pipe_is_named),
		TEST(output_that_did_not_fit_follows_whole),
		TEST(a_slow_pipe_is_waited_for_and_loses_nothing),
		TEST(a_terminal_gets_one_screenful_drawn_in_place),
		TEST(events_stand_below_the_tables_of_a_screen),
		TEST(no_color_is_honoured),
		TEST(a_terminal_that_stands_still_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, texts_begin, texts_end);
}
