// SPDX-License-Identifier: Apache-2.0
/* Which windows are closed: all that end until a time, and runs of such that end later. */
#include "closed.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

enum { IMAGE_VERSION = 1 };

/* ---- runs -------------------------------------------------------------------------------- */

bool closed_has(const struct closed *closed, int64_t end_ns)
{
	if (end_ns <= closed->floor_ns)
		return true;
	for (uint32_t i = 0; i < closed->count && closed->runs[i].first_ns <= end_ns; i++) {
		if (end_ns <= closed->runs[i].last_ns)
			return true;
	}
	return false;
}

static void run_remove(struct closed *closed, uint32_t index)
{
	closed->count--;
	memmove(closed->runs + index, closed->runs + index + 1,
		(closed->count - index) * sizeof(closed->runs[0]));
}

/* Runs that the floor has reached are none any more. */
static void floor_absorb(struct closed *closed)
{
	while (closed->count && closed->runs[0].first_ns <= closed->floor_ns + closed->slide_ns) {
		if (closed->runs[0].last_ns > closed->floor_ns)
			closed->floor_ns = closed->runs[0].last_ns;
		run_remove(closed, 0);
	}
}

void closed_raise(struct closed *closed, int64_t floor_ns)
{
	if (floor_ns > closed->floor_ns)
		closed->floor_ns = floor_ns;
	floor_absorb(closed);
}

/* There may be one run more than the limit then. */
static void run_add(struct closed *closed, struct closed_run run)
{
	uint32_t at = 0;

	while (at < closed->count && closed->runs[at].last_ns + closed->slide_ns < run.first_ns)
		at++;
	while (at < closed->count && closed->runs[at].first_ns <= run.last_ns + closed->slide_ns) {
		if (closed->runs[at].first_ns < run.first_ns)
			run.first_ns = closed->runs[at].first_ns;
		if (closed->runs[at].last_ns > run.last_ns)
			run.last_ns = closed->runs[at].last_ns;
		run_remove(closed, at);
	}
	memmove(closed->runs + at + 1, closed->runs + at,
		(closed->count - at) * sizeof(closed->runs[0]));
	closed->runs[at] = run;
	closed->count++;
	floor_absorb(closed);
}

static struct closed_run gap_before(const struct closed *closed, uint32_t index)
{
	int64_t from = index ? closed->runs[index - 1].last_ns : closed->floor_ns;

	return (struct closed_run){ from + closed->slide_ns,
				    closed->runs[index].first_ns - closed->slide_ns };
}

/* The gap to be closed so that all can be remembered, by the run behind it. -1: there is room. */
static int64_t gap_least(const struct closed *closed)
{
	int64_t found = 0, least = INT64_MAX;

	if (closed->limit == CLOSED_REMEMBERED_RUNS && closed->count &&
	    (closed->runs[closed->count - 1].last_ns - closed->floor_ns) / closed->slide_ns >
		    UINT32_MAX)
		return 0;
	if (closed->count <= closed->limit)
		return -1;
	for (uint32_t i = 0; i < closed->count; i++) {
		struct closed_run gap = gap_before(closed, i);

		if (gap.last_ns - gap.first_ns < least) {
			least = gap.last_ns - gap.first_ns;
			found = i;
		}
	}
	return found;
}

bool closed_gap(const struct closed *closed, int64_t end_ns, struct closed_run *ret_gap)
{
	struct closed tried;
	int64_t found;

	if (closed->limit != CLOSED_REMEMBERED_RUNS && closed->count < closed->limit)
		return false;
	tried = *closed;
	run_add(&tried, (struct closed_run){ end_ns, end_ns });
	found = gap_least(&tried);
	if (found >= 0)
		*ret_gap = gap_before(&tried, (uint32_t)found);
	return found >= 0;
}

void closed_fill(struct closed *closed, struct closed_run run)
{
	int64_t found;

	if (run.last_ns <= closed->floor_ns || run.last_ns < run.first_ns)
		return;
	run_add(closed, run);
	while ((found = gap_least(closed)) >= 0)
		run_add(closed, gap_before(closed, (uint32_t)found));
}

void closed_note(struct closed *closed, int64_t end_ns)
{
	closed_fill(closed, (struct closed_run){ end_ns, end_ns });
}

/* ---- as bytes ---------------------------------------------------------------------------- */

