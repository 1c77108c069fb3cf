// SPDX-License-Identifier: Apache-2.0
/* Names of cgroups: from the id that programs see to a path, and from a path to the id. */
#include <sonde/kernel.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_AGE_NS  100000000ull /* the least between two readings of all cgroups */
#define FILEID_KERNFS 0xfe         /* the kernel's own number for "a kernfs node's id" */

static char cgroup_root[PATH_MAX]; /* where the v2 hierarchy is mounted; empty: nowhere */
static int cgroup_root_fd = -1;

static void cgroup_root_find(void)
{
	char line[PATH_MAX + 64], directory[PATH_MAX], type[64];
	FILE *file = fopen("/proc/self/mounts", "re");

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %4095s %63s", directory, type) != 2 ||
		    strcmp(type, "cgroup2"))
			continue;
		snprintf(cgroup_root, sizeof(cgroup_root), "%s", directory);
		cgroup_root_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		break;
	}
	fclose(file);
}

static int cgroup_root_open(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, cgroup_root_find);
	return cgroup_root_fd >= 0 ? 0 : -ENOENT;
}

union cgroup_handle {
	struct file_handle handle;
	char room[sizeof(struct file_handle) + sizeof(uint64_t)];
};

/* ---- by looking around ------------------------------------------------------------------- */

/* Opening by an id takes CAP_DAC_READ_SEARCH, and with it every file of the host could be read.
 * Without it the paths of all cgroups are read from the hierarchy, which is for everyone. */
struct cgroup_name {
	uint64_t id;
	char *path; /* below the root */
};

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cgroup_name *names;
static size_t name_count, name_capacity;
static uint64_t names_read_ns; /* when they were read last; 0: never */

static void names_clear(void)
{
	for (size_t i = 0; i < name_count; i++)
		free(names[i].path);
	name_count = 0;
}

static int name_add(const char *path, const struct stat *status, int type, struct FTW *where)
{
	struct cgroup_name *more = names;
	const char *below = path + strlen(cgroup_root);

	(void)where;
	if (type != FTW_D)
		return 0;
	if (name_count == name_capacity) {
		name_capacity = name_capacity ? 2 * name_capacity : 64;
		more = realloc(names, name_capacity * sizeof(*names));
		if (!more) {
			name_capacity = name_count;
			return -1;
		}
		names = more;
	}
	names[name_count].id = status->st_ino;
	names[name_count].path = strdup(*below ? below : "/");
	name_count += names[name_count].path != NULL;
	return 0;
}

static int id_compare(const void *a, const void *b)
{
	uint64_t x = ((const struct cgroup_name *)a)->id, y = ((const struct cgroup_name *)b)->id;

	return (x > y) - (x < y);
}

static void names_read(void)
{
	names_clear();
	(void)nftw(cgroup_root, name_add, 16, FTW_PHYS | FTW_MOUNT);
	qsort(names, name_count, sizeof(*names), id_compare);
	names_read_ns = sonde_kernel_monotonic_ns();
}

static const char *name_find(uint64_t id)
{
	struct cgroup_name key = { .id = id };
	const struct cgroup_name *found =
		name_count ? bsearch(&key, names, name_count, sizeof(*names), id_compare) : NULL;

	return found ? found->path : NULL;
}

/* Reading all of them for each one that is gone would take long on a host with many. */
static int path_look_up(uint64_t id, char *path, size_t capacity)
{
	const char *found;
	int error = 0;

	pthread_mutex_lock(&names_lock);
	found = name_find(id);
	if (!found &&
	    (!names_read_ns || sonde_kernel_monotonic_ns() - names_read_ns >= NAMES_AGE_NS)) {
		names_read();
		found = name_find(id);
		error = -ENOENT;
	} else if (!found) {
		error = -EAGAIN;
	}
	if (found)
		snprintf(path, capacity, "%s", found);
	pthread_mutex_unlock(&names_lock);
	return found ? 0 : error;
}

/* ---- by id ------------------------------------------------------------------------------- */

int sonde_kernel_cgroup_path(uint64_t cgroup_id, char *path, size_t capacity)
{
	union cgroup_handle handle = { .handle = { .handle_bytes = sizeof(uint64_t),
						   .handle_type = FILEID_KERNFS } };
	char link[64], full[PATH_MAX];
	size_t root;
	ssize_t length;
	int fd;

	if (cgroup_root_open())
		return -ENOENT;
	memcpy(handle.handle.f_handle, &cgroup_id, sizeof(cgroup_id));
	fd = open_by_handle_at(cgroup_root_fd, &handle.handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == EPERM ? path_look_up(cgroup_id, path, capacity) : -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, full, sizeof(full) - 1);
	close(fd);
	if (length < 0)
		return -errno;
	full[length] = 0;
	root = strlen(cgroup_root);
	if (strncmp(full, cgroup_root, root))
		root = 0;
	snprintf(path, capacity, "%s", full[root] ? full + root : "/");
	return 0;
}

int sonde_kernel_cgroup_id(const char *text, uint64_t *ret_cgroup_id)
{
	char path[PATH_MAX], *end;
	struct stat status;
	uint64_t id;

	errno = 0;
	id = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno) {
		*ret_cgroup_id = id;
		return 0;
	}
	if (cgroup_root_open())
		return -ENOENT;
	snprintf(path, sizeof(path), "%s", text);
	if (strncmp(text, cgroup_root, strlen(cgroup_root)) &&
	    snprintf(path, sizeof(path), "%s/%s", cgroup_root, text) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (stat(path, &status))
		return -errno;
	if (!S_ISDIR(status.st_mode))
		return -ENOTDIR;
	*ret_cgroup_id = status.st_ino;
	return 0;
}
