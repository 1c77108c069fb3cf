// SPDX-License-Identifier: Apache-2.0
/* Slides of time: opened by rows, closed window by window as clocks go on. */
#include <errno.h>
#include <stdlib.h>

#include "windows.h"

enum { WAIT_MORE_NS = 1000000000 }; /* a clock that goes on by more at once was set */

/* ---- time -------------------------------------------------------------------------------- */

void windows_tell_time(struct windows *windows)
{
	int64_t now = sonde_now_ns(windows->instance), gone = now - windows->last_now_ns;
	int64_t most = 2 * windows_tick_ns(windows) + WAIT_MORE_NS;

	if (windows->last_now_ns && gone > 0)
		windows->elapsed_ns += gone < most ? gone : most;
	windows->last_now_ns = now;
}

/* The begin of the first window that is open, from `begin` on, of those that a slide is part of. */
static int64_t next_open(const struct windows *windows, int64_t begin, int64_t start_ns)
{
	int64_t slide = windows->settings.slide_ns, width = windows->settings.width_ns;
	int64_t after = windows->done.floor_ns - width + 1;

	if (begin < after)
		begin = floor_to(after + slide - 1, slide);
	while (begin < start_ns && closed_has(&windows->done, begin + width))
		begin += slide;
	return begin < start_ns ? begin : start_ns;
}

/* Those before it are closed too, or no row that comes now is part of them: who waits for a row
 * hears of it with its last window. */
bool pane_is_late(const struct windows *windows, int64_t start_ns)
{
	return closed_has(&windows->done, start_ns + windows->settings.width_ns);
}

/* ---- opening ----------------------------------------------------------------------------- */

static bool is_before(const struct pane *pane, int64_t start_ns, bool late)
{
	return pane->start_ns < start_ns || (pane->start_ns == start_ns && pane->late && !late);
}

static struct pane *pane_find(const struct windows *windows, int64_t start_ns, bool late,
			      uint32_t *ret_place)
{
	uint32_t low = 0, high = windows->pane_count;
	struct pane *pane;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (is_before(windows->panes[middle], start_ns, late))
			low = middle + 1;
		else
			high = middle;
	}
	*ret_place = low;
	pane = low < windows->pane_count ? windows->panes[low] : NULL;
	return pane && pane->start_ns == start_ns && pane->late == late ? pane : NULL;
}

struct pane *pane_at(const struct windows *windows, int64_t start_ns, bool late)
{
	uint32_t place;

	return pane_find(windows, start_ns, late, &place);
}

struct pane *pane_open(struct windows *windows, int64_t start_ns, bool late)
{
	uint32_t place, capacity = windows->pane_capacity ? 2 * windows->pane_capacity : 8;
	struct pane *pane = pane_find(windows, start_ns, late, &place), **panes;

	if (pane)
		return pane;
	if (windows->pane_count == windows->pane_capacity) {
		panes = realloc(windows->panes, capacity * sizeof(struct pane *));
		if (!panes)
			return NULL;
		windows->panes = panes;
		windows->pane_capacity = capacity;
	}
	pane = calloc(1, sizeof(*pane));
	if (!pane)
		return NULL;
	pane->start_ns = start_ns;
	pane->opened_ns = windows->elapsed_ns;
	pane->late = late;
	pane->next_ns =
		late ? start_ns
		     : next_open(windows,
				 start_ns - windows->settings.width_ns + windows->settings.slide_ns,
				 start_ns);
	memmove(windows->panes + place + 1, windows->panes + place,
		(windows->pane_count - place) * sizeof(struct pane *));
	windows->panes[place] = pane;
	windows->pane_count++;
	return pane;
}

struct table *pane_table(struct windows *windows, struct pane *pane, struct shape *shape)
{
	struct table **tables;

	if (shape->index >= pane->table_count) {
		tables = realloc(pane->tables, (shape->index + 1u) * sizeof(struct table *));
		if (!tables)
			return NULL;
		for (uint32_t i = pane->table_count; i <= shape->index; i++)
			tables[i] = NULL;
		pane->tables = tables;
		pane->table_count = shape->index + 1;
	}
	if (!pane->tables[shape->index])
		pane->tables[shape->index] =
			table_create(shape, &windows->budget, windows->settings.group_limit);
	return pane->tables[shape->index];
}

