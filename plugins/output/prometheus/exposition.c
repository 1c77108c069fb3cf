// SPDX-License-Identifier: Apache-2.0
/* A table of series as Prometheus sees it: families of samples whose labels are all different. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "append.h"
#include "exposition.h"
#include "labels.h"
#include "naming.h"

/* A metric of the table on its way into a family. */
struct candidate {
	const struct series_metric *metric;
	struct naming_unit unit;
	uint32_t name; /* in the texts */
	uint32_t type, order;
};

struct candidates {
	struct candidate *items;
	uint32_t count;
};

/* ---- metrics ----------------------------------------------------------------------------- */

static uint32_t type_of(const struct series_metric *metric)
{
	switch (metric->kind) {
	case SONDE_METRIC_SUM:
		return metric->monotonic ? FAMILY_COUNTER : FAMILY_GAUGE;
	case SONDE_METRIC_HISTOGRAM:
	case SONDE_METRIC_EXPONENTIAL:
		return FAMILY_HISTOGRAM;
	case SONDE_METRIC_SUMMARY:
		return FAMILY_SUMMARY;
	default:
		return FAMILY_GAUGE;
	}
}

static void put_end(struct json *texts, const char *text)
{
	append_bytes(texts, text, strlen(text) + 1);
}

static void name_candidate(struct exposition *exposition, struct candidate *candidate)
{
	const struct series_metric *metric = candidate->metric;
	bool is_counter;

	candidate->type = type_of(metric);
	is_counter = candidate->type == FAMILY_COUNTER;
	candidate->unit = naming_unit(metric->unit, metric->kind == SONDE_METRIC_GAUGE,
				      exposition->options.seconds);
	candidate->name = (uint32_t)exposition->texts.length;
	naming_metric(&exposition->texts, metric->name, candidate->unit.suffix, is_counter);
	put_end(&exposition->texts, is_counter ? "_total" : "");
}

static int compare_candidates(const void *a, const void *b, void *texts)
{
	const struct candidate *one = a, *two = b;
	int order = strcmp((const char *)texts + one->name, (const char *)texts + two->name);

	return order ? order : (one->order > two->order) - (one->order < two->order);
}

static int find_candidates(struct exposition *exposition, const struct series_table *table,
			   struct candidates *ret_candidates)
{
	uint32_t count = series_metric_count(table);
	struct candidate *items = calloc(count ? count : 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		items[i].metric = series_metric_at(table, i);
		items[i].order = i;
		name_candidate(exposition, &items[i]);
	}
	ret_candidates->items = items;
	ret_candidates->count = count;
	if (exposition->texts.failed || exposition->texts.length > UINT32_MAX)
		return -ENOMEM;
	if (count > 1)
		qsort_r(items, count, sizeof(*items), compare_candidates, exposition->texts.data);
	return 0;
}

/* ---- samples ----------------------------------------------------------------------------- */

static int add_sample(struct exposition *exposition, const struct series *series,
		      uint32_t first_label)
{
	struct exposed_sample *samples;

	if (exposition->sample_count == exposition->sample_capacity) {
		uint32_t capacity =
			exposition->sample_capacity ? exposition->sample_capacity * 2 : 256;

		samples = reallocarray(exposition->samples, capacity, sizeof(*samples));
		if (!samples)
			return -ENOMEM;
		exposition->samples = samples;
		exposition->sample_capacity = capacity;
	}
	exposition->samples[exposition->sample_count++] =
		(struct exposed_sample){ .series = series,
					 .first_label = first_label,
					 .label_count = exposition->label_count - first_label };
	return 0;
}

static int add_metric(struct exposition *exposition, struct sonde_instance *instance,
		      const struct candidate *candidate)
{
	const struct series *series = candidate->metric->first;
	int result = 0;

	for (; series && !result; series = series->next) {
		uint32_t first_label = exposition->label_count;

		if (!series->has_value || series->is_absent)
			continue;
		result = labels_of_series(exposition, instance, series, candidate->type);
		if (!result)
			result = add_sample(exposition, series, first_label);
	}
	return result;
}

static bool is_newer(const struct series *one, const struct series *two)
{
	return one->time_ns > two->time_ns;
}

