// SPDX-License-Identifier: Apache-2.0
/* The processor enrich under the test host: whose process, container and user a row is. */
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

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define EVENTS                                                                                     \
	"time:time:time process.start_time:time process.pid:u32 cgroup.id:u64 "                    \
	"clock:duration:clock_offset"

static int prepare(void **state)
{
	fake_reset();
	return 0;
}

/* A row as kernel inputs write them: times in boottime, told by the clock as it was. */
static const char *event_by(int64_t offset_ns, int64_t time_ns, int64_t start_ns, uint32_t pid,
			    uint64_t cgroup)
{
	static char rows[16][128];
	static int next;
	char *row = rows[next++ % 16];

	snprintf(row, sizeof(rows[0]), "%lld %lld %u %llu %lld", (long long)(time_ns + offset_ns),
		 (long long)(start_ns + offset_ns), pid, (unsigned long long)cgroup,
		 (long long)offset_ns);
	return row;
}

static const char *event(int64_t time_ns, int64_t start_ns, uint32_t pid)
{
	return event_by(fake.offset_ns, time_ns, start_ns, pid, 1);
}

static const char *name_of(struct sonde_test *test, uint32_t row)
{
	return sonde_test_has(test, row, "process.executable.name")
		       ? sonde_test_text(test, row, "process.executable.name")
		       : NULL;
}

static void constant_add(struct sonde_test *test, struct sonde_batch *batch, const char *name,
			 const char *value)
{
	struct sonde_instance *instance = sonde_test_instance(test);
	const struct sonde_field field = { .name = name,
					   .type = SONDE_TEXT,
					   .scope = SONDE_SCOPE_RESOURCE };
	struct sonde_dictionary *dictionary = sonde_dictionary_create(instance, true);
	uint32_t code = sonde_dictionary_add(instance, dictionary, value, strlen(value));

	assert_non_null(sonde_batch_constant(instance, batch, &field, dictionary, &code));
	sonde_dictionary_release(instance, dictionary);
}

/* ---- processes --------------------------------------------------------------------------- */

static void a_process_is_named_by_its_pid_and_start_time(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);
	struct sonde_process_image *image = fake_image(7, 100, 100, UINT64_MAX, "/usr/bin/curl");

	image->parent_tgid = 6;
	image->parent_start_ns = 50;
	image->user_id = 1000;
	fake_image(6, 50, 50, UINT64_MAX, "/bin/bash");
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(200, 100, 7),
						  event(200, 101, 7), event(200, 100, 8), NULL));
	assert_int_equal(sonde_test_row_count(test), 3);
	assert_string_equal(name_of(test, 0), "curl");
	assert_string_equal(sonde_test_text(test, 0, "process.executable.path"), "/usr/bin/curl");
	assert_string_equal(sonde_test_text(test, 0, "process.command"), "curl");
	assert_int_equal(sonde_test_number(test, 0, "process.parent_pid"), 6);
	assert_string_equal(sonde_test_text(test, 0, "process.parent.executable.name"), "bash");
	assert_int_equal(sonde_test_number(test, 0, "process.real_user.id"), 1000);
	assert_null(name_of(test, 1)); /* it started at another time */
	assert_null(name_of(test, 2));
	assert_int_equal(sonde_test_counter(test, "process_found"), 1);
	assert_int_equal(sonde_test_counter(test, "process_missed"), 2);
	sonde_test_release(test);
	assert_int_equal(fake.held, 0);
}

static void a_pid_that_is_given_again_names_each_of_its_holders(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);

	fake_image(7, 100, 100, 300, "/bin/one");
	fake_image(7, 400, 400, UINT64_MAX, "/bin/two");
	for (int round = 0; round < 2; round++)
		sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(200, 100, 7),
							  event(450, 400, 7), event(250, 100, 7),
							  event(500, 500, 7), NULL));
	for (uint32_t row = 0; row < 8; row += 4) {
		assert_string_equal(name_of(test, row), "one");
		assert_string_equal(name_of(test, row + 1), "two");
		assert_string_equal(name_of(test, row + 2), "one");
		assert_null(name_of(test, row + 3));
	}
	sonde_test_release(test);
	assert_int_equal(fake.held, 0);
}

