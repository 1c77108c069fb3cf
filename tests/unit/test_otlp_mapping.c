// SPDX-License-Identifier: Apache-2.0
/* One batch of each kind that OTLP has, built and read back through the plugin header alone, as
 * docs/otlp-mapping.md says. */
#include "otlp_table.h"

#define ROW      SONDE_SCOPE_ROW
#define SCOPE    SONDE_SCOPE_SCOPE
#define RESOURCE SONDE_SCOPE_RESOURCE

#define FIELD(name_, type_, role_, scope_)                                                         \
	(&(const struct sonde_field){                                                              \
		.name = (name_), .type = (type_), .role = (role_), .scope = (scope_) })

static const unsigned char trace_id[16] = "trace id is here";
static const unsigned char span_id[8] = "span id.", parent_id[8] = "parent..";

static const struct sonde_any one_pair[] = {
	{ .kind = SONDE_ANY_INTEGER, .key = "left", .key_length = 4, .as.integer = 12 },
};
static const struct sonde_any map = { .kind = SONDE_ANY_MAP, .length = 1, .as.items = one_pair };

static void check_map(const struct sonde_column *column, uint32_t row)
{
	struct sonde_any items[16];

	check_any(column, row, items);
	assert_int_equal(items[0].kind, SONDE_ANY_MAP);
	assert_int_equal(items[0].length, 1);
	assert_int_equal(items[1].kind, SONDE_ANY_INTEGER);
	assert_int_equal(items[1].as.integer, 12);
	assert_int_equal(items[1].key_length, 4);
	assert_memory_equal(items[1].key, "left", 4);
}

/* What every signal has above its rows: Resource, InstrumentationScope, their schema URLs. */
static void add_origin(struct sonde_batch *batch)
{
	static const struct sonde_any type[] = {
		{ .kind = SONDE_ANY_TEXT,
		  .key = "type",
		  .key_length = 4,
		  .length = 4,
		  .as.data = "host" },
	};
	static const struct sonde_any entity = { .kind = SONDE_ANY_MAP,
						 .length = 1,
						 .as.items = type };
	static const struct sonde_any entities = { .kind = SONDE_ANY_ARRAY,
						   .length = 1,
						   .as.items = &entity };

	table_constant(batch, FIELD("service.name", SONDE_TEXT, SONDE_ROLE_ATTRIBUTE, RESOURCE),
		       VALUE(uint32_t, code_of("shop")));
	table_constant(batch, FIELD("rest", SONDE_ANY, SONDE_ROLE_ATTRIBUTES, RESOURCE),
		       VALUE(uint32_t, code_of_any(&map)));
	table_constant(batch, FIELD("dropped", SONDE_U32, SONDE_ROLE_DROPPED, RESOURCE),
		       VALUE(uint32_t, 3));
	table_constant(batch, FIELD("entities", SONDE_ANY, SONDE_ROLE_ENTITIES, RESOURCE),
		       VALUE(uint32_t, code_of_any(&entities)));
	table_constant(batch, FIELD("schema", SONDE_TEXT, SONDE_ROLE_SCHEMA_URL, RESOURCE),
		       VALUE(uint32_t, code_of("https://r/1")));
	table_constant(batch, FIELD("scope", SONDE_TEXT, SONDE_ROLE_SCOPE_NAME, SCOPE),
		       VALUE(uint32_t, code_of("lib")));
	table_constant(batch, FIELD("version", SONDE_TEXT, SONDE_ROLE_SCOPE_VERSION, SCOPE),
		       VALUE(uint32_t, code_of("1.2")));
	table_constant(batch, FIELD("service.name", SONDE_BOOL, SONDE_ROLE_ATTRIBUTE, SCOPE),
		       VALUE(bool, true));
	table_constant(batch, FIELD("rest", SONDE_ANY, SONDE_ROLE_ATTRIBUTES, SCOPE),
		       VALUE(uint32_t, code_of_any(&map)));
	table_constant(batch, FIELD("dropped", SONDE_U32, SONDE_ROLE_DROPPED, SCOPE),
		       VALUE(uint32_t, 4));
	table_constant(batch, FIELD("schema", SONDE_TEXT, SONDE_ROLE_SCHEMA_URL, SCOPE),
		       VALUE(uint32_t, code_of("https://s/1")));
}

