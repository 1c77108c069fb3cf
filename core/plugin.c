// SPDX-License-Identifier: Apache-2.0
/* The catalog: finds plugins by name, loads each once, and says why one cannot be had. */
#include "plugin.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "descriptor.h"
#include "name.h"
#include "rule.h"
#include "shared_object.h"

/* A plugin that is loaded. */
struct entry {
	struct entry *next;
	struct plugin plugin;
	const char *request; /* what it was asked for by, at first */
	int directory_fd;    /* keeps the path open that it was loaded through */
	struct stat file;    /* that was loaded; zero: not known */
};

struct catalog {
	struct arena *arena;
	const char *const *directories;
	const struct sonde_host *host;
	struct entry *entries;
};

/* ---- the catalog ------------------------------------------------------------------------- */

static const char *const *copy_directories(struct arena *arena, const char *const *directories)
{
	size_t count = 0;
	const char **copy;

	while (directories[count])
		count++;
	copy = arena_zero(arena, (count + 1) * sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = arena_copy(arena, directories[i]);
		if (!copy[i])
			return NULL;
	}
	return copy;
}

struct catalog *catalog_create(const char *const *directories, const struct sonde_host *host)
{
	struct arena *arena = arena_create();
	struct catalog *catalog = arena ? arena_zero(arena, sizeof(*catalog)) : NULL;

	if (catalog)
		catalog->directories = copy_directories(arena, directories);
	if (!catalog || !catalog->directories) {
		arena_release(arena);
		return NULL;
	}
	catalog->arena = arena;
	catalog->host = host;
	return catalog;
}

int catalog_prepend(struct catalog *catalog, const char *directory)
{
	const char **directories;
	size_t count = 0;

	for (; catalog->directories[count]; count++) {
		if (!strcmp(catalog->directories[count], directory))
			return 0;
	}
	directories = arena_zero(catalog->arena, (count + 2) * sizeof(*directories));
	if (!directories)
		return -ENOMEM;
	directories[0] = arena_copy(catalog->arena, directory);
	if (!directories[0])
		return -ENOMEM;
	memcpy(directories + 1, catalog->directories, count * sizeof(*directories));
	catalog->directories = directories;
	return 0;
}

void catalog_release(struct catalog *catalog)
{
	if (!catalog)
		return;
	for (struct entry *entry = catalog->entries; entry; entry = entry->next)
		close(entry->directory_fd);
	arena_release(catalog->arena);
}

/* ---- what there is ----------------------------------------------------------------------- */

/* Plugins by name, sorted; of two with one name that of the earlier directory. */
struct listing {
	char **names, **paths;
	uint32_t count, capacity;
};

static void listing_clear(struct listing *listing)
{
	for (uint32_t i = 0; i < listing->count; i++) {
		free(listing->names[i]);
		free(listing->paths[i]);
	}
	free(listing->names);
	free(listing->paths);
}

