// SPDX-License-Identifier: Apache-2.0
/* Values of series: read from columns, added, compared and subtracted. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "plan.h"
#include "value.h"

static bool in_heap(const struct sonde_column *column, uint32_t start, uint64_t length)
{
	return start <= column->heap_length && length <= column->heap_length - start;
}

static uint64_t weigh(uint64_t count, double weight)
{
	double product;

	if (weight == 1)
		return count;
	if (weight == floor(weight) && weight < 0x1p63) {
		uint64_t factor = (uint64_t)weight, whole;

		return __builtin_mul_overflow(count, factor, &whole) ? UINT64_MAX : whole;
	}
	product = nearbyint((double)count * weight);
	return product < 0x1p64 ? (uint64_t)product : UINT64_MAX;
}

/* ---- numbers ----------------------------------------------------------------------------- */

static double number_of(const struct series *series)
{
	return series->is_double ? series->as.number : (double)series->as.integer;
}

static void read_number(struct series *fresh, const struct point *point)
{
	const struct sonde_column *column = point->column;
	int64_t product;

	fresh->is_double = column->type == SONDE_DOUBLE;
	if (fresh->is_double) {
		fresh->as.number = sonde_number_at(column, point->row) * point->weight;
		return;
	}
	fresh->as.integer = plan_integer(column, point->row);
	if (point->weight == 1)
		return;
	if (point->weight == floor(point->weight) && point->weight < 0x1p62 &&
	    !__builtin_mul_overflow(fresh->as.integer, (int64_t)point->weight, &product)) {
		fresh->as.integer = product;
		return;
	}
	fresh->as.number = (double)fresh->as.integer * point->weight;
	fresh->is_double = true;
}

static void add_number(struct series *series, const struct series *other)
{
	int64_t sum;

	if (series->is_double || other->is_double) {
		series->as.number = number_of(series) + number_of(other);
		series->is_double = true;
	} else if (__builtin_add_overflow(series->as.integer, other->as.integer, &sum)) {
		series->as.integer = other->as.integer < 0 ? INT64_MIN : INT64_MAX;
	} else {
		series->as.integer = sum;
	}
}

static bool number_fell(const struct series *before, const struct series *after)
{
	if (before->is_double || after->is_double)
		return number_of(after) < number_of(before);
	return after->as.integer < before->as.integer;
}

static void subtract_number(const struct series *after, const struct series *before,
			    struct series *difference)
{
	difference->is_double = after->is_double || before->is_double;
	if (difference->is_double)
		difference->as.number = number_of(after) - number_of(before);
	else if (__builtin_sub_overflow(after->as.integer, before->as.integer,
					&difference->as.integer))
		difference->as.integer = INT64_MAX;
}

/* ---- exponential histograms -------------------------------------------------------------- */

/* A copy of the counts that a head says, each times the weight; the head then speaks of it. */
static uint64_t *weigh_buckets(struct sonde_exponential *head, const uint64_t *heap, double weight)
{
	uint32_t length = head->positive_length + head->negative_length;
	uint64_t *copy = malloc((length ? length : 1) * sizeof(*copy));

	if (!copy)
		return NULL;
	for (uint32_t i = 0; i < head->positive_length; i++)
		copy[i] = weigh(heap[head->positive_start + i], weight);
	for (uint32_t i = 0; i < head->negative_length; i++)
		copy[head->positive_length + i] = weigh(heap[head->negative_start + i], weight);
	head->positive_start = 0;
	head->negative_start = head->positive_length;
	head->count = weigh(head->count, weight);
	head->zero_count = weigh(head->zero_count, weight);
	head->sum *= weight;
	return copy;
}

static struct histogram *histogram_create(int32_t scale, double threshold, uint32_t bucket_limit)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	if (!histogram)
		return NULL;
	histogram->head.scale = scale < HISTOGRAM_SCALE_MAXIMUM ? scale : HISTOGRAM_SCALE_MAXIMUM;
	histogram->head.zero_threshold = threshold;
	histogram->bucket_limit = bucket_limit;
	return histogram;
}

static void histogram_destroy(struct histogram *histogram)
{
	if (histogram)
		histogram_release(histogram);
	free(histogram);
}

