/* SPDX-License-Identifier: Apache-2.0 */
/* What a mask of the processor `transform` costs a row of a batch of 1,000: from the batch that is
 * lent to the one that goes on with the masked column.
 *
 * distinct: each row has a text of its own, in a dictionary that comes once. The floor is
 * pcre2_substitute() over the same texts, each written into a dictionary. repeated: 64 texts in a
 * dictionary that comes with every batch. The floor looks each row's new code up in a table.
 * passed: distinct texts in which there is nothing to hide; the floor is pcre2_match(). */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "../unit/otlp_host.h"
#include "batch.h"
#include "dictionary.h"
#include "middle.h"
#include "step.h"

enum { RUNS = 15, BATCH_ROWS = 1000, BATCHES = 400, TABLES = 16, WORDS = 64, TEXT_BYTES = 256 };

static const char pattern[] = "(?i)(password|token)=\\S+";

enum kind { DISTINCT, REPEATED, PASSED, KINDS };

static const char *const names[KINDS] = { "process.transform.distinct",
					  "process.transform.repeated",
					  "process.transform.passed" };

static void fail(const char *what)
{
	fprintf(stderr, "bench_process_transform: %s\n", what);
	exit(1);
}

static double cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ---- tables ------------------------------------------------------------------------------ */

static const struct sonde_field field = { .name = "process.command_line", .type = SONDE_TEXT };

/* A command line of some 100 bytes, as those of services are. */
static uint32_t add_text(struct sonde_dictionary *dictionary, enum kind kind, uint32_t number)
{
	char text[TEXT_BYTES];
	int length = snprintf(text, sizeof(text),
			      "/usr/lib/app/bin/worker-%u --config /etc/app/worker.yaml "
			      "--queue orders-%u %s=%08x --verbose",
			      number % 40, number, kind == PASSED ? "--trace" : "--token",
			      number * 2654435769u);

	return dictionary_add(dictionary, text, (size_t)length);
}

static struct sonde_batch *make_table(enum kind kind, struct sonde_dictionary *shared,
				      uint32_t table)
{
	struct sonde_dictionary *dictionary =
		shared ? dictionary_hold(shared) : dictionary_create(false);
	struct sonde_batch *batch = batch_table("bench", SONDE_SIGNAL_LOG, BATCH_ROWS);
	struct sonde_column *column = batch_add(batch, &field, dictionary);

	if (!column)
		fail("no memory");
	for (uint32_t row = 0; row < BATCH_ROWS; row++) {
		uint32_t code = kind == REPEATED
					? (row * 2654435769u >> 8) % WORDS
					: add_text(dictionary, kind, table * BATCH_ROWS + row);

		memcpy(column->base + (size_t)row * column->stride, &code, sizeof(code));
	}
	batch_finish(batch);
	dictionary_release(dictionary);
	return batch;
}

static void make_tables(enum kind kind, struct sonde_batch **tables)
{
	struct sonde_dictionary *shared = kind == REPEATED ? dictionary_create(true) : NULL;

	for (uint32_t word = 0; shared && word < WORDS; word++)
		add_text(shared, kind, word);
	for (uint32_t table = 0; table < TABLES; table++)
		tables[table] = make_table(kind, shared, table);
	dictionary_release(shared);
}

/* ---- what is measured -------------------------------------------------------------------- */

static uint64_t check; /* of what was made: both come to the same */

static void add_up(const struct sonde_batch *batch)
{
	const struct sonde_column *column = sonde_column(batch, 0);

	for (uint32_t row = 0; row < BATCH_ROWS; row += 97)
		check += sonde_text_at(column, row).length;
}

static void say_problem(struct sonde_instance *instance, const char *option, const char *message)
{
	(void)instance;
	fprintf(stderr, "%s: %s\n", option, message);
}

static double sonde_ns(struct sonde_batch **tables)
{
	static const char *const columns[] = { "process.command_line" };
	struct step_options options = { .mask = { columns, 1 },
					.pattern = pattern,
					.with = "$1=***" };
	struct step_counts counts = { 0 };
	unsigned char changed[BATCH_ROWS / 8 + 1];
	struct step step;
	double begin;

	if (step_make(&otlp_instance, &options, 0, false, say_problem, &step) < 0)
		fail("no step");
	begin = cpu_ns();
	for (uint32_t count = 0; count < BATCHES; count++) {
		struct passage passage = { .instance = &otlp_instance,
					   .batch = tables[count % TABLES],
					   .counts = &counts,
					   .changed = changed };

		memset(changed, 0, sizeof(changed));
		if (step_mask(&passage, &step) < 0)
			fail("no memory");
		batch_finish(passage.batch);
		add_up(passage.batch);
		if (passage.derived)
			batch_release(passage.batch);
	}
	begin = cpu_ns() - begin;
	step_clear(&otlp_instance, &step);
	return begin / BATCHES / BATCH_ROWS;
}

struct floor {
	pcre2_code *code;
	pcre2_match_data *data;
	uint32_t codes[WORDS];
	struct sonde_dictionary *words; /* masked, of codes */
};

