// SPDX-License-Identifier: Apache-2.0
/* Groups of a config read into structs, as option tables say. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "expand.h"
#include "fragment.h"
#include "setting.h"
#include "text.h"

enum { MESSAGE_LENGTH = 768, SHOWN_LENGTH = 96 };

/* A scalar as the tables read it, and as messages repeat it. */
struct scalar {
	const char *text;
	char shown[SHOWN_LENGTH];
	bool expanded; /* it held a ${…} */
};

void setting_complain(struct setting_reader *reader, struct place place, const char *path,
		      const char *format, ...)
{
	char message[MESSAGE_LENGTH];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	problems_add(reader->problems, PROBLEM_ERROR, place, "%s: %s", path, message);
}

void *setting_memory(struct setting_reader *reader, void *memory)
{
	struct place nowhere = { 0 };

	if (!memory)
		problems_add(reader->problems, PROBLEM_ERROR, nowhere, "memory is refused");
	return memory;
}

const struct setting_given *setting_find(const struct setting_given *given, const char *path)
{
	while (given && strcmp(given->path, path))
		given = given->next;
	return given;
}

static const char *type_word(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return "a list";
	default:
		return "a single value";
	}
}

bool setting_is_group(struct setting_reader *reader, const config_setting_t *setting,
		      const char *path)
{
	if (config_setting_is_group(setting))
		return true;
	if (!setting_is_unreadable(setting))
		setting_complain(reader, setting_place(setting), path,
				 "is %s where a group { … } belongs", type_word(setting));
	return false;
}

/* Expands a text of the config; NULL after a problem. */
static const char *text_read(struct setting_reader *reader, const config_setting_t *setting,
			     const char *path, bool *ret_expanded)
{
	char error[MESSAGE_LENGTH], *text = NULL;
	int result = text_expand(config_setting_get_string(setting), reader->directory,
				 reader->arena, &text, ret_expanded, error, sizeof(error));

	if (!result)
		return text;
	setting_complain(reader, setting_place(setting), path, "%s", error);
	return NULL;
}

/* Numbers and truth values as texts; whether it is one. Hexadecimal ones have no sign: the bits
 * that libconfig read into a signed number are the number. */
static bool number_read(const config_setting_t *setting, char *text, size_t size)
{
	bool hexadecimal = config_setting_get_format(setting) == CONFIG_FORMAT_HEX;
	char number[32];
	long long value;

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
		value = config_setting_get_int(setting);
		snprintf(text, size, "%lld", hexadecimal ? (long long)(uint32_t)value : value);
		return true;
	case CONFIG_TYPE_INT64:
		value = config_setting_get_int64(setting);
		if (hexadecimal)
			snprintf(text, size, "%llu", (unsigned long long)value);
		else
			snprintf(text, size, "%lld", value);
		return true;
	case CONFIG_TYPE_FLOAT:
		snprintf(text, size, "%s", double_print(config_setting_get_float(setting), number));
		return true;
	case CONFIG_TYPE_BOOL:
		snprintf(text, size, "%s", config_setting_get_bool(setting) ? "true" : "false");
		return true;
	default:
		return false;
	}
}

static bool scalar_read(struct setting_reader *reader, const config_setting_t *setting,
			const char *path, struct scalar *ret_scalar)
{
	char number[32];

	*ret_scalar = (struct scalar){ 0 };
	if (number_read(setting, number, sizeof(number))) {
		snprintf(ret_scalar->shown, sizeof(ret_scalar->shown), "%s", number);
		ret_scalar->text = setting_memory(reader, arena_copy(reader->arena, number));
	} else if (config_setting_type(setting) == CONFIG_TYPE_STRING) {
		ret_scalar->text = text_read(reader, setting, path, &ret_scalar->expanded);
		if (ret_scalar->text)
			text_quote(ret_scalar->text, ret_scalar->shown, sizeof(ret_scalar->shown));
	} else {
		setting_complain(reader, setting_place(setting), path,
				 "is %s where a single value belongs", type_word(setting));
	}
	return ret_scalar->text;
}

