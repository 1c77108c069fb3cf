/* SPDX-License-Identifier: Apache-2.0 */
/* The chronicle: what the daemon said and decided of late, for whoever reads it from where they
 * left off.
 *
 * A record lies in its ring in one piece; one that would reach past the end lies at the beginning,
 * and what is left at the end is skipped. The oldest make room for the newest. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "chronicle.h"
#include "clock.h"
#include "secret.h"
#include "text.h"

enum { RECORD_ALIGNMENT = 8 };

/* The texts of a record, in the order in which they lie behind its head. */
enum text {
	TEXT_INSTANCE,
	TEXT_MESSAGE,
	TEXT_EVENT,
	TEXT_ACTOR,
	TEXT_KNOB,
	TEXT_BEFORE,
	TEXT_AFTER,
	TEXT_COUNT,
};

/* The head of a record in a ring; the texts follow, each ended by a zero byte. */
struct kept {
	uint32_t bytes; /* of all of it; 0: the ring goes on at its beginning */
	uint32_t level, text_bytes, reserved;
	int64_t time_ns, for_ns;
};

/* Where somebody has read to, to go on there under the same name. */
struct reader {
	char name[LOG_SUBJECT_BYTES];
	uint64_t number;
	uint64_t turn; /* of its last read, to forget the one that has not read for longest */
};

struct ring {
	uint64_t first,
		next;        /* numbers of the oldest record that is kept and of the next; from 1 */
	uint32_t begin, end; /* offsets of the oldest, and behind the newest */
	uint64_t hint;       /* number of a record whose place is known; 0: none */
	uint32_t hint_at;
	uint64_t turn;
	struct reader readers[CHRONICLE_READERS];
	_Alignas(RECORD_ALIGNMENT) char data[CHRONICLE_RING_BYTES];
};

_Static_assert(LOG_SUBJECT_BYTES + LOG_MESSAGE_BYTES + 5 * CHRONICLE_TEXT_BYTES <=
		       SONDE_RECORD_BYTES,
	       "the buffer that readers are told to bring holds any record's texts");

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ring rings[] = {
	[SONDE_RECORD_LOG] = { .first = 1, .next = 1 },
	[SONDE_RECORD_DECISION] = { .first = 1, .next = 1 },
};

/* ---- rings, under the mutex -------------------------------------------------------------- */

static struct kept *kept_at(struct ring *ring, uint32_t at)
{
	return (void *)(ring->data + at);
}

/* Where the record behind the one at that place lies. */
static uint32_t next_of(struct ring *ring, uint32_t at)
{
	at += kept_at(ring, at)->bytes;
	if (sizeof(ring->data) - at < sizeof(struct kept) || !kept_at(ring, at)->bytes)
		return 0;
	return at;
}

static void drop_oldest(struct ring *ring)
{
	ring->first++;
	ring->begin = ring->first == ring->next ? 0 : next_of(ring, ring->begin);
	if (ring->first == ring->next)
		ring->end = 0;
	if (ring->hint < ring->first)
		ring->hint = 0;
}

static bool is_empty(const struct ring *ring)
{
	return ring->first == ring->next;
}

/* Whether the newest lies before the oldest; where they meet, the ring is full. */
static bool is_wrapped(const struct ring *ring)
{
	return !is_empty(ring) && ring->end <= ring->begin;
}

/* Bytes that are free behind the newest, in one piece. */
static uint32_t room(const struct ring *ring)
{
	return (is_wrapped(ring) ? ring->begin : (uint32_t)sizeof(ring->data)) - ring->end;
}

/* A place for a record; the oldest go until there is one. */
static struct kept *ring_take(struct ring *ring, uint32_t bytes)
{
	struct kept *kept;

	while (room(ring) < bytes) {
		if (is_wrapped(ring)) {
			drop_oldest(ring);
			continue;
		}
		if (room(ring) >= sizeof(*kept))
			kept_at(ring, ring->end)->bytes = 0;
		ring->end = 0;
	}
	kept = kept_at(ring, ring->end);
	if (is_empty(ring))
		ring->begin = ring->end;
	ring->end += bytes;
	ring->next++;
	return kept;
}

/* What is not UTF-8, which columns of texts are, becomes question marks. */
static void text_mend(char *text, size_t length)
{
	size_t valid;

	while ((valid = text_valid_length(text, length)) < length) {
		text[valid] = '?';
		text += valid;
		length -= valid;
	}
}

static void ring_add(struct ring *ring, struct kept head, const char *const *texts)
{
	size_t lengths[TEXT_COUNT], text_bytes = 0;
	struct kept *kept;
	char *at;

	for (uint32_t i = 0; i < TEXT_COUNT; i++) {
		lengths[i] = texts[i] ? strlen(texts[i]) : 0;
		text_bytes += lengths[i] + 1;
	}
	head.text_bytes = (uint32_t)text_bytes;
	head.bytes = (uint32_t)((sizeof(head) + text_bytes + RECORD_ALIGNMENT - 1) &
				~(size_t)(RECORD_ALIGNMENT - 1));
	kept = ring_take(ring, head.bytes);
	*kept = head;
	at = (char *)(kept + 1);
	for (uint32_t i = 0; i < TEXT_COUNT; i++) {
		if (texts[i])
			memcpy(at, texts[i], lengths[i]);
		at[lengths[i]] = '\0';
		text_mend(at, lengths[i]);
		at += lengths[i] + 1;
	}
}

