/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side of the plugin header: the table of services. */
#ifndef SONDE_HOST_H
#define SONDE_HOST_H

#include <sonde/plugin.h>

/* Constant, and the same for every instance. */
const struct sonde_host *host_services(void);

/* How services of the daemon as a whole reach it: knobs that a plugin sets, or holds. NULL:
 * refused.
 */
typedef int host_set_function(struct sonde_instance *from, const char *knob, const char *value,
			      int64_t for_ns);
typedef int host_hold_function(struct sonde_instance *from, const struct sonde_hold *hold);
void host_on_set(host_set_function *set, host_hold_function *hold);

#endif
