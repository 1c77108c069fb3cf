/* SPDX-License-Identifier: Apache-2.0 */
/* Files of sonde's own frames: batches written as them, and where the last whole one ends. */
#ifndef SONDE_FILE_ARCHIVE_H
#define SONDE_FILE_ARCHIVE_H

#include <sonde/plugin.h>

enum { ARCHIVE_BATCHES = 8 }; /* that share a frame, at most */

/* Batches of one file that wait to be written, held. Zeroed, it is empty. */
struct archive {
	struct sonde_instance *instance;
	struct sonde_batch *batches[ARCHIVE_BATCHES];
	uint32_t tags[ARCHIVE_BATCHES];
	uint32_t count;
};

/* Adds rows of a batch: `first` and those behind it in `next` (by row, ascending; UINT32_MAX:
 * none). There are fewer than ARCHIVE_BATCHES yet. The tag says which batch it was. -ENOMEM. */
int archive_add(struct archive *archive, struct sonde_batch *batch, uint32_t tag, uint32_t first,
		const uint32_t *next);
void archive_clear(struct archive *archive);

/* Writes what waits as frames, one wherever it fits, each given to `put`, whose failure ends it.
 * Rows that are more than a frame can hold, each by itself, are added to `rejected` by their tag.
 * -ENOMEM. */
int archive_write(struct archive *archive, int level,
		  int (*put)(void *data, const struct sonde_frame *frame), void *data,
		  uint64_t rejected[]);

/* The end of the last whole frame of an open file, behind which one that is cut short may follow,
 * or zeros. -EBADMSG: something else does, and *ret_end is where it begins; or another errno. */
int archive_end(struct sonde_instance *instance, int fd, int64_t size, int64_t *ret_end);

/* Where the frame ends that is torn at `place` of bytes that begin with a frame; `place`, if none
 * is. */
size_t archive_frame_end(struct sonde_instance *instance, const char *data, size_t length,
			 size_t place);

#endif
