// SPDX-License-Identifier: Apache-2.0
/* Which closed files are kept: deletes the oldest of those that the template made. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "retain.h"
#include "rotate.h"

static const char no_time[16] = "000000000000";

struct closed {
	char *path;
	char *series; /* what the files of one log have in common; in the memory of path */
	int64_t written_ns;
	uint64_t bytes;
	bool goes;
};

struct walk {
	const struct template *template;
	const struct store *store;
	char now[16]; /* digits of a name that is written now */
	struct closed *files;
	size_t count, capacity;
	char path[4096]; /* where it is, and the series of that */
	char series[4096];
	int result;
};

bool retain_is_on(const struct settings *settings)
{
	return settings->keep_files || settings->keep_age_ns || settings->keep_bytes;
}

/* ---- finding them ------------------------------------------------------------------------ */

static bool is_open(const struct store *store, const struct stat *status)
{
	for (uint32_t index = 0; index < store->target_count; index++)
		if (store->targets[index]->inode == status->st_ino &&
		    store->targets[index]->device == status->st_dev)
			return true;
	return false;
}

static void add(struct walk *walk, const struct stat *status)
{
	size_t length = strlen(walk->path) + 1, series_length = strlen(walk->series) + 1;
	char *path;

	if (walk->count == walk->capacity) {
		size_t capacity = walk->capacity ? walk->capacity * 2 : 64;
		struct closed *files = reallocarray(walk->files, capacity, sizeof(*files));

		if (!files) {
			walk->result = -ENOMEM;
			return;
		}
		walk->files = files;
		walk->capacity = capacity;
	}
	path = malloc(length + series_length);
	if (!path) {
		walk->result = -ENOMEM;
		return;
	}
	memcpy(path, walk->path, length);
	memcpy(path + length, walk->series, series_length);
	walk->files[walk->count++] = (struct closed){
		.path = path,
		.series = path + length,
		.written_ns = (int64_t)status->st_mtim.tv_sec * INT64_C(1000000000) +
			      status->st_mtim.tv_nsec,
		.bytes = (uint64_t)status->st_size,
	};
}

/* Appends "/name"; false: it does not fit. */
static bool extend(char path[4096], size_t length, const char *name)
{
	int count = snprintf(path + length, 4096 - length, "/%s", name);

	return count > 0 && (size_t)count < 4096 - length;
}

/* Whether times of the template that stand in directories or the name are those of now. */
static bool is_current(const struct walk *walk, const char digits[16])
{
	return memcmp(walk->now, digits, 12) == 0;
}

/* The template's times so far are added to `digits`, which has zeros where it has none. */
static void merge(char digits[16], const char more[16])
{
	for (uint32_t at = 0; at < 12; at++)
		if (more[at] != '0')
			digits[at] = more[at];
}

static void walk_directory(struct walk *walk, int parent, const char *name, uint32_t depth,
			   const char digits[16]);

static void walk_file(struct walk *walk, int directory, const char *name, uint32_t depth,
		      const char before[16])
{
	size_t length = strlen(walk->path), series_length = strlen(walk->series);
	char live[256], digits[16];
	struct match match;
	struct stat status;
	bool is_closed = strlen(name) < sizeof(live) && rotate_parse(name, live);

	if (!template_match(walk->template, depth, is_closed ? live : name, &match))
		return;
	memcpy(digits, before, sizeof(digits));
	merge(digits, match.digits);
	if (!is_closed && (!walk->template->varies_by_time || is_current(walk, digits)))
		return;
	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(status.st_mode) || is_open(walk->store, &status))
		return;
	if (extend(walk->path, length, name) && extend(walk->series, series_length, match.series))
		add(walk, &status);
	walk->path[length] = walk->series[series_length] = '\0';
}

static void walk_name(struct walk *walk, int directory, const char *name, uint32_t depth,
		      const char before[16])
{
	size_t length = strlen(walk->path), series_length = strlen(walk->series);
	struct match match;
	char digits[16];

	if (depth + 1 == template_depth(walk->template)) {
		walk_file(walk, directory, name, depth, before);
		return;
	}
	if (!template_match(walk->template, depth, name, &match))
		return;
	memcpy(digits, before, sizeof(digits));
	merge(digits, match.digits);
	if (extend(walk->path, length, name) && extend(walk->series, series_length, match.series))
		walk_directory(walk, directory, name, depth + 1, digits);
	walk->path[length] = walk->series[series_length] = '\0';
}

