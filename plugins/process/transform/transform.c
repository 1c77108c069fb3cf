// SPDX-License-Identifier: Apache-2.0
/* Processor `transform`: steps that change rows, one after the other. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sonde/plugin.h>
#include "step.h"

struct transform {
	struct sonde_groups steps; /* option: struct step_options */
	const char *hash_key;      /* option; NULL: none */

	struct step *made; /* as many as steps */
	uint32_t made_count;
	struct hasher *hasher; /* NULL: no key is given */
	unsigned char *bits;   /* of a step's rows, and behind them those that were changed */
	size_t bits_size;      /* bytes of either */

	/* counters */
	struct step_counts counts, told; /* as they are; as far as they were added to those below */
	uint64_t changed_rows, passed_batches, missing_batches, mismatched_batches;
	uint64_t masked_values, hashed_values, abandoned_texts, failed_conversions;
};

static const struct sonde_option transform_options[] = {
	{ .name = "steps",
	  .type = SONDE_GROUPS,
	  SONDE_MEMBER(struct transform, steps),
	  .required = true,
	  .options = step_options,
	  .item_size = sizeof(struct step_options),
	  .help = "what is done to rows, in this order" },
	{ .name = "hash_key",
	  .type = SONDE_SECRET,
	  SONDE_MEMBER(struct transform, hash_key),
	  .help = "of hashes, at least 16 bytes: the same key makes the same hashes" },
	{ 0 },
};

#define COUNTER(name_, unit_, help_)                                                               \
	{                                                                                          \
		.name = #name_, SONDE_MEMBER(struct transform, name_), .unit = unit_,              \
		.help = help_                                                                      \
	}

static const struct sonde_counter transform_counters[] = {
	COUNTER(changed_rows, "{row}", "rows that some step has changed"),
	COUNTER(passed_batches, "{batch}", "batches that went on as they came"),
	COUNTER(masked_values, "{value}", "values in which something was hidden"),
	COUNTER(hashed_values, "{value}", "values that became hashes"),
	COUNTER(abandoned_texts, "{text}",
		"texts that took too long to look through: masked whole, or nothing extracted"),
	COUNTER(failed_conversions, "{value}",
		"values that the type of their column does not hold: they are null, or stay"),
	COUNTER(missing_batches, "{batch}",
		"batches without a column that an expression of a step names, a step each"),
	COUNTER(mismatched_batches, "{batch}",
		"batches in which a column is of a type or role that does not fit, a step each"),
	{ 0 },
};

/* ---- check and start --------------------------------------------------------------------- */

static void say_problem(struct sonde_instance *instance, const char *option, const char *message)
{
	sonde_problem(instance, option, "%s", message);
}

/* In start(), where all of it was checked before. */
static void say_error(struct sonde_instance *instance, const char *option, const char *message)
{
	sonde_log(instance, SONDE_ERROR, "%s: %s", option, message);
}

static int transform_check(struct sonde_instance *instance)
{
	const struct transform *transform = instance->self;
	const struct step_options *options = transform->steps.items;

	if (!transform->steps.count)
		sonde_problem(instance, "steps", "there are none");
	if (transform->steps.count > STEPS_MAXIMUM)
		sonde_problem(instance, "steps", "there are more than %d", STEPS_MAXIMUM);
	if (transform->hash_key && strlen(transform->hash_key) < HASH_KEY_LEAST)
		sonde_problem(instance, "hash_key", "is shorter than %d bytes: it can be guessed",
			      HASH_KEY_LEAST);
	for (uint32_t i = 0; i < transform->steps.count && i < STEPS_MAXIMUM; i++) {
		struct step step = { 0 };

		if (!step_make(instance, &options[i], i, transform->hash_key != NULL, say_problem,
			       &step))
			step_clear(instance, &step);
	}
	return 0;
}

static int transform_start(struct sonde_instance *instance)
{
	struct transform *transform = instance->self;
	const struct step_options *options = transform->steps.items;
	int result = 0;

	transform->made = calloc(transform->steps.count + 1, sizeof(*transform->made));
	if (!transform->made)
		return sonde_fail(instance, ENOMEM, "no memory for %u steps",
				  transform->steps.count);
	if (transform->hash_key) {
		transform->hasher = hasher_create(transform->hash_key);
		if (!transform->hasher)
			return sonde_fail(instance, ENOMEM, "OpenSSL makes no hashes");
	}
	for (uint32_t i = 0; i < transform->steps.count && result >= 0; i++) {
		result = step_make(instance, &options[i], i, transform->hasher != NULL, say_error,
				   &transform->made[i]);
		transform->made_count += result >= 0;
		if (result >= 0)
			result = step_start(instance, &transform->made[i]);
	}
	if (result < 0)
		return sonde_fail(instance, -result, "its steps cannot be made");
	return 0;
}

static void transform_stop(struct sonde_instance *instance)
{
	struct transform *transform = instance->self;

	for (uint32_t i = 0; i < transform->made_count; i++)
		step_clear(instance, &transform->made[i]);
	free(transform->made);
	transform->made = NULL;
	transform->made_count = 0;
	hasher_release(transform->hasher);
	transform->hasher = NULL;
	free(transform->bits);
	transform->bits = NULL;
	transform->bits_size = 0;
}

