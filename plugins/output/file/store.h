/* SPDX-License-Identifier: Apache-2.0 */
/* The files that rows go to: a bounded number of them open, closed by the rules, and each delivery
 * written to all of them or to none.
 *
 * A delivery that fails is cut out of every file that it reached. Rows that are not on the disk yet
 * may be kept unanswered (sync = "interval"): if that fails, all since the last commit are cut out.
 * A cut that fails is tried again before anything else is written. */
#ifndef SONDE_FILE_STORE_H
#define SONDE_FILE_STORE_H

#include "rotate.h"
#include "target.h"

/* A file that was closed, or given its closing name, with rows in it that may have to go again. */
struct trace {
	char *path;
	dev_t device;
	ino_t inode;
	int64_t begin, committed, cut_to; /* as of a target */
	uint64_t delivery;
	bool is_closed; /* has its closing name: is removed if nothing is left in it */
};

struct store {
	struct sonde_instance *instance;
	const struct settings *settings;
	bool truncate; /* the next file to be opened is emptied */
	struct target **targets;
	uint32_t target_count;
	struct trace *traces;
	uint32_t trace_count, trace_capacity;
	uint64_t delivery; /* number of the one that is being written */
	uint64_t used;
	struct rotate_last last;
	bool kept_failed;   /* rows before this delivery are lost too: undo all */
	bool uncertain;     /* rows since the last commit lie in a file that is not ours any more */
	bool cuts_pending;  /* some could not be made */
	bool has_rotated;   /* a file was closed or begun: time to look at what is kept */
	uint64_t rotations; /* counters */
	uint64_t reopened;
	char problem[512]; /* what could not be done, after a negative return */
};

void store_open(struct store *store, struct sonde_instance *instance,
		const struct settings *settings);

/* Closes all as they are. */
void store_close(struct store *store);

/* Before a delivery: makes the cuts that are due. */
int store_begin(struct store *store);

/* The file of a path (NULL: standard output), open, looked after, and with its size before this
 * delivery noted. It is valid until the next call of this kind. */
int store_target(struct store *store, const char *path, int64_t now_ns, struct target **ret_target);

/* Gives the file its closing name and begins another; *target is that one, with the same header.
 * An empty file stays as it is, and so does standard output. */
int store_rotate(struct store *store, struct target **target, int64_t now_ns);

/* Makes all that was written stay: synced or not. On failure undo all. */
int store_commit(struct store *store, bool sync);

void store_undo_delivery(struct store *store);
void store_undo_all(struct store *store);

/* Once in a while, when all is committed: closes files whose period is over, that were moved away,
 * or that nobody used for long (not if `stays`). */
int store_tend(struct store *store, int64_t now_ns, bool stays);

#endif
