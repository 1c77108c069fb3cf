// SPDX-License-Identifier: Apache-2.0
/* Copies the tables of a plugin's descriptor, and refuses what could not work. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "option.h"
#include "rule.h"

enum {
	ENTRY_LIMIT = 1024,    /* of a table: more means that its end is missing */
	GROUP_DEPTH_LIMIT = 4, /* of groups in groups */
	NAME_SIZE = 128,       /* of an entry's whole name in messages */
};

#define COUNT_OF(array_) (sizeof(array_) / sizeof((array_)[0]))

/* A table of the plugin, before it is copied. */
struct table {
	const char *label; /* "options", "schemas": as in struct sonde_plugin */
	const void *entries;
	uint32_t stride; /* of the plugin's entries */
	uint32_t size;   /* of ours */
};

/* ---- tables ------------------------------------------------------------------------------ */

static bool is_zero(const unsigned char *bytes, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if (bytes[i])
			return false;
	return true;
}

/* The name of an entry, which is the first member in every table. */
static const char *entry_name(const void *entry)
{
	const char *name;

	memcpy(&name, entry, sizeof(name));
	return name;
}

/* Copies a table to entries of our size with one of zeros at the end, and sees that every entry has
 * a name of its own. NULL entries stay NULL. */
static int copy_table(const struct reader *reader, const struct table *table, void *ret_copy,
		      uint32_t *ret_count)
{
	uint32_t take = table->stride < table->size ? table->stride : table->size;
	const unsigned char *theirs = table->entries;
	uint32_t count = 0;
	unsigned char *copy;

	if (!theirs)
		return 0;
	while (count < ENTRY_LIMIT && entry_name(theirs + (size_t)count * table->stride))
		count++;
	if (count == ENTRY_LIMIT)
		return refuse(reader->refusal, -EINVAL,
			      "%s has no end within %u entries: close it with an entry { 0 }",
			      table->label, ENTRY_LIMIT);
	if (!is_zero(theirs + (size_t)count * table->stride, table->stride))
		return refuse(reader->refusal, -EINVAL,
			      "%s[%u].name is NULL, expected a name, or an entry { 0 } that closes "
			      "the table",
			      table->label, count);
	copy = arena_zero(reader->arena, ((size_t)count + 1) * table->size);
	if (!copy)
		return refuse(reader->refusal, -ENOMEM, "no memory for its %s", table->label);
	for (uint32_t i = 0; i < count; i++) {
		unsigned char *entry = copy + (size_t)i * table->size;

		memcpy(entry, theirs + (size_t)i * table->stride, take);
		for (uint32_t k = 0; k < i; k++)
			if (!strcmp(entry_name(copy + (size_t)k * table->size), entry_name(entry)))
				return refuse(reader->refusal, -EINVAL,
					      "%s[%u].name is \"%s\", which %s[%u] has already: "
					      "rename one",
					      table->label, i, entry_name(entry), table->label, k);
	}
	memcpy(ret_copy, &copy, sizeof(copy));
	*ret_count = count;
	return 0;
}

/* ---- options ----------------------------------------------------------------------------- */

/* A struct that options or fields point into. */
struct container {
	const char *label; /* "self_size", "row_size": the member that states the size */
	uint32_t size;
};

static int check_place(const struct reader *reader, const char *kind, const char *name,
		       uint32_t offset, uint32_t size, const struct container *container)
{
	if ((uint64_t)offset + size <= container->size)
		return 0;
	return refuse(reader->refusal, -EINVAL,
		      "%s \"%s\": offset %u and size %u reach past the struct that it lies in, "
		      "whose %s is %u: give offset and size by SONDE_MEMBER()",
		      kind, name, offset, size, container->label, container->size);
}

static int check_option_type(const struct reader *reader, const struct sonde_option *option,
			     const char *name)
{
	const struct type_rule *rule = type_rule(option->type);

	if (!rule || !rule->option_size)
		return refuse(reader->refusal, -EINVAL,
			      "option \"%s\": type is %u (%s), expected one that enum sonde_type "
			      "marks with \"o\"",
			      name, option->type, rule ? rule->name : "unknown");
	if (option->size != rule->option_size)
		return refuse(reader->refusal, -EINVAL,
			      "option \"%s\": size is %u, expected %u for %s: make the member a "
			      "`%s`",
			      name, option->size, rule->option_size, rule->name, rule->member);
	if (option->offset % rule->option_alignment)
		return refuse(reader->refusal, -EINVAL,
			      "option \"%s\": offset is %u, expected a multiple of %u for %s: the "
			      "struct that it lies in must not be packed",
			      name, option->offset, rule->option_alignment, rule->name);
	return 0;
}

