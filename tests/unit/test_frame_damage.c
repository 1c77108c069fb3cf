// SPDX-License-Identifier: Apache-2.0
/* Frames that are not as they were written, or that nobody should have written. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <libdeflate.h>
#include <cmocka.h>

#include "batch.h"
#include "dictionary.h"
#include "frame.h"
#include "frame_fixture.h"
#include "frame_format.h"

enum { SMALL_ROWS = 4, BATCHES_MOST = 4 };

static unsigned char copied[8 << 20];

/* Bytes of ours that hold the frame, which may be damaged. */
static unsigned char *copy_of(struct sonde_frame *frame)
{
	assert_true(frame->length <= sizeof(copied));
	memcpy(copied, frame->data, frame->length);
	frame->data = copied;
	return copied;
}

/* Makes the checksum right, as one would who means harm. */
static void seal(unsigned char *bytes, uint64_t length)
{
	uint32_t checksum =
		libdeflate_crc32(0, bytes + FRAME_CHECKED_FROM, length - FRAME_CHECKED_FROM);

	memcpy(bytes + offsetof(struct frame_head, checksum), &checksum, sizeof(checksum));
}

static struct sonde_batch *small_batch(void)
{
	struct sonde_dictionary *words = dictionary_create(true);
	const struct sonde_field fields[] = {
		{ .name = "number", .type = SONDE_U32, .role = SONDE_ROLE_EVENTS, .unit = "1" },
		{ .name = "word", .type = SONDE_TEXT, .help = "a word" },
	};
	struct sonde_batch *batch = batch_table("small", SONDE_SIGNAL_LOG, SMALL_ROWS);
	struct sonde_column *columns[2];

	for (uint32_t i = 0; i < 2; i++) {
		columns[i] = batch_add(batch, &fields[i], i ? words : NULL);
		assert_non_null(columns[i]);
		columns[i] = batch->columns;
	}
	for (uint32_t row = 0; row < SMALL_ROWS; row++) {
		uint32_t number = row * 300 + 1, code;

		code = dictionary_add(words, row % 2 ? "odd" : "even", row % 2 ? 3 : 4);
		memcpy((void *)sonde_value(sonde_column(batch, 0), row), &number, 4);
		memcpy((void *)sonde_value(sonde_column(batch, 1), row), &code, 4);
	}
	dictionary_release(words);
	batch_finish(batch);
	return batch;
}

/* A frame of the small batch, in bytes of ours. */
static unsigned char *small_frame(int32_t level, struct sonde_frame *ret_frame)
{
	struct sonde_batch *batch = small_batch();

	*ret_frame = (struct sonde_frame){
		.size = sizeof(*ret_frame), .kind = SONDE_FRAME_ROWS, .sequence = 1, .level = level
	};
	assert_int_equal(frame_write(&batch, 1, ret_frame), 0);
	batch_release(batch);
	return copy_of(ret_frame);
}

static void each_flipped_bit_is_refused(void **state)
{
	for (int32_t level = -1; level <= 1; level += 2) {
		struct sonde_frame frame;
		unsigned char *bytes = small_frame(level, &frame);

		for (uint64_t bit = 0; bit < frame.length * 8; bit++) {
			struct sonde_batch *batch = NULL;

			bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
			assert_int_equal(frame_check(&frame), -EBADMSG);
			assert_int_equal(frame_read(&frame, &batch, 1), -EBADMSG);
			assert_null(batch);
			bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		}
		assert_int_equal(frame_check(&frame), 0);
	}
}

static void a_frame_that_is_cut_short_is_refused(void **state)
{
	struct sonde_frame frame, look = { .size = sizeof(look) };
	unsigned char *bytes = small_frame(1, &frame);
	uint64_t length = frame.length;

	for (uint64_t cut = 0; cut < length; cut++) {
		int expected = cut < SONDE_FRAME_HEAD_BYTES ? -EAGAIN : 0;

		assert_int_equal(frame_look(bytes, cut, &look), expected);
		if (!expected)
			assert_int_equal(look.length, length);
		frame.length = cut;
		assert_int_equal(frame_check(&frame), -EBADMSG);
	}
	frame.length = length + 1;
	assert_int_equal(frame_check(&frame), -EBADMSG);
}

static uint64_t seen; /* so that the compiler leaves nothing out */

/* Goes through all that a reader may look at. */
static void look_through(const struct sonde_batch *batch)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		for (uint32_t row = 0; row < batch->row_count; row++) {
			struct sonde_text text = sonde_text_at(column, row);

			seen += text.length ? (unsigned char)text.data[text.length - 1] : 0;
			seen += *(const unsigned char *)sonde_value(column, row);
		}
		for (uint32_t word = 0; word < column->heap_length; word++)
			seen += column->heap[word];
	}
	for (uint32_t i = 0; i < batch->child_count; i++)
		look_through(batch->children[i]);
}

