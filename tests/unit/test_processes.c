// SPDX-License-Identifier: Apache-2.0
/* The process table under records made up here: order, losses, pids given again, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../lib/kernel/processes_table.h"
#include "../../lib/kernel/processes_watch.h"

static const struct table_limits wide = { .keep_ns = 1000000,
					  .ended_count = 1000,
					  .memory_bytes = 1u << 30 };

/* ---- records ----------------------------------------------------------------------------- */

static struct sonde_process_record record_of(uint16_t type, uint64_t time_ns, uint32_t tgid,
					     uint64_t start_ns, uint64_t exec_id)
{
	return (struct sonde_process_record){
		.header = { .time_ns = time_ns,
			    .start_time_ns = start_ns,
			    .tgid = tgid,
			    .tid = tgid,
			    .type = type },
		.exec_id = exec_id,
		.command = "made",
	};
}

static void forked(struct table *table, uint64_t time_ns, uint32_t tgid, uint64_t start_ns,
		   uint64_t exec_id, uint32_t maker, uint64_t maker_start_ns)
{
	struct sonde_process_fork fork = { .maker_tgid = maker, .maker_start_ns = maker_start_ns };

	fork.record = record_of(SONDE_EVENT_PROCESS_FORK, time_ns, tgid, start_ns, exec_id);
	table_apply(table, &fork.record);
}

struct long_exec {
	struct sonde_process_exec exec;
	char tail[256];
};

/* One name a level, the file's own first; `arguments` with their zeros. */
static struct long_exec exec_of(uint16_t type, uint64_t time_ns, uint32_t tgid, uint64_t start_ns,
				uint64_t exec_id, const char *name)
{
	struct long_exec made = { 0 };

	made.exec.record = record_of(type, time_ns, tgid, start_ns, exec_id);
	made.exec.path_bytes =
		(uint32_t)snprintf(made.tail, sizeof(made.tail), "%s%cbin", name, 0) + 1;
	if (type == SONDE_EVENT_PROCESS_EXEC)
		made.exec.arguments_bytes = (uint32_t)snprintf(made.tail + made.exec.path_bytes, 64,
							       "%s%c-x", name, 0) +
					    1;
	return made;
}

static void execed(struct table *table, uint64_t time_ns, uint32_t tgid, uint64_t start_ns,
		   uint64_t exec_id, const char *name)
{
	struct long_exec made =
		exec_of(SONDE_EVENT_PROCESS_EXEC, time_ns, tgid, start_ns, exec_id, name);

	table_apply(table, &made.exec.record);
}

static void found(struct table *table, uint64_t time_ns, uint32_t tgid, uint64_t start_ns,
		  uint64_t exec_id, const char *name)
{
	struct long_exec made =
		exec_of(SONDE_EVENT_PROCESS_FOUND, time_ns, tgid, start_ns, exec_id, name);

	table_apply(table, &made.exec.record);
}

static struct sonde_process_exit exit_of(uint64_t time_ns, uint32_t tgid, uint64_t start_ns,
					 uint64_t exec_id)
{
	return (struct sonde_process_exit){
		.record = record_of(SONDE_EVENT_PROCESS_EXIT, time_ns, tgid, start_ns, exec_id),
	};
}

static void exited(struct table *table, uint64_t time_ns, uint32_t tgid, uint64_t start_ns,
		   uint64_t exec_id)
{
	struct sonde_process_exit made = exit_of(time_ns, tgid, start_ns, exec_id);

	table_apply(table, &made.record);
}

/* What the process ran then; "none" where it is not known. Valid until the next call. */
static const char *name_at(struct table *table, uint32_t tgid, uint64_t start_ns, uint64_t time_ns)
{
	static char name[64];
	struct image *image = table_find(table, tgid, start_ns, time_ns);

	snprintf(name, sizeof(name), "%s", image ? image->public.executable : "none");
	image_release(image);
	return name;
}

static struct table table;

