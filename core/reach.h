/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the columns that conditions name can be there: where it is known which tables reach them.
 */
#ifndef SONDE_REACH_H
#define SONDE_REACH_H

#include "config.h"

/* Looks at the conditions of routes and of the plugin `filter`, behind inputs that declare their
 * tables and nothing but filters. A column that none of these tables has, or that is of a type that
 * does not fit in all of them, is an error; the config has none so far. */
void reach_check(const struct config *config, struct problems *problems);

#endif
