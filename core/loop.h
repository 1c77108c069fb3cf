/* SPDX-License-Identifier: Apache-2.0 */
/* A loop: fds, timers and posted tasks of one thread. */
#ifndef SONDE_LOOP_H
#define SONDE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* Work posted to a loop; embedded in whoever posts it, and run once for any number of posts that
 * come before it runs. Zero it and set run and data. */
struct loop_task {
	void (*run)(void *data);
	void *data;
	struct loop_task *next;
	bool queued; /* private */
};

/* A timer of a loop; embedded. Periodic ones of equal interval fire together. */
struct loop_timer {
	void (*run)(void *data);
	void *data;
	int64_t due_ns;      /* private: monotonic; 0: not set */
	int64_t interval_ns; /* private: 0: once */
	struct loop_timer *next;
};

/* An fd of a loop; embedded. events: SONDE_READABLE and its kin. */
struct loop_fd {
	void (*run)(void *data, int fd, uint32_t events);
	void *data;
	int fd;
	struct loop_fd *next;
	bool dead; /* private */
};

/* NULL with errno set on failure. The name, at most 15 bytes, is the thread's. */
struct loop *loop_create(const char *name);
/* Not while it runs. NULL is fine. */
void loop_release(struct loop *loop);

/* Starts the loop's thread; or runs it on this one until loop_end(), after which it may be run
 * again. */
int loop_start(struct loop *loop);
void loop_run(struct loop *loop);
/* Any thread: the loop returns after the callback that it is in; one that does not run yet, at
 * once. */
void loop_end(struct loop *loop);
/* Ends it and waits for the thread. -ETIMEDOUT: a callback did not return by then (monotonic); the
 * thread is left to itself and nothing of the loop may be freed. */
int loop_join(struct loop *loop, int64_t deadline_ns);

/* Any thread: runs the task on the loop's thread. */
void loop_post(struct loop *loop, struct loop_task *task);
/* On the loop's thread: takes back a task that is posted; afterwards it does not run. */
void loop_cancel(struct loop *loop, struct loop_task *task);

/* Any thread but the loop's: runs call(data) there and waits. -ETIMEDOUT: it did not start within
 * the time, and will not. -EINPROGRESS: it started, and has not returned: data must stay valid
 * until it has. */
int loop_call(struct loop *loop, void (*call)(void *data), void *data, int64_t timeout_ns);

/* The same for data that can be left behind: unless it returns 0, release(data) is called once the
 * call has returned or will not come. */
int loop_call_owned(struct loop *loop, void (*call)(void *data), void (*release)(void *data),
		    void *data, int64_t timeout_ns);

/* On the loop's thread only. A timer that is set is set anew. */
void loop_timer_every(struct loop *loop, struct loop_timer *timer, int64_t interval_ns);
void loop_timer_after(struct loop *loop, struct loop_timer *timer, int64_t delay_ns);
void loop_timer_end(struct loop *loop, struct loop_timer *timer);

/* On the loop's thread only. -errno as epoll_ctl; -EPERM: the fd cannot be watched. */
int loop_watch(struct loop *loop, struct loop_fd *watch, uint32_t events);
int loop_watch_change(struct loop *loop, struct loop_fd *watch, uint32_t events);
/* Frees the watch with free() once the loop has no more use for it. */
void loop_watch_end(struct loop *loop, struct loop_fd *watch);

/* Monotonic time at the begin of this turn; on the loop's thread. */
int64_t loop_now_ns(const struct loop *loop);
bool loop_is_current(const struct loop *loop);

/* Turns so far. Any thread. */
uint64_t loop_turn_count(const struct loop *loop);

/* For a watch that looks now and again, on one thread: how long it has seen the loop in the turn
 * that it is in. 0: it has come around since the last look, sleeps, or does not run. */
int64_t loop_lasting_ns(struct loop *loop, int64_t now_ns);

const char *loop_name(const struct loop *loop);

#endif
