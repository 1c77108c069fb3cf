/* SPDX-License-Identifier: Apache-2.0 */
/* Options of an instance under test that are groups: written as in a config, and read so. */
#include <errno.h>

#include "setting.h"
#include "test_host.h"

int test_groups_read(struct sonde_test *test, const char *path, const char *name, const char *text)
{
	struct setting_reader reader = { .arena = test->arena,
					 .problems = (struct problems *)test };
	const struct setting_table tables[] = { { test->descriptor.options, test->config.self },
						{ NULL, NULL } };
	const char *setting = test_memory(arena_format(test->arena, "%s = %s;", name, text));
	config_t tree;

	config_init(&tree);
	if (config_read_string(&tree, setting))
		settings_read(&reader, config_root_setting(&tree), path, tables, NULL);
	else
		test_error_set("%s.%s: %s: %s", path, name, config_error_text(&tree), text);
	config_destroy(&tree);
	return *sonde_test_error() ? -EINVAL : 0;
}
