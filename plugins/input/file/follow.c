// SPDX-License-Identifier: Apache-2.0
/* Files that are followed as they grow, line by line, and how far each is done with. */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BUFFER_BYTES_FIRST = 256 << 10,
	FILE_LIMIT = 4096, /* files that are known at once */
};

/* A file that did not grow for so long is closed, and one that is under no path of ours any more is
 * given up. */
static const int64_t idle_ns = INT64_C(10000000000);

/* ---- beginnings -------------------------------------------------------------------------- */

static uint64_t hash_of(const unsigned char *data, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t at = 0; at < length; at++)
		hash = (hash ^ data[at]) * 0x100000001b3u;
	return hash;
}

static bool print_take(int fd, uint32_t length, struct print *ret_print)
{
	unsigned char begin[FOLLOW_PRINT_BYTES];

	if (pread(fd, begin, length, 0) != (ssize_t)length)
		return false;
	*ret_print = (struct print){ .length = length, .hash = hash_of(begin, length) };
	return true;
}

static bool print_fits(int fd, const struct print *print)
{
	struct print found;

	return !print->length ||
	       (print_take(fd, print->length, &found) && found.hash == print->hash);
}

/* The print of what was read grows with it, up to its full length. */
static void print_grow(struct followed *file)
{
	uint32_t length =
		file->offset < FOLLOW_PRINT_BYTES ? (uint32_t)file->offset : FOLLOW_PRINT_BYTES;

	if (length > file->print.length)
		(void)print_take(file->fd, length, &file->print);
}

/* ---- lines ------------------------------------------------------------------------------- */

static struct line *line_add(struct follow *follow, struct followed *file, int64_t end)
{
	struct line *line = malloc(sizeof(*line));

	if (!line)
		return NULL;
	*line = (struct line){ .file = file,
			       .begin = file->offset,
			       .end = end,
			       .number = file->is_numbered ? file->line_number + 1 : 0 };
	if (file->last_line)
		file->last_line->next = line;
	else
		file->first_line = line;
	file->last_line = line;
	follow->out_count++;
	return line;
}

/* The position goes on over all lines that are done. */
static void advance(struct follow *follow, struct followed *file)
{
	int64_t before = file->done_offset;

	while (file->first_line && file->first_line->state == LINE_DONE) {
		struct line *line = file->first_line;

		file->first_line = line->next;
		if (!file->first_line)
			file->last_line = NULL;
		file->done_offset = line->end;
		file->done_line_number++;
		free(line);
	}
	if (!file->first_line && !file->skips) { /* lines that were left out are done, too */
		file->done_offset = file->offset;
		file->done_line_number = file->line_number;
	}
	follow->dirty |= file->done_offset != before;
}

void line_done(struct follow *follow, struct line *line)
{
	struct followed *file = line->file;

	follow->out_count--;
	if (line->state == LINE_AGAIN)
		follow->again_count--;
	line->state = LINE_DONE;
	if (file)
		advance(follow, file);
	else
		free(line);
}

void line_again(struct follow *follow, struct line *line)
{
	if (!line->file) {
		line_done(follow, line);
		return;
	}
	line->state = LINE_AGAIN;
	follow->again_count++;
}

/* ---- files ------------------------------------------------------------------------------- */

static void tell_failed(struct follow *follow, struct followed *file, int error)
{
	if (file->error != error)
		follow->news->failed(follow->data, file->path, error);
	file->error = error;
}

/* Its lines that are still out are of a content that is gone. */
static void begin_anew(struct follow *follow, struct followed *file)
{
	for (struct line *line = file->first_line; line;) {
		struct line *next = line->next;

		line->file = NULL;
		line->next = NULL;
		if (line->state == LINE_AGAIN)
			line_done(follow, line);
		else if (line->state == LINE_DONE)
			free(line);
		line = next;
	}
	file->first_line = file->last_line = NULL;
	file->offset = file->searched = file->done_offset = 0;
	file->line_number = file->done_line_number = 0;
	file->is_numbered = true;
	file->skips = false;
	file->print = (struct print){ 0 };
	follow->dirty = true;
	follow->news->begun_anew(follow->data, file->path);
}

static int file_open(struct followed *file)
{
	struct stat status;

	if (file->fd >= 0)
		return 0;
	file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file->fd < 0)
		return -errno;
	if (fstat(file->fd, &status) < 0 || status.st_dev != file->device ||
	    status.st_ino != file->inode) { /* it was just replaced: the next look will tell */
		close(file->fd);
		file->fd = -1;
		return -ENOENT;
	}
	return 0;
}