static void before_and_after_an_exec_it_is_another_program(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);
	struct sonde_process_image *shell = fake_image(7, 100, 100, UINT64_MAX, "/bin/sh");

	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL));
	shell->until_ns = 200;
	fake_image(7, 100, 200, UINT64_MAX, "/bin/true");
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(250, 100, 7),
						  event(199, 100, 7), event(200, 100, 7), NULL));
	assert_string_equal(name_of(test, 0), "sh");
	assert_string_equal(name_of(test, 1), "true");
	assert_string_equal(name_of(test, 2), "sh");
	assert_string_equal(name_of(test, 3), "true");
	sonde_test_release(test);
	assert_int_equal(fake.held, 0);
}

/* The table may learn what a process runs after it was asked: another image takes its place. */
static void an_image_that_is_taken_back_names_nobody_any_more(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);
	struct sonde_process_image *early = fake_image(7, 100, 100, UINT64_MAX, "/bin/sh");

	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL));
	early->until_ns = early->since_ns;
	fake_image(7, 100, 100, UINT64_MAX, "/bin/true");
	for (int round = 0; round < 2; round++)
		sonde_test_process(
			test, sonde_test_table(test, "calls", EVENTS, event(160, 100, 7), NULL));
	assert_string_equal(name_of(test, 0), "sh");
	assert_string_equal(name_of(test, 1), "true");
	assert_string_equal(name_of(test, 2), "true");
	sonde_test_release(test);
	assert_int_equal(fake.held, 0);
}

static void what_is_known_is_not_asked_for_again(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);
	uint32_t asked;

	fake_image(7, 100, 100, UINT64_MAX, "/bin/sh");
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL));
	asked = fake.asked;
	for (int round = 0; round < 10; round++)
		sonde_test_process(test, sonde_test_table(test, "calls", EVENTS,
							  event(150 + round, 100, 7), NULL));
	assert_int_equal(fake.asked, asked);
	assert_int_equal(fake.held, 1); /* to be told when it ends */
	sonde_test_release(test);
}

static void a_process_that_was_not_known_may_be_later(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);

	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL));
	fake_image(7, 100, 100, UINT64_MAX, "/bin/sh");
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL));
	assert_null(name_of(test, 0));
	assert_string_equal(name_of(test, 1), "sh");
	sonde_test_release(test);
}

static void a_step_of_the_clock_misnames_nobody(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);
	int64_t before_ns = fake.offset_ns;

	fake_image(7, 100, 100, UINT64_MAX, "/bin/sh");
	fake.offset_ns += 3600000000000;
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS,
						  event_by(before_ns, 150, 100, 7, 1), NULL));
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS,
						  event_by(fake.offset_ns, 150, 100, 7, 1), NULL));
	assert_string_equal(name_of(test, 0), "sh");
	assert_string_equal(name_of(test, 1), "sh");
	sonde_test_release(test);
}

static void rows_that_do_not_say_how_they_were_stamped_need_a_clock_that_stood(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);
	char right[128], wrong[128];

	fake_image(7, 5000000, 5000000, UINT64_MAX, "/bin/sh");
	snprintf(right, sizeof(right), "%lld %lld 7", (long long)fake.offset_ns + 9000000,
		 (long long)fake.offset_ns + 5000100);
	snprintf(wrong, sizeof(wrong), "%lld %lld 7", (long long)fake.offset_ns + 9000000,
		 (long long)fake.offset_ns + 8000000);
	sonde_test_process(test, sonde_test_table(test, "calls",
						  "time:time:time process.start_time:time "
						  "process.pid:u32",
						  right, wrong, NULL));
	assert_string_equal(name_of(test, 0), "sh");
	assert_null(name_of(test, 1));
	sonde_test_release(test);
}