/* Reads a frame whose checksum is right; what it says is as it likes. */
static bool read_any(const struct sonde_frame *frame)
{
	struct sonde_frame look = { .size = sizeof(look) };
	struct sonde_batch *batches[BATCHES_MOST] = { 0 };
	int error;

	if (frame_look(frame->data, frame->length, &look) || look.length != frame->length)
		return false; /* it is for the caller to have all of it */
	error = frame_read(&look, batches, BATCHES_MOST);
	for (uint32_t i = 0; i < BATCHES_MOST; i++) {
		assert_true(!error || !batches[i]);
		if (!batches[i])
			continue;
		batch_finish(batches[i]);
		look_through(batches[i]);
		batch_release(batches[i]);
	}
	assert_true(!error || error == -EBADMSG || error == -EINVAL);
	return !error;
}

static void each_changed_byte_under_a_right_checksum_is_refused_or_read(void **state)
{
	static const unsigned char changes[] = { 0x01, 0x40, 0x80, 0xff };
	uint32_t refused = 0;

	for (uint64_t seed = 0; seed < 6; seed++) {
		struct sonde_batch *batch = frame_random_batch(seed);
		struct sonde_frame frame = { .size = sizeof(frame),
					     .kind = SONDE_FRAME_ROWS,
					     .level = -1 };
		uint64_t step;
		unsigned char *bytes;

		assert_int_equal(frame_write(&batch, 1, &frame), 0);
		batch_release(batch);
		bytes = copy_of(&frame);
		step = frame.length / 150 + 1;
		for (uint64_t at = 0; at < frame.length; at += step) {
			for (uint32_t i = 0; i < sizeof(changes); i++) {
				bytes[at] ^= changes[i];
				seal(bytes, frame.length);
				refused += !read_any(&frame);
				bytes[at] ^= changes[i];
			}
		}
		seal(bytes, frame.length);
		assert_true(read_any(&frame));
	}
	assert_true(refused > 100);
}

static void a_version_that_is_not_known_is_refused(void **state)
{
	struct sonde_frame frame, look = { .size = sizeof(look) };
	unsigned char *bytes = small_frame(1, &frame);

	for (uint32_t version = 0; version < 5; version++) {
		bytes[offsetof(struct frame_head, version)] = (unsigned char)version;
		seal(bytes, frame.length);
		assert_int_equal(frame_look(bytes, frame.length, &look),
				 version == FRAME_VERSION ? 0 : -EPROTONOSUPPORT);
	}
}

static void a_head_that_is_longer_is_skipped(void **state)
{
	struct sonde_frame frame, look = { .size = sizeof(look) };
	unsigned char *bytes = small_frame(1, &frame);
	struct sonde_batch *batch;
	uint16_t longer = FRAME_HEAD_BYTES + 24;

	memmove(bytes + longer, bytes + FRAME_HEAD_BYTES, frame.length - FRAME_HEAD_BYTES);
	memset(bytes + FRAME_HEAD_BYTES, 0xee, 24);
	memcpy(bytes + offsetof(struct frame_head, head_bytes), &longer, sizeof(longer));
	seal(bytes, frame.length + 24);
	assert_int_equal(frame_look(bytes, SONDE_FRAME_HEAD_BYTES, &look), 0);
	assert_int_equal(look.length, frame.length + 24);
	assert_int_equal(frame_read(&look, &batch, 1), 0);
	assert_int_equal(batch->row_count, SMALL_ROWS);
	batch_release(batch);
}

/* Changes a number of the head, and reads. */
static int read_with(uint32_t offset, uint64_t value, size_t size)
{
	struct sonde_frame frame, look = { .size = sizeof(look) };
	unsigned char *bytes = small_frame(1, &frame);
	struct sonde_batch *batch;
	int error;

	memcpy(bytes + offset, &value, size);
	seal(bytes, frame.length);
	error = frame_look(bytes, frame.length, &look);
	if (error)
		return error;
	error = frame_read(&frame, &batch, 1);
	if (!error)
		batch_release(batch);
	return error;
}

#define HEAD(member_)                                                                              \
	offsetof(struct frame_head, member_), value, sizeof(((struct frame_head *)0)->member_)

static void a_head_that_promises_what_is_not_there_is_refused(void **state)
{
	uint64_t value = SMALL_ROWS + 1;

	assert_int_equal(read_with(HEAD(rows)), -EBADMSG);
	assert_int_equal(read_with(HEAD(events)), -EBADMSG);
	assert_int_equal(read_with(HEAD(raw_bytes)), -EBADMSG);
	assert_int_equal(read_with(HEAD(payload_bytes)), -EBADMSG);
	assert_int_equal(read_with(HEAD(packed_bytes)), -EBADMSG);
	assert_int_equal(read_with(HEAD(codec)), -EBADMSG);
	assert_int_equal(read_with(HEAD(head_bytes)), -EBADMSG);
	value = 900; /* less than the batch takes */
	assert_int_equal(read_with(HEAD(memory_bytes)), -EBADMSG);
	value = 2;
	assert_int_equal(read_with(HEAD(batch_count)), -EINVAL); /* over the capacity */
	value = 0;
	assert_int_equal(read_with(HEAD(batch_count)), -EBADMSG);
}

