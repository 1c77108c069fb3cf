/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs: options that change while running, by one path whoever asks, and fall back by themselves.
 *
 * Whoever sets a knob for a time holds it, and several may at once. The user's word goes before
 * that of plugins. Of plugins, the newest has it; a knob that is a list has what any of them asks
 * for, unless one asks for the empty list, which means all. When the last has let go of it, a knob
 * falls back to what it had before the first. */
#ifndef SONDE_KNOB_H
#define SONDE_KNOB_H

#include "graph.h"

struct knobs;

enum { KNOB_WISH_KNOBS = 16 }; /* in one wish */

/* Knobs that somebody wants to hold together. Texts are copied. */
struct knob_wish {
	const struct sonde_instance *owner; /* who; only compared. NULL: the user */
	const char *actor;                  /* the same, for the record */
	const char *name;                   /* which of the owner's wishes this is */
	const char *reason;                 /* for the record; NULL: none */
	int64_t for_ns;                     /* 0: it is given up */
	uint32_t count;
	const char *const *paths; /* "INSTANCE.KNOB"; set in this order, falling back in the other
				   */
	const char *const *values;
};

/* Who holds a knob. Texts are valid until the next call into the knobs. */
struct knob_holder {
	const char *actor, *name, *value, *reason;
	bool user;
	int64_t left_ns;
};

/* Lives on the main loop; all calls on its thread. NULL: no memory. */
struct knobs *knobs_create(struct graph *graph, struct loop *loop);
void knobs_release(struct knobs *knobs);

/* From now on those of another graph. What falls back later does so where the instance goes on;
 * what instances hold that are gone is let go of, and what is held of such, whole, so that its
 * owner may ask for it again. */
void knobs_follow(struct knobs *knobs, struct graph *graph);

/* Sets "INSTANCE.KNOB" on all replicas. for_ns > 0: the user holds it for that time; 0: it stays,
 * and nobody holds it any more. actor: who decided, for the record. -ENOENT: no such instance;
 * -EINVAL: refused; -ETIMEDOUT: its thread is held up; the message names the mend. */
int knob_set(struct knobs *knobs, const char *actor, const char *path, const char *value,
	     int64_t for_ns, char *error, size_t error_size);

/* The same for a value of the config: what plugins hold, they hold on, and falls back to this one.
 */
int knob_rebase(struct knobs *knobs, const char *actor, const char *path, const char *value,
		char *error, size_t error_size);

/* Sets all of it, or nothing. A wish of the same owner and name is replaced; if it is for the same
 * values, it is only prolonged: its time begins again. Returns as knob_set(). */
int knobs_hold(struct knobs *knobs, const struct knob_wish *wish, char *error, size_t error_size);

/* How long until the knob falls back, ns; 0: it does not. */
int64_t knob_left_ns(const struct knobs *knobs, const char *instance, const char *knob);

/* The holder at the index, the newest first. False: there are no more. */
bool knob_holder(const struct knobs *knobs, const char *instance, const char *knob, uint32_t index,
		 struct knob_holder *ret_holder);

/* A knob as it would be without one claim. */
struct knob_base {
	char value[64]; /* as it is set; cut off where it is longer */
	bool user;      /* the user holds it, whose word goes first */
};

/* Without the claim of that owner and name; where nobody holds the knob, its thread is asked.
 * -ENOENT; -ETIMEDOUT and others of knob_set(). */
int knob_base(struct knobs *knobs, const char *path, const struct sonde_instance *owner,
	      const char *name, struct knob_base *ret_base);

/* Whether a config has such a knob, of an instance that runs, and whether it can have the value
 * (NULL: it is not known yet). -ENOENT, -EINVAL with a message. */
int knob_check(const struct config *config, const char *path, const char *value, char *error,
	       size_t error_size);

#endif
