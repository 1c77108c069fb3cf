/* SPDX-License-Identifier: Apache-2.0 */
/* The command `top`: finds the library that draws it, and lends it the control socket. */
#ifndef SONDE_VIEW_H
#define SONDE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

/* Runs it to its end. Says on standard error what is missing, and returns an exit code; a negative
 * errno: no daemon answers, as control_ask(). */
int view_run(const char *socket, int64_t interval_ns, bool colour);

#endif
