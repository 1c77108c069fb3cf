// SPDX-License-Identifier: Apache-2.0
/* Deliveries as rows of a format, each in its file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "writer.h"

/* Whether it writes sonde's own frames, which are batches and not text. */
static bool is_archive(const struct writer *writer)
{
	return writer->settings->format == FORMAT_FRAME;
}

int writer_open(struct writer *writer, struct sonde_instance *instance,
		const struct settings *settings, struct template *template, struct store *store)
{
	writer->settings = settings;
	writer->template = template;
	writer->store = store;
	writer->values = lines_create(instance, false);
	if (settings->format == FORMAT_CSV)
		writer->csv = csv_create(instance, settings->schema);
	else if (settings->format == FORMAT_OTLP_JSON)
		writer->requests = requests_create();
	else if (settings->format == FORMAT_JSON)
		writer->lines = lines_create(instance, settings->schema);
	if (settings->compression == COMPRESSION_ZSTD)
		writer->frames = frames_create();
	writer->archive.instance = instance;
	if (!writer->values ||
	    !(writer->csv || writer->requests || writer->lines || is_archive(writer)) ||
	    (settings->compression == COMPRESSION_ZSTD && !writer->frames))
		return -ENOMEM;
	return 0;
}

void writer_close(struct writer *writer)
{
	split_release(&writer->split);
	lines_release(writer->lines);
	lines_release(writer->values);
	csv_release(writer->csv);
	requests_release(writer->requests);
	header_release(&writer->header);
	frames_release(writer->frames);
	archive_clear(&writer->archive);
	json_release(&writer->rows);
	json_release(&writer->packed);
	json_release(&writer->tail);
	memset(writer, 0, sizeof(*writer));
}

/* ---- rows -------------------------------------------------------------------------------- */

/* What follows is about this batch of the delivery; -E2BIG: it is rejected. */
static int bind(struct writer *writer, const struct sonde_delivery *delivery, uint32_t index)
{
	const struct sonde_batch *batch = delivery->batches[index];
	int result;

	if (is_archive(writer))
		return 0;
	if (writer->csv)
		result = csv_bind(writer->csv, batch);
	else if (writer->requests)
		result = requests_bind(writer->requests, batch);
	else
		result = lines_bind(writer->lines, batch);
	if (result == -E2BIG)
		writer->shortfall.rejected |= 1u << index;
	return result;
}

static void begin(struct writer *writer, int64_t now_ns)
{
	writer->now_ns = now_ns;
	writer->target = NULL;
	writer->has_rows = false;
	writer->bytes = writer->row_count = 0;
	memset(&writer->shortfall, 0, sizeof(writer->shortfall));
	json_clear(&writer->rows);
	archive_clear(&writer->archive);
}

/* Appends a row, or those of its group that share a line with it; *row is then the next one.
 * Returns how many they were. */
static int encode_rows(struct writer *writer, uint32_t *row, struct json *out)
{
	int result;

	if (writer->requests)
		return requests_line(writer->requests, writer->split.next, row, out);
	result =
		writer->csv ? csv_row(writer->csv, *row, out) : lines_row(writer->lines, *row, out);
	*row = writer->split.next[*row];
	return result < 0 ? result : 1;
}

/* Counts what the lines of a batch could not say. */
static void book_left_out(struct writer *writer, uint32_t index)
{
	uint64_t count;

	if (!writer->requests)
		return;
	count = requests_left_out(writer->requests);
	writer->shortfall.left_out[index] = count;
	writer->row_count -= count;
}

static int no_memory(struct writer *writer)
{
	(void)snprintf(writer->store->problem, sizeof(writer->store->problem),
		       "cannot put rows into words");
	return -ENOMEM;
}

static uint64_t limit(const struct writer *writer)
{
	return writer->target->is_output ? 0 : writer->settings->rotate_bytes;
}

static int cannot_write(struct writer *writer, int result)
{
	if (result < 0)
		(void)snprintf(writer->store->problem, sizeof(writer->store->problem),
			       "cannot write to %s", writer->target->path);
	return result;
}

/* A frame goes to the file whole, or to the next one. */
static int put_frame(void *data, const struct sonde_frame *frame)
{
	struct writer *writer = data;
	uint64_t bytes = limit(writer);
	int result = 0;

	if (bytes && writer->target->size && (uint64_t)writer->target->size + frame->length > bytes)
		result = store_rotate(writer->store, &writer->target, writer->now_ns);
	if (result < 0)
		return result;
	result = target_write(writer->target, frame->data, frame->length);
	writer->bytes += frame->length;
	writer->row_count += frame->rows;
	writer->target->written_ns = writer->now_ns;
	return cannot_write(writer, result);
}

static int flush_archive(struct writer *writer)
{
	int result;

	writer->store->problem[0] = '\0';
	result = archive_write(&writer->archive, (int)writer->settings->level, put_frame, writer,
			       writer->shortfall.left_out);
	return result < 0 && !writer->store->problem[0] ? no_memory(writer) : result;
}

