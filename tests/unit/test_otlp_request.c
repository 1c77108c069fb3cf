/* SPDX-License-Identifier: Apache-2.0 */
/* Rows into requests: none is left out, none comes twice, none is larger than the receiver takes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "batch.h"
#include "request.h"
#include "dictionary.h"
#include <cmocka.h> /* last: its macro fail() is a service of the host */

enum { BATCHES = 5, ROWS = 700 };

/* Logs of a number and of a text of some length. */
static struct sonde_batch *logs(uint32_t first, uint32_t count)
{
	const struct sonde_field number = { .name = "number", .type = SONDE_U32 };
	const struct sonde_field text = { .name = "text", .type = SONDE_TEXT };
	struct sonde_batch *batch = batch_table("logs", SONDE_SIGNAL_LOG, count);
	struct sonde_dictionary *words = dictionary_create(false);
	struct sonde_column *column = batch_add(batch, &number, NULL);
	char word[256];

	memset(word, 'x', sizeof(word));
	for (uint32_t row = 0; row < count; row++) {
		uint32_t value = first + row;

		memcpy(column->base + (size_t)row * column->stride, &value, sizeof(value));
	}
	column = batch_add(batch, &text, words);
	for (uint32_t row = 0; row < count; row++) {
		uint32_t code = dictionary_add(words, word, (size_t)random() % sizeof(word));

		memcpy(column->base + (size_t)row * column->stride, &code, sizeof(code));
	}
	dictionary_release(words);
	return batch;
}

static void unpack(struct sonde_instance *instance, struct parcel *parcel)
{
	(void)instance;
	parcel->signal = SIGNAL_LOGS;
	parcel->parts[parcel->part_count++] = parcel->batch;
}

/* A delivery of batches of numbered rows, of some of which only every third counts. */
struct bench {
	struct sonde_batch *batches[BATCHES];
	struct sonde_delivery delivery;
	struct shipment *shipments;
	struct settings settings;
	struct target target;
	struct request_limit limit;
	struct request_maker maker;
	struct request request;
	uint32_t sent[BATCHES * ROWS]; /* how often each row was accepted */
};

static void open_bench(struct bench *bench, uint64_t request_bytes, enum protocol protocol)
{
	unsigned char bits[ROWS / 8 + 1];

	memset(bench, 0, sizeof(*bench));
	memset(bits, 0x49, sizeof(bits)); /* 0b01001001 */
	srandom(7);
	for (uint32_t i = 0; i < BATCHES; i++) {
		bench->batches[i] = logs(i * ROWS, ROWS);
		if (i == 3)
			assert_int_equal(batch_select(bench->batches[i], bits), 0);
		batch_finish(bench->batches[i]);
	}
	bench->delivery = (struct sonde_delivery){ .size = sizeof(bench->delivery),
						   .batch_count = BATCHES,
						   .batches = bench->batches,
						   .sequence = 1,
						   .attempt = 1 };
	bench->settings = (struct settings){ .request_bytes = request_bytes, .level = 1 };
	bench->target = (struct target){ .protocol = protocol };
	bench->maker = (struct request_maker){ .encoder = otlp_encoder_create(),
					       .settings = &bench->settings };
	request_limit_begin(&bench->limit, &bench->settings, &bench->target);
	assert_non_null(shipment_take(NULL, &bench->shipments, &bench->delivery, unpack));
}

static void close_bench(struct bench *bench)
{
	struct transport none = { 0 };

	shipments_release(NULL, &bench->shipments);
	request_release(&none, &bench->request);
	otlp_encoder_release(bench->maker.encoder);
	compressor_release(bench->maker.compressors[COMPRESS_GZIP]);
	for (uint32_t i = 0; i < BATCHES; i++)
		batch_release(bench->batches[i]);
}

static int make(struct bench *bench)
{
	return request_make(&bench->maker, &bench->request, bench->shipments, SIGNAL_LOGS,
			    &bench->target, &bench->limit);
}

/* Notes the rows of a request that is accepted. */
static void accept_all(struct bench *bench)
{
	const struct answer done = { .verdict = ANSWER_DONE };

	for (uint32_t i = 0; i < bench->request.piece_count; i++) {
		const struct piece *piece = &bench->request.pieces[i];
		uint32_t batch = 0;

		while (bench->batches[batch] != piece->parcel->batch)
			batch++;
		for (uint32_t row = piece->range.first; row < piece->range.end; row++)
			bench->sent[batch * ROWS + row] +=
				sonde_selected(piece->parcel->batch, row);
	}
	request_accept(&bench->request, &done);
}

static void assert_each_row_once(const struct bench *bench)
{
	for (uint32_t i = 0; i < BATCHES * ROWS; i++)
		assert_int_equal(bench->sent[i],
				 sonde_selected(bench->batches[i / ROWS], i % ROWS));
}

static uint64_t rejected(const struct bench *bench)
{
	uint64_t rows = 0;

	for (uint32_t i = 0; i < BATCHES; i++)
		rows += bench->shipments->parcels[i].rejected_rows;
	return rows;
}

