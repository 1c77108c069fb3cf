/* SPDX-License-Identifier: Apache-2.0 */
/* Input `clocks`: counts of a host whose clock is wrong: in each interval one call of "read", two
 * of "write" and a failure of that, a row each, whose times are so much ahead of this host's. */
#include <string.h>
#include <sonde/plugin.h>

struct clocks {
	const char *host;
	int64_t ahead_s, interval_ns; /* options */
	uint32_t reading_count;       /* option: then it is silent; 0: it never is */
	uint64_t sent;                /* rows so far; counter */
	int64_t before_ns;            /* time of the last rows */
};

struct clocks_row {
	int64_t time_ns, start_time_ns;
	uint32_t host, call;
	uint64_t calls;
};

struct clocks_failure {
	int64_t time_ns, start_time_ns;
	uint32_t host, call, error;
	uint64_t failures;
};

static const struct sonde_option clocks_options[] = {
	{ .name = "host",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct clocks, host),
	  .required = true,
	  .help = "host.id of its rows" },
	{ .name = "ahead",
	  .type = SONDE_I64,
	  SONDE_MEMBER(struct clocks, ahead_s),
	  .value = "0",
	  .unit = "s",
	  .help = "how far its clock is ahead" },
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct clocks, interval_ns),
	  .value = "50ms",
	  .help = "time between two readings" },
	{ .name = "readings",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct clocks, reading_count),
	  .value = "0",
	  .help = "how often it reads; 0: for ever" },
	{ 0 },
};

static const struct sonde_counter clocks_counters[] = {
	{ .name = "sent", SONDE_MEMBER(struct clocks, sent), .unit = "{row}", .help = "rows" },
	{ 0 },
};

#define FIELD(name_, type_, member_)                                                               \
	.name = name_, .type = type_, SONDE_MEMBER(struct clocks_row, member_)

static const struct sonde_field clocks_fields[] = {
	{ FIELD("time", SONDE_TIME, time_ns), .role = SONDE_ROLE_TIME },
	{ FIELD("start_time", SONDE_TIME, start_time_ns), .role = SONDE_ROLE_START_TIME },
	{ FIELD("host.id", SONDE_TEXT, host), .scope = SONDE_SCOPE_RESOURCE },
	{ FIELD("syscall.name", SONDE_TEXT, call) },
	{ FIELD("syscall.calls", SONDE_U64, calls), .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA, .monotonic = true, .unit = "{call}",
	  .help = "calls that were counted" },
	{ 0 },
};

#define FAILURE(name_, type_, member_)                                                             \
	.name = name_, .type = type_, SONDE_MEMBER(struct clocks_failure, member_)

static const struct sonde_field failure_fields[] = {
	{ FAILURE("time", SONDE_TIME, time_ns), .role = SONDE_ROLE_TIME },
	{ FAILURE("start_time", SONDE_TIME, start_time_ns), .role = SONDE_ROLE_START_TIME },
	{ FAILURE("host.id", SONDE_TEXT, host), .scope = SONDE_SCOPE_RESOURCE },
	{ FAILURE("syscall.name", SONDE_TEXT, call) },
	{ FAILURE("error.type", SONDE_TEXT, error) },
	{ FAILURE("syscall.failures", SONDE_U64, failures), .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA, .monotonic = true, .unit = "{call}",
	  .help = "calls that failed so" },
	{ 0 },
};

static const struct sonde_schema clocks_schemas[] = {
	{ .name = "syscalls", .row_size = sizeof(struct clocks_row), .fields = clocks_fields },
	{ .name = "syscalls.errors",
	  .row_size = sizeof(struct clocks_failure),
	  .fields = failure_fields },
	{ 0 },
};

static int64_t now_ns(struct sonde_instance *instance)
{
	const struct clocks *clocks = instance->self;

	return sonde_now_ns(instance) + clocks->ahead_s * 1000000000;
}

static int clocks_start(struct sonde_instance *instance)
{
	struct clocks *clocks = instance->self;

	clocks->before_ns = now_ns(instance);
	return sonde_every(instance, 0, clocks->interval_ns);
}

static uint32_t text(struct sonde_instance *instance, const char *value)
{
	return sonde_text(instance, value, strlen(value));
}

static int clocks_timer(struct sonde_instance *instance, int timer)
{
	static const char *const calls[] = { "read", "write" };
	struct clocks *clocks = instance->self;
	int64_t time_ns = now_ns(instance);
	struct clocks_failure *failure;

	if (clocks->reading_count && clocks->sent >= 3 * clocks->reading_count)
		return 0;
	for (uint32_t i = 0; i < 2; i++) {
		struct clocks_row *row = sonde_row(instance, 0);

		row->time_ns = time_ns;
		row->start_time_ns = clocks->before_ns;
		row->host = text(instance, clocks->host);
		row->call = text(instance, calls[i]);
		row->calls = i + 1;
	}
	failure = sonde_row(instance, 1);
	failure->time_ns = time_ns;
	failure->start_time_ns = clocks->before_ns;
	failure->host = text(instance, clocks->host);
	failure->call = text(instance, "write");
	failure->error = text(instance, "ENOSPC");
	failure->failures = 1;
	clocks->before_ns = time_ns;
	sonde_count(&clocks->sent, 3);
	return sonde_emit(instance);
}

static const struct sonde_plugin clocks_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "clocks",
	.summary = "counts of a host whose clock is wrong",
	.self_size = sizeof(struct clocks),
	.options = clocks_options,
	.counters = clocks_counters,
	.schemas = clocks_schemas,
	.start = clocks_start,
	.timer = clocks_timer,
};

SONDE_EXPORT(clocks_plugin)
