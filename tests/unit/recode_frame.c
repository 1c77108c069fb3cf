// SPDX-License-Identifier: Apache-2.0
/* For tests/integration/test_frame.py, which compares us with a second implementation:
 *   recode_frame random SEED COUNT LEVEL   a frame of random batches, to stdout
 *   recode_frame read                      what the frame on stdin says, as JSON
 *   recode_frame write LEVEL               the frame on stdin, read and written again */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "frame.h"
#include "frame_fixture.h"
#include "frame_format.h"

enum { BATCHES_MOST = 64 };

static unsigned char input[8 << 20];

static int fail(const char *what, int error)
{
	fprintf(stderr, "recode_frame: %s: %s\n", what, strerror(-error));
	return 1;
}

static void print_hex(const void *data, size_t length)
{
	const unsigned char *bytes = data;

	putchar('"');
	for (size_t i = 0; i < length; i++)
		printf("%02x", bytes[i]);
	putchar('"');
}

static void print_text(const char *text)
{
	if (text)
		print_hex(text, strlen(text));
	else
		printf("null");
}

static void print_members(const struct frame_histogram *histogram, const unsigned char *value)
{
	for (uint32_t i = 0; i < histogram->member_count; i++) {
		const struct frame_member *member = &histogram->members[i];
		uint64_t word = 0;

		memcpy(&word, value + member->offset, member->width);
		printf("%s%" PRIu64, i ? "," : "", word);
	}
}

static void print_histogram(const struct sonde_column *column,
			    const struct frame_histogram *histogram, const unsigned char *value)
{
	printf("[[");
	print_members(histogram, value);
	printf("]");
	for (uint32_t i = 0; i < histogram->run_count; i++) {
		uint32_t length, start;

		memcpy(&length, value + histogram->runs[i].length_offset, sizeof(length));
		memcpy(&start, value + histogram->runs[i].start_offset, sizeof(start));
		printf(",[");
		for (uint64_t at = 0; at < frame_run_words(&histogram->runs[i], length); at++)
			printf("%s%" PRIu64, at ? "," : "", column->heap[start + at]);
		printf("]");
	}
	printf("]");
}

/* Numbers as what their bits say without a sign; all else as bytes. */
static void print_value(const struct sonde_column *column, uint32_t row)
{
	const struct frame_histogram *histogram = frame_histogram(column->type);
	struct sonde_text text;
	uint64_t word = 0;

	if (!sonde_valid(column, row)) {
		printf("null");
	} else if (histogram) {
		print_histogram(column, histogram, sonde_value(column, row));
	} else if (frame_has_dictionary(column->type)) {
		text = sonde_text_at(column, row);
		print_hex(text.data, text.length);
	} else if (column->type == SONDE_ID8 || column->type == SONDE_ID16) {
		print_hex(sonde_value(column, row), column->value_size);
	} else {
		memcpy(&word, sonde_value(column, row), column->value_size);
		printf("%" PRIu64, word);
	}
}

static void print_column(const struct sonde_column *column, uint32_t rows)
{
	printf("{\"name\":");
	print_text(column->name);
	printf(",\"unit\":");
	print_text(column->unit);
	printf(",\"help\":");
	print_text(column->help);
	printf(",\"type\":%u,\"role\":%u,\"scope\":%u,\"temporality\":%u,\"monotonic\":%s,"
	       "\"values\":[",
	       column->type, column->role, column->scope, column->temporality,
	       column->monotonic ? "true" : "false");
	for (uint32_t row = 0; row < rows; row++) {
		if (row)
			putchar(',');
		print_value(column, row);
	}
	printf("]}");
}

static void print_batch(const struct sonde_batch *batch)
{
	printf("{\"schema\":");
	print_text(batch->schema);
	printf(",\"signal\":%u,\"rows\":%u,\"columns\":[", batch->signal, batch->row_count);
	for (uint32_t i = 0; i < batch->column_count; i++) {
		if (i)
			putchar(',');
		print_column(sonde_column(batch, i), batch->row_count);
	}
	printf("],\"children\":[");
	for (uint32_t i = 0; i < batch->child_count; i++) {
		if (i)
			putchar(',');
		print_batch(batch->children[i]);
	}
	printf("]}");
}

static void print_frame(const struct sonde_frame *frame, struct sonde_batch **batches)
{
	printf("{\"kind\":%u,\"stream\":", frame->kind);
	print_hex(frame->stream, sizeof(frame->stream));
	printf(",\"sequence\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"events\":%" PRIu64
	       ",\"batches\":[",
	       frame->sequence, frame->rows, frame->events);
	for (uint32_t i = 0; i < frame->batch_count; i++) {
		if (i)
			putchar(',');
		print_batch(batches[i]);
	}
	printf("]}\n");
}

static int write_out(struct sonde_batch **batches, uint32_t count, struct sonde_frame *frame)
{
	int error = frame_write(batches, count, frame);

	if (error)
		return fail("cannot write", error);
	return fwrite(frame->data, 1, frame->length, stdout) == frame->length ? 0 : 1;
}

static int make_random(uint64_t seed, uint32_t count, int32_t level)
{
	struct sonde_batch *batches[BATCHES_MOST];
	struct sonde_frame frame = { .size = sizeof(frame),
				     .kind = SONDE_FRAME_ROWS,
				     .stream = "a stream of test",
				     .sequence = seed + 1,
				     .level = level };
	int result;

	count = count < BATCHES_MOST ? count : BATCHES_MOST;
	for (uint32_t i = 0; i < count; i++)
		batches[i] = frame_random_batch(seed * BATCHES_MOST + i);
	result = write_out(batches, count, &frame);
	for (uint32_t i = 0; i < count; i++)
		batch_release(batches[i]);
	return result;
}

static int read_in(bool print, int32_t level)
{
	struct sonde_frame frame = { .size = sizeof(frame) };
	struct sonde_batch *batches[BATCHES_MOST];
	size_t length = fread(input, 1, sizeof(input), stdin);
	int error = frame_look(input, length, &frame), result = 0;

	if (error)
		return fail("no frame", error);
	if (frame.length != length)
		return fail("not one frame", -EBADMSG);
	error = frame_read(&frame, batches, BATCHES_MOST);
	if (error)
		return fail("cannot read", error);
	for (uint32_t i = 0; i < frame.batch_count; i++)
		batch_finish(batches[i]);
	frame.level = level;
	if (print)
		print_frame(&frame, batches);
	else
		result = write_out(batches, frame.batch_count, &frame);
	for (uint32_t i = 0; i < frame.batch_count; i++)
		batch_release(batches[i]);
	return result;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "random"))
		return make_random(strtoull(argv[2], NULL, 10),
				   (uint32_t)strtoul(argv[3], NULL, 10), atoi(argv[4]));
	if (argc == 2 && !strcmp(argv[1], "read"))
		return read_in(true, 0);
	if (argc == 3 && !strcmp(argv[1], "write"))
		return read_in(false, atoi(argv[2]));
	fprintf(stderr, "usage: recode_frame random SEED COUNT LEVEL | read | write LEVEL\n");
	return 2;
}
