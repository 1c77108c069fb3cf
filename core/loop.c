/* SPDX-License-Identifier: Apache-2.0 */
/* A loop: fds, timers and posted tasks of one thread. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <sonde/plugin.h>
#include "clock.h"
#include "loop.h"

enum {
	LOOP_EVENTS = 32,             /* fds served a turn */
	LOOP_TURNS_WITHOUT_POLL = 64, /* turns of posted work before fds are looked at again */
};

struct loop {
	char name[16];
	int epoll_fd, event_fd;
	pthread_t thread;
	bool started, joined;
	pthread_mutex_t mutex;  /* over the posted tasks and `returned` */
	pthread_cond_t changed; /* the thread has returned */
	bool returned;
	struct loop_task *first, **last;
	uint32_t task_count;
	bool ended;                /* atomic */
	bool sleeping;             /* atomic: a post must write the event fd */
	bool running;              /* atomic: in loop_run() */
	struct loop_timer *timers; /* by due time */
	struct loop_fd *dead;      /* watches to free after this turn */
	int64_t now_ns;
	uint64_t turn_count; /* atomic */
	uint64_t seen_turn;  /* of loop_lasting_ns() */
	int64_t seen_since_ns;
};

static __thread const struct loop *loop_current;

struct loop *loop_create(const char *name)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->last = &loop->first;
	loop->now_ns = clock_timer_ns();
	pthread_mutex_init(&loop->mutex, NULL);
	clock_condition_init(&loop->changed);
	strncpy(loop->name, name, sizeof(loop->name) - 1);
	if (loop->epoll_fd < 0 || loop->event_fd < 0 ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->event_fd, &event)) {
		loop_release(loop);
		return NULL;
	}
	return loop;
}

static void loop_free_dead(struct loop *loop)
{
	while (loop->dead) {
		struct loop_fd *watch = loop->dead;

		loop->dead = watch->next;
		free(watch);
	}
}

static void loop_free_waiting(struct loop *loop);

void loop_release(struct loop *loop)
{
	if (!loop)
		return;
	assert(!loop->started || loop->joined);
	loop_free_waiting(loop);
	loop_free_dead(loop);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->event_fd >= 0)
		close(loop->event_fd);
	pthread_cond_destroy(&loop->changed);
	pthread_mutex_destroy(&loop->mutex);
	free(loop);
}

