/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that the input `syscalls` took with mode = "events" while a compiler ran: real rows
 * for benchmarks, in recorded_syscalls.zst. */
#ifndef RECORDED_H
#define RECORDED_H

#include <stdbool.h>
#include <stdint.h>
#include <sonde/plugin.h>

/* As plugins/input/syscalls/events.h has it. */
struct recorded_row {
	int64_t time_ns, start_time_ns;
	uint64_t cgroup_id;
	uint32_t tgid, tid;
	uint32_t error;
	bool compat, untimed;
	uint16_t reserved;
	int64_t return_value;
	uint64_t duration_ns;
	uint32_t weight;
	uint32_t call;
};

enum { RECORDED_CALL = 5, RECORDED_ERROR = 7, RECORDED_FIELDS = 11 };

extern const struct sonde_field recorded_fields[];

struct recorded {
	struct recorded_row *rows;
	uint32_t row_count, call_count, error_count;
	/* Names that the codes of rows stand for, each with a zero behind it, in the order of the
	 * codes: those of calls from 0, those of errors from 1. */
	const char *calls, *errors;
	void *memory; /* which holds the names */
};

/* Negative errno: the file cannot be read, or is no such recording. */
int recorded_read(const char *path, struct recorded *ret_recorded);
void recorded_free(struct recorded *recorded);

#endif
