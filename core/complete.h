/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand next on a command line: the one answer that all shells complete by. */
#ifndef SONDE_COMPLETE_H
#define SONDE_COMPLETE_H

#include <stdio.h>
#include "plugin.h"

/* words: of the command line behind `sonde`, up to and with the one to complete, which may be
 * empty. Prints a line a candidate: the word, a tab, what it is. ":files" and ":directories" stand
 * for names of these, which a shell knows better. A daemon that is asked has two seconds, then the
 * process ends. */
void complete_print(char *const *words, int count, struct catalog *catalog, FILE *file);

#endif
