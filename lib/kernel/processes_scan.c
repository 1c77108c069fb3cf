// SPDX-License-Identifier: Apache-2.0
/* Reads what the iterator writes, and from /proc the arguments, which it cannot reach. */
#include "processes_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCAN_FIRST_BYTES 131072
#define SCAN_LIMIT_BYTES (1u << 30)

/* Reads to the end. `limit` bytes at most, and one more tells that there would be more. */
static int all_read(int fd, size_t first_bytes, size_t limit, unsigned char **ret_bytes,
		    size_t *ret_count)
{
	size_t capacity = first_bytes, count = 0;
	unsigned char *bytes = malloc(capacity), *more;
	ssize_t got;

	while (bytes) {
		if (count == capacity && capacity == limit)
			break;
		if (count == capacity) {
			capacity = 2 * capacity < limit ? 2 * capacity : limit;
			more = realloc(bytes, capacity);
			if (!more)
				free(bytes);
			bytes = more;
			continue;
		}
		got = read(fd, bytes + count, capacity - count);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int error = -errno;

			free(bytes);
			return error;
		}
		if (!got)
			break;
		count += (size_t)got;
	}
	if (!bytes)
		return -ENOMEM;
	*ret_bytes = bytes;
	*ret_count = count;
	return 0;
}

int scan_read(int iterator_fd, unsigned char **ret_bytes, size_t *ret_count)
{
	return all_read(iterator_fd, SCAN_FIRST_BYTES, SCAN_LIMIT_BYTES, ret_bytes, ret_count);
}

int scan_arguments(uint32_t pid, char **ret_arguments, uint32_t *ret_bytes, bool *ret_truncated)
{
	unsigned char *bytes;
	char path[32];
	size_t count;
	int fd, error;

	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = all_read(fd, 256, SONDE_PROCESS_ARGUMENT_BYTES + 1, &bytes, &count);
	close(fd);
	if (error)
		return error;
	*ret_truncated = count > SONDE_PROCESS_ARGUMENT_BYTES;
	*ret_bytes = (uint32_t)(*ret_truncated ? SONDE_PROCESS_ARGUMENT_BYTES : count);
	*ret_arguments = (char *)bytes;
	return 0;
}