static void check_origin(const struct sonde_batch *batch, uint32_t row)
{
	struct sonde_any items[16];

	check_text(table_find(batch, SONDE_ROLE_ATTRIBUTE, RESOURCE, "service.name"), row, "shop");
	check_map(table_find(batch, SONDE_ROLE_ATTRIBUTES, RESOURCE, NULL), row);
	check_value(table_find(batch, SONDE_ROLE_DROPPED, RESOURCE, NULL), row, VALUE(uint32_t, 3));
	check_any(table_find(batch, SONDE_ROLE_ENTITIES, RESOURCE, NULL), row, items);
	assert_int_equal(items[0].kind, SONDE_ANY_ARRAY);
	assert_int_equal(items[1].kind, SONDE_ANY_MAP);
	assert_memory_equal(items[2].as.data, "host", 4);
	check_text(table_find(batch, SONDE_ROLE_SCHEMA_URL, RESOURCE, NULL), row, "https://r/1");
	check_text(table_find(batch, SONDE_ROLE_SCOPE_NAME, SCOPE, NULL), row, "lib");
	check_text(table_find(batch, SONDE_ROLE_SCOPE_VERSION, SCOPE, NULL), row, "1.2");
	check_value(table_find(batch, SONDE_ROLE_ATTRIBUTE, SCOPE, "service.name"), row,
		    VALUE(bool, true));
	check_map(table_find(batch, SONDE_ROLE_ATTRIBUTES, SCOPE, NULL), row);
	check_value(table_find(batch, SONDE_ROLE_DROPPED, SCOPE, NULL), row, VALUE(uint32_t, 4));
	check_text(table_find(batch, SONDE_ROLE_SCHEMA_URL, SCOPE, NULL), row, "https://s/1");
}

/* ---- logs -------------------------------------------------------------------------------- */

