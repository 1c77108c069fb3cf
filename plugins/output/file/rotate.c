// SPDX-License-Identifier: Apache-2.0
/* Closing a file: when it is time, and the name that it is kept under. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "rotate.h"

enum { STAMP_BYTES = 17, NUMBER_TRIES = 100000 }; /* ~20260701T120000Z */

/* Where the extension of a name begins: its last dot, or the one before .zst. A dot at the
 * beginning is none. */
static const char *extension_of(const char *name)
{
	const char *end = name + strlen(name), *dot = memrchr(name, '.', (size_t)(end - name));
	const char *before;

	if (!dot || dot == name)
		return end;
	if (strcmp(dot, ".zst") != 0)
		return dot;
	before = memrchr(name, '.', (size_t)(dot - name));
	return before && before != name ? before : dot;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool rotate_name(const char *path, int64_t second, uint32_t number, char *out, size_t out_size)
{
	const char *extension = extension_of(name_of(path));
	time_t time = (time_t)second;
	char stamp[32], suffix[16] = "";
	struct tm when;
	int length;

	(void)gmtime_r(&time, &when);
	(void)strftime(stamp, sizeof(stamp), "~%Y%m%dT%H%M%SZ", &when);
	if (number > 1)
		(void)snprintf(suffix, sizeof(suffix), "_%04u", number);
	length = snprintf(out, out_size, "%.*s%s%s%s", (int)(extension - path), path, stamp, suffix,
			  extension);
	return length > 0 && (size_t)length < out_size;
}

static bool has_form(const char *text, const char *form)
{
	for (; *form; form++, text++) {
		bool right = *form == '0' ? *text >= '0' && *text <= '9' : *text == *form;

		if (!right)
			return false;
	}
	return true;
}

bool rotate_parse(const char *name, char *live)
{
	const char *extension = extension_of(name), *end = extension;

	while (end > name && end[-1] >= '0' && end[-1] <= '9')
		end--;
	if (end == extension || end == name || extension - end < 4 || end[-1] != '_')
		end = extension;
	else
		end--;
	if (end - name <= STAMP_BYTES || !has_form(end - STAMP_BYTES, "~00000000T000000Z"))
		return false;
	memcpy(live, name, (size_t)(end - STAMP_BYTES - name));
	strcpy(live + (end - STAMP_BYTES - name), extension);
	return true;
}

/* Never replaces; a file system that cannot promise that is asked beforehand. */
static int rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (access(to, F_OK) == 0)
		return -EEXIST;
	return rename(from, to) < 0 ? -errno : 0;
}

int rotate_rename(const char *path, int64_t now_ns, struct rotate_last *last, char *out,
		  size_t out_size)
{
	struct rotate_last next = { .second = now_ns / 1000000000, .number = 0 };
	int result = -EEXIST;

	if (next.second <= last->second) /* also where the clock was set back */
		next = *last;
	for (uint32_t tries = 0; tries < NUMBER_TRIES && result == -EEXIST; tries++) {
		next.number++;
		if (!rotate_name(path, next.second, next.number, out, out_size))
			return -ENAMETOOLONG;
		result = rename_new(path, out);
	}
	if (result == 0)
		*last = next;
	return result;
}

bool rotate_due(int64_t since_ns, int64_t now_ns, int64_t every_ns)
{
	return every_ns && now_ns / every_ns > since_ns / every_ns;
}
