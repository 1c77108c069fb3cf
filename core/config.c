// SPDX-License-Identifier: Apache-2.0
/* A config file (or a directory of fragments) as structs: everything resolved, defaults filled. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "fragment.h"
#include "privileges.h"
#include "reference.h"
#include "rule.h"
#include "section.h"
#include "setting.h"
#include "show.h"
#include "wiring.h"

enum { ERROR_LENGTH = 768, NAME_LENGTH_LIMIT = 64, PLUGINS_LIMIT = 256, RESOURCE_LIMIT = 256 };

/* A config while it is read. */
struct loading {
	struct config *config;
	struct catalog *catalog;
	struct fragments fragments;
	struct setting_reader reader;
};

/* What to do with each member of a section. */
typedef void member_function(struct loading *loading, enum section section,
			     const config_setting_t *setting);

/* Every member of the section, in the order of the files; whoever stands in a wrong place is
 * skipped, which section_check() complains of. */
static void section_walk(struct loading *loading, enum section section, member_function *member)
{
	for (uint32_t i = 0; i < loading->fragments.count; i++) {
		struct fragment *fragment = &loading->fragments.items[i];
		const config_setting_t *group = config_setting_get_member(
			config_root_setting(&fragment->tree), section_names[section]);
		int count =
			group && config_setting_is_group(group) ? config_setting_length(group) : 0;

		loading->reader.directory = fragment->directory;
		for (int j = 0; j < count; j++)
			member(loading, section, config_setting_get_elem(group, (unsigned)j));
	}
}

static void sections_check(struct loading *loading)
{
	uint32_t known = SECTION_PIPELINES + 1;
	char hint[NAME_LENGTH_LIMIT + 32];

	for (uint32_t i = 0; i < loading->fragments.count; i++) {
		const config_setting_t *root =
			config_root_setting(&loading->fragments.items[i].tree);

		for (int j = 0; j < config_setting_length(root); j++) {
			const config_setting_t *setting =
				config_setting_get_elem(root, (unsigned)j);
			const char *name = config_setting_name(setting);
			uint32_t k = 0;

			while (k < known && strcmp(section_names[k], name))
				k++;
			if (k < known)
				setting_is_group(&loading->reader, setting, name);
			else
				setting_complain(&loading->reader, setting_place(setting), name,
						 "unknown section%s",
						 nearest_hint(name, section_names, known, hint,
							      sizeof(hint)));
		}
	}
}

/* ---- sonde ------------------------------------------------------------------------------- */

/* An attribute is "key=value", and its key stands once. */
static void resource_check(struct loading *loading)
{
	const struct sonde_texts *resource = &loading->config->daemon.resource;
	const struct setting_given *given = setting_find(loading->reader.given, "sonde.resource");

	if (given && resource->count > RESOURCE_LIMIT) {
		setting_complain(&loading->reader, given->place, given->path,
				 "holds more than %d attributes", RESOURCE_LIMIT);
		return;
	}
	for (uint32_t i = 0; given && i < resource->count; i++) {
		const char *item = resource->items[i];
		size_t length = strcspn(item, "=");

		if (!length || !item[length])
			setting_complain(&loading->reader, given->place, given->path,
					 "item %u is not \"key=value\"", i + 1);
		for (uint32_t j = 0; j < i; j++)
			if (!strncmp(item, resource->items[j], length + 1) && item[length])
				setting_complain(&loading->reader, given->place, given->path,
						 "\"%.*s\" stands twice", (int)length, item);
	}
}

/* Where the plugins of the instances, which are read next, may lie: the first directory is searched
 * first. */
static void directories_add(struct loading *loading)
{
	const struct sonde_texts *plugins = &loading->config->daemon.plugins;

	for (uint32_t i = plugins->count; i > 0; i--)
		if (catalog_prepend(loading->catalog, plugins->items[i - 1]))
			setting_memory(&loading->reader, NULL);
}

