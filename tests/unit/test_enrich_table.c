// SPDX-License-Identifier: Apache-2.0
/* The processor enrich under the test host: tables from files, tags, the host and the cloud. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "enrich_host.h"
#include "machine.h"
#include "metadata.h"

static char directory[64];

static int prepare(void **state)
{
	fake_reset();
	strcpy(directory, "/tmp/enrich-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int clean(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static const char *path_of(const char *name)
{
	static char paths[4][160];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void file_write(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *table_option(const char *name, const char *rest)
{
	static char option[512];

	snprintf(option, sizeof(option), "tables=( { file = \"%s\"; %s } )", path_of(name), rest);
	return option;
}

#define OWNERS "key = [\"service.name=service\"]; columns = [\"service.owner=owner\", \"tier\"];"

/* ---- tables ------------------------------------------------------------------------------ */

static void a_table_of_csv_adds_columns_by_its_key(void **state)
{
	struct sonde_test *test;

	file_write("a.csv", "\xef\xbb\xbfservice,tier,\"owner\",unused\r\n"
			    "pay,1,\"team \"\"red\"\", north\",x\r\n"
			    "\n"
			    "shop,,blue,\"two\nlines\"\n"
			    "search,2,,");
	test = enrich_begin(table_option("a.csv", OWNERS), NULL);
	sonde_test_advance(test, SONDE_TEST_SECOND);
	sonde_test_process(test, sonde_test_table(test, "logs", "service.name:text", "pay", "shop",
						  "search", "nobody", "-", "pay", NULL));
	assert_string_equal(sonde_test_text(test, 0, "service.owner"), "team \"red\", north");
	assert_string_equal(sonde_test_text(test, 0, "tier"), "1");
	assert_string_equal(sonde_test_text(test, 1, "service.owner"), "blue");
	assert_false(sonde_test_has(test, 1, "tier"));
	assert_false(sonde_test_has(test, 2, "service.owner"));
	assert_string_equal(sonde_test_text(test, 2, "tier"), "2");
	assert_false(sonde_test_has(test, 3, "tier"));
	assert_false(sonde_test_has(test, 4, "tier"));
	assert_string_equal(sonde_test_text(test, 5, "tier"), "1");
	assert_int_equal(sonde_test_counter(test, "table_found"), 4);
	assert_int_equal(sonde_test_counter(test, "table_missed"), 2);
	assert_int_equal(sonde_test_report_number(test, "tables", path_of("a.csv"), "records"), 3);
	sonde_test_release(test);
}

static void a_table_of_json_lines_takes_texts_numbers_and_truth_values(void **state)
{
	struct sonde_test *test;

	file_write("a.jsonl",
		   "{\"service\": \"p\\u00e4y\", \"owner\": \"red\", \"tier\": 1}\n"
		   "\n"
		   "{\"tier\": true, \"service\": \"shop\", \"owner\": null, \"x\": [1]}");
	test = enrich_begin(table_option("a.jsonl", OWNERS), NULL);
	sonde_test_advance(test, SONDE_TEST_SECOND);
	sonde_test_process(test, sonde_test_table(test, "logs", "service.name:text", "p\xc3\xa4y",
						  "shop", NULL));
	assert_string_equal(sonde_test_text(test, 0, "service.owner"), "red");
	assert_string_equal(sonde_test_text(test, 0, "tier"), "1");
	assert_false(sonde_test_has(test, 1, "service.owner"));
	assert_string_equal(sonde_test_text(test, 1, "tier"), "true");
	sonde_test_release(test);
}

static void keys_may_be_several_and_numbers(void **state)
{
	struct sonde_test *test;

	file_write("a.csv", "port,level,up,name\n80,-3,true,web\n443,-3,false,tls\n8,0,true,x\n");
	test = enrich_begin(table_option("a.csv", "key = [\"port\", \"level\", \"up\"]; columns = "
						  "[\"name\"];"),
			    NULL);
	sonde_test_advance(test, SONDE_TEST_SECOND);
	sonde_test_process(test,
			   sonde_test_table(test, "logs", "port:u16 level:i8 up:bool", "80 -3 true",
					    "443 -3 false", "443 -3 true", "80 3 true", NULL));
	assert_string_equal(sonde_test_text(test, 0, "name"), "web");
	assert_string_equal(sonde_test_text(test, 1, "name"), "tls");
	assert_false(sonde_test_has(test, 2, "name"));
	assert_false(sonde_test_has(test, 3, "name"));
	/* without one of the columns it says nothing */
	sonde_test_process(test, sonde_test_table(test, "logs", "port:u16", "80", NULL));
	assert_false(sonde_test_has(test, 4, "name"));
	sonde_test_release(test);
}

