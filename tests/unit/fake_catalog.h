/* SPDX-License-Identifier: Apache-2.0 */
/* A catalog of plugins that are tables only, in place of core/plugin.c: what a config is read with.
 */
#ifndef SONDE_TEST_FAKE_CATALOG_H
#define SONDE_TEST_FAKE_CATALOG_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "plugin.h"

struct fake_rule {
	const char *name;
	uint32_t limit;
};

struct fake_load {
	int64_t interval_ns;
	uint32_t mode;
	uint32_t rows;
	uint64_t wide;
	int32_t level;
	bool verbose;
	double factor, sample;
	uint64_t memory_bytes;
	const char *title, *token;
	struct sonde_texts names;
	struct sonde_groups rules;
	uint64_t reading_count;
};

static const char *const fake_modes[] = { "aggregate", "events", "both", "off", NULL };

static const struct sonde_option fake_rule_options[] = {
	{ .name = "name",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct fake_rule, name),
	  .required = true },
	{ .name = "limit", .type = SONDE_U32, SONDE_MEMBER(struct fake_rule, limit), .value = "7" },
	{ 0 }
};

static const struct sonde_option fake_load_options[] = {
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct fake_load, interval_ns),
	  .value = "5s",
	  .minimum = "100ms",
	  .knob = true,
	  .help = "time between two readings" },
	{ .name = "mode",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct fake_load, mode),
	  .value = "aggregate",
	  .choices = fake_modes,
	  .knob = true,
	  .help = "what becomes of a call" },
	{ .name = "rows",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct fake_load, rows),
	  .value = "1000",
	  .minimum = "1",
	  .maximum = "65535",
	  .help = "rows of a batch" },
	{ .name = "wide",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct fake_load, wide),
	  .help = "a mask" },
	{ .name = "level",
	  .type = SONDE_I32,
	  SONDE_MEMBER(struct fake_load, level),
	  .value = "-3" },
	{ .name = "verbose", .type = SONDE_BOOL, SONDE_MEMBER(struct fake_load, verbose) },
	{ .name = "factor",
	  .type = SONDE_DOUBLE,
	  SONDE_MEMBER(struct fake_load, factor),
	  .value = "0.5" },
	{ .name = "sample",
	  .type = SONDE_RATIO,
	  SONDE_MEMBER(struct fake_load, sample),
	  .value = "100%" },
	{ .name = "memory",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct fake_load, memory_bytes),
	  .value = "1MiB",
	  .maximum = "1GiB" },
	{ .name = "title", .type = SONDE_TEXT, SONDE_MEMBER(struct fake_load, title) },
	{ .name = "token", .type = SONDE_SECRET, SONDE_MEMBER(struct fake_load, token) },
	{ .name = "names",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct fake_load, names),
	  .value = "a, b" },
	{ .name = "rules",
	  .type = SONDE_GROUPS,
	  SONDE_MEMBER(struct fake_load, rules),
	  .options = fake_rule_options,
	  .item_size = sizeof(struct fake_rule) },
	{ 0 }
};

struct fake_row {
	int64_t time_ns;
	uint32_t runnable_count;
};

static const struct sonde_field fake_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct fake_row, time_ns),
	  .role = SONDE_ROLE_TIME,
	  .help = "when it was read" },
	{ .name = "system.tasks.runnable",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct fake_row, runnable_count),
	  .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA,
	  .unit = "{task}",
	  .help = "tasks that run, or are ready to run as soon as a processor is free to take "
		  "them" },
	{ 0 }
};

static const struct sonde_schema fake_schemas[] = { { .name = "load",
						      .row_size = sizeof(struct fake_row),
						      .fields = fake_fields,
						      .help = "one row a reading" },
						    { 0 } };

static const struct sonde_counter fake_counters[] = { { .name = "readings",
							SONDE_MEMBER(struct fake_load,
								     reading_count),
							.unit = "{reading}",
							.help = "readings since the start" },
						      { 0 } };

static const struct sonde_plugin fake_descriptors[] = {
	{ SONDE_PLUGIN_INPUT, .name = "load", .summary = "tasks that want a CPU", .version = "1.2",
	  .manual = "Reads /proc/loadavg again and again, and makes a row of what stands there, "
		    "for as long "
		    "as it runs.\n\nA second paragraph follows the first one.",
	  .self_size = sizeof(struct fake_load), .options = fake_load_options,
	  .schemas = fake_schemas, .counters = fake_counters, .replication = SONDE_ANY_REPLICA },
	{ SONDE_PLUGIN_PROCESSOR, .name = "fold", .summary = "rows into fewer" },
	{ SONDE_PLUGIN_PROCESSOR, .name = "enrich", .summary = "rows with more columns",
	  .replication = SONDE_ANY_REPLICA },
	{ SONDE_PLUGIN_OUTPUT, .name = "console", .summary = "tables on the terminal" },
	{ SONDE_PLUGIN_OUTPUT, .name = "file", .summary = "rows as JSON lines" },
};

enum { FAKE_COUNT = sizeof(fake_descriptors) / sizeof(*fake_descriptors) };

static struct plugin fake_plugins[FAKE_COUNT];

static inline const struct plugin *fake_plugin(const char *name)
{
	for (int i = 0; i < FAKE_COUNT; i++) {
		struct plugin *plugin = &fake_plugins[i];

		if (strcmp(fake_descriptors[i].name, name))
			continue;
		plugin->descriptor = &fake_descriptors[i];
		plugin->path = "/usr/lib/sonde/plugins/fake.so";
		while (plugin->descriptor->options &&
		       plugin->descriptor->options[plugin->option_count].name)
			plugin->option_count++;
		while (plugin->descriptor->schemas &&
		       plugin->descriptor->schemas[plugin->schema_count].name)
			plugin->schema_count++;
		while (plugin->descriptor->counters &&
		       plugin->descriptor->counters[plugin->counter_count].name)
			plugin->counter_count++;
		return plugin;
	}
	return NULL;
}

/* The directories that were named, the last one first. */
static char fake_directories[256];

int catalog_prepend(struct catalog *catalog, const char *directory)
{
	char before[sizeof(fake_directories)];

	(void)catalog;
	strcpy(before, fake_directories);
	snprintf(fake_directories, sizeof(fake_directories), "%s:%s", directory, before);
	return 0;
}

int catalog_find(struct catalog *catalog, const char *name, uint32_t kind,
		 const struct plugin **ret_plugin, char *error, size_t error_size)
{
	const struct plugin *plugin = fake_plugin(name);

	(void)catalog;
	(void)kind;
	if (!plugin) {
		snprintf(error, error_size, "there is no plugin \"%s\"", name);
		return -ENOENT;
	}
	*ret_plugin = plugin;
	return 0;
}

int catalog_walk(struct catalog *catalog,
		 int (*visit)(const char *name, const char *path, void *data), void *data)
{
	(void)catalog;
	for (int i = 0; i < FAKE_COUNT; i++)
		visit(fake_descriptors[i].name, "/usr/lib/sonde/plugins/fake.so", data);
	return 0;
}

#endif