static void daemon_read(struct loading *loading)
{
	struct setting_table tables[] = { { daemon_options, &loading->config->daemon },
					  { NULL, NULL } };
	struct setting_reader *reader = &loading->reader;
	const char *name = section_names[SECTION_SONDE];
	char error[ERROR_LENGTH];

	if (option_defaults(daemon_options, &loading->config->daemon, reader->arena, error,
			    sizeof(error)))
		setting_complain(reader, (struct place){ 0 }, name, "%s", error);
	reader->merging = true;
	for (uint32_t i = 0; i < loading->fragments.count; i++) {
		struct fragment *fragment = &loading->fragments.items[i];
		const config_setting_t *group =
			config_setting_get_member(config_root_setting(&fragment->tree), name);

		reader->directory = fragment->directory;
		if (!group || !config_setting_is_group(group))
			continue;
		settings_read(reader, group, name, tables, daemon_parts);
		privileges_read(reader, group, &loading->config->daemon.privileges);
	}
	reader->merging = false;
	resource_check(loading);
	privileges_check(reader, &loading->config->daemon.privileges);
	directories_add(loading);
	loading->config->daemon_given = reader->given;
	reader->given = NULL;
}

/* ---- names ------------------------------------------------------------------------------- */

/* Whether an instance or pipeline may be called so; else a problem says why not. */
static bool name_check(struct loading *loading, enum section section,
		       const config_setting_t *setting)
{
	const char *name = config_setting_name(setting), *file = NULL, *other;
	const struct instance_config *instance = config_instance(loading->config, name);
	const struct pipeline_config *pipeline = config_pipeline(loading->config, name);
	struct place place = instance   ? instance->place
			     : pipeline ? pipeline->place
					: (struct place){ 0 };
	char path[2 * NAME_LENGTH_LIMIT];

	snprintf(path, sizeof(path), "%s.%s", section_names[section], name);
	file = place.file;
	if (file) {
		other = section_names[instance ? instance->kind : SECTION_PIPELINES];
		setting_complain(&loading->reader, setting_place(setting), path,
				 "the name is taken by %s.%s in %s:%u", other, name, file,
				 place.line);
	} else if (strchr(name, '*') || strlen(name) > NAME_LENGTH_LIMIT) {
		setting_complain(&loading->reader, setting_place(setting), path,
				 "a name has letters, digits, _ and -, and at most %d of them",
				 NAME_LENGTH_LIMIT);
	} else if (loading->config->instance_count + loading->config->pipeline_count >=
		   CONFIG_NAMES_LIMIT) {
		if (loading->config->instance_count + loading->config->pipeline_count ==
		    CONFIG_NAMES_LIMIT)
			setting_complain(&loading->reader, setting_place(setting), path,
					 "more than %d instances and pipelines",
					 CONFIG_NAMES_LIMIT);
	} else {
		return true;
	}
	return false;
}

/* ---- instances --------------------------------------------------------------------------- */

/* The names of plugins that there are. */
struct plugin_names {
	char *items[PLUGINS_LIMIT];
	uint32_t count;
};

static int plugin_name_add(const char *name, const char *path, void *data)
{
	struct plugin_names *names = data;

	(void)path;
	if (names->count < PLUGINS_LIMIT && (names->items[names->count] = strdup(name)))
		names->count++;
	return 0;
}

static void plugin_missing(struct loading *loading, const config_setting_t *group, const char *path)
{
	struct plugin_names names = { .count = 0 };
	const char *nearest;

	catalog_walk(loading->catalog, plugin_name_add, &names);
	nearest = nearest_name(config_setting_name(group), (const char *const *)names.items,
			       names.count);
	if (nearest)
		setting_complain(&loading->reader, setting_place(group), path,
				 "plugin is missing (write plugin = \"%s\" if that is meant)",
				 nearest);
	else
		setting_complain(&loading->reader, setting_place(group), path,
				 "plugin is missing: which one is this?");
	for (uint32_t i = 0; i < names.count; i++)
		free(names.items[i]);
}

