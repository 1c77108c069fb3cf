// SPDX-License-Identifier: Apache-2.0
/* Output `console`: the tables a person sees of measures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dictionary.h"
#include "histogram.h"
#include "value.h"
#include "console_fixture.h"

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

/* Attributes that OTLP may bring: of mixed types, and those beyond the bound on columns. */
static void points_that_differ_in_any_attribute_are_rows_of_their_own(void **state)
{
	struct plugin_host *host = started((const char *[]){ "width=120", NULL });
	struct sonde_batch *batch = batch_table("otlp", SONDE_SIGNAL_METRIC, 4);
	struct sonde_any number = { .kind = SONDE_ANY_INTEGER, .key = "code", .key_length = 4 };
	struct sonde_any map = { .kind = SONDE_ANY_MAP, .length = 1 };
	double value[] = { 1, 2, 3, 4 };

	(void)state;
	map.as.items = &number;
	(void)add(batch, "time", SONDE_TIME, SONDE_ROLE_TIME);
	(void)add(batch, "start", SONDE_TIME, SONDE_ROLE_START_TIME);
	(void)add(batch, "metric", SONDE_BYTES, SONDE_ROLE_METRIC);
	(void)add(batch, "value", SONDE_DOUBLE, SONDE_ROLE_VALUE);
	(void)add(batch, "mixed", SONDE_ANY, 0);
	(void)add(batch, "more", SONDE_ANY, SONDE_ROLE_ATTRIBUTES);
	for (uint32_t row = 0; row < 4; row++) {
		char bytes[64];
		int64_t length;
		uint32_t encoded;

		set_number(batch, 0, row, noon);
		set_metric(batch, row, "load", "1", SONDE_METRIC_GAUGE);
		set(batch, 3, row, &value[row]);
		number.as.integer = row;
		length = any_encode(row < 2 ? &number : &map, bytes, sizeof(bytes));
		encoded = dictionary_add(texts, bytes, (size_t)length);
		set(batch, row < 2 ? 4 : 5, row, &encoded);
	}
	batch_valid(batch, 4)[0] = 3;
	batch_valid(batch, 5)[0] = 12;
	write_batch(host, batch);
	draw(host);
	plugin_host_release(host);
	assert_shows("\nload    mixed=0              1 ");
	assert_shows("\nload    mixed=1              2 ");
	assert_shows("\nload    {\"code\":2}           3 ");
	assert_shows("\nload    {\"code\":3}           4 ");
}

int main(void)
{
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
		TEST(points_that_differ_in_any_attribute_are_rows_of_their_own),
	};

	return cmocka_run_group_tests(tests, texts_begin, texts_end);
}
