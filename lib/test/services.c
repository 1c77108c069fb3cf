/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's services with the clock of the test, and with refusals on purpose. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commit.h"
#include "dictionary.h"
#include "frame.h"
#include "frame_emit.h"
#include "host.h"
#include "knob.h"
#include "pipeline.h"
#include "processor.h"
#include "test_host.h"

/* One for all tests, since some services name no instance. */
static struct {
	uint32_t left; /* calls until the one that is refused; 0: none is */
	bool came;
} refusal;

bool sonde_test_refuse_memory(struct sonde_test *test, uint32_t n)
{
	bool came = refusal.came;

	(void)test;
	refusal.left = n;
	refusal.came = false;
	return came;
}

static bool refused(void)
{
	if (!refusal.left || --refusal.left)
		return false;
	refusal.came = true;
	return true;
}

struct sonde_test *test_of(struct sonde_instance *instance)
{
	return ((struct instance *)instance)->owner;
}

/* The test whose plugin calls, which may do so from the thread of its callbacks only. */
static struct sonde_test *caller(struct sonde_instance *instance, const char *service)
{
	struct sonde_test *test = test_of(instance);

	if (!pthread_equal(pthread_self(), test->thread))
		test_die("%s calls %s() from a thread of its own: only sonde_wake() may be",
			 instance->name, service);
	return test;
}

static int64_t test_now_ns(struct sonde_instance *instance)
{
	return caller(instance, "sonde_now_ns")->loop.now_ns;
}

static void test_log(struct sonde_instance *instance, uint32_t level, const char *message)
{
	caller(instance, "sonde_log");
	(host_services()->log)(instance, level, message);
}

static int test_fail(struct sonde_instance *instance, int error, const char *message)
{
	caller(instance, "sonde_fail");
	return (host_services()->fail)(instance, error, message);
}

/* ---- fds and timers ---------------------------------------------------------------------- */

static int test_watch(struct sonde_instance *instance, int fd, uint32_t events)
{
	caller(instance, "sonde_watch");
	return refused() ? -ENOMEM : host_services()->watch(instance, fd, events);
}

static int test_unwatch(struct sonde_instance *instance, int fd)
{
	caller(instance, "sonde_unwatch");
	return host_services()->unwatch(instance, fd);
}

static int test_every(struct sonde_instance *instance, int id, int64_t interval_ns)
{
	caller(instance, "sonde_every");
	return refused() ? -ENOMEM : host_services()->every(instance, id, interval_ns);
}

static int test_after(struct sonde_instance *instance, int id, int64_t delay_ns)
{
	caller(instance, "sonde_after");
	return refused() ? -ENOMEM : host_services()->after(instance, id, delay_ns);
}

/* ---- rows -------------------------------------------------------------------------------- */

static struct rows *rows_of(struct sonde_instance *instance)
{
	return &((struct instance *)instance)->rows;
}

static void schema_check(struct sonde_test *test, uint32_t schema)
{
	if (schema >= test->plugin.schema_count)
		test_die("the plugin names schema %u of %u", schema, test->plugin.schema_count);
}

static void *test_row(struct sonde_instance *instance, uint32_t schema)
{
	struct sonde_test *test = caller(instance, "sonde_row");
	struct rows *rows = rows_of(instance);

	schema_check(test, schema);
	test->scratch[schema] = refused();
	if (!test->scratch[schema])
		return rows_row(rows, schema);
	rows->refused_rows++;
	return memset(rows->scratch, 0, test->descriptor.schemas[schema].row_size);
}

static void test_null(struct sonde_instance *instance, uint32_t schema, uint32_t field)
{
	schema_check(test_of(instance), schema);
	if (!test_of(instance)->scratch[schema])
		rows_null(rows_of(instance), schema, field);
}

static uint32_t test_text(struct sonde_instance *instance, const void *data, size_t length,
			  bool intern)
{
	caller(instance, intern ? "sonde_text" : "sonde_bytes");
	return refused() ? 0 : rows_text(rows_of(instance), data, length, intern);
}

