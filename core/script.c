/* SPDX-License-Identifier: Apache-2.0 */
/* A test file: which config is tried on which recordings, and what is expected. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fragment.h"
#include "reference.h"
#include "script.h"

enum { PATH_BYTES = 256, NAMES_LIMIT = 1024 };

static const char root_path[] = "test";

static const struct sonde_option script_options[] = {
	{ .name = "config",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct script, config),
	  .help = "which config is tried: a file, or a directory" },
	{ .name = "without",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct script, without),
	  .help = "processors that are left out" },
	{ .name = "environment",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct script, environment),
	  .help = "\"NAME=value\" for ${NAME} in the config" },
	{ 0 }
};

static const struct section_part script_parts[] = {
	{ .name = "inputs", .help = "recordings in the places of inputs" },
	{ .name = "expect", .help = "what is expected of rows and of the ledger" },
	{ 0 },
};

/* ---- reading ----------------------------------------------------------------------------- */

/* A path counts from where the test lies. */
static const char *resolve(struct setting_reader *reader, const char *path)
{
	if (!path || *path == '/' || !*path)
		return path;
	return setting_memory(reader,
			      arena_format(reader->arena, "%s/%s", reader->directory, path));
}

static void resolve_all(struct setting_reader *reader, const struct sonde_texts *paths,
			struct sonde_texts *ret_paths)
{
	const char **items = setting_memory(
		reader, arena_zero(reader->arena, (paths->count + 1) * sizeof(*items)));

	for (uint32_t at = 0; items && at < paths->count; at++)
		items[at] = resolve(reader, paths->items[at]);
	*ret_paths = (struct sonde_texts){ .items = items, .count = items ? paths->count : 0 };
}

/* Each member is the name of an input, and its value files. */
static void inputs_read(struct setting_reader *reader, const config_setting_t *group,
			struct script *script)
{
	uint32_t count = (uint32_t)config_setting_length(group);
	struct sonde_option *options =
		setting_memory(reader, arena_zero(reader->arena, (count + 1) * sizeof(*options)));
	struct sonde_texts *texts =
		setting_memory(reader, arena_zero(reader->arena, (count + 1) * sizeof(*texts)));
	struct setting_table tables[] = { { options, texts }, { NULL, NULL } };

	script->inputs = setting_memory(
		reader, arena_zero(reader->arena, (count + 1) * sizeof(*script->inputs)));
	if (!options || !texts || !script->inputs)
		return;
	for (uint32_t at = 0; at < count; at++) {
		const config_setting_t *member = config_setting_get_elem(group, at);

		script->inputs[at].name = setting_memory(
			reader, arena_copy(reader->arena, config_setting_name(member)));
		script->inputs[at].place = setting_place(member);
		options[at] = (struct sonde_option){ .name = script->inputs[at].name,
						     .type = SONDE_TEXTS,
						     .offset = (uint32_t)(at * sizeof(*texts)),
						     .size = sizeof(*texts) };
		if (!script->inputs[at].name)
			return;
	}
	settings_read(reader, group, "test.inputs", tables, NULL);
	for (uint32_t at = 0; at < count; at++)
		resolve_all(reader, &texts[at], &script->inputs[at].paths);
	script->input_count = count;
}

static void environment_check(struct setting_reader *reader, const struct script *script)
{
	const struct setting_given *given = setting_find(reader->given, "test.environment");

	for (uint32_t at = 0; at < script->environment.count; at++) {
		const char *item = script->environment.items[at];

		if (*item == '=' || !strchr(item, '='))
			setting_complain(reader, given->place, given->path,
					 "item %u is not \"NAME=value\"", at + 1);
	}
}

static void script_read(struct setting_reader *reader, const config_setting_t *root,
			struct script *script)
{
	struct setting_table tables[] = { { script_options, script }, { NULL, NULL } };
	const config_setting_t *inputs = config_setting_get_member(root, "inputs");
	const config_setting_t *expect = config_setting_get_member(root, "expect");
	const struct setting_given *without;

	settings_read(reader, root, root_path, tables, script_parts);
	if (!config_setting_get_member(root, "config"))
		setting_complain(reader, (struct place){ .file = script->path }, root_path,
				 "config is missing: which config is tried: a file, or a "
				 "directory");
	script->config = resolve(reader, script->config);
	environment_check(reader, script);
	without = setting_find(reader->given, "test.without");
	if (without)
		script->without_place = without->place;
	if (!inputs)
		setting_complain(reader, (struct place){ .file = script->path }, root_path,
				 "inputs is missing: which recordings are played "
				 "(inputs: { calls = \"calls.frame\"; })");
	else if (setting_is_group(reader, inputs, "test.inputs"))
		inputs_read(reader, inputs, script);
	if (expect)
		expectations_read(reader, expect, "expect", &script->expectations,
				  &script->expectation_count);
}

