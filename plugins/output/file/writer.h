/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries as rows of a format, each in its file. */
#ifndef SONDE_FILE_WRITER_H
#define SONDE_FILE_WRITER_H

#include "archive.h"
#include "csv.h"
#include "frame.h"
#include "requests.h"
#include "split.h"
#include "store.h"

enum { WRITER_BATCH_LIMIT = 8 }; /* of a delivery */

/* What of a delivery was not written, for good. */
struct shortfall {
	uint32_t rejected;                     /* a bit for each batch that no file can hold */
	uint32_t settled;                      /* a bit for each batch that is answered already */
	uint64_t left_out[WRITER_BATCH_LIMIT]; /* rows of a batch that the format cannot hold */
};

struct writer {
	const struct settings *settings;
	struct store *store;
	struct template *template;
	struct split split;
	struct lines *lines;  /* JSON */
	struct lines *values; /* of templates */
	struct csv *csv;
	struct requests *requests; /* OTLP/JSON */
	struct archive archive;    /* frames: batches of the file that `target` is */
	struct header header;      /* CSV: of a stream */
	struct frames *frames;     /* of zstd */
	struct target *target;     /* that `rows` belong to */
	struct json rows;          /* not written yet */
	struct json packed;        /* the same, compressed */
	struct json tail;          /* a row that goes to the next file */
	bool has_rows;             /* `rows` holds more than a header */
	/* of this delivery */
	uint64_t bytes, row_count; /* as they were written */
	struct shortfall shortfall;
	int64_t now_ns;
};

/* -ENOMEM. Template and store are the caller's. */
int writer_open(struct writer *writer, struct sonde_instance *instance,
		const struct settings *settings, struct template *template, struct store *store);
void writer_close(struct writer *writer);

/* Writes all rows, each to the file that the template says (standard output: the template is NULL),
 * but for what is in `shortfall`: batches of more columns than a header can have, or of no signal
 * of OTLP, and rows that OTLP cannot say. On failure the
 * store says what could not be done, and some rows may be written. */
int writer_write(struct writer *writer, const struct sonde_delivery *delivery, int64_t now_ns);

/* Appends all rows to `out` as they stand in a stream, which has no files; the same are rejected.
 * -ENOMEM. */
int writer_encode(struct writer *writer, const struct sonde_delivery *delivery, struct json *out);

#endif
