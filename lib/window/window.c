// SPDX-License-Identifier: Apache-2.0
/* Rows in windows of time, by groups: what plugins call. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "windows.h"

#define TICK_LEAST_NS 10000000ll
#define TICK_MOST_NS  1000000000ll
#define FORGET_IDLE   16 /* times idle_ns, after which a source is forgotten */

static int matchers_make(struct windows *windows)
{
	for (uint32_t i = 0; i < windows->plan.measure_count; i++) {
		if (!windows->plan.measures[i].condition)
			continue;
		windows->matchers[i] = matcher_create(windows->plan.measures[i].condition,
						      windows->instance, NULL, NULL);
		if (!windows->matchers[i])
			return -ENOMEM;
	}
	return 0;
}

/* Enough for the groups of two windows and some texts besides. */
static uint32_t text_limit(const struct windows *windows)
{
	uint64_t limit =
		4ull * windows->settings.group_limit * (windows->plan.by_count + 1ull) + 4096;

	return limit < 1u << 26 ? (uint32_t)limit : 1u << 26;
}

int windows_create(struct sonde_instance *instance, const struct window_settings *settings,
		   window_closed *closed, void *data, struct windows **ret_windows,
		   struct window_fault *ret_fault)
{
	struct windows *windows = calloc(1, sizeof(*windows));
	int result;

	*ret_fault = (struct window_fault){ .text = "there is no memory for windows" };
	if (!windows)
		return -ENOMEM;
	windows->instance = instance;
	windows->closed = closed;
	windows->data = data;
	windows->settings = *settings;
	if (!settings->slide_ns)
		windows->settings.slide_ns = settings->width_ns;
	windows->budget.limit_bytes = settings->memory_bytes;
	windows->unbounded.limit_bytes = UINT64_MAX;
	windows->sources.limit = WINDOW_SOURCES;
	windows->done.slide_ns = windows->settings.slide_ns;
	windows->done.limit = CLOSED_RUNS;
	windows->block = calloc(1, sizeof(*windows->block));
	result = windows->block ? plan_make(settings, &windows->plan, ret_fault) : -ENOMEM;
	if (!result)
		result = matchers_make(windows);
	if (result < 0) {
		windows_release(windows);
		return result;
	}
	windows->intern.budget = &windows->budget;
	windows->intern.limit = text_limit(windows);
	windows->block->instance = instance;
	windows->block->intern = &windows->intern;
	windows_tell_time(windows);
	*ret_windows = windows;
	return 0;
}

void windows_release(struct windows *windows)
{
	if (!windows)
		return;
	while (windows->pane_count)
		pane_release(windows, windows->pane_count - 1);
	free(windows->panes);
	for (uint32_t i = 0; i < windows->layout_count; i++)
		layout_clear(&windows->layouts[i], windows->instance);
	for (uint32_t i = 0; i < windows->shapes.count; i++)
		shape_release(windows->shapes.items[i]);
	free(windows->shapes.items);
	for (uint32_t i = 0; i < WINDOW_MEASURES; i++) {
		matcher_release(windows->matchers[i]);
		free(windows->conditions[i]);
	}
	if (windows->intern.budget)
		intern_clear(&windows->intern, windows->instance);
	sources_clear(&windows->sources);
	plan_clear(&windows->plan);
	if (windows->block)
		free(windows->block->keys);
	free(windows->block);
	free(windows->times);
	free(windows->rest);
	free(windows->part);
	free(windows->untimed);
	free(windows);
}

/* ---- layouts ----------------------------------------------------------------------------- */

static void layout_warn(struct windows *windows, const struct layout *layout)
{
	if (!layout->has_mismatch || !*layout->problem)
		return;
	(void)snprintf(windows->warning, sizeof(windows->warning), "rows of %.40s: %s",
		       layout->schema, layout->problem);
	windows->warns = true;
}

/* The one of the batch, which may be new. */
static int layout_find(struct windows *windows, const struct sonde_batch *batch,
		       struct layout **ret_layout)
{
	struct layout *layout = &windows->layouts[windows->last_layout];
	uint32_t place = windows->layout_count;
	int result;

	if (windows->layout_count && layout_is_of(layout, batch)) {
		*ret_layout = layout;
		return 0;
	}
	for (uint32_t i = 0; i < windows->layout_count; i++) {
		if (layout_is_of(&windows->layouts[i], batch)) {
			windows->last_layout = i;
			*ret_layout = &windows->layouts[i];
			return 0;
		}
	}
	if (place == LAYOUT_LIMIT) {
		place = windows->next_layout;
		windows->next_layout = (place + 1) % LAYOUT_LIMIT;
		layout_clear(&windows->layouts[place], windows->instance);
	}
	layout = &windows->layouts[place];
	result = layout_make(layout, &windows->plan, batch, &windows->shapes);
	if (result < 0) {
		layout_clear(layout, windows->instance);
		if (place < windows->layout_count) { /* no gaps among them */
			*layout = windows->layouts[--windows->layout_count];
			windows->layouts[windows->layout_count] = (struct layout){ 0 };
			windows->next_layout = 0;
		}
		windows->last_layout = 0;
		return result;
	}
	if (place == windows->layout_count)
		windows->layout_count++;
	windows->last_layout = place;
	layout_warn(windows, layout);
	*ret_layout = layout;
	return 0;
}

