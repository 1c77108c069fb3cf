// SPDX-License-Identifier: Apache-2.0
/* Reads the BPF programs of the host through iterators, as the input `bpf` does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sonde/kernel.h>

#include "inventory.h"
#include "links.h"
#include "names.h"
#include "programs.h"
#include "reading.h"

struct reading {
	struct inventory inventory;
	struct programs tracked;
	struct links links;
	bool statistics; /* they are on, as we asked for them */
	uint64_t page_bytes;
	struct census *into; /* while it is taken */
};

int reading_begin(struct reading **ret_reading, char *message, size_t message_bytes)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int result;

	snprintf(message, message_bytes, "no memory");
	if (!reading)
		return -ENOMEM;
	reading->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	result = sonde_kernel_statistics_take();
	reading->statistics = !result;
	if (result)
		snprintf(message, message_bytes,
			 "the kernel shows its programs to root only (CAP_SYS_ADMIN, CAP_BPF, "
			 "CAP_PERFMON): use sudo, or give the daemon an input `bpf`");
	else
		result = inventory_open(&reading->inventory, message, message_bytes);
	if (result) {
		reading_end(reading);
		return result;
	}
	*ret_reading = reading;
	return 0;
}

void reading_end(struct reading *reading)
{
	if (!reading)
		return;
	if (reading->statistics)
		sonde_kernel_statistics_release();
	inventory_close(&reading->inventory);
	programs_free(&reading->tracked);
	links_free(&reading->links);
	free(reading);
}

static int link_take(void *context, const void *record)
{
	struct reading *reading = context;

	return links_take(&reading->links, record);
}

static int program_take(void *context, const void *record)
{
	const struct sonde_inventory_program *program = record;
	const struct sonde_inventory_link *link;
	struct reading *reading = context;
	struct census_program *entry;
	struct program_delta delta;
	char text[NAMES_BYTES];
	int taken = programs_take(&reading->tracked, program, &delta);

	if (taken <= 0)
		return taken;
	entry = census_add(reading->into);
	if (!entry)
		return -ENOMEM;
	links_of(&reading->links, program->id, &link);
	entry->id = program->id;
	snprintf(entry->name, sizeof(entry->name), "%s", names_program(program));
	snprintf(entry->type, sizeof(entry->type), "%s", names_program_type(program->type, text));
	snprintf(entry->target, sizeof(entry->target), "%s", names_target(program, link, text));
	entry->bytes = program->pages * reading->page_bytes;
	entry->known = delta.is_known;
	entry->seconds = (double)delta.span_ns / 1e9;
	entry->runs = (double)delta.runs;
	entry->run_s = (double)delta.run_ns / 1e9;
	entry->misses = (double)delta.misses;
	return 0;
}

int reading_take(struct reading *reading, struct census *census)
{
	struct census taken = { 0 };
	struct timespec wall;
	bool cut;
	int result;

	clock_gettime(CLOCK_REALTIME, &wall);
	reading->into = &taken;
	reading->links.count = 0;
	result = inventory_read(&reading->inventory, INVENTORY_LINKS, CENSUS_LIMIT, link_take,
				reading, &cut);
	links_sort(&reading->links);
	programs_begin(&reading->tracked, sonde_kernel_boottime_ns(),
		       wall.tv_sec * INT64_C(1000000000) + wall.tv_nsec);
	if (!result)
		result = inventory_read(&reading->inventory, INVENTORY_PROGRAMS, CENSUS_LIMIT,
					program_take, reading, &cut);
	if (result) {
		census_release(&taken);
		return result;
	}
	programs_end(&reading->tracked);
	census_release(census);
	*census = taken;
	return 0;
}