/* Writes what is there; compressed, as a frame. */
static int flush(struct writer *writer)
{
	struct target *target = writer->target;
	const struct json *out = &writer->rows;
	int result;

	if (is_archive(writer))
		return flush_archive(writer);
	if (!writer->rows.length || !writer->has_rows) /* a header comes with the first row */
		return 0;
	if (writer->frames) {
		json_clear(&writer->packed);
		result = frames_write(writer->frames, (int)writer->settings->level,
				      writer->rows.data, writer->rows.length, &writer->packed);
		if (result < 0)
			return no_memory(writer);
		out = &writer->packed;
	}
	result = target_write(target, out->data, out->length);
	writer->bytes += out->length;
	json_clear(&writer->rows);
	writer->has_rows = false;
	target->written_ns = writer->now_ns;
	return cannot_write(writer, result);
}

static void put_header(struct writer *writer, const struct header *header, struct json *out)
{
	if (writer->csv)
		header_write(header, out);
}

/* The file begins anew: what follows goes to the next one. */
static int next_file(struct writer *writer)
{
	int result = flush(writer);

	if (result == 0)
		result = store_rotate(writer->store, &writer->target, writer->now_ns);
	json_clear(&writer->rows);
	return result;
}

/* CSV: rows that follow are in the order of the file's header, which has all of their columns. */
static int fit_header(struct writer *writer)
{
	struct header *header;
	bool fits;
	int result;

	if (!writer->csv)
		return 0;
	fits = csv_fits(writer->csv, &writer->target->header);
	if (!fits && (writer->target->size || writer->has_rows)) {
		result = next_file(writer);
		if (result < 0)
			return result;
	}
	header = &writer->target->header;
	if (!fits) {
		json_clear(&writer->rows);
		result = csv_extend(writer->csv, header);
		if (result < 0)
			return no_memory(writer);
	}
	if (csv_order(writer->csv, header) < 0)
		return no_memory(writer);
	if (!writer->rows.length && (!fits || !writer->target->size))
		put_header(writer, header, &writer->rows);
	return writer->rows.failed ? no_memory(writer) : 0;
}

/* ---- limits ------------------------------------------------------------------------------ */

/* How much is gathered before it is written; frames of a small file are small. */
static size_t enough(const struct writer *writer)
{
	uint64_t bytes = limit(writer);

	return writer->frames && bytes && bytes < FRAME_BYTES ? (size_t)bytes : FRAME_BYTES;
}

/* The last row is too much for the file, which has others. */
static bool is_too_much(const struct writer *writer, bool has_rows)
{
	uint64_t bytes = limit(writer);

	return bytes && !writer->frames && (writer->target->size || has_rows) &&
	       (uint64_t)writer->target->size + writer->rows.length > bytes;
}

/* Moves the line that begins at `start` to the next file. */
static int move_row(struct writer *writer, size_t start)
{
	size_t length = writer->rows.length - start;
	char *at;
	int result;

	json_clear(&writer->tail);
	at = json_room(&writer->tail, length);
	if (!at)
		return no_memory(writer);
	memcpy(at, writer->rows.data + start, length);
	writer->rows.length = start;
	result = next_file(writer);
	if (result < 0)
		return result;
	put_header(writer, &writer->target->header, &writer->rows);
	at = json_room(&writer->rows, length);
	if (!at || writer->rows.failed)
		return no_memory(writer);
	memcpy(at, writer->tail.data, length);
	writer->rows.length += length;
	writer->has_rows = true;
	return 0;
}

static int write_rows(struct writer *writer, uint32_t *row)
{
	size_t start = writer->rows.length;
	bool has_rows = writer->has_rows;
	int result = encode_rows(writer, row, &writer->rows);

	if (result < 0)
		return no_memory(writer);
	writer->row_count += (uint32_t)result;
	if (writer->rows.length == start)
		return 0;
	writer->has_rows = true;
	if (is_too_much(writer, has_rows)) {
		writer->has_rows = has_rows;
		return move_row(writer, start);
	}
	if (writer->rows.length < enough(writer))
		return 0;
	result = flush(writer);
	if (result == 0 && writer->frames && limit(writer) &&
	    (uint64_t)writer->target->size >= limit(writer)) {
		result = next_file(writer);
		put_header(writer, &writer->target->header, &writer->rows);
	}
	return result;
}

/* ---- deliveries -------------------------------------------------------------------------- */

/* Goes on with the file of that path; one that is too long already is closed first. */
static int turn_to(struct writer *writer, const char *path)
{
	struct target *target = writer->target;
	int result;

	if (target && (!path || strcmp(target->path, path) == 0))
		return 0;
	result = target ? flush(writer) : 0;
	json_clear(&writer->rows);
	writer->has_rows = false;
	writer->target = NULL;
	if (result == 0)
		result = store_target(writer->store, path, writer->now_ns, &writer->target);
	if (result == 0 && limit(writer) && (uint64_t)writer->target->size >= limit(writer))
		result = store_rotate(writer->store, &writer->target, writer->now_ns);
	return result;
}

