// SPDX-License-Identifier: Apache-2.0
/* from, through and to of a pipeline: names in the config become pointers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fragment.h"
#include "gate.h"
#include "reference.h"
#include "rule.h"
#include "section.h"

enum { HINT_LENGTH = 256, EXPLAINED_LENGTH = 320, LISTED_LIMIT = 8 };

/* One of the three lists. */
struct list {
	const char *name;  /* "from" */
	uint32_t kind;     /* enum sonde_kind of what it takes */
	bool pipelines;    /* which it takes too */
	const char *takes; /* for messages */
};

static const struct list from_list = { "from", SONDE_INPUT, true, "inputs and pipelines" };
static const struct list through_list = { "through", SONDE_PROCESSOR, false, "processors" };
static const struct list to_list = { "to", SONDE_OUTPUT, false, "outputs" };

/* A list of a pipeline while it is read. */
struct reading {
	struct setting_reader *reader;
	const struct config *config;
	const struct list *list;
	const char *path; /* "pipelines.kernel.to" */
	struct config_reference *items;
	uint32_t count;
};

struct instance_config *config_instance(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->instance_count; i++)
		if (!strcmp(config->instances[i].name, name))
			return &config->instances[i];
	return NULL;
}

struct pipeline_config *config_pipeline(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->pipeline_count; i++)
		if (!strcmp(config->pipelines[i].name, name))
			return &config->pipelines[i];
	return NULL;
}

void queue_read(struct setting_reader *reader, const config_setting_t *setting, const char *path,
		const struct sonde_option *options, struct queue_config *queue)
{
	struct setting_table tables[] = { { options, queue }, { NULL, NULL } };

	if (setting_is_group(reader, setting, path))
		settings_read(reader, setting, path, tables, NULL);
}

/* " (did you mean …)", or all that would fit where there are few. */
static void unknown_hint(const struct reading *reading, const char *name, char *hint, size_t size)
{
	const struct config *config = reading->config;
	const char **names =
		calloc(config->instance_count + config->pipeline_count + 1u, sizeof(*names));
	uint32_t count = 0;
	size_t length;

	hint[0] = '\0';
	if (!names ||
	    problems_count(reading->reader->problems, PROBLEM_ERROR) >= SETTING_HINTS_LIMIT) {
		free(names);
		return;
	}
	for (uint32_t i = 0; i < config->instance_count; i++)
		if (config->instances[i].kind == reading->list->kind)
			names[count++] = config->instances[i].name;
	for (uint32_t i = 0; reading->list->pipelines && i < config->pipeline_count; i++)
		names[count++] = config->pipelines[i].name;
	nearest_hint(name, names, count, hint, size);
	if (!hint[0]) {
		length = (size_t)snprintf(hint, size, count ? " (%s: " : " (there are no %s",
					  reading->list->takes);
		for (uint32_t i = 0; i < count && i < LISTED_LIMIT && length < size; i++)
			length += (size_t)snprintf(hint + length, size - length, "%s%s",
						   i ? ", " : "", names[i]);
		if (length < size)
			snprintf(hint + length, size - length, count > LISTED_LIMIT ? ", …)" : ")");
	}
	free(names);
}

/* Points the reference at what has the name; false after a problem. */
static bool reference_resolve(const struct reading *reading, const char *name,
			      struct config_reference *reference)
{
	struct instance_config *instance = config_instance(reading->config, name);
	struct pipeline_config *pipeline = instance ? NULL : config_pipeline(reading->config, name);
	char hint[HINT_LENGTH];

	if (instance ? instance->kind == reading->list->kind
		     : pipeline && reading->list->pipelines) {
		reference->instance = instance;
		reference->pipeline = pipeline;
		return true;
	}
	if (instance) {
		setting_complain(reading->reader, reference->place, reading->path,
				 "\"%s\" is %s %s, and `%s` takes %s", name,
				 instance->kind == SONDE_PROCESSOR ? "a" : "an",
				 kind_name(instance->kind), reading->list->name,
				 reading->list->takes);
	} else if (pipeline) {
		setting_complain(reading->reader, reference->place, reading->path,
				 "\"%s\" is a pipeline, and `%s` takes %s%s", name,
				 reading->list->name, reading->list->takes,
				 reading->list == &to_list
					 ? " (a pipeline feeds another one that names it in `from`)"
					 : "");
	} else {
		unknown_hint(reading, name, hint, sizeof(hint));
		setting_complain(reading->reader, reference->place, reading->path,
				 "nothing is called \"%s\"%s", name, hint);
	}
	return false;
}

/* An entry of `to` that is a group: the output, and what holds for this route alone. */
static bool route_read(const struct reading *reading, const config_setting_t *group,
		       struct config_reference *reference)
{
	struct setting_reader *reader = reading->reader;
	const config_setting_t *queue = config_setting_get_member(group, "queue");
	const config_setting_t *where = config_setting_get_member(group, "where");
	char explained[EXPLAINED_LENGTH];
	struct route_keys keys = { 0 };
	struct setting_table tables[] = { { route_options, &keys }, { NULL, NULL } };
	char *queue_path;

