/* SPDX-License-Identifier: Apache-2.0 */
/* The programs, maps and links of the host, as the kernel's iterators tell of them. */
#ifndef BPF_INVENTORY_H
#define BPF_INVENTORY_H

#include <sonde/bpf/inventory.h>
#include <sonde/kernel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum inventory_kind { INVENTORY_PROGRAMS, INVENTORY_MAPS, INVENTORY_LINKS, INVENTORY_KINDS };

struct inventory {
	struct sonde_kernel *kernel;
	char *buffer;
};

/* Called with each record: a struct sonde_inventory_program, _map or _link. Nonzero ends it. */
typedef int inventory_callback(void *context, const void *record);

/* Loads the iterators; on failure `message` says what was refused. Close it in both cases. */
int inventory_open(struct inventory *inventory, char *message, size_t message_bytes);
void inventory_close(struct inventory *inventory);

/* Goes through all of a kind, in the order of their ids, at most `limit` of them; *ret_cut says
 * whether there are more. Returns 0, what the callback returned, or a negative errno. */
int inventory_read(struct inventory *inventory, enum inventory_kind kind, uint32_t limit,
		   inventory_callback *callback, void *context, bool *ret_cut);

#endif
