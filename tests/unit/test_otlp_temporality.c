/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of the output `otlp` in the temporality that the receiver wants: through refusals, repeats
 * and restarts they stay what they are. */
#include "otlp_table.h"
#include <errno.h>
#include "fields.h"
#include "protobuf.h"
#include "request.h"
#include "temporality.h"

enum { ROWS = 4, STARTED_NS = 1000 };

static struct temporality temporality;
static struct sonde_host host;
static int64_t now_ns;
static struct sonde_outcome outcome; /* the last */
static uint32_t settled_count;

static int64_t tell_now(struct sonde_instance *self)
{
	(void)self;
	return now_ns;
}

static void note_outcome(struct sonde_instance *self, struct sonde_delivery *delivery,
			 int64_t batch, const struct sonde_outcome *answer)
{
	(void)self;
	(void)delivery;
	(void)batch;
	outcome = *answer;
	settled_count++;
}

static void unpack(struct sonde_instance *self, struct parcel *parcel)
{
	parcel->signal = SIGNAL_METRICS;
	temporality_unpack(&temporality, self, parcel);
}

/* Rows of the series 0, 1, 0, 1, each of which counts `value` more, or has come to it. */
static struct sonde_batch *sums(int64_t time_ns, int64_t start_ns, uint32_t value, uint32_t kind)
{
	const struct sonde_field id = { .name = "id", .type = SONDE_U32 };
	const struct sonde_field time = { .name = "time",
					  .type = SONDE_TIME,
					  .role = SONDE_ROLE_TIME };
	const struct sonde_field start = { .name = "start",
					   .type = SONDE_TIME,
					   .role = SONDE_ROLE_START_TIME };
	const struct sonde_field calls = { .name = "calls",
					   .type = SONDE_U32,
					   .role = SONDE_ROLE_SUM,
					   .temporality = (uint8_t)kind,
					   .monotonic = true };
	struct sonde_batch *batch = sonde_batch_table(&instance, "sums", SONDE_SIGNAL_METRIC, ROWS);
	uint32_t column = table_add(batch, &id);

	for (uint32_t row = 0; row < ROWS; row++)
		table_set(batch, column, row, VALUE(uint32_t, row % 2));
	table_constant(batch, &time, &time_ns);
	if (start_ns)
		table_constant(batch, &start, &start_ns);
	table_constant(batch, &calls, &value);
	(void)sonde_batch_bytes(&instance, batch); /* it does not change any more */
	return batch;
}

/* ---- what a request says ----------------------------------------------------------------- */

struct point {
	int64_t start_ns, time_ns, value;
};

struct points {
	struct point items[16];
	uint32_t count, temporality;
};

static void read_point(struct points *points, const void *data, size_t length)
{
	struct message_reader reader = message_read(data, length);
	struct point *point = &points->items[points->count++];
	struct message_field field = { 0 };

	*point = (struct point){ 0 };
	while (message_next(&reader, &field) > 0) {
		if (field.number == NUMBER_START_TIME)
			point->start_ns = (int64_t)field.value;
		else if (field.number == NUMBER_TIME)
			point->time_ns = (int64_t)field.value;
		else if (field.number == NUMBER_INTEGER)
			point->value = (int64_t)field.value;
	}
}

/* Down the path of messages to the points of sums. */
static void read_points(struct points *points, uint32_t depth, const void *data, size_t length)
{
	static const uint32_t path[] = { REQUEST_RESOURCES, RESOURCE_SCOPES, SCOPE_ITEMS,
					 METRIC_SUM, DATA_POINTS };
	const uint32_t depth_limit = sizeof(path) / sizeof(*path);
	struct message_reader reader = message_read(data, length);
	struct message_field field = { 0 };

	while (message_next(&reader, &field) > 0) {
		if (depth == depth_limit - 1 && field.number == DATA_TEMPORALITY)
			points->temporality = (uint32_t)field.value;
		if (field.number != path[depth] || field.wire != MESSAGE_BYTES)
			continue;
		if (depth == depth_limit - 1)
			read_point(points, field.data, field.length);
		else
			read_points(points, depth + 1, field.data, field.length);
	}
}

