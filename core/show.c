// SPDX-License-Identifier: Apache-2.0
/* The effective config in the config language. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include "push.h"
#include "section.h"
#include "setting.h"
#include "show.h"

enum { MARK_COLUMN = 56, TAB_COLUMNS = 8, PATH_LENGTH = 256 };

struct show {
	FILE *file;
	const uint64_t *key; /* hashes secrets; NULL: people read it, so secrets are *** and
				defaults marked */
	bool fixed;          /* leave out what can change while it runs */
	unsigned indent;
	const struct config *config; /* that it is shown of, as a whole; else NULL */
	const struct setting_given *given;
	char path[PATH_LENGTH]; /* "outputs.file.queue" */
	bool failed;            /* memory was refused */
};

/* 16 bytes that the kernel makes up for every process. */
static const uint64_t *hash_key(void)
{
	static uint64_t key[2];

	memcpy(key, (const void *)getauxval(AT_RANDOM), sizeof(key));
	return key;
}

static void indent_print(const struct show *show)
{
	for (unsigned i = 0; i < show->indent; i++)
		putc('\t', show->file);
}

__attribute__((format(printf, 2, 3))) static void line_print(const struct show *show,
							     const char *format, ...)
{
	va_list arguments;

	indent_print(show);
	va_start(arguments, format);
	vfprintf(show->file, format, arguments);
	va_end(arguments);
	putc('\n', show->file);
}

static void group_open(struct show *show, const char *name)
{
	size_t length = strlen(show->path);

	line_print(show, "%s:", name);
	line_print(show, "{");
	show->indent++;
	snprintf(show->path + length, sizeof(show->path) - length, "%s%s", length ? "." : "", name);
}

static void group_close(struct show *show)
{
	char *last = strrchr(show->path, '.');

	*(last ? last : show->path) = '\0';
	show->indent--;
	line_print(show, "};");
}

/* `name = value;`, and a remark in a column of its own where people read it. */
static void value_print(const struct show *show, const char *name, const char *value,
			const char *remark)
{
	int length;

	indent_print(show);
	length = fprintf(show->file, "%s = %s;", name, value) + TAB_COLUMNS * (int)show->indent;
	if (!show->key && remark)
		fprintf(show->file, "%*s # %s", length < MARK_COLUMN ? MARK_COLUMN - length : 0, "",
			remark);
	putc('\n', show->file);
}

static bool is_given(const struct show *show, const char *name)
{
	char path[2 * PATH_LENGTH];

	snprintf(path, sizeof(path), "%s.%s", show->path, name);
	return setting_find(show->given, path);
}

static void option_show_line(struct show *show, const struct sonde_option *option, const void *self)
{
	int length = option_show(option, self, show->key, NULL, 0);
	char *value;

	if (!option_is_set(option, self)) {
		if (!show->key)
			line_print(show, "# %s is not set", option->name);
		return;
	}
	value = malloc((size_t)length + 1);
	if (!value) {
		show->failed = true;
		return;
	}
	option_show(option, self, show->key, value, (size_t)length + 1);
	value_print(show, option->name, value,
		    option->type == SONDE_SECRET   ? "secret"
		    : is_given(show, option->name) ? NULL
						   : "default");
	free(value);
}

bool option_is_tunable(const struct sonde_option *option)
{
	return option->knob && option->type != SONDE_SECRET;
}

static void options_show(struct show *show, const struct sonde_option *options, const void *self)
{
	for (; options && options->name; options++) {
		if (!show->fixed || !option_is_tunable(options))
			option_show_line(show, options, self);
	}
}

static void table_show(struct show *show, const char *name, const struct sonde_option *options,
		       const void *self)
{
	group_open(show, name);
	options_show(show, options, self);
	group_close(show);
}

static void instance_show(struct show *show, const struct instance_config *instance)
{
	struct instance_keys keys = { instance->plugin_name, instance->threads };

	group_open(show, instance->name);
	options_show(show, instance_options, &keys);
	options_show(show, instance->plugin->descriptor->options, instance->self);
	if (!show->key && show->config) {
		char before[32];

		snprintf(before, sizeof(before), "%.*s# ", (int)show->indent, "\t\t\t\t\t\t");
		push_show(show->config, instance, before, show->file);
	}
	if (instance->kind == SONDE_OUTPUT) {
		if (!show->fixed)
			table_show(show, "queue", output_queue_options, &instance->queue);
		table_show(show, "retry", retry_options, &instance->retry);
	}
	group_close(show);
}

static bool queue_is_equal(const struct queue_config *left, const struct queue_config *right)
{
	return left->memory_bytes == right->memory_bytes && left->disk_bytes == right->disk_bytes &&
	       left->when_full == right->when_full && left->turn_down == right->turn_down;
}

/* Whether a name says all: no route, or one as its output has it. A source always says all of it.
 */
static bool is_plain(const struct show *show, const struct config_reference *reference)
{
	return !reference->instance || reference->instance->kind != SONDE_OUTPUT ||
	       (!show->key && !reference->where &&
		queue_is_equal(&reference->queue, &reference->instance->queue));
}

