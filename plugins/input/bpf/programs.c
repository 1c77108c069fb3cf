// SPDX-License-Identifier: Apache-2.0
/* Subtracts what each program had done at the reading before. */
#include "programs.h"

#include <errno.h>
#include <stdlib.h>

void programs_begin(struct programs *programs, uint64_t boot_ns, int64_t wall_ns)
{
	programs->now.count = 0;
	programs->boot_ns = boot_ns;
	programs->wall_ns = wall_ns;
}

static const struct program_seen *before_find(const struct program_list *list, uint32_t id)
{
	uint32_t first = 0, end = list->count, middle;

	while (first < end) {
		middle = first + (end - first) / 2;
		if (list->items[middle].id < id)
			first = middle + 1;
		else
			end = middle;
	}
	return first < list->count && list->items[first].id == id ? &list->items[first] : NULL;
}

static struct program_seen *now_append(struct program_list *list)
{
	uint32_t capacity = list->capacity ? 2 * list->capacity : 64;
	struct program_seen *items;

	if (list->count == list->capacity) {
		items = realloc(list->items, capacity * sizeof(*items));
		if (!items)
			return NULL;
		list->items = items;
		list->capacity = capacity;
	}
	return &list->items[list->count++];
}

/* The counts are summed up over CPUs while programs run: one may seem to fall. */
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static uint64_t larger(uint64_t now, uint64_t before)
{
	return now > before ? now : before;
}

int programs_take(struct programs *programs, const struct sonde_inventory_program *record,
		  struct program_delta *ret_delta)
{
	const struct program_seen *before = before_find(&programs->before, record->id);
	struct program_delta delta = { 0 };
	struct program_seen *now;

	if (record->load_time_ns > programs->boot_ns)
		return 0;
	now = now_append(&programs->now);
	if (!now)
		return -ENOMEM;
	if (before && before->load_time_ns != record->load_time_ns)
		before = NULL;
	*now = (struct program_seen){
		.load_time_ns = record->load_time_ns,
		.loaded_ns = before ? before->loaded_ns
				    : programs->wall_ns -
					      (int64_t)(programs->boot_ns - record->load_time_ns),
		.runs = larger(record->runs, before ? before->runs : 0),
		.run_ns = larger(record->run_ns, before ? before->run_ns : 0),
		.misses = larger(record->misses, before ? before->misses : 0),
		.id = record->id,
	};
	delta.loaded_ns = now->loaded_ns;
	if (before) {
		delta.is_known = true;
		delta.start_ns = programs->wall_before_ns;
		delta.span_ns = grown(programs->boot_ns, programs->boot_before_ns);
		delta.runs = grown(record->runs, before->runs);
		delta.run_ns = grown(record->run_ns, before->run_ns);
		delta.misses = grown(record->misses, before->misses);
	} else if (programs->has_before && record->load_time_ns > programs->boot_before_ns) {
		delta.is_known = true;
		delta.start_ns = now->loaded_ns;
		delta.span_ns = programs->boot_ns - record->load_time_ns;
		delta.runs = record->runs;
		delta.run_ns = record->run_ns;
		delta.misses = record->misses;
	}
	*ret_delta = delta;
	return 1;
}

void programs_end(struct programs *programs)
{
	struct program_list before = programs->before;

	programs->before = programs->now;
	programs->now = before;
	programs->has_before = true;
	programs->boot_before_ns = programs->boot_ns;
	programs->wall_before_ns = programs->wall_ns;
}

void programs_free(struct programs *programs)
{
	free(programs->before.items);
	free(programs->now.items);
	*programs = (struct programs){ 0 };
}
