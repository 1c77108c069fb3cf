// SPDX-License-Identifier: Apache-2.0
/* What histograms are written as, and what makes a table a child. */
#include "frame_format.h"

#include "batch.h"

#define MEMBER(kind_, member_)                                                                     \
	{                                                                                          \
		offsetof(struct sonde_##kind_, member_),                                           \
			sizeof(((struct sonde_##kind_ *)0)->member_)                               \
	}
#define RUN(kind_, length_, start_, each_, less_)                                                  \
	{                                                                                          \
		offsetof(struct sonde_##kind_, length_), offsetof(struct sonde_##kind_, start_),   \
			each_, less_                                                               \
	}

static const struct frame_histogram histograms[] = {
	{ .type = SONDE_EXPONENTIAL,
	  .member_count = 12,
	  .members = { MEMBER(exponential, count), MEMBER(exponential, zero_count),
		       MEMBER(exponential, sum), MEMBER(exponential, minimum),
		       MEMBER(exponential, maximum), MEMBER(exponential, zero_threshold),
		       MEMBER(exponential, scale), MEMBER(exponential, flags),
		       MEMBER(exponential, positive_offset), MEMBER(exponential, positive_length),
		       MEMBER(exponential, negative_offset), MEMBER(exponential, negative_length) },
	  .run_count = 2,
	  .runs = { RUN(exponential, positive_length, positive_start, 1, 0),
		    RUN(exponential, negative_length, negative_start, 1, 0) } },
	{ .type = SONDE_EXPLICIT,
	  .member_count = 6,
	  .members = { MEMBER(explicit, count), MEMBER(explicit, sum), MEMBER(explicit, minimum),
		       MEMBER(explicit, maximum), MEMBER(explicit, flags),
		       MEMBER(explicit, length) },
	  .run_count = 2,
	  .runs = { RUN(explicit, length, counts_start, 1, 0),
		    RUN(explicit, length, bounds_start, 1, 1) } },
	{ .type = SONDE_QUANTILES,
	  .member_count = 3,
	  .members = { MEMBER(quantiles, count), MEMBER(quantiles, sum),
		       MEMBER(quantiles, length) },
	  .run_count = 1,
	  .runs = { RUN(quantiles, length, pairs_start, 2, 0) } },
};

const struct frame_histogram *frame_histogram(uint32_t type)
{
	for (uint32_t i = 0; i < sizeof(histograms) / sizeof(histograms[0]); i++) {
		if (histograms[i].type == type)
			return &histograms[i];
	}
	return NULL;
}

bool frame_is_child(const struct sonde_batch *child, uint32_t parent_rows)
{
	uint32_t place = batch_column_of(child, SONDE_ROLE_PARENT_ROW, 0), last = 0, row;
	const struct sonde_column *column;

	if (place == child->column_count)
		return false;
	column = sonde_column(child, place);
	for (uint32_t i = 0; i < child->row_count; i++) {
		if (!sonde_valid(column, i))
			continue;
		memcpy(&row, sonde_value(column, i), sizeof(row));
		if (row < last || row >= parent_rows)
			return false;
		last = row;
	}
	return true;
}
