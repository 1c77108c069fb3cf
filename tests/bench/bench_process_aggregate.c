/* SPDX-License-Identifier: Apache-2.0 */
/* What the processor `aggregate` costs a row of a batch of 1,000, of 10,000 groups by a text: from
 * the batch that is lent to the batch of the window's groups, 200,000 rows a window.
 *
 * floor: a plain hash table by hand that knows columns, types and codes, and makes no batch. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../unit/otlp_host.h"
#include "batch.h"
#include "dictionary.h"
#include "memory.h"
#include "middle.h"
#include "window.h"

enum { RUNS = 9, WINDOWS = 5, BATCHES = 200, BATCH_ROWS = 1000, GROUPS = 10000, SLOTS = 32768 };

#define WINDOW_NS 1000000000ll

struct row {
	int64_t time_ns, wait_ns;
	uint64_t number;
	uint32_t key; /* code of a text */
	int32_t error;
};

static const struct sonde_field fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "wait", .type = SONDE_DURATION, SONDE_MEMBER(struct row, wait_ns) },
	{ .name = "number", .type = SONDE_U64, SONDE_MEMBER(struct row, number) },
	{ .name = "key", .type = SONDE_TEXT, SONDE_MEMBER(struct row, key) },
	{ .name = "error", .type = SONDE_I32, SONDE_MEMBER(struct row, error) },
	{ 0 }
};

static const struct sonde_schema schema = { .name = "bench",
					    .row_size = sizeof(struct row),
					    .fields = fields };

struct bench {
	const char *name, *measures[3];
	uint32_t measure_count;
	bool buckets;
};

static const struct bench benches[] = {
	{ "process.aggregate", { "count", "sum(number)", "max(wait)" }, 3, false },
	{ "process.aggregate.histogram", { "count", "histogram(wait)" }, 2, true },
};

enum { BENCH_COUNT = sizeof(benches) / sizeof(benches[0]) };

/* The floor's table. */
struct slot {
	uint32_t code; /* + 1; 0: free */
	uint32_t buckets[48];
	uint64_t count, sum;
	int64_t maximum_ns;
};

static struct sonde_batch *batches[BATCHES];
static struct slot slots[SLOTS];
static uint64_t group_count, event_count; /* so that both agree */
static int64_t now_ns;

static void fail(const char *what)
{
	fprintf(stderr, "bench_process_aggregate: %s\n", what);
	exit(1);
}

static uint32_t chance(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33);
}

static void make_batches(void)
{
	struct sonde_dictionary *dictionaries[5] = { [3] = dictionary_create(true) };
	char key[32];

	for (int index = 0; index < GROUPS; index++) {
		int length = snprintf(key, sizeof(key), "/api/customers/%d", index);

		dictionary_add(dictionaries[3], key, (size_t)length);
	}
	for (int index = 0; index < BATCHES; index++) {
		struct sonde_batch *batch = batch_create(&schema, BATCH_ROWS, dictionaries);
		struct row *rows;

		if (!batch)
			fail("no memory");
		rows = batch_rows(batch);
		for (uint32_t row = 0; row < BATCH_ROWS; row++)
			rows[row] = (struct row){ .wait_ns = 1000 + chance() % 100000,
						  .number = chance() % 1000,
						  .key = chance() % GROUPS };
		batch_resize(batch, BATCH_ROWS);
		batch_finish(batch);
		batches[index] = batch;
	}
	dictionary_release(dictionaries[3]);
}

/* The same rows in another window. */
static void set_times(int64_t begin_ns)
{
	for (int index = 0; index < BATCHES; index++) {
		unsigned char *base = sonde_column(batches[index], 0)->base;

		for (uint32_t row = 0; row < BATCH_ROWS; row++)
			((struct row *)(void *)base)[row].time_ns = begin_ns + index * 1000 + row;
	}
}

static double cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int on_closed(void *data, const struct window_table *table)
{
	group_count += table->batch->selected_count;
	event_count += table->batch->event_count;
	batch_release(table->batch);
	return 0;
}

static size_t bytes_of(struct sonde_batch *batch)
{
	batch_finish(batch);
	return batch_bytes(batch);
}

static int64_t clock_ns(struct sonde_instance *instance)
{
	return now_ns;
}

