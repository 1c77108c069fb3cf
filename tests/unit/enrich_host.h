/* SPDX-License-Identifier: Apache-2.0 */
/* A process table, cgroups and clocks that a test of the processor enrich fills itself. */
#ifndef ENRICH_HOST_H
#define ENRICH_HOST_H

#include <sonde/processes.h>
#include <stdbool.h>
#include <sonde/test.h>

enum { FAKE_IMAGES = 512 };

/* What the table knows. Of references is counted how many are held. */
struct fake {
	struct sonde_process_image images[FAKE_IMAGES];
	uint32_t image_count, held, asked;
	bool ends_late; /* of an ended process its last image is known still, without a start time
			 * at the moment of its end only */
	int refused;    /* sonde_processes_take() fails so; 0: it does not */
	int64_t offset_ns;
	uint64_t boottime_ns;
	struct {
		uint64_t id;
		const char *path;
	} cgroups[8];
};

extern struct fake fake;

void fake_reset(void);

/* Adds what a process ran from one time to another. */
struct sonde_process_image *fake_image(uint32_t tgid, uint64_t start_ns, uint64_t since_ns,
				       uint64_t until_ns, const char *executable);

/* The plugin started with options that end with NULL. */
__attribute__((sentinel)) struct sonde_test *enrich_begin(const char *option, ...);

#endif
