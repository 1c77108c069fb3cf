// SPDX-License-Identifier: Apache-2.0
/* Output `file`: formats on the disk from one run to the next, permissions, and wrong options. */
#include <errno.h>
#include <sys/stat.h>
#include <zstd.h>
#include "file_fixture.h"

/* ---- formats ----------------------------------------------------------------------------- */

static void a_csv_file_has_one_header_and_goes_on_after_a_restart(void **state)
{
	const char *options[] = { "format=csv", "rotate_size=12B", NULL };
	struct plugin_host *host = started("rows.csv", options);

	(void)state;
	assert_int_equal(write_numbers(host, "a", 1, 4), SONDE_OK);
	plugin_host_release(host);
	assert_content("rows~20260701T120000Z.csv", "a\r\n1\r\n2\r\n3\r\n");
	host = started("rows.csv", (const char *[]){ "format=csv", NULL });
	assert_int_equal(write_numbers(host, "a", 5, 1), SONDE_OK);
	assert_int_equal(write_numbers(host, "b", 6, 1), SONDE_OK);
	assert_int_equal(write_numbers(host, "a", 7, 1), SONDE_OK);
	plugin_host_release(host);
	assert_content("rows~20260701T120000Z_0002.csv", "a\r\n4\r\n5\r\n");
	assert_content("rows.csv", "a,b\r\n,6\r\n7,\r\n");
}

static void a_batch_of_too_many_columns_is_rejected_and_the_others_are_not(void **state)
{
	struct plugin_host *host = started("rows.csv", (const char *[]){ "format=csv", NULL });
	struct sonde_batch *batches[] = { numbers("a", 1, 1),
					  batch_table("wide", SONDE_SIGNAL_LOG, 1),
					  numbers("a", 2, 1) };
	char name[16];

	(void)state;
	for (int index = 0; index < 4097; index++) {
		const struct sonde_field field = { .name = name, .type = SONDE_U8 };

		(void)snprintf(name, sizeof(name), "c%d", index);
		(void)batch_add(batches[1], &field, NULL);
	}
	assert_int_equal(plugin_host_write(host, batches, 3), SONDE_OK);
	assert_int_equal(host->settled_count, 1);
	assert_int_equal(host->outcome.verdict, SONDE_REJECTED);
	assert_string_equal(host->outcome.reason, "too many columns");
	assert_int_equal(plugin_host_write(host, &batches[1], 1), SONDE_OK);
	assert_int_equal(host->settled_count, 2);
	for (int index = 0; index < 3; index++)
		batch_release(batches[index]);
	plugin_host_release(host);
	assert_content("rows.csv", "a\r\n1\r\n2\r\n");
}

static void a_torn_record_is_cut_off_though_it_has_line_breaks(void **state)
{
	struct plugin_host *host;

	(void)state;
	fill("rows.csv", "a\r\n\"x\r\ny\"\r\n\"torn\r\n");
	host = started("rows.csv", (const char *[]){ "format=csv", NULL });
	assert_non_null(strstr(host->message, "7 bytes cut off"));
	assert_int_equal(write_numbers(host, "a", 7, 1), SONDE_OK);
	plugin_host_release(host);
	assert_content("rows.csv", "a\r\n\"x\r\ny\"\r\n7\r\n");
}

static void assert_unpacked(const char *name, const char *expected)
{
	char text[4096] = "";
	char *packed = content(name);
	struct stat status;
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_outBuffer to = { .dst = text, .size = sizeof(text) - 1 };
	ZSTD_inBuffer from = { .src = packed };
	size_t left = 0;

	assert_int_equal(stat(in(name), &status), 0);
	from.size = (size_t)status.st_size;
	while (from.pos < from.size) {
		left = ZSTD_decompressStream(context, &to, &from);
		assert_false(ZSTD_isError(left));
	}
	assert_int_equal(left, 0); /* it ends with a whole frame */
	assert_string_equal(text, expected);
	ZSTD_freeDCtx(context);
	free(packed);
}

