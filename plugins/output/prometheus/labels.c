// SPDX-License-Identifier: Apache-2.0
/* Labels of samples, made of resources, scopes and attributes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "append.h"
#include "labels.h"
#include "naming.h"

/* ---- values ------------------------------------------------------------------------------ */

/* The length of a well-formed character of several bytes; 0: it is none. */
static size_t character_length(const unsigned char *at, size_t left)
{
	uint32_t code, least;
	size_t length;

	if (at[0] >= 0xc2 && at[0] < 0xe0) {
		length = 2;
		code = at[0] & 0x1f;
		least = 0x80;
	} else if (at[0] >= 0xe0 && at[0] < 0xf0) {
		length = 3;
		code = at[0] & 0x0f;
		least = 0x800;
	} else if (at[0] >= 0xf0 && at[0] < 0xf5) {
		length = 4;
		code = at[0] & 0x07;
		least = 0x10000;
	} else {
		return 0;
	}
	if (left < length)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	return code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

void labels_put_text(struct json *out, const char *text, size_t length)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + length, *begin = at;

	while (at < end) {
		size_t size = *at < 0x80 ? 1 : character_length(at, (size_t)(end - at));

		if (size) {
			at += size;
			continue;
		}
		append_bytes(out, begin, (size_t)(at - begin));
		append_bytes(out, "\xef\xbf\xbd", 3);
		begin = ++at;
	}
	append_bytes(out, begin, (size_t)(at - begin));
}

static void put_value(struct exposition *exposition, struct sonde_instance *instance,
		      const struct series_label *label)
{
	struct json *out = &exposition->texts, nested = { 0 };
	char number[JSON_NUMBER_SIZE];
	char *end = number;

	switch (label->kind) {
	case SONDE_ANY_TEXT:
		labels_put_text(out, label->data, label->length);
		return;
	case SONDE_ANY_BOOL:
		append_bytes(out, label->as.integer ? "true" : "false", label->as.integer ? 4 : 5);
		return;
	case SONDE_ANY_INTEGER:
		end = json_put_integer(number, label->as.integer);
		break;
	case SONDE_ANY_DOUBLE:
		end = json_put_double(number, label->as.number);
		break;
	case SONDE_ANY_BYTES:
		json_base64(&nested, label->data, label->length);
		if (nested.length >= 2) /* within its quotes */
			append_bytes(out, nested.data + 1, nested.length - 2);
		break;
	case SONDE_ANY_ARRAY:
	case SONDE_ANY_MAP:
		nested_write_any(&exposition->scratch, instance,
				 (struct sonde_text){ label->data, label->length, 0 }, &nested);
		labels_put_text(out, nested.data, nested.length);
		break;
	default:
		break;
	}
	append_bytes(out, number, (size_t)(end - number));
	out->failed = out->failed || nested.failed;
	json_release(&nested);
}

/* ---- lists ------------------------------------------------------------------------------- */

static struct exposed_label *next_label(struct exposition *exposition)
{
	struct exposed_label *labels;

	if (exposition->label_count == exposition->label_capacity) {
		uint32_t capacity =
			exposition->label_capacity ? exposition->label_capacity * 2 : 1024;

		labels = reallocarray(exposition->labels, capacity, sizeof(*labels));
		if (!labels)
			return NULL;
		exposition->labels = labels;
		exposition->label_capacity = capacity;
	}
	return &exposition->labels[exposition->label_count];
}

/* A label whose name has been appended from `begin` on and whose value is appended now; one without
 * a value is taken back. */
static int end_label(struct exposition *exposition, size_t begin, size_t middle)
{
	struct json *texts = &exposition->texts;
	struct exposed_label *label = next_label(exposition);

	if (!label || texts->failed || texts->length > UINT32_MAX)
		return -ENOMEM;
	*label = (struct exposed_label){ .name = (uint32_t)begin,
					 .name_length = (uint32_t)(middle - begin),
					 .value = (uint32_t)middle,
					 .value_length = (uint32_t)(texts->length - middle) };
	if (label->value_length)
		exposition->label_count++;
	else
		texts->length = begin;
	return 0;
}

