/* SPDX-License-Identifier: Apache-2.0 */
/* Relief when memory is short: idle blocks are freed, then the largest queue that may drops its
 * oldest rows, again and again, until there is room. */
#ifndef SONDE_RELIEF_H
#define SONDE_RELIEF_H

#include <stdbool.h>
#include <stddef.h>

/* Whoever holds rows or waits for room; part of that struct. */
struct relief {
	size_t (*bytes)(void *data); /* that shed() could let go of now */
	void (*shed)(void *data);    /* lets go of the oldest batch, and books it */
	void (*room)(void *data);    /* there may be room again for who asked for it */
	void *data;
	struct relief *next, **link; /* NULL: not added */
};

/* From now on it is called, from any thread, until the other has returned. */
void relief_add(struct relief *relief);
void relief_remove(struct relief *relief); /* one that was not added is fine */

/* Whether rows and promises are over the soft mark, idle blocks not counted. Cheap while not. */
bool relief_is_due(void);

/* Lets go of rows until it is not due any more. Whether it still is: nobody can let go of more.
 * Not from within shed(), nor with a lock that it takes. */
bool relief_run(void);

/* As memory_on_short() wants it: room for so many bytes under the hard mark. */
void relief_make_room(size_t bytes);

/* A promise to an input that asks before it reads: -EAGAIN, -EMSGSIZE as memory_reserve(). Where
 * room is short it lets go of rows first. alone: nothing else of the input is on its way, so that
 * nothing would ever tell it of room: it is promised all the same. */
int relief_reserve(size_t bytes, bool alone);

/* Tells all who wait for room to ask again. */
void relief_tell_room(void);

#endif
