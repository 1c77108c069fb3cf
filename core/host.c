/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side of the plugin header: the table of services. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "batch.h"
#include "clock.h"
#include "commit.h"
#include "dictionary.h"
#include "ending.h"
#include "frame.h"
#include "frame_emit.h"
#include "host.h"
#include "insight.h"
#include "instance.h"
#include "knob.h"
#include "log.h"
#include "output.h"
#include "pipeline.h"
#include "processor.h"
#include "report.h"
#include "value.h"

static host_set_function *host_set;
static host_hold_function *host_hold;

static struct instance *instance_of(struct sonde_instance *base)
{
	return (struct instance *)base;
}

static int64_t host_now_ns(struct sonde_instance *base)
{
	return clock_wall_ns();
}

static void host_log(struct sonde_instance *base, uint32_t level, const char *message)
{
	log_write(level <= SONDE_DEBUG ? (enum sonde_level)level : SONDE_DEBUG, base->name, "%s",
		  message);
}

static int host_fail(struct sonde_instance *base, int error, const char *message)
{
	return instance_fail(instance_of(base), error, message);
}

static void host_problem(struct sonde_instance *base, const char *option, const char *message)
{
	struct instance *instance = instance_of(base);
	const char *section[] = { "instances", "inputs", "processors", "outputs" };
	uint32_t kind = instance->plugin->descriptor->kind;

	if (!instance->problems)
		log_write(SONDE_ERROR, base->name, "%s%s%s", option ? option : "",
			  option ? ": " : "", message);
	else if (option)
		problems_add(instance->problems, PROBLEM_ERROR,
			     config_place(instance->config, option), "%s.%s.%s: %s",
			     section[kind <= SONDE_OUTPUT ? kind : 0], base->name, option, message);
	else
		problems_add(instance->problems, PROBLEM_ERROR, instance->config->place,
			     "%s.%s: %s", section[kind <= SONDE_OUTPUT ? kind : 0], base->name,
			     message);
}

static void host_note(struct sonde_instance *base, const char *message)
{
	struct instance *instance = instance_of(base);

	if (instance->problems)
		problems_add(instance->problems, PROBLEM_NOTE, instance->config->place, "%s: %s",
			     base->name, message);
	else
		log_write(SONDE_INFO, base->name, "%s", message);
}

/* In check() there is no thread to run on. */
static bool host_refuses(struct sonde_instance *base, const char *service)
{
	if (instance_of(base)->loop)
		return false;
	host_problem(base, NULL, service);
	return true;
}

static int host_watch(struct sonde_instance *base, int fd, uint32_t events)
{
	if (host_refuses(base, "check() must not watch a file descriptor"))
		return -EPERM;
	return instance_watch(instance_of(base), fd, events);
}

static int host_unwatch(struct sonde_instance *base, int fd)
{
	return instance_unwatch(instance_of(base), fd);
}

static int host_every(struct sonde_instance *base, int id, int64_t interval_ns)
{
	if (host_refuses(base, "check() must not set a timer"))
		return -EPERM;
	return instance_every(instance_of(base), id, interval_ns);
}

static int host_after(struct sonde_instance *base, int id, int64_t delay_ns)
{
	if (host_refuses(base, "check() must not set a timer"))
		return -EPERM;
	return instance_after(instance_of(base), id, delay_ns);
}

static void host_wake(struct sonde_instance *base)
{
	if (host_refuses(base, "check() must not wake its instance"))
		return;
	loop_post(instance_of(base)->loop, &instance_of(base)->woken);
}

/* A schema that the plugin does not have: there is no row to hand out, and no saying what else is
 * wrong. */
static void schema_check(struct instance *instance, uint32_t schema)
{
	if (schema < instance->rows.count)
		return;
	fprintf(stderr,
		"sonde: %s: the plugin names schema %u of %u, a mistake in its code: ending\n",
		instance->base.name, schema, instance->rows.count); /* not by the log's thread */
	abort();
}

static void *host_row(struct sonde_instance *base, uint32_t schema)
{
	schema_check(instance_of(base), schema);
	return rows_row(&instance_of(base)->rows, schema);
}

