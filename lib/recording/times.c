// SPDX-License-Identifier: Apache-2.0
/* The times of recorded rows: when they happened, and moving them. */
#include <string.h>
#include "recording.h"

static const uint16_t time_roles[] = {
	SONDE_ROLE_TIME,
	SONDE_ROLE_END_TIME,
	SONDE_ROLE_OBSERVED_TIME,
	SONDE_ROLE_START_TIME,
};

enum { TIME_ROLES = sizeof(time_roles) / sizeof(*time_roles) };

/* The columns that say when a row happened, the best first; NULL: there is none. */
static void find_columns(const struct sonde_batch *batch, const struct sonde_column **columns)
{
	for (uint32_t role = 0; role < TIME_ROLES; role++) {
		columns[role] = NULL;
		for (uint32_t at = 0; at < batch->column_count && !columns[role]; at++) {
			const struct sonde_column *column = sonde_column(batch, at);

			if (column->role == time_roles[role] && column->type == SONDE_TIME)
				columns[role] = column;
		}
	}
}

static int64_t time_at(const struct sonde_column *const *columns, uint32_t row)
{
	for (uint32_t role = 0; role < TIME_ROLES; role++) {
		int64_t time_ns = 0;

		if (!columns[role] || !sonde_valid(columns[role], row))
			continue;
		memcpy(&time_ns, sonde_value(columns[role], row), sizeof(time_ns));
		if (time_ns)
			return time_ns;
	}
	return INT64_MIN;
}

int64_t recording_row_time(const struct sonde_batch *batch, uint32_t row)
{
	const struct sonde_column *columns[TIME_ROLES];

	find_columns(batch, columns);
	return time_at(columns, row);
}

int64_t recording_time(const struct sonde_batch *batch)
{
	const struct sonde_column *columns[TIME_ROLES];
	int64_t time_ns = INT64_MIN;

	find_columns(batch, columns);
	for (uint32_t row = 0; row < batch->row_count && time_ns == INT64_MIN; row++)
		if (sonde_selected(batch, row))
			time_ns = time_at(columns, row);
	return time_ns;
}

int64_t recording_latest_time(const struct sonde_batch *batch)
{
	const struct sonde_column *columns[TIME_ROLES];
	int64_t latest_ns = INT64_MIN;

	find_columns(batch, columns);
	for (uint32_t row = 0; row < batch->row_count; row++) {
		int64_t time_ns = sonde_selected(batch, row) ? time_at(columns, row) : INT64_MIN;

		if (time_ns > latest_ns)
			latest_ns = time_ns;
	}
	return latest_ns;
}

/* One value for all rows is moved once. */
static void shift_column(const struct sonde_column *column, uint32_t row_count, int64_t by_ns)
{
	uint32_t count = column->stride ? row_count : row_count > 0;

	for (uint32_t row = 0; row < count; row++) {
		unsigned char *at = column->base + (size_t)row * column->stride;
		int64_t value_ns;

		memcpy(&value_ns, at, sizeof(value_ns));
		if (!value_ns || __builtin_add_overflow(value_ns, by_ns, &value_ns))
			continue;
		memcpy(at, &value_ns, sizeof(value_ns));
	}
}

/* An offset of wall clock to the time since boot moves with the wall clock. */
void recording_shift(struct sonde_batch *batch, int64_t by_ns)
{
	for (uint32_t at = 0; at < batch->column_count; at++) {
		const struct sonde_column *column = sonde_column(batch, at);

		if (column->type == SONDE_TIME ||
		    (column->role == SONDE_ROLE_CLOCK_OFFSET && column->type == SONDE_DURATION))
			shift_column(column, batch->row_count, by_ns);
	}
	for (uint32_t child = 0; child < batch->child_count; child++)
		recording_shift(batch->children[child], by_ns);
}