static uint32_t floor_text(struct floor *floor, struct sonde_text text, struct sonde_dictionary *to)
{
	PCRE2_UCHAR out[TEXT_BYTES * 2];
	PCRE2_SIZE length = sizeof(out);

	if (pcre2_substitute(floor->code, (PCRE2_SPTR)text.data, text.length, 0,
			     PCRE2_SUBSTITUTE_GLOBAL, floor->data, NULL, (PCRE2_SPTR) "$1=***",
			     PCRE2_ZERO_TERMINATED, out, &length) < 0)
		fail("pcre2_substitute");
	return dictionary_add(to, out, length);
}

static void floor_begin(struct floor *floor, enum kind kind, const struct sonde_batch *table)
{
	const struct sonde_column *column = sonde_column(table, 0);
	PCRE2_SIZE offset;
	int error;

	*floor = (struct floor){ .code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
						       PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &error,
						       &offset, NULL) };
	if (!floor->code || pcre2_jit_compile(floor->code, PCRE2_JIT_COMPLETE))
		fprintf(stderr, "the floor is interpreted\n");
	floor->data = pcre2_match_data_create_from_pattern(floor->code, NULL);
	floor->words = dictionary_create(true);
	for (uint32_t word = 0; kind == REPEATED && word < WORDS; word++)
		floor->codes[word] = floor_text(
			floor, sonde_entry(column->dictionary, column->dictionary_length, word),
			floor->words);
}

static void floor_end(struct floor *floor)
{
	dictionary_release(floor->words);
	pcre2_match_data_free(floor->data);
	pcre2_code_free(floor->code);
}

/* Rows in which nothing is found go on as they are. */
static void floor_pass(struct floor *floor, struct sonde_batch *batch)
{
	const struct sonde_column *column = sonde_column(batch, 0);

	for (uint32_t row = 0; row < BATCH_ROWS; row++) {
		struct sonde_text text = sonde_text_at(column, row);

		if (pcre2_match(floor->code, (PCRE2_SPTR)text.data, text.length, 0, 0, floor->data,
				NULL) >= 0)
			fail("a match");
	}
	add_up(batch);
}

static void floor_batch(struct floor *floor, enum kind kind, struct sonde_batch *batch)
{
	const struct sonde_column *from = sonde_column(batch, 0);
	struct sonde_dictionary *to =
		kind == REPEATED ? dictionary_hold(floor->words) : dictionary_create(false);
	struct sonde_batch *derived = batch_derive(batch);
	struct sonde_column *column = batch_add(derived, &field, to);

	if (!column)
		fail("no memory");
	for (uint32_t row = 0; row < BATCH_ROWS; row++) {
		uint32_t code;

		memcpy(&code, sonde_value(from, row), sizeof(code));
		code = kind == REPEATED ? floor->codes[code]
					: floor_text(floor, sonde_text_at(from, row), to);
		memcpy(column->base + (size_t)row * column->stride, &code, sizeof(code));
	}
	batch_finish(derived);
	add_up(derived);
	batch_release(derived);
	dictionary_release(to);
}

static double floor_ns(enum kind kind, struct sonde_batch **tables)
{
	struct floor floor;
	double begin;

	floor_begin(&floor, kind, tables[0]);
	begin = cpu_ns();
	for (uint32_t count = 0; count < BATCHES; count++) {
		if (kind == PASSED)
			floor_pass(&floor, tables[count % TABLES]);
		else
			floor_batch(&floor, kind, tables[count % TABLES]);
	}
	begin = cpu_ns() - begin;
	floor_end(&floor);
	return begin / BATCHES / BATCH_ROWS;
}

static void measure(enum kind kind)
{
	double sonde[RUNS], least[RUNS], ratio[RUNS], spread, other;
	struct sonde_batch *tables[TABLES];

	make_tables(kind, tables);
	for (int run = 0; run < RUNS; run++) {
		uint64_t before = check, made;

		sonde[run] = sonde_ns(tables);
		made = check - before;
		least[run] = floor_ns(kind, tables);
		if (check - before - made != made || !made)
			fail("the floor makes other texts");
		ratio[run] = sonde[run] / least[run];
		fprintf(stderr, "%s: sonde %.4g, floor %.4g ns a row\n", names[kind], sonde[run],
			least[run]);
	}
	for (uint32_t table = 0; table < TABLES; table++)
		batch_release(tables[table]);
	spread = middle_spread(sonde, RUNS);
	other = middle_spread(least, RUNS);
	printf("{\"name\":\"%s\",\"unit\":\"ns/row\",\"sonde\":%.4g,\"floor\":%.4g,\"peer\":null,"
	       "\"peer_name\":null,\"vs_floor\":%.3g,\"vs_peer\":null,\"better\":\"less\","
	       "\"spread\":%.3g,\"runs\":%d}\n",
	       names[kind], middle(sonde, RUNS), middle(least, RUNS), middle(ratio, RUNS),
	       spread > other ? spread : other, RUNS);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--list") == 0) {
		for (int kind = 0; kind < KINDS; kind++)
			printf("%s\n", names[kind]);
		return 0;
	}
	for (int kind = 0; kind < KINDS; kind++) {
		bool wanted = argc < 2;

		for (int at = 1; at < argc; at++)
			wanted = wanted || strcmp(argv[at], names[kind]) == 0;
		if (wanted)
			measure((enum kind)kind);
	}
	return 0;
}
