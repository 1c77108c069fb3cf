/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs: options that change while running, by one path whoever asks, and fall back by themselves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "knob.h"
#include "knob_claim.h"
#include "log.h"
#include "push.h"

static void explain_no_memory(char *error, size_t error_size)
{
	snprintf(error, error_size, "memory is refused: try again");
}

/* ---- changes ----------------------------------------------------------------------------- */

/* Brings a held knob to what is wanted of it, unless it is there already. */
static int hold_apply(struct knobs *knobs, struct knob_hold *hold, const struct knob_author *author,
		      const struct knob_item *newest, const struct knob_claim *except,
		      struct knob_texts *ret_texts, char *error, size_t error_size)
{
	struct graph_node *node = graph_node(knobs->graph, hold->name);
	char *value = hold_wanted(hold, newest, except);
	struct knob_before *before = node ? calloc(node->count, sizeof(*before)) : NULL;
	int result = value && before ? 0 : -ENOMEM;

	if (result) {
		explain_no_memory(error, error_size);
	} else if (!strcmp(value, hold->applied)) {
		memcpy(ret_texts->before, hold->shown, sizeof(hold->shown));
		memcpy(ret_texts->after, hold->shown, sizeof(hold->shown));
	} else {
		result = knob_apply(node, author, hold->option->name, value, before, ret_texts,
				    error, error_size);
	}
	if (!result) {
		hold_note(hold, value, ret_texts->after);
		value = NULL;
	}
	free(value);
	free(before);
	return result;
}

static void decide_end(const struct knob_hold *hold, const char *actor,
		       const struct knob_texts *texts, bool last)
{
	struct decision decision = { .level = SONDE_INFO,
				     .event = "knob.fall_back",
				     .instance = hold->name,
				     .actor = actor,
				     .knob = hold->option->name,
				     .before = texts->before,
				     .after = texts->after };

	log_write(SONDE_INFO, hold->name, last ? "%s falls back" : "%s is held by others yet",
		  hold->option->name);
	chronicle_decide(&decision,
			 last ? "%s falls back to %s" : "%s becomes %s, for others that hold it",
			 hold->option->name, texts->after);
}

/* What others hold of it is refused: it falls back to what it had before all of them. */
static int hold_give_up(struct knob_hold *hold, const char *why, struct knob_texts *ret_texts)
{
	int result = knob_restore(hold->option->name, hold->before, hold->count, ret_texts);

	if (result)
		return result;
	log_write(SONDE_WARNING, hold->name, "%s falls back for all that hold it: %s",
		  hold->option->name, why);
	hold_drop(hold);
	return 0;
}

static bool is_held_up(int result)
{
	return result == -ETIMEDOUT || result == -EINPROGRESS || result == -ENOMEM;
}

/* Lets go of one knob. -ETIMEDOUT, -EINPROGRESS, -ENOMEM: not now, and nothing has changed. */
static int item_end(struct knobs *knobs, struct knob_item *item, const char *actor)
{
	struct knob_author author = { .actor = actor };
	struct knob_hold *hold = item->hold;
	struct knob_texts texts = { 0 };
	bool last = hold_is_last(item);
	char error[512] = "";
	int result;

	if (last)
		result = knob_restore(hold->option->name, hold->before, hold->count, &texts);
	else
		result = hold_apply(knobs, hold, &author, NULL, item->claim, &texts, error,
				    sizeof(error));
	if (is_held_up(result)) {
		log_write(SONDE_WARNING, hold->name,
			  "%s cannot fall back yet: its thread is held up", hold->option->name);
		return result;
	}
	if (result)
		return hold_give_up(hold, error, &texts);
	decide_end(hold, actor, &texts, last);
	if (last)
		hold_drop(hold);
	else
		item_unlink(item);
	return 0;
}

/* In the order opposite to that of setting. The same returns. */
static int claim_end(struct knobs *knobs, struct knob_claim *claim, const char *actor)
{
	for (uint32_t i = claim->count; i > 0; i--) {
		int result =
			claim->items[i - 1].hold ? item_end(knobs, &claim->items[i - 1], actor) : 0;

		if (result)
			return result;
	}
	claim_release(knobs, claim);
	return 0;
}

/* ---- time -------------------------------------------------------------------------------- */

