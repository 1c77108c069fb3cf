/* SPDX-License-Identifier: Apache-2.0 */
/* What the host is: its name and id, its kernel and system, and whose cloud it runs in. */
#ifndef ENRICH_MACHINE_H
#define ENRICH_MACHINE_H

#include <stdbool.h>

enum cloud {
	CLOUD_AUTO, /* what DMI says */
	CLOUD_AWS,
	CLOUD_GCP,
	CLOUD_AZURE,
	CLOUD_NONE,
};

struct machine {
	char name[256], id[64];
	char arch[80];    /* as OpenTelemetry spells it */
	char kernel[128]; /* release */
	char os_name[128], os_version[128], os_description[256];
};

/* Reads it, below a root where files are concerned ("/"). What is not known is "". */
void machine_read(const char *root, struct machine *ret_machine);

/* Which cloud the firmware was made for; CLOUD_NONE: none that is known. */
enum cloud machine_cloud(const char *root);

#endif
