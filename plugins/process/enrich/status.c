// SPDX-License-Identifier: Apache-2.0
/* What `sonde status` tells of the processor. */
#include "enrich.h"

static void memory_report(struct sonde_instance *instance, struct sonde_report *report,
			  const char *row, uint32_t entries, uint64_t found, uint64_t missed,
			  uint64_t begun_anew, size_t bytes)
{
	sonde_report(instance, report, "lookups", row, "found", "{row}", (double)found);
	sonde_report(instance, report, "lookups", row, "missed", "{row}", (double)missed);
	sonde_report(instance, report, "lookups", row, "remembered", "{entry}", entries);
	sonde_report(instance, report, "lookups", row, "begun_anew", "{time}", (double)begun_anew);
	sonde_report(instance, report, "lookups", row, "memory", "By", (double)bytes);
}

static void table_report(struct sonde_instance *instance, struct sonde_report *report)
{
	const struct enrich *enrich = instance->self;
	struct sonde_processes_counts counts = { .size = sizeof(counts) };
	const char *row = "processes";

	sonde_processes_counts(enrich->processes.table, &counts);
	sonde_report(instance, report, "process_table", row, "live", "{image}", counts.live_count);
	sonde_report(instance, report, "process_table", row, "ended", "{image}",
		     counts.ended_count);
	sonde_report(instance, report, "process_table", row, "lost", "{event}",
		     (double)counts.lost);
	sonde_report(instance, report, "process_table", row, "forgotten", "{image}",
		     (double)counts.forgotten);
	sonde_report(instance, report, "process_table", row, "memory", "By",
		     (double)counts.memory_bytes);
}

int status_report(struct sonde_instance *instance, struct sonde_report *report)
{
	const struct enrich *enrich = instance->self;
	const struct processes *processes = &enrich->processes;
	const struct cgroups *cgroups = &enrich->cgroups;

	if (!enrich->open)
		return 0;
	if (processes->table)
		memory_report(instance, report, "process", processes->facts.count - 1,
			      processes->found_count, processes->missed_count,
			      processes->begun_anew_count, processes_bytes(processes));
	if (enrich->parts & PART_CONTAINER)
		memory_report(instance, report, "container", cgroups->facts.count - 2,
			      cgroups->found_count, cgroups->missed_count,
			      cgroups->begun_anew_count, cgroups_bytes(cgroups));
	if (processes->table)
		table_report(instance, report);
	if (enrich->cloud != CLOUD_NONE) {
		const char *provider = metadata_provider(enrich->cloud);

		sonde_report_text(instance, report, "cloud", provider, "answered",
				  enrich->answered ? "yes" : "no");
		sonde_report_text(instance, report, "cloud", provider, "problem",
				  enrich->cloud_problem);
	}
	tables_report(&enrich->tables, report);
	return 0;
}
