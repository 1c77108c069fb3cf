// SPDX-License-Identifier: Apache-2.0
/* Closing files and keeping them: names, periods, what is deleted and what never is; and the frames
 * of compressed ones. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sonde/plugin.h>
#include "../../plugins/output/file/frame.h"
#include "../../plugins/output/file/retain.h"
#include <cmocka.h>

static const int64_t second_ns = INT64_C(1000000000);
static char directory[64];

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

static int in_a_new_directory(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/test_file_rotate.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int gone(void **state)
{
	(void)state;
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

/* A file of so many bytes, written so many seconds after the epoch; directories are made. */
static void create(const char *name, size_t bytes, int64_t second)
{
	struct timespec times[2] = { { .tv_sec = second }, { .tv_sec = second } };
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s", in(name));
	for (char *slash = path + strlen(directory) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(close(fd), 0);
}

static bool is_there(const char *name)
{
	return access(in(name), F_OK) == 0;
}

/* ---- names ------------------------------------------------------------------------------- */

static void assert_name(const char *path, uint32_t number, const char *expected)
{
	char name[256], live[256];
	const char *slash = strrchr(path, '/');

	assert_true(rotate_name(path, 1782907200, number, name, sizeof(name)));
	assert_string_equal(name, expected);
	assert_true(rotate_parse(strrchr(name, '/') + 1, live));
	assert_string_equal(live, slash + 1);
}

static void a_closed_file_says_when_and_keeps_its_extension(void **state)
{
	char live[256], name[16];

	(void)state;
	assert_name("/x/rows.json", 1, "/x/rows~20260701T120000Z.json");
	assert_name("/x/rows.json", 2, "/x/rows~20260701T120000Z_0002.json");
	assert_name("/x/rows.csv.zst", 1, "/x/rows~20260701T120000Z.csv.zst");
	assert_name("/x/rows", 12345, "/x/rows~20260701T120000Z_12345");
	assert_name("/x.d/.rows", 1, "/x.d/.rows~20260701T120000Z");
	assert_name("/x/rows.zst", 1, "/x/rows~20260701T120000Z.zst");
	assert_false(rotate_parse("rows.json", live));
	assert_false(rotate_parse("rows-20260701T120000Z.json", live));
	assert_false(rotate_parse("~20260701T120000Z.json", live));
	assert_false(rotate_parse("rows~20260701T120000.json", live));
	assert_false(rotate_parse("rows~20260701T120000Z_02.json", live));
	assert_false(rotate_name("/x/rows.json", 0, 1, name, sizeof(name)));
}

static void closing_replaces_nothing_and_names_rise_even_if_the_clock_falls(void **state)
{
	struct rotate_last last = { 0 };
	char name[4096];

	(void)state;
	create("rows.json", 1, 0);
	create("rows~20260701T120000Z.json", 2, 0);
	assert_int_equal(
		rotate_rename(in("rows.json"), 1782907200 * second_ns, &last, name, sizeof(name)),
		0);
	assert_string_equal(name, in("rows~20260701T120000Z_0002.json"));
	create("rows.json", 1, 0);
	assert_int_equal(
		rotate_rename(in("rows.json"), 1782907100 * second_ns, &last, name, sizeof(name)),
		0);
	assert_string_equal(name, in("rows~20260701T120000Z_0003.json"));
	create("rows.json", 1, 0);
	assert_int_equal(
		rotate_rename(in("rows.json"), 1782907201 * second_ns, &last, name, sizeof(name)),
		0);
	assert_string_equal(name, in("rows~20260701T120001Z.json"));
	assert_int_equal(
		rotate_rename(in("rows.json"), 1782907201 * second_ns, &last, name, sizeof(name)),
		-ENOENT);
}

static void periods_begin_at_whole_multiples_in_utc(void **state)
{
	const int64_t day_ns = 86400 * second_ns, midnight_ns = 20000 * day_ns;

	(void)state;
	assert_false(rotate_due(midnight_ns, midnight_ns + day_ns - 1, day_ns));
	assert_true(rotate_due(midnight_ns - 1, midnight_ns, day_ns));
	assert_true(rotate_due(midnight_ns, midnight_ns + day_ns, day_ns));
	assert_false(rotate_due(midnight_ns, midnight_ns - day_ns, day_ns)); /* set back */
	assert_false(rotate_due(0, midnight_ns, 0));
}

/* ---- keeping ----------------------------------------------------------------------------- */

/* Deletes by the rules for a path below the directory; returns how many went. */
static uint64_t retained(const char *path, struct settings settings, int64_t now_second)
{
	struct template template;
	struct store store = { 0 };
	char error[160], problem[512];
	uint64_t deleted;

	assert_int_equal(template_parse(&template, in(path), error), 0);
	assert_true(retain_is_on(&settings));
	assert_int_equal(
		retain(&template, &settings, &store, now_second * second_ns, &deleted, problem), 0);
	template_release(&template);
	return deleted;
}

static void the_oldest_go_beyond_the_count_of_each_log(void **state)
{
	const struct settings settings = { .keep_files = 2 };

	(void)state;
	create("a/rows~20260101T000000Z.json", 1, 100);
	create("a/rows~20260102T000000Z.json", 1, 200);
	create("a/rows~20260103T000000Z.json", 1, 200); /* the same time: the name decides */
	create("a/rows.json", 1, 1);
	create("b/rows~20260101T000000Z.json", 1, 1);
	assert_int_equal(retained("%{x}/rows.json", settings, 1000), 1);
	assert_false(is_there("a/rows~20260101T000000Z.json"));
	assert_true(is_there("a/rows~20260102T000000Z.json"));
	assert_true(is_there("a/rows~20260103T000000Z.json"));
	assert_true(is_there("a/rows.json"));
	assert_true(is_there("b/rows~20260101T000000Z.json"));
}

static void files_beyond_an_age_go(void **state)
{
	const struct settings settings = { .keep_age_ns = 100 * second_ns };

	(void)state;
	create("rows~20260101T000000Z.json", 1, 899);
	create("rows~20260102T000000Z.json", 1, 900);
	create("rows.json", 1, 1);
	assert_int_equal(retained("rows.json", settings, 1000), 1);
	assert_false(is_there("rows~20260101T000000Z.json"));
	assert_true(is_there("rows~20260102T000000Z.json"));
	assert_true(is_there("rows.json"));
}

static void the_oldest_of_all_go_beyond_a_size(void **state)
{
	const struct settings settings = { .keep_bytes = 1000 };

	(void)state;
	create("a~20260101T000000Z.json", 300, 100);
	create("b~20260102T000000Z.json", 600, 200);
	create("a~20260103T000000Z.json", 300, 300);
	create("a.json", 5000, 400);
	assert_int_equal(retained("%{x}.json", settings, 1000), 1);
	assert_false(is_there("a~20260101T000000Z.json"));
	assert_true(is_there("b~20260102T000000Z.json"));
	assert_true(is_there("a~20260103T000000Z.json"));
	assert_true(is_there("a.json"));
}

static void files_of_earlier_days_count_as_closed_and_their_directories_go(void **state)
{
	const struct settings settings = { .keep_files = 1 };

	(void)state; /* the second 1,000,000 is 1970-01-12 */
	create("1970-01-09/web.json", 1, 1);
	create("1970-01-10/web.json", 1, 2);
	create("1970-01-10/web~19700110T120000Z.json", 1, 1);
	create("1970-01-11/web.json", 1, 3);
	create("1970-01-12/web.json", 1, 4);
	create("1970-01-09/db.json", 1, 1);
	create("1970-01-08/other.txt", 1, 1);
	assert_int_equal(retained("%Y-%m-%d/%{x}.json", settings, 1000000), 3);
	assert_true(is_there("1970-01-12/web.json"));
	assert_true(is_there("1970-01-11/web.json"));
	assert_false(is_there("1970-01-10"));
	assert_true(is_there("1970-01-09/db.json"));
	assert_false(is_there("1970-01-09/web.json"));
	assert_true(is_there("1970-01-08/other.txt"));
}

static void what_the_template_did_not_make_is_never_deleted(void **state)
{
	static const char *const names[] = {
		"rows~20260101T000000Z.txt",      "other~20260101T000000Z.json",
		"rows-20260101T000000Z.json",     "rows~20260101T000000Z.json.bak",
		"sub/rows~20260101T000000Z.json", "rows~20260101T000000Z.json~",
		"rows~2026-01-01.json",           "rowsx~20260101T000000Z.json",
	};
	const struct settings settings = { .keep_files = 1, .keep_age_ns = 1, .keep_bytes = 1 };

	(void)state;
	for (size_t index = 0; index < 8; index++)
		create(names[index], 10, 1);
	create("target", 10, 1);
	assert_int_equal(mkdir(in("rows~20260103T000000Z.json"), 0700), 0);
	assert_int_equal(symlink(in("target"), in("rows~20260102T000000Z.json")), 0);
	assert_int_equal(symlink(in("sub"), in("link")), 0);
	assert_int_equal(retained("rows.json", settings, 1000), 0);
	assert_int_equal(retained("lin%{x}/rows.json", settings, 1000), 0);
	for (size_t index = 0; index < 8; index++)
		assert_true(is_there(names[index]));
	assert_true(is_there("target"));
	assert_true(is_there("rows~20260102T000000Z.json"));
}

/* ---- frames ------------------------------------------------------------------------------ */

static int open_new(const char *name)
{
	int fd = open(in(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void a_file_ends_with_its_last_whole_frame_wherever_it_was_cut(void **state)
{
	struct frames *frames = frames_create();
	struct json out = { 0 };
	char text[3000], head[8192];
	int64_t ends[4] = { 0 }, end;
	int fd = open_new("rows.zst");

	(void)state;
	for (int frame = 0; frame < 3; frame++) {
		for (size_t at = 0; at < sizeof(text); at++)
			text[at] = (char)(frame == 1 ? random() : 'a' + frame);
		assert_int_equal(frames_write(frames, 3, text, sizeof(text), &out), 0);
		ends[frame + 1] = (int64_t)out.length;
	}
	assert_int_equal(write(fd, out.data, out.length), out.length);
	for (int64_t size = ends[3]; size >= 0; size--) {
		int frame = 3;

		while (ends[frame] > size)
			frame--;
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(frames_end(fd, size, &end), 0);
		assert_int_equal(end, ends[frame]);
	}
	assert_int_equal(pwrite(fd, out.data, out.length, 0), out.length);
	assert_int_equal(frames_head(fd, head, sizeof(head)), sizeof(head));
	assert_int_equal(head[2999], 'a');
	assert_int_equal(head[6000], 'c');
	assert_int_equal(ftruncate(fd, ends[3] + 5000), 0); /* zeros, as after a power cut */
	assert_int_equal(frames_end(fd, ends[3] + 5000, &end), 0);
	assert_int_equal(end, ends[3]);
	assert_int_equal(close(fd), 0);
	json_release(&out);
	frames_release(frames);
}

static void what_is_no_frame_is_told_apart(void **state)
{
	static const char skippable[] = "\x50\x2a\x4d\x18\x03\x00\x00\x00xyz";
	int fd = open_new("rows.zst");
	char head[16];
	int64_t end;

	(void)state;
	assert_int_equal(write(fd, "{\"n\":1}\n", 8), 8);
	assert_int_equal(frames_end(fd, 8, &end), -EBADMSG);
	assert_int_equal(end, 0);
	assert_int_equal(frames_head(fd, head, sizeof(head)), -EBADMSG);
	assert_int_equal(frames_end(fd, 2, &end), -EBADMSG);
	assert_int_equal(pwrite(fd, skippable, 11, 0), 11);
	assert_int_equal(pwrite(fd, "what", 4, 11), 4);
	assert_int_equal(frames_end(fd, 11, &end), 0);
	assert_int_equal(end, 11);
	assert_int_equal(ftruncate(fd, 14), 0);
	assert_int_equal(pwrite(fd, "\x28\xb5\x2f", 3, 11), 3);
	assert_int_equal(frames_end(fd, 14, &end), 0);
	assert_int_equal(end, 11);
	assert_int_equal(pwrite(fd, "what's this", 11, 11), 11);
	assert_int_equal(frames_end(fd, 22, &end), -EBADMSG);
	assert_int_equal(end, 11);
	assert_int_equal(close(fd), 0);
}

int main(void)
{
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, in_a_new_directory, gone)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_file_says_when_and_keeps_its_extension),
		TEST(closing_replaces_nothing_and_names_rise_even_if_the_clock_falls),
		cmocka_unit_test(periods_begin_at_whole_multiples_in_utc),
		TEST(the_oldest_go_beyond_the_count_of_each_log),
		TEST(files_beyond_an_age_go),
		TEST(the_oldest_of_all_go_beyond_a_size),
		TEST(files_of_earlier_days_count_as_closed_and_their_directories_go),
		TEST(what_the_template_did_not_make_is_never_deleted),
		TEST(a_file_ends_with_its_last_whole_frame_wherever_it_was_cut),
		TEST(what_is_no_frame_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
