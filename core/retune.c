/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs whose values in the config changed, in instances that go on over a reload. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "retune.h"
#include "show.h"

/* As option_parse() reads it; freed by the caller. NULL: no memory. */
static char *option_text(const struct sonde_option *option, const void *self)
{
	int length = option_print(option, self, NULL, 0);
	char *text = malloc((size_t)length + 1);

	if (text)
		option_print(option, self, text, (size_t)length + 1);
	return text;
}

static int knob_retune(const struct instance_config *config, const struct sonde_option *option,
		       const char *value, struct knobs *knobs, FILE *reply)
{
	char path[256], error[512];
	int result;

	snprintf(path, sizeof(path), "%s.%s", config->name, option->name);
	result = knob_rebase(knobs, "reload", path, value, error, sizeof(error));
	if (result)
		fprintf(reply, "%s cannot become %s: %s\n", path, value, error);
	return result;
}

static int option_retune(const struct instance_config *config, const struct instance_config *former,
			 const struct sonde_option *option, struct knobs *knobs, FILE *reply)
{
	char *now = option_text(option, config->self);
	char *before = option_text(option, former->self);
	int result = 0;

	if (!now || !before)
		result = -ENOMEM;
	else if (strcmp(now, before))
		result = knob_retune(config, option, now, knobs, reply);
	free(now);
	free(before);
	return result;
}

static int instance_retune(const struct instance_config *config,
			   const struct instance_config *former, struct knobs *knobs, FILE *reply)
{
	const struct sonde_option *option = config->plugin->descriptor->options;
	int result = 0;

	for (; option && option->name && !result; option++) {
		if (option_is_tunable(option))
			result = option_retune(config, former, option, knobs, reply);
	}
	return result;
}

int graph_retune(const struct graph *graph, const struct config *former, struct knobs *knobs,
		 FILE *reply)
{
	int result = 0;

	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		const struct instance_config *config = &graph->config->instances[i];

		for (uint32_t k = 0; k < former->instance_count && !result; k++) {
			const struct instance_config *other = &former->instances[k];

			if (graph->nodes[i].count && !strcmp(config->name, other->name) &&
			    instance_is_same(config, other))
				result = instance_retune(config, other, knobs, reply);
		}
	}
	return result;
}
