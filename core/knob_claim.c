/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds which knob until when, and what they want of it together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "knob_claim.h"

/* ---- claims ------------------------------------------------------------------------------ */

static void claim_free(struct knob_claim *claim)
{
	for (uint32_t i = 0; i < claim->count; i++) {
		free(claim->items[i].path);
		free(claim->items[i].value);
	}
	free(claim->actor);
	free(claim->name);
	free(claim->reason);
	free(claim);
}

struct knob_claim *claim_create(struct knobs *knobs, const struct knob_wish *wish)
{
	struct knob_claim *claim = calloc(1, sizeof(*claim));
	bool whole;

	if (!claim || wish->count > KNOB_WISH_KNOBS) {
		free(claim);
		return NULL;
	}
	claim->owner = wish->owner;
	claim->actor = strdup(wish->actor);
	claim->name = strdup(wish->name);
	claim->reason = strdup(wish->reason ? wish->reason : "");
	claim->count = wish->count;
	whole = claim->actor && claim->name && claim->reason;
	for (uint32_t i = 0; i < wish->count; i++) {
		struct knob_item *item = &claim->items[i];

		item->claim = claim;
		item->path = strdup(wish->paths[i]);
		item->value = strdup(wish->values[i]);
		whole = whole && item->path && item->value;
	}
	if (!whole) {
		claim_free(claim);
		return NULL;
	}
	claim->next = knobs->claims;
	knobs->claims = claim;
	return claim;
}

void claim_release(struct knobs *knobs, struct knob_claim *claim)
{
	struct knob_claim **link = &knobs->claims;

	while (*link != claim)
		link = &(*link)->next;
	*link = claim->next;
	for (uint32_t i = 0; i < claim->count; i++) {
		if (claim->items[i].hold)
			item_unlink(&claim->items[i]);
	}
	claim_free(claim);
}

struct knob_claim *claim_find(struct knobs *knobs, const struct sonde_instance *owner,
			      const char *name)
{
	struct knob_claim *claim = knobs->claims;

	while (claim && (claim->owner != owner || strcmp(claim->name, name)))
		claim = claim->next;
	return claim;
}

bool claim_is_for(const struct knob_claim *claim, const struct knob_wish *wish)
{
	if (claim->count != wish->count)
		return false;
	for (uint32_t i = 0; i < claim->count; i++) {
		if (strcmp(claim->items[i].path, wish->paths[i]) ||
		    strcmp(claim->items[i].value, wish->values[i]))
			return false;
	}
	return true;
}

bool claim_holds(const struct knob_claim *claim, const struct knob_hold *hold)
{
	for (uint32_t i = 0; i < claim->count; i++) {
		if (claim->items[i].hold == hold)
			return true;
	}
	return false;
}

void item_link(struct knob_item *item, struct knob_hold *hold)
{
	item->hold = hold;
	item->older = hold->items;
	hold->items = item;
}

void item_unlink(struct knob_item *item)
{
	struct knob_item **link = &item->hold->items;

	while (*link != item)
		link = &(*link)->older;
	*link = item->older;
	item->hold = NULL;
}

/* ---- knobs ------------------------------------------------------------------------------- */

static void hold_free(struct knob_hold *hold)
{
	free(hold->before);
	free(hold->name);
	free(hold->applied);
	free(hold);
}

struct knob_hold *hold_create(struct knobs *knobs, const struct graph_node *node,
			      const struct sonde_option *option, struct knob_before *before,
			      const char *value)
{
	struct knob_hold *hold = calloc(1, sizeof(*hold));

	if (!hold)
		return NULL;
	*hold = (struct knob_hold){ .knobs = knobs,
				    .name = strdup(node->config->name),
				    .option = option,
				    .count = node->count,
				    .applied = strdup(value) };
	if (!hold->name || !hold->applied) {
		hold_free(hold);
		return NULL;
	}
	hold->before = before;
	hold->next = knobs->holds;
	knobs->holds = hold;
	return hold;
}

struct knob_hold *hold_find(const struct knobs *knobs, const char *instance, const char *knob)
{
	struct knob_hold *hold = knobs->holds;

	while (hold && (strcmp(hold->name, instance) || strcmp(hold->option->name, knob)))
		hold = hold->next;
	return hold;
}

