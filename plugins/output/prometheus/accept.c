// SPDX-License-Identifier: Apache-2.0
/* What a scraper would have: lists of names with parameters, weighed by their q. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "accept.h"

/* Part of a header, without blanks around it. */
struct part {
	const char *text;
	size_t length;
};

static bool is_blank(char character)
{
	return character == ' ' || character == '\t';
}

static struct part trimmed(const char *text, size_t length)
{
	while (length && is_blank(*text)) {
		text++;
		length--;
	}
	while (length && is_blank(text[length - 1]))
		length--;
	return (struct part){ text, length };
}

static bool part_is(struct part part, const char *text)
{
	return strlen(text) == part.length && strncasecmp(part.text, text, part.length) == 0;
}

/* Takes what stands before the next `end` off the rest; quoted it may hold one. False: there is
 * nothing more. */
static bool take(struct part *rest, char end, struct part *ret_part)
{
	bool quoted = false;
	size_t length = 0;

	if (!rest->length)
		return false;
	while (length < rest->length && (quoted || rest->text[length] != end)) {
		quoted ^= rest->text[length] == '"';
		length++;
	}
	*ret_part = trimmed(rest->text, length);
	if (length < rest->length)
		length++;
	rest->text += length;
	rest->length -= length;
	return true;
}

/* "0.25" as 250; what is no weight is 0. */
static int weight_of(struct part part)
{
	static const int places[] = { 100, 10, 1 };
	int weight;

	if (!part.length || (part.text[0] != '0' && part.text[0] != '1'))
		return 0;
	weight = (part.text[0] - '0') * 1000;
	for (size_t i = 2; i < part.length && i < 5 && part.text[1] == '.'; i++) {
		if (part.text[i] < '0' || part.text[i] > '9')
			return 0;
		weight += (part.text[i] - '0') * places[i - 2];
	}
	return weight < 1000 ? weight : 1000;
}

static struct part unquoted(struct part part)
{
	if (part.length >= 2 && part.text[0] == '"' && part.text[part.length - 1] == '"')
		return (struct part){ part.text + 1, part.length - 2 };
	return part;
}

/* A name of a list with those of its parameters that matter here. */
struct item {
	struct part name, version, encoding, proto;
	int weight; /* thousandths */
};

static bool next_item(struct part *rest, struct item *ret_item)
{
	struct item item = { .weight = 1000 };
	struct part entry, parameter, key;

	if (!take(rest, ',', &entry))
		return false;
	(void)take(&entry, ';', &item.name);
	while (take(&entry, ';', &parameter)) {
		if (!take(&parameter, '=', &key))
			continue;
		parameter = unquoted(trimmed(parameter.text, parameter.length));
		if (part_is(key, "q"))
			item.weight = weight_of(parameter);
		else if (part_is(key, "version"))
			item.version = parameter;
		else if (part_is(key, "encoding"))
			item.encoding = parameter;
		else if (part_is(key, "proto"))
			item.proto = parameter;
	}
	*ret_item = item;
	return true;
}

static bool is_version(const struct item *item, const char *version)
{
	return !item->version.length || part_is(item->version, version);
}

/* Whether it is a format of ours. */
static bool format_of(const struct item *item, enum accept_format *ret_format)
{
	if (part_is(item->name, "application/openmetrics-text") && is_version(item, "1.0.0")) {
		*ret_format = ACCEPT_OPENMETRICS;
		return true;
	}
	if (part_is(item->name, "application/vnd.google.protobuf") &&
	    part_is(item->proto, "io.prometheus.client.MetricFamily") &&
	    part_is(item->encoding, "delimited")) {
		*ret_format = ACCEPT_PROTOBUF;
		return true;
	}
	*ret_format = ACCEPT_TEXT;
	return (part_is(item->name, "text/plain") && is_version(item, "0.0.4")) ||
	       part_is(item->name, "text/*") || part_is(item->name, "*/*");
}

enum accept_format accept_format(const char *header)
{
	struct part rest = { header, header ? strlen(header) : 0 };
	enum accept_format best = ACCEPT_TEXT, format;
	struct item item;
	int weight = 0;

	while (next_item(&rest, &item))
		if (item.weight > weight && format_of(&item, &format)) {
			weight = item.weight;
			best = format;
		}
	return best;
}

bool accept_gzip(const char *header)
{
	struct part rest = { header, header ? strlen(header) : 0 };
	bool any = false;
	struct item item;

	while (next_item(&rest, &item)) {
		if (part_is(item.name, "gzip"))
			return item.weight > 0;
		if (part_is(item.name, "*"))
			any = item.weight > 0;
	}
	return any;
}

const char *accept_type(enum accept_format format)
{
	switch (format) {
	case ACCEPT_OPENMETRICS:
		return "application/openmetrics-text; version=1.0.0; charset=utf-8";
	case ACCEPT_PROTOBUF:
		return "application/vnd.google.protobuf; "
		       "proto=io.prometheus.client.MetricFamily; encoding=delimited";
	default:
		return "text/plain; version=0.0.4; charset=utf-8";
	}
}