/* ---- a delivery at a time ---------------------------------------------------------------- */

struct bench {
	struct settings settings;
	struct target target;
	struct request_limit limit;
	struct request_maker maker;
	struct request request;
	struct shipment *shipments;
	struct sonde_batch *batch;
	struct sonde_delivery delivery;
	uint64_t sequence;
};

static void open_bench(struct bench *bench, enum sonde_temporality to)
{
	*bench = (struct bench){
		.settings = { .request_bytes = 1 << 20, .temporality = to, .series_limit = 100 }
	};
	host = *instance.host;
	host.now_ns = tell_now;
	host.settle = note_outcome;
	instance.host = &host;
	now_ns = STARTED_NS;
	settled_count = 0;
	bench->maker = (struct request_maker){ .encoder = otlp_encoder_create(),
					       .settings = &bench->settings };
	request_limit_begin(&bench->limit, &bench->settings, &bench->target);
	assert_int_equal(temporality_open(&temporality, &instance, &bench->settings), 0);
}

static void close_bench(struct bench *bench)
{
	struct transport none = { 0 };

	shipments_release(&instance, &bench->shipments);
	temporality_close(&temporality);
	request_release(&none, &bench->request);
	otlp_encoder_release(bench->maker.encoder);
}

static void offer(struct bench *bench, struct sonde_batch *batch)
{
	bench->batch = batch;
	bench->delivery = (struct sonde_delivery){ .size = sizeof(bench->delivery),
						   .batch_count = 1,
						   .batches = &bench->batch,
						   .sequence = ++bench->sequence,
						   .attempt = 1 };
	assert_non_null(shipment_take(&instance, &bench->shipments, &bench->delivery, unpack));
}

static void offer_again(struct bench *bench)
{
	bench->delivery.attempt++;
	assert_non_null(shipment_take(&instance, &bench->shipments, &bench->delivery, unpack));
}

/* The request of all there is to send. */
static struct points make(struct bench *bench)
{
	struct points points = { 0 };
	const struct otlp_request *protobuf = &bench->request.protobuf;

	if (!shipments_have_work(bench->shipments, SIGNAL_METRICS))
		return points;
	assert_int_equal(request_make(&bench->maker, &bench->request, bench->shipments,
				      SIGNAL_METRICS, &bench->target, &bench->limit),
			 0);
	read_points(&points, 0, otlp_request_data(protobuf), protobuf->length);
	return points;
}

static void take_all(struct bench *bench)
{
	const struct answer done = { .verdict = ANSWER_DONE };

	request_accept(&bench->request, &done);
	shipments_settle(&instance, &bench->shipments);
	sonde_batch_release(&instance, bench->batch);
}

/* "Not now": the delivery will come again. */
static void refuse(struct bench *bench)
{
	const struct answer busy = { .verdict = ANSWER_RETRY, .text = "busy" };

	request_put_back(&bench->request, false);
	shipments_hold(bench->shipments, &busy);
	shipments_settle(&instance, &bench->shipments);
	assert_int_equal(outcome.verdict, SONDE_RETRY);
}

static void deltas_are_sent_as_what_they_add_up_to(void **state)
{
	struct bench bench;

	(void)state;
	open_bench(&bench, SONDE_CUMULATIVE);
	for (uint32_t i = 1; i <= 3; i++) {
		struct points points;

		now_ns += 100;
		offer(&bench, sums(now_ns, 0, 5, SONDE_DELTA));
		points = make(&bench);
		assert_int_equal(points.count, 2); /* one a series */
		assert_int_equal(points.temporality, SONDE_CUMULATIVE);
		for (uint32_t at = 0; at < points.count; at++) {
			assert_int_equal(points.items[at].value, i * 10);
			assert_int_equal(points.items[at].time_ns, now_ns);
			assert_int_equal(points.items[at].start_ns, STARTED_NS);
		}
		take_all(&bench);
		assert_int_equal(outcome.verdict, SONDE_DONE);
		assert_int_equal(outcome.rejected_rows, 0); /* rows that others tell are none */
	}
	assert_int_equal(settled_count, 3);
	close_bench(&bench);
}