static void host_null(struct sonde_instance *base, uint32_t schema, uint32_t field)
{
	rows_null(&instance_of(base)->rows, schema, field);
}

static uint32_t host_text(struct sonde_instance *base, const void *data, size_t length, bool intern)
{
	return rows_text(&instance_of(base)->rows, data, length, intern);
}

static uint64_t *host_heap(struct sonde_instance *base, uint32_t schema, uint32_t field,
			   uint32_t count, uint32_t *ret_start)
{
	return rows_heap(&instance_of(base)->rows, schema, field, count, ret_start);
}

static int host_emit(struct sonde_instance *base)
{
	rows_emit(&instance_of(base)->rows);
	return 0;
}

static int host_bind(struct sonde_instance *base, uint32_t schema, uint32_t field,
		     struct sonde_dictionary *dictionary)
{
	return rows_bind(&instance_of(base)->rows, schema, field, dictionary);
}

static struct sonde_dictionary *host_dictionary_create(struct sonde_instance *base, bool distinct)
{
	return dictionary_create(distinct);
}

static struct sonde_batch *host_batch_create(struct sonde_instance *base, uint32_t schema,
					     uint32_t row_capacity)
{
	return rows_batch(&instance_of(base)->rows, schema, row_capacity);
}

static struct sonde_batch *host_batch_table(struct sonde_instance *base, const char *schema,
					    uint32_t signal, uint32_t row_count)
{
	return batch_table(schema, signal, row_count);
}

static struct sonde_batch *host_batch_derive(struct sonde_instance *base, struct sonde_batch *batch)
{
	return batch_derive(batch);
}

static void host_lose(struct sonde_instance *base, uint64_t rows, uint64_t events, uint32_t loss)
{
	struct instance *instance = instance_of(base);

	if (!instance->account || loss >= SONDE_LOSS_COUNT)
		return;
	if (instance->plugin->descriptor->kind == SONDE_PROCESSOR) {
		processor_lose(instance, (struct tally){ rows, events }, loss);
		return;
	}
	tally_add(&instance->account->in, rows, events);
	tally_add(&instance->account->lost[loss], rows, events);
}

/* Gives a batch a receipt that ends at the instance. -ENOMEM: settled() will not come. */
static int batch_await(struct instance *instance, struct sonde_batch *batch, uint64_t token)
{
	struct settlement_list *awaited = instance_await(instance);
	struct receipt *receipt = awaited ? receipt_create(instance_settled, awaited, token) : NULL;

	if (!receipt || receipts_add(batch_receipts(batch), receipt, batch->selected_count)) {
		if (receipt)
			receipt_cancel(receipt);
		free(awaited);
		return -ENOMEM;
	}
	__atomic_add_fetch(&instance->receipt_count, 1, __ATOMIC_RELAXED);
	receipt_release(receipt); /* the batch holds it */
	return 0;
}

/* Rows that were emitted go first, so that an instance's rows stay in order. */
static int host_batch_emit(struct sonde_instance *base, struct sonde_batch *batch,
			   const uint64_t *token)
{
	struct instance *instance = instance_of(base);

	if (batch == instance->counting.batch) /* which is not the plugin's to give away */
		return instance_fail(
			instance, EINVAL,
			"emits the batch that it was lent (return SONDE_PASS instead)");
	if (rows_waiting(&instance->rows))
		rows_flush(&instance->rows, loop_now_ns(instance->loop));
	if (token) {
		batch_finish(batch);
		if (batch_await(instance, batch, *token)) {
			host_lose(base, batch->selected_count, batch->event_count,
				  SONDE_LOST_MEMORY);
			batch_release(batch);
			return -ENOMEM;
		}
	}
	instance->emit(instance, batch);
	return 0;
}

/* The instance tells whose fields these are, for the day when they are larger. */
static struct sonde_column *host_batch_add(struct sonde_instance *base, struct sonde_batch *batch,
					   const struct sonde_field *field,
					   struct sonde_dictionary *dictionary)
{
	return batch_add(batch, field, dictionary);
}

static struct sonde_column *host_batch_constant(struct sonde_instance *base,
						struct sonde_batch *batch,
						const struct sonde_field *field,
						struct sonde_dictionary *dictionary,
						const void *value)
{
	return batch_constant(batch, field, dictionary, value);
}