static void a_pid_alone_is_whoever_had_it_at_the_time_of_the_row(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);
	char early[64], between[64], late[64];

	fake_image(7, 100, 100, 300, "/bin/one");
	fake_image(7, 400, 400, UINT64_MAX, "/bin/two");
	snprintf(early, sizeof(early), "%lld 7", (long long)fake.offset_ns + 200);
	snprintf(between, sizeof(between), "%lld 7", (long long)fake.offset_ns + 350);
	snprintf(late, sizeof(late), "%lld 7", (long long)fake.offset_ns + 450);
	sonde_test_process(test, sonde_test_table(test, "calls", "time:time:time process.pid:u32",
						  early, between, late, NULL));
	assert_string_equal(name_of(test, 0), "one");
	assert_null(name_of(test, 1));
	assert_string_equal(name_of(test, 2), "two");
	assert_int_equal(sonde_test_integer(test, 2, "process.start_time"), fake.offset_ns + 400);
	sonde_test_release(test);
}

static void numbers_of_other_hosts_name_nobody_here(void **state)
{
	struct sonde_test *test = enrich_begin("add=process, container", "host_names=edge-1", NULL);
	struct sonde_batch *batch;

	fake_image(7, 100, 100, UINT64_MAX, "/bin/sh");
	fake.cgroups[0].id = 1;
	fake.cgroups[0].path = "/docker/" ID;
	batch = sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL);
	constant_add(test, batch, "host.name", "edge-2");
	sonde_test_process(test, batch);
	assert_null(name_of(test, 0));
	assert_false(sonde_test_has(test, 0, "container.id"));
	assert_true(sonde_test_logged(test, "their host.name is \"edge-2\", which is not this "
					    "host"));
	batch = sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL);
	constant_add(test, batch, "host.name", "edge-1");
	sonde_test_process(test, batch);
	assert_string_equal(name_of(test, 1), "sh");
	/* stamped by a clock that never was ours */
	sonde_test_process(test,
			   sonde_test_table(test, "calls", EVENTS,
					    event_by(fake.offset_ns - 7777777777, 150, 100, 7, 1),
					    NULL));
	assert_null(name_of(test, 2));
	/* OTLP has integers of 64 bits */
	sonde_test_process(
		test, sonde_test_table(test, "logs", "process.pid:i64 cgroup.id:i64", "7 1", NULL));
	assert_null(name_of(test, 3));
	assert_false(sonde_test_has(test, 3, "container.id"));
	sonde_test_release(test);
}

static void what_rows_say_themselves_stays(void **state)
{
	const char *columns = "time:time:time process.start_time:time process.pid:u32 "
			      "clock:duration:clock_offset process.command:text";
	struct sonde_test *test = enrich_begin("add=process", NULL);
	char row[160];

	fake_image(7, 100, 100, UINT64_MAX, "/bin/sh");
	snprintf(row, sizeof(row), "%lld %lld 7 %lld worker", (long long)fake.offset_ns + 150,
		 (long long)fake.offset_ns + 100, (long long)fake.offset_ns);
	sonde_test_process(test, sonde_test_table(test, "calls", columns, row, NULL));
	assert_string_equal(sonde_test_text(test, 0, "process.command"), "worker");
	assert_string_equal(name_of(test, 0), "sh");
	assert_int_equal(sonde_test_set(test, "overwrite", "true"), 0);
	sonde_test_process(test, sonde_test_table(test, "calls", columns, row, NULL));
	assert_string_equal(sonde_test_text(test, 1, "process.command"), "sh");
	sonde_test_release(test);
}

static void arguments_are_added_where_they_are_asked_for(void **state)
{
	static const char arguments[] = "tool\0--pass\0x y";
	struct sonde_test *test = enrich_begin(
		"add=process", "columns=process.command_line, process.command_args", NULL);
	struct sonde_process_image *image = fake_image(7, 100, 100, UINT64_MAX, "/bin/tool");

	const char *text;

	image->arguments = arguments;
	image->arguments_bytes = sizeof(arguments);
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL));
	assert_string_equal(sonde_test_text(test, 0, "process.command_line"), "tool --pass x y");
	text = sonde_test_text(test, 0, "process.command_args"); /* in hex */
	assert_non_null(strstr(text, "2d2d70617373"));
	assert_non_null(strstr(text, "782079"));
	assert_null(name_of(test, 0)); /* which was not */
	sonde_test_release(test);
	test = enrich_begin("add=process", NULL);
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL));
	assert_false(sonde_test_has(test, 0, "process.command_line"));
	sonde_test_release(test);
}

