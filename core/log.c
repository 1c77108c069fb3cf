/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's own log: lines on stderr, with repeats held down. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

enum { LOG_SLOTS = 64, LOG_LINE_BYTES = 1024 };

/* A message that was written a moment ago, by hash of subject and text. */
struct log_slot {
	uint64_t hash;
	int64_t written_ns;
	uint32_t held_down;
};

static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct log_slot log_slots[LOG_SLOTS];
static enum sonde_level log_level = SONDE_INFO;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void log_set_level(enum sonde_level level)
{
	__atomic_store_n(&log_level, level, __ATOMIC_RELAXED);
}

static uint64_t log_hash(const char *subject, const char *message)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *subject; subject++)
		hash = (hash ^ (unsigned char)*subject) * 0x100000001b3u;
	for (; *message; message++)
		hash = (hash ^ (unsigned char)*message) * 0x100000001b3u;
	return hash;
}

/* Whether the line may be written now; if so, how many of its like were held down before it. */
static bool log_admit(uint64_t hash, uint32_t *ret_held_down)
{
	struct log_slot *slot = &log_slots[hash % LOG_SLOTS];
	int64_t now_ns = clock_monotonic_ns();

	if (slot->hash == hash && now_ns - slot->written_ns < NS_PER_SECOND) {
		slot->held_down++;
		return false;
	}
	*ret_held_down = slot->hash == hash ? slot->held_down : 0;
	*slot = (struct log_slot){ .hash = hash, .written_ns = now_ns };
	return true;
}

void log_write(enum sonde_level level, const char *subject, const char *format, ...)
{
	char message[LOG_LINE_BYTES - 128], line[LOG_LINE_BYTES], clock[16], repeats[48] = "";
	time_t now = time(NULL);
	uint32_t held_down;
	struct tm local;
	va_list arguments;
	int length;

	if (level > __atomic_load_n(&log_level, __ATOMIC_RELAXED))
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);

	pthread_mutex_lock(&log_mutex);
	if (log_admit(log_hash(subject ? subject : "", message), &held_down)) {
		localtime_r(&now, &local);
		strftime(clock, sizeof(clock), "%H:%M:%S", &local);
		if (held_down)
			snprintf(repeats, sizeof(repeats), " (and %u times before)", held_down);
		length = snprintf(line, sizeof(line), "%s %s %s%s%s%s\n", clock, level_names[level],
				  subject ? subject : "", subject ? ": " : "", message, repeats);
		if (length >= (int)sizeof(line))
			length = sizeof(line) - 1;
		if (write(STDERR_FILENO, line, (size_t)length) < 0)
			held_down = 0; /* nowhere left to say it */
	}
	pthread_mutex_unlock(&log_mutex);
}
