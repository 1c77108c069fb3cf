/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload cannot change. */
#include <string.h>

#include "restart.h"

static bool text_is_same(const char *text, const char *other)
{
	return text == other || (text && other && !strcmp(text, other));
}

static bool texts_are_same(const struct sonde_texts *texts, const struct sonde_texts *others)
{
	if (texts->count != others->count)
		return false;
	for (uint32_t i = 0; i < texts->count; i++) {
		if (strcmp(texts->items[i], others->items[i]))
			return false;
	}
	return true;
}

static bool privileges_are_same(const struct privilege_config *privileges,
				const struct privilege_config *others)
{
	return text_is_same(privileges->user, others->user) &&
	       text_is_same(privileges->group, others->group) &&
	       privileges->keep_set == others->keep_set;
}

void restart_say(const struct daemon_config *config, const struct daemon_config *former,
		 FILE *reply)
{
	if (!text_is_same(config->state, former->state))
		fputs("sonde.state takes effect with a restart\n", reply);
	if (!text_is_same(config->control, former->control))
		fputs("sonde.control takes effect with a restart\n", reply);
	if (!privileges_are_same(&config->privileges, &former->privileges))
		fputs("sonde.privileges takes effect with a restart\n", reply);
	if (!texts_are_same(&config->plugins, &former->plugins))
		fputs("sonde.plugins takes full effect with a restart\n", reply);
}