/* Many more processes than it remembers, in batches larger than that too. */
static void what_it_remembers_is_bounded(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", "remember=64", NULL);
	struct sonde_instance *instance = sonde_test_instance(test);
	char names[FAKE_IMAGES][32];

	for (uint32_t i = 0; i < FAKE_IMAGES; i++) {
		snprintf(names[i], sizeof(names[i]), "/bin/program-%u", i);
		fake_image(1000 + i, 100 + i, 100 + i, UINT64_MAX, names[i]);
	}
	for (uint32_t first = 0; first < FAKE_IMAGES; first += 4)
		sonde_test_process(test,
				   sonde_test_table(test, "calls", EVENTS,
						    event(900, 100 + first, 1000 + first),
						    event(900, 101 + first, 1001 + first),
						    event(900, 102 + first, 1002 + first),
						    event(900, 103 + first, 1003 + first), NULL));
	for (uint32_t row = 0; row < FAKE_IMAGES; row++)
		assert_string_equal(name_of(test, row), names[row] + 5);
	assert_true(fake.held <= 65);
	assert_true(sonde_test_report_number(test, "lookups", "process", "remembered") <= 64);
	assert_true(sonde_test_report_number(test, "lookups", "process", "begun_anew") >= 7);
	(void)instance;
	sonde_test_release(test);
	assert_int_equal(fake.held, 0);
}

static void without_the_table_rows_go_on_and_the_instance_is_degraded(void **state)
{
	struct sonde_test *test;

	fake.refused = -EPERM;
	test = enrich_begin("add=process, container", "tags=team=a", NULL);
	sonde_test_advance(test, SONDE_TEST_SECOND);
	assert_non_null(strstr(sonde_test_degraded(test), "it is refused here"));
	fake_image(7, 100, 100, UINT64_MAX, "/bin/sh");
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL));
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_string_equal(sonde_test_text(test, 0, "team"), "a");
	assert_null(name_of(test, 0));
	fake.refused = 0;
	sonde_test_advance(test, 61 * SONDE_TEST_SECOND);
	assert_null(sonde_test_degraded(test));
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL));
	assert_string_equal(name_of(test, 1), "sh");
	sonde_test_release(test);
}

static void rows_that_do_not_count_are_not_looked_up(void **state)
{
	struct sonde_test *test = enrich_begin("add=process, container", NULL);
	struct sonde_instance *instance = sonde_test_instance(test);
	struct sonde_batch *batch, *derived;

	fake_image(7, 100, 100, UINT64_MAX, "/bin/sh");
	batch = sonde_test_table(test, "calls", EVENTS, event(150, 1, 1), event(150, 100, 7),
				 event(150, 2, 2), NULL);
	derived = sonde_batch_derive(instance, batch);
	assert_int_equal(sonde_batch_select(instance, derived, (const unsigned char[]){ 2 }), 0);
	sonde_batch_release(instance, batch);
	sonde_test_process(test, derived);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_string_equal(name_of(test, 0), "sh");
	assert_int_equal(sonde_test_counter(test, "process_missed"), 0);
	sonde_test_release(test);
}

/* ---- containers and users ---------------------------------------------------------------- */

