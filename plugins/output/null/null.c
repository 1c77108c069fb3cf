// SPDX-License-Identifier: Apache-2.0
/* Output `null`: takes everything and keeps nothing; slow, stuck or failing if it is asked to be.
 */
#include <errno.h>
#include <stddef.h>
#include <sonde/plugin.h>

enum {
	IN_FLIGHT = 8,    /* deliveries kept at once; each has the timer of its place */
	BATCH_LIMIT = 64, /* batches of a delivery */
};

enum fail { FAIL_NONE, FAIL_RETRY, FAIL_REJECT };

static const char *const fail_names[] = { "none", "retry", "reject", NULL };

struct null {
	int64_t delay_ns; /* option: how long a delivery takes */
	bool block;       /* option: keep deliveries and never answer */
	uint32_t fail;    /* option: enum fail */

	struct sonde_delivery *kept[IN_FLIGHT];
	uint64_t rows, batches, refused_rows; /* counters */
};

static const struct sonde_option null_options[] = {
	{ .name = "delay",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct null, delay_ns),
	  .value = "0s",
	  .minimum = "0s",
	  .knob = true,
	  .help = "how long a delivery takes" },
	{ .name = "block",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct null, block),
	  .value = "false",
	  .knob = true,
	  .help = "answer nothing while this is set, as a dead receiver" },
	{ .name = "fail",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct null, fail),
	  .value = "none",
	  .choices = fail_names,
	  .knob = true,
	  .help = "how deliveries end: none: taken; retry: not now; reject: never" },
	{ 0 },
};

static const struct sonde_counter null_counters[] = {
	{ .name = "rows", SONDE_MEMBER(struct null, rows), .unit = "{row}", .help = "rows taken" },
	{ .name = "batches",
	  SONDE_MEMBER(struct null, batches),
	  .unit = "{batch}",
	  .help = "batches taken" },
	{ .name = "refused_rows",
	  SONDE_MEMBER(struct null, refused_rows),
	  .unit = "{row}",
	  .help = "rows put off or rejected, each time that they came" },
	{ 0 },
};

static uint64_t count_rows(const struct sonde_delivery *delivery)
{
	uint64_t rows = 0;

	for (uint32_t i = 0; i < delivery->batch_count; i++)
		rows += delivery->batches[i]->selected_count;
	return rows;
}

/* Says what becomes of a delivery now, and counts it. */
static void answer(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	static const uint32_t verdicts[] = { SONDE_DONE, SONDE_RETRY, SONDE_REJECTED };
	struct null *null = instance->self;
	struct sonde_outcome outcome = {
		.size = sizeof(outcome),
		.verdict = verdicts[null->fail],
		.reason = null->fail == FAIL_NONE ? NULL : "as configured",
	};

	if (null->fail == FAIL_NONE) {
		sonde_count(&null->rows, count_rows(delivery));
		sonde_count(&null->batches, delivery->batch_count);
	} else {
		sonde_count(&null->refused_rows, count_rows(delivery));
	}
	sonde_settle(instance, delivery, &outcome);
}

static int null_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct null *null = instance->self;
	int place = 0, result = 0;

	if (!null->block && !null->delay_ns) {
		answer(instance, delivery);
		return SONDE_LATER;
	}
	while (place < IN_FLIGHT && null->kept[place])
		place++;
	if (place == IN_FLIGHT)
		return sonde_fail(instance, EBUSY, "more than %d deliveries at once", IN_FLIGHT);
	if (!null->block)
		result = sonde_after(instance, place, null->delay_ns);
	if (result < 0)
		return result;
	null->kept[place] = delivery;
	return SONDE_LATER;
}

/* Answers what is kept at a place, if anything is. */
static void let_go(struct sonde_instance *instance, int place)
{
	struct null *null = instance->self;
	struct sonde_delivery *delivery = null->kept[place];

	null->kept[place] = NULL;
	if (delivery)
		answer(instance, delivery);
}

static int null_timer(struct sonde_instance *instance, int place)
{
	const struct null *null = instance->self;

	if (!null->block)
		let_go(instance, place);
	return 0;
}

/* A change of knobs ends every wait that it does not begin. */
static int null_set(struct sonde_instance *instance)
{
	const struct null *null = instance->self;

	for (int place = 0; place < IN_FLIGHT && !null->block; place++) {
		sonde_after(instance, place, -1);
		let_go(instance, place);
	}
	return 0;
}

/* What is still kept goes back to the daemon by itself. */
static void null_stop(struct sonde_instance *instance)
{
	struct null *null = instance->self;

	for (int place = 0; place < IN_FLIGHT; place++)
		null->kept[place] = NULL;
}

static const struct sonde_plugin null_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "null",
	.summary = "takes rows and forgets them",
	.manual =
		"Counts rows and lets them go. The knobs make it a receiver that is slow (`delay`, "
		"for each of up to eight deliveries at once), stuck (`block`) or failing (`fail`), "
		"to see what a pipeline makes of that.",
	.self_size = sizeof(struct null),
	.replication = SONDE_ANY_REPLICA,
	.in_flight = IN_FLIGHT,
	.batch_limit = BATCH_LIMIT,
	.options = null_options,
	.counters = null_counters,
	.stop = null_stop,
	.set = null_set,
	.timer = null_timer,
	.write = null_write,
};

SONDE_EXPORT(null_plugin)