static void compressed_files_are_whole_after_each_delivery(void **state)
{
	const char *options[] = { "compression=zstd", "format=csv", NULL };
	struct plugin_host *host = started("rows.csv.zst", options);
	struct stat status;

	(void)state;
	assert_int_equal(write_numbers(host, "a", 1, 2), SONDE_OK);
	assert_unpacked("rows.csv.zst", "a\r\n1\r\n2\r\n");
	assert_int_equal(stat(in("rows.csv.zst"), &status), 0);
	assert_int_equal(write_numbers(host, "a", 3, 1), SONDE_OK);
	plugin_host_release(host);
	assert_int_equal(truncate(in("rows.csv.zst"), status.st_size + 7), 0); /* as a crash does */
	host = started("rows.csv.zst", options);
	assert_non_null(strstr(host->message, "7 bytes cut off"));
	assert_int_equal(write_numbers(host, "a", 4, 1), SONDE_OK); /* the header is known */
	assert_int_equal(write_numbers(host, "b", 5, 1), SONDE_OK);
	plugin_host_release(host);
	assert_unpacked("rows~20260701T120000Z.csv.zst", "a\r\n1\r\n2\r\n4\r\n");
	assert_unpacked("rows.csv.zst", "a,b\r\n,5\r\n");
}

static void a_broken_compressed_file_is_set_aside_and_a_strange_one_left_alone(void **state)
{
	const char *options[] = { "compression=zstd", NULL };
	struct plugin_host *host = started("rows.json.zst", options);
	char path[300];
	FILE *file;

	(void)state;
	assert_int_equal(write_numbers(host, "n", 1, 1), SONDE_OK);
	plugin_host_release(host);
	file = fopen(in("rows.json.zst"), "ae");
	assert_true(file && fputs("what is this", file) >= 0);
	assert_int_equal(fclose(file), 0);
	host = started("rows.json.zst", options);
	assert_non_null(strstr(host->message, "rows.json.zst is broken"));
	assert_int_equal(write_numbers(host, "n", 2, 1), SONDE_OK);
	plugin_host_release(host);
	assert_unpacked("rows.json.zst", "{\"n\":2}\n");
	assert_int_equal(access(in("rows~20260701T120000Z.json.zst"), F_OK), 0);
	fill("rows.json.zst", "a letter\n");
	(void)snprintf(path, sizeof(path), "path=%s", in("rows.json.zst"));
	host = plugin_host_create(sonde_plugin, (const char *[]){ path, "compression=zstd", NULL });
	assert_int_equal(plugin_host_start(host), -EBADMSG);
	assert_non_null(strstr(host->message, "move it away"));
	plugin_host_release(host);
	assert_content("rows.json.zst", "a letter\n");
}

/* ---- options ---------------------------------------------------------------------------- */

