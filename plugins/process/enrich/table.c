// SPDX-License-Identifier: Apache-2.0
/* One table: its names, its file, and the columns that it adds to a batch. */
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "records.h"

/* ---- names ------------------------------------------------------------------------------- */

static bool name_read(const char *text, struct table_name *ret_name)
{
	size_t length = strcspn(text, "=");
	const char *field = text[length] ? text + length + 1 : text;
	size_t field_length = strlen(field);

	if (!length || length >= TABLE_NAME_BYTES || !field_length ||
	    field_length >= TABLE_NAME_BYTES)
		return false;
	memcpy(ret_name->column, text, length);
	ret_name->column[length] = 0;
	memcpy(ret_name->field, field, field_length + 1);
	return true;
}

static bool names_read(const struct sonde_texts *texts, const char *option,
		       struct table_name *names, uint32_t limit, uint32_t *ret_count, char *why,
		       size_t why_bytes)
{
	if (!texts->count || texts->count > limit) {
		snprintf(why, why_bytes, "tables.%s: %s (1 to %u are possible)", option,
			 texts->count ? "there are too many" : "none is given", limit);
		return false;
	}
	for (uint32_t i = 0; i < texts->count; i++) {
		if (name_read(texts->items[i], &names[i]))
			continue;
		snprintf(why, why_bytes,
			 "tables.%s: \"%s\" is not \"COLUMN\" or \"COLUMN=FIELD\", each of at most "
			 "%d bytes",
			 option, texts->items[i], TABLE_NAME_BYTES - 1);
		return false;
	}
	*ret_count = texts->count;
	return true;
}

bool table_open(struct table *table, struct sonde_instance *instance,
		const struct table_settings *settings, size_t limit_bytes, char *why,
		size_t why_bytes)
{
	*table = (struct table){ .instance = instance,
				 .settings = settings,
				 .limit_bytes = limit_bytes };
	return names_read(&settings->key, "key", table->keys, TABLE_KEYS, &table->key_count, why,
			  why_bytes) &&
	       names_read(&settings->columns, "columns", table->columns, TABLE_COLUMNS,
			  &table->column_count, why, why_bytes);
}

static void content_close(struct table_content *content)
{
	facts_close(&content->facts);
	index_close(&content->index);
	free(content->lines);
	*content = (struct table_content){ 0 };
}

void table_close(struct table *table)
{
	content_close(&table->content);
	free(table->key);
	table->key = NULL;
	table->loaded = false;
}

/* ---- the file ---------------------------------------------------------------------------- */

/* The key of a record or a row: the text itself, or several, each behind its length. NULL: it is
 * longer than there is room. */
static char *key_put(char *at, const char *end, const struct sonde_text *text, bool is_alone)
{
	if (!is_alone) {
		if (end - at < (ptrdiff_t)sizeof(text->length))
			return NULL;
		memcpy(at, &text->length, sizeof(text->length));
		at += sizeof(text->length);
	}
	if ((size_t)(end - at) < text->length)
		return NULL;
	memcpy(at, text->data, text->length);
	return at + text->length;
}

struct loading {
	struct table *table;
	struct table_content *content;
	char *key;
	size_t key_capacity;
};

static int line_note(struct table_content *content, uint32_t entry, uint32_t line)
{
	uint32_t capacity = content->line_capacity ? 2 * content->line_capacity : 64;
	uint32_t *lines;

	if (entry >= content->line_capacity) {
		while (capacity <= entry)
			capacity *= 2;
		lines = reallocarray(content->lines, capacity, sizeof(*lines));
		if (!lines)
			return -ENOMEM;
		content->lines = lines;
		content->line_capacity = capacity;
	}
	content->lines[entry] = line;
	return 0;
}

static int record_key(struct loading *loading, const struct sonde_text *values, size_t *ret_length,
		      struct records_error *ret_error)
{
	const struct table *table = loading->table;
	size_t needed = 0;
	char *at;