static void logs_keep_every_field_of_their_records(void **state)
{
	static const struct sonde_any empty = { .kind = SONDE_ANY_EMPTY };
	static const struct sonde_any text = { .kind = SONDE_ANY_TEXT,
					       .length = 2,
					       .as.data = "80" };
	static const struct sonde_any number = { .kind = SONDE_ANY_INTEGER, .as.integer = 80 };
	struct sonde_batch *batch = sonde_batch_table(&instance, "logs", SONDE_SIGNAL_LOG, 4);
	uint32_t time = table_add(batch, FIELD("time", SONDE_TIME, SONDE_ROLE_TIME, ROW));
	uint32_t observed =
		table_add(batch, FIELD("observed", SONDE_TIME, SONDE_ROLE_OBSERVED_TIME, ROW));
	uint32_t severity =
		table_add(batch, FIELD("severity", SONDE_I32, SONDE_ROLE_SEVERITY, ROW));
	uint32_t words =
		table_add(batch, FIELD("words", SONDE_TEXT, SONDE_ROLE_SEVERITY_TEXT, ROW));
	uint32_t body = table_add(batch, FIELD("body", SONDE_ANY, SONDE_ROLE_BODY, ROW));
	uint32_t method = table_add(batch, FIELD("body", SONDE_TEXT, SONDE_ROLE_ATTRIBUTE, ROW));
	uint32_t port = table_add(batch, FIELD("port", SONDE_ANY, SONDE_ROLE_ATTRIBUTE, ROW));
	uint32_t blob = table_add(batch, FIELD("blob", SONDE_BYTES, SONDE_ROLE_ATTRIBUTE, ROW));
	uint32_t rest = table_add(batch, FIELD("rest", SONDE_ANY, SONDE_ROLE_ATTRIBUTES, ROW));
	uint32_t dropped = table_add(batch, FIELD("dropped", SONDE_U32, SONDE_ROLE_DROPPED, ROW));
	uint32_t flags = table_add(batch, FIELD("flags", SONDE_U32, SONDE_ROLE_FLAGS, ROW));
	uint32_t trace = table_add(batch, FIELD("trace", SONDE_ID16, SONDE_ROLE_TRACE_ID, ROW));
	uint32_t span = table_add(batch, FIELD("span", SONDE_ID8, SONDE_ROLE_SPAN_ID, ROW));
	uint32_t event = table_add(batch, FIELD("event", SONDE_TEXT, SONDE_ROLE_EVENT_NAME, ROW));
	struct sonde_any items[16];

	add_origin(batch);
	for (uint32_t row = 0; row < 4; row++) {
		table_set(batch, time, row, VALUE(int64_t, 1700000000000000000 + row));
		table_set(batch, observed, row, VALUE(int64_t, 1800000000000000000 + row));
		table_set(batch, severity, row, VALUE(int32_t, row == 3 ? -77 : 9 + (int)row));
		table_set(batch, words, row, VALUE(uint32_t, code_of(row ? "Info" : "")));
		table_set(batch, method, row, VALUE(uint32_t, code_of("GET")));
		table_set(batch, blob, row, VALUE(uint32_t, code_of_bytes("\0\xff", 2)));
		table_set(batch, rest, row, VALUE(uint32_t, code_of_any(&map)));
		table_set(batch, dropped, row, VALUE(uint32_t, row));
		table_set(batch, flags, row, VALUE(uint32_t, 0x80000001u + row));
		table_set(batch, trace, row, trace_id);
		table_set(batch, span, row, span_id);
		table_set(batch, event, row, VALUE(uint32_t, code_of("login")));
	}
	table_set(batch, body, 0, VALUE(uint32_t, code_of_any(&text)));
	table_set(batch, body, 1, VALUE(uint32_t, code_of_any(&map)));
	table_set(batch, body, 2, VALUE(uint32_t, code_of_any(&empty))); /* there, and empty */
	table_null(batch, body, 3);                                      /* not there */
	table_set(batch, port, 0, VALUE(uint32_t, code_of_any(&number)));
	table_set(batch, port, 1, VALUE(uint32_t, code_of_any(&text)));
	table_null(batch, port, 2);
	table_null(batch, port, 3);
	assert_int_equal(sonde_emit_batch(&instance, batch), 0);

	for (uint32_t row = 0; row < 4; row++) {
		check_origin(emitted, row);
		check_value(table_find(emitted, SONDE_ROLE_TIME, ROW, NULL), row,
			    VALUE(int64_t, 1700000000000000000 + row));
		check_value(table_find(emitted, SONDE_ROLE_OBSERVED_TIME, ROW, NULL), row,
			    VALUE(int64_t, 1800000000000000000 + row));
		check_value(table_find(emitted, SONDE_ROLE_SEVERITY, ROW, NULL), row,
			    VALUE(int32_t, row == 3 ? -77 : 9 + (int)row));
		check_text(table_find(emitted, SONDE_ROLE_SEVERITY_TEXT, ROW, NULL), row,
			   row ? "Info" : "");
		check_text(table_find(emitted, SONDE_ROLE_ATTRIBUTE, ROW, "body"), row, "GET");
		assert_memory_equal(
			sonde_text_at(table_find(emitted, SONDE_ROLE_ATTRIBUTE, ROW, "blob"), row)
				.data,
			"\0\xff", 2);
		check_map(table_find(emitted, SONDE_ROLE_ATTRIBUTES, ROW, NULL), row);
		check_value(table_find(emitted, SONDE_ROLE_DROPPED, ROW, NULL), row,
			    VALUE(uint32_t, row));
		check_value(table_find(emitted, SONDE_ROLE_FLAGS, ROW, NULL), row,
			    VALUE(uint32_t, 0x80000001u + row));
		check_value(table_find(emitted, SONDE_ROLE_TRACE_ID, ROW, NULL), row, trace_id);
		check_value(table_find(emitted, SONDE_ROLE_SPAN_ID, ROW, NULL), row, span_id);
		check_text(table_find(emitted, SONDE_ROLE_EVENT_NAME, ROW, NULL), row, "login");
	}
	assert_int_equal(emitted->signal, SONDE_SIGNAL_LOG);
	check_any(sonde_column(emitted, body), 0, items);
	assert_memory_equal(items[0].as.data, "80", 2);
	check_map(sonde_column(emitted, body), 1);
	check_any(sonde_column(emitted, body), 2, items);
	assert_int_equal(items[0].kind, SONDE_ANY_EMPTY);
	assert_false(sonde_valid(sonde_column(emitted, body), 3));
	check_any(sonde_column(emitted, port), 0, items);
	assert_int_equal(items[0].kind, SONDE_ANY_INTEGER);
	assert_int_equal(items[0].as.integer, 80);
	check_any(sonde_column(emitted, port), 1, items);
	assert_int_equal(items[0].kind, SONDE_ANY_TEXT);
	assert_false(sonde_valid(sonde_column(emitted, port), 2));
}