static double sonde_ns(const struct bench *bench)
{
	struct sonde_host host = *otlp_instance.host;
	struct sonde_instance instance = otlp_instance;
	const char *by = "key";
	struct window_settings settings = {
		.by = { &by, 1 },
		.measures = { bench->measures, bench->measure_count },
		.schema = "bench",
		.width_ns = WINDOW_NS,
		.idle_ns = WINDOW_NS,
		.future_ns = WINDOW_NS,
		.group_limit = GROUPS,
		.memory_bytes = 256 << 20,
	};
	struct windows *windows;
	struct window_fault fault;
	struct window_taken taken;
	double spent = 0;

	host.now_ns = clock_ns;
	host.batch_bytes = bytes_of;
	instance.host = &host;
	if (windows_create(&instance, &settings, on_closed, NULL, &windows, &fault) < 0)
		fail(fault.text);
	for (int window = 0; window < WINDOWS + 1; window++) {
		double begin;

		now_ns += WINDOW_NS;
		set_times(now_ns);
		begin = cpu_ns();
		for (int index = 0; index < BATCHES; index++)
			windows_add(windows, batches[index], &taken);
		windows_flush(windows);
		if (window) /* the first one gets to know the dictionary */
			spent += cpu_ns() - begin;
	}
	windows_release(windows);
	return spent / WINDOWS / BATCHES / BATCH_ROWS;
}

static void floor_row(const struct row *row, bool buckets)
{
	uint32_t place = (row->key * 2654435769u) >> 17;
	struct slot *slot;

	while (slots[place].code && slots[place].code != row->key + 1)
		place = (place + 1) % SLOTS;
	slot = &slots[place];
	slot->code = row->key + 1;
	slot->count++;
	if (buckets) {
		slot->buckets[63 - __builtin_clzll((uint64_t)row->wait_ns)]++;
		slot->sum += (uint64_t)row->wait_ns;
		return;
	}
	slot->sum += row->number;
	if (row->wait_ns > slot->maximum_ns)
		slot->maximum_ns = row->wait_ns;
}

static double floor_ns(const struct bench *bench)
{
	double begin = cpu_ns();

	for (int window = 0; window < WINDOWS; window++) {
		memset(slots, 0, sizeof(slots));
		for (int index = 0; index < BATCHES; index++) {
			const struct row *rows =
				(const void *)sonde_column(batches[index], 0)->base;

			for (uint32_t row = 0; row < BATCH_ROWS; row++)
				floor_row(&rows[row], bench->buckets);
		}
		for (int place = 0; place < SLOTS; place++) {
			group_count += slots[place].code != 0;
			event_count += slots[place].count;
		}
	}
	return (cpu_ns() - begin) / WINDOWS / BATCHES / BATCH_ROWS;
}

static void measure(const struct bench *bench)
{
	double sonde[RUNS], least[RUNS], ratio[RUNS], spread, other;

	for (int run = 0; run < RUNS; run++) {
		uint64_t groups, events;

		group_count = event_count = 0;
		sonde[run] = sonde_ns(bench);
		groups = group_count / (WINDOWS + 1);
		events = event_count / (WINDOWS + 1);
		group_count = event_count = 0;
		least[run] = floor_ns(bench);
		if (groups != group_count / WINDOWS || events != event_count / WINDOWS || !groups)
			fail("the floor counts otherwise");
		ratio[run] = sonde[run] / least[run];
		fprintf(stderr, "%s: sonde %.2f, floor %.2f ns a row\n", bench->name, sonde[run],
			least[run]);
	}
	spread = middle_spread(sonde, RUNS);
	other = middle_spread(least, RUNS);
	printf("{\"name\":\"%s\",\"unit\":\"ns/row\",\"sonde\":%.4g,\"floor\":%.4g,\"peer\":null,"
	       "\"peer_name\":null,\"vs_floor\":%.3g,\"vs_peer\":null,\"better\":\"less\","
	       "\"spread\":%.3g,\"runs\":%d}\n",
	       bench->name, middle(sonde, RUNS), middle(least, RUNS), middle(ratio, RUNS),
	       spread > other ? spread : other, RUNS);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--list") == 0) {
		for (int index = 0; index < BENCH_COUNT; index++)
			printf("%s\n", benches[index].name);
		return 0;
	}
	memory_begin(); /* the allocator as in the daemon */
	now_ns = 1000000000000000000;
	make_batches();
	for (int index = 0; index < BENCH_COUNT; index++) {
		bool wanted = argc < 2;

		for (int at = 1; at < argc; at++)
			wanted = wanted || strcmp(argv[at], benches[index].name) == 0;
		if (wanted)
			measure(&benches[index]);
	}
	for (int index = 0; index < BATCHES; index++)
		batch_release(batches[index]);
	return 0;
}
