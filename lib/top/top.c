// SPDX-License-Identifier: Apache-2.0
/* The live view: looks, keys and what they change. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reading.h"
#include "screen.h"
#include "top.h"

enum { MESSAGE_BYTES = 256, ESCAPE = 27, CONTROL_C = 3 };

struct top {
	const struct top_host *host;
	struct snapshot *before, *now;
	struct census census;
	struct reading *reading;     /* while programs are looked at, by who may */
	int rows_fd;                 /* else rows of the daemon's input; -1: none */
	char refused[MESSAGE_BYTES]; /* why programs cannot be read */
	struct sheet sheet;
	struct sheet_view views[PAGE_COUNT];
	uint32_t first[PAGE_COUNT];
	enum page page;
	bool paused, filtering, help, quit;
	char message[MESSAGE_BYTES];
	int64_t next_ns; /* look */
};

static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* ---- what the daemon says ---------------------------------------------------------------- */

/* Asks; what there was stays if there is no answer, and the message says so. */
static int status_look(struct top *top)
{
	const char *const words[] = { "status", "json" };
	struct snapshot *snapshot = NULL;
	size_t length;
	uint16_t code = 0;
	char *reply;
	int result = top->host->ask(top->host->data, words, 2, &code, &reply, &length);

	top->message[0] = '\0';
	if (!result) {
		snapshot = code ? NULL : snapshot_read(reply, length, monotonic_ns());
		free(reply);
		result = snapshot ? 0 : -EPROTO;
	}
	if (result) {
		snprintf(top->message, sizeof(top->message),
			 "the daemon does not answer: %s; what is shown is old", strerror(-result));
		return result;
	}
	snapshot_release(top->before);
	top->before = top->now;
	top->now = snapshot;
	return 0;
}

/* Another daemon, or one that began anew, has nothing to do with what was. */
static const struct snapshot *comparable(const struct top *top)
{
	return top->before && top->before->pid == top->now->pid ? top->before : NULL;
}

/* ---- programs ---------------------------------------------------------------------------- */

static void programs_end(struct top *top)
{
	reading_end(top->reading);
	top->reading = NULL;
	if (top->rows_fd >= 0)
		close(top->rows_fd);
	top->rows_fd = -1;
	census_release(&top->census);
}

/* Who may not ask the kernel sees what an input of the daemon reads of it. */
static void rows_begin(struct top *top)
{
	const char *words[] = { "tap", NULL, "format=json", "rate=20000" };

	for (uint32_t i = 0; i < top->now->instance_count; i++) {
		const struct snapshot_instance *instance = &top->now->instances[i];

		if (strcmp(instance->plugin, "bpf") || strcmp(instance->kind, "input"))
			continue;
		words[1] = instance->name;
		if (top->host->begin(top->host->data, words, 4, &top->rows_fd))
			top->rows_fd = -1;
		else
			snprintf(top->refused, sizeof(top->refused),
				 "waiting for the next rows of the daemon's input %s",
				 instance->name);
		return;
	}
}

static void programs_begin(struct top *top)
{
	top->refused[0] = '\0';
	if (reading_begin(&top->reading, top->refused, sizeof(top->refused)))
		rows_begin(top);
	else if (reading_take(top->reading, &top->census) == -ENOMEM)
		snprintf(top->message, sizeof(top->message), "no memory");
}

static void rows_take(struct top *top)
{
	size_t length;
	uint16_t code;
	char *text;
	int result = top->host->receive(top->rows_fd, &code, &text, &length);

	if (!result && code == top->host->rows_code && !top->paused &&
	    census_take_rows(&top->census, text, length))
		snprintf(top->message, sizeof(top->message), "no memory");
	if (result || code < top->host->rows_code) { /* that was its last word */
		close(top->rows_fd);
		top->rows_fd = -1;
		snprintf(top->refused, sizeof(top->refused),
			 "the daemon shows no rows of its input `bpf` any more: %s",
			 result ? strerror(-result) : text);
	}
	if (!result)
		free(text);
}

static void programs_look(struct top *top)
{
	int result = top->reading ? reading_take(top->reading, &top->census) : 0;

	if (!top->reading && top->rows_fd < 0) /* the daemon may have begun anew */
		rows_begin(top);
	if (result)
		snprintf(top->message, sizeof(top->message), "cannot read the BPF programs: %s",
			 strerror(-result));
}

/* ---- pages ------------------------------------------------------------------------------- */

static void page_refill(struct top *top)
{
	int result = top->page == PAGE_PROGRAMS
			     ? page_fill_programs(&top->census, &top->sheet)
			     : page_fill(top->page, comparable(top), top->now, &top->sheet);

	if (result)
		snprintf(top->message, sizeof(top->message), "no memory for all rows");
	sheet_arrange(&top->sheet, &top->views[top->page]);
}

static void page_switch(struct top *top, enum page page)
{
	if (page == top->page)
		return;
	if (top->page == PAGE_PROGRAMS)
		programs_end(top);
	top->page = page;
	if (page == PAGE_PROGRAMS)
		programs_begin(top);
}

static const char *remark_of(const struct top *top)
{
	if (*top->views[top->page].filter)
		return "";
	if (top->page == PAGE_PROGRAMS)
		return top->refused;
	return top->page == PAGE_LOSSES ? "nothing was lost or reduced" : "";
}

