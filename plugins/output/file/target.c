// SPDX-License-Identifier: Apache-2.0
/* One file that rows are appended to: opened and mended, written, cut back, synced, closed. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "archive.h"
#include "frame.h"
#include "target.h"

enum { PROBLEM_BYTES = 512 };

uint64_t target_hash(const char *path)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 0x100000001b3u;
	return hash;
}

/* ---- directories ------------------------------------------------------------------------- */

static int sync_directory(const char *directory)
{
	int result = 0, fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0 && errno != EINVAL) /* some file systems have nothing to sync there */
		result = -errno;
	close(fd);
	return result;
}

int target_sync_directory(const char *path)
{
	char *copy = strdup(path);
	int result = copy ? sync_directory(dirname(copy)) : -ENOMEM;

	free(copy);
	return result;
}

/* Makes the directory `path[0..length)`, which may be there. */
static int make_directory(const char *path, size_t length, const struct settings *settings,
			  char problem[PROBLEM_BYTES])
{
	char *copy = strndup(path, length);
	struct stat status;
	int result = copy ? 0 : -ENOMEM;

	if (copy && stat(copy, &status) < 0) {
		if (mkdir(copy, settings->directory_permissions) < 0)
			result = errno == EEXIST ? 0 : -errno;
		else if (chmod(copy, settings->directory_permissions) < 0)
			result = -errno; /* the umask has no say */
		else if (settings->sync != SYNC_NEVER)
			result = target_sync_directory(copy);
	}
	if (result < 0)
		(void)snprintf(problem, PROBLEM_BYTES, "cannot make the directory %.*s",
			       (int)(length < 400 ? length : 400), path);
	free(copy);
	return result;
}

int target_make_directories(const char *path, const struct settings *settings,
			    char problem[PROBLEM_BYTES])
{
	int result = 0;

	for (const char *slash = strchr(path + 1, '/'); slash && result == 0;
	     slash = strchr(slash + 1, '/'))
		result = make_directory(path, (size_t)(slash - path), settings, problem);
	return result;
}

/* ---- what is there already --------------------------------------------------------------- */

/* Cuts off what follows the last whole record; quotes may hold line breaks, so all of it is read.
 */
static int mend_records(struct stream *stream, int64_t size, int64_t *ret_cut_bytes)
{
	char *block = malloc(FRAME_BYTES);
	int64_t place = 0, end = 0;
	bool quoted = false;

	if (!block)
		return -ENOMEM;
	while (place < size) {
		ssize_t count = pread(stream->fd, block, FRAME_BYTES, place);
		size_t record;

		if (count <= 0) {
			free(block);
			return count < 0 ? -errno : -EIO;
		}
		record = header_record_end(block, (size_t)count, &quoted);
		if (record)
			end = place + (int64_t)record;
		place += count;
	}
	free(block);
	if (!end && size)
		return -EBADMSG;
	*ret_cut_bytes = size - end;
	return end < size ? stream_cut(stream, end) : 0;
}

static int mend_frames(struct stream *stream, int64_t size, int64_t *ret_cut_bytes)
{
	int64_t end;
	int result = frames_end(stream->fd, size, &end);

	if (result < 0) /* what begins with frames is likely to be ours, but the power went */
		return result == -EBADMSG && end ? -EUCLEAN : result;
	*ret_cut_bytes = size - end;
	return end < size ? stream_cut(stream, end) : 0;
}

static int mend_archive(struct sonde_instance *instance, struct stream *stream, int64_t size,
			int64_t *ret_cut_bytes)
{
	int64_t end;
	int result = archive_end(instance, stream->fd, size, &end);

	if (result < 0)
		return result == -EBADMSG && end ? -EUCLEAN : result;
	*ret_cut_bytes = size - end;
	return end < size ? stream_cut(stream, end) : 0;
}

static int mend(struct sonde_instance *instance, struct target *target,
		const struct settings *settings, int64_t *ret_cut_bytes)
{
	int64_t size;
	int result = stream_size(&target->stream, &size);

	*ret_cut_bytes = 0;
	if (result < 0 || !size)
		return result;
	if (settings->format == FORMAT_FRAME)
		return mend_archive(instance, &target->stream, size, ret_cut_bytes);
	if (settings->compression == COMPRESSION_ZSTD)
		return mend_frames(&target->stream, size, ret_cut_bytes);
	if (settings->format == FORMAT_CSV)
		return mend_records(&target->stream, size, ret_cut_bytes);
	return stream_mend(&target->stream, ret_cut_bytes);
}

/* What cannot be read as a header leaves it empty: then rows go to a new file. */
static int read_header(struct target *target, const struct settings *settings)
{
	char *text = malloc(HEADER_BYTES_LONGEST);
	int64_t length;
	int result = 0;

	if (!text)
		return -ENOMEM;
	if (settings->compression == COMPRESSION_ZSTD) {
		length = frames_head(target->stream.fd, text, HEADER_BYTES_LONGEST);
	} else {
		length = pread(target->stream.fd, text, HEADER_BYTES_LONGEST, 0);
		length = length < 0 ? -errno : length;
	}
	if (length >= 0)
		result = header_read(&target->header, text, (size_t)length);
	else
		result = (int)length;
	free(text);
	return result == -EBADMSG || result == -E2BIG ? 0 : result;
}