static void a_table_may_ask_by_what_was_added_before(void **state)
{
	char option[512];
	struct sonde_test *test;

	file_write("a.csv", "service,owner\npay,red\n");
	file_write("b.csv", "team,channel\nred,#red-alerts\n");
	snprintf(option, sizeof(option),
		 "tables=( { file = \"%s\"; key = [\"service\"]; columns = [\"owner\"]; }, "
		 "{ file = \"%s\"; key = [\"owner=team\"]; columns = [\"channel\"]; } )",
		 path_of("a.csv"), path_of("b.csv"));
	test = enrich_begin(option, NULL);
	sonde_test_advance(test, SONDE_TEST_SECOND);
	sonde_test_process(test,
			   sonde_test_table(test, "logs", "service:text", "pay", "shop", NULL));
	assert_string_equal(sonde_test_text(test, 0, "channel"), "#red-alerts");
	assert_false(sonde_test_has(test, 1, "channel"));
	sonde_test_release(test);
}

/* Of each a file that is wrong, and what is said of it. */
static void what_is_wrong_in_a_file_is_told_with_its_line(void **state)
{
	static const struct {
		const char *name, *text, *said;
	} wrong[] = {
		{ "a.csv", "", "a.csv:1: the file is empty" },
		{ "a.csv", "service,tier\n", "a.csv:1: the first line has no field \"owner\"" },
		{ "a.csv", "service,owner,tier\npay,red\n",
		  "a.csv:2: 2 fields, where the first line names 3" },
		{ "a.csv", "service,owner,tier\npay,\"a\nb\",1\nshop,\"red,1\n",
		  "a.csv:4: a quote is not closed" },
		{ "a.csv", "service,owner,tier\npay,\"red\"x,1\n",
		  "a.csv:2: a comma or the end of the line is expected" },
		{ "a.csv", "service,owner,tier\npay,a,1\nshop,b,1\npay,c,1\n",
		  "a.csv:4: the key \"pay\" stands in line 2 already" },
		{ "a.csv", "service,owner,tier\n,a,1\n",
		  "a.csv:2: \"service\" has no value, and is a key" },
		{ "a.csv", "service,owner,tier\np\xff,a,1\n", "a.csv:2: field 1 is not UTF-8" },
		{ "a.json", "{\"service\": \"pay\"}\n{\"service\": }\n", "a.json:2: no JSON: " },
		{ "a.json", "[1]\n", "a.json:1: no object" },
		{ "a.json", "{\"service\": \"pay\", \"owner\": {\"a\": 1}}\n",
		  "a.json:1: \"owner\" is an object or an array" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		file_write(wrong[i].name, wrong[i].text);
		assert_null(
			sonde_test_create(sonde_plugin, table_option(wrong[i].name, OWNERS), NULL));
		if (!strstr(sonde_test_error(), wrong[i].said))
			fail_msg("\"%s\" is not in: %s", wrong[i].said, sonde_test_error());
	}
	assert_null(sonde_test_create(sonde_plugin, table_option("none.csv", OWNERS), NULL));
	assert_non_null(strstr(sonde_test_error(), "none.csv: No such file"));
	file_write("a.csv", "service,owner,tier\npay,red,1\n");
	assert_null(sonde_test_create(sonde_plugin,
				      table_option("a.csv", "key = []; columns = [\"x\"];"), NULL));
	assert_non_null(strstr(sonde_test_error(), "tables.key: none is given"));
	assert_null(sonde_test_create(
		sonde_plugin, table_option("a.csv", "key = [\"=x\"]; columns = [\"x\"];"), NULL));
	assert_non_null(strstr(sonde_test_error(), "\"=x\" is not \"COLUMN\""));
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	char text[4096] = "service,owner,tier\npay,";

	memset(text + strlen(text), 'x', 2000);
	strcat(text, ",1\n");
	file_write("a.csv", text);
	assert_null(sonde_test_create(sonde_plugin, table_option("a.csv", OWNERS),
				      "table_limit=1KiB", NULL));
	assert_non_null(strstr(sonde_test_error(), "is larger than 1024 bytes"));
}

static const char *owner_now(struct sonde_test *test)
{
	uint32_t row = sonde_test_row_count(test);

	sonde_test_process(test, sonde_test_table(test, "logs", "service.name:text", "pay", NULL));
	return sonde_test_has(test, row, "service.owner")
		       ? sonde_test_text(test, row, "service.owner")
		       : "nobody";
}

/* What inotify tells comes at once; the file is read a little later. */
static void change_take(struct sonde_test *test)
{
	assert_true(sonde_test_poll(test, 10000) > 0);
	sonde_test_advance(test, SONDE_TEST_SECOND);
}

static void a_changed_file_is_read_again_and_a_wrong_one_leaves_what_was(void **state)
{
	struct sonde_test *test;

	file_write("a.csv", "service,owner,tier\npay,red,1\n");
	test = enrich_begin(table_option("a.csv", OWNERS), NULL);
	sonde_test_advance(test, SONDE_TEST_SECOND);
	assert_string_equal(owner_now(test), "red");
	file_write("a.csv", "service,owner,tier\npay,blue,1\n"); /* in place */
	change_take(test);
	assert_string_equal(owner_now(test), "blue");
	file_write("a.new", "service,owner,tier\npay,green,1\n");
	assert_int_equal(rename(path_of("a.new"), path_of("a.csv")), 0);
	change_take(test);
	assert_string_equal(owner_now(test), "green");
	assert_null(sonde_test_degraded(test));
	file_write("a.csv", "service,owner,tier\npay,black\n");
	change_take(test);
	assert_string_equal(owner_now(test), "green");
	assert_non_null(strstr(sonde_test_degraded(test), "a.csv:2: 2 fields"));
	sonde_test_advance(test, 120 * SONDE_TEST_SECOND); /* and stays so */
	assert_non_null(strstr(sonde_test_degraded(test), "a.csv:2: 2 fields"));
	unlink(path_of("a.csv"));
	change_take(test);
	assert_string_equal(owner_now(test), "green");
	assert_non_null(strstr(sonde_test_degraded(test), "No such file"));
	file_write("a.csv", "service,owner,tier\npay,white,1\n");
	change_take(test);
	assert_string_equal(owner_now(test), "white");
	assert_null(sonde_test_degraded(test));
	assert_int_equal(sonde_test_report_number(test, "tables", path_of("a.csv"), "loads"), 4);
	sonde_test_release(test);
}

/* ---- tags, host, cloud ------------------------------------------------------------------- */

static uint8_t scope_of(struct sonde_test *test, uint32_t batch, const char *name)
{
	const struct sonde_batch *head = sonde_test_batch(test, batch);

	for (uint32_t i = 0; i < head->column_count; i++)
		if (!strcmp(sonde_column(head, i)->name, name))
			return sonde_column(head, i)->scope;
	return 99;
}

static void tags_are_constants_that_may_change_while_it_runs(void **state)
{
	struct sonde_test *test = enrich_begin("tags=team=a, zone=b=c", NULL);
	const struct sonde_batch *batch;

	sonde_test_process(test, sonde_test_table(test, "logs", "x:u32", "1", "2", NULL));
	assert_string_equal(sonde_test_text(test, 1, "team"), "a");
	assert_string_equal(sonde_test_text(test, 1, "zone"), "b=c");
	assert_int_equal(scope_of(test, 0, "team"), SONDE_SCOPE_RESOURCE);
	batch = sonde_test_batch(test, 0);
	assert_int_equal(sonde_column(batch, batch->column_count - 1)->stride, 0);
	assert_int_equal(sonde_test_set(test, "tags", "team=z"), 0);
	assert_int_equal(sonde_test_set(test, "tag_scope", "row"), 0);
	assert_int_not_equal(sonde_test_set(test, "tags", "nothing"), 0);
	sonde_test_process(test, sonde_test_table(test, "logs", "x:u32 team:text", "1 own", NULL));
	sonde_test_process(test, sonde_test_table(test, "logs", "x:u32", "1", NULL));
	assert_string_equal(sonde_test_text(test, 2, "team"), "own");
	assert_string_equal(sonde_test_text(test, 3, "team"), "z");
	assert_int_equal(scope_of(test, 2, "team"), SONDE_SCOPE_ROW);
	sonde_test_release(test);
}

static void a_key_in_the_map_of_attributes_is_not_said_twice(void **state)
{
	struct sonde_test *test = enrich_begin("tags=team=a, other=b", NULL);
	struct sonde_instance *instance = sonde_test_instance(test);
	const struct sonde_field field = { .name = "attributes",
					   .type = SONDE_ANY,
					   .role = SONDE_ROLE_ATTRIBUTES,
					   .scope = SONDE_SCOPE_RESOURCE };
	const struct sonde_any item = { .kind = SONDE_ANY_TEXT,
					.length = 3,
					.as.data = "own",
					.key = "team",
					.key_length = 4 };
	const struct sonde_any map = { .kind = SONDE_ANY_MAP, .length = 1, .as.items = &item };
	struct sonde_dictionary *dictionary = sonde_dictionary_create(instance, true);
	struct sonde_batch *batch = sonde_test_table(test, "logs", "x:u32", "1", "2", NULL);
	char bytes[64];
	int64_t size = sonde_any_encode(instance, &map, bytes, sizeof(bytes));
	uint32_t code = sonde_dictionary_add(instance, dictionary, bytes, (size_t)size);

	assert_non_null(sonde_batch_constant(instance, batch, &field, dictionary, &code));
	sonde_dictionary_release(instance, dictionary);
	sonde_test_process(test, batch);
	assert_false(sonde_test_has(test, 0, "team"));
	assert_string_equal(sonde_test_text(test, 0, "other"), "b");
	sonde_test_release(test);
}

static void the_host_says_what_it_is(void **state)
{
	struct sonde_test *test;
	char root[128], name[256];

	mkdir(path_of("etc"), 0700);
	file_write("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	file_write("etc/os-release",
		   "NAME='Debian \\x'\nVERSION_ID=\"12 \\\"a\\\"\"\nPRETTY_NAME=x y\n");
	snprintf(root, sizeof(root), "root=%s", directory);
	test = enrich_begin("add=host", root, NULL);
	gethostname(name, sizeof(name));
	sonde_test_process(test, sonde_test_table(test, "logs", "x:u32", "1", NULL));
	assert_string_equal(sonde_test_text(test, 0, "host.name"), name);
	assert_string_equal(sonde_test_text(test, 0, "host.id"),
			    "0123456789abcdef0123456789abcdef");
	assert_string_equal(sonde_test_text(test, 0, "os.type"), "linux");
	assert_string_equal(sonde_test_text(test, 0, "os.name"), "Debian \\x");
	assert_string_equal(sonde_test_text(test, 0, "os.version"), "12 \"a\"");
	assert_string_equal(sonde_test_text(test, 0, "os.description"), "x y");
	assert_true(sonde_test_has(test, 0, "host.arch"));
	assert_true(sonde_test_has(test, 0, "os.kernel.release"));
	sonde_test_release(test);
}

static void the_firmware_tells_whose_cloud_it_is(void **state)
{
	static const struct {
		const char *file, *text;
		enum cloud cloud;
	} told[] = {
		{ "sys_vendor", "Amazon EC2\n", CLOUD_AWS },
		{ "sys_vendor", "QEMU\n", CLOUD_NONE },
		{ "bios_version", "4.11.amazon\n", CLOUD_AWS },
		{ "bios_version", "1.16\n", CLOUD_NONE },
		{ "product_name", "Google Compute Engine\n", CLOUD_GCP },
		{ "product_name", "Standard PC\n", CLOUD_NONE },
		{ "chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n", CLOUD_AZURE },
	};
	static const char *const parts[] = { "sys", "sys/class", "sys/class/dmi",
					     "sys/class/dmi/id" };
	char name[64];

	for (int i = 0; i < 4; i++)
		mkdir(path_of(parts[i]), 0700);
	assert_int_equal(machine_cloud(directory), CLOUD_NONE);
	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
		snprintf(name, sizeof(name), "sys/class/dmi/id/%s", told[i].file);
		file_write(name, told[i].text);
		assert_int_equal(machine_cloud(directory), told[i].cloud);
	}
}