static int table_setup(void **state)
{
	(void)state;
	return table_open(&table, &wide);
}

/* All memory is given back, whatever the case left. */
static int table_teardown(void **state)
{
	(void)state;
	table_close(&table);
	return images_memory_bytes() != 0;
}

/* ---- cases ------------------------------------------------------------------------------- */

static void a_process_has_the_image_of_each_time(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "shell");
	forked(&table, 102, 10, 100, 3, 9, 40);
	execed(&table, 200, 10, 100, 4, "one");
	execed(&table, 300, 10, 100, 5, "two");
	exited(&table, 400, 10, 100, 5);
	assert_string_equal(name_at(&table, 10, 100, 100), "/bin/shell");
	assert_string_equal(name_at(&table, 10, 100, 199), "/bin/shell");
	assert_string_equal(name_at(&table, 10, 100, 200), "/bin/one");
	assert_string_equal(name_at(&table, 10, 0, 299), "/bin/one");
	assert_string_equal(name_at(&table, 10, 100, 399), "/bin/two");
	assert_string_equal(name_at(&table, 10, 100, 99), "none");
	assert_string_equal(name_at(&table, 10, 101, 250), "none");
	assert_int_equal(table.live_count, 1);
	assert_int_equal(table.ended_count, 3);
}

static void an_image_has_its_arguments_and_a_forked_one_its_makers(void **state)
{
	struct image *image;

	(void)state;
	execed(&table, 50, 9, 40, 3, "shell");
	forked(&table, 102, 10, 100, 3, 9, 40);
	image = table_find(&table, 10, 0, 150);
	assert_int_equal(image->public.arguments_bytes, 9);
	assert_memory_equal(image->public.arguments, "shell\0-x", 9);
	assert_int_equal(image->public.since_ns, 100);
	image_release(image);
}

static void what_ended_is_still_named_by_its_identity_and_not_by_its_pid(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "shell");
	exited(&table, 90, 9, 40, 3);
	assert_string_equal(name_at(&table, 9, 40, 95), "/bin/shell");
	assert_string_equal(name_at(&table, 9, 0, 90), "/bin/shell");
	assert_string_equal(name_at(&table, 9, 0, 95), "none");
}

static void a_pid_given_again_names_the_process_of_the_time(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "first");
	exited(&table, 90, 9, 40, 3);
	execed(&table, 120, 9, 100, 7, "second");
	exited(&table, 150, 9, 100, 7);
	execed(&table, 220, 9, 200, 9, "third");
	assert_string_equal(name_at(&table, 9, 0, 60), "/bin/first");
	assert_string_equal(name_at(&table, 9, 0, 130), "/bin/second");
	assert_string_equal(name_at(&table, 9, 0, 230), "/bin/third");
	assert_string_equal(name_at(&table, 9, 40, 230), "/bin/first");
	assert_string_equal(name_at(&table, 9, 200, 130), "none");
}

static size_t append(unsigned char *bytes, size_t at, const void *record, size_t count)
{
	memcpy(bytes + at, record, count);
	return at + ((count + 7) & ~(size_t)7);
}

static void records_of_several_cpus_are_taken_in_the_order_of_time(void **state)
{
	_Alignas(8) unsigned char first[2048], second[2048];
	struct source sources[2] = { { .bytes = first }, { .bytes = second } };
	struct long_exec shell = exec_of(SONDE_EVENT_PROCESS_EXEC, 50, 9, 40, 3, "shell");
	struct long_exec one = exec_of(SONDE_EVENT_PROCESS_EXEC, 200, 10, 100, 4, "one");
	struct sonde_process_fork fork = { .maker_tgid = 9, .maker_start_ns = 40 };
	struct sonde_process_exit end = exit_of(300, 10, 100, 4);
	size_t bytes = sizeof(shell.exec) + shell.exec.path_bytes + shell.exec.arguments_bytes;
	size_t at = 0;

	(void)state;
	fork.record = record_of(SONDE_EVENT_PROCESS_FORK, 101, 10, 100, 3);
	at = append(first, 0, &fork, sizeof(fork));
	sources[0].end = first + append(first, at, &end, sizeof(end));
	at = append(second, 0, &shell, bytes);
	bytes = sizeof(one.exec) + one.exec.path_bytes + one.exec.arguments_bytes;
	sources[1].end = second + append(second, at, &one, bytes);
	sources_apply(sources, 2, 250, &table);
	assert_string_equal(name_at(&table, 10, 100, 150), "/bin/shell");
	assert_string_equal(name_at(&table, 10, 100, 249), "/bin/one");
	assert_int_equal(table.exits, 0); /* lies behind the horizon */
	sources_apply(sources, 2, 300, &table);
	assert_int_equal(table.exits, 1);
	assert_ptr_equal(sources[0].bytes, sources[0].end);
}