static void loop_kick(struct loop *loop)
{
	uint64_t one = 1;

	if (__atomic_exchange_n(&loop->sleeping, false, __ATOMIC_SEQ_CST) &&
	    write(loop->event_fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN); /* the counter is full: it wakes all the same */
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	pthread_mutex_lock(&loop->mutex);
	if (task->queued) {
		pthread_mutex_unlock(&loop->mutex);
		return;
	}
	task->queued = true;
	task->next = NULL;
	*loop->last = task;
	loop->last = &task->next;
	loop->task_count++;
	pthread_mutex_unlock(&loop->mutex);
	loop_kick(loop);
}

void loop_cancel(struct loop *loop, struct loop_task *task)
{
	struct loop_task **link;

	pthread_mutex_lock(&loop->mutex);
	for (link = &loop->first; *link; link = &(*link)->next) {
		if (*link != task)
			continue;
		*link = task->next;
		if (!*link)
			loop->last = link;
		loop->task_count--;
		break;
	}
	task->queued = false;
	pthread_mutex_unlock(&loop->mutex);
}

static struct loop_task *loop_take(struct loop *loop)
{
	struct loop_task *task;

	pthread_mutex_lock(&loop->mutex);
	task = loop->first;
	if (task) {
		loop->first = task->next;
		if (!loop->first)
			loop->last = &loop->first;
		loop->task_count--;
		task->queued = false;
	}
	pthread_mutex_unlock(&loop->mutex);
	return task;
}

/* Runs the tasks that were posted before now; those that they post wait for the next turn. */
static bool loop_run_tasks(struct loop *loop)
{
	struct loop_task *task;
	uint32_t count;

	pthread_mutex_lock(&loop->mutex);
	count = loop->task_count;
	pthread_mutex_unlock(&loop->mutex);
	for (uint32_t i = 0; i < count && (task = loop_take(loop)); i++) {
		task->run(task->data);
		if (__atomic_load_n(&loop->ended, __ATOMIC_RELAXED))
			break;
	}
	return count > 0;
}

static void loop_timer_insert(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **link = &loop->timers;

	while (*link && (*link)->due_ns <= timer->due_ns)
		link = &(*link)->next;
	timer->next = *link;
	*link = timer;
}

void loop_timer_end(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer **link;

	if (!timer->due_ns)
		return;
	for (link = &loop->timers; *link; link = &(*link)->next) {
		if (*link == timer) {
			*link = timer->next;
			break;
		}
	}
	timer->due_ns = 0;
}

void loop_timer_every(struct loop *loop, struct loop_timer *timer, int64_t interval_ns)
{
	loop_timer_end(loop, timer);
	if (interval_ns < NS_PER_MS)
		interval_ns = NS_PER_MS;
	timer->interval_ns = interval_ns;
	/* Multiples of the interval since boot: timers of equal interval fire together. */
	timer->due_ns = (clock_timer_ns() / interval_ns + 1) * interval_ns;
	loop_timer_insert(loop, timer);
}

void loop_timer_after(struct loop *loop, struct loop_timer *timer, int64_t delay_ns)
{
	loop_timer_end(loop, timer);
	timer->interval_ns = 0;
	timer->due_ns = clock_timer_ns() + (delay_ns > 0 ? delay_ns : 0);
	loop_timer_insert(loop, timer);
}

static void loop_run_timers(struct loop *loop)
{
	struct loop_timer *timer;

	while ((timer = loop->timers) && timer->due_ns <= loop->now_ns) {
		loop->timers = timer->next;
		if (timer->interval_ns) {
			timer->due_ns =
				(loop->now_ns / timer->interval_ns + 1) * timer->interval_ns;
			loop_timer_insert(loop, timer);
		} else {
			timer->due_ns = 0;
		}
		timer->run(timer->data);
	}
}

static uint32_t epoll_events(uint32_t events)
{
	return (events & SONDE_READABLE ? EPOLLIN : 0) | (events & SONDE_WRITABLE ? EPOLLOUT : 0);
}

int loop_watch(struct loop *loop, struct loop_fd *watch, uint32_t events)
{
	struct epoll_event event = { .events = epoll_events(events), .data.ptr = watch };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) ? -errno : 0;
}

int loop_watch_change(struct loop *loop, struct loop_fd *watch, uint32_t events)
{
	struct epoll_event event = { .events = epoll_events(events), .data.ptr = watch };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) ? -errno : 0;
}

void loop_watch_end(struct loop *loop, struct loop_fd *watch)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->dead = true; /* an event of this turn may still point at it */
	watch->next = loop->dead;
	loop->dead = watch;
}

static bool loop_has_tasks(struct loop *loop)
{
	bool has;

	pthread_mutex_lock(&loop->mutex);
	has = loop->task_count > 0;
	pthread_mutex_unlock(&loop->mutex);
	return has;
}

static int loop_timeout_ms(const struct loop *loop)
{
	int64_t left_ns;

	if (!loop->timers)
		return -1;
	left_ns = loop->timers->due_ns - clock_timer_ns();
	if (left_ns <= 0)
		return 0;
	left_ns = (left_ns + NS_PER_MS - 1) / NS_PER_MS;
	return left_ns > 3600 * 1000 ? 3600 * 1000 : (int)left_ns;
}

