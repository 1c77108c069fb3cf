/* SPDX-License-Identifier: Apache-2.0 */
/* A config checked whole: by its own rules, and by the plugins that it names. */
#ifndef SONDE_CHECK_H
#define SONDE_CHECK_H

#include <stdio.h>

#include "config.h"

/* Loads and checks a config; every problem is printed, and without `quiet` also that there is none.
 * NULL: it has errors, or cannot be read. Touches nothing. */
struct config *config_open(const char *path, struct catalog *catalog, FILE *messages, bool colour,
			   bool quiet);

/* The same quietly, without asking inputs and outputs what they would find on this machine. */
struct config *config_open_middle(const char *path, struct catalog *catalog, FILE *messages,
				  bool colour);

#endif
