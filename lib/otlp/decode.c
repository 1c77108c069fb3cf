// SPDX-License-Identifier: Apache-2.0
/* Requests of OTLP, walked through twice: once to count what is in them, so that tables have their
 * size, and once to fill them. */
#include <stdlib.h>
#include <sys/random.h>

#include "decoder.h"

enum { LOOSE_BYTES = 32 };

/* What a request has, as far as there are rows in it. */
struct tally {
	uint64_t resource_count, scope_count, row_count;
};

int otlp_request_is_bad(struct otlp_decoder *decoder, const unsigned char *at, const char *why)
{
	if (!decoder->bad_why) {
		decoder->bad_why = why;
		decoder->bad_offset = (size_t)(at - decoder->data);
	}
	return -EBADMSG;
}

int otlp_record_is_refused(struct otlp_decoder *decoder, const char *why)
{
	decoder->refused_why = why;
	return -EINVAL;
}

/* The next field of a ScopeX message: as message_next(), with items looked for first. */
static inline int scope_next(struct message_reader *reader, struct message_field *ret_field)
{
	const unsigned char *item =
		item_read(reader->at, reader->end, SCOPE_ITEMS, &ret_field->length);

	if (__builtin_expect(!item, 0))
		return message_next(reader, ret_field);
	ret_field->number = SCOPE_ITEMS;
	ret_field->wire = MESSAGE_BYTES;
	ret_field->data = item;
	reader->at = item + ret_field->length;
	return 1;
}

/* ---- counting ---------------------------------------------------------------------------- */

static int scope_count(struct otlp_decoder *decoder, const struct message_field *scope,
		       struct tally *tally)
{
	struct message_reader reader = message_read(scope->data, scope->length);
	bool metrics = decoder->signal == SONDE_SIGNAL_METRIC;
	uint64_t before = tally->row_count;
	struct message_field field;
	int result = 0, next = 1;

	while (!result && (next = scope_next(&reader, &field)) > 0) {
		if (field.number != SCOPE_ITEMS || field.wire != MESSAGE_BYTES)
			continue;
		if (metrics) {
			result = otlp_metric_count(decoder, field.data, field.length,
						   &tally->row_count);
			continue;
		}
		tally->row_count++;
		tally->row_count += items_count(&reader, SCOPE_ITEMS);
	}
	if (!result && next)
		result = otlp_request_is_bad(decoder, reader.at, "a scope is cut off");
	tally->scope_count += tally->row_count > before;
	return result;
}

static int resource_count(struct otlp_decoder *decoder, const struct message_field *resource,
			  struct tally *tally)
{
	struct message_reader reader = message_read(resource->data, resource->length);
	uint64_t before = tally->row_count;
	struct message_field field;
	int result = 0, next;

	while (!result && (next = message_next(&reader, &field)) > 0) {
		if (field.number == RESOURCE_SCOPES && field.wire == MESSAGE_BYTES)
			result = scope_count(decoder, &field, tally);
	}
	if (!result && next)
		result = otlp_request_is_bad(decoder, reader.at, "a resource is cut off");
	tally->resource_count += tally->row_count > before;
	return result;
}

static int request_count(struct otlp_decoder *decoder, struct tally *tally)
{
	struct message_reader reader = { .at = decoder->data, .end = decoder->end };
	struct message_field field;
	int result = 0, next;

	while (!result && (next = message_next(&reader, &field)) > 0) {
		if (field.number == REQUEST_RESOURCES && field.wire == MESSAGE_BYTES)
			result = resource_count(decoder, &field, tally);
	}
	if (!result && next)
		result = otlp_request_is_bad(decoder, reader.at, "the request is cut off");
	return result;
}

/* ---- filling ----------------------------------------------------------------------------- */

/* Takes back rows from there on, which are refused for one reason. */
static void rows_refuse(struct otlp_decoder *decoder, uint32_t row, uint64_t count)
{
	otlp_table_rewind(&decoder->table, row);
	for (uint32_t kind = 0; kind < CHILD_KINDS; kind++) {
		struct scratch *children = &decoder->children[kind];

		while (children->length) {
			struct child last;

			memcpy(&last, children->data + children->length - sizeof(last),
			       sizeof(last));
			if (last.row < row)
				break;
			children->length -= sizeof(last);
		}
	}
	decoder->decoded.refused_count += count;
	if (!decoder->decoded.refused_why)
		decoder->decoded.refused_why = decoder->refused_why;
}

