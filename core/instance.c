/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin at work: its private struct, its thread, what it watches, and how it fares. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "batch.h"
#include "clock.h"
#include "descriptors.h"
#include "host.h"
#include "instance.h"
#include "log.h"
#include "secret.h"

enum {
	LINGER_NS = NS_PER_SECOND, /* committed rows wait no longer than this */
	RESTART_FIRST_NS = NS_PER_SECOND,
};

static const int64_t restart_longest_ns = 60ll * NS_PER_SECOND;

struct settlement_list {
	struct settlement_list *next;
	struct instance *instance;
	uint64_t token;
	struct sonde_settlement settlement;
};

static const struct sonde_plugin *descriptor_of(const struct instance *instance)
{
	return instance->plugin->descriptor;
}

bool instance_is_running(const struct instance *instance)
{
	return __atomic_load_n(&instance->state, __ATOMIC_RELAXED) == INSTANCE_RUNNING;
}

bool instance_is_listening(const struct instance *instance)
{
	return instance_is_running(instance) &&
	       !(instance->plugin->descriptor->kind == SONDE_INPUT &&
		 __atomic_load_n(&instance->drained, __ATOMIC_RELAXED));
}

static void instance_set_state(struct instance *instance, enum instance_state state)
{
	__atomic_store_n(&instance->state, (uint32_t)state, __ATOMIC_RELAXED);
}

static void instance_send(void *data, struct sonde_batch *batch)
{
	struct instance *instance = data;

	instance->emit(instance, batch);
}

static void instance_linger(void *data)
{
	struct instance *instance = data;

	rows_flush(&instance->rows, loop_now_ns(instance->loop));
}

static void instance_woken(void *data)
{
	struct instance *instance = data;
	const struct sonde_plugin *plugin = descriptor_of(instance);

	if (!plugin->woken || !instance_is_listening(instance))
		return;
	instance_enter(instance, CALLBACK_WOKEN);
	instance_leave(instance, CALLBACK_WOKEN, plugin->woken(&instance->base));
}

static void instance_room(void *data)
{
	struct instance *instance = data;
	const struct sonde_plugin *plugin = descriptor_of(instance);

	if (!plugin->room || !instance_is_listening(instance))
		return;
	instance_enter(instance, CALLBACK_ROOM);
	instance_leave(instance, CALLBACK_ROOM, plugin->room(&instance->base));
}

static struct settlement_list *settlements_take(struct instance *instance)
{
	struct settlement_list *list, *reversed = NULL;

	pthread_mutex_lock(&instance->mutex);
	list = instance->settlements;
	instance->settlements = NULL;
	pthread_mutex_unlock(&instance->mutex);
	while (list) { /* oldest first */
		struct settlement_list *next = list->next;

		list->next = reversed;
		reversed = list;
		list = next;
	}
	return reversed;
}

static void instance_run_settled(void *data)
{
	struct instance *instance = data;
	const struct sonde_plugin *plugin = descriptor_of(instance);
	struct settlement_list *list = settlements_take(instance);

	while (list) {
		struct settlement_list *next = list->next;

		if (plugin->settled && instance_is_running(instance)) {
			instance_enter(instance, CALLBACK_SETTLED);
			instance_leave(
				instance, CALLBACK_SETTLED,
				plugin->settled(&instance->base, list->token, &list->settlement));
		}
		free(list);
		list = next;
	}
}

struct settlement_list *instance_await(struct instance *instance)
{
	struct settlement_list *list = malloc(sizeof(*list));

	if (list)
		list->instance = instance;
	return list;
}

void instance_settled(void *awaited, uint64_t token, const struct sonde_settlement *settlement)
{
	struct settlement_list *list = awaited;
	struct instance *instance = list->instance;

	list->token = token;
	list->settlement = *settlement;
	pthread_mutex_lock(&instance->mutex);
	list->next = instance->settlements;
	instance->settlements = list;
	pthread_mutex_unlock(&instance->mutex);
	loop_post(instance->loop, &instance->settled);
	/* Last: one that leaves may be released from here on. */
	__atomic_sub_fetch(&instance->receipt_count, 1, __ATOMIC_RELEASE);
}

static void instance_restart(void *data)
{
	struct instance *instance = data;

	instance_start(instance);
}

static int instance_init(struct instance *instance)
{
	const struct sonde_plugin *plugin = descriptor_of(instance);

	instance->arena = arena_create();
	instance->base.self = calloc(1, plugin->self_size ? plugin->self_size : 1);
	if (!instance->arena || !instance->base.self)
		return -ENOMEM;
	if (plugin->self_size)
		memcpy(instance->base.self, instance->config->self, plugin->self_size);
	return rows_init(&instance->rows, plugin, instance->plugin->schema_count, instance_send,
			 instance);
}