/* ---- spans ------------------------------------------------------------------------------- */

/* The columns that events and links have in common. */
static void fill_child(struct sonde_batch *child)
{
	uint32_t parent = table_add(child, FIELD("row", SONDE_U32, SONDE_ROLE_PARENT_ROW, ROW));
	uint32_t dropped = table_add(child, FIELD("dropped", SONDE_U32, SONDE_ROLE_DROPPED, ROW));
	uint32_t rest = table_add(child, FIELD("rest", SONDE_ANY, SONDE_ROLE_ATTRIBUTES, ROW));
	uint32_t key = table_add(child, FIELD("key", SONDE_DOUBLE, SONDE_ROLE_ATTRIBUTE, ROW));

	for (uint32_t row = 0; row < child->row_count; row++) {
		table_set(child, parent, row, VALUE(uint32_t, row / 2));
		table_set(child, dropped, row, VALUE(uint32_t, 20 + row));
		table_set(child, rest, row, VALUE(uint32_t, code_of_any(&map)));
		table_set(child, key, row, VALUE(double, row + 0.5));
	}
}

static void check_child(const struct sonde_batch *child, uint32_t row)
{
	check_value(table_find(child, SONDE_ROLE_PARENT_ROW, ROW, NULL), row,
		    VALUE(uint32_t, row / 2));
	check_value(table_find(child, SONDE_ROLE_DROPPED, ROW, NULL), row,
		    VALUE(uint32_t, 20 + row));
	check_map(table_find(child, SONDE_ROLE_ATTRIBUTES, ROW, NULL), row);
	check_value(table_find(child, SONDE_ROLE_ATTRIBUTE, ROW, "key"), row,
		    VALUE(double, row + 0.5));
}

static struct sonde_batch *make_events(void)
{
	struct sonde_batch *events =
		sonde_batch_table(&instance, "events", SONDE_SIGNAL_SPAN_EVENT, 4);
	uint32_t time = table_add(events, FIELD("time", SONDE_TIME, SONDE_ROLE_TIME, ROW));
	uint32_t name = table_add(events, FIELD("name", SONDE_TEXT, SONDE_ROLE_EVENT_NAME, ROW));

	for (uint32_t row = 0; row < 4; row++) {
		table_set(events, time, row, VALUE(int64_t, 500 + row));
		table_set(events, name, row, VALUE(uint32_t, code_of(row % 2 ? "retry" : "send")));
	}
	fill_child(events);
	return events;
}

static struct sonde_batch *make_links(void)
{
	struct sonde_batch *links =
		sonde_batch_table(&instance, "links", SONDE_SIGNAL_SPAN_LINK, 3);
	uint32_t trace = table_add(links, FIELD("trace", SONDE_ID16, SONDE_ROLE_TRACE_ID, ROW));
	uint32_t span = table_add(links, FIELD("span", SONDE_ID8, SONDE_ROLE_SPAN_ID, ROW));
	uint32_t words = table_add(links, FIELD("ts", SONDE_TEXT, SONDE_ROLE_TRACE_STATE, ROW));
	uint32_t flags = table_add(links, FIELD("flags", SONDE_U32, SONDE_ROLE_FLAGS, ROW));

