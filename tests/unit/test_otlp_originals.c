// SPDX-License-Identifier: Apache-2.0
/* Records that nobody changed go out as the bytes that they came in as, unknown fields included. */
#include "otlp_decode_fixture.h"

#include "encode.h"

enum { UNKNOWN = 200 };

static struct otlp_encoder *encoder;
static struct otlp_request request;

static int begin_both(void **state)
{
	encoder = otlp_encoder_create();
	return !encoder || begin(state);
}

static int end_both(void **state)
{
	otlp_encoder_release(encoder);
	otlp_request_release(&request);
	memset(&request, 0, sizeof(request));
	return end(state);
}

/* A log record with its number as body and in a field that no decoder knows. */
static struct built record(uint32_t number, const char *key)
{
	struct built item = { 0 }, body = { 0 };

	build_number(&body, ANY_INTEGER, number);
	build_message(&item, LOG_BODY, &body);
	add_text_pair(&item, LOG_ATTRIBUTES, key, "value");
	build_number(&item, UNKNOWN, number);
	return item;
}

/* How many times the bytes stand in the request. */
static uint32_t times_sent(const struct built *item)
{
	const unsigned char *at = otlp_request_data(&request), *end = at + request.length;
	uint32_t count = 0;

	for (; (at = memmem(at, (size_t)(end - at), item->data, item->length)) != NULL; at++)
		count++;
	return count;
}

static const struct sonde_text *originals(void)
{
	return sonde_originals(decoded.batch, SONDE_FORMAT_OTLP);
}

static void encode(const struct sonde_batch *batch)
{
	otlp_request_clear(&request);
	assert_int_equal(otlp_encode(encoder, batch, 0, UINT32_MAX, &request), 0);
}

/* ---- logs -------------------------------------------------------------------------------- */

