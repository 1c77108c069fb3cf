// SPDX-License-Identifier: Apache-2.0
/* What a row costs to be written into a frame and read out of it, and how many bytes it takes
 * there: recorded system calls, in batches of 50, 250 and 1,000.
 *
 * floor: zstd by itself, at the same level, there and back over the rows as the kernel made them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

#include "batch.h"
#include "dictionary.h"
#include "frame.h"
#include "middle.h"
#include "recorded.h"

enum { RUNS = 9, ROWS_A_RUN = 400000, BATCHES_LIMIT = 1024 };

static const struct sonde_schema schema = { .name = "syscalls.event",
					    .row_size = sizeof(struct recorded_row),
					    .fields = recorded_fields };

struct bench {
	const char *name;
	uint32_t rows;
	bool bytes;
};

static const struct bench benches[] = {
	{ "frame.syscalls.50", 50, false },     { "frame.syscalls.250", 250, false },
	{ "frame.syscalls.1000", 1000, false }, { "frame.bytes.50", 50, true },
	{ "frame.bytes.250", 250, true },       { "frame.bytes.1000", 1000, true },
};

enum { BENCH_COUNT = sizeof(benches) / sizeof(benches[0]) };

/* What was recorded, and the dictionaries of its names. */
static struct recorded recorded;
static struct sonde_dictionary *calls, *errors;

static void fail(const char *what)
{
	fprintf(stderr, "bench_frame: %s\n", what);
	exit(1);
}

static void names_add(struct sonde_dictionary *names, uint32_t count, const char *at)
{
	for (uint32_t i = 0; i < count; i++, at += strlen(at) + 1)
		dictionary_add(names, at, strlen(at));
}

static void recording_read(void)
{
	if (recorded_read(RECORDING, &recorded))
		fail("no recording");
	calls = dictionary_create(true);
	errors = dictionary_create(true);
	names_add(calls, recorded.call_count, recorded.calls);
	dictionary_add(errors, "", 0);
	names_add(errors, recorded.error_count, recorded.errors);
}

static struct sonde_batch *make_batch(uint32_t first, uint32_t count)
{
	struct sonde_dictionary *dictionaries[RECORDED_FIELDS] = {
		[RECORDED_CALL] = calls, [RECORDED_ERROR] = errors
	};
	struct sonde_batch *batch = batch_create(&schema, count, dictionaries);

	if (!batch)
		fail("no memory");
	memcpy(batch_rows(batch), recorded.rows + first, count * sizeof(struct recorded_row));
	batch_resize(batch, count);
	batch_finish(batch);
	return batch;
}

static double cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Of one run over batches: ns a row to write and to read, and bytes a row. */
struct cost {
	double write_ns, read_ns, bytes;
};

static struct cost sonde_cost(struct sonde_batch **batches, uint32_t count, uint32_t rows)
{
	struct cost cost = { 0 };
	uint32_t rounds = ROWS_A_RUN / (count * rows) + 1;
	double total = (double)rounds * count * rows;

	for (uint32_t i = 0; i < rounds * count; i++) {
		struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };
		struct sonde_batch *read;
		double begin = cpu_ns(), middle;

		if (frame_write(&batches[i % count], 1, &frame))
			fail("a frame could not be written");
		middle = cpu_ns();
		if (frame_read(&frame, &read, 1))
			fail("a frame could not be read");
		batch_finish(read);
		batch_release(read);
		cost.read_ns += cpu_ns() - middle;
		cost.write_ns += middle - begin;
		cost.bytes += (double)frame.length;
	}
	return (struct cost){ cost.write_ns / total, cost.read_ns / total, cost.bytes / total };
}

static struct cost floor_cost(uint32_t count, uint32_t rows)
{
	static ZSTD_CCtx *compressor;
	static ZSTD_DCtx *expander;
	static char packed[1 << 20], back[1 << 20];
	struct cost cost = { 0 };
	uint32_t rounds = ROWS_A_RUN / (count * rows) + 1;
	double total = (double)rounds * count * rows;
	size_t size = rows * sizeof(struct recorded_row);

	compressor = compressor ? compressor : ZSTD_createCCtx();
	expander = expander ? expander : ZSTD_createDCtx();
	for (uint32_t i = 0; i < rounds * count; i++) {
		double begin = cpu_ns(), middle;
		size_t length =
			ZSTD_compressCCtx(compressor, packed, sizeof(packed),
					  recorded.rows + (size_t)(i % count) * rows, size, 1);

		middle = cpu_ns();
		if (ZSTD_decompressDCtx(expander, back, sizeof(back), packed, length) != size)
			fail("the floor does not come back");
		cost.read_ns += cpu_ns() - middle;
		cost.write_ns += middle - begin;
		cost.bytes += (double)length;
	}
	return (struct cost){ cost.write_ns / total, cost.read_ns / total, cost.bytes / total };
}

static void print(const struct bench *bench, double *sonde, double *least, double *ratio)
{
	double spread = middle_spread(sonde, RUNS), other = middle_spread(least, RUNS);

	printf("{\"name\":\"%s\",\"unit\":\"%s\",\"sonde\":%.4g,\"floor\":%.4g,\"peer\":null,"
	       "\"peer_name\":null,\"vs_floor\":%.3g,\"vs_peer\":null,\"better\":\"less\","
	       "\"spread\":%.3g,\"runs\":%d}\n",
	       bench->name, bench->bytes ? "bytes/row" : "ns/row", middle(sonde, RUNS),
	       middle(least, RUNS), middle(ratio, RUNS), spread > other ? spread : other, RUNS);
	fflush(stdout);
}

static void measure(const struct bench *bench)
{
	struct sonde_batch *batches[BATCHES_LIMIT];
	double sonde[RUNS], least[RUNS], ratio[RUNS];
	uint32_t count = recorded.row_count / bench->rows;

	count = count < BATCHES_LIMIT ? count : BATCHES_LIMIT;
	for (uint32_t i = 0; i < count; i++)
		batches[i] = make_batch(i * bench->rows, bench->rows);
	for (int run = 0; run < RUNS; run++) {
		struct cost ours = sonde_cost(batches, count, bench->rows);
		struct cost theirs = floor_cost(count, bench->rows);

		sonde[run] = bench->bytes ? ours.bytes : ours.write_ns + ours.read_ns;
		least[run] = bench->bytes ? theirs.bytes : theirs.write_ns + theirs.read_ns;
		ratio[run] = sonde[run] / least[run];
		fprintf(stderr,
			"%s: sonde %.1f + %.1f ns, %.2f bytes; floor %.1f + %.1f ns, %.2f bytes\n",
			bench->name, ours.write_ns, ours.read_ns, ours.bytes, theirs.write_ns,
			theirs.read_ns, theirs.bytes);
	}
	for (uint32_t i = 0; i < count; i++)
		batch_release(batches[i]);
	print(bench, sonde, least, ratio);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--list") == 0) {
		for (int index = 0; index < BENCH_COUNT; index++)
			printf("%s\n", benches[index].name);
		return 0;
	}
	recording_read();
	for (int index = 0; index < BENCH_COUNT; index++) {
		bool wanted = argc < 2;

		for (int at = 1; at < argc; at++)
			wanted = wanted || strcmp(argv[at], benches[index].name) == 0;
		if (wanted)
			measure(&benches[index]);
	}
	return 0;
}
