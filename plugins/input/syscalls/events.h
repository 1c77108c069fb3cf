/* SPDX-License-Identifier: Apache-2.0 */
/* From the rings into batches: one copy an event, and the few members that rows hold differently.
 */
#ifndef SYSCALLS_EVENTS_H
#define SYSCALLS_EVENTS_H

#include <sonde/plugin.h>

#include "probe.h"

/* A row without arguments: the event as it came, with these members changed in place. */
struct event_row {
	int64_t time_ns;       /* ns since the epoch */
	int64_t start_time_ns; /* of the process, likewise */
	uint64_t cgroup_id;
	uint32_t tgid, tid;
	uint32_t error; /* code of the error's name, 0: none; was type and version */
	bool compat;    /* were the flags */
	bool untimed;
	uint16_t reserved;
	int64_t return_value;
	uint64_t duration_ns;
	uint32_t weight;
	uint32_t call; /* code of the name; was the index */
};

/* The same with arguments. */
struct event_detail_row {
	struct event_row event;
	uint64_t arguments[6];
	uint32_t text; /* code of the text, 0: none; was its length */
	uint32_t reserved;
};

_Static_assert(sizeof(struct event_row) == sizeof(struct sonde_syscall_event), "rows are events");
_Static_assert(sizeof(struct event_detail_row) == SONDE_SYSCALL_DETAIL_BYTES(0), "rows are events");

/* Where events of one instance go. */
struct events {
	struct sonde_instance *instance;
	struct sonde_kernel *kernel;
	uint32_t plain_schema, detail_schema;    /* of the plugin */
	uint32_t text_field;                     /* of the detail schema */
	uint32_t error_field, duration_field;    /* of both */
	struct sonde_dictionary *calls, *errors; /* names, bound to both schemas by the owner */
	uint32_t call_codes[SONDE_SYSCALL_INDEXES];
	uint32_t error_codes[SONDE_SYSCALL_ERRORS];
	uint32_t other_code;            /* of SONDE_SYSCALL_OTHER */
	int64_t clock_offset_ns;        /* wall clock less boottime */
	struct sonde_batch *batch;      /* being filled; NULL: none */
	struct sonde_dictionary *texts; /* of the batch */
	unsigned char *rows;
	unsigned char *error_valid, *duration_valid; /* bits of the batch */
	uint32_t row_count, row_bytes;
	uint32_t weight;         /* of all rows of the batch */
	uint32_t sampled_weight; /* that rows have which were sampled as pipelines ask; 0: none */
	uint64_t emitted_count;  /* rows emitted so far */
	uint64_t lost_count;     /* events that no memory was found for */
};

/* Makes the dictionaries of names. -ENOMEM. events_close always has to follow. */
int events_open(struct events *events);
void events_close(struct events *events);

/* The code of a call's name, SONDE_SYSCALL_OTHER included. */
static inline uint32_t events_call_code(const struct events *events, uint32_t call_index)
{
	return call_index < SONDE_SYSCALL_INDEXES ? events->call_codes[call_index]
						  : events->other_code;
}

/* Empties all rings into batches and emits them; at most `limit` events of each CPU, so that no CPU
 * keeps the reader from the others. Returns how many were read. */
uint64_t events_read(struct events *events, uint64_t limit);

#endif
