// SPDX-License-Identifier: Apache-2.0
/* A list of frames on their way. It is short: some dozens of them. */
#include "window.h"

#include <string.h>

static bool same_stream(const struct position *one, const struct position *two)
{
	return !memcmp(one->stream, two->stream, sizeof(one->stream));
}

void window_push(struct window *window, struct frame *frame)
{
	frame->next = NULL;
	*(window->first ? &window->last->next : &window->first) = frame;
	window->last = frame;
	window->count++;
	if (frame->is_sent)
		window->sent_count++;
}

struct frame *window_next(const struct window *window, int64_t now_ns)
{
	if (window->sent_count == window->count)
		return NULL;
	for (struct frame *at = window->first; at; at = at->next) {
		if (!at->is_sent && at->again_ns <= now_ns)
			return at;
	}
	return NULL;
}

int64_t window_again_ns(const struct window *window)
{
	int64_t first_ns = 0;

	for (struct frame *at = window->first; at; at = at->next) {
		if (!at->is_sent && at->again_ns && (!first_ns || at->again_ns < first_ns))
			first_ns = at->again_ns;
	}
	return first_ns;
}

void window_sent(struct window *window, struct frame *frame, int64_t now_ns)
{
	frame->is_sent = frame->was_sent = true;
	frame->sent_ns = now_ns;
	frame->again_ns = 0;
	window->sent_count++;
}

void window_again(struct window *window, struct frame *frame, int64_t again_ns)
{
	if (frame->is_sent)
		window->sent_count--;
	frame->is_sent = false;
	frame->again_ns = again_ns;
}

void window_unsend(struct window *window)
{
	for (struct frame *at = window->first; at; at = at->next) {
		at->is_sent = false;
		at->again_ns = 0;
	}
	window->sent_count = 0;
}

uint64_t window_floor(const struct window *window, const struct position *position)
{
	uint64_t floor = position->sequence;

	for (struct frame *at = window->first; at; at = at->next) {
		if (same_stream(&at->position, position) && at->position.sequence < floor)
			floor = at->position.sequence;
	}
	return floor;
}

/* Takes out the frame behind `previous`, NULL: the first. */
static struct frame *take_behind(struct window *window, struct frame *previous)
{
	struct frame *frame = previous ? previous->next : window->first;

	*(previous ? &previous->next : &window->first) = frame->next;
	if (window->last == frame)
		window->last = previous;
	frame->next = NULL;
	window->count--;
	if (frame->is_sent)
		window->sent_count--;
	return frame;
}

struct frame *window_take(struct window *window, const struct position *position)
{
	struct frame *previous = NULL;

	for (struct frame *at = window->first; at; previous = at, at = at->next) {
		if (same_stream(&at->position, position) &&
		    at->position.sequence <= position->sequence)
			return take_behind(window, previous);
	}
	return NULL;
}

struct frame *window_find(const struct window *window, const struct position *position)
{
	for (struct frame *at = window->first; at; at = at->next) {
		if (same_stream(&at->position, position) &&
		    at->position.sequence == position->sequence)
			return at;
	}
	return NULL;
}

struct frame *window_take_one(struct window *window, const struct position *position)
{
	struct frame *previous = NULL;

	for (struct frame *at = window->first; at; previous = at, at = at->next) {
		if (same_stream(&at->position, position) &&
		    at->position.sequence == position->sequence)
			return take_behind(window, previous);
	}
	return NULL;
}

struct frame *window_pop(struct window *window)
{
	return window->first ? take_behind(window, NULL) : NULL;
}

uint32_t window_streams(const struct window *window, struct position *positions, uint32_t capacity)
{
	uint32_t count = 0;

	for (struct frame *at = window->first; at; at = at->next) {
		uint32_t i = 0;

		while (i < count && !same_stream(&positions[i], &at->position))
			i++;
		if (i == count && count < capacity)
			positions[count++] = at->position;
		else if (i < count && at->position.sequence < positions[i].sequence)
			positions[i].sequence = at->position.sequence;
	}
	return count;
}
