/* SPDX-License-Identifier: Apache-2.0 */
/* Input `self`: its state, and what its parts do. */
#ifndef SONDE_SELF_H
#define SONDE_SELF_H

#include "rows.h"

/* In which states an instance has been. */
struct self_seen {
	uint64_t id;     /* of the instance */
	uint32_t states; /* bit s: in enum sonde_state s */
	bool is_met;     /* in this reading */
};

struct self {
	int64_t interval_ns;      /* option: time between two readings */
	struct sonde_texts parts; /* option: what is read */
	uint32_t level;           /* option: enum sonde_level; lines above it are left out */

	bool ledger, health, log, decisions;  /* `parts`, read */
	uint64_t log_cursor, decision_cursor; /* records that were read */
	bool has_read;                        /* once, at least */
	struct self_seen *seen;               /* of the instances of the last reading */
	uint32_t seen_count, seen_capacity;

	uint64_t readings, missed; /* counters */
};

/* What is the same in all rows of a reading. */
struct reading {
	struct sonde_instance *instance;
	struct row_head head;
	struct sonde_process process;
};

/* The code of a text, for this callback. */
uint32_t self_text(const struct reading *reading, const char *text);

/* The head of a row that is about an instance, "": about the daemon. */
struct row_head self_head(const struct reading *reading, const char *component);

/* Each makes rows of what it finds. */
void ledger_read(const struct reading *reading);
void queues_read(const struct reading *reading);
void health_read(const struct reading *reading);
void log_read(const struct reading *reading);
void decisions_read(const struct reading *reading);

/* The instance that an account belongs to, without the number of its replica: of a queue "FROM >
 * TO" who takes from it, of a processor "PIPELINE / NAME" its name. */
struct sonde_text account_component(const char *account);

#endif