/* ---- rows -------------------------------------------------------------------------------- */

int windows_add(struct windows *windows, struct sonde_batch *batch, struct window_taken *ret_taken)
{
	struct layout *layout;

	*ret_taken = (struct window_taken){ 0 };
	windows_tell_time(windows);
	if (layout_find(windows, batch, &layout) < 0) {
		ret_taken->lost_rows = batch->selected_count;
		ret_taken->lost_events = batch->event_count;
		return 0;
	}
	if (!layout->shape) {
		windows->counts.foreign_batches++;
		(void)snprintf(windows->foreign, sizeof(windows->foreign), "%s", layout->problem);
		ret_taken->foreign = true;
		return 0;
	}
	windows->counts.missing_batches += layout->has_missing;
	windows->counts.mismatched_batches += layout->has_mismatch;
	batch_take(windows, batch, layout, ret_taken);
	return 0;
}

int windows_close(struct windows *windows)
{
	return panes_close(windows, false, false);
}

int windows_advance(struct windows *windows)
{
	int result;

	windows_tell_time(windows);
	result = panes_close(windows, true, false);
	sources_forget(&windows->sources,
		       windows->elapsed_ns - FORGET_IDLE * windows->settings.idle_ns);
	return result;
}

int windows_flush(struct windows *windows)
{
	windows_tell_time(windows);
	return panes_close(windows, true, true);
}

/* ---- what is remembered ------------------------------------------------------------------ */

static struct closed_image image_of(const struct windows *windows)
{
	struct closed_image image = { .width_ns = windows->settings.width_ns,
				      .closed = windows->done };

	if (windows->catches_up)
		image = windows->past; /* until then no more than what was closed before */
	image.reach_ns = windows->reach_ns;
	return image;
}

void windows_remember(const struct windows *windows, unsigned char bytes[WINDOW_REMEMBERED_BYTES])
{
	struct closed_image image = image_of(windows);

	closed_write(&image, bytes);
}

int windows_recall(struct windows *windows, const void *bytes, uint64_t length)
{
	struct closed_image *past = &windows->past;

	windows->remembers = true;
	windows->done.limit = CLOSED_REMEMBERED_RUNS;
	if (!length)
		return 0;
	if (closed_read(past, bytes, length) < 0)
		return -EINVAL;
	windows->reach_ns = past->reach_ns;
	windows->catches_up = true;
	windows->has_other_past = past->width_ns != windows->settings.width_ns ||
				  past->closed.slide_ns != windows->settings.slide_ns;
	if (!windows->has_other_past)
		windows->done = past->closed;
	return 0;
}

int windows_caught_up(struct windows *windows)
{
	bool other = windows->has_other_past;

	windows->catches_up = false;
	windows->has_other_past = false;
	return other ? panes_close_past(windows) : 0;
}

void windows_succeed(struct windows *windows, const struct windows *former)
{
	struct closed_image image = image_of(former);

	windows_recall(windows, NULL, 0);
	windows->reach_ns = former->reach_ns;
	windows->spared_ns = former->spared_ns;
	if (image.width_ns == windows->settings.width_ns &&
	    image.closed.slide_ns == windows->settings.slide_ns)
		windows->done = image.closed;
	else
		closed_convert(&image, &windows->done, windows->settings.width_ns);
}

int64_t windows_tick_ns(const struct windows *windows)
{
	int64_t tick = windows->settings.slide_ns / 4;

	if (tick > windows->settings.idle_ns / 2)
		tick = windows->settings.idle_ns / 2;
	return tick < TICK_LEAST_NS ? TICK_LEAST_NS : tick > TICK_MOST_NS ? TICK_MOST_NS : tick;
}

const char *windows_foreign(const struct windows *windows)
{
	return windows->foreign;
}

const char *windows_warning(struct windows *windows)
{
	if (!windows->warns)
		return NULL;
	windows->warns = false;
	return windows->warning;
}

struct window_counts windows_counts(const struct windows *windows)
{
	struct window_counts counts = windows->counts;

	counts.unmerged_values += windows->block->unmerged_count;
	counts.other_rows = windows->block->other_count;
	counts.pane_count = windows->pane_count;
	counts.source_count = windows->sources.count;
	counts.memory_bytes = windows->budget.used_bytes;
	for (uint32_t i = 0; i < windows->pane_count; i++) {
		const struct pane *pane = windows->panes[i];

		for (uint32_t shape = 0; shape < pane->table_count; shape++)
			counts.group_count +=
				pane->tables[shape] ? pane->tables[shape]->count - 1u : 0;
	}
	return counts;
}
