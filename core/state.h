/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory: whose it is, and where things lie in it. */
#ifndef SONDE_STATE_H
#define SONDE_STATE_H

#include <stddef.h>

struct state;

/* Opens the directory, made if it is missing, and locks it. path NULL: $STATE_DIRECTORY, which a
 * service manager gives; else the user's default, /var/lib/sonde for root, $XDG_STATE_HOME/sonde or
 * ~/.local/state/sonde for others. On failure a negative errno and a message that names the mend;
 * -EBUSY: another daemon has it. */
int state_open(const char *path, struct state **ret_state, char *error, size_t error_size);
void state_close(struct state *state);

const char *state_path(const struct state *state);
const char *state_ledger_path(const struct state *state);

/* Where the control socket lies: `control` if it is set; else in the state directory where that was
 * named; else in $RUNTIME_DIRECTORY, which a service manager gives; else /run/sonde/control.sock
 * for root, and the default state directory for others. 0, or -ENAMETOOLONG beyond what an address
 * takes. */
int control_path(const char *control, const char *state, char *buffer, size_t size);

/* Makes a directory and those above it; mode of the last. 0 or a negative errno; there already: 0.
 */
int directory_make(const char *path, unsigned int mode);

#endif