static void what_is_no_whole_record_ends_its_source(void **state)
{
	struct long_exec made = exec_of(SONDE_EVENT_PROCESS_EXEC, 50, 9, 40, 3, "shell");
	struct source source = { .bytes = (unsigned char *)&made,
				 .end = (unsigned char *)&made + sizeof(made) };

	(void)state;
	made.exec.path_bytes = UINT32_MAX;
	sources_apply(&source, 1, UINT64_MAX, &table);
	assert_int_equal(table.execs, 0);
	assert_ptr_equal(source.bytes, source.end);
}

static void a_lost_exec_leaves_a_time_without_a_name(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "one");
	table.sure_ns = 60;
	execed(&table, 200, 9, 40, 5, "three");
	assert_string_equal(name_at(&table, 9, 40, 59), "/bin/one");
	assert_string_equal(name_at(&table, 9, 40, 60), "none");
	assert_string_equal(name_at(&table, 9, 40, 199), "none");
	assert_string_equal(name_at(&table, 9, 40, 200), "/bin/three");
}

static void a_lost_exec_is_noticed_at_the_end_and_in_a_scan(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "one");
	execed(&table, 51, 8, 41, 3, "one");
	table.sure_ns = 60;
	exited(&table, 200, 9, 40, 4);
	assert_string_equal(name_at(&table, 9, 40, 100), "none");
	table_scan_begin(&table);
	found(&table, 210, 8, 41, 4, "other");
	table_scan_end(&table, 205, true);
	assert_string_equal(name_at(&table, 8, 41, 100), "none");
	assert_string_equal(name_at(&table, 8, 41, 220), "/bin/other");
}

static void a_process_is_not_named_after_a_program_its_maker_no_longer_ran(void **state)
{
	struct image *image;

	(void)state;
	execed(&table, 50, 9, 40, 3, "one");
	forked(&table, 102, 10, 100, 4, 9, 40); /* an exec of its maker was lost */
	image = table_find(&table, 10, 100, 110);
	assert_string_equal(image->public.executable, "");
	assert_string_equal(image->public.command, "made");
	assert_ptr_equal(table.unnamed, image);
	image_release(image);
}

static void a_lost_end_is_concluded_from_a_scan(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "gone");
	execed(&table, 51, 8, 41, 3, "there");
	table.sure_ns = 60;
	table_scan_begin(&table);
	found(&table, 210, 8, 41, 3, "there");
	forked(&table, 220, 7, 219, 3, 8, 41); /* began after the scan */
	table_scan_end(&table, 205, true);
	assert_int_equal(table.ended_count, 1);
	assert_string_equal(name_at(&table, 9, 0, 100), "none");
	assert_string_equal(name_at(&table, 8, 0, 220), "/bin/there");
	assert_string_equal(name_at(&table, 7, 0, 230), "/bin/there");
}

static void a_scan_that_sees_one_namespace_ends_nobody(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "elsewhere");
	table_scan_begin(&table);
	table_scan_end(&table, 205, false);
	assert_string_equal(name_at(&table, 9, 0, 300), "/bin/elsewhere");
}

