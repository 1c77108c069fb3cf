// SPDX-License-Identifier: Apache-2.0
/* The OTEL_EXPORTER_OTLP_* variables as the specification writes them. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "variables.h"

static const char *const signal_words[SIGNAL_COUNT] = { "LOGS_", "METRICS_", "TRACES_" };

const char *variable_of_environment(const char *name)
{
	return getenv(name);
}

const char *variable_read(target_variable *variable, enum signal signal, const char *name,
			  char ret_name[VARIABLE_NAME_LENGTH], bool *ret_of_signal)
{
	const char *const words[] = { signal_words[signal], "" };

	for (uint32_t i = 0; i < 2; i++) {
		const char *value;

		(void)snprintf(ret_name, VARIABLE_NAME_LENGTH, "OTEL_EXPORTER_OTLP_%s%s", words[i],
			       name);
		value = variable(ret_name);
		if (!value || !*value)
			continue;
		if (ret_of_signal)
			*ret_of_signal = i == 0;
		return value;
	}
	return NULL;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = (char)tolower((unsigned char)digit);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Writes what a percent-encoded text stands for, ended by a zero byte. False: a '%' without two
 * digits, or one that stands for a zero byte. */
static bool percent_decode(const char *text, size_t length, char *to)
{
	for (size_t i = 0; i < length; i++) {
		int high, low;

		if (text[i] != '%') {
			*to++ = text[i];
			continue;
		}
		high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
		low = high >= 0 ? hex_digit(text[i + 2]) : -1;
		if (low < 0 || !(high | low))
			return false;
		*to++ = (char)(high << 4 | low);
		i += 2;
	}
	*to = '\0';
	return true;
}

static void trim(const char **text, size_t *length)
{
	while (*length && isspace((unsigned char)**text)) {
		(*text)++;
		(*length)--;
	}
	while (*length && isspace((unsigned char)(*text)[*length - 1]))
		(*length)--;
}

/* One "key=value" as the text of a header; NULL: it is none. */
static char *header_make(const char *text, size_t length)
{
	const char *equals = memchr(text, '=', length), *value;
	size_t name_length, value_length;
	char *decoded, *header = NULL;

	if (!equals)
		return NULL;
	value = equals + 1;
	name_length = (size_t)(equals - text);
	value_length = length - name_length - 1;
	trim(&text, &name_length);
	trim(&value, &value_length);
	decoded = malloc(length + 2);
	if (!decoded)
		return NULL;
	if (percent_decode(text, name_length, decoded)) {
		size_t end = strlen(decoded), split;
		const char *checked;

		decoded[end] = '=';
		if (percent_decode(value, value_length, decoded + end + 1) &&
		    settings_header_split(decoded, &split, &checked) &&
		    asprintf(&header, "%.*s: %s", (int)split, decoded, checked) < 0)
			header = NULL;
	}
	free(decoded);
	return header;
}

int variable_headers(const char *text, const char *name, struct target *target,
		     char error[TARGET_ERROR_LENGTH])
{
	for (uint32_t item = 1; *text; item++) {
		size_t length = strcspn(text, ",");
		const char *part = text;
		size_t part_length = length;

		text += length + (text[length] == ',');
		trim(&part, &part_length);
		if (!part_length)
			continue;
		if (target->header_count == TARGET_HEADERS) {
			(void)snprintf(error, TARGET_ERROR_LENGTH, "%s has more than %d headers",
				       name, TARGET_HEADERS);
			return -EINVAL;
		}
		target->headers[target->header_count] = header_make(part, part_length);
		if (!target->headers[target->header_count]) {
			(void)snprintf(error, TARGET_ERROR_LENGTH,
				       "%s: item %u is not \"name=value\" with both of them "
				       "percent-encoded",
				       name, item);
			return -EINVAL;
		}
		target->header_count++;
	}
	return 0;
}

int variable_timeout(const char *text, const char *name, int64_t *ret_timeout_ns,
		     char error[TARGET_ERROR_LENGTH])
{
	const int64_t longest_ms = INT64_C(24) * 3600 * 1000;
	char *end;
	long long ms;

	errno = 0;
	ms = strtoll(text, &end, 10);
	if (errno || *end || !isdigit((unsigned char)*text) || ms < 1 || ms > longest_ms) {
		(void)snprintf(
			error, TARGET_ERROR_LENGTH,
			"%s: \"%.40s\" is no number of milliseconds from 1 to a day (10000 is "
			"10 s)",
			name, text);
		return -EINVAL;
	}
	*ret_timeout_ns = ms * 1000000;
	return 0;
}