/* Loads the plugin that the group names; false after a problem. */
static bool plugin_read(struct loading *loading, struct instance_config *instance,
			const config_setting_t *group, const char *path)
{
	const config_setting_t *setting = config_setting_get_member(group, "plugin");
	char error[ERROR_LENGTH], whole[3 * NAME_LENGTH_LIMIT];
	const struct plugin *plugin;
	int result;

	if (!setting) {
		plugin_missing(loading, group, path);
		return false;
	}
	snprintf(whole, sizeof(whole), "%s.plugin", path);
	instance->plugin_name = setting_text(&loading->reader, setting, whole);
	if (!instance->plugin_name)
		return false;
	result = catalog_find(loading->catalog, instance->plugin_name, instance->kind, &plugin,
			      error, sizeof(error));
	if (result == -EPROTOTYPE)
		result = catalog_find(loading->catalog, instance->plugin_name, 0, &plugin, error,
				      sizeof(error));
	if (result) {
		setting_complain(&loading->reader, setting_place(setting), whole, "%s", error);
		return false;
	}
	if (plugin->descriptor->kind != instance->kind) {
		setting_complain(&loading->reader, setting_place(setting), whole,
				 "\"%s\" is %s %s plugin and belongs under `%s`",
				 instance->plugin_name,
				 plugin->descriptor->kind == SONDE_PROCESSOR ? "a" : "an",
				 kind_name(plugin->descriptor->kind),
				 section_names[plugin->descriptor->kind]);
		return false;
	}
	instance->plugin = plugin;
	return true;
}

static void retry_read(struct setting_reader *reader, const config_setting_t *setting,
		       const char *path, struct retry_config *retry)
{
	struct setting_table tables[] = { { retry_options, retry }, { NULL, NULL } };

	if (!setting_is_group(reader, setting, path))
		return;
	settings_read(reader, setting, path, tables, NULL);
	if (retry->first_ns > retry->longest_ns)
		setting_complain(reader, setting_place(setting), path,
				 "`first` is longer than `longest`");
}

/* The groups that only outputs have. */
static void output_read(struct loading *loading, struct instance_config *instance,
			const config_setting_t *group, const char *path)
{
	const config_setting_t *queue = config_setting_get_member(group, "queue");
	const config_setting_t *retry = config_setting_get_member(group, "retry");
	char whole[3 * NAME_LENGTH_LIMIT];

	snprintf(whole, sizeof(whole), "%s.queue", path);
	if (queue)
		queue_read(&loading->reader, queue, whole, output_queue_options, &instance->queue);
	snprintf(whole, sizeof(whole), "%s.retry", path);
	if (retry)
		retry_read(&loading->reader, retry, whole, &instance->retry);
}

/* Defaults of a table; what is wrong with them is the plugin's own mistake. */
static void defaults_fill(struct loading *loading, const struct sonde_option *options, void *self,
			  struct place place, const char *path)
{
	char error[ERROR_LENGTH];

	if (options && option_defaults(options, self, loading->reader.arena, error, sizeof(error)))
		setting_complain(&loading->reader, place, path, "the plugin's own table: %s",
				 error);
}

static void instance_fill(struct loading *loading, struct instance_config *instance,
			  const config_setting_t *group, const char *path)
{
	const struct sonde_plugin *descriptor = instance->plugin->descriptor;
	struct instance_keys keys = { 0 };
	struct setting_table tables[] = { { instance_options, &keys },
					  { descriptor->options, instance->self },
					  { NULL, NULL } };
	const config_setting_t *threads = config_setting_get_member(group, "threads");
	bool output = instance->kind == SONDE_OUTPUT;

	if (!descriptor->options)
		tables[1] = tables[2];
	defaults_fill(loading, instance_options, &keys, instance->place, path);
	defaults_fill(loading, descriptor->options, instance->self, instance->place, path);
	settings_read(&loading->reader, group, path, tables, output ? output_parts : NULL);
	settings_require(&loading->reader, group, path, descriptor->options);
	instance->threads = keys.threads;
	if (output)
		output_read(loading, instance, group, path);
	if (threads && keys.threads > 1 && descriptor->replication == SONDE_SINGLE)
		problems_add(loading->reader.problems, PROBLEM_ERROR, setting_place(threads),
			     "%s.threads: plugin \"%s\" cannot be replicated: 0 and 1 are possible",
			     path, descriptor->name);
}

