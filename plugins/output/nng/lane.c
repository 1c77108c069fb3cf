// SPDX-License-Identifier: Apache-2.0
/* Items into frames, and frames to a region until it has them. */
#include "lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "rendezvous.h"

enum { PACK_BATCHES = 1024 };

int lane_open(struct lane *lane)
{
	ssize_t length = getrandom(lane->stream, sizeof(lane->stream), 0);

	return length == (ssize_t)sizeof(lane->stream) ? 0 : -EIO;
}

void lane_put(struct lane *lane, struct item *item, int64_t now_ns)
{
	if (!lane->waiting.first)
		lane->waiting_ns = now_ns;
	items_push(&lane->waiting, item);
}

bool lane_is_ripe(const struct lane *lane, const struct settings *settings, int64_t now_ns)
{
	const struct item *first = lane->waiting.first;

	return first && (!first->batch || lane->waiting.bytes >= settings->frame_bytes ||
			 lane->waiting.count >= PACK_BATCHES ||
			 now_ns - lane->waiting_ns >= settings->linger_ns);
}

int64_t lane_due_ns(const struct lane *lane, const struct settings *settings)
{
	int64_t again_ns = window_again_ns(&lane->window);
	int64_t ripe_ns = lane->waiting.first ? lane->waiting_ns + settings->linger_ns : 0;

	if (!again_ns || !ripe_ns)
		return again_ns + ripe_ns;
	return again_ns < ripe_ns ? again_ns : ripe_ns;
}

/* ---- making ------------------------------------------------------------------------------ */

static bool has_source(const struct item *item)
{
	return item->source.sequence != 0;
}

static bool may_go_together(const struct item *one, const struct item *two)
{
	return two->batch && one->path == two->path &&
	       !memcmp(&one->source, &two->source, sizeof(one->source));
}

/* A stream that depends on where rows come from and which way they went: whoever sends them again
 * the same way says the same, and no other rows ever have that number there. */
static struct position derived_position(const struct lane *lane, const struct item *item)
{
	struct position position = { .sequence = item->source.sequence };
	uint64_t words[3] = { item->path, lane->region ? lane->region->hash : 0, 1 };
	uint64_t halves[2];

	for (uint32_t i = 0; i < 2; i++) {
		words[2] = i + 1;
		halves[i] = rendezvous_hash(
			rendezvous_hash(i, item->source.stream, sizeof(item->source.stream)), words,
			sizeof(words));
	}
	memcpy(position.stream, halves, sizeof(position.stream));
	return position;
}

/* How many of the items that wait go into one frame, their batches. */
static uint32_t choose_run(const struct lane *lane, const struct settings *settings,
			   struct sonde_batch *batches[PACK_BATCHES])
{
	const struct item *first = lane->waiting.first, *item = first;
	uint32_t count = 0;
	size_t bytes = 0;

	for (; item && count < PACK_BATCHES && may_go_together(first, item); item = item->next) {
		/* those of one source have one number, and so one frame */
		if (count && !has_source(first) && bytes + item->bytes > settings->frame_bytes)
			break;
		batches[count++] = item->batch;
		bytes += item->bytes;
	}
	return count;
}

/* With its position in front, as it goes over the hop. */
static struct frame *frame_create(const struct position *position, const void *data, size_t length)
{
	struct frame *frame = calloc(1, sizeof(*frame));

	if (!frame)
		return NULL;
	frame->position = *position;
	frame->buffer = hop_buffer_create(POSITION_BYTES + length);
	if (!frame->buffer) {
		free(frame);
		return NULL;
	}
	position_encode(position, frame->buffer->data);
	memcpy(frame->buffer->data + POSITION_BYTES, data, length);
	return frame;
}

static void frame_free(struct sonde_instance *instance, struct frame *frame)
{
	items_release(instance, &frame->items);
	hop_buffer_release(frame->buffer);
	free(frame);
}

/* The frame has the first `count` items that wait. */
static void frame_adopt(struct lane *lane, struct frame *frame, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct item *item = items_pop(&lane->waiting);

		frame->rows += item->rows;
		items_push(&frame->items, item);
	}
	window_push(&lane->window, frame);
}

/* Of the first item alone: nobody would take it. */
static int reject_first(struct lane *lane, struct lane_maker *maker)
{
	struct item *item = items_pop(&lane->waiting);

	maker->too_large_rows += item->rows;
	item_settle(maker->instance, item, "too large for a frame");
	return 0;
}

static uint64_t frame_limit(const struct lane *lane)
{
	return lane->region && lane->region->frame_bytes ? lane->region->frame_bytes : UINT64_MAX;
}