/* Links are not followed, but for the base, which the user named. */
static void walk_directory(struct walk *walk, int parent, const char *name, uint32_t depth,
			   const char digits[16])
{
	int fd =
		openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (!walk->result && walk->count < RETAIN_FILES && (entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			walk_name(walk, fd, entry->d_name, depth, digits);
	}
	closedir(directory);
}

/* ---- choosing ---------------------------------------------------------------------------- */

/* Newest first; those of one time by their names, which sort by time. */
static int by_age(const void *one, const void *other)
{
	const struct closed *a = one, *b = other;

	if (a->written_ns != b->written_ns)
		return a->written_ns < b->written_ns ? 1 : -1;
	return strcmp(b->path, a->path);
}

static int by_series(const void *one, const void *other)
{
	int order = strcmp(((const struct closed *)one)->series,
			   ((const struct closed *)other)->series);

	return order ? order : by_age(one, other);
}

static void choose(struct walk *walk, const struct settings *settings, int64_t now_ns)
{
	uint64_t count = 0, bytes = 0;

	qsort(walk->files, walk->count, sizeof(*walk->files), by_series);
	for (size_t index = 0; index < walk->count; index++) {
		struct closed *file = &walk->files[index];

		count = index && strcmp(file[-1].series, file->series) == 0 ? count + 1 : 1;
		file->goes = (settings->keep_files && count > settings->keep_files) ||
			     (settings->keep_age_ns &&
			      now_ns - file->written_ns > settings->keep_age_ns);
	}
	qsort(walk->files, walk->count, sizeof(*walk->files), by_age);
	for (size_t index = 0; index < walk->count; index++) {
		struct closed *file = &walk->files[index];

		bytes += file->goes ? 0 : file->bytes;
		file->goes = file->goes || (settings->keep_bytes && bytes > settings->keep_bytes);
	}
}

/* ---- deleting ---------------------------------------------------------------------------- */

/* Directories that the template made, if nothing is left in them. */
static void remove_directories(char *path, size_t base_length)
{
	for (char *slash = strrchr(path, '/'); slash && (size_t)(slash - path) > base_length;
	     slash = strrchr(path, '/')) {
		*slash = '\0';
		if (rmdir(path) < 0)
			return;
	}
}

static int delete (struct walk *walk, size_t base_length, uint64_t *ret_deleted, char problem[512])
{
	int result = 0;

	for (size_t index = 0; index < walk->count; index++) {
		struct closed *file = &walk->files[index];

		if (!file->goes)
			continue;
		if (unlink(file->path) == 0) {
			remove_directories(file->path, base_length);
			++*ret_deleted;
		} else if (errno != ENOENT && result == 0) {
			result = -errno;
			(void)snprintf(problem, 512, "cannot delete %s", file->path);
		}
	}
	return result;
}

int retain(const struct template *template, const struct settings *settings,
	   const struct store *store, int64_t now_ns, uint64_t *ret_deleted, char problem[512])
{
	struct walk walk = { .template = template, .store = store };
	size_t base_length;

	*ret_deleted = 0;
	template_base(template, walk.path);
	template_now(template, now_ns, walk.now);
	base_length = strlen(walk.path);
	if (base_length == 1 && walk.path[0] == '/')
		base_length = walk.path[0] = '\0';
	walk_directory(&walk, AT_FDCWD, base_length ? walk.path : "/", 0, no_time);
	if (walk.result == 0 && walk.count) {
		choose(&walk, settings, now_ns);
		walk.result = delete (&walk, base_length, ret_deleted, problem);
	} else if (walk.result < 0) {
		(void)snprintf(problem, 512, "cannot look for closed files in %s", walk.path);
	}
	for (size_t index = 0; index < walk.count; index++)
		free(walk.files[index].path);
	free(walk.files);
	return walk.result;
}
