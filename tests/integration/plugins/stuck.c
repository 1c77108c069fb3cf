/* SPDX-License-Identifier: Apache-2.0 */
/* Output `stuck`: a library that does not return from the first delivery that it is given. */
#include <unistd.h>

#include <sonde/plugin.h>

static int stuck_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	while (pause()) { /* until a signal ends the process */
	}
	return 0;
}

static const struct sonde_plugin stuck_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "stuck",
	.summary = "never returns",
	.write = stuck_write,
};

SONDE_EXPORT(stuck_plugin)
