/* SPDX-License-Identifier: Apache-2.0 */
/* One change of a knob, carried to the threads of all replicas: made in all of them, or in none. */
#ifndef SONDE_KNOB_CALL_H
#define SONDE_KNOB_CALL_H

#include "chronicle.h"
#include "graph.h"

/* A replica's value at some time. */
struct knob_before {
	struct instance *instance;
	struct knob_value value;
};

/* The value of a knob before and after a change, as a config would have it. */
struct knob_texts {
	char before[CHRONICLE_TEXT_BYTES], after[CHRONICLE_TEXT_BYTES];
};

/* Who changes it, for the record. */
struct knob_author {
	const char *actor;
	const char *reason; /* NULL: none */
};

/* Sets all replicas. ret_before: what they had, one a replica. -EINVAL and what a plugin returned:
 * refused, with a message; -ETIMEDOUT, -EINPROGRESS: a thread is held up; -ENOMEM. */
int knob_apply(struct graph_node *node, const struct knob_author *author, const char *knob,
	       const char *value, struct knob_before *ret_before, struct knob_texts *ret_texts,
	       char *error, size_t error_size);

/* Puts values back. 0, or the last error: then some replica still has the newer value. ret_texts
 * may be NULL. */
int knob_restore(const char *knob, const struct knob_before *before, uint32_t count,
		 struct knob_texts *ret_texts);

/* What replicas have now, as bytes. An error as above; values are set as far as it came. */
int knob_read(struct graph_node *node, const char *knob, struct knob_before *ret_now);

/* For the record: that a knob was set. */
void knob_decide_set(const char *name, const struct knob_author *author, const char *knob,
		     const struct knob_texts *texts, int64_t for_ns);

#endif
