// SPDX-License-Identifier: Apache-2.0
/* The manual of a plugin, made from its tables. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "manual.h"
#include "rule.h"
#include "section.h"

enum { WIDTH_LEAST = 40, LINE_LENGTH = 512 };

/* ---- options ----------------------------------------------------------------------------- */
static const char *option_type(const struct sonde_option *option)
{
	switch (option->type) {
	case SONDE_BOOL:
		return "true or false";
	case SONDE_I32:
	case SONDE_I64:
	case SONDE_U32:
	case SONDE_U64:
		return "whole number";
	case SONDE_DOUBLE:
		return "number";
	case SONDE_DURATION:
		return "duration";
	case SONDE_SIZE:
		return "size";
	case SONDE_RATIO:
		return "ratio";
	case SONDE_CHOICE:
		return "one of";
	case SONDE_SECRET:
		return "secret, as ${NAME} or ${file:PATH}";
	case SONDE_TEXTS:
		return "list of texts";
	case SONDE_GROUPS:
		return "list of groups";
	default:
		return "text";
	}
}

__attribute__((format(printf, 3, 4))) static void line_add(char line[LINE_LENGTH], size_t *length,
							   const char *format, ...)
{
	va_list arguments;

	if (*length >= LINE_LENGTH)
		return;
	va_start(arguments, format);
	*length += (size_t)vsnprintf(line + *length, LINE_LENGTH - *length, format, arguments);
	va_end(arguments);
}

/* "duration from 100ms · default 5s · knob" */
static void option_describe(const struct sonde_option *option, char line[LINE_LENGTH])
{
	size_t length = 0;

	line_add(line, &length, "%s", option_type(option));
	if (option->choices && option->type != SONDE_CHOICE)
		line_add(line, &length, ", of");
	for (uint32_t i = 0; option->choices && option->choices[i]; i++)
		line_add(line, &length, "%s %s", i ? "," : "", option->choices[i]);
	if (option->minimum && option->maximum)
		line_add(line, &length, " from %s to %s", option->minimum, option->maximum);
	else if (option->minimum)
		line_add(line, &length, " from %s", option->minimum);
	else if (option->maximum)
		line_add(line, &length, " up to %s", option->maximum);
	if (option->unit)
		line_add(line, &length, " in %s", option->unit);
	if (option->value)
		line_add(line, &length, " · default %s", *option->value ? option->value : "empty");
	if (option->required)
		line_add(line, &length, " · required");
	if (option->knob)
		line_add(line, &length, " · knob");
}

void manual_options(struct markup *markup, unsigned depth, const struct sonde_option *options)
{
	for (const struct sonde_option *option = options; option && option->name; option++) {
		char detail[LINE_LENGTH];

		option_describe(option, detail);
		markup_entry(markup, &(struct markup_entry){ .depth = depth,
							     .name = option->name,
							     .help = option->help,
							     .detail = detail });
		if (option->type == SONDE_GROUPS)
			manual_options(markup, depth + 1, option->options);
	}
}

void manual_parts(struct markup *markup, unsigned depth, const struct section_part *parts)
{
	for (const struct section_part *part = parts; part->name; part++) {
		markup_entry(markup, &(struct markup_entry){ .depth = depth,
							     .name = part->name,
							     .help = part->help,
							     .detail = part->detail });
		manual_options(markup, depth + 1, part->options);
	}
}

static void counters_print(struct markup *markup, const struct sonde_counter *counters)
{
	for (; counters->name; counters++)
		markup_entry(markup, &(struct markup_entry){ .name = counters->name,
							     .help = counters->help,
							     .detail = counters->unit,
							     .beside = true });
}

/* ---- example ----------------------------------------------------------------------------- */

static void example_value(const struct sonde_option *option, char line[LINE_LENGTH]);

/* One group, with what one requires. */
static void example_groups(const struct sonde_option *option, char line[LINE_LENGTH])
{
	char value[LINE_LENGTH];
	size_t length = 0;

	line_add(line, &length, "( {");
	for (const struct sonde_option *member = option->options; member && member->name;
	     member++) {
		if (!member->required)
			continue;
		example_value(member, value);
		line_add(line, &length, " %s = %s;", member->name, value);
	}
	line_add(line, &length, " } )");
}

