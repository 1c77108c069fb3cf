/* SPDX-License-Identifier: Apache-2.0 */
/* Outputs at work: batches from routes as deliveries, several in flight, offered again with
 * backoff. */
#ifndef SONDE_OUTPUT_H
#define SONDE_OUTPUT_H

#include "instance.h"
#include "sources.h"

struct delivery;

struct output {
	struct instance *instance;
	struct sources sources;
	struct delivery *in_flight;           /* handed to the plugin and not answered */
	struct delivery *again, **again_last; /* to be offered again, oldest first */
	uint32_t in_flight_count, in_flight_limit, batch_limit;
	uint64_t sequence;
	int64_t backoff_ns; /* of the last delay; 0: all is well */
	bool backing_off;
	bool hands_back; /* another takes its routes over: what is not answered goes back to them */
	struct loop_timer backoff;
	struct loop_task task; /* fills the window; posted by the sources */
	uint64_t retry_count;  /* atomic, for status */
};

void output_init(struct output *output, struct instance *instance);

/* On its loop: stops the instance, which may answer what it keeps until then; what is still in
 * flight or to be offered again is booked as lost by shutdown. */
void output_stop(struct output *output);

/* The answer to a delivery, from the plugin: of one of its batches, or of all (-1). One that has
 * its answers already is refused with a line in the log. */
void output_answer(struct output *output, struct sonde_delivery *delivery, int64_t batch,
		   const struct sonde_outcome *outcome);

/* The same for a delivery that is known to be open. */
void output_settle(struct sonde_delivery *delivery, int64_t batch,
		   const struct sonde_outcome *outcome);

#endif