static int listing_grow(struct listing *listing)
{
	uint32_t capacity = listing->capacity ? 2 * listing->capacity : 32;
	char **names = realloc(listing->names, capacity * sizeof(*names));
	char **paths;

	if (!names)
		return -ENOMEM;
	listing->names = names;
	paths = realloc(listing->paths, capacity * sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	listing->paths = paths;
	listing->capacity = capacity;
	return 0;
}

/* Takes over name and path. */
static void listing_insert(struct listing *listing, char *name, char *path)
{
	uint32_t i = 0;

	while (i < listing->count && strcmp(listing->names[i], name) < 0)
		i++;
	if (i < listing->count && !strcmp(listing->names[i], name)) {
		free(name);
		free(path);
		return;
	}
	for (uint32_t k = listing->count; k > i; k--) {
		listing->names[k] = listing->names[k - 1];
		listing->paths[k] = listing->paths[k - 1];
	}
	listing->names[i] = name;
	listing->paths[i] = path;
	listing->count++;
}

static int listing_add(struct listing *listing, const char *directory, const char *file)
{
	char *name, *path = NULL;

	if (listing->count == listing->capacity && listing_grow(listing) < 0)
		return -ENOMEM;
	name = strndup(file, strlen(file) - strlen(".so"));
	if (!name || asprintf(&path, "%s/%s", directory, file) < 0) {
		free(name);
		return -ENOMEM;
	}
	listing_insert(listing, name, path);
	return 0;
}

static bool is_plugin_file(const char *file)
{
	size_t length = strlen(file);

	return file[0] != '.' && length > 3 && !strcmp(file + length - 3, ".so");
}

/* A directory that is not there or cannot be read has no plugins. */
static int listing_fill(struct listing *listing, const char *const *directories)
{
	int result = 0;

	for (; *directories && !result; directories++) {
		DIR *directory = opendir(*directories);
		struct dirent *file;

		while (directory && !result && (file = readdir(directory)))
			if (is_plugin_file(file->d_name))
				result = listing_add(listing, *directories, file->d_name);
		if (directory)
			closedir(directory);
	}
	return result;
}

int catalog_walk(struct catalog *catalog,
		 int (*visit)(const char *name, const char *path, void *data), void *data)
{
	struct listing listing = { 0 };
	int result = listing_fill(&listing, catalog->directories);

	for (uint32_t i = 0; i < listing.count && !result; i++)
		result = visit(listing.names[i], listing.paths[i], data);
	listing_clear(&listing);
	return result;
}

/* ---- finding ----------------------------------------------------------------------------- */

static int refuse_unknown(struct catalog *catalog, const char *name, char *error, size_t size)
{
	struct listing listing = { 0 };
	const char *nearest = NULL;
	size_t length;

	if (!listing_fill(&listing, catalog->directories))
		nearest = nearest_name(name, (const char *const *)listing.names, listing.count);
	length = (size_t)snprintf(error, size, "there is no plugin \"%s\"", name);
	for (size_t i = 0; catalog->directories[i] && length < size; i++)
		length += (size_t)snprintf(error + length, size - length, "%s%s", i ? ", " : " in ",
					   catalog->directories[i]);
	if (length < size && nearest)
		snprintf(error + length, size - length, " (did you mean \"%s\"?)", nearest);
	else if (length < size)
		snprintf(error + length, size - length, ": `sonde plugins` lists what there is");
	listing_clear(&listing);
	return -ENOENT;
}

/* NAME-KIND.so before NAME.so, as plugins of several kinds may share a name. */
static bool find_in(const char *directory, const char *name, uint32_t kind, char path[PATH_MAX])
{
	uint32_t first = kind ? kind : SONDE_INPUT, last = kind ? kind : SONDE_OUTPUT;

	for (uint32_t k = first; k <= last; k++) {
		if (snprintf(path, PATH_MAX, "%s/%s-%s.so", directory, name, kind_name(k)) <
			    PATH_MAX &&
		    access(path, F_OK) == 0)
			return true;
	}
	return snprintf(path, PATH_MAX, "%s/%s.so", directory, name) < PATH_MAX &&
	       access(path, F_OK) == 0;
}

/* The path of the file that is meant, which exists. */
static int find_path(struct catalog *catalog, const char *name, uint32_t kind, char path[PATH_MAX],
		     char *error, size_t size)
{
	const struct refusal refusal = { name, error, size };

	if (strchr(name, '/')) {
		if (!is_plugin_file(strrchr(name, '/') + 1))
			return refuse(&refusal, -EINVAL,
				      "the file is not called NAME.so, as a plugin must be");
		if (access(name, F_OK) < 0)
			return refuse(&refusal, -errno, "it cannot be found: %s", strerror(errno));
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX ? 0 : -ENAMETOOLONG;
	}
	for (const char *const *directory = catalog->directories; *directory; directory++) {
		if (find_in(*directory, name, kind, path))
			return 0;
	}
	return refuse_unknown(catalog, name, error, size);
}

/* The file is called as the plugin, perhaps with its kind behind it. */
static int check_name(const struct refusal *refusal, const struct plugin *plugin, const char *path)
{
	const struct sonde_plugin *descriptor = plugin->descriptor;
	const char *file = strrchr(path, '/') + 1, *kind = kind_name(descriptor->kind);
	size_t length = strlen(file) - strlen(".so"), name_length = strlen(descriptor->name);
	size_t kind_length = strlen(kind);

	if (length >= name_length && !strncmp(descriptor->name, file, name_length) &&
	    (length == name_length ||
	     (length == name_length + 1 + kind_length && file[name_length] == '-' &&
	      !strncmp(file + name_length + 1, kind, kind_length))))
		return 0;
	return refuse(refusal, -EINVAL,
		      "name is \"%s\", expected \"%.*s\" as its file is called: rename the one or "
		      "the other",
		      descriptor->name, (int)length, file);
}

static int check_kind(const struct refusal *refusal, const struct plugin *plugin, uint32_t kind)
{
	const char *found = kind_name(plugin->descriptor->kind);

	if (!kind || plugin->descriptor->kind == kind)
		return 0;
	return refuse(refusal, -EPROTOTYPE, "kind is %s, expected %s: name \"%s\" under %ss", found,
		      kind_name(kind), plugin->descriptor->name, found);
}

/* ---- loading ----------------------------------------------------------------------------- */

/* A directory that holds only a link to the plugin decides as well what is loaded. */
static int check_link(const struct refusal *refusal, const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX], real[PATH_MAX];

	if (!slash)
		snprintf(directory, sizeof(directory), ".");
	else
		snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path + 1), path);
	if (!realpath(directory, real))
		return refuse(refusal, -errno, "its directory %s cannot be opened: %s", directory,
			      strerror(errno));
	return shared_object_trust_directory(refusal, real);
}

