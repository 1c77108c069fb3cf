/* SPDX-License-Identifier: Apache-2.0 */
/* The way to a region: items that wait to be put in frames, and frames that it has not
 * acknowledged. */
#ifndef SONDE_NNG_LANE_H
#define SONDE_NNG_LANE_H

#include "region.h"
#include "window.h"

struct lane {
	struct region *region; /* where it leads to now */
	struct items waiting;
	int64_t waiting_ns; /* monotonic; since when the oldest of them does */
	struct window window;
	unsigned char stream[16]; /* of frames that are numbered here */
	uint64_t sequence;        /* of the last of them */
};

/* What frames are made with. */
struct lane_maker {
	struct sonde_instance *instance;
	const struct settings *settings;
	uint64_t too_large_rows; /* to be fetched */
};

/* A number for its frames that nobody else has. */
int lane_open(struct lane *lane);

/* Takes over the item. */
void lane_put(struct lane *lane, struct item *item, int64_t now_ns);

/* Makes a frame of the oldest items that wait. 1: it is in the window; 0: there were none that can
 * be sent (some were rejected as too large); -ENOMEM: they wait as before. */
int lane_pack(struct lane *lane, struct lane_maker *maker);

/* Whether a frame is to be made: there is enough for one, or it waits for long enough. */
bool lane_is_ripe(const struct lane *lane, const struct settings *settings, int64_t now_ns);

/* Sends a frame of its window over the connection. -EAGAIN: no room; -EPIPE. */
int lane_send(struct lane *lane, struct frame *frame, int64_t now_ns);

/* Takes all items back, of frames as well, in their order: they are to go elsewhere. What a region
 * may have is marked as uncertain. */
void lane_take_back(struct lane *lane, struct items *ret_items);

/* The region has all frames up to a position: they are settled. The rows of them. */
uint64_t lane_acknowledge(struct lane *lane, struct sonde_instance *instance,
			  const struct position *position, int64_t now_ns);

/* The region will not have a frame: it is settled as rejected. False: it is not there. */
bool lane_reject(struct lane *lane, struct sonde_instance *instance,
		 const struct position *position, const char *reason);

/* Another region, or one that has forgotten: what was sent may be there twice. */
void lane_doubt(struct lane *lane);

/* When lane_pack() or sending is to be tried again; 0: not by time. */
int64_t lane_due_ns(const struct lane *lane, const struct settings *settings);

void lane_release(struct lane *lane, struct sonde_instance *instance);

#endif
