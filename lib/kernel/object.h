/* SPDX-License-Identifier: Apache-2.0 */
/* Inside lib/kernel: what a loaded object consists of. */
#ifndef SONDE_KERNEL_OBJECT_H
#define SONDE_KERNEL_OBJECT_H

#include <bpf/libbpf.h>
#include <sonde/kernel.h>

#define OBJECT_HOOKS    16 /* hooks of one object */
#define OBJECT_MEMORIES 16 /* mapped maps of one object */

struct object_hook {
	struct sonde_kernel_hook plan;
	struct bpf_program *program; /* of the chosen variant */
	struct bpf_link *link;       /* while attached alone; NULL while a member of a hub */
	int hub_place;               /* in the hub's chain, -1: none */
	bool attached;
};

struct object_memory {
	const struct bpf_map *map;
	void *base;
	size_t bytes;
};

struct rings;

struct sonde_kernel {
	struct bpf_object *object;
	const char *name; /* of the plan, the plan's owner keeps it */
	const char *variant;
	struct object_hook hooks[OBJECT_HOOKS];
	uint32_t hook_count;
	const char *cpu_map;
	struct object_memory memories[OBJECT_MEMORIES];
	uint32_t memory_count;
	struct rings *rings; /* NULL: none */
};

/* Makes the rings of a loaded object and puts them into its map. */
int rings_create(struct sonde_kernel *kernel, const char *map, uint64_t ring_bytes);
void rings_free(struct rings *rings);

/* The hub. A place is taken before the load (the program's constant depends on it) and given back
 * with hub_leave. hub_attach starts to run the program, hub_detach ends it. All lock by themselves.
 */
int hub_join(struct sonde_kernel *kernel, struct object_hook *hook);
void hub_leave(struct sonde_kernel *kernel, struct object_hook *hook);
int hub_attach(struct sonde_kernel *kernel, struct object_hook *hook);
void hub_detach(struct sonde_kernel *kernel, struct object_hook *hook);

#endif