/* The frame of a queue on disk, as it lies there. */
static int pack_whole(struct lane *lane, struct lane_maker *maker)
{
	const struct sonde_frame *whole = lane->waiting.first->shipment->delivery->frame;
	struct position position = { .sequence = whole->sequence };
	struct frame *frame;

	if (whole->length > frame_limit(lane))
		return reject_first(lane, maker);
	memcpy(position.stream, whole->stream, sizeof(position.stream));
	frame = frame_create(&position, whole->data, whole->length);
	if (!frame)
		return -ENOMEM;
	frame_adopt(lane, frame, 1);
	return 1;
}

static int pack_batches(struct lane *lane, struct lane_maker *maker)
{
	const struct item *first = lane->waiting.first;
	struct sonde_batch *batches[PACK_BATCHES];
	uint32_t count = choose_run(lane, maker->settings, batches);
	struct sonde_frame written = {
		.size = sizeof(written),
		.kind = SONDE_FRAME_ROWS,
		.level = maker->settings->level ? (int32_t)maker->settings->level : -1,
	};
	struct position position = { .sequence = lane->sequence + 1 };
	struct frame *frame;
	int result;

	memcpy(position.stream, lane->stream, sizeof(position.stream));
	if (has_source(first))
		position = derived_position(lane, first);
	memcpy(written.stream, position.stream, sizeof(written.stream));
	written.sequence = position.sequence;
	for (;;) {
		result = sonde_frame_write(maker->instance, batches, count, &written);
		if (!result && written.length > frame_limit(lane))
			result = -EMSGSIZE;
		if (result != -EMSGSIZE || count == 1 || has_source(first))
			break;
		count /= 2;
	}
	if (result == -EMSGSIZE)
		return reject_first(lane, maker);
	if (result)
		return result;
	frame = frame_create(&position, written.data, written.length);
	if (!frame)
		return -ENOMEM;
	if (!has_source(first))
		lane->sequence++;
	frame_adopt(lane, frame, count);
	return 1;
}

int lane_pack(struct lane *lane, struct lane_maker *maker)
{
	int result = 0;

	while (lane->waiting.first && !result)
		result = lane->waiting.first->batch ? pack_batches(lane, maker)
						    : pack_whole(lane, maker);
	return result;
}

/* ---- sending, and answers ---------------------------------------------------------------- */

int lane_send(struct lane *lane, struct frame *frame, int64_t now_ns)
{
	const struct hop_header header = {
		.type = MESSAGE_FRAME,
		.sequence = window_floor(&lane->window, &frame->position),
	};
	const struct hop_piece piece = { .buffer = frame->buffer,
					 .bytes = frame->buffer->data,
					 .length = frame->buffer->length };
	int result;

	(void)hop_buffer_acquire(frame->buffer);
	result = hop_send(lane->region->connection, &header, &piece, 1);
	if (result) {
		hop_buffer_release(frame->buffer);
		return result;
	}
	lane->region->spoke_ns = now_ns;
	lane->region->frames++;
	lane->region->bytes += frame->buffer->length;
	window_sent(&lane->window, frame, now_ns);
	return 0;
}

uint64_t lane_acknowledge(struct lane *lane, struct sonde_instance *instance,
			  const struct position *position, int64_t now_ns)
{
	struct frame *frame;
	uint64_t rows = 0;

	while ((frame = window_take(&lane->window, position))) {
		rows += frame->rows;
		if (frame->sent_ns)
			lane->region->lag_ns = now_ns - frame->sent_ns;
		items_settle(instance, &frame->items, NULL);
		frame_free(instance, frame);
	}
	lane->region->rows += rows;
	return rows;
}

bool lane_reject(struct lane *lane, struct sonde_instance *instance,
		 const struct position *position, const char *reason)
{
	struct frame *frame = window_take_one(&lane->window, position);

	if (!frame)
		return false;
	items_settle(instance, &frame->items, reason);
	frame_free(instance, frame);
	return true;
}

void lane_doubt(struct lane *lane)
{
	for (struct frame *frame = lane->window.first; frame; frame = frame->next) {
		for (struct item *item = frame->items.first; item && frame->was_sent;
		     item = item->next)
			item->uncertain = true;
	}
}

void lane_take_back(struct lane *lane, struct items *ret_items)
{
	struct frame *frame;

	lane_doubt(lane);
	while ((frame = window_pop(&lane->window))) {
		items_append(ret_items, &frame->items);
		frame_free(NULL, frame); /* it has no items any more */
	}
	items_append(ret_items, &lane->waiting);
}

void lane_release(struct lane *lane, struct sonde_instance *instance)
{
	struct frame *frame;

	while ((frame = window_pop(&lane->window)))
		frame_free(instance, frame);
	items_release(instance, &lane->waiting);
}