	for (uint32_t row = 0; row < 3; row++) {
		table_set(links, trace, row, trace_id);
		table_set(links, span, row, span_id);
		table_set(links, words, row, VALUE(uint32_t, code_of("a=b")));
		table_set(links, flags, row, VALUE(uint32_t, 0x301));
	}
	fill_child(links);
	return links;
}

static void check_events_and_links(const struct sonde_batch *batch)
{
	const struct sonde_batch *events = batch->children[0], *links = batch->children[1];

	assert_int_equal(events->signal, SONDE_SIGNAL_SPAN_EVENT);
	assert_int_equal(links->signal, SONDE_SIGNAL_SPAN_LINK);
	assert_int_equal(events->row_count, 4);
	assert_int_equal(links->row_count, 3);
	for (uint32_t row = 0; row < 4; row++) {
		check_child(events, row);
		check_value(table_find(events, SONDE_ROLE_TIME, ROW, NULL), row,
			    VALUE(int64_t, 500 + row));
		check_text(table_find(events, SONDE_ROLE_EVENT_NAME, ROW, NULL), row,
			   row % 2 ? "retry" : "send");
	}
	for (uint32_t row = 0; row < 3; row++) {
		check_child(links, row);
		check_value(table_find(links, SONDE_ROLE_TRACE_ID, ROW, NULL), row, trace_id);
		check_value(table_find(links, SONDE_ROLE_SPAN_ID, ROW, NULL), row, span_id);
		check_text(table_find(links, SONDE_ROLE_TRACE_STATE, ROW, NULL), row, "a=b");
		check_value(table_find(links, SONDE_ROLE_FLAGS, ROW, NULL), row,
			    VALUE(uint32_t, 0x301));
	}
}

