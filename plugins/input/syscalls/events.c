// SPDX-License-Identifier: Apache-2.0
/* Reads the rings of all CPUs into the rows of batches. */
#include "events.h"

#include <errno.h>
#include <string.h>

#include "names.h"

#define BATCH_ROWS 1024

/* The rows of a batch are stamped by one reading of the clocks, so that whoever tells their times
 * in boottime again comes back to what the kernel said, also after a step of the clock. */
static const struct sonde_field clock_field = {
	.name = "clock.offset",
	.type = SONDE_DURATION,
	.role = SONDE_ROLE_CLOCK_OFFSET,
	.unit = "ns",
	.help = "wall clock less boottime when the row was stamped",
};

int events_open(struct events *events)
{
	struct sonde_instance *instance = events->instance;
	char buffer[24];
	const char *name;

	events->calls = sonde_dictionary_create(instance, true);
	events->errors = sonde_dictionary_create(instance, true);
	if (!events->calls || !events->errors)
		return -ENOMEM;
	sonde_dictionary_add(instance, events->errors, "", 0); /* code 0: no error */
	for (uint32_t index = 0; index < SONDE_SYSCALL_INDEXES; index++) {
		name = names_call(index, buffer);
		events->call_codes[index] =
			sonde_dictionary_add(instance, events->calls, name, strlen(name));
	}
	for (uint32_t number = 0; number < SONDE_SYSCALL_NUMBERS;
	     number++) /* what row_copy relies on */
		if (events->call_codes[number] != number)
			return -ENOMEM;
	name = names_call(SONDE_SYSCALL_OTHER, buffer);
	events->other_code = sonde_dictionary_add(instance, events->calls, name, strlen(name));
	for (uint32_t error = 0; error < SONDE_SYSCALL_ERRORS; error++) {
		name = names_error(error, buffer);
		events->error_codes[error] =
			sonde_dictionary_add(instance, events->errors, name, strlen(name));
	}
	events->clock_offset_ns = sonde_kernel_clock_offset_ns();
	return 0;
}

static void batch_drop(struct events *events)
{
	if (events->batch)
		sonde_batch_release(events->instance, events->batch);
	sonde_dictionary_release(events->instance, events->texts);
	events->batch = NULL;
	events->texts = NULL;
}

void events_close(struct events *events)
{
	batch_drop(events);
	sonde_dictionary_release(events->instance, events->calls);
	sonde_dictionary_release(events->instance, events->errors);
	events->calls = events->errors = NULL;
}

static void batch_emit(struct events *events)
{
	if (!events->batch)
		return;
	sonde_batch_resize(events->instance, events->batch, events->row_count);
	sonde_emit_batch(events->instance, events->batch);
	sonde_dictionary_release(events->instance, events->texts);
	events->emitted_count += events->row_count;
	events->batch = NULL;
	events->texts = NULL;
	events->row_count = 0;
}

/* Texts belong to their batch, as they hardly repeat over time. */
static bool texts_open(struct events *events)
{
	events->texts = sonde_dictionary_create(events->instance, true);
	if (!events->texts)
		return false;
	sonde_dictionary_add(events->instance, events->texts, "", 0); /* code 0: none */
	return !sonde_bind(events->instance, events->detail_schema, events->text_field,
			   events->texts);
}

/* Emits the batch that is being filled and opens one for rows of that size and weight: what was
 * sampled in the kernel before and after a change is told apart by it. */
static bool batch_open(struct events *events, uint32_t row_bytes, uint32_t weight)
{
	bool detail = row_bytes == sizeof(struct event_detail_row);

	batch_emit(events);
	if (detail && !texts_open(events)) {
		batch_drop(events);
		return false;
	}
	events->batch = sonde_batch_create(events->instance,
					   detail ? events->detail_schema : events->plain_schema,
					   BATCH_ROWS);
	if (events->batch) {
		events->error_valid =
			sonde_batch_valid(events->instance, events->batch, events->error_field);
		events->duration_valid =
			sonde_batch_valid(events->instance, events->batch, events->duration_field);
	}
	if (!events->batch || !events->error_valid || !events->duration_valid ||
	    !sonde_batch_constant(events->instance, events->batch, &clock_field, NULL,
				  &events->clock_offset_ns)) {
		batch_drop(events);
		return false;
	}
	events->rows = sonde_batch_rows(events->instance, events->batch);
	if (weight > 1 && weight == events->sampled_weight)
		sonde_batch_done(events->instance, events->batch, SONDE_ASK_SAMPLE);
	events->row_bytes = row_bytes;
	events->weight = weight;
	events->row_count = 0;
	return true;
}