static bool answer_read(enum cloud cloud, uint32_t step, const char *body,
			struct metadata_answer *answer)
{
	return metadata_read(cloud, step, body, strlen(body), answer);
}

static void answers_of_metadata_services_are_read(void **state)
{
	struct metadata_answer answer = { 0 };

	assert_true(
		answer_read(CLOUD_AWS, 1,
			    "{\"accountId\" : \"123\", \"region\" : \"eu-west-1\",\n"
			    "\"availabilityZone\" : \"eu-west-1b\", \"instanceId\" : \"i-0a\", "
			    "\"instanceType\" : \"t3.micro\", \"pendingTime\": null, \"x\": [1]}",
			    &answer));
	assert_string_equal(answer.account, "123");
	assert_string_equal(answer.region, "eu-west-1");
	assert_string_equal(answer.zone, "eu-west-1b");
	assert_string_equal(answer.type, "t3.micro");
	assert_string_equal(answer.instance, "i-0a");
	assert_false(answer_read(CLOUD_AWS, 1, "{\"region\": 5}", &(struct metadata_answer){ 0 }));
	assert_false(answer_read(CLOUD_AWS, 1, "<html>", &(struct metadata_answer){ 0 }));
	answer = (struct metadata_answer){ 0 };
	assert_true(answer_read(CLOUD_GCP, 0, "4520031799277581759", &answer));
	assert_true(answer_read(CLOUD_GCP, 1, "projects/1/zones/europe-west1-b\n", &answer));
	assert_true(answer_read(CLOUD_GCP, 2, "projects/1/machineTypes/n1-standard-1", &answer));
	assert_true(answer_read(CLOUD_GCP, 3, "my-project", &answer));
	assert_string_equal(answer.instance, "4520031799277581759");
	assert_string_equal(answer.zone, "europe-west1-b");
	assert_string_equal(answer.region, "europe-west1");
	assert_string_equal(answer.type, "n1-standard-1");
	assert_string_equal(answer.account, "my-project");
	assert_false(answer_read(CLOUD_GCP, 0, "<html></html>", &answer));
	assert_false(answer_read(CLOUD_GCP, 0, "", &answer));
	answer = (struct metadata_answer){ 0 };
	assert_true(answer_read(CLOUD_AZURE, 0,
				"{\"location\":\"westeurope\",\"zone\":\"1\",\"vmId\":\"02aab8a4\","
				"\"vmSize\":\"Standard_A3\",\"subscriptionId\":\"8d10da13\","
				"\"tagsList\":[{\"name\":\"vmId\"}]}",
				&answer));
	assert_string_equal(answer.region, "westeurope");
	assert_string_equal(answer.zone, "1");
	assert_string_equal(answer.instance, "02aab8a4");
	assert_string_equal(answer.account, "8d10da13");
}

