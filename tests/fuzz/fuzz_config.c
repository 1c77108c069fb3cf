// SPDX-License-Identifier: Apache-2.0
/* Fuzzes the whole way from a file to structs, and back: what is shown reads as the same config. */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../unit/fake_catalog.h"
#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int text_load(const void *text, size_t size, struct problems *problems,
		     struct config **ret_config)
{
	int file = memfd_create("fuzz", MFD_CLOEXEC), result;
	char path[64];

	assert(file >= 0 && write(file, text, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	result = config_load(path, NULL, problems, ret_config);
	close(file);
	return result;
}

static bool has_secrets(const struct config *config)
{
	for (uint32_t i = 0; i < config->instance_count; i++)
		if (config->instances[i].plugin->descriptor->options == fake_load_options &&
		    ((const struct fake_load *)config->instances[i].self)->token)
			return true;
	return false;
}

static void config_compare(const struct config *config, const struct config *again)
{
	assert(again && config->instance_count == again->instance_count);
	assert(config->pipeline_count == again->pipeline_count);
	for (uint32_t i = 0; i < config->instance_count; i++)
		assert(!strcmp(config->instances[i].source, again->instances[i].source));
	for (uint32_t i = 0; i < config->pipeline_count; i++)
		assert(!strcmp(config->pipelines[i].source, again->pipelines[i].source));
}

static void show_check(const struct config *config)
{
	struct problems *problems = problems_create();
	struct config *again = NULL;
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	int result;

	assert(problems && file);
	config_show(config, file);
	fclose(file);
	if (length <= 1 << 20 && !has_secrets(config)) {
		result = text_load(text, length, problems, &again);
		if (result)
			problems_print(problems, stderr, false);
		assert(!result);
		config_compare(config, again);
	}
	config_release(again);
	problems_release(problems);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems *problems = problems_create();
	struct config *config = NULL;
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	int result;

	assert(problems && file);
	result = text_load(data, size, problems, &config);
	assert(!result == !problems_count(problems, PROBLEM_ERROR));
	problems_print(problems, file, true);
	fclose(file);
	if (!result)
		show_check(config);
	free(text);
	config_release(config);
	problems_release(problems);
	return 0;
}