/* ---- counters ---------------------------------------------------------------------------- */

static void count_worker(struct step_counts *counts, struct worker *worker)
{
	struct matcher_counts now;

	if (!worker->matcher)
		return;
	now = matcher_counts(worker->matcher);
	counts->missing_batches += now.missing_batch_count - worker->seen.missing_batch_count;
	counts->mismatched_batches += now.mismatch_batch_count - worker->seen.mismatch_batch_count;
	counts->abandoned_texts += now.abandoned_count - worker->seen.abandoned_count;
	worker->seen = now;
}

#define TELL(name_)                                                                                \
	if (now->name_ != told->name_)                                                             \
	sonde_count(&transform->name_, now->name_ - told->name_)

static void counts_tell(struct transform *transform)
{
	struct step_counts *now = &transform->counts, *told = &transform->told;

	for (uint32_t i = 0; i < transform->made_count; i++) {
		count_worker(now, &transform->made[i].where);
		count_worker(now, &transform->made[i].value);
	}
	TELL(changed_rows);
	TELL(passed_batches);
	TELL(missing_batches);
	TELL(mismatched_batches);
	TELL(masked_values);
	TELL(hashed_values);
	TELL(abandoned_texts);
	TELL(failed_conversions);
	*told = *now;
}

/* ---- rows -------------------------------------------------------------------------------- */

static bool reserve_bits(struct transform *transform, uint32_t row_count)
{
	size_t size = row_count / 8 + 1;
	unsigned char *bits;

	if (size <= transform->bits_size)
		return true;
	bits = realloc(transform->bits, 4 * size);
	if (!bits)
		return false;
	transform->bits = bits;
	transform->bits_size = 2 * size;
	return true;
}

static int run_step(struct transform *transform, struct passage *passage, struct step *step)
{
	static int (*const actions[ACTIONS])(struct passage *, struct step *) = {
		[ACTION_SET] = step_set,         [ACTION_RENAME] = step_rename,
		[ACTION_DROP] = step_drop,       [ACTION_HASH] = step_hash,
		[ACTION_MASK] = step_mask,       [ACTION_CONVERT] = step_convert,
		[ACTION_EXTRACT] = step_extract,
	};
	int64_t count = 1;

	if (passage_settle(passage) < 0)
		return -ENOMEM;
	passage->where = NULL;
	if (step->where.matcher) {
		passage->where = transform->bits;
		count = matcher_run(step->where.matcher, passage->batch, passage->where);
	}
	if (count <= 0)
		return (int)count;
	return actions[step->action](passage, step);
}

static uint32_t count_changed(const struct passage *passage)
{
	uint32_t count = 0;

	for (uint32_t row = 0; row < passage->batch->row_count; row++)
		count += sonde_bit(passage->changed, row) && sonde_selected(passage->batch, row);
	return count;
}

/* Rows that could not be changed must not go on: they might show what was to be hidden. */
static int give_up(struct sonde_instance *instance, struct passage *passage, uint32_t row_count)
{
	if (passage->derived)
		sonde_batch_release(instance, passage->batch);
	return sonde_fail(instance, ENOMEM, "no memory for %u rows", row_count);
}

static int transform_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct transform *transform = instance->self;
	struct passage passage = { .instance = instance,
				   .batch = batch,
				   .counts = &transform->counts,
				   .hasher = transform->hasher };
	int result = 0;

	if (!batch->selected_count)
		return SONDE_PASS;
	if (!reserve_bits(transform, batch->row_count))
		return give_up(instance, &passage, batch->row_count);
	passage.changed = transform->bits + transform->bits_size;
	memset(passage.changed, 0, batch->row_count / 8 + 1);
	for (uint32_t i = 0; i < transform->made_count && result >= 0; i++)
		result = run_step(transform, &passage, &transform->made[i]);
	if (result < 0) {
		counts_tell(transform);
		return give_up(instance, &passage, batch->row_count);
	}
	if (passage.derived)
		transform->counts.changed_rows += count_changed(&passage);
	else
		transform->counts.passed_batches++;
	counts_tell(transform);
	return passage.derived ? sonde_emit_batch(instance, passage.batch) : SONDE_PASS;
}

static const char transform_manual[] =
	"Each step does one thing to the rows of a batch: set, rename, drop, hash, mask, convert "
	"or "
	"extract. Steps run in their order, each on what those before it made. Columns are named "
	"as in expressions (docs/expressions.md): service.name, `with-other/characters`, "
	"resource['service.name'], role[body]. A column that a batch does not have is left alone; "
	"a batch in which nothing changes is passed on as it is.\n"
	"\n"
	"docs/transform.md shows every step, and what the ready-made masks hide.";

static const struct sonde_plugin transform_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "transform",
	.summary = "columns set, renamed, dropped, hashed, masked, converted, extracted",
	.manual = transform_manual,
	.self_size = sizeof(struct transform),
	.replication = SONDE_ANY_REPLICA,
	.reduces = SONDE_FILTERED,
	.options = transform_options,
	.counters = transform_counters,
	.check = transform_check,
	.start = transform_start,
	.stop = transform_stop,
	.process = transform_process,
};

SONDE_EXPORT(transform_plugin)
