/* SPDX-License-Identifier: Apache-2.0 */
/* A table of series as Prometheus sees it: families of samples whose labels are all different. */
#ifndef SONDE_PROMETHEUS_EXPOSITION_H
#define SONDE_PROMETHEUS_EXPOSITION_H

#include "json.h"
#include "nested.h"
#include "series.h"

/* As the protobuf form numbers them. */
enum family_type {
	FAMILY_COUNTER = 0,
	FAMILY_GAUGE = 1,
	FAMILY_SUMMARY = 2,
	FAMILY_HISTOGRAM = 4,
	FAMILY_INFO = 100, /* in forms that have it; else a gauge */
};

/* A label within the exposition's texts. */
struct exposed_label {
	uint32_t name, name_length;
	uint32_t value, value_length;
};

/* One set of labels of a family. Values of several series that have come to the same labels are
 * added up in `sum`, which then stands for them. */
struct exposed_sample {
	const struct series *series; /* NULL: an info */
	struct series *sum;          /* owned; NULL: the series stands for itself */
	uint32_t first_label, label_count;
};

struct exposed_family {
	uint32_t name;                       /* in the texts, ended by a zero byte */
	char unit[96];                       /* suffix of the name; "": none */
	double divisor;                      /* of all values */
	uint32_t type;                       /* enum family_type */
	uint32_t help;                       /* the same; "": none */
	uint32_t first_sample, sample_count; /* sorted by labels */
};

struct exposition_options {
	const char *const *resource_labels; /* attributes of resources that are labels of series */
	uint32_t resource_label_count;
	bool seconds;     /* fractions of a second become seconds */
	uint32_t buckets; /* of an exponential histogram, at most */
};

/* Zeroed, it is empty; its memory is used again and again. */
struct exposition {
	struct exposition_options options;
	struct json texts;
	struct exposed_label *labels;
	uint32_t label_count, label_capacity;
	struct exposed_sample *samples;
	uint32_t sample_count, sample_capacity;
	struct exposed_family *families;
	uint32_t family_count, family_capacity;
	struct nested_scratch scratch;

	/* what could not be shown, in the last one made */
	uint32_t conflicting_metrics; /* of the name of a family of another type */
	uint32_t merged_series;       /* added to others with the same labels */
	uint32_t unmerged_series;     /* of bounds that differ from theirs: left out */
};

/* Makes it anew from the table, with which it is valid. -ENOMEM: it is empty. */
int exposition_make(struct exposition *exposition, struct sonde_instance *instance,
		    const struct series_table *table);
void exposition_release(struct exposition *exposition);

static inline const char *exposition_text(const struct exposition *exposition, uint32_t offset)
{
	return exposition->texts.data + offset;
}

/* What a sample's value is read from. */
static inline const struct series *exposed_value(const struct exposed_sample *sample)
{
	return sample->sum ? sample->sum : sample->series;
}

/* The forms. What is appended is incomplete if `out` has failed. */
void exposition_write_text(const struct exposition *exposition, struct json *out);
void exposition_write_openmetrics(const struct exposition *exposition, struct json *out);
int exposition_write_protobuf(const struct exposition *exposition, struct json *out);

#endif
