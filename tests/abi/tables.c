// SPDX-License-Identifier: Apache-2.0
/* A plugin with every kind of table, two entries each, so that a wrong stride shows. Built against a
 * frozen header and, with WITH_NEXT, against a later one. */
#include <sonde/plugin.h>

struct pair {
	const char *key;
	int64_t     wait_ns;
};

struct tables {
	int64_t  interval_ns;
	struct sonde_groups pairs;
	uint64_t reads, errors;
};

struct tables_row {
	int64_t time_ns;
	double  value;
};

#ifdef WITH_NEXT
#define NEXT(value_) .next = value_,
#else
#define NEXT(value_)
#endif

static const struct sonde_option pair_options[] = {
	{ .name = "key", .type = SONDE_TEXT, SONDE_MEMBER(struct pair, key), .required = true },
	{ .name = "wait", .type = SONDE_DURATION, SONDE_MEMBER(struct pair, wait_ns), .value = "1s" },
	{ 0 }
};

static const struct sonde_option tables_options[] = {
	{ .name = "interval", .type = SONDE_DURATION, SONDE_MEMBER(struct tables, interval_ns),
	  .value = "5s", NEXT("more") },
	{ .name = "pairs", .type = SONDE_GROUPS, SONDE_MEMBER(struct tables, pairs),
	  .options = pair_options, .item_size = sizeof(struct pair) },
	{ 0 }
};

static const struct sonde_counter tables_counters[] = {
	{ .name = "reads", SONDE_MEMBER(struct tables, reads), .unit = "{read}" },
	{ .name = "errors", SONDE_MEMBER(struct tables, errors), .unit = "{error}", NEXT(7) },
	{ 0 }
};

static const struct sonde_field tables_fields[] = {
	{ .name = "time", .type = SONDE_TIME, SONDE_MEMBER(struct tables_row, time_ns),
	  .role = SONDE_ROLE_TIME, .unit = "ns", .help = "when" },
	{ .name = "value", .type = SONDE_DOUBLE, SONDE_MEMBER(struct tables_row, value),
	  .role = SONDE_ROLE_GAUGE, .unit = "1", .help = "what", NEXT(8) },
	{ 0 }
};

static const struct sonde_schema tables_schemas[] = {
	{ .name = "first", .row_size = sizeof(struct tables_row), .fields = tables_fields },
	{ .name = "second", .row_size = sizeof(struct tables_row), .fields = tables_fields },
	{ 0 }
};

static int tables_start(struct sonde_instance *instance)
{
	return (int)sonde_now_ns(instance);
}

static const struct sonde_plugin tables_plugin = {
	SONDE_PLUGIN_INPUT, .name = "tables", .summary = "every kind of table", .version = "1.2",
	.self_size = sizeof(struct tables), .options = tables_options, .counters = tables_counters,
	.schemas = tables_schemas, .start = tables_start,
#ifdef WITH_NEXT
	.next = tables_start,
#endif
};

SONDE_EXPORT(tables_plugin)