/* Whether the row may go out as the message that it came in as. Texts of it may have been mended,
 * or not looked at, and a span is given the ids that it lacks. */
static bool record_is_whole(struct otlp_decoder *decoder)
{
	const struct column *fixed = decoder->table.fixed;
	uint32_t next = decoder->table.row + 1;
	bool repaired =
		decoder->decoded.repaired_count != decoder->repaired_before || decoder->passed_over;

	decoder->repaired_before = decoder->decoded.repaired_count;
	decoder->passed_over = false;
	return !repaired &&
	       (decoder->signal != SONDE_SIGNAL_SPAN || (fixed[SPAN_COLUMN_TRACE_ID].next == next &&
							 fixed[SPAN_COLUMN_SPAN_ID].next == next));
}

int otlp_record_end(struct otlp_decoder *decoder, const struct message_field *message, int result)
{
	bool whole = record_is_whole(decoder);

	if (!result && decoder->originals)
		decoder->originals[decoder->table.row] = (struct sonde_text){
			.data = whole ? (const char *)message->data : NULL,
			.length = whole ? (uint32_t)message->length : 0,
		};
	if (!result)
		decoder->table.row++;
	if (result != -EINVAL)
		return result;
	rows_refuse(decoder, decoder->table.row, 1);
	return 0;
}

/* The same for a range of rows that have a resource or scope in common. */
static int range_ended(struct otlp_decoder *decoder, int result, uint32_t row)
{
	if (result != -EINVAL)
		return result;
	rows_refuse(decoder, row, decoder->table.row - row);
	return 0;
}

static int scope_walk(struct otlp_decoder *decoder, const struct message_field *scope)
{
	bool metrics = decoder->signal == SONDE_SIGNAL_METRIC;
	const struct rules *rules =
		decoder->signal == SONDE_SIGNAL_LOG ? &otlp_log_rules : &otlp_span_rules;
	struct message_reader reader = message_read(scope->data, scope->length);
	struct scope_parts parts = { .message = *scope };
	struct table *table = &decoder->table;
	uint32_t first = table->row;
	struct message_field field;
	int result = 0;

	while (!result && scope_next(&reader, &field) > 0) {
		if (field.wire != MESSAGE_BYTES || field.number > SCOPE_SCHEMA_URL)
			continue;
		if (field.number == SCOPE_ITEMS && metrics)
			result = otlp_metric_decode(decoder, field.data, field.length);
		else if (field.number == SCOPE_ITEMS)
			result = otlp_record_end(
				decoder, &field,
				otlp_row_decode(table, rules, field.data, field.length));
		else if (parts.count++ < sizeof(parts.parts) / sizeof(parts.parts[0]))
			parts.parts[parts.count - 1] = field;
	}
	if (result || table->row == first)
		return result;
	result = otlp_scope_decode(table, &parts, first, table->row);
	return range_ended(decoder, result, first);
}

static int resource_walk(struct otlp_decoder *decoder, const struct message_field *resource)
{
	struct message_reader reader = message_read(resource->data, resource->length);
	struct table *table = &decoder->table;
	uint32_t first = table->row;
	struct message_field field;
	int result = 0;

	while (!result && message_next(&reader, &field) > 0) {
		if (field.number == RESOURCE_SCOPES && field.wire == MESSAGE_BYTES)
			result = scope_walk(decoder, &field);
	}
	if (result || table->row == first)
		return result;
	result = otlp_resource_decode(table, resource->data, resource->length, first, table->row);
	return range_ended(decoder, result, first);
}

/* ---- children ---------------------------------------------------------------------------- */

struct child_kind {
	const char *schema;
	enum sonde_signal signal;
	const struct sonde_field *fields;
	const struct rules *rules;
};

static const struct child_kind span_children[CHILD_KINDS] = {
	{ "otlp.events", SONDE_SIGNAL_SPAN_EVENT, otlp_event_fields, &otlp_event_rules },
	{ "otlp.links", SONDE_SIGNAL_SPAN_LINK, otlp_link_fields, &otlp_link_rules },
};