static void instance_read(struct loading *loading, enum section section,
			  const config_setting_t *setting)
{
	struct config *config = loading->config;
	struct setting_reader *reader = &loading->reader;
	struct instance_config *instance;
	char path[2 * NAME_LENGTH_LIMIT];

	if (!name_check(loading, section, setting))
		return;
	instance = &config->instances[config->instance_count];
	*instance = (struct instance_config){ .name = arena_copy(config->arena,
								 config_setting_name(setting)),
					      .place = setting_place(setting),
					      .kind = section };
	if (!setting_memory(reader, (void *)instance->name))
		return;
	config->instance_count++;
	snprintf(path, sizeof(path), "%s.%s", section_names[section], instance->name);
	defaults_fill(loading, output_queue_options, &instance->queue, instance->place, path);
	defaults_fill(loading, retry_options, &instance->retry, instance->place, path);
	if (!setting_is_group(reader, setting, path) ||
	    !plugin_read(loading, instance, setting, path))
		return;
	reader->given = NULL;
	instance->self = setting_memory(
		reader, arena_zero(config->arena, instance->plugin->descriptor->self_size + 1u));
	if (!instance->self)
		return;
	instance_fill(loading, instance, setting, path);
	instance->given = reader->given;
	instance->source = setting_memory(reader, (void *)instance_source(instance, config->arena));
	instance->fixed_source =
		setting_memory(reader, (void *)instance_fixed_source(instance, config->arena));
}

struct place config_place(const struct instance_config *instance, const char *option)
{
	const struct setting_given *given;
	char path[512];

	snprintf(path, sizeof(path), "%s.%s.%s", section_names[instance->kind], instance->name,
		 option);
	given = setting_find(instance->given, path);
	return given ? given->place : instance->place;
}

/* ---- pipelines --------------------------------------------------------------------------- */

/* Names come first: a pipeline may be named by one that stands before it. */
static void pipeline_add(struct loading *loading, enum section section,
			 const config_setting_t *setting)
{
	struct config *config = loading->config;
	struct pipeline_config *pipeline = &config->pipelines[config->pipeline_count];

	if (!name_check(loading, section, setting))
		return;
	*pipeline = (struct pipeline_config){ .name = arena_copy(config->arena,
								 config_setting_name(setting)),
					      .place = setting_place(setting) };
	if (setting_memory(&loading->reader, (void *)pipeline->name))
		config->pipeline_count++;
}

/* The pipeline that this setting made; NULL for one that was not taken in. */
static struct pipeline_config *pipeline_of(struct loading *loading, const config_setting_t *setting)
{
	struct pipeline_config *pipeline =
		config_pipeline(loading->config, config_setting_name(setting));
	struct place place = setting_place(setting);

	return pipeline && pipeline->place.line == place.line &&
			       pipeline->place.file == place.file &&
			       config_setting_is_group(setting)
		       ? pipeline
		       : NULL;
}

static void pipeline_read(struct loading *loading, enum section section,
			  const config_setting_t *setting)
{
	struct pipeline_config *pipeline = pipeline_of(loading, setting);
	struct setting_table tables[] = { { pipeline_options, pipeline }, { NULL, NULL } };
	const config_setting_t *queue = config_setting_get_member(setting, "queue");
	struct setting_reader *reader = &loading->reader;
	char path[2 * NAME_LENGTH_LIMIT], queue_path[2 * NAME_LENGTH_LIMIT + 8];

	snprintf(path, sizeof(path), "%s.%.*s", section_names[section], NAME_LENGTH_LIMIT,
		 config_setting_name(setting));
	if (!setting_is_group(reader, setting, path) || !pipeline)
		return;
	snprintf(queue_path, sizeof(queue_path), "%s.queue", path);
	reader->given = NULL;
	defaults_fill(loading, pipeline_options, pipeline, pipeline->place, path);
	defaults_fill(loading, pipeline_queue_options, &pipeline->queue, pipeline->place, path);
	settings_read(reader, setting, path, tables, pipeline_parts);
	if (queue)
		queue_read(reader, queue, queue_path, pipeline_queue_options, &pipeline->queue);
	references_read(reader, loading->config, pipeline, setting, path);
	pipeline->given = reader->given;
	pipeline->source = setting_memory(reader, (void *)pipeline_source(pipeline, reader->arena));
}