static void top_draw(struct top *top)
{
	struct screen screen = {
		.page = top->page,
		.sheet = &top->sheet,
		.view = &top->views[top->page],
		.first = top->first[top->page],
		.before = comparable(top),
		.now = top->now,
		.message = top->message,
		.remark = remark_of(top),
		.paused = top->paused,
		.filtering = top->filtering,
		.help = top->help,
	};

	page_refill(top);
	screen_draw(&screen);
	top->first[top->page] = screen.first;
}

/* ---- keys -------------------------------------------------------------------------------- */

static void filter_key(struct top *top, int key)
{
	char *filter = top->views[top->page].filter;
	size_t length = strlen(filter);

	if (key == '\n') {
		top->filtering = false;
	} else if (key == ESCAPE) {
		top->filtering = false;
		filter[0] = '\0';
	} else if (key == SCREEN_KEY_BACK && length) {
		do
			filter[--length] = '\0';
		while (length && (filter[length - 1] & 0xc0) == 0xc0); /* of one in several bytes */
	} else if (key >= ' ' && key < 256 && length + 1 < sizeof(top->views[top->page].filter)) {
		filter[length] = (char)key;
		filter[length + 1] = '\0';
	}
}

static void sort_move(struct top *top, int by)
{
	struct sheet_view *view = &top->views[top->page];
	uint32_t count = top->sheet.column_count;

	view->sort = (uint32_t)((int)view->sort + by + (int)count) % count;
	view->descending = sheet_is_right(&top->sheet.columns[view->sort]);
}

static void move_first(struct top *top, int64_t by)
{
	int64_t first = (int64_t)top->first[top->page] + by;

	top->first[top->page] = first < 0 ? 0 : (uint32_t)first;
}

static bool move_key(struct top *top, int key)
{
	int64_t page = screen_rows();

	switch (key) {
	case SCREEN_KEY_UP:
		move_first(top, -1);
		break;
	case SCREEN_KEY_DOWN:
		move_first(top, 1);
		break;
	case SCREEN_KEY_PAGE_UP:
		move_first(top, -page);
		break;
	case SCREEN_KEY_PAGE_DOWN:
		move_first(top, page);
		break;
	case SCREEN_KEY_HOME:
		top->first[top->page] = 0;
		break;
	case SCREEN_KEY_END:
		move_first(top, top->sheet.shown_count);
		break;
	default:
		return false;
	}
	return true;
}

static void command_key(struct top *top, int key)
{
	switch (key) {
	case 'q':
		top->quit = true;
		break;
	case 'h':
	case '?':
		top->help = !top->help;
		break;
	case ESCAPE:
		top->help = false;
		top->views[top->page].filter[0] = '\0';
		break;
	case 'p':
	case ' ':
		top->paused = !top->paused;
		break;
	case 'r':
		top->views[top->page].descending = !top->views[top->page].descending;
		break;
	case 's':
	case '>':
	case SCREEN_KEY_RIGHT:
		sort_move(top, 1);
		break;
	case '<':
	case SCREEN_KEY_LEFT:
		sort_move(top, -1);
		break;
	case '/':
		top->filtering = true;
		break;
	case '\t':
		page_switch(top, (enum page)((top->page + 1) % PAGE_COUNT));
		break;
	default:
		if (key >= '1' && key < '1' + PAGE_COUNT)
			page_switch(top, (enum page)(key - '1'));
	}
}

static void keys_take(struct top *top)
{
	int key;

	while (!top->quit && (key = screen_key()) != -1) {
		if (key == CONTROL_C)
			top->quit = true;
		else if (top->filtering)
			filter_key(top, key);
		else if (!move_key(top, key))
			command_key(top, key);
	}
}

/* ---- life -------------------------------------------------------------------------------- */

/* Until a key, rows of the daemon's, a signal such as that of another size, or the next look. */
static void top_wait(struct top *top)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = top->rows_fd, .events = POLLIN } };
	int64_t left_ns = top->next_ns - monotonic_ns();
	int count = poll(fds, 2, left_ns > 0 ? (int)(left_ns / 1000000 + 1) : 0);

	if (count > 0 && fds[0].revents & (POLLHUP | POLLERR))
		top->quit = true; /* the terminal is gone */
	if (count > 0 && fds[1].revents)
		rows_take(top);
}

static void top_look(struct top *top)
{
	int64_t now_ns = monotonic_ns();

	if (now_ns < top->next_ns)
		return;
	top->next_ns = now_ns + top->host->interval_ns;
	if (top->paused)
		return;
	status_look(top);
	if (top->page == PAGE_PROGRAMS)
		programs_look(top);
}

static void top_run(struct top *top)
{
	top->next_ns = monotonic_ns() + top->host->interval_ns;
	while (!top->quit && !ended) {
		top_draw(top);
		top_wait(top);
		keys_take(top);
		top_look(top);
	}
}

__attribute__((visibility("default"))) top_function sonde_top;

int sonde_top(const struct top_host *host)
{
	struct top top = { .host = host, .rows_fd = -1 };
	struct sigaction action = { .sa_handler = end };
	int result;

	if (host->size != sizeof(*host))
		return -ESTALE;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	result = status_look(&top);
	if (!result)
		result = screen_open(host->colour);
	if (!result) {
		sigaction(SIGTERM, &action, NULL);
		sigaction(SIGHUP, &action, NULL);
		for (int page = 0; page < PAGE_COUNT; page++)
			top.views[page] = page_view((enum page)page);
		top_run(&top);
		screen_close();
	}
	programs_end(&top);
	snapshot_release(top.before);
	snapshot_release(top.now);
	sheet_release(&top.sheet);
	return result;
}
