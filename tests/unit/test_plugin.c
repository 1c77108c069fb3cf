// SPDX-License-Identifier: Apache-2.0
/* The catalog: how files of plugins are found, trusted, examined and loaded. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "plugin.h"

static const struct sonde_host host = { .size = sizeof(host), .version = "9.9" };

/* A temporary directory in which plugins are looked for, and what came of looking. */
struct place {
	char directory[PATH_MAX], real[PATH_MAX];
	struct catalog *catalog;
	const struct plugin *plugin;
	char line[1024];
};

static void place_open(struct place *place)
{
	memset(place, 0, sizeof(*place));
	strcpy(place->directory, "/tmp/sonde-plugin-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	assert_non_null(realpath(place->directory, place->real));
	place->catalog = catalog_create((const char *[]){ place->directory, NULL }, &host);
	assert_non_null(place->catalog);
}

static void place_close(struct place *place)
{
	char command[PATH_MAX + 32];

	catalog_release(place->catalog);
	snprintf(command, sizeof(command), "rm -rf %s", place->directory);
	assert_int_equal(system(command), 0);
}

static int place_find(struct place *place, const char *name, uint32_t kind)
{
	place->plugin = NULL;
	place->line[0] = 0;
	return catalog_find(place->catalog, name, kind, &place->plugin, place->line,
			    sizeof(place->line));
}

/* The path of a file in the place; valid until the next call. */
static const char *in_place(const struct place *place, const char *file)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", place->directory, file);
	return path;
}

static size_t read_file(const char *path, unsigned char **ret_content)
{
	struct stat status;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	*ret_content = malloc((size_t)status.st_size + 1);
	assert_int_equal(read(fd, *ret_content, (size_t)status.st_size), status.st_size);
	close(fd);
	return (size_t)status.st_size;
}

static void write_file(const struct place *place, const char *file, const void *content,
		       size_t length)
{
	int fd;

	unlink(in_place(place, file));
	fd = open(in_place(place, file), O_CREAT | O_EXCL | O_WRONLY, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, length), length);
	close(fd);
}

