/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine has for this process: memory, by its cgroup's limits or by its RAM. */
#include "machine.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "file.h"

enum {
	FILE_BYTES = 64 << 10,
	SHARE_LEAST = 64 << 20,
	SHARE_MOST = 1 << 30,
	SHARE_OF_RAM = 16,
	SHARE_OF_CGROUP = 2,
};

/* The path of "0::/path" in the file, which is cut there; NULL: no such line. */
static char *membership_path(char *content)
{
	char *rest = content, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (!strncmp(line, "0::/", 4))
			return line + 3;
	}
	return NULL;
}

/* The limit of one cgroup; SIZE_MAX: "max", or it has no such file. */
static size_t limit_read(const char *mount, const char *path)
{
	CLEANUP(text_free) char *content = NULL;
	char name[PATH_MAX], *end;
	size_t length;
	unsigned long long bytes;

	if (snprintf(name, sizeof(name), "%s%s/memory.max", mount, path) >= (int)sizeof(name) ||
	    file_read(name, FILE_BYTES, true, &content, &length))
		return SIZE_MAX;
	bytes = strtoull(content, &end, 10);
	return end == content || bytes > SIZE_MAX ? SIZE_MAX : (size_t)bytes;
}

size_t machine_cgroup_bytes(const char *membership, const char *mount)
{
	CLEANUP(text_free) char *content = NULL;
	size_t least = SIZE_MAX, length;
	char *path, *slash;

	if (file_read(membership, FILE_BYTES, true, &content, &length))
		return SIZE_MAX;
	path = membership_path(content);
	while (path && (slash = strrchr(path, '/'))) {
		size_t limit;

		if (!slash[1])
			*slash = '\0'; /* the root's path is empty */
		limit = limit_read(mount, path);
		if (limit < least)
			least = limit;
		slash = strrchr(path, '/');
		if (slash)
			slash[slash == path] = '\0';
	}
	return least;
}

size_t machine_memory_share(size_t cgroup_bytes, size_t ram_bytes)
{
	size_t share = ram_bytes / SHARE_OF_RAM;

	if (cgroup_bytes < ram_bytes)
		return cgroup_bytes / SHARE_OF_CGROUP;
	if (share < SHARE_LEAST)
		return SHARE_LEAST;
	return share < SHARE_MOST ? share : SHARE_MOST;
}

size_t machine_memory_bytes(void)
{
	struct sysinfo info;
	size_t ram = SIZE_MAX;

	if (!sysinfo(&info))
		ram = (size_t)info.totalram * info.mem_unit;
	return machine_memory_share(machine_cgroup_bytes("/proc/self/cgroup", "/sys/fs/cgroup"),
				    ram);
}