/* Two series of the same labels become one sample: what is counted is added up, and of what only
 * says how things are the newest is right. */
static int merge_samples(struct exposition *exposition, struct exposed_sample *kept,
			 const struct exposed_sample *other)
{
	int result = 0;

	if (!kept->sum)
		result = series_sum(&kept->sum, kept->series);
	if (!result)
		result = series_sum(&kept->sum, other->series);
	if (result == -ENOMEM)
		return result;
	if (result == -EINVAL && !kept->sum && is_newer(other->series, kept->series))
		kept->series = other->series;
	if (result == -ERANGE || (result == -EINVAL && kept->sum))
		exposition->unmerged_series++;
	else
		exposition->merged_series++;
	return 0;
}

static int compare_samples(const void *a, const void *b, void *exposition)
{
	const struct exposed_sample *one = a, *two = b;
	int order = labels_compare(exposition, one, two);

	if (order || !one->series)
		return order;
	/* what stays when two cannot be one is the same in each scrape */
	order = (one->series->start_ns > two->series->start_ns) -
		(one->series->start_ns < two->series->start_ns);
	return order ? order : (one->series > two->series) - (one->series < two->series);
}

/* Sorts the samples from `first` on, and makes those of equal labels one. */
static int settle_samples(struct exposition *exposition, uint32_t first)
{
	struct exposed_sample *samples = exposition->samples;
	uint32_t count = exposition->sample_count - first, kept = first;
	int result = 0;

	if (count > 1)
		qsort_r(samples + first, count, sizeof(*samples), compare_samples, exposition);
	for (uint32_t i = first; i < first + count && !result; i++) {
		if (kept == first || labels_compare(exposition, &samples[kept - 1], &samples[i]))
			samples[kept++] = samples[i];
		else if (samples[i].series)
			result = merge_samples(exposition, &samples[kept - 1], &samples[i]);
	}
	if (!result)
		exposition->sample_count = kept;
	return result;
}

/* ---- families ---------------------------------------------------------------------------- */

static struct exposed_family *next_family(struct exposition *exposition)
{
	struct exposed_family *families;

	if (exposition->family_count == exposition->family_capacity) {
		uint32_t capacity =
			exposition->family_capacity ? exposition->family_capacity * 2 : 64;

		families = reallocarray(exposition->families, capacity, sizeof(*families));
		if (!families)
			return NULL;
		exposition->families = families;
		exposition->family_capacity = capacity;
	}
	return memset(&exposition->families[exposition->family_count], 0, sizeof(*families));
}

static int end_family(struct exposition *exposition, struct exposed_family *family)
{
	int result = settle_samples(exposition, family->first_sample);

	family->sample_count = exposition->sample_count - family->first_sample;
	if (!result && family->sample_count)
		exposition->family_count++;
	return result;
}

/* The first help that any of the metrics has. */
static int put_help(struct exposition *exposition, const struct candidate *candidates,
		    uint32_t count, struct exposed_family *family)
{
	struct json *texts = &exposition->texts;
	uint32_t i = 0;

	while (i + 1 < count && !*candidates[i].metric->help)
		i++;
	family->help = (uint32_t)texts->length;
	labels_put_text(texts, candidates[i].metric->help, strlen(candidates[i].metric->help));
	put_end(texts, "");
	return texts->failed ? -ENOMEM : 0;
}

/* A family of the metrics of one name, of which the one that came first says the type. */
static int add_family(struct exposition *exposition, struct sonde_instance *instance,
		      const struct candidate *candidates, uint32_t count)
{
	struct exposed_family *family = next_family(exposition);
	int result = 0;

	if (!family)
		return -ENOMEM;
	family->name = candidates->name;
	(void)strcpy(family->unit, candidates->unit.suffix);
	family->divisor = candidates->unit.divisor;
	family->type = candidates->type;
	result = put_help(exposition, candidates, count, family);
	family->first_sample = exposition->sample_count;
	for (uint32_t i = 0; i < count && !result; i++) {
		if (candidates[i].type == family->type &&
		    candidates[i].unit.divisor == family->divisor)
			result = add_metric(exposition, instance, &candidates[i]);
		else
			exposition->conflicting_metrics++;
	}
	return result ? result : end_family(exposition, family);
}

