/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the processor `enrich`. */
#ifndef ENRICH_SETTINGS_H
#define ENRICH_SETTINGS_H

#include "cgroups.h"
#include "processes.h"

/* What `add` may name, as bits. */
enum settings_part {
	PART_PROCESS = 1,
	PART_USER = 2,
	PART_CONTAINER = 4,
	PART_HOST = 8,
	PART_CLOUD = 16,
};

struct settings {
	struct sonde_texts add, columns, tags, host_names;
	uint32_t tag_scope; /* index of its choices: resource, row */
	bool overwrite;
	struct sonde_groups tables; /* of struct table_settings */
	uint64_t table_limit_bytes;
	uint32_t entry_limit;
	const char *root;
	uint32_t cloud; /* enum cloud */
	const char *cloud_endpoint;
	int64_t cloud_timeout_ns;
};

extern const struct sonde_option settings_options[];

uint32_t settings_parts(const struct settings *settings);

/* Which columns are wanted, by what is added and what `columns` names. */
void settings_columns(const struct settings *settings, bool process[PROCESS_COLUMNS],
		      bool cgroup[CGROUP_COLUMNS]);

/* Tells of all that is wrong, but for the files of tables. */
void settings_check(struct sonde_instance *instance, const struct settings *settings);

#endif