const char *setting_text(struct setting_reader *reader, const config_setting_t *setting,
			 const char *path)
{
	struct scalar scalar;

	if (setting_is_unreadable(setting) || !scalar_read(reader, setting, path, &scalar))
		return NULL;
	if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		return scalar.text;
	setting_complain(reader, setting_place(setting), path, "%s is not a text (write \"%s\")",
			 scalar.shown, scalar.shown);
	return NULL;
}

static void texts_read(struct setting_reader *reader, const config_setting_t *setting,
		       const char *path, const struct sonde_option *option, void *self)
{
	bool single = !config_setting_is_aggregate(setting);
	uint32_t count = single ? 1 : (uint32_t)config_setting_length(setting);
	const char **items = setting_memory(
		reader, arena_zero(reader->arena, ((size_t)count + 1) * sizeof(*items)));
	char error[MESSAGE_LENGTH];
	bool good = items;

	if (config_setting_is_group(setting)) {
		setting_complain(reader, setting_place(setting), path,
				 "is a group where a list of texts belongs");
		return;
	}
	for (uint32_t i = 0; items && i < count; i++) {
		const config_setting_t *item =
			single ? setting : config_setting_get_elem(setting, i);

		items[i] = setting_text(reader, item, path);
		good &= items[i] != NULL;
	}
	if (good &&
	    option_assign_texts(option, items, count, self, reader->arena, error, sizeof(error)))
		setting_complain(reader, setting_place(setting), path, "%s", error);
}

static void group_read(struct setting_reader *reader, const config_setting_t *setting,
		       const char *path, const struct sonde_option *option, void *item)
{
	struct setting_table tables[] = { { option->options, item }, { NULL, NULL } };
	char error[MESSAGE_LENGTH];

	if (!setting_is_group(reader, setting, path))
		return;
	if (option_defaults(option->options, item, reader->arena, error, sizeof(error)))
		setting_complain(reader, setting_place(setting), path, "the plugin's own table: %s",
				 error);
	settings_read(reader, setting, path, tables, NULL);
	settings_require(reader, setting, path, option->options);
}

/* A list of groups, or one group alone. */
static void groups_read(struct setting_reader *reader, const config_setting_t *setting,
			const char *path, const struct sonde_option *option, void *self)
{
	struct sonde_groups *groups = (void *)((char *)self + option->offset);
	bool single = config_setting_is_group(setting);
	uint32_t count = single ? 1 : (uint32_t)config_setting_length(setting);
	char *items, *item_path;

	if (!config_setting_is_aggregate(setting)) {
		setting_complain(
			reader, setting_place(setting), path,
			"is a single value where a list of groups ( { … }, { … } ) belongs");
		return;
	}
	items = setting_memory(reader,
			       arena_zero(reader->arena, (size_t)count * option->item_size + 1));
	for (uint32_t i = 0; items && i < count; i++) {
		item_path = setting_memory(reader, arena_format(reader->arena, "%s[%u]", path, i));
		if (item_path)
			group_read(reader, single ? setting : config_setting_get_elem(setting, i),
				   item_path, option, items + (size_t)i * option->item_size);
	}
	if (items)
		*groups = (struct sonde_groups){ items, count };
}

static bool is_textual(uint32_t type)
{
	return type == SONDE_TEXT || type == SONDE_SECRET || type == SONDE_CHOICE;
}

static void option_read(struct setting_reader *reader, const config_setting_t *setting,
			const char *path, const struct sonde_option *option, void *self)
{
	bool text = config_setting_type(setting) == CONFIG_TYPE_STRING;
	char error[MESSAGE_LENGTH];
	struct scalar scalar;

	if (option->type == SONDE_TEXTS) {
		texts_read(reader, setting, path, option, self);
		return;
	}
	if (option->type == SONDE_GROUPS) {
		groups_read(reader, setting, path, option, self);
		return;
	}
	if (!scalar_read(reader, setting, path, &scalar))
		return;
	if (option->type == SONDE_SECRET && !scalar.expanded) /* and it is not repeated here */
		setting_complain(
			reader, setting_place(setting), path,
			"a secret must not stand in the config (write ${NAME} or ${file:PATH})");
	else if (is_textual(option->type) && !text)
		setting_complain(reader, setting_place(setting), path,
				 "%s is not a text (write \"%s\")", scalar.shown, scalar.shown);
	else if (option->type == SONDE_SECRET
			 ? option_parse(option, scalar.text, self, reader->arena, error,
					sizeof(error))
			 : option_assign(option, scalar.text, scalar.shown, self, reader->arena,
					 error, sizeof(error)))
		setting_complain(reader, setting_place(setting), path, "%s", error);
}

