/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: a checked config at work until it is told to end. */
#ifndef SONDE_DAEMON_H
#define SONDE_DAEMON_H

#include "config.h"

/* Exit codes of the program, the same for every command; docs/cli.md lists them. */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILED = 1,      /* the machine refused something: memory, a file, a thread */
	EXIT_CODE_INPUT = 2,       /* usage, config or argument: mend it and try again */
	EXIT_CODE_UNREACHABLE = 3, /* no daemon answers on the control socket */
	EXIT_CODE_REFUSED = 4,     /* the daemon said no */
	EXIT_CODE_UNDRAINED = 5,   /* it ended, but not everything was handed over in time */
};

/* Runs until SIGINT, SIGTERM, or for_ns have passed (0: no limit). Reads the config again from
 * where it came when told to, with plugins of the catalog. Returns an exit code. */
int daemon_run(struct config *config, struct catalog *catalog, int64_t for_ns);

#endif
