/* SPDX-License-Identifier: Apache-2.0 */
/* A tap: rows that pass a place, as messages to a client of the control socket. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <figure.h>
#include "batch.h"
#include "clock.h"
#include "control.h"
#include "daemon.h"
#include "tap.h"

enum {
	PENDING_LIMIT = 256 * 1024, /* bytes that wait for the client: beyond, rows go by */
	ENDING_SECONDS = 5,         /* that it has to read the last of them */
	WHY_BYTES = 320,
};

struct tap {
	struct loop *loop;
	void (*gone)(struct tap *tap, void *data);
	void *data;
	char *name, *after;
	uint64_t limit, rate;
	struct tap_view *view;
	struct listener listener;
	struct loop_task task;
	struct loop_timer second;
	struct loop_fd *watch; /* once it has begun */
	int fd;
	struct json out; /* messages, of which `written` bytes are sent */
	size_t written;
	struct tap_counts counts;
	uint64_t missed_rows;   /* that it took and did not look at */
	uint64_t second_rows;   /* shown in this second */
	uint64_t said_rows;     /* not shown, when that was said last */
	uint32_t ended_seconds; /* since the last message was written */
	bool hung_up;           /* the client sends no more: it has had enough */
	bool ending;

	pthread_mutex_t mutex; /* over what follows: word from the main thread */
	bool replaced, ended;
	uint16_t end_code;
	char why[WHY_BYTES];
};

/* ---- messages ---------------------------------------------------------------------------- */

static size_t message_open(struct tap *tap)
{
	size_t start = tap->out.length;
	char *at = json_room(&tap->out, CONTROL_HEADER_BYTES);

	if (at) {
		memset(at, 0, CONTROL_HEADER_BYTES);
		tap->out.length += CONTROL_HEADER_BYTES;
	}
	return start;
}

/* One without content is none. */
static void message_close(struct tap *tap, size_t start, uint16_t code)
{
	size_t payload = start + CONTROL_HEADER_BYTES;

	if (tap->out.failed)
		return;
	if (tap->out.length == payload && code >= CONTROL_ROWS)
		tap->out.length = start;
	else
		control_head(tap->out.data + start, code, (uint32_t)(tap->out.length - payload));
}

__attribute__((format(printf, 3, 4))) static void tap_say(struct tap *tap, uint16_t code,
							  const char *format, ...)
{
	char text[2 * WHY_BYTES];
	size_t start = message_open(tap);
	va_list arguments;
	char *at;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length >= (int)sizeof(text))
		length = sizeof(text) - 1;
	at = json_room(&tap->out, (size_t)length);
	if (at) {
		memcpy(at, text, (size_t)length);
		tap->out.length += (size_t)length;
	}
	message_close(tap, start, code);
}

/* Rows that passed, and what became of them: the others are their sum. */
static uint64_t count_print(struct tap *tap, char *text, size_t size)
{
	const struct tap_counts *counts = &tap->counts;
	struct listener_counts heard;
	struct {
		uint64_t rows;
		const char *what;
	} parts[] = { { counts->unmatched, "did not match" },
		      { counts->left_out, "left out" },
		      { 0, "not looked at" } };
	int length;

	listener_count(&tap->listener, &heard);
	parts[2].rows = heard.missed_rows + tap->missed_rows;
	length = snprintf(
		text, size, "%s %s passed, %s shown", figure_grouped(heard.passed_rows).text,
		heard.passed_rows == 1 ? "row" : "rows", figure_grouped(counts->shown).text);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (parts[i].rows)
			length += snprintf(text + length, size - (size_t)length, ", %s %s",
					   figure_grouped(parts[i].rows).text, parts[i].what);
	return parts[1].rows + parts[2].rows;
}

/* The last message; rows that wait are let go. */
static void tap_finish(struct tap *tap, uint16_t code, const char *why)
{
	char counted[WHY_BYTES];

	if (tap->ending)
		return;
	tap->ending = true;
	listener_remove(&tap->listener);
	count_print(tap, counted, sizeof(counted));
	if (*why)
		tap_say(tap, CONTROL_NOTE, "%s\n", why);
	tap_say(tap, code, "%s\n", counted);
}