static size_t host_batch_bytes(struct sonde_batch *batch)
{
	batch_finish(batch);
	return batch_bytes(batch);
}

static int host_reserve(struct sonde_instance *base, size_t bytes)
{
	struct instance *instance = instance_of(base);

	if (instance->plugin->descriptor->kind != SONDE_INPUT)
		return -EINVAL;
	return fan_reserve(instance->owner, bytes);
}

static void host_unreserve(struct sonde_instance *base, size_t bytes)
{
	struct instance *instance = instance_of(base);

	if (instance->plugin->descriptor->kind == SONDE_INPUT)
		fan_unreserve(instance->owner, bytes);
}

static struct sonde_receipts *host_keep(struct sonde_instance *base, struct sonde_batch *batch,
					struct sonde_receipts *receipts)
{
	return processor_keep(instance_of(base), batch, receipts);
}

static int host_fold(struct sonde_instance *base, struct sonde_receipts *receipts,
		     struct sonde_batch *batch)
{
	return processor_fold(instance_of(base), receipts, batch);
}

static void host_settle(struct sonde_instance *base, struct sonde_delivery *delivery, int64_t batch,
			const struct sonde_outcome *outcome)
{
	output_answer(instance_of(base)->owner, delivery, batch, outcome);
}

static void host_drained(struct sonde_instance *base)
{
	ending_note(instance_of(base));
}

/* An input's row that never became one came in and went. */
static void host_reduce(struct sonde_instance *base, uint64_t rows, uint64_t events,
			uint32_t reduction)
{
	struct instance *instance = instance_of(base);

	if (!instance->account || reduction >= SONDE_REDUCTION_COUNT)
		return;
	if (instance->plugin->descriptor->kind == SONDE_PROCESSOR) {
		processor_reduce(instance, (struct tally){ rows, events }, reduction);
		return;
	}
	tally_add(&instance->account->in, rows, events);
	tally_add(&instance->account->reduced[reduction], rows, events);
}

static void host_tally(struct sonde_instance *base, const struct sonde_tally *tally)
{
	instance_tally(instance_of(base), tally);
}

void host_on_set(host_set_function *set, host_hold_function *hold)
{
	host_set = set;
	host_hold = hold;
}

static int host_set_knob(struct sonde_instance *base, const char *knob, const char *value,
			 int64_t for_ns)
{
	return host_set ? host_set(base, knob, value, for_ns) : -ENOSYS;
}

/* The struct may be an older plugin's, and so shorter. */
static int host_hold_knobs(struct sonde_instance *base, const struct sonde_hold *hold)
{
	struct sonde_hold whole = { 0 };

	memcpy(&whole, hold, hold->size < sizeof(whole) ? hold->size : sizeof(whole));
	return host_hold ? host_hold(base, &whole) : -ENOSYS;
}

static int host_check_knob(struct sonde_instance *base, const char *knob, const char *value,
			   char *error, size_t error_size)
{
	const struct config *config = instance_of(base)->siblings;

	if (!instance_of(base)->problems || !config) {
		snprintf(error, error_size, "only check() can ask for knobs");
		return -EPERM;
	}
	return knob_check(config, knob, value, error, error_size);
}

static int host_need(struct sonde_instance *base, uint32_t capability, uint32_t when)
{
	return instance_need(instance_of(base), capability, when);
}

static bool host_is_done(struct sonde_instance *base, const struct sonde_batch *batch,
			 uint32_t kind)
{
	struct instance *instance = instance_of(base);

	return instance->plugin->descriptor->kind == SONDE_PROCESSOR &&
	       instance_is_done(instance, batch, kind);
}

static int host_frame_write(struct sonde_instance *base, struct sonde_batch *const *batches,
			    uint32_t count, struct sonde_frame *frame)
{
	for (uint32_t i = 0; i < count; i++)
		batch_finish(batches[i]);
	return frame_write(batches, count, frame);
}

static int host_frame_read(struct sonde_instance *base, const struct sonde_frame *frame,
			   struct sonde_batch **ret_batches, uint32_t capacity)
{
	return frame_read(frame, ret_batches, capacity);
}

