/* SPDX-License-Identifier: Apache-2.0 */
/* An instance under test, driven: started, timed, fed, stopped. */
#include <errno.h>
#include <stdlib.h>

#include "processor.h"
#include "test_host.h"

static bool is_running(const struct sonde_test *test)
{
	return instance_is_running(test->instance);
}

uint64_t test_callback_count(const struct sonde_test *test)
{
	return test->instance->callback_count;
}

struct sonde_instance *sonde_test_instance(struct sonde_test *test)
{
	return &test->instance->base;
}

int64_t sonde_test_now_ns(struct sonde_test *test)
{
	return test->loop.now_ns;
}

int sonde_test_start(struct sonde_test *test)
{
	test_enter(test);
	if (is_running(test))
		test_die("%s is started already", test->config.name);
	loop_timer_end(&test->loop, &test->instance->restart);
	test->instance->state = INSTANCE_IDLE;
	test->instance->draining = false;
	test->instance->drained = false;
	instance_start(test->instance);
	return test->result;
}

void sonde_test_stop(struct sonde_test *test)
{
	test_enter(test);
	instance_stop(test->instance);
	test_drop_deliveries(test);
	if (test->descriptor.kind == SONDE_PROCESSOR)
		processor_give_up(test->instance);
}

bool sonde_test_drain(struct sonde_test *test)
{
	test_enter(test);
	instance_drain(test->instance);
	return sonde_test_is_drained(test);
}

bool sonde_test_is_drained(struct sonde_test *test)
{
	return __atomic_load_n(&test->instance->drained, __ATOMIC_ACQUIRE);
}

int sonde_test_set(struct sonde_test *test, const char *knob, const char *value)
{
	struct knob_value before;
	char error[512] = "";
	int result;

	test_enter(test);
	result = instance_set(test->instance, knob, value, &before, error, sizeof(error));
	test_error_set("%s", error);
	return result;
}

/* ---- time and fds ------------------------------------------------------------------------ */

uint32_t sonde_test_advance(struct sonde_test *test, int64_t ns)
{
	uint64_t before = test_callback_count(test);

	test_enter(test);
	if (ns < 0)
		test_die("the clock cannot go back");
	test_loop_advance(&test->loop, test->loop.now_ns + ns);
	return (uint32_t)(test_callback_count(test) - before);
}

uint32_t sonde_test_poll(struct sonde_test *test, int timeout_ms)
{
	uint64_t before = test_callback_count(test);
	int fd = -1;

	test_enter(test);
	if (test_loop_poll(&test->loop, timeout_ms, &fd))
		test_die("%s closed fd %d while it was watched: unwatch it before",
			 test->config.name, fd);
	return (uint32_t)(test_callback_count(test) - before);
}

void sonde_test_ready(struct sonde_test *test, int fd, uint32_t events)
{
	test_enter(test);
	if (!test_loop_ready(&test->loop, fd, events))
		test_die("%s does not watch fd %d", test->config.name, fd);
}

/* ---- rows and batches -------------------------------------------------------------------- */

void test_keep(struct sonde_test *test, struct sonde_batch *batch)
{
	test->batches = test_memory(
		realloc(test->batches, (test->batch_count + 1) * sizeof(struct sonde_batch *)));
	test->batches[test->batch_count++] = batch;
}

static void batch_answer(struct sonde_batch *batch, enum sonde_verdict verdict, const char *reason)
{
	const struct receipts *receipts = batch_receipts(batch);

	for (uint32_t i = 0; i < receipts->count; i++) {
		struct receipt_share share = receipts->items[i];

		if (verdict == SONDE_DONE)
			receipt_delivered(share.receipt, share.rows);
		else
			receipt_lost(share.receipt, share.rows, reason, verdict == SONDE_RETRY,
				     false);
	}
	batch_release(batch);
}

uint32_t sonde_test_forget(struct sonde_test *test, enum sonde_verdict verdict, const char *reason)
{
	uint64_t before = test_callback_count(test);
	uint32_t count = sonde_test_batch_count(test); /* gathers what waits */
	struct sonde_batch **batches = test->batches;

	test_enter(test);
	test->batches = NULL;
	test->batch_count = 0;
	for (uint32_t i = 0; i < count; i++)
		batch_answer(batches[i], verdict, reason);
	free(batches);
	test_loop_run_tasks(&test->loop);
	return (uint32_t)(test_callback_count(test) - before);
}

static void fed_settled(void *data, uint64_t rows, const struct sonde_settlement *settlement)
{
	struct sonde_test *test = data;

	test->settled_rows += rows;
}

/* Fed rows carry a receipt, whose token is how many they are. */
int sonde_test_process(struct sonde_test *test, struct sonde_batch *batch)
{
	struct receipt *receipt;

	test_enter(test);
	if (!test->process || !is_running(test))
		test_die("%s: a batch for a processor that is %s", test->config.name,
			 test->process ? "not started" : "none");
	batch_finish(batch);
	receipt = test_memory(receipt_create(fed_settled, test, batch->selected_count));
	if (receipts_add(batch_receipts(batch), receipt, batch->selected_count))
		test_memory(NULL);
	receipt_release(receipt);
	processor_run(test->instance, batch);
	return test->result;
}

struct sonde_test_account sonde_test_account(struct sonde_test *test)
{
	const struct account *account = &test->account;
	struct sonde_test_account rows = {
		.in = account->in.rows,
		.made = account->made.rows,
		.out = account->out.rows,
		.held = test->instance->held.rows,
		.settled = test->settled_rows,
	};

	for (uint32_t i = 0; i < SONDE_REDUCTION_COUNT; i++)
		rows.reduced[i] = account->reduced[i].rows;
	for (uint32_t i = 0; i < SONDE_LOSS_COUNT; i++)
		rows.lost[i] = account->lost[i].rows;
	return rows;
}

const struct sonde_tally *sonde_test_tally(struct sonde_test *test)
{
	return test->tallied ? &test->tally : NULL;
}
