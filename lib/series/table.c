// SPDX-License-Identifier: Apache-2.0
/* Metrics and series found by value, made within limits, and forgotten when nothing comes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "point.h"
#include "table.h"

enum { SLOTS_FIRST = 64, BUCKET_LIMIT = 320, SWEEPS = 16 };

static const char overflow_key[] = "otel.metric.overflow";

struct series_moment series_now(struct sonde_instance *instance)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (struct series_moment){ .wall_ns = sonde_now_ns(instance),
				       .steady_ns =
					       (int64_t)now.tv_sec * 1000000000 + now.tv_nsec };
}

void series_table_set(struct series_table *table, const struct series_options *options)
{
	table->options = *options;
	if (!table->options.series_limit)
		table->options.series_limit = 1;
	if (!table->options.bucket_limit)
		table->options.bucket_limit = BUCKET_LIMIT;
}

int series_table_create(const struct series_options *options, struct series_moment now,
			struct series_table **ret_table)
{
	struct series_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	series_table_set(table, options);
	if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) != sizeof(table->seed))
		table->seed = (uint64_t)now.wall_ns ^ (uint64_t)(uintptr_t)table;
	table->since_ns = now.wall_ns;
	table->swept_ns = now.steady_ns;
	*ret_table = table;
	return 0;
}

size_t table_bytes(const struct series_table *table)
{
	return table->value_bytes + table->sets.bytes + (size_t)table->sets.count * sizeof(void *) +
	       (table->mask + (size_t)table->metric_mask) * sizeof(void *);
}

void series_table_counts(const struct series_table *table, struct series_counts *ret_counts)
{
	*ret_counts = table->counts;
	ret_counts->series = table->series_count;
	ret_counts->metrics = table->metric_count;
	ret_counts->memory_bytes = table_bytes(table);
}

uint32_t series_metric_count(const struct series_table *table)
{
	return table->metric_count;
}

const struct series_metric *series_metric_at(const struct series_table *table, uint32_t index)
{
	return table->metrics[index];
}

/* ---- metrics ----------------------------------------------------------------------------- */

static uint64_t metric_hash(const struct series_table *table, const struct series_labels *resource,
			    const struct series_labels *scope, const struct metric_key *key)
{
	uint64_t hash = series_hash(table->seed, key->name.data, key->name.length);

	hash = series_mix(hash ^ (uint64_t)(uintptr_t)resource, (uint64_t)(uintptr_t)scope | 1);
	return hash + key->kind * 31 + key->temporality * 7 + key->monotonic;
}

static bool same_text(struct sonde_text text, const char *other)
{
	return strlen(other) == text.length &&
	       (!text.length || memcmp(text.data, other, text.length) == 0);
}

static bool is_metric(const struct series_metric *metric, uint64_t hash,
		      const struct series_labels *resource, const struct series_labels *scope,
		      const struct metric_key *key)
{
	return metric->hash == hash && metric->resource == resource && metric->scope == scope &&
	       metric->kind == key->kind && metric->temporality == key->temporality &&
	       metric->monotonic == key->monotonic && same_text(key->name, metric->name) &&
	       same_text(key->unit, metric->unit);
}

static void metric_put(struct series_metric **slots, uint32_t mask, struct series_metric *metric)
{
	uint32_t slot = (uint32_t)(metric->hash >> 32) & mask;

	while (slots[slot])
		slot = (slot + 1) & mask;
	slots[slot] = metric;
}

/* New slots for all metrics that there are. */
static int metrics_index(struct series_table *table, uint32_t mask)
{
	struct series_metric **slots = calloc((size_t)mask + 1, sizeof(struct series_metric *));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->metric_count; i++)
		metric_put(slots, mask, table->metrics[i]);
	free(table->metric_slots);
	table->metric_slots = slots;
	table->metric_mask = mask;
	return 0;
}

static int metrics_reserve(struct series_table *table)
{
	struct series_metric **metrics;
	uint32_t capacity = table->metric_capacity ? table->metric_capacity * 2 : SLOTS_FIRST / 2;

	if (table->metric_count < table->metric_capacity)
		return 0;
	metrics = reallocarray(table->metrics, capacity, sizeof(struct series_metric *));
	if (!metrics)
		return -ENOMEM;
	table->metrics = metrics;
	if (metrics_index(table, capacity * 2 - 1) < 0)
		return -ENOMEM;
	table->metric_capacity = capacity;
	return 0;
}

static char *put_text(char **at, struct sonde_text text)
{
	char *begin = *at;

	if (text.length)
		memcpy(begin, text.data, text.length);
	begin[text.length] = '\0';
	*at += text.length + 1;
	return begin;
}

static size_t metric_bytes(const struct metric_key *key)
{
	return sizeof(struct series_metric) + key->name.length + key->unit.length +
	       key->help.length + 3;
}