static struct script *script_create(const char *path)
{
	struct arena *arena = arena_create();
	struct script *script = arena ? arena_zero(arena, sizeof(*script)) : NULL;

	if (script)
		script->path = arena_copy(arena, path);
	if (!script || !script->path) {
		arena_release(arena);
		return NULL;
	}
	script->arena = arena;
	return script;
}

void script_release(struct script *script)
{
	if (!script)
		return;
	expectations_release(script->expectations, script->expectation_count);
	arena_release(script->arena);
}

int script_load(const char *path, struct problems *problems, struct script **ret_script)
{
	uint32_t before = problems_count(problems, PROBLEM_ERROR);
	struct fragments fragments = { 0 };
	struct setting_reader reader = { .problems = problems };
	struct script *script;
	struct stat status;
	int result;

	if (!stat(path, &status) && S_ISDIR(status.st_mode))
		return -EISDIR;
	script = script_create(path);
	if (!script)
		return -ENOMEM;
	result = fragments_read(path, script->arena, problems, &fragments);
	if (!result && fragments.count == 1 && !fragments.items[0].broken) {
		reader.arena = script->arena;
		reader.directory = fragments.items[0].directory;
		script_read(&reader, config_root_setting(&fragments.items[0].tree), script);
	}
	fragments_release(&fragments);
	if (!result && problems_count(problems, PROBLEM_ERROR) != before)
		result = -EINVAL;
	if (result) {
		script_release(script);
		return result;
	}
	*ret_script = script;
	return 0;
}

/* ---- beside the config ------------------------------------------------------------------- */

/* Complains of a name that the config does not have, with the nearest that it has. */
static void name_complain(const struct config *config, uint32_t kind, struct place place,
			  const char *path, const char *name, struct problems *problems)
{
	const char *names[NAMES_LIMIT];
	char hint[128];
	uint32_t count = 0;

	for (uint32_t at = 0; at < config->instance_count && count < NAMES_LIMIT; at++)
		if (config->instances[at].kind == kind && config->instances[at].routed)
			names[count++] = config->instances[at].name;
	problems_add(problems, PROBLEM_ERROR, place,
		     "%s: the config has no %s \"%s\" in a pipeline%s", path,
		     kind == SONDE_INPUT    ? "input"
		     : kind == SONDE_OUTPUT ? "output"
					    : "processor",
		     name, nearest_hint(name, names, count, hint, sizeof(hint)));
}

static bool config_has(const struct config *config, uint32_t kind, const char *name)
{
	const struct instance_config *instance = config_instance(config, name);

	return instance && instance->kind == kind && instance->routed;
}

/* NULL: there are none or several. */
static const char *only_output(const struct config *config)
{
	const char *only = NULL;

	for (uint32_t at = 0; at < config->instance_count; at++) {
		const struct instance_config *instance = &config->instances[at];

		if (instance->kind != SONDE_OUTPUT || !instance->routed)
			continue;
		if (only)
			return NULL;
		only = instance->name;
	}
	return only;
}

static void outputs_check(struct script *script, const struct config *config,
			  struct problems *problems)
{
	for (uint32_t at = 0; at < script->expectation_count; at++) {
		struct expectation *expectation = &script->expectations[at];
		char path[PATH_BYTES];

		if (expectation->of_ledger)
			continue;
		if (!expectation->output)
			expectation->output = only_output(config);
		(void)snprintf(path, sizeof(path), "%s.output", expectation->path);
		if (!expectation->output)
			problems_add(problems, PROBLEM_ERROR, expectation->place,
				     "%s: say of which output, as the config has several",
				     expectation->path);
		else if (!config_has(config, SONDE_OUTPUT, expectation->output))
			name_complain(config, SONDE_OUTPUT, expectation->place, path,
				      expectation->output, problems);
	}
}

void script_check(struct script *script, const struct config *config, struct problems *problems)
{
	for (uint32_t at = 0; at < script->input_count; at++)
		if (!config_has(config, SONDE_INPUT, script->inputs[at].name))
			name_complain(config, SONDE_INPUT, script->inputs[at].place, "test.inputs",
				      script->inputs[at].name, problems);
	for (uint32_t at = 0; at < script->without.count; at++)
		if (!config_has(config, SONDE_PROCESSOR, script->without.items[at]))
			name_complain(config, SONDE_PROCESSOR, script->without_place,
				      "test.without", script->without.items[at], problems);
	outputs_check(script, config, problems);
}
