// SPDX-License-Identifier: Apache-2.0
/* Fuzzes a directory of fragments: files that a zero byte tells apart are one config, with the same
 * problems each time, and what it shows reads as one file. */
#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../unit/fake_catalog.h"
#include "config.h"

enum { FILE_LIMIT = 4, PATH_BYTES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/sonde-fuzz-fragment-XXXXXX";
static bool made;

static void file_path(char path[PATH_BYTES], uint32_t number)
{
	snprintf(path, PATH_BYTES, "%s/%u.conf", directory, number);
}

static void directory_remove(void)
{
	char path[PATH_BYTES];

	for (uint32_t i = 0; i < FILE_LIMIT; i++) {
		file_path(path, i);
		unlink(path);
	}
	rmdir(directory);
}

static void files_write(const uint8_t *data, size_t size)
{
	char path[PATH_BYTES];

	for (uint32_t i = 0; i < FILE_LIMIT; i++) {
		const uint8_t *end = i + 1 < FILE_LIMIT ? memchr(data, '\0', size) : NULL;
		size_t length = end ? (size_t)(end - data) : size;
		FILE *file;

		file_path(path, i);
		file = fopen(path, "we");
		assert(file && fwrite(data, 1, length, file) == length);
		fclose(file);
		data += end ? length + 1 : length;
		size -= end ? length + 1 : length;
	}
}

/* Loads the directory; the problems as a text, freed by the caller. */
static char *loaded(struct config **ret_config, size_t *ret_length)
{
	struct problems *problems = problems_create();
	char *text = NULL;
	FILE *file = open_memstream(&text, ret_length);
	int result;

	assert(problems && file);
	result = config_load(directory, NULL, problems, ret_config);
	assert(!result == !problems_count(problems, PROBLEM_ERROR));
	problems_print(problems, file, false);
	fclose(file);
	problems_release(problems);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL, *again = NULL;
	size_t length, length_again;
	char *problems, *problems_again;

	if (!made) {
		assert(mkdtemp(directory));
		atexit(directory_remove);
		made = true;
	}
	files_write(data, size);
	problems = loaded(&config, &length);
	problems_again = loaded(&again, &length_again);
	assert(length == length_again && !memcmp(problems, problems_again, length));
	assert(!config == !again);
	if (config) {
		assert(config->instance_count == again->instance_count);
		assert(config->pipeline_count == again->pipeline_count);
	}
	config_release(config);
	config_release(again);
	free(problems);
	free(problems_again);
	return 0;
}
