// SPDX-License-Identifier: Apache-2.0
/* A small host for unit tests of plugins: one instance, driven by hand, on the core's own batches.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "batch.h"
#include "dictionary.h"
#include "option.h"
#include "plugin_host.h"
#include "value.h"
#include <cmocka.h> /* last: its macro fail() is a service of the host */

static struct plugin_host *host_of(struct sonde_instance *instance)
{
	return (struct plugin_host *)(void *)instance;
}

/* ---- services ---------------------------------------------------------------------------- */

static int64_t service_now_ns(struct sonde_instance *instance)
{
	return host_of(instance)->now_ns;
}

static void service_log(struct sonde_instance *instance, uint32_t level, const char *message)
{
	(void)level;
	(void)snprintf(host_of(instance)->message, PLUGIN_HOST_MESSAGE, "%s", message);
}

static int service_fail(struct sonde_instance *instance, int error, const char *message)
{
	(void)snprintf(host_of(instance)->message, PLUGIN_HOST_MESSAGE, "%s: %s", message,
		       strerror(error));
	host_of(instance)->failure_count++;
	return -error;
}

static void service_problem(struct sonde_instance *instance, const char *option,
			    const char *message)
{
	(void)snprintf(host_of(instance)->problem, PLUGIN_HOST_MESSAGE, "%s: %s",
		       option ? option : "", message);
}

static void service_note(struct sonde_instance *instance, const char *message)
{
	service_log(instance, SONDE_INFO, message);
}

static int service_watch(struct sonde_instance *instance, int fd, uint32_t events)
{
	host_of(instance)->watched_fd = fd;
	host_of(instance)->watched_events = events;
	return 0;
}

static int service_unwatch(struct sonde_instance *instance, int fd)
{
	assert_int_equal(host_of(instance)->watched_fd, fd);
	host_of(instance)->watched_fd = -1;
	return 0;
}

static int service_every(struct sonde_instance *instance, int timer, int64_t interval_ns)
{
	assert_in_range(timer, 0, PLUGIN_HOST_TIMERS - 1);
	host_of(instance)->interval_ns[timer] = interval_ns;
	return 0;
}

static int service_after(struct sonde_instance *instance, int timer, int64_t delay_ns)
{
	assert_in_range(timer, 0, PLUGIN_HOST_TIMERS - 1);
	host_of(instance)->delay_ns[timer] = delay_ns;
	return 0;
}

static struct sonde_dictionary *service_dictionary_create(struct sonde_instance *instance,
							  bool distinct)
{
	(void)instance;
	return dictionary_create(distinct);
}

static struct sonde_batch *service_batch_create(struct sonde_instance *instance, uint32_t schema,
						uint32_t row_capacity)
{
	return batch_create(&host_of(instance)->plugin->schemas[schema], row_capacity, NULL);
}

static struct sonde_batch *service_batch_table(struct sonde_instance *instance, const char *schema,
					       uint32_t signal, uint32_t row_count)
{
	(void)instance;
	return batch_table(schema, signal, row_count);
}

static struct sonde_batch *service_batch_derive(struct sonde_instance *instance,
						struct sonde_batch *batch)
{
	(void)instance;
	return batch_derive(batch);
}

static int service_batch_emit(struct sonde_instance *instance, struct sonde_batch *batch,
			      const uint64_t *token)
{
	struct plugin_host *host = host_of(instance);

	(void)token;
	assert_true(host->emitted_count < PLUGIN_HOST_BATCHES);
	batch_finish(batch);
	host->emitted[host->emitted_count++] = batch;
	return 0;
}

static void service_settle(struct sonde_instance *instance, struct sonde_delivery *delivery,
			   int64_t batch, const struct sonde_outcome *outcome)
{
	struct plugin_host *host = host_of(instance);

	assert_ptr_equal(delivery, host->delivery);
	assert_int_equal(outcome->size, sizeof(*outcome));
	host->outcome = *outcome;
	host->settled_count += batch < 0 ? delivery->batch_count : 1;
}

static void service_drained(struct sonde_instance *instance)
{
	host_of(instance)->drained = true;
}

/* Services that no plugin under this host has needed yet are NULL: calling one crashes the test. */
static struct sonde_column *fake_batch_add(struct sonde_instance *base, struct sonde_batch *batch,
					   const struct sonde_field *field,
					   struct sonde_dictionary *dictionary)
{
	(void)base;
	return batch_add(batch, field, dictionary);
}

static struct sonde_column *fake_batch_constant(struct sonde_instance *base,
						struct sonde_batch *batch,
						const struct sonde_field *field,
						struct sonde_dictionary *dictionary,
						const void *value)
{
	(void)base;
	return batch_constant(batch, field, dictionary, value);
}