static void knobs_arm(struct knobs *knobs)
{
	int64_t now_ns = clock_monotonic_ns(), due_ns = INT64_MAX;

	for (const struct knob_claim *claim = knobs->claims; claim; claim = claim->next) {
		if (claim->end_ns < due_ns)
			due_ns = claim->end_ns;
	}
	if (knobs->claims)
		loop_timer_after(knobs->loop, &knobs->timer, due_ns > now_ns ? due_ns - now_ns : 0);
	else
		loop_timer_end(knobs->loop, &knobs->timer);
}

static struct knob_claim *claim_due(struct knobs *knobs, int64_t now_ns)
{
	struct knob_claim *claim = knobs->claims;

	while (claim && claim->end_ns > now_ns)
		claim = claim->next;
	return claim;
}

/* Processors may ask other things of inputs now. */
static void knobs_changed(struct knobs *knobs)
{
	push_run(knobs->graph);
	knobs_arm(knobs);
}

static void knobs_due(void *data)
{
	struct knobs *knobs = data;
	struct knob_claim *claim;

	while ((claim = claim_due(knobs, clock_monotonic_ns())))
		if (claim_end(knobs, claim, "timer"))
			claim->end_ns = clock_monotonic_ns() + NS_PER_SECOND;
	knobs_changed(knobs);
}

struct knobs *knobs_create(struct graph *graph, struct loop *loop)
{
	struct knobs *knobs = calloc(1, sizeof(*knobs));

	if (!knobs)
		return NULL;
	*knobs = (struct knobs){ .graph = graph, .loop = loop };
	knobs->timer = (struct loop_timer){ .run = knobs_due, .data = knobs };
	return knobs;
}

void knobs_release(struct knobs *knobs)
{
	while (knobs && knobs->claims)
		claim_release(knobs, knobs->claims);
	while (knobs && knobs->holds)
		hold_drop(knobs->holds);
	if (knobs)
		loop_timer_end(knobs->loop, &knobs->timer);
	free(knobs);
}

/* ---- setting ----------------------------------------------------------------------------- */

/* A knob that was found by its path. */
struct knob_place {
	struct graph_node *node;
	const struct sonde_option *option; /* NULL: there is none of that name */
	const char *knob;
	struct knob_hold *hold; /* NULL: nobody holds it */
};

static struct graph_node *knob_node(struct knobs *knobs, const char *name, char *error,
				    size_t error_size)
{
	struct graph_node *node = graph_node(knobs->graph, name);

	if (!node)
		knob_explain_instance(knobs->graph->config, name, error, error_size);
	return node;
}

static int knob_find(struct knobs *knobs, const char *path, struct knob_place *ret_place,
		     char *error, size_t error_size)
{
	char name[KNOB_NAME_BYTES];
	const char *knob = knob_split(path, name, error, error_size);
	struct graph_node *node = knob ? knob_node(knobs, name, error, error_size) : NULL;

	if (!node)
		return knob ? -ENOENT : -EINVAL;
	*ret_place = (struct knob_place){
		.node = node,
		.knob = knob,
		.option = option_find(node->config->plugin->descriptor->options, knob),
		.hold = hold_find(knobs, name, knob),
	};
	return 0;
}

static void log_set(const struct knob_place *place, const char *value, const char *reason)
{
	log_write(SONDE_INFO, place->node->config->name, "%s is set to %s%s%s", place->option->name,
		  place->option->type == SONDE_SECRET ? "***" : value,
		  reason && *reason ? ": " : "", reason ? reason : "");
}

/* Sets a knob that nobody holds, and remembers what it had. */
static int hold_begin(struct knobs *knobs, struct knob_place *place,
		      const struct knob_author *author, const char *value,
		      struct knob_texts *ret_texts, char *error, size_t error_size)
{
	struct knob_before *before = calloc(place->node->count, sizeof(*before));
	int result = -ENOMEM;

	if (before)
		result = knob_apply(place->node, author, place->knob, value, before, ret_texts,
				    error, error_size);
	else
		explain_no_memory(error, error_size);
	if (!result)
		place->hold = hold_create(knobs, place->node, place->option, before, value);
	if (result || !place->hold) {
		if (!result) {
			knob_restore(place->knob, before, place->node->count, NULL);
			snprintf(error, error_size, "no memory to remember its return");
		}
		free(before);
		return result ? result : -ENOMEM;
	}
	hold_note(place->hold, NULL, ret_texts->after);
	return 0;
}

