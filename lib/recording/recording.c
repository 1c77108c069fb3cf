// SPDX-License-Identifier: Apache-2.0
/* Recordings: files of frames, read one frame at a time. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "recording.h"

enum { SCAN_BYTES = 1 << 20, FILES_LIMIT = 65536 };

static const char damaged[] = "a damaged frame";
static const char other_version[] = "a frame of a version that this sonde does not read";

struct recording {
	struct sonde_instance *instance;
	const struct recording_news *news;
	void *data;
	char **paths;
	uint32_t path_count, file;
	int fd;         /* of the file whose turn it is; -1: not open yet */
	int64_t size;   /* of it, when it was opened */
	int64_t offset; /* of the next frame in it */
	bool has_frames;
	char *buffer; /* a frame */
	size_t capacity;
	struct sonde_batch **batches;
	uint32_t batch_capacity;
};

/* ---- files ------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static int say(char *error, size_t error_size, int result,
						     const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(error, error_size, format, arguments);
	va_end(arguments);
	return result;
}

static int add_paths(struct recording *recording, const glob_t *found)
{
	size_t count = recording->path_count + found->gl_pathc;
	char **paths;

	if (count > FILES_LIMIT)
		return -E2BIG;
	paths = reallocarray(recording->paths, count, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	recording->paths = paths;
	for (size_t at = 0; at < found->gl_pathc; at++) {
		paths[recording->path_count] = strdup(found->gl_pathv[at]);
		if (!paths[recording->path_count])
			return -ENOMEM;
		recording->path_count++;
	}
	return 0;
}

static int find_files(struct recording *recording, const char *pattern, char *error,
		      size_t error_size)
{
	glob_t found = { 0 };
	int result = glob(pattern, GLOB_ERR, NULL, &found);

	if (result == GLOB_NOMATCH)
		return say(error, error_size, -ENOENT, "there is no file %s", pattern);
	if (result == GLOB_ABORTED)
		return say(error, error_size, -EACCES, "cannot look for %s", pattern);
	if (result)
		return say(error, error_size, -ENOMEM, "no memory to look for %s", pattern);
	result = add_paths(recording, &found);
	globfree(&found);
	if (result == -E2BIG)
		return say(error, error_size, result, "%s makes more than %d files", pattern,
			   FILES_LIMIT);
	return result ? say(error, error_size, result, "no memory to look for %s", pattern) : 0;
}

int recording_open(struct sonde_instance *instance, const struct sonde_texts *paths,
		   const struct recording_news *news, void *data, struct recording **ret_recording,
		   char *error, size_t error_size)
{
	struct recording *recording = calloc(1, sizeof(*recording));
	int result = 0;

	if (!recording)
		return say(error, error_size, -ENOMEM, "no memory");
	recording->instance = instance;
	recording->news = news;
	recording->data = data;
	recording->fd = -1;
	for (uint32_t at = 0; at < paths->count && !result; at++)
		result = find_files(recording, paths->items[at], error, error_size);
	if (result) {
		recording_close(recording);
		return result;
	}
	*ret_recording = recording;
	return 0;
}

static void end_file(struct recording *recording)
{
	if (recording->fd >= 0)
		close(recording->fd);
	recording->fd = -1;
	recording->size = recording->offset = 0;
	recording->has_frames = false;
}

void recording_close(struct recording *recording)
{
	if (!recording)
		return;
	end_file(recording);
	while (recording->path_count)
		free(recording->paths[--recording->path_count]);
	free(recording->paths);
	free(recording->buffer);
	free(recording->batches);
	free(recording);
}

void recording_rewind(struct recording *recording)
{
	end_file(recording);
	recording->file = 0;
}

struct recording_progress recording_progress(const struct recording *recording)
{
	return (struct recording_progress){
		.file_count = recording->path_count,
		.file = recording->file,
		.path = recording->file < recording->path_count ? recording->paths[recording->file]
								: NULL,
		.offset = recording->offset,
		.size = recording->size,
	};
}

/* What is no regular file has no end that could be waited for. */
static int begin_file(struct recording *recording)
{
	const char *path = recording->paths[recording->file];
	struct stat status;

	recording->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (recording->fd < 0 || fstat(recording->fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? -EISDIR : -ESPIPE;
	recording->size = status.st_size;
	return 0;
}

/* Exactly so many bytes at a place. */
static int read_at(const struct recording *recording, void *to, size_t count, int64_t place)
{
	for (size_t done = 0; done < count;) {
		ssize_t got = pread(recording->fd, (char *)to + done, count - done,
				    place + (int64_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO; /* it was cut meanwhile */
		done += (size_t)got;
	}
	return 0;
}

/* ---- frames ------------------------------------------------------------------------------ */

static int reserve(struct recording *recording, size_t size)
{
	char *buffer;

	if (size <= recording->capacity)
		return 0;
	buffer = realloc(recording->buffer, size);
	if (!buffer)
		return -ENOMEM;
	recording->buffer = buffer;
	recording->capacity = size;
	return 0;
}

static int look_at(const struct recording *recording, int64_t place, struct sonde_frame *ret_frame)
{
	char head[SONDE_FRAME_HEAD_BYTES];
	int64_t left = recording->size - place;
	size_t count = left < (int64_t)sizeof(head) ? (size_t)left : sizeof(head);
	int result = read_at(recording, head, count, place);

	ret_frame->size = sizeof(*ret_frame);
	return result ? result : sonde_frame_look(recording->instance, head, count, ret_frame);
}

/* Whether the file ends there, or a frame seems to begin. */
static bool is_border(const struct recording *recording, int64_t place)
{
	struct sonde_frame frame;

	return place == recording->size ||
	       (place < recording->size && !look_at(recording, place, &frame));
}

/* The first place from `place` on where a frame seems to begin; the end of the file if there is
 * none. Takes the buffer. */
static int64_t find_frame(struct recording *recording, int64_t place)
{
	while (recording->size - place >= SONDE_FRAME_HEAD_BYTES) {
		int64_t left = recording->size - place;
		size_t count = left < SCAN_BYTES ? (size_t)left : SCAN_BYTES;
		int result = reserve(recording, SCAN_BYTES);

		if (!result)
			result = read_at(recording, recording->buffer, count, place);
		if (result)
			return result;
		for (size_t at = 0; at + SONDE_FRAME_HEAD_BYTES <= count; at++) {
			struct sonde_frame frame = { .size = sizeof(frame) };

			if (!sonde_frame_look(recording->instance, recording->buffer + at,
					      count - at, &frame))
				return place + (int64_t)at;
		}
		place += (int64_t)(count - SONDE_FRAME_HEAD_BYTES + 1);
	}
	return recording->size;
}

/* Goes on behind what is damaged: where its length says, if that seems right, else wherever the
 * next frame is. `torn`: what is wrong if there is none. */
static int leave_out(struct recording *recording, uint64_t length, const char *why,
		     const char *torn)
{
	int64_t begin = recording->offset, end = begin + (int64_t)length;

	if (!length || end > recording->size || !is_border(recording, end))
		end = find_frame(recording, begin + 1);
	if (end < 0)
		return (int)end;
	if (torn && end == recording->size)
		why = torn;
	recording->offset = end;
	recording->news->damaged(recording->data, recording->paths[recording->file], begin,
				 end - begin, why);
	return 0;
}

/* The frame at the offset, whole, in the buffer. 1; 0: it is left out, or the file is over. */
static int read_frame(struct recording *recording, struct sonde_frame *ret_frame)
{
	int64_t left = recording->size - recording->offset;
	int result = left ? look_at(recording, recording->offset, ret_frame) : 0;

	if (!left)
		return 0;
	if (result == -EPROTONOSUPPORT)
		return leave_out(recording, 0, other_version, NULL);
	if (result == -EBADMSG || result == -EMSGSIZE)
		return leave_out(recording, 0, "no frame begins here",
				 recording->has_frames ? NULL : "this is no file of frames");
	if (result == -EAGAIN || (!result && ret_frame->length > (uint64_t)left))
		return leave_out(recording, 0, damaged, "the file ends within a frame");
	if (!result)
		result = reserve(recording, ret_frame->length);
	if (!result)
		result =
			read_at(recording, recording->buffer, ret_frame->length, recording->offset);
	ret_frame->data = recording->buffer;
	return result ? result : 1;
}

/* 1: its batches; 0: it is left out; or a negative errno. */
static int read_batches(struct recording *recording, const struct sonde_frame *frame)
{
	int result;

	if (frame->batch_count > recording->batch_capacity) {
		struct sonde_batch **batches = reallocarray(recording->batches, frame->batch_count,
							    sizeof(*recording->batches));

		if (!batches)
			return -ENOMEM;
		recording->batches = batches;
		recording->batch_capacity = frame->batch_count;
	}
	result = sonde_frame_read(recording->instance, frame, recording->batches,
				  recording->batch_capacity);
	if (result == -EBADMSG)
		return leave_out(recording, frame->length, damaged, NULL);
	if (result == -EPROTONOSUPPORT)
		return leave_out(recording, frame->length, other_version, NULL);
	if (result < 0)
		return result;
	recording->offset += (int64_t)frame->length;
	recording->has_frames = true;
	return 1;
}

/* Accounts of a ledger, which only tell what had happened elsewhere. */
static void release_batches(struct recording *recording, uint32_t count)
{
	for (uint32_t at = 0; at < count; at++)
		sonde_batch_release(recording->instance, recording->batches[at]);
}

/* The next frame of the file: 1; 0: the file is over; or a negative errno. */
static int next_of_file(struct recording *recording, uint32_t *ret_count)
{
	int result = recording->fd < 0 ? begin_file(recording) : 0;

	while (!result && recording->offset < recording->size) {
		struct sonde_frame frame;

		result = read_frame(recording, &frame);
		if (result <= 0)
			continue;
		result = read_batches(recording, &frame);
		if (result > 0 && frame.kind != SONDE_FRAME_ROWS) {
			release_batches(recording, frame.batch_count);
			result = 0;
		}
		*ret_count = frame.batch_count;
	}
	return result;
}

int recording_next(struct recording *recording, struct sonde_batch ***ret_batches,
		   uint32_t *ret_count)
{
	while (recording->file < recording->path_count) {
		int result = next_of_file(recording, ret_count);

		if (result > 0)
			*ret_batches = recording->batches;
		if (result > 0 || result == -ENOMEM)
			return result;
		if (result < 0)
			recording->news->failed(recording->data, recording->paths[recording->file],
						-result);
		end_file(recording);
		recording->file++;
	}
	return 0;
}
