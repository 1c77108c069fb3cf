/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that buries what nng has made: the only one that waits for nng. It is there while
 * there is something to bury, and when it is stuck another takes its place. */
#ifndef SONDE_HOP_JANITOR_H
#define SONDE_HOP_JANITOR_H

#include <stdbool.h>
#include <stdint.h>

/* The first member of what can be buried. */
struct hop_burial {
	struct hop_burial *next;
	void (*announce)(
		struct hop_burial *burial);      /* before anything is waited for; NULL is fine */
	void (*bury)(struct hop_burial *burial); /* may wait for nng; frees it */
};

/* One more that will be buried, and one that will not be after all. Any thread. */
void hop_janitor_expect(void);
void hop_janitor_forget(void);

/* Hands it over. Any thread, with any lock; once. */
void hop_janitor_take(struct hop_burial *burial);

/* Looks whether the thread is stuck, or could not be started. */
void hop_janitor_watch(void);

/* Within bury(): what it points at becomes true, and those who wait for it learn of it. */
void hop_janitor_tell(bool *gone);

/* Waits for that, so long at most. Whether it is true. */
bool hop_janitor_wait(const bool *gone, int64_t timeout_ns);

#endif
