// SPDX-License-Identifier: Apache-2.0
/* Metrics of the temporality that the receiver wants. */
#include <string.h>
#include "temporality.h"

int temporality_open(struct temporality *temporality, struct sonde_instance *instance,
		     const struct settings *settings)
{
	const struct series_options options = { .series_limit = settings->series_limit,
						.memory_bytes = settings->memory_bytes,
						.expiry_ns = settings->expiry_ns };

	temporality->to = (enum sonde_temporality)settings->temporality;
	if (!temporality->to)
		return 0;
	return series_table_create(&options, series_now(instance), &temporality->table);
}

void temporality_close(struct temporality *temporality)
{
	series_table_release(temporality->table);
	*temporality = (struct temporality){ 0 };
}

void temporality_unpack(struct temporality *temporality, struct sonde_instance *instance,
			struct parcel *parcel)
{
	struct series_moment now = series_now(instance);
	struct series_converted made = { 0 };
	int error;

	if (!temporality->table || parcel->signal != SIGNAL_METRICS) {
		parcel->parts[parcel->part_count++] = parcel->batch;
		return;
	}
	series_expire(temporality->table, now);
	parcel->is_made = true;
	error = series_convert(temporality->table, instance, parcel->batch, temporality->to, now,
			       &made);
	if (error) { /* never a second time: its points may be in the table already */
		parcel->refused_rows = parcel->batch->selected_count;
		parcel_say(parcel, "no memory to convert them");
		return;
	}
	parcel->part_count = made.count;
	memcpy(parcel->parts, made.batches, made.count * sizeof(*made.batches));
	parcel->refused_rows = made.refused_rows;
	if (made.refused_rows)
		parcel_say(parcel,
			   "points over series_limit that cannot be added up, or malformed");
}

void temporality_report(const struct temporality *temporality, struct sonde_instance *instance,
			struct sonde_report *report)
{
	struct series_counts counts;

	if (!temporality->table)
		return;
	series_table_counts(temporality->table, &counts);
	sonde_report(instance, report, "series", "all", "now", "{series}", counts.series);
	sonde_report(instance, report, "series", "all", "memory", "By",
		     (double)counts.memory_bytes);
	sonde_report(instance, report, "series", "all", "begun anew", "{series}",
		     (double)counts.resets);
	sonde_report(instance, report, "series", "all", "late", "{point}", (double)counts.late);
	sonde_report(instance, report, "series", "all", "over the limit", "{point}",
		     (double)counts.overflowed);
}