static void file_close(struct followed *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

/* Where a file begins that is new: where an earlier run was done with it; at its end: with the next
 * whole line. */
static void take_position(struct follow *follow, struct followed *file, bool at_end)
{
	char last;

	for (uint32_t at = 0; at < follow->position_count; at++) {
		const struct position *position = &follow->positions[at];

		if (position->device != file->device || position->inode != file->inode ||
		    position->offset > file->size)
			continue;
		if (file_open(file) == 0 && !print_fits(file->fd, &position->print))
			continue;
		file->offset = position->offset;
		file->line_number = position->line_number;
		file->is_numbered = position->is_numbered;
		file->print = position->print;
		at_end = false;
		break;
	}
	if (at_end && file->size) {
		file->offset = file->size;
		file->is_numbered = false;
		if (file_open(file) == 0) {
			print_grow(file);
			file->skips =
				pread(file->fd, &last, 1, file->size - 1) == 1 && last != '\n';
		}
	}
	file->done_offset = file->offset;
	file->done_line_number = file->line_number;
}

static struct followed *file_add(struct follow *follow, const char *path, const struct stat *status,
				 bool at_end)
{
	struct followed *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->path = strdup(path);
	if (!file->path) {
		free(file);
		return NULL;
	}
	file->device = status->st_dev;
	file->inode = status->st_ino;
	file->fd = -1;
	file->size = status->st_size;
	file->changed = status->st_mtim;
	file->is_numbered = true;
	take_position(follow, file, at_end);
	file->next = follow->files;
	follow->files = file;
	follow->file_count++;
	follow->dirty = true;
	return file;
}

static void file_remove(struct follow *follow, struct followed *file)
{
	struct followed **place = &follow->files;

	while (*place != file)
		place = &(*place)->next;
	*place = file->next;
	if (follow->turn == file)
		follow->turn = file->next;
	follow->file_count--;
	follow->dirty = true;
	file_close(file);
	free(file->path);
	free(file);
}

/* ---- looking ----------------------------------------------------------------------------- */

/* Whether there may be a whole line in it. */
static bool may_have_line(const struct followed *file)
{
	return file->offset < file->size && file->searched < file->size;
}

/* What a look at an open or named file has found. */
static void file_see(struct follow *follow, struct followed *file, const struct stat *status,
		     int64_t now_ns)
{
	bool same = status->st_size == file->size &&
		    status->st_mtim.tv_sec == file->changed.tv_sec &&
		    status->st_mtim.tv_nsec == file->changed.tv_nsec;

	if (same)
		return;
	file->size = status->st_size;
	file->changed = status->st_mtim;
	file->active_ns = now_ns;
	file->searched = file->offset; /* it may have been replaced by as much */
	if (file->size < file->offset ||
	    (file_open(file) == 0 && !print_fits(file->fd, &file->print)))
		begin_anew(follow, file);
}

static struct followed *find(struct follow *follow, const struct stat *status)
{
	struct followed *file = follow->files;

	while (file && (file->inode != status->st_ino || file->device != status->st_dev))
		file = file->next;
	return file;
}

/* A file goes by the name under which it was seen last. */
static void rename_to(struct followed *file, const char *path)
{
	char *copy = strcmp(file->path, path) ? strdup(path) : NULL;

	if (!copy)
		return;
	free(file->path);
	file->path = copy;
}

void follow_look(struct follow *follow, const char *path, bool at_end, int64_t now_ns)
{
	struct followed *file;
	struct stat status;

	if (stat(path, &status) < 0) {
		if (errno != ENOENT)
			follow->news->failed(follow->data, path, errno);
		return;
	}
	if (!S_ISREG(status.st_mode))
		return;
	file = find(follow, &status);
	if (!file) {
		if (follow->file_count < FILE_LIMIT)
			file = file_add(follow, path, &status, at_end);
		if (!file) {
			follow->news->failed(follow->data, path,
					     follow->file_count < FILE_LIMIT ? ENOMEM : EMFILE);
			return;
		}
		file->active_ns = now_ns;
	}
	rename_to(file, path);
	file->is_there = true;
	file_see(follow, file, &status, now_ns);
}

void follow_begin_look(struct follow *follow)
{
	for (struct followed *file = follow->files; file; file = file->next)
		file->is_there = false;
}

void follow_end_look(struct follow *follow, int64_t now_ns)
{
	for (struct followed *file = follow->files, *next; file; file = next) {
		struct stat status;
		bool idle;

		next = file->next;
		if (!file->is_there && file->fd >= 0 && fstat(file->fd, &status) == 0)
			file_see(follow, file, &status, now_ns);
		idle = now_ns - file->active_ns >= idle_ns && !file->first_line;
		if (idle && !file->is_there && (file->fd < 0 || !may_have_line(file)))
			file_remove(follow, file);
		else if (idle && !may_have_line(file))
			file_close(file);
	}
}

/* ---- reading ----------------------------------------------------------------------------- */

static int buffer_grow(struct follow *follow, size_t bytes)
{
	char *buffer;

	if (bytes <= follow->buffer_bytes)
		return 0;
	buffer = malloc(bytes);
	if (!buffer)
		return -ENOMEM;
	free(follow->buffer);
	follow->buffer = buffer;
	follow->buffer_bytes = bytes;
	return 0;
}

/* So many bytes of a file, or those that there are. */
static ssize_t read_at(const struct follow *follow, const struct followed *file, int64_t offset,
		       size_t bytes)
{
	ssize_t count;

	do {
		count = pread(file->fd, follow->buffer, bytes, offset);
	} while (count < 0 && errno == EINTR);
	return count;
}

/* Leaves out a line that is too long: in pieces, as it grows. */
static void skip(struct follow *follow, struct followed *file, const char *end, size_t count)
{
	if (!file->skips)
		follow->news->too_long(follow->data, file, file->offset,
				       file->is_numbered ? file->line_number + 1 : 0);
	file->skips = !end;
	file->offset += end ? end + 1 - follow->buffer : (int64_t)count;
	file->line_number += end != NULL;
	advance(follow, file);
}

/* The next line of a file: 1, 0 or -ENOMEM. */
static int file_next(struct follow *follow, struct followed *file, struct line **ret_line,
		     struct line_text *ret_text)
{
	size_t wanted = BUFFER_BYTES_FIRST, length;
	const char *end;
	ssize_t count;
	int result;

	for (;;) {
		if (wanted > follow->line_limit_bytes + 1)
			wanted = follow->line_limit_bytes + 1;
		result = buffer_grow(follow, wanted);
		if (result)
			return result;
		count = read_at(follow, file, file->offset, wanted);
		if (count <= 0) {
			tell_failed(follow, file, count < 0 ? errno : 0);
			file->searched = file->size; /* until it grows */
			return 0;
		}
		end = memchr(follow->buffer, '\n', (size_t)count);
		if (file->skips || (!end && (size_t)count > follow->line_limit_bytes)) {
			skip(follow, file, end, (size_t)count);
			wanted = BUFFER_BYTES_FIRST;
		} else if (!end && (size_t)count < wanted) {
			file->searched = file->offset + count; /* half a line waits for its end */
			return 0;
		} else if (!end) {
			wanted *= 4;
		} else {
			break;
		}
	}
	length = (size_t)(end - follow->buffer);
	*ret_line = line_add(follow, file, file->offset + (int64_t)length + 1);
	if (!*ret_line)
		return -ENOMEM;
	file->offset += (int64_t)length + 1;
	file->line_number++;
	print_grow(file);
	*ret_text = (struct line_text){ .data = follow->buffer, .length = length };
	return 1;
}

int follow_next(struct follow *follow, struct line **ret_line, struct line_text *ret_text)
{
	for (uint32_t tries = follow->file_count + 1; tries; tries--) {
		struct followed *file = follow->turn ? follow->turn : follow->files;
		int result = 0;

		if (!file)
			return 0;
		follow->turn = file->next;
		if (!may_have_line(file))
			continue;
		result = file_open(file);
		tell_failed(follow, file, -result);
		result = result ? 0 : file_next(follow, file, ret_line, ret_text);
		if (result)
			return result;
	}
	return 0;
}

int follow_again(struct follow *follow, struct line **ret_line, struct line_text *ret_text)
{
	struct followed *file = follow->again_count ? follow->files : NULL;

	for (; file; file = file->next) {
		struct line *line = file->first_line;
		size_t length;
		int result;

		while (line && line->state != LINE_AGAIN)
			line = line->next;
		if (!line)
			continue;
		length = (size_t)(line->end - line->begin);
		result = buffer_grow(follow, length);
		if (!result)
			result = file_open(file);
		if (result == -ENOMEM)
			return result;
		if (result || read_at(follow, file, line->begin, length) != (ssize_t)length) {
			tell_failed(follow, file, result ? -result : EIO);
			line_done(follow, line); /* what was in it is lost, and booked so */
			return 0;
		}
		line->state = LINE_OUT;
		follow->again_count--;
		*ret_line = line;
		*ret_text = (struct line_text){ .data = follow->buffer, .length = length - 1 };
		return 1;
	}
	return 0;
}

void follow_close(struct follow *follow)
{
	while (follow->files) {
		struct followed *file = follow->files;

		for (struct line *line = file->first_line, *next; line; line = next) {
			next = line->next;
			free(line);
		}
		file_remove(follow, file);
	}
	free(follow->buffer);
	free(follow->positions);
	follow->buffer = NULL;
	follow->buffer_bytes = 0;
	follow->positions = NULL;
	follow->position_count = 0;
	follow->out_count = follow->again_count = 0;
}
