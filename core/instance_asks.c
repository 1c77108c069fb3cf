/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance asks of the inputs before it, and what it is asked as one of them. */
#include "ask.h"
#include "batch.h"
#include "instance.h"
#include "pipeline.h"

/* ---- who may ask ------------------------------------------------------------------------- */

uint32_t ask_reduction(uint32_t kind)
{
	return kind == SONDE_ASK_SAMPLE      ? SONDE_SAMPLED
	       : kind == SONDE_ASK_AGGREGATE ? SONDE_AGGREGATED
					     : SONDE_REDUCTION_COUNT;
}

bool stage_is_first(const struct pipeline_config *pipeline, uint32_t stage, uint32_t kind)
{
	for (uint32_t i = 0; i < pipeline->from_count; i++)
		if (pipeline->from[i].pipeline) /* rows that have been through others' hands */
			return false;
	for (uint32_t i = 0; i < stage; i++)
		if (pipeline->through[i].instance->plugin->descriptor->reduces ==
		    ask_reduction(kind))
			return false;
	return true;
}

bool instance_is_done(const struct instance *instance, const struct sonde_batch *batch,
		      uint32_t kind)
{
	const struct pipeline *pipeline = instance->owner;

	return kind < BATCH_REPLAYED_BIT && (batch->done >> kind & 1) &&
	       stage_is_first(pipeline->config, instance->position, kind);
}

/* ---- asking and taking ------------------------------------------------------------------- */

int instance_ask(struct instance *instance, struct asks *asks)
{
	const struct sonde_plugin *plugin = instance->plugin->descriptor;

	if (!plugin->ask)
		return SONDE_PARTLY;
	if (!instance->loop) /* it is never started */
		return plugin->ask(&instance->base, asks_view(asks));
	instance_enter(instance, CALLBACK_ASK);
	return instance_leave(instance, CALLBACK_ASK,
			      plugin->ask(&instance->base, asks_view(asks)));
}

static int call_take(struct instance *instance, uint64_t *ret_taken)
{
	const struct sonde_plugin *plugin = instance->plugin->descriptor;

	if (!instance->loop)
		return plugin->take(&instance->base, asks_view(instance->asks), ret_taken);
	instance_enter(instance, CALLBACK_TAKE);
	return instance_leave(instance, CALLBACK_TAKE,
			      plugin->take(&instance->base, asks_view(instance->asks), ret_taken));
}

/* What it can do may differ from start to start. */
void instance_tell(struct instance *instance)
{
	uint64_t taken = 0;

	if (!instance->asks || !instance->plugin->descriptor->take)
		return;
	if (call_take(instance, &taken) < 0)
		taken = 0;
	pthread_mutex_lock(&instance->mutex);
	instance->asks_taken = taken;
	pthread_mutex_unlock(&instance->mutex);
}

void instance_take(struct instance *instance, struct asks *asks)
{
	struct asks *before;

	pthread_mutex_lock(&instance->mutex);
	before = instance->asks;
	instance->asks = asks;
	instance->asks_taken = 0;
	pthread_mutex_unlock(&instance->mutex);
	if (!instance->loop || instance_is_listening(instance))
		instance_tell(instance);
	asks_release(before);
}
