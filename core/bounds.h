/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds of the daemon as a whole: memory and file descriptors, set, watched and said. */
#ifndef SONDE_BOUNDS_H
#define SONDE_BOUNDS_H

#include "config.h"

/* Adds what is wrong with the bounds of a config to the problems. */
void bounds_check(const struct config *config, struct problems *problems);

/* Sets the bounds, anew if they were set before; a negative errno, which the log has explained. */
int bounds_set(const struct config *config);

/* Once a second on the main thread: measures, tells who waits for room, and logs what changed. */
void bounds_watch(void);

#endif