static void a_lost_end_is_concluded_from_the_pid_given_again(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "first");
	table.sure_ns = 60;
	execed(&table, 200, 9, 190, 5, "second");
	assert_string_equal(name_at(&table, 9, 0, 100), "none");
	assert_string_equal(name_at(&table, 9, 0, 200), "/bin/second");
	assert_int_equal(table.live_count, 1);
}

static void a_process_that_is_found_before_it_is_told_is_there_once(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "shell");
	table_scan_begin(&table);
	found(&table, 101, 10, 100, 3, "shell");
	forked(&table, 102, 10, 100, 3, 9, 40);
	found(&table, 150, 9, 40, 4, "next");
	execed(&table, 151, 9, 40, 4, "next");
	table_scan_end(&table, 100, true);
	assert_int_equal(table.live_count, 2);
	assert_string_equal(name_at(&table, 10, 100, 100), "/bin/shell");
	assert_string_equal(name_at(&table, 9, 40, 150), "/bin/shell");
	assert_string_equal(name_at(&table, 9, 40, 151), "/bin/next");
}

static void an_image_that_is_held_does_not_change_when_more_is_known(void **state)
{
	struct image *held, *now;

	(void)state;
	found(&table, 100, 9, 40, 3, "early");
	held = table_find(&table, 9, 40, 101);
	execed(&table, 102, 9, 40, 3, "early"); /* the exec that it was found after */
	assert_int_equal(held->public.arguments_bytes, 0);
	assert_true(held->public.until_ns != UINT64_MAX);
	now = table_find(&table, 9, 40, 101);
	assert_int_equal(now->public.arguments_bytes, 9);
	assert_int_equal(now->public.until_ns, UINT64_MAX);
	assert_null(table.unnamed);
	assert_int_equal(table.live_count, 1);
	image_release(held);
	image_release(now);
}

static void the_last_two_threads_end_a_process_once(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "shell");
	exited(&table, 90, 9, 40, 3);
	exited(&table, 91, 9, 40, 3);
	assert_int_equal(table.exits, 1);
	assert_int_equal(table.ended_count, 1);
}

static void an_end_of_a_process_that_nobody_told_of_is_told(void **state)
{
	(void)state;
	exited(&table, 90, 9, 40, 3);
	assert_int_equal(table.exits, 1);
	assert_string_equal(name_at(&table, 9, 40, 90), "");
	assert_string_equal(name_at(&table, 9, 40, 89), "none");
}

static void ended_images_go_when_their_time_is_over(void **state)
{
	(void)state;
	execed(&table, 50, 9, 40, 3, "one");
	execed(&table, 60, 9, 40, 4, "two");
	exited(&table, 90, 9, 40, 4);
	table_expire(&table, 60 + wide.keep_ns);
	assert_int_equal(table.ended_count, 2);
	table_expire(&table, 61 + wide.keep_ns);
	assert_int_equal(table.ended_count, 1);
	assert_string_equal(name_at(&table, 9, 40, 55), "none");
	assert_string_equal(name_at(&table, 9, 40, 65), "/bin/two");
	table_expire(&table, 91 + wide.keep_ns);
	assert_int_equal(table.process_count, 0);
	assert_int_equal(table.forgotten, 0);
}

static void ended_images_are_bounded_and_live_ones_stay(void **state)
{
	(void)state;
	table.limits.ended_count = 100;
	execed(&table, 1, 5000, 1, 3, "lives");
	for (uint32_t i = 0; i < 4000; i++) {
		execed(&table, 10 + i, 10 + i, 10 + i, 3, "short");
		exited(&table, 11 + i, 10 + i, 10 + i, 3);
		table_expire(&table, 11 + i);
	}
	assert_int_equal(table.ended_count, 100);
	assert_int_equal(table.forgotten, 3900);
	assert_string_equal(name_at(&table, 5000, 0, 5000), "/bin/lives");
	table.limits.memory_bytes = 0;
	table_expire(&table, 5000);
	assert_int_equal(table.ended_count, 0);
	assert_int_equal(table.live_count, 1);
}

