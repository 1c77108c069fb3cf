// SPDX-License-Identifier: Apache-2.0
/* Output `console`: the lines a person sees of events, logs, spans and other rows. */
#include <stdio.h>
#include <string.h>
#include "dictionary.h"
#include "value.h"
#include "console_fixture.h"

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

/* ---- what OTLP brings -------------------------------------------------------------------- */

static uint32_t any_code(const struct sonde_any *any)
{
	char bytes[256];
	int64_t length = any_encode(any, bytes, sizeof(bytes));

	assert_in_range(length, 0, sizeof(bytes));
	return dictionary_add(texts, bytes, (size_t)length);
}

static void set_any(struct sonde_batch *batch, uint32_t column, uint32_t row,
		    const struct sonde_any *any)
{
	uint32_t value = any_code(any);

	set(batch, column, row, &value);
}

static void set_any_text(struct sonde_batch *batch, uint32_t column, uint32_t row, const char *text)
{
	struct sonde_any any = { .kind = SONDE_ANY_TEXT, .length = (uint32_t)strlen(text) };

	any.as.data = text;
	set_any(batch, column, row, &any);
}

static void a_body_of_any_type_is_a_text_as_it_is_and_else_json(void **state)
{
	struct plugin_host *host = started(NULL);
	struct sonde_batch *batch = batch_table("log", SONDE_SIGNAL_LOG, 3);
	struct sonde_any map = { .kind = SONDE_ANY_MAP, .length = 2 };
	struct sonde_any items[] = {
		{ .kind = SONDE_ANY_INTEGER, .key = "code", .key_length = 4 },
		{ .kind = SONDE_ANY_BOOL, .key = "again", .key_length = 5 },
	};

	(void)state;
	items[0].as.integer = 17;
	items[1].as.boolean = true;
	map.as.items = items;
	(void)add(batch, "time", SONDE_TIME, SONDE_ROLE_TIME);
	(void)add(batch, "body", SONDE_ANY, SONDE_ROLE_BODY);
	(void)add(batch, "mixed", SONDE_ANY, 0);
	for (uint32_t row = 0; row < 3; row++)
		set_number(batch, 0, row, noon);
	set_any_text(batch, 1, 0, "it \"burns\"");
	set_any_text(batch, 2, 0, "red");
	set_any(batch, 1, 1, &map);
	set_any(batch, 2, 1, &items[0]);
	batch_valid(batch, 1)[0] = 3;
	batch_valid(batch, 2)[0] = 3;
	write_batch(host, batch);
	plugin_host_release(host);
	assert_shows("  it \"burns\"  mixed=red\n");
	assert_shows("  {\"code\":17,\"again\":true}  mixed=17\n");
}

static void a_log_says_of_which_trace_and_span_it_is(void **state)
{
	struct plugin_host *host = started(NULL);
	struct sonde_batch *batch = batch_table("log", SONDE_SIGNAL_LOG, 2);
	unsigned char trace[16] = { 0x4b, 0xf9, [15] = 0x36 }, span[8] = { 0xab, [7] = 1 };

	(void)state;
	(void)add(batch, "time", SONDE_TIME, SONDE_ROLE_TIME);
	(void)add(batch, "body", SONDE_TEXT, SONDE_ROLE_BODY);
	(void)add(batch, "trace_id", SONDE_ID16, SONDE_ROLE_TRACE_ID);
	(void)add(batch, "span_id", SONDE_ID8, SONDE_ROLE_SPAN_ID);
	for (uint32_t row = 0; row < 2; row++) {
		set_number(batch, 0, row, noon);
		set_text(batch, 1, row, row ? "of none" : "of one");
	}
	set(batch, 2, 0, trace);
	set(batch, 3, 0, span);
	write_batch(host, batch);
	plugin_host_release(host);
	assert_shows("  of one  trace=4bf90000000000000000000000000036  span=ab00000000000001\n");
	assert_shows("  of none\n");
}

/* A child table of rows that belong to these rows of a batch. */
static struct sonde_batch *children(enum sonde_signal signal, const uint32_t *parents,
				    uint32_t count)
{
	struct sonde_batch *batch = batch_table("child", signal, count);

	(void)add(batch, "parent", SONDE_U32, SONDE_ROLE_PARENT_ROW);
	for (uint32_t row = 0; row < count; row++)
		set(batch, 0, row, &parents[row]);
	return batch;
}

