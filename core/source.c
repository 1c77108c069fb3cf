/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance watches and times, on the loop that it runs on. */
#include <errno.h>
#include <stdlib.h>

#include "instance.h"

struct instance_watch {
	struct loop_fd *watch; /* the loop frees it */
	struct instance_watch *next;
	int fd;
};

struct instance_timer {
	struct loop_timer timer;
	struct instance *instance;
	struct instance_timer *next;
	int id;
};

static void instance_run_watch(void *data, int fd, uint32_t events)
{
	struct instance *instance = data;
	const struct sonde_plugin *plugin = instance->plugin->descriptor;

	if (!plugin->ready || !instance_is_listening(instance))
		return;
	instance_enter(instance, CALLBACK_READY);
	instance_leave(instance, CALLBACK_READY, plugin->ready(&instance->base, fd, events));
}

int instance_watch(struct instance *instance, int fd, uint32_t events)
{
	struct instance_watch *watch;
	int result;

	for (watch = instance->watches; watch; watch = watch->next) {
		if (watch->fd == fd)
			return loop_watch_change(instance->loop, watch->watch, events);
	}
	watch = calloc(1, sizeof(*watch));
	if (watch)
		watch->watch = calloc(1, sizeof(*watch->watch));
	if (!watch || !watch->watch) {
		free(watch);
		return -ENOMEM;
	}
	*watch->watch = (struct loop_fd){ .run = instance_run_watch, .data = instance, .fd = fd };
	watch->fd = fd;
	result = loop_watch(instance->loop, watch->watch, events);
	if (result) {
		free(watch->watch);
		free(watch);
		return result;
	}
	watch->next = instance->watches;
	instance->watches = watch;
	return 0;
}

int instance_unwatch(struct instance *instance, int fd)
{
	for (struct instance_watch **link = &instance->watches; *link; link = &(*link)->next) {
		struct instance_watch *watch = *link;

		if (watch->fd != fd)
			continue;
		*link = watch->next;
		loop_watch_end(instance->loop, watch->watch);
		free(watch);
		return 0;
	}
	return -ENOENT;
}

static void instance_run_timer(void *data)
{
	struct instance_timer *timer = data;
	struct instance *instance = timer->instance;
	const struct sonde_plugin *plugin = instance->plugin->descriptor;

	if (!plugin->timer || !instance_is_listening(instance))
		return;
	instance_enter(instance, CALLBACK_TIMER);
	instance_leave(instance, CALLBACK_TIMER, plugin->timer(&instance->base, timer->id));
}

static struct instance_timer *instance_timer(struct instance *instance, int id)
{
	struct instance_timer *timer;

	for (timer = instance->timers; timer; timer = timer->next) {
		if (timer->id == id)
			return timer;
	}
	timer = calloc(1, sizeof(*timer));
	if (!timer)
		return NULL;
	timer->timer = (struct loop_timer){ .run = instance_run_timer, .data = timer };
	timer->instance = instance;
	timer->id = id;
	timer->next = instance->timers;
	instance->timers = timer;
	return timer;
}

int instance_every(struct instance *instance, int id, int64_t interval_ns)
{
	struct instance_timer *timer = instance_timer(instance, id);

	if (!timer)
		return -ENOMEM;
	if (interval_ns > 0)
		loop_timer_every(instance->loop, &timer->timer, interval_ns);
	else
		loop_timer_end(instance->loop, &timer->timer);
	return 0;
}

int instance_after(struct instance *instance, int id, int64_t delay_ns)
{
	struct instance_timer *timer = instance_timer(instance, id);

	if (!timer)
		return -ENOMEM;
	if (delay_ns >= 0)
		loop_timer_after(instance->loop, &timer->timer, delay_ns);
	else
		loop_timer_end(instance->loop, &timer->timer);
	return 0;
}

void instance_end_sources(struct instance *instance)
{
	while (instance->timers) {
		struct instance_timer *timer = instance->timers;

		instance->timers = timer->next;
		loop_timer_end(instance->loop, &timer->timer);
		free(timer);
	}
	while (instance->watches) {
		struct instance_watch *watch = instance->watches;

		instance->watches = watch->next;
		loop_watch_end(instance->loop, watch->watch);
		free(watch);
	}
}
