/* SPDX-License-Identifier: Apache-2.0 */
/* The core's loop.h without a thread or a running clock: a test says when what happens. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "test_host.h"

enum { TURN_TASKS = 16 }; /* more than an instance has */

/* Tasks that have run: one that wakes itself waits for the next turn, or time would stand still. */
struct turn {
	struct loop_task *ran[TURN_TASKS];
	uint32_t count;
};

int test_loop_init(struct loop *loop, int64_t now_ns)
{
	*loop = (struct loop){ .now_ns = now_ns };
	loop->last_task = &loop->tasks;
	loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return loop->event_fd < 0 ? -errno : pthread_mutex_init(&loop->mutex, NULL);
}

static void watches_sweep(struct loop *loop)
{
	for (struct test_watch **link = &loop->watches; *link;) {
		struct test_watch *watch = *link;

		if (watch->watch) {
			link = &watch->next;
			continue;
		}
		*link = watch->next;
		free(watch);
	}
}

void test_loop_clear(struct loop *loop)
{
	watches_sweep(loop);
	if (loop->event_fd >= 0)
		close(loop->event_fd);
	pthread_mutex_destroy(&loop->mutex);
}

int64_t loop_now_ns(const struct loop *loop)
{
	return loop->now_ns;
}

/* ---- tasks ------------------------------------------------------------------------------- */

void loop_post(struct loop *loop, struct loop_task *task)
{
	uint64_t one = 1;

	pthread_mutex_lock(&loop->mutex);
	if (!task->queued) {
		task->queued = true;
		task->next = NULL;
		*loop->last_task = task;
		loop->last_task = &task->next;
	}
	if (write(loop->event_fd, &one, sizeof(one)) < 0)
		one = 0; /* it is full, and so readable */
	pthread_mutex_unlock(&loop->mutex);
}

void loop_cancel(struct loop *loop, struct loop_task *task)
{
	pthread_mutex_lock(&loop->mutex);
	for (struct loop_task **link = &loop->tasks; *link; link = &(*link)->next) {
		if (*link != task)
			continue;
		*link = task->next;
		if (loop->last_task == &task->next)
			loop->last_task = link;
		task->queued = false;
		break;
	}
	pthread_mutex_unlock(&loop->mutex);
}

/* NULL: there is none, or the first one has run in this turn already. */
static struct loop_task *task_take(struct loop *loop, const struct turn *turn)
{
	struct loop_task *task;
	uint64_t count;

	pthread_mutex_lock(&loop->mutex);
	task = loop->tasks;
	for (uint32_t i = 0; task && i < turn->count; i++) {
		if (turn->ran[i] == task)
			task = NULL;
	}
	if (task) {
		loop->tasks = task->next;
		if (!loop->tasks)
			loop->last_task = &loop->tasks;
		task->queued = false;
	} else if (!loop->tasks && read(loop->event_fd, &count, sizeof(count)) < 0) {
		count = 0; /* nothing was posted since */
	}
	pthread_mutex_unlock(&loop->mutex);
	return task;
}

void test_loop_run_tasks(struct loop *loop)
{
	struct turn turn = { .count = 0 };
	struct loop_task *task;

	while (turn.count < TURN_TASKS && (task = task_take(loop, &turn))) {
		turn.ran[turn.count++] = task;
		task->run(task->data);
	}
}

/* ---- timers ------------------------------------------------------------------------------ */

static void timer_insert(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **link = &loop->timers;

	while (*link && (*link)->due_ns <= timer->due_ns)
		link = &(*link)->next;
	timer->next = *link;
	*link = timer;
}

static void timer_remove(struct loop_timer **link, const struct loop_timer *timer)
{
	for (; *link; link = &(*link)->next) {
		if (*link == timer) {
			*link = timer->next;
			return;
		}
	}
}

void loop_timer_end(struct loop *loop, struct loop_timer *timer)
{
	timer_remove(&loop->timers, timer);
	timer_remove(&loop->waiting, timer);
	timer->due_ns = 0;
}

/* At multiples of the interval, as in the daemon: the first comes within one. */
void loop_timer_every(struct loop *loop, struct loop_timer *timer, int64_t interval_ns)
{
	loop_timer_end(loop, timer);
	if (interval_ns < NS_PER_MS)
		interval_ns = NS_PER_MS;
	timer->interval_ns = interval_ns;
	timer->due_ns = (loop->now_ns / interval_ns + 1) * interval_ns;
	timer_insert(loop, timer);
}

void loop_timer_after(struct loop *loop, struct loop_timer *timer, int64_t delay_ns)
{
	loop_timer_end(loop, timer);
	timer->interval_ns = 0;
	timer->due_ns = loop->now_ns + (delay_ns > 0 ? delay_ns : 0);
	if (delay_ns > 0 || timer != loop->running) {
		timer_insert(loop, timer);
		return;
	}
	timer->next = loop->waiting;
	loop->waiting = timer;
}