static void loop_poll(struct loop *loop, bool may_sleep)
{
	struct epoll_event events[LOOP_EVENTS];
	int count, timeout_ms = 0;

	if (may_sleep) {
		__atomic_store_n(&loop->sleeping, true, __ATOMIC_SEQ_CST);
		if (!loop_has_tasks(loop) && !__atomic_load_n(&loop->ended, __ATOMIC_SEQ_CST))
			timeout_ms = loop_timeout_ms(loop);
	}
	count = epoll_wait(loop->epoll_fd, events, LOOP_EVENTS, timeout_ms);
	__atomic_store_n(&loop->sleeping, false, __ATOMIC_SEQ_CST);
	loop->now_ns = clock_timer_ns();
	for (int i = 0; i < count; i++) {
		struct loop_fd *watch = events[i].data.ptr;
		uint32_t bits = events[i].events;

		if (!watch || watch->dead) /* NULL: the event fd, which only wakes */
			continue;
		watch->run(watch->data, watch->fd,
			   (bits & EPOLLIN ? SONDE_READABLE : 0) |
				   (bits & EPOLLOUT ? SONDE_WRITABLE : 0) |
				   (bits & (EPOLLHUP | EPOLLERR) ? SONDE_HANGUP : 0));
	}
	loop_free_dead(loop);
}

void loop_run(struct loop *loop)
{
	uint32_t turns_without_poll = 0;

	loop_current = loop;
	__atomic_store_n(&loop->running, true, __ATOMIC_RELAXED);
	while (!__atomic_load_n(&loop->ended, __ATOMIC_RELAXED)) {
		bool ran = loop_run_tasks(loop);

		__atomic_fetch_add(&loop->turn_count, 1, __ATOMIC_RELAXED);
		if (!ran || ++turns_without_poll >= LOOP_TURNS_WITHOUT_POLL) {
			turns_without_poll = 0;
			loop_poll(loop, !ran);
		} else if (loop->timers) {
			loop->now_ns = clock_timer_ns();
		}
		loop_run_timers(loop);
	}
	loop_current = NULL;
	__atomic_store_n(&loop->running, false, __ATOMIC_RELAXED);
	__atomic_store_n(&loop->ended, false, __ATOMIC_RELAXED);
}

static void *loop_thread(void *data)
{
	struct loop *loop = data;

	pthread_setname_np(pthread_self(), loop->name);
	loop_run(loop);
	pthread_mutex_lock(&loop->mutex);
	loop->returned = true;
	pthread_cond_signal(&loop->changed);
	pthread_mutex_unlock(&loop->mutex);
	return NULL;
}

int loop_start(struct loop *loop)
{
	int error = pthread_create(&loop->thread, NULL, loop_thread, loop);

	loop->started = error == 0;
	return -error;
}

void loop_end(struct loop *loop)
{
	__atomic_store_n(&loop->ended, true, __ATOMIC_SEQ_CST);
	loop_kick(loop);
}

int loop_join(struct loop *loop, int64_t deadline_ns)
{
	struct timespec deadline = clock_timespec(deadline_ns);
	bool returned;
	int error = 0;

	loop_end(loop);
	if (!loop->started || loop->joined)
		return 0;
	pthread_mutex_lock(&loop->mutex);
	while (!loop->returned && !error)
		error = pthread_cond_timedwait(&loop->changed, &loop->mutex, &deadline);
	returned = loop->returned;
	pthread_mutex_unlock(&loop->mutex);
	if (!returned)
		return -error;
	loop->joined = !pthread_join(loop->thread, NULL);
	return 0;
}

/* A call that somebody waits for. Whoever comes last, the caller or the loop, frees it. */
struct loop_waiting {
	struct loop_task task;
	void (*call)(void *data);
	void (*release)(void *data); /* of data that was left behind; may be NULL */
	void *data;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum { CALL_POSTED, CALL_RUNNING, CALL_DONE } state;
	bool left; /* the caller does not wait any more */
};

static void loop_waiting_free(struct loop_waiting *waiting)
{
	if (waiting->left && waiting->release)
		waiting->release(waiting->data);
	pthread_cond_destroy(&waiting->changed);
	pthread_mutex_destroy(&waiting->mutex);
	free(waiting);
}

