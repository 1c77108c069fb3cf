// SPDX-License-Identifier: Apache-2.0
/* The manual of a plugin, made from its tables. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "config.h"
#include "page.h"
#include "rule.h"
#include "section.h"

enum {
	INDENT = 4,
	NAME_COLUMNS = 18, /* room for names of options and counters, two blanks included */
	WIDTH_LEAST = 40,
	LINE_LENGTH = 512,
	WORD_LENGTH = 48,
};

static void heading_print(struct page *page, const char *heading)
{
	page_blank(page);
	page_put(page, TINT_HEADING, heading);
	page_end(page);
}

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

static void options_print(struct page *page, unsigned indent, const struct sonde_option *options)
{
	for (const struct sonde_option *option = options; option->name; option++) {
		unsigned column = indent + NAME_COLUMNS;
		char line[LINE_LENGTH];

		page_move(page, indent);
		page_put(page, TINT_NAME, option->name);
		page_move(page, page->column + 2 > column ? page->column + 2 : column);
		if (option->help) {
			page_wrap(page, TINT_PLAIN, column, option->help);
			page_end(page);
			page_move(page, column);
		}
		option_describe(option, line);
		page_wrap(page, TINT_FAINT, column, line);
		page_end(page);
		if (option->type == SONDE_GROUPS && option->options)
			options_print(page, indent + 2, option->options);
	}
}

static void group_print(struct page *page, const char *name, const char *what,
			const struct sonde_option *options)
{
	page_end(page);
	page_move(page, INDENT);
	page_put(page, TINT_NAME, name);
	page_move(page, page->column + 2 > INDENT + NAME_COLUMNS ? page->column + 2
								 : INDENT + NAME_COLUMNS);
	page_wrap(page, TINT_PLAIN, INDENT + NAME_COLUMNS, what);
	page_end(page);
	options_print(page, INDENT + 2, options);
}

static void daemon_options_print(struct page *page, const struct sonde_plugin *plugin)
{
	heading_print(page, "OPTIONS OF EVERY INSTANCE");
	options_print(page, INDENT, instance_options);
	if (plugin->kind != SONDE_OUTPUT)
		return;
	group_print(page, "queue",
		    "a group: what waits for this output, in each pipeline that names it",
		    output_queue_options);
	group_print(page, "retry", "a group: when what failed is offered again", retry_options);
}

/* ---- rows and counters ------------------------------------------------------------------- */

/* "SONDE_ROLE_START_TIME" behind its prefix in lower case with blanks. */
static const char *plain_name(const char *name, const char *prefix, char buffer[WORD_LENGTH])
{
	size_t length = strlen(prefix);
	char *letter;

	snprintf(buffer, WORD_LENGTH, "%s", name + (strncmp(name, prefix, length) ? 0 : length));
	for (letter = buffer; *letter; letter++)
		*letter = *letter == '_'                     ? ' '
			  : *letter >= 'A' && *letter <= 'Z' ? (char)(*letter + 32)
							     : *letter;
	return buffer;
}

static const char *field_type(const struct sonde_field *field, char buffer[WORD_LENGTH])
{
	const struct type_rule *rule = type_rule(field->type);

	return rule ? plain_name(rule->name, "SONDE_", buffer) : "?";
}

/* "sum, delta", "attribute of the resource". */
static const char *field_role(const struct sonde_field *field, char buffer[2 * WORD_LENGTH])
{
	static const char *const times[] = { "", ", delta", ", cumulative" };
	static const char *const scopes[] = { "", " of the scope", " of the resource" };
	const struct role_rule *rule = role_rule(field->role);
	char name[WORD_LENGTH];

	snprintf(buffer, 2 * WORD_LENGTH, "%s%s%s",
		 field->role == SONDE_ROLE_ATTRIBUTE ? "attribute"
		 : rule                              ? plain_name(rule->name, "SONDE_ROLE_", name)
						     : "?",
		 field->temporality <= SONDE_CUMULATIVE ? times[field->temporality] : "",
		 field->scope <= SONDE_SCOPE_RESOURCE ? scopes[field->scope] : "");
	return buffer;
}

/* How wide the columns of a table of fields must be. */
struct widths {
	unsigned name, type, role, unit;
};

static void widen(unsigned *width, const char *text)
{
	unsigned columns = text ? text_columns(text) : 0;

	if (columns > *width)
		*width = columns;
}

static struct widths fields_measure(const struct sonde_schema *schema)
{
	struct widths widths = { 6, 4, 4, 4 };

	for (const struct sonde_field *field = schema->fields; field->name; field++) {
		char type[WORD_LENGTH], role[2 * WORD_LENGTH];

		widen(&widths.name, field->name);
		widen(&widths.type, field_type(field, type));
		widen(&widths.role, field_role(field, role));
		widen(&widths.unit, field->unit);
	}
	return widths;
}

static void cell_print(struct page *page, unsigned *column, unsigned width, enum tint tint,
		       const char *text)
{
	page_move(page, *column);
	page_put(page, tint, text);
	*column += width + 2;
}

