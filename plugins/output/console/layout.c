// SPDX-License-Identifier: Apache-2.0
/* Which columns of a table are shown at a width, and how wide each is. */
#include <string.h>
#include "heading.h"
#include "layout.h"

enum {
	KEEP_SECOND_HISTOGRAM = 5,
	KEEP_MEASURE = 40, /* less one for each before */
	KEEP_FLAG = 45,
	KEEP_INTEGER = 50,
	KEEP_MAXIMUM = 55,
	KEEP_MEDIAN = 60,
	KEEP_SHARE = 65,
	KEEP_TEXT = 70, /* less one for each before */
	KEEP_ERRORS = 80,
	KEEP_TAIL = 90,
	KEEP_ALWAYS = 100,
	ATTRIBUTES_MINIMUM = 16, /* room for "… and 123 more" */
	NARROW = 100,
};

bool slot_is_attribute(const struct slot *slot)
{
	return slot->kind <= SLOT_FLAG;
}

static bool shows(const struct table *table, const struct view *view, bool has_text)
{
	return view->seen && view->varies && !(view->wide_integer && has_text && !table->is_long);
}

/* What heads a column: the last part of its name, or all of it where another's is the same. */
static const char *short_name(const struct table *table, const struct view *view, char text[25])
{
	struct heading heading = heading_of(view->name);

	for (uint32_t index = 0; index < table->view_count; index++) {
		const struct view *other = &table->views[index];

		if (other != view && (other->kind > VIEW_FLAG || shows(table, other, true)) &&
		    heading_is_same(heading, heading_of(other->name))) {
			heading = (struct heading){ view->name, strlen(view->name) };
			break;
		}
	}
	(void)snprintf(text, 25, "%.*s", (int)(heading.length < 24 ? heading.length : 24),
		       heading.text);
	return text;
}

static uint32_t figure_width(struct unit unit)
{
	return unit.kind == UNIT_BYTES ? 8 : 6;
}

static struct slot *slot_add(struct layout *layout, enum slot_kind kind, uint32_t view,
			     const char *heading, const char *suffix, uint32_t width, int keep)
{
	struct slot *slot;
	uint32_t heading_width;

	if (layout->count == LAYOUT_SLOTS)
		return NULL;
	slot = &layout->slots[layout->count++];
	memset(slot, 0, sizeof(*slot));
	slot->kind = kind;
	slot->view = view;
	(void)snprintf(slot->heading, sizeof(slot->heading), "%s%s", heading, suffix);
	for (char *at = slot->heading; *at; at++)
		if (*at == '_')
			*at = ' ';
	heading_width = text_width(slot->heading, strlen(slot->heading));
	slot->natural = width > heading_width ? width : heading_width;
	slot->minimum = slot->natural;
	slot->keep = keep;
	slot->right = kind != SLOT_TEXT && kind != SLOT_FLAG && kind != SLOT_BARS;
	return slot;
}

static void add_attributes(struct layout *layout, const struct table *table)
{
	uint32_t texts = 0, least;
	struct slot *slot;
	char name[25];

	for (uint32_t index = 0; index < table->view_count; index++) {
		const struct view *view = &table->views[index];

		if (view->kind != VIEW_TEXT || !shows(table, view, false) || !view->width)
			continue;
		slot = slot_add(layout, SLOT_TEXT, index, short_name(table, view, name), "",
				view->width,
				texts < 2 ? KEEP_ALWAYS - (int)texts : KEEP_TEXT - (int)texts);
		least = texts ? 12 : table->is_long ? 24 : 16;
		if (slot && slot->minimum > least)
			slot->minimum = least;
		texts++;
	}
	for (uint32_t index = 0; index < table->view_count; index++) {
		const struct view *view = &table->views[index];

		if (view->kind == VIEW_INTEGER && shows(table, view, texts > 0))
			(void)slot_add(layout, SLOT_INTEGER, index, short_name(table, view, name),
				       "", 7, texts ? KEEP_INTEGER : KEEP_ALWAYS);
		if (view->kind == VIEW_FLAG && shows(table, view, texts > 0))
			(void)slot_add(layout, SLOT_FLAG, index, short_name(table, view, name), "",
				       1, KEEP_FLAG);
	}
	layout->attributes = layout->count;
}

static void add_numbers(struct layout *layout, const struct table *table)
{
	int measures = 0;

	for (uint32_t index = 0; index < table->view_count; index++) {
		const struct view *view = &table->views[index];
		char text[25];
		const char *name = short_name(table, view, text);
		bool first = index == layout->lead || (layout->lead == PICTURE_VIEWS && !measures);

		if (view->kind == VIEW_SUM && view->is_error && layout->lead < PICTURE_VIEWS) {
			(void)slot_add(layout, SLOT_ERRORS, index, name, "/s", 6, KEEP_ERRORS);
			(void)slot_add(layout, SLOT_SHARE, index, "%", "", 6, KEEP_SHARE);
		} else if (view->kind == VIEW_SUM) {
			(void)slot_add(layout, SLOT_RATE, index, name, "/s",
				       figure_width(view->unit),
				       first ? KEEP_ALWAYS : KEEP_MEASURE - measures++);
		} else if (view->kind == VIEW_GAUGE) {
			(void)slot_add(layout, SLOT_GAUGE, index, name, "",
				       figure_width(view->unit),
				       first ? KEEP_ALWAYS : KEEP_MEASURE - measures);
			measures++;
		} else if (view->kind == VIEW_FIGURE) {
			(void)slot_add(layout, SLOT_FIGURE, index, name, "", 10, KEEP_ALWAYS);
		}
	}
}