static int check_option_default(const struct reader *reader, const struct sonde_option *option,
				const char *name)
{
	if (option->type == SONDE_CHOICE && (!option->choices || !option->choices[0]))
		return refuse(reader->refusal, -EINVAL,
			      "option \"%s\": choices is empty, expected the texts that a "
			      "SONDE_CHOICE may have and NULL behind the last",
			      name);
	if (option->required && option->value)
		return refuse(reader->refusal, -EINVAL,
			      "option \"%s\": value is \"%s\", expected NULL, as required is set: "
			      "drop one",
			      name, option->value);
	if (option->value && (option->type == SONDE_SECRET || option->type == SONDE_GROUPS))
		return refuse(reader->refusal, -EINVAL,
			      "option \"%s\": value is \"%s\", expected NULL: %s has no default",
			      name, option->value, type_rule(option->type)->name);
	return 0;
}

/* Reads default, minimum and maximum as a config's would be, into a struct that nobody sees. */
static int check_option_texts(const struct reader *reader, const struct sonde_option *option,
			      const char *name, uint32_t container_size)
{
	struct sonde_option bound = *option;
	const struct {
		const char *member, *text;
		const struct sonde_option *option;
	} texts[] = {
		{ "minimum", option->minimum, &bound },
		{ "maximum", option->maximum, &bound },
		{ "value", option->value, option },
	};
	struct arena *arena = arena_create();
	void *scratch = calloc(1, container_size);
	char reason[256] = "";
	int result = arena && scratch
			     ? 0
			     : refuse(reader->refusal, -ENOMEM, "no memory to check options");

	bound.minimum = bound.maximum = NULL;
	bound.choices = NULL;
	for (size_t i = 0; !result && i < COUNT_OF(texts); i++) {
		if (!texts[i].text || !option_parse(texts[i].option, texts[i].text, scratch, arena,
						    reason, sizeof(reason)))
			continue;
		result = refuse(reader->refusal, -EINVAL, "option \"%s\": %s is refused: %s", name,
				texts[i].member, reason);
	}
	free(scratch);
	arena_release(arena);
	return result;
}

static int check_option_name(const struct reader *reader, const struct sonde_option *option,
			     const char *name)
{
	static const char *const taken[] = { "plugin", "threads", "queue", "retry" };

	for (size_t i = 0; i < COUNT_OF(taken); i++)
		if (!strcmp(name, taken[i]))
			return refuse(reader->refusal, -EINVAL,
				      "option \"%s\": the name is taken, as sonde itself reads it "
				      "from every instance: rename it",
				      name);
	if (option->name[strspn(option->name, "abcdefghijklmnopqrstuvwxyz0123456789_")])
		return refuse(reader->refusal, -EINVAL,
			      "option \"%s\": name has other characters than lower case letters, "
			      "digits and '_'",
			      name);
	return 0;
}

static int check_option(const struct reader *reader, const struct sonde_option *option,
			const char *name, const struct container *container)
{
	int result = check_option_name(reader, option, name);

	if (!result)
		result = check_option_type(reader, option, name);
	if (!result)
		result = check_place(reader, "option", name, option->offset, option->size,
				     container);
	if (!result)
		result = check_option_default(reader, option, name);
	if (!result)
		result = check_option_texts(reader, option, name, container->size);
	return result;
}

static bool overlaps(uint32_t offset, uint32_t size, uint32_t other_offset, uint32_t other_size)
{
	return offset < other_offset + other_size && other_offset < offset + size;
}

/* Two options in one member are a slip of copy and paste that nothing else would find. */
static int check_overlap(const struct reader *reader, const char *kind, const char *name,
			 uint32_t offset, uint32_t size, const struct sonde_option *options,
			 uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (overlaps(offset, size, options[i].offset, options[i].size))
			return refuse(reader->refusal, -EINVAL,
				      "%s \"%s\": offset is %u, where option \"%s\" lies already: "
				      "give each a member of its own",
				      kind, name, offset, options[i].name);
	return 0;
}

