/* SPDX-License-Identifier: Apache-2.0 */
/* How an instance fares: its state in one word, and why. */
#include <string.h>

#include "clock.h"
#include "health.h"
#include "output.h"

static const char *const state_names[SONDE_STATE_COUNT] = {
	[SONDE_STATE_STARTING] = "starting", [SONDE_STATE_RUNNING] = "running",
	[SONDE_STATE_DEGRADED] = "degraded", [SONDE_STATE_WAITING] = "waiting",
	[SONDE_STATE_BUSY] = "busy",         [SONDE_STATE_LEAVING] = "leaving",
	[SONDE_STATE_STOPPED] = "stopped",
};

const char *state_name(uint32_t state)
{
	const char *name = state < SONDE_STATE_COUNT ? state_names[state] : NULL;

	return name ? name : "other";
}

/* A copy of a text in what is left of the buffer. */
static const char *text_put(const char *text, char **texts, size_t *capacity)
{
	char *copy = *texts;
	size_t length = strlen(text);

	if (!*capacity)
		return "";
	if (length >= *capacity)
		length = *capacity - 1;
	memcpy(copy, text, length);
	copy[length] = '\0';
	*texts += length + 1;
	*capacity -= length + 1;
	return copy;
}

/* How long it has been in a callback, as the watch saw it; it may have returned since. */
static int64_t busy_ns(const struct instance *instance)
{
	int64_t since_ns = __atomic_load_n(&instance->busy_since_ns, __ATOMIC_RELAXED);

	if (!since_ns || __atomic_load_n(&instance->callback, __ATOMIC_ACQUIRE) == CALLBACK_NONE)
		return 0;
	return clock_monotonic_ns() - since_ns;
}

static bool is_degraded(struct instance *instance)
{
	bool degraded;

	pthread_mutex_lock(&instance->mutex);
	degraded = instance->failed_callback != CALLBACK_NONE;
	pthread_mutex_unlock(&instance->mutex);
	return degraded;
}

uint32_t health_state(struct instance *instance)
{
	if (busy_ns(instance))
		return SONDE_STATE_BUSY;
	if (__atomic_load_n(&instance->leaving, __ATOMIC_RELAXED))
		return SONDE_STATE_LEAVING;
	switch (__atomic_load_n(&instance->state, __ATOMIC_RELAXED)) {
	case INSTANCE_RUNNING:
		return is_degraded(instance) ? SONDE_STATE_DEGRADED : SONDE_STATE_RUNNING;
	case INSTANCE_WAITING:
		return SONDE_STATE_WAITING;
	case INSTANCE_STOPPED:
		return SONDE_STATE_STOPPED;
	default:
		return SONDE_STATE_STARTING;
	}
}

void health_read(struct instance *instance, struct sonde_health *ret_health, char *texts,
		 size_t capacity)
{
	const struct sonde_plugin *plugin = instance->plugin->descriptor;
	const struct output *output = plugin->kind == SONDE_OUTPUT ? instance->owner : NULL;
	uint32_t callback = __atomic_load_n(&instance->callback, __ATOMIC_ACQUIRE);

	ret_health->kind = plugin->kind;
	ret_health->replica = instance->base.replica;
	ret_health->started_ns = instance->started_ns; /* before it came into the census */
	ret_health->name = text_put(instance->base.name, &texts, &capacity);
	ret_health->plugin = text_put(plugin->name, &texts, &capacity);
	ret_health->state = health_state(instance);
	ret_health->busy_ns = busy_ns(instance);
	ret_health->callback = ret_health->busy_ns ? callback_name(callback) : "";
	pthread_mutex_lock(&instance->mutex);
	ret_health->failure_count = instance->failure_count;
	ret_health->problem =
		text_put(instance->failed_callback != CALLBACK_NONE ? instance->problem : "",
			 &texts, &capacity);
	pthread_mutex_unlock(&instance->mutex);
	ret_health->retry_count =
		output ? __atomic_load_n(&output->retry_count, __ATOMIC_RELAXED) : 0;
}
