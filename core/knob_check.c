/* SPDX-License-Identifier: Apache-2.0 */
/* Whether there is a knob, by its path, and whether it can have a value; before anything runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "knob_claim.h"

const char *knob_split(const char *path, char name[KNOB_NAME_BYTES], char *error, size_t error_size)
{
	const char *dot = strrchr(path, '.');

	if (!dot || dot - path >= KNOB_NAME_BYTES) {
		snprintf(error, error_size, "\"%.64s\" is not INSTANCE.KNOB", path);
		return NULL;
	}
	snprintf(name, KNOB_NAME_BYTES, "%.*s", (int)(dot - path), path);
	return dot + 1;
}

void knob_explain_instance(const struct config *config, const char *name, char *error,
			   size_t error_size)
{
	const char **names = calloc(config->instance_count + 1, sizeof(*names)), *near;

	for (uint32_t i = 0; names && i < config->instance_count; i++)
		names[i] = config->instances[i].name;
	near = names ? nearest_name(name, names, config->instance_count) : NULL;
	snprintf(error, error_size, "no instance \"%s\" is running%s%s%s", name,
		 near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
	free(names);
}

static const struct instance_config *instance_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->instance_count; i++) {
		const struct instance_config *instance = &config->instances[i];

		if (!strcmp(instance->name, name) && instance->plugin && instance->routed)
			return instance;
	}
	return NULL;
}

/* Into a struct of nobody's. */
static int value_check(const struct sonde_option *option, const char *value, char *error,
		       size_t error_size)
{
	struct sonde_option alone = *option;
	struct arena *arena = arena_create();
	struct knob_value scratch;
	int result = -ENOMEM;

	alone.offset = 0;
	if (arena)
		result = option_parse(&alone, value, &scratch, arena, error, error_size);
	else
		snprintf(error, error_size, "memory is refused");
	arena_release(arena);
	return result;
}

int knob_check(const struct config *config, const char *path, const char *value, char *error,
	       size_t error_size)
{
	const struct instance_config *instance;
	const struct sonde_option *option;
	char name[KNOB_NAME_BYTES];
	const char *knob = knob_split(path, name, error, error_size);

	if (!knob)
		return -EINVAL;
	instance = instance_find(config, name);
	if (!instance) {
		knob_explain_instance(config, name, error, error_size);
		return -ENOENT;
	}
	option = option_find(instance->plugin->descriptor->options, knob);
	if (!option || !option->knob) {
		option_explain_no_knob(instance->plugin->descriptor->options, name, knob, error,
				       error_size);
		return -EINVAL;
	}
	return value ? value_check(option, value, error, error_size) : 0;
}
