// SPDX-License-Identifier: Apache-2.0
/* Batches made into OTLP requests, by the roles and types of their columns. */
#include "encode.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include "encode_originals.h"
#include "encode_points.h"
#include "encode_state.h"
#include "encode_value.h"
#include "fields.h"

void otlp_request_clear(struct otlp_request *request)
{
	request->length = request->lent_bytes = 0;
	request->loan_count = 0;
	request->item_count = request->left_out_count = 0;
}

void otlp_request_rewind(struct otlp_request *request, const struct otlp_request *before)
{
	request->length = before->length;
	request->lent_bytes = before->lent_bytes;
	request->loan_count = before->loan_count;
	request->item_count = before->item_count;
	request->left_out_count = before->left_out_count;
}

/* The part of a piece, `length` bytes of the request from `begin` on, that is asked for from
 * `offset` on; what is copied. */
static size_t read_piece(const void *data, size_t begin, size_t length, size_t offset, void *to,
			 size_t size)
{
	size_t skipped = offset - begin;

	if (offset < begin || skipped >= length)
		return 0;
	length -= skipped;
	length = length < size ? length : size;
	memcpy(to, (const char *)data + skipped, length);
	return length;
}

size_t otlp_request_read(const struct otlp_request *request, size_t offset, void *to, size_t size)
{
	const unsigned char *end = request->memory + request->capacity;
	size_t own = request->length - request->lent_bytes; /* left of them */
	size_t at = 0, done = 0;

	for (uint32_t i = request->loan_count; i-- && done < size;) {
		const struct otlp_loan *loan = &request->loans[i];

		done += read_piece(end - own, at, own - loan->behind, offset + done,
				   (char *)to + done, size - done);
		at += own - loan->behind;
		own = loan->behind;
		done += read_piece(loan->data, at, loan->length, offset + done, (char *)to + done,
				   size - done);
		at += loan->length;
	}
	if (done < size)
		done += read_piece(end - own, at, own, offset + done, (char *)to + done,
				   size - done);
	return done;
}

void otlp_request_release(struct otlp_request *request)
{
	free(request->memory);
	free(request->loans);
	memset(request, 0, sizeof(*request));
}

struct otlp_encoder *otlp_encoder_create(void)
{
	struct otlp_encoder *encoder = calloc(1, sizeof(*encoder));
	struct timespec now;

	if (encoder && getrandom(&encoder->chance, sizeof(encoder->chance), GRND_NONBLOCK) !=
			       (ssize_t)sizeof(encoder->chance)) {
		clock_gettime(CLOCK_REALTIME, &now); /* early at boot: ids need only differ */
		encoder->chance = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
		encoder->chance ^= (uint64_t)(uintptr_t)encoder << 20;
	}
	return encoder;
}

void otlp_encoder_release(struct otlp_encoder *encoder)
{
	if (!encoder)
		return;
	groups_release(&encoder->groups);
	program_release(&encoder->resource);
	program_release(&encoder->scope);
	program_release(&encoder->row);
	for (uint32_t kind = 0; kind < MESSAGE_KIND_COUNT; kind++)
		program_release(&encoder->points[kind]);
	for (uint32_t i = 0; i < encoder->child_capacity; i++)
		program_release(&encoder->children[i]);
	free(encoder->children);
	program_release(&encoder->wide);
	output_release(&encoder->common);
	free(encoder->measures);
	output_release(&encoder->apart);
	free(encoder->slots);
	free(encoder->series);
	free(encoder->rows);
	free(encoder);
}

/* splitmix64 */
uint64_t encoder_random(struct otlp_encoder *encoder)
{
	uint64_t mixed = encoder->chance += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	mixed ^= mixed >> 31;
	return mixed ? mixed : 1;
}

enum sonde_signal otlp_signal(const struct sonde_batch *batch)
{
	switch (batch->signal) {
	case SONDE_SIGNAL_METRIC:
	case SONDE_SIGNAL_LEDGER:
		return SONDE_SIGNAL_METRIC;
	case SONDE_SIGNAL_LOG:
	case SONDE_SIGNAL_SPAN:
		return batch->signal;
	default:
		return SONDE_SIGNAL_AUTO;
	}
}

/* ---- compiling --------------------------------------------------------------------------- */

