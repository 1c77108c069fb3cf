/* SPDX-License-Identifier: Apache-2.0 */
/* The core's loop.h without a thread or a running clock: a test says when what happens. */
#ifndef SONDE_TEST_LOOP_H
#define SONDE_TEST_LOOP_H

#include <pthread.h>

#include "loop.h"

struct test_watch {
	struct loop_fd *watch; /* owned; NULL: ended, and removed after the turn */
	uint32_t events;
	struct test_watch *next;
};

struct loop {
	int64_t now_ns;
	struct loop_timer *timers;  /* by due time */
	struct loop_timer *waiting; /* set anew for now by their own callbacks */
	struct loop_timer *running;
	struct test_watch *watches;
	pthread_mutex_t mutex; /* over the tasks */
	struct loop_task *tasks, **last_task;
	int event_fd; /* readable when a task was posted */
};

/* 0 or a negative errno. */
int test_loop_init(struct loop *loop, int64_t now_ns);
void test_loop_clear(struct loop *loop);

/* Runs posted tasks, each once at most. */
void test_loop_run_tasks(struct loop *loop);

/* Moves the clock to then_ns and runs what is due up to it. */
void test_loop_advance(struct loop *loop, int64_t then_ns);

/* Waits for watched fds and posted tasks, and runs them. -EBADF: a watched fd was closed, which
 * ret_fd names. */
int test_loop_poll(struct loop *loop, int timeout_ms, int *ret_fd);

/* Runs what watches an fd; false: nothing does. */
bool test_loop_ready(struct loop *loop, int fd, uint32_t events);

#endif