static uint64_t *test_heap(struct sonde_instance *instance, uint32_t schema, uint32_t field,
			   uint32_t count, uint32_t *ret_start)
{
	schema_check(test_of(instance), schema);
	if (refused() || test_of(instance)->scratch[schema])
		return NULL;
	return rows_heap(rows_of(instance), schema, field, count, ret_start);
}

static int test_emit(struct sonde_instance *instance)
{
	caller(instance, "sonde_emit");
	return host_services()->emit(instance);
}

static int test_batch_emit(struct sonde_instance *instance, struct sonde_batch *batch,
			   const uint64_t *token)
{
	caller(instance, token ? "sonde_emit_token" : "sonde_emit_batch");
	return host_services()->batch_emit(instance, batch, token);
}

/* ---- dictionaries and batches ------------------------------------------------------------ */

static struct sonde_dictionary *test_dictionary_create(struct sonde_instance *instance,
						       bool distinct)
{
	return refused() ? NULL : dictionary_create(distinct);
}

static uint32_t test_dictionary_add(struct sonde_dictionary *dictionary, const void *data,
				    size_t length)
{
	return refused() ? UINT32_MAX : dictionary_add(dictionary, data, length);
}

static void *test_dictionary_memory(struct sonde_dictionary *dictionary, size_t size)
{
	return refused() ? NULL : dictionary_memory(dictionary, size);
}

static struct sonde_text *test_dictionary_room(struct sonde_dictionary *dictionary,
					       uint32_t *ret_count)
{
	return refused() ? NULL : dictionary_room(dictionary, ret_count);
}

static struct sonde_batch *test_batch_create(struct sonde_instance *instance, uint32_t schema,
					     uint32_t row_capacity)
{
	schema_check(test_of(instance), schema);
	return refused() ? NULL : rows_batch(rows_of(instance), schema, row_capacity);
}

static struct sonde_batch *test_batch_table(struct sonde_instance *instance, const char *schema,
					    uint32_t signal, uint32_t row_count)
{
	return refused() ? NULL : batch_table(schema, signal, row_count);
}

static struct sonde_batch *test_batch_derive(struct sonde_instance *instance,
					     struct sonde_batch *batch)
{
	return refused() ? NULL : batch_derive(batch);
}

static struct sonde_column *test_batch_add(struct sonde_instance *instance,
					   struct sonde_batch *batch,
					   const struct sonde_field *field,
					   struct sonde_dictionary *dictionary)
{
	return refused() ? NULL : batch_add(batch, field, dictionary);
}

static struct sonde_column *test_batch_constant(struct sonde_instance *instance,
						struct sonde_batch *batch,
						const struct sonde_field *field,
						struct sonde_dictionary *dictionary,
						const void *value)
{
	return refused() ? NULL : batch_constant(batch, field, dictionary, value);
}

static unsigned char *test_batch_valid(struct sonde_batch *batch, uint32_t column)
{
	return refused() ? NULL : batch_valid(batch, column);
}

static uint64_t *test_batch_heap(struct sonde_batch *batch, uint32_t column, uint32_t count,
				 uint32_t *ret_start)
{
	return refused() ? NULL : batch_heap(batch, column, count, ret_start);
}

static int test_batch_select(struct sonde_batch *batch, const unsigned char *bits)
{
	return refused() ? -ENOMEM : batch_select(batch, bits);
}