	for (uint32_t i = 0; i < table->key_count; i++) {
		if (!values[i].data)
			return records_fail(ret_error, 0, "\"%s\" has no value, and is a key",
					    table->keys[i].field);
		needed += values[i].length + sizeof(values[i].length);
	}
	if (needed > loading->key_capacity) {
		at = realloc(loading->key, 2 * needed);
		if (!at)
			return -ENOMEM;
		loading->key = at;
		loading->key_capacity = 2 * needed;
	}
	at = loading->key;
	for (uint32_t i = 0; i < table->key_count; i++)
		at = key_put(at, loading->key + loading->key_capacity, &values[i],
			     table->key_count == 1);
	*ret_length = (size_t)(at - loading->key);
	return 0;
}

static int record_take(void *context, uint32_t line, const struct sonde_text *values,
		       struct records_error *ret_error)
{
	struct loading *loading = context;
	struct table_content *content = loading->content;
	const struct table *table = loading->table;
	uint32_t entry;
	size_t length = 0;
	int result = record_key(loading, values, &length, ret_error);

	if (result)
		return result;
	entry = index_find(&content->index, loading->key, length);
	if (entry)
		return records_fail(ret_error, line,
				    "the key \"%.*s\" stands in line %u already (each may occur "
				    "once)",
				    (int)(values[0].length < 80 ? values[0].length : 80),
				    values[0].data, content->lines[entry]);
	entry = facts_add(&content->facts);
	if (!entry || line_note(content, entry, line) ||
	    index_add(&content->index, loading->key, length, entry))
		return -ENOMEM;
	if (length > content->key_longest)
		content->key_longest = length;
	for (uint32_t i = 0; i < table->column_count; i++) {
		const struct sonde_text *value = &values[table->key_count + i];

		if (value->data)
			facts_text(&content->facts, entry, i, value->data, value->length);
	}
	return 0;
}

static bool is_json(const struct table_settings *settings)
{
	size_t length = strlen(settings->file);
	const char *ending = strrchr(settings->file, '.');

	if (settings->format != TABLE_AUTO)
		return settings->format == TABLE_JSON;
	return length && ending &&
	       (!strcmp(ending, ".json") || !strcmp(ending, ".jsonl") ||
		!strcmp(ending, ".ndjson"));
}

static int content_parse(struct table *table, char *data, size_t length,
			 struct table_content *content, struct records_error *ret_error)
{
	struct sonde_field fields[TABLE_COLUMNS] = { 0 };
	struct loading loading = { .table = table, .content = content };
	struct records_wanted wanted = { .count = table->key_count + table->column_count };
	int result;

	for (uint32_t i = 0; i < table->key_count; i++)
		wanted.fields[i] = table->keys[i].field;
	for (uint32_t i = 0; i < table->column_count; i++) {
		wanted.fields[table->key_count + i] = table->columns[i].field;
		fields[i] = (struct sonde_field){ .name = table->columns[i].column,
						  .type = SONDE_TEXT };
	}
	result = facts_open(&content->facts, table->instance, fields, table->column_count);
	if (!result)
		result = (is_json(table->settings) ? records_json : records_csv)(
			data, length, &wanted, record_take, &loading, ret_error);
	free(loading.key);
	return result;
}

