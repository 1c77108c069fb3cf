// SPDX-License-Identifier: Apache-2.0
/* What lies in the files of a journal, byte for byte. */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal_format.h"

static const char head_magic[][8] = {
	[JOURNAL_HEAD_OF_JOURNAL] = "sondeJH",
	[JOURNAL_HEAD_OF_SEGMENT] = "sondeJS",
};
static const char mark_magic[4] = "mark", foot_magic[4] = "foot", record_magic[4] = "rec.";

/* All members lie at multiples of their size: nothing is between them. */
struct tally_bytes {
	uint64_t last, records, rows, events;
};

struct head_bytes {
	char magic[8];
	uint32_t version, length, check, name_length; /* these stay where they are */
	unsigned char id[JOURNAL_ID_BYTES];
	uint64_t made_ns, first;
	uint32_t stream_count, streams_check;
	uint64_t before_first;
	struct tally_bytes before;
};

struct mark_bytes {
	char magic[4];
	uint32_t check;
	uint64_t counter, released, given;
	unsigned char boot[16];
};

struct foot_bytes {
	char magic[4];
	uint32_t check;
	uint64_t start, end;
	struct tally_bytes tally;
};

struct record_bytes {
	char magic[4];
	uint32_t check, data_check, length;
	uint16_t origin_length, unused_16;
	uint32_t unused_32;
	uint64_t number, rows, events, sequence;
	unsigned char stream[JOURNAL_STREAM_BYTES];
};

_Static_assert(sizeof(struct head_bytes) == JOURNAL_HEAD_BYTES, "a head is as described");
_Static_assert(sizeof(struct mark_bytes) == JOURNAL_MARK_BYTES, "a mark is as described");
_Static_assert(sizeof(struct foot_bytes) == JOURNAL_FOOT_BYTES, "a foot is as described");
_Static_assert(sizeof(struct record_bytes) == JOURNAL_RECORD_HEAD_BYTES, "a record is so too");

uint32_t journal_checksum(uint32_t check, const void *data, size_t length)
{
	return libdeflate_crc32(check, data, length);
}

static uint32_t checksum_placed(const struct journal_place *place, const void *data, size_t length)
{
	const uint64_t where[] = { htole64(place->first), htole64(place->offset) };
	uint32_t check = journal_checksum(0, place->id, sizeof(place->id));

	return journal_checksum(journal_checksum(check, where, sizeof(where)), data, length);
}

static struct tally_bytes tally_write(const struct journal_tally *tally)
{
	return (struct tally_bytes){ htole64(tally->last), htole64(tally->records),
				     htole64(tally->rows), htole64(tally->events) };
}

static struct journal_tally tally_read(const struct tally_bytes *from)
{
	return (struct journal_tally){ le64toh(from->last), le64toh(from->records),
				       le64toh(from->rows), le64toh(from->events) };
}

/* ---- names of files ---------------------------------------------------------------------- */

void journal_segment_name(uint64_t first, char name[JOURNAL_SEGMENT_NAME_BYTES])
{
	snprintf(name, JOURNAL_SEGMENT_NAME_BYTES, "%020" PRIu64 JOURNAL_SEGMENT_SUFFIX, first);
}

bool journal_segment_parse(const char *name, uint64_t *ret_first)
{
	uint64_t first = 0;

	for (int i = 0; i < 20; i++) {
		if (name[i] < '0' || name[i] > '9' || __builtin_mul_overflow(first, 10, &first) ||
		    __builtin_add_overflow(first, (uint64_t)(name[i] - '0'), &first))
			return false;
	}
	if (strcmp(name + 20, JOURNAL_SEGMENT_SUFFIX) != 0 || !first ||
	    first > JOURNAL_NUMBER_LIMIT)
		return false;
	*ret_first = first;
	return true;
}

/* ---- heads ------------------------------------------------------------------------------- */

static uint32_t head_checksum(const unsigned char *bytes, size_t length)
{
	const size_t at = offsetof(struct head_bytes, check), behind = at + sizeof(uint32_t);

	return journal_checksum(journal_checksum(0, bytes, at), bytes + behind, length - behind);
}