/* The message that rows of a child table are in rows of a signal, and its field number; false:
 * none. */
static bool child_message(uint32_t signal, uint32_t child, enum message_kind *ret_kind,
			  uint32_t *ret_number)
{
	*ret_number = 0;
	if (signal == SONDE_SIGNAL_SPAN && child == SONDE_SIGNAL_SPAN_EVENT) {
		*ret_kind = MESSAGE_EVENT;
		*ret_number = SPAN_EVENTS;
	} else if (signal == SONDE_SIGNAL_SPAN && child == SONDE_SIGNAL_SPAN_LINK) {
		*ret_kind = MESSAGE_LINK;
		*ret_number = SPAN_LINKS;
	} else if (signal == SONDE_SIGNAL_METRIC && child == SONDE_SIGNAL_EXEMPLAR) {
		*ret_kind = MESSAGE_EXEMPLAR;
	} else {
		return false;
	}
	return true;
}

/* Programs of as many child tables as there are, before a step points at any of them. */
static int grow_children(struct otlp_encoder *encoder, uint32_t count)
{
	struct program *children;

	if (count <= encoder->child_capacity)
		return 0;
	children = realloc(encoder->children, count * sizeof(*children));
	if (!children)
		return -ENOMEM;
	memset(children + encoder->child_capacity, 0,
	       (count - encoder->child_capacity) * sizeof(*children));
	encoder->children = children;
	encoder->child_capacity = count;
	return 0;
}

static int compile_children(struct otlp_encoder *encoder, const struct sonde_batch *batch)
{
	enum message_kind kind;
	struct program *child;
	uint32_t number;

	encoder->child_count = 0;
	if (grow_children(encoder, batch->child_count) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < batch->child_count; i++) {
		const struct sonde_batch *table = batch->children[i];

		if (!table->row_count ||
		    !child_message(otlp_signal(batch), table->signal, &kind, &number))
			continue;
		child = &encoder->children[encoder->child_count++];
		if (program_compile(child, encoder, table, kind) < 0 ||
		    program_thread(child, batch->row_count) < 0 ||
		    (number && program_adopt(&encoder->row, child, number) < 0))
			return -ENOMEM;
	}
	return 0;
}

static int compile(struct otlp_encoder *encoder, const struct sonde_batch *batch)
{
	enum sonde_signal signal = otlp_signal(batch);
	int result;

	if (program_compile(&encoder->resource, encoder, batch, MESSAGE_RESOURCE) < 0 ||
	    program_compile(&encoder->scope, encoder, batch, MESSAGE_SCOPE) < 0)
		return -ENOMEM;
	if (signal == SONDE_SIGNAL_METRIC)
		result = points_compile(encoder, batch);
	else if (encoder->copies_all)
		return 0;
	else
		result = program_compile(&encoder->row, encoder, batch,
					 signal == SONDE_SIGNAL_SPAN ? MESSAGE_SPAN : MESSAGE_LOG);
	return result < 0 || encoder->copies_all ? result : compile_children(encoder, batch);
}

/* ---- writing ----------------------------------------------------------------------------- */

/* Resource or scope as field 1, if there is anything in it. */
static bool put_origin(struct otlp_encoder *encoder, const struct program *program, uint32_t row)
{
	struct output *output = &encoder->output;
	size_t end = output_length(output);

	if (!output_room(output, program->fixed_bytes) ||
	    !program_put(program, encoder, row, output) || !output_room(output, MESSAGE_HEAD_SIZE))
		return false;
	if (output_length(output) > end)
		output_put_head(output, RESOURCE_RESOURCE, end);
	return true;
}

/* Field 3 of a resource's or scope's items. */
static bool put_schema(struct otlp_encoder *encoder, const struct program *program, uint32_t row)
{
	const struct sonde_column *column = program->columns.schema_url;
	struct sonde_text text;

	if (!column)
		return true;
	text = sonde_text_at(column, row);
	return !text.length ||
	       output_put_bytes(&encoder->output, RESOURCE_SCHEMA_URL, text.data, text.length);
}

static bool put_rows(struct otlp_encoder *encoder, const struct group_run *run)
{
	encoder->item_count += run->count;
	return rows_put(&encoder->row, encoder, encoder->groups.rows + run->first, run->count,
			SCOPE_ITEMS, &encoder->output);
}

