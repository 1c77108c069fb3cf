// SPDX-License-Identifier: Apache-2.0
/* Loads the input `scheduler` and switches it on and off. */
#include "hub_scheduler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../plugins/input/scheduler/probe.h"

static struct probe probe;

bool hub_scheduler_open(void)
{
	struct probe_shape shape = { .ring_bytes = 1u << 20,
				     .group_count = 512,
				     .pair_count = 4096 };
	char message[512];

	if (!scheduler_probe_open(&probe, &shape, message, sizeof(message)))
		return true;
	fprintf(stderr, "scheduler: %s\n", message);
	return false;
}

void hub_scheduler_close(void)
{
	scheduler_probe_close(&probe);
}

void hub_scheduler_set(bool on)
{
	struct probe_settings settings = { .mode = on ? SONDE_SCHEDULER_AGGREGATE : 0,
					   .time_one_in = 1,
					   .times = true,
					   .culprits = true };
	int error = scheduler_probe_apply(&probe, &settings);

	if (error) {
		fprintf(stderr, "scheduler: %s\n", strerror(-error));
		exit(1);
	}
}
