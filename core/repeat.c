/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that come again and again: at most so many alike in a window, and so many of one
 * instance; the rest is held back and counted. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "repeat.h"

static const int64_t window_ns = (int64_t)REPEAT_WINDOW_S * NS_PER_SECOND;

void repeats_init(struct repeats *repeats)
{
	memset(repeats, 0, sizeof(*repeats));
	repeats->due_ns = INT64_MAX;
}

/* ---- alike ------------------------------------------------------------------------------- */

static const uint64_t hash_start = 0xcbf29ce484222325u; /* FNV-1a */

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	return hash;
}

/* Whether the format has a word of its own besides what it inserts. */
static bool format_speaks(const char *format)
{
	for (; *format; format++) {
		if (*format == '%') {
			format++;
			format += strspn(format, "-+ #0123456789.*hljztL");
			if (!*format)
				return false;
		} else if (isalpha((unsigned char)*format)) {
			return true;
		}
	}
	return false;
}

/* The length of the word at the front, and whether it has a digit: then it is a number, a name with
 * one, an address, which differ where messages are alike. */
static size_t word_length(const char *at, bool *ret_digit)
{
	size_t length = 0;

	*ret_digit = false;
	for (; isalnum((unsigned char)at[length]); length++)
		*ret_digit = *ret_digit || isdigit((unsigned char)at[length]);
	return length;
}

static uint64_t hash_shape(uint64_t hash, const char *message)
{
	while (*message) {
		bool digit;
		size_t length = word_length(message, &digit);

		if (digit)
			hash = hash_bytes(hash, "0", 1);
		else
			hash = hash_bytes(hash, message, length ? length : 1);
		message += length ? length : 1;
	}
	return hash;
}

static uint64_t instance_key(const struct log_line *line)
{
	return hash_bytes(hash_start, line->subject, strlen(line->subject) + 1);
}

static uint64_t kind_key(const char *format, const struct log_line *line)
{
	uint64_t hash = instance_key(line);

	return format_speaks(format) ? hash_bytes(hash, format, strlen(format))
				     : hash_shape(hash, line->message);
}

/* ---- windows ----------------------------------------------------------------------------- */

/* The place of the key, else one to take: free, or of the window that began first among those that
 * hold nothing back. NULL: all of them do. */
static struct repeat *slot_find(struct repeat *slots, uint64_t key)
{
	struct repeat *oldest = NULL;

	for (uint32_t i = 0; i < REPEAT_SLOTS; i++) {
		if (slots[i].since_ns && slots[i].key == key)
			return &slots[i];
		if (!slots[i].held && (!oldest || slots[i].since_ns < oldest->since_ns))
			oldest = &slots[i];
	}
	return oldest;
}

/* A window that holds something back lasts until that is told, however late. */
static bool slot_is_open(const struct repeat *slot, uint64_t key, int64_t now_ns)
{
	return slot->since_ns && slot->key == key &&
	       (slot->held || now_ns - slot->since_ns < window_ns);
}

static void slot_hold(struct repeats *repeats, struct repeat *slot, const struct log_line *line)
{
	repeats->held_count++;
	if (slot->held++)
		return;
	slot->level = line->level;
	snprintf(slot->subject, sizeof(slot->subject), "%s", line->subject);
	log_copy(line->message, slot->message, sizeof(slot->message));
	if (slot->since_ns + window_ns < repeats->due_ns)
		repeats->due_ns = slot->since_ns + window_ns;
}

/* Whether one more fits into the window of the key. */
static bool slots_admit(struct repeats *repeats, bool whole, uint64_t key,
			const struct log_line *line, int64_t now_ns)
{
	struct repeat *slot = slot_find(whole ? repeats->instances : repeats->kinds, key);
	uint32_t limit = whole ? REPEAT_INSTANCE_LIMIT : REPEAT_LIMIT;

	if (!slot)
		return true; /* there is no place to count it at */
	if (!slot_is_open(slot, key, now_ns)) {
		slot->key = key;
		slot->since_ns = now_ns;
		slot->count = 0;
		slot->whole = whole;
	}
	if (!slot->held && slot->count < limit) {
		slot->count++;
		return true;
	}
	slot_hold(repeats, slot, line);
	return false;
}

bool repeats_admit(struct repeats *repeats, const char *format, const struct log_line *line,
		   int64_t now_ns)
{
	return slots_admit(repeats, false, kind_key(format, line), line, now_ns) &&
	       slots_admit(repeats, true, instance_key(line), line, now_ns);
}

/* ---- summaries --------------------------------------------------------------------------- */

static bool slots_take(struct repeat *slots, int64_t now_ns, struct repeat *ret_over,
		       int64_t *due_ns)
{
	for (uint32_t i = 0; i < REPEAT_SLOTS; i++) {
		struct repeat *slot = &slots[i];

		if (!slot->held)
			continue;
		if (now_ns - slot->since_ns >= window_ns) {
			*ret_over = *slot;
			slot->held = 0;
			slot->since_ns = 0;
			return true;
		}
		if (slot->since_ns + window_ns < *due_ns)
			*due_ns = slot->since_ns + window_ns;
	}
	return false;
}

bool repeats_take(struct repeats *repeats, int64_t now_ns, struct repeat *ret_over)
{
	int64_t due_ns = INT64_MAX;

	if (now_ns < repeats->due_ns)
		return false;
	if (slots_take(repeats->kinds, now_ns, ret_over, &due_ns) ||
	    slots_take(repeats->instances, now_ns, ret_over, &due_ns))
		return true;
	repeats->due_ns = due_ns;
	return false;
}

void repeat_tell(const struct repeat *over, int64_t now_ns, char *ret_message, size_t size)
{
	long long passed_s = (now_ns - over->since_ns + NS_PER_SECOND / 2) / NS_PER_SECOND;

	if (over->whole)
		snprintf(ret_message, size,
			 "… %u more messages in %lld s, of many kinds, the first: %s", over->held,
			 passed_s > 0 ? passed_s : 1, over->message);
	else
		snprintf(ret_message, size, "%s … %u more like this in %lld s", over->message,
			 over->held, passed_s > 0 ? passed_s : 1);
}