/* Where the messages end that are being written, as lengths of what is behind them. */
struct ends {
	size_t resource, resource_items; /* its items: without the schema URL */
	size_t scope, scope_items;
};

/* Begins what ends with a run, which `next` (or the end) follows. */
static bool put_ends(struct otlp_encoder *encoder, uint32_t row, uint32_t next, struct ends *ends)
{
	if (next == GROUP_RESOURCE) {
		ends->resource = output_length(&encoder->output);
		if (!put_schema(encoder, &encoder->resource, row))
			return false;
		ends->resource_items = output_length(&encoder->output);
	}
	if (next <= GROUP_SCOPE) {
		ends->scope = output_length(&encoder->output);
		if (!put_schema(encoder, &encoder->scope, row))
			return false;
		ends->scope_items = output_length(&encoder->output);
	}
	return true;
}

/* Ends what begins with a run. What holds nothing goes. */
static bool put_begins(struct otlp_encoder *encoder, uint32_t row, uint32_t opens,
		       const struct ends *ends)
{
	struct output *output = &encoder->output;

	if (opens <= GROUP_SCOPE) {
		if (output_length(output) == ends->scope_items) {
			output_cut(output, ends->scope);
		} else {
			if (!put_origin(encoder, &encoder->scope, row))
				return false;
			output_put_head(output, RESOURCE_SCOPES, ends->scope);
		}
	}
	if (opens == GROUP_RESOURCE) {
		if (output_length(output) == ends->resource_items) {
			output_cut(output, ends->resource);
		} else {
			if (!put_origin(encoder, &encoder->resource, row))
				return false;
			output_put_head(output, REQUEST_RESOURCES, ends->resource);
		}
	}
	return true;
}

static bool put_runs(struct otlp_encoder *encoder, bool metrics)
{
	const struct groups *groups = &encoder->groups;
	uint32_t next = GROUP_RESOURCE;
	struct ends ends = { 0 };

	for (uint32_t i = groups->run_count; i--;) {
		const struct group_run *run = &groups->runs[i];
		uint32_t row = groups->rows[run->first];

		if (!put_ends(encoder, row, next, &ends) ||
		    !(metrics ? points_put : put_rows)(encoder, run) ||
		    !output_room(&encoder->output, 4 * MESSAGE_HEAD_SIZE) ||
		    !put_begins(encoder, row, run->opens, &ends))
			return false;
		next = run->opens;
	}
	return true;
}

int otlp_encode(struct otlp_encoder *encoder, const struct sonde_batch *batch, uint32_t first_row,
		uint32_t end_row, struct otlp_request *request)
{
	bool metrics = otlp_signal(batch) == SONDE_SIGNAL_METRIC, fine;
	bool is_long = metrics && points_are_long(batch);
	uint32_t loan_count = request->loan_count;

	if (!otlp_signal(batch))
		return -EINVAL;
	encoder->originals = metrics == is_long ? sonde_originals(batch, SONDE_FORMAT_OTLP) : NULL;
	encoder->copies_all = encoder->originals && !originals_missing(batch, first_row, end_row);
	if (compile(encoder, batch) < 0 ||
	    groups_make(&encoder->groups, batch, first_row, end_row, is_long) < 0)
		return -ENOMEM;
	encoder->item_count = encoder->left_out_count = 0;
	encoder->output = (struct output){ .lent_bytes = request->lent_bytes };
	if (request->memory) {
		encoder->output.start = request->memory;
		encoder->output.end = request->memory + request->capacity;
		encoder->output.writer.at =
			encoder->output.end - (request->length - request->lent_bytes);
	}
	encoder->request = request;
	fine = put_runs(encoder, metrics);
	request->memory = encoder->output.start; /* grown, what is in it is the same */
	request->capacity = (size_t)(encoder->output.end - encoder->output.start);
	if (!fine) {
		request->loan_count = loan_count;
		return -ENOMEM;
	}
	request->length = output_length(&encoder->output);
	request->lent_bytes = encoder->output.lent_bytes;
	request->item_count += encoder->item_count;
	request->left_out_count += encoder->left_out_count;
	return 0;
}
