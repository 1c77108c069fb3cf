// SPDX-License-Identifier: Apache-2.0
/* Names of cgroups: from the id that programs see to a path, and from a path to the id. */
#include <sonde/kernel.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILEID_KERNFS 0xfe /* the kernel's own number for "a kernfs node's id" */

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
		return -errno;
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
