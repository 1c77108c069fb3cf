// SPDX-License-Identifier: Apache-2.0
/* Path templates the other way round: whether a name is one that a template makes. */
#include <string.h>
#include <time.h>
#include "template.h"

/* The first part of the first name that varies, or of the last name. */
static uint32_t first_varying(const struct template *template)
{
	uint32_t begin = 0;

	for (uint32_t at = 0; at < template->part_count; at++) {
		if (template->parts[at].kind == PART_SLASH)
			begin = at + 1;
		else if (template->parts[at].kind != PART_LITERAL)
			break;
	}
	return begin;
}

void template_base(const struct template *template, char path[TEMPLATE_PATH_BYTES])
{
	uint32_t end = first_varying(template);
	size_t length = 0;

	for (uint32_t at = 0; at < end; at++) {
		memcpy(path + length, template->parts[at].text, template->parts[at].length);
		length += template->parts[at].length;
	}
	while (length > 1 && path[length - 1] == '/')
		length--;
	if (!length)
		path[length++] = '.';
	path[length] = '\0';
}

uint32_t template_depth(const struct template *template)
{
	uint32_t depth = 1;

	for (uint32_t at = first_varying(template); at < template->part_count; at++)
		depth += template->parts[at].kind == PART_SLASH &&
			 (!at || template->parts[at - 1].kind != PART_SLASH);
	return depth;
}

/* Where in digits a time stands, and how many they are. */
static size_t time_place(char letter, size_t *ret_count)
{
	static const char places[] = "mdHM";

	*ret_count = letter == 'Y' ? 4 : 2;
	return letter == 'Y' ? 0 : 4 + 2 * (size_t)(strchr(places, letter) - places);
}

static bool match_from(const struct template *template, uint32_t at, const char *name,
		       struct match *match, size_t series);

/* `length` bytes of the name belong to this part. */
static bool match_rest(const struct template *template, uint32_t at, const char *name,
		       size_t length, struct match *match, size_t series)
{
	if (series + length >= sizeof(match->series))
		return false;
	memcpy(match->series + series, name, length);
	return match_from(template, at + 1, name + length, match, series + length);
}

static bool match_time(const struct template *template, uint32_t at, const char *name,
		       struct match *match, size_t series)
{
	size_t count, place = time_place(*template->parts[at].text, &count);

	if (strspn(name, "0123456789") < count || series + count >= sizeof(match->series))
		return false;
	memcpy(match->digits + place, name, count);
	memset(match->series + series, '0', count);
	return match_from(template, at + 1, name + count, match, series + count);
}

/* A value may be any text that template_clean() makes. */
static bool match_value(const struct template *template, uint32_t at, const char *name,
			struct match *match, size_t series)
{
	size_t length = strnlen(name, TEMPLATE_VALUE_BYTES);

	if (name[0] == '.')
		return false;
	for (size_t taken = 1; taken <= length; taken++)
		if (match_rest(template, at, name, taken, match, series))
			return true;
	return false;
}

static bool match_signal(const struct template *template, uint32_t at, const char *name,
			 struct match *match, size_t series)
{
	static const char *const signals[] = { "logs", "traces", "metrics" };

	for (int place = 0; place < 3; place++)
		if (strncmp(name, signals[place], strlen(signals[place])) == 0)
			return match_rest(template, at, name, strlen(signals[place]), match,
					  series);
	return false;
}

static bool match_from(const struct template *template, uint32_t at, const char *name,
		       struct match *match, size_t series)
{
	const struct part *part = &template->parts[at];

	if (at == template->part_count || part->kind == PART_SLASH) {
		match->series[series] = '\0';
		return *name == '\0';
	}
	switch (part->kind) {
	case PART_LITERAL:
		return strncmp(name, part->text, part->length) == 0 &&
		       match_rest(template, at, name, part->length, match, series);
	case PART_TIME:
		return match_time(template, at, name, match, series);
	case PART_SIGNAL:
		return match_signal(template, at, name, match, series);
	default:
		return match_value(template, at, name, match, series);
	}
}

bool template_match(const struct template *template, uint32_t depth, const char *name,
		    struct match *ret_match)
{
	struct match match = { .series = "", .digits = "000000000000" };
	uint32_t at = first_varying(template);

	for (; depth && at < template->part_count; at++)
		depth -= template->parts[at].kind == PART_SLASH &&
			 template->parts[at + 1].kind != PART_SLASH;
	while (at < template->part_count && template->parts[at].kind == PART_SLASH)
		at++;
	if (depth || !*name || !match_from(template, at, name, &match, 0))
		return false;
	*ret_match = match;
	return true;
}

void template_now(const struct template *template, int64_t now_ns, char digits[16])
{
	time_t second = (time_t)(now_ns / 1000000000);
	struct tm when;
	char all[16];

	(void)gmtime_r(&second, &when);
	(void)strftime(all, sizeof(all), "%Y%m%d%H%M", &when);
	memcpy(digits, "000000000000", 13);
	for (uint32_t at = 0; at < template->part_count; at++) {
		size_t count, place;

		if (template->parts[at].kind != PART_TIME)
			continue;
		place = time_place(*template->parts[at].text, &count);
		memcpy(digits + place, all + place, count);
	}
}
