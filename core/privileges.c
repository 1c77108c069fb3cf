/* SPDX-License-Identifier: Apache-2.0 */
/* The `privileges` group of a config's section `sonde`. */
#include "capability.h"
#include "privileges.h"
#include "section.h"

static const char path[] = "sonde.privileges";

void privileges_read(struct setting_reader *reader, const config_setting_t *daemon,
		     struct privilege_config *privileges)
{
	const config_setting_t *group = config_setting_get_member(daemon, "privileges");
	struct setting_table tables[] = { { privilege_options, privileges }, { NULL, NULL } };

	if (group && setting_is_group(reader, group, path))
		settings_read(reader, group, path, tables, NULL);
}

void privileges_check(struct setting_reader *reader, struct privilege_config *privileges)
{
	const struct setting_given *given = setting_find(reader->given, "sonde.privileges.keep");
	char hint[CAPABILITY_NAME_BYTES + 32];
	uint32_t number;

	if (given && privileges->keep.count > CAPABILITY_LIMIT) {
		setting_complain(reader, given->place, given->path,
				 "holds more than %d capabilities", CAPABILITY_LIMIT);
		return;
	}
	for (uint32_t i = 0; given && i < privileges->keep.count; i++) {
		const char *name = privileges->keep.items[i];

		if (!capability_find(name, &number))
			privileges->keep_set |= CAPABILITY(number);
		else
			setting_complain(reader, given->place, given->path,
					 "\"%s\" is no capability of this kernel%s", name,
					 capability_hint(name, hint, sizeof(hint)));
	}
}