static void loop_run_waiting(void *data)
{
	struct loop_waiting *waiting = data;
	bool left;

	pthread_mutex_lock(&waiting->mutex);
	left = waiting->left;
	waiting->state = CALL_RUNNING;
	pthread_mutex_unlock(&waiting->mutex);
	if (!left) {
		waiting->call(waiting->data);
		pthread_mutex_lock(&waiting->mutex);
		left = waiting->left;
		waiting->state = CALL_DONE;
		pthread_cond_signal(&waiting->changed);
		pthread_mutex_unlock(&waiting->mutex);
	}
	if (left)
		loop_waiting_free(waiting);
}

/* Calls that were given up and that the loop never came to. */
static void loop_free_waiting(struct loop *loop)
{
	struct loop_task *task = loop->first;

	while (task) {
		struct loop_task *next = task->next;

		if (task->run == loop_run_waiting)
			loop_waiting_free(task->data);
		task = next;
	}
}

/* Waits until the call is done, or leaves it behind. */
static int loop_wait(struct loop_waiting *waiting, int64_t deadline_ns)
{
	struct timespec deadline = clock_timespec(deadline_ns);
	int result = 0;

	pthread_mutex_lock(&waiting->mutex);
	while (waiting->state != CALL_DONE && !result) {
		if (pthread_cond_timedwait(&waiting->changed, &waiting->mutex, &deadline) &&
		    waiting->state != CALL_DONE)
			result = waiting->state == CALL_POSTED ? -ETIMEDOUT : -EINPROGRESS;
	}
	waiting->left = result != 0;
	pthread_mutex_unlock(&waiting->mutex);
	if (!result)
		loop_waiting_free(waiting);
	return result;
}

int loop_call_owned(struct loop *loop, void (*call)(void *data), void (*release)(void *data),
		    void *data, int64_t timeout_ns)
{
	int64_t deadline_ns = clock_monotonic_ns() + timeout_ns;
	struct loop_waiting *waiting = calloc(1, sizeof(*waiting));

	if (!waiting) {
		if (release)
			release(data);
		return -ENOMEM;
	}
	assert(!loop_is_current(loop));
	waiting->task = (struct loop_task){ .run = loop_run_waiting, .data = waiting };
	waiting->call = call;
	waiting->release = release;
	waiting->data = data;
	pthread_mutex_init(&waiting->mutex, NULL);
	clock_condition_init(&waiting->changed);
	loop_post(loop, &waiting->task);
	return loop_wait(waiting, deadline_ns);
}

int loop_call(struct loop *loop, void (*call)(void *data), void *data, int64_t timeout_ns)
{
	return loop_call_owned(loop, call, NULL, data, timeout_ns);
}

int64_t loop_now_ns(const struct loop *loop)
{
	return loop->now_ns;
}

bool loop_is_current(const struct loop *loop)
{
	return loop_current == loop;
}

uint64_t loop_turn_count(const struct loop *loop)
{
	return __atomic_load_n(&loop->turn_count, __ATOMIC_RELAXED);
}

/* The count is read before the rest: a turn that ends in between is then taken for the one before,
 * not for one that has lasted. */
int64_t loop_lasting_ns(struct loop *loop, int64_t now_ns)
{
	uint64_t turn_count = __atomic_load_n(&loop->turn_count, __ATOMIC_ACQUIRE);
	bool in_turn = __atomic_load_n(&loop->running, __ATOMIC_RELAXED) &&
		       !__atomic_load_n(&loop->sleeping, __ATOMIC_RELAXED);

	if (in_turn && loop->seen_since_ns && turn_count == loop->seen_turn)
		return now_ns - loop->seen_since_ns;
	loop->seen_turn = turn_count;
	loop->seen_since_ns = in_turn ? now_ns : 0;
	return 0;
}

const char *loop_name(const struct loop *loop)
{
	return loop->name;
}
