/* SPDX-License-Identifier: Apache-2.0 */
/* What making OTLP requests of batches costs: batches of 1,000 rows as they lie in a pipeline, one
 * request each.
 *
 * floor: the same messages, written by hand from arrays whose columns, keys and lengths the code
 * knows, with attributes that are texts lying ready. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "batch.h"
#include "dictionary.h"
#include "encode.h"
#include "middle.h"
#include "otlp_encode_floor.h"

enum { RUNS = 9, BATCHES = 2, ROUNDS = 600, REQUEST_BYTES = 4 << 20 };

/* A call, as a log record and as a span. */
struct call_row {
	uint64_t time_ns, end_ns, duration_ns, cgroup;
	int64_t result;
	uint32_t process, thread, name, command;
	unsigned char trace[16], span[8];
};

/* A series of calls. */
struct series_row {
	uint64_t time_ns, start_ns, cgroup, count;
	struct sonde_explicit durations;
	uint32_t name, command;
};

#define CALL(member_)   SONDE_MEMBER(struct call_row, member_)
#define SERIES(member_) SONDE_MEMBER(struct series_row, member_)

/* clang-format off */

static const struct sonde_field log_fields[] = {
	{ .name = "time", .type = SONDE_TIME, CALL(time_ns), .role = SONDE_ROLE_TIME },
	{ .name = "seen", .type = SONDE_TIME, CALL(end_ns), .role = SONDE_ROLE_OBSERVED_TIME },
	{ .name = "syscall.name", .type = SONDE_TEXT, CALL(name) },
	{ .name = "process.pid", .type = SONDE_U32, CALL(process) },
	{ .name = "thread.id", .type = SONDE_U32, CALL(thread) },
	{ .name = "process.command", .type = SONDE_TEXT, CALL(command) },
	{ .name = "syscall.duration", .type = SONDE_DURATION, CALL(duration_ns),
	  .role = SONDE_ROLE_DURATION },
	{ .name = "syscall.return", .type = SONDE_I64, CALL(result) },
	{ .name = "cgroup.id", .type = SONDE_U64, CALL(cgroup) },
	{ 0 }
};

static const struct sonde_field span_fields[] = {
	{ .name = "trace", .type = SONDE_ID16, CALL(trace), .role = SONDE_ROLE_TRACE_ID },
	{ .name = "span", .type = SONDE_ID8, CALL(span), .role = SONDE_ROLE_SPAN_ID },
	{ .name = "name", .type = SONDE_TEXT, CALL(name), .role = SONDE_ROLE_SPAN_NAME },
	{ .name = "start", .type = SONDE_TIME, CALL(time_ns), .role = SONDE_ROLE_START_TIME },
	{ .name = "end", .type = SONDE_TIME, CALL(end_ns), .role = SONDE_ROLE_END_TIME },
	{ .name = "process.pid", .type = SONDE_U32, CALL(process) },
	{ .name = "thread.id", .type = SONDE_U32, CALL(thread) },
	{ .name = "process.command", .type = SONDE_TEXT, CALL(command) },
	{ .name = "syscall.return", .type = SONDE_I64, CALL(result) },
	{ 0 }
};

#define SERIES_FIELDS \
	{ .name = "time", .type = SONDE_TIME, SERIES(time_ns), .role = SONDE_ROLE_TIME }, \
	{ .name = "start", .type = SONDE_TIME, SERIES(start_ns), .role = SONDE_ROLE_START_TIME }, \
	{ .name = "syscall.name", .type = SONDE_TEXT, SERIES(name) }, \
	{ .name = "process.command", .type = SONDE_TEXT, SERIES(command) }, \
	{ .name = "cgroup.id", .type = SONDE_U64, SERIES(cgroup) }

static const struct sonde_field point_fields[] = {
	SERIES_FIELDS,
	{ .name = "syscall.calls", .type = SONDE_U64, SERIES(count), .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA, .monotonic = true, .unit = "{call}" },
	{ 0 }
};