/* Sets one knob of a claim that takes the place of a former one, if there is one. */
static int item_set(struct knobs *knobs, struct knob_claim *claim, struct knob_item *item,
		    const struct knob_claim *former, int64_t for_ns, char *error, size_t error_size)
{
	struct knob_author author = { claim->actor, claim->reason };
	struct knob_texts texts = { 0 };
	struct knob_place place;
	int result = knob_find(knobs, item->path, &place, error, error_size);

	if (result)
		return result;
	if (place.hold)
		result = hold_apply(knobs, place.hold, &author, item, former, &texts, error,
				    error_size);
	else
		result = hold_begin(knobs, &place, &author, item->value, &texts, error, error_size);
	if (result)
		return result;
	item_link(item, place.hold);
	log_set(&place, place.hold->shown, claim->reason);
	knob_decide_set(place.hold->name, &author, place.option->name, &texts, for_ns);
	return 0;
}

/* The claim has what the former had, which may go; what it does not have falls back. */
static void claim_replace(struct knobs *knobs, struct knob_claim *claim, struct knob_claim *former)
{
	for (uint32_t i = 0; i < former->count; i++) {
		if (former->items[i].hold && claim_holds(claim, former->items[i].hold))
			item_unlink(&former->items[i]);
	}
	former->end_ns = clock_monotonic_ns();
	if (claim_end(knobs, former, claim->actor))
		former->end_ns += NS_PER_SECOND; /* tried again by the timer */
}

int knobs_hold(struct knobs *knobs, const struct knob_wish *wish, char *error, size_t error_size)
{
	struct knob_claim *former = claim_find(knobs, wish->owner, wish->name), *claim;
	int result = 0;

	if (wish->for_ns <= 0) {
		if (former)
			former->end_ns = clock_monotonic_ns();
		if (former && claim_end(knobs, former, wish->actor))
			former->end_ns += NS_PER_SECOND;
		knobs_changed(knobs);
		return 0;
	}
	if (former && wish->owner && claim_is_for(former, wish)) {
		former->end_ns = clock_monotonic_ns() + wish->for_ns;
		knobs_arm(knobs);
		return 0;
	}
	claim = claim_create(knobs, wish);
	if (!claim) {
		explain_no_memory(error, error_size);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < claim->count && !result; i++)
		result = item_set(knobs, claim, &claim->items[i], former, wish->for_ns, error,
				  error_size);
	claim->end_ns = clock_monotonic_ns() + (result ? 0 : wish->for_ns);
	if (!result && former)
		claim_replace(knobs, claim, former);
	if (result && claim_end(knobs, claim, wish->actor))
		claim->end_ns += NS_PER_SECOND;
	knobs_changed(knobs);
	return result;
}

/* For good: nobody holds it any more. */
static int knob_fix(struct knobs *knobs, const char *actor, const char *path, const char *value,
		    char *error, size_t error_size)
{
	struct knob_author author = { .actor = actor };
	struct knob_texts texts = { 0 };
	struct knob_before *before;
	struct knob_place place;
	int result = knob_find(knobs, path, &place, error, error_size);

	if (result)
		return result;
	before = calloc(place.node->count, sizeof(*before));
	if (!before) {
		explain_no_memory(error, error_size);
		return -ENOMEM;
	}
	result = knob_apply(place.node, &author, place.knob, value, before, &texts, error,
			    error_size);
	free(before);
	if (result || !place.option)
		return result ? result : -EINVAL;
	log_set(&place, value, NULL);
	knob_decide_set(place.node->config->name, &author, place.option->name, &texts, 0);
	if (place.hold)
		hold_drop(place.hold);
	push_run(knobs->graph);
	return 0;
}

int knob_set(struct knobs *knobs, const char *actor, const char *path, const char *value,
	     int64_t for_ns, char *error, size_t error_size)
{
	struct knob_wish wish = { .actor = actor,
				  .name = path,
				  .for_ns = for_ns,
				  .count = 1,
				  .paths = &path,
				  .values = &value };

	if (for_ns > 0)
		return knobs_hold(knobs, &wish, error, error_size);
	return knob_fix(knobs, actor, path, value, error, error_size);
}

/* What replicas have now is what they fall back to. */
static int hold_rebase(struct knob_hold *hold, struct graph_node *node)
{
	struct knob_before *now = calloc(node->count, sizeof(*now));
	int result = now ? knob_read(node, hold->option->name, now) : -ENOMEM;

	for (uint32_t i = 0; !result && i < hold->count; i++) {
		for (uint32_t k = 0; k < node->count; k++) {
			if (now[k].instance == hold->before[i].instance)
				hold->before[i] = now[k];
		}
	}
	free(now);
	return result;
}