static struct series_metric *metric_create(struct series_table *table,
					   struct series_labels *resource,
					   struct series_labels *scope,
					   const struct metric_key *key)
{
	struct series_metric *metric;
	char *at;

	if (metrics_reserve(table) < 0)
		return NULL;
	metric = calloc(1, metric_bytes(key));
	if (!metric)
		return NULL;
	at = (char *)(metric + 1);
	metric->name = put_text(&at, key->name);
	metric->unit = put_text(&at, key->unit);
	metric->help = put_text(&at, key->help);
	metric->kind = key->kind;
	metric->temporality = key->temporality;
	metric->monotonic = key->monotonic;
	metric->resource = resource;
	metric->scope = scope;
	resource->references++;
	scope->references++;
	metric->hash = metric_hash(table, resource, scope, key);
	table->value_bytes += metric_bytes(key);
	return metric;
}

int table_metric(struct series_table *table, const struct series_labels *resource,
		 const struct series_labels *scope, const struct metric_key *key,
		 struct series_metric **ret_metric)
{
	uint64_t hash = metric_hash(table, resource, scope, key);
	struct series_metric *metric;

	for (uint32_t slot = (uint32_t)(hash >> 32) & table->metric_mask;
	     table->metric_mask && table->metric_slots[slot];
	     slot = (slot + 1) & table->metric_mask) {
		metric = table->metric_slots[slot];
		if (is_metric(metric, hash, resource, scope, key)) {
			*ret_metric = metric;
			return 0;
		}
	}
	if (table->metric_count >= table->options.series_limit ||
	    !table_has_room(table, metric_bytes(key)))
		return -ENOSPC;
	metric = metric_create(table, (struct series_labels *)(uintptr_t)resource,
			       (struct series_labels *)(uintptr_t)scope, key);
	if (!metric)
		return -ENOMEM;
	table->metrics[table->metric_count++] = metric;
	metric_put(table->metric_slots, table->metric_mask, metric);
	*ret_metric = metric;
	return 0;
}

/* ---- series ------------------------------------------------------------------------------ */

static uint64_t series_key(const struct series_metric *metric, const struct series_labels *labels)
{
	return series_mix((uint64_t)(uintptr_t)metric ^ UINT64_C(0x9e3779b97f4a7c15),
			  (uint64_t)(uintptr_t)labels ^ UINT64_C(0xd6e8feb86659fd93));
}

static void series_put(struct series **slots, uint32_t mask, struct series *series)
{
	uint32_t slot = (uint32_t)(series_key(series->metric, series->attributes) >> 16) & mask;

	while (slots[slot])
		slot = (slot + 1) & mask;
	slots[slot] = series;
}

static int slots_grow(struct series_table *table)
{
	uint32_t mask = table->mask ? table->mask * 2 + 1 : SLOTS_FIRST - 1;
	struct series **slots;

	if (table->mask && (table->series_count + 1) * UINT64_C(2) <= table->mask)
		return 0;
	slots = calloc((size_t)mask + 1, sizeof(struct series *));
	if (!slots)
		return -ENOMEM;
	for (uint32_t slot = 0; table->mask && slot <= table->mask; slot++)
		if (table->slots[slot])
			series_put(slots, mask, table->slots[slot]);
	free(table->slots);
	table->slots = slots;
	table->mask = mask;
	return 0;
}

static struct series *series_create(struct series_table *table, struct series_metric *metric,
				    struct series_labels *labels)
{
	struct series *series = calloc(1, sizeof(*series));

	if (!series)
		return NULL;
	series->metric = metric;
	series->attributes = labels;
	series->next = metric->first;
	labels->references++;
	metric->first = series;
	table->value_bytes += sizeof(*series);
	return series;
}

static int overflow_series(struct series_table *table, struct series_metric *metric,
			   struct series **ret_series)
{
	struct series_label label = { .key = overflow_key,
				      .key_length = sizeof(overflow_key) - 1,
				      .role = SERIES_ATTRIBUTE,
				      .kind = SONDE_ANY_BOOL,
				      .as.integer = 1 };
	struct series_list list = { .items = &label, .count = 1 };
	struct series_labels *labels;

	if (!metric->overflow) {
		series_label_hash(&label, series_hash(table->seed + SERIES_ATTRIBUTE, label.key,
						      label.key_length));
		list.hash = label.hash;
		labels = series_sets_intern(&table->sets, &list);
		metric->overflow = labels ? series_create(table, metric, labels) : NULL;
		if (!metric->overflow)
			return -ENOMEM;
		metric->overflow->is_overflow = true;
	}
	*ret_series = metric->overflow;
	return 0;
}

/* Whether there is no room for a series more, and for its attributes if they are new. */
static bool is_full(const struct series_table *table, const struct series_list *list,
		    const struct series_labels *labels)
{
	size_t bytes = sizeof(struct series) + (labels ? 0 : series_list_bytes(list));

	return table->series_count >= table->options.series_limit || !table_has_room(table, bytes);
}

int table_series(struct series_table *table, struct series_metric *metric,
		 const struct series_list *list, struct series_labels **labels, bool adds,
		 struct series **ret_series)
{
	struct series *series;

