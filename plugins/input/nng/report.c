// SPDX-License-Identifier: Apache-2.0
/* The edges, and what all sondes below made of their rows, for `status`. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fleet.h"
#include "nng.h"

enum { ROW_BYTES = STATEMENT_NAME_BYTES + STATEMENT_HOST_BYTES + 8 };

/* ---- edges ------------------------------------------------------------------------------- */

static void report_edge(struct sonde_instance *instance, struct sonde_report *report,
			const struct edge *edge)
{
	const struct {
		const char *column, *unit;
		double value;
	} numbers[] = {
		{ "rows/s", "{row}/s", edge->rows_per_s },
		{ "rows", "{row}", (double)edge->rows },
		{ "frames", "{frame}", (double)edge->frames },
		{ "acks", "{message}", (double)edge->acked },
		{ "repeats", "{frame}", (double)edge->repeats },
		{ "refused", "{frame}", (double)edge->refused },
		{ "in flight", "{frame}", edge->open_count },
		{ "waits", "{frame}", edge->waiting ? 1 : 0 },
		{ "lag", "ms", (double)edge->lag_ns / 1e6 },
	};
	char row[MESSAGE_TEXT_LIMIT + HOP_ADDRESS_BYTES + 8], since[32] = "";
	time_t seconds = (time_t)(edge->since_ns / 1000000000);
	struct tm tm;

	(void)snprintf(row, sizeof(row), "%s%s%s", edge->name, edge->is_same_name ? " " : "",
		       edge->is_same_name ? edge->address : "");
	if (gmtime_r(&seconds, &tm))
		(void)strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", &tm);
	sonde_report_text(instance, report, "edges", row, "address", edge->address);
	sonde_report_text(instance, report, "edges", row, "since", since);
	for (uint32_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sonde_report(instance, report, "edges", row, numbers[i].column, numbers[i].unit,
			     numbers[i].value);
	if (edge->labels[0])
		sonde_report_text(instance, report, "edges", row, "labels", edge->labels);
}

/* Connections that were refused, and those that ended, by why. */
static void report_hop(struct sonde_instance *instance, struct sonde_report *report,
		       const struct hop *hop)
{
	struct hop_counts counts;

	hop_counts(hop, &counts);
	for (uint32_t r = 0; r < HOP_REASONS; r++) {
		const char *name = hop_reason_name((enum hop_reason)r);

		if (counts.refused[r])
			sonde_report(instance, report, "connections", name, "refused",
				     "{connection}", (double)counts.refused[r]);
		if (counts.closed[r])
			sonde_report(instance, report, "connections", name, "closed",
				     "{connection}", (double)counts.closed[r]);
	}
}

/* ---- the fleet --------------------------------------------------------------------------- */

static void report_sum(struct sonde_instance *instance, struct sonde_report *report,
		       const char *table, const char *unit, const char *row,
		       const struct statement_sum *sum)
{
	const struct {
		const char *column;
		int64_t value;
	} numbers[] = {
		{ "produced", sum->produced },
		{ "from edges", sum->from_edges },
		{ "made", sum->made },
		{ "copies", sum->copies },
		{ "delivered", sum->delivered },
		{ "to regions", sum->to_regions },
		{ "reduced", statement_reduced(sum) },
		{ "lost", statement_lost(sum) },
		{ "in flight", sum->in_flight },
		{ "repeated", sum->repeated },
		{ "open", statement_open(sum) },
	};

	for (uint32_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sonde_report(instance, report, table, row, numbers[i].column, unit,
			     (double)numbers[i].value);
}

static void report_reasons(struct sonde_instance *instance, struct sonde_report *report,
			   const struct statement_sum *sum)
{
	for (uint32_t r = 0; r < SONDE_REDUCTION_COUNT; r++) {
		if (sum->reduced[r])
			sonde_report(instance, report, "fleet reasons",
				     sonde_reason_name(instance, false, r), "reduced", "{row}",
				     (double)sum->reduced[r]);
	}
	for (uint32_t r = 0; r < SONDE_LOSS_COUNT; r++) {
		if (sum->lost[r])
			sonde_report(instance, report, "fleet reasons",
				     sonde_reason_name(instance, true, r), "lost", "{row}",
				     (double)sum->lost[r]);
	}
}

static void report_member(struct sonde_instance *instance, struct sonde_report *report,
			  const struct fleet_member *member, bool events)
{
	char row[ROW_BYTES];

	(void)snprintf(row, sizeof(row), "%s %.8s", member->name, member->host_id);
	if (events) {
		report_sum(instance, report, "fleet events", "{event}", row, &member->events);
		return;
	}
	report_sum(instance, report, "fleet", "{row}", row, &member->rows);
	sonde_report_text(instance, report, "fleet", row, "via", member->via);
}

/* All sondes below, this one, and both together: what regions took, less what edges handed over to
 * regions, is nothing once all have told how they stand. */
static void report_fleet(struct sonde_instance *instance, struct sonde_report *report, bool events)
{
	const char *table = events ? "fleet events" : "fleet", *unit = events ? "{event}" : "{row}";
	struct statement_sum total = { 0 }, own_sum = { 0 };
	struct fleet_member member;
	struct statement own;
	uint64_t generation = 0;

	while (fleet_next(&generation, &member, NULL)) {
		report_member(instance, report, &member, events);
		statement_join(&total, events ? &member.events : &member.rows);
	}
	if (!statement_gather(instance, "", &own)) {
		statement_add(&own, events, &own_sum);
		statement_clear(&own);
	}
	report_sum(instance, report, table, unit, "this sonde", &own_sum);
	statement_join(&total, &own_sum);
	report_sum(instance, report, table, unit, "total", &total);
	if (!events)
		report_reasons(instance, report, &total);
}

int nng_report(struct sonde_instance *instance, struct sonde_report *report)
{
	const struct nng *nng = instance->self;

	for (uint32_t i = 0; i < nng->edge_limit; i++) {
		if (nng->edges && nng->edges[i])
			report_edge(instance, report, nng->edges[i]);
	}
	if (nng->hop)
		report_hop(instance, report, nng->hop);
	for (int events = 0; !instance->replica && events < 2; events++)
		report_fleet(instance, report, events);
	return 0;
}
