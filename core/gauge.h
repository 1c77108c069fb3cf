/* SPDX-License-Identifier: Apache-2.0 */
/* A gauge of a queue: when it asks for less to be sent there, and when for more again. */
#ifndef SONDE_GAUGE_H
#define SONDE_GAUGE_H

#include <stdbool.h>
#include <stdint.h>

/* A step down is asked for when the queue was beyond the upper mark, or lost rows, at every look of
 * some seconds, and again every few seconds for as long as it does not empty. A step back is asked
 * for when it was below the lower mark for as long as its patience; each time that this turns out
 * to have been too early, the patience doubles. So steps that are taken to and fro become rare,
 * whatever the queue and the rates are. */
struct gauge {
	int64_t full_since_ns;  /* 0: it is not */
	int64_t empty_since_ns; /* below the lower mark; 0: it is not */
	int64_t moved_ns;       /* the last step, or the last time that it was seen to empty */
	int64_t patience_ns;    /* 0: the first */
	double share_then;      /* at moved_ns */
	bool was_back;          /* the last step was one back */
	bool is_turned_down;    /* a step down was asked for and not taken back */
};

enum gauge_wish { GAUGE_STAYS, GAUGE_LESS, GAUGE_MORE };

extern const double gauge_upper_share, gauge_lower_share;
extern const int64_t gauge_step_ns;          /* least time between two steps down */
extern const int64_t gauge_patience_most_ns; /* what it doubles up to */

/* At equal intervals of about a second. share: of the limit that is in use; loses: rows were lost
 * since the last look, for want of room. */
enum gauge_wish gauge_look(struct gauge *gauge, double share, bool loses, int64_t now_ns);

/* What was asked for was done. `last`: nothing is turned down for it any more. */
void gauge_moved(struct gauge *gauge, enum gauge_wish wish, bool last);

#endif