static void timer_run(struct loop *loop, struct loop_timer *timer)
{
	loop->timers = timer->next;
	if (timer->interval_ns) {
		timer->due_ns = (loop->now_ns / timer->interval_ns + 1) * timer->interval_ns;
		timer_insert(loop, timer);
	} else {
		timer->due_ns = 0;
	}
	loop->running = timer;
	timer->run(timer->data);
	loop->running = NULL;
}

/* Timers that their own callback set anew for now, which waited for this. */
static void waiting_insert(struct loop *loop)
{
	struct loop_timer *timer = loop->waiting;

	loop->waiting = NULL;
	while (timer) {
		struct loop_timer *next = timer->next;

		timer_insert(loop, timer);
		timer = next;
	}
}

void test_loop_advance(struct loop *loop, int64_t then_ns)
{
	waiting_insert(loop);
	test_loop_run_tasks(loop);
	while (loop->timers && loop->timers->due_ns <= then_ns) {
		if (loop->timers->due_ns > loop->now_ns)
			loop->now_ns = loop->timers->due_ns;
		timer_run(loop, loop->timers);
		test_loop_run_tasks(loop);
	}
	loop->now_ns = then_ns;
}

/* ---- fds --------------------------------------------------------------------------------- */

static struct test_watch *watch_find(struct loop *loop, const struct loop_fd *fd)
{
	struct test_watch *watch = loop->watches;

	while (watch && watch->watch != fd)
		watch = watch->next;
	return watch;
}

int loop_watch(struct loop *loop, struct loop_fd *fd, uint32_t events)
{
	struct test_watch *watch;
	struct stat status;

	if (fstat(fd->fd, &status))
		return -errno;
	if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) /* as epoll has it */
		return -EPERM;
	watch = test_memory(calloc(1, sizeof(*watch)));
	watch->watch = fd;
	watch->events = events;
	watch->next = loop->watches;
	loop->watches = watch;
	return 0;
}

int loop_watch_change(struct loop *loop, struct loop_fd *fd, uint32_t events)
{
	watch_find(loop, fd)->events = events;
	return 0;
}

void loop_watch_end(struct loop *loop, struct loop_fd *fd)
{
	watch_find(loop, fd)->watch = NULL;
	free(fd);
}

bool test_loop_ready(struct loop *loop, int fd, uint32_t events)
{
	for (struct test_watch *watch = loop->watches; watch; watch = watch->next) {
		if (!watch->watch || watch->watch->fd != fd)
			continue;
		watch->watch->run(watch->watch->data, fd, events);
		return true;
	}
	return false;
}

static struct pollfd poll_of(const struct test_watch *watch)
{
	return (struct pollfd){
		.fd = watch->watch->fd,
		.events = (short)((watch->events & SONDE_READABLE ? POLLIN : 0) |
				  (watch->events & SONDE_WRITABLE ? POLLOUT : 0)),
	};
}

static uint32_t events_of(short bits)
{
	return (bits & POLLIN ? SONDE_READABLE : 0u) | (bits & POLLOUT ? SONDE_WRITABLE : 0u) |
	       (bits & (POLLHUP | POLLERR) ? SONDE_HANGUP : 0u);
}

/* Watches that end while the others run are not run any more. */
static int watches_run(struct test_watch **watches, const struct pollfd *polls, uint32_t count,
		       int *ret_fd)
{
	for (uint32_t i = 0; i < count; i++) {
		struct loop_fd *fd = watches[i]->watch;

		if (!polls[i].revents || !fd)
			continue;
		*ret_fd = fd->fd;
		if (polls[i].revents & POLLNVAL)
			return -EBADF;
		fd->run(fd->data, fd->fd, events_of(polls[i].revents));
	}
	return 0;
}

int test_loop_poll(struct loop *loop, int timeout_ms, int *ret_fd)
{
	struct test_watch **watches;
	struct pollfd *polls;
	uint32_t count = 0;
	int result = 0, ready;

	watches_sweep(loop);
	for (struct test_watch *watch = loop->watches; watch; watch = watch->next)
		count++;
	watches = test_memory(calloc(count + 1, sizeof(struct test_watch *)));
	polls = test_memory(calloc(count + 1, sizeof(struct pollfd)));
	count = 0;
	for (struct test_watch *watch = loop->watches; watch; watch = watch->next) {
		watches[count] = watch;
		polls[count++] = poll_of(watch);
	}
	polls[count] = (struct pollfd){ .fd = loop->event_fd, .events = POLLIN };
	do
		ready = poll(polls, count + 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready > 0)
		result = watches_run(watches, polls, count, ret_fd);
	test_loop_run_tasks(loop);
	free(watches);
	free(polls);
	return result;
}
