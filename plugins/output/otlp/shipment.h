/* SPDX-License-Identifier: Apache-2.0 */
/* What has become of a delivery, row by row: which of them are still to be sent, are under way, or
 * have their answer. It outlives an answer "again" for a part of a batch: when the delivery is
 * offered again, what was accepted is not sent twice. */
#ifndef SONDE_OTLP_SHIPMENT_H
#define SONDE_OTLP_SHIPMENT_H

#include "answer.h"
#include "target.h"

enum { PARCEL_PARTS = 3 };

struct range {
	uint32_t first, end;
	uint32_t part; /* of the parcel */
};

/* A batch of the delivery. */
struct parcel {
	struct sonde_batch
		*batch; /* the delivery's; also what it is known by when it comes again */
	uint32_t index; /* in the delivery, as it was offered last */
	/* What is sent of it: the batch itself, or what was made of it, held. */
	struct sonde_batch *parts[PARCEL_PARTS];
	uint32_t part_count;
	bool is_made;
	uint64_t refused_rows; /* that cannot be in a part */
	enum signal signal;
	struct range *todo; /* with room for those under way, too */
	uint32_t todo_count, todo_capacity, open_count;
	uint64_t rejected_rows, accepted_rows;
	bool again; /* what is to do waits until it is offered again */
	bool is_settled;
	bool uncertain;
	int64_t retry_after_ns;
	char text[ANSWER_TEXT_LENGTH];      /* why rows were rejected */
	char why_again[ANSWER_TEXT_LENGTH]; /* the last reason */
};

struct shipment {
	struct shipment *next;
	struct sonde_delivery *delivery; /* NULL: it has its answer, and will come again */
	uint64_t sequence;
	uint32_t parcel_count, unsettled_count;
	struct parcel parcels[];
};

/* Rows of one batch in a request. */
struct piece {
	struct parcel *parcel;
	struct range range;
	uint32_t row_count;      /* that count */
	uint64_t left_out_count; /* of these, that OTLP cannot say */
};

/* Selected rows of the range. */
uint32_t parcel_rows(const struct parcel *parcel, struct range range);

/* Says what is sent of parcel->batch, and where it goes: signal, and parts and what comes with
 * them. What cannot be made it rejects. Called once for each batch. */
typedef void shipment_unpack(struct sonde_instance *instance, struct parcel *parcel);

/* A delivery that was just offered, behind those that are there. What the list knows of deliveries
 * that did not come again is forgotten. NULL: no memory, and nothing was unpacked. */
struct shipment *shipment_take(struct sonde_instance *instance, struct shipment **list,
			       struct sonde_delivery *delivery, shipment_unpack *unpack);
void shipments_release(struct sonde_instance *instance, struct shipment **list);

/* Whether there are rows of the signal to send now. */
static inline bool parcel_has_work(const struct parcel *parcel, enum signal signal)
{
	return parcel->signal == signal && parcel->todo_count && !parcel->again &&
	       !parcel->is_settled;
}

bool shipments_have_work(const struct shipment *list, enum signal signal);

/* Takes rows from the front of what a parcel has to do: at most row_limit places. The parcel must
 * have some. -ENOMEM. */
int parcel_take(struct parcel *parcel, uint32_t row_limit, struct range *ret_range);

/* Puts rows back that were taken: they are to be sent. */
void parcel_put_back(struct parcel *parcel, struct range range);

/* What became of rows that were taken. */
void parcel_accept(struct parcel *parcel, uint64_t row_count, uint64_t rejected_rows,
		   const struct answer *answer);
void parcel_leave_out(struct parcel *parcel, uint64_t row_count); /* and neither of the others */
void parcel_reject(struct parcel *parcel, uint32_t row_count, const char *text);

/* Adds a reason why rows of it are rejected, if it is another. */
void parcel_say(struct parcel *parcel, const char *text);

/* Nothing more of any of them is sent before it is offered again. */
void shipments_hold(struct shipment *list, const struct answer *answer);

/* Answers for the parcels of which all is known. What is left in the list then is under way or
 * comes again. */
void shipments_settle(struct sonde_instance *instance, struct shipment **list);

#endif