static void containers_are_found_by_id_by_path_and_by_process(void **state)
{
	struct sonde_test *test = enrich_begin("add=process, container", NULL);
	char row[64];

	fake.cgroups[0].id = 41;
	fake.cgroups[0].path = "/system.slice/docker-" ID ".scope";
	fake.cgroups[1].id = 42;
	fake.cgroups[1].path = "/system.slice/ssh.service";
	fake_image(7, 100, 100, UINT64_MAX, "/bin/sh")->cgroup_id = 41;
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS,
						  event_by(fake.offset_ns, 150, 100, 7, 41),
						  event_by(fake.offset_ns, 150, 100, 7, 42),
						  event_by(fake.offset_ns, 150, 100, 7, 43), NULL));
	assert_string_equal(sonde_test_text(test, 0, "container.id"), ID);
	assert_string_equal(sonde_test_text(test, 0, "container.runtime"), "docker");
	assert_string_equal(sonde_test_text(test, 0, "systemd.slice"), "system.slice");
	assert_false(sonde_test_has(test, 0, "systemd.unit"));
	assert_false(sonde_test_has(test, 1, "container.id"));
	assert_string_equal(sonde_test_text(test, 1, "systemd.unit"), "ssh.service");
	assert_string_equal(sonde_test_text(test, 1, "cgroup.path"), "/system.slice/ssh.service");
	assert_false(sonde_test_has(test, 2, "cgroup.path"));
	assert_int_equal(sonde_test_counter(test, "container_missed"), 1);
	snprintf(row, sizeof(row), "%lld 7", (long long)fake.offset_ns + 200);
	sonde_test_process(
		test, sonde_test_table(test, "calls", "time:time:time process.pid:u32", row, NULL));
	assert_string_equal(sonde_test_text(test, 3, "container.id"), ID);
	/* a path says the same wherever it comes from */
	sonde_test_process(test, sonde_test_table(test, "logs", "cgroup.path:text", "/docker/" ID,
						  "/init.scope", "-", "/docker/" ID, NULL));
	assert_string_equal(sonde_test_text(test, 4, "container.id"), ID);
	assert_string_equal(sonde_test_text(test, 5, "systemd.unit"), "init.scope");
	assert_false(sonde_test_has(test, 6, "container.id"));
	assert_string_equal(sonde_test_text(test, 7, "container.id"), ID);
	sonde_test_release(test);
}

static void users_have_the_names_of_the_file_of_users(void **state)
{
	char root[] = "/tmp/enrich-XXXXXX", option[64], path[64];
	struct sonde_test *test;
	FILE *file;

	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/etc", root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/etc/passwd", root);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("root:x:0:0:root:/root:/bin/sh\n#no:x:line\n:x:5:\nanna:x:1000:1000::/:\n"
	      "second:x:1000:1::/:\nbad:x:abc:1\n",
	      file);
	fclose(file);
	snprintf(option, sizeof(option), "root=%s", root);
	test = enrich_begin("add=process, user", option, NULL);
	fake_image(7, 100, 100, UINT64_MAX, "/bin/sh")->user_id = 1000;
	fake_image(8, 100, 100, UINT64_MAX, "/bin/sh")->user_id = 1001;
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7),
						  event(150, 100, 8), NULL));
	assert_string_equal(sonde_test_text(test, 0, "process.real_user.name"), "anna");
	assert_false(sonde_test_has(test, 1, "process.real_user.name"));
	sonde_test_process(
		test, sonde_test_table(test, "calls", "user.id:u32", "0", "5", "-", "1000", NULL));
	assert_string_equal(sonde_test_text(test, 2, "user.name"), "root");
	assert_false(sonde_test_has(test, 3, "user.name"));
	assert_false(sonde_test_has(test, 4, "user.name"));
	assert_string_equal(sonde_test_text(test, 5, "user.name"), "anna");
	assert_int_equal(sonde_test_counter(test, "user_found"), 2);
	assert_int_equal(sonde_test_counter(test, "user_missed"), 1);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("berta:x:1000:1000::/:\n", file);
	fclose(file);
	fake.boottime_ns += 2000000000; /* it is looked at once a second */
	sonde_test_process(test, sonde_test_table(test, "calls", EVENTS, event(150, 100, 7), NULL));
	assert_string_equal(sonde_test_text(test, 6, "process.real_user.name"), "berta");
	sonde_test_release(test);
	unlink(path);
	snprintf(path, sizeof(path), "%s/etc", root);
	rmdir(path);
	rmdir(root);
}

/* What was an answer at the last moment of one must not become one for good. */
static void a_pid_alone_names_nobody_behind_the_end(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);
	char row[64];

	fake.ends_late = true;
	fake_image(7, 100, 100, 300, "/bin/one");
	fake_image(7, 400, 400, UINT64_MAX, "/bin/two");
	for (int at = 300; at <= 450; at += 150) {
		snprintf(row, sizeof(row), "%lld 7", (long long)fake.offset_ns + at);
		sonde_test_process(test,
				   sonde_test_table(test, "calls", "time:time:time process.pid:u32",
						    row, NULL));
	}
	assert_string_equal(name_of(test, 0), "one");
	assert_string_equal(name_of(test, 1), "two");
	sonde_test_release(test);
}

