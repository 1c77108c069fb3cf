// SPDX-License-Identifier: Apache-2.0
/* Histograms of every kind as one kind, and drawn as bars over a logarithmic axis. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "distribution.h"

enum { SCALE = 5, BUCKET_LIMIT = 640, SPREAD_SCALE = 3, WIDTH_LIMIT = 128 };

struct histogram *distribution_create(void)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	if (histogram) {
		histogram->head.scale = SCALE;
		histogram->head.flags = SONDE_HAS_SUM | SONDE_HAS_MINIMUM | SONDE_HAS_MAXIMUM;
		histogram->bucket_limit = BUCKET_LIMIT;
	}
	return histogram;
}

void distribution_release(struct histogram *histogram)
{
	if (!histogram)
		return;
	histogram_release(histogram);
	free(histogram);
}

/* ---- other kinds ------------------------------------------------------------------------- */

static bool in_heap(const struct sonde_column *column, uint32_t start, uint64_t length)
{
	return start <= column->heap_length && length <= column->heap_length - start;
}

/* Records `count` values evenly between two bounds, in steps of the buckets of a scale. */
static int spread(struct histogram *histogram, double low, double high, uint64_t count)
{
	double ratio;
	uint64_t steps, done = 0;
	int result = 0;

	if (!count)
		return 0;
	if (high <= 0)
		return histogram_record(histogram, high, count);
	if (low <= 0 || !isfinite(low))
		low = high / 2;
	if (!isfinite(high) || high <= low)
		return histogram_record(histogram, low, count);
	ratio = log2(high / low);
	steps = (uint64_t)fmin(ceil(ratio * (1 << SPREAD_SCALE)), 512);
	if (!steps)
		steps = 1;
	for (uint64_t step = 0; step < steps && result == 0; step++) {
		/* the shares of all steps add up to count */
		uint64_t until = (uint64_t)((double)count * (double)(step + 1) / (double)steps);
		double value = low * exp2(ratio * ((double)step + 0.5) / (double)steps);

		if (step + 1 == steps)
			until = count;
		if (until > done)
			result = histogram_record(histogram, value, until - done);
		done = until > done ? until : done;
	}
	return result;
}

static int add_explicit(struct histogram *histogram, const struct sonde_column *column,
			const void *value)
{
	struct sonde_explicit head;
	double low, high;
	int result = 0;

	memcpy(&head, value, sizeof(head));
	if (!head.length || !in_heap(column, head.counts_start, head.length) ||
	    !in_heap(column, head.bounds_start, head.length - 1))
		return head.length ? -EINVAL : 0;
	low = head.flags & SONDE_HAS_MINIMUM ? head.minimum : 0;
	for (uint32_t bucket = 0; bucket < head.length && result == 0; bucket++) {
		if (bucket + 1 < head.length)
			memcpy(&high, &column->heap[head.bounds_start + bucket], sizeof(high));
		else
			high = head.flags & SONDE_HAS_MAXIMUM ? head.maximum : low;
		result = spread(histogram, low, high, column->heap[head.counts_start + bucket]);
		low = high;
	}
	return result;
}

static int add_quantiles(struct histogram *histogram, const struct sonde_column *column,
			 const void *value)
{
	struct sonde_quantiles head;
	double pair[2], share = 0, low = 0;
	int result = 0;

	memcpy(&head, value, sizeof(head));
	if (!in_heap(column, head.pairs_start, (uint64_t)head.length * 2))
		return -EINVAL;
	for (uint32_t place = 0; place < head.length && result == 0; place++) {
		memcpy(pair, &column->heap[head.pairs_start + 2 * place], sizeof(pair));
		if (!(pair[0] > share) || pair[0] > 1)
			continue;
		result = spread(histogram, low, pair[1],
				(uint64_t)((pair[0] - share) * (double)head.count));
		share = pair[0];
		low = pair[1];
	}
	return result;
}

