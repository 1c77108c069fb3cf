/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds which knob until when: claims, each of several knobs, and knobs, each held by several.
 * For knob.c; what is on a thread of an instance is knob_call.h's. */
#ifndef SONDE_KNOB_CLAIM_H
#define SONDE_KNOB_CLAIM_H

#include "knob.h"
#include "knob_call.h"

enum { KNOB_NAME_BYTES = 128 };

struct knobs {
	struct graph *graph;
	struct loop *loop;
	struct knob_hold *holds;
	struct knob_claim *claims; /* newest first */
	struct loop_timer timer;   /* of the claim that ends first */
};

/* A knob that somebody holds. */
struct knob_hold {
	struct knobs *knobs;
	struct knob_hold *next;
	char *name;                        /* of the instance; owned */
	const struct sonde_option *option; /* the plugin's */
	struct knob_before *before;        /* what it falls back to, one a replica; owned */
	uint32_t count;                    /* of replicas */
	struct knob_item *items;           /* who holds it, the newest first; not owned */
	char *applied;                     /* what it was set to last, as it was asked for */
	char shown[CHRONICLE_TEXT_BYTES];  /* the same, as it is printed */
};

/* One knob of a claim. */
struct knob_item {
	struct knob_claim *claim;
	struct knob_hold *hold; /* NULL: it is not set, or not held any more */
	struct knob_item *older;
	char *path, *value; /* owned */
};

/* Knobs that somebody holds together. */
struct knob_claim {
	struct knob_claim *next;
	const struct sonde_instance *owner; /* NULL: the user */
	char *actor, *name, *reason;        /* owned */
	int64_t end_ns;                     /* monotonic */
	uint32_t count;
	struct knob_item items[KNOB_WISH_KNOBS];
};

/* ---- claims ------------------------------------------------------------------------------ */

/* Among the knobs' at once; none of its knobs is set. NULL: no memory, or more knobs than a wish
 * may have. */
struct knob_claim *claim_create(struct knobs *knobs, const struct knob_wish *wish);
/* Its knobs stay as they are. */
void claim_release(struct knobs *knobs, struct knob_claim *claim);
struct knob_claim *claim_find(struct knobs *knobs, const struct sonde_instance *owner,
			      const char *name);
bool claim_is_for(const struct knob_claim *claim, const struct knob_wish *wish);
bool claim_holds(const struct knob_claim *claim, const struct knob_hold *hold);

void item_link(struct knob_item *item, struct knob_hold *hold);
void item_unlink(struct knob_item *item);

/* ---- knobs ------------------------------------------------------------------------------- */

/* Takes before, not the value. NULL: no memory, nothing is taken. */
struct knob_hold *hold_create(struct knobs *knobs, const struct graph_node *node,
			      const struct sonde_option *option, struct knob_before *before,
			      const char *value);
struct knob_hold *hold_find(const struct knobs *knobs, const char *instance, const char *knob);

/* Nobody holds it any more, and it is freed. */
void hold_drop(struct knob_hold *hold);

/* The user does not hold it any more. */
void hold_forget_user(struct knob_hold *hold);

/* Claims of plugins that hold it end as soon as can be. */
void hold_expire(struct knob_hold *hold);

/* Whether nobody else holds it. */
bool hold_is_last(const struct knob_item *item);

/* What it was set to; takes the value, NULL: as it was. */
void hold_note(struct knob_hold *hold, char *value, const char *shown);

/* What all who hold it want together, `newest` among them (NULL: nobody else), but for a claim
 * (NULL: for none). To be freed; NULL: no memory. */
char *hold_wanted(const struct knob_hold *hold, const struct knob_item *newest,
		  const struct knob_claim *except);

/* ---- names ------------------------------------------------------------------------------- */

/* The knob's name in "INSTANCE.KNOB", and that of the instance; NULL with a message: it is not so.
 */
const char *knob_split(const char *path, char name[KNOB_NAME_BYTES], char *error,
		       size_t error_size);

/* Why there is no such instance, and which may be meant. */
void knob_explain_instance(const struct config *config, const char *name, char *error,
			   size_t error_size);

#endif