	settings_read(reader, group, reading->path, tables, route_parts);
	settings_require(reader, group, reading->path, route_options);
	if (keys.where && *keys.where)
		reference->where = keys.where;
	if (reference->where && gate_check(keys.where, explained, sizeof(explained)) < 0)
		problems_add(reader->problems, PROBLEM_ERROR, setting_place(where), "%s.where: %s",
			     reading->path, explained);
	if (!keys.output || !reference_resolve(reading, keys.output, reference))
		return false;
	reference->queue = reference->instance->queue;
	queue_path = setting_memory(reader, arena_format(reader->arena, "%s.queue", reading->path));
	if (queue && queue_path)
		queue_read(reader, queue, queue_path, output_queue_options, &reference->queue);
	return true;
}

static bool name_read(const struct reading *reading, const config_setting_t *entry,
		      struct config_reference *reference)
{
	const char *name = setting_text(reading->reader, entry, reading->path);

	if (!name || !reference_resolve(reading, name, reference))
		return false;
	if (reference->instance)
		reference->queue = reference->instance->queue;
	return true;
}

static void entry_read(struct reading *reading, const config_setting_t *entry)
{
	struct config_reference reference = { .place = setting_place(entry) };
	bool group = config_setting_is_group(entry);

	if (group && reading->list != &to_list) {
		setting_complain(reading->reader, reference.place, reading->path,
				 "takes names only");
		return;
	}
	if (!(group ? route_read(reading, entry, &reference)
		    : name_read(reading, entry, &reference)))
		return;
	for (uint32_t i = 0; i < reading->count; i++) {
		const struct config_reference *other = &reading->items[i];

		if (other->instance != reference.instance || other->pipeline != reference.pipeline)
			continue;
		setting_complain(
			reading->reader, reference.place, reading->path, "\"%s\" stands here twice",
			reference.instance ? reference.instance->name : reference.pipeline->name);
		return;
	}
	if (reference.instance)
		reference.instance->routed = true;
	reading->items[reading->count++] = reference;
}

/* Room for as many as may be named: the elements of a list, or the one that stands without. */
static uint32_t list_read(struct setting_reader *reader, const struct config *config,
			  const config_setting_t *group, const char *path, const struct list *list,
			  struct config_reference **ret_items)
{
	const config_setting_t *setting = config_setting_get_member(group, list->name);
	bool single = setting &&
		      (!config_setting_is_aggregate(setting) || config_setting_is_group(setting));
	int count = !setting ? 0 : single ? 1 : config_setting_length(setting);
	struct reading reading = { .reader = reader, .config = config, .list = list };

	if (count > CONFIG_NAMES_LIMIT) {
		setting_complain(reader, setting_place(setting), path, "names more than %d",
				 CONFIG_NAMES_LIMIT);
		return 0;
	}
	reading.path =
		setting_memory(reader, arena_format(reader->arena, "%s.%s", path, list->name));
	reading.items = setting_memory(
		reader, arena_zero(reader->arena, ((size_t)count + 1) * sizeof(*reading.items)));
	if (!reading.path || !reading.items)
		return 0;
	for (int i = 0; i < count; i++)
		entry_read(&reading,
			   single ? setting : config_setting_get_elem(setting, (unsigned)i));
	*ret_items = reading.items;
	return reading.count;
}

void references_read(struct setting_reader *reader, const struct config *config,
		     struct pipeline_config *pipeline, const config_setting_t *group,
		     const char *path)
{
	pipeline->from_count = list_read(reader, config, group, path, &from_list, &pipeline->from);
	pipeline->through_count =
		list_read(reader, config, group, path, &through_list, &pipeline->through);
	pipeline->to_count = list_read(reader, config, group, path, &to_list, &pipeline->to);
}

static bool names_nothing(const config_setting_t *group, const char *list)
{
	const config_setting_t *setting = config_setting_get_member(group, list);

	return !setting ||
	       (config_setting_is_aggregate(setting) && !config_setting_length(setting));
}

static bool is_tapped(const struct config *config, const struct pipeline_config *pipeline)
{
	for (uint32_t i = 0; i < config->pipeline_count; i++)
		for (uint32_t j = 0; j < config->pipelines[i].from_count; j++)
			if (config->pipelines[i].from[j].pipeline == pipeline)
				return true;
	return false;
}

void references_check(struct setting_reader *reader, const struct config *config,
		      const struct pipeline_config *pipeline, const config_setting_t *group,
		      const char *path)
{
	if (names_nothing(group, "from"))
		setting_complain(reader, pipeline->place, path,
				 "`from` is missing: nothing would come in");
	if (names_nothing(group, "to") && !is_tapped(config, pipeline))
		setting_complain(reader, pipeline->place, path,
				 "`to` is missing, and no pipeline names this one in `from`: its "
				 "rows would go "
				 "nowhere");
}
