/* SPDX-License-Identifier: Apache-2.0 */
/* What the processor `sample` costs a row of a batch of 1,000: from the batch that is lent to the
 * one that goes on with a tenth of its rows, and says what they stand for.
 *
 * floor: as many rows of the same batch by bits that lie ready, with the same batch made of them.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../unit/otlp_host.h"
#include "batch.h"
#include "choice.h"
#include "dictionary.h"
#include "mark.h"
#include "middle.h"
#include "sampling.h"

enum { RUNS = 15, BATCH_ROWS = 1000, BATCHES = 5000, WORDS = 64 };

struct row {
	int64_t time_ns, start_ns;
	unsigned char trace[16];
	uint32_t pid;
	uint32_t word; /* code of a text */
};

static const struct sonde_field fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "start", .type = SONDE_TIME, SONDE_MEMBER(struct row, start_ns) },
	{ .name = "trace",
	  .type = SONDE_ID16,
	  SONDE_MEMBER(struct row, trace),
	  .role = SONDE_ROLE_TRACE_ID },
	{ .name = "pid", .type = SONDE_U32, SONDE_MEMBER(struct row, pid) },
	{ .name = "word", .type = SONDE_TEXT, SONDE_MEMBER(struct row, word) },
	{ 0 }
};

static const struct sonde_schema schema = { .name = "bench",
					    .row_size = sizeof(struct row),
					    .fields = fields };

struct bench {
	const char *name;
	const char *key[2];
	uint32_t key_count;
};

static const struct bench benches[] = {
	{ "process.sample.random", { NULL }, 0 },
	{ "process.sample.process", { "pid", "start" }, 2 },
	{ "process.sample.text", { "word" }, 1 },
	{ "process.sample.trace", { "trace_id" }, 1 },
};

enum { BENCH_COUNT = sizeof(benches) / sizeof(benches[0]) };

static void fail(const char *what)
{
	fprintf(stderr, "bench_process_sample: %s\n", what);
	exit(1);
}

/* Of a multiplicative order, so that no branch predictor learns which rows go on. */
static uint32_t scatter(uint32_t row)
{
	return (row + 1) * 2654435769u >> 8;
}

static struct sonde_batch *make_batch(void)
{
	struct sonde_dictionary *dictionaries[5] = { [4] = dictionary_create(true) };
	struct sonde_batch *batch;
	struct row *rows;
	char word[32];

	for (int index = 0; index < WORDS; index++) {
		int length = snprintf(word, sizeof(word), "service-%d", index);

		dictionary_add(dictionaries[4], word, (size_t)length);
	}
	batch = batch_create(&schema, BATCH_ROWS, dictionaries);
	if (!batch)
		fail("no memory");
	rows = batch_rows(batch);
	for (uint32_t row = 0; row < BATCH_ROWS; row++) {
		uint64_t trace[2] = { key_mix(row), key_mix(row + BATCH_ROWS) };

		rows[row] = (struct row){ .time_ns = row,
					  .start_ns = scatter(row),
					  .pid = scatter(row) % 1000,
					  .word = scatter(row) / 7 % WORDS };
		memcpy(rows[row].trace, trace, sizeof(trace));
	}
	batch_resize(batch, BATCH_ROWS);
	batch_finish(batch);
	dictionary_release(dictionaries[4]);
	return batch;
}

static double cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static uint64_t kept_count; /* so that nothing is left out by the compiler */

static void emit(struct sonde_batch *batch, const struct choice *choice)
{
	struct sonde_batch *derived = batch_derive(batch);

	if (!derived || mark_rows(&otlp_instance, choice, derived) < 0 ||
	    batch_select(derived, choice->kept) < 0)
		fail("no memory");
	batch_finish(derived);
	kept_count += derived->selected_count;
	batch_release(derived);
}

/* The floor's choice stays what it was; sonde's is made anew for each batch. */
static double run_ns(const struct bench *bench, struct sonde_batch *batch, bool floor)
{
	struct sonde_texts names = { bench->key, bench->key_count };
	struct plan plan = { .threshold = threshold_of_ratio(0.1) };
	struct choice choice = { 0 };
	struct key key;
	uint64_t random = 1;
	struct chooser chooser = {
		.instance = &otlp_instance, .plan = &plan, .key = &key, .random = &random
	};
	double begin;

	if (key_open(&key, &names, 0) < 0 || choice_make(&choice, &chooser, batch, 0) < 0)
		fail("no memory");
	begin = cpu_ns();
	for (uint32_t count = 0; count < BATCHES; count++) {
		if (!floor && choice_make(&choice, &chooser, batch, 0) < 0)
			fail("no memory");
		emit(batch, &choice);
	}
	begin = cpu_ns() - begin;
	choice_close(&choice);
	key_close(&key);
	return begin / BATCHES / BATCH_ROWS;
}

static void measure(const struct bench *bench)
{
	double sonde[RUNS], least[RUNS], ratio[RUNS];
	struct sonde_batch *batch = make_batch();
	double spread, other;

	for (int run = 0; run < RUNS; run++) {
		uint64_t before = kept_count;

		sonde[run] = run_ns(bench, batch, false);
		if (kept_count == before)
			fail("nothing is kept");
		least[run] = run_ns(bench, batch, true);
		ratio[run] = sonde[run] / least[run];
		fprintf(stderr, "%s: sonde %.2f, floor %.2f ns a row\n", bench->name, sonde[run],
			least[run]);
	}
	batch_release(batch);
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
	for (int index = 0; index < BENCH_COUNT; index++) {
		bool wanted = argc < 2;

		for (int at = 1; at < argc; at++)
			wanted = wanted || strcmp(argv[at], benches[index].name) == 0;
		if (wanted)
			measure(&benches[index]);
	}
	return 0;
}
