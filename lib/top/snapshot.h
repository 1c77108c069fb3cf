/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon said of itself at one moment: `status json`, read. */
#ifndef SONDE_TOP_SNAPSHOT_H
#define SONDE_TOP_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot_instance {
	const char *name, *kind, *plugin, *state;
	const char *problem; /* "": none */
	uint32_t replica;
	uint64_t failures;
};

/* Rows that were lost, or reduced on purpose, for one reason. */
struct snapshot_reason {
	const char *reason;
	bool lost;
	uint64_t rows, events;
};

struct snapshot_account {
	const char *name, *kind;
	const char *from, *to; /* "main > file", "main / who": its two ends; else both are name */
	bool running;
	uint64_t in, out, queued, held; /* rows; of a kernel side, events */
	uint64_t reduced, lost;
	uint64_t queue_bytes, queue_limit_bytes;
	struct snapshot_reason *reasons;
	uint32_t reason_count;
};

struct snapshot {
	struct arena *arena; /* owns all texts and arrays */
	int64_t taken_ns;    /* monotonic */
	const char *version, *config;
	uint64_t pid, memory_bytes, memory_limit_bytes;
	double uptime_s, cpu_s;
	bool closes; /* the ledger */
	struct snapshot_instance *instances;
	struct snapshot_account *accounts;
	uint32_t instance_count, account_count;
};

/* Reads a text that ends with a zero byte. NULL: it is no status, or there is no memory. */
struct snapshot *snapshot_read(const char *json, size_t length, int64_t taken_ns);
void snapshot_release(struct snapshot *snapshot); /* NULL is fine */

/* The account of that name and kind; `hint` is where it may be. NULL: there is none, or no
 * snapshot.
 */
const struct snapshot_account *snapshot_account(const struct snapshot *snapshot,
						const struct snapshot_account *like, uint32_t hint);

#endif
