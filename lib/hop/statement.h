/* SPDX-License-Identifier: Apache-2.0 */
/* A sonde's ledger as it tells it to its region: all accounts at one time, as rows of the schema
 * "sonde.ledger" in a frame, and what they come to. */
#ifndef SONDE_HOP_STATEMENT_H
#define SONDE_HOP_STATEMENT_H

#include <sonde/plugin.h>

#include "buffer.h"

enum {
	STATEMENT_ACCOUNTS = 1024,
	STATEMENT_NAME_BYTES = 256,
	STATEMENT_HOST_BYTES = 65,
};

struct statement_account {
	char name[STATEMENT_NAME_BYTES];
	uint32_t kind; /* enum sonde_account_kind; 0: not known */
	bool is_hop;   /* an input that takes from edges, or a queue to a region */
	int64_t begun_ns;
	struct sonde_amount in, made, out, in_flight, repeated;
	struct sonde_amount reduced[SONDE_REDUCTION_COUNT], lost[SONDE_LOSS_COUNT];
};

struct statement {
	char host_id[STATEMENT_HOST_BYTES], name[STATEMENT_NAME_BYTES];
	uint64_t epoch;
	int64_t time_ns;
	struct statement_account *accounts; /* owned */
	uint32_t count, capacity;
};

void statement_clear(struct statement *statement);

/* That of this daemon, now. -ENOMEM. */
int statement_gather(struct sonde_instance *instance, const char *name, struct statement *ret);

/* As a frame, in the place of what the buffer holds. -ENOMEM and others. */
int statement_write(struct sonde_instance *instance, const struct statement *statement,
		    struct buffer *ret_frame);

/* From the batches of a frame. -EBADMSG: it is none; -ENOMEM. */
int statement_read(struct sonde_instance *instance, struct sonde_batch *const *batches,
		   uint32_t count, struct statement *ret);

/* ---- what it comes to -------------------------------------------------------------------- */

/* Of rows, or of events. What came in and what was made, and more where something went more than
 * one way, is handed over, less on purpose, lost or on its way:
 * produced + from_edges + made + copies = delivered + to_regions + reduced + lost + in_flight. */
struct statement_sum {
	int64_t produced;   /* by inputs, or in the kernel for them */
	int64_t from_edges; /* taken by inputs from other sondes */
	int64_t made;       /* by processors */
	int64_t copies;     /* what several take, less what they are copies of */
	int64_t delivered;  /* by outputs, to others than sondes */
	int64_t to_regions; /* by outputs to other sondes */
	int64_t in_flight;
	int64_t repeated; /* of what was delivered: perhaps twice */
	int64_t reduced[SONDE_REDUCTION_COUNT], lost[SONDE_LOSS_COUNT];
};

void statement_add(const struct statement *statement, bool events, struct statement_sum *sum);
void statement_join(struct statement_sum *sum, const struct statement_sum *other);

int64_t statement_reduced(const struct statement_sum *sum);
int64_t statement_lost(const struct statement_sum *sum);

/* What is not explained: 0 where all accounts close. */
int64_t statement_open(const struct statement_sum *sum);

#endif
