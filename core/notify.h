/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a service manager how the daemon does, by the datagrams of sd_notify(3).
 *
 * Without a NOTIFY_SOCKET in the environment nobody asked, and every function does nothing. On the
 * main thread only.
 *
 * The watchdog is fed at half of its time, by a timer of the main loop, as long as no loop is
 * stuck: one that has been in the same turn for half of that time, in a callback or in the core. So
 * the manager bites after the watchdog's time to one and a half of it, and never for the sake of a
 * loop that sleeps or of a log that nobody reads. */
#ifndef SONDE_NOTIFY_H
#define SONDE_NOTIFY_H

#include "loop.h"

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment, where no child will
 * find them. Before there are threads. What is wrong with them is logged. */
void notify_open(void);
void notify_close(void);

/* From now on feeds the watchdog, if there is one for this process. */
void notify_watch(struct loop *loop);

/* The loop that has been longest in the same turn, and for how long; 0: none is stuck. Told by the
 * watch, each second. */
void notify_stuck(const char *loop, int64_t for_ns);

/* It is at work, at first or again after notify_reloading(). */
void notify_ready(void);

/* It takes in a changed config; notify_ready() follows, however that ends. */
void notify_reloading(void);

/* It ends, which takes limit_ns at most: the manager waits for that and some seconds. */
void notify_stopping(int64_t limit_ns);

/* A line for people, which `systemctl status` shows until the next of these calls. */
__attribute__((format(printf, 1, 2))) void notify_status(const char *format, ...);

#endif
