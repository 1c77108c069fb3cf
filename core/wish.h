/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins want of knobs, on its way from their threads to the main loop. */
#ifndef SONDE_WISH_H
#define SONDE_WISH_H

#include "knob.h"

/* From now on wishes reach the knobs, on the loop's thread. */
void wishes_open(struct knobs *knobs, struct loop *loop);
/* On the loop's thread: those under way are forgotten, and no more are taken. */
void wishes_close(void);

#endif
