// SPDX-License-Identifier: Apache-2.0
/* Reads a recording: three counts (rows, names of calls, of errors), the names and the rows,
 * compressed. */
#include "recorded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { PACKED_LIMIT = 1 << 20, UNPACKED_LIMIT = 64 << 20 };

/* As plugins/input/syscalls/rows.c has them. */
const struct sonde_field recorded_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct recorded_row, time_ns),
	  .role = SONDE_ROLE_TIME,
	  .help = "when the call returned" },
	{ .name = "process.start_time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct recorded_row, start_time_ns),
	  .help = "when the caller's process started: with the pid, its identity" },
	{ .name = "cgroup.id",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct recorded_row, cgroup_id),
	  .help = "v2 cgroup of the caller" },
	{ .name = "process.pid",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct recorded_row, tgid),
	  .help = "process" },
	{ .name = "thread.id",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct recorded_row, tid),
	  .help = "thread" },
	{ .name = "syscall.name",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct recorded_row, call),
	  .help = "system call" },
	{ .name = "syscall.compat",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct recorded_row, compat),
	  .help = "made through the 32-bit interface" },
	{ .name = "error.type",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct recorded_row, error),
	  .zero_is_null = true,
	  .help = "name of the error; none: the call succeeded" },
	{ .name = "syscall.return",
	  .type = SONDE_I64,
	  SONDE_MEMBER(struct recorded_row, return_value),
	  .help = "return value" },
	{ .name = "syscall.duration",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct recorded_row, duration_ns),
	  .role = SONDE_ROLE_DURATION,
	  .unit = "ns",
	  .help = "from entry to return; none: not timed" },
	{ .name = "weight",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct recorded_row, weight),
	  .role = SONDE_ROLE_WEIGHT,
	  .unit = "{call}",
	  .help = "calls that the row stands for, where they are sampled" },
	{ 0 }
};

/* What lies behind so many names; NULL: they do not end before `end`. */
static const char *names_skip(const char *at, const char *end, uint32_t count)
{
	for (uint32_t i = 0; at && i < count; i++) {
		const char *zero = memchr(at, 0, (size_t)(end - at));

		at = zero ? zero + 1 : NULL;
	}
	return at;
}

/* Finds the parts of what was unpacked; the rows are copied, since they lie at any address. */
static int parts_find(struct recorded *recorded, size_t size)
{
	const char *at = recorded->memory, *end = at + size;
	uint32_t counts[3];
	size_t bytes;

	if (size < sizeof(counts))
		return -EBADMSG;
	memcpy(counts, at, sizeof(counts));
	recorded->row_count = counts[0];
	recorded->call_count = counts[1];
	recorded->error_count = counts[2];
	recorded->calls = at + sizeof(counts);
	recorded->errors = names_skip(recorded->calls, end, counts[1]);
	at = names_skip(recorded->errors, end, counts[2]);
	bytes = (size_t)counts[0] * sizeof(*recorded->rows);
	if (!at || !bytes || bytes != (size_t)(end - at))
		return -EBADMSG;
	recorded->rows = malloc(bytes);
	if (!recorded->rows)
		return -ENOMEM;
	memcpy(recorded->rows, at, bytes);
	return 0;
}

static int unpack(const char *packed, size_t length, struct recorded *ret_recorded)
{
	unsigned long long size = ZSTD_getFrameContentSize(packed, length);
	struct recorded recorded = { 0 };
	int result;

	if (size > UNPACKED_LIMIT)
		return -EBADMSG;
	recorded.memory = malloc(size);
	if (!recorded.memory)
		return -ENOMEM;
	result = ZSTD_decompress(recorded.memory, size, packed, length) == size
			 ? parts_find(&recorded, size)
			 : -EBADMSG;
	if (result < 0)
		recorded_free(&recorded);
	else
		*ret_recorded = recorded;
	return result;
}

int recorded_read(const char *path, struct recorded *ret_recorded)
{
	FILE *file = fopen(path, "re");
	char *packed = malloc(PACKED_LIMIT);
	int result = file ? -ENOMEM : -errno;

	if (file && packed)
		result = unpack(packed, fread(packed, 1, PACKED_LIMIT, file), ret_recorded);
	free(packed);
	if (file)
		fclose(file);
	return result;
}

void recorded_free(struct recorded *recorded)
{
	free(recorded->rows);
	free(recorded->memory);
}
