// SPDX-License-Identifier: Apache-2.0
/* Status for shells that complete words, a line each: the knobs that can be set, the outputs that
 * leave, what can be tapped. */
#include <string.h>

#include "status.h"

/* What would be taken for the end of a field or a line is a blank. */
static void field_put(const char *text, FILE *file)
{
	for (; *text; text++)
		putc((unsigned char)*text < ' ' ? ' ' : *text, file);
}

static void choices_put(const struct sonde_option *option, FILE *file)
{
	if (option->type == SONDE_BOOL)
		fputs("true,false", file);
	for (uint32_t i = 0; option->choices && option->choices[i]; i++)
		fprintf(file, "%s%s", i ? "," : "", option->choices[i]);
}

static void knob_put(const struct instance *instance, const struct sonde_option *option, FILE *file)
{
	char value[512];

	option_print(option, instance->base.self, value, sizeof(value));
	fprintf(file, "%s.%s\t", instance->base.name, option->name);
	field_put(value, file);
	putc('\t', file);
	choices_put(option, file);
	putc('\t', file);
	field_put(option->help ? option->help : "", file);
	putc('\n', file);
}

void status_print_knobs(const struct status *status, FILE *file)
{
	for (uint32_t i = 0; i < status->instance_count; i++) {
		const struct status_instance *at = &status->instances[i];
		const struct sonde_option *option = at->instance->plugin->descriptor->options;

		if (at->silent || at->leaving ||
		    at->instance->base.replica) /* all replicas have the same */
			continue;
		for (; option && option->name; option++)
			if (option->knob)
				knob_put(at->instance, option, file);
	}
}

void status_print_leaving(const struct status *status, FILE *file)
{
	for (uint32_t i = 0; i < status->instance_count; i++) {
		const struct status_instance *at = &status->instances[i];

		if (at->leaving && at->instance->plugin->descriptor->kind == SONDE_OUTPUT)
			fprintf(file, "%s\t%s\n", at->instance->base.name,
				at->instance->plugin->descriptor->name);
	}
}

/* What can be tapped. */
void status_print_places(const struct status *status, FILE *file)
{
	const struct config *config = status->sources->graph->config;

	for (uint32_t i = 0; i < config->pipeline_count; i++)
		fprintf(file, "%s\tpipeline\n", config->pipelines[i].name);
	for (uint32_t i = 0; i < config->instance_count; i++)
		if (config->instances[i].kind == SONDE_INPUT && config->instances[i].routed)
			fprintf(file, "%s\tinput %s\n", config->instances[i].name,
				config->instances[i].plugin->descriptor->name);
}

void status_print_processors(const struct status *status, FILE *file)
{
	const struct config *config = status->sources->graph->config;

	for (uint32_t i = 0; i < config->instance_count; i++)
		if (config->instances[i].kind == SONDE_PROCESSOR && config->instances[i].routed)
			fprintf(file, "%s\tprocessor %s\n", config->instances[i].name,
				config->instances[i].plugin->descriptor->name);
}
