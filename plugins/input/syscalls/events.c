// SPDX-License-Identifier: Apache-2.0
/* Reads the rings of all CPUs into the rows of batches. */
#include "events.h"

#include <errno.h>
#include <string.h>

#include "names.h"

#define BATCH_ROWS 1024

int events_open(struct events *events)
{
	struct sonde_instance *instance = events->instance;
	char buffer[24];
	const char *name;

	events->calls = sonde_dictionary_create(instance, true);
	events->errors = sonde_dictionary_create(instance, true);
	if (!events->calls || !events->errors)
		return -ENOMEM;
	sonde_dictionary_add(instance, events->errors, "", 0);   /* code 0: no error */
	for (uint32_t index = 0; index < SONDE_SYSCALL_INDEXES; index++) {
		name = names_call(index, buffer);
		events->call_codes[index] = sonde_dictionary_add(instance, events->calls, name, strlen(name));
	}
	name = names_call(SONDE_SYSCALL_OTHER, buffer);
	events->other_code = sonde_dictionary_add(instance, events->calls, name, strlen(name));
	for (uint32_t error = 0; error < SONDE_SYSCALL_ERRORS; error++) {
		name = names_error(error, buffer);
		events->error_codes[error] = sonde_dictionary_add(instance, events->errors, name, strlen(name));
	}
	events->clock_offset_ns = sonde_kernel_clock_offset_ns();
	return 0;
}

void events_close(struct events *events)
{
	if (events->batch)
		sonde_batch_release(events->instance, events->batch);
	sonde_dictionary_release(events->instance, events->texts);
	sonde_dictionary_release(events->instance, events->calls);
	sonde_dictionary_release(events->instance, events->errors);
	events->batch = NULL;
	events->texts = events->calls = events->errors = NULL;
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
}

/* Texts belong to their batch, as they hardly repeat over time. */
static bool texts_open(struct events *events)
{
	events->texts = sonde_dictionary_create(events->instance, true);
	if (!events->texts)
		return false;
	sonde_dictionary_add(events->instance, events->texts, "", 0);   /* code 0: none */
	return !sonde_bind(events->instance, events->detail_schema, events->text_field, events->texts);
}

static bool batch_open(struct events *events, uint32_t row_bytes)
{
	bool detail = row_bytes == sizeof(struct event_detail_row);

	batch_emit(events);
	if (detail && !texts_open(events))
		return false;
	events->batch = sonde_batch_create(events->instance, detail ? events->detail_schema : events->plain_schema,
					   BATCH_ROWS);
	if (!events->batch)
		return false;
	events->rows = sonde_batch_rows(events->instance, events->batch);
	events->row_bytes = row_bytes;
	events->row_count = 0;
	return true;
}

static inline void row_finish(const struct events *events, struct event_row *row,
			      const struct sonde_syscall_event *event)
{
	int32_t error = event->return_value < 0 ? names_error_index(event->return_value) : -1;

	row->time_ns += events->clock_offset_ns;
	row->start_time_ns += events->clock_offset_ns;
	row->error = error < 0 ? 0 : events->error_codes[error];
	row->compat = event->header.flags & SONDE_EVENT_COMPAT;
	row->untimed = (event->header.flags & SONDE_EVENT_UNTIMED) != 0;
	row->reserved = 0;
	row->call = events->call_codes[event->index % SONDE_SYSCALL_INDEXES];
}

static void text_finish(struct events *events, struct event_detail_row *row,
			const struct sonde_syscall_detail *detail)
{
	row->text = 0;
	if (detail->event.header.flags & SONDE_EVENT_TEXT)
		row->text = sonde_dictionary_add(events->instance, events->texts, detail->text,
						 detail->text_bytes);
	if (row->text == UINT32_MAX)
		row->text = 0;
}

/* Copies one event behind the others of its kind. */
static inline void event_copy(struct events *events, const struct sonde_syscall_event *event)
{
	bool detail = event->header.flags & SONDE_EVENT_ARGUMENTS;
	uint32_t row_bytes = detail ? sizeof(struct event_detail_row) : sizeof(struct event_row);
	unsigned char *row;

	if (!events->batch || events->row_count == BATCH_ROWS || events->row_bytes != row_bytes) {
		if (!batch_open(events, row_bytes)) {
			sonde_lose(events->instance, 1, 1, SONDE_LOST_MEMORY);
			events->lost_count++;
			return;
		}
	}
	row = events->rows + (size_t)events->row_count++ * row_bytes;
	memcpy(row, event, detail ? sizeof(struct event_detail_row) : sizeof(struct event_row));
	row_finish(events, (struct event_row *)(void *)row, event);
	if (detail)
		text_finish(events, (struct event_detail_row *)(void *)row,
			    (const struct sonde_syscall_detail *)(const void *)event);
}

uint64_t events_read(struct events *events, uint64_t limit)
{
	const struct sonde_syscall_event *event;
	struct sonde_ring *ring;
	uint64_t total = 0, count;
	uint32_t bytes;

	events->clock_offset_ns = sonde_kernel_clock_offset_ns();
	for (uint32_t cpu = 0; (ring = sonde_kernel_ring(events->kernel, cpu)); cpu++) {
		for (count = 0; count < limit && (event = sonde_ring_next(ring, &bytes)); count++)
			event_copy(events, event);
		sonde_ring_release(ring);
		total += count;
	}
	batch_emit(events);
	return total;
}
