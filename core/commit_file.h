/* SPDX-License-Identifier: Apache-2.0 */
/* The commit record of a pipeline, as it lies on disk: what it has done with rows of queues on
 * disk, what of theirs stands in others, and what its processors remember, all as of one moment. */
#ifndef SONDE_COMMIT_FILE_H
#define SONDE_COMMIT_FILE_H

#include <sonde/plugin.h>
#include "settled.h"

enum {
	COMMIT_STAGE_NAME_BYTES = 128,
	COMMIT_RANGES_LIMIT = 1 << 16, /* of all sources together */
};

/* A journal that the pipeline reads. */
struct commit_source {
	unsigned char stream[16]; /* of the journal */
	uint64_t taken;           /* records up to this had been given to the pipeline */
	struct settled settled;   /* records that need not be given again */
};

/* A journal that it writes. */
struct commit_output {
	unsigned char stream[16];
	uint64_t appended; /* records beyond this are taken back */
};

/* What a processor remembers. */
struct commit_stage {
	char name[COMMIT_STAGE_NAME_BYTES];
	uint32_t length;
	unsigned char data[SONDE_REMEMBERED_BYTES];
};

struct commit_record {
	uint64_t generation; /* rises by one from record to record */
	uint32_t source_count, output_count, stage_count;
	struct commit_source *sources;
	struct commit_output *outputs;
	struct commit_stage *stages;
};

/* Room for so many of each, zeroed. -ENOMEM. */
int commit_record_make(struct commit_record *ret_record, uint32_t source_count,
		       uint32_t output_count, uint32_t stage_count);
void commit_record_clear(struct commit_record *record);

/* The last whole record of the two files "NAME.0" and "NAME.1" of a directory, which is open.
 * -ENOENT: there is none; -EBADMSG: there are files, but none is whole; -EPROTONOSUPPORT: of
 * another version; -errno. */
int commit_file_read(int directory_fd, const char *name, struct commit_record *ret_record);

/* Writes the record over the older of the two and syncs it: a crash at any point leaves it or the
 * one before. -E2BIG: too many ranges; -errno. */
int commit_file_write(int directory_fd, const char *name, const struct commit_record *record);

#endif
