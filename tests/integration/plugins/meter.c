/* SPDX-License-Identifier: Apache-2.0 */
/* Input `meter`: metrics whose sums anybody can work out. Row n, from 0, belongs to series
 * n % series; it adds n % 7 + 1 items, n % 2 ? -1 : 2 open ones, and latencies of n % 7 + 1 values
 * in the bucket of 2^(n % 20) ns. And rows that are
 * no metrics; and long rows of 100 bytes each, with an exemplar of the trace abab…ab. */
#include <errno.h>
#include <string.h>
#include <sonde/plugin.h>

enum { BATCH_ROWS = 1000, OCTAVES = 20 };

struct meter {
	uint64_t row_count;    /* option: all rows */
	uint32_t series_count; /* option */
	int64_t interval_ns;   /* option: between two batches */
	uint32_t log_count;    /* option: rows of logs, at first */
	uint32_t point_count;  /* option: long rows, at first, each with an exemplar */
	uint64_t sent;         /* rows so far; counter */
	int64_t before_ns;     /* time of the last batch */
};

struct meter_row {
	int64_t time_ns, start_time_ns;
	uint32_t id, kind;
	uint64_t items;
	int64_t open;
	double level;
	struct sonde_exponential latency;
};

static const struct sonde_option meter_options[] = {
	{ .name = "rows",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct meter, row_count),
	  .value = "1000",
	  .help = "rows in all" },
	{ .name = "series",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct meter, series_count),
	  .value = "10",
	  .minimum = "1",
	  .help = "series of each metric" },
	{ .name = "logs",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct meter, log_count),
	  .value = "0",
	  .help = "rows of logs before all others" },
	{ .name = "points",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct meter, point_count),
	  .value = "0",
	  .help = "long rows before all others" },
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct meter, interval_ns),
	  .value = "1ms",
	  .help = "time between two batches" },
	{ 0 },
};

static const struct sonde_counter meter_counters[] = {
	{ .name = "sent", SONDE_MEMBER(struct meter, sent), .unit = "{row}", .help = "rows" },
	{ 0 },
};

#define FIELD(name_, type_, member_)                                                               \
	.name = name_, .type = type_, SONDE_MEMBER(struct meter_row, member_)

static const struct sonde_field meter_fields[] = {
	{ FIELD("time", SONDE_TIME, time_ns), .role = SONDE_ROLE_TIME },
	{ FIELD("start_time", SONDE_TIME, start_time_ns), .role = SONDE_ROLE_START_TIME },
	{ FIELD("meter.id", SONDE_U32, id) },
	{ FIELD("meter.kind", SONDE_TEXT, kind) },
	{ FIELD("meter.items", SONDE_U64, items), .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA, .monotonic = true, .unit = "{item}",
	  .help = "items that were counted" },
	{ FIELD("meter.open", SONDE_I64, open), .role = SONDE_ROLE_SUM, .temporality = SONDE_DELTA,
	  .unit = "{item}", .help = "items that are open" },
	{ FIELD("meter.level", SONDE_DOUBLE, level), .role = SONDE_ROLE_GAUGE, .unit = "1",
	  .help = "how full it is" },
	{ FIELD("meter.latency", SONDE_EXPONENTIAL, latency), .role = SONDE_ROLE_HISTOGRAM,
	  .temporality = SONDE_DELTA, .unit = "ns", .help = "how long items took" },
	{ 0 },
};

struct meter_log {
	int64_t time_ns;
	uint32_t body;
};

static const struct sonde_field meter_log_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct meter_log, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "body",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct meter_log, body),
	  .role = SONDE_ROLE_BODY },
	{ 0 },
};

static const struct sonde_schema meter_schemas[] = {
	{ .name = "meter", .row_size = sizeof(struct meter_row), .fields = meter_fields },
	{ .name = "meter.log", .row_size = sizeof(struct meter_log), .fields = meter_log_fields },
	{ 0 },
};

static int meter_start(struct sonde_instance *instance)
{
	struct meter *meter = instance->self;

	meter->before_ns = sonde_now_ns(instance);
	return sonde_every(instance, 0, meter->interval_ns);
}

static void fill(struct sonde_instance *instance, uint64_t number, int64_t now_ns)
{
	enum { LATENCY = 7 };
	struct meter *meter = instance->self;
	struct meter_row *row = sonde_row(instance, 0);
	uint64_t count = number % 7 + 1, *bucket;

	row->time_ns = now_ns;
	row->start_time_ns = meter->before_ns;
	row->id = (uint32_t)(number % meter->series_count);
	row->kind = sonde_text(instance, number % meter->series_count % 2 ? "odd" : "even",
			       number % meter->series_count % 2 ? 3 : 4);
	row->items = count;
	row->open = number % 2 ? -1 : 2;
	row->level = (double)(number % 10) / 10;
	bucket = sonde_heap(instance, 0, LATENCY, 1, &row->latency.positive_start);
	if (!bucket)
		return;
	*bucket = count;
	row->latency.count = count;
	row->latency.sum = (double)count * (double)(1u << number % OCTAVES);
	row->latency.flags = SONDE_HAS_SUM;
	row->latency.positive_offset = (int32_t)(number % OCTAVES) - 1; /* up to 2^(n % 20) */
	row->latency.positive_length = 1;
}