static const struct sonde_field histogram_fields[] = {
	SERIES_FIELDS,
	{ .name = "syscall.duration", .type = SONDE_EXPLICIT, SERIES(durations),
	  .role = SONDE_ROLE_HISTOGRAM, .temporality = SONDE_DELTA, .unit = "s" },
	{ 0 }
};

static const struct sonde_schema log_schema = {
	.name = "logs", .row_size = sizeof(struct call_row), .fields = log_fields };
static const struct sonde_schema span_schema = {
	.name = "spans", .row_size = sizeof(struct call_row), .fields = span_fields };
static const struct sonde_schema point_schema = {
	.name = "points", .row_size = sizeof(struct series_row), .fields = point_fields };
static const struct sonde_schema histogram_schema = {
	.name = "histograms", .row_size = sizeof(struct series_row), .fields = histogram_fields };

/* clang-format on */

static struct sonde_dictionary *names, *commands;

static void fail(const char *what)
{
	fprintf(stderr, "bench_otlp_encode: %s\n", what);
	exit(1);
}

/* ---- data -------------------------------------------------------------------------------- */

static uint64_t chance(void)
{
	static uint64_t state = 1;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Small numbers more often than large ones. */
static uint32_t uneven(uint32_t end)
{
	uint32_t first = (uint32_t)(chance() % end), second = (uint32_t)(chance() % end);

	return first < second ? first : second;
}

static void make_calls(struct calls *calls)
{
	for (uint32_t row = 0; row < CALL_ROWS; row++) {
		uint64_t ids[3] = { chance(), chance(), chance() };

		calls->time_ns[row] = UINT64_C(1782907200123456789) + row * 1037;
		calls->duration_ns[row] = 200 + (chance() & ((UINT64_C(256) << chance() % 16) - 1));
		calls->cgroup[row] = 4021 + chance() % 12 * 137;
		calls->result[row] = chance() % 5 ? (int64_t)(chance() % 4096) : -11;
		calls->process[row] = 1000 + uneven(40) * 97;
		calls->thread[row] = calls->process[row] + uneven(8);
		calls->name[row] = uneven(CALL_NAMES);
		calls->command[row] = uneven(CALL_COMMANDS);
		memcpy(calls->trace[row], ids, 16);
		memcpy(calls->span[row], ids + 2, 8);
		calls->count[row] = 1 + chance() % 1000000;
		calls->sum[row] = (double)calls->count[row] * 1.5;
		for (uint32_t bucket = 0; bucket < CALL_BUCKETS; bucket++)
			calls->buckets[row][bucket] = chance() & 0xfff;
	}
}

static void fill_call(struct call_row *row, const struct calls *calls, uint32_t from)
{
	*row = (struct call_row){ .time_ns = calls->time_ns[from],
				  .end_ns = calls->time_ns[from] + calls->duration_ns[from],
				  .duration_ns = calls->duration_ns[from],
				  .cgroup = calls->cgroup[from],
				  .result = calls->result[from],
				  .process = calls->process[from],
				  .thread = calls->thread[from],
				  .name = calls->name[from],
				  .command = calls->command[from] };
	memcpy(row->trace, calls->trace[from], sizeof(row->trace));
	memcpy(row->span, calls->span[from], sizeof(row->span));
}

/* buckets: where those of the row lie in the heap, if it has any, the bounds behind them. */
static void fill_series(struct series_row *row, const struct calls *calls, uint32_t from,
			uint32_t buckets)
{
	*row = (struct series_row){ .time_ns = calls->time_ns[CALL_ROWS - 1],
				    .start_ns = calls->time_ns[0],
				    .cgroup = calls->cgroup[from],
				    .count = calls->count[from],
				    .name = calls->name[from],
				    .command = calls->command[from] };
	row->durations = (struct sonde_explicit){ .count = calls->count[from],
						  .sum = calls->sum[from],
						  .flags = SONDE_HAS_SUM,
						  .counts_start = buckets,
						  .bounds_start = buckets + CALL_BUCKETS,
						  .length = CALL_BUCKETS };
}

/* The columns that belong to no row, as sources of sonde's own have them. */
static void add_origin(struct sonde_batch *batch, uint32_t service, uint32_t scope)
{
	static const struct sonde_field service_field = { .name = "service.name",
							  .type = SONDE_TEXT,
							  .scope = SONDE_SCOPE_RESOURCE };
	static const struct sonde_field scope_field = { .name = "scope",
							.type = SONDE_TEXT,
							.role = SONDE_ROLE_SCOPE_NAME,
							.scope = SONDE_SCOPE_SCOPE };

	if (!batch_constant(batch, &service_field, names, &service) ||
	    !batch_constant(batch, &scope_field, names, &scope))
		fail("no memory");
}

static void add_log_constants(struct sonde_batch *batch, uint32_t body)
{
	static const struct sonde_field severity_field = { .name = "severity",
							   .type = SONDE_U32,
							   .role = SONDE_ROLE_SEVERITY };
	static const struct sonde_field body_field = { .name = "body",
						       .type = SONDE_TEXT,
						       .role = SONDE_ROLE_BODY };
	static const uint32_t severity = 9;

	if (!batch_constant(batch, &severity_field, NULL, &severity) ||
	    !batch_constant(batch, &body_field, names, &body))
		fail("no memory");
}

static void add_span_constants(struct sonde_batch *batch)
{
	static const struct sonde_field kind_field = { .name = "kind",
						       .type = SONDE_U32,
						       .role = SONDE_ROLE_SPAN_KIND };
	static const uint32_t kind = 1;

	if (!batch_constant(batch, &kind_field, NULL, &kind))
		fail("no memory");
}

static void fill_series_rows(struct sonde_batch *batch, const struct calls *calls, bool histograms)
{
	struct series_row *rows = batch_rows(batch);

	for (uint32_t row = 0; row < CALL_ROWS; row++) {
		uint64_t *heap;
		uint32_t start = 0;

		if (histograms) {
			heap = batch_heap(batch, 5, 2 * CALL_BUCKETS - 1, &start);
			if (!heap)
				fail("no memory");
			memcpy(heap, calls->buckets[row], sizeof(calls->buckets[row]));
			memcpy(heap + CALL_BUCKETS, call_bounds, sizeof(call_bounds));
		}
		fill_series(&rows[row], calls, row, start);
	}
}

static struct sonde_batch *make_batch(const struct sonde_schema *schema, const struct calls *calls)
{
	struct sonde_dictionary *dictionaries[16] = { 0 };
	uint32_t count = 0, texts[2];
	struct sonde_batch *batch;

	for (uint32_t index = 0; schema->fields[index].name; index++)
		if (schema->fields[index].type == SONDE_TEXT)
			dictionaries[index] = strcmp(schema->fields[index].name, "process.command")
						      ? names
						      : commands;
	batch = batch_create(schema, CALL_ROWS, dictionaries);
	if (!batch)
		fail("no memory");
	for (uint32_t row = 0; schema->row_size == sizeof(struct call_row) && row < CALL_ROWS;
	     row++)
		fill_call((struct call_row *)batch_rows(batch) + row, calls, row);
	if (schema->row_size == sizeof(struct series_row))
		fill_series_rows(batch, calls, schema == &histogram_schema);
	batch_resize(batch, CALL_ROWS);
	texts[count++] = dictionary_add(names, "sonde", 5);
	texts[count++] = dictionary_add(names, "syscall", 7);
	add_origin(batch, texts[0], texts[1]);
	if (schema == &log_schema)
		add_log_constants(batch, texts[1]);
	if (schema == &span_schema)
		add_span_constants(batch);
	batch_finish(batch);
	return batch;
}

/* ---- measuring --------------------------------------------------------------------------- */

typedef size_t floor_function(unsigned char *memory, const struct calls *calls);

struct subject {
	const char *name;
	const struct sonde_schema *schema;
	floor_function *floor;
};

static const struct subject subjects[] = {
	{ "otlp_encode.logs", &log_schema, floor_logs },
	{ "otlp_encode.spans", &span_schema, floor_spans },
	{ "otlp_encode.points", &point_schema, floor_points },
	{ "otlp_encode.histograms", &histogram_schema, floor_histograms },
};

static double cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double sonde_ns(struct otlp_encoder *encoder, struct sonde_batch *const *batches,
		       struct otlp_request *request)
{
	double begin = cpu_ns();

	for (uint32_t count = 0; count < ROUNDS * BATCHES; count++) {
		otlp_request_clear(request);
		if (otlp_encode(encoder, batches[count % BATCHES], 0, CALL_ROWS, request) < 0)
			fail("no memory");
	}
	return (cpu_ns() - begin) / ((double)ROUNDS * BATCHES * CALL_ROWS);
}

static double floor_ns(const struct subject *subject, const struct calls *calls,
		       unsigned char *memory, size_t *ret_bytes)
{
	double begin = cpu_ns();

	for (uint32_t count = 0; count < ROUNDS * BATCHES; count++)
		*ret_bytes = subject->floor(memory, &calls[count % BATCHES]);
	return (cpu_ns() - begin) / ((double)ROUNDS * BATCHES * CALL_ROWS);
}

static double wider(double spread, double *values)
{
	double own = middle_spread(values, RUNS);

	return own > spread ? own : spread;
}

static void measure(const struct subject *subject, const struct calls *calls)
{
	double sonde[RUNS], least[RUNS], ratio[RUNS];
	unsigned char *memory = calloc(1, REQUEST_BYTES);
	struct otlp_encoder *encoder = otlp_encoder_create();
	struct otlp_request request = { 0 };
	struct sonde_batch *batches[BATCHES];
	size_t bytes = 0;

	for (uint32_t index = 0; index < BATCHES; index++)
		batches[index] = make_batch(subject->schema, &calls[index]);
	for (int run = -1; run < RUNS; run++) { /* the first one warms up */
		int place = run < 0 ? 0 : run;

		sonde[place] = sonde_ns(encoder, batches, &request);
		least[place] = floor_ns(subject, calls, memory, &bytes);
		ratio[place] = sonde[place] / least[place];
		fprintf(stderr, "%s: sonde %.1f, floor %.1f ns a row of %zu and %zu bytes\n",
			subject->name, sonde[place], least[place], request.length / CALL_ROWS,
			bytes / CALL_ROWS);
	}
	printf("{\"name\":\"%s\",\"unit\":\"ns/row\",\"sonde\":%.4g,\"floor\":%.4g,\"peer\":null,"
	       "\"peer_name\":null,\"vs_floor\":%.3g,\"vs_peer\":null,\"better\":\"less\","
	       "\"spread\":%.3g,\"runs\":%d}\n",
	       subject->name, middle(sonde, RUNS), middle(least, RUNS), middle(ratio, RUNS),
	       wider(wider(0, sonde), least), RUNS);
	fflush(stdout);
	for (uint32_t index = 0; index < BATCHES; index++)
		batch_release(batches[index]);
	otlp_request_release(&request);
	otlp_encoder_release(encoder);
	free(memory);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	bool wanted = argc < 2;

	for (int at = 1; at < argc; at++)
		wanted = wanted || strcmp(argv[at], name) == 0;
	return wanted;
}

int main(int argc, char **argv)
{
	struct calls *calls = calloc(BATCHES, sizeof(*calls));

	if (!calls)
		fail("no memory");
	names = dictionary_create(true);
	commands = dictionary_create(true);
	for (uint32_t code = 0; code < CALL_NAMES; code++)
		dictionary_add(names, call_names[code], strlen(call_names[code]));
	for (uint32_t code = 0; code < CALL_COMMANDS; code++)
		dictionary_add(commands, call_commands[code], strlen(call_commands[code]));
	for (uint32_t index = 0; index < BATCHES; index++)
		make_calls(&calls[index]);
	floor_prepare();
	for (size_t index = 0; index < sizeof(subjects) / sizeof(*subjects); index++) {
		if (argc > 1 && strcmp(argv[1], "--list") == 0)
			printf("%s\n", subjects[index].name);
		else if (is_wanted(subjects[index].name, argc, argv))
			measure(&subjects[index], calls);
	}
	dictionary_release(names);
	dictionary_release(commands);
	free(calls);
	return 0;
}