static void untouched_records_go_out_as_they_came(void **state)
{
	struct built items = { 0 };

	for (uint32_t i = 0; i < 100; i++) {
		struct built item = record(i, i % 3 ? "short" : "a.key.that.is.somewhat.longer");

		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	encode(decoded.batch);
	assert_int_equal(request.item_count, 100);
	assert_int_equal(times_sent(&items), 1); /* one behind the other, as they lay */
}

static void selected_ones_go_out_alone_and_in_their_order(void **state)
{
	unsigned char bits[2] = { 0x66, 0x03 };
	struct built items = { 0 }, kept = { 0 };
	struct sonde_batch *derived;

	for (uint32_t i = 0; i < 12; i++) {
		struct built item = record(i, "key");

		add_item(&items, &item);
		if (bits[i / 8] >> i % 8 & 1)
			add_item(&kept, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	derived = sonde_batch_derive(&otlp_instance, decoded.batch);
	assert_int_equal(sonde_batch_select(&otlp_instance, derived, bits), 0);
	otlp_host_finish(derived);
	encode(derived);
	assert_int_equal(request.item_count, 6);
	assert_int_equal(times_sent(&kept), 1);
	sonde_batch_release(&otlp_instance, derived);
}

static void a_row_without_one_is_made_of_its_columns(void **state)
{
	struct built items = { 0 }, first = record(1, "first"), third = record(3, "third");
	struct built second = record(2, "bad \xff key");

	add_item(&items, &first);
	add_item(&items, &second);
	add_item(&items, &third);
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_int_equal(decoded.repaired_count, 1);
	assert_non_null(originals()[0].data);
	assert_null(originals()[1].data);
	assert_non_null(originals()[2].data);
	encode(decoded.batch);
	assert_int_equal(request.item_count, 3);
	assert_int_equal(times_sent(&first), 1);
	assert_int_equal(times_sent(&second), 0);
	assert_int_equal(times_sent(&third), 1);
	second = record(2, "bad \xef\xbf\xbd key");
	second.length -= 3; /* the unknown field is not in the columns */
	assert_int_equal(
		decode_bytes(SONDE_SIGNAL_LOG, otlp_request_data(&request), request.length), 0);
	assert_int_equal(decoded.row_count, 3);
	assert_int_equal(decoded.repaired_count, 0);
	assert_text(attribute("bad \xef\xbf\xbd key"), 1, "value");
}

static void what_changes_a_row_makes_it_another(void **state)
{
	const struct sonde_field rank = { .name = "rank", .type = SONDE_I64 };
	struct built items = { 0 }, item = record(7, "key");
	struct sonde_batch *derived;

	add_item(&items, &item);
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	derived = sonde_batch_derive(&otlp_instance, decoded.batch);
	assert_non_null(sonde_batch_add(&otlp_instance, derived, &rank, NULL));
	otlp_host_finish(derived);
	encode(derived);
	assert_int_equal(request.item_count, 1);
	assert_int_equal(times_sent(&item), 0);
	sonde_batch_release(&otlp_instance, derived);
}

static void records_as_good_as_empty_have_none(void **state)
{
	struct built items = { 0 }, item = { 0 };

	for (uint32_t i = 0; i < 100; i++)
		add_item(&items, &item);
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_null(originals());
	encode(decoded.batch);
	assert_int_equal(request.item_count, 100);
	assert_int_equal(times_sent(&items), 1);
}

static void refused_records_leave_theirs_to_nobody(void **state)
{
	struct built items = { 0 }, refused = { 0 }, bad = record(2, "bad \xff key");
	struct built good = record(3, "key");

	build_text(&refused, LOG_SPAN_ID, "no id, but 17 byt");
	add_item(&items, &refused);
	add_item(&items, &bad);
	add_item(&items, &refused);
	add_item(&items, &good);
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	assert_int_equal(decoded.row_count, 2);
	assert_int_equal(decoded.refused_count, 2);
	assert_null(originals()[0].data);
	assert_int_equal(originals()[1].length, good.length);
	encode(decoded.batch);
	assert_int_equal(times_sent(&refused), 0);
	assert_int_equal(times_sent(&good), 1);
}

/* What a later field takes the place of may be no UTF-8, for which receivers refuse all of a
 * request.
 */
static void what_was_not_looked_at_does_not_go_out(void **state)
{
	for (uint32_t i = 0; i < 4; i++) { /* a key or a value, with the other or without */
		struct built items = { 0 }, item = { 0 }, pair = { 0 }, bad = { 0 }, good = { 0 };

		build_text(&bad, ANY_TEXT, "bad \xff text");
		build_text(&good, ANY_TEXT, "good text");
		if (i & 1)
			build_message(&pair, PAIR_VALUE, &bad);
		else
			build_text(&pair, PAIR_KEY, "bad \xff key");
		if (i & 1 || i & 2)
			build_message(&pair, PAIR_VALUE, &good);
		if (!(i & 1) || i & 2)
			build_text(&pair, PAIR_KEY, "key");
		build_message(&item, LOG_ATTRIBUTES, &pair);
		add_text_pair(&item, LOG_ATTRIBUTES, "key", "first");
		build_message(&item, LOG_ATTRIBUTES, &pair); /* goes into a map */
		add_item(&items, &item);
		assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
		assert_null(originals()[0].data);
		encode(decoded.batch);
		assert_null(memmem(otlp_request_data(&request), request.length, "\xff", 1));
	}
}

/* ---- borrowed ---------------------------------------------------------------------------- */

/* Records of all sizes: some go together, some are changed, so that there is no original. */
static struct sonde_batch *make_records(void)
{
	static char key[600];
	struct built items = { 0 };

	for (uint32_t i = 0; i < 150; i++) {
		struct built item;

		memset(key, 'a', sizeof(key) - 1);
		key[i % 13 ? 5 : sizeof(key) - 1] = 0;
		item = record(i, i % 29 == 3 ? "bad \xff key" : key);
		key[i % 13 ? 5 : sizeof(key) - 1] = 'a';
		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_LOG, &items), 0);
	return decoded.batch;
}

/* Reads it in pieces of a size, from an offset on. */
static void check_read(const struct otlp_request *borrowed, size_t from, size_t step)
{
	static unsigned char all[1 << 17];
	size_t done = from;

	assert_true(borrowed->length < sizeof(all));
	while (done < borrowed->length) {
		size_t count = otlp_request_read(borrowed, done, all + done, step);

		assert_int_equal(count,
				 step < borrowed->length - done ? step : borrowed->length - done);
		done += count;
	}
	assert_int_equal(otlp_request_read(borrowed, done, all, 1), 0);
	assert_memory_equal(all + from, otlp_request_data(&request) + from,
			    borrowed->length - from);
}

static void what_is_borrowed_reads_like_what_is_copied(void **state)
{
	static const size_t steps[] = { 1, 7, 1000, 1024, 1 << 16 };
	struct sonde_batch *batch = make_records();
	struct otlp_request borrowed = { .borrows = true };

	otlp_request_clear(&request);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(otlp_encode(encoder, batch, 0, UINT32_MAX, &request), 0);
		assert_int_equal(otlp_encode(encoder, batch, 0, UINT32_MAX, &borrowed), 0);
	}
	assert_int_equal(request.loan_count, 0);
	assert_true(borrowed.loan_count >= 3 * 3);
	assert_true(borrowed.lent_bytes > borrowed.length / 2);
	assert_int_equal(borrowed.length, request.length);
	assert_int_equal(borrowed.item_count, request.item_count);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		check_read(&borrowed, 0, steps[i]);
		check_read(&borrowed, borrowed.length / 3, steps[i]);
	}
	otlp_request_release(&borrowed);
}

