/* SPDX-License-Identifier: Apache-2.0 */
/* Where programs are attached, as their links say. */
#ifndef BPF_LINKS_H
#define BPF_LINKS_H

#include <sonde/bpf/inventory.h>
#include <stdint.h>

struct links {
	struct sonde_inventory_link *items;
	uint32_t count, capacity;
};

/* Takes a link in; 0 or -ENOMEM. After the last, links_sort. */
int links_take(struct links *links, const struct sonde_inventory_link *link);
void links_sort(struct links *links);

/* How many links a program has; *ret_first is that with the lowest id, NULL: none. */
uint32_t links_of(const struct links *links, uint32_t program_id,
		  const struct sonde_inventory_link **ret_first);

void links_free(struct links *links);

#endif