static int add_exponential(struct histogram *histogram, const struct sonde_column *column,
			   const void *value)
{
	struct sonde_exponential head;

	memcpy(&head, value, sizeof(head));
	if (!in_heap(column, head.positive_start, head.positive_length) ||
	    !in_heap(column, head.negative_start, head.negative_length))
		return -EINVAL;
	return histogram_merge(histogram, &head, column->heap);
}

int distribution_add(struct histogram *histogram, const struct sonde_column *column, uint32_t row)
{
	const void *value = sonde_value(column, row);

	switch (column->type) {
	case SONDE_EXPONENTIAL:
		return add_exponential(histogram, column, value);
	case SONDE_EXPLICIT:
		return add_explicit(histogram, column, value);
	case SONDE_QUANTILES:
		return add_quantiles(histogram, column, value);
	default:
		return -EINVAL;
	}
}

int distribution_merge(struct histogram *histogram, const struct histogram *other)
{
	uint32_t words = histogram_words(other);
	uint64_t *heap = calloc(words ? words : 1, sizeof(*heap));
	struct sonde_exponential head;
	int result;

	if (!heap)
		return -ENOMEM;
	histogram_write(other, heap, 0, &head);
	result = histogram_merge(histogram, &head, heap);
	free(heap);
	return result;
}

double distribution_maximum(const struct histogram *histogram)
{
	const struct sonde_exponential *head = &histogram->head;

	if (!head->count)
		return NAN;
	if (head->flags & SONDE_HAS_MAXIMUM)
		return head->maximum;
	for (uint32_t bucket = head->positive_length; bucket-- > 0;)
		if (histogram->positive[bucket])
			return histogram_bound(head->positive_offset + (int32_t)bucket,
					       head->scale);
	return 0;
}

/* ---- the axis ---------------------------------------------------------------------------- */

/* The first and last bucket that hold something. false: none does. */
static bool find_ends(const struct histogram *histogram, int32_t *ret_first, int32_t *ret_last)
{
	uint32_t first = 0, last = histogram->head.positive_length;

	while (first < last && !histogram->positive[first])
		first++;
	while (last > first && !histogram->positive[last - 1])
		last--;
	*ret_first = histogram->head.positive_offset + (int32_t)first;
	*ret_last = histogram->head.positive_offset + (int32_t)last - 1;
	return first < last;
}

void axis_include(struct axis *axis, const struct histogram *histogram)
{
	int32_t first, last;
	double low, high;

	if (!find_ends(histogram, &first, &last))
		return;
	low = log10(histogram_bound(first - 1, histogram->head.scale) * axis->factor);
	high = log10(histogram_bound(last, histogram->head.scale) * axis->factor);
	if (!isfinite(low) || !isfinite(high))
		return;
	/* a bucket hardly beyond a power of ten does not cost a decade */
	low = floor(low + 0.04);
	high = ceil(high - 0.04);
	if (high <= low)
		high = low + 1;
	if (axis->from == axis->to) {
		axis->from = (int)low;
		axis->to = (int)high;
	}
	axis->from = low < axis->from ? (int)low : axis->from;
	axis->to = high > axis->to ? (int)high : axis->to;
}

static uint32_t place_of(const struct axis *axis, int decade, uint32_t width)
{
	return (uint32_t)((double)(decade - axis->from) * width / (axis->to - axis->from) + 0.5);
}

/* "1.0 µs" as "1µs": labels are short of room. */
static struct label axis_label(const struct axis *axis, int decade, bool ascii, char text[24])
{
	struct unit unit = { axis->unit.kind, 1 };
	struct figure figure =
		figure_of(pow(10, decade), unit, (struct figure_style){ .ascii = ascii });
	char *to = text;

	for (const char *from = figure.text; *from; from++) {
		if (strncmp(from, ".0", 2) == 0)
			from += from[2] == '0' ? 2 : 1;
		else if (*from != ' ')
			*to++ = *from;
	}
	*to = 0;
	return label_of(text);
}