/* ---- rows -------------------------------------------------------------------------------- */

/* How many more may be shown now. */
static uint64_t tap_budget(const struct tap *tap)
{
	uint64_t budget = tap->rate > tap->second_rows ? tap->rate - tap->second_rows : 0;

	if (tap->limit && tap->limit - tap->counts.shown < budget)
		budget = tap->limit - tap->counts.shown;
	return tap->out.length - tap->written > PENDING_LIMIT ? 0 : budget;
}

static void tap_show(struct tap *tap, struct sonde_batch *batch)
{
	uint64_t budget = tap_budget(tap), shown = tap->counts.shown;
	size_t start;

	if (!budget) {
		tap->missed_rows += batch->selected_count;
		return;
	}
	start = message_open(tap);
	tap_view_write(tap->view, batch, budget, &tap->out, &tap->counts);
	message_close(tap, start, CONTROL_ROWS);
	tap->second_rows += tap->counts.shown - shown;
}

/* Takes all that waits, whether it is shown or not: rows are never kept for a client. */
static void tap_take(struct tap *tap)
{
	struct sonde_batch *batch;
	const char *note;

	while (!tap->ending && (batch = listener_take(&tap->listener))) {
		tap_show(tap, batch);
		batch_release(batch);
		note = tap_view_note(tap->view);
		if (*note)
			tap_say(tap, CONTROL_NOTE, "%s\n", note);
		if (tap->limit && tap->counts.shown >= tap->limit)
			tap_finish(tap, EXIT_CODE_OK, "");
	}
}

/* ---- the client -------------------------------------------------------------------------- */

/* 0, or -EPIPE: all that there will be is sent, or cannot be. */
static int tap_send(struct tap *tap)
{
	while (!tap->out.failed && tap->written < tap->out.length) {
		ssize_t count = send(tap->fd, tap->out.data + tap->written,
				     tap->out.length - tap->written, MSG_NOSIGNAL);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN)
			return 0;
		if (count < 0)
			return -EPIPE;
		tap->written += (size_t)count;
	}
	if (tap->out.failed || tap->ending)
		return -EPIPE;
	json_clear(&tap->out);
	tap->written = 0;
	return 0;
}

/* Sends, and sees to what it waits for next. It may be gone afterwards. */
static void tap_settle(struct tap *tap)
{
	bool waiting;
	int result = tap_send(tap);

	waiting = tap->written < tap->out.length;
	listener_sate(&tap->listener, !tap_budget(tap));
	if (!result)
		result = loop_watch_change(tap->loop, tap->watch,
					   (uint32_t)(tap->hung_up ? 0 : SONDE_READABLE) |
						   (uint32_t)(waiting ? SONDE_WRITABLE : 0));
	if (result)
		tap->gone(tap, tap->data);
}

static void tap_ready(void *data, int fd, uint32_t events)
{
	struct tap *tap = data;
	char ignored[256];
	ssize_t count = 1;

	(void)events;
	while (!tap->hung_up && count > 0)
		count = read(fd, ignored, sizeof(ignored));
	if (!count) {
		tap->hung_up = true;
		tap_finish(tap, EXIT_CODE_OK, "");
	} else if (count < 0 && errno != EAGAIN && errno != EINTR) {
		tap->gone(tap, tap->data);
		return;
	}
	tap_settle(tap);
}

/* A client that ends has a while to read the rest; one that reads on hears how it goes. */
static void tap_second(void *data)
{
	struct tap *tap = data;
	char counted[WHY_BYTES];
	uint64_t unshown;

	tap->second_rows = 0;
	if (tap->ending && ++tap->ended_seconds >= ENDING_SECONDS) {
		tap->gone(tap, tap->data);
		return;
	}
	unshown = count_print(tap, counted, sizeof(counted));
	if (!tap->ending && unshown != tap->said_rows && tap->written >= tap->out.length) {
		tap_say(tap, CONTROL_COUNT, "%s\n", counted);
		tap->said_rows = unshown;
	}
	tap_settle(tap);
}

/* ---- life -------------------------------------------------------------------------------- */