/* One line a column where the terminal is wide enough; else its meaning stands under it. */
static void schema_print(struct page *page, const struct sonde_schema *schema)
{
	struct widths widths = fields_measure(schema);
	unsigned table = INDENT + widths.name + widths.type + widths.role + widths.unit + 8;
	bool tall = table + 24 > page->width;

	page_move(page, INDENT);
	page_put(page, TINT_HEADING, schema->name);
	if (schema->help) {
		page_move(page, page->column + 2);
		page_wrap(page, TINT_PLAIN, INDENT + 2, schema->help);
	}
	page_end(page);
	for (const struct sonde_field *field = schema->fields; field->name; field++) {
		char type[WORD_LENGTH], role[2 * WORD_LENGTH], line[LINE_LENGTH];
		unsigned column = INDENT + 2;

		cell_print(page, &column, widths.name, TINT_NAME, field->name);
		if (tall) {
			snprintf(line, sizeof(line), "%s · %s%s%s", field_type(field, type),
				 field_role(field, role), field->unit ? " · " : "",
				 field->unit ? field->unit : "");
			page_move(page, page->column + 2 > column ? page->column + 2 : column);
			page_wrap(page, TINT_FAINT, INDENT + 4, line);
			column = INDENT + 4;
			if (field->help)
				page_end(page);
		} else {
			cell_print(page, &column, widths.type, TINT_PLAIN, field_type(field, type));
			cell_print(page, &column, widths.role, TINT_PLAIN, field_role(field, role));
			cell_print(page, &column, widths.unit, TINT_FAINT,
				   field->unit ? field->unit : "");
		}
		page_wrap(page, TINT_PLAIN, column, field->help ? field->help : "");
		page_end(page);
	}
}

static void counters_print(struct page *page, const struct sonde_counter *counters)
{
	for (; counters->name; counters++) {
		unsigned column = INDENT + NAME_COLUMNS;

		page_move(page, INDENT);
		page_put(page, TINT_NAME, counters->name);
		page_move(page, page->column + 2 > column ? page->column + 2 : column);
		if (counters->help)
			page_wrap(page, TINT_PLAIN, column, counters->help);
		if (counters->unit) {
			page_put(page, TINT_PLAIN, "  ");
			page_put(page, TINT_FAINT, counters->unit);
		}
		page_end(page);
	}
}

/* ---- example ----------------------------------------------------------------------------- */

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
		snprintf(line, LINE_LENGTH, "( { } )");
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

static void example_line(struct page *page, unsigned indent, const char *text)
{
	page_move(page, indent);
	page_put(page, TINT_PLAIN, text);
	page_end(page);
}

/* What must be said, and what one is likely to change: the knobs. */
static void example_print(struct page *page, const struct sonde_plugin *plugin)
{
	char line[LINE_LENGTH], value[LINE_LENGTH];

	snprintf(line, sizeof(line), "%s:", section_names[plugin->kind]);
	example_line(page, INDENT, line);
	example_line(page, INDENT, "{");
	snprintf(line, sizeof(line), "my_%s:", plugin->name);
	example_line(page, INDENT + 4, line);
	example_line(page, INDENT + 4, "{");
	snprintf(line, sizeof(line), "plugin = \"%s\";", plugin->name);
	example_line(page, INDENT + 8, line);
	for (const struct sonde_option *option = plugin->options; option && option->name;
	     option++) {
		if (!option->required && !(option->knob && option->value && *option->value))
			continue;
		if (option->type == SONDE_TEXTS && !option->required)
			continue;
		example_value(option, value);
		page_move(page, INDENT + 8);
		page_put(page, TINT_PLAIN, option->name);
		page_put(page, TINT_PLAIN, " = ");
		page_put(page, TINT_PLAIN, value);
		page_put(page, TINT_PLAIN, ";");
		page_end(page);
	}
	example_line(page, INDENT + 4, "};");
	example_line(page, INDENT, "};");
}

/* ---- the whole --------------------------------------------------------------------------- */

static void title_print(struct page *page, const struct plugin *plugin)
{
	static const char *const replications[] = { "one replica only", "replicas by key",
						    "any number of replicas" };
	const struct sonde_plugin *descriptor = plugin->descriptor;
	const char *kind = kind_name(descriptor->kind);
	char line[LINE_LENGTH];
	size_t length = 0;

	page_put(page, TINT_HEADING, "NAME");
	page_end(page);
	page_move(page, INDENT);
	page_put(page, TINT_NAME, descriptor->name);
	if (descriptor->summary) {
		page_put(page, TINT_PLAIN, " - ");
		page_wrap(page, TINT_PLAIN, INDENT, descriptor->summary);
	}
	page_end(page);
	line_add(line, &length, "%s", kind ? kind : "plugin");
	if (descriptor->version)
		line_add(line, &length, " · version %s", descriptor->version);
	if (descriptor->replication <= SONDE_ANY_REPLICA)
		line_add(line, &length, " · %s", replications[descriptor->replication]);
	if (plugin->path)
		line_add(line, &length, " · %s", plugin->path);
	page_move(page, INDENT);
	page_wrap(page, TINT_FAINT, INDENT, line);
	page_end(page);
}

void manual_print(const struct plugin *plugin, FILE *file, bool colour, int width)
{
	const struct sonde_plugin *descriptor = plugin->descriptor;
	struct page page = { .file = file,
			     .colour = colour,
			     .width = width < WIDTH_LEAST ? WIDTH_LEAST : (unsigned)width };

	title_print(&page, plugin);
	if (descriptor->manual && *descriptor->manual) {
		heading_print(&page, "ABOUT");
		page_move(&page, INDENT);
		page_wrap(&page, TINT_PLAIN, INDENT, descriptor->manual);
	}
	if (plugin->option_count) {
		heading_print(&page, "OPTIONS");
		options_print(&page, INDENT, descriptor->options);
	}
	daemon_options_print(&page, descriptor);
	if (plugin->schema_count) {
		heading_print(&page, "ROWS");
		for (uint32_t i = 0; i < plugin->schema_count; i++) {
			if (i)
				page_blank(&page);
			schema_print(&page, &descriptor->schemas[i]);
		}
	}
	if (plugin->counter_count) {
		heading_print(&page, "COUNTERS");
		counters_print(&page, descriptor->counters);
	}
	heading_print(&page, "EXAMPLE");
	example_print(&page, descriptor);
}