static const struct child_kind metric_children[CHILD_KINDS] = {
	{ "otlp.exemplars", SONDE_SIGNAL_EXEMPLAR, otlp_exemplar_fields, &otlp_exemplar_rules },
	{ NULL, 0, NULL, NULL },
};

static const struct child_kind *child_kinds(const struct otlp_decoder *decoder)
{
	return decoder->signal == SONDE_SIGNAL_SPAN ? span_children : metric_children;
}

/* The rows of a child table, which were looked at when their parents were filled. */
static int children_fill(struct otlp_decoder *decoder, const struct child_kind *kind,
			 const struct scratch *children)
{
	struct table *table = &decoder->child_table;
	size_t count = children->length / sizeof(struct child);
	int result = otlp_table_begin(table, decoder, kind->schema, kind->signal, kind->fields,
				      (uint32_t)count);

	table->budget_bytes = UINT64_MAX; /* their parents are in the batch already */
	for (size_t i = 0; !result && i < count; i++) {
		struct child child;

		memcpy(&child, children->data + i * sizeof(child), sizeof(child));
		result = otlp_row_decode(table, kind->rules, child.data, child.length);
		if (decoder->originals &&
		    (decoder->passed_over ||
		     decoder->decoded.repaired_count != decoder->repaired_before)) {
			decoder->repaired_before = decoder->decoded.repaired_count;
			decoder->passed_over = false;
			decoder->originals[child.row] = (struct sonde_text){ 0 };
		}
		if (!result)
			result = column_place(table, CHILD_COLUMN_PARENT_ROW);
		if (!result)
			memcpy(table->fixed[CHILD_COLUMN_PARENT_ROW].base + i * 4, &child.row, 4);
		table->row++;
	}
	return result;
}

static int children_adopt(struct otlp_decoder *decoder, struct sonde_batch *batch)
{
	const struct child_kind *kinds = child_kinds(decoder);
	int result = 0;

	for (uint32_t i = 0; !result && i < CHILD_KINDS; i++) {
		struct sonde_batch *child = NULL;

		if (!decoder->children[i].length)
			continue;
		result = children_fill(decoder, &kinds[i], &decoder->children[i]);
		if (!result)
			result = otlp_table_end(&decoder->child_table, &child);
		if (!result)
			result = otlp_entries_publish(decoder);
		otlp_table_clear(&decoder->child_table);
		if (!result && child)
			result = sonde_batch_adopt(decoder->instance, batch, child);
	}
	return result;
}

/* ---- requests ---------------------------------------------------------------------------- */

static int request_begin(struct otlp_decoder *decoder, const struct tally *tally)
{
	static const char *const schemas[] = {
		[SONDE_SIGNAL_METRIC] = "otlp.metrics",
		[SONDE_SIGNAL_LOG] = "otlp.logs",
		[SONDE_SIGNAL_SPAN] = "otlp.spans",
	};
	const struct sonde_field *fields = decoder->signal == SONDE_SIGNAL_METRIC
						   ? otlp_metric_fields
					   : decoder->signal == SONDE_SIGNAL_LOG ? otlp_log_fields
										 : otlp_span_fields;
	int result = otlp_table_begin(&decoder->table, decoder, schemas[decoder->signal],
				      decoder->signal, fields, (uint32_t)tally->row_count);

	/* of records that are as good as empty, originals would take more than all of the request
	 */
	if (!result && tally->row_count * sizeof(*decoder->originals) <=
			       (uint64_t)(decoder->end - decoder->data))
		decoder->originals = sonde_batch_originals(decoder->instance, decoder->table.batch,
							   SONDE_FORMAT_OTLP, decoder->dictionary);
	decoder->table.constant[SONDE_SCOPE_RESOURCE] = tally->resource_count == 1;
	decoder->table.constant[SONDE_SCOPE_SCOPE] = tally->scope_count == 1;
	for (uint32_t i = 0; i < CHILD_KINDS; i++) {
		decoder->children[i].length = 0;
		decoder->child_rules[i] = child_kinds(decoder)[i].rules;
	}
	return result;
}