struct instance *instance_create(const struct instance_config *config, uint32_t replica,
				 uint32_t replica_count, struct loop *loop)
{
	struct instance *instance = calloc(1, sizeof(*instance));

	if (!instance)
		return NULL;
	instance->config = config;
	instance->plugin = config->plugin;
	instance->loop = loop;
	instance->needs = config->needs;
	instance->base = (struct sonde_instance){
		.size = sizeof(struct sonde_instance),
		.replica = replica,
		.replica_count = replica_count,
		.name = config->name,
		.host = host_services(),
	};
	instance->woken = (struct loop_task){ .run = instance_woken, .data = instance };
	instance->room = (struct loop_task){ .run = instance_room, .data = instance };
	instance->settled = (struct loop_task){ .run = instance_run_settled, .data = instance };
	instance->linger = (struct loop_timer){ .run = instance_linger, .data = instance };
	instance->restart = (struct loop_timer){ .run = instance_restart, .data = instance };
	pthread_mutex_init(&instance->mutex, NULL);
	if (instance_init(instance)) {
		instance_release(instance);
		return NULL;
	}
	return instance;
}

void instance_release(struct instance *instance)
{
	struct settlement_list *list;

	if (!instance)
		return;
	census_leave(&instance->census);
	rows_clear(&instance->rows);
	for (list = settlements_take(instance); list;) {
		struct settlement_list *next = list->next;

		free(list);
		list = next;
	}
	free(instance->base.self);
	asks_release(instance->asks);
	origin_clear(&instance->origin);
	arena_release(instance->arena);
	pthread_mutex_destroy(&instance->mutex);
	free(instance);
}

void instance_enter(struct instance *instance, enum callback callback)
{
	__atomic_store_n(&instance->callback_count,
			 __atomic_load_n(&instance->callback_count, __ATOMIC_RELAXED) + 1,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&instance->callback, (uint32_t)callback, __ATOMIC_RELEASE);
}

static void instance_book_failure(struct instance *instance, enum callback callback, int result)
{
	bool said;

	pthread_mutex_lock(&instance->mutex);
	said = instance->problem[0] != '\0';
	if (!said)
		descriptors_note(-result);
	if (!said)
		snprintf(instance->problem, sizeof(instance->problem), "%s failed: %s",
			 callback_name(callback), strerror(-result));
	instance->failed_callback = callback;
	instance->failure_count++;
	pthread_mutex_unlock(&instance->mutex);
	if (!said)
		log_write(SONDE_ERROR, instance->base.name, "%s failed: %s",
			  callback_name(callback), strerror(-result));
}

static void instance_book_success(struct instance *instance, enum callback callback)
{
	bool recovered = false;

	pthread_mutex_lock(&instance->mutex);
	if (instance->failed_callback == (uint32_t)callback) {
		recovered = true;
		instance->failed_callback = CALLBACK_NONE;
		instance->problem[0] = '\0';
	}
	pthread_mutex_unlock(&instance->mutex);
	if (recovered)
		log_write(SONDE_INFO, instance->base.name, "works again");
}

/* It said that it failed, and went on all the same. */
static void instance_forget_problem(struct instance *instance)
{
	pthread_mutex_lock(&instance->mutex);
	instance->problem[0] = '\0';
	pthread_mutex_unlock(&instance->mutex);
}

/* Rows go out at once after a pause, and are gathered while they come thick; those of a processor
 * belong to the batch that it was given. */
static bool instance_must_flush(const struct instance *instance)
{
	return instance->draining || descriptor_of(instance)->kind == SONDE_PROCESSOR ||
	       loop_now_ns(instance->loop) - instance->rows.sent_ns >= LINGER_NS;
}

static void instance_flush(struct instance *instance)
{
	struct rows *rows = &instance->rows;

	if (rows->refused_rows) {
		tally_add(&instance->account->in, rows->refused_rows, rows->refused_rows);
		tally_add(&instance->account->lost[SONDE_LOST_MEMORY], rows->refused_rows,
			  rows->refused_rows);
		rows->refused_rows = 0;
	}
	if (rows->refused_texts) {
		log_write(SONDE_WARNING, instance->base.name,
			  "memory was refused for %llu texts: their rows have empty ones",
			  (unsigned long long)rows->refused_texts);
		rows->refused_texts = 0;
	}
	if (!rows_waiting(rows))
		return;
	if (instance_must_flush(instance)) {
		rows_flush(rows, loop_now_ns(instance->loop));
		loop_timer_end(instance->loop, &instance->linger);
	} else if (!instance->linger.due_ns) {
		loop_timer_after(instance->loop, &instance->linger,
				 rows->sent_ns + LINGER_NS - loop_now_ns(instance->loop));
	}
}

