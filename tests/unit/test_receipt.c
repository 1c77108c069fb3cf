// SPDX-License-Identifier: Apache-2.0
/* What core/receipt.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "receipt.h"

/* An origin: what it heard. */
struct heard {
	uint32_t count;
	uint64_t token;
	struct sonde_settlement settlement;
};

static void hear(void *origin, uint64_t token, const struct sonde_settlement *settlement)
{
	struct heard *heard = origin;

	heard->count++;
	heard->token = token;
	heard->settlement = *settlement;
}

static void the_origin_hears_once_when_the_last_reference_goes(void **state)
{
	struct heard heard = { 0 };
	struct receipt *receipt = receipt_create(hear, &heard, 42);

	assert_ptr_equal(receipt_hold(receipt), receipt);
	receipt_delivered(receipt, 900);
	receipt_release(receipt);
	assert_int_equal(heard.count, 0);
	receipt_reduced(receipt, 100);
	receipt_release(receipt);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.token, 42);
	assert_int_equal(heard.settlement.size, sizeof(struct sonde_settlement));
	assert_int_equal(heard.settlement.verdict, SONDE_DONE);
	assert_int_equal(heard.settlement.delivered_rows, 900);
	assert_int_equal(heard.settlement.reduced_rows, 100);
	assert_int_equal(heard.settlement.lost_rows, 0);
	assert_false(heard.settlement.uncertain);
	assert_null(heard.settlement.reason);
	receipt_release(NULL);
}

/* What an origin hears of one branch that delivered and two that lost. */
static struct sonde_settlement settle(uint64_t delivered, uint64_t lost, bool retry,
				      uint64_t lost_too, bool retry_too)
{
	struct heard heard = { 0 };
	struct receipt *receipt = receipt_create(hear, &heard, 0);

	receipt_delivered(receipt, delivered);
	receipt_lost(receipt, lost, "queue full", retry, false);
	receipt_lost(receipt, lost_too, "rejected", retry_too, false);
	receipt_release(receipt);
	assert_int_equal(heard.count, 1);
	return heard.settlement;
}

static void a_resend_is_asked_for_only_when_no_branch_took_a_row(void **state)
{
	assert_int_equal(settle(0, 10, true, 0, false).verdict, SONDE_RETRY);
	assert_int_equal(settle(0, 10, true, 10, false).verdict, SONDE_RETRY);
	assert_int_equal(settle(1, 10, true, 10, true).verdict, SONDE_DONE);
	assert_int_equal(settle(10, 0, false, 0, false).verdict, SONDE_DONE);
	assert_int_equal(settle(0, 0, false, 0, false).verdict, SONDE_DONE);
}

static void rows_that_no_one_will_ever_take_are_rejected(void **state)
{
	struct sonde_settlement settlement = settle(0, 10, false, 5, false);

	assert_int_equal(settlement.verdict, SONDE_REJECTED);
	assert_int_equal(settlement.lost_rows, 15);
}

static void a_failed_branch_books_its_loss_beside_a_yes(void **state)
{
	struct sonde_settlement settlement = settle(10, 0, true, 10, false);

	assert_int_equal(settlement.verdict, SONDE_DONE);
	assert_int_equal(settlement.delivered_rows, 10);
	assert_int_equal(settlement.lost_rows, 10);
	assert_string_equal(settlement.reason, "rejected");
}

static void the_reason_is_that_of_the_first_loss(void **state)
{
	assert_string_equal(settle(0, 1, false, 1, false).reason, "queue full");
}

static void one_uncertain_loss_makes_the_settlement_uncertain(void **state)
{
	struct heard heard = { 0 };
	struct receipt *receipt = receipt_create(hear, &heard, 0);

	receipt_lost(receipt, 1, "no answer", true, true);
	receipt_lost(receipt, 1, "no answer", true, false);
	receipt_release(receipt);
	assert_true(heard.settlement.uncertain);
	assert_int_equal(heard.settlement.verdict, SONDE_RETRY);
}

static void a_list_holds_its_receipts_until_it_is_cleared(void **state)
{
	struct heard heard[40] = { 0 };
	struct receipts window = { 0 }, batch = { 0 };

	for (uint32_t i = 0; i < 40; i++) {
		struct receipt *receipt = receipt_create(hear, &heard[i], i);

		assert_int_equal(receipts_add(i % 2 ? &batch : &window, receipt, i), 0);
		receipt_release(receipt);
	}
	assert_int_equal(receipts_join(&window, &batch), 0);
	assert_int_equal(window.count, 40);
	receipts_clear(&batch);
	assert_int_equal(batch.count, 0);
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(heard[i].count, 0);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(window.items[i].rows, i * 2);
		assert_int_equal(window.items[20 + i].rows, i * 2 + 1);
	}
	receipts_clear(&window);
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(heard[i].count, 1);
	receipts_clear(&window);
}

static void rows_of_one_receipt_in_a_row_share_an_entry(void **state)
{
	struct heard heard = { 0 };
	struct receipt *receipt = receipt_create(hear, &heard, 0);
	struct receipts receipts = { 0 };

	assert_int_equal(receipts_add(&receipts, receipt, 600), 0);
	assert_int_equal(receipts_add(&receipts, receipt, 400), 0);
	assert_int_equal(receipts.count, 1);
	assert_int_equal(receipts.items[0].rows, 1000);
	receipt_release(receipt);
	receipts_clear(&receipts);
	assert_int_equal(heard.count, 1);
}

static void *branch(void *data)
{
	struct receipt *receipt = data;

	for (uint32_t i = 0; i < 10000; i++) {
		receipt_hold(receipt);
		receipt_delivered(receipt, 1);
		receipt_reduced(receipt, 2);
		receipt_lost(receipt, 3, "queue full", true, i % 2);
		receipt_release(receipt);
	}
	receipt_release(receipt);
	return NULL;
}

static void branches_on_many_threads_add_up(void **state)
{
	struct heard heard = { 0 };
	struct receipt *receipt = receipt_create(hear, &heard, 7);
	pthread_t threads[4];

	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, branch, receipt_hold(receipt)),
				 0);
	receipt_release(receipt);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.settlement.delivered_rows, 40000);
	assert_int_equal(heard.settlement.reduced_rows, 80000);
	assert_int_equal(heard.settlement.lost_rows, 120000);
	assert_true(heard.settlement.uncertain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_origin_hears_once_when_the_last_reference_goes),
		cmocka_unit_test(a_resend_is_asked_for_only_when_no_branch_took_a_row),
		cmocka_unit_test(rows_that_no_one_will_ever_take_are_rejected),
		cmocka_unit_test(a_failed_branch_books_its_loss_beside_a_yes),
		cmocka_unit_test(the_reason_is_that_of_the_first_loss),
		cmocka_unit_test(one_uncertain_loss_makes_the_settlement_uncertain),
		cmocka_unit_test(a_list_holds_its_receipts_until_it_is_cleared),
		cmocka_unit_test(rows_of_one_receipt_in_a_row_share_an_entry),
		cmocka_unit_test(branches_on_many_threads_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
