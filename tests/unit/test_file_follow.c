// SPDX-License-Identifier: Apache-2.0
/* What plugins/input/file/follow.h and position.h promise: lines, positions, rotations. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../plugins/input/file/position.h"

static char directory[64];
static int64_t now_ns;
static struct follow follow;
static uint32_t failed_count, anew_count, long_count;

/* ---- helpers ----------------------------------------------------------------------------- */

static void on_failed(void *data, const char *path, int error)
{
	failed_count += error != 0;
}

static void on_begun_anew(void *data, const char *path)
{
	anew_count++;
}

static void on_too_long(void *data, const struct followed *file, int64_t begin, uint64_t number)
{
	long_count++;
}

static const struct follow_news news = { on_failed, on_begun_anew, on_too_long };

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	return remove(path);
}

static void begin(void)
{
	memset(&follow, 0, sizeof(follow));
	follow.news = &news;
	follow.line_limit_bytes = 100;
	now_ns = 1;
}

static int in_a_new_directory(void **state)
{
	(void)snprintf(directory, sizeof(directory), "/tmp/test_file_follow.XXXXXX");
	begin();
	failed_count = anew_count = long_count = 0;
	return mkdtemp(directory) ? 0 : -1;
}

static int gone(void **state)
{
	follow_close(&follow);
	return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *in(const char *name)
{
	static char path[4][256];
	static int turn;

	turn = (turn + 1) % 4;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", directory, name);
	return path[turn];
}

static void append(const char *name, const char *text)
{
	FILE *file = fopen(in(name), "ae");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* A look at these names, after so many seconds. */
static void look(int seconds, const char *const *names, bool at_end)
{
	now_ns += INT64_C(1000000000) * seconds;
	follow_begin_look(&follow);
	for (; *names; names++)
		follow_look(&follow, in(*names), at_end, now_ns);
	follow_end_look(&follow, now_ns);
}

static void look_at(const char *name)
{
	look(1, (const char *[]){ name, NULL }, false);
}

/* The next line, which has this text. */
static struct line *take(const char *wanted)
{
	struct line_text text;
	struct line *line;

	assert_int_equal(follow_next(&follow, &line, &text), 1);
	assert_int_equal(text.length, strlen(wanted));
	assert_memory_equal(text.data, wanted, text.length);
	return line;
}

static void assert_nothing(void)
{
	struct line_text text;
	struct line *line;

	assert_int_equal(follow_next(&follow, &line, &text), 0);
}

/* ---- cases ------------------------------------------------------------------------------- */

static void lines_come_when_they_are_ended_and_know_their_number(void **state)
{
	append("a", "one\ntw");
	look_at("a");
	assert_int_equal(take("one")->number, 1);
	assert_nothing();
	append("a", "o\n\nfour\n");
	look_at("a");
	assert_int_equal(take("two")->number, 2);
	assert_int_equal(take("")->number, 3);
	assert_int_equal(take("four")->begin, 9);
	assert_nothing();
	assert_int_equal(follow.out_count, 4);
}

static void a_position_goes_on_over_lines_that_are_done_in_order(void **state)
{
	struct line *one, *two, *three;

	append("a", "one\ntwo\nthree\n");
	look_at("a");
	one = take("one");
	two = take("two");
	three = take("three");
	line_done(&follow, two);
	assert_int_equal(follow.files->done_offset, 0);
	line_done(&follow, one);
	assert_int_equal(follow.files->done_offset, 8);
	assert_int_equal(follow.files->done_line_number, 2);
	line_done(&follow, three);
	assert_int_equal(follow.files->done_offset, 14);
	assert_int_equal(follow.out_count, 0);
}

static void a_line_can_be_read_again(void **state)
{
	struct line *line, *again;
	struct line_text text;

	append("a", "one\ntwo\n");
	look_at("a");
	line = take("one");
	line_done(&follow, take("two"));
	assert_int_equal(follow_again(&follow, &again, &text), 0);
	line_again(&follow, line);
	assert_int_equal(follow_again(&follow, &again, &text), 1);
	assert_ptr_equal(again, line);
	assert_int_equal(text.length, 3);
	assert_memory_equal(text.data, "one", 3);
	assert_int_equal(follow_again(&follow, &again, &text), 0);
	line_done(&follow, line);
	assert_int_equal(follow.files->done_offset, 8);
}

static void a_line_that_is_too_long_is_left_out_however_it_comes(void **state)
{
	char text[151];

	memset(text, 'x', sizeof(text));
	text[150] = 0;
	append("a", "one\n");
	append("a", text);
	look_at("a");
	line_done(&follow, take("one"));
	assert_nothing();
	assert_int_equal(follow.files->done_offset, 4); /* not in its midst */
	for (int count = 0; count < 3; count++) {
		append("a", text);
		look_at("a");
		assert_nothing();
	}
	append("a", "\ntwo\n");
	look_at("a");
	assert_int_equal(take("two")->number, 3);
	assert_int_equal(long_count, 1);
}

static void lines_of_an_emptied_file_are_no_longer_its(void **state)
{
	struct line *one, *two, *again;
	struct line_text text;

	append("a", "one\ntwo\n");
	look_at("a");
	one = take("one");
	two = take("two");
	line_again(&follow, two);
	assert_int_equal(truncate(in("a"), 0), 0);
	append("a", "1\n");
	look_at("a");
	assert_int_equal(anew_count, 1);
	assert_int_equal(follow_again(&follow, &again, &text), 0);
	line_again(&follow, one); /* cannot be: it is done */
	assert_int_equal(follow.out_count, 0);
	assert_int_equal(take("1")->number, 1);
}

static void a_file_that_is_written_anew_as_long_as_before_is_seen(void **state)
{
	FILE *file;

	append("a", "one\n");
	look_at("a");
	line_done(&follow, take("one"));
	usleep(20000); /* the clock of files is coarse */
	file = fopen(in("a"), "we");
	assert_non_null(file);
	assert_true(fputs("two\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	look_at("a");
	take("two");
	assert_int_equal(anew_count, 1);
}

static void a_renamed_file_is_read_to_its_end_beside_its_successor(void **state)
{
	append("a", "one\n");
	look_at("a");
	line_done(&follow, take("one"));
	assert_int_equal(rename(in("a"), in("b")), 0);
	append("b", "two\n");
	append("a", "three\n");
	look_at("a"); /* b is under no path of ours */
	assert_int_equal(follow.file_count, 2);
	line_done(&follow, take("three"));
	line_done(&follow, take("two"));
	look(20, (const char *[]){ "a", NULL }, false);
	assert_int_equal(follow.file_count, 1);
	assert_int_equal(anew_count, 0);
	look(20, (const char *[]){ "a", "b", NULL }, false); /* it was forgotten */
	take("one");
}

static void positions_are_kept_and_found_under_another_name(void **state)
{
	uint32_t line = 0;

	append("a", "one\ntwo\n");
	look_at("a");
	line_done(&follow, take("one"));
	take("two"); /* not done */
	assert_int_equal(position_write(&follow, in("kept")), 0);
	follow_close(&follow);
	assert_int_equal(rename(in("a"), in("b")), 0);

	begin();
	assert_int_equal(position_read(&follow, in("kept"), &line), 0);
	append("a", "new\n");
	look(1, (const char *[]){ "a", "b", NULL }, true);
	assert_int_equal(take("two")->number, 2);
	assert_nothing(); /* `a` is new, and begins at its end */
	append("a", "more\n");
	look(1, (const char *[]){ "a", "b", NULL }, true);
	assert_int_equal(take("more")->number, 0);
}

static void a_position_of_another_content_does_not_count(void **state)
{
	uint32_t line = 0;
	FILE *file;

	append("a", "one\n");
	look_at("a");
	line_done(&follow, take("one"));
	assert_int_equal(position_write(&follow, in("kept")), 0);
	follow_close(&follow);
	file = fopen(in("a"), "we"); /* the same inode */
	assert_non_null(file);
	assert_true(fputs("two\nthree\n", file) >= 0);
	assert_int_equal(fclose(file), 0);

	begin();
	assert_int_equal(position_read(&follow, in("kept"), &line), 0);
	look_at("a");
	take("two");
}

static void what_is_no_position_file_is_named_by_its_line(void **state)
{
	uint32_t line = 0;

	assert_int_equal(position_read(&follow, in("none"), &line), 0);
	append("a", "sonde positions 1\n0 - 1 2 0 0 /a path\nnonsense\n");
	assert_int_equal(position_read(&follow, in("a"), &line), -EBADMSG);
	assert_int_equal(line, 3);
	append("b", "sonde positions 2\n");
	assert_int_equal(position_read(&follow, in("b"), &line), -EBADMSG);
	assert_int_equal(line, 1);
	append("c", "sonde positions 1\n0 0 1 2 257 0 /a\n"); /* no such print */
	assert_int_equal(position_read(&follow, in("c"), &line), -EBADMSG);
	assert_int_equal(position_write(&follow, in("no/where")), -ENOENT);
}

static void directories_and_pipes_are_not_read(void **state)
{
	assert_int_equal(mkdir(in("d"), 0700), 0);
	assert_int_equal(mkfifo(in("p"), 0600), 0);
	look(1, (const char *[]){ "d", "p", "none", NULL }, false);
	assert_int_equal(follow.file_count, 0);
	assert_int_equal(failed_count, 0);
}

int main(void)
{
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, in_a_new_directory, gone)
	const struct CMUnitTest tests[] = {
		TEST(lines_come_when_they_are_ended_and_know_their_number),
		TEST(a_position_goes_on_over_lines_that_are_done_in_order),
		TEST(a_line_can_be_read_again),
		TEST(a_line_that_is_too_long_is_left_out_however_it_comes),
		TEST(lines_of_an_emptied_file_are_no_longer_its),
		TEST(a_file_that_is_written_anew_as_long_as_before_is_seen),
		TEST(a_renamed_file_is_read_to_its_end_beside_its_successor),
		TEST(positions_are_kept_and_found_under_another_name),
		TEST(a_position_of_another_content_does_not_count),
		TEST(what_is_no_position_file_is_named_by_its_line),
		TEST(directories_and_pipes_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
