/* SPDX-License-Identifier: Apache-2.0 */
/* The processor's own struct, and its parts that are files of their own. */
#ifndef ENRICH_H
#define ENRICH_H

#include "labels.h"
#include "machine.h"
#include "metadata.h"
#include "naming.h"
#include "settings.h"
#include "tables.h"

enum { TIMER_TABLES, TIMER_POLL, TIMER_READ, TIMER_METADATA, TIMER_ASK };

struct enrich {
	struct settings settings; /* options */

	/* counters */
	uint64_t process_found, process_missed, container_found, container_missed;
	uint64_t user_found, user_missed, table_found, table_missed, unenriched_batches;

	uint32_t parts;
	struct users users;
	char users_path[4096];
	struct processes processes;
	struct cgroups cgroups;
	struct naming naming;
	struct tables tables;
	struct labels labels;
	struct origin origin;
	struct machine machine;
	enum cloud cloud; /* CLOUD_NONE: nobody is asked */
	struct metadata metadata;
	struct metadata_answer answer;
	bool answered, id_settled; /* host.id is the machine's own, or the cloud's */
	int64_t ask_again_ns;
	char cloud_problem[512];
	int tables_result, processes_result; /* why it is degraded */
	char processes_problem[512];
	bool open;
};

/* Makes the attributes that are the same for all rows anew: host, cloud, tags. -EINVAL: a tag is no
 * "key=value"; -ENOMEM. Those before stay then. */
int place_describe(struct sonde_instance *instance);

/* Finds out whose cloud this is, if that is wanted; and asks it. */
void place_look(struct sonde_instance *instance);
void place_ask(struct sonde_instance *instance);

/* The callback of the plugin. */
int status_report(struct sonde_instance *instance, struct sonde_report *report);

#endif