/* What a callback may return besides 0 and a negative errno. */
static bool result_is_known(enum callback callback, int result)
{
	switch (callback) {
	case CALLBACK_PROCESS:
		return result == SONDE_PASS;
	case CALLBACK_WRITE:
	case CALLBACK_DRAIN:
		return result == SONDE_LATER;
	case CALLBACK_ASK:
		return result == SONDE_PARTLY;
	default:
		return false;
	}
}

/* A plugin's slip, such as `return EIO`, is a failure and no success. */
static int result_check(struct instance *instance, enum callback callback, int result)
{
	char message[128];

	if (result <= 0 || result_is_known(callback, result))
		return result;
	snprintf(message, sizeof(message), "%s returned %d, expected 0 or a negative errno",
		 callback_name(callback), result);
	return instance_fail(instance, EINVAL, message);
}

int instance_leave(struct instance *instance, enum callback callback, int result)
{
	result = result_check(instance, callback, result);
	if (instance->rows.count) {
		rows_settle(&instance->rows);
		instance_flush(instance);
	}
	__atomic_store_n(&instance->callback, (uint32_t)CALLBACK_NONE, __ATOMIC_RELEASE);
	if (result < 0)
		instance_book_failure(instance, callback, result);
	else if (__atomic_load_n(&instance->failed_callback, __ATOMIC_RELAXED) ==
		 (uint32_t)callback)
		instance_book_success(instance, callback);
	else if (instance->problem[0] && instance->failed_callback == CALLBACK_NONE)
		instance_forget_problem(instance);
	return result;
}

static void instance_call_stop(struct instance *instance)
{
	const struct sonde_plugin *plugin = descriptor_of(instance);

	if (plugin->stop) {
		instance_enter(instance, CALLBACK_STOP);
		plugin->stop(&instance->base);
		instance_leave(instance, CALLBACK_STOP, 0);
	}
	if (instance->rows.count)
		rows_flush(&instance->rows, loop_now_ns(instance->loop));
	instance_end_sources(instance);
	loop_timer_end(instance->loop, &instance->linger);
	loop_cancel(instance->loop, &instance->woken);
	loop_cancel(instance->loop, &instance->room);
}

static bool is_of_counter(const struct sonde_plugin *plugin, size_t offset)
{
	const struct sonde_counter *counter = plugin->counters;

	for (; counter && counter->name; counter++) {
		if (offset - counter->offset < sizeof(uint64_t))
			return true;
	}
	return false;
}

/* Counters only rise, and others may be reading them. */
static void instance_reset(struct instance *instance, const char *fresh)
{
	const struct sonde_plugin *plugin = descriptor_of(instance);
	char *self = instance->base.self;

	for (size_t i = 0; i < plugin->self_size; i++) {
		if (!is_of_counter(plugin, i))
			self[i] = fresh[i];
	}
}

/* A failed start leaves nothing behind: stop() has run and the options are as they were. Knobs that
 * were set since keep their values. */
static void instance_start_failed(struct instance *instance)
{
	const struct sonde_plugin *plugin = descriptor_of(instance);
	char *self = instance->base.self;
	char *fresh;

	instance_call_stop(instance);
	fresh = calloc(1, plugin->self_size ? plugin->self_size : 1);
	if (fresh) {
		for (const struct sonde_option *o = plugin->options; o && o->name; o++)
			memcpy(fresh + o->offset, self + o->offset, o->size);
		instance_reset(instance, fresh);
		free(fresh);
	}
	instance_set_state(instance, INSTANCE_WAITING);
	instance->restart_delay_ns =
		instance->restart_delay_ns ? instance->restart_delay_ns * 2 : RESTART_FIRST_NS;
	if (instance->restart_delay_ns > restart_longest_ns)
		instance->restart_delay_ns = restart_longest_ns;
	log_write(SONDE_DEBUG, instance->base.name, "start is tried again in %lld s",
		  (long long)(instance->restart_delay_ns / NS_PER_SECOND));
	loop_timer_after(instance->loop, &instance->restart, instance->restart_delay_ns);
}

void instance_start(struct instance *instance)
{
	const struct sonde_plugin *plugin = descriptor_of(instance);
	int result = 0;

	if (instance->state == INSTANCE_STOPPED)
		return;
	if (!instance->started_ns) {
		instance->started_ns = clock_wall_ns();
		census_enter(CENSUS_INSTANCES, &instance->census, instance);
	}
	if (instance->kernel) /* its counters begin at zero again */
		instance->kernel_base = *instance->kernel;
	/* Running before start(), which may emit and be woken. */
	instance_set_state(instance, INSTANCE_RUNNING);
	if (plugin->start) {
		instance_enter(instance, CALLBACK_START);
		result = plugin->start(&instance->base);
		result = instance_leave(instance, CALLBACK_START, result);
	}
	if (result < 0) {
		instance_start_failed(instance);
	} else {
		instance->restart_delay_ns = 0;
		instance_tell(instance);
	}
	if (result >= 0 && instance->on_running)
		loop_post(instance->loop, instance->on_running);
}