static void batches_are_merged_and_split_below_the_limit(void **state)
{
	static const uint64_t limits[] = { 1500, 20000, 100000, 10000000 };
	static const enum protocol protocols[] = { PROTOCOL_HTTP, PROTOCOL_HTTP_JSON };

	(void)state;
	for (uint32_t i = 0; i < 2 * sizeof(limits) / sizeof(*limits); i++) {
		struct bench bench;
		size_t bytes = 0;
		uint32_t count = 0;

		open_bench(&bench, limits[i / 2], protocols[i % 2]);
		while (shipments_have_work(bench.shipments, SIGNAL_LOGS)) {
			assert_int_equal(make(&bench), 0);
			assert_true(bench.request.plain_length <= limits[i / 2]);
			bytes += bench.request.plain_length;
			count++;
			accept_all(&bench);
		}
		assert_each_row_once(&bench);
		assert_int_equal(rejected(&bench), 0);
		assert_true(count <= 2 * (bytes / limits[i / 2] + 1)); /* and not too small */
		close_bench(&bench);
	}
}

static void rows_that_are_put_back_come_again_and_no_others(void **state)
{
	struct bench bench;

	(void)state;
	open_bench(&bench, 5000, PROTOCOL_HTTP);
	while (shipments_have_work(bench.shipments, SIGNAL_LOGS)) {
		assert_int_equal(make(&bench), 0);
		if (random() % 3)
			request_put_back(&bench.request, false);
		else
			accept_all(&bench);
	}
	assert_each_row_once(&bench);
	close_bench(&bench);
}

static void a_limit_that_is_learned_is_kept(void **state)
{
	const size_t taken = 3000;
	uint32_t refused = 0;
	struct bench bench;

	(void)state;
	open_bench(&bench, 1000000, PROTOCOL_HTTP);
	while (shipments_have_work(bench.shipments, SIGNAL_LOGS)) {
		assert_int_equal(make(&bench), 0);
		if (bench.request.plain_length > taken) {
			request_limit_refuse(&bench.limit, bench.request.plain_length);
			request_put_back(&bench.request, false);
			refused++;
		} else {
			accept_all(&bench);
		}
	}
	assert_each_row_once(&bench);
	assert_true(refused > 0 && refused < 12);
	close_bench(&bench);
}

static void a_row_that_is_too_large_alone_is_rejected_and_the_others_go(void **state)
{
	struct bench bench;
	uint64_t sent = 0, counted = 0;

	(void)state;
	open_bench(&bench, 200, PROTOCOL_HTTP);
	while (shipments_have_work(bench.shipments, SIGNAL_LOGS)) {
		assert_int_equal(make(&bench), 0);
		assert_true(bench.request.plain_length <= 200);
		accept_all(&bench);
	}
	for (uint32_t i = 0; i < BATCHES * ROWS; i++)
		sent += bench.sent[i];
	for (uint32_t i = 0; i < BATCHES; i++)
		counted += bench.batches[i]->selected_count;
	assert_true(rejected(&bench) > 0);
	assert_int_equal(bench.maker.too_large_count, rejected(&bench));
	assert_int_equal(sent + rejected(&bench), counted);
	assert_non_null(strstr(bench.shipments->parcels[0].text, "too large for a request"));
	close_bench(&bench);
}

static void rejected_items_are_shared_out_exactly(void **state)
{
	struct bench bench;

	(void)state;
	for (uint64_t count = 0; count < 4000; count += 37) {
		struct answer answer = { .verdict = ANSWER_DONE, .rejected_count = count };
		uint64_t rows;

		open_bench(&bench, 10000000, PROTOCOL_HTTP);
		assert_int_equal(make(&bench), 0);
		assert_int_equal(bench.request.piece_count, BATCHES);
		rows = bench.request.row_count;
		request_accept(&bench.request, &answer);
		assert_int_equal(rejected(&bench), count < rows ? count : rows);
		for (uint32_t i = 0; i < BATCHES; i++)
			assert_true(bench.shipments->parcels[i].rejected_rows <=
				    bench.batches[i]->selected_count);
		close_bench(&bench);
	}
}

static void compressed_bodies_are_made_of_the_same_rows(void **state)
{
	struct buffer expanded = { 0 };
	struct expander *expander = expander_create();
	struct bench bench;

	(void)state;
	open_bench(&bench, 10000000, PROTOCOL_HTTP);
	bench.target.compression = COMPRESS_GZIP;
	assert_int_equal(make(&bench), 0);
	assert_int_equal(bench.request.transfer.coding, COMPRESS_GZIP);
	assert_true(bench.request.transfer.body_length < bench.request.plain_length);
	assert_int_equal(expander_run(expander, COMPRESS_GZIP, bench.request.transfer.body,
				      bench.request.transfer.body_length,
				      bench.request.plain_length, &expanded),
			 0);
	assert_int_equal(expanded.length, bench.request.protobuf.length);
	assert_memory_equal(expanded.data, otlp_request_data(&bench.request.protobuf),
			    expanded.length);
	request_put_back(&bench.request, false);
	buffer_release(&expanded);
	expander_release(expander);
	close_bench(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_are_merged_and_split_below_the_limit),
		cmocka_unit_test(rows_that_are_put_back_come_again_and_no_others),
		cmocka_unit_test(a_limit_that_is_learned_is_kept),
		cmocka_unit_test(a_row_that_is_too_large_alone_is_rejected_and_the_others_go),
		cmocka_unit_test(rejected_items_are_shared_out_exactly),
		cmocka_unit_test(compressed_bodies_are_made_of_the_same_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
