// SPDX-License-Identifier: Apache-2.0
/* Small files read whole, within a bound. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "file.h"

enum { FIRST_BYTES = 4096 };

static int content_grow(char **content, size_t *capacity, size_t limit)
{
	size_t larger = *capacity ? *capacity * 2 : FIRST_BYTES;
	char *copy;

	if (larger >
	    limit + 2) /* one byte more than may be, to see that there is more; and the zero byte */
		larger = limit + 2;
	copy = realloc(*content, larger);
	if (!copy)
		return -ENOMEM;
	*content = copy;
	*capacity = larger;
	return 0;
}

int file_read(const char *path, size_t limit, bool regular, char **ret_content, size_t *ret_length)
{
	CLEANUP(file_close)
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (regular ? O_NONBLOCK : 0));
	CLEANUP(text_free) char *content = NULL;
	size_t length = 0, capacity = 0;
	struct stat status;
	ssize_t got;

	if (file < 0 || fstat(file, &status))
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (regular && !S_ISREG(status.st_mode))
		return -ENODEV;
	do {
		if (length + 1 >= capacity && content_grow(&content, &capacity, limit))
			return -ENOMEM;
		got = read(file, content + length, capacity - length - 1);
		if (got < 0 && errno != EINTR)
			return -errno;
		length += got > 0 ? (size_t)got : 0;
	} while (got && length <= limit);
	if (length > limit)
		return -EFBIG;
	content[length] = '\0';
	*ret_content = content;
	*ret_length = length;
	content = NULL;
	return 0;
}
