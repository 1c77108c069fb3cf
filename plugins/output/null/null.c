/* SPDX-License-Identifier: Apache-2.0 */
/* Output `null`: takes rows and forgets them, as fast, as slowly or as badly as a test wants. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sonde/plugin.h>

enum { NULL_IN_FLIGHT = 16, NULL_TIMER = 0 };

enum { FAIL_NONE, FAIL_RETRY, FAIL_REJECT };

struct null {
	int64_t delay_ns;     /* option: from a delivery's coming to its answer */
	bool block;           /* option: nothing is answered while it is true */
	uint32_t fail;        /* option: FAIL_... */
	uint64_t row_count;   /* counter: rows of deliveries that were answered "done" */
	uint64_t batch_count; /* counter */
	struct {
		struct sonde_delivery *delivery;
		int64_t due_ns;
	} kept[NULL_IN_FLIGHT]; /* deliveries to be answered, oldest first */
	uint32_t kept_count;
};

static const char *const null_fails[] = { "none", "retry", "reject", NULL };

static const struct sonde_option null_options[] = { { .name = "delay",
						      .type = SONDE_DURATION,
						      SONDE_MEMBER(struct null, delay_ns),
						      .value = "0s",
						      .knob = true,
						      .help = "how long a delivery takes" },
						    { .name = "block",
						      .type = SONDE_BOOL,
						      SONDE_MEMBER(struct null, block),
						      .value = "false",
						      .knob = true,
						      .help = "answers nothing while it is true" },
						    { .name = "fail",
						      .type = SONDE_CHOICE,
						      SONDE_MEMBER(struct null, fail),
						      .value = "none",
						      .choices = null_fails,
						      .knob = true,
						      .help = "how deliveries end" },
						    { 0 } };

static const struct sonde_counter null_counters[] = { { .name = "rows",
							SONDE_MEMBER(struct null, row_count),
							.unit = "{row}",
							.help = "rows taken" },
						      { .name = "batches",
							SONDE_MEMBER(struct null, batch_count),
							.unit = "{batch}",
							.help = "batches taken" },
						      { 0 } };

static void null_answer(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	static const uint32_t verdicts[] = { SONDE_DONE, SONDE_RETRY, SONDE_REJECTED };
	struct null *null = instance->self;
	struct sonde_outcome outcome = { .size = sizeof(outcome),
					 .verdict = verdicts[null->fail],
					 .reason = null->fail ? "as configured" : NULL };

	for (uint32_t i = 0; i < delivery->batch_count && null->fail == FAIL_NONE; i++) {
		sonde_count(&null->row_count, delivery->batches[i]->selected_count);
		sonde_count(&null->batch_count, 1);
	}
	sonde_settle(instance, delivery, &outcome);
}

/* Answers what is due, oldest first, and sets the timer for the next. */
static int null_run(struct sonde_instance *instance)
{
	struct null *null = instance->self;
	int64_t now_ns = sonde_now_ns(instance);
	uint32_t due = 0;

	if (null->block)
		return sonde_after(instance, NULL_TIMER, -1);
	while (due < null->kept_count && null->kept[due].due_ns <= now_ns)
		null_answer(instance, null->kept[due++].delivery);
	null->kept_count -= due;
	memmove(null->kept, null->kept + due, null->kept_count * sizeof(null->kept[0]));
	if (!null->kept_count)
		return 0;
	return sonde_after(instance, NULL_TIMER, null->kept[0].due_ns - now_ns);
}

static int null_timer(struct sonde_instance *instance, int id)
{
	return null_run(instance);
}

static int null_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct null *null = instance->self;

	if (!null->delay_ns && !null->block) {
		null_answer(instance, delivery);
		return SONDE_LATER; /* answered already */
	}
	null->kept[null->kept_count].delivery = delivery;
	null->kept[null->kept_count++].due_ns = sonde_now_ns(instance) + null->delay_ns;
	if (null->kept_count == 1 && !null->block)
		return sonde_after(instance, NULL_TIMER, null->delay_ns) < 0 ? -ENOMEM
									     : SONDE_LATER;
	return SONDE_LATER;
}

static int null_set(struct sonde_instance *instance)
{
	struct null *null = instance->self;

	for (uint32_t i = 0; i < null->kept_count && !null->block; i++) {
		if (null->kept[i].due_ns > sonde_now_ns(instance) + null->delay_ns)
			null->kept[i].due_ns = sonde_now_ns(instance) + null->delay_ns;
	}
	return null_run(instance);
}

static const struct sonde_plugin null_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "null",
	.summary = "takes rows and forgets them",
	.manual = "For measuring and testing a pipeline: it answers at once, after a delay, or not "
		  "at "
		  "all; it can ask for every delivery again or refuse it for good.",
	.self_size = sizeof(struct null),
	.replication = SONDE_ANY_REPLICA,
	.in_flight = NULL_IN_FLIGHT,
	.batch_limit = 16,
	.options = null_options,
	.counters = null_counters,
	.set = null_set,
	.timer = null_timer,
	.write = null_write,
};

SONDE_EXPORT(null_plugin)