static void many_processes_are_found_again(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 5000; i++)
		execed(&table, 10 + i, i, 10 + i, 3, "one");
	assert_true(table.bucket_count >= 4096);
	for (uint32_t i = 1; i <= 5000; i++)
		assert_string_equal(name_at(&table, i, 10 + i, 6000), "/bin/one");
	assert_string_equal(name_at(&table, 5001, 0, 6000), "none");
}

static void an_image_that_is_held_outlives_its_table(void **state)
{
	struct image *image;

	(void)state;
	execed(&table, 50, 9, 40, 3, "held");
	image = table_find(&table, 9, 40, 60);
	table_close(&table);
	assert_string_equal(image->public.executable, "/bin/held");
	image_release(image);
	assert_int_equal(table_open(&table, &wide), 0);
}

static const char *path_of(const char *names, uint32_t bytes, uint32_t flags)
{
	static char path[64];
	struct long_exec made = { 0 };
	struct program *program;

	made.exec.record.header.flags = flags;
	made.exec.path_bytes = bytes;
	memcpy(made.tail, names, bytes);
	program = program_create(&made.exec);
	snprintf(path, sizeof(path), "%s", program->texts);
	program_release(program);
	return path;
}

static void a_path_is_put_together_from_its_names(void **state)
{
	(void)state;
	assert_string_equal(path_of("a\0b\0c", 6, 0), "/c/b/a");
	assert_string_equal(path_of("a", 2, 0), "/a");
	assert_string_equal(path_of("a\0b", 4, SONDE_PROCESS_PATH_DELETED), "/b/a (deleted)");
	assert_string_equal(path_of("./a", 4, SONDE_PROCESS_PATH_GIVEN), "./a");
	assert_string_equal(path_of("", 0, 0), "");
}

static void arguments_without_an_ending_zero_get_one(void **state)
{
	struct long_exec made = { 0 };
	struct program *program;

	(void)state;
	made.exec.arguments_bytes = 3;
	memcpy(made.tail, "abc", 3);
	program = program_create(&made.exec);
	assert_int_equal(program->arguments_bytes, 4);
	assert_string_equal(program->texts + 1, "abc");
	program_release(program);
}

/* ---- events ------------------------------------------------------------------------------ */

static struct watches watches;

static void hand_on(void *context, const struct sonde_process_event *event, struct image *image)
{
	(void)context;
	watches_tell(&watches, event, image);
}

static void events_are_told_in_order_up_to_a_bound(void **state)
{
	struct sonde_processes_watch *watch = watch_create(&watches, 100);
	struct sonde_process_event event;

	(void)state;
	table.callback = hand_on;
	for (uint32_t i = 0; i < 70; i++)
		execed(&table, 100 + i, 10 + i, 100 + i, 3, "one");
	for (uint32_t i = 0; i < 60; i++) {
		assert_true(watch_take(watch, &event));
		assert_int_equal(event.time_ns, 100 + i);
		sonde_process_image_release(event.image);
	}
	for (uint32_t i = 70; i < 200; i++)
		execed(&table, 100 + i, 10 + i, 100 + i, 3, "one");
	assert_int_equal(watch->event_count, 200);
	assert_int_equal(watch->lost_count, 40);
	for (uint32_t i = 60; i < 90; i++) {
		assert_true(watch_take(watch, &event));
		assert_int_equal(event.time_ns, 100 + i);
		assert_string_equal(event.image->executable, "/bin/one");
		sonde_process_image_release(event.image);
	}
	watch_free(&watches, watch);
	assert_null(watches.first);
}

static struct sonde_process_event told; /* the last one */

static void keep_last(void *context, const struct sonde_process_event *event, struct image *image)
{
	(void)context;
	(void)image;
	told = *event;
}

