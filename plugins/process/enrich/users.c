// SPDX-License-Identifier: Apache-2.0
/* The file is read by us: getpwuid_r(3) may ask the network, and the pipeline would wait for it. */
#include "users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USER_LIMIT = 1 << 20, LINE_LIMIT = 4096 };
#define LOOK_NS 1000000000ll

void users_close(struct users *users)
{
	free(users->users);
	free(users->names);
	*users = (struct users){ .path = users->path };
}

static bool reserve(void *array, size_t needed, size_t *capacity, size_t size)
{
	void **place = array, *grown;
	size_t wanted = *capacity ? *capacity : 64;

	if (needed <= *capacity)
		return true;
	while (wanted < needed)
		wanted *= 2;
	grown = reallocarray(*place, wanted, size);
	if (!grown)
		return false;
	*place = grown;
	*capacity = wanted;
	return true;
}

static int user_add(struct users *users, uint32_t id, const char *name, size_t length)
{
	size_t capacity = users->capacity;

	if (users->count == USER_LIMIT ||
	    !reserve(&users->users, users->count + 1, &capacity, sizeof(*users->users)))
		return -ENOMEM;
	users->capacity = (uint32_t)capacity;
	if (!reserve(&users->names, users->name_bytes + length + 1, &users->name_capacity, 1))
		return -ENOMEM;
	users->users[users->count++] = (struct user){ id, (uint32_t)users->name_bytes };
	memcpy(users->names + users->name_bytes, name, length);
	users->names[users->name_bytes + length] = 0;
	users->name_bytes += length + 1;
	return 0;
}

/* "name:password:id:.."; lines of another form are no users. */
static int line_read(struct users *users, const char *line)
{
	const char *password = strchr(line, ':'), *id = password ? strchr(password + 1, ':') : NULL;
	unsigned long number;
	char *end;

	if (!id || password == line || id[1] < '0' || id[1] > '9')
		return 0;
	errno = 0;
	number = strtoul(id + 1, &end, 10);
	if (errno || *end != ':' || number > UINT32_MAX)
		return 0;
	return user_add(users, (uint32_t)number, line, (size_t)(password - line));
}

static int user_compare(const void *one, const void *other)
{
	const struct user *a = one, *b = other;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return (a->name > b->name) - (a->name < b->name); /* of several names the first */
}

static void users_read(struct users *users, FILE *file)
{
	struct users fresh = { .path = users->path, .version = users->version + 1 };
	char line[LINE_LIMIT];
	bool begins = true;
	int result = 0;

	fresh.looked_ns = users->looked_ns;
	fresh.seen = users->seen;
	while (!result && fgets(line, sizeof(line), file)) {
		if (begins)
			result = line_read(&fresh, line);
		begins = strchr(line, '\n') != NULL; /* the rest of a line that is too long */
	}
	if (result || ferror(file)) {
		users_close(&fresh);
		return;
	}
	qsort(fresh.users, fresh.count, sizeof(*fresh.users), user_compare);
	free(users->users);
	free(users->names);
	*users = fresh;
}

void users_look(struct users *users, int64_t now_ns)
{
	struct stat status;
	FILE *file;

	if (users->looked_ns && now_ns - users->looked_ns < LOOK_NS)
		return;
	users->looked_ns = now_ns ? now_ns : 1;
	if (stat(users->path, &status) || !S_ISREG(status.st_mode) ||
	    (status.st_ino == users->seen.st_ino && status.st_dev == users->seen.st_dev &&
	     status.st_size == users->seen.st_size &&
	     status.st_mtim.tv_sec == users->seen.st_mtim.tv_sec &&
	     status.st_mtim.tv_nsec == users->seen.st_mtim.tv_nsec))
		return;
	file = fopen(users->path, "re");
	if (!file)
		return;
	users->seen = status;
	users_read(users, file);
	fclose(file);
}

const char *users_name(const struct users *users, uint32_t id)
{
	uint32_t low = 0, high = users->count;

	while (low < high) { /* the first of that id */
		uint32_t middle = low + (high - low) / 2;

		if (users->users[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < users->count && users->users[low].id == id
		       ? users->names + users->users[low].name
		       : NULL;
}