void journal_head_write(enum journal_head_kind kind, struct journal_head *head, void *bytes)
{
	size_t name_length = strlen(head->name);
	struct head_bytes *to = bytes;

	head->version = JOURNAL_VERSION;
	head->length = (uint32_t)(sizeof(*to) + journal_aligned(name_length));
	memset(bytes, 0, head->length);
	memcpy(to->magic, head_magic[kind], sizeof(to->magic));
	to->version = htole32(head->version);
	to->length = htole32(head->length);
	to->name_length = htole32((uint32_t)name_length);
	memcpy(to->id, head->id, sizeof(to->id));
	to->made_ns = htole64((uint64_t)head->made_ns);
	to->first = htole64(head->first);
	to->stream_count = htole32(head->stream_count);
	to->streams_check = htole32(head->streams_check);
	to->before_first = htole64(head->before_first);
	to->before = tally_write(&head->before);
	memcpy((char *)bytes + sizeof(*to), head->name, name_length);
	to->check = htole32(head_checksum(bytes, head->length));
}

int journal_head_read(enum journal_head_kind kind, const void *bytes, size_t length,
		      struct journal_head *ret_head)
{
	struct head_bytes from;
	uint32_t name_length;

	if (length < sizeof(from))
		return -EBADMSG;
	memcpy(&from, bytes, sizeof(from));
	*ret_head = (struct journal_head){ .version = le32toh(from.version),
					   .length = le32toh(from.length),
					   .made_ns = (int64_t)le64toh(from.made_ns),
					   .first = le64toh(from.first),
					   .stream_count = le32toh(from.stream_count),
					   .streams_check = le32toh(from.streams_check),
					   .before_first = le64toh(from.before_first),
					   .before = tally_read(&from.before) };
	if (memcmp(from.magic, head_magic[kind], sizeof(from.magic)) != 0 ||
	    ret_head->length < sizeof(from) || ret_head->length > length ||
	    ret_head->length > JOURNAL_HEAD_LIMIT ||
	    head_checksum(bytes, ret_head->length) != le32toh(from.check))
		return -EBADMSG;
	if (ret_head->version > JOURNAL_VERSION)
		return -EPROTONOSUPPORT;
	name_length = le32toh(from.name_length);
	if (!ret_head->version || name_length > JOURNAL_NAME_LIMIT ||
	    ret_head->length != sizeof(from) + journal_aligned(name_length) ||
	    ret_head->stream_count > JOURNAL_STREAMS_LIMIT ||
	    ret_head->first > JOURNAL_NUMBER_LIMIT ||
	    (ret_head->before_first && ret_head->before.last >= ret_head->first))
		return -EBADMSG;
	memcpy(ret_head->id, from.id, sizeof(ret_head->id));
	memcpy(ret_head->name, (const char *)bytes + sizeof(from), name_length);
	return 0;
}

/* ---- marks and feet ---------------------------------------------------------------------- */

void journal_mark_write(const struct journal_mark *mark, void *bytes)
{
	struct mark_bytes to = { .counter = htole64(mark->counter),
				 .released = htole64(mark->released),
				 .given = htole64(mark->given) };

	memcpy(to.magic, mark_magic, sizeof(to.magic));
	memcpy(to.boot, mark->boot, sizeof(to.boot));
	to.check = htole32(journal_checksum(0, &to.counter,
					    sizeof(to) - offsetof(struct mark_bytes, counter)));
	memcpy(bytes, &to, sizeof(to));
}

bool journal_mark_read(const void *bytes, struct journal_mark *ret_mark)
{
	struct mark_bytes from;

	memcpy(&from, bytes, sizeof(from));
	if (memcmp(from.magic, mark_magic, sizeof(from.magic)) != 0 ||
	    journal_checksum(0, &from.counter,
			     sizeof(from) - offsetof(struct mark_bytes, counter)) !=
		    le32toh(from.check))
		return false;
	*ret_mark = (struct journal_mark){ .counter = le64toh(from.counter),
					   .released = le64toh(from.released),
					   .given = le64toh(from.given) };
	memcpy(ret_mark->boot, from.boot, sizeof(from.boot));
	return ret_mark->given <= JOURNAL_NUMBER_LIMIT &&
	       ret_mark->released <= JOURNAL_NUMBER_LIMIT;
}