static void spans_keep_every_field_with_their_events_and_links(void **state)
{
	struct sonde_batch *batch = sonde_batch_table(&instance, "spans", SONDE_SIGNAL_AUTO, 2);
	uint32_t parent =
		table_add(batch, FIELD("parent", SONDE_ID8, SONDE_ROLE_PARENT_SPAN_ID, ROW));
	uint32_t code = table_add(batch, FIELD("code", SONDE_I32, SONDE_ROLE_STATUS_CODE, ROW));

	table_constant(batch, FIELD("trace", SONDE_ID16, SONDE_ROLE_TRACE_ID, ROW), trace_id);
	table_constant(batch, FIELD("span", SONDE_ID8, SONDE_ROLE_SPAN_ID, ROW), span_id);
	table_constant(batch, FIELD("ts", SONDE_TEXT, SONDE_ROLE_TRACE_STATE, ROW),
		       VALUE(uint32_t, code_of("ot=th:8")));
	table_constant(batch, FIELD("flags", SONDE_U32, SONDE_ROLE_FLAGS, ROW),
		       VALUE(uint32_t, 0x101));
	table_constant(batch, FIELD("name", SONDE_TEXT, SONDE_ROLE_SPAN_NAME, ROW),
		       VALUE(uint32_t, code_of("GET /")));
	table_constant(batch, FIELD("kind", SONDE_I32, SONDE_ROLE_SPAN_KIND, ROW),
		       VALUE(int32_t, 2));
	table_constant(batch, FIELD("start", SONDE_TIME, SONDE_ROLE_START_TIME, ROW),
		       VALUE(int64_t, 100));
	table_constant(batch, FIELD("end", SONDE_TIME, SONDE_ROLE_END_TIME, ROW),
		       VALUE(int64_t, 200));
	table_constant(batch, FIELD("dropped", SONDE_U32, SONDE_ROLE_DROPPED, ROW),
		       VALUE(uint32_t, 1));
	table_constant(batch, FIELD("events", SONDE_U32, SONDE_ROLE_DROPPED_EVENTS, ROW),
		       VALUE(uint32_t, 2));
	table_constant(batch, FIELD("links", SONDE_U32, SONDE_ROLE_DROPPED_LINKS, ROW),
		       VALUE(uint32_t, 3));
	table_constant(batch, FIELD("message", SONDE_TEXT, SONDE_ROLE_STATUS_MESSAGE, ROW),
		       VALUE(uint32_t, code_of("refused")));
	table_constant(batch, FIELD("url", SONDE_TEXT, SONDE_ROLE_ATTRIBUTE, ROW),
		       VALUE(uint32_t, code_of("/")));
	table_constant(batch, FIELD("weight", SONDE_DOUBLE, SONDE_ROLE_WEIGHT, ROW),
		       VALUE(double, 2));
	table_null(batch, parent, 0); /* a root */
	table_set(batch, parent, 1, parent_id);
	table_set(batch, code, 0, VALUE(int32_t, 2));
	table_null(batch, code, 1); /* no status at all */
	add_origin(batch);
	assert_int_equal(sonde_batch_adopt(&instance, batch, make_events()), 0);
	assert_int_equal(sonde_batch_adopt(&instance, batch, make_links()), 0);
	assert_int_equal(sonde_emit_batch(&instance, batch), 0);

	assert_int_equal(emitted->signal, SONDE_SIGNAL_SPAN);
	for (uint32_t row = 0; row < 2; row++) {
		check_origin(emitted, row);
		check_value(table_find(emitted, SONDE_ROLE_TRACE_ID, ROW, NULL), row, trace_id);
		check_value(table_find(emitted, SONDE_ROLE_SPAN_ID, ROW, NULL), row, span_id);
		check_text(table_find(emitted, SONDE_ROLE_TRACE_STATE, ROW, NULL), row, "ot=th:8");
		check_value(table_find(emitted, SONDE_ROLE_FLAGS, ROW, NULL), row,
			    VALUE(uint32_t, 0x101));
		check_text(table_find(emitted, SONDE_ROLE_SPAN_NAME, ROW, NULL), row, "GET /");
		check_value(table_find(emitted, SONDE_ROLE_SPAN_KIND, ROW, NULL), row,
			    VALUE(int32_t, 2));
		check_value(table_find(emitted, SONDE_ROLE_START_TIME, ROW, NULL), row,
			    VALUE(int64_t, 100));
		check_value(table_find(emitted, SONDE_ROLE_END_TIME, ROW, NULL), row,
			    VALUE(int64_t, 200));
		check_value(table_find(emitted, SONDE_ROLE_DROPPED, ROW, NULL), row,
			    VALUE(uint32_t, 1));
		check_value(table_find(emitted, SONDE_ROLE_DROPPED_EVENTS, ROW, NULL), row,
			    VALUE(uint32_t, 2));
		check_value(table_find(emitted, SONDE_ROLE_DROPPED_LINKS, ROW, NULL), row,
			    VALUE(uint32_t, 3));
		check_text(table_find(emitted, SONDE_ROLE_STATUS_MESSAGE, ROW, NULL), row,
			   "refused");
		check_text(table_find(emitted, SONDE_ROLE_ATTRIBUTE, ROW, "url"), row, "/");
		check_value(table_find(emitted, SONDE_ROLE_WEIGHT, ROW, NULL), row,
			    VALUE(double, 2));
	}
	assert_false(sonde_valid(sonde_column(emitted, parent), 0));
	check_value(sonde_column(emitted, parent), 1, parent_id);
	check_value(sonde_column(emitted, code), 0, VALUE(int32_t, 2));
	assert_false(sonde_valid(sonde_column(emitted, code), 1));
	check_events_and_links(emitted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(logs_keep_every_field_of_their_records, table_begin,
						table_end),
		cmocka_unit_test_setup_teardown(spans_keep_every_field_with_their_events_and_links,
						table_begin, table_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
