/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's own log: lines on stderr or in the journal, with repeats held back.
 *
 * Whoever reads a log may be stuck: a full pipe, a stopped terminal, a journal that is busy. No
 * thread of a pipeline may wait for that, and stderr cannot be made non-blocking, since that would
 * hold for every process that has it. So lines are put into a buffer, and a thread that may be
 * stuck writes them. There are two buffers of a fixed size: one is filled while the other is
 * written. What does not fit is counted, and told once there is room. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capability.h"
#include "chronicle.h"
#include "clock.h"
#include "journald.h"
#include "log.h"
#include "log_sink.h"
#include "repeat.h"
#include "secret.h"

enum { LOG_BUFFER_BYTES = 64 * 1024, RECORD_ALIGNMENT = 8 };

static const int64_t close_ns = NS_PER_SECOND;

enum log_mode {
	LOG_DIRECT, /* lines are written at once */
	LOG_QUEUED, /* the thread writes them */
	LOG_LEFT,   /* it is stuck, and the process ends */
};

/* A line in a buffer: behind this its subject and message, each ended by a zero byte. */
struct log_record {
	int64_t time_ns;
	uint32_t level, record_bytes, subject_bytes;
};

enum {
	RECORD_BYTES_LIMIT = sizeof(struct log_record) + LOG_SUBJECT_BYTES + LOG_MESSAGE_BYTES +
			     RECORD_ALIGNMENT,
};

struct log_buffer {
	size_t length;
	_Alignas(RECORD_ALIGNMENT) char data[LOG_BUFFER_BYTES];
};

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed, ended; /* for the thread; for log_close() */
	bool is_made;                  /* the conditions and repeats are */
	enum log_mode mode;
	bool ending;
	struct log_settings settings; /* target: never AUTO; level: atomic */
	struct log_buffer buffers[2], *filling;
	uint64_t untold; /* of those lost: not told yet */
	struct log_counts counts;
	struct repeats repeats;
} state = {
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.settings = { .level = SONDE_INFO, .target = LOG_TO_STDERR },
	.filling = &state.buffers[0],
};

/* ---- buffer, under the mutex ------------------------------------------------------------- */

static bool log_has_room(size_t bytes)
{
	return sizeof(state.filling->data) - state.filling->length >= bytes;
}

static void log_queue(const struct log_line *line)
{
	size_t subject_bytes = strlen(line->subject) + 1;
	size_t message_bytes = strlen(line->message) + 1;
	size_t bytes =
		(sizeof(struct log_record) + subject_bytes + message_bytes + RECORD_ALIGNMENT - 1) &
		~(size_t)(RECORD_ALIGNMENT - 1);
	struct log_buffer *buffer = state.filling;
	struct log_record *record = (void *)(buffer->data + buffer->length);

	if (!log_has_room(bytes)) {
		state.counts.lost++;
		state.untold++;
		return;
	}
	if (!buffer->length)
		pthread_cond_signal(&state.changed);
	*record = (struct log_record){ line->time_ns, line->level, (uint32_t)bytes,
				       (uint32_t)subject_bytes };
	memcpy(record + 1, line->subject, subject_bytes);
	memcpy((char *)(record + 1) + subject_bytes, line->message, message_bytes);
	buffer->length += bytes;
}

/* Summaries of what was held back and is due; at the end, of everything. */
static void log_tell_repeats(void)
{
	int64_t now_ns = clock_monotonic_ns();
	char message[LOG_MESSAGE_BYTES];
	struct repeat over;

	while (log_has_room(RECORD_BYTES_LIMIT) &&
	       repeats_take(&state.repeats, state.ending ? INT64_MAX : now_ns, &over)) {
		struct log_line line = { over.level, clock_wall_ns(), over.subject, message };

		repeat_tell(&over, now_ns, message, sizeof(message));
		chronicle_log(&line);
		log_queue(&line);
	}
}

/* ---- thread ------------------------------------------------------------------------------ */

/* Writes what is in the buffer; returns how many lines nobody took. */
static uint64_t log_drain(const struct log_buffer *buffer, const struct log_settings *settings,
			  uint64_t *ret_written)
{
	const struct log_record *record;
	uint64_t written = 0, lost = 0;

	for (size_t at = 0; at < buffer->length; at += record->record_bytes) {
		struct log_line line;

		record = (const void *)(buffer->data + at);
		line = (struct log_line){ record->level, record->time_ns,
					  (const char *)(record + 1),
					  (const char *)(record + 1) + record->subject_bytes };
		if (log_emit(settings, &line))
			written++;
		else
			lost++;
	}
	*ret_written = written;
	return lost;
}

static void log_tell_lost(uint64_t lost, const struct log_settings *settings)
{
	char message[128];
	struct log_line line = { SONDE_WARNING, clock_wall_ns(), "", message };

	snprintf(message, sizeof(message),
		 "%llu lines of this log were lost here: whoever reads it was too slow",
		 (unsigned long long)lost);
	log_emit(settings, &line);
}

/* Until there is something to write, or something that was held back is due. */
static void log_wait(void)
{
	struct timespec due = clock_timespec(state.repeats.due_ns);

	if (state.repeats.due_ns == INT64_MAX)
		pthread_cond_wait(&state.changed, &state.mutex);
	else
		pthread_cond_timedwait(&state.changed, &state.mutex, &due);
}