static void add_histograms(struct layout *layout, const struct table *table)
{
	uint32_t bars = PICTURE_VIEWS;

	for (uint32_t index = 0; index < table->view_count; index++) {
		const struct view *view = &table->views[index];
		bool first = bars == PICTURE_VIEWS;
		uint32_t width = table->is_long ? 8 : figure_width(view->unit);
		char prefix[16] = "", name[25];

		if (view->kind != VIEW_HISTOGRAM)
			continue;
		if (!first)
			(void)snprintf(prefix, sizeof(prefix), "%.10s ",
				       short_name(table, view, name));
		(void)slot_add(layout, SLOT_MEDIAN, index, prefix, "p50", width,
			       first ? KEEP_MEDIAN : KEEP_SECOND_HISTOGRAM);
		(void)slot_add(layout, SLOT_NINETY_NINTH, index, prefix, "p99", width,
			       first ? KEEP_TAIL : KEEP_SECOND_HISTOGRAM + 1);
		(void)slot_add(layout, SLOT_MAXIMUM, index, prefix, "max", width,
			       first ? KEEP_MAXIMUM : KEEP_SECOND_HISTOGRAM);
		bars = first ? index : bars;
	}
	if (bars < PICTURE_VIEWS) {
		struct slot *slot =
			slot_add(layout, SLOT_BARS, bars, "", "", BARS_MINIMUM, KEEP_ALWAYS - 2);

		if (slot)
			slot->natural = BARS_MAXIMUM;
	}
}

static uint32_t sum_of_minima(const struct layout *layout)
{
	uint32_t sum = 0;

	for (uint32_t index = 0; index < layout->count; index++)
		sum += layout->slots[index].minimum + layout->slots[index].gap;
	return sum;
}

static void set_gaps(struct layout *layout, uint32_t width)
{
	for (uint32_t index = 0; index < layout->count; index++) {
		struct slot *slot = &layout->slots[index];

		slot->gap = !index ? 0 : slot->right && width < NARROW ? 1 : 2;
	}
}

static void drop_least(struct layout *layout)
{
	uint32_t least = 0;

	for (uint32_t index = 1; index < layout->count; index++)
		if (layout->slots[index].keep <= layout->slots[least].keep)
			least = index;
	if (least < layout->attributes)
		layout->attributes--;
	layout->count--;
	memmove(&layout->slots[least], &layout->slots[least + 1],
		(layout->count - least) * sizeof(layout->slots[0]));
}

void layout_choose(struct layout *layout, const struct table *table, uint32_t width)
{
	memset(layout, 0, sizeof(*layout));
	layout->lead = PICTURE_VIEWS;
	for (uint32_t index = table->view_count; index-- > 0;)
		if (table->views[index].kind == VIEW_SUM && !table->views[index].is_error)
			layout->lead = index;
	add_attributes(layout, table);
	add_numbers(layout, table);
	add_histograms(layout, table);
	set_gaps(layout, width);
	while (layout->count > 1 && sum_of_minima(layout) > width) {
		drop_least(layout);
		set_gaps(layout, width);
	}
}

/* Widens a slot up to a bound, from what is left. */
static void widen(struct slot *slot, uint32_t bound, uint32_t *left)
{
	uint32_t more = bound > slot->natural ? slot->natural : bound;

	more = more > slot->width ? more - slot->width : 0;
	more = more < *left ? more : *left;
	slot->width += more;
	*left -= more;
}

/* Room for the words of the lines below the rows. */
static void widen_for_words(struct layout *layout, uint32_t *left)
{
	uint32_t used = 0, more;

	for (uint32_t index = 0; index < layout->attributes; index++)
		used += layout->slots[index].width + layout->slots[index].gap;
	if (!layout->attributes || used >= ATTRIBUTES_MINIMUM)
		return;
	more = ATTRIBUTES_MINIMUM - used < *left ? ATTRIBUTES_MINIMUM - used : *left;
	layout->slots[layout->attributes - 1].width += more;
	*left -= more;
}

/* Bars and texts grow in turns. */
void layout_size(struct layout *layout, uint32_t width)
{
	static const struct {
		uint32_t text, bars;
	} turns[] = { { 24, 12 }, { 32, 20 }, { 48, 36 }, { UINT32_MAX, BARS_MAXIMUM } };
	uint32_t used = 0, left;

	for (uint32_t index = 0; index < layout->count; index++) {
		struct slot *slot = &layout->slots[index];

		slot->width = slot->minimum < slot->natural ? slot->minimum : slot->natural;
		used += slot->width + slot->gap;
	}
	left = width > used ? width - used : 0;
	widen_for_words(layout, &left);
	for (uint32_t turn = 0; turn < sizeof(turns) / sizeof(*turns); turn++) {
		if (layout->count && layout->slots[layout->count - 1].kind == SLOT_BARS)
			widen(&layout->slots[layout->count - 1], turns[turn].bars, &left);
		for (uint32_t index = 0; index < layout->attributes; index++)
			widen(&layout->slots[index], turns[turn].text, &left);
	}
}
