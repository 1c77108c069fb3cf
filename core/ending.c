// SPDX-License-Identifier: Apache-2.0
/* Inputs that come to their end by themselves: whoever runs them is told. */
#include <pthread.h>

#include "ending.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct loop *told_loop;
static struct loop_task *told;

void ending_watch(struct loop *loop, struct loop_task *task)
{
	pthread_mutex_lock(&mutex);
	if (!task && told)
		loop_cancel(told_loop, told);
	told_loop = loop;
	told = task;
	pthread_mutex_unlock(&mutex);
}

void ending_note(struct instance *instance)
{
	bool unasked = !instance->draining;

	__atomic_store_n(&instance->drained, true, __ATOMIC_RELEASE);
	if (!unasked || instance->plugin->descriptor->kind != SONDE_INPUT)
		return;
	pthread_mutex_lock(&mutex);
	if (told)
		loop_post(told_loop, told);
	pthread_mutex_unlock(&mutex);
}

bool ending_is_reached(const struct graph *graph)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		const struct graph_node *node = &graph->nodes[i];

		if (!node->count || node->config->kind != SONDE_INPUT)
			continue;
		for (uint32_t r = 0; r < node->count; r++)
			if (!__atomic_load_n(&node->instances[r]->drained, __ATOMIC_ACQUIRE))
				return false;
	}
	return true;
}
