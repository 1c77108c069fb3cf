/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF programs of the host and what each did of late, wherever that is known from. */
#ifndef SONDE_TOP_CENSUS_H
#define SONDE_TOP_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CENSUS_NAME = 128, CENSUS_TYPE = 32, CENSUS_TARGET = 160, CENSUS_LIMIT = 65536 };

struct census_program {
	uint32_t id;
	char name[CENSUS_NAME], type[CENSUS_TYPE], target[CENSUS_TARGET];
	bool known;     /* what it did is: else only that it is there */
	double seconds; /* that the rest is about */
	double runs, run_s, misses;
	uint64_t bytes; /* of its instructions */
};

struct census {
	struct census_program *programs;
	uint32_t count, capacity;
	char time[48]; /* of the rows that were taken last, as they say it */
};

/* A new program, zeroed. NULL: no memory, or CENSUS_LIMIT of them. */
struct census_program *census_add(struct census *census);
void census_release(struct census *census);

/* Takes rows of the input `bpf`, as lines of JSON: those of a new reading put an end to those of
 * the one before. Lines that are not of programs are passed over. -ENOMEM. */
int census_take_rows(struct census *census, const char *lines, size_t length);

#endif
