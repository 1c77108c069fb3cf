/* SPDX-License-Identifier: Apache-2.0 */
/* System calls as OTLP, written by hand from arrays whose columns, keys and lengths the code knows:
 * the least that encoding can cost. */
#ifndef SONDE_OTLP_ENCODE_FLOOR_H
#define SONDE_OTLP_ENCODE_FLOOR_H

#include <stddef.h>
#include <stdint.h>

enum { CALL_ROWS = 1000, CALL_BUCKETS = 16, CALL_COMMANDS = 40, CALL_NAMES = 32 };

/* Texts of the dictionaries. */
extern const char *const call_names[CALL_NAMES];
extern const char *const call_commands[CALL_COMMANDS];

/* So many calls, or series of calls. */
struct calls {
	uint64_t time_ns[CALL_ROWS], duration_ns[CALL_ROWS], cgroup[CALL_ROWS];
	int64_t result[CALL_ROWS];
	uint32_t process[CALL_ROWS], thread[CALL_ROWS];
	uint32_t name[CALL_ROWS], command[CALL_ROWS]; /* codes */
	unsigned char trace[CALL_ROWS][16], span[CALL_ROWS][8];
	uint64_t count[CALL_ROWS], buckets[CALL_ROWS][CALL_BUCKETS];
	double sum[CALL_ROWS];
};

extern const double call_bounds[CALL_BUCKETS - 1];

/* Works out what is the same in all rows, once. */
void floor_prepare(void);

/* Each writes a request of all rows into memory that is large enough, and returns its length. */
size_t floor_logs(unsigned char *memory, const struct calls *calls);
size_t floor_spans(unsigned char *memory, const struct calls *calls);
size_t floor_points(unsigned char *memory, const struct calls *calls);
size_t floor_histograms(unsigned char *memory, const struct calls *calls);

#endif