/* The histogram of a row, whose buckets lie in the heap. -EINVAL: they do not. */
static int exponential_at(const struct point *point, struct sonde_exponential *ret_head)
{
	const struct sonde_column *column = point->column;

	memcpy(ret_head, sonde_value(column, point->row), sizeof(*ret_head));
	if (!in_heap(column, ret_head->positive_start, ret_head->positive_length) ||
	    !in_heap(column, ret_head->negative_start, ret_head->negative_length) ||
	    ret_head->scale < HISTOGRAM_SCALE_MINIMUM || !isfinite(ret_head->zero_threshold) ||
	    ret_head->zero_threshold < 0)
		return -EINVAL;
	return 0;
}

static int read_exponential(struct series *fresh, const struct point *point, uint32_t bucket_limit)
{
	const struct sonde_column *column = point->column;
	struct sonde_exponential head;
	struct histogram *histogram;
	uint64_t *weighed = NULL;
	int result = exponential_at(point, &head);

	if (result)
		return result;
	histogram = histogram_create(head.scale, head.zero_threshold, bucket_limit);
	if (histogram && point->weight != 1)
		weighed = weigh_buckets(&head, column->heap, point->weight);
	if (!histogram || (point->weight != 1 && !weighed)) {
		histogram_destroy(histogram);
		return -ENOMEM;
	}
	result = histogram_merge(histogram, &head, weighed ? weighed : column->heap);
	free(weighed);
	if (result)
		histogram_destroy(histogram);
	else
		fresh->as.exponential = histogram;
	return result;
}

/* Adds the buckets of one to another, by way of a heap as columns have it. */
static int merge(struct histogram *histogram, const struct histogram *other)
{
	uint32_t words = histogram_words(other);
	uint64_t *heap = malloc((words ? words : 1) * sizeof(*heap));
	struct sonde_exponential head;
	int result;

	if (!heap)
		return -ENOMEM;
	histogram_write(other, heap, 0, &head);
	result = histogram_merge(histogram, &head, heap);
	free(heap);
	return result;
}

static int copy_exponential(const struct series *series, struct series *copy)
{
	const struct histogram *histogram = series->as.exponential;
	int result;

	copy->as.exponential = histogram_create(
		histogram->head.scale, histogram->head.zero_threshold, histogram->bucket_limit);
	if (!copy->as.exponential)
		return -ENOMEM;
	result = merge(copy->as.exponential, histogram);
	if (result)
		point_drop(copy);
	return result;
}

static int subtract_exponential(const struct series *after, const struct series *before,
				struct series *difference)
{
	struct histogram *histogram = histogram_create(0, 0, after->as.exponential->bucket_limit);
	int result;

	if (!histogram)
		return -ENOMEM;
	result = histogram_subtract(after->as.exponential, before->as.exponential, histogram);
	if (result)
		free(histogram);
	else
		difference->as.exponential = histogram;
	return result;
}

/* ---- explicit histograms ----------------------------------------------------------------- */

static struct series_explicit *explicit_create(uint32_t length)
{
	size_t words = length ? 2 * (size_t)length - 1 : 0;
	struct series_explicit *distribution =
		calloc(1, sizeof(*distribution) + words * sizeof(uint64_t));

	if (!distribution)
		return NULL;
	distribution->length = length;
	distribution->counts = (uint64_t *)(distribution + 1);
	distribution->bounds = (double *)(distribution->counts + length);
	return distribution;
}

static int read_explicit(struct series *fresh, const struct point *point)
{
	const struct sonde_column *column = point->column;
	struct series_explicit *distribution;
	struct sonde_explicit head;

	memcpy(&head, sonde_value(column, point->row), sizeof(head));
	if (head.length && (!in_heap(column, head.counts_start, head.length) ||
			    !in_heap(column, head.bounds_start, head.length - 1)))
		return -EINVAL;
	distribution = explicit_create(head.length);
	if (!distribution)
		return -ENOMEM;
	for (uint32_t i = 0; i < head.length; i++)
		distribution->counts[i] = weigh(column->heap[head.counts_start + i], point->weight);
	if (head.length > 1)
		memcpy(distribution->bounds, &column->heap[head.bounds_start],
		       (head.length - 1) * sizeof(double));
	distribution->count = weigh(head.count, point->weight);
	distribution->sum = head.sum * point->weight;
	distribution->minimum = head.minimum;
	distribution->maximum = head.maximum;
	distribution->flags = head.flags;
	fresh->as.distribution = distribution;
	return 0;
}

