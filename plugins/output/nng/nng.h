/* SPDX-License-Identifier: Apache-2.0 */
/* Output `nng`: its state, and what its parts do. */
#ifndef SONDE_NNG_H
#define SONDE_NNG_H

#include "lane.h"

enum { TIMER_TICK, TIMER_PUMP, TIMER_STATEMENT };

struct nng {
	struct settings settings; /* first: settings_options is a table of it */

	/* counters */
	uint64_t frames, resent, rows, bytes, rejected, commands;

	struct hop *hop;
	struct region *regions;
	uint32_t region_count;
	uint32_t active;       /* of one region at a time: which is tried or used */
	struct backoff rounds; /* of that: each of them was tried in vain */

	/* One of all regions; balancing, one of each. */
	struct lane *lanes;
	uint32_t lane_count;
	bool balances;
	struct items homeless; /* balancing, there is no region yet that they could go to */
	uint64_t *places;      /* hashes of the regions */
	int64_t started_ns;    /* monotonic */

	struct shipment *shipments; /* deliveries without an answer */
	struct lane_maker maker;
	uint64_t told; /* generation of the fleet that was passed on */
	bool drains, is_drained;
};

/* Monotonic, ns. */
int64_t nng_now_ns(void);

/* Makes and sends what can be. */
void nng_pump(struct sonde_instance *instance);

/* ---- balance.c: which lane rows go to ----------------------------------------------------- */

/* Takes over the items. */
void balance_put(struct sonde_instance *instance, struct items *items);

/* Items of a frame of a queue on disk, read into batches: 0, or negative, and there are none. */
int balance_read(struct sonde_instance *instance, struct shipment *shipment,
		 struct items *ret_items);

/* What was to go to regions that are away goes elsewhere. */
void balance_update(struct sonde_instance *instance);

/* ---- events.c: what regions say ----------------------------------------------------------- */

/* Dials the first, or all. */
int events_begin(struct sonde_instance *instance);

/* Everything that has happened on the hop. */
void events_take(struct sonde_instance *instance);

/* Heartbeats, and who was silent for too long before it greeted. */
void events_tick(struct sonde_instance *instance);

/* ---- tell.c: what regions are told, and may order ------------------------------------------ */

/* Tells the ledger, that of this sonde and those of sondes below it. */
void tell_statement(struct sonde_instance *instance);

void tell_command(struct sonde_instance *instance, struct region *region, uint64_t number,
		  const void *data, size_t length);

/* ---- report.c ------------------------------------------------------------------------------ */

int nng_report(struct sonde_instance *instance, struct sonde_report *report);

#endif
