/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel holds for this process: the memory of its BPF maps and programs. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "kernel_memory.h"

enum { FDINFO_BYTES = 4096 };

static void directory_close(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

/* Whether it is a BPF map or program, by what its link says. */
static bool is_of_bpf(int directory_fd, const char *name)
{
	static const char prefix[] = "anon_inode:bpf-";
	char target[64];
	ssize_t length = readlinkat(directory_fd, name, target, sizeof(target) - 1);

	if (length < (ssize_t)sizeof(prefix) - 1 || memcmp(target, prefix, sizeof(prefix) - 1))
		return false;
	target[length] = '\0';
	return !strcmp(target + sizeof(prefix) - 1, "map") ||
	       !strcmp(target + sizeof(prefix) - 1, "prog");
}

uint64_t kernel_memory_parse(const char *fdinfo)
{
	static const char label[] = "memlock:";
	const char *at = strstr(fdinfo, label);

	if (!at || (at != fdinfo && at[-1] != '\n'))
		return 0;
	return strtoull(at + sizeof(label) - 1, NULL, 10);
}

static uint64_t descriptor_bytes(const char *name)
{
	CLEANUP(text_free) char *content = NULL;
	char path[sizeof("/proc/self/fdinfo/") + NAME_MAX];
	size_t length;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", name);
	if (file_read(path, FDINFO_BYTES, true, &content, &length))
		return 0; /* closed since */
	return kernel_memory_parse(content);
}

uint64_t kernel_memory_bytes(void)
{
	CLEANUP(directory_close) DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t bytes = 0;

	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		if (strtoul(entry->d_name, NULL, 10) >= KERNEL_MEMORY_DESCRIPTORS)
			break; /* they come in their order */
		if (is_of_bpf(dirfd(directory), entry->d_name))
			bytes += descriptor_bytes(entry->d_name);
	}
	return bytes;
}