static int add_label(struct exposition *exposition, struct sonde_instance *instance,
		     const char *prefix, const struct series_label *label)
{
	struct json *texts = &exposition->texts;
	size_t begin = texts->length, middle;

	append_bytes(texts, prefix, strlen(prefix));
	if (label->role == SERIES_ATTRIBUTE)
		naming_label(texts, label->key, label->key_length);
	middle = texts->length;
	put_value(exposition, instance, label);
	return end_label(exposition, begin, middle);
}

/* An attribute of a name that is taken for something else is called exported_. */
static int add_attribute(struct exposition *exposition, struct sonde_instance *instance,
			 const struct series_label *label, uint32_t type)
{
	static const char *const taken[] = { "job", "instance" };
	struct json *texts = &exposition->texts;
	size_t begin = texts->length, length;
	const char *name;
	bool is_taken = false;

	naming_label(texts, label->key, label->key_length);
	if (texts->failed)
		return -ENOMEM;
	name = texts->data + begin;
	length = texts->length - begin;
	for (uint32_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		is_taken = is_taken ||
			   (length == strlen(taken[i]) && memcmp(name, taken[i], length) == 0);
	is_taken = is_taken || (length >= 11 && memcmp(name, "otel_scope_", 11) == 0) ||
		   (type == FAMILY_HISTOGRAM && length == 2 && memcmp(name, "le", 2) == 0) ||
		   (type == FAMILY_SUMMARY && length == 8 && memcmp(name, "quantile", 8) == 0);
	texts->length = begin;
	return add_label(exposition, instance, is_taken ? "exported_" : "", label);
}

static int compare_names(const struct exposition *exposition, const struct exposed_label *one,
			 const struct exposed_label *two)
{
	uint32_t shorter =
		one->name_length < two->name_length ? one->name_length : two->name_length;
	int order = memcmp(exposition_text(exposition, one->name),
			   exposition_text(exposition, two->name), shorter);

	return order ? order
		     : (one->name_length > two->name_length) -
			       (one->name_length < two->name_length);
}

/* Stable, and nearly in order already. */
static void sort_labels(struct exposition *exposition, uint32_t first)
{
	struct exposed_label *labels = exposition->labels;

	for (uint32_t i = first + 1; i < exposition->label_count; i++) {
		struct exposed_label label = labels[i];
		uint32_t place = i;

		while (place > first && compare_names(exposition, &labels[place - 1], &label) > 0) {
			labels[place] = labels[place - 1];
			place--;
		}
		labels[place] = label;
	}
}

static bool is_same_value(const struct exposition *exposition, const struct exposed_label *one,
			  const struct exposed_label *two)
{
	return one->value_length == two->value_length &&
	       memcmp(exposition_text(exposition, one->value),
		      exposition_text(exposition, two->value), one->value_length) == 0;
}

/* The values of several keys that have become one name are one value, joined by ';'. */
static int join_labels(struct exposition *exposition, uint32_t first)
{
	struct json *texts = &exposition->texts;
	struct exposed_label *labels = exposition->labels;
	uint32_t kept = first;

	for (uint32_t i = first; i < exposition->label_count; i++) {
		size_t begin = texts->length;
		struct exposed_label *last = kept > first ? &labels[kept - 1] : NULL;
		uint32_t size;

		if (!last || compare_names(exposition, last, &labels[i]) != 0) {
			labels[kept++] = labels[i];
			continue;
		}
		if (is_same_value(exposition, last, &labels[i]))
			continue;
		size = last->value_length + 1 + labels[i].value_length;
		if (!json_room(texts, size))
			return -ENOMEM;
		append_bytes(texts, texts->data + last->value, last->value_length);
		append_bytes(texts, ";", 1);
		append_bytes(texts, texts->data + labels[i].value, labels[i].value_length);
		last->value = (uint32_t)begin;
		last->value_length = size;
	}
	exposition->label_count = kept;
	return 0;
}

/* ---- resources --------------------------------------------------------------------------- */

/* "namespace/name" of the service, and its instance. */
static int add_target(struct exposition *exposition, struct sonde_instance *instance,
		      const struct series_labels *resource)
{
	const struct series_label *name = series_label_find(resource, "service.name");
	const struct series_label *group = series_label_find(resource, "service.namespace");
	const struct series_label *which = series_label_find(resource, "service.instance.id");
	struct json *texts = &exposition->texts;
	size_t begin = texts->length, middle;
	int result = 0;

	if (name) {
		append_bytes(texts, "job", 3);
		middle = texts->length;
		if (group) {
			put_value(exposition, instance, group);
			append_bytes(texts, "/", 1);
		}
		put_value(exposition, instance, name);
		result = end_label(exposition, begin, middle);
	}
	if (result || !which)
		return result;
	begin = texts->length;
	append_bytes(texts, "instance", 8);
	middle = texts->length;
	put_value(exposition, instance, which);
	return end_label(exposition, begin, middle);
}

static int add_resource_labels(struct exposition *exposition, struct sonde_instance *instance,
			       const struct series_labels *resource, uint32_t type)
{
	int result = add_target(exposition, instance, resource);

	for (uint32_t i = 0; i < exposition->options.resource_label_count && !result; i++) {
		const struct series_label *label =
			series_label_find(resource, exposition->options.resource_labels[i]);

		if (label)
			result = add_attribute(exposition, instance, label, type);
	}
	return result;
}

static bool is_target(const struct series_label *label)
{
	static const char *const keys[] = { "service.name", "service.namespace",
					    "service.instance.id" };

	for (uint32_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (label->key_length == strlen(keys[i]) &&
		    memcmp(label->key, keys[i], label->key_length) == 0)
			return true;
	return false;
}

int labels_of_target(struct exposition *exposition, struct sonde_instance *instance,
		     const struct series_labels *resource)
{
	uint32_t first = exposition->label_count;
	int result = add_target(exposition, instance, resource);

	for (uint32_t i = 0; i < resource->count && !result; i++)
		if (!is_target(&resource->items[i]))
			result = add_attribute(exposition, instance, &resource->items[i],
					       FAMILY_INFO);
	if (result)
		return result;
	sort_labels(exposition, first);
	return join_labels(exposition, first);
}

/* ---- series ------------------------------------------------------------------------------ */

int labels_of_series(struct exposition *exposition, struct sonde_instance *instance,
		     const struct series *series, uint32_t type)
{
	static const char *const prefixes[] = { [SERIES_ATTRIBUTE] = "otel_scope_",
						[SERIES_SCOPE_NAME] = "otel_scope_name",
						[SERIES_SCOPE_VERSION] = "otel_scope_version",
						[SERIES_SCHEMA_URL] = "otel_scope_schema_url" };
	const struct series_labels *scope = series->metric->scope;
	uint32_t first = exposition->label_count;
	int result = add_resource_labels(exposition, instance, series->metric->resource, type);

	for (uint32_t i = 0; i < scope->count && !result; i++)
		result = add_label(exposition, instance, prefixes[scope->items[i].role],
				   &scope->items[i]);
	for (uint32_t i = 0; i < series->attributes->count && !result; i++)
		result = add_attribute(exposition, instance, &series->attributes->items[i], type);
	if (result)
		return result;
	sort_labels(exposition, first);
	return join_labels(exposition, first);
}

int labels_compare(const struct exposition *exposition, const struct exposed_sample *one,
		   const struct exposed_sample *two)
{
	const struct exposed_label *mine = &exposition->labels[one->first_label];
	const struct exposed_label *other = &exposition->labels[two->first_label];
	uint32_t count = one->label_count < two->label_count ? one->label_count : two->label_count;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t shorter = mine[i].value_length < other[i].value_length
					   ? mine[i].value_length
					   : other[i].value_length;
		int order = compare_names(exposition, &mine[i], &other[i]);

		if (!order)
			order = memcmp(exposition_text(exposition, mine[i].value),
				       exposition_text(exposition, other[i].value), shorter);
		if (!order)
			order = (mine[i].value_length > other[i].value_length) -
				(mine[i].value_length < other[i].value_length);
		if (order)
			return order;
	}
	return (one->label_count > two->label_count) - (one->label_count < two->label_count);
}
