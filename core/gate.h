/* SPDX-License-Identifier: Apache-2.0 */
/* The condition of a route: which rows of what a pipeline sends go over it. */
#ifndef SONDE_GATE_H
#define SONDE_GATE_H

#include "route.h"

/* Of one sender, on its loop. */
struct gate;

/* Says what is wrong with a condition, with its place in it, into `error`. -EINVAL, -ENOMEM. */
int gate_check(const char *where, char *error, size_t error_size);

/* The names of the sender and of the receiver, for the log, are the config's. -ENOMEM, -EINVAL. */
int gate_create(const char *where, const char *from, const char *to, struct gate **ret_gate);
void gate_release(struct gate *gate); /* NULL is fine */

/* Pushes into the route what goes over it of a finished batch, which is lent: the batch itself if
 * all of its rows do. Those that do not are booked there as filtered; all are, as lost, where
 * memory is refused. Whether anything was pushed. */
bool gate_push(struct gate *gate, struct route *route, struct sonde_batch *batch);

#endif