static int host_frame_emit(struct sonde_instance *base, const struct sonde_frame *frame,
			   const uint64_t *token)
{
	struct instance *instance = instance_of(base);

	if (instance->plugin->descriptor->kind != SONDE_INPUT)
		return -EINVAL;
	if (rows_waiting(&instance->rows))
		rows_flush(&instance->rows, loop_now_ns(instance->loop));
	return frame_emit(instance, frame, *token);
}

static int host_remember(struct sonde_instance *base, const void *data, size_t length)
{
	struct instance *instance = instance_of(base);

	if (instance->plugin->descriptor->kind != SONDE_PROCESSOR)
		return -ENOTSUP;
	return commit_remember(instance, data, length);
}

static int64_t host_recall(struct sonde_instance *base, void *buffer, size_t capacity)
{
	struct instance *instance = instance_of(base);
	size_t length = instance->remembered.length;

	if (!length || (instance_is_running(instance) && !pipeline_is_replaying(instance->owner)))
		return -ENOENT; /* or all that it is about has been given again */
	if (length > capacity)
		return -ENOSPC;
	memcpy(buffer, instance->remembered.data, length);
	return (int64_t)length;
}

static bool host_is_replayed(const struct sonde_batch *batch)
{
	return batch->done >> BATCH_REPLAYED_BIT & 1;
}

static const struct sonde_host services = {
	.size = sizeof(struct sonde_host),
	.abi_major = SONDE_ABI_MAJOR,
	.abi_minor = SONDE_ABI_MINOR,
	.version = SONDE_VERSION,
	.now_ns = host_now_ns,
	.log = host_log,
	.fail = host_fail,
	.problem = host_problem,
	.note = host_note,
	.watch = host_watch,
	.unwatch = host_unwatch,
	.every = host_every,
	.after = host_after,
	.wake = host_wake,
	.row = host_row,
	.null = host_null,
	.text = host_text,
	.heap = host_heap,
	.emit = host_emit,
	.bind = host_bind,
	.dictionary_create = host_dictionary_create,
	.dictionary_add = dictionary_add,
	.dictionary_release = dictionary_release,
	.batch_create = host_batch_create,
	.batch_rows = batch_rows,
	.batch_resize = batch_resize,
	.batch_table = host_batch_table,
	.batch_derive = host_batch_derive,
	.batch_add = host_batch_add,
	.batch_constant = host_batch_constant,
	.batch_remove = batch_remove,
	.batch_valid = batch_valid,
	.batch_heap = batch_heap,
	.batch_select = batch_select,
	.batch_adopt = batch_adopt,
	.batch_hold = batch_hold,
	.batch_release = batch_release,
	.batch_emit = host_batch_emit,
	.reserve = host_reserve,
	.unreserve = host_unreserve,
	.keep = host_keep,
	.fold = host_fold,
	.settle = host_settle,
	.drained = host_drained,
	.reduce = host_reduce,
	.lose = host_lose,
	.tally = host_tally,
	.set = host_set_knob,
	.report_number = report_number,
	.report_text = report_text,
	.any_encode = any_encode,
	.any_decode = any_decode,
	.metric_encode = metric_encode,
	.metric_decode = metric_decode,
	.metric_metadata = metric_metadata,
	.batch_bytes = host_batch_bytes,
	.need = host_need,
	.dictionary_memory = dictionary_memory,
	.dictionary_room = dictionary_room,
	.dictionary_grow = dictionary_grow,
	.account = insight_account,
	.health = insight_health,
	.record = insight_record,
	.process = insight_process,
	.reason_name = insight_reason_name,
	.batch_originals = batch_originals,
	.ask = asks_add,
	.batch_done = batch_done,
	.is_done = host_is_done,
	.hold_knobs = host_hold_knobs,
	.check_knob = host_check_knob,
	.frame_write = host_frame_write,
	.frame_look = frame_look,
	.frame_read = host_frame_read,
	.frame_emit = host_frame_emit,
	.remember = host_remember,
	.recall = host_recall,
	.is_replayed = host_is_replayed,
};

const struct sonde_host *host_services(void)
{
	return &services;
}
