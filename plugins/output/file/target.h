/* SPDX-License-Identifier: Apache-2.0 */
/* One file that rows are appended to: opened and mended, written, cut back, synced, closed. */
#ifndef SONDE_FILE_TARGET_H
#define SONDE_FILE_TARGET_H

#include <sys/types.h>
#include "../../../lib/stream/stream.h"
#include "header.h"
#include "settings.h"

struct target {
	char *path;
	uint64_t hash; /* of path */
	struct stream stream;
	dev_t device;
	ino_t inode;
	bool is_output; /* standard output, which has no name of its own */
	bool is_new;    /* its name need not be on the disk yet */

	int64_t size;
	int64_t begin;        /* size before the delivery that `delivery` names */
	int64_t committed;    /* size that is answered for */
	int64_t cut_to;       /* size that it could not be cut back to; negative: none */
	uint64_t delivery;    /* the one that touched it last */
	int64_t written_ns;   /* wall clock of the last row; of what was there: its own */
	int64_t used_ns;      /* wall clock when it was asked for last */
	uint64_t used;        /* the same as a rising number */
	struct header header; /* CSV: of this file; empty: none, or one that cannot be read */
};

/* Opens or creates the file with all its directories, and empties it or mends its end:
 * *ret_cut_bytes were cut off. Returns 0, or a negative errno and in `problem` what could not be
 * done: -EWOULDBLOCK: somebody else writes it; -EBADMSG: it holds something else, and was left as
 * it is; -EUCLEAN: it begins as one of ours, but cannot be mended. NULL path: standard output. */
int target_open(struct sonde_instance *instance, const struct settings *settings, const char *path,
		bool truncate, struct target **ret_target, int64_t *ret_cut_bytes,
		char problem[512]);

void target_close(struct target *target); /* NULL is fine */

/* Whether the path still leads to it, or it cannot be told. */
bool target_is_there(const struct target *target);

/* Whether it has no name any more: what is in it is lost. */
bool target_is_deleted(const struct target *target);

/* Appends. On failure a part of it may be written. */
int target_write(struct target *target, const char *data, size_t length);

/* Cuts it back; a failure is remembered in cut_to. */
int target_cut(struct target *target, int64_t size);

/* Its content, and its name if it is new, are on the disk. */
int target_sync(struct target *target);

/* Makes all directories that stand in the path, with their permissions. */
int target_make_directories(const char *path, const struct settings *settings, char problem[512]);

/* The directory of a path is on the disk. */
int target_sync_directory(const char *path);

uint64_t target_hash(const char *path);

#endif