/* What is rare: flags, a 32-bit call, an error. */
static void row_correct(const struct events *events, struct event_row *row, uint32_t index,
			const struct sonde_syscall_event *event)
{
	int32_t error = names_error_index(event->return_value);

	row->compat = event->header.flags & SONDE_EVENT_COMPAT;
	row->untimed = (event->header.flags & SONDE_EVENT_UNTIMED) != 0;
	row->reserved = 0;
	row->error = error < 0 ? 0 : events->error_codes[error];
	row->call = events->call_codes[event->index % SONDE_SYSCALL_INDEXES];
	if (row->untimed)
		events->duration_valid[index / 8] &= (unsigned char)~(1u << index % 8);
}

/* Copies the part that every event has, times made wall clock on the way. Native calls have codes
 * equal to their indexes, so that most rows need no more. Returns whether the call failed. */
static inline bool row_copy(const struct events *events, struct event_row *row, uint32_t index,
			    const struct sonde_syscall_event *event, int64_t clock_offset_ns)
{
	memcpy(&row->cgroup_id, &event->header.cgroup_id,
	       sizeof(*row) - offsetof(struct event_row, cgroup_id));
	row->time_ns = (int64_t)event->header.time_ns + clock_offset_ns;
	row->start_time_ns = (int64_t)event->header.start_time_ns + clock_offset_ns;
	row->error = 0;
	if (__builtin_expect(event->return_value < 0 || event->header.flags, 0))
		row_correct(events, row, index, event);
	return row->error != 0;
}

static void text_finish(struct events *events, struct event_detail_row *row,
			const struct sonde_syscall_detail *detail)
{
	memcpy(row->arguments, detail->arguments, sizeof(row->arguments));
	row->text = row->reserved = 0;
	if (detail->event.header.flags & SONDE_EVENT_TEXT)
		row->text = sonde_dictionary_add(events->instance, events->texts, detail->text,
						 detail->text_bytes);
	if (row->text == UINT32_MAX)
		row->text = 0;
}

/* Copies `event` and those behind it until the ring is empty, `left` is used up, the batch is full,
 * or an event of the other size comes. Returns the event that found no place in the batch, if there
 * is one. The bits of eight rows are written together. */
static const struct sonde_syscall_event *ring_copy(struct events *events, struct sonde_ring *ring,
						   const struct sonde_syscall_event *event,
						   uint64_t *left)
{
	const uint32_t row_bytes = events->row_bytes;
	const uint32_t weight =
		events->weight; /* read once: rows might be these, for the compiler */
	const int64_t clock_offset_ns = events->clock_offset_ns;
	const bool detail = row_bytes == sizeof(struct event_detail_row);
	uint32_t index = events->row_count, bytes;
	unsigned char *row = events->rows + (size_t)index * row_bytes;
	uint32_t bits = events->error_valid[index / 8] & ((1u << index % 8) - 1);

	while (event && index < BATCH_ROWS) {
		if (((event->header.flags & SONDE_EVENT_ARGUMENTS) != 0) != detail ||
		    event->weight != weight)
			break;
		if (row_copy(events, (struct event_row *)(void *)row, index, event,
			     clock_offset_ns))
			bits |= 1u << index % 8;
		if (detail)
			text_finish(events, (struct event_detail_row *)(void *)row,
				    (const struct sonde_syscall_detail *)(const void *)event);
		if (index % 8 == 7) {
			events->error_valid[index / 8] = (unsigned char)bits;
			bits = 0;
		}
		row += row_bytes;
		index++;
		event = --*left ? sonde_ring_next(ring, &bytes) : NULL;
	}
	if (index % 8)
		events->error_valid[index / 8] = (unsigned char)bits;
	events->row_count = index;
	return event;
}

/* Reads one ring, at most `limit` events. One that no batch can be had for is lost, and counted. */
static uint64_t ring_read(struct events *events, struct sonde_ring *ring, uint64_t limit)
{
	const struct sonde_syscall_event *event;
	uint32_t bytes, row_bytes;
	uint64_t left = limit;

	event = sonde_ring_next(ring, &bytes);
	while (event) {
		row_bytes = event->header.flags & SONDE_EVENT_ARGUMENTS
				    ? sizeof(struct event_detail_row)
				    : sizeof(struct event_row);
		if (events->batch && events->row_count < BATCH_ROWS &&
		    events->row_bytes == row_bytes && events->weight == event->weight) {
			event = ring_copy(events, ring, event, &left);
		} else if (!batch_open(events, row_bytes, event->weight)) {
			sonde_lose(events->instance, 1, 1, SONDE_LOST_MEMORY);
			events->lost_count++;
			event = --left ? sonde_ring_next(ring, &bytes) : NULL;
		}
	}
	sonde_ring_release(ring);
	return limit - left;
}

uint64_t events_read(struct events *events, uint64_t limit)
{
	struct sonde_ring *ring;
	uint64_t total = 0;

	events->clock_offset_ns = sonde_kernel_clock_offset_ns();
	for (uint32_t cpu = 0; (ring = sonde_kernel_ring(events->kernel, cpu)); cpu++)
		total += ring_read(events, ring, limit);
	batch_emit(events);
	return total;
}
