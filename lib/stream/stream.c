// SPDX-License-Identifier: Apache-2.0
/* Where lines go: standard output or a file, written without waiting for a slow reader. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "stream.h"

enum { MEND_LIMIT_BYTES = 16 << 20 };

int stream_open_output(struct stream *stream)
{
	struct stat status;
	int fd;

	if (fstat(STDOUT_FILENO, &status) < 0)
		return -errno;
	memset(stream, 0, sizeof(*stream));
	stream->fd = STDOUT_FILENO;
	stream->open = true;
	stream->regular = S_ISREG(status.st_mode);
	stream->terminal = isatty(STDOUT_FILENO) == 1;
	if (!stream->terminal && !S_ISFIFO(status.st_mode))
		return 0;
	fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0) {
		stream->fd = fd;
		stream->owned = true;
	}
	return 0; /* where that is refused, writing may wait for the reader */
}

/* Opens what is there, or creates it: then it is ours, and its permissions are not the umask's. */
static int open_or_create(const char *path, mode_t permissions, bool *ret_created)
{
	const int flags = O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat status;
	int fd, access = O_RDWR; /* to mend it; a pipe must not be its own reader */

	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		access = O_WRONLY;
	fd = open(path, access | flags);
	*ret_created = fd < 0 && errno == ENOENT;
	if (*ret_created)
		fd = open(path, access | flags | O_CREAT | O_EXCL, permissions);
	if (fd >= 0 && *ret_created && fchmod(fd, permissions) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd < 0 ? -errno : fd;
}

int stream_open_file(struct stream *stream, const char *path, bool truncate, mode_t permissions,
		     bool *ret_created)
{
	struct stat status;
	int error = 0, fd = open_or_create(path, permissions, ret_created);

	if (fd < 0)
		return fd;
	if (fstat(fd, &status) < 0 ||
	    (S_ISREG(status.st_mode) && flock(fd, LOCK_EX | LOCK_NB) < 0) ||
	    (S_ISREG(status.st_mode) && truncate && ftruncate(fd, 0) < 0))
		error = errno;
	else if (S_ISDIR(status.st_mode))
		error = EISDIR;
	if (error) {
		close(fd);
		return -error;
	}
	*stream = (struct stream){
		.fd = fd, .open = true, .owned = true, .regular = S_ISREG(status.st_mode)
	};
	return 0;
}

int stream_write(struct stream *stream, const char *data, size_t length, size_t *ret_written)
{
	size_t written = 0;
	int error = 0;

	while (written < length && !error) {
		ssize_t count = write(stream->fd, data + written, length - written);

		if (count > 0)
			written += (size_t)count;
		else if (count == 0)
			error = EIO;
		else if (errno != EINTR)
			error = errno;
	}
	*ret_written = written;
	return -error;
}

int stream_size(const struct stream *stream, int64_t *ret_bytes)
{
	struct stat status;

	if (fstat(stream->fd, &status) < 0)
		return -errno;
	*ret_bytes = status.st_size;
	return 0;
}

int stream_cut(struct stream *stream, int64_t bytes)
{
	if (ftruncate(stream->fd, bytes) < 0)
		return -errno;
	/* Standard output need not append: it would leave a hole. */
	return lseek(stream->fd, bytes, SEEK_SET) < 0 ? -errno : 0;
}

/* The end of the last whole line, or -EBADMSG. */
static int64_t whole_end(const struct stream *stream, int64_t size)
{
	char block[4096];
	int64_t place = size;

	while (place > 0 && size - place < MEND_LIMIT_BYTES) {
		int64_t from = place > (int64_t)sizeof(block) ? place - (int64_t)sizeof(block) : 0;
		ssize_t count = pread(stream->fd, block, (size_t)(place - from), from);
		const char *line_break;

		if (count != place - from)
			return count < 0 ? -errno : -EIO;
		line_break = memrchr(block, '\n', (size_t)count);
		if (line_break)
			return from + (line_break - block) + 1;
		place = from;
	}
	return -EBADMSG;
}

int stream_mend(struct stream *stream, int64_t *ret_cut_bytes)
{
	int64_t size, end;
	int result = stream_size(stream, &size);

	if (result < 0)
		return result;
	end = size ? whole_end(stream, size) : 0;
	if (end < 0)
		return (int)end;
	result = end < size ? stream_cut(stream, end) : 0;
	if (result < 0)
		return result;
	*ret_cut_bytes = size - end;
	return 0;
}

void stream_close(struct stream *stream)
{
	if (stream->open && stream->owned)
		close(stream->fd);
	memset(stream, 0, sizeof(*stream));
	stream->fd = -1;
}