static void pipeline_check(struct loading *loading, enum section section,
			   const config_setting_t *setting)
{
	const struct pipeline_config *pipeline = pipeline_of(loading, setting);
	char path[2 * NAME_LENGTH_LIMIT];

	snprintf(path, sizeof(path), "%s.%.*s", section_names[section], NAME_LENGTH_LIMIT,
		 config_setting_name(setting));
	if (pipeline)
		references_check(&loading->reader, loading->config, pipeline, setting, path);
}

/* ---- the whole --------------------------------------------------------------------------- */

static void count_member(struct loading *loading, enum section section,
			 const config_setting_t *setting)
{
	(void)setting;
	if (section == SECTION_PIPELINES)
		loading->config->pipeline_count++;
	else
		loading->config->instance_count++;
}

/* Room for every instance and pipeline that stands in the files. */
static int config_allocate(struct loading *loading)
{
	struct config *config = loading->config;

	for (enum section section = SECTION_INPUTS; section <= SECTION_PIPELINES; section++)
		section_walk(loading, section, count_member);
	config->instances = arena_zero(config->arena,
				       (config->instance_count + 1u) * sizeof(*config->instances));
	config->pipelines = arena_zero(config->arena,
				       (config->pipeline_count + 1u) * sizeof(*config->pipelines));
	config->instance_count = 0;
	config->pipeline_count = 0;
	return config->instances && config->pipelines ? 0 : -ENOMEM;
}

static int config_read_all(struct loading *loading)
{
	if (config_allocate(loading))
		return -ENOMEM;
	sections_check(loading);
	daemon_read(loading);
	for (enum section section = SECTION_INPUTS; section <= SECTION_OUTPUTS; section++)
		section_walk(loading, section, instance_read);
	section_walk(loading, SECTION_PIPELINES, pipeline_add);
	section_walk(loading, SECTION_PIPELINES, pipeline_read);
	section_walk(loading, SECTION_PIPELINES, pipeline_check);
	wiring_check(loading->config, loading->reader.problems);
	if (!loading->config->pipeline_count &&
	    !problems_count(loading->reader.problems, PROBLEM_ERROR))
		problems_add(loading->reader.problems, PROBLEM_ERROR,
			     (struct place){ .file = loading->config->path },
			     "pipelines: there is none, so nothing would be done");
	return 0;
}

static bool is_broken(const struct fragments *fragments)
{
	for (uint32_t i = 0; i < fragments->count; i++)
		if (fragments->items[i].broken)
			return true;
	return !fragments->count;
}

static struct config *config_create(const char *path)
{
	struct arena *arena = arena_create();
	struct config *config = arena ? arena_zero(arena, sizeof(*config)) : NULL;

	if (config)
		config->path = arena_copy(arena, path);
	if (!config || !config->path) {
		arena_release(arena);
		return NULL;
	}
	config->arena = arena;
	return config;
}

int config_load(const char *path, struct catalog *catalog, struct problems *problems,
		struct config **ret_config)
{
	uint32_t before = problems_count(problems, PROBLEM_ERROR);
	struct loading loading = { .config = config_create(path), .catalog = catalog };
	int result;

	if (!loading.config)
		return -ENOMEM;
	loading.reader =
		(struct setting_reader){ .arena = loading.config->arena, .problems = problems };
	result = fragments_read(path, loading.config->arena, problems, &loading.fragments);
	if (result) {
		config_release(loading.config);
		return result;
	}
	if (is_broken(&loading.fragments)) { /* what the missing part says could make any answer
						wrong */
		config_release(loading.config);
		loading.config = NULL;
	} else {
		result = config_read_all(&loading);
	}
	fragments_release(&loading.fragments);
	if (result) {
		config_release(loading.config);
		return result;
	}
	*ret_config = loading.config;
	return problems_count(problems, PROBLEM_ERROR) == before ? 0 : -EINVAL;
}

struct config *config_hold(struct config *config)
{
	config->holders++;
	return config;
}

void config_release(struct config *config)
{
	if (config && config->holders)
		config->holders--;
	else if (config)
		arena_release(config->arena);
}
