/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a config in the config language. */
#ifndef SONDE_SHOW_H
#define SONDE_SHOW_H

#include "config.h"

/* Whether a reload can change it in an instance that goes on. A secret is not handed about as text.
 */
bool option_is_tunable(const struct sonde_option *option);

/* The group of an instance or pipeline, effective, in one form for equal meanings: defaults are not
 * told apart and secrets are hashed under a key of this process. In the arena, or NULL. */
const char *instance_source(const struct instance_config *instance, struct arena *arena);
/* The same without what can change while the instance runs: knobs and the queue. */
const char *instance_fixed_source(const struct instance_config *instance, struct arena *arena);
const char *pipeline_source(const struct pipeline_config *pipeline, struct arena *arena);

#endif