static int copy_options(const struct reader *reader, const struct sonde_option *theirs,
			const char *prefix, const struct container *container, uint32_t depth,
			const struct sonde_option **ret_options, uint32_t *ret_count);

/* Replaces the plugin's table of what a group holds by a copy. */
static int copy_group(const struct reader *reader, struct sonde_option *option, const char *name,
		      uint32_t depth)
{
	const struct container group = { "item_size", option->item_size };
	uint32_t count = 0;
	int result;

	if (depth == GROUP_DEPTH_LIMIT)
		return refuse(
			reader->refusal, -EINVAL,
			"option \"%s\": type is SONDE_GROUPS, expected none so deep: groups lie "
			"in at most %u others",
			name, GROUP_DEPTH_LIMIT - 2);
	result = copy_options(reader, option->options, name, &group, depth + 1, &option->options,
			      &count);
	if (result < 0 || count)
		return result;
	return refuse(
		reader->refusal, -EINVAL,
		"option \"%s\": options is empty, expected what a group of SONDE_GROUPS holds",
		name);
}

static int copy_options(const struct reader *reader, const struct sonde_option *theirs,
			const char *prefix, const struct container *container, uint32_t depth,
			const struct sonde_option **ret_options, uint32_t *ret_count)
{
	char label[NAME_SIZE + 16], name[NAME_SIZE];
	const struct table table = { label, theirs, reader->own->option_size,
				     sizeof(struct sonde_option) };
	struct sonde_option *options = NULL;
	uint32_t count = 0;
	int result;

	snprintf(label, sizeof(label), *prefix ? "options of \"%s\"" : "options", prefix);
	result = copy_table(reader, &table, &options, &count);
	for (uint32_t i = 0; !result && i < count; i++) {
		struct sonde_option *option = &options[i];

		snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", option->name);
		result = check_option(reader, option, name, container);
		if (!result)
			result = check_overlap(reader, "option", name, option->offset, option->size,
					       options, i);
		if (!result && option->type == SONDE_GROUPS)
			result = copy_group(reader, option, name, depth);
	}
	if (result < 0)
		return result;
	*ret_options = options;
	*ret_count = count;
	return 0;
}

int table_options(const struct reader *reader, const struct sonde_option **ret_options,
		  uint32_t *ret_count)
{
	const struct container self = { "self_size", reader->own->self_size };

	return copy_options(reader, reader->own->options, "", &self, 1, ret_options, ret_count);
}

/* ---- counters and schemas ---------------------------------------------------------------- */

static int check_counter(const struct reader *reader, const struct sonde_counter *counter,
			 const struct sonde_counter *others, uint32_t count)
{
	const struct container self = { "self_size", reader->own->self_size };

	if (counter->size != sizeof(uint64_t) || counter->offset % _Alignof(uint64_t))
		return refuse(
			reader->refusal, -EINVAL,
			"counter \"%s\": size is %u at offset %u, expected 8 at a multiple of "
			"8: make the member a `uint64_t`",
			counter->name, counter->size, counter->offset);
	for (uint32_t i = 0; i < count; i++)
		if (others[i].offset == counter->offset)
			return refuse(reader->refusal, -EINVAL,
				      "counter \"%s\": offset is %u, where counter \"%s\" lies "
				      "already: give each a member of its own",
				      counter->name, counter->offset, others[i].name);
	return check_place(reader, "counter", counter->name, counter->offset, counter->size, &self);
}

int table_counters(const struct reader *reader, const struct sonde_option *options,
		   uint32_t option_count, const struct sonde_counter **ret_counters,
		   uint32_t *ret_count)
{
	const struct table table = { "counters", reader->own->counters, reader->own->counter_size,
				     sizeof(struct sonde_counter) };
	struct sonde_counter *counters = NULL;
	uint32_t count = 0;
	int result = copy_table(reader, &table, &counters, &count);

	for (uint32_t i = 0; !result && i < count; i++) {
		result = check_counter(reader, &counters[i], counters, i);
		if (!result)
			result = check_overlap(reader, "counter", counters[i].name,
					       counters[i].offset, counters[i].size, options,
					       option_count);
	}
	if (result < 0)
		return result;
	*ret_counters = counters;
	*ret_count = count;
	return 0;
}

