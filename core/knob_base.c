// SPDX-License-Identifier: Apache-2.0
/* What a knob would be but for one who holds it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "knob_claim.h"

/* Of the first replica: all have the same. */
static void value_print(const struct sonde_option *option, const struct knob_before *before,
			struct knob_base *base)
{
	struct sonde_option at = *option;

	at.offset = 0;
	option_print(&at, before->value.bytes, base->value, sizeof(base->value));
}

static int base_read(struct graph_node *node, const struct sonde_option *option,
		     struct knob_base *base)
{
	struct knob_before *now = calloc(node->count, sizeof(*now));
	int result = now ? knob_read(node, option->name, now) : -ENOMEM;

	if (!result)
		value_print(option, now, base);
	free(now);
	return result;
}

static bool is_users(const struct knob_hold *hold)
{
	for (const struct knob_item *item = hold->items; item; item = item->older) {
		if (!item->claim->owner)
			return true;
	}
	return false;
}

static int base_of_hold(const struct knob_hold *hold, const struct knob_claim *claim,
			struct knob_base *base)
{
	char *wanted = hold_wanted(hold, NULL, claim);

	base->user = is_users(hold);
	if (wanted)
		snprintf(base->value, sizeof(base->value), "%s", wanted);
	else
		value_print(hold->option, hold->before, base);
	free(wanted);
	return 0;
}

int knob_base(struct knobs *knobs, const char *path, const struct sonde_instance *owner,
	      const char *name, struct knob_base *ret_base)
{
	char instance[KNOB_NAME_BYTES], error[128];
	const char *knob = knob_split(path, instance, error, sizeof(error));
	struct graph_node *node = knob ? graph_node(knobs->graph, instance) : NULL;
	const struct sonde_option *option =
		node ? option_find(node->config->plugin->descriptor->options, knob) : NULL;
	const struct knob_hold *hold = option ? hold_find(knobs, instance, knob) : NULL;

	*ret_base = (struct knob_base){ 0 };
	if (!option || !option->knob)
		return -ENOENT;
	return hold ? base_of_hold(hold, claim_find(knobs, owner, name), ret_base)
		    : base_read(node, option, ret_base);
}
