// SPDX-License-Identifier: Apache-2.0
/* The files of a config as libconfig's trees, with places that are right. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"
#include "fragment.h"
#include "lint.h"

enum {
	PARSE_BYTES =
		64, /* what libconfig takes for a byte of text, at most: "a=1;" is a setting */
};

static char unreadable; /* the hook of settings whose value means nothing */

struct place setting_place(const config_setting_t *setting)
{
	return (struct place){ .file = config_setting_source_file(setting),
			       .line = config_setting_source_line(setting) };
}

bool setting_is_unreadable(const config_setting_t *setting)
{
	return config_setting_get_hook(setting) == &unreadable;
}

/* libconfig goes on without what memory was refused for. */
static bool lacks_memory(const config_setting_t *group, const config_setting_t *member)
{
	return (config_setting_is_group(group) && !config_setting_name(member)) ||
	       (config_setting_type(member) == CONFIG_TYPE_STRING &&
		!config_setting_get_string(member));
}

/* And where it needs memory for more than a text it ends the process: it gets none to try with. */
static bool memory_suffices(size_t length)
{
	void *memory = malloc((length + 1) * PARSE_BYTES);
	bool suffices = memory != NULL;

	free(memory);
	return suffices;
}

/* libconfig gives an element the line at which it was done with it, which may be a later one, and
 * no file to what was read from memory. Both walks are in the order of the text. */
static int places_set(config_setting_t *setting, const char *file, const struct lint *lint,
		      uint32_t *number)
{
	int count = config_setting_is_aggregate(setting) ? config_setting_length(setting) : 0;
	int result = 0;

	for (int i = 0; i < count; i++) {
		config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);

		if (*number >= lint->count)
			return -EBADMSG;
		member->line = lint->places[*number].line;
		member->file = file;
		if (lint->places[(*number)++].unreadable)
			config_setting_set_hook(member, &unreadable);
		result = lacks_memory(setting, member) ? -ENOMEM
						       : places_set(member, file, lint, number);
		if (result)
			return result;
	}
	return 0;
}

/* -ENOMEM, or 0: what is wrong with the text is a problem, and the fragment is broken. */
static int tree_parse(struct fragment *fragment, const char *text, size_t length,
		      const struct lint *lint, struct problems *problems)
{
	struct place place = { .file = fragment->file };
	uint32_t number = 0;
	int result = 0;

	fragment->broken = lint->broken;
	if (lint->broken)
		return 0;
	if (!memory_suffices(length))
		return -ENOMEM;
	if (!config_read_string(&fragment->tree, text)) {
		place.line = (uint32_t)config_error_line(&fragment->tree);
		problems_add(problems, PROBLEM_ERROR, place, "%s",
			     config_error_text(&fragment->tree));
		fragment->broken = true;
	} else {
		result = places_set(config_root_setting(&fragment->tree), fragment->file, lint,
				    &number);
		if (!result && number != lint->count)
			result = -EBADMSG;
	}
	if (result == -EBADMSG) {
		problems_add(problems, PROBLEM_ERROR, place,
			     "sonde and libconfig read this file differently, which is a mistake "
			     "in sonde");
		fragment->broken = true;
	}
	if (fragment->broken) {
		config_destroy(&fragment->tree);
		config_init(&fragment->tree);
	}
	return result == -ENOMEM ? result : 0;
}

static int fragment_read(const char *path, struct arena *arena, struct problems *problems,
			 struct fragment *fragment)
{
	CLEANUP(text_free) char *text = NULL;
	struct lint lint = { 0 };
	size_t length;
	int result = file_read(path, FRAGMENT_BYTES_LIMIT, false, &text, &length);
	char *slash;

	if (result)
		return result;
	fragment->file = arena_copy(arena, path);
	fragment->directory = slash = arena_copy(arena, path);
	if (!fragment->file || !slash)
		return -ENOMEM;
	slash = strrchr(slash, '/');
	if (slash)
		slash[slash == fragment->directory] = '\0';
	else
		fragment->directory = ".";
	result = lint_check(text, length, fragment->file, problems, &lint);
	if (!result)
		result = tree_parse(fragment, text, length, &lint, problems);
	lint_release(&lint);
	return result;
}

/* One more at the end, empty; the caller has checked that there is room. */
static struct fragment *fragment_add(struct fragments *fragments)
{
	struct fragment *fragment = &fragments->items[fragments->count++];

	*fragment = (struct fragment){ .file = NULL };
	config_init(&fragment->tree);
	return fragment;
}

static void read_complain(struct problems *problems, const char *path, int result)
{
	struct place place = { .file = path };

	problems_add(problems, PROBLEM_ERROR, place, "cannot be read: %s",
		     result == -EFBIG ? "it is over 1 MiB" : strerror(-result));
}

static int is_fragment(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	       !strcmp(entry->d_name + length - 5, ".conf");
}

static int by_name(const struct dirent **left, const struct dirent **right)
{
	return strcmp((*left)->d_name, (*right)->d_name); /* not by the locale */
}

static int directory_read_file(struct fragments *fragments, const char *path, const char *name,
			       struct arena *arena, struct problems *problems)
{
	char *whole =
		arena_format(arena, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", name);
	int result;

	if (!whole)
		return -ENOMEM;
	result = fragment_read(whole, arena, problems, fragment_add(fragments));
	if (result && result != -ENOMEM) {
		read_complain(problems, whole, result);
		fragments->items[fragments->count - 1].broken = true;
		result = 0;
	}
	return result;
}

static int directory_read(const char *path, struct arena *arena, struct problems *problems,
			  struct fragments *fragments)
{
	struct place place = { .file = path };
	struct dirent **names;
	int count = scandir(path, &names, is_fragment, by_name), result = 0;

	if (count < 0)
		return -errno;
	if (!count)
		problems_add(problems, PROBLEM_ERROR, place, "holds no *.conf");
	if (count > FRAGMENT_COUNT_LIMIT)
		problems_add(problems, PROBLEM_ERROR, place, "holds more than %d *.conf",
			     FRAGMENT_COUNT_LIMIT);
	fragments->items = calloc((size_t)count + 1, sizeof(*fragments->items));
	if (!fragments->items)
		result = -ENOMEM;
	for (int i = 0; i < count; i++) {
		if (!result && i < FRAGMENT_COUNT_LIMIT)
			result = directory_read_file(fragments, path, names[i]->d_name, arena,
						     problems);
		free(names[i]);
	}
	free(names);
	return result;
}

static int file_or_directory_read(const char *path, struct arena *arena, struct problems *problems,
				  struct fragments *fragments)
{
	int result;

	fragments->items = calloc(1, sizeof(*fragments->items));
	if (!fragments->items)
		return -ENOMEM;
	result = fragment_read(path, arena, problems, fragment_add(fragments));
	if (result == -EFBIG) {
		read_complain(problems, path, result);
		fragments->items[0].broken = true;
		return 0;
	}
	if (result != -EISDIR)
		return result;
	fragments_release(fragments);
	return directory_read(path, arena, problems, fragments);
}

int fragments_read(const char *path, struct arena *arena, struct problems *problems,
		   struct fragments *ret_fragments)
{
	struct fragments fragments = { 0 };
	int result = *path ? file_or_directory_read(path, arena, problems, &fragments) : -ENOENT;

	if (result)
		fragments_release(&fragments);
	else
		*ret_fragments = fragments;
	return result;
}

void fragments_release(struct fragments *fragments)
{
	for (uint32_t i = 0; i < fragments->count; i++)
		config_destroy(&fragments->items[i].tree);
	free(fragments->items);
	*fragments = (struct fragments){ 0 };
}
