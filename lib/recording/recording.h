/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings: files of frames, read one frame at a time, so that memory is bounded by the largest.
 *
 * What is damaged is left out and told of: the next frame that is whole is looked for. Files are
 * read as long as they are when their turn comes. */
#ifndef SONDE_RECORDING_H
#define SONDE_RECORDING_H

#include <sonde/plugin.h>

struct recording;

/* What is told to whoever reads. */
struct recording_news {
	/* Bytes of a file from `offset` on are left out. */
	void (*damaged)(void *data, const char *path, int64_t offset, int64_t length,
			const char *why);
	/* A file, or the rest of it, cannot be read. */
	void (*failed)(void *data, const char *path, int error);
};

/* How far it is. */
struct recording_progress {
	uint32_t file_count, file; /* that is being read, from 0 */
	const char *path;          /* of it; NULL: at the end */
	int64_t offset, size;      /* within it, of it */
};

/* Finds the files: paths and patterns as in a shell, those of a pattern in the order of their
 * names. The instance is asked for services. -ENOENT: there is none that is called so, -ENOMEM, or
 * another errno: `error` says what is wrong. */
int recording_open(struct sonde_instance *instance, const struct sonde_texts *paths,
		   const struct recording_news *news, void *data, struct recording **ret_recording,
		   char *error, size_t error_size);
void recording_close(struct recording *recording); /* NULL is fine */

/* The batches of the next frame that has rows, which are the caller's; the array is valid until
 * the next call. 1; 0: that was the last; -ENOMEM: try again later. */
int recording_next(struct recording *recording, struct sonde_batch ***ret_batches,
		   uint32_t *ret_count);

/* From the first file on again. */
void recording_rewind(struct recording *recording);

struct recording_progress recording_progress(const struct recording *recording);

/* ---- times ------------------------------------------------------------------------------- */

/* When a row happened: its time, else the end of a span, else when it was first seen, else the
 * begin of a span. `row` is selected. INT64_MIN: it does not say. */
int64_t recording_row_time(const struct sonde_batch *batch, uint32_t row);

/* Of the first selected row that says it; INT64_MIN: none does. */
int64_t recording_time(const struct sonde_batch *batch);

/* Of the row that is latest. */
int64_t recording_latest_time(const struct sonde_batch *batch);

/* Moves all times of a batch that was read and not emitted, those of its child tables included; 0,
 * which stands for none, stays. */
void recording_shift(struct sonde_batch *batch, int64_t by_ns);

#endif