static int load(struct catalog *catalog, const char *real, struct entry *entry, char *error,
		size_t size)
{
	const struct refusal refusal = { real, error, size };
	const struct sonde_plugin *descriptor;
	struct shared_object object;
	int result = shared_object_load(&refusal, &object);

	if (result < 0)
		return result;
	descriptor = object.function(catalog->host);
	if (descriptor)
		result = descriptor_copy(descriptor, catalog->host->version, catalog->arena,
					 &refusal, &entry->plugin);
	else
		result = refuse(&refusal, -EINVAL,
				"sonde_plugin() returned NULL, expected its descriptor: return the "
				"address of a struct sonde_plugin, as SONDE_EXPORT() does");
	if (result < 0) {
		close(object.directory_fd);
		return result;
	}
	entry->directory_fd = object.directory_fd;
	return 0;
}

/* Only what passes all checks comes into the catalog. */
static int add(struct catalog *catalog, const char *request, const char *path, const char *real,
	       struct entry **ret_entry, char *error, size_t size)
{
	struct entry *entry = arena_zero(catalog->arena, sizeof(*entry));
	const struct refusal refusal = { real, error, size };
	int result;

	if (entry)
		entry->plugin.path = arena_copy(catalog->arena, real);
	if (entry)
		entry->request = arena_copy(catalog->arena, request);
	if (!entry || !entry->plugin.path || !entry->request)
		return refuse(&refusal, -ENOMEM, "no memory to load it");
	result = check_link(&refusal, path);
	if (!result)
		result = load(catalog, real, entry, error, size);
	if (result < 0)
		return result;
	result = check_name(&refusal, &entry->plugin, path);
	if (result < 0) {
		close(entry->directory_fd);
		return result;
	}
	if (stat(real, &entry->file))
		entry->file = (struct stat){ 0 };
	entry->next = catalog->entries;
	catalog->entries = entry;
	*ret_entry = entry;
	return 0;
}

/* The entry of that kind that was asked for so before; NULL: there is none. */
static struct entry *find_request(struct catalog *catalog, const char *request, uint32_t kind)
{
	struct entry *entry = catalog->entries;

	while (entry && (strcmp(entry->request, request) ||
			 (kind && entry->plugin.descriptor->kind != kind)))
		entry = entry->next;
	return entry;
}

/* The entry that came from that file. */
static struct entry *find_file(struct catalog *catalog, const char *real)
{
	struct entry *entry = catalog->entries;

	while (entry && strcmp(entry->plugin.path, real))
		entry = entry->next;
	return entry;
}

static bool file_is_same(const struct stat *file, const struct stat *other)
{
	return file->st_dev == other->st_dev && file->st_ino == other->st_ino &&
	       file->st_size == other->st_size && file->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       file->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

void catalog_visit_changed(const struct catalog *catalog,
			   void (*visit)(const char *path, void *data), void *data)
{
	for (const struct entry *entry = catalog->entries; entry; entry = entry->next) {
		struct stat file;

		if (entry->file.st_ino &&
		    (stat(entry->plugin.path, &file) || !file_is_same(&file, &entry->file)))
			visit(entry->plugin.path, data);
	}
}

int catalog_find(struct catalog *catalog, const char *name, uint32_t kind,
		 const struct plugin **ret_plugin, char *error, size_t error_size)
{
	char path[PATH_MAX], real[PATH_MAX];
	struct entry *entry = find_request(catalog, name, kind);
	struct refusal refusal = { path, error, error_size };
	int result = 0;

	if (!entry) {
		result = find_path(catalog, name, kind, path, error, error_size);
		if (result < 0)
			return result;
		if (!realpath(path, real))
			return refuse(&refusal, -errno, "it cannot be found: %s", strerror(errno));
		entry = find_file(catalog, real);
		refusal.path = real;
		if (entry)
			result = check_name(&refusal, &entry->plugin, path);
		else
			result = add(catalog, name, path, real, &entry, error, error_size);
	}
	if (result < 0)
		return result;
	refusal.path = entry->plugin.path;
	result = check_kind(&refusal, &entry->plugin, kind);
	if (result < 0)
		return result;
	*ret_plugin = &entry->plugin;
	return 0;
}
