/* SPDX-License-Identifier: Apache-2.0 */
/* A region as the edge sees it: dialed, greeted, spoken with and dialed again. What goes there is
 * its owner's business. */
#ifndef SONDE_NNG_REGION_H
#define SONDE_NNG_REGION_H

#include "backoff.h"
#include "hop.h"
#include "message.h"
#include "settings.h"

enum region_state {
	REGION_IDLE,     /* not wanted */
	REGION_DIALING,  /* or waiting to dial */
	REGION_GREETING, /* there is a connection; its welcome is still to come */
	REGION_READY,
};

struct region {
	const char *url;
	uint64_t hash; /* of it */
	struct hop_dialer *dialer;
	struct hop_connection *connection; /* while GREETING or READY */
	enum region_state state;
	struct backoff backoff;
	int64_t lost_ns;  /* monotonic; since when it is away, having been READY; 0: it never was */
	int64_t heard_ns; /* monotonic; when an acknowledgement came last */
	int64_t spoke_ns; /* monotonic; when something was sent last */
	bool was_tried;   /* since the start */
	bool is_paused;   /* by it: no frames */
	bool is_leaving;  /* it said so */
	bool is_blocked;  /* hop_send() said -EAGAIN */
	/* as its welcome says */
	char host_id[MESSAGE_TEXT_LIMIT + 1], name[MESSAGE_TEXT_LIMIT + 1];
	uint64_t epoch;
	uint32_t ack;
	uint32_t window;
	uint64_t frame_bytes;
	int64_t heartbeat_ns;                   /* it wants to hear so often */
	char problem[256];                      /* why it is not there; "": it is */
	uint64_t connects, frames, bytes, rows; /* for status */
	int64_t lag_ns;                         /* from sending a frame to its acknowledgement */
};

/* Sends a message of a few bytes. -EPIPE and others: the connection is about to end. */
int region_say(struct region *region, uint32_t type, uint64_t sequence, const void *bytes,
	       size_t length, int64_t now_ns);

/* The same of a code and a text. */
int region_notice(struct region *region, uint32_t type, uint64_t sequence, uint32_t code,
		  const char *text, int64_t now_ns);

/* Says hello over a connection that has come about. */
int region_greet(struct region *region, struct sonde_instance *instance,
		 const struct settings *settings, const struct position *positions, uint32_t count,
		 int64_t now_ns);

enum region_answer {
	REGION_SAME,  /* it welcomes us, and is as it was */
	REGION_OTHER, /* another, or in another run: it may not know what it had */
	REGION_UNFIT, /* it is not to be used: `problem` says why */
};

/* Its welcome; `greeting` is filled. */
enum region_answer region_welcome(struct region *region, const struct settings *settings,
				  const void *data, size_t length, struct greeting *greeting);

/* A heartbeat, if it is time for one. */
void region_tick(struct region *region, const struct settings *settings, int64_t now_ns);

/* The connection is gone, or never came. */
void region_down(struct region *region, const char *reason, const char *detail, int64_t now_ns);

bool region_takes_frames(const struct region *region);

const char *region_state_name(const struct region *region);

#endif