/* Writes what is in the buffer, while the other one is filled. */
static void log_turn(void)
{
	struct log_buffer *full = state.filling;
	struct log_settings settings = state.settings;
	uint64_t untold = state.untold, written, lost;

	state.filling = &state.buffers[full == &state.buffers[0]];
	state.untold = 0;
	pthread_mutex_unlock(&state.mutex);
	lost = log_drain(full, &settings, &written);
	if (untold)
		log_tell_lost(untold, &settings);
	pthread_mutex_lock(&state.mutex);
	full->length = 0;
	state.counts.written += written;
	state.counts.lost += lost;
}

static void *log_run(void *data)
{
	pthread_setname_np(pthread_self(), "log");
	(void)capabilities_hold(0); /* what is given up is never refused */
	pthread_mutex_lock(&state.mutex);
	while (true) {
		log_tell_repeats();
		if (state.filling->length || state.untold)
			log_turn();
		else if (state.ending)
			break;
		else
			log_wait();
	}
	if (state.mode == LOG_QUEUED)
		state.mode = LOG_DIRECT;
	pthread_cond_broadcast(&state.ended);
	pthread_mutex_unlock(&state.mutex);
	return NULL;
}

/* The signals that the main thread takes, and that of a pipe without a reader, are not for it;
 * libraries may need others. */
static int log_start_thread(void)
{
	pthread_attr_t attributes;
	sigset_t not_here, before;
	pthread_t thread;
	int result;

	sigemptyset(&not_here);
	sigaddset(&not_here, SIGINT);
	sigaddset(&not_here, SIGTERM);
	sigaddset(&not_here, SIGHUP);
	sigaddset(&not_here, SIGPIPE);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_BLOCK, &not_here, &before);
	result = pthread_create(&thread, &attributes, log_run, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -result;
}

/* ---- from outside ------------------------------------------------------------------------ */

static void log_make(void)
{
	clock_condition_init(&state.changed);
	clock_condition_init(&state.ended);
	repeats_init(&state.repeats);
	state.is_made = true;
}

static uint32_t target_of(uint32_t target)
{
	if (target != LOG_TO_AUTO)
		return target;
	return journald_has(getenv("JOURNAL_STREAM"), STDERR_FILENO) ? LOG_TO_JOURNALD
								     : LOG_TO_STDERR;
}

void log_configure(const struct log_settings *settings)
{
	uint32_t target = target_of(settings->target);

	pthread_mutex_lock(&state.mutex);
	__atomic_store_n(&state.settings.level, settings->level, __ATOMIC_RELAXED);
	state.settings.format = settings->format;
	state.settings.target = target;
	pthread_mutex_unlock(&state.mutex);
}

int log_start(void)
{
	int result = 0;

	pthread_mutex_lock(&state.mutex);
	if (!state.is_made)
		log_make();
	if (state.mode == LOG_DIRECT) {
		state.ending = false;
		result = log_start_thread();
		if (!result)
			state.mode = LOG_QUEUED;
	}
	pthread_mutex_unlock(&state.mutex);
	return result;
}

void log_close(void)
{
	struct timespec deadline = clock_timespec(clock_monotonic_ns() + close_ns);

	pthread_mutex_lock(&state.mutex);
	state.ending = true;
	if (state.mode == LOG_QUEUED)
		pthread_cond_signal(&state.changed);
	while (state.mode == LOG_QUEUED)
		if (pthread_cond_timedwait(&state.ended, &state.mutex, &deadline) == ETIMEDOUT &&
		    state.mode == LOG_QUEUED)
			state.mode = LOG_LEFT;
	pthread_mutex_unlock(&state.mutex);
}

/* Under the mutex. The chronicle has what is let through, whether or not somebody reads the log. */
static void log_admit(const struct log_line *line, const char *format)
{
	int64_t due_ns = state.repeats.due_ns;

	if (repeats_admit(&state.repeats, format, line, clock_monotonic_ns())) {
		chronicle_log(line);
		log_queue(line);
	} else if (state.repeats.due_ns < due_ns) {
		pthread_cond_signal(&state.changed); /* it waits for something later */
	}
}

/* Under the mutex. */
static void log_at_once(const struct log_line *line)
{
	chronicle_log(line);
	if (state.mode == LOG_DIRECT && log_emit(&state.settings, line))
		state.counts.written++;
	else
		state.counts.lost++;
}

void log_write(enum sonde_level level, const char *subject, const char *format, ...)
{
	char text[LOG_MESSAGE_BYTES + 8], message[LOG_MESSAGE_BYTES], name[LOG_SUBJECT_BYTES];
	struct log_line line = { .level = level, .subject = name, .message = message };
	va_list arguments;

	if (level > __atomic_load_n(&state.settings.level, __ATOMIC_RELAXED))
		return;
	line.time_ns = clock_wall_ns();
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	secret_mask(text);
	log_copy(text, message, sizeof(message));
	log_copy(subject ? subject : "", name, sizeof(name));
	pthread_mutex_lock(&state.mutex);
	if (state.mode == LOG_QUEUED)
		log_admit(&line, format);
	else
		log_at_once(&line);
	pthread_mutex_unlock(&state.mutex);
}

struct log_counts log_counts(void)
{
	struct log_counts counts;

	pthread_mutex_lock(&state.mutex);
	counts = state.counts;
	counts.held = state.repeats.held_count;
	pthread_mutex_unlock(&state.mutex);
	return counts;
}