/* A value for an option that has no default, as a config would say it. */
static void example_value(const struct sonde_option *option, char line[LINE_LENGTH])
{
	const char *text = option->value ? option->value : option->minimum;

	switch (option->type) {
	case SONDE_BOOL:
		snprintf(line, LINE_LENGTH, "%s", text ? text : "true");
		break;
	case SONDE_I32:
	case SONDE_I64:
	case SONDE_U32:
	case SONDE_U64:
		snprintf(line, LINE_LENGTH, "%s%s", text ? text : "1",
			 text && strlen(text) > 9 ? "L" : "");
		break;
	case SONDE_DOUBLE:
		snprintf(line, LINE_LENGTH, "%s", text ? text : "1.0");
		break;
	case SONDE_SECRET:
		snprintf(line, LINE_LENGTH, "\"${SECRET}\"");
		break;
	case SONDE_TEXTS:
		snprintf(line, LINE_LENGTH, "[\"%s\"]", option->choices ? option->choices[0] : "…");
		break;
	case SONDE_GROUPS:
		example_groups(option, line);
		break;
	case SONDE_DURATION:
	case SONDE_SIZE:
	case SONDE_RATIO:
		snprintf(line, LINE_LENGTH, "\"%s\"",
			 text                          ? text
			 : option->type == SONDE_SIZE  ? "64MiB"
			 : option->type == SONDE_RATIO ? "1%"
						       : "5s");
		break;
	default:
		snprintf(line, LINE_LENGTH, "\"%s\"",
			 text              ? text
			 : option->choices ? option->choices[0]
					   : "…");
	}
}

/* What must be said, and what one is likely to change: the knobs. */
static void example_write(const struct sonde_plugin *plugin, FILE *file)
{
	char value[LINE_LENGTH];

	fprintf(file, "%s:\n{\n    my_%s:\n    {\n        plugin = \"%s\";\n",
		section_names[plugin->kind], plugin->name, plugin->name);
	for (const struct sonde_option *option = plugin->options; option && option->name;
	     option++) {
		if (!option->required && !(option->knob && option->value && *option->value))
			continue;
		if (option->type == SONDE_TEXTS && !option->required)
			continue;
		example_value(option, value);
		fprintf(file, "        %s = %s;\n", option->name, value);
	}
	fputs("    };\n};\n", file);
}

static void example_print(struct markup *markup, const struct sonde_plugin *plugin)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	if (!file)
		return;
	example_write(plugin, file);
	if (!fclose(file))
		markup_code(markup, text);
	free(text);
}

/* ---- the whole --------------------------------------------------------------------------- */

/* "input · version 1.2 · any number of replicas · PATH". What depends on a build is not in pages
 * that are kept. */
static void facts_write(const struct markup *markup, const struct plugin *plugin,
			char line[LINE_LENGTH])
{
	static const char *const replications[] = { "one replica only", "replicas by key",
						    "any number of replicas" };
	const struct sonde_plugin *descriptor = plugin->descriptor;
	const char *kind = kind_name(descriptor->kind);
	size_t length = 0;

	line_add(line, &length, "%s", kind ? kind : "plugin");
	if (descriptor->version && markup->form != MARKUP_MARKDOWN)
		line_add(line, &length, " · version %s", descriptor->version);
	if (descriptor->replication <= SONDE_ANY_REPLICA)
		line_add(line, &length, " · %s", replications[descriptor->replication]);
	if (plugin->path && markup->form == MARKUP_TERMINAL)
		line_add(line, &length, " · %s", plugin->path);
}

static void title_print(struct markup *markup, const struct plugin *plugin)
{
	const struct sonde_plugin *descriptor = plugin->descriptor;
	char facts[LINE_LENGTH], page[LINE_LENGTH];

	facts_write(markup, plugin, facts);
	snprintf(page, sizeof(page), "sonde-%s", descriptor->name);
	markup_title(markup, &(struct markup_title){ .name = descriptor->name,
						     .page = page,
						     .section = "7",
						     .summary = descriptor->summary,
						     .facts = facts });
}

struct markup manual_markup(FILE *file, enum markup_form form, bool colour, int width)
{
	return (struct markup){ .form = form,
				.page = { .file = file,
					  .colour = colour,
					  .width = width < WIDTH_LEAST ? WIDTH_LEAST
								       : (unsigned)width } };
}

void manual_print(const struct plugin *plugin, struct markup *markup)
{
	const struct sonde_plugin *descriptor = plugin->descriptor;

	title_print(markup, plugin);
	if (descriptor->manual && *descriptor->manual) {
		markup_heading(markup, "About");
		markup_prose(markup, descriptor->manual);
	}
	if (plugin->option_count) {
		markup_heading(markup, "Options");
		manual_options(markup, 0, descriptor->options);
	}
	markup_heading(markup, "Options of every instance");
	manual_options(markup, 0, instance_options);
	if (descriptor->kind == SONDE_OUTPUT)
		manual_parts(markup, 0, output_parts);
	if (plugin->schema_count)
		markup_heading(markup, "Rows");
	for (uint32_t i = 0; i < plugin->schema_count; i++)
		markup_schema(markup, &descriptor->schemas[i]);
	if (plugin->counter_count) {
		markup_heading(markup, "Counters");
		counters_print(markup, descriptor->counters);
	}
	markup_heading(markup, "Example");
	example_print(markup, descriptor);
	if (markup->form == MARKUP_MAN) {
		markup_heading(markup, "See also");
		markup_prose(markup, "`sonde`(1), `sonde.conf`(5)");
	}
}