static void an_end_tells_what_was_used(void **state)
{
	struct sonde_process_exit end = exit_of(90, 9, 40, 3);

	(void)state;
	table.callback = keep_last;
	end.run_ns = 1000;
	end.user_ns = 300;
	end.system_ns = 100;
	end.status = 0x100;
	end.resident_pages = 2;
	end.record.header.flags = SONDE_PROCESS_USAGE_CUT;
	table_apply(&table, &end.record);
	assert_int_equal(told.change, SONDE_PROCESS_EXITED);
	assert_int_equal(told.usage.user_ns, 750);
	assert_int_equal(told.usage.system_ns, 250);
	assert_true(told.usage.resident_bytes >= 8192);
	assert_int_equal(told.status, 0x100);
	assert_true(told.usage_cut);
}

static void time_that_was_not_accounted_yet_is_added(void **state)
{
	struct sonde_process_exit end = exit_of(5000090, 9, 40, 3);
	struct sonde_process_fork fork = { 0 };

	(void)state;
	table.callback = keep_last;
	/* The scheduler's clock is 1000 ahead, as the one says who read it at that time. */
	fork.record = record_of(SONDE_EVENT_PROCESS_FORK, 4000000, 10, 100, 3);
	fork.record.clock_ns = 4001000;
	table_apply(&table, &fork.record);
	end.record.clock_ns = 4500000; /* read long ago */
	end.slice_ns = 4500000;
	end.run_ns = 7;
	table_apply(&table, &end.record);
	assert_int_equal(told.usage.user_ns, 7 + 5000090 + 1000 - 4500000);
	end = exit_of(25000000, 10, 100, 3); /* as ticks are, it cannot be so much */
	end.record.clock_ns = 24000000;
	end.slice_ns = 5000000;
	table_apply(&table, &end.record);
	assert_int_equal(told.usage.user_ns, 10000000);
	end = exit_of(20000000000, 11, 100, 3); /* what was seen long ago holds no more */
	end.record.clock_ns = end.slice_ns = 19999000000;
	table_apply(&table, &end.record);
	end = exit_of(30000000001, 12, 100, 3);
	end.record.clock_ns = end.slice_ns = 29999000000;
	table_apply(&table, &end.record);
	assert_int_equal(told.usage.user_ns, 1);
}

#define CASE(name_) cmocka_unit_test_setup_teardown(name_, table_setup, table_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_process_has_the_image_of_each_time),
		CASE(an_image_has_its_arguments_and_a_forked_one_its_makers),
		CASE(what_ended_is_still_named_by_its_identity_and_not_by_its_pid),
		CASE(a_pid_given_again_names_the_process_of_the_time),
		CASE(records_of_several_cpus_are_taken_in_the_order_of_time),
		CASE(what_is_no_whole_record_ends_its_source),
		CASE(a_lost_exec_leaves_a_time_without_a_name),
		CASE(a_lost_exec_is_noticed_at_the_end_and_in_a_scan),
		CASE(a_process_is_not_named_after_a_program_its_maker_no_longer_ran),
		CASE(a_lost_end_is_concluded_from_a_scan),
		CASE(a_scan_that_sees_one_namespace_ends_nobody),
		CASE(a_lost_end_is_concluded_from_the_pid_given_again),
		CASE(a_process_that_is_found_before_it_is_told_is_there_once),
		CASE(an_image_that_is_held_does_not_change_when_more_is_known),
		CASE(the_last_two_threads_end_a_process_once),
		CASE(an_end_of_a_process_that_nobody_told_of_is_told),
		CASE(ended_images_go_when_their_time_is_over),
		CASE(ended_images_are_bounded_and_live_ones_stay),
		CASE(many_processes_are_found_again),
		CASE(an_image_that_is_held_outlives_its_table),
		CASE(a_path_is_put_together_from_its_names),
		CASE(arguments_without_an_ending_zero_get_one),
		CASE(events_are_told_in_order_up_to_a_bound),
		CASE(an_end_tells_what_was_used),
		CASE(time_that_was_not_accounted_yet_is_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