/* Where the build leaves the plugin NAME of tests/abi/fixture.c. */
static size_t read_fixture(const char *name, unsigned char **ret_content)
{
	char path[PATH_MAX + 64], own[PATH_MAX] = "";

	assert_true(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
	*strrchr(own, '/') = 0;
	snprintf(path, sizeof(path), "%s/../abi/%s", own, name);
	return read_file(path, ret_content);
}

/* Copies a fixture into the place as FILE; only `length` bytes of it unless that is 0. */
static void put(const struct place *place, const char *file, const char *fixture, size_t length)
{
	unsigned char *content;
	size_t whole = read_fixture(fixture, &content);

	write_file(place, file, content, length ? length : whole);
	free(content);
}

static void assert_says(const struct place *place, const char *words)
{
	if (!strstr(place->line, words))
		fail_msg("\"%s\" does not say \"%s\"", place->line, words);
}

/* The fixture, put as FILE.so, is refused with a line that has its path and the words. */
static void assert_refused(const char *fixture, const char *name, int result, const char *words)
{
	struct place place;
	char file[64];

	place_open(&place);
	snprintf(file, sizeof(file), "%s.so", name);
	put(&place, file, fixture, 0);
	assert_int_equal(place_find(&place, name, 0), result);
	assert_says(&place, words);
	assert_ptr_equal(strstr(place.line, place.real), place.line);
	assert_null(place.plugin);
	place_close(&place);
}

/* ---- finding ----------------------------------------------------------------------------- */

static void a_plugin_is_found_by_its_name_and_loaded_once(void **state)
{
	const struct plugin *first;
	struct place place;

	place_open(&place);
	put(&place, "good.so", "good.so", 0);
	assert_int_equal(place_find(&place, "good", SONDE_INPUT), 0);
	first = place.plugin;
	assert_string_equal(first->descriptor->name, "good");
	assert_string_equal(first->descriptor->version, "9.9");
	assert_string_equal(first->path + strlen(place.real), "/good.so");
	assert_int_equal(place_find(&place, "good", 0), 0);
	assert_ptr_equal(place.plugin, first);
	assert_int_equal(place_find(&place, in_place(&place, "good.so"), 0), 0);
	assert_ptr_equal(place.plugin, first);
	place_close(&place);
}

static void a_loaded_plugin_is_found_without_its_file(void **state)
{
	struct place place;

	place_open(&place);
	put(&place, "good.so", "good.so", 0);
	assert_int_equal(place_find(&place, "good", 0), 0);
	assert_int_equal(unlink(in_place(&place, "good.so")), 0);
	assert_int_equal(place_find(&place, "good", 0), 0);
	place_close(&place);
}

static void an_earlier_directory_wins(void **state)
{
	const struct plugin *plugin = NULL;
	struct place early, late;
	struct catalog *catalog;
	char line[512];

	place_open(&early);
	place_open(&late);
	put(&early, "good.so", "good.so", 0);
	put(&late, "good.so", "good.so", 0);
	put(&late, "other.so", "other.so", 0);
	catalog = catalog_create(
		(const char *[]){ "/nonexistent", early.directory, late.directory, NULL }, &host);
	assert_int_equal(catalog_find(catalog, "good", 0, &plugin, line, sizeof(line)), 0);
	assert_memory_equal(plugin->path, early.real, strlen(early.real));
	assert_int_equal(catalog_find(catalog, "other", 0, &plugin, line, sizeof(line)), 0);
	assert_memory_equal(plugin->path, late.real, strlen(late.real));
	catalog_release(catalog);
	place_close(&early);
	place_close(&late);
}

static void a_wrong_name_gets_the_nearest_one(void **state)
{
	struct place place;

	place_open(&place);
	put(&place, "other.so", "other.so", 0);
	put(&place, "good.so", "good.so", 0);
	assert_int_equal(place_find(&place, "godo", 0), -ENOENT);
	assert_says(&place, "there is no plugin \"godo\" in /tmp/sonde-plugin-");
	assert_says(&place, "(did you mean \"good\"?)");
	assert_int_equal(place_find(&place, "kubernetes", 0), -ENOENT);
	assert_says(&place, "`sonde plugins` lists what there is");
	assert_int_equal(place_find(&place, in_place(&place, "godo.so"), 0), -ENOENT);
	assert_says(&place, "godo.so: it cannot be found");
	assert_int_equal(place_find(&place, in_place(&place, "good"), 0), -EINVAL);
	assert_says(&place, "not called NAME.so");
	place_close(&place);
}

static void another_kind_than_asked_for_is_refused(void **state)
{
	struct place place;

	place_open(&place);
	put(&place, "good.so", "good.so", 0);
	assert_int_equal(place_find(&place, "good", SONDE_OUTPUT), -EPROTOTYPE);
	assert_says(&place, "kind is input, expected output: name \"good\" under inputs");
	assert_null(place.plugin);
	assert_int_equal(place_find(&place, "good", SONDE_INPUT), 0);
	place_close(&place);
}

static void a_plugin_is_called_as_its_file_is(void **state)
{
	struct place place;

	assert_refused("good.so", "fine", -EINVAL,
		       "name is \"good\", expected \"fine\" as its file is called");
	place_open(&place);
	put(&place, "good.so", "good.so", 0);
	assert_int_equal(symlink("good.so", in_place(&place, "fine.so")), 0);
	assert_int_equal(place_find(&place, "good", 0), 0);
	assert_int_equal(place_find(&place, "fine", 0), -EINVAL);
	assert_says(&place, "name is \"good\", expected \"fine\"");
	place_close(&place);
}

static void plugins_of_two_kinds_share_a_name(void **state)
{
	const struct plugin *input;
	struct place place;

	place_open(&place);
	put(&place, "good.so", "good.so", 0);
	put(&place, "good-output.so", "good-output.so", 0);
	assert_int_equal(place_find(&place, "good", SONDE_INPUT), 0);
	input = place.plugin;
	assert_int_equal(input->descriptor->kind, SONDE_INPUT);
	assert_int_equal(place_find(&place, "good", SONDE_OUTPUT), 0);
	assert_int_equal(place.plugin->descriptor->kind, SONDE_OUTPUT);
	assert_string_equal(place.plugin->descriptor->name, "good");
	assert_int_equal(place_find(&place, "good", SONDE_INPUT), 0);
	assert_ptr_equal(place.plugin, input);
	assert_int_equal(place_find(&place, "good-output", 0), 0);
	assert_int_equal(place.plugin->descriptor->kind, SONDE_OUTPUT);
	assert_int_equal(place_find(&place, "good", SONDE_PROCESSOR), -EPROTOTYPE);
	place_close(&place);
}

static void the_kind_behind_a_name_must_be_right(void **state)
{
	assert_refused("good.so", "good-output", -EINVAL,
		       "name is \"good\", expected \"good-output\"");
}

struct walk {
	char names[256];
	int stop_after;
};

static int walk_visit(const char *name, const char *path, void *data)
{
	struct walk *walk = data;

	assert_non_null(strstr(path, name));
	strcat(strcat(walk->names, name), " ");
	return --walk->stop_after ? 0 : -EINTR;
}

static void a_walk_visits_every_plugin_once_by_name(void **state)
{
	struct place early, late;
	struct catalog *catalog;
	struct walk walk = { .stop_after = 100 }, short_walk = { .stop_after = 2 };

	place_open(&early);
	place_open(&late);
	write_file(&early, "zebra.so", "", 0);
	write_file(&early, "good.so", "", 0);
	write_file(&early, "README", "", 0);
	write_file(&early, ".hidden.so", "", 0);
	write_file(&late, "good.so", "", 0);
	write_file(&late, "apple.so", "", 0);
	write_file(&late, "go.so", "", 0);
	catalog = catalog_create(
		(const char *[]){ early.directory, "/nonexistent", late.directory, NULL }, &host);
	assert_int_equal(catalog_walk(catalog, walk_visit, &walk), 0);
	assert_string_equal(walk.names, "apple go good zebra ");
	assert_int_equal(catalog_walk(catalog, walk_visit, &short_walk), -EINTR);
	assert_string_equal(short_walk.names, "apple go ");
	catalog_release(catalog);
	place_close(&early);
	place_close(&late);
}

/* ---- what the file is -------------------------------------------------------------------- */

static void a_file_that_is_no_elf_file_is_refused(void **state)
{
	struct place place;

	place_open(&place);
	write_file(&place, "good.so", "INPUT ( libgood.so.1 )  GROUP ( and so on, as in a script )",
		   59);
	assert_int_equal(place_find(&place, "good", 0), -ENOEXEC);
	assert_says(&place, "good.so: it is not an ELF file (it begins with 49 4e 50 55)");
	assert_int_equal(unlink(in_place(&place, "good.so")), 0);
	assert_int_equal(mkdir(in_place(&place, "good.so"), 0755), 0);
	assert_int_equal(place_find(&place, "good", 0), -ENOEXEC);
	assert_says(&place, "it is no regular file");
	place_close(&place);
}

static void a_truncated_file_is_refused(void **state)
{
	unsigned char *content;
	size_t whole = read_fixture("good.so", &content);
	struct place place;

	free(content);
	place_open(&place);
	put(&place, "good.so", "good.so", whole - 1);
	assert_int_equal(place_find(&place, "good", 0), -ENOEXEC);
	assert_says(&place, "by its own headers: it is truncated");
	put(&place, "good.so", "good.so", 100);
	assert_int_equal(place_find(&place, "good", 0), -ENOEXEC);
	assert_says(&place, "its length is 100 bytes");
	put(&place, "good.so", "good.so", 20);
	assert_int_equal(place_find(&place, "good", 0), -ENOEXEC);
	assert_says(&place, "for an ELF header: it is truncated");
	write_file(&place, "good.so", "", 0);
	assert_int_equal(place_find(&place, "good", 0), -ENOEXEC);
	assert_says(&place, "its length is 0 bytes, too little");
	place_close(&place);
}

static void a_file_for_another_machine_is_refused(void **state)
{
	unsigned char *content;
	size_t length = read_fixture("good.so", &content);
	Elf64_Ehdr *header = (void *)content;
	struct place place;

	place_open(&place);
	header->e_machine = header->e_machine == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;
	write_file(&place, "good.so", content, length);
	assert_int_equal(place_find(&place, "good", 0), -ENOEXEC);
	assert_says(&place, "its machine is ");
	assert_says(&place, "build it for this machine");
	free(content);
	length = read_fixture("good.so", &content);
	((Elf64_Ehdr *)(void *)content)->e_type = ET_REL;
	write_file(&place, "good.so", content, length);
	assert_int_equal(place_find(&place, "good", 0), -ENOEXEC);
	assert_says(&place, "its ELF type is 1, expected 3, a shared object");
	free(content);
	place_close(&place);
}

static void a_file_without_the_function_is_refused(void **state)
{
	assert_refused("none.so", "none", -ENOEXEC, "the symbol sonde_plugin is missing");
	assert_refused("data.so", "data", -ENOEXEC, "the symbol sonde_plugin is no function");
	assert_refused("returns_null.so", "returns_null", -EINVAL, "sonde_plugin() returned NULL");
}

static void an_unresolved_symbol_is_named(void **state)
{
	assert_refused("unresolved.so", "unresolved", -ENOEXEC,
		       "its symbol nobody_defines_this is unresolved");
}

static void a_wrong_descriptor_is_refused_with_its_file(void **state)
{
	assert_refused("magic.so", "magic", -EPROTO, "magic.so: magic is 0x12345678");
}

static void a_library_is_found_beside_the_plugin_or_named(void **state)
{
	struct place place;

	assert_refused("needy.so", "needy", -ENOEXEC,
		       "the library libneeded.so that it needs is not found");
	place_open(&place);
	put(&place, "libneeded.so", "libneeded.so", 0);
	put(&place, "needy.so", "needy.so", 0);
	assert_int_equal(place_find(&place, "needy", 0), 0);
	place_close(&place);
}

static void a_refused_plugin_may_be_mended_and_found(void **state)
{
	struct place place;

	place_open(&place);
	for (int round = 0; round < 3; round++) {
		put(&place, "good.so", round ? "magic.so" : "none.so", 0);
		assert_int_equal(place_find(&place, "good", 0), round ? -EPROTO : -ENOEXEC);
	}
	put(&place, "good.so", "good.so", 0);
	assert_int_equal(place_find(&place, "good", 0), 0);
	place_close(&place);
}

/* ---- who may write it -------------------------------------------------------------------- */

static void a_file_that_others_may_write_is_refused(void **state)
{
	struct place place;

	place_open(&place);
	put(&place, "good.so", "good.so", 0);
	assert_int_equal(chmod(in_place(&place, "good.so"), 0664), 0);
	assert_int_equal(place_find(&place, "good", 0), -EPERM);
	assert_says(&place, "good.so: may be written by its group (mode 0664)");
	assert_says(&place, "chmod go-w ");
	assert_int_equal(chmod(in_place(&place, "good.so"), 0602), 0);
	assert_int_equal(place_find(&place, "good", 0), -EPERM);
	assert_says(&place, "may be written by everyone (mode 0602)");
	assert_int_equal(chmod(in_place(&place, "good.so"), 0644), 0);
	assert_int_equal(place_find(&place, "good", 0), 0);
	place_close(&place);
}

static void a_directory_that_others_may_write_is_refused(void **state)
{
	struct place place;

	place_open(&place);
	put(&place, "good.so", "good.so", 0);
	assert_int_equal(chmod(place.directory, 0775), 0);
	assert_int_equal(place_find(&place, "good", 0), -EPERM);
	assert_says(&place, "may be written by its group (mode 0775)");
	assert_int_equal(chmod(place.directory, 01777), 0);
	assert_int_equal(place_find(&place, "good", 0), -EPERM);
	assert_says(&place, ": its directory /tmp/sonde-plugin-");
	assert_says(&place, "may be written by everyone (mode 1777)");
	assert_int_equal(chmod(place.directory, 0755), 0);
	assert_int_equal(place_find(&place, "good", 0), 0);
	place_close(&place);
}

static void a_link_counts_like_the_file_and_its_directory_too(void **state)
{
	struct place place, links;
	char target[2 * PATH_MAX];

	place_open(&place);
	place_open(&links);
	put(&place, "good.so", "good.so", 0);
	snprintf(target, sizeof(target), "%s", in_place(&place, "good.so"));
	assert_int_equal(symlink(target, in_place(&links, "good.so")), 0);
	assert_int_equal(chmod(links.directory, 0777), 0);
	assert_int_equal(place_find(&links, "good", 0), -EPERM);
	assert_says(&links, links.real);
	assert_int_equal(chmod(links.directory, 0755), 0);
	assert_int_equal(chmod(place.directory, 0777), 0);
	assert_int_equal(place_find(&links, "good", 0), -EPERM);
	assert_says(&links, "its directory /tmp/");
	assert_int_equal(chmod(place.directory, 0755), 0);
	assert_int_equal(place_find(&links, "good", 0), 0);
	assert_memory_equal(links.plugin->path, place.real, strlen(place.real));
	place_close(&links);
	place_close(&place);
}

static void a_file_of_another_user_is_refused(void **state)
{
	struct place place;

	if (geteuid() != 0) {
		print_message("only root can give a file to another user\n");
		skip();
	}
	place_open(&place);
	put(&place, "good.so", "good.so", 0);
	assert_int_equal(chown(in_place(&place, "good.so"), 65533, 0), 0);
	assert_int_equal(place_find(&place, "good", 0), -EPERM);
	assert_says(&place, "good.so: belongs to user 65533, expected root (0)");
	assert_int_equal(chown(in_place(&place, "good.so"), 0, 0), 0);
	assert_int_equal(chown(place.directory, 65533, 0), 0);
	assert_int_equal(place_find(&place, "good", 0), -EPERM);
	assert_says(&place, "belongs to user 65533");
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plugin_is_found_by_its_name_and_loaded_once),
		cmocka_unit_test(a_loaded_plugin_is_found_without_its_file),
		cmocka_unit_test(an_earlier_directory_wins),
		cmocka_unit_test(a_wrong_name_gets_the_nearest_one),
		cmocka_unit_test(another_kind_than_asked_for_is_refused),
		cmocka_unit_test(a_plugin_is_called_as_its_file_is),
		cmocka_unit_test(plugins_of_two_kinds_share_a_name),
		cmocka_unit_test(the_kind_behind_a_name_must_be_right),
		cmocka_unit_test(a_walk_visits_every_plugin_once_by_name),
		cmocka_unit_test(a_file_that_is_no_elf_file_is_refused),
		cmocka_unit_test(a_truncated_file_is_refused),
		cmocka_unit_test(a_file_for_another_machine_is_refused),
		cmocka_unit_test(a_file_without_the_function_is_refused),
		cmocka_unit_test(an_unresolved_symbol_is_named),
		cmocka_unit_test(a_wrong_descriptor_is_refused_with_its_file),
		cmocka_unit_test(a_library_is_found_beside_the_plugin_or_named),
		cmocka_unit_test(a_refused_plugin_may_be_mended_and_found),
		cmocka_unit_test(a_file_that_others_may_write_is_refused),
		cmocka_unit_test(a_directory_that_others_may_write_is_refused),
		cmocka_unit_test(a_link_counts_like_the_file_and_its_directory_too),
		cmocka_unit_test(a_file_of_another_user_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