static struct sonde_receipts *test_keep_rows(struct sonde_instance *instance,
					     struct sonde_batch *batch,
					     struct sonde_receipts *receipts)
{
	return refused() ? NULL : processor_keep((struct instance *)instance, batch, receipts);
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void test_settle(struct sonde_instance *instance, struct sonde_delivery *delivery,
			int64_t batch, const struct sonde_outcome *outcome)
{
	caller(instance, "sonde_settle");
	host_services()->settle(instance, delivery, batch, outcome);
}

static void test_tally(struct sonde_instance *instance, const struct sonde_tally *tally)
{
	struct sonde_test *test = test_of(instance);
	size_t size = tally->size < sizeof(test->tally) ? tally->size : sizeof(test->tally);

	memset(&test->tally, 0, sizeof(test->tally));
	memcpy(&test->tally, tally, size ? size : sizeof(test->tally));
	test->tallied = true;
}

static int test_set(struct sonde_instance *instance, const char *knob, const char *value,
		    int64_t for_ns)
{
	struct sonde_test *test = test_of(instance);

	if (!strchr(knob, '.'))
		return -EINVAL;
	if (for_ns > 0)
		test_text_add(&test->sets, "%s=%s for %lld ns\n", knob, value, (long long)for_ns);
	else
		test_text_add(&test->sets, "%s=%s\n", knob, value);
	return 0;
}

/* There is no pipeline: what a batch says was asked by this processor. */
static bool test_is_done(struct sonde_instance *instance, const struct sonde_batch *batch,
			 uint32_t kind)
{
	return kind < BATCH_REPLAYED_BIT && (batch->done >> kind & 1);
}

/* ---- what is remembered ------------------------------------------------------------------ */

static int test_remember(struct sonde_instance *instance, const void *data, size_t length)
{
	struct sonde_test *test = caller(instance, "sonde_remember");

	if (!test->is_journalled)
		return -ENOTSUP;
	if (length > sizeof(test->remembered))
		return -EINVAL;
	memcpy(test->remembered, data, length);
	test->remembered_length = length;
	return 0;
}

static int64_t test_recall(struct sonde_instance *instance, void *buffer, size_t capacity)
{
	struct sonde_test *test = caller(instance, "sonde_recall");

	if (!test->recalled_length)
		return -ENOENT;
	if (test->recalled_length > capacity)
		return -ENOSPC;
	memcpy(buffer, test->recalled, test->recalled_length);
	return (int64_t)test->recalled_length;
}

void sonde_test_journal(struct sonde_test *test, const void *recalled, size_t length)
{
	if (length > sizeof(test->recalled))
		test_die("%s cannot have remembered %zu bytes", test->config.name, length);
	test->is_journalled = true;
	test->recalled_length = length;
	if (length)
		memcpy(test->recalled, recalled, length);
}

size_t sonde_test_remembered(struct sonde_test *test, void *buffer, size_t capacity)
{
	if (test->remembered_length > capacity)
		test_die("%s remembers more than %zu bytes", test->config.name, capacity);
	memcpy(buffer, test->remembered, test->remembered_length);
	return test->remembered_length;
}

void sonde_test_replay(struct sonde_test *test, struct sonde_batch *batch)
{
	(void)test;
	batch->done |= 1u << BATCH_REPLAYED_BIT;
}

void sonde_test_caught_up(struct sonde_test *test)
{
	test->recalled_length = 0;
}

/* ---- knobs ------------------------------------------------------------------------------- */

static int test_hold_knobs(struct sonde_instance *instance, const struct sonde_hold *hold)
{
	struct sonde_test *test = test_of(instance);

	if (hold->count > 16 || (hold->for_ns > 0 && !hold->count))
		return -EINVAL;
	if (hold->for_ns <= 0) {
		test_text_add(&test->sets, "%s is given up\n", hold->name);
		return 0;
	}
	for (uint32_t i = 0; i < hold->count; i++)
		test_text_add(&test->sets, "%s=%s for %lld ns by %s%s%s\n", hold->knobs[i],
			      hold->values[i], (long long)hold->for_ns, hold->name,
			      hold->reason ? ": " : "", hold->reason ? hold->reason : "");
	return 0;
}

static struct {
	const char *knob, *error;
} refused_knob;

void sonde_test_refuse_knob(const char *knob, const char *error)
{
	refused_knob.knob = knob;
	refused_knob.error = error;
}

static int test_check_knob(struct sonde_instance *instance, const char *knob, const char *value,
			   char *error, size_t error_size)
{
	if (!((struct instance *)instance)->problems) {
		snprintf(error, error_size, "only check() can ask for knobs");
		return -EPERM;
	}
	if (!strchr(knob, '.')) {
		snprintf(error, error_size, "\"%s\" is not INSTANCE.KNOB", knob);
		return -EINVAL;
	}
	if (!refused_knob.knob || strcmp(refused_knob.knob, knob))
		return 0;
	snprintf(error, error_size, "%s", refused_knob.error);
	return -EINVAL;
}

static void services_fill(struct sonde_host *services)
{
	*services = *host_services();
	services->version = "test";
	services->now_ns = test_now_ns;
	services->log = test_log;
	services->fail = test_fail;
	services->watch = test_watch;
	services->unwatch = test_unwatch;
	services->every = test_every;
	services->after = test_after;
	services->emit = test_emit;
	services->batch_emit = test_batch_emit;
	services->settle = test_settle;
	services->row = test_row;
	services->null = test_null;
	services->text = test_text;
	services->heap = test_heap;
	services->dictionary_create = test_dictionary_create;
	services->dictionary_add = test_dictionary_add;
	services->dictionary_memory = test_dictionary_memory;
	services->dictionary_room = test_dictionary_room;
	services->batch_create = test_batch_create;
	services->batch_table = test_batch_table;
	services->batch_derive = test_batch_derive;
	services->batch_add = test_batch_add;
	services->is_done = test_is_done;
	services->batch_constant = test_batch_constant;
	services->batch_valid = test_batch_valid;
	services->batch_heap = test_batch_heap;
	services->batch_select = test_batch_select;
	services->keep = test_keep_rows;
	services->tally = test_tally;
	services->set = test_set;
	services->hold_knobs = test_hold_knobs;
	services->remember = test_remember;
	services->recall = test_recall;
	services->check_knob = test_check_knob;
}

const struct sonde_host *test_services(void)
{
	static struct sonde_host services;

	if (!services.size)
		services_fill(&services);
	return &services;
}

/* ---- what the core finds around an instance ---------------------------------------------- */

/* The owner of an instance under test is the test, whatever its kind. */
void pipeline_push(struct pipeline *pipeline, uint32_t stage, struct sonde_batch *batch)
{
	if (batch->selected_count)
		test_keep((struct sonde_test *)pipeline, batch);
	else
		batch_release(batch);
}

bool pipeline_is_replaying(const struct pipeline *pipeline)
{
	return false;
}

int fan_reserve(struct fan *fan, size_t bytes)
{
	struct sonde_test *test = (struct sonde_test *)fan;

	test->room_wanted = test->room_wanted || test->queues_full;
	return test->queues_full ? -EAGAIN : 0;
}

void fan_unreserve(struct fan *fan, size_t bytes)
{
}

void sonde_test_fill_queues(struct sonde_test *test, bool full)
{
	test->queues_full = full;
	if (full || !test->room_wanted)
		return;
	test->room_wanted = false;
	loop_post(&test->loop, &test->instance->room);
}

/* A plugin under test runs as who tests it: what is refused is refused by the kernel. */
int instance_need(struct instance *instance, uint32_t capability, uint32_t when)
{
	return capability < 64 && (when == SONDE_TO_START || when == SONDE_TO_RUN) ? 0 : -EINVAL;
}

/* There is no config: test_check_knob() stands before it. */
int knob_check(const struct config *config, const char *path, const char *value, char *error,
	       size_t error_size)
{
	return -EPERM;
}

/* No queue on disk: a frame is emitted as its batches, of which the last has the token. */
int frame_emit(struct instance *instance, const struct sonde_frame *frame, uint64_t token)
{
	struct sonde_batch **batches = calloc(frame->batch_count + 1, sizeof(struct sonde_batch *));
	const struct sonde_host *host = instance->base.host;
	int result = batches ? frame_read(frame, batches, frame->batch_count) : -ENOMEM;

	for (uint32_t i = 0; !result && i < frame->batch_count; i++)
		host->batch_emit(&instance->base, batches[i],
				 i + 1 == frame->batch_count ? &token : NULL);
	free(batches);
	return result;
}

/* Nor anything that would be read again: test services stand before it where a test says so. */
int commit_remember(struct instance *stage, const void *data, size_t length)
{
	return -ENOTSUP;
}

struct place config_place(const struct instance_config *instance, const char *option)
{
	return instance->place;
}