/* As it leaves the CPU, events may tell of a process that has ended. */
static void a_known_process_keeps_its_name_behind_its_end(void **state)
{
	struct sonde_test *test = enrich_begin("add=process", NULL);
	struct sonde_process_image *image = fake_image(7, 100, 100, UINT64_MAX, "/bin/one");
	uint32_t asked = 0;

	fake.ends_late = true;
	for (int round = 0; round < 5; round++) {
		sonde_test_process(test, sonde_test_table(test, "calls", EVENTS,
							  event(200 + 50 * round, 100, 7), NULL));
		image->until_ns = 250;
		asked = round == 3 ? fake.asked : asked;
	}
	for (uint32_t row = 0; row < 5; row++)
		assert_string_equal(name_of(test, row), "one");
	assert_int_equal(fake.asked, asked); /* and is not asked for each time */
	sonde_test_release(test);
	assert_int_equal(fake.held, 0);
}

static void rows_go_on_where_memory_is_refused(void **state)
{
	uint32_t refusal = 1;
	bool came;

	do {
		struct sonde_test *test = enrich_begin("add=process, container, host",
						       "tags=team=a", "remember=64", NULL);

		fake_reset();
		fake_image(7, 100, 100, UINT64_MAX, "/usr/bin/curl")->parent_tgid = 7;
		for (uint32_t i = 0; i < 100; i++)
			fake_image(1000 + i, 100, 100, UINT64_MAX, "/bin/true");
		fake.cgroups[0].id = 1;
		fake.cgroups[0].path = "/docker/" ID;
		sonde_test_refuse_memory(test, refusal);
		for (uint32_t i = 0; i < 100; i += 2) /* which begins anew on the way */
			sonde_test_process(test, sonde_test_table(test, "calls", EVENTS,
								  event(150, 100, 1000 + i),
								  event(150, 100, 7), NULL));
		came = sonde_test_refuse_memory(test, 0);
		assert_int_equal(sonde_test_row_count(test), 100);
		sonde_test_release(test);
		refusal += refusal < 60 ? 1 : 7;
	} while (came && refusal < 5000);
	assert_true(refusal > 60 && refusal < 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_process_is_named_by_its_pid_and_start_time, prepare),
		cmocka_unit_test_setup(a_pid_that_is_given_again_names_each_of_its_holders,
				       prepare),
		cmocka_unit_test_setup(before_and_after_an_exec_it_is_another_program, prepare),
		cmocka_unit_test_setup(an_image_that_is_taken_back_names_nobody_any_more, prepare),
		cmocka_unit_test_setup(what_is_known_is_not_asked_for_again, prepare),
		cmocka_unit_test_setup(a_process_that_was_not_known_may_be_later, prepare),
		cmocka_unit_test_setup(a_step_of_the_clock_misnames_nobody, prepare),
		cmocka_unit_test_setup(
			rows_that_do_not_say_how_they_were_stamped_need_a_clock_that_stood,
			prepare),
		cmocka_unit_test_setup(a_pid_alone_is_whoever_had_it_at_the_time_of_the_row,
				       prepare),
		cmocka_unit_test_setup(a_pid_alone_names_nobody_behind_the_end, prepare),
		cmocka_unit_test_setup(a_known_process_keeps_its_name_behind_its_end, prepare),
		cmocka_unit_test_setup(numbers_of_other_hosts_name_nobody_here, prepare),
		cmocka_unit_test_setup(what_rows_say_themselves_stays, prepare),
		cmocka_unit_test_setup(arguments_are_added_where_they_are_asked_for, prepare),
		cmocka_unit_test_setup(what_it_remembers_is_bounded, prepare),
		cmocka_unit_test_setup(without_the_table_rows_go_on_and_the_instance_is_degraded,
				       prepare),
		cmocka_unit_test_setup(rows_that_do_not_count_are_not_looked_up, prepare),
		cmocka_unit_test_setup(containers_are_found_by_id_by_path_and_by_process, prepare),
		cmocka_unit_test_setup(users_have_the_names_of_the_file_of_users, prepare),
		cmocka_unit_test_setup(rows_go_on_where_memory_is_refused, prepare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