/* Refuses a role that is unknown, or whose columns have other types. */
static int check_role(const struct reader *reader, const struct sonde_field *field,
		      const char *name)
{
	const struct role_rule *rule = role_rule(field->role);
	char types[512];

	if (!rule)
		return refuse(reader->refusal, -EINVAL,
			      "field \"%s\": role is %u, expected a member of enum sonde_role",
			      name, field->role);
	if (rule->types >> field->type & 1)
		return 0;
	return refuse(reader->refusal, -EINVAL, "field \"%s\": type is %s, expected for %s: %s",
		      name, type_rule(field->type)->name, rule->name,
		      role_rule_types(rule, types, sizeof(types)));
}

static int check_temporality(const struct reader *reader, const struct sonde_field *field,
			     const char *name)
{
	if (field->scope > SONDE_SCOPE_RESOURCE)
		return refuse(reader->refusal, -EINVAL,
			      "field \"%s\": scope is %u, expected a member of enum sonde_scope",
			      name, field->scope);
	if (field->temporality > SONDE_CUMULATIVE)
		return refuse(reader->refusal, -EINVAL,
			      "field \"%s\": temporality is %u, expected a member of enum "
			      "sonde_temporality",
			      name, field->temporality);
	if ((field->role == SONDE_ROLE_SUM || field->role == SONDE_ROLE_HISTOGRAM) &&
	    field->temporality == SONDE_UNSPECIFIED)
		return refuse(reader->refusal, -EINVAL,
			      "field \"%s\": temporality is missing, expected for %s: SONDE_DELTA "
			      "(since the row before) or SONDE_CUMULATIVE (since start time)",
			      name, role_rule(field->role)->name);
	return 0;
}

static int check_field(const struct reader *reader, const struct sonde_field *field,
		       const char *schema, const struct container *row)
{
	char name[NAME_SIZE];
	int result;

	snprintf(name, sizeof(name), "%s/%s", schema, field->name);
	if (field->type > SONDE_ANY || !type_size(field->type))
		return refuse(
			reader->refusal, -EINVAL,
			"field \"%s\": type is %u, expected a member of enum sonde_type up to "
			"SONDE_ANY (%u)",
			name, field->type, SONDE_ANY);
	if (field->size != type_size(field->type))
		return refuse(reader->refusal, -EINVAL,
			      "field \"%s\": size is %u, expected %u for %s: the member of the row "
			      "struct has another type",
			      name, field->size, type_size(field->type),
			      type_rule(field->type)->name);
	result = check_place(reader, "field", name, field->offset, field->size, row);
	if (result < 0)
		return result;
	result = check_role(reader, field, name);
	return result < 0 ? result : check_temporality(reader, field, name);
}

static int copy_fields(const struct reader *reader, struct sonde_schema *schema)
{
	char label[NAME_SIZE];
	const struct table table = { label, schema->fields, reader->own->field_size,
				     sizeof(struct sonde_field) };
	const struct container row = { "row_size", schema->row_size };
	struct sonde_field *fields = NULL;
	uint32_t count = 0;
	int result;

	snprintf(label, sizeof(label), "fields of schema \"%s\"", schema->name);
	if (schema->signal > SONDE_SIGNAL_LEDGER)
		return refuse(reader->refusal, -EINVAL,
			      "schema \"%s\": signal is %u, expected a member of enum sonde_signal",
			      schema->name, schema->signal);
	result = copy_table(reader, &table, &fields, &count);
	if (!result && !count)
		result = refuse(reader->refusal, -EINVAL,
				"%s: there are none, expected at least one", label);
	for (uint32_t i = 0; !result && i < count; i++)
		result = check_field(reader, &fields[i], schema->name, &row);
	if (!result)
		schema->fields = fields;
	return result;
}

int table_schemas(const struct reader *reader, const struct sonde_schema **ret_schemas,
		  uint32_t *ret_count)
{
	const struct table table = { "schemas", reader->own->schemas, reader->own->schema_size,
				     sizeof(struct sonde_schema) };
	struct sonde_schema *schemas = NULL;
	uint32_t count = 0;
	int result = copy_table(reader, &table, &schemas, &count);

	for (uint32_t i = 0; !result && i < count; i++)
		result = copy_fields(reader, &schemas[i]);
	if (result < 0)
		return result;
	*ret_schemas = schemas;
	*ret_count = count;
	return 0;
}