static unsigned char *put64(unsigned char *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

static unsigned char *put32(unsigned char *at, uint64_t value)
{
	uint32_t little = htole32((uint32_t)value);

	memcpy(at, &little, sizeof(little));
	return at + sizeof(little);
}

static int64_t get64(const unsigned char **at)
{
	uint64_t value;

	memcpy(&value, *at, sizeof(value));
	*at += sizeof(value);
	return (int64_t)le64toh(value);
}

static int64_t get32(const unsigned char **at)
{
	uint32_t value;

	memcpy(&value, *at, sizeof(value));
	*at += sizeof(value);
	return le32toh(value);
}

void closed_write(const struct closed_image *image, unsigned char bytes[CLOSED_IMAGE_BYTES])
{
	const struct closed *closed = &image->closed;
	unsigned char *at = bytes;

	memset(bytes, 0, CLOSED_IMAGE_BYTES);
	*at++ = IMAGE_VERSION;
	*at++ = (unsigned char)closed->count;
	at = put32(at + 2, (uint64_t)(image->width_ns / closed->slide_ns));
	at = put64(at, (uint64_t)closed->slide_ns);
	at = put64(at, (uint64_t)closed->floor_ns);
	at = put64(at, (uint64_t)image->reach_ns);
	for (uint32_t i = 0; i < closed->count; i++) {
		const struct closed_run *run = &closed->runs[i];

		at = put32(at, (uint64_t)((run->first_ns - closed->floor_ns) / closed->slide_ns));
		at = put32(at, (uint64_t)((run->last_ns - closed->floor_ns) / closed->slide_ns));
	}
}

/* floor_ns + count * slide_ns; false: there is no such time. */
static bool slides_after(const struct closed *closed, int64_t count, int64_t *ret_ns)
{
	return !__builtin_mul_overflow(count, closed->slide_ns, ret_ns) &&
	       !__builtin_add_overflow(*ret_ns, closed->floor_ns, ret_ns) &&
	       *ret_ns < INT64_MAX / 2;
}

int closed_read(struct closed_image *ret_image, const unsigned char *bytes, uint64_t length)
{
	struct closed_image image = { .closed.limit = CLOSED_REMEMBERED_RUNS };
	struct closed *closed = &image.closed;
	const unsigned char *at = bytes + 4;
	uint32_t count;

	if (length != CLOSED_IMAGE_BYTES || bytes[0] != IMAGE_VERSION ||
	    bytes[1] > CLOSED_REMEMBERED_RUNS)
		return -EINVAL;
	count = bytes[1];
	image.width_ns = get32(&at);
	closed->slide_ns = get64(&at);
	closed->floor_ns = get64(&at);
	image.reach_ns = get64(&at);
	if (closed->slide_ns <= 0 || image.width_ns <= 0 || closed->floor_ns < 0 ||
	    closed->floor_ns >= INT64_MAX / 2 ||
	    __builtin_mul_overflow(image.width_ns, closed->slide_ns, &image.width_ns) ||
	    image.width_ns >= INT64_MAX / 4)
		return -EINVAL;
	while (closed->count < count) {
		struct closed_run *run = &closed->runs[closed->count];
		int64_t first = get32(&at), last = get32(&at);

		if (last < first || !slides_after(closed, first, &run->first_ns) ||
		    !slides_after(closed, last, &run->last_ns) ||
		    run->first_ns <= closed->floor_ns ||
		    (closed->count && run->first_ns <= run[-1].last_ns))
			return -EINVAL;
		closed->count++;
	}
	*ret_image = image;
	return 0;
}

/* ---- other windows ----------------------------------------------------------------------- */

static int64_t slide_of(int64_t time_ns, int64_t slide_ns)
{
	int64_t rest = time_ns % slide_ns;

	return time_ns - (rest < 0 ? rest + slide_ns : rest);
}

bool closed_has_time(const struct closed_image *image, int64_t time_ns)
{
	/* Of the windows of a row the last one closes last. */
	return closed_has(&image->closed,
			  slide_of(time_ns, image->closed.slide_ns) + image->width_ns);
}

/* From the first window that has the first of the times to the last that has the last. */
static struct closed_run run_over(int64_t first_ns, int64_t last_ns, int64_t slide_ns,
				  int64_t width_ns)
{
	return (struct closed_run){ slide_of(first_ns, slide_ns) + slide_ns,
				    slide_of(last_ns, slide_ns) + width_ns };
}

void closed_convert(const struct closed_image *image, struct closed *into, int64_t width_ns)
{
	const struct closed *closed = &image->closed;
	int64_t less = image->width_ns - closed->slide_ns; /* from an end to that of its slide */

	if (closed->floor_ns > less)
		closed_raise(
			into,
			run_over(0, closed->floor_ns - less - 1, into->slide_ns, width_ns).last_ns);
	for (uint32_t i = 0; i < closed->count; i++) {
		const struct closed_run *run = &closed->runs[i];

		closed_fill(into, run_over(run->first_ns - image->width_ns, run->last_ns - less - 1,
					   into->slide_ns, width_ns));
	}
}