static int tap_open(struct tap *tap)
{
	int result;

	tap->watch = calloc(1, sizeof(*tap->watch));
	if (!tap->watch)
		return -ENOMEM;
	*tap->watch = (struct loop_fd){ .run = tap_ready, .data = tap, .fd = tap->fd };
	result = loop_watch(tap->loop, tap->watch, SONDE_READABLE);
	if (result) {
		free(tap->watch);
		tap->watch = NULL;
		return result;
	}
	loop_timer_every(tap->loop, &tap->second, NS_PER_SECOND);
	tap_say(tap, CONTROL_COUNT, "rows that leave %s%s%s\n", tap->name, tap->after ? " / " : "",
		tap->after ? tap->after : "");
	return 0;
}

/* Rows came, or word from the main thread. */
static void tap_run(void *data)
{
	struct tap *tap = data;
	bool replaced, ended;

	if (!tap->watch && tap_open(tap)) {
		tap->gone(tap, tap->data);
		return;
	}
	pthread_mutex_lock(&tap->mutex);
	replaced = tap->replaced;
	ended = tap->ended;
	tap->replaced = false;
	pthread_mutex_unlock(&tap->mutex);
	tap_take(tap);
	if (replaced && !tap->ending)
		tap_say(tap, CONTROL_NOTE, "a reload put another %s in its place: going on there\n",
			tap->name);
	if (ended)
		tap_finish(tap, tap->end_code, tap->why);
	tap_settle(tap);
}

struct tap *tap_create(const struct tap_request *request, struct tap_view *view, struct loop *loop,
		       void (*gone)(struct tap *tap, void *data), void *data)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		return NULL;
	tap->name = strdup(request->name);
	tap->after = request->after ? strdup(request->after) : NULL;
	if (!tap->name || (request->after && !tap->after)) {
		free(tap->name);
		free(tap);
		return NULL;
	}
	tap->loop = loop;
	tap->gone = gone;
	tap->data = data;
	tap->limit = request->limit;
	tap->rate = request->rate;
	tap->view = view;
	tap->fd = -1;
	tap->task = (struct loop_task){ .run = tap_run, .data = tap };
	tap->second = (struct loop_timer){ .run = tap_second, .data = tap };
	tap->listener.loop = loop;
	tap->listener.arrived = &tap->task;
	pthread_mutex_init(&tap->mutex, NULL);
	return tap;
}

void tap_release(struct tap *tap)
{
	listener_remove(&tap->listener);
	loop_cancel(tap->loop, &tap->task);
	loop_timer_end(tap->loop, &tap->second);
	if (tap->watch)
		loop_watch_end(tap->loop, tap->watch);
	if (tap->fd >= 0)
		close(tap->fd);
	tap_view_release(tap->view);
	json_release(&tap->out);
	pthread_mutex_destroy(&tap->mutex);
	free(tap->name);
	free(tap->after);
	free(tap);
}

int tap_begin(struct tap *tap, int fd)
{
	int result;

	tap->fd = fd; /* before its thread hears of it */
	result = listener_add(&tap->listener);
	if (!result)
		loop_post(tap->loop, &tap->task);
	else
		tap->fd = -1;
	return result;
}

void tap_listen(struct tap *tap, struct listening_place *const *places, uint32_t count)
{
	listener_move(&tap->listener, places, count);
}

void tap_replaced(struct tap *tap)
{
	pthread_mutex_lock(&tap->mutex);
	tap->replaced = true;
	pthread_mutex_unlock(&tap->mutex);
	loop_post(tap->loop, &tap->task);
}

void tap_end(struct tap *tap, uint16_t code, const char *why)
{
	pthread_mutex_lock(&tap->mutex);
	if (!tap->ended) {
		tap->end_code = code;
		snprintf(tap->why, sizeof(tap->why), "%s", why);
	}
	tap->ended = true;
	pthread_mutex_unlock(&tap->mutex);
	loop_post(tap->loop, &tap->task);
}

const char *tap_name(const struct tap *tap)
{
	return tap->name;
}

const char *tap_after(const struct tap *tap)
{
	return tap->after;
}
