/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of the temporality that the receiver wants: a table of series makes them of those that
 * come. */
#ifndef SONDE_OTLP_TEMPORALITY_H
#define SONDE_OTLP_TEMPORALITY_H

#include "series.h"
#include "shipment.h"

/* Zeroed, all goes as it is. */
struct temporality {
	struct series_table *table; /* NULL: as it is */
	enum sonde_temporality to;
};

/* -ENOMEM. */
int temporality_open(struct temporality *temporality, struct sonde_instance *instance,
		     const struct settings *settings);
void temporality_close(struct temporality *temporality);

/* The parts of a parcel, whose signal is set. */
void temporality_unpack(struct temporality *temporality, struct sonde_instance *instance,
			struct parcel *parcel);

void temporality_report(const struct temporality *temporality, struct sonde_instance *instance,
			struct sonde_report *report);

#endif