static const struct sonde_host services = {
	.size = sizeof(struct sonde_host),
	.abi_major = SONDE_ABI_MAJOR,
	.abi_minor = SONDE_ABI_MINOR,
	.version = "test",
	.now_ns = service_now_ns,
	.log = service_log,
	.fail = service_fail,
	.problem = service_problem,
	.note = service_note,
	.watch = service_watch,
	.unwatch = service_unwatch,
	.every = service_every,
	.after = service_after,
	.dictionary_create = service_dictionary_create,
	.dictionary_add = dictionary_add,
	.dictionary_release = dictionary_release,
	.batch_create = service_batch_create,
	.batch_rows = batch_rows,
	.batch_resize = batch_resize,
	.batch_table = service_batch_table,
	.batch_derive = service_batch_derive,
	.batch_add = fake_batch_add,
	.batch_constant = fake_batch_constant,
	.batch_remove = batch_remove,
	.batch_valid = batch_valid,
	.batch_heap = batch_heap,
	.batch_select = batch_select,
	.batch_adopt = batch_adopt,
	.batch_hold = batch_hold,
	.batch_release = batch_release,
	.batch_emit = service_batch_emit,
	.settle = service_settle,
	.drained = service_drained,
	.any_encode = any_encode,
	.any_decode = any_decode,
	.metric_encode = metric_encode,
	.metric_decode = metric_decode,
	.dictionary_memory = dictionary_memory,
	.dictionary_room = dictionary_room,
	.dictionary_grow = dictionary_grow,
	.batch_originals = batch_originals,
	.batch_done = batch_done,
};

/* ---- the instance ------------------------------------------------------------------------ */

static void option_apply(struct plugin_host *host, const char *name, size_t length,
			 const char *value)
{
	char copy[64], error[256] = "there is no such option";
	const struct sonde_option *option;

	(void)snprintf(copy, sizeof(copy), "%.*s", (int)length, name);
	option = option_find(host->plugin->options, copy);
	if (!option ||
	    option_parse(option, value, host->instance.self, host->arena, error, sizeof(error)) < 0)
		fail_msg("%s: %s", copy, error);
}

struct plugin_host *plugin_host_create(sonde_plugin_function *function, const char *const *options)
{
	struct plugin_host *host = calloc(1, sizeof(*host));
	char error[256] = "";

	assert_non_null(host);
	(void)signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	host->plugin = function(&services);
	assert_int_equal(host->plugin->magic, SONDE_MAGIC);
	host->arena = arena_create();
	assert_non_null(host->arena);
	host->instance = (struct sonde_instance){ .size = sizeof(host->instance),
						  .replica_count = 1,
						  .name = host->plugin->name,
						  .host = &services };
	host->instance.self = calloc(1, host->plugin->self_size);
	assert_non_null(host->instance.self);
	host->watched_fd = -1;
	for (uint32_t timer = 0; timer < PLUGIN_HOST_TIMERS; timer++)
		host->delay_ns[timer] = -1;
	if (host->plugin->options)
		assert_int_equal(option_defaults(host->plugin->options, host->instance.self,
						 host->arena, error, sizeof(error)),
				 0);
	for (; options && *options; options++) {
		const char *equals = strchr(*options, '=');

		assert_non_null(equals);
		option_apply(host, *options, (size_t)(equals - *options), equals + 1);
	}
	if (host->plugin->check)
		assert_int_equal(host->plugin->check(&host->instance), 0);
	return host;
}

int plugin_host_set(struct plugin_host *host, const char *name, const char *value)
{
	option_apply(host, name, strlen(name), value);
	return host->plugin->set ? host->plugin->set(&host->instance) : 0;
}

int plugin_host_start(struct plugin_host *host)
{
	host->started = true;
	return host->plugin->start ? host->plugin->start(&host->instance) : 0;
}

static void delivery_release(struct plugin_host *host)
{
	struct sonde_delivery *delivery = host->delivery;

	if (!delivery)
		return;
	for (uint32_t index = 0; index < delivery->batch_count; index++)
		batch_release(delivery->batches[index]);
	free((void *)(uintptr_t)delivery->batches);
	free(delivery);
	host->delivery = NULL;
}

int plugin_host_write(struct plugin_host *host, struct sonde_batch *const *batches, uint32_t count)
{
	struct sonde_delivery *delivery = calloc(1, sizeof(*delivery));
	struct sonde_batch **copies = calloc(count, sizeof(struct sonde_batch *));

	assert_true(delivery && copies);
	delivery_release(host);
	for (uint32_t index = 0; index < count; index++) {
		batch_finish(batches[index]);
		copies[index] = batch_hold(batches[index]);
	}
	delivery->size = sizeof(*delivery);
	delivery->batch_count = count;
	delivery->batches = copies;
	delivery->sequence = ++host->sequence;
	host->delivery = delivery;
	return plugin_host_retry(host);
}

int plugin_host_retry(struct plugin_host *host)
{
	host->delivery->attempt++;
	return host->plugin->write(&host->instance, host->delivery);
}

int plugin_host_fire(struct plugin_host *host, int timer)
{
	assert_true(host->interval_ns[timer] > 0 || host->delay_ns[timer] >= 0);
	host->delay_ns[timer] = -1;
	return host->plugin->timer(&host->instance, timer);
}

int plugin_host_ready(struct plugin_host *host)
{
	assert_true(host->watched_fd >= 0);
	return host->plugin->ready(&host->instance, host->watched_fd, host->watched_events);
}

int plugin_host_drain(struct plugin_host *host)
{
	return host->plugin->drain(&host->instance);
}

void plugin_host_release(struct plugin_host *host)
{
	if (host->started && host->plugin->stop)
		host->plugin->stop(&host->instance);
	delivery_release(host);
	for (uint32_t index = 0; index < host->emitted_count; index++)
		batch_release(host->emitted[index]);
	free(host->instance.self);
	arena_release(host->arena);
	free(host);
}
