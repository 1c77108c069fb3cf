// SPDX-License-Identifier: Apache-2.0
/* Path templates: which file a row belongs to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "template.h"

enum { HASH_BYTES = 17 }; /* a tilde and 16 hex digits */

static const char time_letters[] = "YmdHM";
static const int64_t minute_ns = INT64_C(60000000000);

/* ---- values as pieces of names ----------------------------------------------------------- */

static uint64_t hash_of(const char *data, size_t length)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t at = 0; at < length; at++)
		hash = (hash ^ (unsigned char)data[at]) * 0x100000001b3u;
	return hash;
}

/* Bytes that may not stand in a value: a tilde marks what is ours, such as closed files. */
static bool is_forbidden(unsigned char byte)
{
	return byte < 0x20 || byte == 0x7f || byte == '/' || byte == '~';
}

size_t template_clean(const char *data, size_t length, char out[TEMPLATE_VALUE_BYTES + 1])
{
	size_t kept = length <= TEMPLATE_VALUE_BYTES ? length : TEMPLATE_VALUE_BYTES - HASH_BYTES;

	/* What is cut off lives on in a hash, so that long values stay apart; no character is cut.
	 */
	while (kept < length && kept && ((unsigned char)data[kept] & 0xc0) == 0x80)
		kept--;
	for (size_t at = 0; at < kept; at++)
		out[at] = is_forbidden((unsigned char)data[at]) ? '_' : data[at];
	if (kept && out[0] == '.')
		out[0] = '_';
	if (!length)
		out[kept++] = '_';
	if (kept < length)
		kept += (size_t)snprintf(out + kept, HASH_BYTES + 1, "~%016llx",
					 (unsigned long long)hash_of(data, length));
	out[kept] = '\0';
	return kept;
}

/* ---- parsing ----------------------------------------------------------------------------- */

static int say(char error[160], const char *message)
{
	(void)snprintf(error, 160, "%s", message);
	return -EINVAL;
}

static int part_add(struct template *template, uint32_t kind, const char *text, size_t length,
		    char error[160])
{
	struct part *last =
		template->part_count ? &template->parts[template->part_count - 1] : NULL;

	if (kind == PART_LITERAL && last && last->kind == PART_LITERAL &&
	    last->text + last->length == text) {
		last->length += (uint32_t)length;
		return 0;
	}
	if (template->part_count == TEMPLATE_PARTS)
		return say(error, "has too many parts");
	template->parts[template->part_count++] =
		(struct part){ .kind = kind, .text = text, .length = (uint32_t)length };
	return 0;
}

/* %{name}; returns what follows it, or NULL. */
static const char *parse_name(struct template *template, const char *at, char error[160])
{
	const char *name = at + 2, *end = strchr(name, '}');
	size_t length = end ? (size_t)(end - name) : 0;
	uint32_t kind = PART_COLUMN;

	if (!length || memchr(name, '/', length)) {
		(void)say(error, "\"%{\" begins a name, such as %{schema} or that of a column, and "
				 "\"}\" ends it");
		return NULL;
	}
	if (length == 6 && memcmp(name, "schema", 6) == 0)
		kind = PART_SCHEMA;
	if (length == 6 && memcmp(name, "signal", 6) == 0)
		kind = PART_SIGNAL;
	template->varies = true;
	if (part_add(template, kind, name, length, error) < 0)
		return NULL;
	return end + 1;
}

/* One part, or one character of a literal; returns what follows it, or NULL. */
static const char *parse_part(struct template *template, const char *at, char error[160])
{
	bool sign = at[0] == '%' && at[1] == '%';

	if (*at == '%' && at[1] == '{')
		return parse_name(template, at, error);
	if (*at != '%' || sign) {
		uint32_t kind = *at == '/' ? PART_SLASH : PART_LITERAL;

		return part_add(template, kind, at + sign, 1, error) < 0 ? NULL : at + 1 + sign;
	}
	if (!at[1] || !strchr(time_letters, at[1])) {
		(void)say(error, "after \"%\" stands {NAME}, or Y, m, d, H or M (\"%%\" is a per "
				 "cent sign)");
		return NULL;
	}
	template->varies = template->varies_by_time = true;
	return part_add(template, PART_TIME, at + 1, 1, error) < 0 ? NULL : at + 2;
}

static size_t longest(const struct part *part)
{
	switch (part->kind) {
	case PART_TIME:
		return 4;
	case PART_SLASH:
	case PART_LITERAL:
		return part->length;
	default:
		return TEMPLATE_VALUE_BYTES;
	}
}

/* No value may make a name or path that is too long for a file system, and no name looks as if it
 * were that of a closed file. */
static int check_names(const struct template *template, char error[160])
{
	size_t name = 0, path = 0;

	for (uint32_t at = 0; at < template->part_count; at++) {
		const struct part *part = &template->parts[at];

		path += longest(part);
		name = part->kind == PART_SLASH ? 0 : name + longest(part);
		if (name > TEMPLATE_NAME_BYTES)
			return say(error, "a name in it may grow too long: at most two values "
					  "between slashes");
		if (part->kind == PART_LITERAL && memchr(part->text, '~', part->length))
			return say(error, "holds a \"~\", which marks closed files");
	}
	if (path >= TEMPLATE_PATH_BYTES)
		return say(error, "is too long");
	if (!name)
		return say(error, "names no file");
	return template_depth(template) > TEMPLATE_DEPTH ? say(error, "is too deep") : 0;
}

int template_parse(struct template *template, const char *text, char error[160])
{
	const char *at;

	memset(template, 0, sizeof(*template));
	template->minute = INT64_MIN;
	template->text = strdup(text);
	if (!template->text)
		return say(error, "no memory"), -ENOMEM;
	for (at = template->text; at && *at;)
		at = parse_part(template, at, error);
	if (at && check_names(template, error) == 0)
		return 0;
	template_release(template);
	return -EINVAL;
}

