/* SPDX-License-Identifier: Apache-2.0 */
/* What the processor `filter` costs a row of a batch of 1,000: from the batch that is lent to the
 * one that goes on with half of its rows.
 *
 * floor: a loop by hand over the same column that sets the same bits, with the same batch made of
 * them; it knows the type and the value, and of texts the code. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../unit/otlp_host.h"
#include "batch.h"
#include "dictionary.h"
#include "expression.h"
#include "middle.h"

enum { RUNS = 15, BATCH_ROWS = 1000, BATCHES = 5000, WORDS = 64, NUMBERS = 1000 };

struct row {
	int64_t time_ns, wait_ns;
	uint64_t number;
	uint32_t word; /* code of a text */
	int32_t error;
};

static const struct sonde_field fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "wait", .type = SONDE_DURATION, SONDE_MEMBER(struct row, wait_ns) },
	{ .name = "number", .type = SONDE_U64, SONDE_MEMBER(struct row, number) },
	{ .name = "word", .type = SONDE_TEXT, SONDE_MEMBER(struct row, word) },
	{ .name = "error", .type = SONDE_I32, SONDE_MEMBER(struct row, error) },
	{ 0 }
};

static const struct sonde_schema schema = { .name = "bench",
					    .row_size = sizeof(struct row),
					    .fields = fields };

struct bench {
	const char *name, *condition;
	bool text;
};

static const struct bench benches[] = {
	{ "process.filter.number", "number < 500", false },
	{ "process.filter.text", "word starts with 'kept'", true },
};

enum { BENCH_COUNT = sizeof(benches) / sizeof(benches[0]) };

static void fail(const char *what)
{
	fprintf(stderr, "bench_process_filter: %s\n", what);
	exit(1);
}

/* Of a multiplicative order, so that no branch predictor learns which rows go on. */
static uint32_t scatter(uint32_t row)
{
	return (row + 1) * 2654435769u >> 8;
}

static struct sonde_batch *make_batch(void)
{
	struct sonde_dictionary *dictionaries[5] = { [3] = dictionary_create(true) };
	struct sonde_batch *batch;
	struct row *rows;
	char word[32];

	for (int index = 0; index < WORDS; index++) {
		int length =
			snprintf(word, sizeof(word), "%s-%d", index % 2 ? "gone" : "kept", index);

		dictionary_add(dictionaries[3], word, (size_t)length);
	}
	batch = batch_create(&schema, BATCH_ROWS, dictionaries);
	if (!batch)
		fail("no memory");
	rows = batch_rows(batch);
	for (uint32_t row = 0; row < BATCH_ROWS; row++)
		rows[row] = (struct row){ .time_ns = row,
					  .number = scatter(row) % NUMBERS,
					  .word = scatter(row) / 7 % WORDS };
	batch_resize(batch, BATCH_ROWS);
	batch_finish(batch);
	dictionary_release(dictionaries[3]);
	return batch;
}

static double cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static uint64_t kept_count; /* so that nothing is left out by the compiler, and both agree */

static void emit(struct sonde_batch *batch, const unsigned char *bits)
{
	struct sonde_batch *derived = batch_derive(batch);

	if (!derived || batch_select(derived, bits) < 0)
		fail("no memory");
	batch_finish(derived);
	kept_count += derived->selected_count;
	batch_release(derived);
}

static double sonde_ns(const struct bench *bench, struct sonde_batch *batch)
{
	unsigned char bits[BATCH_ROWS / 8 + 1];
	struct expression *expression;
	struct expression_error error;
	struct matcher *matcher;
	double begin;

	if (expression_parse(bench->condition, &expression, &error) < 0)
		fail(error.text);
	matcher = matcher_create(expression, &otlp_instance, NULL, NULL);
	if (!matcher || matcher_run(matcher, batch, bits) < 0 ||
	    matcher_run(matcher, batch, bits) < 0)
		fail("no memory");
	begin = cpu_ns();
	for (uint32_t count = 0; count < BATCHES; count++) {
		if (matcher_run(matcher, batch, bits) < 0)
			fail("no memory");
		emit(batch, bits);
	}
	begin = cpu_ns() - begin;
	matcher_release(matcher);
	expression_release(expression);
	return begin / BATCHES / BATCH_ROWS;
}

static double floor_ns(const struct bench *bench, struct sonde_batch *batch)
{
	const struct sonde_column *column = sonde_column(batch, bench->text ? 3 : 2);
	unsigned char bits[BATCH_ROWS / 8 + 1];
	double begin = cpu_ns();

	for (uint32_t count = 0; count < BATCHES; count++) {
		const unsigned char *at = column->base;

		memset(bits, 0, sizeof(bits));
		for (uint32_t row = 0; row < BATCH_ROWS; row++, at += column->stride) {
			uint64_t number;
			uint32_t code;
			bool keep;

			memcpy(&number, at, sizeof(number));
			memcpy(&code, at, sizeof(code));
			keep = bench->text ? !(code & 1) : number < 500;
			bits[row >> 3] |= (unsigned char)(keep << (row & 7));
		}
		emit(batch, bits);
	}
	return (cpu_ns() - begin) / BATCHES / BATCH_ROWS;
}

static void measure(const struct bench *bench)
{
	double sonde[RUNS], least[RUNS], ratio[RUNS];
	struct sonde_batch *batch = make_batch();
	double spread, other;

	for (int run = 0; run < RUNS; run++) {
		uint64_t before = kept_count, kept;

		sonde[run] = sonde_ns(bench, batch);
		kept = kept_count - before;
		least[run] = floor_ns(bench, batch);
		if (kept_count - before - kept != kept || !kept)
			fail("the floor keeps other rows");
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