void journal_foot_write(const struct journal_place *place, const struct journal_foot *foot,
			void *bytes)
{
	struct foot_bytes to = { .start = htole64(foot->start),
				 .end = htole64(foot->end),
				 .tally = tally_write(&foot->tally) };

	memcpy(to.magic, foot_magic, sizeof(to.magic));
	to.check = htole32(
		checksum_placed(place, &to.start, sizeof(to) - offsetof(struct foot_bytes, start)));
	memcpy(bytes, &to, sizeof(to));
}

bool journal_foot_read(const struct journal_place *place, const void *bytes,
		       struct journal_foot *ret_foot)
{
	struct foot_bytes from;
	struct journal_foot foot;

	memcpy(&from, bytes, sizeof(from));
	if (memcmp(from.magic, foot_magic, sizeof(from.magic)) != 0 ||
	    checksum_placed(place, &from.start,
			    sizeof(from) - offsetof(struct foot_bytes, start)) !=
		    le32toh(from.check))
		return false;
	foot = (struct journal_foot){ .start = le64toh(from.start),
				      .end = le64toh(from.end),
				      .tally = tally_read(&from.tally) };
	if (foot.end != place->offset || foot.start > foot.end || foot.start < JOURNAL_HEAD_BYTES ||
	    foot.start % JOURNAL_ALIGNMENT || foot.tally.last > JOURNAL_NUMBER_LIMIT ||
	    (foot.tally.records && foot.tally.last < place->first))
		return false;
	*ret_foot = foot;
	return true;
}

/* ---- records ----------------------------------------------------------------------------- */

size_t journal_record_head_write(const struct journal_place *place,
				 const struct journal_record *record, void *bytes)
{
	const size_t covered = offsetof(struct record_bytes, data_check);
	size_t origin_length = record->origin ? strlen(record->origin) : 0;
	size_t length = sizeof(struct record_bytes) + journal_aligned(origin_length);
	struct record_bytes to = { .data_check = htole32(
					   journal_checksum(0, record->data, record->length)),
				   .length = htole32((uint32_t)record->length),
				   .origin_length = htole16((uint16_t)origin_length),
				   .number = htole64(record->number),
				   .rows = htole64(record->rows),
				   .events = htole64(record->events),
				   .sequence = htole64(record->sequence) };

	memcpy(to.magic, record_magic, sizeof(to.magic));
	memcpy(to.stream, record->stream, sizeof(to.stream));
	memset(bytes, 0, length);
	memcpy(bytes, &to, sizeof(to));
	if (origin_length)
		memcpy((char *)bytes + sizeof(to), record->origin, origin_length);
	to.check = htole32(checksum_placed(place, (char *)bytes + covered, length - covered));
	memcpy(bytes, &to, covered);
	return length;
}

bool journal_begins(const void *bytes)
{
	return !memcmp(bytes, record_magic, sizeof(record_magic)) ||
	       !memcmp(bytes, foot_magic, sizeof(foot_magic));
}

bool journal_record_head_read(const struct journal_place *place, const void *bytes, size_t length,
			      struct journal_record_head *ret_head)
{
	const size_t covered = offsetof(struct record_bytes, data_check);
	struct record_bytes from;
	size_t head_length;

	if (length < sizeof(from) || memcmp(bytes, record_magic, sizeof(record_magic)) != 0)
		return false;
	memcpy(&from, bytes, sizeof(from));
	head_length = sizeof(from) + journal_aligned(le16toh(from.origin_length));
	if (le16toh(from.origin_length) > JOURNAL_ORIGIN_LIMIT || head_length > length ||
	    le32toh(from.length) > JOURNAL_DATA_LIMIT || from.unused_16 || from.unused_32 ||
	    checksum_placed(place, (const char *)bytes + covered, head_length - covered) !=
		    le32toh(from.check))
		return false;
	*ret_head = (struct journal_record_head){ .data_check = le32toh(from.data_check),
						  .length = le32toh(from.length),
						  .origin_length = le16toh(from.origin_length),
						  .number = le64toh(from.number),
						  .rows = le64toh(from.rows),
						  .events = le64toh(from.events),
						  .sequence = le64toh(from.sequence) };
	memcpy(ret_head->stream, from.stream, sizeof(from.stream));
	return ret_head->number >= place->first && ret_head->number <= JOURNAL_NUMBER_LIMIT;
}
