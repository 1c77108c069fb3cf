/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the input `self`: what lies where in them. */
#ifndef SONDE_SELF_ROWS_H
#define SONDE_SELF_ROWS_H

#include <sonde/plugin.h>

/* Index into rows_schemas. */
enum {
	SCHEMA_LEDGER,
	SCHEMA_HEALTH,
	SCHEMA_INSTANCE,
	SCHEMA_STATE,
	SCHEMA_QUEUE,
	SCHEMA_LOG,
	SCHEMA_DECISION,
};

/* Columns that a row may have no value in. */
enum {
	LEDGER_ROWS = 10,
	LEDGER_EVENTS,
	LEDGER_FLIGHT_ROWS,
	LEDGER_FLIGHT_EVENTS,
};
enum { HEALTH_MEMORY_LIMIT = 8 };
enum { INSTANCE_RETRIES = 10 };

/* Whose rows they are; codes of texts. The first members of every row. */
struct row_head {
	int64_t time_ns;
	uint32_t service, version, host; /* of the resource */
	uint32_t component;              /* the instance; 0: the daemon */
};

struct ledger_row {
	struct row_head head;
	int64_t start_time_ns; /* since when the account counts; 0: not known */
	uint32_t kind, account;
	uint32_t outcome, reason;
	uint64_t rows, events;
	uint64_t flight_rows, flight_events;
};

struct health_row {
	struct row_head head;
	int64_t start_time_ns; /* of the process */
	double uptime_s, cpu_s, stuck_s;
	uint64_t memory_limit_bytes, resident_bytes, room_bytes, used_bytes, idle_bytes;
	uint64_t peak_bytes, reserved_bytes, other_bytes, kernel_bytes;
	uint64_t shed_rows, refused_count, failed_count;
	uint64_t descriptor_count, descriptor_limit, descriptor_refused_count;
	uint64_t log_written, log_held, log_lost;
	uint64_t run;
	uint32_t thread_count;
};

struct instance_row {
	struct row_head head;
	int64_t start_time_ns; /* of the instance */
	uint32_t kind, plugin;
	uint32_t replica;
	uint64_t failure_count, retry_count;
	double busy_s;
};

struct state_row {
	struct row_head head;
	uint32_t kind;
	uint32_t replica;
	uint32_t state;
	uint8_t is_in_it; /* 1: it is in this state; 0: it was before */
};

struct queue_row {
	struct row_head head;
	uint32_t account;
	uint64_t bytes, limit_bytes, peak_bytes, rows;
};

struct log_row {
	struct row_head head;
	uint8_t severity; /* as OTLP numbers them */
	uint32_t severity_text, body;
	uint64_t run, number;
};

struct decision_row {
	struct log_row log;
	uint32_t event, actor, knob, before, after;
	int64_t for_ns;
};

extern const struct sonde_schema rows_schemas[];

#endif
