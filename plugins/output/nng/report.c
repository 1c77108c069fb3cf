// SPDX-License-Identifier: Apache-2.0
/* How the output `nng` and its regions fare, for `status`. */
#include "nng.h"

static void report_region(struct sonde_instance *instance, struct sonde_report *report,
			  const struct region *region)
{
	const char *const table = "regions";

	sonde_report_text(instance, report, table, region->url, "state", region_state_name(region));
	if (region->name[0])
		sonde_report_text(instance, report, table, region->url, "name", region->name);
	sonde_report(instance, report, table, region->url, "connects", "{connection}",
		     (double)region->connects);
	sonde_report(instance, report, table, region->url, "frames", "{frame}",
		     (double)region->frames);
	sonde_report(instance, report, table, region->url, "bytes", "By", (double)region->bytes);
	sonde_report(instance, report, table, region->url, "rows", "{row}", (double)region->rows);
	sonde_report(instance, report, table, region->url, "lag", "ms",
		     (double)region->lag_ns / 1e6);
	if (region->problem[0])
		sonde_report_text(instance, report, table, region->url, "problem", region->problem);
}

int nng_report(struct sonde_instance *instance, struct sonde_report *report)
{
	const struct nng *nng = instance->self;

	for (uint32_t i = 0; i < nng->region_count; i++)
		report_region(instance, report, &nng->regions[i]);
	for (uint32_t i = 0; i < nng->lane_count; i++) {
		const struct lane *lane = &nng->lanes[i];
		const char *row = lane->region ? lane->region->url : "none";

		sonde_report(instance, report, "under way", row, "frames", "{frame}",
			     lane->window.count);
		sonde_report(instance, report, "under way", row, "waiting", "{batch}",
			     lane->waiting.count);
	}
	return 0;
}
