// SPDX-License-Identifier: Apache-2.0
/* A gauge of a queue: when it asks for less to be sent there, and when for more again. */
#include "gauge.h"
#include "clock.h"

const double gauge_upper_share = 0.75, gauge_lower_share = 0.25;
const int64_t gauge_step_ns = 5ll * NS_PER_SECOND;
const int64_t gauge_patience_most_ns = 3600ll * NS_PER_SECOND;

static const int64_t full_ns = 3ll * NS_PER_SECOND; /* before the first step */
static const int64_t patience_first_ns = 10ll * NS_PER_SECOND;
static const double emptied_share = 0.02; /* of the limit in gauge_step_ns: it empties */

static int64_t patience_of(const struct gauge *gauge)
{
	return gauge->patience_ns ? gauge->patience_ns : patience_first_ns;
}

static void since(int64_t *since_ns, bool holds, int64_t now_ns)
{
	if (!holds)
		*since_ns = 0;
	else if (!*since_ns)
		*since_ns = now_ns;
}

static enum gauge_wish look_full(struct gauge *gauge, double share, bool loses, int64_t now_ns)
{
	if (now_ns - gauge->full_since_ns < full_ns || now_ns - gauge->moved_ns < gauge_step_ns)
		return GAUGE_STAYS;
	gauge->moved_ns = now_ns;
	if (gauge->is_turned_down && !loses && share <= gauge->share_then - emptied_share) {
		gauge->share_then = share; /* what was done is enough, if it goes on like that */
		return GAUGE_STAYS;
	}
	gauge->share_then = share;
	return GAUGE_LESS;
}

static enum gauge_wish look_empty(struct gauge *gauge, int64_t now_ns)
{
	int64_t patience = patience_of(gauge), empty = now_ns - gauge->empty_since_ns;

	if (!gauge->is_turned_down) { /* it has done without for long: all is forgotten */
		if (empty >= gauge_patience_most_ns &&
		    now_ns - gauge->moved_ns >= gauge_patience_most_ns)
			*gauge = (struct gauge){ .empty_since_ns = gauge->empty_since_ns };
		return GAUGE_STAYS;
	}
	if (empty < patience || now_ns - gauge->moved_ns < patience)
		return GAUGE_STAYS;
	gauge->moved_ns = now_ns;
	return GAUGE_MORE;
}

enum gauge_wish gauge_look(struct gauge *gauge, double share, bool loses, int64_t now_ns)
{
	bool full = loses || share >= gauge_upper_share;
	bool empty = !loses && share < gauge_lower_share;

	since(&gauge->full_since_ns, full, now_ns);
	since(&gauge->empty_since_ns, empty, now_ns);
	if (full)
		return look_full(gauge, share, loses, now_ns);
	return empty ? look_empty(gauge, now_ns) : GAUGE_STAYS;
}

void gauge_moved(struct gauge *gauge, enum gauge_wish wish, bool last)
{
	if (wish == GAUGE_LESS && gauge->was_back) {
		gauge->patience_ns = 2 * patience_of(gauge);
		if (gauge->patience_ns > gauge_patience_most_ns)
			gauge->patience_ns = gauge_patience_most_ns;
	}
	gauge->was_back = wish == GAUGE_MORE;
	gauge->is_turned_down = !last;
}