static void a_frame_that_is_too_large_is_refused_before_it_is_read(void **state)
{
	uint64_t value = (uint64_t)FRAME_LENGTH_LIMIT + 1;

	assert_int_equal(read_with(HEAD(raw_bytes)), -EMSGSIZE);
	assert_int_equal(read_with(HEAD(payload_bytes)), -EMSGSIZE);
	value = UINT64_MAX;
	assert_int_equal(read_with(HEAD(raw_bytes)), -EMSGSIZE);
	assert_int_equal(read_with(HEAD(payload_bytes)), -EMSGSIZE);
	assert_int_equal(read_with(HEAD(memory_bytes)), -EMSGSIZE);
	value = FRAME_BATCHES_LIMIT + 1;
	assert_int_equal(read_with(HEAD(batch_count)), -EMSGSIZE);
}

/* Changes the byte behind a text in the tables of a frame that is not packed, and reads. */
static int read_changed(const char *text, int32_t behind, unsigned char value,
			struct sonde_batch **ret_batch)
{
	struct sonde_frame frame;
	unsigned char *bytes = small_frame(-1, &frame);
	unsigned char *at = memmem(bytes, frame.length, text, strlen(text));

	assert_non_null(at);
	at[(int32_t)strlen(text) + behind] = value;
	seal(bytes, frame.length);
	return frame_read(&frame, ret_batch, 1);
}

enum { BEHIND_TYPE = 0, BEHIND_ROLE = 4 };

static void a_role_of_later_is_an_attribute(void **state)
{
	struct sonde_batch *batch = NULL;

	assert_int_equal(read_changed("a word", BEHIND_ROLE, 111, &batch), 0);
	assert_int_equal(sonde_column(batch, 1)->role, SONDE_ROLE_ATTRIBUTE);
	batch_release(batch);
}

static void a_role_whose_type_is_not_its_own_is_an_attribute(void **state)
{
	struct sonde_batch *batch = NULL;

	assert_int_equal(read_changed("a word", BEHIND_ROLE, SONDE_ROLE_TIME, &batch), 0);
	assert_int_equal(sonde_column(batch, 1)->role, SONDE_ROLE_ATTRIBUTE);
	batch_release(batch);
}

static void a_type_of_later_is_refused(void **state)
{
	struct sonde_batch *batch = NULL;

	assert_int_equal(read_changed("a word", BEHIND_TYPE, SONDE_ANY + 1, &batch), -EBADMSG);
	assert_int_equal(read_changed("a word", BEHIND_TYPE, 0, &batch), -EBADMSG);
	assert_null(batch);
}

static void names_are_text_without_zeros(void **state)
{
	struct sonde_batch *batch = NULL;

	assert_int_equal(read_changed("word", -2, 0xff, &batch), -EBADMSG);
	assert_int_equal(read_changed("word", -2, 0, &batch), -EBADMSG);
	assert_int_equal(read_changed("small", -2, 0xff, &batch), -EBADMSG);
	assert_int_equal(read_changed("word", -2, 'x', &batch), 0);
	assert_string_equal(sonde_column(batch, 1)->name, "woxd");
	batch_release(batch);
}

static void entries_of_a_distinct_dictionary_are_distinct(void **state)
{
	struct sonde_frame frame;
	unsigned char *bytes = small_frame(-1, &frame), *at;
	struct sonde_batch *batch = NULL;

	at = memmem(bytes, frame.length,
		    "\x04\x03"
		    "evenodd",
		    9);
	assert_non_null(at);
	memcpy(at,
	       "\x03\x04"
	       "oddodd",
	       9);
	seal(bytes, frame.length);
	assert_int_equal(frame_read(&frame, &batch, 1), 0); /* "odd" and an "odd" with a zero */
	batch_release(batch);
	memcpy(at,
	       "\x03\x03"
	       "oddodd",
	       8);
	memmove(at + 8, at + 9, frame.length - (size_t)(at + 9 - bytes));
	assert_int_equal(frame_read(&frame, &batch, 1), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_flipped_bit_is_refused),
		cmocka_unit_test(a_frame_that_is_cut_short_is_refused),
		cmocka_unit_test(each_changed_byte_under_a_right_checksum_is_refused_or_read),
		cmocka_unit_test(a_version_that_is_not_known_is_refused),
		cmocka_unit_test(a_head_that_is_longer_is_skipped),
		cmocka_unit_test(a_head_that_promises_what_is_not_there_is_refused),
		cmocka_unit_test(a_frame_that_is_too_large_is_refused_before_it_is_read),
		cmocka_unit_test(a_role_of_later_is_an_attribute),
		cmocka_unit_test(a_role_whose_type_is_not_its_own_is_an_attribute),
		cmocka_unit_test(a_type_of_later_is_refused),
		cmocka_unit_test(names_are_text_without_zeros),
		cmocka_unit_test(entries_of_a_distinct_dictionary_are_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