void pane_release(struct windows *windows, uint32_t index)
{
	struct pane *pane = windows->panes[index];

	for (uint32_t i = 0; i < pane->table_count; i++)
		table_release(pane->tables[i]);
	free(pane->tables);
	free(pane);
	windows->pane_count--;
	memmove(windows->panes + index, windows->panes + index + 1,
		(windows->pane_count - index) * sizeof(struct pane *));
}

/* ---- what is due ------------------------------------------------------------------------- */

/* Late rows wait a little for others, since each such window is a table more. */
static bool is_due_late(const struct windows *windows, const struct pane *pane)
{
	int64_t idle = windows->settings.idle_ns, slide = windows->settings.slide_ns;

	return windows->elapsed_ns - pane->opened_ns >= (idle < slide ? idle : slide);
}

/* Whether the pane's next window is; passed_ns: what all sources have. */
static bool is_due(const struct windows *windows, const struct pane *pane, int64_t passed_ns,
		   bool by_clock)
{
	const struct window_settings *settings = &windows->settings;
	int64_t end = pane->next_ns + settings->width_ns, open;

	if (pane->late)
		return windows->remembers || (by_clock && is_due_late(windows, pane));
	if (windows->catches_up)
		return false;
	if (passed_ns >= end && passed_ns - end >= settings->lateness_ns)
		return true;
	if (!by_clock)
		return false;
	open = windows->elapsed_ns - pane->opened_ns;
	return open - (end - pane->start_ns) >= settings->lateness_ns + settings->idle_ns;
}

/* The due window that begins first, by the index of a pane of it; -1: none is. */
static int64_t due_find(const struct windows *windows, int64_t passed_ns, bool by_clock, bool all)
{
	int64_t found = -1;

	for (uint32_t i = 0; i < windows->pane_count; i++) {
		const struct pane *pane = windows->panes[i];

		if (found >= 0 && pane->next_ns >= windows->panes[found]->next_ns)
			continue;
		if (all || is_due(windows, pane, passed_ns, by_clock))
			found = i;
	}
	return found;
}

/* ---- closing ----------------------------------------------------------------------------- */

/* Panes of one window. */
struct closing {
	int64_t start_ns, end_ns;
	uint32_t first, count; /* of windows->panes; late ones among them are none of it */
	bool late;             /* only the first, by itself */
};

static bool is_member(const struct closing *closing, const struct pane *pane)
{
	return pane->late == closing->late;
}

/* The pane whose last window this is; NULL: it has no rows. */
static struct pane *leaving_pane(const struct windows *windows, const struct closing *closing)
{
	for (uint32_t i = closing->first; i < closing->first + closing->count; i++) {
		struct pane *pane = windows->panes[i];

		if (pane->start_ns == closing->start_ns && is_member(closing, pane))
			return pane;
	}
	return NULL;
}

static struct table *table_at(const struct windows *windows, const struct closing *closing,
			      uint32_t place, uint32_t shape)
{
	const struct pane *pane = windows->panes[closing->first + place];

	return is_member(closing, pane) && shape < pane->table_count ? pane->tables[shape] : NULL;
}

/* The table of a shape over all of the window: the leaving pane's where no other has one and all of
 * its groups go on, else a new one, of whose events only the leaving count. NULL: none, or no
 * memory (*ret_result). */
static struct table *table_gather(struct windows *windows, const struct closing *closing,
				  uint32_t shape, struct table **ret_owned, int *ret_result)
{
	const struct pane *leaving = leaving_pane(windows, closing);
	struct table *last = NULL, *table;
	uint32_t found = 0;

	*ret_owned = NULL;
	for (uint32_t i = 0; i < closing->count; i++) {
		table = table_at(windows, closing, i, shape);
		found += table != NULL;
		last = table ? table : last;
	}
	if (!found || (found == 1 && leaving && shape < leaving->table_count &&
		       leaving->tables[shape] == last && !rows_are_cut(last, windows->plan.top)))
		return last;
	table = table_create(windows->shapes.items[shape], &windows->unbounded,
			     windows->settings.group_limit);
	if (table && table_make_all(table) < 0) {
		table_release(table);
		table = NULL;
	}
	for (uint32_t i = 0; table && i < closing->count; i++) {
		const struct table *from = table_at(windows, closing, i, shape);
		int result = from ? table_join_all(table, from,
						   windows->panes[closing->first + i] == leaving)
				  : 0;

		if (result < 0) {
			table_release(table);
			table = NULL;
		} else {
			windows->counts.unmerged_values += (uint64_t)result;
		}
	}
	if (!table)
		*ret_result = -ENOMEM;
	return *ret_owned = table;
}

