// SPDX-License-Identifier: Apache-2.0
/* Values of rows, added up as a measure wants them. */
#include "measure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bounds of buckets of raw values grow by 2^(1/32), 2.2 %; beyond so many buckets, coarser. */
enum { SCALE = 5, BUCKET_LIMIT = 320 };

static bool is_number(uint32_t type)
{
	return (type >= SONDE_BOOL && type <= SONDE_DOUBLE) || type == SONDE_DURATION;
}

bool measure_fits(const struct measure *measure, const struct sonde_column *column)
{
	bool measured = column->role == SONDE_ROLE_SUM || column->role == SONDE_ROLE_HISTOGRAM;

	if (measured && column->temporality == SONDE_CUMULATIVE)
		return false;
	switch (column->type) {
	case SONDE_EXPONENTIAL:
		return true; /* also min and max, where it tells them */
	case SONDE_EXPLICIT:
	case SONDE_QUANTILES:
		return measure->function == FUNCTION_SUM || measure->function == FUNCTION_MEAN;
	default:
		return is_number(column->type);
	}
}

void tally_clear(struct tally *tally)
{
	histogram_release(&tally->histogram);
	*tally = (struct tally){ .minimum = INFINITY,
				 .maximum = -INFINITY,
				 .histogram = { .head.scale = SCALE,
						.bucket_limit = BUCKET_LIMIT } };
}

void tally_count(struct tally *tally, double events)
{
	tally->sum += events;
	tally->weight += events;
}

/* ---- histograms -------------------------------------------------------------------------- */

/* Each bucket as often as the row stands for. */
static int merge_weighted(struct histogram *histogram, const struct sonde_exponential *head,
			  const uint64_t *heap, uint64_t weight)
{
	struct sonde_exponential heavy = *head;
	uint32_t positive = head->positive_length, negative = head->negative_length;
	uint64_t *words = malloc(((size_t)positive + negative + 1) * sizeof(*words));
	int result;

	if (!words)
		return -ENOMEM;
	for (uint32_t i = 0; i < positive; i++)
		words[i] = heap[head->positive_start + i] * weight;
	for (uint32_t i = 0; i < negative; i++)
		words[positive + i] = heap[head->negative_start + i] * weight;
	heavy.positive_start = 0;
	heavy.negative_start = positive;
	heavy.count *= weight;
	heavy.zero_count *= weight;
	heavy.sum *= (double)weight;
	result = histogram_merge(histogram, &heavy, words);
	free(words);
	return result;
}

static int add_exponential(struct tally *tally, const struct measure *measure,
			   const struct sonde_column *column, uint32_t row, double weight)
{
	struct sonde_exponential head;

	memcpy(&head, sonde_value(column, row), sizeof(head));
	if (!head.count)
		return 0;
	if (measure->function == FUNCTION_QUANTILE)
		return weight > 1 ? merge_weighted(&tally->histogram, &head, column->heap,
						   (uint64_t)llround(weight))
				  : histogram_merge(&tally->histogram, &head, column->heap);
	if (head.flags & SONDE_HAS_MINIMUM)
		tally->minimum = fmin(tally->minimum, head.minimum);
	if (head.flags & SONDE_HAS_MAXIMUM)
		tally->maximum = fmax(tally->maximum, head.maximum);
	tally->sum += head.sum * weight;
	tally->weight += (double)head.count * weight;
	return 0;
}

/* ---- rows -------------------------------------------------------------------------------- */

static int add_number(struct tally *tally, const struct measure *measure, double number,
		      double weight)
{
	int result;

	if (!isfinite(number))
		return 0;
	if (measure->function == FUNCTION_QUANTILE) {
		result = histogram_record(&tally->histogram, number, (uint64_t)llround(weight));
		return result == -ENOMEM ? result : 0;
	}
	tally->minimum = fmin(tally->minimum, number);
	tally->maximum = fmax(tally->maximum, number);
	tally->sum += number * weight;
	tally->weight += weight;
	return 0;
}

int tally_add(struct tally *tally, const struct measure *measure,
	      const struct sonde_column *const *columns, uint32_t column_count, uint32_t row,
	      double weight)
{
	const struct sonde_column *column = NULL;
	struct sonde_explicit explicit;
	struct sonde_quantiles quantiles;
	int result;

	for (uint32_t i = 0; i < column_count && !column; i++) {
		if (sonde_valid(columns[i], row))
			column = columns[i];
	}
	if (!column)
		return 0;
	switch (column->type) {
	case SONDE_EXPONENTIAL:
		result = add_exponential(tally, measure, column, row, weight);
		return result == -ENOMEM ? result : 0;
	case SONDE_EXPLICIT:
		memcpy(&explicit, sonde_value(column, row), sizeof(explicit));
		tally->sum += explicit.sum * weight;
		tally->weight += (double)explicit.count * weight;
		return 0;
	case SONDE_QUANTILES:
		memcpy(&quantiles, sonde_value(column, row), sizeof(quantiles));
		tally->sum += quantiles.sum * weight;
		tally->weight += (double)quantiles.count * weight;
		return 0;
	default:
		return add_number(tally, measure, sonde_number_at(column, row), weight);
	}
}

/* ---- together ---------------------------------------------------------------------------- */

static double quantile_of(const struct measure *measure, const struct tally *const *tallies,
			  uint32_t count)
{
	struct histogram all = { .head.scale = SCALE, .bucket_limit = BUCKET_LIMIT };
	bool whole = true;
	double value;

	for (uint32_t i = 0; i < count && whole; i++) {
		const struct histogram *one = &tallies[i]->histogram;
		uint32_t words = histogram_words(one);
		uint64_t *heap = malloc((words + 1) * sizeof(*heap));
		struct sonde_exponential head;

		whole = heap != NULL;
		if (!whole)
			break;
		histogram_write(one, heap, 0, &head);
		whole = !histogram_merge(&all, &head, heap);
		free(heap);
	}
	value = whole && all.head.count ? histogram_share(&all, measure->share) : NAN;
	histogram_release(&all);
	return value;
}

double tallies_value(const struct measure *measure, const struct tally *const *tallies,
		     uint32_t count)
{
	double sum = 0, weight = 0, minimum = INFINITY, maximum = -INFINITY;

	if (measure->function == FUNCTION_QUANTILE)
		return quantile_of(measure, tallies, count);
	for (uint32_t i = 0; i < count; i++) {
		sum += tallies[i]->sum;
		weight += tallies[i]->weight;
		minimum = fmin(minimum, tallies[i]->minimum);
		maximum = fmax(maximum, tallies[i]->maximum);
	}
	switch (measure->function) {
	case FUNCTION_MINIMUM:
		return isfinite(minimum) ? minimum : NAN;
	case FUNCTION_MAXIMUM:
		return isfinite(maximum) ? maximum : NAN;
	case FUNCTION_MEAN:
		return weight > 0 ? sum / weight : NAN;
	default: /* the sum of nothing is a sum */
		return sum;
	}
}
