// SPDX-License-Identifier: Apache-2.0
/* Fuzzes the light pass over a config: what it takes, libconfig reads, and sees the same settings.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <libconfig.h>
#include "lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t settings_count(const config_setting_t *setting)
{
	int length = config_setting_is_aggregate(setting) ? config_setting_length(setting) : 0;
	uint32_t count = 0;

	for (int i = 0; i < length; i++)
		count += 1 + settings_count(config_setting_get_elem(setting, (unsigned)i));
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 2);
	struct problems *problems = problems_create();
	struct lint lint;
	config_t tree;

	assert(text && problems);
	memcpy(text, data, size);
	text[size] = '\n'; /* libconfig wants one behind a comment */
	text[size + 1] = '\0';
	assert(!lint_check(text, size + 1, "fuzz", problems, &lint));
	assert(strlen(text) == size + 1 || lint.broken);
	assert(!lint.broken || problems_count(problems, PROBLEM_ERROR));
	if (!lint.broken) {
		config_init(&tree);
		assert(config_read_string(&tree, text));
		assert(settings_count(config_root_setting(&tree)) == lint.count);
		config_destroy(&tree);
	}
	lint_release(&lint);
	problems_release(problems);
	free(text);
	return 0;
}