/* Batches of all shapes, by shape; NULL: there are no rows of that. */
static int batches_make(struct windows *windows, const struct closing *closing,
			struct sonde_batch **batches)
{
	struct rows_request request = { .instance = windows->instance,
					.intern = &windows->intern,
					.start_ns = closing->start_ns,
					.end_ns = closing->end_ns,
					.top = windows->plan.top,
					.top_measure = windows->plan.top_measure,
					.top_by = windows->plan.top_by };
	int result = 0;

	for (uint32_t i = 0; i < windows->shapes.count && !result; i++) {
		struct table *owned, *table = table_gather(windows, closing, i, &owned, &result);

		if (!table)
			continue;
		windows->shapes.items[i]->group_hint = table->count;
		batches[i] = rows_make(table, &request);
		if (!batches[i])
			result = -ENOMEM;
		table_release(owned);
	}
	return result;
}

/* Receipts go with the last window that their rows are part of. */
static int batches_give(struct windows *windows, const struct closing *closing,
			struct sonde_batch **batches)
{
	struct pane *leaving = leaving_pane(windows, closing);
	int result = 0;

	for (uint32_t i = 0; i < windows->shapes.count; i++) {
		struct table *table =
			leaving && i < leaving->table_count ? leaving->tables[i] : NULL;
		struct window_table given = { .batch = batches[i],
					      .receipts = table ? table->receipts : NULL,
					      .start_ns = closing->start_ns,
					      .end_ns = closing->end_ns,
					      .late = closing->late };
		int taken;

		if (!given.batch)
			continue;
		if (table)
			table->receipts = NULL;
		if (!windows->settings.keeps) /* it is published then, texts and all */
			(void)sonde_batch_bytes(windows->instance, given.batch);
		taken = windows->closed(windows->data, &given);
		result = result ? result : taken;
	}
	return result;
}

static void panes_step(struct windows *windows, const struct closing *closing)
{
	struct pane *leaving = leaving_pane(windows, closing);
	uint32_t left = UINT32_MAX;

	if (closing->late) {
		pane_release(windows, closing->first);
		return;
	}
	closed_note(&windows->done, closing->end_ns);
	for (uint32_t i = closing->first; i < closing->first + closing->count; i++) {
		struct pane *pane = windows->panes[i];

		if (pane == leaving)
			left = i;
		else if (!pane->late)
			pane->next_ns =
				next_open(windows, closing->start_ns + windows->settings.slide_ns,
					  pane->start_ns);
	}
	if (leaving)
		pane_release(windows, left);
}

static struct closing closing_of(const struct windows *windows, uint32_t index)
{
	const struct pane *pane = windows->panes[index];
	struct closing closing = { .start_ns = pane->next_ns,
				   .end_ns = pane->next_ns + windows->settings.width_ns,
				   .first = index,
				   .count = 1,
				   .late = pane->late };

	if (pane->late) {
		closing.end_ns = pane->start_ns + windows->settings.slide_ns;
		return closing;
	}
	while (closing.first && windows->panes[closing.first - 1]->start_ns >= closing.start_ns)
		closing.first--;
	closing.count = 0;
	while (closing.first + closing.count < windows->pane_count &&
	       windows->panes[closing.first + closing.count]->start_ns < closing.end_ns)
		closing.count++;
	return closing;
}

static int window_close(struct windows *windows, uint32_t index)
{
	struct closing closing = closing_of(windows, index);
	struct sonde_batch *batches[SHAPE_LIMIT] = { NULL };
	int result = batches_make(windows, &closing, batches);

	if (result < 0) {
		for (uint32_t i = 0; i < SHAPE_LIMIT; i++) {
			if (batches[i])
				sonde_batch_release(windows->instance, batches[i]);
		}
		return result;
	}
	result = batches_give(windows, &closing, batches);
	panes_step(windows, &closing);
	windows->counts.closed_windows++;
	return result;
}

/* Rows of windows that end until then are not late for that they were closed early. */
static void spare(struct windows *windows, int64_t end_ns)
{
	if (end_ns > windows->spared_ns)
		windows->spared_ns = end_ns;
}