static int compare_pointers(const void *a, const void *b)
{
	const uintptr_t *one = a, *two = b;

	return (*one > *two) - (*one < *two);
}

/* target_info: what else is known of the resources. */
static int add_targets(struct exposition *exposition, struct sonde_instance *instance,
		       const struct candidates *candidates)
{
	struct exposed_family *family = next_family(exposition);
	uintptr_t *resources =
		calloc(candidates->count ? candidates->count : 1, sizeof(*resources));
	int result = family && resources ? 0 : -ENOMEM;

	if (!result) {
		family->name = (uint32_t)exposition->texts.length;
		put_end(&exposition->texts, "target_info");
		family->divisor = 1;
		family->type = FAMILY_INFO;
		family->help = (uint32_t)exposition->texts.length;
		put_end(&exposition->texts,
			"attributes of the resource that the job and instance are");
		family->first_sample = exposition->sample_count;
		for (uint32_t i = 0; i < candidates->count; i++)
			resources[i] = (uintptr_t)candidates->items[i].metric->resource;
		qsort(resources, candidates->count, sizeof(*resources), compare_pointers);
	}
	for (uint32_t i = 0; i < candidates->count && !result; i++) {
		uint32_t first_label = exposition->label_count;

		if (i && resources[i] == resources[i - 1])
			continue;
		result = labels_of_target(exposition, instance,
					  (const struct series_labels *)resources[i]);
		if (!result && exposition->label_count > first_label)
			result = add_sample(exposition, NULL, first_label);
	}
	free(resources);
	return result ? result : end_family(exposition, family);
}

/* The order of a name and of another with "_total" behind it. */
static int compare_total(const char *name, const char *counter)
{
	size_t length = strlen(counter);
	int order = strncmp(name, counter, length);

	return order ? order : strcmp(name + length, "_total");
}

/* Whether there is a family of a counter whose name, without its "_total", is this one: OpenMetrics
 * would call both the same. */
static bool has_counter(const struct exposition *exposition, const struct candidates *candidates,
			const char *name)
{
	uint32_t first = 0, end = candidates->count;

	while (first < end) {
		uint32_t middle = first + (end - first) / 2;
		const char *other = exposition_text(exposition, candidates->items[middle].name);

		if (compare_total(other, name) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first < candidates->count && candidates->items[first].type == FAMILY_COUNTER &&
	       compare_total(exposition_text(exposition, candidates->items[first].name), name) == 0;
}

static void exposition_clear(struct exposition *exposition)
{
	for (uint32_t i = 0; i < exposition->sample_count; i++)
		series_sum_release(exposition->samples[i].sum);
	json_clear(&exposition->texts);
	exposition->texts.failed = false;
	exposition->label_count = exposition->sample_count = exposition->family_count = 0;
	exposition->conflicting_metrics = 0;
	exposition->merged_series = exposition->unmerged_series = 0;
}

int exposition_make(struct exposition *exposition, struct sonde_instance *instance,
		    const struct series_table *table)
{
	struct candidates found = { 0 };
	uint32_t end;
	int result;

	exposition_clear(exposition);
	result = find_candidates(exposition, table, &found);
	for (uint32_t i = 0; i < found.count && !result; i = end) {
		const char *name = exposition_text(exposition, found.items[i].name);

		for (end = i + 1; end < found.count; end++)
			if (strcmp(name, exposition_text(exposition, found.items[end].name)))
				break;
		if (strcmp(name, "target_info") == 0 || strcmp(name, "target") == 0 ||
		    has_counter(exposition, &found, name))
			exposition->conflicting_metrics += end - i;
		else
			result = add_family(exposition, instance, &found.items[i], end - i);
	}
	if (!result)
		result = add_targets(exposition, instance, &found);
	if (!result && (exposition->texts.failed || exposition->texts.length > UINT32_MAX))
		result = -ENOMEM;
	free(found.items);
	if (result)
		exposition_clear(exposition);
	return result;
}

void exposition_release(struct exposition *exposition)
{
	exposition_clear(exposition);
	json_release(&exposition->texts);
	nested_scratch_release(&exposition->scratch);
	free(exposition->labels);
	free(exposition->samples);
	free(exposition->families);
	memset(exposition, 0, sizeof(*exposition));
}