static void permissions_are_as_stated_whatever_the_umask(void **state)
{
	const char *options[] = { "permissions=0666", "directory_permissions=2777", NULL };
	mode_t before = umask(077);
	struct plugin_host *host = started("sub/rows.json", options);
	struct stat status;

	(void)state;
	(void)umask(before);
	plugin_host_release(host);
	assert_int_equal(stat(in("sub"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 02777);
	assert_int_equal(stat(in("sub/rows.json"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0666);
}

static void assert_problem(const char *const *options, const char *expected)
{
	struct plugin_host *host = plugin_host_create(sonde_plugin, options);

	assert_string_equal(host->problem, expected);
	plugin_host_release(host);
}

static void options_that_contradict_each_other_are_named(void **state)
{
	(void)state;
	assert_problem((const char *[]){ "path=/tmp/x", "compression=zstd", NULL },
		       "path: \"/tmp/x\" is to be compressed: end it in \".zst\"");
	assert_problem((const char *[]){ "path=/tmp/x.zst", NULL },
		       "compression: the path ends in \".zst\", but nothing is compressed (say "
		       "\"zstd\")");
	assert_problem((const char *[]){ "path=-", "compression=zstd", NULL },
		       "compression: standard output is not compressed: pipe it through zstd");
	assert_problem((const char *[]){ "path=-", "rotate_size=1MiB", NULL },
		       "rotate_size: standard output cannot be closed and begun anew");
	assert_problem((const char *[]){ "path=/tmp/%Y", "mode=truncate", NULL },
		       "mode: \"truncate\" is for one file, and the path names many");
	assert_problem((const char *[]){ "path=/tmp/x", "permissions=rw", NULL },
		       "permissions: \"rw\" is no octal number of three or four digits (try "
		       "\"0640\")");
	assert_problem((const char *[]){ "path=/tmp/%{}", NULL },
		       "path: \"/tmp/%{}\": \"%{\" begins a name, such as %{schema} or that of a "
		       "column, and \"}\" ends it");
}

/* ---- OTLP/JSON --------------------------------------------------------------------------- */

static uint32_t count_of(const char *text, const char *piece)
{
	uint32_t count = 0;

	for (; (text = strstr(text, piece)); text++)
		count++;
	return count;
}

static void a_line_of_otlp_json_is_a_request_of_one_signal_and_file(void **state)
{
	const char *options[] = { "format=otlp_json", NULL };
	struct plugin_host *host = started("%{signal}-%{a}.json", options);
	char *text;

	(void)state;
	assert_int_equal(write_numbers(host, "a", 1, 2), SONDE_OK);
	assert_int_equal(write_numbers(host, "b", 7, 2500), SONDE_OK);
	plugin_host_release(host);
	assert_content("logs-1.json",
		       "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"attributes\":"
		       "[{\"key\":\"a\",\"value\":{\"intValue\":\"1\"}}]}]}]}]}\n");
	text = content("logs-_.json"); /* at most 1,000 records a line */
	assert_int_equal(count_of(text, "\n"), 3);
	assert_int_equal(count_of(text, "resourceLogs"), 3);
	assert_int_equal(count_of(text, "\"key\":\"b\""), 2500);
	assert_non_null(strstr(text, "\"intValue\":\"2506\""));
	free(text);
}

static void a_line_of_otlp_json_does_not_grow_a_file_beyond_its_size(void **state)
{
	const char *options[] = { "format=otlp_json", "rotate_size=150B", NULL };
	struct plugin_host *host = started("%{signal}.json", options);
	char *text;

	(void)state;
	assert_int_equal(write_numbers(host, "a", 1, 1), SONDE_OK);
	assert_int_equal(write_numbers(host, "a", 2, 1), SONDE_OK);
	plugin_host_release(host);
	text = content("logs~20260701T120000Z.json");
	assert_non_null(strstr(text, "\"intValue\":\"1\""));
	free(text);
	text = content("logs.json");
	assert_non_null(strstr(text, "\"intValue\":\"2\""));
	free(text);
}

static void what_otlp_has_nothing_for_is_counted_as_rejected(void **state)
{
	const char *options[] = { "format=otlp_json", NULL };
	struct plugin_host *host = started("%{signal}.json", options);
	struct sonde_batch *batches[] = { numbers("a", 1, 1),
					  batch_table("events", SONDE_SIGNAL_SPAN_EVENT, 1),
					  batch_table("nothing", SONDE_SIGNAL_METRIC, 3) };

	(void)state;
	batch_finish(batches[1]);
	batch_finish(batches[2]); /* points without a measure */
	assert_int_equal(plugin_host_write(host, batches, 3), SONDE_OK);
	assert_int_equal(host->settled_count, 2);
	assert_int_equal(host->outcome.verdict, SONDE_DONE);
	assert_int_equal(host->outcome.rejected_rows, 3);
	assert_string_equal(host->outcome.reason, "nothing in OTLP");
	for (int index = 0; index < 3; index++)
		batch_release(batches[index]);
	plugin_host_release(host);
}

int main(void)
{
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, in_a_new_directory, gone)
	const struct CMUnitTest tests[] = {
		TEST(a_csv_file_has_one_header_and_goes_on_after_a_restart),
		TEST(a_batch_of_too_many_columns_is_rejected_and_the_others_are_not),
		TEST(a_torn_record_is_cut_off_though_it_has_line_breaks),
		TEST(compressed_files_are_whole_after_each_delivery),
		TEST(a_broken_compressed_file_is_set_aside_and_a_strange_one_left_alone),
		TEST(a_line_of_otlp_json_is_a_request_of_one_signal_and_file),
		TEST(a_line_of_otlp_json_does_not_grow_a_file_beyond_its_size),
		TEST(what_otlp_has_nothing_for_is_counted_as_rejected),
		TEST(permissions_are_as_stated_whatever_the_umask),
		TEST(options_that_contradict_each_other_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