/* The whole file in memory, to be freed. A negative errno: `problem` says why. */
static int file_read(struct table *table, int fd, size_t size, char **ret_data, size_t *ret_length)
{
	char *data = malloc(size + 1);
	size_t length = 0;
	ssize_t count;

	if (!data)
		return -ENOMEM;
	while (length < size + 1 && (count = read(fd, data + length, size + 1 - length)) > 0)
		length += (size_t)count;
	if (length > table->limit_bytes) {
		free(data);
		return -EFBIG;
	}
	*ret_data = data;
	*ret_length = length;
	return 0;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
	       one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       one->st_mtim.tv_nsec == other->st_mtim.tv_nsec &&
	       one->st_ctim.tv_sec == other->st_ctim.tv_sec &&
	       one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

static int refuse(struct table *table, int error, const char *what)
{
	if (error == -EFBIG)
		snprintf(table->problem, sizeof(table->problem),
			 "%s is larger than %zu bytes (table_limit says how large it may be)",
			 table->settings->file, table->limit_bytes);
	else
		snprintf(table->problem, sizeof(table->problem), "%s: %s", table->settings->file,
			 what ? what : strerror(-error));
	return error;
}

static int content_read(struct table *table, int fd, struct table_content *content)
{
	struct records_error error = { 0 };
	size_t length = 0;
	char *data = NULL;
	int result;

	if ((size_t)content->seen.st_size > table->limit_bytes)
		return refuse(table, -EFBIG, NULL);
	result = file_read(table, fd, (size_t)content->seen.st_size, &data, &length);
	if (result)
		return refuse(table, result, NULL);
	result = content_parse(table, data, length, content, &error);
	free(data);
	if (result == -EINVAL)
		snprintf(table->problem, sizeof(table->problem), "%s:%u: %s", table->settings->file,
			 error.line, error.text);
	else if (result)
		return refuse(table, result, NULL);
	return result;
}

static int content_adopt(struct table *table, struct table_content *content)
{
	char *key = malloc(content->key_longest + 1);

	if (!key)
		return -ENOMEM;
	free(table->key);
	table->key = key;
	content_close(&table->content);
	table->content = *content;
	table->content.facts.overwrite = table->overwrite;
	*content = (struct table_content){ 0 };
	memset(table->recent, 0, sizeof(table->recent));
	table->loaded = true;
	table->is_refused = false;
	table->problem[0] = 0;
	table->load_count++;
	table->loaded_ns = clock_ns(CLOCK_REALTIME);
	return 0;
}

/* Reads the open file. */
static int file_load(struct table *table, int fd, const struct stat *status)
{
	struct table_content content = { .seen = *status };
	int64_t began_ns = clock_ns(CLOCK_MONOTONIC);
	int result = S_ISREG(status->st_mode) ? content_read(table, fd, &content)
					      : refuse(table, -EINVAL, "this is no regular file");

	if (!result && content_adopt(table, &content))
		result = refuse(table, -ENOMEM, NULL);
	table->load_ms = (double)(clock_ns(CLOCK_MONOTONIC) - began_ns) / 1e6;
	content_close(&content);
	if (!result)
		return 0;
	table->refused = *status;
	table->is_refused = result != -ENOMEM;
	return result;
}

int table_load(struct table *table)
{
	int fd = open(table->settings->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	int result;

	if (fd < 0 || fstat(fd, &status)) {
		result = -errno;
		if (fd >= 0)
			close(fd);
		table->is_refused = false;
		if (table->problem[0] && strstr(table->problem, strerror(-result)))
			return -EAGAIN;
		return refuse(table, result, NULL);
	}
	if (table->loaded && is_same(&status, &table->content.seen)) {
		table->problem[0] = 0; /* it is back */
		result = 0;
	} else if (table->is_refused && is_same(&status, &table->refused)) {
		result = -EAGAIN;
	} else {
		result = file_load(table, fd, &status);
	}
	close(fd);
	return result;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* A key column of a batch. */
struct source {
	const struct sonde_column *column;
	uint32_t dictionary_length;
};

static bool is_key_type(uint32_t type)
{
	return type == SONDE_TEXT || (type >= SONDE_BOOL && type <= SONDE_U64);
}

/* Columns that were added before are of a batch that is not finished: its dictionaries are ours. */
static bool source_find(const struct enriched *enriched, const char *name,
			struct source *ret_source)
{
	const struct sonde_batch *from = enriched->from;
	const struct sonde_batch *batch = enriched->derived ? enriched->derived : from;

	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (!is_key_type(column->type) || strcmp(column->name, name) != 0)
			continue;
		ret_source->column = column;
		ret_source->dictionary_length = column->dictionary_length;
		if (column->dictionary &&
		    (i >= from->column_count || sonde_column(from, i)->base != column->base))
			ret_source->dictionary_length = column->dictionary->length;
		return true;
	}
	return false;
}

/* What tells the values of a column apart: codes and numbers. */
static inline uint64_t part_of(const struct sonde_column *column, uint32_t row)
{
	const void *value = sonde_value(column, row);
	uint64_t part = 0;
	uint32_t half;
	uint16_t quarter;

	switch (column->value_size) {
	case 8:
		memcpy(&part, value, sizeof(part));
		return part;
	case 4:
		memcpy(&half, value, sizeof(half));
		return half;
	case 2:
		memcpy(&quarter, value, sizeof(quarter));
		return quarter;
	default:
		return *(const unsigned char *)value;
	}
}

static struct sonde_text number_print(const struct sonde_column *column, uint64_t part,
				      char buffer[24])
{
	int unused = 64 - (int)column->value_size * 8;
	struct sonde_text text = { .data = buffer };

	if (column->type == SONDE_BOOL)
		text.length = (uint32_t)snprintf(buffer, 24, "%s", part ? "true" : "false");
	else if (column->type <= SONDE_I64)
		text.length = (uint32_t)snprintf(buffer, 24, "%lld",
						 (long long)((int64_t)(part << unused) >> unused));
	else
		text.length = (uint32_t)snprintf(buffer, 24, "%llu", (unsigned long long)part);
	return text;
}

static uint32_t parts_find(struct table *table, const struct source *sources, const uint64_t *parts)
{
	const char *end = table->key + table->content.key_longest;
	char *at = table->key, buffer[24];

	for (uint32_t i = 0; i < table->key_count && at; i++) {
		const struct sonde_column *column = sources[i].column;
		struct sonde_text text =
			column->type == SONDE_TEXT
				? sonde_entry(column->dictionary, sources[i].dictionary_length,
					      (uint32_t)parts[i])
				: number_print(column, parts[i], buffer);

		at = key_put(at, end, &text, table->key_count == 1);
	}
	return at ? index_find(&table->content.index, table->key, (size_t)(at - table->key))
		  : FACT_NONE;
}

static inline uint32_t row_find(struct table *table, const struct source *sources, uint32_t row)
{
	uint32_t batch = table->content.facts.batch, place;
	uint64_t parts[TABLE_KEYS] = { 0 }, hash = 0;

	for (uint32_t i = 0; i < table->key_count; i++) {
		if (!sonde_valid(sources[i].column, row))
			return FACT_NONE;
		parts[i] = part_of(sources[i].column, row);
		hash = (hash + parts[i]) * 0x9e3779b97f4a7c15u;
	}
	place = (uint32_t)(hash >> 56) % TABLE_RECENT;
	if (table->recent[place].batch != batch ||
	    memcmp(table->recent[place].parts, parts, sizeof(parts)) != 0) {
		table->recent[place].entry = parts_find(table, sources, parts);
		table->recent[place].batch = batch;
		memcpy(table->recent[place].parts, parts, sizeof(parts));
	}
	return table->recent[place].entry;
}

static void rows_find(struct table *table, const struct sonde_batch *batch,
		      const struct source *sources)
{
	struct facts *facts = &table->content.facts;
	uint64_t hits = 0, misses = 0;
	uint32_t last = FACT_NONE;

	for (uint32_t row = 0; row < batch->row_count; row++) {
		uint32_t entry;

		if (!sonde_selected(batch, row)) {
			facts->places[row] = last; /* nobody looks at it */
			continue;
		}
		entry = row_find(table, sources, row);
		facts_use(facts, entry);
		facts->places[row] = last = entry;
		hits += entry != FACT_NONE;
		misses += entry == FACT_NONE;
	}
	table->hit_count += hits;
	table->miss_count += misses;
}

int table_add(struct table *table, struct enriched *enriched)
{
	struct source sources[TABLE_KEYS];

	if (!table->loaded)
		return 0;
	for (uint32_t i = 0; i < table->key_count; i++)
		if (!source_find(enriched, table->keys[i].column, &sources[i]))
			return 0;
	if (facts_begin(&table->content.facts, enriched->from->row_count))
		return -ENOMEM;
	rows_find(table, enriched->from, sources);
	return facts_write(&table->content.facts, enriched);
}
