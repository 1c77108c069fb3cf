/* SPDX-License-Identifier: Apache-2.0 */
/* A tap: rows that pass a place, as messages to a client of the control socket, until it has had
 * enough. It never makes anybody wait: what its client does not read in time is not looked at. */
#ifndef SONDE_TAP_H
#define SONDE_TAP_H

#include <stdint.h>

#include "listener.h"
#include "loop.h"
#include "tap_view.h"

struct tap;

/* Takes over the view. On `gone` the tap is to be released. It is told where to listen by
 * tap_listen(), and begins with tap_begin(). NULL: no memory, and nothing was taken over. */
struct tap *tap_create(const struct tap_request *request, struct tap_view *view, struct loop *loop,
		       void (*gone)(struct tap *tap, void *data), void *data);

/* On the loop's thread, or where that has ended. */
void tap_release(struct tap *tap);

/* Takes over the client's connection, which does not block. -EBUSY: there are as many listeners as
 * there may be, and nothing was taken over. Any thread, once. */
int tap_begin(struct tap *tap, int fd);

/* Its places from now on; none: where it listened is about to go. `replaced`: its client is told
 * that these are others. Any thread. */
void tap_listen(struct tap *tap, struct listening_place *const *places, uint32_t count);
void tap_replaced(struct tap *tap);

/* It ends: the client hears why, and the exit code. Any thread. */
void tap_end(struct tap *tap, uint16_t code, const char *why);

const char *tap_name(const struct tap *tap);
const char *tap_after(const struct tap *tap); /* NULL: behind the last processor */

#endif
