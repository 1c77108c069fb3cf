/* SPDX-License-Identifier: Apache-2.0 */
/* Where lines go: standard output or a file, written without waiting for a slow reader. */
#ifndef SONDE_STREAM_H
#define SONDE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stream {
	int fd;
	bool open;
	bool owned;   /* closed with the stream */
	bool regular; /* a regular file: never makes us wait for a reader, and can be cut back */
	bool terminal;
};

/* Standard output. Of a pipe or terminal it opens a description of its own that does not block, so
 * that other users of the same one are not disturbed. -EBADF: standard output is closed. */
int stream_open_output(struct stream *stream);

/* A file, locked against other writers: -EWOULDBLOCK if there is one. If it is not there it is
 * created, with exactly these permissions. */
int stream_open_file(struct stream *stream, const char *path, bool truncate, mode_t permissions,
		     bool *ret_created);

/* Writes what can be written now and says how much that was, also on failure. -EAGAIN: the reader
 * is slow. */
int stream_write(struct stream *stream, const char *data, size_t length, size_t *ret_written);

/* Regular files: the size, and cutting back to one. */
int stream_size(const struct stream *stream, int64_t *ret_bytes);
int stream_cut(struct stream *stream, int64_t bytes);

/* Regular files: cuts off what follows the last line break, which a writer that died left behind.
 * -EBADMSG: there is no line break in 16 MiB, so it is no file of lines, and nothing is cut. */
int stream_mend(struct stream *stream, int64_t *ret_cut_bytes);

void stream_close(struct stream *stream);

#endif