static void what_is_offered_again_is_not_added_again(void **state)
{
	struct points first, again;
	struct bench bench;

	(void)state;
	open_bench(&bench, SONDE_CUMULATIVE);
	offer(&bench, sums(2000, 0, 5, SONDE_DELTA));
	first = make(&bench);
	refuse(&bench);
	offer_again(&bench);
	again = make(&bench);
	assert_memory_equal(&first, &again, sizeof(first));
	refuse(&bench);
	offer_again(&bench);
	again = make(&bench);
	assert_memory_equal(&first, &again, sizeof(first));
	take_all(&bench);
	assert_int_equal(outcome.verdict, SONDE_DONE);
	close_bench(&bench);
}

static void a_restart_begins_with_a_start_of_its_own(void **state)
{
	struct points points;
	struct bench bench;

	(void)state;
	open_bench(&bench, SONDE_CUMULATIVE);
	offer(&bench, sums(2000, 0, 5, SONDE_DELTA));
	(void)make(&bench);
	take_all(&bench);
	temporality_close(&temporality);
	now_ns = 3000;
	assert_int_equal(temporality_open(&temporality, &instance, &bench.settings), 0);
	offer(&bench, sums(4000, 0, 1, SONDE_DELTA));
	points = make(&bench);
	assert_int_equal(points.count, 2);
	assert_int_equal(points.items[0].value, 2);
	assert_int_equal(points.items[0].start_ns, 3000);
	take_all(&bench);
	close_bench(&bench);
}

static void cumulative_points_are_sent_as_differences(void **state)
{
	struct points points;
	struct bench bench;

	(void)state;
	open_bench(&bench, SONDE_DELTA);
	offer(&bench, sums(2000, 500, 100, SONDE_CUMULATIVE)); /* it began before the table */
	points = make(&bench);
	assert_int_equal(points.count, 0);
	take_all(&bench);
	assert_int_equal(outcome.verdict, SONDE_DONE);
	offer(&bench, sums(3000, 500, 107, SONDE_CUMULATIVE));
	points = make(&bench);
	assert_int_equal(points.count, 2);
	assert_int_equal(points.temporality, SONDE_DELTA);
	assert_int_equal(points.items[0].value, 7);
	assert_int_equal(points.items[0].start_ns, 2000);
	assert_int_equal(points.items[0].time_ns, 3000);
	take_all(&bench);
	close_bench(&bench);
}

static void what_is_left_alone_is_the_batch_itself(void **state)
{
	struct points points;
	struct bench bench;

	(void)state;
	open_bench(&bench, SONDE_UNSPECIFIED);
	offer(&bench, sums(2000, 0, 5, SONDE_DELTA));
	assert_ptr_equal(bench.shipments->parcels[0].parts[0], bench.batch);
	points = make(&bench);
	assert_int_equal(points.count, ROWS);
	assert_int_equal(points.temporality, SONDE_DELTA);
	take_all(&bench);
	close_bench(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(deltas_are_sent_as_what_they_add_up_to, table_begin,
						table_end),
		cmocka_unit_test_setup_teardown(what_is_offered_again_is_not_added_again,
						table_begin, table_end),
		cmocka_unit_test_setup_teardown(a_restart_begins_with_a_start_of_its_own,
						table_begin, table_end),
		cmocka_unit_test_setup_teardown(cumulative_points_are_sent_as_differences,
						table_begin, table_end),
		cmocka_unit_test_setup_teardown(what_is_left_alone_is_the_batch_itself, table_begin,
						table_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