/* Puts the label of a decade on the line if there is room and a blank on both sides. */
static void place_label(const struct axis *axis, int decade, bool ascii, uint32_t width,
			char line[][8])
{
	char text[24];
	struct label label = axis_label(axis, decade, ascii, text);
	uint32_t place = place_of(axis, decade, width), byte = 0;

	if (decade == axis->to)
		place = width > label.width ? width - label.width : 0;
	if (place + label.width > width)
		return;
	for (uint32_t column = place ? place - 1 : 0;
	     column < width && column <= place + label.width; column++)
		if (line[column][0])
			return;
	for (uint32_t column = place; column < place + label.width; column++) {
		uint32_t length = 1;

		while ((label.data[byte + length] & 0xc0) == 0x80 && length < 4)
			length++;
		memcpy(line[column], label.data + byte, length);
		byte += length;
	}
}

void axis_draw(const struct axis *axis, struct draw *draw, uint32_t width)
{
	char line[WIDTH_LIMIT][8] = { { 0 } };

	if (axis->from == axis->to)
		return;
	if (width > WIDTH_LIMIT)
		width = WIDTH_LIMIT;
	place_label(axis, axis->from, draw->ascii, width, line);
	place_label(axis, axis->to, draw->ascii, width, line);
	for (int pass = 0; pass < 2; pass++) /* 1 µs, 1 ms, 1 s before those between */
		for (int decade = axis->from + 1; decade < axis->to; decade++)
			if (pass || decade % 3 == 0)
				place_label(axis, decade, draw->ascii, width, line);
	for (uint32_t column = 0; column < width; column++)
		draw_text(draw, line[column][0] ? line[column] : " ");
}

/* ---- bars -------------------------------------------------------------------------------- */

/* Shares out the counts of the buckets over the columns that they overlap. */
static void share_out(const struct histogram *histogram, const struct axis *axis, double *columns,
		      uint32_t width)
{
	const struct sonde_exponential *head = &histogram->head;
	double per_column = (double)(axis->to - axis->from) / width;

	columns[0] += (double)head->zero_count;
	for (uint32_t bucket = 0; bucket < head->positive_length; bucket++) {
		int32_t index = head->positive_offset + (int32_t)bucket;
		double count = (double)histogram->positive[bucket], low, high, step;

		if (count == 0)
			continue;
		low = histogram_bound(index - 1, head->scale) * axis->factor;
		high = histogram_bound(index, head->scale) * axis->factor;
		low = (log10(low) - axis->from) / per_column;
		high = (log10(high) - axis->from) / per_column;
		low = fmin(fmax(low, 0), width - 0.001);
		high = fmin(fmax(high, low + 1e-6), width);
		for (uint32_t column = (uint32_t)low; column < width && column < high; column++) {
			step = fmin(high, column + 1.0) - fmax(low, column);
			columns[column] += count * step / (high - low);
		}
	}
}

static enum style heat_of(const struct axis *axis, uint32_t column, uint32_t width)
{
	/* 10 µs is cool, 100 ms is hot; what is no time has one colour */
	double decade = axis->from + (column + 0.5) * (axis->to - axis->from) / width;
	int heat = (int)floor(decade) - 3;

	if (axis->unit.kind != UNIT_TIME || heat < 0)
		return STYLE_HEAT;
	return (enum style)(STYLE_HEAT + (heat < HEAT_COUNT ? heat : HEAT_COUNT - 1));
}

void distribution_draw(const struct histogram *histogram, const struct axis *axis,
		       struct draw *draw, uint32_t width)
{
	double columns[WIDTH_LIMIT] = { 0 }, most = 0;

	if (axis->from == axis->to || !histogram)
		return;
	if (width > WIDTH_LIMIT)
		width = WIDTH_LIMIT;
	share_out(histogram, axis, columns, width);
	for (uint32_t column = 0; column < width; column++)
		most = fmax(most, columns[column]);
	for (uint32_t column = 0; column < width && most > 0; column++) {
		uint32_t level = (uint32_t)ceil(columns[column] / most * 8);

		/* what is a sliver of one value is not drawn */
		if (columns[column] < 0.01)
			level = 0;
		if (level)
			draw_style(draw, heat_of(axis, column, width));
		draw_bar(draw, level < 8 ? level : 8);
	}
	draw_style(draw, STYLE_PLAIN);
}