void hold_drop(struct knob_hold *hold)
{
	struct knob_hold **link = &hold->knobs->holds;

	while (*link != hold)
		link = &(*link)->next;
	*link = hold->next;
	while (hold->items)
		item_unlink(hold->items);
	hold_free(hold);
}

void hold_forget_user(struct knob_hold *hold)
{
	struct knob_item *item, *older;

	for (item = hold->items; item; item = older) {
		older = item->older;
		if (!item->claim->owner)
			item_unlink(item);
	}
}

void hold_expire(struct knob_hold *hold)
{
	for (struct knob_item *item = hold->items; item; item = item->older) {
		if (item->claim->owner)
			item->claim->end_ns = 0;
	}
}

bool hold_is_last(const struct knob_item *item)
{
	return item->hold->items == item && !item->older;
}

void hold_note(struct knob_hold *hold, char *value, const char *shown)
{
	if (value) {
		free(hold->applied);
		hold->applied = value;
	}
	snprintf(hold->shown, sizeof(hold->shown), "%s", shown);
}

/* ---- what is wanted ---------------------------------------------------------------------- */

/* All that want something: the newest, then those who hold it. */
struct wants {
	const struct knob_item *newest;
	const struct knob_claim *except;
	const struct knob_item *at;
	bool begun;
};

static const struct knob_item *wants_next(struct wants *wants, const struct knob_hold *hold)
{
	if (!wants->begun) {
		wants->begun = true;
		wants->at = hold->items;
		if (wants->newest)
			return wants->newest;
	}
	while (wants->at) {
		const struct knob_item *item = wants->at;

		wants->at = item->older;
		if (item->claim != wants->except)
			return item;
	}
	return NULL;
}

static bool texts_have(const char *const *items, uint32_t count, const char *text)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!strcmp(items[i], text))
			return true;
	}
	return false;
}

/* Adds those of a list that are not there yet. */
static int texts_add(struct sonde_texts *texts, const struct sonde_texts *more, struct arena *arena)
{
	const char **items =
		arena_zero(arena, ((size_t)texts->count + more->count + 1) * sizeof(*items));
	uint32_t count = texts->count;

	if (!items)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		items[i] = texts->items[i];
	for (uint32_t i = 0; i < more->count; i++) {
		if (!texts_have(items, count, more->items[i]))
			items[count++] = more->items[i];
	}
	*texts = (struct sonde_texts){ items, count };
	return 0;
}

/* A list of all that is wanted of a list; one that is empty stands for all. NULL: no memory. */
static char *lists_join(const struct knob_hold *hold, struct wants wants, struct arena *arena)
{
	struct sonde_option option = *hold->option;
	const struct knob_item *item;
	struct sonde_texts all = { 0 }, one;
	char error[256], *text = NULL;
	bool any = false;
	int length;

	option.offset = 0;
	while ((item = wants_next(&wants, hold))) {
		one = (struct sonde_texts){ 0 };
		if (option_parse(&option, item->value, &one, arena, error, sizeof(error)))
			return strdup(item->value); /* is refused when it is set */
		if (texts_add(&all, &one, arena))
			return NULL;
		any = any || !one.count;
	}
	if (any)
		all.count = 0;
	length = option_print(&option, &all, NULL, 0);
	text = malloc((size_t)length + 1);
	if (text)
		option_print(&option, &all, text, (size_t)length + 1);
	return text;
}

char *hold_wanted(const struct knob_hold *hold, const struct knob_item *newest,
		  const struct knob_claim *except)
{
	struct wants wants = { .newest = newest, .except = except }, again = wants;
	const struct knob_item *item, *first = NULL;
	struct arena *arena;
	uint32_t count = 0;
	char *text;

	while ((item = wants_next(&wants, hold))) {
		if (!item->claim->owner) /* the user's word */
			return strdup(item->value);
		if (!count++)
			first = item;
	}
	if (!first)
		return NULL;
	if (count == 1 || hold->option->type != SONDE_TEXTS)
		return strdup(first->value);
	arena = arena_create();
	text = arena ? lists_join(hold, again, arena) : NULL;
	arena_release(arena);
	return text;
}
