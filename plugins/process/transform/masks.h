/* SPDX-License-Identifier: Apache-2.0 */
/* What is hidden in texts: ready-made rules by name, and a pattern of one's own. */
#ifndef SONDE_MASKS_H
#define SONDE_MASKS_H

#include "expression.h"
#include "substitute.h"

/* Names of the ready-made ones, and what each hides; ends with zeros. */
struct preset {
	const char *name, *hides;
};
extern const struct preset presets[];

/* Rules, one after the other. Does not change, but for its scratch: one thread at a time. */
struct masks;

struct masks *masks_create(void);        /* NULL: no memory */
void masks_release(struct masks *masks); /* NULL is fine */

/* -ENOENT: there is no such preset; -EINVAL: there are too many. -ENOMEM. */
int masks_add_preset(struct masks *masks, const char *name);

/* One of its own; with: what takes the place of matches. -EINVAL: the error says why, and whether
 * it is the template that is wrong. -ENOMEM. */
int masks_add(struct masks *masks, const char *pattern, const char *with, bool *ret_template,
	      char *error, size_t error_size);

enum { MASKED_WHOLE = -1 };

/* How many places were hidden: 0: none; the text stands in `written` else. MASKED_WHOLE: it took
 * too long to tell, and nothing of it is left. -ENOMEM. */
int64_t masks_run(struct masks *masks, struct sonde_text text, struct written *written);

#endif