static bool same_bounds(const struct series_explicit *one, const struct series_explicit *two)
{
	return one->length == two->length &&
	       (one->length < 2 ||
		memcmp(one->bounds, two->bounds, (one->length - 1) * sizeof(double)) == 0);
}

static int add_explicit(struct series_explicit *sum, const struct series_explicit *other)
{
	if (!same_bounds(sum, other))
		return -ERANGE;
	for (uint32_t i = 0; i < sum->length; i++)
		sum->counts[i] = count_add(sum->counts[i], other->counts[i]);
	if (other->count && (!sum->count || other->minimum < sum->minimum))
		sum->minimum = other->minimum;
	if (other->count && (!sum->count || other->maximum > sum->maximum))
		sum->maximum = other->maximum;
	if (other->count)
		sum->flags = sum->count ? sum->flags & other->flags : other->flags;
	sum->sum += other->sum;
	sum->count = count_add(sum->count, other->count);
	return 0;
}

static bool explicit_fell(const struct series_explicit *before, const struct series_explicit *after)
{
	if (!same_bounds(before, after) || after->count < before->count)
		return true;
	for (uint32_t i = 0; i < after->length; i++)
		if (after->counts[i] < before->counts[i])
			return true;
	return false;
}

static int copy_explicit(const struct series *series, struct series *copy)
{
	const struct series_explicit *from = series->as.distribution;
	struct series_explicit *to = explicit_create(from->length);
	uint64_t *counts;
	double *bounds;

	if (!to)
		return -ENOMEM;
	counts = to->counts;
	bounds = to->bounds;
	*to = *from;
	to->counts = counts;
	to->bounds = bounds;
	memcpy(counts, from->counts, from->length * sizeof(*counts));
	if (from->length > 1)
		memcpy(bounds, from->bounds, (from->length - 1) * sizeof(*bounds));
	copy->as.distribution = to;
	return 0;
}

static int subtract_explicit(const struct series *after, const struct series *before,
			     struct series *difference)
{
	const struct series_explicit *old = before->as.distribution;
	struct series_explicit *new;
	int result;

	if (explicit_fell(old, after->as.distribution))
		return -ERANGE;
	result = copy_explicit(after, difference);
	if (result)
		return result;
	new = difference->as.distribution;
	for (uint32_t i = 0; i < new->length; i++)
		new->counts[i] -= old->counts[i];
	new->count -= old->count;
	new->flags &= old->count ? old->flags &SONDE_HAS_SUM : UINT32_MAX;
	new->sum = new->flags &SONDE_HAS_SUM ? new->sum - old->sum : 0;
	return 0;
}

/* ---- summaries --------------------------------------------------------------------------- */

static struct series_quantiles *quantiles_create(uint32_t length)
{
	struct series_quantiles *quantiles =
		calloc(1, sizeof(*quantiles) + 2 * sizeof(double) * length);

	if (!quantiles)
		return NULL;
	quantiles->length = length;
	quantiles->pairs = (double *)(quantiles + 1);
	return quantiles;
}

static int read_quantiles(struct series *fresh, const struct point *point)
{
	const struct sonde_column *column = point->column;
	struct series_quantiles *quantiles;
	struct sonde_quantiles head;

	memcpy(&head, sonde_value(column, point->row), sizeof(head));
	if (!in_heap(column, head.pairs_start, (uint64_t)head.length * 2))
		return -EINVAL;
	quantiles = quantiles_create(head.length);
	if (!quantiles)
		return -ENOMEM;
	if (head.length)
		memcpy(quantiles->pairs, &column->heap[head.pairs_start],
		       2 * sizeof(double) * head.length);
	quantiles->count = head.count;
	quantiles->sum = head.sum;
	fresh->as.quantiles = quantiles;
	return 0;
}

/* ---- by kind ----------------------------------------------------------------------------- */

int value_read(struct series *fresh, const struct point *point, uint32_t bucket_limit)
{
	if (!(point->weight >= 0) || isinf(point->weight))
		return -EINVAL;
	switch (point->column->type) {
	case SONDE_EXPONENTIAL:
		return read_exponential(fresh, point, bucket_limit);
	case SONDE_EXPLICIT:
		return read_explicit(fresh, point);
	case SONDE_QUANTILES:
		return read_quantiles(fresh, point);
	default:
		read_number(fresh, point);
		return 0;
	}
}