static void where_show(struct show *show, const struct config_reference *reference)
{
	const struct route_keys keys = { .where = reference->where };

	for (const struct sonde_option *option = route_options; option->name; option++) {
		char *value;
		int length;

		if (strcmp(option->name, "where") != 0)
			continue;
		length = option_show(option, &keys, show->key, NULL, 0);
		value = malloc((size_t)length + 1);
		if (!value) {
			show->failed = true;
			return;
		}
		option_show(option, &keys, show->key, value, (size_t)length + 1);
		fprintf(show->file, " where = %s;", value);
		free(value);
	}
}

static void reference_show(struct show *show, const struct config_reference *reference)
{
	const char *name =
		reference->instance ? reference->instance->name : reference->pipeline->name;

	if (is_plain(show, reference)) {
		fprintf(show->file, "\"%s\"", name);
		return;
	}
	fprintf(show->file, "{ output = \"%s\";", name);
	if (reference->where)
		where_show(show, reference);
	fputs(" queue: {", show->file);
	for (const struct sonde_option *option = output_queue_options; option->name; option++) {
		char value[64];

		option_show(option, &reference->queue, show->key, value, sizeof(value));
		fprintf(show->file, " %s = %s;", option->name, value);
	}
	fputs(" }; }", show->file);
}

/* Names alone stand in one line. */
static void references_show(struct show *show, const char *name,
			    const struct config_reference *items, uint32_t count)
{
	bool plain = true;

	for (uint32_t i = 0; i < count; i++)
		plain &= is_plain(show, &items[i]);
	indent_print(show);
	fprintf(show->file, "%s = (%s", name, plain ? "" : "\n");
	show->indent++;
	for (uint32_t i = 0; i < count; i++) {
		if (!plain)
			indent_print(show);
		reference_show(show, &items[i]);
		fputs(i + 1 < count ? (plain ? ", " : ",\n") : plain ? "" : "\n", show->file);
	}
	show->indent--;
	if (!plain)
		indent_print(show);
	fputs(");\n", show->file);
}

static void pipeline_show(struct show *show, const struct pipeline_config *pipeline)
{
	group_open(show, pipeline->name);
	references_show(show, "from", pipeline->from, pipeline->from_count);
	references_show(show, "through", pipeline->through, pipeline->through_count);
	references_show(show, "to", pipeline->to, pipeline->to_count);
	options_show(show, pipeline_options, pipeline);
	table_show(show, "queue", pipeline_queue_options, &pipeline->queue);
	group_close(show);
}

void config_show(const struct config *config, FILE *file)
{
	struct show show = { .file = file, .config = config, .given = config->daemon_given };

	group_open(&show, section_names[SECTION_SONDE]);
	options_show(&show, daemon_options, &config->daemon);
	table_show(&show, "privileges", privilege_options, &config->daemon.privileges);
	group_close(&show);
	for (uint32_t kind = SECTION_INPUTS; kind <= SECTION_OUTPUTS; kind++) {
		line_print(&show, "%s", "");
		group_open(&show, section_names[kind]);
		for (uint32_t i = 0; i < config->instance_count; i++) {
			show.given = config->instances[i].given;
			if (config->instances[i].kind == kind && config->instances[i].plugin)
				instance_show(&show, &config->instances[i]);
		}
		group_close(&show);
	}
	line_print(&show, "%s", "");
	group_open(&show, section_names[SECTION_PIPELINES]);
	for (uint32_t i = 0; i < config->pipeline_count; i++) {
		show.given = config->pipelines[i].given;
		pipeline_show(&show, &config->pipelines[i]);
	}
	group_close(&show);
}

static const char *source_take(struct show *show, char **text, size_t *length, struct arena *arena)
{
	bool failed = show->failed || ferror(show->file);
	const char *source;

	failed |= fclose(show->file) != 0 || !*text;
	source = failed ? NULL : arena_copy_length(arena, *text, *length);
	free(*text);
	return source;
}

static const char *instance_print(const struct instance_config *instance, bool fixed,
				  struct arena *arena)
{
	struct show show = { .key = hash_key(), .fixed = fixed };
	char *text = NULL;
	size_t length;

	show.file = open_memstream(&text, &length);
	if (!show.file)
		return NULL;
	line_print(&show, "%s:", section_names[instance->kind]);
	instance_show(&show, instance);
	return source_take(&show, &text, &length, arena);
}

const char *instance_source(const struct instance_config *instance, struct arena *arena)
{
	return instance_print(instance, false, arena);
}

const char *instance_fixed_source(const struct instance_config *instance, struct arena *arena)
{
	return instance_print(instance, true, arena);
}

const char *pipeline_source(const struct pipeline_config *pipeline, struct arena *arena)
{
	struct show show = { .key = hash_key() };
	char *text = NULL;
	size_t length;

	show.file = open_memstream(&text, &length);
	if (!show.file)
		return NULL;
	line_print(&show, "%s:", section_names[SECTION_PIPELINES]);
	pipeline_show(&show, pipeline);
	return source_take(&show, &text, &length, arena);
}