static int write_group(struct writer *writer, struct sonde_batch *batch, uint32_t index,
		       const struct group *group)
{
	const char *path = writer->template ? split_path(&writer->split, group) : NULL;
	int result = turn_to(writer, path);

	if (result == 0 && is_archive(writer))
		return archive_add(&writer->archive, batch, index, group->first,
				   writer->split.next) < 0
			       ? no_memory(writer)
			       : 0;
	if (result == 0)
		result = fit_header(writer);
	for (uint32_t row = group->first; row != UINT32_MAX && result == 0;)
		result = write_rows(writer, &row);
	return result;
}

/* All rows are one group, the path of which is never asked for. */
static int do_not_split(struct writer *writer, const struct sonde_batch *batch)
{
	struct template none = { 0 };

	return split_batch(&writer->split, &none, batch);
}

static int split(struct writer *writer, const struct sonde_batch *batch)
{
	if (!writer->template)
		return do_not_split(writer, batch);
	template_bind(writer->template, batch, writer->values, writer->now_ns);
	return split_batch(&writer->split, writer->template, batch);
}

int writer_write(struct writer *writer, const struct sonde_delivery *delivery, int64_t now_ns)
{
	int result = 0;

	begin(writer, now_ns);
	for (uint32_t index = 0; index < delivery->batch_count && result == 0; index++) {
		int bound = bind(writer, delivery, index);

		if (bound == -E2BIG)
			continue;
		if (bound < 0 || split(writer, delivery->batches[index]) < 0)
			return no_memory(writer);
		for (uint32_t group = 0; group < writer->split.group_count && result == 0; group++)
			result = write_group(writer, delivery->batches[index], index,
					     &writer->split.groups[group]);
		book_left_out(writer, index);
	}
	return result == 0 && writer->target ? flush(writer) : result;
}

/* ---- streams ----------------------------------------------------------------------------- */

/* Columns that are new make a new header, in the midst of the stream. */
static int encode_header(struct writer *writer, struct json *out)
{
	if (!writer->csv)
		return 0;
	if (!csv_fits(writer->csv, &writer->header)) {
		if (csv_extend(writer->csv, &writer->header) < 0)
			return -ENOMEM;
		header_write(&writer->header, out);
	}
	return csv_order(writer->csv, &writer->header);
}

static int encode_frame(void *data, const struct sonde_frame *frame)
{
	struct writer *writer = data;
	char *at = json_room(&writer->packed, frame->length);

	if (!at)
		return -ENOMEM;
	memcpy(at, frame->data, frame->length);
	writer->packed.length += frame->length;
	writer->row_count += frame->rows;
	return 0;
}

static int encode_archive(struct writer *writer, const struct sonde_delivery *delivery,
			  struct json *out)
{
	int result = 0;
	char *at;

	for (uint32_t index = 0; index < delivery->batch_count && result == 0; index++) {
		result = do_not_split(writer, delivery->batches[index]);
		if (result == 0 && writer->split.group_count)
			result = archive_add(&writer->archive, delivery->batches[index], index,
					     writer->split.groups[0].first, writer->split.next);
	}
	json_clear(&writer->packed);
	if (result == 0)
		result = archive_write(&writer->archive, (int)writer->settings->level, encode_frame,
				       writer, writer->shortfall.left_out);
	at = result == 0 ? json_room(out, writer->packed.length) : NULL;
	if (!at || writer->packed.failed) {
		writer->packed.failed = out->failed = false;
		return result < 0 ? result : -ENOMEM;
	}
	memcpy(at, writer->packed.data, writer->packed.length);
	out->length += writer->packed.length;
	return 0;
}

int writer_encode(struct writer *writer, const struct sonde_delivery *delivery, struct json *out)
{
	int result = 0;

	begin(writer, 0);
	if (is_archive(writer))
		return encode_archive(writer, delivery, out);
	for (uint32_t index = 0; index < delivery->batch_count && result == 0; index++) {
		uint32_t row;

		result = bind(writer, delivery, index);
		if (result == -E2BIG) {
			result = 0;
			continue;
		}
		if (result == 0)
			result = encode_header(writer, out);
		if (result == 0)
			result = do_not_split(writer, delivery->batches[index]);
		row = result == 0 && writer->split.group_count ? writer->split.groups[0].first
							       : UINT32_MAX;
		while (row != UINT32_MAX && result >= 0) {
			result = encode_rows(writer, &row, out);
			writer->row_count += result < 0 ? 0 : (uint32_t)result;
		}
		if (result < 0)
			break;
		result = 0;
		book_left_out(writer, index);
	}
	return out->failed ? -ENOMEM : result;
}
