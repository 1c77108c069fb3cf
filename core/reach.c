// SPDX-License-Identifier: Apache-2.0
/* Whether the columns that conditions name can be there: where it is known which tables reach them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expression.h"
#include "reach.h"
#include "section.h"

enum { EXPLAINED_BYTES = 320, PATH_BYTES = 256, KEY_BYTES = 256 };

/* What inputs may add to the rows of any of their schemas. */
static const struct sonde_field added_field = { .name = "clock.offset",
						.type = SONDE_DURATION,
						.role = SONDE_ROLE_CLOCK_OFFSET };

/* The tables that reach a place, and the columns of all of them together. */
struct reach {
	const struct config *config;
	struct problems *problems;
	const struct sonde_schema **schemas;
	uint32_t schema_count, field_count;
	bool known; /* false: others may come, of any columns */
	bool refused;
	struct sonde_field *fields; /* of all, then one of zeros */
	char (*keys)[KEY_BYTES];    /* of sonde.resource */
};

/* ---- what reaches a pipeline ------------------------------------------------------------- */

static bool is_filter(const struct instance_config *stage)
{
	return !strcmp(stage->plugin->descriptor->name, "filter");
}

static void input_add(struct reach *reach, const struct instance_config *input)
{
	const struct sonde_schema *schema = input->plugin->descriptor->schemas;

	if (!schema || !schema->name)
		reach->known = false;
	for (; schema && schema->name; schema++) {
		const struct sonde_schema **grown = reallocarray(
			reach->schemas, reach->schema_count + 1u, sizeof(*reach->schemas));

		if (!grown) {
			reach->refused = true;
			return;
		}
		reach->schemas = grown;
		reach->schemas[reach->schema_count++] = schema;
	}
}

/* Pipelines make no circles: that was looked at before. */
static void pipeline_add(struct reach *reach, const struct pipeline_config *pipeline, bool whole)
{
	for (uint32_t i = 0; whole && i < pipeline->through_count; i++)
		reach->known = reach->known && is_filter(pipeline->through[i].instance);
	for (uint32_t i = 0; i < pipeline->from_count && reach->known; i++) {
		if (pipeline->from[i].instance)
			input_add(reach, pipeline->from[i].instance);
		else
			pipeline_add(reach, pipeline->from[i].pipeline, true);
	}
}

/* Attributes that all rows get, as texts of the resource. */
static void resource_fill(struct reach *reach, uint32_t at)
{
	const struct sonde_texts *resource = &reach->config->daemon.resource;

	for (uint32_t i = 0; i < resource->count; i++) {
		const char *item = resource->items[i];

		(void)snprintf(reach->keys[i], KEY_BYTES, "%.*s", (int)strcspn(item, "="), item);
		reach->fields[at + i] = (struct sonde_field){ .name = reach->keys[i],
							      .type = SONDE_TEXT,
							      .scope = SONDE_SCOPE_RESOURCE };
	}
}

static uint32_t field_count(const struct sonde_schema *schema)
{
	uint32_t count = 0;

	while (schema->fields && schema->fields[count].name)
		count++;
	return count;
}

/* The columns of one schema or, NULL, of all together, and those of the resource. */
static void fields_fill(struct reach *reach, const struct sonde_schema *only)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < reach->schema_count; i++) {
		uint32_t count = field_count(reach->schemas[i]);

		if (only && reach->schemas[i] != only)
			continue;
		memcpy(reach->fields + at, reach->schemas[i]->fields,
		       count * sizeof(*reach->fields));
		at += count;
	}
	resource_fill(reach, at);
	at += reach->config->daemon.resource.count;
	reach->fields[at++] = added_field;
	reach->fields[at] = (struct sonde_field){ 0 };
}

static void reach_open(struct reach *reach, const struct config *config,
		       const struct pipeline_config *pipeline, struct problems *problems)
{
	uint32_t resource_count = config->daemon.resource.count;

	*reach = (struct reach){ .config = config, .problems = problems, .known = true };
	pipeline_add(reach, pipeline, false);
	for (uint32_t i = 0; i < reach->schema_count; i++)
		reach->field_count += field_count(reach->schemas[i]);
	reach->fields = calloc(reach->field_count + resource_count + 2u, sizeof(*reach->fields));
	reach->keys = calloc(resource_count + 1u, sizeof(*reach->keys));
	reach->refused = reach->refused || !reach->fields || !reach->keys;
}

static void reach_close(struct reach *reach)
{
	free(reach->schemas);
	free(reach->fields);
	free(reach->keys);
}

/* ---- conditions -------------------------------------------------------------------------- */

/* 0: it may come to something; -ENOENT, -EINVAL: the error says what is nowhere as it should be. */
static int condition_find(struct reach *reach, const struct expression *expression,
			  struct expression_error *error)
{
	int result;

	fields_fill(reach, NULL);
	result = expression_check(expression, reach->fields, error);
	if (result != -EINVAL)
		return result;
	for (uint32_t i = 0; i < reach->schema_count && result == -EINVAL; i++) {
		struct expression_error other;

		fields_fill(reach, reach->schemas[i]);
		result = expression_check(expression, reach->fields, &other);
	}
	return result == -EINVAL ? result : 0;
}

static void condition_check(struct reach *reach, const char *text, struct place place,
			    const char *path)
{
	struct expression *expression = NULL;
	struct expression_error error;
	char explained[EXPLAINED_BYTES];
	int result;

	if (!text || !*text || expression_parse(text, &expression, &error) < 0)
		return; /* said already */
	result = condition_find(reach, expression, &error);
	expression_release(expression);
	if (result == -ENOENT || result == -EINVAL)
		problems_add(reach->problems, PROBLEM_ERROR, place, "%s: %s%s", path,
			     expression_explain(&error, explained, sizeof(explained)),
			     result == -ENOENT ? ", in none of the tables that come here" : "");
}

static void filter_check(struct reach *reach, const struct instance_config *filter)
{
	const struct sonde_option *option = filter->plugin->descriptor->options;
	char path[PATH_BYTES];

	for (; option && option->name; option++) {
		const char *text;

		if (option->type != SONDE_TEXT ||
		    (strcmp(option->name, "keep") != 0 && strcmp(option->name, "drop") != 0))
			continue;
		memcpy(&text, (const char *)filter->self + option->offset, sizeof(text));
		(void)snprintf(path, sizeof(path), "%s.%s.%s", section_names[filter->kind],
			       filter->name, option->name);
		condition_check(reach, text, config_place(filter, option->name), path);
	}
}

static void pipeline_check(struct reach *reach, const struct pipeline_config *pipeline)
{
	char path[PATH_BYTES];

	for (uint32_t i = 0; i < pipeline->through_count; i++) {
		if (!is_filter(pipeline->through[i].instance))
			return; /* what comes out of it nobody knows */
		filter_check(reach, pipeline->through[i].instance);
	}
	(void)snprintf(path, sizeof(path), "%s.%s.to.where", section_names[SECTION_PIPELINES],
		       pipeline->name);
	for (uint32_t i = 0; i < pipeline->to_count; i++)
		condition_check(reach, pipeline->to[i].where, pipeline->to[i].place, path);
}

void reach_check(const struct config *config, struct problems *problems)
{
	for (uint32_t i = 0; i < config->pipeline_count; i++) {
		struct reach reach;

		reach_open(&reach, config, &config->pipelines[i], problems);
		if (reach.known && !reach.refused)
			pipeline_check(&reach, &config->pipelines[i]);
		reach_close(&reach);
	}
}
