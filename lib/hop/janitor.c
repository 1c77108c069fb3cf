// SPDX-License-Identifier: Apache-2.0
/* The thread that buries what nng has made. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "hop.h"
#include "janitor.h"

enum { STUCK_S = 1, IDLE_S = 5 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	struct hop_burial *first, **last;
	uint32_t expected;     /* made by nng and not buried */
	uint64_t shift;        /* of the thread that is in charge; others end */
	bool is_there;         /* there is such a thread */
	int64_t busy_since_ns; /* it buries; 0: it does not */
} janitor = { .lock = PTHREAD_MUTEX_INITIALIZER,
	      .done = PTHREAD_COND_INITIALIZER,
	      .last = &janitor.first };

static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void prepare(void)
{
	pthread_condattr_t attributes;

	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&janitor.work, &attributes);
	(void)pthread_cond_init(&janitor.done, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

static int64_t clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static struct timespec in_ns(int64_t delay_ns)
{
	int64_t end_ns = clock_ns() + delay_ns;

	return (struct timespec){ .tv_sec = end_ns / 1000000000, .tv_nsec = end_ns % 1000000000 };
}

/* ---- the thread -------------------------------------------------------------------------- */

/* With the lock, in which it comes back. One after the other, so that who is behind a stuck one is
 * left for the next thread. */
static void bury_first(uint64_t shift)
{
	struct hop_burial *burial = janitor.first;

	janitor.first = burial->next;
	if (!janitor.first)
		janitor.last = &janitor.first;
	janitor.busy_since_ns = clock_ns();
	pthread_mutex_unlock(&janitor.lock);
	burial->bury(burial);
	pthread_mutex_lock(&janitor.lock);
	if (shift == janitor.shift)
		janitor.busy_since_ns = 0;
	janitor.expected--;
	(void)pthread_cond_broadcast(&janitor.done);
}

/* Everybody learns of the end before anybody is waited for. With the lock, in which it comes back:
 * only its own thread takes anything out of the list. */
static void announce_all(uint64_t shift)
{
	struct hop_burial *burial = janitor.first;

	while (burial && shift == janitor.shift) {
		void (*announce)(struct hop_burial *) = burial->announce;

		burial->announce = NULL;
		if (announce) {
			pthread_mutex_unlock(&janitor.lock);
			announce(burial);
			pthread_mutex_lock(&janitor.lock);
		}
		burial = burial->next;
	}
}

static void *janitor_main(void *argument)
{
	uint64_t shift = (uint64_t)(uintptr_t)argument;

	(void)pthread_setname_np(pthread_self(), "hop-janitor");
	pthread_mutex_lock(&janitor.lock);
	while (shift == janitor.shift) {
		struct timespec end = in_ns(IDLE_S * INT64_C(1000000000));
		int result = 0;

		while (!janitor.first && result != ETIMEDOUT && shift == janitor.shift)
			result = pthread_cond_timedwait(&janitor.work, &janitor.lock, &end);
		if (shift != janitor.shift)
			break;
		if (!janitor.first) {
			janitor.is_there = false;
			janitor.shift++;
			break;
		}
		announce_all(shift);
		if (shift == janitor.shift && janitor.first)
			bury_first(shift);
	}
	pthread_mutex_unlock(&janitor.lock);
	return NULL;
}

/* With the lock. Signals are not for this thread. Where there is none to be had, the next look may
 * find one. */
static void janitor_start(void)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	janitor.shift++;
	janitor.busy_since_ns = 0;
	janitor.is_there = pthread_create(&thread, &attributes, janitor_main,
					  (void *)(uintptr_t)janitor.shift) == 0;
	(void)pthread_attr_destroy(&attributes);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void watch(void)
{
	bool stuck = janitor.busy_since_ns &&
		     clock_ns() - janitor.busy_since_ns > STUCK_S * INT64_C(1000000000);

	if (janitor.first && (!janitor.is_there || stuck))
		janitor_start();
}

/* ---- for the others ---------------------------------------------------------------------- */

void hop_janitor_expect(void)
{
	(void)pthread_once(&prepared, prepare);
	pthread_mutex_lock(&janitor.lock);
	janitor.expected++;
	pthread_mutex_unlock(&janitor.lock);
}

void hop_janitor_forget(void)
{
	pthread_mutex_lock(&janitor.lock);
	janitor.expected--;
	(void)pthread_cond_broadcast(&janitor.done);
	pthread_mutex_unlock(&janitor.lock);
}

void hop_janitor_take(struct hop_burial *burial)
{
	pthread_mutex_lock(&janitor.lock);
	burial->next = NULL;
	*janitor.last = burial;
	janitor.last = &burial->next;
	watch();
	(void)pthread_cond_signal(&janitor.work);
	pthread_mutex_unlock(&janitor.lock);
}

void hop_janitor_watch(void)
{
	pthread_mutex_lock(&janitor.lock);
	watch();
	pthread_mutex_unlock(&janitor.lock);
}

void hop_janitor_tell(bool *gone)
{
	pthread_mutex_lock(&janitor.lock);
	*gone = true;
	(void)pthread_cond_broadcast(&janitor.done);
	pthread_mutex_unlock(&janitor.lock);
}

bool hop_janitor_wait(const bool *gone, int64_t timeout_ns)
{
	struct timespec end = in_ns(timeout_ns);
	int result = 0;
	bool is_gone;

	pthread_mutex_lock(&janitor.lock);
	while (!*gone && result != ETIMEDOUT)
		result = pthread_cond_timedwait(&janitor.done, &janitor.lock, &end);
	is_gone = *gone;
	pthread_mutex_unlock(&janitor.lock);
	return is_gone;
}

uint32_t hop_unburied(void)
{
	uint32_t expected;

	pthread_mutex_lock(&janitor.lock);
	expected = janitor.expected;
	pthread_mutex_unlock(&janitor.lock);
	return expected;
}

int hop_unburied_wait(int64_t timeout_ns)
{
	struct timespec end = in_ns(timeout_ns);
	int result = 0;

	(void)pthread_once(&prepared, prepare);
	pthread_mutex_lock(&janitor.lock);
	while (janitor.expected && result != ETIMEDOUT)
		result = pthread_cond_timedwait(&janitor.done, &janitor.lock, &end);
	result = janitor.expected ? -ETIMEDOUT : 0;
	pthread_mutex_unlock(&janitor.lock);
	return result;
}