static int look(struct target *target, const struct settings *settings)
{
	struct stat status;

	if (fstat(target->stream.fd, &status) < 0)
		return -errno;
	target->device = status.st_dev;
	target->inode = status.st_ino;
	target->size = target->begin = target->committed = status.st_size;
	target->written_ns =
		(int64_t)status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
	if (settings->format == FORMAT_CSV && target->size && !target->is_output)
		return read_header(target, settings);
	return 0;
}

/* ---- opening ----------------------------------------------------------------------------- */

static int open_stream(const struct settings *settings, struct target *target, bool truncate,
		       char problem[PROBLEM_BYTES])
{
	int result;

	if (target->is_output)
		return stream_open_output(&target->stream);
	result = stream_open_file(&target->stream, target->path, truncate, settings->permissions,
				  &target->is_new);
	if (result != -ENOENT)
		return result;
	result = target_make_directories(target->path, settings, problem);
	if (result < 0)
		return result;
	return stream_open_file(&target->stream, target->path, truncate, settings->permissions,
				&target->is_new);
}

static void say_problem(const struct target *target, int result, char problem[PROBLEM_BYTES])
{
	if (problem[0])
		return;
	if (result == -EWOULDBLOCK)
		(void)snprintf(problem, PROBLEM_BYTES, "%s is being written by somebody else",
			       target->path);
	else if (result == -ENXIO)
		(void)snprintf(problem, PROBLEM_BYTES, "nobody reads %s yet", target->path);
	else if (result == -ENOTSUP)
		(void)snprintf(problem, PROBLEM_BYTES, "%s is no regular file", target->path);
	else if (result == -EBADMSG)
		(void)snprintf(problem, PROBLEM_BYTES,
			       "%s does not hold rows of this format, so nothing is appended to "
			       "it: move it away",
			       target->path);
	else
		(void)snprintf(problem, PROBLEM_BYTES, "cannot open %s", target->path);
}

int target_open(struct sonde_instance *instance, const struct settings *settings, const char *path,
		bool truncate, struct target **ret_target, int64_t *ret_cut_bytes,
		char problem[PROBLEM_BYTES])
{
	struct target *target = calloc(1, sizeof(*target));
	int result;

	problem[0] = '\0';
	*ret_cut_bytes = 0;
	if (target)
		target->path = strdup(path ? path : "standard output");
	if (!target || !target->path) {
		free(target);
		(void)snprintf(problem, PROBLEM_BYTES, "cannot open a file");
		return -ENOMEM;
	}
	target->stream.fd = -1;
	target->cut_to = -1;
	target->is_output = !path;
	target->hash = target_hash(target->path);
	result = open_stream(settings, target, truncate, problem);
	if (result == 0 && !target->stream.regular)
		result = -ENOTSUP;
	if (result == 0 && path)
		result = mend(instance, target, settings, ret_cut_bytes);
	if (result == 0)
		result = look(target, settings);
	if (result == 0) {
		*ret_target = target;
		return 0;
	}
	say_problem(target, result, problem);
	target_close(target);
	return result == -EWOULDBLOCK ? -EBUSY : result;
}

void target_close(struct target *target)
{
	if (!target)
		return;
	stream_close(&target->stream);
	header_release(&target->header);
	free(target->path);
	free(target);
}

/* ---- being open -------------------------------------------------------------------------- */

bool target_is_there(const struct target *target)
{
	struct stat status;

	if (target->is_output)
		return true;
	if (stat(target->path, &status) < 0) /* a directory that is closed to us tells nothing */
		return errno != ENOENT && errno != ENOTDIR;
	return status.st_dev == target->device && status.st_ino == target->inode;
}

bool target_is_deleted(const struct target *target)
{
	struct stat status;

	return !target->is_output && fstat(target->stream.fd, &status) == 0 && !status.st_nlink;
}

int target_write(struct target *target, const char *data, size_t length)
{
	size_t written = 0;
	int result = stream_write(&target->stream, data, length, &written);

	target->size += (int64_t)written;
	return result;
}

int target_cut(struct target *target, int64_t size)
{
	int result = target->size > size ? stream_cut(&target->stream, size) : 0;

	target->cut_to = result < 0 ? size : -1;
	if (result < 0)
		return result;
	if (target->size > size)
		target->size = size;
	if (!target->size)
		header_clear(&target->header);
	return 0;
}

int target_sync(struct target *target)
{
	int result;

	if (fdatasync(target->stream.fd) < 0)
		return -errno;
	result = target->is_new && !target->is_output ? target_sync_directory(target->path) : 0;
	if (result == 0)
		target->is_new = false;
	return result;
}