/* A pane's windows close one after the other: the one that has to be closed before the pane's next
 * one can be, by the index of a pane of it. */
static uint32_t first_before(const struct windows *windows, uint32_t index)
{
	struct closing closing = closing_of(windows, index);

	for (uint32_t i = closing.first; i < closing.first + closing.count; i++) {
		const struct pane *pane = windows->panes[i];

		if (!closing.late && !pane->late && pane->next_ns < closing.start_ns)
			return first_before(windows, i);
	}
	return index;
}

/* The first open window that ends in a gap, by the index of a pane of it; -1: there is none. */
static int64_t gap_find(const struct windows *windows, const struct closed_run *gap)
{
	int64_t width = windows->settings.width_ns, found = -1;

	for (uint32_t i = 0; i < windows->pane_count; i++) {
		const struct pane *pane = windows->panes[i];

		if (!pane->late && pane->next_ns + width >= gap->first_ns &&
		    pane->next_ns + width <= gap->last_ns &&
		    (found < 0 || pane->next_ns < windows->panes[found]->next_ns))
			found = i;
	}
	return found;
}

/* Closes the first open window of a gap, and with it what is empty before it. */
static int gap_close(struct windows *windows, uint32_t index, struct closed_run gap)
{
	uint32_t first = first_before(windows, index);
	struct closed before = windows->done;
	int result;

	if (first != index)
		return window_close(windows, first);
	gap.last_ns = windows->panes[index]->next_ns + windows->settings.width_ns;
	closed_fill(&windows->done, gap);
	result = window_close(windows, index);
	if (result == -ENOMEM)
		windows->done = before;
	else
		spare(windows, gap.last_ns);
	return result;
}

/* The same where more cannot be remembered: what would be taken for closed then is closed first. */
static int window_close_at(struct windows *windows, uint32_t index)
{
	struct closed_run gap;
	int64_t end, found;

	index = first_before(windows, index);
	end = windows->panes[index]->next_ns + windows->settings.width_ns;
	if (windows->panes[index]->late || !closed_gap(&windows->done, end, &gap))
		return window_close(windows, index);
	found = gap_find(windows, &gap);
	if (found < 0)
		return window_close(windows, index);
	return gap_close(windows, (uint32_t)found, gap);
}

/* What sources have passed is closed for good, whether there were rows or not. */
static void floor_raise(struct windows *windows, int64_t passed_ns)
{
	int64_t slide = windows->settings.slide_ns, lateness = windows->settings.lateness_ns;

	if (passed_ns != INT64_MAX && passed_ns > lateness && !windows->catches_up)
		closed_raise(&windows->done, floor_to(passed_ns - lateness, slide));
}

int panes_close(struct windows *windows, bool by_clock, bool all)
{
	int64_t since = windows->elapsed_ns - windows->settings.idle_ns;
	int64_t passed = sources_passed(&windows->sources, since, windows->last_now_ns), found;
	int result = 0, closed;

	if (passed == INT64_MAX && !by_clock)
		passed = 0; /* nobody is there to say so */
	while ((found = due_find(windows, passed, by_clock, all)) >= 0) {
		if (all)
			spare(windows, windows->panes[found]->next_ns + windows->settings.width_ns);
		closed = window_close_at(windows, (uint32_t)found);
		if (closed == -ENOMEM)
			return closed;
		result = result ? result : closed;
	}
	floor_raise(windows, passed);
	texts_renew(windows);
	return result;
}

int panes_close_oldest(struct windows *windows)
{
	uint32_t count = windows->pane_count;
	int result = 0, closed;

	if (windows->catches_up)
		return -EAGAIN;
	while (windows->pane_count == count) {
		closed = window_close_at(windows, 0);
		if (closed == -ENOMEM)
			return closed;
		result = result ? result : closed;
	}
	return result;
}

int panes_close_past(struct windows *windows)
{
	int64_t width = windows->settings.width_ns;
	int result = 0, closed;

	closed_convert(&windows->past, &windows->done, width);
	for (uint32_t i = 0; i < windows->pane_count;) {
		if (windows->panes[i]->late ||
		    !closed_has(&windows->done, windows->panes[i]->next_ns + width)) {
			i++;
			continue;
		}
		closed = window_close(windows, first_before(windows, i));
		if (closed == -ENOMEM)
			return closed;
		result = result ? result : closed;
		i = 0;
	}
	return result;
}