static int value_add(struct series *series, const struct series *other)
{
	switch (series->metric->kind) {
	case SONDE_METRIC_EXPONENTIAL:
		return merge(series->as.exponential, other->as.exponential);
	case SONDE_METRIC_HISTOGRAM:
		return add_explicit(series->as.distribution, other->as.distribution);
	default:
		add_number(series, other);
		return 0;
	}
}

int value_add_point(struct series *series, const struct point *point, uint32_t bucket_limit)
{
	struct series fresh = { .metric = series->metric };
	struct sonde_exponential head;
	int result;

	if (series->metric->kind == SONDE_METRIC_EXPONENTIAL && point->weight == 1) {
		result = exponential_at(point, &head);
		return result ? result
			      : histogram_merge(series->as.exponential, &head, point->column->heap);
	}
	result = value_read(&fresh, point, bucket_limit);
	if (result)
		return result;
	result = value_add(series, &fresh);
	point_drop(&fresh);
	return result;
}

bool value_fell(const struct series *before, const struct series *after)
{
	switch (before->metric->kind) {
	case SONDE_METRIC_EXPONENTIAL:
		return after->as.exponential->head.count < before->as.exponential->head.count;
	case SONDE_METRIC_HISTOGRAM:
		return explicit_fell(before->as.distribution, after->as.distribution);
	case SONDE_METRIC_SUM:
		return before->metric->monotonic && number_fell(before, after);
	default:
		return false;
	}
}

int value_subtract(const struct series *after, const struct series *before,
		   struct series *difference)
{
	switch (before->metric->kind) {
	case SONDE_METRIC_EXPONENTIAL:
		return subtract_exponential(after, before, difference);
	case SONDE_METRIC_HISTOGRAM:
		return subtract_explicit(after, before, difference);
	default:
		subtract_number(after, before, difference);
		return 0;
	}
}

int value_copy(const struct series *series, struct series *copy)
{
	switch (series->metric->kind) {
	case SONDE_METRIC_EXPONENTIAL:
		return copy_exponential(series, copy);
	case SONDE_METRIC_HISTOGRAM:
		return copy_explicit(series, copy);
	default:
		copy->is_double = series->is_double;
		copy->as = series->as;
		return 0;
	}
}

int series_sum(struct series **sum, const struct series *series)
{
	struct series *made = *sum;
	int result;

	if (series->metric->kind == SONDE_METRIC_SUMMARY ||
	    series->metric->kind == SONDE_METRIC_GAUGE ||
	    (made && made->metric->kind != series->metric->kind))
		return -EINVAL;
	if (!made) {
		made = calloc(1, sizeof(*made));
		if (!made)
			return -ENOMEM;
		made->metric = series->metric;
		made->start_ns = series->start_ns;
	}
	result = *sum ? value_add(made, series) : value_copy(series, made);
	if (result) {
		if (!*sum)
			free(made);
		return result;
	}
	if (series->start_ns < made->start_ns)
		made->start_ns = series->start_ns;
	if (series->time_ns > made->time_ns)
		made->time_ns = series->time_ns;
	made->has_value = true;
	*sum = made;
	return 0;
}

void series_sum_release(struct series *sum)
{
	if (sum)
		point_drop(sum);
	free(sum);
}

size_t value_bytes(const struct series *series)
{
	const struct histogram *histogram = series->as.exponential;

	if (!series->has_value)
		return 0;
	switch (series->metric->kind) {
	case SONDE_METRIC_EXPONENTIAL:
		return sizeof(*histogram) +
		       ((size_t)histogram->positive_capacity + histogram->negative_capacity) *
			       sizeof(uint64_t);
	case SONDE_METRIC_HISTOGRAM:
		return sizeof(struct series_explicit) +
		       2 * sizeof(uint64_t) * (size_t)series->as.distribution->length;
	case SONDE_METRIC_SUMMARY:
		return sizeof(struct series_quantiles) +
		       2 * sizeof(double) * (size_t)series->as.quantiles->length;
	default:
		return 0;
	}
}

void point_drop(struct series *series)
{
	switch (series->metric->kind) {
	case SONDE_METRIC_EXPONENTIAL:
		histogram_destroy(series->as.exponential);
		break;
	case SONDE_METRIC_HISTOGRAM:
		free(series->as.distribution);
		break;
	case SONDE_METRIC_SUMMARY:
		free(series->as.quantiles);
		break;
	default:
		break;
	}
	memset(&series->as, 0, sizeof(series->as));
	series->has_value = false;
}