	if (!*labels)
		*labels = series_sets_find(&table->sets, list);
	if (*labels && table->mask)
		for (uint32_t slot = (uint32_t)(series_key(metric, *labels) >> 16) & table->mask;
		     table->slots[slot]; slot = (slot + 1) & table->mask) {
			series = table->slots[slot];
			if (series->metric == metric && series->attributes == *labels) {
				*ret_series = series;
				return 0;
			}
		}
	if (is_full(table, list, *labels))
		return adds ? overflow_series(table, metric, ret_series) : -ENOSPC;
	if (slots_grow(table) < 0)
		return -ENOMEM;
	if (!*labels)
		*labels = series_sets_intern(&table->sets, list);
	series = *labels ? series_create(table, metric, *labels) : NULL;
	if (!series)
		return -ENOMEM;
	series_put(table->slots, table->mask, series);
	table->series_count++;
	*ret_series = series;
	return 0;
}

/* ---- forgetting -------------------------------------------------------------------------- */

static void series_destroy(struct series_table *table, struct series *series)
{
	struct series_labels *labels = (struct series_labels *)(uintptr_t)series->attributes;

	labels->references--;
	point_release(table, series);
	table->value_bytes -= sizeof(*series);
	free(series);
}

static bool is_stale(const struct series_table *table, const struct series *series,
		     struct series_moment now)
{
	return now.steady_ns - series->touched_ns > table->options.expiry_ns;
}

/* Takes what is stale out of the slots, which are filled anew. */
static void slots_sweep(struct series_table *table, struct series **slots, struct series_moment now)
{
	table->series_count = 0;
	for (uint32_t slot = 0; slot <= table->mask; slot++) {
		struct series *series = table->slots[slot];

		if (!series || is_stale(table, series, now))
			continue;
		series_put(slots, table->mask, series);
		table->series_count++;
	}
	free(table->slots);
	table->slots = slots;
}

static void metric_destroy(struct series_table *table, struct series_metric *metric)
{
	struct metric_key key = { .name.length = (uint32_t)strlen(metric->name),
				  .unit.length = (uint32_t)strlen(metric->unit),
				  .help.length = (uint32_t)strlen(metric->help) };

	((struct series_labels *)(uintptr_t)metric->resource)->references--;
	((struct series_labels *)(uintptr_t)metric->scope)->references--;
	table->value_bytes -= metric_bytes(&key);
	free(metric);
}

/* Frees the stale series of a metric; how many they were. */
static uint32_t metric_sweep(struct series_table *table, struct series_metric *metric,
			     struct series_moment now)
{
	struct series **link = &metric->first, *series;
	uint32_t count = 0;

	while ((series = *link)) {
		if (!is_stale(table, series, now)) {
			link = &series->next;
			continue;
		}
		*link = series->next;
		if (series == metric->overflow)
			metric->overflow = NULL;
		series_destroy(table, series);
		count++;
	}
	return count;
}

static void sweep(struct series_table *table, struct series_moment now)
{
	struct series **slots;
	uint64_t expired = 0;
	uint32_t kept = 0;

	/* without memory all stay, until the next time */
	slots = table->mask ? calloc((size_t)table->mask + 1, sizeof(struct series *)) : NULL;
	if (table->mask && !slots)
		return;
	if (table->mask)
		slots_sweep(table, slots, now);
	for (uint32_t i = 0; i < table->metric_count; i++) {
		struct series_metric *metric = table->metrics[i];

		expired += metric_sweep(table, metric, now);
		if (metric->first)
			table->metrics[kept++] = metric;
		else
			metric_destroy(table, metric);
	}
	if (kept < table->metric_count) {
		table->metric_count = kept;
		memset(table->metric_slots, 0,
		       ((size_t)table->metric_mask + 1) * sizeof(struct series_metric *));
		for (uint32_t i = 0; i < kept; i++)
			metric_put(table->metric_slots, table->metric_mask, table->metrics[i]);
	}
	if (!expired)
		return;
	series_sets_sweep(&table->sets);
	table->counts.expired += expired;
	table->since_ns = now.wall_ns;
}

void series_expire(struct series_table *table, struct series_moment now)
{
	if (!table->options.expiry_ns ||
	    now.steady_ns - table->swept_ns < table->options.expiry_ns / SWEEPS)
		return;
	table->swept_ns = now.steady_ns;
	sweep(table, now);
}

void series_table_release(struct series_table *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < table->metric_count; i++) {
		struct series_metric *metric = table->metrics[i];

		while (metric->first) {
			struct series *series = metric->first;

			metric->first = series->next;
			series_destroy(table, series);
		}
		metric_destroy(table, metric);
	}
	series_sets_release(&table->sets);
	plan_release(&table->plan);
	histogram_release(&table->scratch);
	free(table->metrics);
	free(table->metric_slots);
	free(table->slots);
	free(table);
}
