/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload cannot change. */
#ifndef SONDE_RESTART_H
#define SONDE_RESTART_H

#include <stdio.h>

#include "config.h"

/* Names, a line each, the settings that differ and take effect with a restart only. */
void restart_say(const struct daemon_config *config, const struct daemon_config *former,
		 FILE *reply);

#endif
