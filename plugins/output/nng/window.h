/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that a region has not acknowledged, oldest first: kept to be sent again. */
#ifndef SONDE_NNG_WINDOW_H
#define SONDE_NNG_WINDOW_H

#include "shipment.h"

struct hop_buffer;

struct frame {
	struct frame *next;
	struct hop_buffer *buffer; /* all of it */
	struct position position;  /* its stream and sequence */
	struct items items;        /* whose rows it holds */
	uint64_t rows;
	int64_t sent_ns;  /* monotonic; when it was sent last */
	int64_t again_ns; /* monotonic: not before; 0: at once */
	bool is_sent;     /* over the connection that there is */
	bool was_sent;    /* over any */
};

struct window {
	struct frame *first, *last;
	uint32_t count;      /* frames */
	uint32_t sent_count; /* of them, is_sent */
};

void window_push(struct window *window, struct frame *frame);

/* The oldest that is not sent and may be by now; NULL: there is none. */
struct frame *window_next(const struct window *window, int64_t now_ns);

/* When the first frame that waits may be sent; 0: none waits. */
int64_t window_again_ns(const struct window *window);

void window_sent(struct window *window, struct frame *frame, int64_t now_ns);

/* The region sends it back: it is sent again at that time. */
void window_again(struct window *window, struct frame *frame, int64_t again_ns);

/* The connection is gone: all are to be sent. */
void window_unsend(struct window *window);

/* The oldest sequence of a stream that is there. */
uint64_t window_floor(const struct window *window, const struct position *position);

/* Takes the oldest frame out that a position covers: of its stream and not above it. NULL: none. */
struct frame *window_take(struct window *window, const struct position *position);

/* Takes out the frame of exactly that position; NULL: it is not there. */
struct frame *window_take_one(struct window *window, const struct position *position);

/* The frame of exactly that position. */
struct frame *window_find(const struct window *window, const struct position *position);

/* Takes out the oldest. */
struct frame *window_pop(struct window *window);

/* The streams of its frames, each with its oldest sequence; at most `capacity`. */
uint32_t window_streams(const struct window *window, struct position *positions, uint32_t capacity);

#endif
