/* SPDX-License-Identifier: Apache-2.0 */
/* Where a batch comes from: whether its pids, users and cgroups are this host's, and how its times
 * are told in boottime. */
#ifndef ENRICH_ORIGIN_H
#define ENRICH_ORIGIN_H

#include <sonde/plugin.h>

enum { ORIGIN_NAMES = 16, ORIGIN_OFFSETS = 8 };

/* What this host goes by. Zeroed, it is to be filled. */
struct origin {
	const char *names[ORIGIN_NAMES]; /* values of host.name and host.id that are ours */
	uint32_t name_count;
	int64_t offsets_ns[ORIGIN_OFFSETS]; /* wall clock less boottime: as it is, and was before
					     * each step of the clock; newest first */
	uint32_t offset_count;
	bool foreign_said; /* a line in the log */
};

/* The columns of a batch that tell about processes; NULL: there is none that is this host's. */
struct origin_columns {
	const struct sonde_column *time;   /* when it happened; may be NULL */
	const struct sonde_column *pid;    /* u32 */
	const struct sonde_column *start;  /* of the process */
	const struct sonde_column *offset; /* wall clock less boottime, when rows were stamped */
	const struct sonde_column *cgroup; /* u64 */
	bool is_here;                      /* a number that is of a host is this one's */
};

/* Takes down how the clock stands now. */
void origin_look_at_clock(struct origin *origin, int64_t offset_ns);

void origin_read(struct origin *origin, struct sonde_instance *instance,
		 const struct sonde_batch *batch, struct origin_columns *ret_columns);

/* The number of a row, for columns as origin_read() lets through. */
static inline uint32_t origin_u32(const struct sonde_column *column, uint32_t row)
{
	uint32_t value;

	__builtin_memcpy(&value, sonde_value(column, row), sizeof(value));
	return value;
}

static inline uint64_t origin_u64(const struct sonde_column *column, uint32_t row)
{
	uint64_t value;

	__builtin_memcpy(&value, sonde_value(column, row), sizeof(value));
	return value;
}

#endif