void instance_stop(struct instance *instance)
{
	uint32_t state = instance->state;

	loop_timer_end(instance->loop, &instance->restart);
	if (state == INSTANCE_RUNNING)
		instance_call_stop(instance);
	instance_set_state(instance, INSTANCE_STOPPED);
	loop_cancel(instance->loop, &instance->settled);
}

struct needs instance_check(struct instance *instance, const struct config *config,
			    struct problems *problems)
{
	const struct sonde_plugin *plugin = descriptor_of(instance);

	if (!plugin->check)
		return instance->needs;
	instance->problems = problems;
	instance->siblings = config;
	if (plugin->check(&instance->base) < 0 && !instance->problem[0])
		problems_add(problems, PROBLEM_ERROR, instance->config->place,
			     "%s: the plugin %s refuses these options", instance->config->name,
			     plugin->name);
	instance->problems = NULL;
	instance->siblings = NULL;
	return instance->needs;
}

void instance_drain(struct instance *instance)
{
	const struct sonde_plugin *plugin = descriptor_of(instance);
	int result = 0;

	instance->draining = true;
	if (plugin->drain && instance_is_running(instance)) {
		instance_enter(instance, CALLBACK_DRAIN);
		result = plugin->drain(&instance->base);
		result = instance_leave(instance, CALLBACK_DRAIN, result);
	}
	if (instance->rows.count)
		rows_flush(&instance->rows, loop_now_ns(instance->loop));
	if (result != SONDE_LATER)
		__atomic_store_n(&instance->drained, true, __ATOMIC_RELEASE);
}

static int instance_call_set(struct instance *instance)
{
	const struct sonde_plugin *plugin = descriptor_of(instance);

	if (!instance_is_running(instance))
		return 0;
	instance_tell(instance); /* what it can do may hang on its options */
	if (!plugin->set)
		return 0;
	instance_enter(instance, CALLBACK_SET);
	return instance_leave(instance, CALLBACK_SET, plugin->set(&instance->base));
}

void instance_restore(struct instance *instance, const char *knob, const struct knob_value *before)
{
	const struct sonde_option *option = option_find(descriptor_of(instance)->options, knob);

	if (!option)
		return;
	memcpy((char *)instance->base.self + option->offset, before->bytes, option->size);
	instance_call_set(instance);
}

int instance_set(struct instance *instance, const char *knob, const char *value,
		 struct knob_value *ret_before, char *error, size_t error_size)
{
	const struct sonde_option *option = option_find(descriptor_of(instance)->options, knob);
	char *self = instance->base.self;
	struct knob_value before;
	int result;

	if (!option || !option->knob) {
		option_explain_no_knob(descriptor_of(instance)->options, instance->base.name, knob,
				       error, error_size);
		return -EINVAL;
	}
	assert(option->size <= sizeof(before));
	memcpy(before.bytes, self + option->offset, option->size);
	result = option_parse(option, value, self, instance->arena, error, error_size);
	if (result)
		return result;
	result = instance_call_set(instance);
	if (result >= 0) {
		*ret_before = before;
		return 0;
	}
	snprintf(error, error_size, "%s refuses it: %s", instance->base.name,
		 instance->problem[0] ? instance->problem : strerror(-result));
	instance_restore(instance, knob, &before);
	return result;
}

/* ---- services ---------------------------------------------------------------------------- */

int instance_fail(struct instance *instance, int error, const char *message)
{
	char problem[sizeof(instance->problem)];
	bool again;

	error = abs(error); /* -errno, as it was returned to the plugin, will do */
	descriptors_note(error);
	if (instance->problems) {
		problems_add(instance->problems, PROBLEM_ERROR, instance->config->place, "%s: %s",
			     instance->base.name, message);
		return -error;
	}
	snprintf(problem, sizeof(problem), "%s: %s", message, strerror(error));
	pthread_mutex_lock(&instance->mutex);
	secret_mask(problem);
	again = instance->callback == CALLBACK_START &&
		instance->failed_callback == CALLBACK_START && !strcmp(instance->problem, problem);
	memcpy(instance->problem, problem, sizeof(problem));
	pthread_mutex_unlock(&instance->mutex);
	/* A start that is tried again and again for one reason says so once. */
	log_write(again ? SONDE_DEBUG : SONDE_ERROR, instance->base.name, "%s: %s", message,
		  strerror(error));
	return -error;
}