/* The code of a metric of long rows in a dictionary. */
static uint32_t add_metric(struct sonde_instance *instance, struct sonde_dictionary *dictionary)
{
	const struct sonde_metric metric = { .size = sizeof(metric),
					     .name = { "meter.sent", 10, 0 },
					     .unit = { "By", 2, 0 },
					     .description = { "bytes that were sent", 20, 0 },
					     .kind = SONDE_METRIC_SUM,
					     .temporality = SONDE_DELTA,
					     .monotonic = true };
	unsigned char buffer[128];
	int64_t length = sonde_metric_encode(instance, &metric, buffer, sizeof(buffer));

	return sonde_dictionary_add(instance, dictionary, buffer, (size_t)length);
}

static bool add(struct sonde_instance *instance, struct sonde_batch *batch, const char *name,
		uint32_t type, uint32_t role, struct sonde_dictionary *dictionary,
		const void *value)
{
	const struct sonde_field field = { .name = name, .type = type, .role = (uint16_t)role };

	return sonde_batch_constant(instance, batch, &field, dictionary, value) != NULL;
}

/* An exemplar for each row of a batch. */
static struct sonde_batch *make_exemplars(struct sonde_instance *instance, uint32_t count,
					  int64_t now_ns)
{
	static const struct sonde_field parent = { .name = "row",
						   .type = SONDE_U32,
						   .role = SONDE_ROLE_PARENT_ROW };
	struct sonde_batch *batch =
		sonde_batch_table(instance, "meter.exemplar", SONDE_SIGNAL_EXEMPLAR, count);
	struct sonde_column *column;
	unsigned char trace_id[16];
	const double value = 100;

	memset(trace_id, 0xab, sizeof(trace_id));
	column = batch ? sonde_batch_add(instance, batch, &parent, NULL) : NULL;
	for (uint32_t row = 0; column && row < count; row++)
		memcpy(column->base + (size_t)row * column->stride, &row, sizeof(row));
	if (column && add(instance, batch, "value", SONDE_DOUBLE, SONDE_ROLE_VALUE, NULL, &value) &&
	    add(instance, batch, "time", SONDE_TIME, SONDE_ROLE_TIME, NULL, &now_ns) &&
	    add(instance, batch, "trace", SONDE_ID16, SONDE_ROLE_TRACE_ID, NULL, trace_id))
		return batch;
	sonde_batch_release(instance, batch);
	return NULL;
}

static int send_points(struct sonde_instance *instance, uint32_t count, int64_t now_ns)
{
	struct sonde_dictionary *dictionary = sonde_dictionary_create(instance, true);
	struct sonde_batch *batch =
		sonde_batch_table(instance, "meter.point", SONDE_SIGNAL_METRIC, count);
	struct sonde_batch *exemplars = make_exemplars(instance, count, now_ns);
	uint32_t metric = dictionary ? add_metric(instance, dictionary) : 0;
	const int64_t value = 100;
	bool made = dictionary && batch && exemplars &&
		    add(instance, batch, "metric", SONDE_BYTES, SONDE_ROLE_METRIC, dictionary,
			&metric) &&
		    add(instance, batch, "value", SONDE_I64, SONDE_ROLE_VALUE, NULL, &value) &&
		    add(instance, batch, "time", SONDE_TIME, SONDE_ROLE_TIME, NULL, &now_ns);

	sonde_dictionary_release(instance, dictionary);
	if (made && sonde_batch_adopt(instance, batch, exemplars) == 0)
		return sonde_emit_batch(instance, batch);
	sonde_batch_release(instance, batch);
	return sonde_fail(instance, ENOMEM, "no memory for points");
}

static int meter_timer(struct sonde_instance *instance, int timer)
{
	struct meter *meter = instance->self;
	int64_t now_ns = sonde_now_ns(instance);
	uint64_t left = meter->row_count - meter->sent;
	uint32_t count = left < BATCH_ROWS ? (uint32_t)left : BATCH_ROWS;

	(void)timer;
	for (; meter->log_count; meter->log_count--) {
		struct meter_log *row = sonde_row(instance, 1);

		row->time_ns = now_ns;
		row->body = sonde_text(instance, "a line", 6);
	}
	if (meter->point_count) {
		int result = send_points(instance, meter->point_count, now_ns);

		meter->point_count = 0;
		if (result < 0)
			return result;
	}
	if (!count)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		fill(instance, meter->sent + i, now_ns);
	meter->before_ns = now_ns;
	sonde_count(&meter->sent, count);
	return sonde_emit(instance);
}

static const struct sonde_plugin meter_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "meter",
	.summary = "metrics whose sums are known",
	.self_size = sizeof(struct meter),
	.options = meter_options,
	.counters = meter_counters,
	.schemas = meter_schemas,
	.start = meter_start,
	.timer = meter_timer,
};

SONDE_EXPORT(meter_plugin)
