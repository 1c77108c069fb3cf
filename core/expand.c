// SPDX-License-Identifier: Apache-2.0
/* ${NAME}, ${NAME:-default} and ${file:PATH} in the texts of a config. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "expand.h"
#include "file.h"

enum {
	FILE_LIMIT = 64 * 1024,        /* bytes of a file that may stand for a value */
	EXPANSION_LIMIT = 1024 * 1024, /* bytes of an expanded text */
	NAME_SHOWN = 40,               /* characters of a name that a message repeats */
};

/* An expansion under way. */
struct expansion {
	const char *directory; /* where relative paths begin; NULL: here */
	char *text;
	size_t length, capacity;
	char *error;
	size_t error_size;
};

static int append(struct expansion *expansion, const char *part, size_t length)
{
	size_t capacity = expansion->capacity ? expansion->capacity : 64;
	char *text;

	if (length > EXPANSION_LIMIT - expansion->length) {
		snprintf(expansion->error, expansion->error_size,
			 "is over 1 MiB when it is expanded");
		return -EINVAL;
	}
	while (capacity < expansion->length + length + 1)
		capacity *= 2;
	if (capacity != expansion->capacity) {
		text = realloc(expansion->text, capacity);
		if (!text)
			return -ENOMEM;
		expansion->text = text;
		expansion->capacity = capacity;
	}
	memcpy(expansion->text + expansion->length, part, length);
	expansion->length += length;
	expansion->text[expansion->length] = '\0';
	return 0;
}

static int expand_file(struct expansion *expansion, const char *name)
{
	bool absolute = *name == '/' || !expansion->directory;
	CLEANUP(text_free) char *path = NULL;
	CLEANUP(text_free) char *content = NULL;
	size_t length;
	int result;

	if (asprintf(&path, "%s%s%s", absolute ? "" : expansion->directory, absolute ? "" : "/",
		     name) < 0)
		return -ENOMEM;
	result = file_read(path, FILE_LIMIT, true, &content, &length);
	if (result == -ENOMEM)
		return result;
	if (result) {
		snprintf(expansion->error, expansion->error_size, "%s cannot be read: %s", path,
			 result == -EFBIG    ? "it is over 64 KiB"
			 : result == -ENODEV ? "it is no regular file"
					     : strerror(-result));
		return -EINVAL;
	}
	if (memchr(content, '\0', length)) {
		snprintf(expansion->error, expansion->error_size,
			 "%s holds a zero byte, so it is no text", path);
		return -EINVAL;
	}
	if (length && content[length - 1] == '\n')
		length--;
	return append(expansion, content, length);
}

static bool is_name(const char *name, size_t length)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	return length && (*name < '0' || *name > '9') && strspn(name, letters) == length;
}

static int expand_variable(struct expansion *expansion, char *body)
{
	char *fallback = strstr(body, ":-");
	const char *value;

	if (fallback)
		*fallback = '\0';
	if (!is_name(body, strlen(body))) {
		snprintf(expansion->error, expansion->error_size,
			 "${%.*s} is no variable (write ${NAME}, ${NAME:-default} or ${file:PATH}; "
			 "$$ for a dollar)",
			 NAME_SHOWN, body);
		return -EINVAL;
	}
	value = getenv(body);
	if (fallback && (!value || !*value))
		value = fallback + 2;
	if (!value) {
		snprintf(expansion->error, expansion->error_size,
			 "the environment has no %.*s (set it, or write ${%.*s:-default})",
			 NAME_SHOWN, body, NAME_SHOWN, body);
		return -EINVAL;
	}
	return append(expansion, value, strlen(value));
}

/* What stands between ${ and }. */
static int expand_one(struct expansion *expansion, const char *text, size_t length)
{
	CLEANUP(text_free) char *body = strndup(text, length);

	if (!body)
		return -ENOMEM;
	if (strstr(body, "${")) {
		snprintf(expansion->error, expansion->error_size,
			 "a ${…} cannot stand in another one");
		return -EINVAL;
	}
	if (!strncmp(body, "file:", 5))
		return expand_file(expansion, body + 5);
	return expand_variable(expansion, body);
}

static int expand_all(struct expansion *expansion, const char *text, bool *ret_expanded)
{
	const char *end;
	int result = append(expansion, "", 0);

	while (!result && *text) {
		size_t plain = strcspn(text, "$");

		if (plain) {
			result = append(expansion, text, plain);
			text += plain;
		} else if (text[1] == '{') {
			end = strchr(text, '}');
			if (!end) {
				snprintf(expansion->error, expansion->error_size,
					 "a ${ has no } (write $$ for a dollar)");
				return -EINVAL;
			}
			result = expand_one(expansion, text + 2, (size_t)(end - text) - 2);
			*ret_expanded = true;
			text = end + 1;
		} else {
			result = append(expansion, "$", 1);
			text += text[1] == '$' ? 2 : 1;
		}
	}
	return result;
}

int text_expand(const char *text, const char *directory, struct arena *arena, char **ret_text,
		bool *ret_expanded, char *error, size_t error_size)
{
	struct expansion expansion = { .directory = directory,
				       .error = error,
				       .error_size = error_size };
	bool expanded = false;
	char *copy = NULL;
	int result;

	snprintf(error, error_size, "memory is refused");
	result = expand_all(&expansion, text, &expanded);
	if (!result)
		copy = arena_copy(arena, expansion.text);
	free(expansion.text);
	if (result)
		return result;
	if (!copy)
		return -ENOMEM;
	*ret_text = copy;
	if (ret_expanded)
		*ret_expanded = expanded;
	return 0;
}