static void events_and_links_stand_below_their_span(void **state)
{
	static const uint64_t ids[][2] = { { 2, 1 }, { 1, 0 } };
	static const uint32_t of_events[] = { 0, 1, 1 }, of_links[] = { 0 };
	struct plugin_host *host = started(NULL);
	struct sonde_batch *batch = spans(ids, 2);
	struct sonde_batch *events = children(SONDE_SIGNAL_SPAN_EVENT, of_events, 3);
	struct sonde_batch *links = children(SONDE_SIGNAL_SPAN_LINK, of_links, 1);
	unsigned char trace[16] = { 0x4b, [15] = 0x36 }, span[8] = { 0xab, [7] = 1 };

	(void)state;
	(void)add(batch, "trace_id", SONDE_ID16, SONDE_ROLE_TRACE_ID);
	for (uint32_t row = 0; row < 2; row++)
		set(batch, 5, row, trace);
	(void)add(events, "time", SONDE_TIME, SONDE_ROLE_TIME);
	(void)add(events, "name", SONDE_TEXT, SONDE_ROLE_EVENT_NAME);
	(void)add(events, "attempt", SONDE_I64, 0);
	for (uint32_t row = 0; row < 3; row++) {
		set_number(events, 1, row, noon + row * 1000);
		set_text(events, 2, row, row ? "retry" : "lost");
		set_number(events, 3, row, row);
	}
	(void)add(links, "trace_id", SONDE_ID16, SONDE_ROLE_TRACE_ID);
	(void)add(links, "span_id", SONDE_ID8, SONDE_ROLE_SPAN_ID);
	set(links, 1, 0, trace);
	set(links, 2, 0, span);
	assert_int_equal(batch_adopt(batch, events), 0);
	assert_int_equal(batch_adopt(batch, links), 0);
	write_batch(host, batch);
	plugin_host_release(host);
	assert_string_equal(
		output(),
		"12:00:00.001000  2.5 ms  span 1  trace=4b000000000000000000000000000036\n"
		"12:00:00.000001          · retry  attempt=1\n"
		"12:00:00.000002          · retry  attempt=2\n"
		"12:00:00.002000  2.5 ms  └ span 2\n"
		"12:00:00.000000            · lost  attempt=0\n"
		"                           →  trace=4b000000000000000000000000000036"
		"  span=ab00000000000001\n");
}

static void many_events_of_a_span_are_counted(void **state)
{
	static const uint64_t ids[][2] = { { 1, 0 } };
	uint32_t parents[20] = { 0 };
	struct plugin_host *host = started((const char *[]){ "characters=ascii", NULL });
	struct sonde_batch *batch = spans(ids, 1);
	struct sonde_batch *events = children(SONDE_SIGNAL_SPAN_EVENT, parents, 20);
	const char *at;
	uint32_t drawn = 0;

	(void)state;
	(void)add(events, "name", SONDE_TEXT, SONDE_ROLE_EVENT_NAME);
	for (uint32_t row = 0; row < 20; row++)
		set_text(events, 1, row, "tick");
	assert_int_equal(batch_adopt(batch, events), 0);
	write_batch(host, batch);
	plugin_host_release(host);
	for (at = output(); (at = strstr(at, "* tick\n")); at++)
		drawn++;
	assert_int_equal(drawn, 8);
	assert_shows("  ... 12 more events\n");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_are_lines_in_columns),
		TEST(what_failed_is_red_where_colour_is_wanted),
		TEST(logs_show_severity_body_and_attributes),
		TEST(spans_stand_below_their_parents),
		TEST(spans_that_are_each_others_parents_are_all_shown),
		TEST(a_body_of_any_type_is_a_text_as_it_is_and_else_json),
		TEST(a_log_says_of_which_trace_and_span_it_is),
		TEST(events_and_links_stand_below_their_span),
		TEST(many_events_of_a_span_are_counted),
		TEST(lines_beyond_the_rate_are_counted_and_said),
		TEST(format_json_is_a_line_of_json_a_row),
		TEST(format_lines_shows_measures_as_lines_too),
		TEST(format_table_leaves_other_rows_out),
	};

	return cmocka_run_group_tests(tests, texts_begin, texts_end);
}