static void what_was_borrowed_last_can_be_taken_back(void **state)
{
	struct sonde_batch *batch = make_records();
	struct otlp_request borrowed = { .borrows = true }, before;

	otlp_request_clear(&request);
	assert_int_equal(otlp_encode(encoder, batch, 0, 100, &request), 0);
	assert_int_equal(otlp_encode(encoder, batch, 0, 100, &borrowed), 0);
	before = borrowed;
	assert_int_equal(otlp_encode(encoder, batch, 0, UINT32_MAX, &borrowed), 0);
	otlp_request_rewind(&borrowed, &before);
	assert_int_equal(borrowed.item_count, 100);
	assert_int_equal(borrowed.length, request.length);
	check_read(&borrowed, 0, 1000);
	assert_int_equal(otlp_encode(encoder, batch, 50, 150, &borrowed), 0);
	assert_int_equal(otlp_encode(encoder, batch, 50, 150, &request), 0);
	check_read(&borrowed, 0, 1000);
	otlp_request_clear(&borrowed);
	assert_int_equal(otlp_request_read(&borrowed, 0, &before, 1), 0);
	otlp_request_release(&borrowed);
}

/* ---- spans and points -------------------------------------------------------------------- */

static void a_text_that_is_mended_in_an_event_is_mended_in_its_span(void **state)
{
	struct built items = { 0 };

	for (uint32_t i = 0; i < 3; i++) {
		struct built item = { 0 }, event = { 0 };

		build_text(&item, SPAN_TRACE_ID, "0123456789abcdef");
		build_text(&item, SPAN_SPAN_ID, "01234567");
		build_text(&event, EVENT_NAME, i == 1 ? "bad \xff name" : "name");
		build_message(&item, SPAN_EVENTS, &event);
		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_SPAN, &items), 0);
	assert_non_null(originals()[0].data);
	assert_null(originals()[1].data);
	assert_non_null(originals()[2].data);
	encode(decoded.batch);
	assert_null(memmem(otlp_request_data(&request), request.length, "\xff", 1));
	assert_non_null(memmem(otlp_request_data(&request), request.length, "bad \xef\xbf\xbd", 7));
}

static void a_span_without_ids_gets_some(void **state)
{
	struct built items = { 0 };

	for (uint32_t i = 0; i < 4; i++) {
		struct built item = { 0 };

		build_text(&item, SPAN_NAME, "a name of some length");
		if (i & 1)
			build_text(&item, SPAN_TRACE_ID, "0123456789abcdef");
		if (i & 2)
			build_text(&item, SPAN_SPAN_ID, "01234567");
		add_item(&items, &item);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_SPAN, &items), 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(originals()[i].data != NULL, i == 3);
	encode(decoded.batch);
	assert_int_equal(
		decode_bytes(SONDE_SIGNAL_SPAN, otlp_request_data(&request), request.length), 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_non_null(originals()[i].data);
}

static void points_go_out_under_their_metrics(void **state)
{
	struct built items = { 0 }, points[3] = { 0 };

	for (uint32_t i = 0; i < 3; i++) {
		struct built metric = { 0 }, data = { 0 };

		build_text(&metric, METRIC_NAME, i ? "one" : "other");
		build_fixed64(&points[i], NUMBER_TIME, 1000 + i);
		build_fixed64(&points[i], NUMBER_INTEGER, i);
		build_number(&points[i], UNKNOWN, i);
		build_message(&data, DATA_POINTS, &points[i]);
		build_message(&metric, METRIC_GAUGE, &data);
		add_item(&items, &metric);
	}
	assert_int_equal(decode_items(SONDE_SIGNAL_METRIC, &items), 0);
	encode(decoded.batch);
	assert_int_equal(request.item_count, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(times_sent(&points[i]), 1);
	assert_int_equal(
		decode_bytes(SONDE_SIGNAL_METRIC, otlp_request_data(&request), request.length), 0);
	assert_int_equal(decoded.row_count, 3);
}

int main(void)
{
#define with_both(test_) cmocka_unit_test_setup_teardown(test_, begin_both, end_both)
	const struct CMUnitTest tests[] = {
		with_both(untouched_records_go_out_as_they_came),
		with_both(selected_ones_go_out_alone_and_in_their_order),
		with_both(a_row_without_one_is_made_of_its_columns),
		with_both(what_changes_a_row_makes_it_another),
		with_both(records_as_good_as_empty_have_none),
		with_both(refused_records_leave_theirs_to_nobody),
		with_both(what_was_not_looked_at_does_not_go_out),
		with_both(what_is_borrowed_reads_like_what_is_copied),
		with_both(what_was_borrowed_last_can_be_taken_back),
		with_both(a_text_that_is_mended_in_an_event_is_mended_in_its_span),
		with_both(a_span_without_ids_gets_some),
		with_both(points_go_out_under_their_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