static int request_decode(struct otlp_decoder *decoder)
{
	struct message_reader reader = { .at = decoder->data, .end = decoder->end };
	struct tally tally = { 0 };
	struct sonde_batch *batch = NULL;
	struct message_field field;
	int result = request_count(decoder, &tally);

	if (result || !tally.row_count)
		return result;
	result = request_begin(decoder, &tally);
	while (!result && message_next(&reader, &field) > 0) {
		if (field.number == REQUEST_RESOURCES && field.wire == MESSAGE_BYTES)
			result = resource_walk(decoder, &field);
	}
	if (!result)
		result = otlp_table_end(&decoder->table, &batch);
	if (!result && batch)
		result = children_adopt(decoder, batch);
	if (!result)
		result = otlp_entries_publish(decoder);
	if (result && batch)
		sonde_batch_release(decoder->instance, batch);
	decoder->decoded.batch = result ? NULL : batch;
	return result;
}

static void decoder_clear(struct otlp_decoder *decoder)
{
	otlp_table_clear(&decoder->table);
	otlp_table_clear(&decoder->child_table);
	for (uint32_t i = 0; i < CHILD_KINDS; i++)
		otlp_scratch_trim(&decoder->children[i]);
	for (uint32_t i = 0; i < 2; i++) {
		otlp_scratch_trim(&decoder->repair[i]);
		otlp_scratch_trim(&decoder->point.words[i]);
	}
	otlp_scratch_trim(&decoder->name);
}

int otlp_decode(struct otlp_decoder *decoder, enum sonde_signal signal,
		struct sonde_dictionary *dictionary, const void *data, size_t length,
		struct otlp_decoded *ret_decoded, const char **ret_why, size_t *ret_offset)
{
	int result = 0;

	decoder->signal = signal;
	decoder->dictionary = dictionary;
	decoder->data = data;
	decoder->end = decoder->data + length;
	decoder->loose_end = length > LOOSE_BYTES ? decoder->end - LOOSE_BYTES : decoder->data - 1;
	decoder->entries = decoder->entry = decoder->entries_end = NULL;
	decoder->memory = NULL;
	decoder->memory_length = decoder->memory_step = 0;
	memset(decoder->heaps, 0, sizeof(decoder->heaps));
	decoder->decoded = (struct otlp_decoded){ 0 };
	decoder->repaired_before = 0;
	decoder->passed_over = false;
	decoder->originals = NULL;
	decoder->bad_why = NULL;
	decoder->bad_offset = 0;
	decoder->code = dictionary->length;
	if (length > REQUEST_LIMIT)
		result = otlp_request_is_bad(decoder, decoder->data, "the request is over 64 MiB");
	if (!result && length)
		result = request_decode(decoder);
	if (result == -EINVAL) /* a child's, whose parent is in the batch already */
		result = otlp_request_is_bad(decoder, decoder->data, decoder->refused_why);
	if (!result && decoder->decoded.batch)
		decoder->decoded.row_count = decoder->decoded.batch->row_count;
	if (!result)
		*ret_decoded = decoder->decoded;
	if (result == -EBADMSG) {
		*ret_why = decoder->bad_why;
		*ret_offset = decoder->bad_offset;
	}
	decoder_clear(decoder);
	return result;
}

struct otlp_decoder *otlp_decoder_create(struct sonde_instance *instance,
					 const struct otlp_decoder_options *options)
{
	struct otlp_decoder *decoder = calloc(1, sizeof(*decoder));

	if (!decoder)
		return NULL;
	decoder->instance = instance;
	decoder->column_limit = options->column_limit < COLUMN_LIMIT_MOST ? options->column_limit
									  : COLUMN_LIMIT_MOST;
	/* keys come from anyone: without a secret they could be made to collide */
	if (getrandom(decoder->secrets, sizeof(decoder->secrets), GRND_NONBLOCK) !=
	    sizeof(decoder->secrets))
		decoder->secrets[0] = (uintptr_t)decoder * 0x9e3779b97f4a7c15u;
	decoder->secrets[1] |= 1;
	return decoder;
}

void otlp_decoder_release(struct otlp_decoder *decoder)
{
	if (!decoder)
		return;
	otlp_table_release(&decoder->table);
	otlp_table_release(&decoder->child_table);
	for (uint32_t i = 0; i < CHILD_KINDS; i++)
		free(decoder->children[i].data);
	for (uint32_t i = 0; i < 2; i++) {
		free(decoder->repair[i].data);
		free(decoder->point.words[i].data);
	}
	free(decoder->name.data);
	free(decoder);
}