static void options_that_make_no_sense_are_problems(void **state)
{
	static const struct {
		const char *option, *said;
	} wrong[] = {
		{ NULL, "there is nothing to add (try add = [\"process\", \"container\"];)" },
		{ "add=proces", "proces" },
		{ "tags=team", "\"team\" is not \"key=value\"" },
		{ "tags==a", "\"=a\" is not \"key=value\"" },
		{ "columns=container.idd", "\"container.idd\" is no column of process" },
		{ "cloud_endpoint=ftp://x", "is no address of HTTP" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_null(sonde_test_create(sonde_plugin, wrong[i].option, NULL));
		if (!strstr(sonde_test_error(), wrong[i].said))
			fail_msg("\"%s\" is not in: %s", wrong[i].said, sonde_test_error());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_table_of_csv_adds_columns_by_its_key, prepare,
						clean),
		cmocka_unit_test_setup_teardown(
			a_table_of_json_lines_takes_texts_numbers_and_truth_values, prepare, clean),
		cmocka_unit_test_setup_teardown(keys_may_be_several_and_numbers, prepare, clean),
		cmocka_unit_test_setup_teardown(a_table_may_ask_by_what_was_added_before, prepare,
						clean),
		cmocka_unit_test_setup_teardown(what_is_wrong_in_a_file_is_told_with_its_line,
						prepare, clean),
		cmocka_unit_test_setup_teardown(a_file_that_is_too_large_is_refused, prepare,
						clean),
		cmocka_unit_test_setup_teardown(
			a_changed_file_is_read_again_and_a_wrong_one_leaves_what_was, prepare,
			clean),
		cmocka_unit_test_setup_teardown(tags_are_constants_that_may_change_while_it_runs,
						prepare, clean),
		cmocka_unit_test_setup_teardown(a_key_in_the_map_of_attributes_is_not_said_twice,
						prepare, clean),
		cmocka_unit_test_setup_teardown(the_host_says_what_it_is, prepare, clean),
		cmocka_unit_test_setup_teardown(the_firmware_tells_whose_cloud_it_is, prepare,
						clean),
		cmocka_unit_test_setup_teardown(answers_of_metadata_services_are_read, prepare,
						clean),
		cmocka_unit_test_setup_teardown(options_that_make_no_sense_are_problems, prepare,
						clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