void template_release(struct template *template)
{
	free(template->text);
	json_release(&template->scratch);
	memset(template, 0, sizeof(*template));
}

/* ---- expanding --------------------------------------------------------------------------- */

/* The column of that name; a row's own value counts before that of its resource. */
static const struct sonde_column *find_column(const struct sonde_batch *batch,
					      const struct part *part)
{
	const struct sonde_column *found = NULL;

	for (uint32_t index = 0; index < batch->column_count; index++) {
		const struct sonde_column *column = sonde_column(batch, index);

		if (strlen(column->name) == part->length &&
		    memcmp(column->name, part->text, part->length) == 0 &&
		    (!found || column->scope < found->scope))
			found = column;
	}
	return found;
}

/* As the signals of OTLP are called. */
static const char *signal_name(uint32_t signal)
{
	switch (signal) {
	case SONDE_SIGNAL_LOG:
		return "logs";
	case SONDE_SIGNAL_SPAN:
		return "traces";
	default:
		return "metrics";
	}
}

void template_bind(struct template *template, const struct sonde_batch *batch, struct lines *lines,
		   int64_t now_ns)
{
	template->schema = batch->schema;
	template->signal = signal_name(batch->signal);
	template->lines = lines;
	template->now_ns = now_ns;
	template->time = NULL;
	for (uint32_t index = 0; index < batch->column_count; index++) {
		const struct sonde_column *column = sonde_column(batch, index);

		if (column->role == SONDE_ROLE_TIME && column->type == SONDE_TIME)
			template->time = column;
	}
	for (uint32_t at = 0; at < template->part_count; at++)
		if (template->parts[at].kind == PART_COLUMN)
			template->parts[at].column = find_column(batch, &template->parts[at]);
}

static int64_t minute_of(const struct template *template, uint32_t row)
{
	int64_t time_ns = template->now_ns, minute;

	if (template->time && sonde_valid(template->time, row))
		memcpy(&time_ns, sonde_value(template->time, row), sizeof(time_ns));
	minute = time_ns / minute_ns;
	return time_ns - minute * minute_ns < 0 ? minute - 1 : minute;
}

static bool same_value(const struct sonde_column *column, uint32_t row, uint32_t other)
{
	if (!column)
		return true;
	if (sonde_valid(column, row) != sonde_valid(column, other))
		return false;
	return !sonde_valid(column, row) || !column->stride ||
	       memcmp(sonde_value(column, row), sonde_value(column, other), column->value_size) ==
		       0;
}

bool template_same(const struct template *template, uint32_t row, uint32_t other)
{
	for (uint32_t at = 0; at < template->part_count; at++)
		if (template->parts[at].kind == PART_COLUMN &&
		    !same_value(template->parts[at].column, row, other))
			return false;
	return !template->varies_by_time || minute_of(template, row) == minute_of(template, other);
}

static size_t put_column(struct template *template, const struct sonde_column *column, uint32_t row,
			 char *to)
{
	char value[TEMPLATE_VALUE_BYTES + 1];
	struct sonde_text text = { "", 0, 0 };
	size_t length;

	if (column && sonde_valid(column, row) && column->type == SONDE_TEXT) {
		text = sonde_text_at(column, row);
	} else if (column && sonde_valid(column, row)) {
		json_clear(&template->scratch);
		lines_write_value(template->lines, column, row, &template->scratch);
		text.data = template->scratch.length ? template->scratch.data : "";
		text.length = (uint32_t) template->scratch.length;
		if (text.length > 1 && text.data[0] == '"') { /* times and ids are quoted */
			text.data++;
			text.length -= 2;
		}
	}
	length = template_clean(text.data, text.length, value);
	memcpy(to, value, length);
	return length;
}

/* Two digits of the row's time, or four of its year. */
static size_t put_time(struct template *template, char letter, uint32_t row, char *to)
{
	static const char places[] = "mdHM";
	int64_t minute = minute_of(template, row);
	time_t second = (time_t)(minute * 60);
	struct tm when;

	if (minute !=
	    template->minute) { /* a time of 64 bits in ns lies in the years 1677 to 2262 */
		template->minute = minute;
		(void)gmtime_r(&second, &when);
		(void)strftime(template->digits, sizeof(template->digits), "%Y%m%d%H%M", &when);
	}
	if (letter == 'Y') {
		memcpy(to, template->digits, 4);
		return 4;
	}
	memcpy(to, template->digits + 4 + 2 * (strchr(places, letter) - places), 2);
	return 2;
}

static size_t put_part(struct template *template, const struct part *part, uint32_t row, char *to)
{
	char value[TEMPLATE_VALUE_BYTES + 1];
	size_t length;

	switch (part->kind) {
	case PART_COLUMN:
		return put_column(template, part->column, row, to);
	case PART_TIME:
		return put_time(template, *part->text, row, to);
	case PART_SCHEMA:
		length = template_clean(template->schema, strlen(template->schema), value);
		memcpy(to, value, length);
		return length;
	case PART_SIGNAL:
		length = strlen(template->signal);
		memcpy(to, template->signal, length);
		return length;
	default:
		memcpy(to, part->text, part->length);
		return part->length;
	}
}

size_t template_expand(struct template *template, uint32_t row, char path[TEMPLATE_PATH_BYTES])
{
	size_t length = 0;

	for (uint32_t at = 0; at < template->part_count; at++)
		length += put_part(template, &template->parts[at], row, path + length);
	path[length] = '\0';
	return length;
}