/* The place of a record that is kept: from the one that was looked for last, if that helps. */
static uint32_t ring_find(struct ring *ring, uint64_t number)
{
	bool from_hint = ring->hint && ring->hint <= number;
	uint64_t at_number = from_hint ? ring->hint : ring->first;
	uint32_t at = from_hint ? ring->hint_at : ring->begin;

	for (; at_number < number; at_number++)
		at = next_of(ring, at);
	ring->hint = number;
	ring->hint_at = at;
	return at;
}

/* ---- writing ----------------------------------------------------------------------------- */

void chronicle_log(const struct log_line *line)
{
	const char *texts[TEXT_COUNT] = {
		[TEXT_INSTANCE] = line->subject, [TEXT_MESSAGE] = line->message
	};
	struct kept head = { .level = line->level, .time_ns = line->time_ns };

	pthread_mutex_lock(&mutex);
	ring_add(&rings[SONDE_RECORD_LOG], head, texts);
	pthread_mutex_unlock(&mutex);
}

void chronicle_decide(const struct decision *decision, const char *format, ...)
{
	char message[LOG_MESSAGE_BYTES + 8], copies[TEXT_COUNT][CHRONICLE_TEXT_BYTES];
	const char *given[TEXT_COUNT] = {
		[TEXT_INSTANCE] = decision->instance, [TEXT_EVENT] = decision->event,
		[TEXT_ACTOR] = decision->actor,       [TEXT_KNOB] = decision->knob,
		[TEXT_BEFORE] = decision->before,     [TEXT_AFTER] = decision->after,
	};
	const char *texts[TEXT_COUNT];
	struct kept head = { .level = decision->level, .for_ns = decision->for_ns };
	char cut[LOG_MESSAGE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	secret_mask(message);
	log_copy(message, cut, sizeof(cut));
	for (uint32_t i = 0; i < TEXT_COUNT; i++) {
		size_t size = i == TEXT_INSTANCE ? (size_t)LOG_SUBJECT_BYTES : sizeof(copies[i]);

		log_copy(given[i] ? given[i] : "", copies[i], size);
		secret_mask(copies[i]);
		texts[i] = copies[i];
	}
	texts[TEXT_MESSAGE] = cut;
	head.time_ns = clock_wall_ns();
	pthread_mutex_lock(&mutex);
	ring_add(&rings[SONDE_RECORD_DECISION], head, texts);
	pthread_mutex_unlock(&mutex);
}

/* ---- reading ----------------------------------------------------------------------------- */

/* The place of that name, its own or that of the one that has not read for longest. */
static struct reader *reader_of(struct ring *ring, const char *name)
{
	struct reader *oldest = &ring->readers[0];

	for (uint32_t i = 0; i < CHRONICLE_READERS; i++) {
		struct reader *reader = &ring->readers[i];

		if (reader->turn && !strncmp(reader->name, name, sizeof(reader->name) - 1))
			return reader;
		if (reader->turn < oldest->turn)
			oldest = reader;
	}
	*oldest = (struct reader){ 0 };
	snprintf(oldest->name, sizeof(oldest->name), "%s", name);
	return oldest;
}

static void record_fill(struct sonde_record *record, const struct kept *kept, char *texts)
{
	const char *at[TEXT_COUNT];

	memcpy(texts, kept + 1, kept->text_bytes);
	for (uint32_t i = 0; i < TEXT_COUNT; i++) {
		at[i] = texts;
		texts += strlen(texts) + 1;
	}
	record->level = kept->level;
	record->time_ns = kept->time_ns;
	record->for_ns = kept->for_ns;
	record->instance = at[TEXT_INSTANCE];
	record->message = at[TEXT_MESSAGE];
	record->event = at[TEXT_EVENT];
	record->actor = at[TEXT_ACTOR];
	record->knob = at[TEXT_KNOB];
	record->before = at[TEXT_BEFORE];
	record->after = at[TEXT_AFTER];
}

/* Whoever reads for the first time has missed nothing. */
static int ring_read(struct ring *ring, struct reader *reader, uint64_t *cursor,
		     struct sonde_record *record, char *texts, size_t capacity)
{
	uint64_t after = *cursor ? *cursor : reader->number;
	uint64_t number = after + 1 > ring->first ? after + 1 : ring->first;
	const struct kept *kept;

	if (number >= ring->next)
		return -ENOENT;
	kept = kept_at(ring, ring_find(ring, number));
	if (kept->text_bytes > capacity)
		return -ENOSPC;
	record_fill(record, kept, texts);
	record->number = number;
	record->missed = after ? number - after - 1 : 0;
	*cursor = number;
	reader->number = number;
	reader->turn = ++ring->turn;
	return 0;
}

int chronicle_read(const char *reader, uint32_t kind, uint64_t *cursor,
		   struct sonde_record *ret_record, char *texts, size_t capacity)
{
	int result;

	if (kind < SONDE_RECORD_LOG || kind > SONDE_RECORD_DECISION)
		return -EINVAL;
	pthread_mutex_lock(&mutex);
	result = ring_read(&rings[kind], reader_of(&rings[kind], reader), cursor, ret_record, texts,
			   capacity);
	pthread_mutex_unlock(&mutex);
	return result;
}
