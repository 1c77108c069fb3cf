/* SPDX-License-Identifier: Apache-2.0 */
/* What the replicas of an input have in common, and what outlives a reload: which frames of which
 * streams were taken, and to whom that is to be said. Any thread. */
#ifndef SONDE_NNG_SHARE_H
#define SONDE_NNG_SHARE_H

#include <sonde/plugin.h>

#include "message.h"
#include "streams.h"

struct share;

/* A replica at work. */
struct share_member {
	struct sonde_instance *instance; /* woken when there is something to say */
	uint32_t owner;                  /* number of this start */
	struct stream *due;              /* acknowledgements to send */
	struct share_notice *notices;    /* frames to refuse, newest first */
	struct share_member *next;
};

struct share_notice {
	struct share_notice *next;
	uint64_t user; /* the edge */
	struct position position;
	uint32_t code;
	char text[MESSAGE_TEXT_LIMIT + 1];
};

/* A frame that was emitted, or is about to be. */
struct share_frame {
	struct stream *stream;
	uint64_t sequence;
};

/* That of the inputs of a name, made where there is none, with places for so many streams; it stays
 * as long as the process. NULL: no memory. */
struct share *share_get(const char *name, uint32_t stream_limit);

void share_enter(struct share *share, struct share_member *member);

/* What the member has not settled is taken anew when it is sent again. */
void share_leave(struct share *share, struct share_member *member);

/* What to do with a frame that `user` of the member has sent; to be acknowledged to that user from
 * now on. -ENOMEM, or an enum stream_verdict. */
int share_look(struct share *share, struct share_member *member, uint64_t user,
	       const struct position *position, uint64_t floor);

/* It is taken now. -ENOMEM, -ENOSPC. */
int share_begin(struct share *share, struct share_member *member, const struct position *position,
		struct share_frame *ret_frame);

/* It is settled. With a code the edge is told, by whoever has it: MESSAGE_AGAIN: it was not taken;
 * others: it is lost, for that reason. MESSAGE_FINE: it is acknowledged. */
void share_end(struct share *share, const struct share_frame *frame, uint32_t code,
	       const char *text);

/* What is known of a stream: 0: nothing. */
uint64_t share_taken(struct share *share, const unsigned char stream[16]);

/* Something that the member is to say: acknowledges a position to a user, or refuses it. */
struct share_word {
	uint64_t user;
	struct position position;
	uint32_t code; /* MESSAGE_FINE: it is an acknowledgement */
	char text[MESSAGE_TEXT_LIMIT + 1];
};

bool share_next(struct share *share, struct share_member *member, struct share_word *ret_word);

#endif
