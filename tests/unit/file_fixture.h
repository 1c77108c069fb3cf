/* SPDX-License-Identifier: Apache-2.0 */
/* The output `file` in a directory of a test's own: its files, and rows to write to them. */
#ifndef SONDE_TEST_FILE_FIXTURE_H
#define SONDE_TEST_FILE_FIXTURE_H

#include <ftw.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "batch.h"
#include "plugin_host.h"
#include <cmocka.h> /* last: its macro fail() is a service of the host */

const struct sonde_plugin *sonde_plugin(const struct sonde_host *host);

enum { TIMER_TEND, TIMER_SYNC, CONTENT_BYTES = 1 << 20 };

static const int64_t second_ns = INT64_C(1000000000), noon_ns = INT64_C(1782907200000000000);
static char directory[64];

/* ---- files ------------------------------------------------------------------------------- */

__attribute__((unused)) static int remove_entry(const char *path, const struct stat *status,
						int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

__attribute__((unused)) static int in_a_new_directory(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/test_file.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

__attribute__((unused)) static int gone(void **state)
{
	(void)state;
	return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

__attribute__((unused)) static const char *in(const char *name)
{
	static char path[4][256];
	static int turn;

	turn = (turn + 1) % 4;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", directory, name);
	return path[turn];
}

/* The content of a file; "(none)" if it is not there. Released by the caller. */
__attribute__((unused)) static char *content(const char *name)
{
	char *text = calloc(1, CONTENT_BYTES);
	FILE *file = fopen(in(name), "re");

	assert_non_null(text);
	if (file) {
		(void)fread(text, 1, CONTENT_BYTES - 1, file);
		(void)fclose(file);
	} else {
		strcpy(text, "(none)");
	}
	return text;
}

__attribute__((unused)) static void assert_content(const char *name, const char *expected)
{
	char *text = content(name);

	assert_string_equal(text, expected);
	free(text);
}

/* All files that match, one after the other in the order of their names. */
__attribute__((unused)) static void assert_contents(const char *pattern, size_t count,
						    const char *expected)
{
	char *all = calloc(1, CONTENT_BYTES);
	glob_t found;

	assert_int_equal(glob(in(pattern), 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, count);
	for (size_t index = 0; index < found.gl_pathc; index++) {
		char *text = content(strrchr(found.gl_pathv[index], '/') + 1);

		strcat(all, text);
		free(text);
	}
	assert_string_equal(all, expected);
	globfree(&found);
	free(all);
}

__attribute__((unused)) static void fill(const char *name, const char *text)
{
	FILE *file = fopen(in(name), "we");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

/* ---- the plugin -------------------------------------------------------------------------- */

__attribute__((unused)) static struct plugin_host *started(const char *name,
							   const char *const *more)
{
	const char *options[16] = { NULL };
	struct plugin_host *host;
	char path[300];
	uint32_t count = 0;

	(void)snprintf(path, sizeof(path), "path=%s", in(name));
	options[count++] = path;
	options[count++] = "schema=false";
	for (; more && *more; more++)
		options[count++] = *more;
	host = plugin_host_create(sonde_plugin, options);
	assert_string_equal(host->problem, "");
	host->now_ns = noon_ns;
	assert_int_equal(plugin_host_start(host), 0);
	return host;
}

/* A batch of these numbers, in a column of this name. */
__attribute__((unused)) static struct sonde_batch *numbers(const char *name, uint32_t first,
							   uint32_t count)
{
	const struct sonde_field field = { .name = name, .type = SONDE_U32 };
	struct sonde_batch *batch = batch_table("numbers", SONDE_SIGNAL_LOG, count);
	struct sonde_column *column = batch_add(batch, &field, NULL);

	for (uint32_t row = 0; row < count; row++) {
		uint32_t value = first + row;

		memcpy(column->base + (size_t)row * column->stride, &value, sizeof(value));
	}
	batch_finish(batch);
	return batch;
}

__attribute__((unused)) static int write_numbers(struct plugin_host *host, const char *name,
						 uint32_t first, uint32_t count)
{
	struct sonde_batch *batch = numbers(name, first, count);
	int result = plugin_host_write(host, &batch, 1);

	batch_release(batch);
	return result;
}

#endif