/* Sets it beneath what plugins hold, and then again what they hold. */
static int rebase_held(struct knobs *knobs, const struct knob_place *place, const char *actor,
		       const char *value, char *error, size_t error_size)
{
	struct knob_before *before = calloc(place->node->count, sizeof(*before));
	struct knob_author author = { .actor = actor };
	struct knob_texts texts = { 0 };
	int result = -ENOMEM;

	if (before)
		result = knob_apply(place->node, &author, place->knob, value, before, &texts, error,
				    error_size);
	else
		explain_no_memory(error, error_size);
	free(before);
	if (result)
		return result;
	knob_decide_set(place->node->config->name, &author, place->option->name, &texts, 0);
	result = hold_rebase(place->hold, place->node);
	hold_note(place->hold, NULL, texts.after);
	place->hold->applied[0] = '\0'; /* what is held is to be set again, whatever it is */
	if (!result &&
	    hold_apply(knobs, place->hold, &author, NULL, NULL, &texts, error, error_size))
		result = hold_give_up(place->hold, error, &texts);
	push_run(knobs->graph);
	return result;
}

int knob_rebase(struct knobs *knobs, const char *actor, const char *path, const char *value,
		char *error, size_t error_size)
{
	struct knob_place place;
	int result = knob_find(knobs, path, &place, error, error_size);

	if (!result && place.hold)
		hold_forget_user(place.hold);
	if (result)
		return result;
	if (place.hold && place.hold->items)
		return rebase_held(knobs, &place, actor, value, error, error_size);
	return knob_fix(knobs, actor, path, value, error, error_size);
}

/* ---- another graph ----------------------------------------------------------------------- */

static bool node_has(const struct graph_node *node, const struct sonde_instance *instance)
{
	for (uint32_t i = 0; node && i < node->count; i++) {
		if (&node->instances[i]->base == instance)
			return true;
	}
	return false;
}

static bool graph_has(struct graph *graph, const struct sonde_instance *instance)
{
	for (uint32_t i = 0; i < graph->config->instance_count; i++) {
		if (node_has(&graph->nodes[i], instance))
			return true;
	}
	return false;
}

/* Whether some replica goes on; those that do not are forgotten. */
static bool hold_follow(struct knob_hold *hold, const struct graph_node *node)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < hold->count; i++) {
		if (node_has(node, &hold->before[i].instance->base))
			hold->before[kept++] = hold->before[i];
	}
	hold->count = kept;
	return kept;
}

void knobs_follow(struct knobs *knobs, struct graph *graph)
{
	struct knob_hold *hold, *next;

	knobs->graph = graph;
	for (hold = knobs->holds; hold; hold = next) {
		next = hold->next;
		if (!hold_follow(hold, graph_node(graph, hold->name))) {
			hold_expire(hold);
			hold_drop(hold);
		}
	}
	for (struct knob_claim *claim = knobs->claims; claim; claim = claim->next) {
		if (claim->owner && !graph_has(graph, claim->owner))
			claim->end_ns = 0;
	}
	knobs_arm(knobs);
}

/* ---- who holds what ---------------------------------------------------------------------- */

int64_t knob_left_ns(const struct knobs *knobs, const char *instance, const char *knob)
{
	const struct knob_hold *hold = hold_find(knobs, instance, knob);
	int64_t end_ns = 0;

	for (const struct knob_item *item = hold ? hold->items : NULL; item; item = item->older) {
		if (item->claim->end_ns > end_ns)
			end_ns = item->claim->end_ns;
	}
	return hold ? end_ns - clock_monotonic_ns() : 0;
}

bool knob_holder(const struct knobs *knobs, const char *instance, const char *knob, uint32_t index,
		 struct knob_holder *ret_holder)
{
	const struct knob_hold *hold = hold_find(knobs, instance, knob);
	const struct knob_item *item = hold ? hold->items : NULL;
	int64_t left_ns;

	while (item && index--)
		item = item->older;
	if (!item)
		return false;
	left_ns = item->claim->end_ns - clock_monotonic_ns();
	*ret_holder = (struct knob_holder){
		.actor = item->claim->actor,
		.name = item->claim->name,
		.value = hold->option->type == SONDE_SECRET ? "***" : item->value,
		.reason = item->claim->reason,
		.user = !item->claim->owner,
		.left_ns = left_ns > 0 ? left_ns : 0,
	};
	return true;
}