static void unknown_complain(struct setting_reader *reader, const config_setting_t *setting,
			     const char *path, const struct setting_table *tables,
			     const struct section_part *parts)
{
	const char **names;
	char hint[SHOWN_LENGTH] = "";
	uint32_t count = 0;

	for (const struct setting_table *table = tables; table->options; table++)
		for (const struct sonde_option *option = table->options; option->name; option++)
			count++;
	for (const struct section_part *part = parts; part && part->name; part++)
		count++;
	names = calloc((size_t)count + 1, sizeof(*names));
	if (names && problems_count(reader->problems, PROBLEM_ERROR) < SETTING_HINTS_LIMIT) {
		count = 0;
		for (const struct setting_table *table = tables; table->options; table++)
			for (const struct sonde_option *option = table->options; option->name;
			     option++)
				names[count++] = option->name;
		for (const struct section_part *part = parts; part && part->name; part++)
			names[count++] = part->name;
		nearest_hint(config_setting_name(setting), names, count, hint, sizeof(hint));
	}
	free(names);
	setting_complain(reader, setting_place(setting), path, "unknown key%s", hint);
}

/* Notes that a setting was given; false if it was before, in another file. */
static bool given_add(struct setting_reader *reader, const config_setting_t *setting,
		      const char *path)
{
	const struct setting_given *before =
		reader->merging ? setting_find(reader->given, path) : NULL;
	struct setting_given *given;

	if (before) {
		setting_complain(reader, setting_place(setting), path,
				 "stands twice, also in %s:%u", before->place.file,
				 before->place.line);
		return false;
	}
	given = setting_memory(reader, arena_zero(reader->arena, sizeof(*given)));
	if (!given)
		return true;
	*given = (struct setting_given){ path, setting_place(setting), reader->given };
	reader->given = given;
	return true;
}

static void setting_read(struct setting_reader *reader, const config_setting_t *setting,
			 const char *path, const struct setting_table *tables,
			 const struct section_part *parts)
{
	const char *name = config_setting_name(setting);
	const struct sonde_option *option = NULL;
	bool known = false;

	if (!given_add(reader, setting, path))
		return;
	for (const struct setting_table *table = tables; table->options; table++) {
		option = option_find(table->options, name);
		if (!option)
			continue;
		if (!setting_is_unreadable(setting))
			option_read(reader, setting, path, option, table->self);
		return;
	}
	for (const struct section_part *part = parts; part && part->name; part++)
		known |= !strcmp(part->name, name);
	if (!known)
		unknown_complain(reader, setting, path, tables, parts);
}

void settings_read(struct setting_reader *reader, const config_setting_t *group, const char *path,
		   const struct setting_table *tables, const struct section_part *parts)
{
	int count = config_setting_length(group);

	for (int i = 0; i < count; i++) {
		const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
		const char *whole =
			setting_memory(reader, arena_format(reader->arena, "%s.%s", path,
							    config_setting_name(setting)));

		if (whole)
			setting_read(reader, setting, whole, tables, parts);
	}
}

void settings_require(struct setting_reader *reader, const config_setting_t *group,
		      const char *path, const struct sonde_option *options)
{
	for (const struct sonde_option *option = options; option && option->name; option++)
		if (option->required && !config_setting_get_member(group, option->name))
			setting_complain(reader, setting_place(group), path, "%s is missing: %s",
					 option->name,
					 option->help ? option->help : "it is required");
}
