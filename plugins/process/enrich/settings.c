// SPDX-License-Identifier: Apache-2.0
/* Options as a table, and what they ask for. */
#include "settings.h"

#include <string.h>

#include "machine.h"
#include "table.h"

static const char *const part_names[] = { "process", "user", "container", "host", "cloud", NULL };
static const char *const scope_names[] = { "resource", "row", NULL };
static const char *const format_names[] = { "auto", "csv", "json", NULL };
static const char *const cloud_names[] = { "auto", "aws", "gcp", "azure", NULL };

static const struct sonde_option table_options[] = {
	{ .name = "file",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct table_settings, file),
	  .required = true,
	  .help = "CSV whose first line names the fields, or JSON lines; read again when it "
		  "changes" },
	{ .name = "key",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct table_settings, key),
	  .required = true,
	  .help = "columns of rows by whose values records are found, \"COLUMN\" or, where the "
		  "file calls it otherwise, \"COLUMN=FIELD\"" },
	{ .name = "columns",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct table_settings, columns),
	  .required = true,
	  .help = "columns that are added, \"COLUMN\" or \"COLUMN=FIELD\"" },
	{ .name = "format",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct table_settings, format),
	  .value = "auto",
	  .choices = format_names,
	  .help = "auto: JSON lines if the name ends with .json, .jsonl or .ndjson, else CSV" },
	{ 0 },
};

const struct sonde_option settings_options[] = {
	{ .name = "add",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, add),
	  .choices = part_names,
	  .help = "what rows are to say besides: \"process\", \"user\", \"container\", \"host\", "
		  "\"cloud\"" },
	{ .name = "columns",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, columns),
	  .help = "just these of the columns of process, user and container; none: all but the "
		  "command line and arguments" },
	{ .name = "overwrite",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct settings, overwrite),
	  .value = "false",
	  .knob = true,
	  .help = "put a column in the place of one that rows have already, as a whole" },
	{ .name = "tags",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, tags),
	  .knob = true,
	  .help = "attributes for all rows, \"key=value\"" },
	{ .name = "tag_scope",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, tag_scope),
	  .value = "resource",
	  .choices = scope_names,
	  .knob = true,
	  .help = "whose attributes tags are" },
	{ .name = "tables",
	  .type = SONDE_GROUPS,
	  SONDE_MEMBER(struct settings, tables),
	  .options = table_options,
	  .item_size = sizeof(struct table_settings),
	  .help = "columns from files" },
	{ .name = "table_limit",
	  .type = SONDE_SIZE,
	  SONDE_MEMBER(struct settings, table_limit_bytes),
	  .value = "16MiB",
	  .minimum = "1KiB",
	  .maximum = "1GiB",
	  .help = "how large the file of a table may be" },
	{ .name = "remember",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct settings, entry_limit),
	  .value = "16384",
	  .minimum = "64",
	  .maximum = "1000000",
	  .unit = "{entry}",
	  .help = "processes, and cgroups, whose columns are kept for the next rows; then it "
		  "begins anew" },
	{ .name = "host_names",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct settings, host_names),
	  .help = "what rows of this host may say in host.name and host.id, besides its name and "
		  "id" },
	{ .name = "root",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, root),
	  .value = "/",
	  .help = "where the host's own /etc and /sys are, such as /host in a container" },
	{ .name = "cloud",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct settings, cloud),
	  .value = "auto",
	  .choices = cloud_names,
	  .help = "whose metadata service is asked; auto: the one that the firmware names, or "
		  "none" },
	{ .name = "cloud_endpoint",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct settings, cloud_endpoint),
	  .value = "http://169.254.169.254",
	  .help = "where that is" },
	{ .name = "cloud_timeout",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct settings, cloud_timeout_ns),
	  .value = "1s",
	  .minimum = "10ms",
	  .maximum = "1m",
	  .help = "how long each of its answers may take; rows do not wait for it" },
	{ 0 },
};

uint32_t settings_parts(const struct settings *settings)
{
	uint32_t parts = 0;

	for (uint32_t i = 0; i < settings->add.count; i++)
		for (uint32_t part = 0; part_names[part]; part++)
			if (strcmp(settings->add.items[i], part_names[part]) == 0)
				parts |= 1u << part;
	return parts;
}

static bool is_named(const struct settings *settings, const char *name)
{
	for (uint32_t i = 0; i < settings->columns.count; i++)
		if (strcmp(settings->columns.items[i], name) == 0)
			return true;
	return false;
}

void settings_columns(const struct settings *settings, bool process[PROCESS_COLUMNS],
		      bool cgroup[CGROUP_COLUMNS])
{
	uint32_t parts = settings_parts(settings);
	bool all = !settings->columns.count;

	for (uint32_t i = 0; i < PROCESS_COLUMNS; i++) {
		bool is_private = i == PROCESS_COMMAND_LINE || i == PROCESS_COMMAND_ARGS;
		uint32_t of = i == PROCESS_REAL_USER_NAME ? PART_PROCESS | PART_USER : PART_PROCESS;

		process[i] = (parts & of) == of &&
			     (all ? !is_private : is_named(settings, process_fields[i].name));
	}
	for (uint32_t i = 0; i < CGROUP_COLUMNS; i++)
		cgroup[i] = (parts & PART_CONTAINER) &&
			    (all || is_named(settings, cgroup_fields[i].name));
}

static bool is_column(const char *name)
{
	for (uint32_t i = 0; i < PROCESS_COLUMNS; i++)
		if (strcmp(name, process_fields[i].name) == 0)
			return true;
	for (uint32_t i = 0; i < CGROUP_COLUMNS; i++)
		if (strcmp(name, cgroup_fields[i].name) == 0)
			return true;
	return false;
}

void settings_check(struct sonde_instance *instance, const struct settings *settings)
{
	if (!settings->add.count && !settings->tags.count && !settings->tables.count)
		sonde_problem(instance, NULL,
			      "there is nothing to add (try add = [\"process\", \"container\"];)");
	for (uint32_t i = 0; i < settings->columns.count; i++)
		if (!is_column(settings->columns.items[i]))
			sonde_problem(instance, "columns",
				      "\"%s\" is no column of process, user or container "
				      "(docs/enrich.md names them)",
				      settings->columns.items[i]);
	for (uint32_t i = 0; i < settings->tags.count; i++)
		if (strcspn(settings->tags.items[i], "=") == 0 ||
		    !strchr(settings->tags.items[i], '='))
			sonde_problem(instance, "tags",
				      "\"%s\" is not \"key=value\" (try "
				      "\"deployment.environment.name=production\")",
				      settings->tags.items[i]);
	if (strncmp(settings->cloud_endpoint, "http://", 7) != 0 &&
	    strncmp(settings->cloud_endpoint, "https://", 8) != 0)
		sonde_problem(instance, "cloud_endpoint",
			      "\"%s\" is no address of HTTP (try \"http://169.254.169.254\")",
			      settings->cloud_endpoint);
}
